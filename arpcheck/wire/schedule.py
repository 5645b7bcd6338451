"""Decides when each request is sent on one interface, from the time and the replies so far.

Control, canary, node addresses and targets share the rounds. A slow round follows: addresses with an uncertain result are
requested again, and every responding node gets the canary by unicast. More rounds follow while a node's address and the
canary have too few requests, then unicast requests to MAC addresses with an uncertain owner, and finally requests that show
why an address has no reply (all of them: `further_requests`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

from arpcheck.model import Address, Mac, Reply, Request
from arpcheck.model.constants import IPV4, IPV6, SLOW, ZERO
from arpcheck.wire import further_requests
from arpcheck.wire.further_requests import AddressHistory, AskedAddress, Beyond, Count, confirmation_limit, confirmations
from arpcheck.wire.scan_plan import APART, ScanPlan

CATCH_UP = 0.02
"""Maximum delay in seconds that is made up by sending faster. A longer delay is skipped, so that a stall does not become a
burst."""

BURST = 64
"""Maximum requests in a burst after a delay: a quarter of what a speaker's socket holds."""

MOST_NICS = 8
"""Maximum MAC addresses that replied for a node's own addresses and get unicast requests. More are forged, and leave the
node's address in conflict."""


class DueRequest(NamedTuple):
    """A request to send now."""

    round: int
    request: Request
    frame: bytes
    address: AddressHistory
    """The schedule's own record; pass it back to `sent_at`."""


class Schedule:
    """The requests of one interface. `due` returns what to send now, or when to call again."""

    def __init__(
        self,
        interface: str,
        plan: ScanPlan,
        encode: Callable[[Request], bytes],
        version: int = IPV4,
        heard: dict[str, set[Mac]] | None = None,
    ) -> None:
        """`encode`: builds a frame. Frames are built here, not while replies arrive. `heard`: the MAC addresses that replied
        for each node's own addresses, which the schedules of an interface share."""
        self._plan = plan
        self._interface = interface
        self._rounds = plan.rounds
        self._requests = [
            request for request in plan.requests if request.interface == interface and request.ip.version == version
        ]
        self._addresses: dict[Address, AddressHistory] = {}
        asked = {request.ip for request in self._requests}
        self._own = ((plan.nodes | plan.homes.keys()) & asked) - {plan.canary} if plan.canary in asked else set()
        """The nodes' own addresses that are counted together with the canary."""
        self._judged = (plan.judged & asked) - self._own - {plan.canary}
        self._enough = (
            further_requests.FEW if len(plan.nodes_of(self._own)) >= further_requests.MANY else further_requests.ENOUGH
        )
        for request in self._requests:
            self._address(request.ip).requests.append(request)
        self._encode = encode
        entries = [(request, encode(request), self._address(request.ip)) for request in self._requests]
        self._queue = deque(DueRequest(number, *entry) for number in range(1, plan.rounds + 1) for entry in entries)
        self._pace = 0.0
        self._paces = tuple((1 / rate, min(CATCH_UP, BURST / rate)) for rate in (plan.rate, min(plan.rate, SLOW)))
        self._again: deque[AddressHistory] | None = None
        self._again_left = 0
        """Requests for the addresses of `_again` that differed or were silent when the slow round began."""
        self._more: deque[tuple[int, Request]] = deque()
        self._counting_left = further_requests.MOST_REPEATS
        self._recount = True
        self._unicast: set[Mac] = set()
        self._confirmed: set[Mac] = set()
        self._confirmations_left = confirmation_limit(plan.homes)
        self._news = False
        self._known = set(plan.known)
        self._heard: dict[str, set[Mac]] = {} if heard is None else heard
        self._homes = {ip: nodes for ip, nodes in plan.homes.items() if ip.version == version}
        self._sender: Address = plan.own_ipv6.get(interface, ZERO) if version == IPV6 else ZERO
        """The sender of unicast requests that find an owner."""
        self._beyond = Beyond() if version == IPV6 else None
        self._alone_rate = further_requests.unicast_rate(0)
        """IPv6: unicast requests per second."""
        self._link_local: dict[Mac, set[IPv6Address]] = {}
        self._silent: tuple[further_requests.Silent, ...] | None = None
        self._last_sent = 0.0
        self._stage_round = self.last_round
        self._passes = 0
        self._pass_ends = 0.0
        self._proxying: set[tuple[Mac, Address]] = set()

    def begin(self, at: float) -> None:
        """Call it once before `due`."""
        self._pace = at

    @property
    def last_round(self) -> int:
        """The number of the slow round after the planned ones."""
        return self._rounds + 1

    def seconds_left(self) -> float:
        """Seconds until the frames are sent that will follow as things are: the planned rounds, and in the slow round what
        differs until now. Replies change the latter."""
        slow = len(self._more) + self._again_left
        return len(self._queue) / self._plan.rate + slow / min(self._plan.rate, SLOW)

    def finished_rounds(self) -> bool:
        """Whether every planned round was sent."""
        return not self._queue

    def due(self, now: float) -> DueRequest | float | None:
        """What to send now, or the time to call again, or None if everything was sent."""
        if now < self._pace:
            return self._pace
        while self._queue:
            number, _, _, address = self._queue[0]
            if address.is_node and address.settled(number, self._enough):
                self._queue.popleft()
            elif address.last and address.last[0] < number and now < address.last[1] + APART:
                return self._pause(address.last[1] + APART)
            elif address.is_elsewhere() and address.last and address.last[0] < number:
                self._queue.popleft()
            else:
                return self._queue.popleft()
        return self._due_again(now)

    def sent_at(self, due: DueRequest, now: float) -> None:
        """Records that the request was sent."""
        number, request, _, address = due
        apart, made_up = self._pace_of(number, request)
        self._last_sent = now
        earliest = now - made_up
        self._pace = (self._pace if self._pace > earliest else earliest) + apart
        if request.to is None and request.destination is None:
            address.last = number, now
            address.asked.add(number)
            if address.count is not None:
                address.count.asked.append((number, request.sender))
                self._recount = True

    def _pace_of(self, number: int, request: Request) -> tuple[float, float]:
        """Seconds to the next request, and the delay that is made up."""
        if self._beyond is None or request.to is None:
            return self._paces[number > self._rounds and request.destination is None]
        return 1 / self._alone_rate, min(CATCH_UP, BURST / self._alone_rate)

    def received(self, reply: Reply) -> None:
        """Records a reply."""
        number, mac = reply.round, reply.mac
        address = self._address(reply.ip)
        if reply.source_ip is not None:
            self._note_ipv6(reply, reply.source_ip, address)
        if address.count is not None and reply.to is None:
            address.count.answered.add((number, reply.sender))
            address.by_sender.setdefault(reply.sender, set()).add(mac)
            self._recount = True
        if reply.ip in self._plan.controls:
            self._proxying.add((mac, reply.sender))
        self._news = True
        if mac not in address.macs:
            address.macs.add(mac)
            address.fresh = max(number, address.fresh)
        address.responders.setdefault(number, set()).add(mac)
        if address.is_node:
            self._known.add(mac)
        for node in self._homes.get(reply.ip, ()):
            self._heard.setdefault(node, set()).add(mac)

    def _note_ipv6(self, reply: Reply, source: IPv6Address, address: AddressHistory) -> None:
        if reply.to is None and reply.destination is None:
            address.by_multicast.add(reply.mac)
        elif reply.to is not None:
            address.alone.add(reply.to)
        if source.is_link_local:
            self._link_local.setdefault(reply.mac, set()).add(source)

    def _pause(self, until: float) -> float:
        """An intended pause, which is not made up."""
        self._pace = max(self._pace, until)
        return until

    def _address(self, ip: Address) -> AddressHistory:
        found = self._addresses.get(ip)
        if found is None:
            counted = ip in self._own or (bool(self._own) and ip == self._plan.canary)
            count = Count() if counted else None
            found = AddressHistory(
                ip in self._plan.nodes, ip in self._plan.far, ip in self._plan.partly_accepted, count=count
            )
            self._addresses[ip] = found
        return found

    # ------------------------------------------------------------------------------------------------------- The last round

    def _due_again(self, now: float) -> DueRequest | float | None:
        if self._again is None:
            again = self._plan.again
            self._again = deque(address for ip, address in self._addresses.items() if address.requests and ip in again)
            self._again_left = sum(len(address.requests) for address in self._again if address.differs())
        self._put(self._unicasts())
        if not self._more and (due := self._next_again(now)):
            return due
        if not self._more and isinstance(ready := self._add_round_if_needed(now), float):
            return ready
        self._put(() if self._more else self._confirmations())
        further = self._explain if self._beyond is None else self._ask_beyond
        if not self._more and isinstance(ready := further(now), float):
            return ready
        return self._next_more() if self._more else None

    def _put(self, requests: Iterable[Request]) -> None:
        self._more.extend((self.last_round, request) for request in requests)

    def _next_again(self, now: float) -> DueRequest | float | None:
        while self._again:
            address = self._again[0]
            ready = self._ready(address, now)
            if now < ready:
                return self._pause(ready)
            self._again.popleft()
            if address.differs():
                self._again_left = max(0, self._again_left - len(address.requests))
                self._put(address.requests)
                return self._next_more()
        self._again_left = 0
        return None

    def _ready(self, address: AddressHistory, now: float) -> float:
        """The time when all replies to its last request have arrived."""
        return address.last[1] + max(APART, self._plan.wait) if address.last else now

    def _next_more(self) -> DueRequest:
        number, request = self._more.popleft()
        return DueRequest(number, request, self._encode(request), self._address(request.ip))

    def _add_round_if_needed(self, now: float) -> float | None:
        """Adds one more round of node addresses with too few requests, the canary by the senders that reach them, and judged
        addresses with too few requests; or returns the time at which that can be decided."""
        canary = self._addresses.get(self._plan.canary) if self._plan.canary else None
        if not self._recount or canary is None or canary.count is None or not self._counting_left:
            return None
        # A node that replied for the canary is not quiet at any number.
        every = self._addresses.items()  # in the order of the requests, because the order of a set differs between processes
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
        many = len(self._plan.nodes_of(heard)) >= further_requests.MANY
        lacking = further_requests.lacking(by_count, canary.count, many)
        lossy = further_requests.lossy([own.count for ip in self._own if (own := self._address(ip)).count is not None])
        self._recount = False
        self._add_round([by_count[count] for count in lacking], canary, [a for a in judged.values() if a.seldom(lossy)])
        return None

    def _add_round(self, nodes: Sequence[AddressHistory], canary: AddressHistory, judged: Sequence[AddressHistory]) -> None:
        """The canary by every sender that reaches one of the nodes, each node by its own senders, and judged addresses as
        usual. `number` is a new round for all."""
        number = 1 + max((address.last[0] for address in (canary, *nodes, *judged) if address.last), default=self._rounds)
        reach = {node: node.count.senders() for node in nodes if node.count is not None}
        for address, senders in ((canary, frozenset[Address]().union(*reach.values())), *reach.items()):
            requests = [request for request in address.requests if request.sender in senders][: self._counting_left]
            self._counting_left -= len(requests)
            self._more.extend((number, request) for request in requests)
            if address.count is not None:
                address.count.again += len(requests)
        for address in judged:
            requests = address.requests[: self._counting_left]
            self._counting_left -= len(requests)
            self._more.extend((number, request) for request in requests)
            self._recount = True

    def _unicasts(self) -> Iterable[Request]:
        canary = self._plan.canary
        if canary is None or not any(request.ip == canary for request in self._requests):
            return
        for mac in sorted(self._known - self._unicast):
            if not mac.is_group:
                yield Request(interface=self._interface, ip=canary, sender=ZERO, to=mac)
        self._unicast |= self._known

    def _confirmations(self) -> Iterable[Request]:
        """Requests to MAC addresses in doubt from the replies since the last call, once for each; and the canary if it is
        missing."""
        if not self._news:
            return
        self._news = False
        self._alone_rate = further_requests.unicast_rate(len(self._macs())) if self._beyond else 0.0
        heard = {ip: set().union(*a.responders.values()) for ip, a in self._addresses.items() if a.responders}
        homes, known = self._homes, self._plan.known
        judged = self._plan.judged | ({self._plan.canary} if self._plan.canary else set())
        for mac, ips in tuple(confirmations(heard, homes, judged, known, self._confirmed, self._confirmations_left)):
            self._confirmed.add(mac)
            self._known.add(mac)
            self._confirmations_left -= len(ips)
            yield from (Request(interface=self._interface, ip=ip, sender=self._sender, to=mac) for ip in ips)
        yield from self._unicasts()

    # ------------------------------------------------------------------------------------------- Why an address has no reply

    def _explain(self, now: float) -> float | None:
        """Adds the next pass of requests that show why addresses have no reply, or returns the time at which it is known
        which ones have none."""
        if self._passes == further_requests.PASSES or self._silent == ():
            return None
        if self._silent is None:
            explained = {
                ip: a for ip in self._plan.explained if (a := self._addresses.get(ip)) and a.requests and not a.macs
            }
            if now < (ready := max((self._ready(address, now) for address in explained.values()), default=now)):
                return self._pause(ready)
            asked = [(ip, address.requests) for ip, address in explained.items()]
            nics, announcers_of = self._nics(), self._plan.announcers_of
            self._silent = further_requests.silent(
                asked,
                lambda ip: (mac for node in announcers_of(ip) for mac in nics.get(node, ())),
                self._plan.senders.get(self._interface, ()),
            )
            self._put(request for one in self._silent for request in one.further)
        else:
            if now < self._pass_ends:
                return self._pause(self._pass_ends)
            # A round of its own: a reply in it does not count for the rounds before.
            number = 1 + max(self._address(one.ip).last_round(self.last_round) for one in self._silent)
            again = [one.again(frozenset(self._address(one.ip).macs)) for one in self._silent]
            self._put(request for _, further in again for request in further)
            # Last, so that a station that begins to announce meanwhile gets them too.
            self._more.extend((number, request) for usual, _ in again for request in usual)
        self._passes += 1
        self._pass_ends = now + len(self._more) / min(self._plan.rate, SLOW) + max(APART, self._plan.wait)
        return None

    # ------------------------------------------------------------------------------------------------ IPv6, beyond multicast

    def _ask_beyond(self, now: float) -> float | None:
        """Adds the requests of the next stage, or returns the time at which the replies to the last one have arrived."""
        if self._beyond is None or self._beyond.done:
            return None
        if now < (ready := self._last_sent + max(further_requests.STAGE_WAIT, self._plan.wait)):
            return self._pause(ready)
        seen = [
            AskedAddress(
                usual=address.requests,
                by_multicast=address.by_multicast,
                every=address.macs,
                lately=address.responders.get(address.last_round(0), set()),
                alone=address.alone,
            )
            for ip, address in self._addresses.items()
            if ip in self._judged and address.requests
        ]
        # A round of its own: a reply in it does not count for the rounds before.
        self._stage_round = 1 + max(
            (address.last_round(self._stage_round) for address in self._addresses.values()), default=self.last_round
        )
        macs = self._macs()
        self._alone_rate = further_requests.unicast_rate(len(macs))
        self._more.extend((self._stage_round, request) for request in self._beyond.next(seen, macs, self._link_locals))
        return None if self._more or self._beyond.done else self._ask_beyond(now)

    def _macs(self) -> Sequence[Mac]:
        """Of all nodes here, as far as they are known."""
        return sorted({mac for macs in self._nics().values() for mac in macs})

    def _link_locals(self, mac: Mac) -> Iterable[IPv6Address]:
        return sorted(self._link_local.get(mac, ())) or (further_requests.by_mac(mac),)

    def _nics(self) -> Mapping[str, Sequence[Mac]]:
        """The MAC addresses of each node: those that replied for its own addresses, and then the listed ones. Computed once
        for all addresses: a large cluster may have a thousand nodes that could announce each of them."""
        heard = self._heard
        proxies = {mac for mac, _ in self._proxying}
        every = {
            node: (*sorted(heard.get(node, ()))[:MOST_NICS], *sorted(self._plan.nics.get(node, ())))
            for node in (*heard, *self._plan.nics)
        }
        return {node: [mac for mac in macs if mac not in proxies and not mac.is_group] for node, macs in every.items()}
