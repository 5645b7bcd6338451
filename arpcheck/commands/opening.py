"""From the command line to the wire: what takes a privilege first, then none is left, and all else comes after that.

With `--iface auto` every interface that may be meant is opened, since the cluster, which tells which one is, is read
after that."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, hold
from arpcheck.commands.output import check
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.model import Host
from arpcheck.objects import Objects
from arpcheck.pipeline.planning import AUTO
from arpcheck.wire.host import candidates, usable
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.privilege import caller, drop
from arpcheck.wire.scapy_library import load


def named(options: Options) -> Options:
    """The options with an interface, or `auto`, which is what none means in a pod. UsageError elsewhere."""
    if options.interfaces:
        if AUTO in options.interfaces and len(options.interfaces) > 1:
            raise UsageError("--iface auto goes with no other --iface", "Give one or the other")
        return options
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return replace(options, interfaces=(AUTO,))
    raise UsageError("no interface is named", "Give one with --iface; `ip -br addr` lists them, and auto finds it")


def to_open(options: Options, host: Host) -> tuple[str, ...]:
    """The interfaces that may be asked on. UsageError for one that can't be."""
    if options.interfaces == (AUTO,):
        return candidates(host)
    return tuple(interface.name for interface in usable(host, options.interfaces))


@contextmanager
def opened(
    interfaces: Sequence[str], source: ClusterSource, *outputs: tuple[str | None, str], requests: bool = False
) -> Iterator[tuple[LiveWire, ClusterSource]]:
    """The wire, and the source as it is to be read from here on. `outputs`: files that will be written, each with its
    option; `requests`: other hosts' questions are heard too. WireError where a socket can't be had; OutputError where only
    root could write one of the files."""
    for output, option in outputs:
        check(output, option)
    held = hold(source, for_another=caller() is not None)
    with LiveWire(interfaces, requests=requests) as wire:
        drop()
        for output, option in outputs:
            check(output, option)
        if interfaces:
            load()
        yield wire, held


def settled(options: Options, objects: Objects, host: Host, wire: LiveWire) -> Options:
    """The options with the interfaces that are asked on; the sockets of all others are closed."""
    found = pipeline.settle(options, objects, host, to_open(options, host))
    wire.keep(found.interfaces)
    return found


# ----------------------------------------------------------------------------- Ends a run early without losing what it heard

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Asked by the sweep at every step."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def stopping() -> Iterator[Stop]:
    """While this is open the first signal only asks to stop, so that what was heard is still judged, written and shown; a
    second one ends arpcheck at once. Open it before the first question and close it when the report is out."""
    stop = Stop()
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        stop.asked = True
        # As without this: that takes away what was put down. A terminal that goes away sends SIGHUP, and sudo another.
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else before[signal.Signals(number)])

    for number, handler in before.items():
        if handler is not signal.SIG_IGN or number == signal.SIGINT:  # nohup; but a shell's background ignores Ctrl-C alone
            signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
