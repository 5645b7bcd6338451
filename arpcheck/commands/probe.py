"""`arpcheck probe`: the main job. The socket first, then the caller's own rights, then the cluster, then the wire."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from arpcheck import pipeline
from arpcheck.cluster import Source, read
from arpcheck.commands.bundle import Bundle, bundled
from arpcheck.commands.diary import diary
from arpcheck.commands.dry_run import dry_run
from arpcheck.commands.frames import recording
from arpcheck.commands.input_files import read_acceptances
from arpcheck.commands.mac_maps import read_mac_maps
from arpcheck.commands.opening import named, opened, settled, to_open
from arpcheck.commands.output import check, deliver, show
from arpcheck.commands.stopping import stopping
from arpcheck.commands.terminal import ProgressLine, duration, notice, style
from arpcheck.errors import ArpcheckError, UsageError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.gc_control import held_back
from arpcheck.model import Acceptance, Gap, Host
from arpcheck.objects import Objects
from arpcheck.targets import check_options
from arpcheck.wire.host import this_host, with_neighbours
from arpcheck.wire.manufacturers import manufacturers
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.privilege import seal

_log = logging.getLogger(__name__)

TOP_RATE = 4000.0
"""Frames a second on each interface that `--rate 0` takes: more than that the responders lose (a speaker's socket holds
256 frames)."""

LONG = 300.0
"""Seconds beyond which a faster rate or a smaller selection is suggested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for."""

    options: Options
    """With `rate` as given; 0 is the top rate."""
    source: Source
    mac_maps: tuple[str, ...] = ()
    format_name: str = "table"
    output: str | None = None
    accept: str | None = None
    headers: bool = True
    pcap: str | None = None
    bundle: Bundle = field(default_factory=Bundle)
    dry_run: bool = False
    quiet: bool = False


def probe(request: Request) -> int:
    """Runs it and writes the report; the exit code is the report's."""
    options = checked(request.options)
    for output, option in outputs(request):
        check(output, option)
    request.bundle.check()
    host = this_host()
    interfaces = to_open(options, host)
    if request.dry_run:
        with opened((), request.source) as (_, source):
            objects = _read(source, options)
            options = pipeline.settle(options, objects, host, interfaces)
            planned = pipeline.plan(options, objects, host, read_mac_maps(request.mac_maps))
            show(dry_run(planned, options, objects, datetime.now(UTC)))
        return 0
    with (
        held_back(for_good=True),
        diary(kept=request.bundle.path is not None) as log,
        opened(interfaces, request.source, *outputs(request)) as (wire, source),
        recording(request.pcap, kept=request.bundle.path is not None) as frames,
    ):
        request.bundle.check()
        mac_map, accepted = read_mac_maps(request.mac_maps), read_acceptances(request.accept)
        objects = _read(source, options)
        options = settled(options, objects, host, wire)
        with stopping() as stop:
            heard = observed(request, options, host, mac_map, objects, wire, accepted=accepted, stop=stop, tap=frames)
            evidence, unwritten = replace(heard, after=read_again(source, objects)), frames.finish()
            report = pipeline.conclude(evidence)
            unwritten = bundled(request.bundle, evidence, report, frames.file, log.lines()) or unwritten
            deliver(report, request.format_name, request.output, style(sys.stdout, headers=request.headers))
    if unwritten:
        raise unwritten
    return report.summary.exit_code


def observed(
    request: Request,
    options: Options,
    host: Host,
    mac_map: tuple[MacEntry, ...],
    objects: Objects,
    wire: LiveWire,
    *,
    accepted: tuple[Acceptance, ...] = (),
    stop: Callable[[], bool],
    tap: Callable[[datetime, bytes], None] = lambda _moment, _frame: None,
) -> Evidence:
    """Asks, as it was announced. `stop` is the caller's, who keeps it until what was heard is out."""
    planned = pipeline.plan(options, objects, host, mac_map, accepted)
    if not request.quiet:
        _announce(planned, options)
    line = ProgressLine(shown=not request.quiet)
    seal()
    evidence = pipeline.observe(
        options,
        objects=objects,
        host=host,
        mac_map=mac_map,
        accepted=accepted,
        wire=wire,
        clock=lambda: datetime.now(UTC),
        progress=line,
        stop=stop,
        after=with_neighbours,
        vendors=manufacturers,
        tap=tap,
    )
    line.clear()
    _log.info("%d questions, %d replies kept", len(evidence.questions), len(evidence.replies))
    return evidence


def outputs(request: Request) -> tuple[tuple[str | None, str], ...]:
    """The files that it writes while it runs or at its end, each with its option."""
    return (request.output, "--output"), (request.pcap, "--pcap")


def _announce(planned: pipeline.Plan, options: Options) -> None:
    asked = len({ask.ip for ask in planned.asks})
    notice(
        f"asking {asked} addresses on {', '.join(options.interfaces)}, {options.rounds} rounds at {options.rate:g}"
        f" frames/s: about {duration(planned.seconds)}"
    )
    if planned.seconds > LONG:
        notice("a higher --rate (up to 100 is gentle where no ARP inspection counts), -n or -l make it shorter")


def checked(options: Options) -> Options:
    """The options with the rate that is really used. Raises UsageError for what makes no sense."""
    check_options(options)
    options = named(options)
    rate = TOP_RATE if options.rate == 0 else options.rate
    if not 0 < rate <= TOP_RATE:
        raise UsageError(f"--rate {options.rate:g} is out of range", f"0 (the top rate) to {TOP_RATE:g} frames a second")
    return replace(options, rate=rate)


READ_AGAIN = 10.0
"""Seconds that the second reading may take: the report waits for it."""


def read_again(source: Source, objects: Objects) -> Objects | None:
    """The records of announcers, once more after the last frame: who held an address before and after held it throughout.
    None for a file. Where they can't be read, that is a gap."""
    needs = pipeline.records_of(objects)
    if source.cluster_file is not None or not needs:
        return None
    source = replace(source, request_timeout=min(source.request_timeout, READ_AGAIN))
    try:
        return read(source, needs, services_required=False)
    except ArpcheckError as error:
        _log.info("the records could not be read again: %s", error)
        why, costs = "could not be read", "whether the same node announced all the time is not known"
        missing = tuple(Gap(what=what, why=why, costs=costs) for what in sorted({need.resource for need in needs}))
        return Objects(gaps=missing, read_at=datetime.now(UTC))


def _read(source: Source, options: Options) -> Objects:
    return read(source, pipeline.NEEDS, namespace=options.namespace, services_required=not options.ips)
