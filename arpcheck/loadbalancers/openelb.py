"""OpenELB up to 0.5, and Porter, in layer-2 mode: the leading manager replies with the MAC address of the node it chose.
Source: openelb pkg/controllers/lb/controller.go, pkg/speaker/layer2/arp.go.

Recognised by: annotation `layer2.openelb.kubesphere.io/v1alpha1` (Porter: `layer2.porter.kubesphere.io/v1alpha1`)
Announcer read from: that annotation
Not known: which node sends the reply: its Ethernet source is the leading manager's node, whichever that is"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers.common import demoted, has_ingress, recorded_on_services, refused
from arpcheck.model import Announcement, Claim, ClaimSource, Need, Reason, Trust
from arpcheck.objects import Object, Objects, Service, name

NAME = "openelb"

_NODE = ("layer2.openelb.kubesphere.io/v1alpha1", "layer2.porter.kubesphere.io/v1alpha1")
_DAEMONSETS = "daemonsets.apps"
_SPEAKER = "openelb-speaker"

NEEDS: tuple[Need, ...] = (
    recorded_on_services(*_NODE),
    Need(
        resource=_DAEMONSETS,
        costs="the version of OpenELB is unknown: since 0.6 the recorded node may be outdated",
        names=(f"*{_SPEAKER}*",),
        fields=("metadata name",),
        group="network.kubesphere.io",
        optional=True,
    ),
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """Since 0.6 the speakers elect one of themselves and write nothing, so an annotation of an older manager is outdated."""
    key = next((key for key in _NODE if service.annotations.get(key)), "")
    if not key or not has_ingress(service, ip) or objects.by(_DAEMONSETS, _speaker):
        return None
    source = f"annotation {key}"
    kind, node = ClaimSource.ANNOTATION, service.annotations[key]
    claims = (Claim(node=node, source=source, kind=kind, trust=Trust.CURRENT, service=service.full_name),)
    unread = refused(objects, _DAEMONSETS)
    return Announcement(
        implementation=NAME,
        because=source,
        order=4,
        claims=demoted(claims) if unread else claims,
        notes=("the leading manager replies for the node: an Ethernet source other than the node's MAC address is normal",),
        unread=unread,
    )


def reasons(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:  # noqa: ARG001
    """None is known."""
    return ()


def _speaker(daemonset: Object) -> str | None:
    found = name(daemonset)
    return found if _SPEAKER in found else None
