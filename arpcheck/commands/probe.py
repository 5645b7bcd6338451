"""`arpcheck probe`: opens the sockets, gives up privileges, reads the cluster, sends ARP requests and judges the replies."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.bundle import Bundle, bundled
from arpcheck.commands.input_files import read_acceptances, read_mac_maps
from arpcheck.commands.log import log_buffer
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open
from arpcheck.commands.options import (
    Accept,
    AllNamespaces,
    As,
    BundleFile,
    ClusterFile,
    Context,
    ExitZero,
    ExternalIps,
    FileHas,
    Format,
    Iface,
    Ip,
    Kubeconfig,
    LoadBalancerClass,
    MacMap,
    Namespace,
    NoHeaders,
    OnLink,
    Output,
    Pcap,
    Quiet,
    Rate,
    Redact,
    RequestTimeout,
    Rounds,
    Selector,
    Sender,
    Verbose,
    Wait,
    address,
    ended,
    known_format,
    one_namespace,
    source,
)  # fmt: skip
from arpcheck.commands.output import NewFile, check, deliver, how_long, show, style, told
from arpcheck.errors import ArpcheckError, OutputError
from arpcheck.evidence import Evidence, Options
from arpcheck.gc_control import held_back
from arpcheck.model import Gap, Target
from arpcheck.model.constants import RATE, REQUEST_TIMEOUT, ROUNDS, WAIT
from arpcheck.objects import Objects
from arpcheck.pipeline import Plan, announcements
from arpcheck.reports.formatting import count
from arpcheck.targets import JUDGED
from arpcheck.text import plain
from arpcheck.wire.host import this_host
from arpcheck.wire.scapy_library import Recorder

_log = logging.getLogger(__name__)

EXAMPLES = (
    "sudo arpcheck probe --iface eth0",
    "sudo arpcheck probe --iface eth0 -n web -o markdown --output ticket.json",
    "arpcheck snapshot | ssh lan-host sudo arpcheck probe --iface eth0 --cluster-file -",
)


def probe(
    iface: Iface = None,
    rounds: Rounds = ROUNDS,
    wait: Wait = WAIT,
    rate: Rate = RATE,
    sender: Sender = "auto",
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    selector: Selector = "",
    load_balancer_class: LoadBalancerClass = None,
    ip: Ip = None,
    external_ips: ExternalIps = False,
    on_link: OnLink = False,
    mac_map: MacMap = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    accept: Accept = None,
    format_name: Format = "table",
    no_headers: NoHeaders = False,
    output: Output = None,
    pcap: Pcap = None,
    bundle: BundleFile = None,
    redact: Redact = False,
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
    """Send ARP requests for every LoadBalancer IP and report who replies."""
    chosen = known_format(format_name)
    code = run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())),
                rounds=rounds,
                wait=wait,
                rate=rate,
                sender=sender,
                namespace=one_namespace(namespace, all_namespaces),
                selector=selector,
                load_balancer_class=load_balancer_class,
                ips=tuple(dict.fromkeys(address(text) for text in ip or ())),
                external_ips=external_ips,
                on_link=on_link,
            ),
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
            mac_maps=tuple(mac_map or ()),
            accept=accept,
            format_name=chosen,
            headers=not no_headers,
            output=output,
            pcap=pcap,
            bundle=Bundle(path=bundle, redacted=redact),
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
            options = pipeline.settle(options, objects, host, interfaces)
            planned = pipeline.plan(options, objects, host, read_mac_maps(request.mac_maps))
            show(dry_run(planned, options, objects, datetime.now(UTC)))
        return 0
    with (
        held_back(for_good=True),
        log_buffer(kept=request.bundle.path is not None) as log,
        opened(interfaces, request.source, *outputs(request)) as (wire, source),
        recording(request.pcap, kept=request.bundle.path is not None) as frames,
    ):
        request.bundle.check()
        mac_map, accepted = read_mac_maps(request.mac_maps), read_acceptances(request.accept)
        objects = _read_cluster(source, options)
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


def outputs(request: ProbeRequest) -> tuple[tuple[str | None, str], ...]:
    """The files that the run writes, each with its option."""
    return (request.output, "--output"), (request.pcap, "--pcap")


READ_AGAIN = 10.0
"""Time limit of the second reading in seconds, because the report waits for it."""


def read_again(source: ClusterSource, objects: Objects) -> Objects | None:
    """Reads the announcers' records again after the last frame: a node that is recorded before and after announced all the
    time. None for a cluster file. Records that could not be read are gaps."""
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


def _read_cluster(source: ClusterSource, options: Options) -> Objects:
    return read(source, pipeline.NEEDS, namespace=options.namespace, services_required=not options.ips)


# -------------------------------------------------------------------------------------------------- arpcheck probe --dry-run


def dry_run(plan: Plan, options: Options, objects: Objects, now: datetime) -> str:
    """What a probe would send, as text. `now`: when it would begin."""
    from tabulate import tabulate

    senders: dict[object, list[str]] = {}
    for ask in plan.requests:
        senders.setdefault(ask.ip, []).append(f"{ask.sender} on {ask.interface}")
    evidence = Evidence(arpcheck="", started_at=now, ended_at=now, options=options, objects=objects)
    rows = [
        (target.ip or "-", target.kind.value, _services(target), _senders(target, senders), _claims(target, evidence))
        for target in plan.targets
    ]
    table = tabulate(rows, headers=("IP", "KIND", "SERVICES", "REQUESTS FROM", "ANNOUNCER"), tablefmt="plain")
    return "\n".join((table, "", *_frames(plan, options), ""))


def _services(target: Target) -> str:
    return plain(", ".join(target.services or target.nodes)) or "-"


def _senders(target: Target, senders: dict[object, list[str]]) -> str:
    return plain(f"not probed: {target.skipped}") if target.skipped else ", ".join(senders.get(target.ip, ())) or "-"


def _claims(target: Target, evidence: Evidence) -> str:
    """The recorded announcers of an address that gets a verdict."""
    said = announcements(target, evidence) if target.kind in JUDGED else ()
    found = [announcement for of_service in said for announcement in of_service]
    claims = [f"{claim.node} ({claim.trust.value}, {claim.source})" for one in found for claim in one.claims]
    nobody = [f"none ({one.silence})" for one in found if one.silence]
    return plain("; ".join(dict.fromkeys(claims or nobody))) or "-"


def _frames(plan: Plan, options: Options) -> Iterable[str]:
    by_interface = Counter(ask.interface for ask in plan.requests)
    for interface in options.interfaces:
        frames = by_interface[interface]
        total = count(frames * options.rounds, "frame")
        yield (
            f"{interface}: {count(frames, 'frame')} per round, {count(options.rounds, 'round')}, {total} of 42 bytes"
            f" at {options.rate:g} frames/s"
        )
    yield (
        f"At least {how_long(plan.seconds, plan.most_seconds)}; additional requests for unclear addresses take longer."
        " Nothing was sent."
    )


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
