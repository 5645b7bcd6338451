"""Addresses without a reply, grouped by their first reason: what is in a group, which comes first, and when it is a finding."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from judge_cases import case, finding, judged, party

from arpcheck.judge.findings.silences import silent_groups
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.judge.reasons import explained
from arpcheck.model import Certainty, Kind, Outcome, Reason, ReasonId, Severity, Target, Verdict

BASE = IPv4Address("10.0.0.50")


def because_of(subject: str, id_: ReasonId = ReasonId.NO_READY_ENDPOINT, certainty: Certainty = Certainty.SURE) -> Reason:
    return Reason(id=id_, subject=subject, evidence="it has none", certainty=certainty, implementation="metallb")


def judgement(number: int, *found: Reason, verdict: Verdict = Verdict.SILENT, parties: tuple[object, ...] = ()) -> Judgement:
    one = replace(case(*parties), target=Target(ip=BASE + number, kind=Kind.LOAD_BALANCER, services=("web/a",)))
    return Judgement(case=one, verdict=verdict, reason="", reasons=explained(found, verdict, str(BASE + number)))


def run(*judgements: Judgement) -> Judged:
    made: Judged = judged(targets=tuple(one.case.target for one in judgements), judgements=judgements)
    return made


def endpoints(count: int, start: int = 0) -> list[Judgement]:
    return [judgement(number, because_of(f"Service web/s{number}")) for number in range(start, start + count)]


def test_one_line_and_one_cure_for_all_addresses_of_a_reason() -> None:
    found = finding("why-silent", run(*endpoints(5), judgement(9, because_of("Service web/x", ReasonId.NO_ADVERTISEMENT))))
    assert (found.severity, found.outcome) == (Severity.INFO, Outcome.FINE)
    assert found.ips == tuple(BASE + number for number in (0, 1, 2, 3, 4, 9))
    assert [line.partition(":")[0] for line in found.because] == ["no-ready-endpoint", "no-advertisement"]
    assert "10.0.0.50, 10.0.0.51, 10.0.0.52, 10.0.0.53, 10.0.0.54: " in found.because[0]
    assert "Service web/s0, Service web/s1, Service web/s2 and 2 more, each: it has none" in found.because[0]
    assert [step.partition(":")[0] for step in found.do[:2]] == ["no-ready-endpoint", "no-advertisement"]
    assert len(found.do) == 3


def test_a_cure_names_the_service_where_all_have_the_same() -> None:
    same = [judgement(number, because_of("Service web/shop")) for number in range(2)]
    assert "-n web get endpointslices -l kubernetes.io/service-name=shop " in silent_groups(same)[0].do
    assert "-n NAMESPACE get endpointslices -l kubernetes.io/service-name=NAME " in silent_groups(endpoints(2))[0].do


def test_the_surest_comes_first_then_the_largest_and_at_the_end_what_nothing_explains() -> None:
    likely = because_of("Service web/l", ReasonId.NO_RECORD, Certainty.LIKELY)
    found = silent_groups(
        [
            *(judgement(number) for number in range(20, 26)),
            *(judgement(number, likely) for number in range(10, 15)),
            judgement(0, because_of("Service web/b", ReasonId.NO_ADVERTISEMENT)),
            *endpoints(2, start=1),
        ]
    )
    assert [(group.first.id, len(group.ips)) for group in found] == [
        (ReasonId.NO_READY_ENDPOINT, 2),
        (ReasonId.NO_ADVERTISEMENT, 1),
        (ReasonId.NO_RECORD, 5),
        (ReasonId.UNEXPLAINED, 6),
    ]


def test_a_reason_that_is_not_sure_says_so() -> None:
    doubt = [judgement(n, because_of("Service web/a", certainty=Certainty.LIKELY)) for n in range(2)]
    assert finding("why-silent", run(*doubt)).because[0].startswith("no-ready-endpoint (likely): ")


@pytest.mark.parametrize(
    ("judgements", "counts"),
    [
        pytest.param(endpoints(1), False, id="one address"),
        pytest.param([judgement(0), judgement(1)], False, id="nothing explains them"),
        pytest.param([judgement(0), *endpoints(1, start=1)], True, id="one of two is explained"),
        pytest.param([judgement(n, because_of("a", ReasonId.BROADCAST_FILTERED)) for n in range(3)], False, id="filtered"),
        pytest.param(
            [judgement(n, because_of("Service web/a"), verdict=Verdict.INCONCLUSIVE) for n in range(2)], True, id="in doubt"
        ),
        pytest.param(
            [
                judgement(n, because_of("a", ReasonId.NODE_DOWN), verdict=Verdict.WRONG_NODE, parties=(party(1, 1, node="b"),))
                for n in range(2)
            ],
            False,
            id="a node replied",
        ),
    ],
)  # fmt: skip
def test_when_it_is_a_finding(judgements: list[Judgement], counts: bool) -> None:
    assert (finding("why-silent", run(*judgements)) is not None) is counts
