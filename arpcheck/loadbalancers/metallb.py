"""MetalLB in layer-2 mode: one speaker, elected per Service, answers ARP in user space from the NIC that was asked.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record
Announcer read from: ServiceL2Status (0.14.4 and later), else the newest `nodeAssigned` event (0.8 and later)
Not known: the announcer before 0.14.6 once its event has expired"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.events import EVENTS
from arpcheck.loadbalancers.metallb_records import STATUSES, event_claims, failures, status_claims, status_notes
from arpcheck.loadbalancers.records import has_ingress, is_current, refused, strongest_first, was_read
from arpcheck.model import Announcement, Claim, Need
from arpcheck.objects import Objects, Service

NAME = "metallb"

_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")

NEEDS: tuple[Need, ...] = (
    Need(
        resource="services",
        costs="nothing can be probed",
        fields=tuple(f"metadata annotations {key}" for key in _POOL),
    ),
    STATUSES,
    EVENTS,
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """A current record settles it. A refused ServiceL2Status is not missed where an event is current: a speaker that
    takes over writes a newer one."""
    if not has_ingress(service, ip):
        return None
    claims = strongest_first((*status_claims(service, objects), *event_claims(service, objects, at)))
    because, order = _recognised(service, claims)
    if not because:
        return None
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=claims,
        notes=(*status_notes(service, objects), *failures(service, objects)),
        unread=() if is_current(claims) else _unread(objects),
    )


def _recognised(service: Service, claims: tuple[Claim, ...]) -> tuple[str, int]:
    for key in _POOL:
        if service.annotations.get(key):
            return f"annotation {key}", 4
    return (claims[0].source, 5) if claims else ("", 0)


def _unread(objects: Objects) -> tuple[str, ...]:
    """Where MetalLB keeps ServiceL2Status for other Services, events would add nothing."""
    if was_read(objects, STATUSES.resource) and objects.of(STATUSES.resource):
        return ()
    return refused(objects, STATUSES.resource, EVENTS.resource)
