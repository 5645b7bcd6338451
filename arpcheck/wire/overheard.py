"""What spoke for an asked address and was no answer to us: announcements, and what was passed over. Counted by who spoke,
within bounds. Knows no frame and no rule."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address

from arpcheck.model import Gratuitous, Mac, PassedOver, PassReason

MOST_SPEAKERS = 64
"""Kept for one address on one interface, of each kind: forged senders must not fill the memory."""

MOST_NOTED = 10_000
"""Kept in one run, of each kind."""

MOST_RECORDED = 64
"""Announcements by one MAC of one address that are worth a place in a pcap."""

_Place = tuple[str, bytes]
_Passed = tuple[str, bytes, bytes, PassReason, int | None]


class Overheard:
    """Times are milliseconds since the run began; addresses are 4 bytes, MACs 6."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, bytes, bytes], tuple[float, bytes]] = {}
        """When it announced first, and by which Ethernet source."""
        self._announced: Counter[tuple[str, bytes, bytes]] = Counter()
        self._passed: Counter[_Passed] = Counter()
        self._announcers: Counter[_Place] = Counter()
        self._passers: Counter[_Place] = Counter()

    def announced(self, at: float, interface: str, ip: bytes, mac: bytes, source: bytes) -> Gratuitous | None:
        """This frame, with how many there were by now; None where it is one too many to be kept."""
        key = interface, ip, mac
        if key not in self._first:
            if self._announcers[interface, ip] >= MOST_SPEAKERS or len(self._first) >= MOST_NOTED:
                return None
            self._announcers[interface, ip] += 1
            self._first[key] = round(at, 3), source
        self._announced[key] += 1
        if self._announced[key] > MOST_RECORDED:
            return None
        return _gratuitous(key, round(at, 3), source, self._announced[key])

    def passed(self, interface: str, ip: bytes, mac: bytes, reason: PassReason, vlan: int | None = None) -> None:
        key = interface, ip, mac, reason, vlan
        if key not in self._passed:
            if self._passers[interface, ip] >= MOST_SPEAKERS or len(self._passed) >= MOST_NOTED:
                return
            self._passers[interface, ip] += 1
        self._passed[key] += 1

    def gratuitous(self) -> tuple[Gratuitous, ...]:
        """In the order of the first of each."""
        found = (_gratuitous(key, *first, self._announced[key]) for key, first in self._first.items())
        return tuple(sorted(found, key=lambda g: (g.at, g.interface, g.ip, g.mac)))

    def passed_over(self) -> tuple[PassedOver, ...]:
        return tuple(
            PassedOver(
                interface=interface, ip=IPv4Address(ip), mac=Mac.from_bytes(mac), reason=reason, vlan=vlan, frames=frames
            )
            for (interface, ip, mac, reason, vlan), frames in sorted(
                self._passed.items(), key=lambda entry: (*entry[0][:4], entry[0][4] or 0)
            )
        )


def _gratuitous(key: tuple[str, bytes, bytes], at: float, source: bytes, frames: int) -> Gratuitous:
    interface, ip, mac = key
    return Gratuitous(
        at=at, interface=interface, ip=IPv4Address(ip), mac=Mac.from_bytes(mac), source=Mac.from_bytes(source), frames=frames
    )
