"""ServiceLB of k3s and RKE2 (klipper-lb): the addresses of a Service are the nodes' own, and each node's kernel answers.
Source: k3s pkg/cloudprovider/servicelb.go.

Recognised by: no loadBalancerClass, and the address is a node's own; a DaemonSet `svclb-*` of the Service
Announcer read from: Node `status.addresses[]`: the node that has the address
Not known: nothing"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.records import has_ingress, owners
from arpcheck.model import Announcement, Claim, Need, Trust
from arpcheck.objects import Object, Objects, Service, full_name, labels_of

NAME = "servicelb"

_DAEMONSETS = "daemonsets.apps"
_LABEL = "svccontroller.k3s.cattle.io"

NEEDS: tuple[Need, ...] = (
    Need(
        resource=_DAEMONSETS,
        costs="ServiceLB beside another load balancer is not noticed where the address is no node's",
        names=("svclb-*",),
        fields=(f"metadata labels {_LABEL}/*",),
        optional=True,
    ),
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """The kernel of the node that owns the address answers for it, now and always: nothing here can be stale.

    Its DaemonSet alone says that ServiceLB serves the Service too, whoever gave it this address."""
    if service.load_balancer_class or not has_ingress(service, ip):
        return None
    nodes = owners(ip, objects)
    daemonset = _daemonset(service, objects)
    if not nodes and not daemonset:
        return None
    return Announcement(
        implementation=NAME,
        because=daemonset or f"the address is {' and '.join(nodes)}'s own",
        order=2 if nodes else 5,
        claims=tuple(
            Claim(node=node, source=daemonset or f"Node {node}", trust=Trust.CURRENT, service=service.full_name)
            for node in nodes
        ),
        notes=() if nodes else ("ServiceLB serves this Service too, but the address is no node's own",),
    )


def _daemonset(service: Service, objects: Objects) -> str:
    found = objects.by(_DAEMONSETS, _service_of).get(service.full_name, ())
    return min((f"DaemonSet {full_name(obj)}" for obj in found), default="")


def _service_of(daemonset: Object) -> str | None:
    labels = labels_of(daemonset)
    if not (name := labels.get(f"{_LABEL}/svcname")):
        return None
    return f"{labels.get(f'{_LABEL}/svcnamespace', '')}/{name}"
