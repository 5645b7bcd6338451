"""`arpcheck watch`: probes again and again, and prints each change until it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.input_files import read_acceptances, read_mac_maps
from arpcheck.commands.opening import ProbeRequest, checked, opened, settled, stopping, to_open, unselected, with_ipv6
from arpcheck.commands.option_groups import (
    REQUESTS,
    SELECTION,
    ReportOptions,
    Selection,
    cluster_words,
    kubeconfig_note,
    reads_cluster,
    stands_for,
)
from arpcheck.commands.options import Accept, ExitZero, Iface, MacMap, OnLink, Quiet, Services, Verbose, duration, ended
from arpcheck.commands.output import format_of, notice, show, write
from arpcheck.commands.serving import MetricsServer, Pulse, ServeAddress, Snapshot, serve_address, serving
from arpcheck.commands.watch_loop import Drawing, Pace, WatchDependencies, announced, place_of, run_watch
from arpcheck.commands.watch_state import keeping, loaded, store_of
from arpcheck.errors import ArpcheckError, ClusterError, OutputError, UsageError
from arpcheck.evidence import Options
from arpcheck.model import Report
from arpcheck.objects import Objects
from arpcheck.reports import Style, render
from arpcheck.text import plain
from arpcheck.wire.host import this_host

EXAMPLES = (
    "sudo arpcheck watch --for 10m",
    "sudo arpcheck watch svc/nginx -n web --probe-every 0.2s",
    "sudo arpcheck watch --output /var/lib/node_exporter/arpcheck.prom",
    "sudo arpcheck watch --serve :9798",
)
FormatName = Annotated[
    str,
    typer.Option("-o", metavar="FORMAT", help="text, or html: at the end a page with the timeline; changes go to stderr."),
]
_YEAR = 366 * 86400.0

CONFIRM = 2.0
"""Seconds. The metrics then show a split brain after about two intervals."""


@reads_cluster()
@stands_for(requests=REQUESTS.but(rounds=1), selection=SELECTION)
def watch(
    *,
    services: Services = None,
    iface: Iface = None,
    interval: Annotated[
        float,
        typer.Option(
            "--interval",
            metavar="TIME",
            parser=duration(0.01, _YEAR),
            show_default="30s",
            help="Time from the start of one probe to the start of the next.",
        ),
    ] = 30.0,
    lasts: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="TIME",
            parser=duration(0.01, _YEAR),
            help="Stop after this time: 90s, 10m, 1h30m. Default: until Ctrl-C.",
        ),
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            "--probe-every",
            metavar="TIME",
            parser=duration(0.01, _YEAR),
            show_default="0.5s",
            help="Time between two requests for an address between probes, as far as --rate allows.",
        ),
    ] = 0.5,
    requests: Options,
    selection: Selection,
    on_link: OnLink = False,
    mac_map: MacMap = None,
    cluster: ClusterSource,
    accept: Accept = None,
    format_name: FormatName = "text",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Rewrite FILE after every probe, in the format of its suffix: .prom, .json, …; .html is the timeline.",
        ),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(
            "--serve",
            metavar="[HOST]:PORT",
            help="Serve /metrics and /healthz over HTTP, by default on the interface's own address.",
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="FILE",
            help="Keep what is known there, so that a restart is not a change; configmap/NAMESPACE/NAME for a ConfigMap.",
        ),
    ] = None,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Watch a failover or a rollout: print each change, and a summary at the end."""
    options = replace(requests, interfaces=tuple(dict.fromkeys(iface or ())), on_link=on_link)
    request = ProbeRequest(
        options=selection.of(options, services or ()),
        source=cluster,
        mac_maps=tuple(mac_map or ()),
        report=ReportOptions(accept=accept, output=output),
        quiet=quiet,
    )
    pages = as_page(format_name)
    address = None if serve is None else serve_address(serve)
    pace = Pace(interval=interval, lasts=lasts, every=every, confirm=None if serve is None else CONFIRM)
    return ended(run(request, pace, pages=pages, serve=address, state=state), exit_zero)


def as_page(format_name: str) -> bool:
    """Whether `-o` asks for a page. Raises UsageError."""
    if format_name not in ("text", "html"):
        raise UsageError(f"-o {format_name!r}: unknown format of watch", "One of text, html")
    return format_name == "html"


def run(
    request: ProbeRequest, pace: Pace, *, pages: bool = False, serve: ServeAddress | None = None, state: str | None = None
) -> int:
    """Runs the loop and prints each change; returns the exit code of the worst state that was seen.

    `pages`: at the end a page is printed instead, and the changes on stderr. `serve`: where metrics are served.
    `state`: where to keep what is known.

    Under sudo it does not set no_new_privs, unlike a probe: the caller's login plug-ins run again for every probe."""
    options = checked(request.options)
    host = this_host()
    interfaces = to_open(options, host)
    six = with_ipv6(host, interfaces, options)
    store = None if state is None else store_of(state, request.source)
    outputs = (request.report.output, "--output"), (store.output if store else None, "--state")
    with opened(interfaces, request.source, *outputs, requests=True, ipv6=six) as (wire, source):
        mac_map, accepted = read_mac_maps(request.mac_maps), read_acceptances(request.report.accept)
        objects = _read_cluster(source, options)
        options = settled(options, objects, host, wire, for_good=False)
        plan = pipeline.plan(options, objects, host, mac_map, accepted)
        used = [interface for interface in host.interfaces if interface.name in options.interfaces]
        store = store.using(source) if store else None
        known = loaded(store, place_of(objects, used)) if store else None
        with stopping() as stop, keeping(store) as keep, serving(serve, used, pace.interval + plan.most_seconds) as served:
            world = WatchDependencies(
                wire=wire,
                clock=lambda: datetime.now(UTC),
                host=host,
                objects=objects,
                reading=None if source.cluster_file else lambda: Reading(lambda: _read_cluster(source, options)),
                say=notice if pages else lambda line: show(f"{plain(line)}\n"),
                store=lambda report: _store(report, request),
                stop=_moving(stop, served.pulse) if served else stop,
                mac_map=mac_map,
                accepted=accepted,
                draw=drawer(request, pages),
                publish=publisher(request, served),
                state=known,
                keep=keep,
            )
            if not request.quiet:
                missing = unselected(plan, options, objects)
                notice("; ".join((cluster_words(objects, source), *missing, announced(options, pace, world))))
                kubeconfig_note(source)
                if served:
                    notice(f"metrics: {served.url}/metrics")
            return run_watch(options, pace, world)


def _moving(stop: Callable[[], bool], pulse: Pulse) -> Callable[[], bool]:
    """The loop looks at `stop` at every step; each look shows that it moves."""

    def looked_at() -> bool:
        pulse.moved()
        return stop()

    return looked_at


def _read_cluster(source: ClusterSource, options: Options) -> Objects:
    return read(source, pipeline.NEEDS, namespaces=options.namespaces, services_required=not options.ips)


def _store(report: Report, request: ProbeRequest) -> None:
    if request.report.output and _format(request) not in ("html", "prometheus"):
        _rewrite(request.report.output, report, format_of(request.report.output, request.report.format_name))


def publisher(request: ProbeRequest, served: MetricsServer | None) -> Callable[[Snapshot], None]:
    """Gives the metrics to the server, and writes them to the file of `--output`."""

    def publish(snapshot: Snapshot) -> None:
        if served:
            served.publish(snapshot)
        if request.report.output and _format(request) == "prometheus":
            _rewrite(request.report.output, snapshot.report, "prometheus")

    return publish


def _rewrite(output: str, report: Report, format_name: str) -> None:
    """By rename, as node_exporter's textfile collector needs it. A full disk does not end the watch: it prints the
    error, and the next probe tries again."""
    try:
        write(Path(output), render(report, format_name, Style()))
    except OutputError as error:
        notice(str(error))


def _format(request: ProbeRequest) -> str | None:
    """Of the file of `--output`; None without one."""
    return format_of(request.report.output, request.report.format_name) if request.report.output else None


def _is_page(request: ProbeRequest) -> bool:
    return _format(request) == "html"


def drawer(request: ProbeRequest, pages: bool) -> Callable[[Drawing], None] | None:
    """Writes the timeline as a page to the file of `--output`, and at the end to stdout."""

    def draw(drawing: Drawing) -> None:
        from arpcheck.commands.watch_page import watch_page

        printed = pages and drawing.is_over
        text = watch_page(drawing) if printed or _is_page(request) else ""
        try:
            if request.report.output and _is_page(request):
                write(Path(request.report.output), text)
        except OutputError as error:
            notice(str(error))
        if printed:
            show(text)

    return draw if pages or _is_page(request) else None


class Reading:
    """The cluster, read in a daemon thread: a reading that hangs does not keep the process from ending."""

    def __init__(self, read: Callable[[], Objects]) -> None:
        self._found: Objects | ArpcheckError | None = None
        self._read = read
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._found = self._read()
        except ArpcheckError as error:
            self._found = error
        except Exception as error:  # noqa: BLE001 - a bug in a thread must not look like "not read yet"
            self._found = ClusterError(f"the cluster can't be read: {type(error).__name__}")

    def result(self) -> Objects | ArpcheckError | None:
        """None: not yet."""
        return self._found
