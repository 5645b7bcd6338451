"""Decides what an address that nobody replied for is asked beyond the usual requests, to find out why.

A station that drops broadcasts (Wi-Fi, a hypervisor's MAC filter, port security) still replies to unicast, so the NICs of
the nodes that should reply get unicast requests. A kernel with rp_filter and a switch with ARP inspection drop requests by
their sender, so the address is also requested with the other senders of this host. Such a reply is not what a client gets:
it explains the silence and does not end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from arpcheck.model import Address, Mac, Request

MACS = 16
"""Maximum MAC addresses that are asked for one address: those of the recorded announcer come first."""

SENDERS = 2
"""Maximum further senders for one address: other addresses of this host."""

MOST = 1000
"""Maximum requests of one pass on one interface: 10 s at the slow rate, however many addresses are silent."""

PASSES = 2
"""Times each request is sent, so that a missing reply means something, and a reply is not that of a failover."""


@dataclass(frozen=True, slots=True)
class Silent:
    """An address without a reply, and what is sent for it in each pass."""

    ip: Address
    usual: tuple[Request, ...]
    """Its requests in one round. The second pass repeats them if the first got a reply, which shows whether broadcasts get
    one by then."""
    further: tuple[Request, ...]

    def again(self, answered: frozenset[Mac]) -> tuple[tuple[Request, ...], tuple[Request, ...]]:
        """What the second pass sends: the usual requests, and the further ones."""
        return (self.usual if answered else ()), self.further


def silent(
    addresses: Iterable[tuple[Address, Sequence[Request]]],
    macs_of: Callable[[Address], Iterable[Mac]],
    senders: Sequence[Address],
) -> tuple[Silent, ...]:
    """`addresses`: those without a reply on one interface, with their usual requests. `macs_of`: the MAC addresses to ask,
    the likeliest first; none if the address is not to be asked. `senders`: those that this host may use there.

    Addresses beyond `MOST` requests are left out as a whole, because half of the requests settle nothing."""
    found, left = [], MOST
    for ip, usual in addresses:
        macs = tuple(islice(dict.fromkeys(macs_of(ip)), MACS))
        own = usual[-1]
        others = [sender for sender in senders if sender != ip and sender not in {one.sender for one in usual}][:SENDERS]
        further = (
            *(Request(interface=own.interface, ip=ip, sender=own.sender, to=mac) for mac in macs),
            *(Request(interface=own.interface, ip=ip, sender=sender) for sender in (others if macs else ())),
        )
        if further and len(further) <= left:
            left -= len(further)
            found.append(Silent(ip, tuple(usual), further))
    return tuple(found)


def most_requests(addresses: int, macs: int, senders: int, usual: int) -> int:
    """The largest number of requests for so many silent addresses on one interface. `macs`, `senders`: how many there are
    at most; `usual`: the requests of these addresses in one round."""
    return PASSES * min(MOST, addresses * (min(MACS, macs) + min(SENDERS, senders))) + min(usual, addresses and MOST)
