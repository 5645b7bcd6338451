"""Which node announces an address: one file for each load balancer, listed in `IMPLEMENTATIONS`.

Each returns an Announcement for a Service and an address, or None if it does not serve the Service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address
from typing import Protocol

from arpcheck.loadbalancers import cilium, kube_ovn, kube_vip, metallb, openelb, purelb, servicelb, unrecorded
from arpcheck.loadbalancers.cilium import POLICIES
from arpcheck.loadbalancers.cilium import POOLS as CILIUM_POOLS
from arpcheck.loadbalancers.common import (
    NODES,
    OWN_ADDRESS,
    SERVICES,
    at_most_likely,
    has_ingress,
    is_current,
    refused,
    was_read,
)
from arpcheck.loadbalancers.common import owners as owners
from arpcheck.loadbalancers.kube_vip import announcement_of
from arpcheck.loadbalancers.kube_vip import control_plane_addresses as control_plane_addresses
from arpcheck.loadbalancers.leases import KUBELETS, LEASES
from arpcheck.loadbalancers.metallb.configuration import POOLS as METALLB_POOLS
from arpcheck.loadbalancers.unrecorded import ROWS
from arpcheck.model import Address, Announcement, Certainty, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.objects import Ingress, Objects, Service, namespace


class Implementation(Protocol):
    """The four names of a plug-in. Its docstring ends with the three facts that `table` returns."""

    NAME: str
    """As `implementation` in the report."""
    NEEDS: tuple[Need, ...]
    """What it reads. Only objects of a Need that is not optional can name an announcer by themselves."""

    def announcement(self, service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:
        """Its announcement of an address; None if it does not serve the Service. Ages are computed at `at`."""

    def reasons(self, service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
        """What explains that nobody replies for an address of a Service that it serves, or not the right node; the surest
        first. Also asked of a Service that no known load balancer serves: say nothing unless an object shows that this one
        may. Objects that could not be read explain nothing."""


IMPLEMENTATIONS: tuple[Implementation, ...] = (
    metallb,
    cilium,
    kube_vip,
    purelb,
    openelb,
    kube_ovn,
    servicelb,
    unrecorded,
)
"""In this order if nothing else says which of two decides."""


class Allocator(Protocol):
    """A plug-in of a load balancer that gives out addresses itself and shows by what rules."""

    NAME: str

    def unallocated(self, service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:
        """What explains that it gives the Service no address, the surest first; none if it is not here, or the Service is
        another's."""


ALLOCATORS: tuple[Allocator, ...] = (metallb, cilium, kube_vip)

COMMON: tuple[Need, ...] = (SERVICES, NODES)
"""What is read for all of them."""

NEEDS: tuple[Need, ...] = tuple(dict.fromkeys((*COMMON, *(n for plugin in IMPLEMENTATIONS for n in plugin.NEEDS))))
"""The needs of all, Services and Nodes included. A resource has several if they read different fields of it."""

RECORDS: tuple[Need, ...] = tuple(need for need in NEEDS if need.record)
"""The resources that name announcers. They are read again after the last frame."""


def recorded_in(objects: Objects) -> frozenset[str]:
    """The resources that can name announcers in this cluster: those that were read and are not empty. Leases of kubelets do
    not count, and Services only if one has such an annotation."""
    found = {need.resource for need in RECORDS if any(namespace(obj) != KUBELETS for obj in objects.of(need.resource))}
    keys = [path.split()[-1] for need in RECORDS if need.resource == SERVICES.resource for path in need.fields]
    if not any(key in service.annotations for service in objects.services() for key in keys):
        found.discard(SERVICES.resource)
    return frozenset(found)


def announcements(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """One announcement for each load balancer that serves the Service, the deciding one first: by `order`, then those with a
    current claim, then by the place in `IMPLEMENTATIONS`.

    `at`: when the objects were read. A Lease lasts for seconds, so a later time makes every Lease an expired one."""
    found = [one for plugin in IMPLEMENTATIONS if (one := plugin.announcement(service, ip, objects, at))]
    if not found and service.load_balancer_class and has_ingress(service, ip):
        return (_of_nobody_here(service, ip, objects),)
    if len(found) < 2:
        return tuple(found)
    first: dict[str | None, Announcement] = {}
    for one in sorted(found, key=lambda one: (one.order, not is_current(one.claims))):
        first.setdefault(one.implementation, one)
    return tuple(first.values())


def reasons(
    service: Service, ip: Address, objects: Objects, at: datetime, served_by: tuple[Announcement, ...] | None = None
) -> tuple[Reason, ...]:
    """Why nobody replies for the address, or not the right node, by the load balancers that serve the Service; those of the
    deciding one first, and only those sure. If none is known to serve it, any may. `served_by`: `announcements`, if the
    caller has them."""
    plugins = {plugin.NAME: plugin for plugin in IMPLEMENTATIONS}
    served_by = announcements(service, ip, objects, at) if served_by is None else served_by
    if [one.implementation for one in served_by] == [None]:
        return (_class_of_nobody(service, served_by[0], objects),)
    serving = [one.implementation for one in served_by if one.implementation]
    might_serve = plugins if has_ingress(service, ip) else (cilium.NAME,)  # no other one announces an external IP
    asked = dict.fromkeys(name if name in plugins else unrecorded.NAME for name in serving) or dict.fromkeys(might_serve)
    own: list[Reason] = []
    for number, name in enumerate(asked):
        given = plugins[name].reasons(service, ip, objects, at)
        weighed = given if served_by and number == 0 else at_most_likely(given)
        own += (replace(reason, implementation=reason.implementation or name) for reason in weighed)
    return (*_of_rivals(service, served_by), *own)


def _of_rivals(service: Service, served_by: tuple[Announcement, ...]) -> Iterator[Reason]:
    names = rivals(served_by)
    if names:
        signs = [f"{one.implementation} ({one.because})" for one in served_by if one.implementation in names]
        yield Reason(
            id=ReasonId.TWO_ANNOUNCERS,
            subject=f"Service {service.full_name}",
            evidence=f"{len(names)} load balancers serve it: {' and '.join(sorted(signs))}",
            certainty=Certainty.LIKELY,
        )


def unallocated(service: Service, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """Why a Service has no address yet. Where several load balancers might give it one, none of them is sure."""
    given = {one.NAME: one.unallocated(service, objects, at) for one in ALLOCATORS}
    found = [replace(reason, implementation=name) for name, reasons in given.items() for reason in reasons]
    if sum(1 for resource in _POOLS if objects.of(resource)) > 1 and not service.load_balancer_class:
        found = [*at_most_likely(found)]
    if found or not service.load_balancer_class:
        return tuple(found)
    as_if = replace(service, ingress=(Ingress(ip=_ANY, hostname="", mode="VIP"),))
    served_by = announcements(as_if, _ANY, objects, at)
    return (_class_of_nobody(service, served_by[0], objects),) if [one.implementation for one in served_by] == [None] else ()


_ANY = IPv4Address("192.0.2.1")
"""For a Service that has no address yet: whose would it be if it had one?"""

_POOLS = (METALLB_POOLS.resource, CILIUM_POOLS.resource)


def _of_nobody_here(service: Service, ip: Address, objects: Objects) -> Announcement:
    """A class that no implementation serves belongs to another load balancer (kubernetes/api core/v1, loadBalancerClass): an
    appliance, or the cloud."""
    return Announcement(
        implementation=None,
        because=f"loadBalancerClass {service.load_balancer_class}, which no known load balancer serves",
        order=3,
        external=True,
        unread=unread(service, ip, objects),
    )


def _class_of_nobody(service: Service, said: Announcement, objects: Objects) -> Reason:
    """Never sure: an appliance may serve it. Only possible where what could not be read might serve it: a DaemonSet may have
    the class as an argument."""
    known = not said.unread and was_read(objects, "daemonsets.apps")
    return Reason(
        id=ReasonId.CLASS_NOT_SERVED,
        subject=f"Service {service.full_name}",
        evidence=f"its loadBalancerClass is {service.load_balancer_class}, which no known load balancer serves",
        certainty=Certainty.LIKELY if known else Certainty.POSSIBLE,
    )


def announcements_of_address(ip: Address, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """For an address without a Service: a control-plane address of kube-vip."""
    found = announcement_of(ip, objects, at)
    return (found,) if found else ()


def reasons_of_address(ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """The same for an address without a Service."""
    return tuple(replace(one, implementation=kube_vip.NAME) for one in kube_vip.reasons_of_address(ip, objects, at))


def announcements_without_address(service: Service, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """For a Service that has only a host name, as from clouds and LoxiLB."""
    found = unrecorded.announcement(service, None, objects, at)
    return (found,) if found else ()


def unread(service: Service | None, ip: Address, objects: Objects) -> tuple[str, ...]:
    """The forbidden resources that might have named the load balancer and the announcer of a Service that no implementation
    serves (None: an address without a Service). If there are any, a record may exist.

    For an external IP only Cilium keeps a record, if a policy says so; for an address without a Service only a label of a
    node does."""
    if service is None:
        return refused(objects, NODES.resource)
    if not has_ingress(service, ip):
        return refused(objects, NODES.resource, LEASES.resource, POLICIES.resource)
    return refused(objects, *(need.resource for need in NEEDS if not need.optional and need.resource != SERVICES.resource))


def rivals(found: Sequence[Announcement]) -> tuple[str, ...]:
    """The implementations that serve one address of a Service at the same time, sorted; empty unless there are two or more.

    A current record of a controller counts. A leftover annotation, a class without a controller, an expired Lease and a
    node's own address do not prove a second controller."""
    if len(found) < 2:
        return ()
    names = {one.implementation for one in found if one.implementation and _really(one)}
    return tuple(sorted(names)) if len(names) > 1 else ()


def _really(one: Announcement) -> bool:
    """ServiceLB creates its DaemonSet for one Service, whatever the address of the Service is now."""
    recorded = any(claim.trust is Trust.CURRENT and claim.kind is not ClaimSource.NODE_ADDRESS for claim in one.claims)
    return recorded or (one.implementation == servicelb.NAME and one.order < OWN_ADDRESS)


# -------------------------------------------------------------------------------------------- The table of the documentation

_FACTS = re.compile(r"^Recognised by: (.+?)^Announcer read from: (.+?)^Not known: (.+?)\Z", re.DOTALL | re.MULTILINE)


def table() -> tuple[tuple[str, str, str, str], ...]:
    """A row for each load balancer: name, how it is recognised, where the announcer is read, what is unknown."""
    recorded = tuple(row for plugin in IMPLEMENTATIONS for row in _facts(plugin))
    return (*recorded, *((row.title, row.recognised, row.read, row.why) for row in ROWS))


def _facts(plugin: Implementation) -> Iterable[tuple[str, str, str, str]]:
    for recognised, source, unknown in _FACTS.findall(plugin.__doc__ or ""):
        yield plugin.NAME, " ".join(recognised.split()), " ".join(source.split()), " ".join(unknown.split())
