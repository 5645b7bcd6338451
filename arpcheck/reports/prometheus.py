"""`-o prometheus`: gauges for node_exporter's textfile collector, a state set where something has one of several states.
`watch --serve` has the same ones and more.

A state set has one series a state, 1 for the state that holds, so that an alert can name it. There are no timestamps, which
the collector refuses, and no MAC labels. Every series has the context and the interfaces of the run, so that the files of
two runs can lie in one folder: the collector refuses a series that comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_interface
from typing import NamedTuple

from arpcheck.model import Arp, Report, TargetReport, Trust, Verdict
from arpcheck.reports import Style
from arpcheck.reports.words import address
from arpcheck.text import plain

PREFIX = "arpcheck_"
"""Of every metric's name."""

RUN_LABELS = {
    "context": "the context in the kubeconfig; empty for a pod's account",
    "interface": "the prober's interfaces, separated by commas",
}
"""What every series has."""

LABELS = {
    "version": "of arpcheck",
    "address": "the address; empty for a Service without one",
    "kind": "`load-balancer`, `external-ip` or `extra`",
    "namespace": "of the Service; empty for `--ip`",
    "service": "its name; an address that several share has the series of each",
    "verdict": "one of the verdicts",
    "outcome": "what the verdict or the state means: `fault`, `unsure`, `fine`, `not-judged`",
    "node": "the name of the Node; empty for MAC addresses that belong to no known Node",
    "expected": "`yes` for the announcer that a current record names, else `no`",
    "network": "a network of the interfaces, such as `192.168.10.0/24`",
    "state": "`non-strict`, `self`, `quiet`, `ipv6-alone`, `unreached` or `unknown`",
    "port": "the TCP port that was tried; empty without one",
    "result": "`accepted`, `other-mac`, `wrong-source`, `refused`, `unreachable`, `no-answer` or `not-asked`",
    "id": "of the finding",
    "severity": "`error`, `warning` or `info`",
}
"""The other labels, and what they hold."""

Sample = tuple[tuple[str, ...], float]
"""The values of the labels, in their order, and the value."""


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Report], Iterator[Sample]]


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    run = of_run(report)
    return "".join(line for gauge in GAUGES for line in _written(gauge, report, run))


def of_run(report: Report) -> tuple[str, ...]:
    """The values of RUN_LABELS."""
    return report.run.context or "", ",".join(interface.name for interface in report.run.interfaces)


def distinct(run: tuple[str, ...], samples: Iterable[Sample]) -> Iterator[Sample]:
    """The samples with the labels of the run before their own. All text can be shown; of two samples that differ only in
    what `plain` replaces there is one."""
    seen = set[tuple[str, ...]]()
    for values, value in samples:
        shown = tuple(map(plain, (*run, *values)))
        if shown not in seen:
            yield shown, float(value)
        seen.add(shown)


def _written(gauge: Gauge, report: Report, run: tuple[str, ...]) -> Iterator[str]:
    name = f"{PREFIX}{gauge.name}"
    yield f"# HELP {name} {gauge.help}\n# TYPE {name} gauge\n"
    names = (*RUN_LABELS, *gauge.labels)
    for values, value in distinct(run, gauge.samples(report)):
        labels = ",".join(f'{label}="{_quoted(text)}"' for label, text in zip(names, values, strict=True))
        yield f"{name}{{{labels}}} {value:.15g}\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


# ------------------------------------------------------------------------------------------------------------------- the run


def _one(value: Callable[[Report], float]) -> Callable[[Report], Iterator[Sample]]:
    def samples(report: Report) -> Iterator[Sample]:
        yield (), value(report)

    return samples


def _build(report: Report) -> Iterator[Sample]:
    yield (report.run.arpcheck,), 1


def _success(report: Report) -> Iterator[Sample]:
    """Without a sample where the run decided nothing, so that last_over_time() finds the last run that did."""
    if report.summary.complete and report.summary.exit_code in (0, 1):
        yield (), report.run.ended_at.timestamp()


def _seconds(report: Report) -> float:
    return (report.run.ended_at - report.run.started_at).total_seconds()


# ------------------------------------------------------------------------------------------------------- addresses and nodes


class _AddressLabels(NamedTuple):
    address: str
    kind: str
    namespace: str
    service: str


def _addresses(report: Report) -> Iterator[tuple[_AddressLabels, TargetReport, Verdict]]:
    """Every target that has a verdict, once for each of its Services; without a Service, with empty names."""
    for target in report.targets:
        for service in (target.target.services or ("",)) if target.verdict else ():
            namespace, _, name = service.partition("/")
            ip = address(target) if target.target.ip else ""
            yield _AddressLabels(ip, str(target.target.kind), namespace, name), target, target.verdict or Verdict.NOT_PROBED


def _verdicts(report: Report) -> Iterator[Sample]:
    for labels, _, held in _addresses(report):
        for verdict in Verdict:
            yield (*labels, str(verdict), str(verdict.outcome)), verdict is held


def _of_address(value: Callable[[TargetReport], float], report: Report) -> Iterator[Sample]:
    for labels, target, _ in _addresses(report):
        yield labels, value(target)


def _reach(report: Report) -> Iterator[Sample]:
    """Counted, since a node may be asked by several MAC addresses, and those of no known node share an empty name."""
    counted: Counter[tuple[str, ...]] = Counter()
    for target in report.targets:
        for row in target.reach:
            namespace, _, name = (row.service or "").partition("/")
            where = address(target), namespace, name, str(row.port or "")
            counted[*where, row.node or "", str(row.result)] += 1
    yield from sorted(counted.items())


def _responders(report: Report) -> Iterator[Sample]:
    """Counted, since MAC addresses that belong to no known node share an empty name."""
    counted: Counter[tuple[str, ...]] = Counter()
    for labels, target, _ in _addresses(report):
        for one in target.responders:
            counted[*labels, one.node or "", "yes" if one.expected else "no"] += 1
    yield from sorted(counted.items())


def _announcers(report: Report) -> Iterator[Sample]:
    for labels, target, _ in _addresses(report):
        nodes = {claim.node for claim in target.announcers if claim.trust is Trust.CURRENT}
        yield from (((*labels, node), 1) for node in sorted(nodes))


def _segments(report: Report) -> Iterator[Sample]:
    found = {_network(text) for one in report.run.interfaces for text in (*one.addresses, *one.ipv6)}
    yield from (((network,), 1) for network in sorted(found - {""}))


def _network(text: str) -> str:
    """Empty for a link-local one, which every segment has, and for what a foreign file has in its place."""
    try:
        found = ip_interface(text)
    except ValueError:
        return ""
    return "" if found.is_link_local else str(found.network)


def _by_verdict(report: Report) -> Iterator[Sample]:
    counted = Counter(target.verdict for target in report.targets)
    for verdict in Verdict:
        yield (str(verdict), str(verdict.outcome)), counted[verdict]


def _states(report: Report) -> Iterator[Sample]:
    for node in report.nodes:
        for state in Arp:
            yield (node.name, str(state), str(state.outcome)), state is node.arp


def _accepted_nodes(report: Report) -> Iterator[Sample]:
    for node in report.nodes:
        yield (node.name,), bool(node.accepted)


def _by_state(report: Report) -> Iterator[Sample]:
    counted = Counter(node.arp for node in report.nodes)
    for state in Arp:
        yield (str(state), str(state.outcome)), counted[state]


def _findings(report: Report) -> Iterator[Sample]:
    counted = Counter((found.id, str(found.severity)) for found in report.findings)
    yield from sorted(counted.items())


_ADDRESS = _AddressLabels._fields

GAUGES = (
    Gauge("build_info", ("version",), "1; the version of arpcheck that made the run.", _build),
    Gauge(
        "exit_code", (), "0 no problem, 1 fault proven, 3 inconclusive, 130 interrupted.",
        _one(lambda report: report.summary.exit_code),
    ),
    Gauge(
        "last_run_timestamp_seconds", (), "When the run ended, in seconds since 1970.",
        _one(lambda report: report.run.ended_at.timestamp()),
    ),
    Gauge(
        "last_success_timestamp_seconds", (),
        "The same, but only for a complete run with exit code 0 or 1; other runs have no sample.", _success,
    ),
    Gauge("run_complete", (), "1 if all rounds were finished.", _one(lambda report: report.summary.complete)),
    Gauge("run_duration_seconds", (), "Duration of the run.", _one(_seconds)),
    Gauge("run_requests", (), "Requests that were sent.", _one(lambda report: report.run.sent)),
    Gauge("run_replies", (), "Replies that were received.", _one(lambda report: report.run.received)),
    Gauge(
        "run_frames_lost", (), "Frames that the kernel dropped before arpcheck read them.",
        _one(lambda report: report.run.lost),
    ),
    Gauge(
        "run_gaps", (), "Resources that could not be read, and addresses that could not be probed.",
        _one(lambda report: len(report.gaps)),
    ),
    Gauge("run_network", ("network",), "1 for each network of the interfaces: the segment that was probed.", _segments),
    Gauge("addresses", ("verdict", "outcome"), "Addresses by verdict.", _by_verdict),
    Gauge("address_verdict", (*_ADDRESS, "verdict", "outcome"), "1 for the verdict of the address, else 0.", _verdicts),
    Gauge(
        "address_accepted", _ADDRESS, "1 if the verdict is accepted by a file of known issues.",
        partial(_of_address, lambda target: bool(target.accepted)),
    ),
    Gauge(
        "address_responders", _ADDRESS, "Owners of the MAC addresses that replied for the address.",
        partial(_of_address, lambda target: len(target.responders)),
    ),
    Gauge(
        "address_responder", (*_ADDRESS, "node", "expected"),
        "1 for each node that replied for the address; for MAC addresses of no known node their number.", _responders,
    ),
    Gauge("address_announcer", (*_ADDRESS, "node"), "1 for each node that should reply by a current record.", _announcers),
    Gauge(
        "address_reach", ("address", "namespace", "service", "port", "node", "result"),
        "MAC addresses of the node by the result of --reach; without the option there is no sample.", _reach,
    ),
    Gauge("nodes", ("state", "outcome"), "Nodes by how their kernel treats Service addresses.", _by_state),
    Gauge("node_state", ("node", "state", "outcome"), "1 for the state of the node, else 0.", _states),
    Gauge("node_accepted", ("node",), "1 if its state is accepted by a file of known issues.", _accepted_nodes),
    Gauge("findings", ("id", "severity"), "Findings of the run; a rule that found nothing has no sample.", _findings),
)  # fmt: skip
"""All metrics, in the order in which they are written; each name is preceded by PREFIX."""
