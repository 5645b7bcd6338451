"""The lab's IPv6 without a kernel: the same answers to the same forms, in virtual time."""

import pytest
from discovery_rows import ROWS, SCENE, answers, forms
from lab_solicitations import HEAD
from simulated.wire import SimulatedWire

from arpcheck.lab import advertising, scene_file


@pytest.mark.parametrize("name", ROWS)
def test_each_form_is_answered_as_measured(name):
    target, number, expected, left_out = ROWS[name]
    asked = {form: frame for form, frame in forms(target, number).items() if form not in left_out}
    wire = SimulatedWire(scene_file.parse(HEAD + SCENE, "rows"))
    seen = []
    for at, frame in enumerate(asked.values()):
        wire.send("eth0", frame)
        seen += [(at, advertising.decode(arrival.frame)) for arrival in drained(wire)]
    assert answers(asked, target, number, seen) == expected


def drained(wire):
    while arrivals := wire.receive(wire.now() + 2):
        yield from arrivals
