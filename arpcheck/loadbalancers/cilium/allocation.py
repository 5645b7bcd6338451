"""Why Cilium's LB-IPAM gives a Service no address: its operator says so in a condition of the Service, its pools say more.
Source: cilium operator/pkg/lbipam/lbipam.go (satisfyService, isResponsibleForSVC, setSVCSatisfiedCondition)."""

from __future__ import annotations

from collections.abc import Mapping

from arpcheck.loadbalancers.common import by_reason, fits, of_services, was_read
from arpcheck.model import Certainty, Need, Reason, ReasonId
from arpcheck.objects import Object, Objects, Service, at, items, name, text

POOLS = Need(
    resource="ciliumloadbalancerippools.cilium.io",
    costs="it is unknown which of Cilium's pools give a Service an address",
    fields=("spec disabled", "spec serviceSelector"),
    optional=True,
)
NEEDS: tuple[Need, ...] = (POOLS, of_services("status conditions reason", "status conditions message"))

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


def reasons(service: Service, labels: Mapping[str, str], objects: Objects, *, cilium_announces: bool) -> tuple[Reason, ...]:
    """The operator writes the condition of every Service that it is responsible for, once there is a pool. A condition stays
    where Cilium was removed. `labels`: as its selectors see them. `cilium_announces`: it has a policy for L2."""
    said = next((one for one in items(service.raw, "status", "conditions") if text(one, "type") == SATISFIED), None)
    if said is not None:
        return (_of_condition(service, said, labels, objects),) if text(said, "status") == "False" else ()
    if not was_read(objects, POOLS.resource) or objects.of(POOLS.resource):
        return ()
    certainty = Certainty.SURE if service.load_balancer_class in _CLASSES else Certainty.LIKELY
    if certainty is Certainty.LIKELY and (service.load_balancer_class or not cilium_announces):
        return ()
    subject, evidence = f"Service {service.full_name}", "there is no CiliumLoadBalancerIPPool"
    return (Reason(id=ReasonId.NO_POOL, subject=subject, evidence=evidence, certainty=certainty),)


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
