"""The log of the Job of `arpcheck inventory --manifest`: the files of /sys/class/net of each node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import WIDTH, ListedNic, ListFormat, MacListText, Row, listed, short
from arpcheck.model import MacListFormat

END = "---end"
"""The last line that the Job prints."""

_POD_PREFIX = re.compile(r"\[pod/[^\]\s]*\] ")
_NODE_LINE = re.compile(r"node (\S+)")
_SYS_FILE = re.compile(r"(?:/sys/class/net/)?(?P<nic>[^/\s:]+)/(?P<file>[a-z_/]+):(?P<value>.*)")
_JOB_LINE = re.compile(r"(\[pod/[^\]\s]*\] )?(/sys/class/net/)?[^/\s:]+/address:|(\[pod/[^\]\s]*\] )?---end$")

SysFiles = Mapping[str, Mapping[str, tuple[int, str]]]
"""By interface and file: the line's number, and the content of the file."""


def _is_job_log(source: MacListText) -> bool:
    return source.any(_JOB_LINE)


def _read_job_log(source: MacListText) -> Iterable[Row]:
    return listed(source, (nic for node, files in _node_logs(source) for nic in _nics_of_log(node, files)))


def _nics_of_log(node: str, files: SysFiles) -> Iterator[ListedNic]:
    for nic, values in files.items():
        if values.get("type", (0, "1"))[1] == "1":
            found = [values[key] for key in ("address", "bonding_slave/perm_hwaddr") if key in values]
            lines = {mac: line for line, mac in reversed(found)}
            yield from (ListedNic(lines[mac], node, nic, mac) for mac in dict.fromkeys(mac for _, mac in found))


def _node_logs(source: MacListText) -> Iterator[tuple[str, SysFiles]]:
    """The complete log of each node: with half of it, the NICs of the other half would look foreign."""
    log: list[tuple[int, str]] = []
    for number, line in source.data():
        written = _POD_PREFIX.sub("", line[:WIDTH], count=1)
        if written == END:
            yield _node_log(source, log)
            log = []
        else:
            log.append((number, written))
    if log:
        raise _cut_off(source, log[0])


def _node_log(source: MacListText, lines: list[tuple[int, str]]) -> tuple[str, SysFiles]:
    if any(_NODE_LINE.fullmatch(written) for _, written in lines[1:]):
        raise _cut_off(source, lines[0])
    first = _NODE_LINE.fullmatch(lines[0][1]) if lines else None
    files: dict[str, dict[str, tuple[int, str]]] = {}
    for number, written in takewhile(lambda line: not line[1].startswith("---"), lines[1 if first else 0 :]):
        if not (match := _SYS_FILE.fullmatch(written)):
            message = f"{source.name}:{number}: not a line that the Job prints: {short(written)}"
            raise InputError(message, "Give only the log of the Job")
        files.setdefault(match["nic"], {})[match["file"]] = (number, match["value"])
    return first[1] if first else source.stem, files


def _cut_off(source: MacListText, line: tuple[int, str]) -> InputError:
    message = f"{source.name}:{line[0]}: the log that begins here is cut off; its last line {END} is missing"
    return InputError(message, "Read the log again with --tail=-1")


JOB = ListFormat(format=MacListFormat.JOB, called="the log of inventory's Job", recognises=_is_job_log, read=_read_job_log)
