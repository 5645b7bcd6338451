"""What the cluster records of one target: who announces it, why nobody should, and what of that could not be read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Address

from arpcheck import loadbalancers
from arpcheck.evidence import Evidence
from arpcheck.model import Announcement, Claim, Target, Trust
from arpcheck.objects import Objects, Service
from arpcheck.pipeline import ages

Said = tuple[tuple[Announcement, ...], ...]
"""Of each Service of the target, the deciding one first; of an address without a Service what speaks of the address."""


def announcements(target: Target, evidence: Evidence) -> Said:
    """None of them current where the cluster was read too long before."""
    return recorded(target, evidence.objects, ages.moment(evidence), outdated=ages.outdated(evidence) is not None)


def recorded(target: Target, objects: Objects, at: datetime, *, outdated: bool) -> Said:
    """The same where it is known already at which moment claims are judged, and whether the cluster was read too long
    before."""
    said = _announcements(target, objects, at)
    return tuple(tuple(map(ages.demoted, of_service)) for of_service in said) if outdated else said


def _announcements(target: Target, objects: Objects, at: datetime) -> Said:
    ip = target.ip
    if not isinstance(ip, IPv4Address | None):
        return ()
    if ip is not None and not target.services:
        of_address = loadbalancers.announcements_of_address(ip, objects, at)
        return ((*_own_address(target), *_cluster_ip(ip, objects), *of_address),)
    by_name = _services(objects)
    services = [by_name[name] for name in target.services]
    if ip is None:
        return tuple(loadbalancers.announcements_without_address(service, objects, at) for service in services)
    return tuple(loadbalancers.announcements(service, ip, objects, at) for service in services)


def _services(objects: Objects) -> Mapping[str, Service]:
    """By `namespace/name`."""
    return objects.memo("services by name", lambda: {service.full_name: service for service in objects.services()})


def _own_address(target: Target) -> Iterable[Announcement]:
    """An address without a Service that is a node's own should be answered by that node."""
    if target.nodes:
        claims = tuple(Claim(node=node, source=f"Node {node}", trust=Trust.CURRENT) for node in target.nodes)
        yield Announcement(implementation=None, because="the address is a node's own", order=2, claims=claims)


def _cluster_ip(ip: IPv4Address, objects: Objects) -> Iterable[Announcement]:
    """An address that is in the cluster alone: silence is as it should be."""
    taken = objects.memo("cluster addresses", lambda: {ip for service in objects.services() for ip in service.cluster_ips})
    if ip in taken:
        yield Announcement(
            implementation=None, because="a Service's ClusterIP", order=2, silence="a ClusterIP, which nobody announces"
        )


def unread(target: Target, said: Said, objects: Objects) -> tuple[str, ...]:
    """The refused resources that might have said who announces this address."""
    if not isinstance(target.ip, IPv4Address):
        return ()
    ip, by_name = target.ip, _services(objects)
    found = {gap.what for gap in objects.gaps if gap.what == "services"} if not target.services else set()
    for of_service, name in zip(said, target.services or ("",), strict=True):
        found |= set(of_service[0].unread if of_service else loadbalancers.unread(by_name.get(name), ip, objects))
    return tuple(sorted(found))


def unsaid(said: Said, *, answered: bool) -> tuple[str, ...]:
    """The resources that a file may lack: they might say who should answer, or, where nobody did, that nobody should."""
    deciding = [of_service[0] for of_service in said if of_service]
    return tuple(sorted({name for a in deciding for name in (a.unsaid_announcer if answered else a.unsaid_silence)}))
