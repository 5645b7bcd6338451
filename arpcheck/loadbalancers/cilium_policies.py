"""What Cilium's configuration says of a Service's address: whether a layer-2 policy or a BGP advertisement takes it.

Knows CiliumL2AnnouncementPolicy, CiliumBGPAdvertisement and CiliumBGPPeeringPolicy. Every answer has three values: yes,
no, and None where what would tell could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from arpcheck.loadbalancers.common import has_ingress
from arpcheck.loadbalancers.selectors import all_of, any_of, entries, fits
from arpcheck.model import Need
from arpcheck.objects import Object, Objects, Service, at, text, texts

POLICIES = Need(
    resource="ciliuml2announcementpolicies.cilium.io",
    costs="it is not known whether Cilium answers ARP for a Service that has no Lease",
    fields=("spec serviceSelector", "spec loadBalancerIPs", "spec externalIPs"),
    optional=True,
)
ADVERTISEMENTS = Need(
    resource="ciliumbgpadvertisements.cilium.io",
    costs="an address that Cilium announces by BGP only looks as if it should be answered",
    fields=("spec advertisements",),
    optional=True,
)
PEERINGS = Need(
    resource="ciliumbgppeeringpolicies.cilium.io",
    costs="an address that Cilium before 1.18 announces by BGP only looks as if it should be answered",
    fields=("spec virtualRouters serviceSelector",),
    optional=True,
)


def by_layer2(service: Service, ip: IPv4Address, objects: Objects) -> bool | None:
    """A policy without a selector takes every Service; both kinds of address are off unless they are turned on."""
    kind = "loadBalancerIPs" if has_ingress(service, ip) else "externalIPs"
    policies = objects.of(POLICIES.resource)
    return any_of((_all_known(objects, POLICIES), *(_announces(policy, kind, service) for policy in policies)))


def _announces(policy: Object, kind: str, service: Service) -> bool | None:
    selector = at(policy, "spec", "serviceSelector")
    selected = True if selector is None else fits(selector, _labels(service))
    return all_of((at(policy, "spec", kind) is True, selected))


def by_bgp(service: Service, objects: Objects) -> bool | None:
    """A load-balancer address, by either generation of the BGP control plane. No selector takes no Service."""
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
    """Cilium adds name and namespace to the labels that a selector of Services is held against."""
    return {
        **service.labels,
        "io.kubernetes.service.namespace": service.namespace,
        "io.kubernetes.service.name": service.name,
    }


def _all_known(objects: Objects, need: Need) -> bool | None:
    """As one more object in a row of them. A kind that is not served has none: that function is not turned on."""
    return None if objects.gap(need.resource) or objects.untold(need.resource) else False
