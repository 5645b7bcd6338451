"""Clusters of public threads in which nobody replied, and others that look like them.

The first reason is the root cause as the thread says it, or as the source explains it where the thread ends without one.
A file is named by its thread, or `unlike-…` by the one that it resembles: there the same objects have another cause, or the
address is announced. What the objects look like is read from the controllers' source, never from what arpcheck reads."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from test_scenes_pure import report

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences
from arpcheck.model import ReasonId

SILENCES = sorted((Path(__file__).parent / "silences").glob("*.toml"))
MUTE = ReasonId.ANNOUNCER_MUTE
"""True of every announcer that does not reply, whatever the cause."""
NAMED = 31
"""So many threads have their root cause as the first reason. Of the others some expect no cause, and some have `unexplained`:
they need a reason of the wire, or objects that are not read."""


@cache
def reported(path):
    """The scene, and what is reported of it, for all tests of it."""
    scene = scene_file.load(str(path))
    with TemporaryDirectory() as folder:
        return scene, report(scene, Path(folder))


@pytest.mark.parametrize("path", SILENCES, ids=lambda path: path.stem)
def test_scene_comes_out_as_it_says(path):
    found = differences(*reported(path))
    assert [line for line in found if not line.startswith("first reason")] == []


@pytest.mark.parametrize("path", SILENCES, ids=lambda path: path.stem)
def test_scene_says_the_reason_of_each_address(path):
    expected = scene_file.load(str(path)).expect
    assert expected is not None
    assert set(expected.reasons) == set(expected.verdicts)


def test_threads_and_look_alikes_are_many():
    threads = [path for path in SILENCES if not path.stem.startswith("unlike-")]
    assert len(threads) >= 25
    assert len(SILENCES) - len(threads) >= 25


def first_reasons(path):
    """Of each address, or Service without one, the expected first reason and the one that is reported."""
    scene, document = reported(path)
    found = {t["ip"] or ", ".join(t["services"]): t["reasons"] for t in document["targets"]}
    given = {ip: ReasonId(reasons[0]["id"]) if (reasons := found[ip]) else None for ip in scene.expect.reasons}
    return {ip: (wanted, given[ip]) for ip, wanted in scene.expect.reasons.items()}


@pytest.mark.parametrize("path", SILENCES, ids=lambda path: path.stem)
def test_first_reason_is_the_root_cause_or_an_honest_doubt(path):
    """A wrong reason costs more than none: `unexplained`, or no reason at all, is the only other thing that may be said."""
    for wanted, given in first_reasons(path).values():
        assert given in (wanted, ReasonId.UNEXPLAINED if wanted else None, MUTE if wanted else None, None)


def test_root_cause_of_most_threads_is_named():
    """A thread that expects no cause, or that nothing explains it, does not count."""
    right = []
    for path in SILENCES:
        pairs = first_reasons(path).values()
        causes = {wanted for wanted, _ in pairs} - {None, ReasonId.UNEXPLAINED}
        if causes and not path.stem.startswith("unlike-") and all(wanted is given for wanted, given in pairs):
            right.append(path.stem)
    assert len(right) >= NAMED, right
