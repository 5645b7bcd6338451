"""Which node should answer for an address: one small file an implementation, all listed in `IMPLEMENTATIONS`.

Pure: a Service, an address and what was read of the cluster give an Announcement, or None where the Service is not of
this implementation. Knows nothing of the wire, of MACs heard there, or of verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Address
from typing import Protocol

from arpcheck.loadbalancers import metallb, servicelb
from arpcheck.loadbalancers.records import refused
from arpcheck.model import Announcement, Need, Trust
from arpcheck.objects import Objects, Service


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
    servicelb,
)
"""In this order where the decision order alone does not tell."""

SERVICES = Need(
    resource="services",
    costs="nothing can be probed but the addresses given with --ip",
    fields=(
        *("metadata labels", "spec type", "spec clusterIP", "spec clusterIPs", "spec externalIPs"),
        *("spec loadBalancerClass", "spec externalTrafficPolicy"),
        *("status loadBalancer ingress ip", "status loadBalancer ingress hostname", "status loadBalancer ingress ipMode"),
    ),
)
"""What `objects.Service.read` takes; annotations are needed by those who know them."""

NODES = Need(
    resource="nodes",
    costs="no MAC has an owner, and ServiceLB is not recognised",
    fields=(
        *("metadata labels", "status addresses type", "status addresses address"),
        *("status conditions type", "status conditions status"),
    ),
)
"""What `objects.Node.read` takes."""

NEEDS: tuple[Need, ...] = tuple(dict.fromkeys((SERVICES, NODES, *(n for plugin in IMPLEMENTATIONS for n in plugin.NEEDS))))
"""Of all implementations; several for one resource where they look at different fields of it."""


def announcements(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Announcement, ...]:
    """All that take the Service, the deciding one first: by decision order, then by the place in `IMPLEMENTATIONS`.

    `at`: the moment of judging. A Lease lives for seconds, so it should be the moment when the objects were read or as
    short after it as can be; one far later makes every Lease an expired one."""
    found = [plugin.announcement(service, ip, objects, at) for plugin in IMPLEMENTATIONS]
    return tuple(sorted((one for one in found if one), key=lambda one: one.order))


def unread(service: Service | None, ip: IPv4Address, objects: Objects) -> tuple[str, ...]:  # noqa: ARG001
    """Where no implementation takes the Service (None: an address without one): the refused resources that might have
    named an implementation and its announcer. Not empty: "no claim exists" can't be said."""
    if service is None:
        return refused(objects, NODES.resource)
    return refused(objects, *(need.resource for need in NEEDS if not need.optional and need.resource != SERVICES.resource))


def rivals(found: Iterable[Announcement]) -> tuple[str, ...]:
    """The implementations that really announce one address at once, sorted; empty unless there are two or more.

    Real is a record that is current. An annotation that was left behind, a class that nobody serves, an expired Lease
    and the mere fact that the address is a node's own are second hints, not second controllers."""
    names = {one.implementation for one in found if _really(one)}
    return tuple(sorted(names)) if len(names) > 1 else ()


def _really(one: Announcement) -> bool:
    by_record = any(c.trust is Trust.CURRENT and not c.source.startswith("Node ") for c in one.claims)
    return by_record or (one.order == 5 and not one.claims)


# -------------------------------------------------------------------------------------------------- the README's table

_FACTS = re.compile(r"^Recognised by: (.+?)^Announcer read from: (.+?)^Not known: (.+?)\Z", re.DOTALL | re.MULTILINE)


def table() -> tuple[tuple[str, str, str, str], ...]:
    """A row an implementation: name, how it is recognised, where the announcer is read, what is not known."""
    return tuple(row for plugin in IMPLEMENTATIONS for row in _rows(plugin))


def _rows(plugin: Implementation) -> Iterable[tuple[str, str, str, str]]:
    for recognised, source, unknown in _FACTS.findall(plugin.__doc__ or ""):
        yield plugin.NAME, " ".join(recognised.split()), " ".join(source.split()), " ".join(unknown.split())
