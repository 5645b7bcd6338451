"""owners: every source's word, weighed."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.evidence import Evidence, Options
from arpcheck.judge.hearing import Hearing
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.model import Identity, Loss, Mac, Overflow, Question, Reply
from arpcheck.objects import Node

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VIP, N1, N2 = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.11"), IPv4Address("10.0.0.12")
M1, M2, M9 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02"), Mac("02:00:00:00:00:09")
LOST = Loss(interface="eth0", rounds=(1,), frames=1)
RANK = {"mac-map": 1, "self": 2, "node-ip": 4}


def identity(mac, node, source="node-ip"):
    return Identity(mac=mac, node=node, source=source, detail="")


def node(name, *, ready=True):
    return Node(name=name, ready=ready, addresses=(), labels={}, annotations={}, raw={})


TWO = (node("n1"), node("n2"))


def owned(replies, identities, nodes=TWO, proxies=(), overlays=None, own_node=None, eth1=(), losses=(), unread=(), overflows=()):
    said = [*((ip, mac, "eth0") for ip, mac in replies), *((ip, mac, "eth1") for ip, mac in eth1)]
    evidence = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0", "eth1")),
        questions=tuple(Question(0.0, i, 1, ip, IPv4Address(0), None) for ip, _, i in said),
        losses=losses, overflows=overflows,
        replies=tuple(Reply(1.0, i, 1, ip, IPv4Address(0), None, mac, mac, 1.0) for ip, mac, i in said),
    )  # fmt: skip
    knowledge = Knowledge(
        identities=tuple(identities), rank=lambda i: RANK[i.source], proxies=frozenset(proxies), overlays=overlays or {},
        label=lambda mac: f"vendor of {mac}", own_node=own_node, unread=unread,
    )  # fmt: skip
    return owners(Hearing(evidence), knowledge, nodes, {"n1": (N1,), "n2": (N2,)})


def later(*found, **known):
    """To be judged in the test: what is judged while tests are collected fails none of them."""
    return lambda: owned(*found, **known)


BOTH = [(N1, M1), (N2, M2)]
KNOWN = [identity(M1, "n1"), identity(M2, "n2")]


@pytest.mark.parametrize(
    ("found", "foreign"),
    [
        pytest.param(later([*BOTH, (VIP, M9)], KNOWN), True, id="every Ready node is known here, and it is none of them"),
        pytest.param(later([(N1, M1), (VIP, M9)], KNOWN[:1]), False, id="a Ready node is not known: it may be that one"),
        pytest.param(later([(N1, M1), (VIP, M9)], KNOWN), False, id="a MAC of it is on a list, but was not heard here"),
        pytest.param(
            later([(N1, M1), (VIP, M9)], KNOWN[:1], (node("n1"), node("n2", ready=False))), True, id="a node that is not Ready is not waited for"
        ),
        pytest.param(later([(VIP, M9)], [], ()), False, id="no node could be read: nothing is proven"),
        pytest.param(later([(N1, M1), (VIP, M9)], KNOWN[:1], own_node="n2"), True, id="the prober's own node can't be heard"),
        pytest.param(later([*BOTH, (N2, M9)], KNOWN), False, id="it answered for a node's own address: some node's"),
        pytest.param(later([*BOTH, (VIP, M9)], KNOWN, proxies=[M9]), False, id="a proxy is no foreign host"),
        pytest.param(
            later([*BOTH, (VIP, M9)], [*KNOWN, identity(M9, "n1", "mac-map"), identity(M9, "n2", "mac-map")]), False,
            id="a file gives it to two nodes: one of them",
        ),
        pytest.param(later([*BOTH, (VIP, M9)], KNOWN, losses=(LOST,)), False, id="a frame was lost: it may be the one that named it"),
        pytest.param(
            later([*BOTH, (VIP, M9)], KNOWN, overflows=(Overflow(ip=N2, replies=1),)), False, id="more came for a node's address than was kept"
        ),
        pytest.param(later(BOTH, KNOWN, eth1=[(VIP, M9)]), False, id="known on another segment only"),
        pytest.param(later(BOTH, KNOWN, eth1=[*BOTH, (VIP, M9)]), True, id="known on that segment too"),
        pytest.param(later([*BOTH, (VIP, M9)], KNOWN, eth1=[(VIP, M9)]), False, id="known on one of the two segments where it was heard"),
    ],
)  # fmt: skip
def test_when_a_mac_is_no_nodes(found, foreign):
    owner = found()[M9]
    assert owner.foreign is foreign
    assert owner.node is None


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([identity(M1, "n1")], "n1", id="one source"),
        pytest.param([identity(M1, "n1"), identity(M1, "n2", "mac-map")], "n2", id="the stronger source is taken"),
        pytest.param([identity(M1, "n1", "mac-map"), identity(M1, "n2", "mac-map")], None, id="two alike disagree"),
        pytest.param([identity(M1, "n1"), identity(M1, "n2")], None, id="the wire disagrees with itself"),
    ],
)
def test_whose_a_mac_is(claims, expected):
    for order in (claims, claims[::-1]):
        found = owned([(VIP, M1)], order)[M1]
        assert found.node == expected
        assert len(found.identities) == len(claims), "nothing is dropped"


def test_a_proxy_and_a_tunnel_own_nothing():
    assert owned([(VIP, M1)], [identity(M1, "n1", "mac-map")], proxies=[M1])[M1].node is None
    assert owned([(VIP, M1)], [identity(M1, "n1", "mac-map")], overlays={M1: "flannel's tunnel on n1"})[M1].node is None
    assert owned([(VIP, M1)], [], overlays={M1: "flannel's tunnel on n1"})[M1].label == "flannel's tunnel on n1"


def test_a_tunnel_s_end_is_no_stranger():
    """It is some node's: to search the switches for a foreign host would be in vain."""
    assert owned([*BOTH, (VIP, M9)], KNOWN)[M9].foreign
    assert not owned([*BOTH, (VIP, M9)], KNOWN, overlays={M9: "flannel's tunnel on n1"})[M9].foreign


def test_where_a_source_was_refused_nobody_is_a_stranger():
    """It might have named a second NIC of a node."""
    assert not owned([*BOTH, (VIP, M9)], KNOWN, unread=("nodenetworkstates.nmstate.io",))[M9].foreign


def test_a_prefix_is_told_of_a_mac_that_is_no_known_nodes():
    found = owned([*BOTH, (VIP, M9)], KNOWN)
    assert (found[M1].label, found[M9].label) == ("", f"vendor of {M9}")
