"""What the cluster records of one target: who announces it, why nobody should, and what of that could not be read. Pure,
and known before anything is heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address

from arpcheck import loadbalancers
from arpcheck.evidence import Evidence
from arpcheck.judge.case import expected
from arpcheck.model import Announcement, Claim, Mac, Target, Trust
from arpcheck.objects import Objects, Service
from arpcheck.pipeline import ages

Said = tuple[tuple[Announcement, ...], ...]
"""Of each Service of the target, the deciding one first; of an address without a Service what speaks of the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    said: Said
    announcements: tuple[Announcement, ...]
    """The same, of all Services."""
    claims: tuple[Claim, ...]
    announcers: frozenset[str]
    """The nodes that should answer."""
    silence: str | None
    """Why nobody should answer; None: somebody should."""
    named: Mapping[Mac, str]
    """MACs that should answer although they are no node's, and why."""
    named_unread: bool
    """Such MACs may be recorded where it could not be read."""
    rivals: tuple[str, ...]
    """The implementations that serve the address at once; none where one does."""
    unread: tuple[str, ...]
    """The refused resources that might have said who announces this address."""


def announcements(target: Target, evidence: Evidence) -> Said:
    """None of them current where the cluster was read too long before."""
    return record(target, evidence.objects, ages.moment(evidence), outdated=ages.outdated(evidence) is not None).said


def record(target: Target, objects: Objects, at: datetime, *, outdated: bool) -> Record:
    """`at`: the moment at which claims are judged; `outdated`: the cluster was read too long before. The last of a target is
    kept with `objects`."""
    kept: dict[int, tuple[Target, datetime, bool, Record]] = objects.memo("records", dict)
    last = kept.get(id(target))  # a target takes Python long to look up; it is kept, so that no other has its place
    if last is None or last[0] is not target or (last[1], last[2]) != (at, outdated):
        last = kept[id(target)] = target, at, outdated, _record(target, objects, at, outdated=outdated)
    return last[3]


def _record(target: Target, objects: Objects, at: datetime, *, outdated: bool) -> Record:
    said = _announcements(target, objects, at)
    if outdated:
        said = tuple(tuple(map(ages.demoted, of_service)) for of_service in said)
    claims, announcers, silence = expected(said)
    flat = tuple(announcement for of_service in said for announcement in of_service)
    return Record(
        said=said,
        announcements=flat,
        claims=claims,
        announcers=announcers,
        silence=silence,
        named={mac: why for announcement in flat for mac, why in announcement.macs},
        named_unread=any(announcement.macs_unread for announcement in flat),
        rivals=tuple(sorted({name for of_service in said for name in loadbalancers.rivals(of_service)})),
        unread=_unread(target, said, objects),
    )


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


def _unread(target: Target, said: Said, objects: Objects) -> tuple[str, ...]:
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
