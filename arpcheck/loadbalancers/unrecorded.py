"""The implementations that record no announcer: their Services are recognised by the table in `rows`, and that is all.

Knows how to hold a Service against a row. What there is to know of each is in the table."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.common import has_ingress, named_nodes, refused, untold, was_read
from arpcheck.loadbalancers.needs import NODES, annotations_of_services, of_services
from arpcheck.loadbalancers.rows import ROWS, Row, Switch
from arpcheck.model import Announcement, Claim, ClaimSource, Need, Trust
from arpcheck.objects import Objects, Service, text, texts

NAME = "unrecorded"

_ANNOTATIONS = tuple(f"{key}*" if key.endswith("/") else key for row in ROWS for key in row.annotations)

NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_ANNOTATIONS),
    of_services("metadata finalizers"),
    *(
        Need(
            resource=resource,
            costs="an address that Calico announces by BGP only looks as if it should be answered",
            fields=(f"spec {row.switch.field}",),
            optional=True,
        )
        for row in ROWS
        if row.switch
        for resource in row.switch.resources
    ),
)


def announcement(service: Service, ip: IPv4Address | None, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """By the first row that fits; its implementation is named in place of this plug-in. `ip` is None for a Service that
    has a host name and no address."""
    if not has_ingress(service, ip):
        return None
    for row in ROWS:
        because, order = _recognised(row, service, ip)
        if because:
            return _of(row, service, ip, objects, because, order)
    return None


def _recognised(row: Row, service: Service, ip: IPv4Address | None) -> tuple[str, int]:
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


def _is_outside(service: Service, ip: IPv4Address | None) -> bool:
    return any(entry.hostname or entry.mode == "Proxy" for entry in service.ingress if entry.ip == ip)


def _of(row: Row, service: Service, ip: IPv4Address | None, objects: Objects, because: str, order: int) -> Announcement:
    claims = _hosts(service, ip, objects) if row.hostname_is_node else ()
    off = _is_off(row.switch, objects) if row.switch else False
    might_tell = (*(row.switch.resources if row.switch and off is None else ()), *_nodes(row, service, ip))
    return Announcement(
        implementation=row.implementation,
        because=because,
        order=order,
        claims=claims,
        silence="announced by BGP only" if off else None,
        external=row.external,
        or_inside=row.or_inside,
        notes=() if claims or off else (row.why,),
        unread=() if claims else refused(objects, *might_tell),
        unsaid_silence=untold(objects, *row.switch.resources[:1]) if row.switch and off is None else (),
    )


def _nodes(row: Row, service: Service, ip: IPv4Address | None) -> tuple[str, ...]:
    """Without the Nodes it can't be said whether the host name is one's."""
    named = row.hostname_is_node and any(entry.hostname for entry in service.ingress if entry.ip == ip)
    return (NODES.resource,) if named else ()


def _hosts(service: Service, ip: IPv4Address | None, objects: Objects) -> tuple[Claim, ...]:
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
    """Off where no object has it on, be it that there is none; None: what would have it could not be read."""
    found = [obj for resource in switch.resources if was_read(objects, resource) for obj in objects.of(resource)]
    missing = not found and (refused(objects, *switch.resources) or all(objects.untold(name) for name in switch.resources))
    return None if missing else all(text(obj, "spec", switch.field) in switch.off for obj in found)
