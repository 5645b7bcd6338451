"""What an address was asked, and by whom: usually, to one MAC address alone, and with further senders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from arpcheck.evidence import Evidence, courses
from arpcheck.model import Address, Mac, Nic, Question, Reply
from arpcheck.model.constants import IPV6

Ear = tuple[str, Address]
"""An interface of the prober and the sender it asked with."""


Turn = tuple[str, int]
"""An interface of the prober and a round in which it asked."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that a station could receive, and whether it replied."""

    at: float
    ear: Ear
    answered: bool


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

    def turns(self) -> frozenset[Turn]:
        return frozenset(self.broadcast)

    def often(self) -> int:
        """How many questions to all were put, on the interface that put the fewest."""
        by_interface: dict[str, int] = {}
        for (interface, _), number in self.broadcast.items():
            by_interface[interface] = by_interface.get(interface, 0) + number
        return min(by_interface.values(), default=0)

    def heard_by(self, replies: Sequence[Reply]) -> int:
        """How many of the questions a NIC heard, whose answers these are: those of the rounds and interfaces in which it
        answered."""
        if len(replies) == 1 and not self.unicast:
            return self.broadcast.get((replies[0].interface, replies[0].round), 0)
        mac, turns = replies[0].mac, {(reply.interface, reply.round) for reply in replies}
        broadcast = sum([self.broadcast.get(turn, 0) for turn in turns])
        if not self.unicast:
            return broadcast
        return broadcast + sum([self.unicast.get((interface, number, mac), 0) for interface, number in turns])


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequests:
    """Unicast requests for an address, to one MAC: for one that nobody replied for, and for every IPv6 address."""

    nic: Nic
    asked: int
    answered: int
    """How many of them got a reply."""
    by: tuple[Mac, ...] = ()
    """The MACs in these replies: nearly always that of `nic`."""
    last: float = 0.0
    """When the last one was sent, in ms since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherRequests:
    """Broadcast requests for an address that nobody replied for, with a sender that it is not asked with as a rule."""

    sender: Address
    asked: int
    answered: int
    nics: tuple[Nic, ...] = ()
    """Who replied."""


def _of_a_client(one: Question | Reply) -> bool:
    """A request to the address's group, or, while its MAC address is remembered, to the address itself (RFC 4861 section
    7.3.3)."""
    return one.destination == one.ip if one.to is not None else one.destination is None


class Apart:
    """Tells what an address was asked to find out why nobody replies: by unicast, or with a sender that no announced round
    used for it there."""

    def __init__(self, evidence: Evidence, explained: Iterable[Address]) -> None:
        self._explained = frozenset(explained)
        self._recorded = evidence.capture is not None
        self._courses = courses(evidence)
        self._usual = {
            (question.interface, question.ip, question.sender)
            for question in (evidence.questions if self._explained else ())
            if question.to is None and question.ip in self._explained and self._usually(question)
        }

    def _usually(self, question: Question) -> bool:
        """IPv6 has one sender only, and is asked again as usual after the announced rounds."""
        return question.ip.version == IPV6 or self._announced(question.round)

    def _announced(self, number: int) -> bool:
        return any(course.has(number) and number <= course.last_announced for course in self._courses)

    def holds(self, one: Question | Reply) -> bool:
        if self._recorded:
            return one.ip.version == IPV6 and not _of_a_client(one)
        if one.ip not in self._explained:
            return False
        if one.destination is not None:
            return True
        return one.to is not None or (one.interface, one.ip, one.sender) not in self._usual
