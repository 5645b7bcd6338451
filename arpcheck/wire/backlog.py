"""What went out and what came in, in order, until there is time to account for it.

To account for a frame takes longer than to receive it, and while it is done others may be lost. So what comes is only
put down here with its time, and is accounted for in the same order while nothing is to be sent: the account is the one
that it would be at once. Knows no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from arpcheck.model import Question, Reply
from arpcheck.wire.replies import Account
from arpcheck.wire.schedule import Due, Schedule
from arpcheck.wire.transport import Arrival

Sent = tuple[float, str, Due]
"""A question that went out: milliseconds since the run began, and the interface."""


class Backlog:
    """`tap` is given every frame that was sent or kept, with its time in milliseconds."""

    def __init__(
        self, account: Account, schedules: Mapping[str, Schedule], tap: Callable[[float, bytes], None]
    ) -> None:
        """`schedules`: are told what was heard; those of interfaces that went away may be taken out."""
        self._account = account
        self._schedules = schedules
        self._tap = tap
        self.waiting: deque[Sent | Arrival] = deque()
        """Put down what was sent and what came here, at the end."""

    def take_in(self, most: int) -> None:
        """Accounts for so many, the oldest first."""
        for _ in range(min(most, len(self.waiting))):
            entry = self.waiting.popleft()
            if isinstance(entry, Arrival):
                self._hear(entry)
            else:
                self._ask(*entry)

    def _ask(self, at: float, interface: str, due: Due) -> None:
        number, ask, frame, _ = due
        self._account.asked(Question(at, interface, number, ask.ip, ask.sender, ask.to))
        self._tap(at, frame)

    def _hear(self, arrival: Arrival) -> None:
        heard = self._account.arrived(arrival)
        if heard is None:
            return
        self._tap(heard.at, arrival.frame)
        schedule = self._schedules.get(arrival.interface)
        if schedule and isinstance(heard, Reply):
            schedule.heard(heard)
