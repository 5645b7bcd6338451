"""owners: every source's word, weighed."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.evidence import Evidence, Options
from arpcheck.judge.observations import Observations
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.model import Identity, Loss, Mac, Overflow, Question, Reply, SourceRank
from arpcheck.objects import Node

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VIP, N1, N2 = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.11"), IPv4Address("10.0.0.12")
M1, M2, M9 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02"), Mac("02:00:00:00:00:09")
LOST = Loss(interface="eth0", rounds=(1,), frames=1)
RANK = {"mac-map": SourceRank.OWN_FILE, "self": SourceRank.LIVE_HOST, "node-ip": SourceRank.WIRE}
ZERO = IPv4Address(0)


def identity(mac, node, source="node-ip", *, listed=None):
    lists = source != "node-ip" if listed is None else listed
    return Identity(mac=mac, node=node, source=source, detail="", rank=RANK[source], lists_nics=lists, lists_all=lists)


def node(name, *, ready=True):
    return Node(name=name, ready=ready, addresses=(), labels={}, annotations={}, raw={})


TWO = (node("n1"), node("n2"))


def run(
    replies, identities, nodes=TWO, proxies=(), overlays=None, own_node=None, eth1=(), losses=(), unread=(), overflows=(), alone=(), shared=(),
    canary=None,
):  # fmt: skip
    """`alone`: MACs that were asked alone, twice, for every node's address."""
    said = [*((ip, mac, "eth0") for ip, mac in replies), *((ip, mac, "eth1") for ip, mac in eth1)]
    unicast = tuple(Question(2.0 + n, "eth0", 4, ip, ZERO, mac) for n in (1, 2) for mac in alone for ip in (N1, N2))
    evidence = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0", "eth1")),
        questions=tuple(Question(0.0, i, 1, ip, ZERO, None) for ip, _, i in said) + unicast,
        losses=losses, overflows=overflows,
        replies=tuple(Reply(1.0, i, 1, ip, ZERO, None, mac, mac, 1.0) for ip, mac, i in said),
    )  # fmt: skip
    knowledge = Knowledge(
        identities=tuple((interface, entry) for entry in identities for interface in (("eth0", "eth1") if entry.source == "node-ip" else (None,))),
        proxies=frozenset((("eth0", mac), ZERO) for mac in proxies), overlays=overlays or {}, label=lambda mac: f"vendor of {mac}",
        own={"eth0": own_node} if own_node else {}, shared=frozenset(shared), canary=canary, unread=unread,
    )  # fmt: skip
    return owners(Observations(evidence), knowledge, nodes, {"n1": (N1,), "n2": (N2,)})


def owned(*found, on="eth0", **known):
    return {mac: owner for (segment, mac), owner in run(*found, **known).by_nic.items() if segment == on}


def later(*found, **known):
    """To be judged in the test: what is judged while tests are collected fails none of them."""
    return lambda: owned(*found, **known)


BOTH = [(N1, M1), (N2, M2)]
KNOWN = [identity(M1, "n1"), identity(M2, "n2")]
LISTS = [identity(M1, "n1", "mac-map"), identity(M2, "n2", "mac-map")]


@pytest.mark.parametrize(
    ("found", "outside"),
    [
        pytest.param(later([*BOTH, (VIP, M9)], LISTS), True, id="every node is listed, and it is none of them"),
        pytest.param(later([(VIP, M9)], LISTS), True, id="whatever was heard"),
        pytest.param(later([(VIP, M9)], LISTS, (node("n1"), node("n2", ready=False))), True, id="Ready or not"),
        pytest.param(later([*BOTH, (VIP, M9)], [*LISTS[:1], *KNOWN]), False, id="of one node no list is known"),
        pytest.param(later([*BOTH, (VIP, M9)], KNOWN), False, id="heard is not listed"),
        pytest.param(later([(VIP, M9)], LISTS, ()), False, id="no node could be read: nothing is proven"),
        pytest.param(later([(VIP, M9)], [*LISTS, identity(M9, "n1")]), False, id="it replied for a node's own address: some node's"),
        pytest.param(
            later([(VIP, M9)], [*LISTS, identity(M9, "n1", "mac-map"), identity(M9, "n2", "mac-map")]), False,
            id="a file gives it to two nodes: one of them",
        ),
        pytest.param(later([(VIP, M9)], LISTS, unread=("nodenetworkstates.nmstate.io",)), False, id="a source was refused"),
        pytest.param(later([(VIP, M9)], LISTS, overlays={M9: "flannel's tunnel on n1"}), False, id="a tunnel's end is some node's"),
    ],
)  # fmt: skip
def test_a_mac_that_no_list_of_nics_has(found, outside):
    owner = found()[M9]
    assert owner.outside is outside


ELSEWHERE = Mac("52:54:00:00:00:09")
HEARD = [*BOTH, (VIP, ELSEWHERE)]


@pytest.mark.parametrize(
    ("found", "apart"),
    [
        pytest.param(later(HEARD, KNOWN, alone=[ELSEWHERE]), True, id="all nodes heard, another make, and silent when asked alone"),
        pytest.param(later(HEARD, KNOWN), False, id="not asked alone"),
        pytest.param(later([*BOTH, (VIP, M9), (VIP, ELSEWHERE)], [*KNOWN, identity(M9, "n1")], alone=[ELSEWHERE]), True, id="two NICs of a node"),
        pytest.param(later([(N1, M1), (VIP, ELSEWHERE)], KNOWN[:1], alone=[ELSEWHERE]), False, id="a node was not heard: it may be that one"),
        pytest.param(
            later([(N1, M1), (VIP, ELSEWHERE)], KNOWN[:1], (node("n1"), node("n2", ready=False)), alone=[ELSEWHERE]), False,
            id="nor one that is not Ready",
        ),
        pytest.param(later([(N1, M1), (VIP, ELSEWHERE)], KNOWN[:1], own_node="n2", alone=[ELSEWHERE]), True, id="the prober's own is not waited for"),
        pytest.param(later(HEARD, KNOWN, alone=[ELSEWHERE], losses=(LOST,)), False, id="a frame was lost: it may be the one that named it"),
        pytest.param(
            later(HEARD, KNOWN, alone=[ELSEWHERE], overflows=(Overflow(ip=N2, replies=1),)), False,
            id="more came for a node's address than was kept",
        ),
    ],
)  # fmt: skip
def test_a_mac_that_is_most_likely_no_nodes(found, apart):
    assert found()[ELSEWHERE].apart is apart


def test_a_mac_of_a_nodes_make_may_be_its_second_nic():
    assert not owned([*BOTH, (VIP, M9)], KNOWN, alone=[M9])[M9].apart


def test_what_was_heard_on_one_segment_says_nothing_of_another():
    only_there = run(BOTH, [], eth1=[(VIP, M1)])
    assert {nic[0] for nic in only_there.by_nic} == {"eth0", "eth1"}
    known = Knowledge(identities=(("eth0", KNOWN[0]),), proxies=frozenset(), overlays={}, label=lambda _: None)
    made = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0", "eth1")),
        replies=tuple(Reply(1.0, i, 1, N1, ZERO, None, M1, M1, 1.0) for i in ("eth0", "eth1")),
    )  # fmt: skip
    found = owners(Observations(made), known, TWO, {}).by_nic
    assert (found["eth0", M1].node, found["eth1", M1].node) == ("n1", None)


@pytest.mark.parametrize(
    ("replies", "identities", "strengths", "contested"),
    [
        pytest.param([(N1, M1)], KNOWN[:1], {M1: "heard"}, (), id="alone at the node's address"),
        pytest.param([(N1, M1)], LISTS[:1], {M1: "listed"}, (), id="listed"),
        pytest.param(
            [(N1, M1), (N1, M9)],
            [*KNOWN, identity(M9, "n1")],
            {M1: "doubtful", M9: "doubtful"},
            (M1, M9),
            id="two at one address",
        ),
        pytest.param(
            [(N1, M1), (N1, M9)],
            [LISTS[0], identity(M9, "n1")],
            {M1: "listed", M9: "doubtful"},
            (M9,),
            id="one of them is listed",
        ),
        pytest.param(
            [(N1, M1), (N1, M9)],
            [LISTS[0], identity(M9, "n1", "mac-map")],
            {M1: "listed", M9: "listed"},
            (),
            id="both are listed",
        ),
        pytest.param(
            [(N1, M1), (N1, M2), (N2, M2)],
            KNOWN,
            {M1: "doubtful", M2: "doubtful"},
            (M1, M2),
            id="the other was heard at another node's as well: it may be both, and the first a stranger",
        ),
        pytest.param(
            [(N1, M1), (N1, M2), (N2, M2)],
            [KNOWN[0], LISTS[1]],
            {M1: "heard", M2: "listed"},
            (),
            id="the other is known to be another node's",
        ),
        pytest.param([(N2, M1)], [LISTS[0], identity(M1, "n2")], {M1: "doubtful"}, (), id="a list contradicts the wire"),
    ],
)
def test_how_well_it_is_known_whose_a_nic_is(replies, identities, strengths, contested):
    found = run(replies, identities)
    assert {mac: found.by_nic["eth0", mac].strength.value for mac in strengths} == strengths
    assert [mac for conflict in found.conflicts for _, mac in conflict.nics] == [*contested]


def test_a_mac_that_alone_answers_for_two_nodes_is_certain_to_be_neither():
    both = [(N1, M1), (N2, M1)]
    found = run(both, [identity(M1, "n1")])
    assert (found.twins, found.by_nic["eth0", M1].strength.value) == ({("eth0", M1): ("n1", "n2")}, "doubtful")
    beside = run([*both, (N2, M2)], KNOWN)
    assert beside.twins == {("eth0", M1): ("n1", "n2")}, "n2 has a second NIC, or n1 has taken its address"
    assert {claim.node for claim in beside.by_nic["eth0", M1].identities} == {"n1", "n2"}
    assert not run([(N1, M1), (N2, M2)], KNOWN).twins
    down = run(both, [identity(M1, "n1")], (node("n1"), node("n2", ready=False)))
    assert down.twins == found.twins, "n2 runs and is not Ready, or n1 has taken its address"


def test_an_address_that_a_service_has_too_may_show_two_machines_with_one_mac():
    both = [(N1, M1), (N2, M1)]
    assert run(both, [identity(M1, "n1")], shared=[N2]).twins == {("eth0", M1): ("n1", "n2")}
    down = node("n1"), node("n2", ready=False)
    assert not run(both, [identity(M1, "n1")], down, shared=[N2]).twins, "n2 is down, and n1 announces it"
    assert not run([*both, (N2, M2)], KNOWN, shared=[N2]).twins, "n2 was heard by a NIC of its own"


def test_who_answers_for_every_service_may_have_the_mac_of_a_node_that_nothing_else_was_heard_of():
    """The kernel of n2 would answer for its own address, whoever else does."""
    heard = [(N1, M1), (N2, M1), (VIP, M1)]
    alone = run(heard, KNOWN[:1], shared=[N2], canary=VIP)
    assert (alone.twins, alone.by_nic["eth0", M1].strength.value) == ({("eth0", M1): ("n1", "n2")}, "doubtful")
    listed = [*KNOWN[:1], identity(M2, "n2", "mac-map")]
    assert run(heard, listed, shared=[N2], canary=VIP).twins, "the list's MAC was not heard"
    assert not run([*heard, (VIP, M2)], listed, shared=[N2], canary=VIP).twins, "n2 was heard by a NIC of its own"
    speaker = [*heard, (N2, M9)]
    announced = run(speaker, [*KNOWN[:1], identity(M9, "n3")], shared=[N2], canary=VIP)
    assert announced.twins == alone.twins, "a third node announces it"
    assert not run(speaker, KNOWN[:1], shared=[N2], canary=VIP).twins, "the other may be n2's own"
    assert not run(heard, KNOWN[:1], shared=[N2], canary=VIP, own_node="n2").twins, "no host hears itself"
    down = node("n1"), node("n2", ready=False)
    assert not run(heard, KNOWN[:1], down, shared=[N2], canary=VIP).twins, "n2 is down"


def test_who_answers_for_every_service_may_be_another_machine_than_the_dead_node_whose_address_is_a_services():
    """It was removed from the cluster, and still holds what it held."""
    down = node("n1"), node("n2", ready=False)

    def strength(*heard, nodes=down, says="node-ip", losses=()):
        return (
            run(heard, [identity(M9, "n2", says)], nodes, shared=[N2], canary=VIP, losses=losses)
            .by_nic["eth0", M9]
            .strength.value
        )

    assert strength((N2, M9), (VIP, M9)) == "doubtful"
    assert strength((N2, M9), (VIP, M9), says="mac-map") == "listed"
    assert strength((N2, M9)) == "heard", "it holds no other Service's"
    assert strength((N2, M9), (VIP, M9), nodes=TWO, losses=(LOST,)) == "doubtful", "the node's reply may be the lost frame"
    assert strength((N2, M9), (VIP, M9), nodes=TWO) == "heard", "a Ready node replies for its own address"


def test_where_a_nodes_list_is_old_what_it_lacks_is_not_proven_a_strangers():
    """The machine was replaced, with all of its NICs; the second has no address of its own."""
    assert owned(*([(N1, Mac("02:00:00:00:00:07")), (N2, M2), (VIP, M9)], LISTS))[M9].outside is False
    assert owned(*([(N1, M1), (N2, M2), (VIP, M9)], LISTS))[M9].outside is True


def test_what_a_complete_list_does_not_have_is_not_certain_to_be_the_node_s():
    """A machine that took a dead node's place."""
    found = run([(N1, M9)], [identity(M1, "n1", "mac-map"), identity(M9, "n1")])
    assert found.by_nic["eth0", M9].strength.value == "doubtful"
    assert [(conflict.node, conflict.nics) for conflict in found.conflicts] == [("n1", (("eth0", M9),))]


def test_an_old_report_of_a_host_is_not_certain():
    old = replace(identity(M1, "n1", "mac-map", listed=False), rank=SourceRank.OTHER_FILE)
    assert run([(VIP, M1)], [old]).by_nic["eth0", M1].strength.value == "doubtful"
    assert run([(VIP, M1), (N1, M1)], [old, identity(M1, "n1")]).by_nic["eth0", M1].strength.value == "heard"


def test_what_another_host_saw_once_is_a_hint_and_no_owner():
    seen = replace(identity(M1, "n1", "mac-map", listed=False), rank=SourceRank.SEEN)
    owner = run([(VIP, M1)], [seen]).by_nic["eth0", M1]
    assert (owner.node, owner.strength.value, owner.seen_at, owner.identities) == (None, "none", "n1", ())
    assert "n1" in owner.label
    for known in (identity(M1, "n1"), identity(M1, "n2"), identity(M1, "n2", "mac-map")):
        owner = run([(VIP, M1)], [seen, known]).by_nic["eth0", M1]
        assert (owner.node, owner.seen_at, owner.identities) == (known.node, "", (known,))
    other = replace(seen, node="n2")
    assert run([(VIP, M1)], [seen, other]).by_nic["eth0", M1].seen_at == "", "it was seen at two nodes' addresses"


def test_no_conflict_where_others_answer_for_the_address_by_right():
    """It is a Service's too, and its node has another here; or who answers it answers for all Services."""
    two = [(N1, M1), (N1, M9)]
    assert run(two, [identity(M1, "n1"), identity(M9, "n1")], shared=[N1]).conflicts
    assert not run([*two, (VIP, M1), (VIP, M9)], [], shared=[N1], canary=VIP).conflicts


def test_what_a_proxy_answered_to_one_sender_is_no_conflict():
    assert not run([(N1, M1), (N1, M9)], KNOWN[:1], proxies=[M9]).conflicts


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


def test_a_tunnel_owns_nothing():
    assert owned([(VIP, M1)], [identity(M1, "n1", "mac-map")], overlays={M1: "flannel's tunnel on n1"})[M1].node is None
    assert owned([(VIP, M1)], [], overlays={M1: "flannel's tunnel on n1"})[M1].label == "flannel's tunnel on n1"


def test_a_node_may_be_a_proxy_too():
    """What it answers to another sender is its own."""
    found = owned([(VIP, M1)], [identity(M1, "n1")], proxies=[M1])[M1]
    assert (found.node, found.proxied) == ("n1", frozenset({ZERO}))


def test_a_prefix_is_told_of_a_mac_that_is_no_known_nodes():
    found = owned([*BOTH, (VIP, M9)], KNOWN)
    assert (found[M1].label, found[M9].label) == ("", f"vendor of {M9}")


def test_a_mac_at_the_address_of_a_node_whose_list_does_not_hold_may_be_that_node():
    """Two nodes with one MAC, and a list from before one of them was replaced."""
    lists = identity(M1, "n1", "mac-map"), identity(Mac("02:00:00:00:00:77"), "n2", "mac-map")
    heard = [(N1, M1), (N2, M1), (N2, M9)], [*lists, identity(M1, "n1"), identity(M9, "n2")]
    assert {one.node for one in owned(*heard)[M1].identities} == {"n1", "n2"}
    holds = identity(M1, "n1", "mac-map"), identity(M2, "n2", "mac-map")
    heard = [(N1, M1), (N2, M1), (N2, M2)], [*holds, identity(M1, "n1"), identity(M2, "n2")]
    assert {one.node for one in owned(*heard)[M1].identities} == {"n1"}
