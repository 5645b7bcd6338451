"""MACs by others: the vendor's half stays, the rest is counted. What a prefix means stays what it meant.

Nothing that stands for a MAC is a real one. Addresses that are the same everywhere stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arpcheck.identities import is_virtual_router
from arpcheck.model import Mac

FIXED = frozenset(map(Mac, ("ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "ee:ee:ee:ee:ee:ee")))
"""Broadcast, nobody, and Calico's end of every pod."""


class Macs:
    def __init__(self, macs: Iterable[Mac], vendors: Mapping[str, str]) -> None:
        """`vendors`: as the evidence has them; a manufacturer may own no more than 28 or 36 bits."""
        real = sorted({*macs} - FIXED)
        taken, self._new = {*real}, dict[Mac, Mac]()
        for mac in real:
            kept = _kept(mac, vendors)
            free = (_with_end(mac, kept, number) for number in range(1, 1 << (48 - kept)))
            self._new[mac] = found = next((other for other in free if other not in taken), mac)
            taken.add(found)

    def mac(self, mac: Mac) -> Mac:
        return self._new.get(mac, mac)

    def table(self) -> dict[str, str]:
        return {str(old): str(new) for old, new in self._new.items()}


def _kept(mac: Mac, vendors: Mapping[str, str]) -> int:
    """Bits that say what it is."""
    if is_virtual_router(mac):
        return 40
    upper = mac.upper()
    for bits, key in ((36, f"{upper[:13]}0/36"), (28, f"{upper[:10]}0/28")):
        if key in vendors:
            return bits
    return 24


def _with_end(mac: Mac, kept: int, number: int) -> Mac:
    low = 48 - kept
    start = int.from_bytes(mac.to_bytes()) >> low << low
    return Mac.from_bytes((start | number).to_bytes(6))
