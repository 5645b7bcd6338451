"""MetalLB's IPAddressPools as its controller gives out their addresses.
Source: metallb internal/config/config.go (ParseCIDR), internal/allocator/allocator.go (poolCount, poolFor)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from arpcheck.loadbalancers.metallb.configuration import POOLS, speakers
from arpcheck.model import Address
from arpcheck.objects import Object, Objects, at, full_name, namespace, texts

_BUGGY = (0, 255)
"""Last octets that `avoidBuggyIPs` leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpan:
    """An entry of a pool."""

    version: int
    """Of IP."""
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPool:
    """An IPAddressPool that the controller reads."""

    obj: Object
    spans: tuple[AddressSpan, ...]
    understood: bool
    """Every entry is a range."""

    @property
    def subject(self) -> str:
        return f"IPAddressPool {full_name(self.obj)}"

    @property
    def gives_by_itself(self) -> bool:
        return at(self.obj, "spec", "autoAssign") is not False

    def has(self, ip: Address) -> bool:
        left_out = self._avoids and ip.version == 4 and int(ip) % 256 in _BUGGY
        return not left_out and any(one.version == ip.version and one.first <= int(ip) <= one.last for one in self.spans)

    def size(self, version: int) -> int:
        spans = [one for one in self.spans if one.version == version]
        left_out = sum(_buggy(one.last) - _buggy(one.first - 1) for one in spans) if self._avoids and version == 4 else 0
        return sum(one.last - one.first + 1 for one in spans) - left_out

    @property
    def _avoids(self) -> bool:
        return at(self.obj, "spec", "avoidBuggyIPs") is True


def _buggy(number: int) -> int:
    """How many numbers from 0 to this one end in such an octet."""
    return sum((number - octet) // 256 + 1 for octet in _BUGGY if number >= octet)


def pools_of(objects: Objects) -> tuple[AllocationPool, ...]:
    """Those of MetalLB's namespace, if that is known: it reads no others."""
    return objects.memo(pools_of, lambda: _read(objects))


def _read(objects: Objects) -> tuple[AllocationPool, ...]:
    homes = {one.namespace for one in speakers(objects)}
    found = sorted(objects.of(POOLS.resource), key=full_name)
    return tuple(_pool(obj) for obj in found if not homes or namespace(obj) in homes)


def _pool(obj: Object) -> AllocationPool:
    spans = [_span(written) for written in texts(obj, "spec", "addresses")]
    return AllocationPool(obj=obj, spans=tuple(span for span in spans if span), understood=all(spans))


def _span(written: str) -> AddressSpan | None:
    """Of `192.168.10.0/28`, `192.168.10.5-192.168.10.9` or `fd00::/120`."""
    first, dash, last = written.partition("-")
    try:
        if dash:
            start, end = ip_address(first.strip()), ip_address(last.strip())
        else:
            network = ip_network(written.strip(), strict=False)
            start, end = network.network_address, network.broadcast_address
    except ValueError:
        return None
    return AddressSpan(version=start.version, first=int(start), last=int(end)) if start.version == end.version else None
