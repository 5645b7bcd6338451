"""What happened to each address since a watch began: numbers that only grow, so that a metric can be made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from arpcheck.model import Address
from arpcheck.watch.timeline import ResponderChange


class WatchEvent(StrEnum):
    """What can happen to an address. None of it is a fault by itself: a failover is a move, often with a gap."""

    MOVE = "move"
    """Another owner replies."""
    GAP = "gap"
    """It stopped to reply."""
    OVERLAP = "overlap"
    """Several owners began to reply at once."""
    ANNOUNCEMENT = "announcement"
    """A gratuitous frame from somebody who did not reply for it."""
    CLAIM = "claim"
    """A request with the address as its sender, from somebody who does not hold it."""


@dataclass(slots=True)
class AddressTotals:
    events: dict[WatchEvent, int] = field(default_factory=lambda: dict.fromkeys(WatchEvent, 0))
    gap_seconds: float = 0.0
    """Of gaps that are over."""
    overlap_seconds: float = 0.0


class Totals:
    def __init__(self) -> None:
        self._by_address: dict[Address, AddressTotals] = {}

    def follow(self, ip: Address, known: AddressTotals | None = None) -> None:
        """From now on the address has numbers: those that are known from before a restart, else all 0, since a rate needs a
        first sample."""
        self._by_address.setdefault(ip, known or AddressTotals())

    def of(self, ip: Address) -> AddressTotals:
        return self._by_address[ip]

    def happened(self, ip: Address, event: WatchEvent) -> None:
        if ip in self._by_address:
            self._by_address[ip].events[event] += 1

    def changed(self, ip: Address, change: ResponderChange) -> None:
        one = self._by_address.get(ip)
        if one is None:
            return
        one.events[WatchEvent.MOVE] += change.moved
        one.events[WatchEvent.GAP] += not change.after and bool(change.last)
        one.events[WatchEvent.OVERLAP] += len(change.after) > 1 >= len(change.before)
        one.gap_seconds += change.gap
        one.overlap_seconds += change.together

    def copied(self) -> dict[Address, AddressTotals]:
        """The numbers now, which a thread may read while the watch goes on."""
        return {
            ip: AddressTotals(dict(one.events), one.gap_seconds, one.overlap_seconds) for ip, one in self._by_address.items()
        }
