"""`arpcheck probe`: opens the sockets, gives up privileges, reads the cluster, sends ARP requests and judges the replies.
With `--reach`, after the ARP run, one TCP SYN at a time to each MAC address that replied."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.bundle import BUNDLE, Bundle, bundled
from arpcheck.commands.dry_run import DRY_RUN, DryRun
from arpcheck.commands.input_files import read_acceptances, read_mac_maps
from arpcheck.commands.log import log_buffer
from arpcheck.commands.opening import (
    ProbeRequest,
    checked,
    first_line,
    observed,
    opened,
    settle,
    settled,
    stopping,
    to_open,
    with_ipv6,
)
from arpcheck.commands.option_groups import (
    REPORT,
    REQUESTS,
    SELECTION,
    ReportOptions,
    Selection,
    kubeconfig_note,
    reads_cluster,
    stands_for,
)
from arpcheck.commands.options import ExitZero, Iface, MacMap, OnLink, Pcap, Quiet, Services, Verbose, ended
from arpcheck.commands.output import NewFile, ProgressLine, check, duration, notice, show, told
from arpcheck.endpoints import ENDPOINT_SLICES, are_read
from arpcheck.errors import ArpcheckError, OutputError, UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.gc_control import held_back
from arpcheck.model import Gap, Need
from arpcheck.objects import Objects
from arpcheck.text import count
from arpcheck.wire.host import this_host
from arpcheck.wire.reach import ReachPlan, reach_seconds
from arpcheck.wire.reach import reach as send_tries
from arpcheck.wire.reach_socket import LiveReachWire, ReachWire
from arpcheck.wire.scapy_library import Recorder

_log = logging.getLogger(__name__)

Reach = Annotated[
    bool,
    typer.Option(
        "--reach",
        help="Then try a TCP connection to each Service over every MAC address that replied. Sends no data.",
    ),
]

EXAMPLES = (
    "sudo arpcheck probe",
    "sudo arpcheck probe svc/nginx -n web",
    "sudo arpcheck probe --iface eth0 -o markdown --output ticket.json",
    "arpcheck snapshot | ssh lan-host sudo arpcheck probe --cluster-file -",
)


@reads_cluster()
@stands_for(requests=REQUESTS, selection=SELECTION, wanted=REPORT, bundle=BUNDLE)
def probe(
    *,
    services: Services = None,
    iface: Iface = None,
    requests: Options,
    selection: Selection,
    on_link: OnLink = False,
    reach: Reach = False,
    mac_map: MacMap = None,
    cluster: ClusterSource,
    wanted: ReportOptions,
    pcap: Pcap = None,
    bundle: Bundle,
    exit_zero: ExitZero = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the requests that would be sent, and the duration. Sends nothing and needs no privilege.",
        ),
    ] = False,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Ask the LAN by ARP and ND for every LoadBalancer IP and report who replies."""
    if dry_run and wanted.format_name not in DRY_RUN:
        raise UsageError(f"-o {wanted.format_name}: --dry-run has no such format", f"One of {', '.join(DRY_RUN)}")
    options = replace(requests, interfaces=tuple(dict.fromkeys(iface or ())), on_link=on_link, reach=reach)
    code = run(
        ProbeRequest(
            options=selection.of(options, services or ()),
            source=cluster,
            mac_maps=tuple(mac_map or ()),
            report=wanted,
            pcap=pcap,
            bundle=bundle,
            dry_run=dry_run,
            quiet=quiet,
        )
    )
    return ended(code, exit_zero)


def run(request: ProbeRequest) -> int:
    """Runs it and writes the report; the exit code is the report's."""
    options = checked(request.options)
    for output, option in outputs(request):
        check(output, option)
    request.bundle.check()
    host = this_host()
    interfaces = to_open(options, host)
    if request.dry_run:
        with opened((), request.source) as (_, source):
            objects = _read_cluster(source, options)
            options = settle(options, objects, host)
            planned = pipeline.plan(options, objects, host, read_mac_maps(request.mac_maps))
            if not request.quiet:
                notice(first_line(planned, options, objects, source, "would ask"))
                kubeconfig_note(source)
            found = DryRun(planned, options, objects, datetime.now(UTC))
            show(found.json() if request.report.format_name == "json" else found.text())
        return 0
    tcp = LiveReachWire(interfaces if options.reach else ())
    with (
        held_back(for_good=True),
        log_buffer(kept=request.bundle.path is not None) as log,
        opened(interfaces, request.source, *outputs(request), also=tcp, ipv6=with_ipv6(host, interfaces, options)) as (
            wire,
            source,
        ),
        recording(request.pcap, kept=request.bundle.path is not None) as frames,
    ):
        request.bundle.check()
        mac_map, accepted = read_mac_maps(request.mac_maps), read_acceptances(request.report.accept)
        objects = _read_cluster(source, options)
        options = settled(options, objects, host, wire)
        with stopping() as stop:
            heard = observed(request, options, host, mac_map, objects, wire, accepted=accepted, stop=stop, tap=frames)
            evidence = replace(heard, after=read_again(source, objects))
            if options.reach and not stop():
                evidence = reached(evidence, tcp, source, quiet=request.quiet, stop=stop, tap=frames)
            unwritten = frames.finish()
            report = pipeline.conclude(evidence)
            unwritten = bundled(request.bundle, evidence, report, frames.file, log.lines()) or unwritten
            request.report.deliver(report)
    if unwritten:
        raise unwritten
    return report.summary.exit_code


def outputs(request: ProbeRequest) -> tuple[tuple[str | None, str], ...]:
    """The files that the run writes, each with its option."""
    return (request.report.output, "--output"), (request.pcap, "--pcap")


READ_AGAIN = 10.0
"""Time limit of the second reading in seconds, because the report waits for it."""


def read_again(source: ClusterSource, objects: Objects) -> Objects | None:
    """Reads the announcers' records again after the last frame: a node that is recorded before and after announced all the
    time. None for a cluster file. Records that could not be read are gaps."""
    needs = pipeline.records_of(objects)
    found = _read_at_the_end(source, needs)
    if not isinstance(found, ArpcheckError):
        return found
    why, costs = "could not be read", "whether the same node announced all the time is not known"
    missing = tuple(Gap(what=what, why=why, costs=costs) for what in sorted({need.resource for need in needs}))
    return Objects(gaps=missing, read_at=datetime.now(UTC))


def _read_at_the_end(source: ClusterSource, needs: Sequence[Need]) -> Objects | ArpcheckError | None:
    """None where there is nothing to read, or the cluster is a file."""
    if source.cluster_file is not None or not needs:
        return None
    source = replace(source, request_timeout=min(source.request_timeout, READ_AGAIN))
    try:
        return read(source, needs, services_required=False)
    except ArpcheckError as error:
        _log.info("%s could not be read again: %s", ", ".join(sorted({need.resource for need in needs})), error)
        return error


def _read_cluster(source: ClusterSource, options: Options) -> Objects:
    return read(source, pipeline.NEEDS, namespaces=options.namespaces, services_required=not options.ips)


# -------------------------------------------------------------------------------------------------------- the file of --pcap


class Frames:
    """Records frames to the file of --pcap, to a temporary file, or not at all."""

    def __init__(self, path: Path | None, *, kept: bool) -> None:
        """`kept`: `file` can be read again, also without a path. Raises OutputError if it cannot be created."""
        self._path = path or Path("a temporary file")
        self._new = NewFile(path) if path else None
        self._recorder: Recorder | None = None
        self.file: IO[bytes] | None = None
        try:
            with told(self._path):
                self.file = self._new.file if self._new else tempfile.TemporaryFile() if kept else None  # noqa: SIM115
                self._recorder = Recorder(self.file) if self.file else None
        except OutputError:
            self.discard()
            raise

    def __call__(self, moment: datetime, frame: bytes) -> None:
        if self._recorder is not None:
            self._recorder(moment, frame)

    def finish(self) -> OutputError | None:
        """Moves the file to its path. Returns an error instead of raising it: the caller prints the report first."""
        if self._recorder is None:
            return None
        try:
            with told(self._path):
                self._recorder.check()
            if self._new is not None:
                self._new.commit()
        except OutputError as error:
            return error
        return None

    def discard(self) -> None:
        if self._new is not None:
            self._new.discard()
        elif self.file is not None:
            self.file.close()


@contextmanager
def recording(path: str | None, *, kept: bool = False) -> Iterator[Frames]:
    """Deletes the file at the end of the block unless it was finished."""
    frames = Frames(Path(path) if path else None, kept=kept)
    try:
        yield frames
    finally:
        frames.discard()


# ----------------------------------------------------------------------------------------------------------------- --reach


def reached(
    evidence: Evidence,
    wire: ReachWire,
    source: ClusterSource,
    *,
    quiet: bool,
    stop: Callable[[], bool],
    tap: Callable[[datetime, bytes], None],
) -> Evidence:
    """The evidence with the tries, after a notice with their number and the time they take."""
    planned = pipeline.reach_plan(evidence, pipeline.conclude(evidence))
    if not quiet:
        notice(_announced(planned))
    line = ProgressLine(shown=not quiet)
    passed = (datetime.now(UTC) - evidence.started_at).total_seconds()
    run = send_tries(
        wire,
        planned,
        begun=wire.now() - passed,
        stop=stop,
        tap=lambda at, frame: tap(evidence.started_at + timedelta(milliseconds=at), frame),
        progress=line.reach,
    )
    line.clear()
    _log.info("%d SYNs sent, %d replies kept", len(run.tries), sum(len(one.replies) for one in run.tries))
    return pipeline.with_reach(evidence, run, _again(evidence.objects, source) if run.tries else None)


def _announced(plan: ReachPlan) -> str:
    if not plan.aims:
        return "--reach: nothing can be tried"
    least, most = reach_seconds(plan)
    macs = len({aim.mac for aim in plan.aims})
    at_most = f", at most {duration(most)} if nobody replies" if most - least > 1 else ""
    return f"--reach: {count(len(plan.aims), 'TCP SYN')} to {count(macs, 'MAC address')}, about {duration(least)}{at_most}"


def _again(objects: Objects, source: ClusterSource) -> Objects | None:
    """The EndpointSlices and the announcers' records after the last try; None where they come from a file, were not read, or
    can't be read now."""
    needs = (*([ENDPOINT_SLICES] if are_read(objects) else []), *pipeline.records_of(objects))
    found = _read_at_the_end(source, needs)
    return found if isinstance(found, Objects) else None
