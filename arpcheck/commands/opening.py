"""From the command line to the wire: what takes a privilege first, then none is left, and all else comes after that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from arpcheck.cluster import Source, hold
from arpcheck.commands.output import check
from arpcheck.wire.link import LiveWire
from arpcheck.wire.privilege import caller, drop


@contextmanager
def opened(interfaces: Sequence[str], source: Source, output: str | None = None) -> Iterator[tuple[LiveWire, Source]]:
    """The wire, and the source as it is to be read from here on. WireError where a socket can't be had; OutputError
    where only root could have written `output`."""
    check(output)
    held = hold(source, for_another=caller() is not None)
    with LiveWire(interfaces) as wire:
        drop()
        check(output)
        yield wire, held
