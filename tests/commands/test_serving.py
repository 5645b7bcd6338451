"""`watch --serve`: what it shows, when it is healthy, where it listens, and clients that do not behave."""

import http.client
import re
import socket
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from prometheus_client.parser import text_string_to_metric_families
from reports.report_samples import CLEAN, ETH0, NON_STRICT, SAMPLES

from arpcheck.commands import serving
from arpcheck.commands.serving import (
    AT_ONCE,
    LABELS,
    LOOPBACK,
    STUCK,
    WATCH_METRICS,
    MetricsServer,
    Pulse,
    Snapshot,
    serve_address,
)
from arpcheck.errors import OutputError, UsageError
from arpcheck.model import Outcome
from arpcheck.reports import prometheus, render
from arpcheck.watch.state import AddressTotals, Known, Subject, SubjectKind, WatchEvent

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def snapshot(report=NON_STRICT, **more):
    totals = AddressTotals()
    totals.events[WatchEvent.MOVE] = 3
    totals.gap_seconds = 4.5
    return Snapshot(**{
        "report": report, "known": {Subject(SubjectKind.ADDRESS, "10.0.0.50"): Known(state="duplicate", since=NOW, faults=2)},
        "totals": {IPv4Address("10.0.0.50"): totals}, "probes": {Outcome.FAULT: 2}, "is_read": True,
        "began_at": NOW - timedelta(hours=1), "interval": 30.0, **more,
    })  # fmt: skip


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(clock):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    made = MetricsServer(LOOPBACK, port, Pulse(40, clock))
    made.start()
    yield made
    made.stop()


def get(server, path, method="GET"):
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def families(server):
    status, text = get(server, "/metrics")
    assert status == 200
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family, *labels):
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in family.samples}


@pytest.mark.parametrize("name", SAMPLES)
def test_it_shows_each_metric_of_the_textfile_with_the_same_samples(server, name):
    server.publish(snapshot(SAMPLES[name]))
    written = {one.name: one for one in text_string_to_metric_families(render(SAMPLES[name], "prometheus"))}
    shown = families(server)
    assert len(written) == len(prometheus.GAUGES)
    assert {n: shown[n].samples for n in written} == {n: one.samples for n, one in written.items()}


def test_it_shows_what_only_a_watch_has(server):
    server.publish(snapshot())
    shown = families(server)
    assert values(shown["arpcheck_address_events"], "address", "event") == {
        ("10.0.0.50", event): 3.0 * (event is WatchEvent.MOVE) for event in WatchEvent
    }
    assert values(shown["arpcheck_address_gap_seconds"], "address") == {("10.0.0.50",): 4.5}
    assert values(shown["arpcheck_address_since_timestamp_seconds"], "address", "verdict") == {
        ("10.0.0.50", "duplicate"): NOW.timestamp()
    }
    assert values(shown["arpcheck_watch_probes"], "outcome") == {(o,): 2.0 * (o is Outcome.FAULT) for o in Outcome}
    assert values(shown["arpcheck_watch_cluster_readable"]) == {(): 1}
    server.publish(snapshot(is_read=False))
    assert values(families(server)["arpcheck_watch_cluster_readable"]) == {(): 0}
    assert "process_resident_memory_bytes" in shown


def test_every_metric_is_as_its_table_says(server):
    server.publish(snapshot())
    shown = families(server)
    for one in WATCH_METRICS:
        family = shown[one.full_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (one.type, one.help)
        for sample in family.samples:
            assert sample.name == one.full_name
            assert {*sample.labels} == {*prometheus.RUN_LABELS, *one.labels}
    assert {label for one in WATCH_METRICS for label in one.labels} <= {*LABELS, *prometheus.LABELS}


def test_before_the_first_probe_nothing_is_said_of_any_address(server):
    assert [name for name in families(server) if name.startswith("arpcheck")] == []
    assert get(server, "/healthz") == (200, "ok\n")


def test_it_is_healthy_as_long_as_probes_finish(server, clock):
    for _ in range(5):
        clock.now += 100
        server.pulse.moved()
        server.publish(snapshot(replace(CLEAN, summary=replace(CLEAN.summary, exit_code=1))))
        assert get(server, "/healthz")[0] == 200
    for _ in range(3):
        clock.now += 100
        server.pulse.moved()
        assert get(server, "/healthz")[0] == 200
    clock.now += 61
    server.pulse.moved()
    status, text = get(server, "/healthz")
    assert (status, re.sub(r"\d+", "N", text)) == (503, "no probe was finished for N s\n")
    server.publish(snapshot())
    assert get(server, "/healthz")[0] == 200


def test_it_is_not_healthy_when_its_loop_stands_still(server, clock):
    clock.now += STUCK + 1
    assert get(server, "/healthz")[0] == 503
    server.pulse.moved()
    assert get(server, "/healthz")[0] == 200


def test_there_is_nothing_else(server):
    server.publish(snapshot())
    assert get(server, "/")[0] == 404
    assert get(server, "/metrics", "POST")[0] == 405
    assert get(server, "/healthz/../metrics")[0] == 404


def test_a_client_that_says_nothing_keeps_nobody_out_for_long(server, monkeypatch):
    """So many clients at once; a further one is closed, and those that sent nothing are closed when their time is over."""
    monkeypatch.setattr(serving._RequestHandler, "timeout", 0.5)
    host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
    idle = [socket.create_connection((host, port), timeout=30) for _ in range(AT_ONCE)]
    with closing(socket.create_connection((host, port), timeout=30)) as further:
        assert further.recv(1) == b""
    for one in idle:
        assert one.recv(1) == b""
        one.close()
    assert get(server, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "text",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"\xff" * 70_000, b"GET / HTTP/9.9\r\n\r\n"],
)
def test_what_is_not_http_is_refused_and_the_next_one_is_served(server, text, capsys):
    with closing(socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=30)) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass
    assert get(server, "/healthz")[0] == 200
    assert capsys.readouterr().err == ""


def test_stopped_it_listens_no_more(clock):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    made = MetricsServer(LOOPBACK, port, Pulse(40, clock))
    made.start()
    made.stop()
    with closing(socket.create_server(("127.0.0.1", port))):
        pass


def test_a_port_that_is_taken_is_one_clear_line(server, clock):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OutputError, match=rf"can't listen on 127.0.0.1:{port}: Address already in use"):
        MetricsServer(LOOPBACK, port, Pulse(40, clock))


TWO = replace(ETH0, addresses=(), ipv6=("fe80::5/64", "fd00::5/64"))


@pytest.mark.parametrize(
    ("text", "interfaces", "listens"),
    [
        (":9798", (ETH0,), (IPv4Address("10.0.0.5"), 9798)),
        (":9798", (TWO,), (IPv6Address("fd00::5"), 9798)),
        (":9798", (replace(ETH0, addresses=()),), (LOOPBACK, 9798)),
        (":9798", (replace(TWO, ipv6=("fe80::5/64",)),), (LOOPBACK, 9798)),
        ("127.0.0.1:80", (ETH0,), (LOOPBACK, 80)),
        ("0.0.0.0:65535", (ETH0,), (IPv4Address("0.0.0.0"), 65535)),
        ("[fd00::5]:9798", (ETH0,), (IPv6Address("fd00::5"), 9798)),
        ("fd00::5:9798", (ETH0,), (IPv6Address("fd00::5"), 9798)),
    ],
)
def test_where_it_listens(text, interfaces, listens):
    assert serve_address(text).on(interfaces) == listens


@pytest.mark.parametrize(
    "text", ["", ":", "9798", ":0", ":65536", ":http", "host:9798", "10.0.0.5", ":-1", ":9 8", "10.0.0.5/24:9798", ":٩"]
)
def test_what_is_no_address_and_port_is_refused(text):
    with pytest.raises(UsageError, match="is not an address and a port"):
        serve_address(text)
