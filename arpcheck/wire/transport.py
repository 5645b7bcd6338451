"""The seam between the sweep and a network: real in `wire.packet_socket`, simulated in the lab.

Four methods are all that the sweep knows of a network, so the whole of it (frames, schedule, accounting) runs against a
simulation in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol

from arpcheck.errors import WireError


class LinkLostError(WireError):
    """An interface that went away while it was used: down, renamed, deleted."""

    def __init__(self, interface: str, why: str) -> None:
        super().__init__(f"{interface}: {why}")
        self.interface = interface


class TakenFor(Enum):
    """Whom this host's kernel received a frame for (packet(7), sll_ifindex and sll_pkttype)."""

    US = auto()
    OTHER_INTERFACE = auto()
    """Another interface of this host: a socket hears what comes in through its own, and so also what is meant for a VLAN, a
    macvlan or a bond above it."""
    OTHER_HOST = auto()
    """Its destination is another's MAC, or it is tagged with a VLAN that this host has no interface for. The kernel takes
    the tag away before an ARP socket sees the frame, and this is all that is left of it (net/core/dev.c,
    __netif_receive_skb_core). A tag of VLAN 0 only carries a priority: that frame is ours."""


class Arrival(NamedTuple):
    """A frame as it came in, without its VLAN tag."""

    interface: str
    """Whose socket heard it."""
    at: float
    """Seconds, on the clock of `Wire.now`."""
    frame: bytes
    taken_for: TakenFor = TakenFor.US


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
