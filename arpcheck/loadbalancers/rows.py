"""The implementations that record no announcer, as one table: how a Service of theirs is recognised, why nothing is known.

Knows names of classes, annotations and finalizers; `unrecorded` holds a Service against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The field that turns layer 2 on. Where it was read and is off, addresses are announced by BGP only."""

    resources: tuple[str, ...]
    """By any of these names the same objects are served."""
    field: str
    """Under `spec`."""
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    title: str
    """Its name in the documentation."""
    implementation: str | None
    """As in the report; None: no Service is recognised as its own."""
    classes: tuple[str, ...] = ()
    """loadBalancerClass."""
    annotations: tuple[str, ...] = ()
    """Keys; one that ends in `/` stands for all that begin with it."""
    finalizers: tuple[str, ...] = ()
    external: bool = False
    """The load balancer is outside of the cluster: no node is supposed to announce."""
    or_inside: bool = False
    """It may as well run on nodes of this cluster, and nothing says where it does."""
    outside: bool = False
    """Only where the address is outside of the cluster: beside a host name, or with ipMode Proxy."""
    hostname_is_node: bool = False
    """The host name beside the address is the announcing node, if it is a Node's name."""
    switch: Switch | None = None
    read: str = "nothing"
    """Where an announcer is read, as the documentation says it."""
    why: str
    """Why nothing is known."""

    @property
    def recognised(self) -> str:
        """As the documentation says it."""
        return "; ".join(self._signs()) or "not at all"

    def _signs(self) -> Iterator[str]:
        yield from (f"loadBalancerClass `{name}`" for name in self.classes)
        yield from (f"annotation `{key}{'…' if key.endswith('/') else ''}`" for key in self.annotations)
        beside = " with a host name or ipMode Proxy" if self.outside else ""
        yield from (f"finalizer `{name}`{beside}" for name in self.finalizers)


ROWS = (
    Row(
        title="antrea",
        implementation="antrea",
        annotations=("service.antrea.io/external-ip-pool",),
        hostname_is_node=True,
        read="`status.loadBalancer.ingress[].hostname`, written by 1.5.0 to 1.5.2 and 1.6.0 only",
        why="Antrea's agents elect by a consistent hash and tell it only to `antctl get serviceexternalip`",
    ),
    Row(
        title="loxilb",
        implementation="loxilb",
        classes=("loxilb.io/loxilb",),
        annotations=("loxilb.io/",),
        external=True,
        or_inside=True,
        why="the active LoxiLB is known to LoxiLB alone, and by default it runs outside of the cluster",
    ),
    Row(
        title="avi",
        implementation="avi",
        classes=("ako.vmware.com/avi-lb",),
        annotations=("ako.vmware.com/",),
        external=True,
        why="Avi's service engines are outside of the cluster: no node announces",
    ),
    Row(
        title="f5",
        implementation="f5",
        classes=("f5.com/bigip",),
        annotations=("cis.f5.com/",),
        external=True,
        why="BIG-IP is outside of the cluster: no node announces",
    ),
    Row(
        title="calico",
        implementation="calico",
        classes=("calico",),
        annotations=("projectcalico.org/ipv4pools", "projectcalico.org/loadBalancerIPs"),
        switch=Switch(
            resources=("felixconfigurations.crd.projectcalico.org", "felixconfigurations.projectcalico.org"),
            field="localSubnetL2Reachability",
            off=("", "Disabled"),
        ),
        why="Calico announces by BGP; since 3.34 Felix can answer ARP too, for addresses of a pool without encapsulation and"
        " with externalTrafficPolicy Cluster, by a consistent hash that it records nowhere; a dead node keeps the address"
        " until its Node is deleted",
    ),
    Row(
        title="openelb 0.6",
        implementation="openelb",
        annotations=("lb.kubesphere.io/v1alpha1",),
        finalizers=("finalizer.lb.kubesphere.io/v1alpha1",),
        why="OpenELB's speakers elect by memberlist since 0.6 and record only who could announce (event SetBalancer)",
    ),
    Row(
        title="cloud",
        implementation="cloud",
        finalizers=("service.kubernetes.io/load-balancer-cleanup",),
        outside=True,
        external=True,
        why="the load balancer is outside of the cluster: no node announces",
    ),
    Row(
        title="ovn-kubernetes",
        implementation=None,
        why="OVN-Kubernetes answers for no load-balancer address; on OpenShift MetalLB does, and records it",
    ),
)
