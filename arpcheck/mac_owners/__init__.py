"""Which node has a MAC address: one module for each source, with `NAME`, `NEEDS` and `identities(evidence)`.

The results of all sources are kept, each with its rank."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from arpcheck.evidence import Evidence
from arpcheck.mac_owners import antrea, devices, mac_map, node_ip, node_network_state, ovn_kubernetes, own, sriov
from arpcheck.mac_owners.addresses import PLATFORM_NEEDS, node_addresses, node_ipv6, platform_addresses, service_addresses
from arpcheck.mac_owners.devices import is_virtual_router, label, overlays, pod_gateways, proxies, vendor
from arpcheck.mac_owners.mac_map import match_nodes, unmatched, unmatched_hosts
from arpcheck.mac_owners.own import own_node
from arpcheck.model import Identity, Need
from arpcheck.objects import Objects

__all__ = [
    "NEEDS",
    "SOURCES",
    "MacSource",
    "SourceRow",
    "all_identities",
    "is_virtual_router",
    "label",
    "match_nodes",
    "node_addresses",
    "node_ipv6",
    "overlays",
    "own_node",
    "platform_addresses",
    "pod_gateways",
    "proxies",
    "rank",
    "service_addresses",
    "table",
    "unmatched",
    "unmatched_hosts",
    "unread",
    "vendor",
]  # fmt: skip


class MacSource(Protocol):
    NAME: str
    NEEDS: tuple[Need, ...]

    def identities(self, evidence: Evidence) -> Iterable[Identity]: ...


SOURCES: tuple[MacSource, ...] = (own, node_ip, ovn_kubernetes, antrea, node_network_state, sriov, mac_map)
"""The sources, in the order of the documentation."""

NEEDS: tuple[Need, ...] = tuple(
    dict.fromkeys(
        (
            *(need for source in SOURCES for need in source.NEEDS),
            *PLATFORM_NEEDS,
            *devices.OVERLAY_NEEDS,
            *devices.GATEWAY_NEEDS,
        )
    )
)


def all_identities(evidence: Evidence) -> tuple[Identity, ...]:
    """The identities from all sources, sorted by MAC address, the strongest first.

    Names that are not a Node of this cluster, and MAC addresses of tunnels and pods, are left out."""
    nodes = {node.name for node in evidence.objects.nodes() if node.name}
    tunnels = overlays(evidence.objects)
    found = {
        identity
        for source in SOURCES for identity in source.identities(evidence)
        if identity.node in nodes and identity.mac not in tunnels
    }  # fmt: skip
    return tuple(sorted(found, key=_order))


def rank(identity: Identity) -> int:
    """The strength of an identity; 1 is the strongest."""
    return identity.rank


def unread(objects: Objects) -> tuple[str, ...]:
    """The resources of the sources that could not be read. Each might name the node of a MAC address without an owner."""
    return tuple(sorted({need.resource for source in SOURCES for need in source.NEEDS if objects.gap(need.resource)}))


class SourceRow(NamedTuple):
    """A source in the documentation."""

    name: str
    needs: str
    on_by_default: str
    gives: str


def table() -> tuple[SourceRow, ...]:
    """The needs and results of each source, from its docstring."""
    return tuple(_row(source.NAME, source.__doc__ or "") for source in SOURCES)


def _row(name: str, docstring: str) -> SourceRow:
    found = re.findall(r"^(Needs|On by default|Gives): (.+?)(?=\n[A-Z]|\n\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    facts = {key: " ".join(value.split()) for key, value in found}
    return SourceRow(name=name, needs=facts["Needs"], on_by_default=facts["On by default"], gives=facts["Gives"])


def _order(identity: Identity) -> tuple[str, int, str, str, str, str]:
    return identity.mac, rank(identity), identity.node, identity.source, identity.interface or "", identity.detail
