"""One target with everything that its verdict depends on, put together from the other stages' nouns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface

from arpcheck.judge.hearing import Hearing, Voice
from arpcheck.model import Announcement, Arp, Claim, Host, Mac, Owner, Responder, Target, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The MACs of one owner that answered for a target."""

    owner: Owner
    """Of the first of them; they share node, foreign and proxy."""
    voices: tuple[Voice, ...]
    rounds: frozenset[int]
    named: str = ""
    """Why this MAC is as it should be although it is no node's: the Service itself names it."""
    deaf: frozenset[int] = frozenset()
    """Rounds in which it could not be heard, since the host that asked never hears it: it is that host itself, or on
    another segment. Only where several hosts asked."""

    @property
    def node(self) -> str | None:
        return self.owner.node

    @property
    def known(self) -> bool:
        """It is known who this is, if only that it is no node."""
        return self.node is not None or self.owner.foreign or self.owner.proxy or bool(self.named)

    @property
    def words(self) -> str:
        """For a reason: the node, or the MAC and what is known of it."""
        macs = ", ".join(voice.mac for voice in self.voices)
        if self.node:
            return self.node
        return f"{macs} ({self.named or self.owner.label})" if self.named or self.owner.label else macs


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    target: Target
    rounds: tuple[int, ...]
    """The rounds that asked it and count."""
    parties: tuple[Party, ...]
    """Who answered, sorted by the lowest MAC."""
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
    arp: Mapping[str, Arp]
    """By node."""
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

    def is_announcer(self, party: Party) -> bool:
        return party.node in self.announcers or bool(party.named)

    def is_non_strict(self, party: Party) -> bool:
        return party.node is not None and self.arp.get(party.node) is Arp.NON_STRICT

    def together(self) -> tuple[Party, ...]:
        """The known parties that answered in the first round in which two of them did; empty where none did."""
        for number in sorted({number for party in self.parties for number in party.rounds}):
            found = tuple(party for party in self.parties if party.known and number in party.rounds)
            if len(found) > 1:
                return found
        return ()

    def every_round(self, party: Party) -> bool:
        return set(self.rounds) <= party.rounds | party.deaf


def parties(
    ip: IPv4Address,
    hearing: Hearing,
    owners: Mapping[Mac, Owner],
    named: Mapping[Mac, str],
    *,
    macs_unread: bool = False,
) -> tuple[Party, ...]:
    """Who answered for `ip`, the MACs of one node folded; a MAC without a node stands for itself.

    `named`: MACs that the Service itself names, with the reason. Where what names them could not be read, a stranger may
    be one of them and is not called foreign."""
    folded: dict[object, list[Voice]] = {}
    for mac, voice in sorted(hearing.voices(ip).items()):
        folded.setdefault(owners[mac].node or mac, []).append(voice)
    return tuple(
        Party(
            owner=_doubted(owners[voices[0].mac]) if macs_unread else owners[voices[0].mac],
            voices=tuple(voices),
            rounds=frozenset(number for voice in voices for number in voice.replies),
            named=named.get(voices[0].mac, ""),
            deaf=hearing.deaf(ip, _of_owner(voices, owners)),
        )
        for voices in folded.values()
    )


def _of_owner(voices: Sequence[Voice], owners: Mapping[Mac, Owner]) -> Iterable[Mac]:
    """The MACs that answered, and all others of the same node."""
    node = owners[voices[0].mac].node
    yield from (voice.mac for voice in voices)
    if node is not None:
        yield from (mac for mac, owner in owners.items() if owner.node == node)


def _doubted(owner: Owner) -> Owner:
    return replace(owner, foreign=False)


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


def held_on(ip: IPv4Address, host: Host) -> str | None:
    """The prober's interface that has `ip` as its own address."""
    for interface in host.interfaces:
        if any(IPv4Interface(address).ip == ip for address in interface.addresses):
            return interface.name
    return None


def responders(
    ip: IPv4Address,
    found: Iterable[Party],
    hearing: Hearing,
    expected: Callable[[Party], bool],
    vendors: Mapping[Mac, str],
) -> tuple[Responder, ...]:
    """The parties as the report shows them. `vendors`: by MAC, told of those that are no known node's."""
    return tuple(_responder(ip, party, hearing, expected(party), vendors) for party in found)


def _responder(
    ip: IPv4Address, party: Party, hearing: Hearing, expected: bool, vendors: Mapping[Mac, str]
) -> Responder:
    replies = sum(sum(voice.replies.values()) for voice in party.voices)
    questions = max((hearing.questions(ip, voice) for voice in party.voices), default=0)
    macs = tuple(voice.mac for voice in party.voices)
    return Responder(
        node=party.node,
        macs=macs,
        interfaces=tuple(sorted({name for voice in party.voices for name in voice.interfaces})),
        expected=expected,
        flux=party.node is not None and len(macs) > 1,
        rounds=tuple(sorted(party.rounds)),
        replies_per_probe=round(replies / questions, 2) if questions else 0.0,
        first_reply_ms=round(min(voice.first_ms for voice in party.voices), 3),
        vendor=None if party.node else vendors.get(macs[0]),
        sources=tuple(sorted({source for voice in party.voices for source in voice.sources})),
    )
