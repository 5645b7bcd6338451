"""Findings about the load balancers, rule by rule, with the words that an operator reads."""

from dataclasses import replace
from datetime import timedelta

import pytest
from judge_cases import IP, NOW, because, case, claim, finding, judged, mac, party

from arpcheck.model import Announcement, Strength, Trust

A, B, C = (party(number, 1, 2, 3, node=name) for number, name in ((1, "a"), (2, "b"), (3, "c")))
OTHERS = [party(ord(name), 1, node=name) for name in "febdc"]
STRANGER = party(9, 1, 2, 3)
POD = party(7, 1, 2, 3, foreign=True, named="kube-vip.io/hwaddr")
OLD = claim("a", Trust.STALE)
DATED = replace(OLD, observed_at=NOW - timedelta(hours=3))
RECORD = "10.0.0.50: ServiceL2Status metallb-system/l2-a"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(case(B, claims=(OLD,)), [f"{RECORD} names a, but b replied"], id="another answered"),
        pytest.param(
            case(B, claims=(DATED,)), [f"{RECORD} of 2026-03-01 09:00 UTC names a, but b replied"], id="with its time"
        ),
        pytest.param(
            case(*OTHERS, claims=(OLD,)), [f"{RECORD} names a, but b and c and d and e and f replied"], id="several others"
        ),
        pytest.param(
            case(B, claims=(OLD, claim("b", Trust.STALE))), [f"{RECORD} names a, but b replied"], id="one of two old records"
        ),
        pytest.param(case(A, claims=(OLD,)), [], id="the same answered"),
        pytest.param(case(claims=(OLD,)), [], id="nobody answered"),
        pytest.param(case(STRANGER, claims=(OLD,)), [], id="who answered is not known"),
        pytest.param(case(B, announcers="b", claims=(claim("b"), OLD)), [], id="a current record names who answered"),
        pytest.param(case(B, claims=(claim("a", Trust.GUESS),)), [], id="a guess is no record"),
    ],
)
def test_an_old_record_that_the_wire_contradicts(made, said):
    found = finding("stale-claim", judged(made))
    assert list(because("stale-claim", judged(made))) == said
    assert found is None or (found.nodes, found.ips) == (("a",), (IP,))


def test_two_controllers_are_named_with_how_each_is_recognised():
    said = [
        Announcement(implementation=name, because=f"record of {name}", order=5) for name in ("metallb", "kube-vip", "cilium")
    ]
    made = case(A, announcements=tuple(said), rivals=("kube-vip", "metallb"))
    found = finding("two-controllers", judged(made, case(B)))
    assert (found.because, found.ips) == (
        ("10.0.0.50 (web/a): kube-vip by record of kube-vip, metallb by record of metallb",), (IP,),
    )  # fmt: skip
    assert finding("two-controllers", judged(case(A, announcements=tuple(said)))) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(case(A, B), ["a and b replied in one round for 10.0.0.50"], id="two nodes"),
        pytest.param(
            case(A, B, C, non_strict="c", announcers="a"),
            ["a and b replied in one round for 10.0.0.50"],
            id="beside one without strict ARP",
        ),
        pytest.param(case(A, B, non_strict="b", announcers="a"), [], id="strict ARP would help"),
        pytest.param(
            case(A, B, non_strict="b", announcers="ab"),
            ["a and b replied in one round for 10.0.0.50"],
            id="two announcers, one without strict ARP",
        ),
        pytest.param(
            case(A, POD),
            [f"a and {mac(7)} (kube-vip.io/hwaddr) replied in one round for 10.0.0.50"],
            id="a node beside the MAC that the Service names",
        ),
        pytest.param(case(A, POD, non_strict="a"), [], id="such a MAC beside a node without strict ARP"),
        pytest.param(
            case(A, STRANGER, external=True),
            [f"a and {mac(9)} replied in one round for 10.0.0.50"],
            id="a node beside an appliance that serves the address",
        ),
        pytest.param(case(A, STRANGER), [], id="a node beside nobody knows whom"),
        pytest.param(case(A, party(9, 1, 2, 3, foreign=True)), [], id="a node beside a stranger"),
    ],
)
def test_two_announcers_at_once(made, said):
    assert list(because("split-announcers", judged(made))) == said


def test_a_node_that_one_of_them_may_not_be_is_no_node_of_the_finding():
    doubtful = party(4, 1, 2, 3, node="d", strength=Strength.DOUBTFUL)
    found = finding("split-announcers", judged(case(A, doubtful)))
    assert (found.nodes, "d, not certain" in found.because[0]) == (("a",), True)
