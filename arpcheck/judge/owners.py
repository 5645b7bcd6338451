"""The node of each NIC, from all sources, and how certain it is.

The strongest source decides. The others are kept beside it; two equally strong sources that disagree leave a NIC without
a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

from arpcheck.judge.observations import Observations
from arpcheck.model import Address, Identity, Mac, Nic, Owner, Reply, SourceRank, Strength, order
from arpcheck.model.constants import SOLICITED
from arpcheck.objects import Node

TWICE = 2
"""Unicast requests to a NIC for every node's address before its silence shows that it belongs to none of them."""

_OUI = len("00:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the identity sources found, before it is weighed."""

    identities: tuple[tuple[str | None, Identity], ...]
    """Each with the segment that it holds on; None: wherever the MAC is heard."""
    proxies: frozenset[tuple[Nic, Address]]
    """NICs that replied for the control, each with the sender of the request."""
    overlays: Mapping[Mac, str]
    """Tunnel MACs, never a NIC's, with their explanation."""
    label: Callable[[Mac], str | None]
    """What a MAC's prefix says."""
    own: Mapping[str, str | None] = field(default_factory=dict)
    """The node that the prober on this segment is; several hosts may have asked, each on its own."""
    shared: frozenset[Address] = frozenset()
    """Addresses that are a Service's or a control plane's, so that other nodes may answer for them."""
    doubled: frozenset[Nic] = frozenset()
    """NICs that replied twice for a node's own address, while other nodes' got one reply."""
    canary: Address | None = None
    """Who answers it holds Service addresses, and answers for a node's address that is a Service's too."""
    unread: tuple[str, ...] = ()
    """Resources that could not be read and might have named the node of a MAC: then none is outside."""
    aged: bool = False
    """The Nodes were read too long ago, or nobody knows when: others may have joined since, and none is outside."""

    def nics(self) -> Mapping[str, Set[tuple[str | None, Mac]]]:
        """The MAC addresses of each node, each with the segment that this holds on."""
        found: dict[str, set[tuple[str | None, Mac]]] = {}
        for segment, identity in self.identities:
            found.setdefault(identity.node, set()).add((segment, identity.mac))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A node's own address that several NICs answer for, and no source that lists NICs says that all are the node's."""

    ip: Address
    node: str
    nics: tuple[Nic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    by_nic: Mapping[Nic, Owner]
    """Of every NIC that replied, and of every MAC that some source names, on every segment."""
    conflicts: tuple[Conflict, ...]
    twins: Mapping[Nic, tuple[str, ...]]
    """NICs that alone replied for the own addresses of several nodes, each with these nodes."""


def owners(
    observations: Observations, knowledge: Knowledge, nodes: Iterable[Node], addresses: Mapping[str, Iterable[Address]]
) -> Owners:
    """`addresses`: the nodes' own."""
    every = tuple(nodes)
    names = [node.name for node in every if node.name]
    claims, seen = _claims(observations, knowledge)
    decided = {nic: None if nic[1] in knowledge.overlays else _node_of_claims(found) for nic, found in claims.items()}
    dead = {node.name for node in every if node.ready is False}
    twins = _twins(observations, knowledge, decided, addresses, dead)
    conflicts = tuple(_conflicts(observations, knowledge, claims, decided, addresses, twins))
    maybe = _merged(
        twins, _at_outdated(observations, knowledge, decided, addresses, {conflict.node for conflict in conflicts})
    )
    contested = {nic for conflict in conflicts for nic in conflict.nics} | twins.keys() | knowledge.doubled
    contested |= {*_at_an_absent_nodes_service(observations, knowledge, claims, decided, addresses, dead)}
    homes = tuple({ip for own in addresses.values() for ip in own})
    at_home = {nic for ip in homes for nic in observations.by_nic(ip)}  # some node's, though it may not be known whose
    outdated = {conflict.node for conflict in conflicts}
    outside, apart = _Outside(knowledge, claims, names, outdated), _Apart(observations, decided, names, addresses, knowledge)
    by_nic = {}
    for nic, found in claims.items():
        node = decided[nic]
        proxied = frozenset(sender for proxy, sender in knowledge.proxies if proxy == nic)
        nameless = not found and not proxied and nic[1] not in knowledge.overlays and nic not in at_home
        by_nic[nic] = Owner(
            mac=nic[1],
            node=node,
            strength=_strength(nic, node, found, contested),
            outside=nameless and outside.holds(nic),
            apart=nameless and nic not in seen and apart.holds(nic),
            seen_at=seen[nic].node if nic in seen else "",
            proxied=proxied,
            label=knowledge.overlays.get(nic[1]) or _label(nic, node, seen, knowledge),
            identities=tuple(sorted((*found, *_of_twins(nic, found, maybe)), key=lambda c: (c.rank, c.source, c.node))),
        )
    return Owners(by_nic=by_nic, conflicts=conflicts, twins=twins)


Claims = Mapping[Nic, tuple[Identity, ...]]


def _label(nic: Nic, node: str | None, seen: Mapping[Nic, Identity], knowledge: Knowledge) -> str:
    if nic in seen:
        return f"seen at the address of {seen[nic].node}: {seen[nic].detail}"
    return (knowledge.label(nic[1]) if node is None else None) or ""


def _claims(observations: Observations, knowledge: Knowledge) -> tuple[Claims, Mapping[Nic, Identity]]:
    """What the sources say of every NIC; a MAC that was never heard stands on every segment, for it may be asked there.

    Beside them, for NICs of which no source says more: one that another host once saw at a node's address. Whatever is
    known better takes its place, so that an old neighbour table neither names a node nor contradicts one."""
    found: dict[Nic, list[Identity]] = {nic: [] for nic in observations.nics()}
    heard_on: dict[Mac, list[str]] = {}
    for segment, mac in found:
        heard_on.setdefault(mac, []).append(segment)
    for where, identity in knowledge.identities:
        places = heard_on.get(identity.mac, (ANYWHERE,)) if where is None else (where,)
        for place in places:
            found.setdefault((place, identity.mac), []).append(identity)
    known = {nic: tuple(dict.fromkeys(c for c in claims if c.rank is not SourceRank.SEEN)) for nic, claims in found.items()}
    seen = {nic: claims[0] for nic, claims in found.items() if claims and not known[nic] and nic[0] != ANYWHERE}
    return known, {nic: claim for nic, claim in seen.items() if len({other.node for other in found[nic]}) == 1}


ANYWHERE = ""
"""The segment of a MAC that was written down and not heard."""


def _node_of_claims(claims: Iterable[Identity]) -> str | None:
    by_rank: dict[int, set[str]] = {}
    for claim in claims:
        by_rank.setdefault(claim.rank, set()).add(claim.node)
    strongest = by_rank[min(by_rank)] if by_rank else set()
    return next(iter(strongest)) if len(strongest) == 1 else None


def _strength(nic: Nic, node: str | None, claims: tuple[Identity, ...], contested: Set[Nic]) -> Strength:
    if node is None:
        return Strength.NONE
    if nic in contested or any(claim.node != node for claim in claims):
        return Strength.DOUBTFUL
    if any(claim.lists_nics for claim in claims):
        return Strength.LISTED
    # What somebody else once saw, or an old report, accuses nobody.
    return Strength.HEARD if any(claim.rank is SourceRank.WIRE for claim in claims) else Strength.DOUBTFUL


def _conflicts(
    observations: Observations,
    knowledge: Knowledge,
    claims: Claims,
    decided: Mapping[Nic, str | None],
    addresses: Mapping[str, Iterable[Address]],
    twins: Mapping[Nic, tuple[str, ...]],
) -> Iterable[Conflict]:
    """Before NICs at a node's address are counted these are left out: what answered there as a proxy, what is known to be
    another node's and not this one's as well, and an address that others may answer for, where the node has another one
    here, or where they answer for every Service's address."""
    listed = {(nic, claim.node) for nic, found in claims.items() for claim in found if claim.lists_nics}
    complete = {claim.node for found in claims.values() for claim in found if claim.lists_all}
    holders = {*_genuine(observations, knowledge.canary, knowledge)} if knowledge.canary else set()
    for node, own in sorted(addresses.items()):
        answered = {ip: _genuine(observations, ip, knowledge) for ip in own}
        plain = {nic[0] for ip, nics in answered.items() if ip not in knowledge.shared for nic in nics}
        for ip, nics in answered.items():
            for segment in sorted({nic[0] for nic in nics}):
                if ip in knowledge.shared and segment in plain:
                    continue
                there = [
                    nic for nic in nics if nic[0] == segment and (decided[nic] in (None, node) or node in twins.get(nic, ()))
                ]
                if ip in knowledge.shared:
                    there = [nic for nic in there if nic not in holders]
                unlisted = tuple(sorted(nic for nic in there if (nic, node) not in listed))
                if unlisted and (len(there) > 1 or node in complete):
                    yield Conflict(ip=ip, node=node, nics=unlisted)
        for ip, nic in _apart_by_family(answered, {nic for nic in decided if decided[nic] == node}):
            if (nic, node) not in listed and node not in complete:
                yield Conflict(ip=ip, node=node, nics=(nic,))


def _apart_by_family(answered: Mapping[Address, Iterable[Nic]], known: Set[Nic]) -> Iterable[tuple[Address, Nic]]:
    """The NICs of a node, of those `known` for it, that replied for its addresses where none replied for one of IPv4 and
    one of IPv6: it has a NIC for each, or another machine has one of the addresses."""
    heard = [(ip, nic) for ip, nics in answered.items() for nic in nics if nic in known]
    four, six = ({nic for ip, nic in heard if ip.version == version} for version in (4, 6))
    for segment in {nic[0] for nic in four} & {nic[0] for nic in six}:
        if not any(nic[0] == segment for nic in four & six):
            yield from sorted(((ip, nic) for ip, nic in heard if nic[0] == segment), key=lambda one: (order(one[0]), one[1]))


def _twins(
    observations: Observations,
    knowledge: Knowledge,
    decided: Mapping[Nic, str | None],
    addresses: Mapping[str, Iterable[Address]],
    dead: Set[str],
) -> Mapping[Nic, tuple[str, ...]]:
    """NICs that answered for the own addresses of several nodes, alone, or beside another NIC at one of them: two machines
    with one MAC, a node that has taken another's address, or a switch that answers from its table. Asked alone, only one of
    the two hears the question, so that this does not tell them apart.

    A node that another NIC was heard of, at another address of its own, has merely lost this one. One that a Service has too
    counts where no other was answered, but for who holds every Service's: it may be that the other node announces it, or
    that both have one MAC. Who holds every Service's counts only where no other does, and no other NIC may be this node's:
    its kernel would answer for its own address. Of a `dead` node it does not count: another announces it now.
    Nor does what somebody else answered in a MAC's name for a dead node, as a switch does from an old table."""
    found: dict[Nic, dict[str, set[Address]]] = {}
    every: dict[Nic, dict[str, set[Address]]] = {}
    holders = {*_genuine(observations, knowledge.canary, knowledge)} if knowledge.canary else set()
    for node, own in addresses.items():
        answered = [(nic, ip) for ip in own for nic in _genuine(observations, ip, knowledge)]
        if node in dead:
            answered = [(nic, ip) for nic, ip in answered if any(r.source == nic[1] for r in observations.by_nic(ip)[nic])]
        plain = [(nic, ip) for nic, ip in answered if ip not in knowledge.shared]
        heard = plain or [(nic, ip) for nic, ip in answered if nic not in holders and node not in dead]
        if not plain and node not in dead | {*knowledge.own.values()}:
            holding = [(nic, ip) for nic, ip in answered if nic in holders]
            others = {nic for nic, _ in answered} - holders
            known = any(decided[nic] == node for nic in {*observations.nics()} - {nic for nic, _ in holding})
            if len({nic for nic, _ in holding}) == 1 and not known and all(decided[nic] for nic in others):
                found.setdefault(holding[0][0], {}).setdefault(node, set()).update(ip for _, ip in holding)
        for nic, ip in heard if len({nic for nic, _ in heard}) == 1 else ():
            found.setdefault(nic, {}).setdefault(node, set()).add(ip)
        for nic, ip in plain:
            every.setdefault(nic, {}).setdefault(node, set()).add(ip)
    listed = {identity.mac for _, identity in knowledge.identities if identity.lists_nics}
    for nic, of in every.items():
        beside = (theirs for other, theirs in every.items() if other != nic and other[0] == nic[0])
        if len(of) > 1 and nic[1] not in listed and any(_meet(of, theirs) for theirs in beside):
            found[nic] = of
    return {nic: tuple(sorted(of)) for nic, of in found.items() if len(of) > 1 and not set.intersection(*of.values())}


def _at_outdated(
    observations: Observations,
    knowledge: Knowledge,
    decided: Mapping[Nic, str | None],
    addresses: Mapping[str, Iterable[Address]],
    outdated: Set[str],
) -> Mapping[Nic, tuple[str, ...]]:
    """NICs that are known as another's and answered for the own address of a node whose list of NICs does not hold: they
    may be both, where two nodes have one MAC."""
    found: dict[Nic, list[str]] = {}
    for node in sorted(outdated):
        for ip in (own for own in addresses.get(node, ()) if own not in knowledge.shared):
            for nic in _genuine(observations, ip, knowledge):
                if decided[nic] not in (None, node):
                    found.setdefault(nic, []).append(node)
    return {nic: tuple(dict.fromkeys(nodes)) for nic, nodes in found.items()}


def _at_an_absent_nodes_service(
    observations: Observations,
    knowledge: Knowledge,
    claims: Claims,
    decided: Mapping[Nic, str | None],
    addresses: Mapping[str, Iterable[Address]],
    dead: Set[str],
) -> Iterable[Nic]:
    """NICs that no list names, that hold every Service's address, and that count for such an address alone as a node that
    is not Ready, or whose own reply may be among the lost frames: a machine that was removed from the cluster answers for it
    too."""
    holders = {*_genuine(observations, knowledge.canary, knowledge)} if knowledge.canary else set()
    for nic in holders:
        node = decided[nic]
        own = [ip for ip in addresses.get(node or "", ()) if nic in observations.by_nic(ip)]
        listed = any(claim.lists_nics for claim in claims[nic] if claim.node == node)
        absent = node in dead or any(observations.lost(ip) for ip in own)
        if absent and not listed and knowledge.shared.issuperset(own):
            yield nic


def _merged(one: Mapping[Nic, tuple[str, ...]], other: Mapping[Nic, tuple[str, ...]]) -> Mapping[Nic, tuple[str, ...]]:
    return {nic: (*one.get(nic, ()), *other.get(nic, ())) for nic in {**one, **other}}


def _meet(one: Mapping[str, set[Address]], other: Mapping[str, set[Address]]) -> bool:
    """Both answered for the same own address of a node."""
    return any(ips & other.get(node, set()) for node, ips in one.items())


def _of_twins(nic: Nic, found: Iterable[Identity], twins: Mapping[Nic, tuple[str, ...]]) -> Iterable[Identity]:
    """The nodes that it may be beside those that the sources name."""
    named = {claim.node for claim in found}
    detail = "it answered for its address too"
    for node in twins.get(nic, ()) if named else ():
        if node not in named:
            yield Identity(mac=nic[1], node=node, source="node-ip", detail=detail, rank=SourceRank.WIRE)


def _genuine(observations: Observations, ip: Address, knowledge: Knowledge) -> list[Nic]:
    """Who answered for an address, but as a proxy or a tunnel's end."""
    return [
        nic
        for nic, replies in observations.by_nic(ip).items()
        if nic[1] not in knowledge.overlays and any((nic, reply.sender) not in knowledge.proxies for reply in replies)
    ]


class _Outside:
    """Every node's NICs are listed, so that a MAC which no list has is no node's. Where a MAC answers for a node's own
    address that the node's list has not, the machine may have been replaced since (`outdated`), with all of its NICs."""

    def __init__(self, knowledge: Knowledge, claims: Claims, names: Iterable[str], outdated: Set[str]) -> None:
        known = {claim.node for found in claims.values() for claim in found if claim.lists_all} - outdated
        self._holds = not knowledge.unread and not knowledge.aged and bool(names) and {*names} <= known

    def holds(self, nic: Nic) -> bool:
        return self._holds and bool(nic[0])


def _by_a_speaker(reply: Reply) -> bool:
    """As MetalLB's speaker replies in IPv6: the solicited flag alone, from a link-local address. A speaker replies on each
    NIC, and a kernel for no address of another NIC, so the NIC may be a node's although it replies for no node's address."""
    return reply.source_ip is not None and reply.source_ip.is_link_local and reply.flags == SOLICITED


class _Apart:
    """Every node was heard here; this MAC is of another make, and answers for none of them when it is asked alone, in each
    family in which it answered: for their IPv4 addresses, for their IPv6 addresses, or for both."""

    def __init__(
        self,
        observations: Observations,
        decided: Mapping[Nic, str | None],
        names: Iterable[str],
        addresses: Mapping[str, Iterable[Address]],
        knowledge: Knowledge,
    ) -> None:
        self._observations = observations
        self._names = frozenset(names)
        self._homes: dict[int, set[Address]] = {}
        self._at_home: dict[int, set[str]] = {}
        """By family, the nodes that have an address of it."""
        for name, ip in ((name, ip) for name, ips in addresses.items() for ip in ips):
            self._homes.setdefault(ip.version, set()).add(ip)
            self._at_home.setdefault(ip.version, set()).add(name)
        self._own = knowledge.own
        # A lost frame may be the very one by which a MAC would have been known as a node's.
        every = [ip for homes in self._homes.values() for ip in homes]
        lost = any(observations.lost(ip) or observations.excess(ip) for ip in every)
        self._doubt = bool(knowledge.unread) or knowledge.aged or lost
        self._heard: dict[str, set[str]] = {}
        for (segment, _), node in decided.items():
            if node is not None and segment:
                self._heard.setdefault(segment, set()).add(node)
        self._makes = {mac[:_OUI] for (_, mac), node in decided.items() if node is not None}

    def holds(self, nic: Nic) -> bool:
        segment, mac = nic
        missing = self._names - self._heard.get(segment, set()) - {self._own.get(segment)}
        if self._doubt or not self._names or not segment or missing or mac[:_OUI] in self._makes:
            return False
        answered = self._observations.answered(nic)
        families = {ip.version for ip in answered}
        by_speaker = any(_by_a_speaker(reply) for ip in answered for reply in self._observations.by_nic(ip)[nic])
        return bool(families) and not by_speaker and all(self._asked_alone(nic, family) for family in families)

    def _asked_alone(self, nic: Nic, family: int) -> bool:
        """For the address of every node, often enough."""
        segment, mac = nic
        if not self._at_home.get(family, set()) >= self._names - {self._own.get(segment)}:
            return False
        for ip in self._homes[family]:
            alone = [turn for turn in self._observations.asked(ip).unicast.items() if turn[0][2] == mac]
            asked = sum(n for (interface, _, _), n in alone if self._observations.segment(interface) == segment)
            if asked < TWICE:
                return False
        return True
