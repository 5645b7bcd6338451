"""What the one-file build and the image leave out (scripts/releasing/pruned.toml) is imported by nothing that arpcheck uses."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from apiserver import ApiServer
from cluster.cluster_world import CLUSTER
from wheel_environment import CHECKOUT, environment

import arpcheck

PACKAGE = Path(arpcheck.__file__).parent
PRUNED = CHECKOUT / "scripts" / "releasing" / "pruned.toml"
BY_ITSELF = """
import os, sys
failed = 0
for line in sys.argv[1:]:
    if not (child := os.fork()):  # which has imported nothing yet, as a new interpreter
        exec(line, {})
        sys.exit()
    failed += os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


@pytest.fixture(scope="module")
def packages(programs, tmp_path_factory):
    """The folder of packages of a copy of the environment with the wheel, pruned."""
    copy = tmp_path_factory.mktemp("pruned") / "venv"
    shutil.copytree(programs.parent, copy, symlinks=True, copy_function=os.link)
    [folder] = copy.glob("lib/python3*/site-packages")
    subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "releasing" / "packages_tree.py"), "prune", str(folder)], check=True
    )
    return folder


@pytest.fixture(scope="module")
def run(packages, tmp_path_factory):
    python = packages.parents[2] / "bin" / "python"

    def started(*words):
        place = tmp_path_factory.mktemp("run")
        return subprocess.run(
            [str(python), "-I", *words], capture_output=True, text=True, cwd=place, env=environment(), check=False
        )

    return started


@cache
def imports():
    """Every import of a module that is not arpcheck's, as a statement. Left out: those for type checkers, of a newer Python, and
    of SOCKS, which nothing that is declared brings."""
    found = {ast.unparse(one) for path in PACKAGE.rglob("*.py") for one in imports_in(ast.parse(path.read_bytes()))}
    return sorted(
        line
        for line in found
        if not re.match(r"(from|import) (arpcheck|compression|__future__|urllib3.contrib.socks)\b", line)
    )


def imports_in(node):
    for below in ast.iter_child_nodes(node):
        if isinstance(below, ast.Import) or (isinstance(below, ast.ImportFrom) and not below.level):
            yield below
        elif not isinstance(below, ast.expr) and not is_for_types(below):
            yield from imports_in(below)


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_something_is_left_out(packages):
    rules = tomllib.loads(PRUNED.read_text(encoding="utf-8"))
    assert not (packages / "kubernetes" / "aio").exists()
    assert not (packages / "aiohttp").exists()
    assert not (packages / "yarl").exists(), "only aiohttp needs it"
    assert [name for name in rules["only"]["scapy/layers"] if not (packages / "scapy" / "layers" / name).exists()] == []
    assert (packages / "kubernetes" / "config").exists()


def test_each_import_of_a_pruned_package_works_by_itself(run):
    lines = [line for line in imports() if "kubernetes" in line or "scapy" in line or "typer" in line]
    assert len(lines) > 10
    done = run("-c", BY_ITSELF, *lines)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_imports_work(run):
    lines = imports()
    assert len(lines) > 100
    done = run("-c", "\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_api_is_read(run, tmp_path):
    with ApiServer(CLUSTER) as server:
        done = run("-m", "arpcheck", "snapshot", "--kubeconfig", server.kubeconfig(tmp_path / "kubeconfig"))
    assert done.returncode == 0, done.stderr
    assert {"worker-1", "worker-2"} <= {item["metadata"]["name"] for item in json.loads(done.stdout)["items"]}


def test_frames_are_built_written_and_named(run):
    """By scapy: what the probe imports when it has its sockets."""
    text = """
from datetime import UTC, datetime
from io import BytesIO
from arpcheck.model import Mac
from arpcheck.wire import neighbour_discovery, packets
from arpcheck.wire.scapy_library import Recorder, manufacturers
file = BytesIO()
Recorder(file)(datetime.now(UTC), bytes(60))
print(len(file.getvalue()), *manufacturers([Mac("00:50:56:00:00:01")]).values())
"""
    assert run("-c", text).stdout == "100 VMware, Inc.\n"
