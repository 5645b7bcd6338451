from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import permutations

import pytest
from mac_owners_world import CONTROL, M1, M2, M3, M4, N1, N2, N3, OWN, PROBER, START, THREE, asked, cluster, evidence, heard
from mac_owners_world import node as a_node
from mac_owners_world import service as a_service

from arpcheck.evidence import Evidence
from arpcheck.mac_owners import node_ip
from arpcheck.mac_owners.devices import control_addresses, proxies
from arpcheck.mac_owners.node_ip import owners
from arpcheck.model import Host, Identity, Interface, Loss, Mac, Overflow, SourceRank

MINE = Interface(name="eth0", mac=OWN, addresses=(f"{N1}/24",))
IPVS = Interface(name="kube-ipvs0", mac=Mac("02:00:00:00:00:99"), addresses=(f"{N1}/32", f"{N2}/32", f"{N3}/32"), up=False)

CROWD = [Mac.from_bytes(bytes((2, 0xBB, 0, 0, 0, number))) for number in range(8)]


def found(given: Evidence) -> dict[Mac, str]:
    return {identity.mac: identity.node for identity in node_ip.identities(given)}


def noted(ip: str) -> dict[str, object]:
    """node1 with an address that only an annotation has."""
    return a_node("node1", N1, annotations={"flannel.alpha.coreos.com/public-ip": ip})


def servicelb(*ips: str) -> object:
    return cluster(services=[a_service("traefik", *ips)])


@pytest.mark.parametrize(
    ("objects", "answers", "owners"),
    [
        pytest.param(cluster(), {N1: [M1], N2: [M2], N3: [M3]}, {M1: "node1", M2: "node2", M3: "node3"}, id="each its own"),
        pytest.param(cluster(), {N1: [M1, M4], N2: [M2]}, {M1: "node1", M4: "node1", M2: "node2"},
                     id="flux: two NICs, one node"),
        pytest.param(cluster(), {}, {}, id="nobody answered"),
        pytest.param(cluster(), {"10.0.0.99": [M1]}, {}, id="an address of no node"),
        pytest.param(cluster(), {N1: [M1, M2], N2: [M2]}, {M1: "node1", M2: "node2"}, id="several: the one it has alone"),
        pytest.param(cluster(), {N1: [M1], N2: [M1]}, {}, id="several, alone for both: none"),
        pytest.param(cluster(), {N1: [M1, M2], N2: [M1, M2]}, {}, id="several, alone for none: none"),
        pytest.param(
            cluster(), {N1: [M1, M4], N2: [M2], N3: [M3, M4]}, {M1: "node1", M2: "node2", M3: "node3"},
            id="a stranger on two nodes' addresses is nobody's",
        ),
        pytest.param(
            cluster(), {N1: [M1, M4], N2: [M2]}, {M1: "node1", M4: "node1", M2: "node2"},
            id="a stranger on one node's address can't be told from flux",
        ),
        pytest.param(
            cluster(), {N1: [M1, *CROWD[1:]], N2: [M2]}, {M1: "node1", M2: "node2", **dict.fromkeys(CROWD[1:], "node1")},
            id="as many NICs as a node may have",
        ),
        pytest.param(cluster(), {N1: [M1, *CROWD], N2: [M2]}, {M2: "node2"}, id="a crowd of forged senders is nobody"),
        pytest.param(
            servicelb(N1), {N1: [M1, M4], N2: [M2], N3: [M3]}, {M2: "node2", M3: "node3"},
            id="a stranger on an address that is also a Service's: no evidence",
        ),
        pytest.param(
            servicelb(N1), {N1: [M1, M2, M3], N2: [M2], N3: [M3]}, {M1: "node1", M2: "node2", M3: "node3"},
            id="ServiceLB on one node, all non-strict: the others are taken away",
        ),
        pytest.param(
            servicelb(N1), {N1: [M1, M2, M3], N2: [M2]}, {M2: "node2"},
            id="ServiceLB, node3 silent for itself: two are left",
        ),
        pytest.param(
            servicelb(N1), {N1: [M2], N2: [M2]}, {M2: "node2"},
            id="ServiceLB, node1 silent: a non-strict node alone on its address stays itself",
        ),
        pytest.param(
            servicelb(N1, N2, N3), {N1: [M1, M2, M3], N2: [M1, M2, M3], N3: [M1, M2, M3]}, {},
            id="ServiceLB everywhere, all non-strict: nothing is known",
        ),
        pytest.param(
            servicelb(N1, N2, N3), {N1: [M1], N2: [M2], N3: [M3]}, {M1: "node1", M2: "node2", M3: "node3"},
            id="ServiceLB everywhere, all strict",
        ),
        pytest.param(
            servicelb(N1, N2, N3), {N1: [M1, M2], N2: [M2], N3: [M2, M3]}, {M1: "node1", M2: "node2", M3: "node3"},
            id="ServiceLB everywhere, one non-strict: its own address gives it away",
        ),
        pytest.param(
            servicelb(N1, N2), {N1: [M1], N2: [M1]}, {}, id="ServiceLB, one MAC alone on two addresses: could be either",
        ),
        pytest.param(
            cluster(gaps=["services"]), {N1: [M1, M4], N2: [M2]}, {M2: "node2"},
            id="Services not readable: any address could be one's",
        ),
        pytest.param(
            cluster([a_node("old", N1), a_node("node1", N1)]), {N1: [M1]}, {}, id="one address in two Nodes",
        ),
        pytest.param(
            cluster([a_node("node1", N1, annotations={"projectcalico.org/IPv4Address": "172.20.5.1"}), a_node("node2", N2)]),
            {N2: [M2], "172.20.5.1": [M1]}, {M1: "node1", M2: "node2"}, id="an address that only an annotation has",
        ),
        pytest.param(
            cluster([a_node("node1", N1, annotations={"k8s.ovn.org/host-cidrs": '["10.0.0.100/32"]'}), a_node("node2", N2)]),
            {N1: [M1], N2: [M2], "10.0.0.100": [M2]}, {M1: "node1", M2: "node2"},
            id="an address that moved since it was written down: the status counts",
        ),
        pytest.param(
            cluster(), {N1: [Mac("01:00:5e:00:00:01"), Mac("ff:ff:ff:ff:ff:ff"), Mac("00:00:00:00:00:00")]}, {},
            id="group addresses and zero are no station's",
        ),
        pytest.param(cluster(), {N1: [M1, Mac("00:00:5e:00:01:07")]}, {M1: "node1"}, id="VRRP is never one node's"),
        pytest.param(cluster(), {N1: [M1, Mac("ee:ee:ee:ee:ee:ee")]}, {M1: "node1"}, id="Calico's pod end is never a NIC"),
        pytest.param(cluster(), {N1: [OWN], N2: [M2]}, {M2: "node2"}, id="the prober's own MAC never counts"),
    ],
)  # fmt: skip
def test_owner_by_the_wire(objects, answers, owners):
    replies = [reply for ip, macs in answers.items() for reply in heard(ip, *macs)]
    turned = [replies[n:] + replies[:n] for n in range(len(replies))]
    orders = permutations(replies) if len(replies) <= 5 else [*turned, *(order[::-1] for order in turned)]
    assert all(found(evidence(objects, order)) == owners for order in [replies, *orders])


def test_a_claim_says_where_it_was_heard():
    given = evidence(replies=[*heard("10.0.0.11", M1), *heard("10.0.0.11", M1)])
    assert list(node_ip.identities(given)) == [
        Identity(
            mac=M1,
            node="node1",
            source="node-ip",
            detail="10.0.0.11",
            interface="eth0",
            observed_at=START,
            rank=SourceRank.WIRE,
        )
    ]


def test_a_claim_names_the_addresses_in_their_order():
    ips = [f"10.0.0.{n}" for n in (9, 20, 30, 100, 110, 120, 200)]
    given = evidence(cluster([a_node("node1", *reversed(ips))]), [reply for ip in reversed(ips) for reply in heard(ip, M1)])
    assert [identity.detail for identity in node_ip.identities(given)] == [", ".join(ips)]


def test_segments_are_judged_apart():
    """On eth0 node1's address has two MACs, which there are both its own; on eth1 each is told apart."""
    given = evidence(
        servicelb(N1),
        [*heard(N1, M1, M2), *heard(N1, M3, interface="eth1"), *heard(N2, M2, interface="eth1")],
        interfaces=("eth0", "eth1"),
    )
    claims = {(i.mac, i.interface): i.node for i in node_ip.identities(given)}
    assert claims == {(M3, "eth1"): "node1", (M2, "eth1"): "node2"}


@pytest.mark.parametrize("host", [Host(interfaces=(MINE, IPVS)), Host(interfaces=(IPVS, MINE))])
def test_an_address_of_this_host_is_no_evidence_and_what_kube_ipvs0_holds_is(host):
    """The prober is node1 and non-strict like node2: it can't hear its own answer, so node2 seems alone on N1."""
    given = evidence(servicelb(N1, N2, N3), [*heard(N1, M2), *heard(N2, M2), *heard(N3, M2, M3)], host=host)
    assert found(given) == {M2: "node2", M3: "node3"}


ALL = asked(N1, N2, N3, CONTROL)
OWN_ALL = asked(N1, N2, N3, CONTROL, sender=PROBER)


@pytest.mark.parametrize(
    ("questions", "replies", "expected"),
    [
        pytest.param(ALL, [*heard(N1, M1, M4), *heard(CONTROL, M4)], {M4}, id="by control"),
        pytest.param([*ALL, *OWN_ALL], heard(CONTROL, M4, sender=PROBER), {M4}, id="by control, own sender only"),
        pytest.param(ALL[:3], heard(CONTROL, M4), set(), id="control was not asked"),
        pytest.param(
            [*ALL, *OWN_ALL], [*heard(N1, M4, sender=PROBER), *heard(N2, M4, sender=PROBER)], {M4},
            id="two nodes by own sender, none by zero",
        ),
        pytest.param(
            [*ALL, *OWN_ALL], [*heard(N1, M4, sender=PROBER), *heard(N2, M4, sender=PROBER), *heard(N1, M4)], set(),
            id="one of them by zero too",
        ),
        pytest.param([*ALL, *OWN_ALL], heard(N1, M1, sender=PROBER), set(), id="one node's address only"),
        pytest.param(OWN_ALL, [*heard(N1, M4, sender=PROBER), *heard(N2, M4, sender=PROBER)], set(),
                     id="zero was not asked"),
        pytest.param(
            [*ALL, *OWN_ALL], [*heard(N1, M4, sender=PROBER), *heard(N2, M4, sender=PROBER, interface="eth1")], set(),
            id="on two segments one each",
        ),
    ],
)  # fmt: skip
def test_proxies(questions, replies, expected):
    for order in permutations(replies):
        given = evidence(questions=questions, replies=order)
        assert {mac for _, mac, _ in proxies(given)} == expected
        assert not expected & found(given).keys()


@pytest.mark.parametrize(
    ("lost", "replies", "expected"),
    [
        pytest.param([("eth0", (1,))], [*heard(N1, M1, M4), *heard(N2, M4)], {M1: "node1"}, id="its answer may be lost"),
        pytest.param([("eth0", (1,))], [*heard(N1, M1), *heard(N2, M4)], {M1: "node1", M4: "node2"}, id="one node's alone"),
        pytest.param([("eth0", (2,))], [*heard(N1, M1, M4), *heard(N2, M4)], {M1: "node1", M4: "node2"}, id="in another round"),
        pytest.param([("eth1", (1,))], [*heard(N1, M1, M4), *heard(N2, M4)], {M1: "node1", M4: "node2"}, id="elsewhere"),
        pytest.param([], [*heard(N1, M1, M4), *heard(N2, M4)], {M1: "node1", M4: "node2"}, id="nothing lost"),
    ],
)  # fmt: skip
def test_what_may_be_a_proxy_while_frames_were_lost_is_no_nodes(lost, replies, expected):
    losses = tuple(Loss(interface=interface, rounds=rounds, frames=1) for interface, rounds in lost)
    given = evidence(cluster(THREE[:2]), replies, ALL)
    assert found(replace(given, losses=losses)) == expected


def test_a_control_that_was_asked_again_without_loss_tells_proxies():
    again = tuple(replace(question, round=2) for question in asked(CONTROL))
    given = evidence(cluster(THREE[:2]), [*heard(N1, M1, M4), *heard(N2, M4)], (*ALL, *again))
    losses = (Loss(interface="eth0", rounds=(1,), frames=1),)
    assert found(replace(given, losses=losses)) == {M1: "node1", M4: "node2"}
    assert found(replace(given, losses=(*losses, Loss(interface="eth0", rounds=(2, 3), frames=1)))) == {M1: "node1"}


def test_loss_on_one_segment_makes_no_doubt_on_another():
    """M4 answered for two nodes on eth0; the control's answer may be lost on eth1 only."""
    replies = [*heard(N1, M1, M4), *heard(N2, M4), *heard(N1, M3, interface="eth1")]
    given = evidence(cluster(THREE[:2]), replies, (*ALL, *asked(CONTROL, interface="eth1")), interfaces=("eth0", "eth1"))
    for interface, expected in (("eth1", {M1: "node1", M4: "node2", M3: "node1"}), ("eth0", {M1: "node1", M3: "node1"})):
        assert found(replace(given, losses=(Loss(interface=interface, rounds=(1,), frames=1),))) == expected


def test_where_no_zero_sender_passes_a_node_that_holds_a_service_is_no_proxy():
    """A switch that drops 0.0.0.0 (dynamic ARP inspection): under ServiceLB a non-strict node answers for two nodes."""
    questions = [*ALL, *OWN_ALL]
    replies = [*heard(N1, M1, M2, sender=PROBER), *heard(N2, M2, sender=PROBER)]
    assert proxies(evidence(servicelb(N1, N2), replies, questions)) == set()
    assert {mac for _, mac, _ in proxies(evidence(servicelb(N1, N2), [*replies, *heard(N3, M3)], questions))} == {M2}


def test_the_leg_of_a_bond_that_holds_another_nodes_address_for_a_service_is_no_proxy():
    """balance-alb: the driver chooses the leg by the addresses, so that M4 answers node1's own and a Service's to one sender."""
    replies = [*heard(N3, M3), *heard(N1, M1), *heard(N1, M4, sender=PROBER), *heard(N2, M4, sender=PROBER)]
    assert proxies(evidence(servicelb(N2), replies, [*ALL, *OWN_ALL])) == set()
    replies += heard(N3, M4, sender=PROBER)
    assert {mac for _, mac, _ in proxies(evidence(servicelb(N2), replies, [*ALL, *OWN_ALL]))} == {M4}


def test_an_address_that_only_an_annotation_has_gives_a_proxy_away_too():
    questions = [*asked("172.20.5.1", N2, CONTROL), *asked("172.20.5.1", N2, CONTROL, sender=PROBER)]
    replies = [reply for ip in ("172.20.5.1", N2) for reply in heard(ip, M4, sender=PROBER)]
    objects = cluster([noted("172.20.5.1"), THREE[1]])
    assert {mac for _, mac, _ in proxies(evidence(objects, replies, questions))} == {M4}
    losses = (Loss(interface="eth0", rounds=(1,), frames=1),)
    plain = [*heard("172.20.5.1", M1, M4), *heard(N2, M4)]
    assert found(replace(evidence(objects, plain, questions), losses=losses)) == {M1: "node1"}
    assert found(evidence(objects, plain, questions)) == {M1: "node1", M4: "node2"}


def test_who_answers_for_another_node_s_address_of_a_service_may_be_no_proxy_though_frames_were_lost():
    """ServiceLB: node2 is non-strict, and node3 is silent."""
    given = evidence(servicelb(N1, N2), [*heard(N1, M1, M2), *heard(N2, M2)], ALL)
    assert found(replace(given, losses=(Loss(interface="eth0", rounds=(1,), frames=1),))) == {M1: "node1", M2: "node2"}


def host_with(name: str, address: str) -> Host:
    return Host(interfaces=(Interface(name=name, mac=OWN, addresses=(address,)),))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(evidence(questions=asked(CONTROL)), {CONTROL}, id="the usual one"),
        pytest.param(evidence(questions=asked("203.0.113.1")), {"203.0.113.1"}, id="the second"),
        pytest.param(evidence(questions=asked(CONTROL), ips=[CONTROL]), set(), id="asked for by the user"),
        pytest.param(evidence(cluster([a_node("n", CONTROL)]), questions=asked(CONTROL)), set(), id="a node's"),
        pytest.param(evidence(cluster([noted(CONTROL)]), questions=asked(CONTROL)), set(), id="a node's, in an annotation"),
        pytest.param(evidence(servicelb(CONTROL), questions=asked(CONTROL)), set(), id="a Service's"),
        pytest.param(
            evidence(questions=asked(CONTROL), host=host_with("eth0", "192.0.2.9/24")),
            set(), id="in a probed network",
        ),
        pytest.param(
            evidence(questions=asked(CONTROL), host=host_with("eth0", "192.0.2.9/24"), interfaces=()),
            set(), id="in a network, where no interface was named",
        ),
        pytest.param(
            evidence(questions=asked(CONTROL), host=host_with("eth9", "192.0.2.9/24")),
            {CONTROL}, id="in a network that is not probed",
        ),
        pytest.param(
            evidence(questions=asked(CONTROL), host=host_with("eth0", "bad")),
            {CONTROL}, id="an interface whose address is none",
        ),
    ],
)  # fmt: skip
def test_control_addresses(given, expected):
    assert {str(ip) for ip in control_addresses(given)} == expected


def test_an_address_for_which_replies_were_forged_says_nothing_of_its_node():
    given = evidence(cluster(), (*heard(N1, M1), *heard(N2, M2)))
    forged = replace(given, overflows=(Overflow(ip=IPv4Address(N1), replies=1),))
    assert found(forged) == {M2: "node2"}


def test_a_second_mac_for_an_address_that_is_a_service_s_too_is_not_its_node_s() -> None:
    """With the node's own MAC there are two for it: the other may be any node's that holds the Service's address."""
    own, shared = IPv4Address(N1), IPv4Address(N2)
    node = frozenset({"node1"})
    heard_of = {own: frozenset({M1}), shared: frozenset({M1, M2})}
    assert owners(heard_of, {own: node}, {}, {shared: node}) == {M1: "node1"}
    assert owners({shared: frozenset({M2})}, {own: node}, {}, {shared: node}) == {M2: "node1"}
