"""Cilium's L2 announcements: one node holds the Lease of each Service and replies in eBPF.
Source: cilium pkg/l2announcer/l2announcer.go, Documentation/network/l2-announcements.rst.

Recognised by: loadBalancerClass `io.cilium/…`; an address from LB-IPAM (condition `cilium.io/IPAMRequestSatisfied`,
annotations `lbipam.cilium.io/…`); a Lease; for an external IP a CiliumL2AnnouncementPolicy that takes it
Announcer read from: Lease `cilium-l2announce-<namespace>-<service>`, its holder while it is alive
Not known: the interface; two Services whose names run together (`a-b`+`c`, `a`+`b-c`) share a Lease"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from arpcheck.loadbalancers.cilium import address_reasons
from arpcheck.loadbalancers.cilium.address_reasons import AddressOfCilium, PolicyMatch
from arpcheck.loadbalancers.common import (
    NODES,
    annotations_of_services,
    any_of,
    by_reason,
    condition,
    demoted,
    entries,
    fits,
    has_ingress,
    is_current,
    not_in_file,
    of_services,
    own_address,
    refused,
    strongest_first,
    was_read,
)
from arpcheck.loadbalancers.leases import LEASES, Lease, believed, homes, leases_named
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Need, Reason, ReasonId
from arpcheck.objects import Object, Objects, Service, at, items, name, text, texts

POLICIES = Need(
    resource="ciliuml2announcementpolicies.cilium.io",
    costs="it is unknown whether Cilium announces a Service without a Lease",
    fields=(
        *("spec serviceSelector", "spec loadBalancerIPs", "spec externalIPs", "spec nodeSelector", "spec interfaces"),
        *("status conditions type", "status conditions status", "status conditions message"),
    ),
    optional=True,
)
ADVERTISEMENTS = Need(
    resource="ciliumbgpadvertisements.cilium.io",
    costs="an address that Cilium announces only by BGP looks as if a node should reply for it",
    fields=("spec advertisements",),
    optional=True,
)
PEERINGS = Need(
    resource="ciliumbgppeeringpolicies.cilium.io",
    costs="an address that Cilium before 1.18 announces only by BGP looks as if a node should reply for it",
    fields=("spec virtualRouters serviceSelector",),
    optional=True,
)

SATISFIED = "cilium.io/IPAMRequestSatisfied"

_REASONS = {
    "no_pool": ReasonId.NO_POOL,
    "out_of_ips": ReasonId.POOL_EXHAUSTED,
    "pool_selector_mismatch": ReasonId.REQUEST_NOT_MET,
    "already_allocated": ReasonId.REQUEST_NOT_MET,
    "already_allocated_incompatible_service": ReasonId.REQUEST_NOT_MET,
}
_WANTED = ("lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips")
_CLASSES = ("io.cilium/l2-announcer", "io.cilium/bgp-control-plane")


def by_layer2(service: Service, ip: Address, objects: Objects) -> bool | None:
    """A policy without a selector selects every Service. Both kinds of address are off by default."""
    return any_of((_all_known(objects, POLICIES), *(one.takes for one in _matches(service, ip, objects))))


def _matches(service: Service, ip: Address, objects: Objects) -> tuple[PolicyMatch, ...]:
    kind = "loadBalancerIPs" if has_ingress(service, ip) else "externalIPs"
    return tuple(_match(policy, kind, service) for policy in objects.of(POLICIES.resource))


def _match(policy: Object, kind: str, service: Service) -> PolicyMatch:
    selector = at(policy, "spec", "serviceSelector")
    selects = True if selector is None else fits(selector, _labels(service))
    return PolicyMatch(policy=policy, selects=selects, announces=at(policy, "spec", kind) is True, kind=kind)


def by_bgp(service: Service, objects: Objects) -> bool | None:
    """Whether either version of the BGP control plane announces a load-balancer address. Without a selector, it does not."""
    known = (_all_known(objects, need) for need in (ADVERTISEMENTS, PEERINGS))
    return any_of((*known, *_advertised(service, objects), *_peered(service, objects)))


def _advertised(service: Service, objects: Objects) -> Iterable[bool | None]:
    for obj in objects.of(ADVERTISEMENTS.resource):
        for one in entries(obj, "spec", "advertisements") or ():
            if text(one, "advertisementType") == "Service" and "LoadBalancerIP" in texts(one, "service", "addresses"):
                yield _selected(at(one, "selector"), service)


def _peered(service: Service, objects: Objects) -> Iterable[bool | None]:
    for obj in objects.of(PEERINGS.resource):
        for router in entries(obj, "spec", "virtualRouters") or ():
            yield _selected(at(router, "serviceSelector"), service)


def _selected(selector: object, service: Service) -> bool | None:
    return False if selector is None else fits(selector, _labels(service))


def _labels(service: Service) -> Mapping[str, str]:
    """Cilium adds name and namespace to a Service's labels for its selectors."""
    return {
        **service.labels,
        "io.kubernetes.service.namespace": service.namespace,
        "io.kubernetes.service.name": service.name,
    }


def _all_known(objects: Objects, need: Need) -> bool | None:
    """For `any_of` and `all_of`: False if all objects are known, None if some may be missing. If the kind is not served,
    there are none."""
    return None if objects.gap(need.resource) or objects.not_in_file(need.resource) else False


# ------------------------------------------------------------------------------------------------- Cilium's L2 announcements

NAME = "cilium"

_LEASE = "cilium-l2announce-"
_IPAM = ("lbipam.cilium.io/ips", "lbipam.cilium.io/sharing-key", "io.cilium/lb-ipam-ips", "io.cilium/lb-ipam-sharing-key")

POOLS = Need(
    resource="ciliumloadbalancerippools.cilium.io",
    costs="it is unknown which of Cilium's pools give a Service an address",
    fields=("spec disabled", "spec serviceSelector"),
    optional=True,
)
NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_IPAM),
    of_services("status conditions type", "status conditions status"),
    LEASES,
    Need(
        resource="daemonsets.apps",
        costs="the namespace of Cilium's Leases is a guess if it is not kube-system",
        names=("cilium",),
        fields=("metadata name",),
        group="cilium.io",
        optional=True,
    ),
    POLICIES,
    ADVERTISEMENTS,
    PEERINGS,
    *address_reasons.NEEDS,
    POOLS,
    of_services("status conditions reason", "status conditions message"),
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """With the class of BGP no node replies, and Node IPAM assigns the nodes' own addresses. External IPs are announced too
    if a policy says so."""
    because, ingress = f"loadBalancerClass {service.load_balancer_class}", has_ingress(service, ip)
    match service.load_balancer_class:
        case "io.cilium/node" if ingress:
            return _node_ipam(service, ip, objects, because)
        case "io.cilium/bgp-control-plane" if ingress:
            silence = "announced by BGP only"
            return Announcement(
                implementation=NAME, because=because, order=3, silence=silence, by_bgp=because, answers_once=True
            )
        case "io.cilium/l2-announcer" | None if ingress or ip in service.external_ips:
            return _layer2(service, ip, objects, at)
        case _:
            return None


def unallocated(service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:  # noqa: ARG001
    """What LB-IPAM says in the condition of the Service, or that it has no pool. The operator writes the condition of every
    Service that it is responsible for, once there is a pool. A condition stays where Cilium was removed."""
    labels = _labels(service)
    said = next((one for one in items(service.raw, "status", "conditions") if text(one, "type") == SATISFIED), None)
    if said is not None:
        return (_of_condition(service, said, labels, objects),) if text(said, "status") == "False" else ()
    if not was_read(objects, POOLS.resource) or objects.of(POOLS.resource):
        return ()
    certainty = Certainty.SURE if service.load_balancer_class in _CLASSES else Certainty.LIKELY
    if certainty is Certainty.LIKELY and (service.load_balancer_class or not objects.of(POLICIES.resource)):
        return ()
    subject, evidence = f"Service {service.full_name}", "there is no CiliumLoadBalancerIPPool"
    return (Reason(id=ReasonId.NO_POOL, subject=subject, evidence=evidence, certainty=certainty),)


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """In the order in which an agent decides; none for a Service that is not Cilium's."""
    ingress, subject = has_ingress(service, ip), f"Service {service.full_name}"
    match service.load_balancer_class:
        case "io.cilium/node" if ingress:
            if own_address(service, ip, objects, ClaimSource.SERVICE_LB) or not was_read(objects, NODES.resource):
                return ()
            evidence = f"Node IPAM gives out addresses of nodes, and no node has {ip}"
            return (Reason(id=ReasonId.OWNED_BY_NO_NODE, subject=subject, evidence=evidence, certainty=Certainty.SURE),)
        case "io.cilium/bgp-control-plane" if ingress:
            evidence = "its loadBalancerClass is io.cilium/bgp-control-plane"
            return (Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=subject, evidence=evidence, certainty=Certainty.SURE),)
        case "io.cilium/l2-announcer" | None if announcement(service, ip, objects, at):
            return address_reasons.reasons(_seen(service, ip, objects, at), objects)
        case _:
            return ()


def _seen(service: Service, ip: Address, objects: Objects, at: datetime) -> AddressOfCilium:
    leases, strange = _leases(service, objects)
    taken = by_layer2(service, ip, objects)
    return AddressOfCilium(
        service=service,
        ip=ip,
        policies=_matches(service, ip, objects),
        taken=taken,
        bgp=has_ingress(service, ip) and by_bgp(service, objects) is True,
        claims=strongest_first(lease.claim(at, objects, service=service.full_name) for lease in leases),
        elsewhere=strange,
    )


def _node_ipam(service: Service, ip: Address, objects: Objects, because: str) -> Announcement:
    own = own_address(service, ip, objects, ClaimSource.SERVICE_LB)
    return Announcement(
        implementation=NAME,
        because=because,
        order=2 if own else 3,
        claims=own,
        answers_once=True,
        unread=() if own else refused(objects, NODES.resource),
    )


def _layer2(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """A policy may also select load-balancer addresses of other implementations, but only Cilium announces external IPs."""
    leases, _ = _leases(service, objects)
    (because, order), ingress = _recognised(service, leases), has_ingress(service, ip)
    if ingress and not because:
        return None
    taken = by_layer2(service, ip, objects)
    if not ingress and (taken is False or (taken is None and not because)):
        return None
    claims = _of_address(service, taken, (lease.claim(at, objects, service=service.full_name) for lease in leases))
    bgp = by_bgp(service, objects)
    silence = "announced by BGP only" if bgp and taken is False and not is_current(claims) else None
    settled = is_current(claims) or silence
    excuses = () if settled else _excuses(ingress, taken, bgp)
    return Announcement(
        implementation=NAME,
        because=because or "a CiliumL2AnnouncementPolicy",
        order=order or 5,
        claims=claims,
        answers_once=True,
        silence=silence,
        by_bgp="what Cilium advertises by BGP" if silence else None,
        unread=() if settled else _unread(service, objects, taken, excuses),
        silence_not_in_file=not_in_file(objects, *excuses),
    )


def _leases(service: Service, objects: Objects) -> tuple[tuple[Lease, ...], tuple[str, ...]]:
    home = homes(objects, "cilium", _is_own)
    return believed(leases_named(objects, f"{_LEASE}{service.namespace}-{service.name}"), home, objects, "cilium")


def _recognised(service: Service, leases: tuple[Lease, ...]) -> tuple[str, int]:
    if service.load_balancer_class:
        return f"loadBalancerClass {service.load_balancer_class}", 3
    for key in _IPAM:
        if key in service.annotations:
            return f"annotation {key}", 4
    if condition(service.raw, SATISFIED) == "True":
        return f"condition {SATISFIED}", 4
    return (f"Lease {leases[0].full_name}", 5) if leases else ("", 0)


def _of_address(service: Service, taken: bool | None, claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """All addresses of a Service share one Lease. If the Service has both kinds, the Lease may be for the other kind."""
    found = strongest_first(claims)
    if not service.external_ips or not service.ingress or taken:
        return found
    return demoted(found) if taken is None else ()


def _is_own(lease: str) -> bool:
    return lease.startswith(_LEASE) or lease == "cilium-operator-resource-lock"


def _unread(service: Service, objects: Objects, taken: bool | None, excuses: tuple[str, ...]) -> tuple[str, ...]:
    """Without a policy no Lease can be missing. If a Service has both kinds of address, only the policies show for which of
    them the Lease is."""
    missed = () if taken is False else (LEASES.resource,)
    either = (POLICIES.resource,) if taken is None and service.external_ips else ()
    return refused(objects, *missed, *either, *excuses)


def _excuses(ingress: bool, taken: bool | None, bgp: bool | None) -> tuple[str, ...]:
    """The resources that could show that no node should reply: a load-balancer address is announced only by BGP, or no
    policy selects an external IP."""
    if not ingress:
        return (POLICIES.resource,) if taken is None else ()
    bgp_only = taken is not True and bgp is not False
    return (POLICIES.resource, ADVERTISEMENTS.resource, PEERINGS.resource) if bgp_only else ()


# ---------------------------------------------------------------------------------------- Why LB-IPAM gives no address
# Source: cilium operator/pkg/lbipam/lbipam.go (satisfyService, isResponsibleForSVC, setSVCSatisfiedCondition).


def _of_condition(service: Service, said: Object, labels: Mapping[str, str], objects: Objects) -> Reason:
    why = text(said, "reason")
    id_ = _REASONS.get(why, ReasonId.ALLOCATION_FAILED)
    wanted = text(service.raw, "spec", "loadBalancerIP") or any(service.annotations.get(key) for key in _WANTED)
    asked = id_ is ReasonId.NO_POOL and bool(wanted) and bool(objects.of(POOLS.resource))
    pools = _barred(labels, objects) if id_ is ReasonId.NO_POOL and not asked else ""
    return Reason(
        id=ReasonId.REQUEST_NOT_MET if asked else id_,
        subject=f"Service {service.full_name}",
        evidence=f"condition {SATISFIED}: {text(said, 'message') or why or 'False'}{f' ({pools})' if pools else ''}",
        certainty=Certainty.SURE if was_read(objects, POOLS.resource) else Certainty.LIKELY,
    )


def _barred(labels: Mapping[str, str], objects: Objects) -> str:
    """Why the pools give it none."""
    found = objects.of(POOLS.resource)
    if was_read(objects, POOLS.resource) and not found:
        return "there is none"
    why = {name(pool): _why_not(pool, labels) for pool in found}
    return by_reason({pool: said for pool, said in why.items() if said})


def _why_not(pool: Object, labels: Mapping[str, str]) -> str:
    if at(pool, "spec", "disabled") is True:
        return "it is disabled"
    selector = at(pool, "spec", "serviceSelector")
    return "its serviceSelector does not select it" if selector is not None and fits(selector, labels) is False else ""
