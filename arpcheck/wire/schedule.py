"""When which question is put on one interface. Pure: it is told the time and what was heard.

One schedule for everything: control, canary, node addresses and targets go out in the same rounds. After the rounds
comes a last, slow one: an address whose answer can't be relied on yet is asked again, every node that was heard is asked
the canary by unicast, and a MAC whose owner is in doubt is asked alone for the nodes' addresses (`confirmation`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.model import Ask, Mac
from arpcheck.wire.confirmation import MOST, Homes, confirmations

APART = 1.0
"""Seconds between two rounds for one address, RFC 5227's PROBE_MIN: a late reply still falls into its own round."""

SLOW = 100.0
"""Frames a second at the most in the last round. A speaker's socket holds 256 frames of any ARP on the segment, so
silence at a higher rate proves nothing."""

CATCH_UP = 0.02
"""Seconds of delay that are made up for by sending faster; more than that is let go, lest a stall become a burst."""

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


class Schedule:
    """The questions of one interface. `due` says what to send now or when to call again."""

    def __init__(self, interface: str, course: Course, start: float) -> None:
        self._course = course
        self._interface = interface
        self._asks = [ask for ask in course.asks if ask.interface == interface]
        self._queue = deque((number, ask) for number in range(1, course.rounds + 1) for ask in self._asks)
        self._pace = start
        self._last: dict[IPv4Address, tuple[int, float]] = {}
        self._asked: dict[IPv4Address, set[int]] = {}
        self._heard: dict[IPv4Address, dict[int, set[Mac]]] = {}
        self._fresh: dict[IPv4Address, int] = {}
        self._again: deque[IPv4Address] | None = None
        self._more: deque[Ask] = deque()
        self._unicast: set[Mac] = set()
        self._confirmed: set[Mac] = set()
        self._confirmations_left = MOST
        self._news = False
        self._known = set(course.known)
        self.sent = 0

    @property
    def last_round(self) -> int:
        """The number of the slow round that follows the announced ones."""
        return self._course.rounds + 1

    def frames_left(self) -> int:
        """Frames that are certain to follow; the last round may add some."""
        return len(self._queue) + len(self._more)

    def finished_rounds(self) -> bool:
        """Every announced round was sent."""
        return not self._queue

    def due(self, now: float) -> tuple[int, Ask] | float | None:
        """A round and its question to send now; or the time to call again; or None when all is asked."""
        if now < self._pace:
            return self._pace
        self._skip_quiet_nodes()
        if self._queue:
            number, ask = self._queue[0]
            last_number, last_at = self._last.get(ask.ip, (number, now))
            if last_number < number and now < last_at + APART:
                return last_at + APART
            self._queue.popleft()
            return number, ask
        return self._due_again(now)

    def sent_at(self, number: int, ask: Ask, now: float) -> None:
        """The question went out."""
        self.sent += 1
        rate = self._course.rate if number <= self._course.rounds else min(self._course.rate, SLOW)
        self._pace = max(self._pace, now - min(CATCH_UP, 1 / rate)) + 1 / rate
        if ask.to is None:
            self._last[ask.ip] = (number, now)
            self._asked.setdefault(ask.ip, set()).add(number)

    def heard(self, number: int, ip: IPv4Address, mac: Mac) -> None:
        """A reply to a question of this round came in."""
        rounds = self._heard.setdefault(ip, {})
        self._news = True
        if not any(mac in macs for macs in rounds.values()):
            self._fresh[ip] = max(number, self._fresh.get(ip, 0))
        rounds.setdefault(number, set()).add(mac)
        if ip in self._course.nodes:
            self._known.add(mac)

    # ---------------------------------------------------------------------------------------------- the last round

    def _due_again(self, now: float) -> tuple[int, Ask] | float | None:
        if self._again is None:
            again = self._course.again
            self._again = deque(ip for ip in dict.fromkeys(ask.ip for ask in self._asks) if ip in again)
        self._more.extend(self._unicasts())
        if not self._more and (due := self._next_again(now)):
            return due
        self._more.extend(() if self._more else self._confirmations())
        return (self.last_round, self._more.popleft()) if self._more else None

    def _next_again(self, now: float) -> tuple[int, Ask] | float | None:
        while self._again:
            ip = self._again[0]
            ready = self._last[ip][1] + max(APART, self._course.wait) if ip in self._last else now
            if now < ready:
                return ready
            self._again.popleft()
            if self._unsettled(ip):
                self._more.extend(ask for ask in self._asks if ask.ip == ip)
                return self.last_round, self._more.popleft()
        return None

    def _unsettled(self, ip: IPv4Address) -> bool:
        """Silent in a round that asked it, or answered by others than in another round."""
        heard = self._heard.get(ip, {})
        answers = [frozenset(heard.get(number, ())) for number in self._asked.get(ip, ())]
        return not all(answers) or len(set(answers)) > 1

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
        heard = {ip: set().union(*rounds.values()) for ip, rounds in self._heard.items()}
        homes, judged, known = self._course.homes, self._course.judged, self._course.known
        for mac, ips in tuple(confirmations(heard, homes, judged, known, self._confirmed, self._confirmations_left)):
            self._confirmed.add(mac)
            self._known.add(mac)
            self._confirmations_left -= len(ips)
            yield from (Ask(interface=self._interface, ip=ip, sender=ZERO, to=mac) for ip in ips)
        yield from self._unicasts()

    def _skip_quiet_nodes(self) -> None:
        while self._queue and self._queue[0][1].ip in self._course.nodes and self._quiet(*self._queue[0]):
            self._queue.popleft()

    def _quiet(self, number: int, ask: Ask) -> bool:
        return ask.ip in self._fresh and number - 1 - self._fresh[ask.ip] >= QUIET_ROUNDS


def seconds(course: Course, interfaces: Iterable[str]) -> float:
    """How long the announced rounds take at least, listening included; the last round may add to it."""

    def one(interface: str) -> float:
        asks = [ask for ask in course.asks if ask.interface == interface]
        frames = len(asks) * course.rounds
        return max(frames / course.rate, (course.rounds - 1) * APART + len(asks) / course.rate)

    return max((one(interface) for interface in interfaces), default=0.0) + course.wait
