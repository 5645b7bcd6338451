"""What a scene changes while it runs: read strictly, and taken at its time in the simulation (the kernel: test_watch_kernel)."""

import pytest
from simulated.wire import SimulatedWire

from arpcheck.errors import InputError
from arpcheck.lab import answering, scene_file
from arpcheck.lab.scene import Step
from arpcheck.model import Mac

HEAD = 'title = "x"\nabout = "x"\n[nodes]\nworker-1 = { ipvs = "non-strict" }\n'
CLIENT = Mac("02:02:00:00:01:00")


def scene(*tables):
    return scene_file.parse(HEAD + "".join(f"[[then]]\n{table}\n" for table in tables), "x")


def test_a_step_says_when_where_and_what():
    found = scene('after = "1.5s"\nat = "worker-1"\nsysctl = { arp_ignore = 1 }')
    assert found.then == (Step(after=1.5, station="worker-1", sysctl={"arp_ignore": 1}),)
    assert scene().then == ()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param('at = "nobody"', r"then\[1\].at: no node or host 'nobody'", id="station"),
        pytest.param('at = "worker-1"\nsysctl = { arp_ignroe = 1 }', "sysctl.arp_ignroe: none of", id="sysctl"),
        pytest.param('at = "worker-1"\nafter = "soon"', "a duration expected", id="time"),
        pytest.param('at = "worker-1"\nwhen = "1s"', "when: no such key", id="key"),
    ],
)
def test_a_step_that_is_wrong_is_named(table, words):
    with pytest.raises(InputError, match=words):
        scene(table)


def test_steps_are_taken_at_their_times_whatever_their_order():
    times = (("2s", 0), ("1s", 1))
    wire = SimulatedWire(
        scene(*(f'after = "{after}"\nat = "worker-1"\nsysctl = {{ arp_ignore = {value} }}' for after, value in times))
    )
    answered = []
    for second in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
        wire.receive(second)
        wire.send("eth0", answering.question(CLIENT, answering.ZERO_IP, answering.IPv4Address("10.96.0.1")).encode())
        answered.append(len(wire.receive(second + 0.1)))
    assert answered == [1, 1, 0, 0, 1, 1]
