"""The owner rule of one segment: the node behind each MAC, by the addresses that it answered for.

Arithmetic on sets; knows no frame, no object and no prober. The stronger listing goes first: an address in a node's
status, then one that only an annotation lists, then one that is also a Service's, which under IPVS other nodes answer
for as well (kubernetes: pkg/proxy/ipvs binds every load balancer's address on kube-ipvs0)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from ipaddress import IPv4Address

from arpcheck.model import Mac

Heard = Mapping[IPv4Address, frozenset[Mac]]
"""By address: the MACs that answered for it."""
Listing = Mapping[IPv4Address, frozenset[str]]
"""By address: the nodes that have it as their own."""


def owners(
    heard: Heard, status: Listing, extra: Listing, shared: Listing, down: Set[str] = frozenset()
) -> Mapping[Mac, str]:
    """The node of every MAC that has one. `shared`: the nodes' own addresses that are also a Service's; `down`: the nodes
    that are not Ready.

    A MAC that answered for the addresses of one node is that node's. One that answered for several nodes' belongs to
    the node that no other MAC answered for, or, of several such, to the one that is not down; else to none. A shared
    address counts only where one MAC is left for it after those known to be other nodes' are taken away."""
    found: dict[Mac, str | None] = {}
    answered: dict[str, set[Mac]] = {}
    for listing in (status, extra):
        _hear(answered, heard, listing)
        found.update(_credit(answered, found, down))
    while True:
        usable = {ip: left for ip in shared if len(left := _left(heard.get(ip, frozenset()), shared[ip], found)) == 1}
        clearer = {node: set(macs) for node, macs in answered.items()}
        _hear(clearer, usable, shared)
        if not (more := _credit(clearer, found, down)):
            return {mac: node for mac, node in found.items() if node is not None}
        found.update(more)


def _hear(answered: dict[str, set[Mac]], heard: Heard, listing: Listing) -> None:
    for ip in listing.keys() & heard.keys():
        for node in listing[ip]:
            answered.setdefault(node, set()).update(heard[ip])


def _left(macs: Iterable[Mac], nodes: frozenset[str], found: Mapping[Mac, str | None]) -> frozenset[Mac]:
    """The MACs that answered, without those known to be other nodes'."""
    return frozenset(mac for mac in macs if (node := found.get(mac)) is None or node in nodes)


def _credit(
    answered: Mapping[str, set[Mac]], settled: Mapping[Mac, str | None], down: Set[str]
) -> Mapping[Mac, str | None]:
    """The node of every MAC that is not settled yet; None where it could be several nodes'."""
    nodes: dict[Mac, list[str]] = {}
    for node, macs in answered.items():
        for mac in macs:
            if mac not in settled:
                nodes.setdefault(mac, []).append(node)
    return {mac: _one(mac, names, answered, down) for mac, names in nodes.items()}


def _one(mac: Mac, nodes: list[str], answered: Mapping[str, set[Mac]], down: Set[str]) -> str | None:
    alone = nodes if len(nodes) == 1 else [node for node in nodes if answered[node] == {mac}]
    if len(alone) > 1:
        alone = [node for node in alone if node not in down]
    return alone[0] if len(alone) == 1 else None
