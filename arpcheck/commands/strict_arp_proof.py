"""The proof that `strict-arp enable` gives: a preflight on the same open socket, before the change and after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from arpcheck import pipeline
from arpcheck.cluster import Source
from arpcheck.cluster.changes import Connection
from arpcheck.commands.opening import opened, settled, to_open
from arpcheck.commands.output import show
from arpcheck.commands.probe import Request, checked, observed
from arpcheck.commands.stopping import stopping
from arpcheck.commands.terminal import style
from arpcheck.evidence import Options
from arpcheck.model import Host, Report
from arpcheck.reports import render
from arpcheck.text import PROSE_LIMIT, plain
from arpcheck.wire.host import this_host
from arpcheck.wire.packet_socket import LiveWire


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """The wire, open since before privileges were given up."""

    options: Options
    host: Host
    wire: LiveWire
    source: Source

    def ask(self, connection: Connection, *, services: bool = False) -> tuple[Report, bool]:
        """The report, and whether it was interrupted. `services`: their addresses too, external IPs among them."""
        objects = connection.read(pipeline.NEEDS)
        asked = replace(self.options, services=services, external_ips=services)
        options = settled(asked, objects, self.host, self.wire)
        request = Request(options=options, source=self.source)
        with stopping() as stop:
            evidence = observed(request, options, self.host, (), objects, self.wire, stop=stop)
            return pipeline.conclude(evidence), evidence.interrupted


@contextmanager
def witness(options: Options, source: Source) -> Iterator[Witness]:
    """WireError where there is no privilege to open it; from here on this process has none."""
    chosen, host = checked(options), this_host()
    with opened(to_open(chosen, host), source) as (wire, held):
        yield Witness(options=chosen, host=host, wire=wire, source=held)


def words(report: Report) -> str:
    return plain(report.preflight.words, PROSE_LIMIT) if report.preflight else ""


def holds(report: Report) -> bool | None:
    """Every node is quiet; False: one is not; None: it can't be said."""
    return report.preflight.safe if report.preflight else None


def proven(report: Report) -> int:
    """The exit code that it makes: 0 every node is quiet, 1 one is not, 3 it can't be said. Shows why it is not 0."""
    safe = holds(report)
    if safe is not True:
        show(render(report, "table", style(sys.stdout)) + "\n")
    return 1 if safe is False else 0 if safe else 3
