"""What a schedule knows of one address: the requests for it, and who replied in which round; how many requests prove a node
quiet; and which MAC addresses get unicast requests to find their owner.

Only the addressed station receives a unicast request, so its reply is its own. A switch with ARP suppression may reply to a
broadcast for another station (RFC 9161, section 3.2) and keep the request from it. A unicast reply says nothing about
strict ARP: such a kernel replies to unicast too, for every Service address it holds (net/ipv4/arp.c, arp_process). No reply
proves nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field

from arpcheck.model import Address, Mac, Request

Homes = Mapping[Address, frozenset[str]]
"""The nodes' own addresses, each with the nodes that have it."""

MOST_CONFIRMATIONS = 64
"""Lower bound of the limit of such requests for one interface and run."""

MACS = 4
"""Number of MAC addresses without a node that can each be asked for every node's address. More would make the number of
requests grow with the square of the nodes."""

MOST_OF_ALL = 4000
"""Upper bound of the limit, in the largest clusters."""

TWICE = 2
"""Times each request is sent, so that a missing reply means something."""


def most(homes: Homes) -> int:
    """The limit for one interface and run: two requests for each node's address and each of a few MAC addresses."""
    return min(MOST_OF_ALL, max(MOST_CONFIRMATIONS, TWICE * MACS * len(homes)))


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
