"""`arpcheck watch`: what it takes of the world, before and while it watches. What it does with it is in `vigil`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from arpcheck import pipeline
from arpcheck.cluster import Source, read
from arpcheck.commands.input_files import read_acceptances
from arpcheck.commands.mac_maps import read_mac_maps
from arpcheck.commands.opening import opened, settled, to_open
from arpcheck.commands.output import format_of, show, write
from arpcheck.commands.probe import Request, checked
from arpcheck.commands.stopping import stopping
from arpcheck.commands.terminal import notice
from arpcheck.commands.vigil import Pace, World, announced, vigil
from arpcheck.errors import ArpcheckError, ClusterError, OutputError
from arpcheck.evidence import Options
from arpcheck.model import Report
from arpcheck.objects import Objects
from arpcheck.reports import Style, render
from arpcheck.text import plain
from arpcheck.wire.host import this_host

__all__ = ["Pace", "watch"]


def watch(request: Request, pace: Pace) -> int:
    """Runs it, and prints as it goes; the exit code is that of the worst moment.

    Under sudo no_new_privs is not set, as a probe does it: the caller's login plug-ins run again for every probe."""
    options = checked(request.options)
    host = this_host()
    with opened(to_open(options, host), request.source, (request.output, "--output"), requests=True) as (wire, source):
        mac_map, accepted = read_mac_maps(request.mac_maps), read_acceptances(request.accept)
        objects = _read(source, options)
        options = settled(options, objects, host, wire)
        with stopping() as stop:
            world = World(
                wire=wire,
                clock=lambda: datetime.now(UTC),
                host=host,
                objects=objects,
                reading=None if source.cluster_file else lambda: Reading(lambda: _read(source, options)),
                say=lambda line: show(f"{plain(line)}\n"),
                store=lambda report: _store(report, request),
                stop=stop,
                mac_map=mac_map,
                accepted=accepted,
            )
            if not request.quiet:
                notice(announced(options, pace, world))
            return vigil(options, pace, world)


def _read(source: Source, options: Options) -> Objects:
    return read(source, pipeline.NEEDS, namespace=options.namespace, services_required=not options.ips)


def _store(report: Report, request: Request) -> None:
    """By rename, as a collector of text files wants it. A disk that is full ends no watch: it is said, and tried anew."""
    try:
        if request.output:
            write(Path(request.output), render(report, format_of(request.output, request.format_name), Style()))
    except OutputError as error:
        notice(str(error))


class Reading:
    """The cluster, read in a thread that nobody waits for."""

    def __init__(self, read: Callable[[], Objects]) -> None:
        self._found: Objects | ArpcheckError | None = None
        self._read = read
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._found = self._read()
        except ArpcheckError as error:
            self._found = error
        except Exception as error:  # noqa: BLE001 - a fault of our own in a thread must not pass for "not read yet"
            self._found = ClusterError(f"the cluster can't be read: {type(error).__name__}")

    def result(self) -> Objects | ArpcheckError | None:
        """None: not yet."""
        return self._found
