"""The prober's own NICs, if it is known which node the prober is.

Needs: `spec.nodeName` from the downward API in a pod; only Nodes on a host
On by default: yes
Gives: every NIC of the one node that arpcheck runs on, with its name"""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import NEEDS as NEEDS
from arpcheck.mac_owners.addresses import holds_only, is_inside, is_station, service_addresses, status_addresses
from arpcheck.model import Address, Host, Identity, SourceRank
from arpcheck.objects import address

NAME = "self"


def identities(evidence: Evidence) -> Iterable[Identity]:
    node = own_node(evidence)
    for interface in evidence.host.interfaces if node else ():
        if interface.mac and is_station(interface.mac) and not is_inside(interface.name):
            yield Identity(
                mac=interface.mac, node=node or "", source=NAME, detail="a NIC of this host",
                interface=interface.name, observed_at=evidence.started_at,
                rank=SourceRank.LIVE_HOST, lists_nics=True, lists_all=True,
            )  # fmt: skip


def own_node(evidence: Evidence) -> str | None:
    """The prober's node: by the given name, else by its own addresses.

    An address that is also a Service's counts only if the host has no other address of a node, since it may just hold it
    (with ServiceLB every node's address is a Service's). None if no node or several nodes are possible."""
    names = {node.name for node in evidence.objects.nodes()}
    if evidence.host.node_name and evidence.host.node_name in names:
        return evidence.host.node_name
    listed = status_addresses(evidence.objects)
    here = held(evidence.host)
    plain = {name for ip in here - service_addresses(evidence.objects) for name in listed.get(ip, ())}
    candidates = plain or {name for ip in here for name in listed.get(ip, ())}
    return candidates.pop() if len(candidates) == 1 else None


def held(host: Host) -> frozenset[Address]:
    """The addresses of this host on interfaces that could reply for them on a LAN."""
    return frozenset(
        ip
        for interface in host.interfaces if interface.mac and interface.up and not holds_only(interface.name)
        for text in (*interface.addresses, *interface.ipv6) if (ip := address(text.partition("/")[0]))
    )  # fmt: skip
