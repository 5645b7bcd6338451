"""When which question is put on one interface. Pure: it is told the time and what was heard.

One schedule for everything: control, canary, node addresses and targets go out in the same rounds. After the rounds
comes a last, slow one: an address whose answer can't be relied on yet is asked again, every node that was heard is asked
the canary by unicast, and a MAC whose owner is in doubt is asked alone for the nodes' addresses (`confirmation`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.model import Ask, Mac
from arpcheck.wire.confirmation import MOST, Homes, confirmations

APART = 1.0
"""Seconds between two rounds for one address, RFC 5227's PROBE_MIN: a late reply still falls into its own round."""

SLOW = 100.0
"""Frames a second at the most in the last round. A speaker's socket holds 256 frames of any ARP on the segment, so
silence at a higher rate proves nothing."""

CATCH_UP = 0.02
"""Seconds of delay that are made up for by sending faster; more than that is let go, lest a stall become a burst."""

BURST = 64
"""Questions that may follow each other at once after a delay: a quarter of what a speaker's socket holds."""

QUIET_ROUNDS = 2
"""A node address that was answered is not asked again after so many rounds that brought no new MAC."""

ZERO = IPv4Address(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one run asks on every interface, and how."""

    asks: Sequence[Ask]
    """One round, in order; the questions for one address stand together."""
    rounds: int
    rate: float
    """Frames a second on each interface."""
    wait: float
    """Seconds of listening after the last frame, and before an address is asked again."""
    nodes: frozenset[IPv4Address] = frozenset()
    """Addresses that are asked only to learn whose MACs they are."""
    judged: frozenset[IPv4Address] = frozenset()
    """Addresses that get a verdict."""
    canary: IPv4Address | None = None
    """Asked once by unicast of every node MAC that was heard, which sees through a switch that answers ARP itself."""
    known: frozenset[Mac] = frozenset()
    """Node MACs known beforehand, asked the canary by unicast as well."""
    homes: Homes = field(default_factory=dict)
    """The nodes' own addresses, of whatever kind: what a MAC in doubt is asked alone."""

    @property
    def again(self) -> frozenset[IPv4Address]:
        """What may be asked again in the last round: at a slow rate only what is judged, else everything."""
        return self.judged if self.rate <= SLOW else frozenset(ask.ip for ask in self.asks)


@dataclass(slots=True, eq=False)
class _Address:
    """What was asked and heard of one address."""

    is_node: bool
    asks: list[Ask] = field(default_factory=list)
    """The questions for it in one round."""
    last: tuple[int, float] | None = None
    """Round and time of the last question to all."""
    asked: set[int] = field(default_factory=set)
    heard: dict[int, set[Mac]] = field(default_factory=dict)
    macs: set[Mac] = field(default_factory=set)
    """All that answered, in whatever round."""
    fresh: int = 0
    """The last round that brought a new MAC."""

    def unsettled(self) -> bool:
        """Silent in a round that asked it, or answered by others than in another round."""
        answers = [frozenset(self.heard.get(number, ())) for number in self.asked]
        return not all(answers) or len(set(answers)) > 1

    def quiet(self, number: int) -> bool:
        return self.fresh > 0 and number - 1 - self.fresh >= QUIET_ROUNDS


class Due(NamedTuple):
    """A question to send now."""

    round: int
    ask: Ask
    frame: bytes
    address: _Address
    """Of the schedule, which takes it back by `sent_at`."""


class Schedule:
    """The questions of one interface. `due` says what to send now or when to call again."""

    def __init__(self, interface: str, course: Course, encode: Callable[[Ask], bytes]) -> None:
        """`encode`: the frame of a question. They are made here, and not one by one while replies come in."""
        self._course = course
        self._interface = interface
        self._rounds = course.rounds
        self._asks = [ask for ask in course.asks if ask.interface == interface]
        self._addresses: dict[IPv4Address, _Address] = {}
        for ask in self._asks:
            self._address(ask.ip).asks.append(ask)
        self._encode = encode
        entries = [(ask, encode(ask), self._address(ask.ip)) for ask in self._asks]
        self._queue = deque(Due(number, *entry) for number in range(1, course.rounds + 1) for entry in entries)
        self._pace = 0.0
        self._paces = tuple((1 / rate, min(CATCH_UP, BURST / rate)) for rate in (course.rate, min(course.rate, SLOW)))
        self._again: deque[_Address] | None = None
        self._more: deque[Ask] = deque()
        self._unicast: set[Mac] = set()
        self._confirmed: set[Mac] = set()
        self._confirmations_left = MOST
        self._news = False
        self._known = set(course.known)

    def begin(self, at: float) -> None:
        """To be called before `due` is."""
        self._pace = at

    @property
    def last_round(self) -> int:
        """The number of the slow round that follows the announced ones."""
        return self._rounds + 1

    def frames_left(self) -> int:
        """Frames that are certain to follow; the last round may add some."""
        return len(self._queue) + len(self._more)

    def finished_rounds(self) -> bool:
        """Every announced round was sent."""
        return not self._queue

    def due(self, now: float) -> Due | float | None:
        """What to send now; or the time to call again; or None when all is asked."""
        if now < self._pace:
            return self._pace
        while self._queue:
            number, _, _, address = self._queue[0]
            if address.is_node and address.quiet(number):
                self._queue.popleft()
            elif address.last and address.last[0] < number and now < address.last[1] + APART:
                return self._pause(address.last[1] + APART)
            else:
                return self._queue.popleft()
        return self._due_again(now)

    def sent_at(self, due: Due, now: float) -> None:
        """The question went out."""
        number, ask, _, address = due
        apart, made_up = self._paces[number > self._rounds]
        earliest = now - made_up
        self._pace = (self._pace if self._pace > earliest else earliest) + apart
        if ask.to is None:
            address.last = number, now
            address.asked.add(number)

    def heard(self, number: int, ip: IPv4Address, mac: Mac) -> None:
        """A reply to a question of this round came in."""
        address = self._address(ip)
        self._news = True
        if mac not in address.macs:
            address.macs.add(mac)
            address.fresh = max(number, address.fresh)
        address.heard.setdefault(number, set()).add(mac)
        if address.is_node:
            self._known.add(mac)

    def _pause(self, until: float) -> float:
        """A pause that is meant: nothing of it is made up for."""
        self._pace = max(self._pace, until)
        return until

    def _address(self, ip: IPv4Address) -> _Address:
        found = self._addresses.get(ip)
        if found is None:
            found = self._addresses[ip] = _Address(ip in self._course.nodes)
        return found

    # ---------------------------------------------------------------------------------------------- the last round

    def _due_again(self, now: float) -> Due | float | None:
        if self._again is None:
            again = self._course.again
            self._again = deque(address for ip, address in self._addresses.items() if address.asks and ip in again)
        self._more.extend(self._unicasts())
        if not self._more and (due := self._next_again(now)):
            return due
        self._more.extend(() if self._more else self._confirmations())
        return self._next_more() if self._more else None

    def _next_again(self, now: float) -> Due | float | None:
        while self._again:
            address = self._again[0]
            ready = address.last[1] + max(APART, self._course.wait) if address.last else now
            if now < ready:
                return self._pause(ready)
            self._again.popleft()
            if address.unsettled():
                self._more.extend(address.asks)
                return self._next_more()
        return None

    def _next_more(self) -> Due:
        ask = self._more.popleft()
        return Due(self.last_round, ask, self._encode(ask), self._address(ask.ip))

    def _unicasts(self) -> Iterable[Ask]:
        canary = self._course.canary
        if canary is None or not any(ask.ip == canary for ask in self._asks):
            return
        for mac in sorted(self._known - self._unicast):
            if not mac.is_group:
                yield Ask(interface=self._interface, ip=canary, sender=ZERO, to=mac)
        self._unicast |= self._known

    def _confirmations(self) -> Iterable[Ask]:
        """Of what was heard since the last look; a MAC is asked once. The canary too, if it was not yet."""
        if not self._news:
            return
        self._news = False
        heard = {ip: set().union(*a.heard.values()) for ip, a in self._addresses.items() if a.heard}
        homes, judged, known = self._course.homes, self._course.judged, self._course.known
        for mac, ips in tuple(confirmations(heard, homes, judged, known, self._confirmed, self._confirmations_left)):
            self._confirmed.add(mac)
            self._known.add(mac)
            self._confirmations_left -= len(ips)
            yield from (Ask(interface=self._interface, ip=ip, sender=ZERO, to=mac) for ip in ips)
        yield from self._unicasts()


def seconds(course: Course, interfaces: Iterable[str]) -> float:
    """How long the announced rounds take at least, listening included; the last round may add to it."""

    def one(interface: str) -> float:
        asks = [ask for ask in course.asks if ask.interface == interface]
        frames = len(asks) * course.rounds
        return max(frames / course.rate, (course.rounds - 1) * APART + len(asks) / course.rate)

    return max((one(interface) for interface in interfaces), default=0.0) + course.wait
