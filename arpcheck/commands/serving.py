"""What `watch --serve` shows, and the HTTP server that shows it: `/metrics` for Prometheus, `/healthz` for the kubelet. It
only reads.

The metrics are those of a report, and those that only a watch has since they grow or last. In a pod in the host's network no
NetworkPolicy applies, so it listens on one address: the one that is given, else the interface's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_interface
from socket import AF_INET, AF_INET6, socket
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any, assert_never
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from arpcheck.errors import OutputError, UsageError
from arpcheck.model import Address, Interface, Outcome, Report, order
from arpcheck.reports.prometheus import GAUGES, PREFIX, RUN_LABELS, Sample, distinct, of_run
from arpcheck.watch.state import AddressTotals, Known, Subject, SubjectKind, WatchEvent

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

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


# --------------------------------------------------------------------------------------------------------- The HTTP server

AT_ONCE = 8
"""Connections that are served at once; a further one is closed."""

PATIENCE = 10.0
"""Seconds for a client to send its request and to take the answer."""

STUCK = 120.0
"""Seconds without a step of the loop. Its longest step is the judgement of a probe."""

GRACE = 60.0
"""Seconds that three cycles may take longer."""

LOOPBACK = IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeAddress:
    """Where to listen."""

    host: Address | None
    """None: the interface's own address."""
    port: int

    def on(self, interfaces: Iterable[Interface]) -> tuple[Address, int]:
        """`interfaces`: those that are used. Without an own address on them it is the loopback address: never all."""
        own = (ip_interface(text).ip for one in interfaces for text in (*one.addresses, *one.ipv6))
        return self.host or next((ip for ip in own if not ip.is_link_local), LOOPBACK), self.port


def serve_address(text: str) -> ServeAddress:
    """`:9798`, `10.0.0.5:9798`, `[fd00::5]:9798`; also `fd00::5:9798`, as a manifest writes it that does not know the
    family. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    try:
        number = int(port) if colon and port.isascii() and port.isdecimal() else 0
        found = ip_address(host.removeprefix("[").removesuffix("]")) if host else None
    except ValueError:
        number = 0
    if not 0 < number < 1 << 16:
        raise UsageError(
            f"--serve {text[:80]!r} is not an address and a port",
            "Use for example :9798, or 127.0.0.1:9798 for this host alone",
        )
    return ServeAddress(host=found, port=number)


class Pulse:
    """Whether the watch goes on: its loop moves, and its probes finish. What they find does not count, since a restart cures
    neither a fault on the network nor an API server."""

    def __init__(self, expected: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`expected`: seconds of a whole cycle."""
        self._clock = clock
        self._expected = expected
        self._moved = self._finished = clock()
        self._last = 0.0
        """Seconds of the last cycle."""

    def moved(self) -> None:
        self._moved = self._clock()

    def finished(self) -> None:
        """A probe was finished, and judged."""
        now = self._clock()
        self._last, self._finished, self._moved = now - self._finished, now, now

    @property
    def why_not(self) -> str | None:
        """Why it does not go on; None: it does."""
        now = self._clock()
        if (still := now - self._moved) > STUCK:
            return f"the loop has not moved for {still:.0f} s"
        if (since := now - self._finished) > 3 * max(self._expected, self._last) + GRACE:
            return f"no probe was finished for {since:.0f} s"
        return None


class MetricsServer:
    """Listens from the beginning; `publish` gives it what it shows."""

    def __init__(self, host: Address, port: int, pulse: Pulse) -> None:
        """Raises OutputError if the address can't be listened on."""
        from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app

        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector(lambda: self._snapshot))
        ProcessCollector(registry=registry)
        self._snapshot: Snapshot | None = None
        self.pulse = pulse
        self._metrics = make_wsgi_app(registry)
        try:
            self._server = _Server(host, port)
        except OSError as error:
            hint = "Use another port, or name an address of this host: --serve 127.0.0.1:9798"
            raise OutputError(f"--serve: can't listen on {_in_url(host)}:{port}: {error.strerror}", hint) from None
        self._server.set_app(self._answer)
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self.url = f"http://{_in_url(host)}:{self._server.server_port}"

    def publish(self, snapshot: Snapshot) -> None:
        self.pulse.finished()
        self._snapshot = snapshot

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                found: Iterable[bytes] = self._metrics(environ, start_response)
                return found
            case "/healthz":
                why_not = self.pulse.why_not
                status = "503 Service Unavailable" if why_not else "200 OK"
                text = f"{why_not or 'ok'}\n"
            case _:
                status, text = "404 Not Found", "arpcheck watch: /metrics and /healthz\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]


@contextmanager
def serving(
    address: ServeAddress | None, interfaces: Iterable[Interface], expected: float
) -> Iterator[MetricsServer | None]:
    """Listens in the block; None without an address. `expected`: seconds of a whole cycle."""
    if address is None:
        yield None
        return
    server = MetricsServer(*address.on(interfaces), Pulse(expected))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _in_url(host: Address) -> str:
    return f"[{host}]" if host.version == 6 else str(host)


class _RequestHandler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, *_: object) -> None:
        """A scrape is not logged."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: Address, port: int) -> None:
        self.address_family = AF_INET6 if host.version == 6 else AF_INET
        self._free = BoundedSemaphore(AT_ONCE)
        super().__init__((str(host), port), _RequestHandler)

    def server_bind(self) -> None:
        """Without the look-up of this host's name, for which http.server waits where no name server replies."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A client that goes away or is too slow is not an error of the watch."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
