"""kube-vip in ARP mode: the elected node takes the address on a NIC of its own, and its kernel answers.
Source: kube-vip pkg/kubevip/annotations.go, pkg/lease/lease.go, pkg/services/services.go.

Recognised by: loadBalancerClass `kube-vip.io/kube-vip-class`; annotations `kube-vip.io/vipHost`, `…/loadbalancerIPs`;
label `implementation: kube-vip`; a Lease of the Service
Announcer read from: Lease `kubevip-<service>` or the one of `kube-vip.io/leaseName` (election per Service), else Lease
`plndr-svcs-lock` (one for all), else annotation `kube-vip.io/vipHost`; for `--ip` with a control-plane address Lease
`plndr-cp-lock`, where a node's label `kube-vip.io/has-ip` names that address
Not known: whether it announces by ARP or by BGP; the leader where it is elected in etcd or by a Lease of another name"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.kube_vip_hosts import as_node
from arpcheck.loadbalancers.leases import LEASES, Lease, leases_named
from arpcheck.loadbalancers.needs import NODES, annotations_of_services
from arpcheck.loadbalancers.records import demoted, has_ingress, is_current, refused, strongest_first
from arpcheck.model import Announcement, Claim, Mac, Need, Trust
from arpcheck.objects import Objects, Service

NAME = "kube-vip"

_CLASS = "kube-vip.io/kube-vip-class"
_HOST = "kube-vip.io/vipHost"
_ADDRESSES = "kube-vip.io/loadbalancerIPs"
_HARDWARE = "kube-vip.io/hwaddr"
_LEASE = "kube-vip.io/leaseName"
_IGNORE = "kube-vip.io/ignore"
_EACH = "kube-vip.io/forcePerServiceElection"
_ALL = "plndr-svcs-lock"

NEEDS: tuple[Need, ...] = (
    annotations_of_services(_HOST, _ADDRESSES, _HARDWARE, _LEASE, _IGNORE, _EACH),
    LEASES,
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """The Lease of the Service, else the one of all Services, else the annotation, which is never taken back.

    With DHCP the address is on a macvlan, whose MAC is no NIC's and stands in an annotation."""
    if not has_ingress(service, ip) or service.annotations.get(_IGNORE) == "true":
        return None
    own = _own_leases(service, objects)
    because, order = _recognised(service, own)
    if not because:
        return None
    claims, notes = _claims(service, own, objects, at)
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=claims,
        macs=_macs(service),
        notes=notes,
        unread=() if is_current(claims) else refused(objects, LEASES.resource, NODES.resource),
    )


def _own_leases(service: Service, objects: Objects) -> tuple[Lease, ...]:
    """`kube-vip.io/leaseName` is `[namespace/]name`."""
    space, _, name = service.annotations.get(_LEASE, "").rpartition("/")
    return leases_named(objects, name or f"kubevip-{service.name}", space or service.namespace)


def _recognised(service: Service, own: tuple[Lease, ...]) -> tuple[str, int]:
    if service.load_balancer_class == _CLASS:
        return f"loadBalancerClass {_CLASS}", 3
    for key in (_HOST, _ADDRESSES, _HARDWARE):
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if service.labels.get("implementation") == NAME:
        return f"label implementation: {NAME}", 4
    return (f"Lease {own[0].full_name}", 5) if own else ("", 0)


def _claims(
    service: Service, own: tuple[Lease, ...], objects: Objects, at: datetime
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Where the Service's own Lease is alive, the one for all decides about other Services only. In a namespace that was
    refused it may be alive."""
    held = [lease.claim(at, service=service.full_name) for lease in own]
    if not is_current(held) and service.annotations.get(_EACH) != "true":
        common = [lease.claim(at, service=service.full_name, rank=1) for lease in leases_named(objects, _ALL)]
        elsewhere = not own and "/" in service.annotations.get(_LEASE, "")
        held += demoted(common) if elsewhere and objects.gap(LEASES.resource) else common
    mapped = [as_node(claim, objects) for claim in (*held, *_host(service))]
    notes = {note for _, note in mapped if note}
    if not held and not objects.gap(LEASES.resource):
        notes.add("no Lease of kube-vip: it announces by BGP, elects in etcd, or uses a Lease of another name")
    return strongest_first(claim for claim, _ in mapped), tuple(sorted(notes))


def _host(service: Service) -> tuple[Claim, ...]:
    host, source = service.annotations.get(_HOST), f"annotation {_HOST}"
    return (Claim(node=host, source=source, trust=Trust.STALE, service=service.full_name, rank=2),) if host else ()


def _macs(service: Service) -> tuple[tuple[Mac, str], ...]:
    try:
        return ((Mac(service.annotations.get(_HARDWARE, "").strip()), f"annotation {_HARDWARE}"),)
    except ValueError:
        return ()
