"""`-o prometheus`: gauges for node_exporter's textfile collector. They have no MAC labels, so that their number stays small.

They have no timestamps, which the collector refuses. `arpcheck_address_ok` is 1 only for a fine outcome, and only judged
nodes have a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from arpcheck.model import Arp, Outcome, Report, TargetReport, Verdict
from arpcheck.reports import Style
from arpcheck.reports.words import address
from arpcheck.text import plain

NAME = "prometheus"

Labels = tuple[tuple[str, str], ...]
Samples = dict[Labels, float]


@dataclass(frozen=True, slots=True)
class _Gauge:
    name: str
    help: str
    samples: Samples


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    gauges = (*_run_gauges(report), *_addresses(report), *_node_gauges(report), _findings(report))
    return "".join(line for gauge in gauges for line in _written(gauge))


def _run_gauges(report: Report) -> Iterator[_Gauge]:
    run, summary = report.run, report.summary
    yield _one("exit_code", "0 no problem, 1 fault proven, 3 inconclusive, 130 interrupted.", summary.exit_code)
    yield _one("run_complete", "1 if all rounds were finished.", summary.complete)
    yield _one("run_end_timestamp_seconds", "When the run ended.", run.ended_at.timestamp())
    yield _one("run_duration_seconds", "Duration of the run.", (run.ended_at - run.started_at).total_seconds())
    yield _one("run_questions", "Requests that were sent.", run.sent)
    yield _one("run_replies", "Replies that were received.", run.received)
    yield _one("run_frames_lost", "Frames that the kernel dropped before arpcheck read them.", run.lost)
    yield _one("run_gaps", "Resources that could not be read, and addresses that could not be probed.", len(report.gaps))


def _addresses(report: Report) -> Iterator[_Gauge]:
    counted = Counter(target.verdict for target in report.targets)
    asked = [target for target in report.targets if target.outcome is not Outcome.NOT_JUDGED]
    by_verdict: Samples = {(("verdict", str(verdict)),): counted[verdict] for verdict in Verdict}
    yield _Gauge("addresses", "Addresses by verdict.", by_verdict)
    fine: Samples = {labels: target.outcome is Outcome.FINE for target in asked for labels in _labels(target)}
    yield _Gauge("address_ok", "1 if the verdict is fine; addresses that were not judged have no sample.", fine)
    known: Samples = {labels: bool(target.accepted) for target in asked for labels in _labels(target)}
    yield _Gauge("address_accepted", "1 if the verdict is accepted.", known)
    replying: Samples = {labels: len(target.responders) for target in asked for labels in _labels(target)}
    yield _Gauge("address_responders", "Owners of the MAC addresses that replied for the address.", replying)


def _node_gauges(report: Report) -> Iterator[_Gauge]:
    counted = Counter(node.arp for node in report.nodes)
    by_arp: Samples = {(("arp", str(arp)),): counted[arp] for arp in Arp}
    yield _Gauge("nodes", "Nodes by how their kernel treats Service addresses.", by_arp)
    judged = [node for node in report.nodes if node.arp.outcome in (Outcome.FAULT, Outcome.FINE)]
    found: Samples = {(("node", node.name),): node.arp.outcome is Outcome.FAULT for node in judged}
    about = "1 if the node's kernel replies for Service addresses; only judged nodes have a sample."
    yield _Gauge("node_non_strict", about, found)


def _findings(report: Report) -> _Gauge:
    counted = Counter((found.id, str(found.severity)) for found in report.findings)
    samples: Samples = {(("id", rule), ("severity", severity)): number for (rule, severity), number in counted.items()}
    return _Gauge("findings", "Findings of the run.", samples)


def _labels(target: TargetReport) -> Iterator[Labels]:
    """For each Service of the address; without a Service, one with empty names."""
    for service in target.target.services or ("",):
        namespace, _, name = service.partition("/")
        yield ("ip", address(target)), ("kind", str(target.target.kind)), ("namespace", namespace), ("service", name)


def _one(name: str, about: str, value: float) -> _Gauge:
    return _Gauge(name, about, {(): value})


def _written(gauge: _Gauge) -> Iterator[str]:
    name = f"arpcheck_{gauge.name}"
    yield f"# HELP {name} {gauge.help}\n# TYPE {name} gauge\n"
    for labels, value in gauge.samples.items():
        written = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels)
        yield f"{name}{f'{{{written}}}' if written else ''} {float(value):.15g}\n"


def _quoted(text: str) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')
