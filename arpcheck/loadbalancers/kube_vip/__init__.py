"""kube-vip in ARP mode: the elected node has the address on its NIC, and its kernel replies.
Source: kube-vip pkg/kubevip/annotations.go, pkg/lease/lease.go, pkg/services/services.go.

Recognised by: loadBalancerClass `kube-vip.io/kube-vip-class`; annotations `kube-vip.io/vipHost`, `…/loadbalancerIPs`;
label `implementation: kube-vip`; a Lease of the Service; the class of `lb_class_name`
Announcer read from: Lease `kubevip-<service>` or the one of `kube-vip.io/leaseName` (election per Service), else
Lease `plndr-svcs-lock` (one for all), else annotation `kube-vip.io/vipHost`; for `--ip` with a control-plane address
Lease `plndr-cp-lock`
Not known: whether it announces by ARP or BGP if its DaemonSet does not say so; the leader if it is elected in etcd or by a
Lease of another name"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from arpcheck.loadbalancers.common import (
    NODES,
    annotations_of_services,
    demoted,
    has_ingress,
    is_current,
    named_nodes,
    of_services,
    recorded_on_services,
    refused,
    strongest_first,
)
from arpcheck.loadbalancers.kube_vip import address_reasons
from arpcheck.loadbalancers.kube_vip.address_reasons import ServiceOfKubeVip
from arpcheck.loadbalancers.kube_vip.configuration import (
    CONFIG_NEEDS,
    PATTERN,
    announcers,
    by_bgp,
    control_plane,
    serves_class,
)
from arpcheck.loadbalancers.leases import LEASES, Lease, believed, homes, leases_named
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Mac, Need, Reason, ReasonId, Trust, order
from arpcheck.objects import Node, Objects, Service, ipv4, items, text

# ------------------------------------------------------------------------------------------------------ kube-vip in ARP mode

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
    annotations_of_services(address_reasons.WITHOUT_ENDPOINTS),
    of_services("spec loadBalancerIP"),
    LEASES,
    *CONFIG_NEEDS,
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """By the Lease of the Service, else the Lease of all Services, else the annotation, which kube-vip never removes.

    With DHCP the address is on a macvlan. Its MAC address is in an annotation and is not a NIC's. In BGP mode every node has
    the address, and other records do not apply to ARP."""
    if not has_ingress(service, ip) or service.annotations.get(_IGNORE) == "true":
        return None
    own = _own_leases(service, objects)
    because, order = _recognised(service, own, objects)
    if not because:
        return None
    if routed := by_bgp(objects):
        silence = f"announced by BGP only ({routed})"
        return Announcement(
            implementation=NAME,
            because=because,
            order=order,
            silence=silence,
            held_everywhere=routed,
            by_bgp=routed,
            answers_once=True,
            macs=_service_macs(service),
        )
    claims, _ = _claims(service, own, objects, at)
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=claims,
        answers_once=True,
        on_interface=True,
        macs=_service_macs(service),
        unread=() if is_current(claims) else refused(objects, LEASES.resource, NODES.resource),
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """Also of a Service that it ignores by an annotation; none for one that is not its own."""
    own = _own_leases(service, objects)
    if not has_ingress(service, ip) or not _recognised(service, own, objects)[0]:
        return ()
    claims, doubts = _claims(service, own, objects, at)
    common, _ = believed(leases_named(objects, _ALL), home_of_common(objects), objects, PATTERN)
    both = [*own, *(() if service.annotations.get(_EACH) == "true" else common)]
    return address_reasons.reasons(
        ServiceOfKubeVip(
            service=service,
            ip=ip,
            ignored=service.annotations.get(_IGNORE) == "true",
            claims=claims,
            by_own_and_common=tuple(as_node(lease.claim(at, objects), objects)[0] for lease in both) if own else (),
            doubts=doubts,
        ),
        objects,
    )


def unallocated(service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:  # noqa: ARG001
    """kube-vip announces the addresses that the Service asks for; kube-vip-cloud-provider, or its user, writes them. Those
    without a class may be another's."""
    chosen = service.load_balancer_class
    if chosen and chosen != _CLASS and not serves_class(objects, chosen):
        return ()
    if not chosen and not any(one.on("svc_enable") for one in announcers(objects)):
        return ()
    subject = f"Service {service.full_name}"
    if service.annotations.get(_IGNORE) == "true":
        id_, evidence = ReasonId.SERVICE_IGNORED, f"annotation {_IGNORE} is true"
    elif not service.annotations.get(_ADDRESSES) and not text(service.raw, "spec", "loadBalancerIP"):
        id_, evidence = ReasonId.NO_POOL, f"neither annotation {_ADDRESSES} nor spec.loadBalancerIP gives it an address"
    else:
        return ()
    certainty = Certainty.SURE if chosen else Certainty.LIKELY
    return (Reason(id=id_, subject=subject, evidence=evidence, certainty=certainty),)


def _own_leases(service: Service, objects: Objects) -> tuple[Lease, ...]:
    """`kube-vip.io/leaseName` is `[namespace/]name`."""
    space, _, name = service.annotations.get(_LEASE, "").rpartition("/")
    return leases_named(objects, name or f"kubevip-{service.name}", space or service.namespace)


def _recognised(service: Service, own: tuple[Lease, ...], objects: Objects) -> tuple[str, int]:
    chosen = service.load_balancer_class
    if chosen and (chosen == _CLASS or serves_class(objects, chosen)):
        return f"loadBalancerClass {chosen}", 3
    for key in (_HOST, _ADDRESSES):
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if service.annotations.get(_HARDWARE):  # it stays when another load balancer takes the Service
        return f"annotation {_HARDWARE}", 5
    if service.labels.get("implementation") == NAME:
        return f"label implementation: {NAME}", 4
    return (f"Lease {own[0].full_name}", 5) if own else ("", 0)


def _claims(
    service: Service, own: tuple[Lease, ...], objects: Objects, at: datetime
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The claims, and what is in doubt of them, as clauses. If the Service has its own Lease, even an expired one, the Lease
    of all is only for other Services. The own Lease may be in a namespace that is forbidden."""
    held = [lease.claim(at, objects, service=service.full_name) for lease in own]
    strange: tuple[str, ...] = ()
    if not own and service.annotations.get(_EACH) != "true":
        leases, strange = believed(leases_named(objects, _ALL), home_of_common(objects), objects, PATTERN)
        common = [lease.claim(at, objects, service=service.full_name, rank=1) for lease in leases]
        elsewhere = "/" in service.annotations.get(_LEASE, "")
        held += demoted(common) if elsewhere and objects.gap(LEASES.resource) else common
    mapped = [as_node(claim, objects) for claim in (*held, *_host(service))]
    doubts = {*strange, *(doubt for _, doubt in mapped if doubt)}
    return strongest_first(claim for claim, _ in mapped), tuple(sorted(doubts))


def _host(service: Service) -> tuple[Claim, ...]:
    host, source = service.annotations.get(_HOST), f"annotation {_HOST}"
    if not host:
        return ()
    kind = ClaimSource.ANNOTATION
    return (Claim(node=host, source=source, kind=kind, trust=Trust.STALE, service=service.full_name, rank=2),)


def _service_macs(service: Service) -> tuple[tuple[Mac, str], ...]:
    try:
        return ((Mac(service.annotations.get(_HARDWARE, "").strip()), f"annotation {_HARDWARE}"),)
    except ValueError:
        return ()


# ------------------------------------------------------------------------------------------ kube-vip's control-plane address

_LABEL = "kube-vip.io/has-ip"
_CONTROL_PLANE_LEASE = "plndr-cp-lock"


def control_plane_addresses(objects: Objects) -> Mapping[Address, str]:
    """The known addresses of the control plane, each with its source, the lowest first."""
    labelled: dict[Address, str] = {
        ip: f"label {_LABEL}" for node in named_nodes(objects) if (ip := ipv4(node.labels.get(_LABEL)))
    }
    found = {**control_plane(objects), **labelled}
    return {ip: found[ip] for ip in sorted(found, key=order)}


def announcement_of(ip: Address, objects: Objects, at: datetime) -> Announcement | None:
    """The Lease names the current holder; the label of a failed node stays. If the control plane's address is unknown, the
    Lease is assumed to be for the given address."""
    known = control_plane_addresses(objects)
    leases, _ = believed(leases_named(objects, _CONTROL_PLANE_LEASE), home_of_common(objects), objects, PATTERN)
    if ip not in known and (known or not leases):
        return None
    labelled = [node.name for node in named_nodes(objects) if ipv4(node.labels.get(_LABEL)) == ip]
    by_lease = (as_node(lease.claim(at, objects), objects)[0] for lease in leases)
    by_label = (
        Claim(node=node, source=f"label {_LABEL} of Node {node}", kind=ClaimSource.NODE_LABEL, trust=Trust.STALE, rank=1)
        for node in labelled
    )
    claims = strongest_first((*by_lease, *by_label))
    return Announcement(
        implementation=NAME,
        because=known.get(ip) or f"Lease {leases[0].full_name}",
        order=5,
        claims=claims,
        answers_once=True,
        on_interface=True,
        unread=() if is_current(claims) else refused(objects, LEASES.resource),
    )


def reasons_of_address(ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """Why nobody replies for an address of the control plane, or not the right node; none for any other address."""
    found = announcement_of(ip, objects, at)
    if found is None:
        return ()
    leases, strange = believed(leases_named(objects, _CONTROL_PLANE_LEASE), home_of_common(objects), objects, PATTERN)
    doubts = (*strange, *(as_node(lease.claim(at, objects), objects)[1] for lease in leases))
    return address_reasons.of_control_plane(ip, found.claims, tuple(doubt for doubt in doubts if doubt), objects)


# ---------------------------------------------------------------------------------------------- From a host name to the Node


def as_node(claim: Claim, objects: Objects) -> tuple[Claim, str]:
    """The claim with the Node's name, and a doubt as a clause unless the host name means exactly one Node.

    In that case the claim keeps the name and is not current, since replies cannot be compared with it."""
    names = objects.memo(as_node, lambda: _node_names(named_nodes(objects)))
    host = claim.node.lower()
    nodes = names.get(host) or names.get(host.partition(".")[0], ())
    if len(nodes) == 1:
        return replace(claim, node=nodes[0]), ""
    matches = "more than one Node" if nodes else "no Node that could be read" if objects.gap("nodes") else "no Node"
    return replace(claim, trust=Trust.STALE), f"{claim.source} names the host {claim.node}, which is {matches}"


def home_of_common(objects: Objects) -> frozenset[str]:
    return homes(objects, PATTERN, _is_common)


def _is_common(lease: str) -> bool:
    return lease in ("plndr-svcs-lock", "plndr-cp-lock")


def _node_names(nodes: Iterable[Node]) -> Mapping[str, tuple[str, ...]]:
    """The Nodes by each name that their host may have. A Node's own name means only that Node."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        for called in _names_of_node(node):
            found[called] = (*found.get(called, ()), node.name)
    return {**found, **{node.name.lower(): (node.name,) for node in nodes}}


def _names_of_node(node: Node) -> set[str]:
    addresses = items(node.raw, "status", "addresses")
    hosts = {text(one, "address") for one in addresses if text(one, "type") in ("Hostname", "InternalDNS", "ExternalDNS")}
    full = {name.lower() for name in (node.name, node.labels.get("kubernetes.io/hostname", ""), *hosts) if name}
    return full | {name.partition(".")[0] for name in full}
