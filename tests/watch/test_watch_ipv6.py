"""Watching IPv6 addresses: solicitations between the probes, and advertisements that nobody asked for."""

from dataclasses import replace
from ipaddress import IPv6Address

import pytest
from simulated.wire import SimulatedWire
from test_watch_loop import PACE, Overheard, watched

from arpcheck.lab import scene_file
from arpcheck.lab.advertising import NeighbourMessage
from arpcheck.model import Mac
from arpcheck.wire.monitor import Tap
from arpcheck.wire.neighbour_discovery import ALL_NODES, decode_request, group_mac, is_as_a_client, solicited_node
from arpcheck.wire.packets import Arrival

V6 = IPv6Address("2001:db8:10::50")
OURS, ANNOUNCER, OTHER = Mac("02:00:00:00:00:05"), Mac("02:01:00:00:01:00"), Mac("02:01:00:00:03:00")
"""The second is who announces it in this scene."""
LINK_LOCAL, CLIENT = IPv6Address("fe80::3"), IPv6Address("fe80::5")
TO_ALL = {"destination": group_mac(ALL_NODES), "destination_ip": ALL_NODES}
GROUP = solicited_node(V6)


def advertisement(mac, **changed):
    usual = {
        "destination": OURS, "source": mac, "kind": 136, "source_ip": LINK_LOCAL, "destination_ip": CLIENT, "target": V6,
        "option": mac, "flags": 0x40,
    }  # fmt: skip
    return NeighbourMessage(**{**usual, **changed}).encode()


def solicitation(mac, **changed):
    usual = {
        "destination": group_mac(GROUP), "source": mac, "kind": 135, "source_ip": CLIENT, "destination_ip": GROUP,
        "target": V6, "option": mac,
    }  # fmt: skip
    return NeighbourMessage(**{**usual, **changed}).encode()


def announced(mac, **changed):
    return advertisement(mac, **{"flags": 0x20, **TO_ALL, **changed})


def lines(text):
    return [line.split("  ", 1)[1] for line in text.split("\n\n")[0].splitlines()[1:]]


def failover(until, since):
    """Worker-1 announces it until so many seconds, and worker-2 since then."""
    scene = scene_file.load("ipv6-failover")
    one, two = scene.announcers
    announcers = replace(one, until_question=None, until_seconds=until), replace(two, from_question=1, from_seconds=since)
    return replace(scene, announcers=announcers)


def heard_of(*frames):
    wire = lambda scene: Overheard(scene, [(9.0 + n, found) for n, found in enumerate(frames)])  # noqa: E731
    code, text, _ = watched("ipv6-healthy", PACE, wire)
    assert lines(text)[0] == "probed: 2 ok"
    return code, lines(text)[1:]


def test_both_families_are_watched():
    code, text, stored = watched("ipv6-healthy", PACE)
    assert (code, lines(text)) == (0, ["probed: 2 ok"])
    assert "2 addresses did not change" in text
    assert {str(t.target.ip) for t in stored[-1].targets if t.verdict} == {"10.0.0.50", str(V6)}


def test_between_the_probes_it_is_asked_as_a_client_asks():
    sent = []

    class Counting(SimulatedWire):
        def send(self, interface, frame):
            found = decode_request(frame)
            if getattr(found, "ip", None) == V6.packed and 6 < self.now() < 24:  # between the probes
                sent.append(is_as_a_client(found))
            super().send(interface, frame)

    watched("ipv6-healthy", replace(PACE, lasts=25), Counting)
    assert len(sent) > 10
    assert all(sent)


def test_a_failover_is_told():
    code, text, _ = watched(failover(20.0, 21.5), replace(PACE, lasts=30))
    told = [line for line in lines(text) if line.startswith(str(V6))]
    assert told[0] == f"{V6}: no reply any more; last reply from worker-1"
    assert told[1].startswith(f"{V6}: moved from worker-1 to worker-2, after")
    assert code == 1


@pytest.mark.parametrize("changed", [{}, {"flags": 0}], ids=["with the override flag", "without"])
def test_an_unsolicited_advertisement_of_another_node_is_told_once_in_a_series(changed):
    assert heard_of(*[announced(OTHER, **changed)] * 3) == (3, [f"{V6}: unsolicited advertisement from worker-3"])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(announced(ANNOUNCER), id="of who replies anyway"),
        pytest.param(announced(OTHER, target=IPv6Address("2001:db8:10::77")), id="of an address that is not watched"),
        pytest.param(announced(OTHER, hop_limit=64), id="from another LAN"),
        pytest.param(solicitation(OTHER, source_ip=V6), id="a request from the address"),
        pytest.param(solicitation(OTHER, source_ip=IPv6Address("::"), option=None), id="a host that takes it"),
    ],
)
def test_what_is_no_news_is_not_told(frame):
    assert heard_of(frame) == (0, [])


class Listener:
    def __init__(self):
        self.told = []

    def requested(self, at, ip):
        self.told.append(("requested", str(ip)))

    def replied(self, ip, mac):
        self.told.append(("replied", str(ip), mac))


class OneReply:
    """A wire on which each request has a reply."""

    def now(self):
        return 0.0

    def send(self, interface, frame):
        pass

    def receive(self, until):
        return [Arrival("eth0", 0.0, advertisement(OTHER))]


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        pytest.param({}, True, id="the group"),
        pytest.param(TO_ALL, False, id="all nodes"),
        pytest.param({"destination": OTHER}, False, id="one NIC"),
    ],
)
def test_only_a_clients_request_and_its_replies_count(changed, counts):
    listener = Listener()
    tap = Tap(OneReply(), {"eth0": OURS}, listener)
    tap.send("eth0", solicitation(OURS, **changed))
    assert len(tap.receive(0.0)) == 1
    assert listener.told == ([("requested", str(V6)), ("replied", str(V6), OTHER)] if counts else [])
