"""What lists the NICs of hosts by name: the output of `ip`, Ansible's facts, node_exporter's metrics, and the log of the Job
of `arpcheck inventory`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.mac_owners.addresses import is_inside, station
from arpcheck.mac_owners.devices import is_virtual_router
from arpcheck.mac_owners.mac_list.source import (
    MAC,
    WIDTH,
    Blank,
    ListedNic,
    ListFormat,
    MacListText,
    Row,
    host_of,
    is_unreached,
    listed,
    short,
)
from arpcheck.model import MacListFormat
from arpcheck.objects import at, ipv4, items, text

# ---------------------------------------------------------------------------------------------------------- What `ip` prints

# What `ip` prints of the NICs of a host: `ip -br link`, `ip -j link`, `ip link`, and `ip addr` in the place of link.
# Of the last two a file may have the output of several hosts. The node is the key in `{node: [links]}` or the line above the
# output, else the file's name. Where the outputs of several hosts have no name, the addresses of each host tell which node
# it is (iproute2: ip/ipaddress.c).


# --------------------------------------------------------------------------------------------------------------- ip -br link

_IP_BRIEF = re.compile(
    rf"(?P<nic>[^\s@]+)(?:@\S+)?\s+(?P<state>[A-Z]+)\s+(?P<mac>{MAC.pattern}|\S+)?\s*<[A-Z0-9,_-]*>(\s|$)"
)


def _is_ip_brief(source: MacListText) -> bool:
    return source.any(_IP_BRIEF)


def _read_ip_brief(source: MacListText) -> Iterable[Row]:
    return listed(source, _nics_of_lines(source))


def _nics_of_lines(source: MacListText) -> Iterator[ListedNic]:
    for number, line in source.data():
        found = _IP_BRIEF.match(line[:WIDTH])
        yield ListedNic(number, source.stem, found["nic"] if found else "", (found["mac"] or "") if found else line)


# ----------------------------------------------------------------------------------- ip -j link, ip -j -d link or ip -j addr

_VIRTUAL = ("veth", "dummy", "tun", "vxlan", "geneve", "ifb", "vrf", "nlmon", "wireguard", "macvtap")
"""Kinds of links (`-d`) that never reply on a LAN, or only for a virtual machine."""


class _IpCall(NamedTuple):
    """What one call of `ip` printed."""

    line: int
    first: int
    """The number of its first link in the file."""
    node: str
    """Empty: the file does not name it."""
    links: Sequence[Any]


def _is_ip_json(source: MacListText) -> bool:
    return any(text(link, "ifname") for call in _json_calls(source) for link in call.links)


def _read_ip_json(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source, list(_json_calls(source))))
    yield from (
        Blank(f"{host_of(block.heading) or block.line} (not reached)")
        for block in source.blocks if is_unreached(block.value)
    )  # fmt: skip


def _nics_of_links(source: MacListText, calls: Sequence[_IpCall]) -> Iterator[ListedNic]:
    for nodes, call in _named_calls(source, calls):
        for number, link in enumerate(call.links, call.first):
            if text(link, "link_type") == "ether" and _replies_for_host(link):
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    place = at(link, "line") or f"entry {number}"
                    yield from (ListedNic(place, node, text(link, "ifname"), mac) for node in nodes)


def _replies_for_host(link: Any) -> bool:
    """A macvlan without an address belongs to a pod or a virtual machine."""
    kind, addresses = text(link, "linkinfo", "info_kind"), items(link, "addr_info")
    return kind not in _VIRTUAL and (kind != "macvlan" or any(text(entry, "scope") == "global" for entry in addresses))


def _named_calls(source: MacListText, calls: Sequence[_IpCall]) -> Iterator[tuple[Sequence[str], _IpCall]]:
    """Each call with its host: the host's name, or its addresses, one of which is the node's."""
    unnamed = [call for call in calls if not call.node]
    one_host = len(_by_host(unnamed)) <= 1 and len(unnamed) == len(calls)
    hosts = {call.first: host for host in ([] if one_host else _by_host(unnamed)) for call in host}
    for call in calls:
        if call.node or one_host:
            yield (call.node or source.stem,), call
        elif addresses := _lan_addresses(link for part in hosts[call.first] for link in part.links):
            yield addresses, call
        else:
            raise InputError(
                f"{source.name}:{call.line}: this list of NICs does not name its host",
                "Give one file per node, put the node's name on a line above the list, or use ip addr in place of ip link",
            )


def _by_host(calls: Sequence[_IpCall]) -> list[list[_IpCall]]:
    """The calls of each host: those that share a MAC address, as `ip -j link` and `ip -j addr` of one host do. Hosts of one
    virtual router share its MAC address."""
    first: dict[str, int] = {}
    before = list(range(len(calls)))

    def host(number: int) -> int:
        while before[number] != number:
            before[number] = before[before[number]]
            number = before[number]
        return number

    for number, call in enumerate(calls):
        for link in call.links:
            mac = station(at(link, "address"))
            if mac and not is_inside(text(link, "ifname")) and not is_virtual_router(mac):
                before[host(number)] = host(first.setdefault(mac, number))
    found: dict[int, list[_IpCall]] = {}
    for number, call in enumerate(calls):
        found.setdefault(host(number), []).append(call)
    return list(found.values())


def _lan_addresses(links: Iterable[Any]) -> tuple[str, ...]:
    found = (
        text(entry, "local")
        for link in links if not is_inside(text(link, "ifname"))
        for entry in items(link, "addr_info") if text(entry, "family") == "inet" and text(entry, "scope") in ("", "global")
    )  # fmt: skip
    return tuple(dict.fromkeys(str(ip) for local in found if (ip := ipv4(local))))


def _json_calls(source: MacListText) -> Iterator[_IpCall]:
    number = 1
    for block in source.blocks:
        found = block.value.items() if isinstance(block.value, Mapping) else [(host_of(block.heading), block.value)]
        for node, links in found:
            if isinstance(links, list):
                yield _IpCall(block.line, number, node, links)
                number += len(links)


# ------------------------------------------------------------------------------------------------------ ip link and ip addr

_LINK = re.compile(r"(?P<index>\d+): (?P<nic>[^\s@:]+)(?:@\S+)?: <[A-Z0-9,_-]*> ")
_LINK_TYPE = re.compile(r"link/(?P<type>\S+) (?P<mac>\S+)(?:.*? permaddr (?P<own>\S+))?")
_INET = re.compile(r"(?P<family>inet6?) (?P<ip>[^\s/]+)\S*(?: .*?)? scope (?P<scope>\S+)")
_NOT_REACHED = re.compile(r"(?P<host>[A-Za-z0-9][\w.-]*) \| (UNREACHABLE|FAILED)")


def _is_ip_link(source: MacListText) -> bool:
    return source.any(_LINK)


def _read_ip_link(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source, list(_text_calls(source))))
    for _, line in source.lines():
        if found := _NOT_REACHED.match(line[:WIDTH]):
            yield Blank(f"{found['host']} (not reached)")


def _text_calls(source: MacListText) -> Iterator[_IpCall]:
    """A line that is neither of a link nor indented may name the host of the links below it. The links of a call have
    increasing numbers. With `-o` the lines of a link are joined by a backslash."""
    node, last, links = "", 0, list[dict[str, Any]]()
    for number, line in source.lines():
        first, *more = line[:WIDTH].split("\\")
        found = _LINK.match(first)
        if links and (int(found["index"]) <= last if found else first[:1].strip()):
            yield _IpCall(links[0]["line"], links[0]["line"], node, links)
            node, links = "", []
        if found:
            last = int(found["index"])
            links.append({"line": number, "ifname": found["nic"], "addr_info": []})
        elif first[:1].strip():
            node = host_of(first.strip())
        for part in more if found else [first]:
            if links:
                _add_details(links[-1], part.strip())
    if links:
        yield _IpCall(links[0]["line"], links[0]["line"], node, links)


def _add_details(link: dict[str, Any], line: str) -> None:
    if found := _LINK_TYPE.match(line):
        own = {"permaddr": found["own"]} if found["own"] else {}
        link |= {"link_type": found["type"], "address": found["mac"], **own}
    elif found := _INET.match(line):
        link["addr_info"].append({"family": found["family"], "local": found["ip"], "scope": found["scope"]})
    elif line.partition(" ")[0] in (*_VIRTUAL, "macvlan"):
        link["linkinfo"] = {"info_kind": line.partition(" ")[0]}


# --------------------------------------------------------------------------------- What `ip` prints, in the table of formats

IP_JSON = ListFormat(format=MacListFormat.IP_JSON, called="ip -j link", recognises=_is_ip_json, read=_read_ip_json)
IP_BRIEF = ListFormat(format=MacListFormat.IP_BRIEF, called="ip -br link", recognises=_is_ip_brief, read=_read_ip_brief)
IP_LINK = ListFormat(format=MacListFormat.IP_LINK, called="ip link", recognises=_is_ip_link, read=_read_ip_link)


# ----------------------------------------------------------------------------------------------------------- Ansible's facts

# Ansible's host facts: the stdout of `ansible -m setup`, a file of `--tree` or of its fact cache.


def _is_ansible(source: MacListText) -> bool:
    return any(facts or is_unreached(value) for _, value, facts in _ansible_hosts(source))


def _read_ansible(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_facts(source))
    for host, value, facts in _ansible_hosts(source):
        if not facts and is_unreached(value):
            yield Blank(f"{host} (not reached)")


def _nics_of_facts(source: MacListText) -> Iterator[ListedNic]:
    number = 0
    for host, _, facts in _ansible_hosts(source):
        node = text(facts, "ansible_nodename") or text(facts, "ansible_hostname") or host
        for fact in (facts or {}).values():
            if text(fact, "device"):
                for mac in dict.fromkeys(str(at(fact, key)) for key in ("macaddress", "perm_macaddress") if at(fact, key)):
                    number += 1
                    yield ListedNic(f"entry {number}", node, text(fact, "device"), mac)


def _ansible_hosts(source: MacListText) -> Sequence[tuple[str, Any, Mapping[str, Any] | None]]:
    """Name, value and facts of each host. A file of one host has the facts at its top."""
    found: list[tuple[str, Any]] = []
    for block in source.blocks:
        if _facts(block.value) or is_unreached(block.value):
            found.append((host_of(block.heading) or source.stem, block.value))
        elif isinstance(block.value, Mapping):
            found += block.value.items()
    return [(host, value, _facts(value)) for host, value in found]


def _facts(value: Any) -> Mapping[str, Any] | None:
    facts = at(value, "ansible_facts") or value
    return facts if isinstance(facts, Mapping) and "ansible_interfaces" in facts else None


ANSIBLE = ListFormat(format=MacListFormat.ANSIBLE, called="Ansible's facts", recognises=_is_ansible, read=_read_ansible)


# --------------------------------------------------------------------------------------------------- node_exporter's metrics

# Metrics of Prometheus' node_exporter, of one node or of several (`/federate`).
# The node of a NIC is its label nodename or node, else the node_uname_info with the same instance, else the host in
# instance. A file without these labels is of one node: its only node_uname_info names it, else the file's name. The NIC is
# in the label device, before 0.18 in interface (prometheus/node_exporter: collector/netclass_linux.go).

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


# -------------------------------------------------------------------------------------------------------- The log of the Job

# The log of the Job of `arpcheck inventory --manifest`: the files of /sys/class/net of each node.

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
