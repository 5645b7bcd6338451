"""What the Job of `arpcheck inventory --manifest` printed: `/sys/class/net` of a node as `grep -H` shows it.

One log or several behind one another, each from its line `node NAME` to `---end`; without that mark it was cut off.
Documentation/ABI/testing/sysfs-class-net names the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import WIDTH, Nic, Row, Source, listed, short
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.JOB

END = "---end"

_PREFIX = re.compile(r"\[pod/[^\]\s]*\] ")
_NODE = re.compile(r"node (\S+)")
_FILE = re.compile(r"(?:/sys/class/net/)?(?P<nic>[^/\s:]+)/(?P<file>[a-z_/]+):(?P<value>.*)")
_ADDRESS = re.compile(r"(\[pod/[^\]\s]*\] )?(/sys/class/net/)?[^/\s:]+/address:|(\[pod/[^\]\s]*\] )?---end$")

Files = Mapping[str, Mapping[str, tuple[int, str]]]
"""By interface and file: the line, and what is in the file."""


def recognises(source: Source) -> bool:
    return source.any(_ADDRESS)


def read(source: Source) -> Iterable[Row]:
    return listed(source, (nic for node, files in _logs(source) for nic in _nics(node, files)), FORMAT)


def _nics(node: str, files: Files) -> Iterator[Nic]:
    for name, values in files.items():
        if values.get("type", (0, "1"))[1] == "1":
            found = [values[key] for key in ("address", "bonding_slave/perm_hwaddr") if key in values]
            lines = {mac: line for line, mac in reversed(found)}
            yield from (Nic(lines[mac], node, name, mac) for mac in dict.fromkeys(mac for _, mac in found))


def _logs(source: Source) -> Iterator[tuple[str, Files]]:
    """Every node's log, whole or not at all: half a list of NICs would make a stranger of the other half."""
    log: list[tuple[int, str]] = []
    for number, line in source.data():
        text = _PREFIX.sub("", line[:WIDTH], count=1)
        if text == END:
            yield _log(source, log)
            log = []
        else:
            log.append((number, text))
    if log:
        raise _cut_off(source, log[0])


def _log(source: Source, lines: list[tuple[int, str]]) -> tuple[str, Files]:
    if any(_NODE.fullmatch(text) for _, text in lines[1:]):
        raise _cut_off(source, lines[0])
    first = _NODE.fullmatch(lines[0][1]) if lines else None
    files: dict[str, dict[str, tuple[int, str]]] = {}
    for number, text in takewhile(lambda line: not line[1].startswith("---"), lines[1 if first else 0 :]):
        if not (match := _FILE.fullmatch(text)):
            raise InputError(f"{source.name}:{number}: not what the job prints: {short(text)}", "Give its log alone")
        files.setdefault(match["nic"], {})[match["file"]] = (number, match["value"])
    return first[1] if first else source.stem, files


def _cut_off(source: Source, line: tuple[int, str]) -> InputError:
    return InputError(
        f"{source.name}:{line[0]}: what begins here was cut off, {END} is missing", "Read the log again with --tail=-1"
    )
