"""Kube-OVN's lb-svc: a pod on a macvlan holds the address, and the pod's kernel replies with the pod's MAC address.
Source: kube-ovn pkg/controller/service_lb.go, pkg/util/const.go.

Recognised by: annotation `ovn.kubernetes.io/attachmentprovider`; a pod of the Deployment `lb-svc-<service>`
Announcer read from: that pod: `spec.nodeName`, and its MAC in annotation `<provider>.kubernetes.io/mac_address`
Not known: nothing; where its underlay is used with MetalLB, MetalLB records the announcer"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from arpcheck.loadbalancers.common import (
    NODES,
    annotations_of_services,
    down,
    has_ingress,
    refused,
    strongest_first,
    was_read,
)
from arpcheck.model import Address, Announcement, Certainty, Claim, ClaimSource, Mac, Need, Reason, ReasonId, Trust
from arpcheck.objects import Object, Objects, Service, annotations_of, full_name, instant, labels_of, namespace, text

NAME = "kube-ovn"

_PROVIDER = "ovn.kubernetes.io/attachmentprovider"
_DEFAULT = "lb-svc-attachment.kube-system"
_NODE = "ovn.kubernetes.io/mac_address"
_PODS = "pods"

NEEDS: tuple[Need, ...] = (
    annotations_of_services(_PROVIDER),
    replace(NODES, fields=(f"metadata annotations {_NODE}",)),
    Need(
        resource=_PODS,
        costs="the Kube-OVN pod that announces a Service, its node and its MAC address are unknown",
        names=("lb-svc-*",),
        fields=(
            *("metadata labels app", "metadata labels namespace", "metadata labels service"),
            *("metadata annotations *.kubernetes.io/mac_address", "spec nodeName", "status phase"),
        ),
        group="kubeovn.io",
        optional=True,
        record=True,
    ),
)


def announcement(service: Service, ip: Address, objects: Objects, at: datetime) -> Announcement | None:  # noqa: ARG001
    """The pod's MAC address is not a node's. It is in `macs`, so that its replies are not foreign."""
    pods = objects.by(_PODS, _service_of).get(service.full_name, ())
    running = [pod for pod in pods if text(pod, "status", "phase") == "Running"]
    missing = refused(objects, _PODS) if not running else ()
    asked = bool(service.annotations.get(_PROVIDER))
    possible = bool(missing) and not service.load_balancer_class and _runs_here(objects)
    if not has_ingress(service, ip) or not (asked or pods or possible):
        return None
    return Announcement(
        implementation=NAME,
        because=_because(asked, pods),
        order=4 if asked else 5,
        claims=strongest_first(claim for pod in running for claim in _claims(pod, service)),
        macs=tuple(sorted({mac for pod in running for mac in _pod_macs(pod, service)})),
        macs_unread=bool(missing),
        unread=missing,
    )


def reasons(service: Service, ip: Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:
    """The address is on the pod alone: without one that runs, nothing replies."""
    said = announcement(service, ip, objects, at)
    if said is None:
        return ()
    pods = objects.by(_PODS, _service_of).get(service.full_name, ())
    if not said.claims and was_read(objects, _PODS):
        phases = ", ".join(f"{full_name(pod)} is {text(pod, 'status', 'phase') or 'of unknown phase'}" for pod in pods)
        return (
            Reason(
                id=ReasonId.ANNOUNCER_NOT_RUNNING,
                subject=f"Service {service.full_name}",
                evidence=f"no pod lb-svc-{service.name} is running{f': {phases}' if phases else ''}",
                certainty=Certainty.SURE,
            ),
        )
    return tuple(down(said.claims, objects))


def _runs_here(objects: Objects) -> bool:
    """Whether Kube-OVN is this cluster's network. Then any Service may have such a pod, and only the pods show which do."""
    return any(node.annotations.get(_NODE) for node in objects.nodes())


def _because(asked: bool, pods: Sequence[Object]) -> str:
    if asked:
        return f"annotation {_PROVIDER}"
    return f"Pod {full_name(pods[0])}" if pods else f"Nodes with annotation {_NODE}; its pods could not be read"


def _service_of(pod: Object) -> str | None:
    """Only in the Service's own namespace, as Kube-OVN does: a tenant can give its pods any label and MAC address."""
    space, labels = namespace(pod), labels_of(pod)
    if labels.get("namespace") != space or not labels.get("app", "").startswith("lb-svc-"):
        return None
    return f"{space}/{labels.get('service', '')}"


def _claims(pod: Object, service: Service) -> Iterator[Claim]:
    if node := text(pod, "spec", "nodeName"):
        yield Claim(
            node=node,
            source=f"Pod {full_name(pod)}",
            kind=ClaimSource.POD,
            trust=Trust.CURRENT,
            service=service.full_name,
            since=instant(text(pod, "metadata", "creationTimestamp")),
            tenure=text(pod, "metadata", "uid"),
        )


def _pod_macs(pod: Object, service: Service) -> Iterator[tuple[Mac, str]]:
    provider = service.annotations.get(_PROVIDER) or _DEFAULT
    try:
        mac = Mac(annotations_of(pod).get(f"{provider}.kubernetes.io/mac_address", "").strip())
    except ValueError:
        return
    yield mac, f"macvlan of Pod {full_name(pod)}"
