"""Whose a MAC is: every source's word, weighed. Pure.

Sources come strongest first. Nothing is dropped: what disagrees stays beside what was taken, and two equally strong
sources that disagree leave a MAC without a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.judge.hearing import Hearing
from arpcheck.model import Identity, Mac, Owner
from arpcheck.objects import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the identity sources found, before it is weighed."""

    identities: tuple[Identity, ...]
    rank: Callable[[Identity], int]
    """The strength of a source, the lowest the strongest."""
    proxies: frozenset[Mac]
    overlays: Mapping[Mac, str]
    """Tunnel MACs, never a NIC's, with their explanation."""
    label: Callable[[Mac], str | None]
    """What a MAC's prefix says."""
    own_node: str | None
    """The node that the prober runs on."""
    own_nodes: Mapping[str, str | None] = field(default_factory=dict)
    """The same by interface, where several hosts asked."""
    unread: tuple[str, ...] = ()
    """Resources that could not be read and might have named the node of a MAC: then none is foreign."""


def owners(
    hearing: Hearing, knowledge: Knowledge, nodes: Iterable[Node], addresses: Mapping[str, Iterable[IPv4Address]]
) -> Mapping[Mac, Owner]:
    """The owner of every MAC that answered anything or that some source names. `addresses`: the nodes' own."""
    by_mac: dict[Mac, list[Identity]] = {mac: [] for mac in hearing.macs()}
    for identity in knowledge.identities:
        by_mac.setdefault(identity.mac, []).append(identity)
    decided = {mac: None if mac in knowledge.proxies else _node(mac, claims, knowledge) for mac, claims in by_mac.items()}
    known = _known(hearing, decided)
    homes = [ip for found in addresses.values() for ip in found]
    at_home = {mac for ip in homes for mac in hearing.by_mac(ip)}
    # A lost frame may be the very one by which a MAC would have been known as a node's.
    doubt = bool(knowledge.unread) or any(hearing.lost(ip) or hearing.excess(ip) for ip in homes)
    ready = {node.name for node in nodes if node.ready is not False}
    found = {}
    for mac, claims in by_mac.items():
        proxy = mac in knowledge.proxies
        # Who answered for a node's own address is some node's, though it may not be known whose; so is a tunnel's end.
        nodes_own = mac in at_home or mac in knowledge.overlays
        unclaimed = not claims and not proxy and not nodes_own
        found[mac] = Owner(
            mac=mac,
            node=decided[mac],
            foreign=unclaimed and not doubt and _foreign(mac, hearing, known, ready, knowledge),
            proxy=proxy,
            label=knowledge.overlays.get(mac) or (knowledge.label(mac) if decided[mac] is None else None) or "",
            identities=tuple(sorted(claims, key=lambda claim: (knowledge.rank(claim), claim.source, claim.node))),
        )
    return found


def _node(mac: Mac, claims: Iterable[Identity], knowledge: Knowledge) -> str | None:
    if mac in knowledge.overlays:
        return None
    by_rank: dict[int, set[str]] = {}
    for claim in claims:
        by_rank.setdefault(knowledge.rank(claim), set()).add(claim.node)
    strongest = by_rank[min(by_rank)] if by_rank else set()
    return next(iter(strongest)) if len(strongest) == 1 else None


def _known(hearing: Hearing, decided: Mapping[Mac, str | None]) -> Mapping[str, set[str]]:
    """By interface of the prober: the nodes of which a MAC was heard there."""
    known: dict[str, set[str]] = {}
    for mac, node in decided.items():
        for interface in hearing.interfaces(mac) if node else ():
            known.setdefault(interface, set()).add(str(node))
    return known


def _foreign(
    mac: Mac, hearing: Hearing, known: Mapping[str, set[str]], ready: set[str], knowledge: Knowledge
) -> bool:
    """Every Ready node has a MAC known on each segment where this one was heard. A cluster whose nodes could not be
    read has no Ready node, and proves nothing."""

    def all_known(interface: str) -> bool:
        return ready - {knowledge.own_nodes.get(interface, knowledge.own_node)} <= known.get(interface, set())

    return bool(ready) and all(all_known(interface) for interface in hearing.interfaces(mac))
