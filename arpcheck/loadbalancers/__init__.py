"""Which node should answer for an address: one small file an implementation, all listed in `IMPLEMENTATIONS`.

Pure: a Service, an address and what was read of the cluster give an Announcement, or None where the Service is not of
this implementation. Knows nothing of the wire, of MACs heard there, or of verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Protocol

from arpcheck.loadbalancers import cilium, kube_ovn, kube_vip, metallb, openelb, purelb, servicelb, unrecorded
from arpcheck.loadbalancers.cilium import POLICIES
from arpcheck.loadbalancers.common import NODES, OWN_ADDRESS, SERVICES, has_ingress, is_current, refused
from arpcheck.loadbalancers.common import owners as owners
from arpcheck.loadbalancers.kube_vip import announcement_of
from arpcheck.loadbalancers.kube_vip import control_plane_addresses as control_plane_addresses
from arpcheck.loadbalancers.leases import KUBELETS, LEASES
from arpcheck.loadbalancers.unrecorded import ROWS
from arpcheck.model import Announcement, ClaimSource, Need, Trust
from arpcheck.objects import Objects, Service, namespace


class Implementation(Protocol):
    """The three names of a plug-in; its docstring ends with the three facts of `table`."""

    NAME: str
    """As `implementation` in the report."""
    NEEDS: tuple[Need, ...]
    """What it reads. Where a Need is not optional, its objects can name an announcer by themselves."""

    def announcement(self, service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
        """What it says of an IPv4 address of the Service; None: not mine. Ages are told against `at`."""


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
"""In this order where nothing else tells which of two decides."""

COMMON: tuple[Need, ...] = (SERVICES, NODES)
"""What is read for all of them alike."""

NEEDS: tuple[Need, ...] = tuple(dict.fromkeys((*COMMON, *(n for plugin in IMPLEMENTATIONS for n in plugin.NEEDS))))
"""Of all implementations, Services and Nodes themselves included; several for one resource where they look at different
fields of it."""


RECORDS: tuple[Need, ...] = tuple(need for need in NEEDS if need.record)
"""What names announcers: read once more after the last frame."""


def recorded_in(objects: Objects) -> frozenset[str]:
    """The resources in which announcers can be named at all in this cluster: those that were read and are not empty, Leases
    beside those of the kubelets, and Services where one has an annotation of such a kind."""
    found = {need.resource for need in RECORDS if any(namespace(obj) != KUBELETS for obj in objects.of(need.resource))}
    keys = [path.split()[-1] for need in RECORDS if need.resource == SERVICES.resource for path in need.fields]
    if not any(key in service.annotations for service in objects.services() for key in keys):
        found.discard(SERVICES.resource)
    return frozenset(found)


def announcements(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """All that take the Service, one an implementation, the deciding one first: by decision order, then one with a
    current claim before one without, then by the place in `IMPLEMENTATIONS`.

    `at`: the moment of judging. A Lease lives for seconds, so it should be the moment when the objects were read, or as
    short after it as can be: one far later makes every Lease an expired one."""
    found = [one for plugin in IMPLEMENTATIONS if (one := plugin.announcement(service, ip, objects, at))]
    if not found and service.load_balancer_class and has_ingress(service, ip):
        return (_of_nobody_here(service, ip, objects),)
    if len(found) < 2:
        return tuple(found)
    first: dict[str | None, Announcement] = {}
    for one in sorted(found, key=lambda one: (one.order, not is_current(one.claims))):
        first.setdefault(one.implementation, one)
    return tuple(first.values())


def _of_nobody_here(service: Service, ip: IPv4Address, objects: Objects) -> Announcement:
    """A class that no implementation takes is served by somebody else (kubernetes/api core/v1, loadBalancerClass): by an
    appliance, or by the provider of the machines."""
    return Announcement(
        implementation=None,
        because=f"loadBalancerClass {service.load_balancer_class}, which nothing here serves",
        order=3,
        external=True,
        notes=("the load balancer of that class is not known here: no node is supposed to announce",),
        unread=unread(service, ip, objects),
    )


def announcements_of_address(ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """For an address that no Service has: a control-plane address of kube-vip."""
    found = announcement_of(ip, objects, at)
    return (found,) if found else ()


def announcements_without_address(service: Service, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """For a Service that has a host name alone, as clouds and LoxiLB give one."""
    found = unrecorded.announcement(service, None, objects, at)
    return (found,) if found else ()


def unread(service: Service | None, ip: IPv4Address, objects: Objects) -> tuple[str, ...]:
    """Where no implementation takes the Service (None: an address without one): the refused resources that might have
    named an implementation and its announcer. Not empty: "no claim exists" can't be said.

    Of an external IP only Cilium keeps a record, where a policy says so; of an address without a Service only a label of a
    node tells."""
    if service is None:
        return refused(objects, NODES.resource)
    if not has_ingress(service, ip):
        return refused(objects, NODES.resource, LEASES.resource, POLICIES.resource)
    return refused(objects, *(need.resource for need in NEEDS if not need.optional and need.resource != SERVICES.resource))


def rivals(found: Sequence[Announcement]) -> tuple[str, ...]:
    """The implementations that really serve one address of a Service at once, sorted; empty unless there are two or more.

    Real is a controller's record that is current. An annotation that was left behind, a class that nobody serves, an
    expired Lease and the mere fact that the address is a node's own are second hints, not second controllers."""
    if len(found) < 2:
        return ()
    names = {one.implementation for one in found if one.implementation and _really(one)}
    return tuple(sorted(names)) if len(names) > 1 else ()


def _really(one: Announcement) -> bool:
    """ServiceLB's DaemonSet is made for the one Service, whatever its address is now."""
    recorded = any(claim.trust is Trust.CURRENT and claim.kind is not ClaimSource.NODE_ADDRESS for claim in one.claims)
    return recorded or (one.implementation == servicelb.NAME and one.order < OWN_ADDRESS)


# ------------------------------------------------------------------------------------- what the documentation says of each

_FACTS = re.compile(r"^Recognised by: (.+?)^Announcer read from: (.+?)^Not known: (.+?)\Z", re.DOTALL | re.MULTILINE)


def table() -> tuple[tuple[str, str, str, str], ...]:
    """A row an implementation: name, how it is recognised, where the announcer is read, what is not known."""
    recorded = tuple(row for plugin in IMPLEMENTATIONS for row in _facts(plugin))
    return (*recorded, *((row.title, row.recognised, row.read, row.why) for row in ROWS))


def _facts(plugin: Implementation) -> Iterable[tuple[str, str, str, str]]:
    for recognised, source, unknown in _FACTS.findall(plugin.__doc__ or ""):
        yield plugin.NAME, " ".join(recognised.split()), " ".join(source.split()), " ".join(unknown.split())
