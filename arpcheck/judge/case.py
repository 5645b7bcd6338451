"""One target with everything that its verdict depends on, put together from the other stages' nouns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from itertools import chain, combinations
from operator import attrgetter
from typing import TypeVar

from arpcheck.judge.observations import Asked, Observations, Turn
from arpcheck.model import (
    Announcement,
    Claim,
    ClaimSource,
    Gratuitous,
    Host,
    Mac,
    Nic,
    Owner,
    PassedOver,
    Reply,
    Responder,
    Strength,
    Target,
    Trust,
)

Key = tuple[str | None, Mac, str]
"""What tells the parties of one case apart: node, lowest MAC, first interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    target: Target
    rounds: tuple[int, ...]
    """The rounds that asked it and count."""
    turns: frozenset[Turn]
    """The same by interface."""
    segments: Mapping[str, str]
    """The segment of each interface that asked it."""
    parties: tuple[Responder, ...]
    """Who answered, sorted by the lowest MAC."""
    heard: Mapping[Nic, frozenset[Turn]]
    """The NICs that answered, each with when it did."""
    owners: Mapping[Nic, Owner]
    """Of every NIC that answered; those of one party share the node."""
    named: Mapping[Mac, str]
    """MACs that are as they should be although they are no node's, with the reason: the Service itself names them."""
    named_unread: bool
    """What would name such MACs could not be read, so that a stranger may be one of them."""
    deaf: Mapping[Key, frozenset[Turn]]
    """When a party could not be heard, since nothing of it ever is on that interface: it is that host itself, or on
    another segment."""
    announcements: tuple[Announcement, ...]
    """What the implementations say, of all its Services; the deciding one of each Service comes first."""
    rivals: tuple[str, ...]
    """The implementations that really announce it, where there is more than one."""
    claims: tuple[Claim, ...]
    """Of all its Services, strongest first."""
    announcers: frozenset[str]
    """The nodes that should answer: the strongest current claims, a union over the Services that share the address."""
    silence: str | None
    """Why nobody should answer; None: somebody should."""
    unread: tuple[str, ...]
    """Resources that could not be read and might have said who announces it, or that nobody should."""
    unsaid: tuple[str, ...]
    """Resources that are not in the file, may not have been asked for, and might have said who should answer; where
    nobody did, that nobody should."""
    outdated: str | None
    """When the cluster was read, where that is too long ago to say who should answer now."""
    lost: bool
    excess: int
    non_strict: frozenset[str]
    """The nodes without strict ARP."""
    blind: frozenset[str]
    """The nodes that arpcheck ran on and that no other host heard."""
    held_on: str | None
    """The interface of a prober that is not known to be a node, and that has this very address."""
    held_by: Mapping[str, str]
    """Of the nodes that arpcheck ran on, those that have this very address on an interface that was asked, with it: such a
    kernel answers, and no host hears itself."""
    nodes_read: bool
    """The cluster's nodes are known, so that it can be said whether the prober is one."""
    nodes_heard: frozenset[str]
    """The nodes that were heard where it was asked."""
    nodes_ready: frozenset[str]
    """The nodes that are not known to be down."""
    nodes_missed: frozenset[str]
    """The nodes that answered some questions for their own address and not others: frames get lost on the way."""
    often: int
    """How many questions to all were put for it, on the interface that put the fewest."""
    complete: bool
    """Every announced round was finished."""
    recorded: bool = False
    """The frames are from a file that does not say what it missed."""
    conflict: tuple[Claim, ...] = ()
    """Two current claims of the first rank about one of its Services that name different nodes; `announcers` has both."""
    changed: tuple[Claim, ...] = ()
    """The claims that were current before the first frame or after the last one only: who held it before, and after. None
    of them is current in `claims`."""
    clock_doubt: bool = False
    """No claim is current, and one would be if its time could be believed."""
    nodes_announce: bool = True
    """It is of a load balancer that is known, and whose announcers are nodes."""
    shadows: frozenset[Mac] = frozenset()
    """MACs that answered for everything that its announcer answered for, several addresses, as a second NIC of it does."""
    external: bool = False
    """Its load balancers are outside of the cluster, and no current claim names a node: no node is supposed to announce."""
    held_everywhere: str | None = None
    """What of its implementation's own configuration says that an interface of every node has it, and BGP announces it;
    None: nothing says it, or a current claim names an announcer."""
    by_bgp: str | None = None
    """The same of an address that BGP alone announces, wherever it is held."""
    nodes_down: frozenset[str] = frozenset()
    """The nodes that the API server says are not Ready."""
    own_address_of: tuple[str, ...] = ()
    """The nodes that have a Service's address as one of their own."""
    left_behind: Mapping[Mac, str] = field(default_factory=dict)
    """MACs that the Service names for an implementation that does not decide: not expected, and no proof of a stranger."""
    doubled: tuple[tuple[Nic, str | None], ...] = ()
    """NICs that answered twice, each with its node, where no kernel beside a speaker explains it."""
    gratuitous: tuple[Gratuitous, ...] = ()
    """Announcements of this address by MACs that do not answer for it and are no NIC of a node that does."""
    passed_over: tuple[PassedOver, ...] = ()
    on_link: bool = True
    """It is in a network of an interface that asked."""
    own_sender: bool = True
    """It was asked with an own sender, to which a proxy answers, wherever it was asked."""
    strangers: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The parties that are no known node's."""
    offenders: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """Those that answered and should not have, for want of strict ARP."""
    together: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The known parties that answered in the first round in which two of them did; empty where none did."""
    _by_mac: Mapping[Mac, Sequence[Nic]] = field(init=False, compare=False, repr=False)
    """The NICs of `heard`: hundreds may answer for one address, and each is looked up several times."""

    def __post_init__(self) -> None:
        by_mac: dict[Mac, list[Nic]] = {}
        for nic in self.heard:
            by_mac.setdefault(nic[1], []).append(nic)
        object.__setattr__(self, "_by_mac", by_mac)
        loud = self.non_strict
        strangers = [party for party in self.parties if party.node is None]
        offenders = [party for party in self.parties if party.node in loud and not party.expected]
        known = [party for party in self.parties if self.is_known(party)] if strangers else self.parties
        object.__setattr__(self, "strangers", tuple(strangers))
        object.__setattr__(self, "offenders", tuple(offenders))
        object.__setattr__(self, "together", self._together(known) if len(known) > 1 else ())

    def nics_of(self, party: Responder) -> tuple[Nic, ...]:
        return tuple(
            nic
            for mac in party.macs
            for nic in self._by_mac.get(mac, ())
            if self.owners[nic].node == party.node
            and any(interface in party.interfaces for interface, _ in self.heard[nic])
        )

    def owners_of(self, party: Responder) -> tuple[Owner, ...]:
        return tuple(self.owners[nic] for nic in self.nics_of(party))

    def is_known(self, party: Responder) -> bool:
        """It is known who this is, if only that it is no node; of an external load balancer it should be none."""
        if party.node is not None or self.external or party.macs[0] in self.named:
            return True
        return self.is_proxy(party) or self.is_foreign(party)

    def is_proxy(self, party: Responder) -> bool:
        """It answers for whatever it is asked, and was not asked in a way that would tell otherwise."""
        if party.expected or party.node in self.non_strict:
            return False
        return any(owner.proxied for owner in self.owners_of(party))

    def is_foreign(self, party: Responder) -> bool:
        """It is no node's, and nothing says that it is as it should be."""
        mac = party.macs[0]
        if party.node is not None or mac in self.named or self.named_unread or self.external or not self.nodes_announce:
            return False
        apart = mac not in self.shadows and self._beside_announcer(party)
        return any(owner.outside or (owner.apart and apart) for owner in self.owners_of(party))

    def _beside_announcer(self, party: Responder) -> bool:
        """The recorded announcer answered in the same rounds, by its own MAC."""
        return any({*party.rounds} <= {*other.rounds} for other in self.parties if other.expected and other.node)

    def is_doubtful(self, party: Responder) -> bool:
        """It may be another machine than the node that it passes for."""
        return any(owner.strength is Strength.DOUBTFUL for owner in self.owners_of(party)) if party.node else False

    def is_listed(self, party: Responder) -> bool:
        """A source that knows NICs names it, not only the address that it answered for."""
        return all(owner.strength is Strength.LISTED for owner in self.owners_of(party))

    def words(self, party: Responder) -> str:
        """For a reason: the node, or the MAC and what is known of it."""
        if party.node:
            doubtful = [owner for owner in self.owners_of(party) if owner.doubtful]
            names = sorted({i.node for owner in doubtful for i in owner.identities})
            if len(names) > 1:
                return f"{', '.join(party.macs)} ({' or '.join(names)})"
            return f"{', '.join(party.macs)} ({party.node}, if it is that)" if doubtful else party.node
        about = self.named.get(party.macs[0]) or next((owner.label for owner in self.owners_of(party)), "")
        return f"{', '.join(party.macs)} ({about})" if about else ", ".join(party.macs)

    def turns_of(self, party: Responder) -> frozenset[Turn]:
        """When it answered."""
        return frozenset(chain.from_iterable(self.heard[nic] for nic in self.nics_of(party)))

    def every_round(self, party: Responder) -> bool:
        """On every interface on a segment where it answered at all: on another it may not be announced."""
        there = {segment for segment, _ in self.nics_of(party)}
        turns = {turn for turn in self.turns if self.segments.get(turn[0], turn[0]) in there}
        return turns <= self.turns_of(party) | self.deaf_to(party)

    def deaf_to(self, party: Responder) -> frozenset[Turn]:
        return self.deaf.get(key(party), frozenset())

    def without(self, party: Collection[Responder]) -> Case:
        """The same address as if these had not answered."""
        left = tuple(one for one in self.parties if one not in party)
        gone = {nic for one in party for nic in self.nics_of(one)}
        return replace(
            self,
            parties=left,
            heard={nic: turns for nic, turns in self.heard.items() if nic not in gone},
            doubled=tuple(entry for entry in self.doubled if entry[0] not in gone),
        )

    def apart(self, one: Responder, other: Responder) -> bool:
        """They are two machines, whatever is in doubt of each."""
        return self._candidates(one).isdisjoint(self._candidates(other))

    def _together(self, known: Collection[Responder]) -> tuple[Responder, ...]:
        for number in sorted(set(chain.from_iterable([party.rounds for party in known]))):
            found = tuple([party for party in known if number in party.rounds])
            if len(found) > 1 and self._distinct(found) and not self._at_a_handover(found):
                return found
        return ()

    def _at_a_handover(self, found: Collection[Responder]) -> bool:
        """Of replies alone, without a question to all, nobody knows which question they answered: two that met once may
        be those of before and after a failover."""
        shared = frozenset.intersection(*[frozenset(party.rounds) for party in found])
        return self.recorded and not self.turns and len(shared) < 2

    def _distinct(self, parties: Sequence[Responder]) -> bool:
        """They are several machines, whatever is in doubt of each: at least two can't be the same node."""
        return any(self.apart(one, other) for one, other in combinations(parties, 2))

    def _candidates(self, party: Responder) -> set[str]:
        """Whoever it may be."""
        return {party.node or party.macs[0], *(i.node for owner in self.owners_of(party) for i in owner.identities)}


def key(party: Responder) -> Key:
    return party.node, party.macs[0], party.interfaces[0]


def parties(
    ip: IPv4Address,
    hearing: Observations,
    owners: Mapping[Nic, Owner],
    vendors: Mapping[Mac, str],
    expected: Collection[str],
    named: Collection[Mac] = (),
) -> tuple[Responder, ...]:
    """Who answered for `ip`, sorted by the lowest MAC: the NICs of one node folded, a NIC without one for itself.

    `expected`: the nodes that should; `named`: MACs that should although they are no node's; `vendors`: by MAC, told of
    those that are no known node's."""
    asked = hearing.asked(ip)
    folded: dict[str | Nic, list[Reply]] = {}
    for reply in sorted(hearing.replies(ip), key=attrgetter("mac")):
        nic = hearing.segment(reply.interface), reply.mac
        folded.setdefault(owners[nic].node or nic, []).append(reply)
    found = []
    for name, replies in folded.items():
        mac = replies[0].mac
        node = name if isinstance(name, str) else None
        vendor, should = None if node else vendors.get(mac), node in expected or mac in named
        if len(replies) == 1 and not asked.unicast:
            found.append(_once(replies[0], asked, node, should, vendor))
        else:
            found.append(_often(replies, asked, node, should, vendor))
    return tuple(found)


def heard(ip: IPv4Address, hearing: Observations) -> Mapping[Nic, frozenset[Turn]]:
    """The NICs that answered for an address, each with when it did."""
    return {
        nic: frozenset([(reply.interface, reply.round) for reply in replies]) for nic, replies in hearing.by_nic(ip).items()
    }


def _once(reply: Reply, asked: Asked, node: str | None, expected: bool, vendor: str | None) -> Responder:
    """What `_often` gives for one reply to a question that all heard: nearly all are that where there are many."""
    mac, interface, number = reply.mac, reply.interface, reply.round
    questions = asked.broadcast.get((interface, number), 0)
    per_probe = 1.0 if questions == 1 else round(1 / questions, 2) if questions else 0.0
    sources = () if reply.source == mac else (reply.source,)
    values = node, (mac,), (interface,), expected, False, (number,), per_probe, reply.after, vendor, sources
    return tuple.__new__(Responder, values)  # its own constructor is a function in Python that does just this


def _often(replies: Sequence[Reply], asked: Asked, node: str | None, expected: bool, vendor: str | None) -> Responder:
    macs = _each(reply.mac for reply in replies)
    questions = max(asked.heard_by([reply for reply in replies if reply.mac == mac]) for mac in macs)
    return Responder(
        node=node,
        macs=macs,
        interfaces=_each(reply.interface for reply in replies),
        expected=expected,
        flux=len(macs) > 1,
        rounds=_each(reply.round for reply in replies),
        replies_per_probe=round(len(replies) / questions, 2) if questions else 0.0,
        first_reply_ms=min(reply.after for reply in replies),
        vendor=vendor,
        sources=_each(reply.source for reply in replies if reply.source != reply.mac),
    )


def deaf(
    ip: IPv4Address,
    found: Iterable[Responder],
    hearing: Observations,
    kin: Mapping[str | None, Sequence[Nic]],
    seats: Mapping[str, Collection[str]],
) -> Mapping[Key, frozenset[Turn]]:
    """When each party could not be heard; nothing where one interface asked. `kin`: the NICs of every node; `seats`: the
    interfaces on which arpcheck ran on a node. A host may hear its second NIC, but only where it asks as 0.0.0.0."""
    if len(hearing.asked(ip).interfaces()) < 2:
        return {}

    def own(party: Responder) -> Iterable[Nic]:
        if party.node is not None:
            return kin.get(party.node, ())
        return {(hearing.segment(interface), mac) for interface in party.interfaces for mac in party.macs}

    def at_home(party: Responder) -> frozenset[Turn]:
        interfaces = seats.get(party.node, ()) if party.node else ()
        return frozenset(turn for turn in hearing.asked(ip).turns() if turn[0] in interfaces)

    return {key(party): hearing.deaf(ip, own(party)) | at_home(party) for party in found}


def by_node(owners: Mapping[Nic, Owner]) -> Mapping[str | None, Sequence[Nic]]:
    """The NICs of every node."""
    found: dict[str | None, list[Nic]] = {}
    for nic, owner in owners.items():
        if owner.node is not None:
            found.setdefault(owner.node, []).append(nic)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Who should answer for an address, by what is recorded."""

    claims: tuple[Claim, ...]
    """All, the strongest first."""
    announcers: frozenset[str]
    """Any of these nodes is right, or, for an address of several Services, one for each of them."""
    silence: str | None
    """Why nobody should answer; None: somebody should, or nothing is known."""
    deciding: tuple[Announcement, ...]
    """Of each Service the announcements that its strongest current claims are from; where it has none, the first."""
    conflict: tuple[Claim, ...]
    """Two claims of the first rank about one Service that name different nodes."""


def expected(announcements: Iterable[Iterable[Announcement]], alive: Collection[str] | None = None) -> Expected:
    """`announcements`: a Service each, the deciding one first. `alive`: the nodes that are Ready or were heard, a claim on
    any other may be stale; None: the nodes are not known.

    Of each Service only its strongest current claims say who should answer: a lower rank never contradicts a higher, a
    node's own address says nothing where anything else is recorded, and of events any node that one names fits. Nobody
    should only where that is so for every Service that has the address."""
    claims: list[Claim] = []
    announcers: set[str] = set()
    silences: list[str | None] = []
    deciding: list[Announcement] = []
    conflicts: list[tuple[Claim, Claim]] = []
    leaders: list[Claim] = []
    for of_service in announcements:
        said = tuple(of_service)
        found = _strongest_first(said, alive)
        claims.extend(claim for _, claim in found)
        strongest = _strongest(found)
        announcers |= {claim.node for _, claim in strongest}
        places = {position for position, _ in strongest} or ({0} if said else set())
        deciding.extend(said[position] for position in sorted(places))
        first = [claim for _, claim in strongest if claim.kind.rank == 0]
        conflicts.extend((first[0], other) for other in first[1:] if other.node != first[0].node)
        leaders.extend(first[:1])
        silences.append(next((a.silence for a in said if a.silence), None))
    claims.sort(key=lambda claim: _TRUST[claim.trust])
    # Services that share an address have one announcer.
    conflicts.extend((leaders[0], other) for other in leaders[1:] if other.node != leaders[0].node)
    return Expected(
        claims=tuple(dict.fromkeys(claims)),
        announcers=frozenset(announcers),
        silence=silences[0] if silences and all(silences) and not announcers else None,
        deciding=tuple(deciding),
        conflict=conflicts[0] if conflicts else (),
    )


Placed = tuple[int, Claim]
"""A claim and the position of its announcement among those of the Service."""


def _strongest_first(said: Sequence[Announcement], alive: Collection[str] | None) -> list[Placed]:
    found = [(position, _if_alive(claim, alive)) for position, a in enumerate(said) for claim in a.claims]
    return sorted(
        found, key=lambda one: (_TRUST[one[1].trust], one[1].kind.rank, one[0], one[1].rank, one[1].node, one[1].source)
    )


def _if_alive(claim: Claim, alive: Collection[str] | None) -> Claim:
    """Nobody takes back what a node that is gone has recorded."""
    if alive is None or claim.trust is not Trust.CURRENT or claim.node in alive:
        return claim
    return replace(claim, trust=Trust.STALE)


def _strongest(found: Sequence[Placed]) -> list[Placed]:
    """Those of the first rank that speak of the very Service, of every implementation; all others of the deciding one
    only: another's Lease for all Services need not be for this one."""
    every = [one for one in found if one[1].trust is Trust.CURRENT]
    recorded = [position for position, claim in every if claim.kind is not ClaimSource.NODE_ADDRESS]
    decides = min(recorded, default=0)
    current = [one for one in every if one[0] == decides or one[1].rank == 0]
    if not current:
        return []
    position, claim = current[0]
    if claim.kind is ClaimSource.NODE_ADDRESS and any(other.kind.rank < claim.kind.rank for _, other in found):
        return []
    best = [one for one in current if one[1].kind.rank == claim.kind.rank]
    own = [one for one in best if one[0] == position and one[1].rank == claim.rank]
    others = [one for one in best if one[0] != position and one[1].rank == 0] if claim.kind.rank == 0 else []
    return [*own, *others]


_TRUST = {Trust.CURRENT: 0, Trust.STALE: 1, Trust.GUESS: 2}


def held(host: Host, on: Collection[str] | None = None) -> Mapping[IPv4Address, str]:
    """The prober's own addresses, each with the first interface that has it, of those whose names are in `on`."""
    found: dict[IPv4Address, str] = {}
    for interface in (one for one in host.interfaces if on is None or one.name in on):
        for address in interface.addresses:
            found.setdefault(IPv4Interface(address).ip, interface.name)
    return found


Ordered = TypeVar("Ordered", int, str, Mac)


def _each(values: Iterable[Ordered]) -> tuple[Ordered, ...]:
    """Sorted, each once."""
    return tuple(sorted(set(values)))
