"""When which question is put on one interface. Pure: it is told the time and what was heard.

One schedule for everything: control, canary, node addresses and targets go out in the same rounds. After the rounds
comes a slow one: an address whose answer can't be relied on yet is asked again, and every node that was heard is asked
the canary by unicast. Others follow while a node's address and the canary were not asked often enough (`numbers`). At
the end a MAC whose owner is in doubt is asked alone for the nodes' addresses (`confirmation`)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.model import Mac, Reply, Request
from arpcheck.wire import confirmation
from arpcheck.wire.confirmation import Count, Homes, confirmations, most

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
"""A node address that was answered is not asked again after so many rounds that brought no new MAC, if it was asked often
enough by then to call the node quiet."""

ZERO = IPv4Address(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """What one run asks on every interface, and how."""

    asks: Sequence[Request]
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
    partly_accepted: frozenset[IPv4Address] = frozenset()
    """Those of which some answers are accepted: without these nobody may have answered."""
    canary: IPv4Address | None = None
    """Asked once by unicast of every node MAC that was heard, which sees through a switch that answers ARP itself."""
    controls: frozenset[IPv4Address] = frozenset()
    """Addresses that nobody owns: who answers them, by that sender, answers for everything."""
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
    partly_accepted: bool = False
    asks: list[Request] = field(default_factory=list)
    """The questions for it in one round."""
    last: tuple[int, float] | None = None
    """Round and time of the last question to all."""
    asked: set[int] = field(default_factory=set)
    heard: dict[int, set[Mac]] = field(default_factory=dict)
    macs: set[Mac] = field(default_factory=set)
    """All that answered, in whatever round."""
    by_sender: dict[IPv4Address, set[Mac]] = field(default_factory=dict)
    """The same by the sender that asked, of what is counted."""
    fresh: int = 0
    """The last round that brought a new MAC."""
    count: Count | None = None
    """Of a node's own address and of the canary, where that is asked."""

    def unsettled(self) -> bool:
        """Silent in a round that asked it, or answered by others than in another round; or it may be silent without those
        whose answers are accepted."""
        answers = [frozenset(self.heard.get(number, ())) for number in self.asked]
        return self.partly_accepted or not all(answers) or len(set(answers)) > 1

    def seldom(self, lossy: bool) -> bool:
        """It was asked too seldom to tell that nobody else answers, where frames get lost, or that nobody does. Nobody's
        answer where frames get lost proves nothing, however often it is asked."""
        silent = not self.macs or self.partly_accepted
        answered = confirmation.ENOUGH if lossy and self.macs else 0
        return len(self.asked) < max(answered, confirmation.SILENT if silent and not lossy else 0)

    def settled(self, number: int, enough: int) -> bool:
        """Nothing new is to be learnt of a node in this round."""
        often = self.count is None or len(self.count.asked) >= enough
        return self.fresh > 0 and number - 1 - self.fresh >= QUIET_ROUNDS and often


class DueRequest(NamedTuple):
    """A question to send now."""

    round: int
    ask: Request
    frame: bytes
    address: _Address
    """Of the schedule, which takes it back by `sent_at`."""


class Schedule:
    """The questions of one interface. `due` says what to send now or when to call again."""

    def __init__(self, interface: str, course: ScanPlan, encode: Callable[[Request], bytes]) -> None:
        """`encode`: the frame of a question. They are made here, and not one by one while replies come in."""
        self._course = course
        self._interface = interface
        self._rounds = course.rounds
        self._asks = [ask for ask in course.asks if ask.interface == interface]
        self._addresses: dict[IPv4Address, _Address] = {}
        asked = {ask.ip for ask in self._asks}
        self._own = ((course.nodes | course.homes.keys()) & asked) - {course.canary} if course.canary in asked else set()
        """The nodes' own addresses that are counted, beside the canary."""
        self._judged = (course.judged & asked) - self._own - {course.canary}
        self._enough = (
            confirmation.FEW if len(_nodes_to_ask(course, self._own)) >= confirmation.MANY else confirmation.ENOUGH
        )
        for ask in self._asks:
            self._address(ask.ip).asks.append(ask)
        self._encode = encode
        entries = [(ask, encode(ask), self._address(ask.ip)) for ask in self._asks]
        self._queue = deque(DueRequest(number, *entry) for number in range(1, course.rounds + 1) for entry in entries)
        self._pace = 0.0
        self._paces = tuple((1 / rate, min(CATCH_UP, BURST / rate)) for rate in (course.rate, min(course.rate, SLOW)))
        self._again: deque[_Address] | None = None
        self._more: deque[tuple[int, Request]] = deque()
        self._counting_left = confirmation.MOST_REPEATS
        self._recount = True
        self._unicast: set[Mac] = set()
        self._confirmed: set[Mac] = set()
        self._confirmations_left = most(course.homes)
        self._news = False
        self._known = set(course.known)
        self._proxying: set[tuple[Mac, IPv4Address]] = set()

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

    def due(self, now: float) -> DueRequest | float | None:
        """What to send now; or the time to call again; or None when all is asked."""
        if now < self._pace:
            return self._pace
        while self._queue:
            number, _, _, address = self._queue[0]
            if address.is_node and address.settled(number, self._enough):
                self._queue.popleft()
            elif address.last and address.last[0] < number and now < address.last[1] + APART:
                return self._pause(address.last[1] + APART)
            else:
                return self._queue.popleft()
        return self._due_again(now)

    def sent_at(self, due: DueRequest, now: float) -> None:
        """The question went out."""
        number, ask, _, address = due
        apart, made_up = self._paces[number > self._rounds]
        earliest = now - made_up
        self._pace = (self._pace if self._pace > earliest else earliest) + apart
        if ask.to is None:
            address.last = number, now
            address.asked.add(number)
            if address.count is not None:
                address.count.asked.append((number, ask.sender))
                self._recount = True

    def heard(self, reply: Reply) -> None:
        """A reply to a question of ours came in."""
        number, mac = reply.round, reply.mac
        address = self._address(reply.ip)
        if address.count is not None and reply.to is None:
            address.count.answered.add((number, reply.sender))
            address.by_sender.setdefault(reply.sender, set()).add(mac)
            self._recount = True
        if reply.ip in self._course.controls:
            self._proxying.add((mac, reply.sender))
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
            counted = ip in self._own or (bool(self._own) and ip == self._course.canary)
            count = Count() if counted else None
            found = _Address(ip in self._course.nodes, ip in self._course.partly_accepted, count=count)
            self._addresses[ip] = found
        return found

    # ---------------------------------------------------------------------------------------------- the last round

    def _due_again(self, now: float) -> DueRequest | float | None:
        if self._again is None:
            again = self._course.again
            self._again = deque(address for ip, address in self._addresses.items() if address.asks and ip in again)
        self._put(self._unicasts())
        if not self._more and (due := self._next_again(now)):
            return due
        if not self._more and isinstance(ready := self._count_on(now), float):
            return ready
        self._put(() if self._more else self._confirmations())
        return self._next_more() if self._more else None

    def _put(self, asks: Iterable[Request]) -> None:
        self._more.extend((self.last_round, ask) for ask in asks)

    def _next_again(self, now: float) -> DueRequest | float | None:
        while self._again:
            address = self._again[0]
            ready = self._ready(address, now)
            if now < ready:
                return self._pause(ready)
            self._again.popleft()
            if address.unsettled():
                self._put(address.asks)
                return self._next_more()
        return None

    def _ready(self, address: _Address, now: float) -> float:
        """When all that answers the last question for it has come."""
        return address.last[1] + max(APART, self._course.wait) if address.last else now

    def _next_more(self) -> DueRequest:
        number, ask = self._more.popleft()
        return DueRequest(number, ask, self._encode(ask), self._address(ask.ip))

    def _count_on(self, now: float) -> float | None:
        """Puts one more round of the nodes' addresses that were not asked often enough, of the canary by the senders that
        reach them, and of what is judged and was asked too seldom; or says when it can be told whether one is needed."""
        canary = self._addresses.get(self._course.canary) if self._course.canary else None
        if not self._recount or canary is None or canary.count is None or not self._counting_left:
            return None
        # Who answered the canary is not quiet, whatever the numbers are.
        every = self._addresses.items()  # in the order of the questions, whatever a set's order is in this process
        heard = {ip: own for ip, own in every if ip in self._own and own.macs and not own.macs <= canary.macs}
        if not heard:
            self._recount = False
            return None
        judged = {ip: address for ip, address in every if ip in self._judged}
        if now < (ready := max(self._ready(address, now) for address in (canary, *heard.values(), *judged.values()))):
            return self._pause(ready)
        by_count = {own.count: own for own in heard.values() if own.count is not None}
        for count, own in by_count.items():
            count.proxied = frozenset(
                sender for sender, macs in own.by_sender.items() if all((mac, sender) in self._proxying for mac in macs)
            )
        many = len(_nodes_to_ask(self._course, heard)) >= confirmation.MANY
        lacking = confirmation.lacking(by_count, canary.count, many)
        lossy = confirmation.lossy([own.count for ip in self._own if (own := self._address(ip)).count is not None])
        self._recount = False
        self._ask_once_more([by_count[count] for count in lacking], canary, [a for a in judged.values() if a.seldom(lossy)])
        return None

    def _ask_once_more(self, nodes: Sequence[_Address], canary: _Address, judged: Sequence[_Address]) -> None:
        """The canary by every sender that reaches one of the nodes, and each of them by its own; what is judged as ever.
        `number` is new to all."""
        number = 1 + max((address.last[0] for address in (canary, *nodes, *judged) if address.last), default=self._rounds)
        reach = {node: node.count.senders() for node in nodes if node.count is not None}
        for address, senders in ((canary, frozenset[IPv4Address]().union(*reach.values())), *reach.items()):
            asks = [ask for ask in address.asks if ask.sender in senders][: self._counting_left]
            self._counting_left -= len(asks)
            self._more.extend((number, ask) for ask in asks)
            if address.count is not None:
                address.count.again += len(asks)
        for address in judged:
            asks = address.asks[: self._counting_left]
            self._counting_left -= len(asks)
            self._more.extend((number, ask) for ask in asks)
            self._recount = True

    def _unicasts(self) -> Iterable[Request]:
        canary = self._course.canary
        if canary is None or not any(ask.ip == canary for ask in self._asks):
            return
        for mac in sorted(self._known - self._unicast):
            if not mac.is_group:
                yield Request(interface=self._interface, ip=canary, sender=ZERO, to=mac)
        self._unicast |= self._known

    def _confirmations(self) -> Iterable[Request]:
        """Of what was heard since the last look; a MAC is asked once. The canary too, if it was not yet."""
        if not self._news:
            return
        self._news = False
        heard = {ip: set().union(*a.heard.values()) for ip, a in self._addresses.items() if a.heard}
        homes, known = self._course.homes, self._course.known
        judged = self._course.judged | ({self._course.canary} if self._course.canary else set())
        for mac, ips in tuple(confirmations(heard, homes, judged, known, self._confirmed, self._confirmations_left)):
            self._confirmed.add(mac)
            self._known.add(mac)
            self._confirmations_left -= len(ips)
            yield from (Request(interface=self._interface, ip=ip, sender=ZERO, to=mac) for ip in ips)
        yield from self._unicasts()


def _nodes_to_ask(course: ScanPlan, own: Iterable[IPv4Address]) -> frozenset[str]:
    """Whose these addresses are."""
    return frozenset(node for ip in own for node in course.homes.get(ip, (str(ip),)))


def seconds(course: ScanPlan, interfaces: Iterable[str]) -> float:
    """How long it takes at least, listening included: the announced rounds, and those that follow until every node's
    address and the canary were asked often enough, where all of them answer. What is asked again may add to it."""
    return max((_seconds(course, interface) for interface in interfaces), default=0.0) + course.wait


def _seconds(course: ScanPlan, interface: str) -> float:
    asks = [ask for ask in course.asks if ask.interface == interface]
    frames = len(asks) * course.rounds
    announced = max(frames / course.rate, (course.rounds - 1) * APART + len(asks) / course.rate)
    return announced + _counted(course, asks)


def _counted(course: ScanPlan, asks: Sequence[Request]) -> float:
    by_ip = Counter(ask.ip for ask in asks)
    own = {ip for ip in course.nodes | course.homes.keys() if by_ip[ip] and ip != course.canary}
    if course.canary is None or not by_ip[course.canary] or not own:
        return 0.0
    wanted = confirmation.FEW if len(_nodes_to_ask(course, own)) >= confirmation.MANY else confirmation.ENOUGH
    left = {ip: max(0, confirmation.rounds_for(wanted, by_ip[ip]) - course.rounds) for ip in own}
    rounds = max(left.values())
    frames = min(
        confirmation.MOST_REPEATS, sum(by_ip[ip] * number for ip, number in left.items()) + by_ip[course.canary] * rounds
    )
    return max(frames / min(course.rate, SLOW), rounds * max(APART, course.wait))
