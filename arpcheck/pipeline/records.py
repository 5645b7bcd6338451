"""Finds what the cluster records about one target: who announces it, why no node should, and which records could not be
read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from arpcheck import loadbalancers
from arpcheck.evidence import Evidence
from arpcheck.judge.responders import expected
from arpcheck.kubeproxy import kube_proxies
from arpcheck.model import Address, Announcement, Claim, ClaimSource, Mac, Reason, Skip, Target, Trust
from arpcheck.objects import Objects, Service
from arpcheck.pipeline import ages

Announcements = tuple[tuple[Announcement, ...], ...]
"""The announcements of each Service of the target, the deciding one first; for an address without a Service, those about the
address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncerRecord:
    recorded: Announcements
    announcements: tuple[Announcement, ...]
    """The announcements of all Services in one tuple."""
    claims: tuple[Claim, ...]
    announcers: frozenset[str]
    """The nodes that should reply."""
    silence: str | None
    """Why no node should reply; None if one should."""
    named: Mapping[Mac, str]
    """MAC addresses that should reply although they belong to no node, and why: those of the deciding record."""
    named_unread: bool
    """Such MAC addresses may be in a record that could not be read."""
    rivals: tuple[str, ...]
    """The implementations that serve the address at the same time; empty if only one does."""
    unread: tuple[str, ...]
    """The forbidden resources that might name the announcer."""
    conflict: tuple[Claim, ...]
    """Two claims of the first rank that name different nodes."""
    changed: tuple[Claim, ...]
    """The holders before the first frame and after the last, if they differ."""
    out_of_time: bool
    """A claim was current when it was read, but these frames are of another time."""
    clock_doubt: bool
    """No claim is current, but one would be if its time could be trusted."""
    external: bool
    """No node should announce it: its load balancers are outside the cluster."""
    or_inside: bool
    """They may also be inside the cluster."""
    held_everywhere: str | None
    """The record that puts the address on an interface of every node, with BGP; None if there is none."""
    by_bgp: str | None
    """The record that announces the address by BGP alone; None if there is none."""
    own_address_of: tuple[str, ...]
    """The nodes that have the Service's address as one of their own."""
    left_behind: Mapping[Mac, str]
    """MAC addresses that a Service names for an implementation that does not decide."""


STEP = 4
"""Addresses whose records are looked up in about a millisecond."""


def prepared(targets: Iterable[Target], evidence: Evidence) -> Iterator[None]:
    """Looks up the records of addresses, a few at each step, so that `record` finds them in the cache of the objects. The
    first step takes longer: it indexes all objects, and reads what kube-proxy is told.

    Work for the second in which a scan waits for late replies: it takes a quarter of the time that judging 4,096 addresses
    takes. No result depends on it."""
    at = ages.moment(evidence)
    kube_proxies(evidence.objects)
    for number, target in enumerate(targets):
        _announcements(target, evidence.objects, at)
        if number % STEP == 0:
            yield


def announcements(target: Target, evidence: Evidence) -> Announcements:
    """The announcements with the trust that they deserve for the frames of this run."""
    return record(target, evidence).recorded


def announcers_of(target: Target, objects: Objects) -> tuple[str, ...]:
    """The nodes whose NICs are asked why nobody replies for the address: the recorded announcers; if none is recorded, every
    Ready node, those of old records and guesses first. None if no node should reply."""
    recorded = _announcements(target, objects, objects.read_at or datetime.now(UTC))
    found = expected(recorded)
    if found.silence or (found.deciding and all(one.external for one in found.deciding)):
        return ()
    if found.announcers:
        return tuple(sorted(found.announcers))
    ready = sorted(node.name for node in objects.nodes() if node.ready is not False)
    before = [claim.node for claim in found.claims if claim.node in ready]
    return tuple(dict.fromkeys((*before, *ready)))


def recorded_announcers(target: Target, objects: Objects) -> frozenset[str]:
    """The nodes that records name for the address; empty if none does."""
    return expected(_announcements(target, objects, objects.read_at or datetime.now(UTC))).announcers


def reasons(target: Target, evidence: Evidence, time: ages.When) -> tuple[Reason, ...]:
    """What explains that nobody replies for the address, or not the right node, by all of its Services; of a Service
    without an address, that it has none."""
    ip, objects, at = target.ip, evidence.objects, time.judged_at
    services = [service for name in target.services if (service := _services(objects).get(name))]
    if target.skips is Skip.PENDING:
        return tuple(reason for one in services for reason in loadbalancers.unallocated(one, objects, at))
    if ip is None:
        return ()
    if not target.services:
        return loadbalancers.reasons_of_address(ip, objects, at)
    recorded = dict(zip(target.services, _announcements(target, objects, at), strict=True))
    return tuple(
        reason for one in services for reason in loadbalancers.reasons(one, ip, objects, at, recorded[one.full_name])
    )


def record(
    target: Target, evidence: Evidence, heard: frozenset[str] = frozenset(), time: ages.When | None = None
) -> AnnouncerRecord:
    """`heard`: the nodes that replied, Ready or not. `time`: `ages.when(evidence)`, if the caller has it."""
    objects, after, time = evidence.objects, evidence.after, time or ages.when(evidence)
    recorded = _announcements(target, objects, time.judged_at)
    second = evidence.second_reading()
    later = _announcements(target, second, time.again) if second and time.again else None
    held = ages.held(recorded, later, time, lambda resource: after is not None and resource in after.resources)
    if target.ip in evidence.outdated:
        held = ages.distrusted(held)
    known = _nodes_with_records(objects)
    recorded = held.announcements
    found = expected(recorded, None if known is None else _alive(known, heard, objects))
    flat = tuple(announcement for of_service in recorded for announcement in of_service)
    named = {mac: why for one in found.deciding for mac, why in one.macs}
    everywhere = [next((one.held_everywhere for one in of_service if one.held_everywhere), None) for of_service in recorded]
    routed = [next((one.by_bgp for one in of_service if one.by_bgp), None) for of_service in recorded]
    return AnnouncerRecord(
        recorded=recorded,
        announcements=flat,
        claims=found.claims,
        announcers=found.announcers,
        silence=found.silence,
        named=named,
        named_unread=any(announcement.macs_unread for announcement in flat),
        rivals=tuple(sorted({name for of_service in recorded for name in loadbalancers.rivals(of_service)})),
        unread=_forbidden(target, recorded, objects),
        conflict=found.conflict,
        changed=held.changed,
        out_of_time=held.out_of_time,
        clock_doubt=not found.announcers and any(claim.clock_doubt for claim in found.claims),
        external=bool(found.deciding) and all(one.external for one in found.deciding),
        or_inside=any(one.or_inside for one in found.deciding),
        held_everywhere=everywhere[0] if everywhere and all(everywhere) and not found.announcers else None,
        by_bgp=routed[0] if routed and all(routed) and not found.announcers else None,
        own_address_of=_own_address_of(target, objects),
        left_behind={mac: why for one in flat for mac, why in one.macs if mac not in named},
    )


def _nodes_with_records(objects: Objects) -> Mapping[str, bool | None] | None:
    """Whether each node is Ready; None if not all Nodes could be read."""
    if not objects.nodes() or objects.gap("nodes"):
        return None
    return objects.memo("ready nodes", lambda: {node.name: node.ready for node in objects.nodes()})


def _alive(known: Mapping[str, bool | None], heard: frozenset[str], objects: Objects) -> Collection[str]:
    def made() -> Collection[str]:
        return {name for name, ready in known.items() if ready is not False or name in heard}

    return objects.memo(("alive nodes", heard), made)


def _of_known_nodes(one: Announcement, known: Mapping[str, bool | None] | None) -> Announcement:
    if known is None or not one.claims:
        return one
    return replace(
        one,
        claims=tuple(
            replace(claim, node_known=claim.node in known, node_ready=known.get(claim.node)) for claim in one.claims
        ),
    )


def _own_address_of(target: Target, objects: Objects) -> tuple[str, ...]:
    if not target.services or target.ip is None:
        return ()
    return loadbalancers.owners(target.ip, objects)


def _announcements(target: Target, objects: Objects, at: datetime) -> Announcements:
    """The announcements of one reading, with record ages at the time `at`."""

    def read() -> Announcements:
        known = _nodes_with_records(objects)
        found = _read_announcements(target, objects, at)
        return tuple(tuple(_of_known_nodes(one, known) for one in of_service) for of_service in found)

    return objects.memo(("announcements", target.ip, target.services, target.nodes, at), read)


def _read_announcements(target: Target, objects: Objects, at: datetime) -> Announcements:
    ip = target.ip
    if ip is not None and not target.services:
        of_address = loadbalancers.announcements_of_address(ip, objects, at)
        return ((*_own_address(target), *_cluster_ip(ip, objects), *of_address),)
    by_name = _services(objects)
    services = [by_name.get(name) for name in target.services]  # a Service may be deleted before the second reading
    if ip is None:
        return tuple((s and loadbalancers.announcements_without_address(s, objects, at)) or () for s in services)
    return tuple((s and loadbalancers.announcements(s, ip, objects, at)) or () for s in services)


def _services(objects: Objects) -> Mapping[str, Service]:
    """By `namespace/name`."""
    return objects.memo("services by name", lambda: {service.full_name: service for service in objects.services()})


def _own_address(target: Target) -> Iterable[Announcement]:
    """The node should reply for its own address."""
    if target.nodes:
        kind = ClaimSource.NODE_ADDRESS
        claims = tuple(Claim(node=node, source=f"Node {node}", kind=kind, trust=Trust.CURRENT) for node in target.nodes)
        yield Announcement(implementation=None, because="the address is a node's own", order=2, claims=claims)


def _cluster_ip(ip: Address, objects: Objects) -> Iterable[Announcement]:
    """No node should reply for a ClusterIP."""
    taken = objects.memo("cluster addresses", lambda: {ip for service in objects.services() for ip in service.cluster_ips})
    if ip in taken:
        yield Announcement(
            implementation=None, because="a Service's ClusterIP", order=2, silence="no node announces a ClusterIP"
        )


def _forbidden(target: Target, recorded: Announcements, objects: Objects) -> tuple[str, ...]:
    if target.ip is None:
        return ()
    ip, by_name = target.ip, _services(objects)
    found = {gap.what for gap in objects.gaps if gap.what == "services"} if not target.services else set()
    for of_service, name in zip(recorded, target.services or ("",), strict=True):
        found |= set(of_service[0].unread if of_service else ())
        if not of_service or _by_own_address_alone(of_service):
            found |= set(loadbalancers.unread(by_name.get(name), ip, objects))
    return tuple(sorted(found))


def _by_own_address_alone(of_service: Iterable[Announcement]) -> bool:
    """No load balancer says so: it is only known that a node has the address."""
    return all(a.claims and all(claim.kind is ClaimSource.NODE_ADDRESS for claim in a.claims) for a in of_service)


def not_in_file(recorded: Announcements, *, answered: bool) -> tuple[str, ...]:
    """Resources that the file may lack and that could name the announcer or, if there was no reply, explain the silence."""
    deciding = [of_service[0] for of_service in recorded if of_service]
    return tuple(
        sorted({name for a in deciding for name in (a.announcer_not_in_file if answered else a.silence_not_in_file)})
    )
