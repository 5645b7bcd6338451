"""Prometheus node_exporter's text, of one node or several: the NICs in `node_network_info`, names in `node_uname_info`.

A NIC is its label `nodename`'s or `node`'s, else that of the `node_uname_info` with the same `instance`, else the host's in
`instance`. A file without these labels is one node's: its only `node_uname_info` names it, else the file's name. The
device is in the label `device`, before 0.18 in `interface` (prometheus/node_exporter: collector/netclass_linux.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list.source import (
    WIDTH,
    Blank,
    FunctionFormat,
    ListedNic,
    MacListText,
    Row,
    host_of,
    is_unreached,
    listed,
    short,
)
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text

_ANSIBLE_FORMAT = MacListFormat.ANSIBLE


def _is_ansible(source: MacListText) -> bool:
    return any(facts or is_unreached(value) for _, value, facts in _hosts(source))


def _read_ansible(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_facts(source), _ANSIBLE_FORMAT)
    for name, value, facts in _hosts(source):
        if not facts and is_unreached(value):
            yield Blank(f"{name} (not reached)")


def _nics_of_facts(source: MacListText) -> Iterator[ListedNic]:
    number = 0
    for name, _, facts in _hosts(source):
        node = text(facts, "ansible_nodename") or text(facts, "ansible_hostname") or name
        for fact in (facts or {}).values():
            if text(fact, "device"):
                for mac in dict.fromkeys(str(at(fact, key)) for key in ("macaddress", "perm_macaddress") if at(fact, key)):
                    number += 1
                    yield ListedNic(f"entry {number}", node, text(fact, "device"), mac)


def _hosts(source: MacListText) -> Sequence[tuple[str, Any, Mapping[str, Any] | None]]:
    """Every host's name, what stands there of it, and the facts in that; a file of one host has them at its top."""
    found: list[tuple[str, Any]] = []
    for block in source.blocks:
        if _facts(block.value) or is_unreached(block.value):
            found.append((host_of(block.heading) or source.stem, block.value))
        elif isinstance(block.value, Mapping):
            found += block.value.items()
    return [(name, value, _facts(value)) for name, value in found]


def _facts(value: Any) -> Mapping[str, Any] | None:
    facts = at(value, "ansible_facts") or value
    return facts if isinstance(facts, Mapping) and "ansible_interfaces" in facts else None


ANSIBLE = FunctionFormat(FORMAT=_ANSIBLE_FORMAT, recognises=_is_ansible, read=_read_ansible)


# ------------------------------------------------------------------- Prometheus node_exporter's text, of one node or several

_NODE_EXPORTER_FORMAT = MacListFormat.NODE_EXPORTER

_NIC = re.compile(r"node_network_info\{")
_UNAME = re.compile(r"node_uname_info\{")
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?')
_ANY = re.compile(r"# (HELP|TYPE) node_|node_[a-z_]+[{ ]")
_PORT = re.compile(r":\d+$")

Labels = Mapping[str, str]
_CURE = "Keep the label instance, as Prometheus' /federate has it, or give one file a node"


def _is_node_exporter(source: MacListText) -> bool:
    return any(_ANY.match(line) for _, line in source.lines())


def _read_node_exporter(source: MacListText) -> Iterable[Row]:
    return listed(source, _nics_of_metrics(source), _NODE_EXPORTER_FORMAT)


def _nics_of_metrics(source: MacListText) -> Iterator[ListedNic]:
    names = _uname_names(source)
    sole = names.get("") or source.stem
    for number, labels in _series(source, _NIC):
        yield ListedNic(
            number, _node(source, number, labels, names) or sole, labels.get("device") or labels.get("interface", ""),
            labels.get("address"),
        )  # fmt: skip


def _node(source: MacListText, number: int, labels: Labels, names: Mapping[str, str]) -> str | None:
    instance = labels.get("instance", "")
    if found := labels.get("nodename") or labels.get("node") or names.get(instance):
        return found
    if not instance and any(names):
        raise InputError(f"{source.name}:{number}: no label instance says whose NIC it is", _CURE)
    return _PORT.sub("", instance).strip("[]") or None


def _uname_names(source: MacListText) -> Mapping[str, str]:
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


def _series(source: MacListText, name: re.Pattern[str]) -> Iterator[tuple[int, Labels]]:
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


NODE_EXPORTER = FunctionFormat(FORMAT=_NODE_EXPORTER_FORMAT, recognises=_is_node_exporter, read=_read_node_exporter)


# --------------------------------------------------------------------- What the Job of arpcheck inventory --manifest printed

_JOB_LOG_FORMAT = MacListFormat.JOB

END = "---end"

_PREFIX = re.compile(r"\[pod/[^\]\s]*\] ")
_NODE = re.compile(r"node (\S+)")
_FILE = re.compile(r"(?:/sys/class/net/)?(?P<nic>[^/\s:]+)/(?P<file>[a-z_/]+):(?P<value>.*)")
_ADDRESS = re.compile(r"(\[pod/[^\]\s]*\] )?(/sys/class/net/)?[^/\s:]+/address:|(\[pod/[^\]\s]*\] )?---end$")

Files = Mapping[str, Mapping[str, tuple[int, str]]]
"""By interface and file: the line, and what is in the file."""


def _is_job_log(source: MacListText) -> bool:
    return source.any(_ADDRESS)


def _read_job_log(source: MacListText) -> Iterable[Row]:
    return listed(source, (nic for node, files in _logs(source) for nic in _nics_of_log(node, files)), _JOB_LOG_FORMAT)


def _nics_of_log(node: str, files: Files) -> Iterator[ListedNic]:
    for name, values in files.items():
        if values.get("type", (0, "1"))[1] == "1":
            found = [values[key] for key in ("address", "bonding_slave/perm_hwaddr") if key in values]
            lines = {mac: line for line, mac in reversed(found)}
            yield from (ListedNic(lines[mac], node, name, mac) for mac in dict.fromkeys(mac for _, mac in found))


def _logs(source: MacListText) -> Iterator[tuple[str, Files]]:
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


def _log(source: MacListText, lines: list[tuple[int, str]]) -> tuple[str, Files]:
    if any(_NODE.fullmatch(written) for _, written in lines[1:]):
        raise _cut_off(source, lines[0])
    first = _NODE.fullmatch(lines[0][1]) if lines else None
    files: dict[str, dict[str, tuple[int, str]]] = {}
    for number, written in takewhile(lambda line: not line[1].startswith("---"), lines[1 if first else 0 :]):
        if not (match := _FILE.fullmatch(written)):
            raise InputError(f"{source.name}:{number}: not what the job prints: {short(written)}", "Give its log alone")
        files.setdefault(match["nic"], {})[match["file"]] = (number, match["value"])
    return first[1] if first else source.stem, files


def _cut_off(source: MacListText, line: tuple[int, str]) -> InputError:
    return InputError(
        f"{source.name}:{line[0]}: what begins here was cut off, {END} is missing", "Read the log again with --tail=-1"
    )


JOB_LOG = FunctionFormat(FORMAT=_JOB_LOG_FORMAT, recognises=_is_job_log, read=_read_job_log)
