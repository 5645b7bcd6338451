"""Load balancers that do not record the announcer. A table says how their Services are recognised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from arpcheck.loadbalancers.common import (
    NODES,
    annotations_of_services,
    down,
    has_ingress,
    named_nodes,
    not_in_file,
    of_services,
    refused,
    was_read,
)
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.objects import Objects, Service, text, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The field that turns layer 2 on. If it was read and is off, addresses are announced only by BGP."""

    resources: tuple[str, ...]
    """Names of the same resource in several API groups."""
    field: str
    """Under `spec`."""
    off: tuple[str, ...]
    cluster_only: str = ""
    """Why it never replies for a Service with externalTrafficPolicy Local; empty if it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrecordedProduct:
    title: str
    """Its name in the documentation."""
    implementation: str | None
    """As in the report; None if none of its Services are recognised."""
    classes: tuple[str, ...] = ()
    """loadBalancerClass."""
    annotations: tuple[str, ...] = ()
    """Keys; one that ends with `/` is a prefix."""
    finalizers: tuple[str, ...] = ()
    external: bool = False
    """The load balancer is outside the cluster: no node should announce."""
    or_inside: bool = False
    """It may also run on nodes of this cluster, and no object says whether it does."""
    outside: bool = False
    """Only if the address is outside the cluster: with a host name, or with ipMode Proxy."""
    hostname_is_node: bool = False
    """The host name of the address is the announcing node, if it is a Node's name."""
    switch: Switch | None = None
    read: str = "nothing"
    """Where the announcer is read, for the documentation."""
    why: str
    """Why the announcer is unknown."""

    @property
    def recognised(self) -> str:
        """How its Services are recognised, for the documentation."""
        return "; ".join(self._signs()) or "not at all"

    def _signs(self) -> Iterator[str]:
        yield from (f"loadBalancerClass `{name}`" for name in self.classes)
        yield from (f"annotation `{key}{'…' if key.endswith('/') else ''}`" for key in self.annotations)
        beside = " with a host name or ipMode Proxy" if self.outside else ""
        yield from (f"finalizer `{name}`{beside}" for name in self.finalizers)


ROWS = (
    UnrecordedProduct(
        title="antrea",
        implementation="antrea",
        annotations=("service.antrea.io/external-ip-pool",),
        hostname_is_node=True,
        read="`status.loadBalancer.ingress[].hostname`, written by 1.5.0 to 1.5.2 and 1.6.0 only",
        why="Antrea's agents elect by a consistent hash; only `antctl get serviceexternalip` shows the result",
    ),
    UnrecordedProduct(
        title="loxilb",
        implementation="loxilb",
        classes=("loxilb.io/loxilb",),
        annotations=("loxilb.io/",),
        external=True,
        or_inside=True,
        why="only LoxiLB knows which instance is active, and by default it runs outside the cluster",
    ),
    UnrecordedProduct(
        title="avi",
        implementation="avi",
        classes=("ako.vmware.com/avi-lb",),
        annotations=("ako.vmware.com/",),
        external=True,
        why="Avi's service engines are outside the cluster: no node announces",
    ),
    UnrecordedProduct(
        title="f5",
        implementation="f5",
        classes=("f5.com/bigip",),
        annotations=("cis.f5.com/",),
        external=True,
        why="BIG-IP is outside the cluster: no node announces",
    ),
    UnrecordedProduct(
        title="calico",
        implementation="calico",
        classes=("calico",),
        annotations=("projectcalico.org/ipv4pools", "projectcalico.org/loadBalancerIPs"),
        switch=Switch(
            resources=("felixconfigurations.crd.projectcalico.org", "felixconfigurations.projectcalico.org"),
            field="localSubnetL2Reachability",
            off=("", "Disabled"),
            cluster_only="Felix replies to ARP only for externalTrafficPolicy Cluster",
        ),
        why="Calico announces by BGP; since 3.34 Felix can also reply to ARP, for addresses of a pool without encapsulation"
        " and with externalTrafficPolicy Cluster, by a consistent hash that it does not record; a failed node keeps the"
        " address until its Node is deleted",
    ),
    UnrecordedProduct(
        title="openelb 0.6",
        implementation="openelb",
        annotations=("lb.kubesphere.io/v1alpha1",),
        finalizers=("finalizer.lb.kubesphere.io/v1alpha1",),
        why="since 0.6 OpenELB's speakers elect by memberlist and record only the candidates (event SetBalancer)",
    ),
    UnrecordedProduct(
        title="cloud",
        implementation="cloud",
        finalizers=("service.kubernetes.io/load-balancer-cleanup",),
        outside=True,
        external=True,
        why="the load balancer is outside the cluster: no node announces",
    ),
    UnrecordedProduct(
        title="ovn-kubernetes",
        implementation=None,
        why="OVN-Kubernetes announces no load-balancer address; on OpenShift MetalLB does, and records it",
    ),
)


# --------------------------------------------------------------------------------------------------------------- The plug-in

NAME = "unrecorded"

_ANNOTATIONS = tuple(f"{key}*" if key.endswith("/") else key for row in ROWS for key in row.annotations)

NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_ANNOTATIONS),
    of_services("metadata finalizers"),
    *(
        Need(
            resource=resource,
            costs="an address that Calico announces only by BGP looks as if a node should reply for it",
            fields=(f"spec {row.switch.field}",),
            optional=True,
        )
        for row in ROWS
        if row.switch
        for resource in row.switch.resources
    ),
)


def announcement(service: Service, ip: Address | None, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """By the first row that fits; the announcement has the row's implementation. `ip` is None for a Service that has a host
    name and no address."""
    if not has_ingress(service, ip):
        return None
    for row in ROWS:
        because, order = _recognised(row, service, ip)
        if because:
            return _announcement_of(row, service, ip, objects, because, order)
    return None


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """What the switch of layer 2 says, and whether the node of a host name can reply."""
    said = announcement(service, ip, objects, at)
    if said is None:
        return ()
    silent = Reason(
        id=ReasonId.ANNOUNCED_BY_BGP,
        subject=f"Service {service.full_name}",
        evidence=said.silence or "",
        certainty=Certainty.SURE,
    )
    found = (silent,) if said.silence else tuple(down(said.claims, objects)) if said.claims else _unknown(service, ip, said)
    return tuple(replace(one, implementation=said.implementation) for one in found)


def _unknown(service: Service, ip: Address, said: Announcement) -> tuple[Reason, ...]:
    row = next((row for row in ROWS if _recognised(row, service, ip)[0]), None)
    if row is None or (said.external and not said.or_inside):
        return ()
    subject = f"Service {service.full_name}"
    return (Reason(id=ReasonId.UNEXPLAINED, subject=subject, evidence=row.why, certainty=Certainty.LIKELY),)


def _recognised(row: UnrecordedProduct, service: Service, ip: Address | None) -> tuple[str, int]:
    if chosen := service.load_balancer_class:
        return (f"loadBalancerClass {chosen}", 3) if chosen in row.classes else ("", 0)
    if row.outside and not _is_outside(service, ip):
        return "", 0
    for key in service.annotations if row.annotations else ():
        if any(key == sign or (sign.endswith("/") and key.startswith(sign)) for sign in row.annotations):
            return f"annotation {key}", 4
    finalizers = texts(service.raw, "metadata", "finalizers") if row.finalizers else ()
    found = [name for name in finalizers if name in row.finalizers]
    return (f"finalizer {found[0]}", 4) if found else ("", 0)


def _is_outside(service: Service, ip: Address | None) -> bool:
    return any(entry.hostname or entry.mode == "Proxy" for entry in service.ingress if entry.ip == ip)


def _announcement_of(
    row: UnrecordedProduct, service: Service, ip: Address | None, objects: Objects, because: str, order: int
) -> Announcement:
    claims = _hosts(service, ip, objects) if row.hostname_is_node else ()
    switches = row.switch.resources if row.switch else ()
    off = _is_off(row.switch, objects) if row.switch else False
    local = row.switch.cluster_only if row.switch and service.local_traffic_only else ""
    might_tell = (*(switches if off is None else ()), *_node_resources(row, service, ip))
    return Announcement(
        implementation=row.implementation,
        because=because,
        order=order,
        claims=claims,
        silence="announced by BGP only" if off else f"announced by BGP only: {local}" if local else None,
        external=row.external,
        or_inside=row.or_inside,
        unread=() if claims or local else refused(objects, *might_tell),
        silence_not_in_file=not_in_file(objects, *switches[:1]) if off is None and not local else (),
    )


def _node_resources(row: UnrecordedProduct, service: Service, ip: Address | None) -> tuple[str, ...]:
    """Without the Nodes it is unknown whether the host name is a node's."""
    named = row.hostname_is_node and any(entry.hostname for entry in service.ingress if entry.ip == ip)
    return (NODES.resource,) if named else ()


def _hosts(service: Service, ip: Address | None, objects: Objects) -> tuple[Claim, ...]:
    names = {node.name for node in named_nodes(objects)}
    return tuple(
        Claim(
            node=entry.hostname,
            source=f"Service {service.full_name} status.loadBalancer.ingress[].hostname",
            kind=ClaimSource.HOST_NAME,
            trust=Trust.CURRENT,
            service=service.full_name,
        )
        for entry in service.ingress
        if entry.ip == ip and entry.hostname in names
    )


def _is_off(switch: Switch, objects: Objects) -> bool | None:
    """True if no object turns it on, also if there is no object; None if the objects could not be read."""
    found = [obj for resource in switch.resources if was_read(objects, resource) for obj in objects.of(resource)]
    absent = all(objects.not_in_file(name) for name in switch.resources)
    missing = not found and (refused(objects, *switch.resources) or absent)
    return None if missing else all(text(obj, "spec", switch.field) in switch.off for obj in found)
