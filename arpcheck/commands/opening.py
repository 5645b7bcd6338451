"""From the command line to the network: open what needs a privilege, give up privileges, then read and send.

With `--iface auto` every candidate interface is opened, because the cluster, which tells the right one, is read only after
privileges are given up."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FrameType

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, preload
from arpcheck.commands.bundle import Bundle
from arpcheck.commands.option_groups import ReportOptions, cluster_words, kubeconfig_note
from arpcheck.commands.output import ProgressLine, check, duration, how_long, notice
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.model import Acceptance, Families, Host, Kind
from arpcheck.model.constants import IPV6, TOP_RATE
from arpcheck.objects import Objects
from arpcheck.pipeline.interfaces import AUTO
from arpcheck.targets import JUDGED, check_options, unfitting
from arpcheck.text import count
from arpcheck.wire.host import candidates, passed_over, usable, with_neighbours
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.privilege import caller, drop, seal
from arpcheck.wire.scapy_library import load, manufacturers

_log = logging.getLogger(__name__)

LONG = 300.0
"""Seconds. A probe that takes longer prints a hint: a higher rate or a smaller selection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest:
    """The options of a command that sends requests."""

    options: Options
    """With `rate` as given: 0 stands for TOP_RATE."""
    source: ClusterSource
    mac_maps: tuple[str, ...] = ()
    report: ReportOptions = field(default_factory=ReportOptions)
    pcap: str | None = None
    bundle: Bundle = field(default_factory=Bundle)
    dry_run: bool = False
    quiet: bool = False


def checked(options: Options) -> Options:
    """The options with the rate that is used and with an interface. Raises UsageError for values that make no sense."""
    check_options(options)
    options = named(options)
    rate = TOP_RATE if options.rate == 0 else options.rate
    if not 0 < rate <= TOP_RATE:
        raise UsageError(f"--rate {options.rate:g} is out of range", f"0 (the top rate) to {TOP_RATE:g} frames a second")
    return replace(options, rate=rate)


def named(options: Options) -> Options:
    """The options with an interface: `auto` without one."""
    if AUTO in options.interfaces and len(options.interfaces) > 1:
        raise UsageError("--iface auto can't be combined with another --iface", "Give one or the other")
    return options if options.interfaces else replace(options, interfaces=(AUTO,))


def to_open(options: Options, host: Host) -> tuple[str, ...]:
    """The interfaces to open. UsageError for one that can't be used."""
    if options.interfaces == (AUTO,):
        return candidates(host)
    return tuple(interface.name for interface in usable(host, options.interfaces))


@contextmanager
def opened(
    interfaces: Sequence[str],
    source: ClusterSource,
    *outputs: tuple[str | None, str],
    requests: bool = False,
    also: AbstractContextManager[object] | None = None,
    ipv6: Collection[str] = (),
) -> Iterator[tuple[LiveWire, ClusterSource]]:
    """The open sockets, and the source to read from once privileges are given up.

    `outputs`: the files that will be written, each with its option. `requests`: also receive the requests of other hosts.
    `also`: entered before privileges are given up, too. `ipv6`: those of the interfaces that may use neighbour discovery.
    Raises WireError where a socket can't be opened, OutputError where only root could write one of the files."""
    for output, option in outputs:
        check(output, option)
    preloaded = preload(source, for_another=caller() is not None)
    with LiveWire(interfaces, requests=requests, ipv6=ipv6) as wire, also or nullcontext():
        drop()
        for output, option in outputs:
            check(output, option)
        if interfaces:
            load()
        yield wire, preloaded


def settle(options: Options, objects: Objects, host: Host) -> Options:
    """The options with the interfaces to send on."""
    return pipeline.settle(options, objects, host, to_open(options, host), passed_over(host))


def settled(options: Options, objects: Objects, host: Host, wire: LiveWire, *, for_good: bool = True) -> Options:
    """The options with the interfaces to send on. Closes the sockets of all others, and those for neighbour discovery if no
    IPv6 address is requested. `for_good`: no other addresses will be requested; else a Service may get an IPv6 address
    later, when no socket can be opened any more."""
    found = settle(options, objects, host)
    asked = {target.ip.version for target in pipeline.targets_of(found, objects, host) if target.ip and not target.skipped}
    needed = IPV6 in asked or not for_good
    wire.keep(found.interfaces, ipv6=with_ipv6(host, found.interfaces, found) if needed else ())
    return found


def with_ipv6(host: Host, interfaces: Collection[str], options: Options) -> frozenset[str]:
    """The interfaces on which IPv6 is requested. Raises UsageError if `--family` asks for it and none can be used."""
    found = frozenset(pipeline.ipv6_senders(one for one in host.interfaces if one.name in interfaces))
    if options.families in (Families.IPV6, Families.BOTH) and not found:
        raise UsageError(
            f"--family {options.families}: {' and '.join(interfaces)} has no usable IPv6 link-local address",
            "`ip -6 address` lists them; a tentative address and a duplicate can't be used",
        )
    return found if IPV6 in options.families.versions(link_local=True) else frozenset()


def observed(
    request: ProbeRequest,
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
    """Sends the requests and returns the evidence, after a notice with their number and the time they take.

    `stop`: the caller holds it until the result is written. `tap`: called with every frame and its time."""
    planned = pipeline.plan(options, objects, host, mac_map, accepted)
    if not request.quiet:
        _announce(planned, options, objects, request.source)
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


def _announce(planned: pipeline.Plan, options: Options, objects: Objects, source: ClusterSource) -> None:
    notice(first_line(planned, options, objects, source))
    kubeconfig_note(source)
    if options.reach:
        notice(expected_reach(planned, objects, options))
    if planned.seconds > LONG:
        notice("a higher --rate (up to 100 is gentle where no ARP inspection counts), -n or -l make it shorter")


def expected_reach(plan: pipeline.Plan, objects: Objects, options: Options) -> str:
    """A sentence before the run, when nobody has replied yet."""
    tries, least, most = pipeline.expected_seconds(plan.targets, objects, options)
    if not tries:
        return "--reach: no address has a Service with a TCP port"
    return (
        f"--reach: then {count(tries, 'TCP SYN')} for each MAC address that replies for each address,"
        f" about {duration(least)}, at most {duration(most)} with one reply each"
    )


def first_line(
    planned: pipeline.Plan, options: Options, objects: Objects, source: ClusterSource, doing: str = "asking"
) -> str:
    """Which cluster, what of the selection fits no Service, how many addresses and nodes, on which interfaces, how long."""
    return "; ".join(
        (
            f"{cluster_words(objects, source)}",
            *unselected(planned, options, objects),
            f"{doing} for {asked_words(planned)} on {', '.join(options.interfaces)},"
            f" {count(options.rounds, 'round')} at {options.rate:g} frames/s,"
            f" about {how_long(planned.seconds, planned.most_seconds)}",
        )
    )


def asked_words(planned: pipeline.Plan) -> str:
    """`12 addresses and 3 nodes (2 addresses left out)`."""
    judged = [target for target in planned.targets if target.kind in JUDGED]
    asked = len({request.ip for request in planned.requests} & {target.ip for target in judged})
    nodes = len({name for target in planned.targets for name in target.nodes if target.kind is Kind.NODE})
    out = sum(1 for target in judged if target.skipped)
    left = f" ({out:,} left out)" if out else ""
    return f"{count(asked, 'address')}{left} and {count(nodes, 'node')}"


def unselected(planned: pipeline.Plan, options: Options, objects: Objects) -> tuple[str, ...]:
    """What of the selection fits no Service."""
    return unfitting(objects, options, judges=any(target.kind in JUDGED for target in planned.targets))


# -------------------------------------------------------------------------------------------------- Ctrl-C and other signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """True once a signal has come; a scan looks at it at every step."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def stopping() -> Iterator[Stop]:
    """In the block, the first signal only stops the scan: the replies until then are judged, written and shown.

    A second one ends arpcheck at once. Enter it before the first request and leave it when the report is written."""
    stop = Stop()
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        stop.asked = True
        # The next one goes to the handler from before, which cleans up; SIGHUP is ignored, since a closed terminal and
        # sudo each send one.
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else before[signal.Signals(number)])

    for number, handler in before.items():
        if handler is not signal.SIG_IGN or number == signal.SIGINT:  # nohup; a background job ignores only Ctrl-C
            signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
