"""The kernel's ARP rules as the lab models them, by the tables of ip-sysctl.rst and of what was measured.

`test_simulation_against_kernel` holds the same model against a kernel that runs."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from simulated.kernel import Answer, answer

from arpcheck.lab import answering
from arpcheck.lab.scene import Route, SceneNic, Station
from arpcheck.model import Mac

OWN, CANARY, LAN, OFF = (IPv4Address(text) for text in ("10.0.0.11", "10.96.0.1", "10.0.0.5", "198.51.100.9"))
ZERO = answering.ZERO_IP
ASKER = Mac("02:02:00:00:01:00")


def nic(name="eth0", address="10.0.0.11/24", **sysctl):
    addresses = (IPv4Interface(address),) if address else ()
    return SceneNic(name=name, lan="lan", mac=Mac("02:01:00:00:01:00"), addresses=addresses, sysctl=sysctl)


def answers(target, sender, eth0=None, eth1=None, routes=(), **sysctl):
    first = eth0 or nic()
    station = Station(
        name="worker-1", nics=(first, *([eth1] if eth1 else [])), held=(CANARY,), sysctl=sysctl,
        routes=tuple(Route(to=IPv4Network(to), nic=name) for to, name in routes),
    )  # fmt: skip
    return answer(station, first, answering.question(ASKER, sender, target))


@pytest.mark.parametrize(
    ("everywhere", "here", "canary", "own"),
    [
        (0, 0, True, True), (1, 0, False, True), (0, 1, False, True), (2, 0, False, True), (8, 0, False, False),
        (1, 2, False, True), (2, 1, False, True), (1, 8, False, False), (3, 0, True, True), (1, 3, True, True),
        (3, 1, True, True), (1, 4, True, True), (4, 0, True, True), (7, 0, True, True), (9, 0, True, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sender", [ZERO, LAN])
def test_arp_ignore_is_the_larger_of_both_and_not_monotone(everywhere, here, canary, own, sender):
    eth0 = nic(arp_ignore=here)
    assert (answers(CANARY, sender, eth0, arp_ignore=everywhere) is Answer.LOCAL) == canary
    assert (answers(OWN, sender, eth0, arp_ignore=everywhere) is Answer.LOCAL) == own


@pytest.mark.parametrize(("sender", "own"), [(ZERO, True), (LAN, True), (OFF, False)])
def test_arp_ignore_2_wants_the_sender_in_the_subnet(sender, own):
    assert (answers(OWN, sender, arp_ignore=2) is Answer.LOCAL) == own


@pytest.mark.parametrize(
    ("sender", "routes", "answered"),
    [
        pytest.param(ZERO, (), (True, True, True), id="an ARP Probe"),
        pytest.param(LAN, (), (True, True, True), id="on the LAN"),
        pytest.param(OFF, (), (True, False, False), id="no route back"),
        pytest.param(OFF, [("0.0.0.0/0", "eth0")], (True, True, True), id="a route back by this NIC"),
        pytest.param(OFF, [("0.0.0.0/0", "eth1")], (True, False, True), id="a route back by another"),
    ],
)
def test_rp_filter(sender, routes, answered):
    eth1 = nic("eth1", "172.16.0.1/24")
    found = [answers(CANARY, sender, nic(rp_filter=n), eth1, routes) is Answer.LOCAL for n in (0, 1, 2)]
    assert tuple(found) == answered


@pytest.mark.parametrize("sender", ["10.0.0.11", "10.96.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_a_martian_sender_is_not_answered(sender):
    assert answers(CANARY, IPv4Address(sender)) is None


@pytest.mark.parametrize(("sender", "answered"), [(ZERO, True), (LAN, True), (OFF, False)])
def test_arp_filter_answers_where_the_route_back_leaves(sender, answered):
    eth1 = nic("eth1", "172.16.0.1/24")
    found = answers(CANARY, sender, nic(arp_filter=1), eth1, [("0.0.0.0/0", "eth1")])
    assert (found is Answer.LOCAL) == answered


ROUTER = {"eth0": nic(proxy_arp=1), "eth1": nic("eth1", "172.16.0.1/24"), "routes": [("0.0.0.0/0", "eth1")]}


@pytest.mark.parametrize(
    ("target", "sender", "more", "answered"),
    [
        pytest.param("192.0.2.1", LAN, {"forwarding": 1}, Answer.PROXY, id="a proxy"),
        pytest.param("192.0.2.1", ZERO, {"forwarding": 1}, None, id="never for 0.0.0.0"),
        pytest.param("192.0.2.1", LAN, {}, None, id="not without forwarding"),
        pytest.param("192.0.2.1", LAN, {"forwarding": 1, "routes": []}, None, id="not without a route"),
        pytest.param("10.0.0.99", LAN, {"forwarding": 1}, None, id="not for the segment itself"),
        pytest.param("10.0.0.11", LAN, {"forwarding": 1}, Answer.LOCAL, id="its own"),
        pytest.param("192.0.2.1", LAN, {"forwarding": 1, "arp_ignore": 8}, Answer.PROXY, id="whatever arp_ignore says"),
    ],
)
def test_proxy_arp(target, sender, more, answered):
    assert answers(IPv4Address(target), sender, **{**ROUTER, **more}) is answered


@pytest.mark.parametrize("target", ["127.0.0.1", "224.0.0.1", "10.0.0.99"])
def test_what_is_not_its_own_is_not_answered(target):
    assert answers(IPv4Address(target), ZERO) is None


def test_a_reply_is_not_answered():
    station = Station(name="worker-1", nics=(nic(),), held=(CANARY,))
    packet = answering.question(ASKER, LAN, CANARY)._replace(operation=answering.REPLY)
    assert answer(station, station.nics[0], packet) is None


def test_the_second_nic_of_a_node_answers_for_the_first_without_strict_arp():
    plain = nic("eth1", "")
    station = Station(name="worker-1", nics=(nic(), plain))
    asked = [answering.question(ASKER, sender, OWN) for sender in (ZERO, LAN)]
    assert [answer(station, plain, packet) for packet in asked] == [Answer.LOCAL, Answer.LOCAL]
    strict = Station(name="worker-1", nics=(nic(), plain), sysctl={"arp_ignore": 1})
    assert [answer(strict, plain, packet) for packet in asked] == [None, None]
    filtered = Station(name="worker-1", nics=(nic(), plain), sysctl={"rp_filter": 1})
    assert [answer(filtered, plain, packet) for packet in asked] == [Answer.LOCAL, None]
