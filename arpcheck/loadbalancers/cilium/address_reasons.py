"""Why Cilium's agents announce an address from no node, or from another one, in the order in which an agent decides.
Source: cilium pkg/l2announcer/l2announcer.go (upsertPolicy, desiredEntries, updatePolicyStatus)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from arpcheck.endpoints import are_read, endpoints
from arpcheck.loadbalancers.common import (
    all_of,
    any_of,
    at_most_likely,
    condition,
    fits,
    named_nodes,
    status_number,
    was_read,
)
from arpcheck.loadbalancers.leases import LEASES
from arpcheck.model import Address, Certainty, Claim, Need, Reason, ReasonId, Trust
from arpcheck.objects import Object, Objects, Service, at, full_name, items, mapping, name, namespace, text, texts

HOME = "kube-system"

CONFIG = Need(
    resource="configmaps",
    costs="it is unknown whether Cilium's L2 announcements are switched on, and on which devices",
    verb="get",
    namespace=HOME,
    names=("cilium-config",),
    fields=tuple(f"data {key}" for key in ("enable-l2-announcements", "kube-proxy-replacement", "devices")),
    group="cilium.io",
    optional=True,
)
AGENTS = Need(
    resource="daemonsets.apps",
    costs="the version of Cilium is unknown, and whether its agents run",
    namespace=HOME,
    names=("cilium",),
    fields=(
        *("spec template spec containers name", "spec template spec containers image"),
        *("status desiredNumberScheduled", "status numberReady"),
    ),
    group="cilium.io",
    optional=True,
)
AGENT_PODS = Need(
    resource="pods",
    costs="it is unknown whether Cilium's agent is ready on the node that holds a Lease",
    namespace=HOME,
    selector="k8s-app=cilium",
    fields=("metadata labels k8s-app", "spec nodeName", "status conditions type", "status conditions status"),
    group="cilium.io",
    optional=True,
)
NEEDS: tuple[Need, ...] = (CONFIG, AGENTS, AGENT_PODS)

ERRORS = ("io.cilium/bad-node-selector", "io.cilium/bad-interface-regex", "io.cilium/bad-service-selector")
"""The conditions of a policy that an agent could not use."""

GATEWAY = ("io.cilium.gateway/owning-gateway", "gateway.networking.k8s.io/gateway-name")
"""The labels of a Gateway's Service."""

_LOCAL_SINCE = (1, 20, 2)
"""Only nodes with an endpoint take part for policy Local (cilium#46399, cilium#48550)."""
_IPV6, _IPV6_SINCE = 6, (1, 18, 0)
_TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)(?:@|\Z)")
"""A pre-release says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyMatch:
    """What a CiliumL2AnnouncementPolicy says of a Service."""

    policy: Object
    selects: bool | None
    """Its serviceSelector; None if that cannot be understood."""
    announces: bool
    """It announces this kind of address."""
    kind: str
    """`loadBalancerIPs` or `externalIPs`."""

    @property
    def takes(self) -> bool | None:
        return all_of((self.announces, self.selects))

    @property
    def subject(self) -> str:
        return f"CiliumL2AnnouncementPolicy {name(self.policy)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOfCilium:
    """An address of a Service, and what the policies and the Leases say about it."""

    service: Service
    ip: Address
    policies: tuple[PolicyMatch, ...]
    taken: bool | None
    """By a policy; None if one of them is unknown."""
    bgp: bool
    """Its BGP control plane advertises it."""
    claims: tuple[Claim, ...]
    elsewhere: tuple[str, ...]
    """What is to say of Leases of its name that are not Cilium's."""

    @property
    def subject(self) -> str:
        return f"Service {self.service.full_name}"

    @property
    def held(self) -> tuple[Claim, ...]:
        """The Leases that a node holds now."""
        return tuple(claim for claim in self.claims if claim.trust is Trust.CURRENT)

    @property
    def clock_doubt(self) -> bool:
        return any(claim.clock_doubt for claim in self.claims)

    @property
    def taking(self) -> tuple[PolicyMatch, ...]:
        """The policies that take it, or may."""
        return tuple(one for one in self.policies if one.takes is not False)


def reasons(seen: AddressOfCilium, objects: Objects) -> tuple[Reason, ...]:
    """Where a node holds the Lease, the configuration alone does not say that nobody announces: it may be newer."""
    excluded = tuple(_excluded(seen, objects))
    if seen.held:
        excluded = at_most_likely(excluded)
    excluded = (*_of_family(seen, objects), *excluded, *_kinds(seen))
    sure = any(one.certainty is Certainty.SURE for one in excluded)
    return (*excluded, *(() if sure else _of_the_lease(seen, objects)), *_odd(seen, objects))


# ------------------------------------------------------------------------------------------- What the agents' rules exclude


def _of_family(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    """One Lease is for the addresses of both families, so its holder says nothing of IPv6 (cilium#39648)."""
    version = _version(objects)
    if seen.ip.version == _IPV6 and version and version < _IPV6_SINCE:
        written = ".".join(map(str, version))
        yield Reason(
            id=ReasonId.FAMILY_NOT_ANNOUNCED,
            subject=f"DaemonSet {HOME}/cilium",
            evidence=f"Cilium {written} announces no IPv6 address: 1.18 is the first that does",
            certainty=Certainty.SURE,
        )


def _kinds(seen: AddressOfCilium) -> Iterator[Reason]:
    """An agent takes the Lease by the selector alone, and announces no address of a kind that is off: this is sure even
    where a node holds the Lease. Both kinds are off by default."""
    selecting = [one for one in seen.policies if one.selects]
    if seen.taken is False and selecting and not seen.bgp:
        for one in selecting:
            evidence = f"it selects the Service, and its {one.kind} is not true"
            yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=one.subject, evidence=evidence, certainty=Certainty.SURE)


def _excluded(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    yield from _switched_off(seen, objects)
    if seen.taken is False and seen.bgp:
        evidence = "its BGP control plane advertises it, and no CiliumL2AnnouncementPolicy takes it"
        yield Reason(id=ReasonId.ANNOUNCED_BY_BGP, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE)
    elif seen.taken is False and not any(one.selects for one in seen.policies):
        names = ", ".join(sorted(name(one.policy) for one in seen.policies)[:3])
        evidence = (
            f"no CiliumL2AnnouncementPolicy selects it: {names}" if names else "there is no CiliumL2AnnouncementPolicy"
        )
        yield Reason(id=ReasonId.NO_ADVERTISEMENT, subject=seen.subject, evidence=evidence, certainty=Certainty.SURE)
    yield from _rejected(seen)
    yield from _no_node(seen, objects)
    yield from _no_endpoint(seen, objects)
    agents = _agents(objects)
    if agents is not None and status_number(agents, "numberReady") == 0:
        wanted = status_number(agents, "desiredNumberScheduled")
        evidence = f"0 of {wanted} agents are ready" if wanted else "no node is selected to run an agent"
        subject = f"DaemonSet {full_name(agents)}"
        yield Reason(id=ReasonId.ANNOUNCER_NOT_RUNNING, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _switched_off(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    """Off by default. Without the Leases an agent may still run with an older configuration."""
    data = _config(objects)
    if data is None or data.get("enable-l2-announcements", "").lower() == "true":
        return
    written = data.get("enable-l2-announcements")
    evidence = f'enable-l2-announcements is "{written}"' if written else "enable-l2-announcements is not set"
    sure = was_read(objects, LEASES.resource) and not seen.clock_doubt
    certainty = Certainty.SURE if sure else Certainty.LIKELY
    yield Reason(id=ReasonId.ARP_DISABLED, subject=_CONFIG_MAP, evidence=evidence, certainty=certainty)


def _rejected(seen: AddressOfCilium) -> Iterator[Reason]:
    """An agent that started before goes on with the policy as it was."""
    for one in seen.policies:
        for kind in ERRORS:
            if one.selects is not False and condition(one.policy, kind) == "True":
                said = next(text(c, "message") for c in items(one.policy, "status", "conditions") if text(c, "type") == kind)
                evidence = f"condition {kind}{f': {said}' if said else ''}"
                yield Reason(
                    id=ReasonId.INVALID_CONFIGURATION,
                    subject=one.subject,
                    evidence=evidence,
                    certainty=Certainty.LIKELY,
                )


def _no_node(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    nodes = tuple(node.name for node in named_nodes(objects))
    if seen.taken and nodes and was_read(objects, "nodes") and _selected(seen, objects) == frozenset():
        for one in seen.taking:
            evidence = f"its nodeSelector selects none of the {len(nodes)} nodes"
            yield Reason(
                id=ReasonId.NO_NODE_MAY_ANNOUNCE,
                subject=one.subject,
                evidence=evidence,
                certainty=Certainty.SURE,
                nodes=nodes,
            )


def _selected(seen: AddressOfCilium, objects: Objects) -> frozenset[str]:
    """The nodes that take part, or may. The labels of a CiliumNode are those of its Node."""
    return frozenset(
        node.name
        for node in named_nodes(objects)
        if any_of(_selects_node(one.policy, node.labels) for one in seen.taking) is not False
    )


def _selects_node(policy: Object, labels: object) -> bool | None:
    selector = at(policy, "spec", "nodeSelector")
    return True if selector is None else fits(selector, mapping({"labels": labels}, "labels"))


def _no_endpoint(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    """The endpoint of a Gateway's Service names no node (cilium#48799). An endpoint that terminates may still count."""
    version = _version(objects)
    if not seen.service.local_traffic_only or seen.taken is False or (version and version < _LOCAL_SINCE):
        return
    if version is None and seen.held:
        return
    if not are_read(objects):
        yield from () if seen.held else _perhaps_no_endpoint(seen)
        return
    found = tuple(one for family in (4, 6) for one in endpoints(seen.service, objects, version=family) or ())
    usable = tuple(one for one in found if one.usable or one.serving)
    if not found and objects.read_at is None:
        return
    certainty = Certainty.SURE if version else Certainty.LIKELY
    since = "" if version else ": since 1.20.2 Cilium then announces it from none"
    if not usable:
        evidence = f"externalTrafficPolicy is Local, and it has no {'ready ' if found else ''}endpoint{since}"
        yield Reason(id=ReasonId.NO_READY_ENDPOINT, subject=seen.subject, evidence=evidence, certainty=certainty)
        return
    places = frozenset(one.node for one in usable if one.node)
    chosen = _selected(seen, objects) if was_read(objects, "nodes") and seen.taken and seen.taking else places
    if not places & chosen:
        where = f"are on {', '.join(sorted(places)[:3])}, which no policy selects" if places else "are on no node"
        evidence = f"externalTrafficPolicy is Local, and its endpoints {where}{since}"
        yield Reason(
            id=ReasonId.NO_LOCAL_ENDPOINT,
            subject=seen.subject,
            evidence=evidence,
            certainty=certainty,
            nodes=tuple(sorted(places)),
        )


def _perhaps_no_endpoint(seen: AddressOfCilium) -> Iterator[Reason]:
    """Without the EndpointSlices: a Gateway shows by its label that its endpoint is on no node."""
    gateway = next((seen.service.labels[key] for key in GATEWAY if key in seen.service.labels), None)
    of_gateway = f"and the endpoint of Gateway {gateway} is on no node"
    known = of_gateway if gateway else "since 1.20.2 only nodes with an endpoint take part"
    yield Reason(
        id=ReasonId.NO_LOCAL_ENDPOINT,
        subject=seen.subject,
        evidence=f"externalTrafficPolicy is Local, {known}",
        certainty=Certainty.LIKELY if gateway else Certainty.POSSIBLE,
    )


# ----------------------------------------------------------------------------------------------------------------- The Lease


def _of_the_lease(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    nodes = {node.name: node for node in named_nodes(objects)} if was_read(objects, "nodes") else {}
    for claim in () if seen.clock_doubt else seen.claims:
        known = nodes.get(claim.node)
        if nodes and (known is None or known.ready is False):
            evidence = f"{claim.node}, its holder, is {'not Ready' if known else 'not in the cluster'}"
            yield _of_claim(ReasonId.NODE_DOWN, claim, evidence)
        elif _agent_ready(claim.node, objects) is False:
            evidence = f"the agent on {claim.node}, its holder, is not ready"
            yield _of_claim(ReasonId.ANNOUNCER_NOT_RUNNING, claim, evidence)
        elif claim.trust is not Trust.CURRENT and claim.placed:
            yield _of_claim(ReasonId.RECORD_BEHIND, claim, f"{claim.node}, its holder, does not renew it any more")
        elif known and seen.taken and claim.node not in _selected(seen, objects):
            evidence = f"no policy that takes the Service selects {claim.node}, its holder"
            yield _of_claim(ReasonId.RECORD_BEHIND, claim, evidence)
    if not seen.claims and seen.taken and was_read(objects, LEASES.resource):
        evidence = "a CiliumL2AnnouncementPolicy takes it, and no node holds its Lease"
        yield Reason(id=ReasonId.NO_RECORD, subject=seen.subject, evidence=evidence, certainty=Certainty.LIKELY)


def _of_claim(id_: ReasonId, claim: Claim, evidence: str) -> Reason:
    return Reason(id=id_, subject=claim.source, evidence=evidence, certainty=Certainty.LIKELY, nodes=(claim.node,))


# ----------------------------------------------------------------------------------------------- What may have to do with it


def _odd(seen: AddressOfCilium, objects: Objects) -> Iterator[Reason]:
    data = _config(objects) or {}
    replaces = data.get("kube-proxy-replacement")
    if replaces and replaces.lower() not in ("true", "strict"):
        evidence = f'kube-proxy-replacement is "{replaces}", and L2 announcements need it'
        yield Reason(id=ReasonId.ARP_DISABLED, subject=_CONFIG_MAP, evidence=evidence, certainty=Certainty.POSSIBLE)
    devices = data.get("devices", "").replace(",", " ").split()
    for one in seen.taking if seen.taken else ():
        patterns = texts(one.policy, "spec", "interfaces")
        if patterns:
            misses = bool(devices) and not _may_match(patterns, devices)
            those = f", none of Cilium's devices {', '.join(devices)}" if misses else ""
            yield Reason(
                id=ReasonId.INTERFACE_MISMATCH,
                subject=one.subject,
                evidence=f"it announces only on interfaces that match {', '.join(patterns)}{those}",
                certainty=Certainty.LIKELY if misses else Certainty.POSSIBLE,
            )
    if devices:
        evidence = f"devices is {' '.join(devices)}: Cilium announces on no other"
        yield Reason(id=ReasonId.INTERFACE_MISMATCH, subject=_CONFIG_MAP, evidence=evidence, certainty=Certainty.POSSIBLE)
    for said in seen.elsewhere:
        yield Reason(id=ReasonId.NO_RECORD, subject=seen.subject, evidence=said, certainty=Certainty.POSSIBLE)


def _may_match(patterns: tuple[str, ...], devices: list[str]) -> bool:
    """A device that ends with `+` stands for all that begin so; Go's expressions are nearly Python's."""
    try:
        return any(device.endswith("+") or re.search(pattern, device) for pattern in patterns for device in devices)
    except re.error:
        return True


# ------------------------------------------------------------------------------------------------------ Cilium's own objects

_CONFIG_MAP = f"ConfigMap {HOME}/cilium-config"


def _config(objects: Objects) -> dict[str, str] | None:
    """None if it is not known."""
    found = (obj for obj in objects.of(CONFIG.resource) if full_name(obj) == f"{HOME}/cilium-config")
    return next((dict(mapping(obj, "data")) for obj in found), None)


def _agents(objects: Objects) -> Object | None:
    found = (obj for obj in objects.of(AGENTS.resource) if full_name(obj) == f"{HOME}/cilium")
    return next(found, None)


def _version(objects: Objects) -> tuple[int, ...] | None:
    agents = _agents(objects)
    for container in items(agents, "spec", "template", "spec", "containers"):
        match = _TAG.search(text(container, "image")) if text(container, "name") == "cilium-agent" else None
        if match:
            return tuple(int(part) for part in match.groups())
    return None


def _agent_ready(node: str, objects: Objects) -> bool | None:
    """None if it has none that was read: pods may be forbidden."""
    pods = objects.by(AGENT_PODS.resource, _node_of_agent).get(node, ())
    return any(condition(pod, "Ready") == "True" for pod in pods) if pods else None


def _node_of_agent(pod: Object) -> str | None:
    own = text(pod, "metadata", "labels", "k8s-app") == "cilium" and namespace(pod) == HOME
    return text(pod, "spec", "nodeName") if own else None
