"""The formats of a `--mac-map` file: how each is recognised, and how its MAC addresses are read.

A format is one line of `FORMATS` and two functions. `recognises` looks at the text; `read` gives an entry for each MAC
address, or an InputError that names the wrong lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile
from typing import Any, NamedTuple

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.addresses import is_inside, station
from arpcheck.mac_owners.mac_list_text import (
    DELIMITERS,
    IPV4,
    MAC,
    WIDTH,
    Blank,
    ColumnHeader,
    LineError,
    ListedNic,
    MacListText,
    Place,
    Row,
    blocks,
    cells,
    composed_yaml,
    each,
    header,
    host_of,
    is_blank,
    is_unreached,
    listed,
    neighbour,
    rows,
    short,
    yaml_documents,
)
from arpcheck.mac_owners.node_network_state import own_nics
from arpcheck.model import MacListFormat
from arpcheck.objects import at, ipv4, items, name, text, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFormat:
    format: MacListFormat
    recognises: Callable[[MacListText], bool]
    read: Callable[[MacListText], Iterable[Row]]


# ---------------------------------------------------------------------------------------------------- CSV with a node's name

COLUMNS = ("mac", "node", "interface", "note")
"""Of a CSV file without a header, and the keys of an entry in YAML."""

_CSV_LINE = re.compile(rf'"?\s*{MAC.pattern}\s*"?\s*([,;]|\t[^\t]+\t)')


def _is_csv(source: MacListText) -> bool:
    found = header(source)
    return source.any(_CSV_LINE) if found is None else found.node is not None


def _read_csv(source: MacListText) -> Iterable[Row]:
    if found := header(source):
        return each(source, rows(source), partial(_csv_row, source, found))
    delimiter = next((one for one in DELIMITERS if one in source.first()), ",")
    return each(source, source.data(), partial(_csv_row, source, ColumnHeader(columns=COLUMNS, delimiter=delimiter)))


def _csv_row(source: MacListText, columns: ColumnHeader, line: Place, written: str) -> Row:
    named = cells(written, columns.columns, columns.delimiter)
    mac = named.get(columns.mac or "", "")
    if is_blank(mac):
        return Blank(line)
    return source.entry(line, mac, named.get(columns.node or "", ""), named.get(columns.interface or ""))


def _is_netbox(source: MacListText) -> bool:
    """NetBox's CSV export of interfaces."""
    found = header(source)
    return found is not None and found.node in ("device", "vm") and found.mac in ("mac_address", "primary_mac_address")


# ----------------------------------------------------------------------------- CSV with an address, as Kea writes its leases

_KEA = {"hwaddr", "valid_lifetime", "state"}


def _is_address_csv(source: MacListText) -> bool:
    found = header(source)
    return found is not None and found.address is not None and (found.node is None or _is_kea(found))


def _read_address_csv(source: MacListText) -> Iterable[Row]:
    columns = header(source)
    if columns is None:
        return ()

    def row(line: Place, written: str) -> Row | None:
        named = cells(written, columns.columns, columns.delimiter)
        expired = _is_kea(columns) and (named.get("state") != "0" or named.get("valid_lifetime") == "0")
        ip, mac = named.get(columns.address or "", ""), named.get(columns.mac or "", "")
        return Blank(line) if expired else neighbour(source, line, mac, ip.partition("/")[0])

    return each(source, _last_leases(source, columns) if _is_kea(columns) else rows(source), row)


def _is_kea(columns: ColumnHeader) -> bool:
    return set(columns.columns) >= _KEA


def _last_leases(source: MacListText, columns: ColumnHeader) -> Iterable[tuple[int, str]]:
    """Kea appends: the last line of an address counts. It quotes nothing: a comma in a field is `&#x2c`."""
    place = columns.columns.index(columns.address or "")
    return {(line.split(",") + [""] * place)[place]: (number, line) for number, line in rows(source)}.values()


# ------------------------------------------------ YAML or JSON: [{mac, node, interface}], {node: [macs]}, {node: {nic: mac}}
# Only the node graph is composed: YAML 1.1 reads an unquoted 52:54:00:12:34:56 as a number to base 60, an anchor could
# expand without end, and each error has its line this way.

_BEGIN = r"""(?:-\s+|[\[{,]\s*)*["']?"""
_KEY = r"""[^\s:,"'{}\[\]]+["']?\s*:"""
_YAML_ROW = re.compile(rf"""{_BEGIN}(mac|node)["']?\s*:(\s|["']|$)""")
_YAML_VALUE = re.compile(rf"""{_BEGIN}(?:{_KEY}(?:\s&\w+)?[\[{{"'\s]*){{1,2}}{MAC.pattern}["'\s]*([,\]}}#]|$)""")
_YAML_ITEM = re.compile(rf"""-\s+["']?{MAC.pattern}["']?\s*(#|$)""")


def _is_yaml(source: MacListText) -> bool:
    """By the keys of an entry, or by a MAC address in a list or after the name of a node or a NIC."""
    if source.blocks:
        return any(_is_yaml_value(block.value) for block in source.blocks)
    return any(source.any(line) for line in (_YAML_ROW, _YAML_VALUE, _YAML_ITEM))


def _is_yaml_value(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(row, dict) and not {"mac", "node"}.isdisjoint(row) for row in value)
    found = value.values() if isinstance(value, dict) else ()
    return any(isinstance(mac, str) and MAC.fullmatch(mac.strip()) for entry in found for mac in _values(entry))


def _values(entry: Any) -> Iterable[Any]:
    match entry:
        case dict():
            return entry.values()
        case list():
            return entry
        case _:
            return (entry,)


def _read_yaml(source: MacListText) -> Iterable[Row]:
    root = composed_yaml(source)
    match getattr(root, "id", None):
        case "sequence":
            entries = ((_line(item), item) for item in root.value)
            return each(source, entries, lambda line, item: _yaml_entry(source, line, item))
        case "mapping":
            return each(source, _macs_of_nodes(root), lambda line, item: _yaml_mac(source, line, *item))
        case _:
            message = f"{source.name}: neither a list nor a mapping of nodes"
            raise InputError(message, "See the formats in `arpcheck docs mac-sources`")


def _yaml_entry(source: MacListText, line: Place, item: Any) -> Row:
    if item.id != "mapping":
        raise LineError("not a mapping with the keys mac, node and interface")
    fields = {_scalar(key): _scalar(value) for key, value in item.value}
    if unknown := sorted(fields.keys() - set(COLUMNS)):
        raise LineError(f"unknown key {short(unknown[0])}; the keys are {', '.join(COLUMNS)}")
    if is_blank(mac := fields.get("mac", "")):
        return Blank(line)
    return source.entry(line, mac, fields.get("node", ""), fields.get("interface"))


def _macs_of_nodes(root: Any) -> Iterator[tuple[Place, Any]]:
    """Each MAC address of each node with its line: (node, NIC, MAC address)."""
    for node, value in root.value:
        match value.id:
            case "sequence":
                yield from ((_line(mac), (node, None, mac)) for mac in value.value)
            case "mapping":
                yield from ((_line(mac), (node, nic, mac)) for nic, mac in value.value)
            case _:
                yield _line(value), (node, None, value)


def _yaml_mac(source: MacListText, line: Place, node: Any, nic: Any, mac: Any) -> Row:
    if is_blank(_scalar(mac)):
        return Blank(line)
    return source.entry(line, _scalar(mac), _scalar(node), _scalar(nic) if nic is not None else None)


def _scalar(node: Any) -> str:
    if node.id != "scalar":
        raise LineError(f"expected text, found a {node.id}")
    return str(node.value).strip()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


# ---------------------------------------------------- Objects that list a host's NICs, from kubectl get … -o yaml or -o json

_KIND = re.compile(
    r"^[ \t-]*kind[ \t]*:[ \t]*[\"']?(BareMetalHost|HardwareData|NodeNetworkState)(List)?[\"']?[ \t\r]*$", re.MULTILINE
)
_KINDS = ("BareMetalHost", "HardwareData", "NodeNetworkState")


def _is_objects(source: MacListText) -> bool:
    if source.blocks:
        return any(text(found, "kind") in _KINDS for found in _objects(block.value for block in source.blocks))
    return _KIND.search(source.text) is not None


def _read_objects(source: MacListText) -> Iterable[Row]:
    found = [block.value for block in source.blocks] or yaml_documents(source.text, source.name)
    nics = [nic for number, entry in enumerate(_objects(found), 1) for nic in _nics_of_object(f"entry {number}", entry)]
    yield from listed(source, (nic for nic in nics if not is_blank(str(nic.mac))))
    yield from (Blank(nic.place) for nic in nics if not nic.mac)


def _objects(found: Iterable[Any]) -> Iterator[Any]:
    """The objects, also those in lists. A list holds no other list."""
    for entry in found:
        yield from items(entry, "items") if text(entry, "kind").endswith("List") else (entry,)


def _nics_of_object(place: Place, entry: Any) -> Iterator[ListedNic]:
    match text(entry, "kind"):
        case "BareMetalHost" | "HardwareData":
            yield from _nics_of_metal3(place, entry)
        case "NodeNetworkState":
            yield from (ListedNic(place, name(entry), nic, mac) for nic, mac in own_nics(entry))
        case _:
            return


def _nics_of_metal3(place: Place, entry: Any) -> Iterator[ListedNic]:
    hardware = at(entry, "status", "hardware") or at(entry, "spec", "hardware")
    hostname = text(hardware, "hostname")
    node = hostname if hostname and not hostname.startswith("localhost") else name(entry)
    for nic in items(hardware, "nics"):
        yield ListedNic(place, node, text(nic, "name"), text(nic, "mac"))
    boot = text(entry, "spec", "bootMACAddress")
    if boot and boot.lower() not in (text(nic, "mac").lower() for nic in items(hardware, "nics")):
        yield ListedNic(place, node, "", boot)


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
# A list of links for each call, of one host or several. The node is the key in {node: [links]} or the line above a list,
# else the file's name. Where the lists of several hosts have no name, the addresses of each host tell which node it is
# (iproute2: ip/ipaddress.c).

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
    return any(text(link, "ifname") for call in _ip_calls(source) for link in call.links)


def _read_ip_json(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_links(source))
    yield from (
        Blank(f"{host_of(block.heading) or block.line} (not reached)")
        for block in source.blocks if is_unreached(block.value)
    )  # fmt: skip


def _nics_of_links(source: MacListText) -> Iterator[ListedNic]:
    for nodes, call in _named_calls(source):
        for number, link in enumerate(call.links, call.first):
            if text(link, "link_type") == "ether" and _replies_for_host(link):
                for mac in dict.fromkeys(str(at(link, key)) for key in ("address", "permaddr") if at(link, key) is not None):
                    yield from (ListedNic(f"entry {number}", node, text(link, "ifname"), mac) for node in nodes)


def _replies_for_host(link: Any) -> bool:
    """A macvlan without an address belongs to a pod or a virtual machine."""
    kind, addresses = text(link, "linkinfo", "info_kind"), items(link, "addr_info")
    return kind not in _VIRTUAL and (kind != "macvlan" or any(text(entry, "scope") == "global" for entry in addresses))


def _named_calls(source: MacListText) -> Iterator[tuple[Sequence[str], _IpCall]]:
    """Each call with its host: the host's name, or its addresses, one of which is the node's."""
    calls = list(_ip_calls(source))
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
                "Give one file per node, put the node's name on a line above the list, or use ip -j addr",
            )


def _by_host(calls: Sequence[_IpCall]) -> list[list[_IpCall]]:
    """The calls of each host: those that share a MAC address, as `ip -j link` and `ip -j addr` of one host do."""
    first: dict[str, int] = {}
    before = list(range(len(calls)))

    def host(number: int) -> int:
        while before[number] != number:
            before[number] = before[before[number]]
            number = before[number]
        return number

    for number, call in enumerate(calls):
        for link in call.links:
            if (mac := station(at(link, "address"))) and not is_inside(text(link, "ifname")):
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


def _ip_calls(source: MacListText) -> Iterator[_IpCall]:
    number = 1
    for block in source.blocks:
        found = block.value.items() if isinstance(block.value, Mapping) else [(host_of(block.heading), block.value)]
        for node, links in found:
            if isinstance(links, list):
                yield _IpCall(block.line, number, node, links)
                number += len(links)


# ------------------------------------------------------------------------------------------------------ Ansible's host facts


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


# ---------------------------------------------------------------- Metrics of Prometheus' node_exporter, of one or more nodes
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


# ----------------------------------------------------------------------- The log of the Job of arpcheck inventory --manifest

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


# --------------------------------------------------------------------------------------------------------------- /etc/ethers

_ETHERS_LINE = re.compile(rf"{MAC.pattern}\s+[^\s,]+\s*(#|$)")


def _is_ethers(source: MacListText) -> bool:
    return source.any(_ETHERS_LINE)


def _read_ethers(source: MacListText) -> Iterable[Row]:
    def entry(line: Place, written: str) -> MacEntry:
        words = written.partition("#")[0].split()
        if len(words) != 2:
            raise LineError(f"not a MAC address and a host: {short(written)}")
        return source.entry(line, words[0], words[1])

    return each(source, source.data(), entry)


# ------------------------------------------------------------------ Neighbours as another host saw them: addresses, no names
# The addresses are matched with those of the nodes later. Headings and IPv6 are skipped; an entry without a reply (FAILED,
# incomplete, published for another host) has no MAC address.

_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\s")
_ARP_SCAN_LINE = re.compile(rf"{_ADDRESS.pattern}+{MAC.pattern}(\s|$)")


def _is_arp_scan(source: MacListText) -> bool:
    return source.any(_ARP_SCAN_LINE)


def _read_arp_scan(source: MacListText) -> Iterable[Row]:
    def row(line: Place, written: str) -> Row | None:
        ip, *rest = written.split()
        if not rest:
            raise LineError(f"not an IP address and its MAC address: {ip}")
        return neighbour(source, line, rest[0], ip)

    return each(source, ((line, found[:WIDTH]) for line, found in source.data() if _ADDRESS.match(found)), row)


_NO_REPLY = {"FAILED", "INCOMPLETE"}


def _is_ip_neigh_json(source: MacListText) -> bool:
    return any(text(entry, "dst") and (text(entry, "lladdr") or text(entry, "dev")) for _, entry in _neigh_entries(source))


def _read_ip_neigh_json(source: MacListText) -> Iterable[Row]:
    def row(place: Place, entry: Any) -> Row | None:
        no_reply = at(entry, "lladdr") is None or _NO_REPLY.intersection(texts(entry, "state"))
        return neighbour(source, place, None if no_reply else str(at(entry, "lladdr")), text(entry, "dst"))

    return each(source, _neigh_entries(source), row)


def _neigh_entries(source: MacListText) -> Iterator[tuple[Place, Any]]:
    """`ip` prints an empty object for each neighbour that a filter leaves out."""
    found = (entry for block in source.blocks if isinstance(block.value, list) for entry in block.value)
    for number, entry in enumerate(found, 1):
        if text(entry, "dst"):
            yield f"entry {number}", entry


_IP, _MAC = rf"(?P<ip>{IPV4.pattern})", rf"(?P<mac>{MAC.pattern})"
_HARDWARE = r"[0-9a-f]{2}-(?=[0-9a-f]{2}:)"
_DEV = r"[A-Za-z][\w.@:-]*"


def _table(form: MacListFormat, *, known: str, begins: str, shapes: tuple[str, ...]) -> ListFormat:
    """A table with an entry in each line.

    `known`: a line that only this format has. `begins`: how each entry begins, right or wrong; any other line is a heading.
    `shapes`: the lines that are right, each with the groups `ip`, `mac` where there is one, and `none` where the MAC address
    is not the neighbour's own."""
    first, start, lines = re.compile(known), re.compile(begins), tuple(re.compile(shape) for shape in shapes)

    def read(source: MacListText) -> Iterable[Row]:
        def row(line: Place, written: str) -> Row | None:
            found = next((match for shape in lines if (match := shape.fullmatch(written))), None)
            if found is None:
                raise LineError(f"not a line of {form}: {short(written)}")
            groups = found.groupdict()
            return neighbour(source, line, None if groups.get("none") else groups.get("mac"), groups["ip"])

        return each(source, ((n, line[:WIDTH]) for n, line in source.data() if start.match(line[:WIDTH])), row)

    return ListFormat(format=form, recognises=lambda source: source.any(first), read=read)


IP_NEIGH = _table(
    MacListFormat.IP_NEIGH,
    known=rf"{IPV4.pattern}\s+(dev\s+\S+(\s|$)|lladdr\s)|{IPV4.pattern}\s+{_DEV}\s+{MAC.pattern}$",
    begins=rf"{IPV4.pattern}(\s|$)",
    shapes=(
        rf"{_IP}(?:\s+dev\s+\S+)?\s+lladdr\s+{_MAC}(?:\s+(?:(?P<none>FAILED|INCOMPLETE)|\S+))*",
        rf"{_IP}\s+dev\s+\S+(?:\s+(?!lladdr\s)\S+)*",
        rf"{_IP}\s+{_DEV}(?:\s+{_MAC})?",
    ),
)
"""`ip neigh`, `ip -s neigh` and `ip -br neigh` (iproute2: ip/ipneigh.c)."""

ARP = _table(
    MacListFormat.ARP,
    known=rf"\S+ \({IPV4.pattern}\) at \S|\S+\s+ether\s+{MAC.pattern}\s|\S+\s+\(incomplete\)\s"
    rf"|Internet\s+{IPV4.pattern}\s+\S+\s+\S+\s+ARPA",
    begins=rf"\S+ \({IPV4.pattern}\) at |\S+\s+(ether|\(incomplete\))\s|Internet\s|{IPV4.pattern}\s",
    shapes=(
        rf"\S+ \({_IP}\) at (?:{_MAC}|[<(]\w+[>)])(?: (?:(?P<none>PUB|published)|\S+))*",
        rf"(?P<ip>\S+)\s+ether\s+{_MAC}\s+(?:(?P<none>[CM]*P[CM]*)\s|[CM]+\s).*",
        r"(?P<ip>\S+)\s+\(incomplete\)(\s.*)?",
        rf"Internet\s+{_IP}\s+\S+\s+(?:{_MAC}|Incomplete)\s+ARPA(\s.*)?",
    ),
)
"""`arp -an` of Linux and BSD, the table of `arp -n`, and `show ip arp` of a router (net-tools: arp.c)."""

PROC_NET_ARP = _table(
    MacListFormat.PROC_NET_ARP,
    known=rf"{IPV4.pattern}\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s",
    begins=rf"{IPV4.pattern}\s",
    shapes=(rf"{_IP}\s+0x[0-9a-f]+\s+0x(?:[0-9a-f]*[2367]|(?P<none>[0-9a-f]+))\s+{_MAC}\s+\S+\s+\S+",),
)
"""Flag 0x02 (ATF_COM): a complete entry; 0x08 (ATF_PUBL): one published for another host (include/uapi/linux/if_arp.h)."""

DNSMASQ = _table(
    MacListFormat.DNSMASQ,
    known=rf"\d+\s+({_HARDWARE})?{MAC.pattern}\s+{IPV4.pattern}\s+\S+(\s|$)",
    begins=rf"\d+\s+\S+\s+{IPV4.pattern}\s",
    shapes=(rf"\d+\s+(?:{_HARDWARE})?{_MAC}\s+{_IP}\s+\S+(?:\s+\S+)?",),
)
"""Expiry, MAC address (after the hardware type unless that is Ethernet), IP address, host, client (dnsmasq: lease.c)."""


# ------------------------------------------------------------------------------------------------------ The table of formats

FORMATS: tuple[ListFormat, ...] = (
    ListFormat(format=MacListFormat.IP_JSON, recognises=_is_ip_json, read=_read_ip_json),
    ListFormat(format=MacListFormat.IP_NEIGH, recognises=_is_ip_neigh_json, read=_read_ip_neigh_json),
    ListFormat(format=MacListFormat.OBJECTS, recognises=_is_objects, read=_read_objects),
    ListFormat(format=MacListFormat.ANSIBLE, recognises=_is_ansible, read=_read_ansible),
    ListFormat(format=MacListFormat.NODE_EXPORTER, recognises=_is_node_exporter, read=_read_node_exporter),
    ListFormat(format=MacListFormat.JOB, recognises=_is_job_log, read=_read_job_log),
    ListFormat(format=MacListFormat.IP_BRIEF, recognises=_is_ip_brief, read=_read_ip_brief),
    ListFormat(format=MacListFormat.ADDRESS_CSV, recognises=_is_address_csv, read=_read_address_csv),
    ListFormat(format=MacListFormat.NETBOX, recognises=_is_netbox, read=_read_csv),
    ListFormat(format=MacListFormat.CSV, recognises=_is_csv, read=_read_csv),
    PROC_NET_ARP,
    DNSMASQ,
    ARP,
    IP_NEIGH,
    ListFormat(format=MacListFormat.ARP_SCAN, recognises=_is_arp_scan, read=_read_arp_scan),
    ListFormat(format=MacListFormat.ETHERS, recognises=_is_ethers, read=_read_ethers),
    ListFormat(format=MacListFormat.YAML, recognises=_is_yaml, read=_read_yaml),
)
"""The first that recognises the text reads it, so the most specific come first."""

LIMIT = 8 * 1024 * 1024
"""Characters of a file; Ansible's facts of a host have some 100,000."""
ENTRIES = 65_536
"""MAC addresses of a file; more than the NICs of the largest cluster."""
ROWS = 4 * ENTRIES
"""Rows of a file, including those without a MAC address."""

_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffd]")
_SUPPORTED = (
    "Supported are CSV (mac,node or hostname,mac), YAML, NetBox, /etc/ethers, ip -j link, ip -br link, ip neigh, arp -an, "
    "/proc/net/arp, arp-scan, dnsmasq.leases, Kea's leases, Ansible's facts, node_exporter, BareMetalHost, NodeNetworkState "
    "and the log of inventory's Job"
)

_DOTTED = r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
_NAMES_NO_NODE = (
    (
        re.compile(rf"\*?\s*(vlan)?(\d+|all)\s+{_DOTTED}\s+(dynamic|static)\b", re.IGNORECASE),
        "a switch's MAC table names the switch's ports, not nodes",
        "Give the ARP table instead (show ip arp), or a list of NICs",
    ),
    (
        re.compile(rf"{MAC.pattern}\s+dev\s+\S+"),
        "`bridge fdb` names the ports of a bridge, not nodes",
        "Give the output of `ip neigh` or `ip -j link` of each node",
    ),
)
"""Lists of MAC addresses that users may give, which name no node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacList:
    """The content of a file."""

    entries: tuple[MacEntry, ...]
    """In the order of the file, without duplicates."""
    blanks: tuple[Place, ...] = ()
    """Where a MAC address is missing; these lines are skipped."""


def read_mac_map(text: str, name: str) -> MacList:
    """The content of a `--mac-map` file.

    `name`: the file's, for messages. Without its ending it is the node's name where the format has none. An IP address in
    place of a node's name is matched with the nodes later. Without entries there are blanks. Raises InputError."""
    text = _checked_text(text, name)
    source = MacListText(name=name, text=text, blocks=blocks(text))
    for form in FORMATS:
        if form.recognises(source):
            found = _bounded(form.read(replace(source, format=form.format)), name)
            if not found.entries and not found.blanks:
                raise InputError(f"{name}: no MAC address in it (format: {form.format})", "Leave out the file, or fill it")
            return found
    for line, why, cure in _NAMES_NO_NODE:
        if source.any(line):
            raise InputError(f"{name}: {why}", cure)
    _refuse_broken_json(source)
    raise InputError(f"{name}: not a MAC list in a supported format", _SUPPORTED)


def _refuse_broken_json(source: MacListText) -> None:
    if source.blocks or source.text.lstrip()[0] not in "[{":
        return
    try:
        json.loads(source.text)
    except json.JSONDecodeError as error:
        message = f"{source.name}:{error.lineno}: the JSON is not valid from here on"
        raise InputError(message, "Save the whole file again") from None
    except RecursionError:
        raise InputError(f"{source.name}: the JSON is nested too deeply", "Give only the list") from None
    except ValueError:  # an integer with more digits than Python reads
        raise InputError(f"{source.name}: the JSON has a number with too many digits", "Give only the list") from None


def _checked_text(text: str, name: str) -> str:
    if len(text) > LIMIT:
        raise InputError(f"{name}: {len(text):,} characters; the limit is {LIMIT:,}", "Split it into one file per node")
    if odd := _NOT_TEXT.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise InputError(f"{name}:{line}: not text (character {ord(odd[0]):#04x})", "Save it as UTF-8 text")
    if not text.removeprefix("\ufeff").strip():
        raise InputError(f"{name}: the file is empty", "Leave out the file, or fill it")
    return text.removeprefix("\ufeff")


def _bounded(found: Iterable[Row], name: str) -> MacList:
    read = tuple(islice(found, ROWS + 1))
    entries = tuple(row for row in read if isinstance(row, MacEntry))
    if len(entries) > ENTRIES:
        raise InputError(f"{name}: more than {ENTRIES:,} MAC addresses", "Split it into one file per node")
    if len(read) > ROWS:
        raise InputError(f"{name}: more than {ROWS:,} rows", "Split it into one file per node")
    return MacList(entries=tuple(dict.fromkeys(entries)), blanks=tuple(row.place for row in read if isinstance(row, Blank)))
