"""kube-vip in ARP mode: the elected node takes the address on a NIC of its own, and its kernel answers.
Source: kube-vip pkg/kubevip/annotations.go, pkg/lease/lease.go, pkg/services/services.go.

Recognised by: loadBalancerClass `kube-vip.io/kube-vip-class`; annotations `kube-vip.io/vipHost`, `…/loadbalancerIPs`;
label `implementation: kube-vip`; a Lease of the Service; the class of `lb_class_name`
Announcer read from: Lease `kubevip-<service>` or the one of `kube-vip.io/leaseName` (election per Service), where there is
none Lease `plndr-svcs-lock` (one for all), else annotation `kube-vip.io/vipHost`; for `--ip` with a control-plane address
Lease `plndr-cp-lock`
Not known: whether it announces by ARP or by BGP where its DaemonSet does not say it; the leader where it is elected in etcd
or by a Lease of another name"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers import kube_vip_config
from arpcheck.loadbalancers.common import demoted, has_ingress, is_current, refused, strongest_first
from arpcheck.loadbalancers.kube_vip_hosts import as_node, home_of_common
from arpcheck.loadbalancers.leases import LEASES, Lease, believed, leases_named
from arpcheck.loadbalancers.needs import NODES, recorded_on_services
from arpcheck.model import Announcement, Claim, ClaimSource, Mac, Need, Trust
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
    recorded_on_services(_HOST, _ADDRESSES, _HARDWARE, _LEASE, _IGNORE, _EACH),
    LEASES,
    *kube_vip_config.NEEDS,
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """The Lease of the Service, where it has none the one of all Services, else the annotation, which is never taken back.

    With DHCP the address is on a macvlan, whose MAC is no NIC's and stands in an annotation. In BGP mode every node has the
    address, and whatever else is recorded says nothing of ARP."""
    if not has_ingress(service, ip) or service.annotations.get(_IGNORE) == "true":
        return None
    own = _own_leases(service, objects)
    because, order = _recognised(service, own, objects)
    if not because:
        return None
    if routed := kube_vip_config.by_bgp(objects):
        silence = f"announced by BGP only ({routed})"
        return Announcement(
            implementation=NAME,
            because=because,
            order=order,
            silence=silence,
            held_everywhere=routed,
            by_bgp=routed,
            answers_once=True,
            macs=_macs(service),
        )
    claims, notes = _claims(service, own, objects, at)
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=claims,
        answers_once=True,
        macs=_macs(service),
        notes=notes,
        unread=() if is_current(claims) else refused(objects, LEASES.resource, NODES.resource),
    )


def _own_leases(service: Service, objects: Objects) -> tuple[Lease, ...]:
    """`kube-vip.io/leaseName` is `[namespace/]name`."""
    space, _, name = service.annotations.get(_LEASE, "").rpartition("/")
    return leases_named(objects, name or f"kubevip-{service.name}", space or service.namespace)


def _recognised(service: Service, own: tuple[Lease, ...], objects: Objects) -> tuple[str, int]:
    chosen = service.load_balancer_class
    if chosen and (chosen == _CLASS or kube_vip_config.serves_class(objects, chosen)):
        return f"loadBalancerClass {chosen}", 3
    for key in (_HOST, _ADDRESSES):
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if service.annotations.get(_HARDWARE):  # which nothing takes back when another load balancer takes the Service
        return f"annotation {_HARDWARE}", 5
    if service.labels.get("implementation") == NAME:
        return f"label implementation: {NAME}", 4
    return (f"Lease {own[0].full_name}", 5) if own else ("", 0)


def _claims(
    service: Service, own: tuple[Lease, ...], objects: Objects, at: datetime
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Where the Service has a Lease of its own, be it an expired one, the one for all decides about other Services only. In
    a namespace that was refused it may be there."""
    held = [lease.claim(at, objects, service=service.full_name) for lease in own]
    strange: tuple[str, ...] = ()
    if not own and service.annotations.get(_EACH) != "true":
        leases, strange = believed(leases_named(objects, _ALL), home_of_common(objects), objects, kube_vip_config.PATTERN)
        common = [lease.claim(at, objects, service=service.full_name, rank=1) for lease in leases]
        elsewhere = "/" in service.annotations.get(_LEASE, "")
        held += demoted(common) if elsewhere and objects.gap(LEASES.resource) else common
    mapped = [as_node(claim, objects) for claim in (*held, *_host(service))]
    notes = {*strange, *(note for _, note in mapped if note)}
    if not held and not objects.gap(LEASES.resource):
        notes.add("no Lease of kube-vip: it announces by BGP, elects in etcd, or uses a Lease of another name")
    return strongest_first(claim for claim, _ in mapped), tuple(sorted(notes))


def _host(service: Service) -> tuple[Claim, ...]:
    host, source = service.annotations.get(_HOST), f"annotation {_HOST}"
    if not host:
        return ()
    kind = ClaimSource.ANNOTATION
    return (Claim(node=host, source=source, kind=kind, trust=Trust.STALE, service=service.full_name, rank=2),)


def _macs(service: Service) -> tuple[tuple[Mac, str], ...]:
    try:
        return ((Mac(service.annotations.get(_HARDWARE, "").strip()), f"annotation {_HARDWARE}"),)
    except ValueError:
        return ()
