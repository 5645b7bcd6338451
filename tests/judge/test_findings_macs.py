"""Findings about MACs, rule by rule, with the words that an operator reads."""

from ipaddress import IPv4Address

import pytest
from judge_cases import CANARY, IP, because, case, finding, judged, mac, observations, of_owner, party

from arpcheck.model import Host, Identity, Neighbour, Owner

A = party(1, 1, 2, 3, node="a")
FOREIGN, STRANGER, PROXY = party(9, 1, 2, 3, foreign=True, label="VRRP"), party(8, 1, 2, 3), party(7, 1, 2, 3, proxy=True)
CONTROL, OTHER_CONTROL = IPv4Address("192.0.2.1"), IPv4Address("203.0.113.1")


def on_canary(*owners):
    """A run in which these answered the canary alone."""
    heard = observations((CANARY, 1), answered=[(CANARY, 1, int(owner.mac[-2:], 16)) for owner in owners])
    return {"observations": heard, "owners": {("eth0", owner.mac): owner for owner in owners}}


def owner(number, node=None, **rest):
    return Owner(mac=mac(number), node=node, **of_owner(**rest))


def test_a_foreign_host_is_named_for_each_address_and_for_the_canary():
    found = finding("foreign-mac", judged(case(A, FOREIGN), case(A, ip=IPv4Address("10.0.0.51"))))
    assert (found.because, found.ips) == ((f"{mac(9)} (VRRP) replied for {IP}",), (IP,))
    found = finding("foreign-mac", judged(**on_canary(owner(9, foreign=True, label="VRRP"), owner(1, "a"), owner(8))))
    assert (found.because, found.ips) == ((f"{mac(9)} (VRRP) replied for the canary {CANARY}",), (CANARY,))
    assert finding("foreign-mac", judged(case(A, STRANGER, PROXY))) is None


def test_an_unknown_mac_is_named_once_with_all_its_addresses():
    many = [case(STRANGER, ip=IPv4Address(f"10.0.0.{n}")) for n in range(50, 57)]
    run = judged(*many[:4], case(A), **{**on_canary(owner(8)), "owners": {("eth0", mac(8)): STRANGER.owner}})
    assert because("unknown-mac", run) == (f"{mac(8)} replied for 10.0.0.50, 10.0.0.51, 10.0.0.52, 10.0.0.53, {CANARY}",)
    assert because("unknown-mac", judged(*many[:6])) == (
        f"{mac(8)} replied for 10.0.0.50, 10.0.0.51, 10.0.0.52, 10.0.0.53, 10.0.0.54 and 1 more",
    )
    assert finding("unknown-mac", judged(*many[:2])).ips == (IP, IPv4Address("10.0.0.51"))
    assert because("unknown-mac", judged(case(party(9, 1), party(8, 1)))) == tuple(
        f"{mac(n)} replied for {IP}" for n in (8, 9)
    )


@pytest.mark.parametrize(
    "known", [owner(1, "a"), owner(9, foreign=True), owner(7, proxy=True)], ids=["a node's", "foreign", "a proxy"]
)
def test_whose_is_known_on_the_canary_is_not_unknown(known):
    assert (
        finding(
            "unknown-mac",
            judged(
                case(A, FOREIGN, PROXY),
                **on_canary(known) | {"owners": {("eth0", known.mac): known, **owners(A, FOREIGN, PROXY)}},
            ),
        )
        is None
    )


def owners(*parties):
    return {("eth0", one.owner.mac): one.owner for one in parties}


def test_a_proxy_is_shown_with_what_betrayed_it():
    heard = observations((CONTROL, 1), (OTHER_CONTROL, 1), answered=[(CONTROL, 1, 7), (OTHER_CONTROL, 1, 7)])
    found = finding("proxy-arp", judged(case(A, PROXY), observations=heard, controls=(CONTROL, OTHER_CONTROL)))
    assert (found.because, found.ips) == ((f"{mac(7)} replied for the control {CONTROL}, {OTHER_CONTROL}",), (IP,))
    run = judged(case(PROXY, party(6, 1, proxy=True, label="a router")), controls=(CONTROL,))
    assert because("proxy-arp", run) == (
        f"{mac(6)} (a router) replied for several nodes, but never to 0.0.0.0",
        f"{mac(7)} replied for several nodes, but never to 0.0.0.0",
    )
    assert finding("proxy-arp", judged(case(A, FOREIGN, STRANGER))) is None


def says(node, source="mac-map", detail="macs.csv:3"):
    return Identity(mac=mac(1), node=node, source=source, detail=detail)


def heard(*identities):
    """A run in which a MAC answered of which this is said."""
    return judged(**on_canary(owner(1, identities=identities)))


WIRE = ("node-ip", "replied for 10.0.0.11")


@pytest.mark.parametrize(
    ("said", "conflict", "shared"),
    [
        pytest.param([says("a")], [], [], id="one"),
        pytest.param([says("a"), says("a", *WIRE)], [], [], id="two that agree"),
        pytest.param(
            [says("b"), says("a", *WIRE)], [f"{mac(1)}: b by mac-map (macs.csv:3); a by node-ip (replied for 10.0.0.11)"], [],
            id="two that do not",
        ),
        pytest.param([says("b"), says("a", detail="macs.csv:4")], [], [f"{mac(1)} belongs to a and b according to mac-map"], id="one says both"),
        pytest.param(
            [says("b", *WIRE), says("a", *WIRE), says("b"), says("a", detail="macs.csv:4")], [],
            [f"{mac(1)} belongs to a and b according to mac-map", f"{mac(1)} belongs to a and b according to node-ip"], id="two say both",
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_a_mac(said, conflict, shared):
    run = heard(*said)
    assert list(because("conflicting-identity", run)) == conflict
    assert list(because("shared-mac", run)) == shared
    nodes = [found.nodes for name in ("conflicting-identity", "shared-mac") if (found := finding(name, run))]
    assert nodes == [("a", "b")] * len(nodes)


def test_nodes_that_share_a_mac_are_named_in_their_order():
    assert because("shared-mac", heard(*map(says, "dbeac"))) == (
        f"{mac(1)} belongs to a and b and c and d and e according to mac-map",
    )


def test_a_tunnel_s_mac_that_answered():
    tunnel = {mac(1): "flannel's tunnel on a", mac(2): "flannel's tunnel on b"}
    assert because("overlay-mac", judged(**on_canary(owner(1), owner(3)), overlays=tunnel)) == (
        f"{mac(1)} replied: flannel's tunnel on a",
    )
    assert finding("overlay-mac", judged(**on_canary(owner(3)), overlays=tunnel)) is None


@pytest.mark.parametrize(
    ("number", "whose"),
    [(1, ", a"), (8, ""), (5, ", which did not reply")],
    ids=["a node's", "nobody's known", "never heard"],
)
def test_this_host_s_own_entry_is_shown_with_whose_it_is(number, whose):
    host = Host(neighbours=(Neighbour(ip=IP, mac=mac(number), interface="eth0"),))
    assert because("own-cache", judged(case(A, STRANGER), host=host)) == (f"{IP} is at {mac(number)} on eth0{whose}",)
