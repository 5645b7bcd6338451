"""A load balancer, a MAC source or a report format is one new file and its name in one tuple: the examples of CONTRIBUTING,
put into a copy of the package, are seen through to the report, the tables, the ClusterRole and the command line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import CONTRIBUTING

import arpcheck

PACKAGE = Path(arpcheck.__file__).parent
TESTS = Path(__file__).parent
FILES = dict(re.findall(r"```python\n# arpcheck/(\S+)\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL))

SCENE = """
title = "A plug-in"
about = "Worker-1 answers on its second NIC alone, which only the new source can name."

[nodes.worker-1]
nics = { eth0 = { addresses = "10.0.0.11" }, eth1 = {} }
sysctl = { arp_ignore = 1 }
[nodes.worker-2]

[cluster]
objects."hosts.example.com" = [
  { apiVersion = "example.com/v1", kind = "Host", metadata.name = "worker-1", status.nics.eth1 = "02:01:00:00:01:01" },
]

[[services]]
name = "web/nginx"
ips = "10.0.0.50"
class = "example.com/lb"
annotations = { "example.com/node" = "worker-2" }

[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
nics = "eth1"
"""

PROGRAM = """
import json, sys
from datetime import UTC, datetime
from arpcheck import loadbalancers, pipeline
from arpcheck import mac_owners as identities
from arpcheck.commands import pod as manifests
from arpcheck.lab import cluster_objects, scene_file
from simulated.probe_options import options
from simulated.wire import SimulatedWire, scene_host
from arpcheck.reports import render

now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
scene = scene_file.load(sys.argv[1])
evidence = pipeline.observe(
    options(scene), objects=cluster_objects.objects(scene, now, pipeline.NEEDS), host=scene_host(scene),
    wire=SimulatedWire(scene), clock=lambda: now,
)
print(json.dumps({
    "report": json.loads(render(pipeline.conclude(evidence), "json")),
    "load_balancers": [row[0] for row in loadbalancers.table()],
    "sources": [row.name for row in identities.table()],
    "rights": manifests.cluster_roles(pipeline.NEEDS),
}))
"""


def outcome(root):
    """What the copy of the package in `root` makes of the scene."""
    (root / "scene.toml").write_text(SCENE)
    (root / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", "scene.toml"], cwd=root, env={**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(TESTS)))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judged(found):
    [target] = [target for target in found["report"]["targets"] if target["services"]]
    return target["implementation"], target["verdict"], [responder["node"] for responder in target["responders"]]


def name_it(package, tuple_name, name="example, "):
    """The one line: the plug-in's name goes into the tuple, and with it into the import above. A format is named by text
    alone."""
    path = package / "__init__.py"
    text = path.read_text()
    imported = (rf"(?m)^(from arpcheck\.{package.name} import (?:\(\n\s*)?)",) if '"' not in name else ()
    for found in (rf"(?m)^({tuple_name}(?:: .*?)? = \()", *imported):
        text, count = re.subn(found, rf"\1{name}", text)
        assert count == 1, found
    path.write_text(text)


@pytest.fixture
def root(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "arpcheck", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_page_shows_one_of_each():
    assert sorted(FILES) == ["loadbalancers/example.py", "mac_owners/example.py", "reports/example.py"]


def test_they_pass_the_checks_as_they_stand(root):
    for name, text in FILES.items():
        (root / "arpcheck" / name).write_text(text)
    places = [f"arpcheck/{name}" for name in FILES]
    shutil.copy(CONTRIBUTING.parent.parent / "pyproject.toml", root)
    for tool in (["ruff", "check", "--no-cache"], ["mypy", "--no-incremental", "--follow-imports=silent"]):
        done = subprocess.run([sys.executable, "-m", *tool, *places], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_report_format_before_and_after(root, saved):
    def shown():
        return subprocess.run(
            [sys.executable, "-m", "arpcheck", "report", saved, "-o", "example"], cwd=root, check=False, text=True,
            env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True,
        )  # fmt: skip

    before = shown()
    assert (before.returncode, before.stdout) == (2, "")
    (root / "arpcheck" / "reports" / "example.py").write_text(FILES["reports/example.py"])
    name_it(root / "arpcheck" / "reports", "FORMATS", '"example", ')
    after = shown()
    assert (after.returncode, after.stderr) == (1, "")
    assert "\n10.0.0.50 non-strict: " in after.stdout


def test_before_and_after(root):
    before = outcome(root)
    assert judged(before) == (None, "not-probed", [None]), "a class that nobody here serves"
    assert "example" not in (*before["load_balancers"], *before["sources"])
    for area, tuple_name in (("loadbalancers", "IMPLEMENTATIONS"), ("mac_owners", "SOURCES")):
        (root / "arpcheck" / area / "example.py").write_text(FILES[f"{area}/example.py"])
        name_it(root / "arpcheck" / area, tuple_name)
    after = outcome(root)
    assert judged(after) == ("example", "wrong-node", ["worker-1"])
    [node] = [node for node in after["report"]["nodes"] if node["name"] == "worker-1"]
    assert {"mac": "02:01:00:00:01:01", "interface": "eth1", "source": "example"} in node["macs"]
    assert ("example" in after["load_balancers"], "example" in after["sources"]) == (True, True)
    assert "resources: [hosts]" in after["rights"]


def passed(root, *arguments):
    """The package's own tests against the copy in `root`: what pytest says where all pass."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(TESTS.parent / "pyproject.toml"), *arguments], cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_new_load_balancer_passes_the_tests_of_all(root):
    (root / "arpcheck" / "loadbalancers" / "example.py").write_text(FILES["loadbalancers/example.py"])
    name_it(root / "arpcheck" / "loadbalancers", "IMPLEMENTATIONS")
    files = [str(TESTS / "loadbalancers" / f"test_loadbalancers_{name}.py") for name in ("contract", "reasons")]
    assert "[example]" in passed(root, *files, "-v", "-o", "addopts=-p no:cacheprovider")


def test_a_new_format_passes_the_tests_of_all_but_for_its_expected_files(root):
    """Those are made by scripts/golden."""
    (root / "arpcheck" / "reports" / "example.py").write_text(FILES["reports/example.py"])
    name_it(root / "arpcheck" / "reports", "FORMATS", '"example", ')
    formats = str(TESTS / "reports" / "test_report_formats.py")
    assert "[example]" in passed(root, formats, "-v", "-o", "addopts=-p no:cacheprovider", "-k", "not the_full_text")
