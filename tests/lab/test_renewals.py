"""Leases that are renewed while a scene runs: by their holder alone, and never handed on."""

from datetime import UTC, datetime
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from arpcheck.lab import cluster_objects, scene_file
from arpcheck.lab.api_objects import Store
from arpcheck.lab.fixture import Renewals

LEASES = "leases.coordination.k8s.io"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SCENE = scene_file.parse(
    """
    title = "A test"
    about = "Made by a test."
    [cluster]
    leases = [
      { name = "kube-system/renewed", holder = "worker-1", renews = "10ms" },
      { name = "kube-system/left", holder = "worker-2" },
    ]
    """,
    "test",
)


class Watched(Store):
    """Tells of what is put into it."""

    def __init__(self, objects, failure=None):
        super().__init__(objects)
        self.written, self.failure = Event(), failure

    def put(self, obj):
        self.written.set()
        if self.failure:
            raise self.failure
        return super().put(obj)


def store(**how):
    return Watched(cluster_objects.resources(SCENE, NOW)[LEASES], **how)


def spec(found, name):
    return found.find(LEASES, "kube-system", name)["spec"]


def test_who_holds_a_lease_renews_it_and_nothing_else_of_it_changes():
    found = store()
    first, left = spec(found, "renewed"), spec(found, "left")
    with Renewals(SCENE, found):
        assert found.written.wait(60)
    last = spec(found, "renewed")
    assert last.pop("renewTime") > first["renewTime"]
    assert last == {key: value for key, value in first.items() if key != "renewTime"}
    assert spec(found, "left") == left


def test_a_scene_in_which_nobody_renews_has_no_thread():
    with Renewals(scene_file.parse('title = "x"\nabout = "x"', "x"), store()):
        assert "renewals" not in {thread.name for thread in enumerate_threads()}


def test_what_went_wrong_is_raised_when_it_ends():
    found = store(failure=OSError("no space"))
    with pytest.raises(OSError, match="no space"), Renewals(SCENE, found):
        assert found.written.wait(60)
