"""The scenes that run on the kernel by default have every kind of thing that any scene has, and what is new is a kind by itself."""

from dataclasses import replace

import pytest
from scene_kinds import chosen, kinds, of_each_kind

from arpcheck.lab import scene_file
from arpcheck.lab.scene import Shape
from arpcheck.model import Verdict

ALL = {name: scene_file.load(name) for name in scene_file.names()}
HEALTHY = ALL["healthy"]


def test_the_chosen_have_every_kind():
    had = frozenset().union(*(kinds(ALL[name]) for name in of_each_kind()))
    assert had == frozenset().union(*map(kinds, ALL.values()))
    assert {f"Expectation.verdicts={verdict}" for verdict in Verdict} <= had
    assert {f"Announcer.shape={shape}" for shape in Shape} - had == {"Announcer.shape=announcement"}, "no scene has it"


def test_the_chosen_are_few():
    assert len(of_each_kind()) < len(ALL) / 2


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(HEALTHY, prober=replace(HEALTHY.prober, options=("--new", "7"))), id="option"),
        pytest.param(replace(HEALTHY, announcers=(replace(HEALTHY.announcers[0], shape=Shape.ANNOUNCEMENT),)), id="value"),
        pytest.param(replace(HEALTHY, stations=(replace(HEALTHY.stations[0], sysctl={"arp_filter": 1}),)), id="sysctl"),
        pytest.param(replace(HEALTHY, expect=replace(HEALTHY.expect, exit_code=130)), id="exit code"),
    ],
)
def test_what_no_scene_has_is_chosen(changed):
    assert "changed" in chosen({**ALL, "changed": changed})


def test_what_only_names_differ_in_is_no_kind():
    alike = replace(HEALTHY, name="other", title="other", about="other", lans={"other": HEALTHY.lans["lan"]})
    assert chosen({"a": HEALTHY, "b": alike}) == ("a",)
