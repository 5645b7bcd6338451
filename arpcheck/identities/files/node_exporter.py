"""Prometheus node_exporter's text: `node_network_info`, and the node by `node_uname_info`, else by the file's name.

The device is in the label `device`, before 0.18 in `interface` (prometheus/node_exporter: collector/netclass_linux.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from arpcheck.evidence import MacEntry
from arpcheck.identities.files.source import Nic, Source, listed
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.NODE_EXPORTER

_NIC = re.compile(r"node_network_info\{")
_UNAME = re.compile(r"node_uname_info\{")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?')
_ANY = re.compile(r"# (HELP|TYPE) node_|node_[a-z_]+[{ ]")


def recognises(source: Source) -> bool:
    return any(_ANY.match(line) for _, line in source.lines())


def read(source: Source) -> Iterable[MacEntry]:
    return listed(source, _nics(source), FORMAT)


def _nics(source: Source) -> Iterator[Nic]:
    named = (_labels(line).get("nodename") for _, line in source.data() if _UNAME.match(line))
    node = next((name for name in named if name), source.stem)
    for number, line in source.data():
        if _NIC.match(line):
            labels = _labels(line)
            yield Nic(number, node, labels.get("device") or labels.get("interface", ""), labels.get("address"))


def _labels(line: str) -> Mapping[str, str]:
    """One behind the other from the brace on, as far as they are labels."""
    found: dict[str, str] = {}
    place = line.index("{") + 1
    while match := _LABEL.match(line, place):
        found[match[1]] = match[2]
        place = match.end()
    return found
