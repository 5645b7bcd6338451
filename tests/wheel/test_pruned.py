"""What the one-file build and the image leave out (scripts/releasing/pruned.toml) is imported by nothing that arpcheck uses."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from apiserver import ApiServer
from cluster.cluster_world import CLUSTER
from wheel_environment import CHECKOUT, build, environment, install

import arpcheck

PACKAGE = Path(arpcheck.__file__).parent
PRUNED = CHECKOUT / "scripts" / "releasing" / "pruned.toml"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folder of packages of an environment with the wheel, pruned."""
    programs = install(build(tmp_path_factory.mktemp("wheel")), tmp_path_factory.mktemp("pruned") / "venv")
    [folder] = programs.parent.glob("lib/python3*/site-packages")
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


def imports():
    """Every import of a module that is not arpcheck's, as a statement. Left out: those for type checkers, of a newer Python, and
    of SOCKS, which nothing that is declared brings."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = {id(one) for node in ast.walk(tree) if is_for_types(node) for one in ast.walk(node)}
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
                found.add(ast.unparse(node))
    return sorted(
        line
        for line in found
        if not re.match(r"(from|import) (arpcheck|compression|__future__|urllib3.contrib.socks)\b", line)
    )


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_something_is_left_out(packages):
    rules = tomllib.loads(PRUNED.read_text(encoding="utf-8"))
    assert not (packages / "kubernetes" / "aio").exists()
    assert not (packages / "aiohttp").exists()
    assert not (packages / "yarl").exists(), "only aiohttp needs it"
    assert [name for name in rules["only"]["scapy/layers"] if not (packages / "scapy" / "layers" / name).exists()] == []
    assert (packages / "kubernetes" / "config").exists()


@pytest.mark.parametrize("line", [line for line in imports() if "kubernetes" in line or "scapy" in line or "typer" in line])
def test_an_import_of_a_pruned_package_works_by_itself(run, line):
    done = run("-c", line)
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
