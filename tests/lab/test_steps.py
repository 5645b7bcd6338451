"""What a scene changes while it runs: read strictly, and taken at its time in the simulation (the kernel: test_watch_kernel)."""

import pytest
from simulated.wire import SimulatedWire

from arpcheck.errors import InputError
from arpcheck.lab import advertising, answering, scene_file
from arpcheck.lab.scene import Step
from arpcheck.model import Mac

LANS6 = 'lans.lan = { network = "10.0.0.0/24", network6 = "2001:db8:10::/64" }\n'
HEAD = 'title = "x"\nabout = "x"\n[nodes]\nworker-1 = { ipvs = "non-strict" }\n'
CLIENT = Mac("02:02:00:00:01:00")


def scene(*tables, lans=""):
    return scene_file.parse(lans + HEAD + "".join(f"[[then]]\n{table}\n" for table in tables), "x")


def test_a_step_says_when_where_and_what():
    found = scene('after = "1.5s"\nat = "worker-1"\nsysctl = { arp_ignore = 1 }')
    assert found.then == (Step(after=1.5, station="worker-1", sysctl={"arp_ignore": 1}),)
    assert scene().then == ()
    (six,) = scene('after = "1s"\nat = "worker-1"\nsysctl6 = { forwarding = 0 }', lans=LANS6).then
    assert six == Step(after=1.0, station="worker-1", sysctl6={"forwarding": 0})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param('at = "nobody"', r"then\[1\].at: no node or host 'nobody'", id="station"),
        pytest.param('at = "worker-1"\nsysctl = { arp_ignroe = 1 }', "sysctl.arp_ignroe: none of", id="sysctl"),
        pytest.param('at = "worker-1"\nsysctl6 = { arp_ignore = 1 }', "sysctl6.arp_ignore: none of", id="sysctl6"),
        pytest.param('at = "worker-1"\nsysctl6 = { forwarding = 1 }', "sysctl6: worker-1 has no IPv6", id="no-ipv6"),
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


def test_a_step_of_ipv6_changes_which_addresses_a_kernel_has():
    """That of the subnet-router is of who forwards."""
    forwards = (
        'after = "1s"\nat = "worker-1"\nsysctl6 = { forwarding = 0 }',
        'after = "2s"\nat = "worker-1"\nsysctl6 = { forwarding = 1 }',
    )
    wire = SimulatedWire(scene(*forwards, lans=LANS6))
    sender, target = advertising.IPv6Address("fe80::2:ff:fe00:100"), advertising.IPv6Address("2001:db8:10::")
    answered = []
    for second in (0.0, 1.0, 2.0):
        wire.receive(second)
        wire.send("eth0", advertising.question(CLIENT, sender, target).encode())
        answered.append(len(wire.receive(second + 0.9)))
    assert answered == [1, 0, 1]
