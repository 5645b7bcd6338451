"""By what numbers a node can be called quiet: how often its own address and the canary have to be asked. Pure.

Silence at the canary means that a kernel keeps quiet only if it heard the question. That it did is known from its own
address, which was asked in the same rounds by the same senders: where one in two frames is lost, eight answers in a row
beside eight questions that only the kernel's rules left unanswered are one chance in 65,536."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address

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

MOST = 4000
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
