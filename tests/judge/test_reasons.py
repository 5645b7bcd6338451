"""Which of the reasons that were found explain a verdict, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arpcheck.judge.reasons import TEXTS, explained, said
from arpcheck.model import Certainty, Reason, ReasonId, Verdict


def reason(id_: ReasonId, certainty: Certainty = Certainty.SURE) -> Reason:
    return Reason(id=id_, subject="Service shop/web", evidence="x", certainty=certainty)


def ids(*found: Reason, verdict: Verdict = Verdict.SILENT) -> list[ReasonId]:
    return [one.id for one in explained(found, verdict, "10.0.0.50")]


def test_every_reason_has_a_text_and_a_cure_in_the_order_of_the_ids() -> None:
    assert [row.id for row in TEXTS] == list(ReasonId)
    assert all(row.means and row.cure(None) for row in TEXTS)


def test_the_surest_comes_first_and_each_once() -> None:
    odd = reason(ReasonId.INTERFACE_MISMATCH, Certainty.POSSIBLE)
    assert ids(odd, reason(ReasonId.NO_RECORD, Certainty.LIKELY), reason(ReasonId.NO_ADVERTISEMENT), odd) == [
        ReasonId.NO_ADVERTISEMENT,
        ReasonId.NO_RECORD,
        ReasonId.INTERFACE_MISMATCH,
    ]


@pytest.mark.parametrize("verdict", [Verdict.WRONG_NODE, Verdict.DUPLICATE, Verdict.MOVED])
def test_where_a_node_replied_what_explains_silence_is_no_reason(verdict: Verdict) -> None:
    found = reason(ReasonId.NO_READY_ENDPOINT), reason(ReasonId.TWO_ANNOUNCERS)
    assert ids(*found, verdict=verdict) == [ReasonId.TWO_ANNOUNCERS]
    assert ids(*found) == [ReasonId.NO_READY_ENDPOINT]


def test_silence_that_nothing_explains_says_so_before_what_is_only_odd() -> None:
    odd = reason(ReasonId.INTERFACE_MISMATCH, Certainty.POSSIBLE)
    assert ids() == [ReasonId.UNEXPLAINED]
    assert ids(odd) == [ReasonId.UNEXPLAINED, ReasonId.INTERFACE_MISMATCH]
    assert ids(verdict=Verdict.WRONG_NODE) == []
    assert ids(verdict=Verdict.INCONCLUSIVE) == []
    assert said(explained([odd], Verdict.SILENT, "10.0.0.50")) == ""
    assert said(explained([odd, reason(ReasonId.NO_RECORD)], Verdict.SILENT)) == "Service shop/web: x"


def test_a_cure_names_the_service() -> None:
    [found] = explained([reason(ReasonId.NO_READY_ENDPOINT)], Verdict.SILENT)
    assert "kubectl -n shop get endpointslices -l kubernetes.io/service-name=web " in found.do
    hostile = replace(reason(ReasonId.NO_READY_ENDPOINT), subject="Service shop/$(reboot)")
    assert "service-name='$(reboot)' " in explained([hostile], Verdict.SILENT)[0].do
