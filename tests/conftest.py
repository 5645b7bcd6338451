"""What several areas share: a saved report, that a test keeps its privileges, and what is left out without a lab.

What needs the lab is skipped aloud where this machine does not allow one, with the cure. With ARPCHECK_LAB=required, as in
CI, that is a failure instead."""

import gc
import json
import os
import subprocess
from datetime import UTC, datetime
from functools import cache
from itertools import islice

import pytest
from hypothesis import settings

from arpcheck.errors import LabError
from arpcheck.lab import network

gc.disable()  # until all is collected: the collector would look through twelve thousand tests that stay, which doubles the time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

settings.register_profile("patient", deadline=None)  # no test is about seconds, and other processes run beside it
settings.load_profile("patient")


@cache
def obstacle():
    try:
        network.require()
    except LabError as error:
        return str(error)
    return None


@cache
def without_user_namespace():
    """What the kernel says where nobody may make one, as in a chroot or with user.max_user_namespaces=0; None where one may."""
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip() or f"status {tried.returncode}"


@pytest.fixture
def user_namespace():
    """Of what makes a user namespace. Not every system that runs the lab as root allows one, CI included: that skips the test."""
    if why := without_user_namespace():
        pytest.skip(f"this system allows no user namespace ({why})")


def pytest_collection_modifyitems(items):
    """Side by side, each worker begins with its share of what mostly waits, and the others compute meanwhile; else these would be
    left at the end, with nothing to do beside them. First come the modules that are marked `lab(long=True)`: some of their tests
    last for half a minute. Workers get equal runs of the list (--dist worksteal)."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    marks = [(item, item.get_closest_marker("lab")) for item in items]
    long = [item for item, mark in marks if mark and mark.kwargs.get("long")]
    waiting = [
        item for item, mark in marks if (mark or "wheel" in item.path.parts) and not (mark and mark.kwargs.get("long"))
    ]
    begins = [[*dealt(long, part, workers), *share(waiting, part, workers)] for part in range(workers)]
    chosen = {item for begin in begins for item in begin}
    computing = iter([item for item in items if item not in chosen])
    sizes = [len(share(items, part, workers)) for part in range(workers)]
    runs = [begin + list(islice(computing, max(size - len(begin), 0))) for begin, size in zip(begins, sizes, strict=True)]
    items[:] = [*(item for run in runs for item in run), *computing]


def dealt(found, part, parts):
    """Every so many of the modules, whole, as what they share is made once."""
    modules = list(dict.fromkeys(item.path for item in found))
    return [item for item in found if modules.index(item.path) % parts == part]


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def share(found, part, parts):
    return found[len(found) * part // parts : len(found) * (part + 1) // parts]


def pytest_runtest_setup(item):
    if item.get_closest_marker("lab") and (why := obstacle()):
        if os.environ.get("ARPCHECK_LAB") == "required":
            pytest.fail(f"the lab is required here: {why}", pytrace=False)
        pytest.skip(why)


@pytest.fixture(scope="session", autouse=True)
def privileges_are_kept():
    """A command that is called in the process of the tests would give up the rights of all tests after it. What is about
    that starts processes, which this does not reach."""
    from arpcheck.wire import privilege

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(privilege, "drop", lambda: None)
        yield


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """The path of a report as `probe -o json` writes it: no node with strict ARP, exit code 1."""
    from simulated.wire import SimulatedWire, scene_host

    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.lab import cluster_objects, scene_file
    from arpcheck.reports import render

    scene = scene_file.load("all-non-strict")
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )
    path = tmp_path_factory.mktemp("saved") / "report.json"
    path.write_text(render(pipeline.conclude(evidence), "json"))
    json.loads(path.read_text())
    return str(path)
