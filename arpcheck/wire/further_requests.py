"""What a scan knows of each address, and what it requests beyond the planned rounds: more rounds until a node is proven
quiet; unicast requests to MAC addresses without an owner; why nobody replied for an address; and, in IPv6, the hosts that
multicast requests do not reach.

Only the addressed station receives a unicast request, so its reply is its own. A switch with ARP suppression may reply to a
broadcast for another station (RFC 9161, section 3.2) and keep the request from it. A unicast reply says nothing about
strict ARP: such a kernel replies to unicast too, for every Service address it holds (net/ipv4/arp.c, arp_process). No reply
proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from itertools import islice

from arpcheck.model import Address, Mac, Request
from arpcheck.wire.neighbour_discovery import ALL_NODES

Homes = Mapping[Address, frozenset[str]]
"""The nodes' own addresses, each with the nodes that have it."""

MOST_CONFIRMATIONS = 64
"""Lower bound of the limit of such requests for one interface and run."""

MACS_IN_DOUBT = 4
"""Number of MAC addresses without a node that can each be asked for every node's address. More would make the number of
requests grow with the square of the nodes."""

MOST_OF_ALL = 4000
"""Upper bound of the limit, in the largest clusters."""

TWICE = 2
"""Times each request is sent, so that a missing reply means something."""


def confirmation_limit(homes: Homes) -> int:
    """The limit for one interface and run: two requests for each node's address and each of a few MAC addresses."""
    return min(MOST_OF_ALL, max(MOST_CONFIRMATIONS, TWICE * MACS_IN_DOUBT * len(homes)))


def confirmations(
    heard: Mapping[Address, Set[Mac]],
    homes: Homes,
    judged: Set[Address],
    known: Set[Mac],
    done: Set[Mac] = frozenset(),
    left: int = MOST_CONFIRMATIONS,
) -> Iterator[tuple[Mac, tuple[Address, ...]]]:
    """Yields each MAC address in doubt with the addresses to request from it, sorted by MAC. A MAC that replied for
    addresses of several nodes gets those addresses. A MAC that replied for an address in `judged` and for no node gets every
    node's address, unanswered ones first, and then all of them again. A bond replies for its node from any leg; a stranger
    replies for none.

    `heard`: responders by address. `known`: MACs with a known node; `done`: MACs that were asked already. At most `left`
    requests. A MAC of the first kind is asked for all of its addresses or none, because half of them settle nothing. A MAC
    of the second kind gets what is left: one reply names its node."""
    answered: dict[Mac, list[Address]] = {}
    for ip in sorted(heard.keys() & homes.keys()):
        for mac in heard[ip]:
            answered.setdefault(mac, []).append(ip)
    for mac, own in sorted(answered.items()):
        asked = tuple(own) * TWICE
        if len({homes[ip] for ip in own}) > 1 and len(asked) <= left and mac not in done and not mac.is_group:
            left -= len(asked)
            yield mac, asked
    nobodys = {mac for ip in judged & heard.keys() for mac in heard[ip]} - answered.keys() - known - done
    everywhere = sorted(homes, key=lambda ip: (bool(heard.get(ip)), ip))
    for mac in sorted(mac for mac in nobodys if not mac.is_group):
        if asked := tuple((everywhere * TWICE)[:left]):
            left -= len(asked)
            yield mac, asked


# ------------------------------------------------------------------------------------------ Numbers that prove a node quiet

ENOUGH = 8
"""Consecutive answered requests for a node's own address, with as many for the canary."""

FEW = 3
"""The same if there are many nodes and none missed a request."""

MANY = 20
"""Number of responding nodes that shows that few frames get lost."""

SILENT = 4
"""Rounds that request an address before it is called silent, if no node missed a request."""

SERIES = 3
"""Times the count starts again after a node missed a request."""

MOST_REPEATS = 4000
"""Maximum requests of one run on one interface that serve only these numbers: a large cluster on a lossy network stays
unknown and the run ends."""

Sent = tuple[int, Address]
"""A broadcast request: its round and its sender."""


@dataclass(slots=True, eq=False)
class Count:
    """The broadcast requests for one node's address or for the canary, in order."""

    asked: list[Sent] = field(default_factory=list)
    answered: set[Sent] = field(default_factory=set)
    proxied: frozenset[Address] = frozenset()
    """Senders whose requests do not count, because only proxies replied to them."""
    again: int = 0
    """The number of entries of `asked` that were sent for the numbers alone."""

    def senders(self) -> frozenset[Address]:
        """The senders that count. A switch may drop every request with sender 0.0.0.0, which is not a loss. If a proxy
        replied to all senders, all count."""
        every = frozenset(sender for _, sender in self.answered)
        return every - self.proxied or every

    def in_a_row(self) -> tuple[list[Sent], bool]:
        """The answered requests since the last unanswered one, and whether there was one."""
        senders, missed = self.senders(), False
        row: list[Sent] = []
        for sent in self.asked:
            if sent in self.answered and sent[1] in senders:
                row.append(sent)
            elif sent[1] in senders:
                row, missed = [], True
        return row, missed

    def spent(self) -> bool:
        """The count started again often enough."""
        return self.again >= (1 + SERIES) * ENOUGH


def lacking(nodes: Collection[Count], canary: Count, many: bool) -> tuple[Count, ...]:
    """The counts that need one more round, together with the canary: too few consecutive replies in rounds that also
    requested the canary with the same senders. `nodes`: all that responded; `many`: there are enough nodes for FEW."""
    rows = [(count, *count.in_a_row()) for count in nodes if count.answered]
    wanted = FEW if many and not any(missed for _, _, missed in rows) else ENOUGH
    beside = set(canary.asked)
    return tuple(count for count, row, _ in rows if len(beside.intersection(row)) < wanted and not count.spent())


def lossy(nodes: Collection[Count]) -> bool:
    """A node missed a request for its own address and answered others: frames get lost here, so a second reply for any
    address may be lost too."""
    return any(count.in_a_row()[1] for count in nodes if count.answered)


def rounds_for(wanted: int, questions: int) -> int:
    """Rounds that send `wanted` requests; `questions`: requests for one address in one round."""
    return -(-wanted // max(1, questions))


# -------------------------------------------------------------------------------------------- What is known of one address

QUIET_ROUNDS = 2
"""A responding node address is not requested again after this many rounds without a new MAC address, once there are enough
requests to call the node quiet."""


@dataclass(slots=True, eq=False)
class AddressHistory:
    """The requests and replies for one address."""

    is_node: bool
    is_far: bool = False
    partly_accepted: bool = False
    requests: list[Request] = field(default_factory=list)
    """Its requests in one round."""
    last: tuple[int, float] | None = None
    """Round and time of its last broadcast request."""
    asked: set[int] = field(default_factory=set)
    responders: dict[int, set[Mac]] = field(default_factory=dict)
    macs: set[Mac] = field(default_factory=set)
    """All responders, in any round."""
    by_sender: dict[Address, set[Mac]] = field(default_factory=dict)
    """The responders by the sender of the request, for addresses with a count."""
    by_multicast: set[Mac] = field(default_factory=set)
    """IPv6: the responders to usual requests."""
    alone: set[Mac] = field(default_factory=set)
    """IPv6: the NICs that replied to a request to them alone."""
    fresh: int = 0
    """The last round with a new MAC address."""
    count: Count | None = None
    """Its count, for a node's own address and for the canary, if the canary is requested."""

    def last_round(self, least: int) -> int:
        return max(least, self.last[0] if self.last else 0)

    def unsettled(self) -> bool:
        """Whether rounds differ: silent in one, or other responders; or it may be silent without its accepted responders."""
        answers = [frozenset(self.responders.get(number, ())) for number in self.asked]
        return self.partly_accepted or not all(answers) or len(set(answers)) > 1

    def differs(self) -> bool:
        """Whether it is worth another request."""
        return not self.is_elsewhere() and self.unsettled()

    def seldom(self, lossy: bool) -> bool:
        """Whether it has too few requests to show that no other host replies, if frames get lost, or that none does. Where
        frames get lost, silence proves nothing at any number."""
        silent = not self.macs or self.partly_accepted
        answered = ENOUGH if lossy and self.macs else 0
        return len(self.asked) < max(answered, SILENT if silent and not lossy else 0)

    def is_elsewhere(self) -> bool:
        """Whether it need not be requested again: a far node that did not reply."""
        return self.is_far and bool(self.asked) and not self.macs

    def settled(self, number: int, enough: int) -> bool:
        """Whether this round can bring nothing new about a node."""
        often = self.count is None or len(self.count.asked) >= enough
        return self.fresh > 0 and number - 1 - self.fresh >= QUIET_ROUNDS and often


# ---------------------------------------------------------------------------------------------------------- Nobody replied

# A station that drops broadcasts (Wi-Fi, a hypervisor's MAC filter, port security) still replies to unicast, so the NICs
# of the nodes that should reply get unicast requests. A kernel with rp_filter and a switch with ARP inspection drop
# requests by their sender, so the address is also requested with the other senders of this host. Such a reply is not what
# a client gets: it explains the silence and does not end it.

MACS = 16
"""Maximum MAC addresses that are asked for one address: those of the recorded announcer come first."""

SENDERS = 2
"""Maximum further senders for one address: other addresses of this host."""

MOST = 1000
"""Maximum requests of one pass on one interface: 10 s at the slow rate, however many addresses are silent."""

PASSES = 2
"""Times each request is sent, so that a missing reply means something, and a reply is not that of a failover."""


@dataclass(frozen=True, slots=True)
class Silent:
    """An address without a reply, and what is sent for it in each pass."""

    ip: Address
    usual: tuple[Request, ...]
    """Its requests in one round. The second pass repeats them if the first got a reply, which shows whether broadcasts get
    one by then."""
    further: tuple[Request, ...]

    def again(self, answered: frozenset[Mac]) -> tuple[tuple[Request, ...], tuple[Request, ...]]:
        """What the second pass sends: the usual requests, and the further ones."""
        return (self.usual if answered else ()), self.further


def silent(
    addresses: Iterable[tuple[Address, Sequence[Request]]],
    macs_of: Callable[[Address], Iterable[Mac]],
    senders: Sequence[Address],
) -> tuple[Silent, ...]:
    """`addresses`: those without a reply on one interface, with their usual requests. `macs_of`: the MAC addresses to ask,
    the likeliest first; none if the address is not to be asked. `senders`: those that this host may use there.

    Addresses beyond `MOST` requests are left out as a whole, because half of the requests settle nothing."""
    found, left = [], MOST
    for ip, usual in addresses:
        macs = tuple(islice(dict.fromkeys(macs_of(ip)), MACS))
        own = usual[-1]
        others = [sender for sender in senders if sender != ip and sender not in {one.sender for one in usual}][:SENDERS]
        further = (
            *(Request(interface=own.interface, ip=ip, sender=own.sender, to=mac) for mac in macs),
            *(Request(interface=own.interface, ip=ip, sender=sender) for sender in (others if macs else ())),
        )
        if further and len(further) <= left:
            left -= len(further)
            found.append(Silent(ip, tuple(usual), further))
    return tuple(found)


def most_requests(addresses: int, macs: int, senders: int, usual: int) -> int:
    """The largest number of requests for so many silent addresses on one interface. `macs`, `senders`: how many there are
    at most; `usual`: the requests of these addresses in one round."""
    return PASSES * min(MOST, addresses * (min(MACS, macs) + min(SENDERS, senders))) + min(usual, addresses and MOST)


# -------------------------------------------------------------------------------------------------- IPv6: beyond multicast

# A multicast request reaches only the members of the address's group: behind a switch with MLD snooping not a host that
# never reported it, and MetalLB leaves the group for good after some link events. A switch with neighbour suppression (RFC
# 9161) replies itself. So each address is also requested from all nodes (ff02::1), which every host receives, then from
# each NIC of the nodes in a frame of its own, and, where that NIC stays silent, at the node's own link-local address,
# which MetalLB receives without the group. A request to the address itself is not used: MetalLB never replies to it
# (metallb#2920). A NIC that seemed to reply to multicast and stays silent here is asked once more: a switch may have
# replied in its name. Such a reply is not what a client gets: it shows who else has the address. Where somebody new
# replies, the address is requested once more as usual: who replied then and before did not merely hand it over in between,
# and an address that nobody had until then is not taken for one that multicast requests do not reach.

STAGE_WAIT = 1.2
"""Seconds to wait for replies to a stage: a proxy and a router with the subnet-router anycast address take up to 1 s (RFC
4861 sections 7.2.7 and 7.2.8, MAX_ANYCAST_DELAY_TIME)."""

A_NODE, A_LAN = 100.0, 400.0
"""Unicast requests per second to one MAC address, and to all: MetalLB's socket holds some 250 frames."""


@dataclass(slots=True)
class AskedAddress:
    """What is known of one address when a stage begins."""

    usual: Sequence[Request]
    """Its requests in one round."""
    by_multicast: Set[Mac]
    every: Set[Mac]
    """All that replied, in whatever way they were asked."""
    lately: Set[Mac] = frozenset()
    """Those that replied to the last usual request."""
    alone: Set[Mac] = frozenset()
    """The NICs that a request to them alone got a reply from."""


LinkLocals = Callable[[Mac], Iterable[IPv6Address]]
"""The link-local addresses that a NIC may have."""

_Step = Callable[[Sequence[AskedAddress], Sequence[Mac], LinkLocals], Iterable[Request]]


@dataclass(slots=True)
class Beyond:
    """The stages of one interface."""

    _steps: list[_Step] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = [_from_all_nodes, _from_each_nic, _at_link_local, _once_more]

    @property
    def done(self) -> bool:
        return not self._steps

    def next(self, seen: Sequence[AskedAddress], macs: Sequence[Mac], link_local: LinkLocals) -> Iterable[Request]:
        """The requests of the next stage. `macs`: the NICs of the nodes here. Raises IndexError if it is `done`."""
        return self._steps.pop(0)(seen, macs, link_local)


def _from_all_nodes(seen: Sequence[AskedAddress], _macs: object, _link_local: object) -> Iterable[Request]:
    for one in seen:
        yield _like(one, destination=ALL_NODES)


def _from_each_nic(seen: Sequence[AskedAddress], macs: Sequence[Mac], _link_local: object) -> Iterable[Request]:
    """NIC by NIC for each address, so that no NIC gets more than its share of the rate."""
    for one in seen:
        yield from (_like(one, to=mac) for mac in macs)


def _at_link_local(seen: Sequence[AskedAddress], macs: Sequence[Mac], link_local: LinkLocals) -> Iterable[Request]:
    for one in seen:
        for mac in macs:
            if mac in one.lately - one.alone:
                yield _like(one, to=mac)
            if mac not in one.alone:
                yield from (_like(one, to=mac, destination=ip) for ip in link_local(mac))


def _once_more(seen: Sequence[AskedAddress], macs: Sequence[Mac], _link_local: object) -> Iterable[Request]:
    for one in seen:
        if one.every - one.by_multicast or (one.by_multicast and (one.lately & {*macs}) - one.alone):
            yield from one.usual


def _like(one: AskedAddress, *, to: Mac | None = None, destination: IPv6Address | None = None) -> Request:
    usual = one.usual[0]
    return Request(interface=usual.interface, ip=usual.ip, sender=usual.sender, to=to, destination=destination)


def by_mac(mac: Mac) -> IPv6Address:
    """The link-local address that a host makes of its MAC address (RFC 4291 appendix A, modified EUI-64), unless it is set
    otherwise."""
    octets = bytearray(mac.to_bytes())
    octets[0] ^= 2
    return IPv6Address(bytes((0xFE, 0x80, *bytes(6), *octets[:3], 0xFF, 0xFE, *octets[3:])))


def unicast_rate(macs: int) -> float:
    """Unicast requests per second on an interface with so many NICs of nodes."""
    return min(A_LAN, A_NODE * max(1, macs))


def beyond_seconds(addresses: int, macs: int, rate: float) -> float:
    """For so many addresses with one holder each. `rate`: multicast requests per second."""
    alone = max(0, 2 * macs - 1)
    return addresses / rate + addresses * alone / unicast_rate(macs) + 4 * STAGE_WAIT if addresses else 0.0
