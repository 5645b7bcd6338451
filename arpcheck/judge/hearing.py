"""What was heard, by address and by MAC: the replies counted once, so that every rule reads the same figures.

Knows questions and replies, not whose a MAC is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence
from arpcheck.model import Mac, Reply
from arpcheck.vantages import Course, courses

SLOW = 100.0
"""Frames a second above which silence proves nothing: a speaker's socket holds 256 frames of any ARP on the segment."""

Ear = tuple[str, IPv4Address]
"""An interface of the prober and the sender it asked with."""


@dataclass(slots=True)
class Asked:
    """The questions for one address."""

    broadcast: dict[tuple[str, int], int] = field(default_factory=dict)
    """How many by interface and round; unicast ones are to one MAC each."""
    unicast: dict[tuple[str, int, Mac], int] = field(default_factory=dict)
    ears: set[Ear] = field(default_factory=set)

    def interfaces(self) -> frozenset[str]:
        return frozenset(interface for interface, _ in self.broadcast)

    def rounds(self) -> tuple[int, ...]:
        return tuple(sorted({number for _, number in self.broadcast}))

    def heard_by(self, replies: Sequence[Reply]) -> int:
        """How many of the questions a MAC heard, whose answers these are: those of the rounds and interfaces in which it
        answered."""
        if len(replies) == 1 and not self.unicast:
            return self.broadcast.get((replies[0].interface, replies[0].round), 0)
        mac, interfaces = replies[0].mac, {reply.interface for reply in replies}
        rounds = {reply.round for reply in replies}
        broadcast = (n for (interface, number), n in self.broadcast.items() if number in rounds and interface in interfaces)
        return sum(broadcast) + sum(n for (_, number, to), n in self.unicast.items() if to == mac and number in rounds)


class Hearing:
    """The index over one run's questions and replies."""

    def __init__(self, evidence: Evidence) -> None:
        self.recorded = evidence.capture is not None
        """From a file that does not say what it missed."""
        self.courses = courses(evidence)
        """One for each host that asked."""
        self._asked: dict[IPv4Address, Asked] = {}
        self._on: dict[Mac, set[str]] = {}
        self._lost = {(loss.interface, number) for loss in evidence.losses for number in loss.rounds}
        self._excess = {overflow.ip: overflow.replies for overflow in evidence.overflows}
        for question in evidence.questions:
            asked = self._asked.setdefault(question.ip, Asked())
            if question.to is None:
                key = question.interface, question.round
                asked.broadcast[key] = asked.broadcast.get(key, 0) + 1
                asked.ears.add((question.interface, question.sender))
            else:
                to = question.interface, question.round, question.to
                asked.unicast[to] = asked.unicast.get(to, 0) + 1
        self._replies = evidence.by_address()
        self._by_mac: dict[IPv4Address, Mapping[Mac, Sequence[Reply]]] = {}
        for mac, interface in {(reply.mac, reply.interface) for reply in evidence.replies}:
            self._on.setdefault(mac, set()).add(interface)

    def asked(self, ip: IPv4Address) -> Asked:
        return self._asked.get(ip, _NOTHING)

    def replies(self, ip: IPv4Address) -> Sequence[Reply]:
        return self._replies.get(ip, ())

    def by_mac(self, ip: IPv4Address) -> Mapping[Mac, Sequence[Reply]]:
        """Who answered for an address, and what; never one of the prober's own."""
        if ip not in self._by_mac:
            found: dict[Mac, list[Reply]] = {}
            for reply in self.replies(ip):
                found.setdefault(reply.mac, []).append(reply)
            self._by_mac[ip] = found
        return self._by_mac[ip]

    def ears(self, ip: IPv4Address, mac: Mac) -> frozenset[Ear]:
        """By which questions for an address this MAC was reached."""
        return frozenset((reply.interface, reply.sender) for reply in self.by_mac(ip).get(mac, ()))

    def macs(self) -> Iterable[Mac]:
        """Every MAC that answered anything."""
        return sorted(self._on)

    def interfaces(self, mac: Mac) -> frozenset[str]:
        """Where a MAC was heard, whatever it answered for."""
        return frozenset(self._on.get(mac, ()))

    def rounds(self, ip: IPv4Address) -> tuple[int, ...]:
        """The rounds that count for an address.

        Nobody's answer in a round faster than a speaker can bear proves nothing, so where the slow round that follows
        asked again, such a round is set aside. An answer in it always counts."""
        rounds, replies = self.asked(ip).rounds(), self.replies(ip)
        return tuple(number for course in self.courses for number in _counting(course, rounds, replies))

    def hears(self, course: Course, macs: Iterable[Mac]) -> bool:
        """Whether this host heard any of them, whatever it answered for."""
        return any(self._on.get(mac, set()) & course.interfaces for mac in macs)

    def deaf(self, ip: IPv4Address, macs: Iterable[Mac]) -> frozenset[int]:
        """The rounds of the hosts that never heard any of these MACs, which may be their own or on another segment."""
        known = tuple(macs)
        deaf = [course for course in self.courses if not self.hears(course, known)]
        return frozenset(number for number in self.asked(ip).rounds() if any(course.has(number) for course in deaf))

    def lost(self, ip: IPv4Address) -> bool:
        """Frames were lost in a round that asked it, on an interface that asked it; one MAC alone or all."""
        if not self._lost:
            return False
        asked = self.asked(ip)
        alone = ((interface, number) in self._lost for interface, number, _ in asked.unicast)
        return any(key in self._lost for key in asked.broadcast) or any(alone)

    def excess(self, ip: IPv4Address) -> int:
        """Replies for it that were counted but not kept."""
        return self._excess.get(ip, 0)


def _counting(course: Course, rounds: Iterable[int], replies: Iterable[Reply]) -> Iterable[int]:
    own = [number for number in rounds if course.has(number)]
    if course.rate <= SLOW or not any(number > course.last_announced for number in own):
        return own
    answered = {reply.round for reply in replies}
    return [number for number in own if number > course.last_announced or number in answered]


_NOTHING = Asked()
