"""Which MACs are asked alone, and for what, where the broadcast answers leave in doubt whose they are. Pure.

A question to one MAC reaches that station only, so its answer is the station's own word. A broadcast may be answered in
its name by another: a switch that suppresses ARP and answers from its table (RFC 9161, section 3.2), which also keeps the
question from the stations. It proves nothing more of a kernel without strict ARP, which answers a unicast question too for
every Service address it holds (net/ipv4/arp.c, arp_process), and silence alone proves nothing of any."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.model import Mac

Homes = Mapping[IPv4Address, frozenset[str]]
"""The nodes' own addresses, each with the nodes that have it."""

MOST_CONFIRMATIONS = 64
"""Such questions at least on one interface in one run."""

MACS = 4
"""So many MACs that answered for no node's address can each be asked for every node's. With more of them, or with every
node in doubt, their number would grow with the square of the nodes."""

MOST_OF_ALL = 4000
"""Questions in the largest cluster."""

TWICE = 2
"""So often each of them is put: that it is not answered has to mean something."""


def most(homes: Homes) -> int:
    """Questions on one interface in one run: two for each node's address and each of a few MACs."""
    return min(MOST_OF_ALL, max(MOST_CONFIRMATIONS, TWICE * MACS * len(homes)))


def confirmations(
    heard: Mapping[IPv4Address, Set[Mac]],
    homes: Homes,
    judged: Set[IPv4Address],
    known: Set[Mac],
    done: Set[Mac] = frozenset(),
    left: int = MOST_CONFIRMATIONS,
) -> Iterator[tuple[Mac, tuple[IPv4Address, ...]]]:
    """Each MAC in doubt with what it is asked, sorted by MAC: the addresses that it answered for where they are several
    nodes', and every node's where it answered for an address of `judged` and for no node's, the unanswered first; all of
    them, and then all again. A bond answers for its node from any leg; a stranger answers none.

    `heard`: who answered, by address. `known`: MACs whose node is known beforehand; `done`: those that were asked so. At
    most `left` questions; of the first kind a MAC is asked for all its addresses or for none, since half of them settle
    nothing. Of the second it is asked for what is left: one answer names its node, and that it was not asked for all of
    them is seen in the questions."""
    answered: dict[Mac, list[IPv4Address]] = {}
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


# -------------------------------------------------------------------------------- By what numbers a node can be called quiet

ENOUGH = 8
"""Questions for a node's own address that were answered in a row, with as many for the canary beside them."""

FEW = 3
"""The same where there are many nodes and none of them missed a question."""

MANY = 20
"""Nodes that were heard: so many alike tell that little is lost."""

SILENT = 4
"""Rounds in which an address was asked before it is called silent, where no node missed a question."""

SERIES = 3
"""So often a node that missed a question may begin anew."""

MOST_REPEATS = 4000
"""Questions in one run on one interface that are only put for these numbers: a large cluster on a bad line stays unknown
and does not keep the run for ever."""

Sent = tuple[int, IPv4Address]
"""A question to all: its round, and its sender."""


@dataclass(slots=True, eq=False)
class Count:
    """The questions to all for one node's address, or for the canary, in their order."""

    asked: list[Sent] = field(default_factory=list)
    answered: set[Sent] = field(default_factory=set)
    proxied: frozenset[IPv4Address] = frozenset()
    """Senders whose questions count for nothing: whoever answered them answers for everything."""
    again: int = 0
    """Those of `asked` that were put for the numbers alone."""

    def senders(self) -> frozenset[IPv4Address]:
        """Those that count: a switch may drop every question with a sender of 0.0.0.0, and that is no loss. Where all are
        answered by a proxy, they count as ever."""
        every = frozenset(sender for _, sender in self.answered)
        return every - self.proxied or every

    def in_a_row(self) -> tuple[list[Sent], bool]:
        """What was answered since the last that was not, and whether there was such a one."""
        senders, missed = self.senders(), False
        row: list[Sent] = []
        for sent in self.asked:
            if sent in self.answered and sent[1] in senders:
                row.append(sent)
            elif sent[1] in senders:
                row, missed = [], True
        return row, missed

    def spent(self) -> bool:
        """It was begun anew often enough."""
        return self.again >= (1 + SERIES) * ENOUGH


def lacking(nodes: Collection[Count], canary: Count, many: bool) -> tuple[Count, ...]:
    """Those of the nodes' addresses that have to be asked once more, and the canary with them: not enough were answered in
    a row while the canary was asked in the same rounds by the same senders. `nodes`: all that were heard; `many`: that is
    enough nodes for FEW."""
    rows = [(count, *count.in_a_row()) for count in nodes if count.answered]
    wanted = FEW if many and not any(missed for _, _, missed in rows) else ENOUGH
    beside = set(canary.asked)
    return tuple(count for count, row, _ in rows if len(beside.intersection(row)) < wanted and not count.spent())


def lossy(nodes: Collection[Count]) -> bool:
    """A node missed a question for its own address that it answers otherwise: frames get lost here, and so may have been a
    second answer for any address."""
    return any(count.in_a_row()[1] for count in nodes if count.answered)


def rounds_for(wanted: int, questions: int) -> int:
    """`questions`: for one address in one round."""
    return -(-wanted // max(1, questions))
