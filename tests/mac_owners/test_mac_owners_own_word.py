"""node_ip: what a MAC repeats when it is asked alone, against what was answered in its name."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from mac_owners_world import M1, M2, M3, N1, N2, N3, ZERO, asked, cluster, evidence, heard
from mac_owners_world import service as a_service

from arpcheck.mac_owners import node_ip
from arpcheck.model import Loss, Mac, Question, Reply

CANARY = "10.96.0.1"
SERVICES = [a_service("web", "10.0.0.50", cluster_ip=CANARY)]
BORROWED = [*heard(N1, M3), *heard(N2, M2), *heard(N3, M3)]
"""Somebody answered for node1 with node3's MAC."""


def alone(mac: Mac, *ips: str, times: int = 2) -> list[Question]:
    return [Question(9.0, "eth0", 4, IPv4Address(ip), ZERO, mac) for ip in ips for _ in range(times)]


def repeated(mac: Mac, *ips: str) -> list[Reply]:
    return [Reply(9.1, "eth0", 4, IPv4Address(ip), ZERO, mac, mac, mac, 0.2) for ip in ips]


ASKED = [*alone(M3, N1, N3), *alone(M3, CANARY, times=1)]


@pytest.mark.parametrize(
    ("questions", "replies", "owner"),
    [
        pytest.param([], [], None, id="not asked alone: in doubt"),
        pytest.param(ASKED, repeated(M3, N3), "node3", id="it repeats one node's alone"),
        pytest.param(ASKED, repeated(M3, N1), "node1", id="it repeats the other's alone"),
        pytest.param(ASKED, repeated(M3, N1, N3), None, id="it repeats both"),
        pytest.param(ASKED, [], None, id="it is silent: perhaps it never heard"),
        pytest.param(ASKED, heard(N1, M1), "node3", id="it is silent, and what was heard is told apart without it"),
        pytest.param([replace(q, interface="eth1") for q in ASKED], repeated(M3, N3), None, id="asked alone on another segment"),
        pytest.param([*alone(M3, N1, N3, times=1), *alone(M3, CANARY)], repeated(M3, N3), None, id="asked only once"),
        pytest.param([*alone(M3, N3), *alone(M3, CANARY)], repeated(M3, N3), None, id="not asked for all"),
        pytest.param(alone(M3, N1, N3), repeated(M3, N3), None, id="not asked the canary: may be non-strict"),
        pytest.param(ASKED, repeated(M3, N3, CANARY), None, id="it answers the canary: non-strict, and proves nothing"),
        pytest.param(ASKED, [*repeated(M3, N3), *heard(CANARY, M3)], None, id="it answered the canary's broadcast"),
        pytest.param([*ASKED, *asked("10.0.0.50")], [*repeated(M3, N3), *heard("10.0.0.50", M3)], "node3",
                     id="it announces a Service: no canary"),
        pytest.param([*alone(M1, N1, N3), *alone(M3, CANARY)], [], None, id="another was asked"),
    ],
)  # fmt: skip
def test_a_mac_s_own_word(questions: list[Question], replies: list[Reply], owner: str | None) -> None:
    given = evidence(cluster(services=SERVICES), [*BORROWED, *replies], questions)
    for one in (given, replace(given, questions=given.questions[::-1], replies=given.replies[::-1])):
        found = {identity.mac: identity.node for identity in node_ip.identities(one)}
        assert (found.get(M3), found[M2]) == (owner, "node2")


@pytest.mark.parametrize(
    ("shared", "questions", "owner"),
    [
        pytest.param(N3, ASKED, "node3", id="its own, which it repeats: no canary that it answers"),
        pytest.param(
            N2, [*alone(M3, N1, N2, N3)], None, id="another's, which it does not repeat: no canary that it is silent for"
        ),
    ],
)
def test_a_node_s_address_that_is_a_service_s_too_is_no_canary(
    shared: str, questions: list[Question], owner: str | None
) -> None:
    objects = cluster(services=[*SERVICES, a_service("lb", shared)])
    claims = node_ip.identities(evidence(objects, [*BORROWED, *repeated(M3, N3)], questions))
    found = {identity.mac: identity.node for identity in claims}
    assert (found.get(M3), found[M2]) == (owner, "node2")


def test_what_it_repeats_on_another_segment_is_said_there() -> None:
    given = evidence(
        cluster(services=SERVICES), [*BORROWED, *(replace(reply, interface="eth1") for reply in repeated(M3, N3))], ASKED
    )
    assert [identity.interface for identity in node_ip.identities(given) if identity.mac == M3] == ["eth1"]


@pytest.mark.parametrize(("interface", "owner"), [("eth0", None), ("eth1", "node3")])
def test_where_frames_were_lost_silence_means_nothing(interface: str, owner: str | None) -> None:
    given = evidence(cluster(services=SERVICES), [*BORROWED, *repeated(M3, N3)], ASKED)
    lossy = replace(given, losses=(Loss(interface=interface, rounds=(4,), frames=1),))
    assert {identity.mac: identity.node for identity in node_ip.identities(lossy)}.get(M3) == owner


def test_a_mac_that_answers_for_a_node_only_when_it_is_asked_alone_is_that_node_s() -> None:
    """A switch kept the broadcast from its second NIC."""
    given = evidence(cluster(services=SERVICES), [*heard(N1, M1), *heard("10.0.0.50", M3), *repeated(M3, N1)], alone(M3, N1))
    assert {identity.mac: identity.node for identity in node_ip.identities(given)} == {M1: "node1", M3: "node1"}
