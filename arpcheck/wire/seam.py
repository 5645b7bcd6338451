"""The seam between the sweep and a network: real in `wire.link`, simulated in the lab.

Four methods are all that the sweep knows of a network, so the whole of it (frames, schedule, accounting) runs against a
simulation in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from arpcheck.errors import WireError


class LinkLostError(WireError):
    """An interface that went away while it was used: down, renamed, deleted."""

    def __init__(self, interface: str, why: str) -> None:
        super().__init__(f"{interface}: {why}")
        self.interface = interface


class Arrival(NamedTuple):
    """A frame as it came in."""

    interface: str
    at: float
    """Seconds, on the clock of `Wire.now`."""
    frame: bytes


class Wire(Protocol):
    """One or more interfaces and one clock."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def send(self, interface: str, frame: bytes) -> None:
        """Sends one frame. Raises LinkLostError where the interface is gone or down."""

    def receive(self, until: float) -> Sequence[Arrival]:
        """What has come, waiting for a first frame until `until` at the latest. May be empty.

        Raises LinkLostError once for an interface that went away."""

    def lost(self) -> Mapping[str, int]:
        """Frames that this host's kernel dropped since the last call, by interface."""
