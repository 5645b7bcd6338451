"""Decides what an address is asked beyond the usual requests: one that nobody replied for, to find out why; and an IPv6
address, because multicast requests do not reach every host that has it. Such a reply is not what a client gets: it explains
a silence and does not end it, and it shows who else has the address.

Nobody replied: a station that drops broadcasts (Wi-Fi, a hypervisor's MAC filter, port security) still replies to unicast,
so the NICs of the nodes that should reply get unicast requests. A kernel with rp_filter and a switch with ARP inspection
drop requests by their sender, so the address is also requested with the other senders of this host.

IPv6: a multicast request reaches only the members of the address's group: behind a switch with MLD snooping not a host that
never reported it, and MetalLB leaves the group for good after some link events. A switch with neighbour suppression (RFC
9161) replies itself. So each address is also requested from all nodes (ff02::1), which every host receives, then from each
NIC of the nodes in a frame of its own, and, where that NIC stays silent, at the node's own link-local address, which
MetalLB receives without the group. A request to the address itself is not used: MetalLB never replies to it (metallb#2920).
A NIC that seemed to reply to multicast and stays silent here is asked once more: a switch may have replied in its name.
Where somebody new replies, the address is requested once more as usual: who replied then and before did not merely hand it
over in between, and an address that nobody had until then is not taken for one that multicast requests do not reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from itertools import islice

from arpcheck.model import Address, Mac, Request
from arpcheck.wire.neighbour_discovery import ALL_NODES

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


# -------------------------------------------------------------------------------------------------- IPv6: beyond multicast

STAGE_WAIT = 1.2
"""Seconds to wait for replies to a stage: a proxy and a router with the subnet-router anycast address take up to 1 s (RFC
4861 sections 7.2.7 and 7.2.8, MAX_ANYCAST_DELAY_TIME)."""

A_NODE, A_LAN = 100.0, 400.0
"""Unicast requests per second to one MAC address, and to all: MetalLB's socket holds some 250 frames."""


@dataclass(slots=True)
class AskedAddress:
    """What is known of one address when a stage begins."""

    usual: Sequence[Request]
    """Its requests in one round."""
    by_multicast: Set[Mac]
    every: Set[Mac]
    """All that replied, in whatever way they were asked."""
    lately: Set[Mac] = frozenset()
    """Those that replied to the last usual request."""
    alone: Set[Mac] = frozenset()
    """The NICs that a request to them alone got a reply from."""


LinkLocals = Callable[[Mac], Iterable[IPv6Address]]
"""The link-local addresses that a NIC may have."""

_Step = Callable[[Sequence[AskedAddress], Sequence[Mac], LinkLocals], Iterable[Request]]


@dataclass(slots=True)
class Beyond:
    """The stages of one interface."""

    _steps: list[_Step] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = [_from_all_nodes, _from_each_nic, _at_link_local, _once_more]

    @property
    def done(self) -> bool:
        return not self._steps

    def next(self, seen: Sequence[AskedAddress], macs: Sequence[Mac], link_local: LinkLocals) -> Iterable[Request]:
        """The requests of the next stage. `macs`: the NICs of the nodes here. Raises IndexError if it is `done`."""
        return self._steps.pop(0)(seen, macs, link_local)


def _from_all_nodes(seen: Sequence[AskedAddress], _macs: object, _link_local: object) -> Iterable[Request]:
    for one in seen:
        yield _like(one, destination=ALL_NODES)


def _from_each_nic(seen: Sequence[AskedAddress], macs: Sequence[Mac], _link_local: object) -> Iterable[Request]:
    """NIC by NIC for each address, so that no NIC gets more than its share of the rate."""
    for one in seen:
        yield from (_like(one, to=mac) for mac in macs)


def _at_link_local(seen: Sequence[AskedAddress], macs: Sequence[Mac], link_local: LinkLocals) -> Iterable[Request]:
    for one in seen:
        for mac in macs:
            if mac in one.lately - one.alone:
                yield _like(one, to=mac)
            if mac not in one.alone:
                yield from (_like(one, to=mac, destination=ip) for ip in link_local(mac))


def _once_more(seen: Sequence[AskedAddress], macs: Sequence[Mac], _link_local: object) -> Iterable[Request]:
    for one in seen:
        if one.every - one.by_multicast or (one.by_multicast and (one.lately & {*macs}) - one.alone):
            yield from one.usual


def _like(one: AskedAddress, *, to: Mac | None = None, destination: IPv6Address | None = None) -> Request:
    usual = one.usual[0]
    return Request(interface=usual.interface, ip=usual.ip, sender=usual.sender, to=to, destination=destination)


def by_mac(mac: Mac) -> IPv6Address:
    """The link-local address that a host makes of its MAC address (RFC 4291 appendix A, modified EUI-64), unless it is set
    otherwise."""
    octets = bytearray(mac.to_bytes())
    octets[0] ^= 2
    return IPv6Address(bytes((0xFE, 0x80, *bytes(6), *octets[:3], 0xFF, 0xFE, *octets[3:])))


def unicast_rate(macs: int) -> float:
    """Unicast requests per second on an interface with so many NICs of nodes."""
    return min(A_LAN, A_NODE * max(1, macs))


def beyond_seconds(addresses: int, macs: int, rate: float) -> float:
    """For so many addresses with one holder each. `rate`: multicast requests per second."""
    alone = max(0, 2 * macs - 1)
    return addresses / rate + addresses * alone / unicast_rate(macs) + 4 * STAGE_WAIT if addresses else 0.0
