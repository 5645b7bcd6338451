"""Why kube-vip announces an address from no node, or from another one, in the order in which it decides.
Source: kube-vip pkg/services/processor.go (AddOrModify), pkg/services/watch_services.go, pkg/endpoints/endpoints.go,
pkg/instance/instance.go (FetchServiceAddresses), pkg/arp/arp.go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arpcheck.endpoints import are_read, endpoints
from arpcheck.loadbalancers.common import at_most_likely, named_nodes, was_read
from arpcheck.loadbalancers.kube_vip.configuration import announcers, by_bgp, ready_on, runs_nowhere, version
from arpcheck.loadbalancers.leases import LEASES
from arpcheck.model import Address, Certainty, Claim, ClaimSource, Reason, ReasonId, Trust
from arpcheck.objects import Objects, Service, address

_ADDRESSES = "kube-vip.io/loadbalancerIPs"
_LEASE = "kube-vip.io/leaseName"
WITHOUT_ENDPOINTS = "kube-vip.io/allow-reconcile-without-endpoints"
_ENDPOINTS_SINCE = (1, 2, 3)
"""Read at this version: no Service is announced without an endpoint. Older ones announce some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOfKubeVip:
    """An address of a Service, and what the Leases say about it."""

    service: Service
    ip: Address
    ignored: bool
    """By its annotation."""
    claims: tuple[Claim, ...]
    """Of the Leases and the annotation, the strongest first."""
    by_own_and_common: tuple[Claim, ...]
    """If the Service has a Lease of its own: of it, and of the Lease of all Services."""
    doubts: tuple[str, ...]
    """What is in doubt of the claims."""

    @property
    def subject(self) -> str:
        return f"Service {self.service.full_name}"

    @property
    def leases(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.kind is ClaimSource.LEASE)

    @property
    def held(self) -> tuple[Claim, ...]:
        """The Leases that a node holds now."""
        return tuple(claim for claim in self.leases if claim.trust is Trust.CURRENT)


def reasons(seen: ServiceOfKubeVip, objects: Objects) -> tuple[Reason, ...]:
    """What the Service itself says is sure. Where a node holds a Lease, the configuration may be newer than what runs."""
    if seen.ignored:
        evidence = "annotation kube-vip.io/ignore is true"
        return (Reason(id=ReasonId.SERVICE_IGNORED, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE),)
    excluded = (*_switched_off(seen, objects), *_not_running(objects), *_no_endpoint(seen, objects))
    if seen.held:
        excluded = at_most_likely(excluded)
    sure = any(one.certainty is Certainty.SURE for one in excluded)
    return (
        *excluded,
        *_refused(seen),
        *(() if sure else _of_the_lease(seen.claims, objects)),
        *(() if sure else _without_lease(seen, objects)),
        *_of_two(seen, objects),
        *_odd(seen.subject, seen.doubts),
    )


def of_control_plane(
    ip: Address, claims: tuple[Claim, ...], doubts: tuple[str, ...], objects: Objects
) -> tuple[Reason, ...]:
    """Of an address of the control plane, which no Service has."""
    return (*_of_the_lease(claims, objects), *_odd(f"address {ip}", doubts))


def _switched_off(seen: ServiceOfKubeVip, objects: Objects) -> Iterator[Reason]:
    """What is not written may be an argument: only what is written everywhere is sure."""
    found = announcers(objects)
    if not found:
        return
    serving = [one for one in found if not one.off("svc_enable")]
    spaces = sorted({one.variables.get("svc_namespace", "") for one in serving})
    if not serving:
        evidence = "svc_enable is not true: it announces no Services"
        yield Reason(id=ReasonId.ARP_DISABLED, subject=found[0].where, evidence=evidence, certainty=Certainty.SURE)
    elif routed := by_bgp(objects):
        evidence = "bgp_enable is true, and vip_arp is not"
        where = routed.rpartition(":")[0]
        yield Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=where, evidence=evidence, certainty=Certainty.SURE)
    elif all(one.off("vip_arp") for one in serving):
        subject, evidence = serving[0].where, "vip_arp is not true"
        yield Reason(id=ReasonId.ARP_DISABLED, subject=subject, evidence=evidence, certainty=Certainty.SURE)
    elif all(spaces) and seen.service.namespace not in spaces:
        subject, evidence = serving[0].where, f"svc_namespace is {' and '.join(spaces)}: it serves no Service of another"
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _not_running(objects: Objects) -> Iterator[Reason]:
    """A static pod is a Pod, so its absence needs the Pods."""
    if was_read(objects, "pods") and was_read(objects, "daemonsets.apps"):
        for full_name, desired in runs_nowhere(objects):
            evidence = f"0 of {desired} pods are ready" if desired else "no node is selected to run a pod"
            yield Reason(
                id=ReasonId.ANNOUNCER_NOT_RUNNING,
                subject=f"DaemonSet {full_name}",
                evidence=evidence,
                certainty=Certainty.SURE,
            )


def _no_endpoint(seen: ServiceOfKubeVip, objects: Objects) -> Iterator[Reason]:
    """It waits for an endpoint before it announces; for policy Local, for one on the node."""
    service = seen.service
    exempt = not service.local_traffic_only and service.annotations.get(WITHOUT_ENDPOINTS, "").lower() == "true"
    if exempt or not are_read(objects):
        return
    found = tuple(one for family in (4, 6) for one in endpoints(service, objects, version=family) or ())
    usable = [one for one in found if one.usable or one.serving]
    if not found and objects.read_at is None:
        return
    running, local = version(objects), service.local_traffic_only
    known = running is not None and running >= _ENDPOINTS_SINCE
    if not usable:
        yield Reason(
            id=ReasonId.NO_READY_ENDPOINT,
            subject=seen.subject,
            evidence=f"it has no {'ready ' if found else ''}endpoint",
            certainty=Certainty.SURE if known else Certainty.LIKELY if local else Certainty.POSSIBLE,
        )
    elif local and not any(one.node for one in usable):
        evidence = "externalTrafficPolicy is Local, and its endpoints are on no node"
        yield Reason(
            id=ReasonId.NO_LOCAL_ENDPOINT,
            subject=seen.subject,
            evidence=evidence,
            certainty=Certainty.SURE if known else Certainty.LIKELY,
        )


def _refused(seen: ServiceOfKubeVip) -> Iterator[Reason]:
    """The annotation with addresses stands for all other places, and one of 0.0.0.0 asks for DHCP."""
    service = seen.service
    if _LEASE in service.annotations and service.local_traffic_only:
        evidence = f"annotation {_LEASE} cannot be used with externalTrafficPolicy Local"
        yield Reason(id=ReasonId.INVALID_CONFIGURATION, subject=seen.subject, evidence=evidence, certainty=Certainty.LIKELY)
    asked = [address(part) for part in service.annotations.get(_ADDRESSES, "").split(",")]
    if None not in asked and seen.ip not in asked and not any(one and one.is_unspecified for one in asked):
        evidence = f"annotation {_ADDRESSES} is {service.annotations[_ADDRESSES]}, without {seen.ip}"
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=seen.subject, evidence=evidence, certainty=Certainty.LIKELY)


def _of_the_lease(claims: tuple[Claim, ...], objects: Objects) -> Iterator[Reason]:
    """Only of the strongest: an older one may be of a Service that has its own now."""
    nodes = {node.name: node for node in named_nodes(objects)} if was_read(objects, "nodes") else {}
    leases = [claim for claim in claims if claim.kind is ClaimSource.LEASE]
    for claim in () if any(one.clock_doubt for one in claims) else leases[:1]:
        known = nodes.get(claim.node)
        if known and known.ready is False:
            yield _of_claim(ReasonId.NODE_DOWN, claim, f"{claim.node}, its holder, is not Ready")
        elif known and ready_on(claim.node, objects) is False:
            evidence = f"the pod of kube-vip on {claim.node}, its holder, is not ready"
            yield _of_claim(ReasonId.ANNOUNCER_NOT_RUNNING, claim, evidence)
        elif claim.trust is not Trust.CURRENT and claim.placed and (known or not nodes):
            yield _of_claim(ReasonId.RECORD_BEHIND, claim, f"{claim.node}, its holder, does not renew it any more")


def _without_lease(seen: ServiceOfKubeVip, objects: Objects) -> Iterator[Reason]:
    if not seen.leases and was_read(objects, LEASES.resource):
        found = announcers(objects)
        usual = bool(found) and not any("svc_leasename" in one.variables for one in found)
        yield Reason(
            id=ReasonId.NO_RECORD,
            subject=seen.subject,
            evidence="kube-vip has no Lease of it or of all Services",
            certainty=Certainty.LIKELY if usual else Certainty.POSSIBLE,
        )


def _of_claim(id_: ReasonId, claim: Claim, evidence: str) -> Reason:
    return Reason(id=id_, subject=claim.source, evidence=evidence, certainty=Certainty.LIKELY, nodes=(claim.node,))


def _of_two(seen: ServiceOfKubeVip, objects: Objects) -> Iterator[Reason]:
    """What leaves the address on two nodes: a node keeps it by its configuration, or since nothing there removes it; or one
    pod elects for each Service and another for all."""
    held = {claim.node for claim in seen.held}
    for config in announcers(objects):
        if held and config.on("vip_preserve_on_leadership_loss"):
            evidence = "vip_preserve_on_leadership_loss is true: a node that lost the election keeps the address"
            yield Reason(id=ReasonId.LEFT_ON_INTERFACE, subject=config.where, evidence=evidence, certainty=Certainty.LIKELY)
            break
    for claim in seen.claims:
        before = claim.kind is ClaimSource.ANNOTATION and claim.node not in held
        if held and before and ready_on(claim.node, objects) is False:
            evidence = f"{claim.node} announced it before, and kube-vip is not ready there to remove it"
            yield _of_claim(ReasonId.LEFT_ON_INTERFACE, claim, evidence)
    current = [claim for claim in seen.by_own_and_common if claim.trust is Trust.CURRENT]
    if len({claim.node for claim in current}) > 1:
        yield Reason(
            id=ReasonId.TWO_ANNOUNCERS,
            subject=seen.subject,
            evidence=" and ".join(f"{claim.source} is held by {claim.node}" for claim in current),
            certainty=Certainty.LIKELY,
            nodes=tuple(dict.fromkeys(claim.node for claim in current)),
        )


def _odd(subject: str, doubts: tuple[str, ...]) -> Iterator[Reason]:
    for doubt in doubts:
        yield Reason(id=ReasonId.RECORD_BEHIND, subject=subject, evidence=doubt, certainty=Certainty.POSSIBLE)
