"""Sends one TCP SYN at a time to the MAC addresses that answered for an address, and keeps what comes back.

A SYN is repeated twice at most, after silence or a redirect, each time with a new source port: one SYN tests one endpoint.
One SYN a second for each node is the limit, since Linux answers with ICMP no faster, and silence would mean nothing. What
was begun is ended with an RST to the asked MAC address, because the kernel's own RST goes where ARP says."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.model import Mac, NotAsked, ReachReply, ReachRun, ReachSignal, ReachSkip, ReachTry
from arpcheck.wire.packets import LinkLostError
from arpcheck.wire.reach_packets import Flow, decode, rst, syn
from arpcheck.wire.reach_socket import ReachWire, SendFailedError

TRIES = 3
"""SYNs for one MAC address and port at most."""
AGAIN = 1.1
"""Seconds until the next, after silence or a redirect."""
AGAIN_AFTER_REDIRECT = 3.3
"""Seconds from the first until the third where the first was redirected. Each redirect takes the credit of a second for
other ICMP to this host (net/ipv4/route.c, ip_rt_send_redirect); what a router says of a dead address comes after three."""
EACH = 1.0
"""Seconds between two SYNs to one node."""
LISTEN = 3.5
"""Seconds to listen after the last SYN: a node gives up ARP for a dead pod after three."""
TICK = 0.1
"""Maximum seconds between two checks of stop."""
MOST_MACS = 16
"""MAC addresses that are asked for one address."""
MOST_REPLIES_KEPT = 8
"""Of one try."""
MOST_RESETS = 4
"""RSTs for one try: an endpoint that repeats its SYN/ACK did not get the first."""
END_WITHIN = 5.0
"""Seconds that the RSTs to silent MAC addresses may take after an interruption."""
PORTS = 256
"""Source ports: more than the tries for one address and port, and so many that one is not used again while the conntrack of
a node remembers it (10 s after the RST) for another address with the same endpoint."""

_ENDS = frozenset(ReachSignal) - {ReachSignal.REDIRECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachAim:
    """A port of an address, to be asked of one MAC address."""

    interface: str
    own_mac: Mac
    sender: IPv4Address
    """This host's address in the nodes' network."""
    ip: IPv4Address
    port: int
    service: str
    mac: Mac
    party: str
    """The node, or the MAC address if that is not known: asked once a second."""

    @property
    def place(self) -> tuple[IPv4Address, int]:
        return self.ip, self.port


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachPlan:
    aims: tuple[ReachAim, ...] = ()
    skips: tuple[ReachSkip, ...] = ()
    rate: float = 10.0
    """Frames per second on each interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachProgress:
    """How far the tries are, for display."""

    aims: int
    settled: int
    """Aims that need no further SYN: replied to, or tried for the last time."""
    sent: int
    """SYNs."""
    seconds_left: float
    """Minimum; aims that stay silent add to it."""


def reach_seconds(plan: ReachPlan) -> tuple[float, float]:
    """The duration if every first SYN is answered, and if none is."""
    if not plan.aims:
        return 0.0, 0.0
    return _seconds(plan, 1), _seconds(plan, TRIES)


def _seconds(plan: ReachPlan, tries: int) -> float:
    parties = Counter(aim.party for aim in plan.aims)
    interfaces = Counter(aim.interface for aim in plan.aims)
    busiest = max(max(number * tries - 1, 0) * EACH for number in parties.values())
    repeated = (tries - 1) * AGAIN
    frames = max(interfaces.values()) * tries / plan.rate
    if tries == 1:  # each SYN/ACK is followed by an RST
        return max(busiest, 2 * frames) + LISTEN
    return max(busiest, repeated, frames) + LISTEN + frames  # the silent ones are ended after that


def reach(
    wire: ReachWire,
    plan: ReachPlan,
    *,
    begun: float,
    stop: Callable[[], bool] = lambda: False,
    tap: Callable[[float, bytes], None] = lambda _at, _frame: None,
    progress: Callable[[ReachProgress], None] = lambda _: None,
    random_number: Callable[[], int] = lambda: random.getrandbits(32),
) -> ReachRun:
    """Carries out the plan. `begun`: when the run began, on the wire's clock. `stop` ends it early with what came until
    then; `tap` receives every frame that was sent or kept, with its time in milliseconds; `progress` is called every `TICK`
    seconds."""
    if not plan.aims:
        return ReachRun(skips=plan.skips)
    loop = _Tries(wire, plan, begun, tap, random_number)
    told_at = wire.now()
    while not stop():
        if not loop.step():
            return loop.result(complete=True)
        if wire.now() >= told_at:
            progress(loop.progress())
            told_at = wire.now() + TICK
    return loop.result(complete=False)


@dataclass(slots=True, eq=False)
class _Asked:
    """An aim, and how far it is."""

    aim: ReachAim
    sent: int = 0
    first_at: float = 0.0
    redirected: bool = False
    settled: bool = False


@dataclass(slots=True, eq=False)
class _Sent:
    """A SYN that was sent."""

    asked: _Asked
    at: float
    number: int
    flow: Flow
    resets: int = 0
    replies: list[ReachReply] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Party:
    """A node's aims: those not begun, and those that may be repeated."""

    first: deque[_Asked] = field(default_factory=deque)
    repeated: list[tuple[float, int, _Asked]] = field(default_factory=list)
    """A heap, with the time of each."""
    free_at: float = 0.0

    def next_at(self) -> float | None:
        """When it wants to send next; None if never."""
        while self.repeated and self.repeated[0][-1].settled:
            heapq.heappop(self.repeated)
        times = [self.free_at] if self.first else []
        times += [max(self.free_at, self.repeated[0][0])] if self.repeated else []
        return min(times, default=None)

    def waiting(self) -> int:
        """SYNs that it will send, if each aim that was tried needs one more at most."""
        return len(self.first) + sum(not asked.settled for *_, asked in self.repeated)

    def take(self, now: float) -> _Asked:
        """The next one, repetitions first."""
        if self.repeated and self.repeated[0][0] <= now:
            return heapq.heappop(self.repeated)[-1]
        return self.first.popleft()


class _Tries:
    def __init__(
        self,
        wire: ReachWire,
        plan: ReachPlan,
        begun: float,
        tap: Callable[[float, bytes], None],
        random_number: Callable[[], int],
    ) -> None:
        self._wire, self._plan, self._begun, self._tap, self._random = wire, plan, begun, tap, random_number
        self._sent: dict[int, _Sent] = {}
        self._skips = list(plan.skips)
        self._lost_links: set[str] = set()
        self._ports = _SourcePorts(wire, plan.aims)
        self._parties: dict[str, _Party] = {}
        self._pause = 1 / plan.rate
        now = wire.now()
        self._next_frame = dict.fromkeys((aim.interface for aim in plan.aims), now)
        self._every = [_Asked(aim) for aim in plan.aims]
        for asked in self._every:
            self._parties.setdefault(asked.aim.party, _Party()).first.append(asked)
        self._queue: list[tuple[float, int, _Party]] = []
        self._order = 0
        for party in self._parties.values():
            self._enqueue(party)
        self._listen_until = now
        wire.lost()

    def _enqueue(self, party: _Party) -> None:
        if (at := party.next_at()) is not None:
            self._order += 1
            heapq.heappush(self._queue, (at, self._order, party))

    def step(self) -> bool:
        """Sends what is due and receives. False when all is done."""
        now = self._wire.now()
        if not self._queue and now >= self._listen_until:
            return False
        wake = min(self._queue[0][0] if self._queue else self._listen_until, now + TICK)
        if self._queue and self._queue[0][0] <= now:
            _, _, party = heapq.heappop(self._queue)
            wake = now
            at = party.next_at()
            if at is not None and at <= now:
                asked = party.take(now)
                ready = self._next_frame[asked.aim.interface]
                if ready > now:  # the interface's rate: later, in the same order
                    self._put_back(asked, party, ready)
                else:
                    self._ask(asked, party)
            self._enqueue(party)
        self._receive(wake)
        return True

    def progress(self) -> ReachProgress:
        now = self._wire.now()
        waiting = max(party.waiting() for party in self._parties.values())
        sending = waiting * EACH + LISTEN if waiting else 0.0
        return ReachProgress(
            aims=len(self._every),
            settled=sum(asked.settled or asked.sent == TRIES for asked in self._every),
            sent=len(self._sent),
            seconds_left=max(self._listen_until - now, sending, 0.0),
        )

    def _put_back(self, asked: _Asked, party: _Party, until: float) -> None:
        party.free_at = until
        if asked.sent:
            self._repeat(asked, party, until)
        else:
            party.first.appendleft(asked)

    def _repeat(self, asked: _Asked, party: _Party, at: float) -> None:
        self._order += 1
        heapq.heappush(party.repeated, (at, self._order, asked))

    def _ask(self, asked: _Asked, party: _Party) -> None:
        aim = asked.aim
        if aim.interface in self._lost_links:
            self._skip(asked, NotAsked.LINK_LOST)
            return
        source_port = self._ports.take(aim)
        if source_port is None:
            self._skip(asked, NotAsked.NO_SOURCE_PORT)
            return
        number = self._number()
        flow = Flow(aim.own_mac, aim.mac, aim.sender, source_port, aim.ip, aim.port)
        frame = syn(flow, number)
        try:
            self._wire.send(aim.interface, frame)
        except LinkLostError:
            self._lost_links.add(aim.interface)
            self._skip(asked, NotAsked.LINK_LOST)
            return
        except SendFailedError:
            self._skip(asked, NotAsked.SEND_FAILED)
            return
        now = self._wire.now()
        self._sent[number] = _Sent(asked, now, number, flow)
        self._tap(self._since(now), frame)
        asked.sent += 1
        asked.first_at = asked.first_at or now
        party.free_at = now + EACH
        if asked.sent < TRIES:
            last = asked.first_at + AGAIN_AFTER_REDIRECT if asked.redirected else now
            self._repeat(asked, party, max(now + AGAIN, last))
        self._paced(aim.interface, now)
        self._listen_until = now + LISTEN

    def _number(self) -> int:
        """An initial sequence number that no other try has."""
        number = self._random()
        while number in self._sent:
            number = (number + 0x10001) & 0xFFFFFFFF
        return number

    def _skip(self, asked: _Asked, why: NotAsked) -> None:
        """What was sent before stays a try; the judge sees that there are fewer."""
        asked.settled = True
        self._skips.append(skip(asked.aim, why))

    def _paced(self, interface: str, now: float) -> None:
        self._next_frame[interface] = max(self._next_frame[interface], now) + self._pause

    def _since(self, now: float) -> float:
        return round((now - self._begun) * 1000, 3)

    def _receive(self, until: float) -> None:
        for arrival in self._wire.receive(until):
            heard = decode(arrival.frame)
            sent = self._sent.get(heard.number) if heard else None
            if heard is None or sent is None or heard.sender_port != sent.flow.sender_port:
                continue
            if len(sent.replies) < MOST_REPLIES_KEPT:
                at = self._since(arrival.at)
                self._tap(at, arrival.frame)
                sent.replies.append(
                    ReachReply(
                        at=at, signal=heard.signal, source=heard.source, port=heard.port, code=heard.code, mac=heard.mac,
                        interface=arrival.interface, ttl=heard.ttl,
                    )
                )  # fmt: skip
            if heard.signal in _ENDS:
                sent.asked.settled = True
            else:
                sent.asked.redirected = True
            if heard.signal is ReachSignal.SYN_ACK and sent.resets < MOST_RESETS:
                self._reset(sent)

    def _reset(self, sent: _Sent) -> None:
        interface = sent.asked.aim.interface
        sent.resets += 1
        frame = rst(sent.flow, sent.number)
        try:
            self._wire.send(interface, frame)
        except (LinkLostError, SendFailedError):
            return  # the endpoint gives up by itself
        now = self._wire.now()
        self._tap(self._since(now), frame)
        self._paced(interface, now)

    def result(self, *, complete: bool) -> ReachRun:
        """What was not begun is skipped. Silent tries are ended too: the reply may have gone elsewhere."""
        self._receive(self._wire.now())
        end = None if complete else self._wire.now() + END_WITHIN
        for party in self._parties.values():
            for asked in party.first:
                self._skip(asked, NotAsked.INTERRUPTED)
        for sent in reversed(self._sent.values()):
            if end is not None and self._wire.now() >= end:
                break
            if not any(reply.signal in (ReachSignal.SYN_ACK, ReachSignal.RST) for reply in sent.replies):
                while (now := self._wire.now()) < self._next_frame[sent.asked.aim.interface]:
                    self._receive(min(self._next_frame[sent.asked.aim.interface], now + TICK))
                self._reset(sent)
        return ReachRun(
            tries=tuple(_try(sent, self._since(sent.at)) for sent in self._sent.values()),
            skips=tuple(self._skips),
            lost=self._wire.lost(),
            complete=complete and not self._lost_links,
        )


def skip(aim: ReachAim, why: NotAsked) -> ReachSkip:
    return ReachSkip(ip=aim.ip, service=aim.service, port=aim.port, interface=aim.interface, mac=aim.mac, why=why)


def _try(sent: _Sent, at: float) -> ReachTry:
    aim = sent.asked.aim
    return ReachTry(
        at=at, interface=aim.interface, ip=aim.ip, port=aim.port, mac=aim.mac, sender=aim.sender,
        sender_port=sent.flow.sender_port, service=aim.service, replies=tuple(sent.replies),
    )  # fmt: skip


class _SourcePorts:
    """A block of TCP ports on each own address. Two tries for one address and port never share one: a node's conntrack
    would change the port of the second, and its endpoint would be left with half a connection."""

    def __init__(self, wire: ReachWire, aims: Sequence[ReachAim]) -> None:
        places: dict[tuple[str, IPv4Address], int] = Counter((aim.interface, aim.sender) for aim in aims)
        self._blocks = {
            place: wire.ports(*place, min(number * TRIES, PORTS)) for place, number in sorted(places.items(), key=str)
        }
        self._next = dict.fromkeys(self._blocks, 0)
        self._used: dict[tuple[IPv4Address, int, IPv4Address], set[int]] = {}

    def take(self, aim: ReachAim) -> int | None:
        place = aim.interface, aim.sender
        block = self._blocks[place]
        used = self._used.setdefault((*aim.place, aim.sender), set())
        for _ in block:
            port = block[self._next[place] % len(block)]
            self._next[place] += 1
            if port not in used:
                used.add(port)
                return port
        return None
