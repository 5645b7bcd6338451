"""OpenELB up to 0.5, and Porter, in layer-2 mode: the leading manager replies with the MAC address of the node it chose.
Source: openelb pkg/controllers/lb/controller.go, pkg/speaker/layer2/arp.go.

Recognised by: annotation `layer2.openelb.kubesphere.io/v1alpha1` (Porter: `layer2.porter.kubesphere.io/v1alpha1`)
Announcer read from: that annotation
Not known: which node sends the reply: its Ethernet source is the leading manager's node, whichever that is"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from arpcheck.loadbalancers.common import demoted, down, has_ingress, recorded_on_services, refused, status_number
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.objects import Object, Objects, Service, full_name, name, text

NAME = "openelb"

_NODE = ("layer2.openelb.kubesphere.io/v1alpha1", "layer2.porter.kubesphere.io/v1alpha1")
_SERVED = "lb.kubesphere.io/v1alpha1"
_EIP = "eip.openelb.kubesphere.io/v1alpha2"
_DAEMONSETS = "daemonsets.apps"
_SPEAKER = "openelb-speaker"

EIPS = Need(
    resource="eips.network.kubesphere.io",
    costs="it is unknown whether OpenELB announces an address by BGP alone",
    fields=("spec protocol",),
    optional=True,
)

NEEDS: tuple[Need, ...] = (
    EIPS,
    recorded_on_services(*_NODE),
    Need(
        resource=_DAEMONSETS,
        costs="the version of OpenELB is unknown: since 0.6 the recorded node may be outdated",
        names=(f"*{_SPEAKER}*",),
        fields=("metadata name", "status desiredNumberScheduled", "status numberReady"),
        group="network.kubesphere.io",
        optional=True,
    ),
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
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
        unread=unread,
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """Up to 0.5 the manager chooses a node and replies for it; since 0.6 the speakers do, and record nothing."""
    if not has_ingress(service, ip) or not any(key in service.annotations for key in (*_NODE, _SERVED)):
        return ()
    said = announcement(service, ip, objects, at)
    return (
        *_by_eip(service, objects),
        *_speakers_down(objects),
        *(down(said.claims, objects) if said else ()),
        *(_by_the_leader(said) if said else ()),
    )


def _by_the_leader(said: Announcement) -> Iterator[Reason]:
    for claim in said.claims:
        yield Reason(
            id=ReasonId.RECORD_BEHIND,
            subject=claim.source,
            evidence=f"the leading manager replies with the MAC address of {claim.node}, on whichever node it runs",
            certainty=Certainty.POSSIBLE,
            nodes=(claim.node,),
        )


def _by_eip(service: Service, objects: Objects) -> Iterator[Reason]:
    """The label names the Eip that the address is of (openelb pkg/constant/constants.go)."""
    for eip in objects.by(EIPS.resource, name).get(service.labels.get(_EIP, ""), ()):
        if text(eip, "spec", "protocol") == "bgp":
            evidence, subject = "its protocol is bgp", f"Eip {name(eip)}"
            yield Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _speakers_down(objects: Objects) -> Iterator[Reason]:
    for found in objects.by(_DAEMONSETS, _speaker).values():
        for one in found:
            wanted = status_number(one, "desiredNumberScheduled")
            if status_number(one, "numberReady") == 0:
                evidence = f"0 of {wanted} speakers are ready" if wanted else "no node is selected to run a speaker"
                subject = f"DaemonSet {full_name(one)}"
                yield Reason(id=ReasonId.ANNOUNCER_NOT_RUNNING, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _speaker(daemonset: Object) -> str | None:
    found = name(daemonset)
    return found if _SPEAKER in found else None
