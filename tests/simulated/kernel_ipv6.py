"""Whether a Linux host answers a neighbour solicitation, and which hosts a switch lets it reach, as far as scenes need it.

net/ipv6/ndisc.c (ndisc_recv_ns, ndisc_send_na, pndisc_is_router), net/bridge/br_arp_nd_proxy.c (br_do_suppress_nd) and
br_multicast.c. The target is looked up on the NIC that received it: what is bound to kube-ipvs0 is never answered. Tests hold
it against the kernel that runs them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

from arpcheck.lab.advertising import (
    ADVERTISEMENT,
    ALL_NODES,
    OVERRIDE,
    ROUTER,
    SOLICITATION,
    SOLICITED,
    UNSPECIFIED,
    NeighbourMessage,
    group_mac,
    groups,
)
from arpcheck.lab.answering import BROADCAST
from arpcheck.lab.network_ipv6 import anycast, kernel_groups
from arpcheck.lab.scene import Scene, SceneNic, Station


class Advertised(NamedTuple):
    message: NeighbourMessage
    delayed: bool
    """A proxy or an anycast address: after a random time of up to 0.8 s (neigh/NIC/proxy_delay)."""


def advertised(station: Station, nic: SceneNic, asked: NeighbourMessage) -> Advertised | None:
    """What the kernel does with a solicitation that came in on `nic`."""
    if not nic.ipv6 or asked.kind != SOLICITATION or not asked.is_valid:
        return None
    forwards = bool(station.effective6("forwarding", nic))
    own = asked.target in nic.own6
    anycast_too = asked.target in anycast(station, nic)
    proxied = asked.target in nic.proxied and forwards and bool(station.effective6("proxy_ndp", nic))
    if not (own or anycast_too or proxied) or not _receives(station, nic, asked):
        return None
    checked, group = asked.source_ip == UNSPECIFIED, asked.destination_ip.is_multicast
    if group and not checked and asked.option is None:
        return None
    flags = SOLICITED * (not checked) | OVERRIDE * (own and group) | ROUTER * (forwards and not (proxied and not own))
    destination = group_mac(ALL_NODES) if checked else asked.option or asked.source
    message = NeighbourMessage(
        destination=destination, source=nic.mac, kind=ADVERTISEMENT,
        source_ip=asked.target if own else nic.link_local, destination_ip=ALL_NODES if checked else asked.source_ip,
        target=asked.target, option=nic.mac if group else None, flags=flags,
    )  # fmt: skip
    return Advertised(message, delayed=not own and group and asked.destination != nic.mac)


def candidates(scene: Scene) -> Mapping[IPv6Address, Sequence[tuple[str, SceneNic]]]:
    """By address, the NICs whose kernels may answer for it, with the names of their stations."""
    found: dict[IPv6Address, list[tuple[str, SceneNic]]] = {}
    for station in scene.stations:
        for nic in station.nics:
            for ip in {*nic.own6, *nic.proxied, *(address.network.network_address for address in nic.addresses6)}:
                found.setdefault(ip, []).append((station.name, nic))
    return found


def _receives(station: Station, nic: SceneNic, asked: NeighbourMessage) -> bool:
    if asked.destination not in (nic.mac, BROADCAST) and not asked.destination.is_group:
        return False
    if asked.destination_ip.is_multicast:
        return asked.destination_ip == ALL_NODES or asked.destination_ip in kernel_groups(station, nic)
    if asked.destination_ip in nic.proxied:
        return bool(station.sysctl6.get("proxy_ndp")) and bool(station.effective6("forwarding", nic))
    local = {*station.held6, *anycast(station, nic)}.union(*(other.own6 for other in station.nics))
    return asked.destination_ip in local


# --------------------------------------------------------------------------------------------------------------- Switches


def suppressed(scene: Scene, lan: str, asked: NeighbourMessage) -> NeighbourMessage | None:
    """What a switch with neighbour suppression answers the prober itself, with the MAC address of the station in its table."""
    name = scene.lans6[lan].suppressed.get(asked.target)
    if name is None or asked.source_ip == UNSPECIFIED or asked.kind != SOLICITATION or not asked.destination.is_group:
        return None
    mac = next(nic.mac for nic in scene.station(name).nics if nic.lan == lan)
    return NeighbourMessage(
        destination=asked.option or asked.source, source=mac, kind=ADVERTISEMENT, source_ip=asked.target,
        destination_ip=asked.source_ip, target=asked.target, option=mac, flags=SOLICITED | OVERRIDE,
    )  # fmt: skip


def passes(scene: Scene, nic: SceneNic, asked: NeighbourMessage) -> bool:
    """Whether the switch of its LAN sends this frame to this NIC."""
    lan = scene.lans6[nic.lan]
    if not asked.destination.is_group:
        return asked.destination == nic.mac
    hidden = asked.source_ip == UNSPECIFIED or asked.target in lan.suppressed
    if lan.suppressed and hidden and asked.kind == SOLICITATION and _by_prober(scene, asked):
        return False
    snooped = lan.mld_snooping and asked.destination != BROADCAST and asked.destination_ip.is_multicast
    return not snooped or asked.destination_ip == ALL_NODES or asked.destination_ip in _joined(scene, nic)


def _by_prober(scene: Scene, asked: NeighbourMessage) -> bool:
    return any(asked.source == nic.mac for nic in scene.station(scene.prober.station).nics)


def _joined(scene: Scene, nic: SceneNic) -> set[object]:
    station = next(station for station in scene.stations if nic in station.nics)
    found: set[object] = set(kernel_groups(station, nic)) if nic.ipv6 else set()
    for announcer in scene.announcers:
        if announcer.station == station.name and nic.ipv6 and (not announcer.nics or nic.name in announcer.nics):
            found.update(groups(announcer))
    return found
