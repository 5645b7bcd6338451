"""What the tap tells of every frame that passes, and what it lets through to who asks."""

from ipaddress import IPv4Address

import pytest

from arpcheck.model import Mac, Request
from arpcheck.wire import packets
from arpcheck.wire.monitor import Tap, period
from arpcheck.wire.packets import Arrival, TakenFor

OURS, NODE, OTHER = (Mac(f"02:00:00:00:00:0{n}") for n in (1, 2, 3))
BROADCAST = Mac("ff:ff:ff:ff:ff:ff")
IP, ME, ZERO = "10.0.0.50", "10.0.0.5", "0.0.0.0"


def frame(operation, mac, sender_ip, target_mac, target_ip, to=OURS):
    packed = [IPv4Address(ip).packed for ip in (sender_ip, target_ip)]
    return packets.ARP_FRAME.pack(
        to.to_bytes(),
        mac.to_bytes(),
        0x0806,
        1,
        0x0800,
        6,
        4,
        operation,
        mac.to_bytes(),
        packed[0],
        target_mac.to_bytes(),
        packed[1],
    )


class Wire:
    def __init__(self, *arrivals):
        self.arrivals, self.sent = list(arrivals), []

    def now(self):
        return 7.0

    def send(self, interface, frame):
        self.sent.append((interface, frame))

    def receive(self, until):
        return self.arrivals

    def lost(self):
        return {"eth0": 3}


class WireListener:
    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *words: self.told.append((name, *map(str, words)))


def heard(found, taken_for=TakenFor.US):
    listener = WireListener()
    passed = Tap(Wire(Arrival("eth0", 5.0, found, taken_for)), {"eth0": OURS}, listener).receive(9.0)
    return listener.told, len(passed)


FRAMES = [
    pytest.param(frame(2, NODE, IP, OURS, ME), [("replied", IP, NODE)], 1, id="a reply to us"),
    pytest.param(frame(2, NODE, IP, OURS, ZERO), [("replied", IP, NODE)], 1, id="a reply to our ARP probe"),
    pytest.param(frame(2, NODE, IP, OURS, ME, OTHER), [], 1, id="a reply in a frame to another host"),
    pytest.param(frame(2, NODE, IP, OTHER, ME), [], 1, id="a reply to another MAC"),
    pytest.param(frame(2, OURS, IP, OURS, ME), [], 1, id="a forgery with our MAC"),
    pytest.param(frame(2, NODE, IP, BROADCAST, IP, BROADCAST), [("announced", "5.0", IP, NODE)], 1, id="a gratuitous reply"),
    pytest.param(
        frame(1, NODE, IP, BROADCAST, IP, BROADCAST), [("announced", "5.0", IP, NODE)], 1, id="a gratuitous request"
    ),
    pytest.param(frame(1, NODE, IP, OTHER, ME, BROADCAST), [("claimed", "5.0", IP, NODE, ME)], 0, id="a question"),
    pytest.param(frame(1, NODE, ZERO, OTHER, IP, BROADCAST), [], 0, id="an ARP probe"),
    pytest.param(frame(1, OURS, ME, OTHER, IP, BROADCAST), [], 0, id="our own question, mirrored"),
    pytest.param(frame(1, BROADCAST, IP, OTHER, ME, BROADCAST), [], 0, id="a question of nobody"),
    pytest.param(frame(3, NODE, IP, OURS, ME), [], 1, id="neither"),
    pytest.param(b"\x00" * 10, [], 1, id="cut off"),
]


@pytest.mark.parametrize(("found", "told", "passed"), FRAMES)
def test_what_is_told_and_what_passes(found, told, passed):
    assert heard(found) == (told, passed)


@pytest.mark.parametrize("taken_for", [TakenFor.OTHER_INTERFACE, TakenFor.OTHER_HOST])
@pytest.mark.parametrize(
    ("found", "passed"),
    [
        (frame(2, NODE, IP, OURS, ME), 1),
        (frame(1, NODE, IP, BROADCAST, IP, BROADCAST), 1),
        (frame(1, NODE, IP, OTHER, ME, BROADCAST), 0),
    ],
)
def test_nothing_is_told_of_another_vlan_or_interface(found, passed, taken_for):
    assert heard(found, taken_for) == ([], passed)


@pytest.mark.parametrize(("to", "told"), [(None, [("requested", "7.0", IP)]), (NODE, [])], ids=["broadcast", "unicast"])
def test_only_a_broadcast_question_is_one_for_all(to, told):
    listener, wire = WireListener(), Wire()
    sent = packets.encode(Request(interface="eth0", ip=IPv4Address(IP), sender=IPv4Address(ME), to=to), OURS)
    Tap(wire, {"eth0": OURS}, listener).send("eth0", sent)
    assert (listener.told, wire.sent) == (told, [("eth0", sent)])


def test_lost_frames_are_told_and_still_counted_by_who_asks():
    listener = WireListener()
    assert Tap(Wire(), {"eth0": OURS}, listener).lost() == {"eth0": 3}
    assert listener.told == [("lost", "7.0", "3")]


ASKS = [
    Request(interface=name, ip=IPv4Address(n), sender=IPv4Address(0))
    for name, n in (("eth0", 1), ("eth0", 2), ("eth0", 3), ("eth1", 1))
]


@pytest.mark.parametrize(
    ("every", "rate", "seconds"),
    [(0.5, 100, 0.5), (0.5, 2, 1.5), (3, 2, 3)],
    ids=["as asked", "as the rate allows", "slower than that"],
)
def test_how_often_an_address_is_really_asked(every, rate, seconds):
    assert period(ASKS, every=every, rate=rate) == seconds
    assert period([], every=every, rate=rate) == every
