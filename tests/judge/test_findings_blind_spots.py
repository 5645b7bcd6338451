"""Findings about what could not be seen, rule by rule, with the words that an operator reads."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from judge_cases import CANARY, IP, because, case, finding, judged, judgement, observations, party

from arpcheck.judge.acceptance import Acceptances
from arpcheck.model import Gap, Loss, Overflow, Skip, Target
from arpcheck.pipeline.explaining import without_own_sender

A = party(1, 1, 2, 3, node="a")
OTHER = IPv4Address("10.0.0.51")


def lost(interface, *rounds, frames=5):
    return Loss(interface=interface, rounds=rounds, frames=frames)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        pytest.param([lost("eth0", 1, 3)], ["5 frames on eth0, rounds 1, 3"], id="in two rounds"),
        pytest.param([lost("eth0")], ["5 frames on eth0, before the first request"], id="in none"),
        pytest.param(
            [lost("eth0", 1), lost("eth1", 2)],
            ["5 frames on eth0, round 1", "5 frames on eth1, round 2"],
            id="on two interfaces",
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_frames_that_the_kernel_dropped(losses, said):
    assert list(because("frames-lost", judged(case(A), losses=tuple(losses)))) == said


def test_the_addresses_of_which_something_was_lost():
    """A frame lost in its round, or an answer that was not kept: either is enough."""
    made = [case(A, ip=IP, lost=True), case(A, ip=OTHER, excess=1), case(A, ip=IPv4Address("10.0.0.52"))]
    assert finding("frames-lost", judged(*made, losses=(lost("eth0", 1),))).ips == (IP, OTHER)


@pytest.mark.parametrize(
    ("count", "more"),
    [
        (8, []),
        (9, ["9 replies for 1 other address were not kept"]),
        (10, ["19 replies for 2 other addresses were not kept"]),
    ],
)
def test_answers_that_were_not_kept_are_named_up_to_a_number(count, more):
    flooded = [case(A, ip=IPv4Address(f"10.0.1.{n}"), excess=n) for n in range(1, count + 1)]
    assert list(because("frames-lost", judged(*flooded))) == [
        "1 reply for 10.0.1.1 was not kept",
        *(f"{n} replies for 10.0.1.{n} were not kept" for n in range(2, 9)),
        *more,
    ]


def test_answers_for_the_canary_that_were_not_kept():
    run = judged(case(A), observations=observations(overflows=(Overflow(ip=CANARY, replies=3),)))
    assert because("frames-lost", run) == (f"3 replies for the canary {CANARY} were not kept",)


def test_what_neighbour_discovery_resolves_is_not_checked():
    addresses = [IPv6Address("2001:db8::2"), IPv6Address("2001:db8::1")]
    targets = [Target(ip=ip, kind="load-balancer", services=("web/a",), skipped="IPv6", skips=Skip.IPV6) for ip in addresses]
    pending = Target(ip=None, kind="load-balancer", services=("web/b",), skipped="no address", skips=Skip.PENDING)
    found = finding("ipv6-not-checked", judged(*(case(target=target) for target in (*targets, pending)), case(A)))
    assert (found.because, found.ips) == (("2 IPv6 addresses were not probed",), tuple(sorted(addresses)))
    assert finding("ipv6-not-checked", judged(case(target=pending), case(A))) is None


def test_a_gap_is_said_with_its_reason():
    gaps = tuple(
        Gap(what=what, why=why, costs="x") for what, why in (("pods", "forbidden"), ("canary", "the run ended before"))
    )
    assert because("gap", judged(case(A), gaps=gaps)) == ("pods: forbidden", "canary: the run ended before")
    assert finding("gap", judged(case(A))) is None


def test_an_address_of_the_asking_node_that_is_fine_was_asked_in_a_way_in_which_a_proxy_stays_silent():
    """Its second NIC was heard; where nothing was, the verdict says why."""
    heard = case(party(2, 1, 2, 3, node="b"), announcers="b", held_by={"b": "eth0"}, own_sender=False)
    deaf = case(announcers="b", held_by={"b": "eth0"}, blind={"b"}, own_sender=False)
    found = [[gap.what for gap in without_own_sender([judgement(one, Acceptances())])] for one in (heard, deaf)]
    assert found == [["sender"], []]
