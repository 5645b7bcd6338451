"""The shipped alerts, evaluated by promtool on what `watch --serve` shows of reports, scrape by scrape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import promtool
import pytest
import yaml
from promtool import EVERY, failures, firing, never, scraped, scraped_as_text
from report_samples import CLEAN, node, responder, service

from arpcheck.commands.serving import Snapshot
from arpcheck.docs import file
from arpcheck.model import Accepted, Arp, NodeReport, Outcome, TargetReport, Verdict
from arpcheck.watch import outcome_of
from arpcheck.watch.state import Holding

pytestmark = pytest.mark.skipif(promtool.PROMTOOL is None, reason=promtool.MISSING)

START = datetime(1970, 1, 1, tzinfo=UTC)
"""promtool's clock begins there."""

K, D, S, W, N, F, P, U, M, X = (
    Verdict.OK, Verdict.DUPLICATE, Verdict.SILENT, Verdict.WRONG_NODE, Verdict.NON_STRICT, Verdict.FOREIGN, Verdict.PROXY_ARP,
    Verdict.INCONCLUSIVE, Verdict.MOVED, Verdict.NOT_PROBED,
)  # fmt: skip
HOURS = 3600 // EVERY
"""Scrapes."""


def address(verdict: Verdict, **more: object) -> TargetReport:
    replied = {
        Verdict.SILENT: (), Verdict.NOT_PROBED: (), Verdict.WRONG_NODE: (responder("worker-1"),),
        Verdict.FOREIGN: (responder(None), responder("worker-2", expected=True)),
        Verdict.DUPLICATE: (responder("worker-1"), responder("worker-2", expected=True)),
    }.get(verdict, (responder("worker-2", expected=True),))  # fmt: skip
    return replace(service("10.0.0.50", "web/nginx", verdict, "why", *replied, announcer="worker-2"), **more)  # type: ignore[arg-type]


class Vantage:
    """A watch that is scraped after each of its probes."""

    def __init__(self, name: str = "a") -> None:
        self.name, self.holding, self.probes = name, Holding(), 0

    def scrape(
        self, target: TargetReport, nodes: Sequence[NodeReport] = CLEAN.nodes, *, is_read: bool = True
    ) -> dict[str, float]:
        ended = START + timedelta(seconds=EVERY * self.probes)
        outcome = Outcome.FINE if target.accepted else target.outcome
        summary = replace(CLEAN.summary, exit_code=outcome.exit_code, verdicts={})
        report = replace(
            CLEAN,
            summary=summary,
            targets=(target,),
            nodes=tuple(nodes),
            run=replace(CLEAN.run, context="prod", ended_at=ended),
        )
        held = self.holding.held(report)
        self.probes += 1
        assert outcome_of(held) is not Outcome.NOT_JUDGED or held.judged is Outcome.NOT_JUDGED
        self.shown = Snapshot(
            report=held, known=self.holding.known, totals={}, probes={}, is_read=is_read, began_at=START, interval=EVERY
        )
        return scraped(self.shown, instance=self.name)


@pytest.mark.parametrize("verdict", Verdict)
def test_what_the_alerts_are_tried_on_is_what_a_scrape_reads(verdict: Verdict) -> None:
    vantage = Vantage()
    found = vantage.scrape(address(verdict), SELF)
    assert found == scraped_as_text(vantage.shown, instance=vantage.name) != {}


def scrapes(*verdicts: Verdict, **more: object) -> list[Mapping[str, float]]:
    vantage = Vantage()
    return [vantage.scrape(address(verdict), **more) for verdict in verdicts]  # type: ignore[arg-type]


def end(found: Sequence[object]) -> float:
    return EVERY * (len(found) - 1)


FAULTS = [
    (D, "LoadBalancerAddressDuplicate"), (N, "LoadBalancerAddressNonStrict"), (S, "LoadBalancerAddressSilent"),
    (W, "LoadBalancerAddressWrongNode"), (F, "LoadBalancerAddressForeign"), (P, "LoadBalancerAddressForeign"),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "alert"), FAULTS)
def test_a_fault_that_lasts_is_a_page_and_one_that_ends_is_not_any_more(verdict: Verdict, alert: str) -> None:
    found = scrapes(*[K] * 4, *[verdict] * 8, *[K] * 4)
    page = {"alertname": alert, "address": "10.0.0.50", "namespace": "web", "service": "nginx", "verdict": str(verdict)}
    tests = [firing(3 * EVERY), firing(6 * EVERY), firing(7 * EVERY, page), firing(11 * EVERY, page), firing(12 * EVERY)]
    assert failures(found, expressions=tests) == ""


def test_every_fault_has_an_alert() -> None:
    assert {verdict for verdict, _ in FAULTS} == {verdict for verdict in Verdict if verdict.outcome is Outcome.FAULT}


def test_it_names_the_nodes_and_for_how_long() -> None:
    found = scrapes(*[K] * 4, *[D] * 8)
    annotations = {
        "summary": "10.0.0.50 of web/nginx is duplicate (prod)",
        "description": "Replies from: worker-1 worker-2. Announced by: worker-2. For 2m 30s.",
        "runbook": "arpcheck explain duplicate",
    }
    labels = {
        "context": "prod", "address": "10.0.0.50", "namespace": "web", "service": "nginx", "verdict": "duplicate",
        "severity": "critical",
    }  # fmt: skip
    alert = {"eval_time": "300s", "alertname": "LoadBalancerAddressDuplicate"}
    assert failures(found, alerts=[{**alert, "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}]}]) == ""


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (S, "Replies from: nobody. Announced by: worker-2. For 2m 30s."),
        (F, "Replies from: no known node worker-2. Announced by: worker-2. For 2m 30s."),
    ],
)
def test_nobody_and_a_stranger_are_said_so(verdict: Verdict, words: str) -> None:
    found = scrapes(*[K] * 4, *[verdict] * 8)
    [alert] = [name for one, name in FAULTS if one is verdict]
    said = failures(found, alerts=[{"eval_time": "300s", "alertname": alert, "exp_alerts": []}])
    assert words in said


@pytest.mark.parametrize(
    "moments",
    [[D], [S], [W], [S, M], [S, U, M], [M, D, M], [D, K, D, K, D], [U, S, K], [S, K, S, M, K]],
    ids=lambda found: "-".join(map(str, found)),
)
def test_a_failover_is_no_page(moments: list[Verdict]) -> None:
    found = scrapes(*([K] * 6 + moments) * 10, *[K] * 6)
    assert failures(found, expressions=[never("critical", end(found)), never("warning", end(found))]) == ""


def test_an_accepted_fault_is_no_page() -> None:
    accepted = Accepted(reason="known", until=date(2026, 4, 1))
    vantage = Vantage()
    found = [vantage.scrape(address(D, accepted=accepted)) for _ in range(20)]
    found += [vantage.scrape(address(D)) for _ in range(8)]
    page = {"alertname": "LoadBalancerAddressDuplicate"}
    assert failures(found, expressions=[never("critical", 19 * EVERY), firing(end(found), page)]) == ""


def test_a_node_without_strict_arp_is_a_page_with_its_name() -> None:
    loud = (node("worker-1", Arp.NON_STRICT), node("worker-2"))
    found = [*scrapes(*[K] * 2), *scrapes(*[K] * 8, nodes=loud)]
    assert failures(found, expressions=[firing(end(found), {"alertname": "NodeWithoutStrictARP", "node": "worker-1"})]) == ""


# ----------------------------------------------------------------------------------------------------- several vantages


def both(number: int, *of_each: Callable[[Vantage], Mapping[str, float]]) -> list[Mapping[str, float]]:
    vantages = [Vantage(letter) for letter in "ab"[: len(of_each)]]
    return [
        {k: v for vantage, one in zip(vantages, of_each, strict=True) for k, v in one(vantage).items()}
        for _ in range(number)
    ]


SELF = (node("worker-1", Arp.SELF), node("worker-2"), node("worker-3"))
OTHER = (node("worker-1"), node("worker-2", Arp.SELF), node("worker-3"))


def test_what_one_vantage_can_not_decide_and_another_does_is_no_doubt() -> None:
    """Each is on a node: the addresses of its own node, and the node itself, it can't judge."""
    found = both(4 * HOURS, lambda a: a.scrape(address(U), SELF), lambda b: b.scrape(address(K), OTHER))
    assert failures(found, expressions=[never("critical", end(found)), never("warning", end(found))]) == ""


def test_what_none_decides_is_a_doubt_after_two_hours() -> None:
    found = both(3 * HOURS, lambda a: a.scrape(address(U), SELF), lambda b: b.scrape(address(X), SELF))
    doubts = ({"alertname": "LoadBalancerAddressUndecided"}, {"alertname": "NodeUndecided"}, {"alertname": "ArpcheckBlind"})
    assert failures(found, expressions=[firing(7000, doubts[2]), firing(end(found), *doubts)]) == ""


def test_an_address_that_no_vantage_judges_is_no_doubt_where_others_are_judged() -> None:
    """Such as one that BGP announces."""

    def scrape(vantage: Vantage) -> Mapping[str, float]:
        return vantage.scrape(address(X))

    found = both(3 * HOURS, scrape)
    others = [{**one, 'arpcheck_addresses{context="prod",outcome="fine",verdict="ok",instance="b"}': 1.0} for one in found]
    assert failures(others, expressions=[never("warning", end(found))]) == ""


def test_a_fault_that_one_of_them_hears_is_a_page() -> None:
    found = both(10, lambda a: a.scrape(address(U), SELF), lambda b: b.scrape(address(D), OTHER))
    assert failures(found, expressions=[firing(end(found), {"alertname": "LoadBalancerAddressDuplicate"})]) == ""


# -------------------------------------------------------------------------------------------------------- arpcheck itself


def test_a_watch_whose_probes_do_not_finish_any_more() -> None:
    """It serves what it saw last."""
    vantage = Vantage()
    last = vantage.scrape(address(K))
    found = [last] * 60
    assert failures(found, expressions=[firing(900), firing(960, {"alertname": "ArpcheckNotRunning"})]) == ""


def test_one_that_is_gone() -> None:
    found = [*scrapes(*[K] * 10), *[{}] * 60]
    assert failures(found, expressions=[firing(1100), firing(end(found), {"alertname": "ArpcheckGone"})]) == ""


def test_one_that_is_restarted_is_not_gone() -> None:
    found = [*scrapes(*[K] * 10), *[{}] * 4, *scrapes(*[K] * 60)]
    vantage = Vantage()
    vantage.probes = 14
    found[14:] = [vantage.scrape(address(K)) for _ in range(60)]
    assert failures(found, expressions=[never("critical", end(found)), never("warning", end(found))]) == ""


def test_a_cluster_that_can_not_be_read() -> None:
    found = scrapes(*[K] * 65, is_read=False)
    unreadable = {"alertname": "ArpcheckClusterUnreadable"}
    assert failures(found, expressions=[firing(1770), firing(1800, unreadable)]) == ""


def test_a_timer_that_does_not_run_or_does_not_decide() -> None:
    """Without a watch: the text file of a probe."""
    name = '{context="prod",interface="eth0",instance="a"}'
    ran = [{f"arpcheck_last_run_timestamp_seconds{name}": 0.0, f"arpcheck_last_success_timestamp_seconds{name}": 0.0}] * (
        7 * HOURS
    )
    tests = [
        firing(7200), firing(7230, {"alertname": "ArpcheckNotRunning"}),
        firing(21_660, {"alertname": "ArpcheckNotRunning"}, {"alertname": "ArpcheckUndecided"}),
    ]  # fmt: skip
    assert failures(ran, expressions=tests) == ""


def test_the_rules_are_sound() -> None:
    groups = yaml.safe_load(file("alerts"))["groups"]
    for rule in groups[0]["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description", "runbook"} == {*rule["annotations"]}
        assert rule["annotations"]["runbook"].startswith("arpcheck ")
    assert json.dumps(groups)
