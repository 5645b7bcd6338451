"""One target with everything that its verdict depends on, put together from the other stages' nouns. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from arpcheck.judge.hearing import Asked, Hearing
from arpcheck.model import Announcement, Claim, Host, Mac, Owner, Reply, Responder, Target, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    target: Target
    rounds: tuple[int, ...]
    """The rounds that asked it and count."""
    parties: tuple[Responder, ...]
    """Who answered, sorted by the lowest MAC."""
    owners: Mapping[Mac, Owner]
    """Of every MAC that answered; those of one party share node, foreign and proxy."""
    named: Mapping[Mac, str]
    """MACs that are as they should be although they are no node's, with the reason: the Service itself names them."""
    named_unread: bool
    """What would name such MACs could not be read, so that a stranger may be one of them."""
    deaf: Mapping[Mac, frozenset[int]]
    """Rounds in which the party with this lowest MAC could not be heard, since the host that asked never hears it: it is
    that host itself, or on another segment. Only where several hosts asked."""
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
    nodes_read: bool
    """The cluster's nodes are known, so that it can be said whether the prober is one."""
    node_heard: bool
    """A node was heard on an interface that asked it."""
    complete: bool
    """Every announced round was finished."""
    recorded: bool = False
    """The frames are from a file that does not say what it missed."""
    strangers: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The parties that are no known node's."""
    offenders: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """Those that answered and should not have, for want of strict ARP."""
    together: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The known parties that answered in the first round in which two of them did; empty where none did."""

    def __post_init__(self) -> None:
        loud = self.non_strict
        strangers = [party for party in self.parties if party.node is None]
        offenders = [party for party in self.parties if party.node in loud and not party.expected]
        known = [party for party in self.parties if self.is_known(party)] if strangers else self.parties
        object.__setattr__(self, "strangers", tuple(strangers))
        object.__setattr__(self, "offenders", tuple(offenders))
        object.__setattr__(self, "together", _together(known))

    def is_known(self, party: Responder) -> bool:
        """It is known who this is, if only that it is no node."""
        return party.node is not None or self.is_proxy(party) or self.is_foreign(party) or party.macs[0] in self.named

    def is_proxy(self, party: Responder) -> bool:
        return party.node is None and self.owners[party.macs[0]].proxy

    def is_foreign(self, party: Responder) -> bool:
        """It is no node's, and nothing says that it is as it should be."""
        mac = party.macs[0]
        return party.node is None and self.owners[mac].foreign and mac not in self.named and not self.named_unread

    def words(self, party: Responder) -> str:
        """For a reason: the node, or the MAC and what is known of it."""
        if party.node:
            return party.node
        about = self.named.get(party.macs[0]) or self.owners[party.macs[0]].label
        return f"{', '.join(party.macs)} ({about})" if about else ", ".join(party.macs)

    def every_round(self, party: Responder) -> bool:
        return {*self.rounds} <= {*party.rounds, *self.deaf_to(party)}

    def deaf_to(self, party: Responder) -> frozenset[int]:
        return self.deaf.get(party.macs[0], frozenset())


def _together(known: Collection[Responder]) -> tuple[Responder, ...]:
    for number in sorted(set(chain.from_iterable([party.rounds for party in known]))):
        found = tuple([party for party in known if number in party.rounds])
        if len(found) > 1:
            return found
    return ()


def parties(
    ip: IPv4Address,
    hearing: Hearing,
    owners: Mapping[Mac, Owner],
    vendors: Mapping[Mac, str],
    expected: Collection[str],
    named: Collection[Mac] = (),
) -> tuple[Responder, ...]:
    """Who answered for `ip`, sorted by the lowest MAC: the MACs of one node folded, a MAC without one for itself.

    `expected`: the nodes that should; `named`: MACs that should although they are no node's; `vendors`: by MAC, told of
    those that are no known node's."""
    asked = hearing.asked(ip)
    folded: dict[str, list[Reply]] = {}
    for reply in sorted(hearing.replies(ip), key=attrgetter("mac")):
        folded.setdefault(owners[reply.mac].node or reply.mac, []).append(reply)
    found = []
    for replies in folded.values():
        mac = replies[0].mac
        node = owners[mac].node
        vendor, should = None if node else vendors.get(mac), node in expected or mac in named
        if len(replies) == 1 and not asked.unicast:
            found.append(_once(replies[0], asked, node, should, vendor))
        else:
            found.append(_often(replies, asked, node, should, vendor))
    return tuple(found)


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
    ip: IPv4Address, found: Iterable[Responder], hearing: Hearing, owners: Mapping[Mac, Owner]
) -> Mapping[Mac, frozenset[int]]:
    """By its lowest MAC, the rounds in which a party could not be heard; nothing where only one host asked."""
    if len(hearing.courses) == 1:
        return {}
    kin = _by_node(owners)
    return {party.macs[0]: hearing.deaf(ip, [*party.macs, *kin.get(party.node, ())]) for party in found}


def _by_node(owners: Mapping[Mac, Owner]) -> Mapping[str | None, Sequence[Mac]]:
    found: dict[str | None, list[Mac]] = {}
    for mac, owner in owners.items():
        if owner.node is not None:
            found.setdefault(owner.node, []).append(mac)
    return found


def expected(announcements: Iterable[Iterable[Announcement]]) -> tuple[tuple[Claim, ...], frozenset[str], str | None]:
    """All claims, the announcers, and why nobody should answer; `announcements` a Service each, deciding one first.

    Of each Service only its strongest current claims say who should answer, so that a record of the load balancer
    outweighs an older event. Nobody should only where that is so for every Service that has the address."""
    claims: list[Claim] = []
    announcers: set[str] = set()
    silences: list[str | None] = []
    for of_service in announcements:
        found = [(position, claim) for position, a in enumerate(of_service) for claim in a.claims]
        found.sort(key=lambda entry: (_TRUST[entry[1].trust], entry[0], entry[1].rank, entry[1].node, entry[1].source))
        claims.extend(claim for _, claim in found)
        strength = [(position, claim.rank, claim.node) for position, claim in found if claim.trust is Trust.CURRENT]
        announcers |= {node for *strong, node in strength if strong == [*strength[0][:2]]}
        silences.append(next((a.silence for a in of_service if a.silence), None))
    claims.sort(key=lambda claim: _TRUST[claim.trust])
    silence = silences[0] if silences and all(silences) and not announcers else None
    return tuple(dict.fromkeys(claims)), frozenset(announcers), silence


_TRUST = {Trust.CURRENT: 0, Trust.STALE: 1, Trust.GUESS: 2}


def held(host: Host) -> Mapping[IPv4Address, str]:
    """The prober's own addresses, each with the first interface that has it."""
    found: dict[IPv4Address, str] = {}
    for interface in host.interfaces:
        for address in interface.addresses:
            found.setdefault(IPv4Interface(address).ip, interface.name)
    return found


Ordered = TypeVar("Ordered", int, str, Mac)


def _each(values: Iterable[Ordered]) -> tuple[Ordered, ...]:
    """Sorted, each once."""
    return tuple(sorted(set(values)))
