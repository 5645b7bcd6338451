"""What `watch --serve` shows: the metrics of a report, and those that only a watch has since they grow or last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from arpcheck.model import Address, Outcome, Report, order
from arpcheck.reports.prometheus import GAUGES, PREFIX, RUN_LABELS, Sample, distinct, of_run
from arpcheck.watch.holding import Known, Subject, SubjectKind
from arpcheck.watch.totals import AddressTotals, WatchEvent

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

LABELS = {"event": f"one of {', '.join(f'`{event}`' for event in WatchEvent)}"}
"""The labels that the metrics of a report do not have, and what they hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A watch after a probe. Nothing in it changes later, so a thread may read it."""

    report: Report
    """As the metrics show it: each fault in it was shown by two probes."""
    known: Mapping[Subject, Known]
    totals: Mapping[Address, AddressTotals]
    probes: Mapping[Outcome, int]
    """Finished probes by what each of them came to."""
    is_read: bool
    """The last reading of the cluster succeeded."""
    began_at: datetime
    interval: float
    """Seconds from one probe to the next."""


class MetricType(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    """Its name gets `_total`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchMetric:
    name: str
    type: MetricType
    labels: tuple[str, ...] = ()
    help: str
    samples: Callable[[Snapshot], Iterator[Sample]]

    @property
    def full_name(self) -> str:
        match self.type:
            case MetricType.GAUGE:
                return f"{PREFIX}{self.name}"
            case MetricType.COUNTER:
                return f"{PREFIX}{self.name}_total"
            case _:
                assert_never(self.type)


def _began(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), snapshot.began_at.timestamp()


def _interval(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), snapshot.interval


def _read(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), snapshot.is_read


def _probes(snapshot: Snapshot) -> Iterator[Sample]:
    yield from (((str(outcome),), snapshot.probes.get(outcome, 0)) for outcome in Outcome)


def _since(kind: SubjectKind) -> Callable[[Snapshot], Iterator[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for subject, known in sorted(snapshot.known.items()):
            if subject.kind is kind:
                yield (subject.name, known.state), known.since.timestamp()

    return samples


def _by_address(snapshot: Snapshot) -> Iterator[tuple[str, AddressTotals]]:
    yield from ((str(ip), snapshot.totals[ip]) for ip in sorted(snapshot.totals, key=order))


def _events(snapshot: Snapshot) -> Iterator[Sample]:
    for ip, one in _by_address(snapshot):
        yield from (((ip, str(event)), one.events[event]) for event in WatchEvent)


def _gap_seconds(snapshot: Snapshot) -> Iterator[Sample]:
    yield from (((ip,), one.gap_seconds) for ip, one in _by_address(snapshot))


def _overlap_seconds(snapshot: Snapshot) -> Iterator[Sample]:
    yield from (((ip,), one.overlap_seconds) for ip, one in _by_address(snapshot))


WATCH_METRICS = (
    WatchMetric(
        name="watch_start_timestamp_seconds", type=MetricType.GAUGE, samples=_began,
        help="When this process began to watch, in seconds since 1970.",
    ),
    WatchMetric(
        name="watch_interval_seconds", type=MetricType.GAUGE, samples=_interval,
        help="Time from the start of one probe to the start of the next.",
    ),
    WatchMetric(
        name="watch_cluster_readable", type=MetricType.GAUGE, samples=_read,
        help="1 if the last reading of the cluster succeeded; if not, earlier records are not used.",
    ),
    WatchMetric(
        name="watch_probes", type=MetricType.COUNTER, labels=("outcome",), samples=_probes,
        help="Finished probes by what each of them came to.",
    ),
    WatchMetric(
        name="address_since_timestamp_seconds", type=MetricType.GAUGE, labels=("address", "verdict"),
        samples=_since(SubjectKind.ADDRESS),
        help="When the first probe showed the verdict that the address has, in seconds since 1970.",
    ),
    WatchMetric(
        name="node_since_timestamp_seconds", type=MetricType.GAUGE, labels=("node", "state"),
        samples=_since(SubjectKind.NODE),
        help="When the first probe showed the state that the node has, in seconds since 1970.",
    ),
    WatchMetric(
        name="address_events", type=MetricType.COUNTER, labels=("address", "event"), samples=_events,
        help="What the requests between the probes showed: a failover is a move, often with a gap or an overlap.",
    ),
    WatchMetric(
        name="address_gap_seconds", type=MetricType.COUNTER, labels=("address",), samples=_gap_seconds,
        help="Seconds without a reply, of gaps that are over.",
    ),
    WatchMetric(
        name="address_overlap_seconds", type=MetricType.COUNTER, labels=("address",), samples=_overlap_seconds,
        help="Seconds in which several owners replied, of overlaps that are over.",
    ),
)  # fmt: skip
"""In the order in which they are served, after those of a report."""


def collector(snapshot: Callable[[], Snapshot | None]) -> Collector:
    """The metrics of the snapshot at the time of a scrape; without one, before the first probe ended, there are none."""
    from prometheus_client.registry import Collector

    class WatchCollector(Collector):
        def collect(self) -> Iterable[Metric]:
            now = snapshot()
            return () if now is None else _families(now)

    return WatchCollector()


def _families(snapshot: Snapshot) -> Iterator[Metric]:
    run = of_run(snapshot.report)
    for gauge in GAUGES:
        yield _family(MetricType.GAUGE, gauge.name, gauge.help, gauge.labels, distinct(run, gauge.samples(snapshot.report)))
    for one in WATCH_METRICS:
        yield _family(one.type, one.name, one.help, one.labels, distinct(run, one.samples(snapshot)))


def _family(kind: MetricType, name: str, words: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    names = (*RUN_LABELS, *labels)
    match kind:
        case MetricType.GAUGE:
            family: GaugeMetricFamily | CounterMetricFamily = GaugeMetricFamily(PREFIX + name, words, labels=names)
        case MetricType.COUNTER:
            family = CounterMetricFamily(PREFIX + name, words, labels=names)
        case _:
            assert_never(kind)
    for values, value in samples:
        family.add_metric(values, value)
    return family
