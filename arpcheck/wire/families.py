"""ARP and neighbour discovery side by side: all that a scan knows of the difference between IPv4 and IPv6 frames.

`packets` has ARP, `neighbour_discovery` has ND. A received frame shows its family by its Ethernet type, a request by its
address."""

from __future__ import annotations

from ipaddress import IPv4Address

from arpcheck.model import Mac, Request
from arpcheck.wire import neighbour_discovery, packets
from arpcheck.wire.neighbour_discovery import Advertisement, Solicitation
from arpcheck.wire.packets import ArpReply, ArpRequest, Filter, Ignored

_IPV6 = neighbour_discovery.ETHERTYPE_IPV6.to_bytes(2, "big")


def is_ipv6(frame: bytes) -> bool:
    return frame[12:14] == _IPV6


def encode(request: Request, mac: Mac) -> bytes:
    """The frame of a request from the interface with this MAC address."""
    if isinstance(request.ip, IPv4Address):
        return packets.encode(request, mac)
    return neighbour_discovery.encode(request, mac)


def decode(frame: bytes) -> ArpReply | Advertisement | Ignored:
    """Decodes an Ethernet frame that should be a reply. Never raises."""
    return neighbour_discovery.decode(frame) if is_ipv6(frame) else packets.decode(frame)


def decode_request(frame: bytes) -> ArpRequest | Solicitation | Ignored:
    """Decodes a request from any host. Never raises."""
    return neighbour_discovery.decode_request(frame) if is_ipv6(frame) else packets.decode_request(frame)


def kernel_filter(ethertype: int, *, requests: bool) -> Filter | None:
    """What a socket for this Ethernet type receives. `requests`: also other hosts' ARP requests."""
    if ethertype == neighbour_discovery.ETHERTYPE_IPV6:
        return neighbour_discovery.FILTER
    return None if requests else packets.FILTER
