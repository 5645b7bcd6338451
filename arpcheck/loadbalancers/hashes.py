"""The election that MetalLB's speaker has and that PureLB and OpenELB took over: the lowest hash wins.

Knows names and addresses only, not who takes part."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address


def lowest_hash(nodes: Iterable[str], ip: IPv4Address | IPv6Address) -> str | None:
    """Of the names the one with the lowest sha256 of `NODE#IP` (metallb speaker/layer2_controller.go); None of none."""
    ending = f"#{ip}"
    return min(nodes, key=lambda node: sha256((node + ending).encode(errors="replace")).digest(), default=None)
