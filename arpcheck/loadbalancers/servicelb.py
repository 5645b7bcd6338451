"""ServiceLB of k3s and RKE2 (klipper-lb): the addresses of a Service are the nodes' own, and each node's kernel replies.
Source: k3s pkg/cloudprovider/servicelb.go.

Recognised by: no loadBalancerClass, and a DaemonSet `svclb-*` of the Service, or the address is a node's own
Announcer read from: Node `status.addresses[]`: the node that has the address
Not known: its DaemonSets outside kube-system (`--servicelb-namespace`); they matter only if the address is not a node's"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from arpcheck.loadbalancers.common import NODES, OWN_ADDRESS, down, has_ingress, own_address, refused, was_read
from arpcheck.model import Address, Announcement, Certainty, ClaimSource, Need, Reason, ReasonId
from arpcheck.objects import Object, Objects, Service, full_name, labels_of

NAME = "servicelb"

_DAEMONSETS = "daemonsets.apps"
_LABELS = ("svccontroller.k3s.cattle.io", "svccontroller.rke2.cattle.io")

NEEDS: tuple[Need, ...] = (
    Need(
        resource=_DAEMONSETS,
        costs="ServiceLB beside another load balancer is not noticed if the address is not a node's",
        namespace="kube-system",  # where it makes them unless `--servicelb-namespace` says otherwise
        names=("svclb-*",),
        fields=tuple(f"metadata labels {label}/*" for label in _LABELS),
        optional=True,
    ),
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """A DaemonSet shows that ServiceLB also serves the Service, whichever load balancer assigned this address. The address
    alone shows the least: a pool can contain a node's address, and a cloud provider lists every address of a machine."""
    if service.load_balancer_class or not has_ingress(service, ip):
        return None
    daemonset = _daemonset(service, objects)
    own = own_address(service, ip, objects, ClaimSource.SERVICE_LB if daemonset else ClaimSource.NODE_ADDRESS)
    if not own and not daemonset:
        return None
    unread = () if own else refused(objects, NODES.resource)
    return Announcement(
        implementation=NAME,
        because=daemonset or f"the address is {' and '.join(claim.node for claim in own)}'s own",
        order=(2 if own else 5) if daemonset else OWN_ADDRESS,
        claims=tuple(replace(claim, source=daemonset) for claim in own) if daemonset else own,
        unread=unread,
        answers_once=True,
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """The kernel of a node replies for the node's address, whatever runs there."""
    said = announcement(service, ip, objects, at)
    if said is None:
        return ()
    if not said.claims and was_read(objects, NODES.resource):
        subject, evidence = f"Service {service.full_name}", f"ServiceLB serves it, and no node has {ip}"
        return (Reason(id=ReasonId.OWNED_BY_NO_NODE, subject=subject, evidence=evidence, certainty=Certainty.SURE),)
    return tuple(down(said.claims, objects))


def _daemonset(service: Service, objects: Objects) -> str:
    found = objects.by(_DAEMONSETS, _service_of).get(service.full_name, ())
    return min((f"DaemonSet {full_name(obj)}" for obj in found), default="")


def _service_of(daemonset: Object) -> str | None:
    labels = labels_of(daemonset)
    served = (f"{labels.get(f'{label}/svcnamespace', '')}/{labels.get(f'{label}/svcname', '')}" for label in _LABELS)
    return next((service for service in served if service != "/"), None)
