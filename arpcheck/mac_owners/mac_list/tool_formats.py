"""Prometheus node_exporter's text, of one node or several: the NICs in `node_network_info`, names in `node_uname_info`.

A NIC is its label `nodename`'s or `node`'s, else that of the `node_uname_info` with the same `instance`, else the host's in
`instance`. A file without these labels is one node's: its only `node_uname_info` names it, else the file's name. The
device is in the label `device`, before 0.18 in `interface` (prometheus/node_exporter: collector/netclass_linux.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import Nic, Row, Source, listed, short
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.NODE_EXPORTER

_NIC = re.compile(r"node_network_info\{")
_UNAME = re.compile(r"node_uname_info\{")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?')
_ANY = re.compile(r"# (HELP|TYPE) node_|node_[a-z_]+[{ ]")
_PORT = re.compile(r":\d+$")

Labels = Mapping[str, str]
_CURE = "Keep the label instance, as Prometheus' /federate has it, or give one file a node"


def recognises(source: Source) -> bool:
    return any(_ANY.match(line) for _, line in source.lines())


def read(source: Source) -> Iterable[Row]:
    return listed(source, _nics(source), FORMAT)


def _nics(source: Source) -> Iterator[Nic]:
    names = _names(source)
    sole = names.get("") or source.stem
    for number, labels in _series(source, _NIC):
        yield Nic(
            number, _node(source, number, labels, names) or sole, labels.get("device") or labels.get("interface", ""),
            labels.get("address"),
        )  # fmt: skip


def _node(source: Source, number: int, labels: Labels, names: Mapping[str, str]) -> str | None:
    instance = labels.get("instance", "")
    if found := labels.get("nodename") or labels.get("node") or names.get(instance):
        return found
    if not instance and any(names):
        raise InputError(f"{source.name}:{number}: no label instance says whose NIC it is", _CURE)
    return _PORT.sub("", instance).strip("[]") or None


def _names(source: Source) -> Mapping[str, str]:
    """The node's name by instance; by "" where the file is of one node without that label."""
    found: dict[str, str] = {}
    for number, labels in _series(source, _UNAME):
        name, instance = labels.get("nodename", ""), labels.get("instance", "")
        before = found.get(instance)
        if before is not None and not instance:
            what = f"a second node_uname_info ({short(name)} after {short(before)}) without a label instance"
            raise InputError(f"{source.name}:{number}: {what}: whose NIC is whose is not said", _CURE)
        if before is not None and before != name:
            what = f"instance {short(instance)} is {short(name)}, and {short(before)} before"
            raise InputError(f"{source.name}:{number}: {what}", "Give the newest alone")
        found[instance] = name
    return found


def _series(source: Source, name: re.Pattern[str]) -> Iterator[tuple[int, Labels]]:
    for number, line in source.data():
        if name.match(line):
            yield number, _labels(line)


def _labels(line: str) -> Labels:
    """One behind the other from the brace on, as far as they are labels."""
    found: dict[str, str] = {}
    place = line.index("{") + 1
    while match := _LABEL.match(line, place):
        found[match[1]] = match[2]
        place = match.end()
    return found
