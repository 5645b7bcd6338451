"""Why MetalLB's speakers announce an address from no node, or from another one, in the order in which a speaker gives up.
Source: metallb speaker/main.go (SetBalancer), speaker/layer2_controller.go (ShouldAnnounce), internal/k8s/epslices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from arpcheck.endpoints import ServiceEndpoint, are_read, endpoints
from arpcheck.loadbalancers.common import at_most_likely, down, fits, was_read
from arpcheck.loadbalancers.metallb.configuration import (
    LAYER2,
    POOLS,
    SHARED,
    Coverage,
    Speakers,
    invalid,
    rejection,
    speakers,
    without_pool,
)
from arpcheck.loadbalancers.metallb.nodes import Barred, barred_nodes, counted_reasons, is_sure, speaker_ready
from arpcheck.model import Address, Certainty, Claim, Reason, ReasonId
from arpcheck.objects import Object, Objects, Service, full_name, items, labels_of, texts

_NO_INTERFACE = re.compile(r'the interfaces specified by LB IP "([^"]+)" doesn\'t exist in assigned node "([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSeen:
    """An address of a Service, and what the configuration and the records say about it."""

    service: Service
    ip: Address
    covered: Coverage
    records: tuple[Claim, ...]
    """Each node that a ServiceL2Status of it names."""
    assigned: tuple[Claim, ...]
    """Each node that a recent event names and that no record is newer than."""
    elsewhere: tuple[str, ...]
    """Each ServiceL2Status of it in a namespace that is not MetalLB's."""
    announced_by_bgp: tuple[str, ...]
    """The nodes that recent events name for BGP alone, or for no protocol though there are several."""
    kept_for_others: bool
    """Other Services have a ServiceL2Status, or this one."""
    failures: tuple[str, ...]
    """The messages of recent announceFailed events that no later event contradicts."""

    @property
    def subject(self) -> str:
        return f"Service {self.service.full_name}"


def reasons(seen: AddressSeen, objects: Objects) -> tuple[Reason, ...]:
    """Where a record names an announcer, the configuration alone does not say that nobody is: it may be newer."""
    excluded = tuple(_excluded(seen, objects))
    if seen.records:
        excluded = at_most_likely(excluded)
    return (*excluded, *_failed(seen), *_recorded(seen, objects), *_odd(seen, objects))


# ------------------------------------------------------------------------------------------ What the speakers' rules exclude


def _excluded(seen: AddressSeen, objects: Objects) -> Iterator[Reason]:
    yield from _not_running(objects)
    yield from _not_served(seen, objects)
    if without_pool(seen.ip, objects):
        evidence = f"no IPAddressPool has {seen.ip}"
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE)
        return
    served_by = tuple(one for one in speakers(objects) if one.only_class == seen.service.load_balancer_class)
    found = _endpoints(seen.service, objects)
    active = None if found is None else tuple(one for one in found if _takes_part(one, served_by))
    if active == ():
        yield _without_endpoint(seen, found or ())
    yield from _not_advertised(seen, objects)
    if seen.covered.layer2 is not False:
        yield from _no_node(seen, active, objects, served_by)


def _not_running(objects: Objects) -> Iterator[Reason]:
    known = speakers(objects)
    if known and all(one.ready == 0 for one in known):
        for one in known:
            evidence = f"0 of {one.desired} speakers are ready" if one.desired else "no node is selected to run a speaker"
            subject = f"DaemonSet {one.full_name}"
            yield Reason(id=ReasonId.ANNOUNCER_NOT_RUNNING, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _not_served(seen: AddressSeen, objects: Objects) -> Iterator[Reason]:
    """With the flag a speaker serves only Services of its class, without it only those without a class."""
    known, wanted = speakers(objects), seen.service.load_balancer_class
    if known and all(one.only_class != wanted for one in known):
        served = " and ".join(sorted({one.only_class or "no class" for one in known}))
        evidence = f"loadBalancerClass is {wanted or 'not set'}, and the speakers serve Services of {served}"
        yield Reason(id=ReasonId.CLASS_NOT_SERVED, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE)


def _not_advertised(seen: AddressSeen, objects: Objects) -> Iterator[Reason]:
    covered, service = seen.covered, seen.service
    homes = {one.namespace for one in speakers(objects)}
    choosing = _choosing(service, objects) if any(key in service.annotations for key in SHARED) else None
    if covered.layer2 is False and covered.bgp:
        evidence = "a BGPAdvertisement selects it, and no L2Advertisement does"
        yield Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=_pool(covered), evidence=evidence, certainty=Certainty.SURE)
    elif choosing:
        evidence = f"it selects Services, and MetalLB then announces none with allow-shared-ip, as {service.full_name} has"
        subject = f"L2Advertisement {full_name(choosing)}"
        certainty = Certainty.LIKELY if covered.layer2 else Certainty.SURE
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=subject, evidence=evidence, certainty=certainty)
    elif covered.layer2 is False:
        yield Reason(
            id=ReasonId.NO_ADVERTISEMENT,
            subject=_pool(covered),
            evidence=_unselected(covered, objects),
            certainty=Certainty.SURE,
        )
    elif covered.pool.namespace and homes and covered.pool.namespace not in homes:
        evidence = f"it is not in MetalLB's namespace, {' or '.join(sorted(homes))}"
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=_pool(covered), evidence=evidence, certainty=Certainty.SURE)


def _pool(covered: Coverage) -> str:
    pool = covered.pool
    if not pool.name:
        return "IPAddressPool of the address"
    known = pool.labels is not None
    return f"IPAddressPool {pool.namespace}/{pool.name}" if known else f"IPAddressPool {pool.name}"


def _unselected(covered: Coverage, objects: Objects) -> str:
    found = objects.of(LAYER2.resource)
    if not found:
        return "there is no L2Advertisement"
    if covered.elsewhere:
        names = " and ".join(full_name(ad) for ad in covered.elsewhere)
        return f"no L2Advertisement of its namespace selects it; in another namespace is {names}"
    if was_read(objects, POOLS.resource) and covered.pool.name and covered.pool.labels is None:
        return "it does not exist, and no L2Advertisement selects it"
    return f"no L2Advertisement selects it and the Service: {', '.join(sorted(full_name(ad) for ad in found)[:3])}"


def _choosing(service: Service, objects: Objects) -> Object | None:
    """An L2Advertisement that selects this Service by its labels."""
    return next(
        (
            ad
            for ad in objects.of(LAYER2.resource)
            if any(fits(selector, service.labels) for selector in items(ad, "spec", "serviceSelectors"))
        ),
        None,
    )


# ----------------------------------------------------------------------------------------------------------------- Endpoints


def _endpoints(service: Service, objects: Objects) -> tuple[ServiceEndpoint, ...] | None:
    """Of both families: MetalLB does not tell them apart. None if unknown: a file without a time may lack those of a
    namespace."""
    if not are_read(objects):
        return None
    found = tuple(one for version in (4, 6) for one in endpoints(service, objects, version=version) or ())
    return None if not found and objects.read_at is None else found


def _takes_part(one: ServiceEndpoint, served_by: tuple[Speakers, ...]) -> bool:
    """0.14.0 to 0.14.4 looked at `serving` alone, which leaves out those of publishNotReadyAddresses (metallb#2336)."""
    versions = [found.version for found in served_by if found.version]
    if versions and all((0, 14, 0) <= version < (0, 14, 5) for version in versions):
        return one.serving
    return one.ready or one.serving


def _without_endpoint(seen: AddressSeen, found: tuple[ServiceEndpoint, ...]) -> Reason:
    evidence = f"none of its {len(found)} endpoints is ready" if len(found) > 1 else "its endpoint is not ready"
    if any(one.ready for one in found):
        evidence = "its endpoints are published without being ready, which MetalLB 0.14.0 to 0.14.4 does not count"
    evidence = evidence if found else "it has no endpoint"
    return Reason(id=ReasonId.NO_READY_ENDPOINT, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE)


# --------------------------------------------------------------------------------------------------------------------- Nodes


def _no_node(
    seen: AddressSeen, active: tuple[ServiceEndpoint, ...] | None, objects: Objects, served_by: tuple[Speakers, ...]
) -> Iterator[Reason]:
    if objects.gap("nodes") or not (nodes := dict(barred_nodes(objects, seen.covered.covering, served_by))):
        return
    barred = {name: why for name, why in nodes.items() if why}
    if len(barred) == len(nodes):
        yield Reason(
            id=ReasonId.NO_NODE_MAY_ANNOUNCE,
            subject=seen.subject,
            evidence=f"no node may announce it: {counted_reasons(barred.values())}",
            certainty=_certainty(barred.values(), served_by),
            nodes=tuple(nodes),
        )
    elif seen.service.local_traffic_only and active and all(nodes.get(one.node or "", Barred.NOT_HERE) for one in active):
        on = {one.node: barred.get(one.node, Barred.NOT_HERE) for one in active if one.node}
        yield Reason(
            id=ReasonId.NO_LOCAL_ENDPOINT,
            subject=seen.subject,
            evidence=_where(on),
            certainty=_certainty(on.values(), served_by),
            nodes=tuple(on),
        )


def _certainty(barred: Iterable[Barred], served_by: tuple[Speakers, ...]) -> Certainty:
    return Certainty.SURE if all(is_sure(why, served_by) for why in barred) else Certainty.LIKELY


def _where(on: Mapping[str, Barred]) -> str:
    if not on:
        return "externalTrafficPolicy is Local, and its endpoints name no node"
    places = ", ".join(f"{node} ({why})" for node, why in sorted(on.items()))
    return f"externalTrafficPolicy is Local, and its ready endpoints are only on {places}"


# ------------------------------------------------------------------------------------------------------- Records and events


def _failed(seen: AddressSeen) -> Iterator[Reason]:
    for message in seen.failures:
        found = _NO_INTERFACE.match(message)
        if found and found[1] == str(seen.ip):
            yield Reason(
                id=ReasonId.INTERFACE_MISMATCH,
                subject=f"Node {found[2]}",
                evidence="it was elected and has none of the interfaces of the L2Advertisement (event announceFailed)",
                certainty=Certainty.LIKELY if seen.records else Certainty.SURE,
                nodes=(found[2],),
            )
        elif not found:
            yield Reason(
                id=ReasonId.ANNOUNCE_FAILED,
                subject=seen.subject,
                evidence=f"event announceFailed: {message}",
                certainty=Certainty.LIKELY,
            )


def _recorded(seen: AddressSeen, objects: Objects) -> Iterator[Reason]:
    """The pod of a speaker may not be ready, and the speaker announces all the same (metallb#322)."""
    gone = tuple(down(seen.records, objects))
    yield from gone
    for claim in seen.records:
        if (claim.node,) not in [one.nodes for one in gone] and speaker_ready(claim.node, objects) is False:
            evidence = f"no speaker is ready on {claim.node}, which it names"
            yield _of_record(ReasonId.ANNOUNCER_NOT_RUNNING, claim.source, evidence, claim.node)
    yield from _contradicted(seen)
    installations = [one for one in speakers(objects) if one.only_class == seen.service.load_balancer_class]
    if len({one.namespace for one in installations}) > 1:
        names = " and ".join(one.full_name for one in installations)
        evidence = f"two sets of speakers serve it, the DaemonSets {names}"
        yield Reason(id=ReasonId.TWO_ANNOUNCERS, subject=seen.subject, evidence=evidence, certainty=Certainty.LIKELY)
    if not seen.records and seen.kept_for_others:
        evidence = "it has no ServiceL2Status, and other Services have one"
        yield Reason(id=ReasonId.NO_RECORD, subject=seen.subject, evidence=evidence, certainty=Certainty.LIKELY)


def _contradicted(seen: AddressSeen) -> Iterator[Reason]:
    """Up to 0.15 a speaker could write its name into the record of another (metallb#2712, #2938)."""
    by_record: dict[str, tuple[str, ...]] = {}
    for claim in seen.records:
        by_record[claim.source] = (*by_record.get(claim.source, ()), claim.node)
    for source, nodes in by_record.items():
        if len(nodes) > 1:
            evidence = f"its label names {nodes[0]}, and its status {nodes[-1]}"
            yield _of_record(ReasonId.RECORD_BEHIND, source, evidence, *nodes)
    named = tuple(dict.fromkeys(claim.node for claim in seen.records))
    if len(named) > 1 and len(by_record) > 1:
        evidence = f"its ServiceL2Status name {' and '.join(sorted(named))}"
        yield _of_record(ReasonId.TWO_ANNOUNCERS, seen.subject, evidence, *named)
    later = [claim for claim in seen.assigned if claim.node not in named]
    if seen.records and later:
        evidence = f"a later event names {' and '.join(sorted(claim.node for claim in later))}"
        yield _of_record(ReasonId.RECORD_BEHIND, seen.records[0].source, evidence, *(claim.node for claim in later))


def _of_record(id_: ReasonId, subject: str, evidence: str, *nodes: str) -> Reason:
    return Reason(id=id_, subject=subject, evidence=evidence, certainty=Certainty.LIKELY, nodes=nodes)


def _odd(seen: AddressSeen, objects: Objects) -> Iterator[Reason]:
    """What may have to do with it. A rejected configuration is used in its last valid form."""
    for state in invalid(objects):
        where = labels_of(state).get("metallb.io/node-name")
        yield Reason(
            id=ReasonId.INVALID_CONFIGURATION,
            subject=f"ConfigurationState {full_name(state)}",
            evidence=rejection(state),
            certainty=Certainty.POSSIBLE if seen.records else Certainty.LIKELY,
            nodes=(where,) if where else (),
        )
    for one in speakers(objects):
        if one.desired and one.ready and one.ready < one.desired:
            evidence = f"{one.ready} of {one.desired} speakers are ready"
            yield Reason(
                id=ReasonId.ANNOUNCER_NOT_RUNNING,
                subject=f"DaemonSet {one.full_name}",
                evidence=evidence,
                certainty=Certainty.POSSIBLE,
            )
    if seen.announced_by_bgp:
        yield Reason(
            id=ReasonId.ANNOUNCED_BY_BGP,
            subject=seen.subject,
            evidence=f"its events name {' and '.join(seen.announced_by_bgp)}, none for layer 2",
            certainty=Certainty.POSSIBLE,
            nodes=seen.announced_by_bgp,
        )
    for record in seen.elsewhere:
        yield Reason(
            id=ReasonId.RECORD_BEHIND,
            subject=f"ServiceL2Status {record}",
            evidence="it is not in MetalLB's namespace and was ignored",
            certainty=Certainty.POSSIBLE,
        )
    for ad in seen.covered.covering:
        if named := texts(ad, "spec", "interfaces"):
            yield Reason(
                id=ReasonId.INTERFACE_MISMATCH,
                subject=f"L2Advertisement {full_name(ad)}",
                evidence=f"it announces only on {', '.join(named)}",
                certainty=Certainty.POSSIBLE,
            )
