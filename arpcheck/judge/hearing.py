"""What was heard, by address and by MAC: the replies counted once, so that every rule reads the same figures.

Knows questions and replies, not whose a MAC is."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence
from arpcheck.model import Mac
from arpcheck.vantages import Course, courses

SLOW = 100.0
"""Frames a second above which silence proves nothing: a speaker's socket holds 256 frames of any ARP on the segment."""

Ear = tuple[str, IPv4Address]
"""An interface of the prober and the sender it asked with."""


@dataclass(slots=True)
class Voice:
    """One MAC's answers for one address."""

    mac: Mac
    first_ms: float
    replies: dict[int, int] = field(default_factory=dict)
    """Replies by round."""
    ears: set[Ear] = field(default_factory=set)
    """By which questions it was reached."""
    interfaces: set[str] = field(default_factory=set)
    sources: set[Mac] = field(default_factory=set)
    """Ethernet sources that are not the MAC itself."""


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


class Hearing:
    """The index over one run's questions and replies."""

    def __init__(self, evidence: Evidence) -> None:
        self.recorded = evidence.capture is not None
        """From a file that does not say what it missed."""
        self.courses = courses(evidence)
        """One for each host that asked."""
        self._asked: dict[IPv4Address, Asked] = {}
        self._voices: dict[IPv4Address, dict[Mac, Voice]] = {}
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
        for reply in evidence.replies:
            voices = self._voices.setdefault(reply.ip, {})
            voice = voices.get(reply.mac)
            if voice is None:
                voice = voices[reply.mac] = Voice(reply.mac, reply.after)
            voice.first_ms = min(voice.first_ms, reply.after)
            voice.replies[reply.round] = voice.replies.get(reply.round, 0) + 1
            voice.ears.add((reply.interface, reply.sender))
            voice.interfaces.add(reply.interface)
            if reply.source != reply.mac:
                voice.sources.add(reply.source)
            self._on.setdefault(reply.mac, set()).add(reply.interface)

    def asked(self, ip: IPv4Address) -> Asked:
        return self._asked.get(ip, _NOTHING)

    def voices(self, ip: IPv4Address) -> Mapping[Mac, Voice]:
        """Who answered for an address; never one of the prober's own."""
        return self._voices.get(ip, {})

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
        answered = {number for voice in self.voices(ip).values() for number in voice.replies}
        rounds = self.asked(ip).rounds()
        return tuple(number for course in self.courses for number in _counting(course, rounds, answered))

    def hears(self, course: Course, macs: Iterable[Mac]) -> bool:
        """Whether this host heard any of them, whatever it answered for."""
        return any(self._on.get(mac, set()) & course.interfaces for mac in macs)

    def deaf(self, ip: IPv4Address, macs: Iterable[Mac]) -> frozenset[int]:
        """The rounds of the hosts that never heard any of these MACs, which may be their own or on another segment. A
        single host hears whoever is in its evidence."""
        if len(self.courses) == 1:
            return frozenset()
        known = tuple(macs)
        deaf = [course for course in self.courses if not self.hears(course, known)]
        return frozenset(number for number in self.asked(ip).rounds() if any(course.has(number) for course in deaf))

    def lost(self, ip: IPv4Address) -> bool:
        """Frames were lost in a round that asked it, on an interface that asked it."""
        return any(key in self._lost for key in self.asked(ip).broadcast)

    def excess(self, ip: IPv4Address) -> int:
        """Replies for it that were counted but not kept."""
        return self._excess.get(ip, 0)

    def questions(self, ip: IPv4Address, voice: Voice) -> int:
        """How many questions this voice heard: those of the rounds and interfaces in which it answered."""
        asked = self.asked(ip)
        broadcast = (n for (i, r), n in asked.broadcast.items() if i in voice.interfaces and r in voice.replies)
        unicast = (n for (i, r, m), n in asked.unicast.items() if m == voice.mac and r in voice.replies)
        return sum(broadcast) + sum(unicast)


def _counting(course: Course, rounds: Iterable[int], answered: Container[int]) -> Iterable[int]:
    own = [number for number in rounds if course.has(number)]
    if course.rate <= SLOW or not any(number > course.last_announced for number in own):
        return own
    return [number for number in own if number > course.last_announced or number in answered]


_NOTHING = Asked()
