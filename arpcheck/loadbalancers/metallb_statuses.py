"""ServiceL2Status: the record that MetalLB's speaker keeps of every Service that it announces at layer 2.

Knows both shapes: of 0.14.4 and 0.14.5 (off by default), and of 0.14.6 and later (metallb
api/v1beta1/servicel2status_types.go)."""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.loadbalancers.common import was_read
from arpcheck.model import Claim, ClaimSource, Need, Trust
from arpcheck.objects import Object, Objects, Service, full_name, instant, items, labels_of, namespace, text

STATUSES = Need(
    resource="servicel2statuses.metallb.io",
    costs="MetalLB's announcer is known from events only, which expire after an hour",
    fields=(
        *("metadata labels metallb.io/*", "status node", "status serviceName", "status serviceNamespace"),
        "status interfaces name",
    ),
    record=True,
)

_CONFIGURED = ("ipaddresspools.metallb.io", "l2advertisements.metallb.io", "bgpadvertisements.metallb.io")


def kept_for_others(objects: Objects) -> bool:
    """ServiceL2Status is in use here, so that a Service without one is not announced at this moment."""
    return was_read(objects, STATUSES.resource) and bool(objects.of(STATUSES.resource))


def status_claims(service: Service, objects: Objects) -> tuple[Claim, ...]:
    """One for each node that a record names. Up to 0.15 a speaker could patch another's record (metallb#2712, #2938),
    so that label and status name two nodes: both are claimed."""
    return tuple(
        Claim(
            node=node,
            source=f"ServiceL2Status {full_name(status)}",
            kind=ClaimSource.SERVICE_L2_STATUS,
            trust=Trust.CURRENT,
            service=service.full_name,
            observed_at=(made := instant(text(status, "metadata", "creationTimestamp"))),
            since=made,
            tenure=text(status, "metadata", "uid") or text(status, "metadata", "creationTimestamp"),
        )
        for status in _of(service, objects)
        for node in _nodes(status)
    )


def status_notes(service: Service, objects: Objects) -> tuple[str, ...]:
    """Where a record contradicts itself, where it names interfaces, and those that are not believed."""
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    strange = (status for status in found if not _at_home(status, objects))
    names = (f"ServiceL2Status {full_name(status)} is not in MetalLB's namespace: not believed" for status in strange)
    return (*(note for status in _of(service, objects) for note in _notes(status)), *names)


def _notes(status: Object) -> Iterable[str]:
    nodes = _nodes(status)
    if len(nodes) > 1:
        yield f"ServiceL2Status {full_name(status)}: its label says {nodes[0]}, its status {nodes[-1]}"
    names = [name for entry in items(status, "status", "interfaces") if (name := text(entry, "name"))]
    if nodes and names:
        yield f"announced only on the interfaces {', '.join(names)} of {' and '.join(nodes)}"


def _of(service: Service, objects: Objects) -> tuple[Object, ...]:
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    return tuple(status for status in found if _at_home(status, objects))


def _at_home(status: Object, objects: Objects) -> bool:
    """MetalLB reads its configuration from the namespace that it writes its records to; where none is known, all are
    believed. The first shape lived in the Service's namespace."""
    home = objects.memo(_at_home, lambda: frozenset(namespace(obj) for kind in _CONFIGURED for obj in objects.of(kind)))
    first_shape = "metallb.io/service-name" not in labels_of(status)
    return not home or first_shape or namespace(status) in home


def _service_of(status: Object) -> str:
    """By the labels, since the status is empty between the creation and the first patch. The first shape had one label
    and lived in the Service's namespace."""
    labels = labels_of(status)
    name = labels.get("metallb.io/service-name") or labels.get("metallb.io/service") or text(status, "status", "serviceName")
    space = labels.get("metallb.io/service-namespace") or text(status, "status", "serviceNamespace") or namespace(status)
    return f"{space}/{name}"


def _nodes(status: Object) -> tuple[str, ...]:
    named = (labels_of(status).get("metallb.io/node", ""), text(status, "status", "node"))
    return tuple(dict.fromkeys(node for node in named if node))
