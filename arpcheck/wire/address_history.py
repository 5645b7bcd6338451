"""What a schedule knows of one address: the requests for it, and who replied in which round."""

from __future__ import annotations

from dataclasses import dataclass, field

from arpcheck.model import Address, Mac, Request
from arpcheck.wire.confirmation import ENOUGH, SILENT, Count

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
