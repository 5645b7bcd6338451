"""Metrics of Prometheus' node_exporter, of one node or of several (`/federate`).

The node of a NIC is its label nodename or node, else the node_uname_info with the same instance, else the host in instance.
A file without these labels is of one node: its only node_uname_info names it, else the file's name. The NIC is in the label
device, before 0.18 in interface (prometheus/node_exporter: collector/netclass_linux.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import ListedNic, ListFormat, MacListText, Row, listed, short
from arpcheck.model import MacListFormat

_NETWORK_INFO = re.compile(r"node_network_info\{")
_UNAME_INFO = re.compile(r"node_uname_info\{")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?')
_METRIC = re.compile(r"# (HELP|TYPE) node_|node_[a-z_]+[{ ]")
_PORT = re.compile(r":\d+$")

Labels = Mapping[str, str]
_KEEP_INSTANCE = "Keep the label instance, as Prometheus' /federate does, or give one file per node"


def _is_node_exporter(source: MacListText) -> bool:
    return any(_METRIC.match(line) for _, line in source.lines())


def _read_node_exporter(source: MacListText) -> Iterable[Row]:
    return listed(source, _nics_of_metrics(source))


def _nics_of_metrics(source: MacListText) -> Iterator[ListedNic]:
    names = _uname_names(source)
    only = names.get("") or source.stem
    for number, labels in _samples(source, _NETWORK_INFO):
        node = _node_of_sample(source, number, labels, names) or only
        yield ListedNic(number, node, labels.get("device") or labels.get("interface", ""), labels.get("address"))


def _node_of_sample(source: MacListText, number: int, labels: Labels, names: Mapping[str, str]) -> str | None:
    instance = labels.get("instance", "")
    if found := labels.get("nodename") or labels.get("node") or names.get(instance):
        return found
    if not instance and any(names):
        raise InputError(f"{source.name}:{number}: this NIC has no label instance, so its node is unknown", _KEEP_INSTANCE)
    return _PORT.sub("", instance).strip("[]") or None


def _uname_names(source: MacListText) -> Mapping[str, str]:
    """The node's name by instance; by "" in a file of one node without that label."""
    found: dict[str, str] = {}
    for number, labels in _samples(source, _UNAME_INFO):
        node, instance = labels.get("nodename", ""), labels.get("instance", "")
        before = found.get(instance)
        if before is not None and not instance:
            what = f"a second node_uname_info ({short(node)} after {short(before)}) without a label instance"
            raise InputError(f"{source.name}:{number}: {what}, so the node of each NIC is unknown", _KEEP_INSTANCE)
        if before is not None and before != node:
            what = f"instance {short(instance)} is {short(node)} here and {short(before)} in an earlier line"
            raise InputError(f"{source.name}:{number}: {what}", "Give only the newest metrics")
        found[instance] = node
    return found


def _samples(source: MacListText, metric: re.Pattern[str]) -> Iterator[tuple[int, Labels]]:
    for number, line in source.data():
        if metric.match(line):
            yield number, _labels(line)


def _labels(line: str) -> Labels:
    found: dict[str, str] = {}
    place = line.index("{") + 1
    while match := _LABEL.match(line, place):
        found[match[1]] = match[2]
        place = match.end()
    return found


NODE_EXPORTER = ListFormat(
    format=MacListFormat.NODE_EXPORTER, called="node_exporter", recognises=_is_node_exporter, read=_read_node_exporter
)
