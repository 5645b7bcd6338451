"""`arpcheck report --capture FILE`: frames that somebody else recorded on the LAN, judged with the objects of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.input_files import read_mac_maps
from arpcheck.errors import InputError, UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.targets import check_options
from arpcheck.wire.pcap import entries
from arpcheck.wire.scapy_library import manufacturers

MOST_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file of frames and what is to be judged by it."""

    path: str
    """`-` is stdin."""
    cluster_file: str
    file_has: tuple[str, ...] = ()
    options: Options
    mac_maps: tuple[str, ...] = ()


def evidence(recording: Recording) -> Evidence:
    """Raises InputError with the place of a fault in one of the files."""
    if recording.path == recording.cluster_file == "-":
        raise UsageError("--capture and --cluster-file both from stdin", "Name a file for one of them")
    check_options(recording.options)
    options = recording.options
    objects = read(
        ClusterSource(cluster_file=recording.cluster_file, file_has=recording.file_has),
        pipeline.NEEDS,
        namespace=options.namespace,
        services_required=not options.ips,
    )
    mac_map = read_mac_maps(recording.mac_maps)
    name = "stdin" if recording.path == "-" else Path(recording.path).name
    with _opened(recording.path) as file:
        found = entries(file, f"--capture {recording.path}")
        return pipeline.recorded(
            options, objects=objects, mac_map=mac_map, entries=found, name=name, vendors=manufacturers
        )


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(path).open("rb") as file:
            if (size := Path(path).stat().st_size) > MOST_BYTES:
                raise InputError(f"--capture {path}: {size >> 30} GiB", "Take the ARP out of it: tcpdump -r FILE -w NEW arp")
            yield file
    except OSError as error:
        raise InputError(f"--capture {path}: {error.strerror}", "Name a file that `tcpdump -w` wrote") from None
