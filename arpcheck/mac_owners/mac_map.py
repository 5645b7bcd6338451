"""The owners of MAC addresses by the user's files.

Needs: `--mac-map FILE`, and Nodes to match its host names with
On by default: with the flag
Gives: the MAC addresses in the file, also of NICs without an IP address; as old as the file"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arpcheck.evidence import Evidence, MacEntry
from arpcheck.mac_owners.addresses import NEEDS as NEEDS
from arpcheck.mac_owners.addresses import extra_addresses, service_addresses, status_addresses
from arpcheck.model import Gap, Identity, MacListFormat, SourceRank
from arpcheck.objects import Node, Objects, address

NAME = "mac-map"


BY_HAND = (MacListFormat.CSV, MacListFormat.PART, MacListFormat.YAML, MacListFormat.NETBOX, MacListFormat.ETHERS)
"""The formats of lists that no host wrote of itself."""


def identities(evidence: Evidence) -> Iterable[Identity]:
    found = _nodes_of(evidence)
    for entry in evidence.mac_map:
        if node := found.get(entry.node):
            # An IP address beside a MAC address is usually copied from a neighbour table, which does not know NICs. What a
            # host wrote of itself (ip addr, node_exporter) may be called by its address.
            seen = address(entry.node) is not None and entry.format in BY_HAND
            yield Identity(
                mac=entry.mac, node=node, source=NAME, detail=entry.where, interface=entry.interface,
                rank=SourceRank.SEEN if seen else entry.format.rank,
                lists_nics=entry.format.lists_nics and not seen, lists_all=entry.format.lists_all and not seen,
            )  # fmt: skip


def unmatched(evidence: Evidence) -> tuple[MacEntry, ...]:
    """The entries whose host name fits no node of this cluster, or several nodes.

    Entries with an IP address as the name are not among them, since arp-scan lists every host of a LAN."""
    found = _nodes_of(evidence)
    return tuple(entry for entry in evidence.mac_map if entry.node not in found and address(entry.node) is None)


def unmatched_hosts(evidence: Evidence) -> tuple[Gap, ...]:
    """A gap for each name that fits no node, and for each file of addresses none of which is a node's, in the order of the
    files; none if the Nodes could not be read."""
    if evidence.objects.gap("nodes") is not None:
        return ()
    by_name: dict[str, list[MacEntry]] = {}
    for entry in unmatched(evidence):
        by_name.setdefault(entry.node, []).append(entry)
    strange = (_not_matched(name, entries) for name, entries in by_name.items())
    return (*strange, *_files_without_a_node(evidence))


def _files_without_a_node(evidence: Evidence) -> Iterable[Gap]:
    found, files = _nodes_of(evidence), dict[str, list[MacEntry]]()
    for entry in evidence.mac_map:
        files.setdefault(entry.where.rpartition(":")[0], []).append(entry)
    for file, entries in files.items():
        if all(address(entry.node) is not None and entry.node not in found for entry in entries):
            count = len({entry.node for entry in entries})
            what = "its only address is not" if count == 1 else f"none of its {count} addresses is"
            cure = "make the list where the nodes' own addresses are seen"
            yield Gap(what=NAME, why=f"{file}: {what} a node's own", costs=f"it names no node; {cure}")


def _not_matched(name: str, entries: list[MacEntry]) -> Gap:
    macs = list(dict.fromkeys(entry.mac for entry in entries))
    whose = f"{macs[0]} has" if len(macs) == 1 else f"{macs[0]} and {len(macs) - 1} more have"
    why = f"{entries[0].where}: {name!r} is not the name of one node of this cluster"
    return Gap(what=NAME, why=why, costs=f"{whose} no owner; use the Node's name there, or remove the entry")


def match_nodes(entries: Iterable[MacEntry], nodes: Iterable[Node]) -> Mapping[str, str]:
    """The node of each host name of a file, without names that fit no node or several.

    A name fits by the Node's name, else by its label kubernetes.io/hostname, else by the first label of the name, if only
    one node and one host of the file have it."""
    names = {entry.node for entry in entries if address(entry.node) is None}
    known = [node for node in nodes if node.name]
    exact = _unique((node.name.lower(), node.name) for node in known)
    labelled = _unique((label.lower(), node.name) for node in known if (label := node.labels.get("kubernetes.io/hostname")))
    found = {name: node for name in names if (node := exact.get(name.lower()) or labelled.get(name.lower()))}
    short = _unique((_first_label(node.name), node.name) for node in known)
    hosts = _unique((_first_label(name), name) for name in names if name not in found)
    return found | {host: short[label] for label, host in hosts.items() if label in short}


def _nodes_of(evidence: Evidence) -> Mapping[str, str]:
    objects = evidence.objects
    return {**match_nodes(evidence.mac_map, objects.nodes()), **_match_addresses(evidence.mac_map, objects)}


def _match_addresses(entries: Iterable[MacEntry], objects: Objects) -> Mapping[str, str]:
    """The node of each IP address that is used as a host name (ip neigh, arp-scan, the addresses of `ip addr`).

    A Service's address is left out: other nodes may reply for it, or hold it."""
    listed = {**status_addresses(objects), **extra_addresses(objects)}
    written = {entry.node: ip for entry in entries if (ip := address(entry.node))}
    services = service_addresses(objects)
    return {name: min(listed[ip]) for name, ip in written.items() if ip not in services and len(listed.get(ip, ())) == 1}


def _first_label(name: str) -> str:
    return name.lower().partition(".")[0]


def _unique(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The pairs whose key has a single value."""
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: min(values) for key, values in found.items() if len(values) == 1}
