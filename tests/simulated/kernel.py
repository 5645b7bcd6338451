"""Whether a Linux host answers an ARP request: the rules of `arp_process`, as far as scenes need them.

net/ipv4/arp.c (arp_process, arp_ignore, arp_filter, arp_fwd_proxy), net/ipv4/devinet.c (inet_confirm_addr) and
net/ipv4/fib_frontend.c (fib_validate_source). Tests hold it against the kernel that runs them. Pure."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from arpcheck.lab.answering import REQUEST, ZERO_IP, Packet
from arpcheck.lab.scene import SceneNic, Station

LOOPBACK = IPv4Network("127.0.0.0/8")
SUBNETLESS = IPv4Address("255.255.255.255")


class Answer(StrEnum):
    LOCAL = "local"
    """At once: the address is its own, on whatever interface."""
    PROXY = "proxy"
    """After a random time of up to 0.8 s where the question was broadcast (neigh/NIC/proxy_delay)."""


def answer(station: Station, nic: SceneNic, asked: Packet) -> Answer | None:
    """What the kernel does with a request that came in on `nic` and is for it or for all."""
    target, sender = asked.target_ip, asked.sender_ip
    if asked.operation != REQUEST or target in LOOPBACK or target.is_multicast:
        return None
    if sender == ZERO_IP:  # duplicate address detection: no route, no rp_filter, no arp_filter, no proxy
        return Answer.LOCAL if _local(station, target) and not _ignores(station, nic, sender, target) else None
    if not _accepts(station, nic, sender):
        return None
    if _local(station, target):
        refused = _ignores(station, nic, sender, target) or _filters(station, nic, sender)
        return None if refused else Answer.LOCAL
    return Answer.PROXY if _proxies(station, nic, target) else None


def _local(station: Station, target: IPv4Address) -> bool:
    """In the local table: of any interface, also of one that is down and NOARP."""
    return target in station.own or target in station.held


def _ignores(station: Station, nic: SceneNic, sender: IPv4Address, target: IPv4Address) -> bool:
    """arp_ignore (Documentation/networking/ip-sysctl.rst); 3 spares global addresses, 4-7 and 9 on are not defined."""
    match station.effective("arp_ignore", nic):
        case 1:
            return not _on(nic, target)
        case 2:
            return not (_on(nic, target) and _shares_subnet(nic, sender, target))
        case 8:
            return True
        case _:
            return False


def _on(nic: SceneNic, target: IPv4Address) -> bool:
    return any(address.ip == target for address in nic.addresses)


def _shares_subnet(nic: SceneNic, sender: IPv4Address, target: IPv4Address) -> bool:
    return any(target in a.network and (sender == ZERO_IP or sender in a.network) for a in nic.addresses)


def _accepts(station: Station, nic: SceneNic, sender: IPv4Address) -> bool:
    """Martian senders and rp_filter: 1 the route back leaves by this NIC, 2 there is one. A NIC without an address takes
    its own route alone."""
    if sender in LOOPBACK or sender.is_multicast or sender == SUBNETLESS or _local(station, sender):
        return False
    rp_filter = station.effective("rp_filter", nic)
    if rp_filter == 0:
        return True
    back = _route(station, sender)
    return back == nic.name or (back is not None and rp_filter == 2 and bool(nic.addresses))


def _filters(station: Station, nic: SceneNic, sender: IPv4Address) -> bool:
    """arp_filter: it answers on the NIC alone by which it would send to the asker."""
    return bool(station.effective("arp_filter", nic)) and _route(station, sender) != nic.name


def _proxies(station: Station, nic: SceneNic, target: IPv4Address) -> bool:
    out = _route(station, target)
    allowed = station.effective("forwarding", nic) and station.effective("proxy_arp", nic)
    return bool(allowed) and out is not None and out != nic.name


def _route(station: Station, to: IPv4Address) -> str | None:
    """The NIC of the longest prefix; of equal ones, that which was made first."""
    connected = [(address.network, nic.name) for nic in station.nics for address in nic.addresses]
    found: tuple[IPv4Network, str] | None = None
    for network, name in (*connected, *((route.to, route.nic) for route in station.routes)):
        if to in network and (found is None or network.prefixlen > found[0].prefixlen):
            found = network, name
    return found[1] if found else None
