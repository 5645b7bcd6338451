"""Why nobody replies for an address, or not the right one: the reasons of the load balancers and of the wire, the surest
first, each with its cure.

A load balancer's file finds out what its objects explain (`reasons` there); what the wire shows is found here. A new reason
is a line of `ReasonId` and one of `TEXTS`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from arpcheck.judge.case import Case
from arpcheck.judge.verdicts import Text
from arpcheck.model import Certainty, Reason, ReasonId, Skip, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonText:
    """A row of the table."""

    id: ReasonId
    means: str
    do: Mapping[str, str]
    """The cure by load balancer; "" is that of all others."""

    def cure(self, implementation: str | None) -> str:
        return self.do.get(implementation or "", self.do.get("", ""))


TEXTS: tuple[ReasonText, ...] = (
    ReasonText(
        id=ReasonId.NO_ADVERTISEMENT,
        means=(
            "No object of the load balancer's configuration announces the address at layer 2, so no node replies for it."
        ),
        do={
            "metallb": (
                "Create an L2Advertisement in MetalLB's namespace that selects the pool, or add the "
                "pool to one: `kubectl get ipaddresspools,l2advertisements -A`"
            ),
            "cilium": (
                "Create a CiliumL2AnnouncementPolicy with loadBalancerIPs or externalIPs that selects "
                "the Service: `kubectl get ciliuml2announcementpolicies -o yaml`"
            ),
            "": "Check that the load balancer's configuration covers the address",
        },
    ),
    ReasonText(
        id=ReasonId.NO_NODE_MAY_ANNOUNCE,
        means=(
            "Every node is excluded from announcing the address: by a label, a condition, or the "
            "selectors of the configuration."
        ),
        do={
            "metallb": (
                "Remove the label node.kubernetes.io/exclude-from-external-load-balancers from a "
                "node, or change the nodeSelectors of the L2Advertisement. The speaker's flag "
                "--ignore-exclude-lb makes it ignore the label"
            ),
            "cilium": (
                "Change the nodeSelector of the CiliumL2AnnouncementPolicy so that it selects a node: "
                "`kubectl get nodes --show-labels`"
            ),
            "": "Let the configuration select a node that is Ready: `kubectl get nodes --show-labels`",
        },
    ),
    ReasonText(
        id=ReasonId.NO_READY_ENDPOINT,
        means=(
            "The Service has no endpoint that takes traffic, and the load balancer announces only Services that have one."
        ),
        do={
            "": (
                "Find out why no pod of the Service is Ready: `kubectl -n NAMESPACE get endpointslices -l "
                "kubernetes.io/service-name=NAME -o wide`, `kubectl -n NAMESPACE get pods -o wide`. Check the "
                "selector of the Service"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.NO_LOCAL_ENDPOINT,
        means=(
            "The Service has externalTrafficPolicy Local, and no node that may announce the address has a ready endpoint."
        ),
        do={
            "": ("Run a pod of the Service on a node that may announce, or set externalTrafficPolicy to Cluster"),
        },
    ),
    ReasonText(
        id=ReasonId.INVALID_CONFIGURATION,
        means="The load balancer rejected its configuration. It uses the last valid one, or none.",
        do={
            "metallb": (
                "Correct the object that the ConfigurationState names: `kubectl get configurationstates -A -o yaml`"
            ),
            "": "Correct the object that its log names",
        },
    ),
    ReasonText(
        id=ReasonId.ANNOUNCER_NOT_RUNNING,
        means="The pod that announces addresses is not ready on the node, or runs on no node.",
        do={
            "metallb": (
                "Look at the speaker: `kubectl get pods -A -l component=speaker -o wide`, then its "
                "log. Check the nodeSelector and the tolerations of its DaemonSet"
            ),
            "cilium": ("Look at the agent: `kubectl -n kube-system get pods -l k8s-app=cilium -o wide`, then its log"),
            "": "Look at the pods of the load balancer and their logs: `kubectl get pods -A -o wide`",
        },
    ),
    ReasonText(
        id=ReasonId.INTERFACE_MISMATCH,
        means=(
            "The configuration limits the announcement to interfaces that the node does not have, "
            "or that are not on this segment."
        ),
        do={
            "": (
                "Correct the interfaces in the configuration of the load balancer: `ip -br link` on "
                "the node lists those that it has"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.CLASS_NOT_SERVED,
        means="No load balancer here serves the loadBalancerClass of the Service.",
        do={
            "": (
                "Set spec.loadBalancerClass to one that is served. The field can be set only when the "
                "Service is created or becomes a LoadBalancer"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.ANNOUNCE_FAILED,
        means="The load balancer wrote an event that it could not announce the address.",
        do={
            "": "Read the event and the log of the pod that wrote it: `kubectl -n NAMESPACE describe service NAME`",
        },
    ),
    ReasonText(
        id=ReasonId.NO_RECORD,
        means=(
            "The load balancer keeps a record for each address that it announces, and has none "
            "for this one: no node announces it now."
        ),
        do={
            "metallb": (
                "Read the log of the speakers for the name of the Service: `kubectl -n metallb-system "
                "logs -l component=speaker`"
            ),
            "cilium": (
                "Check that the agents run with enable-l2-announcements and may write Leases: "
                "`kubectl -n kube-system get leases`, `kubectl -n kube-system logs ds/cilium`"
            ),
            "": "Read the log of the load balancer's pods for the name of the Service",
        },
    ),
    ReasonText(
        id=ReasonId.RECORD_BEHIND,
        means="The record does not say who announces now.",
        do={
            "": ("Compare the record with the log of the node that it names, and with that of the node that replies"),
        },
    ),
    ReasonText(
        id=ReasonId.NODE_DOWN,
        means="The node that the record names is not Ready, or not in the cluster any more.",
        do={
            "": (
                "Bring the node back or remove it from the cluster: `kubectl get nodes`. Read the log "
                "of the load balancer for why no other node took over"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.ANNOUNCED_BY_BGP,
        means="The load balancer announces the address by BGP alone. No node replies to ARP.",
        do={
            "": ("Route to the address through the BGP peers, or configure the load balancer to announce it at layer 2"),
        },
    ),
    ReasonText(
        id=ReasonId.ARP_DISABLED,
        means="The load balancer runs with its layer-2 mode off.",
        do={
            "cilium": (
                "Set enable-l2-announcements to true in ConfigMap kube-system/cilium-config and "
                "restart the agents. It needs kube-proxy replacement"
            ),
            "kube-vip": "Set vip_arp and svc_enable to true in the pods of kube-vip",
            "": "Switch the layer-2 mode of the load balancer on",
        },
    ),
    ReasonText(
        id=ReasonId.FAMILY_NOT_ANNOUNCED,
        means="The load balancer announces no address of this IP family at layer 2.",
        do={
            "cilium": "Upgrade Cilium to 1.18 or later, or leave IPv6 out of spec.ipFamilies of the Service",
            "": "Use an address of the other family, or a version of the load balancer that announces this one",
        },
    ),
    ReasonText(
        id=ReasonId.SERVICE_IGNORED,
        means="The Service tells the load balancer to leave it alone.",
        do={
            "kube-vip": "Remove the annotation kube-vip.io/ignore from the Service",
            "": "Remove the annotation or the label from the Service",
        },
    ),
    ReasonText(
        id=ReasonId.OWNED_BY_NO_NODE,
        means="The load balancer gives out only addresses of nodes, and no node has this one.",
        do={
            "": "Compare the address of the Service with `kubectl get nodes -o wide`",
        },
    ),
    ReasonText(
        id=ReasonId.TWO_ANNOUNCERS,
        means="Two load balancers, or two elections of one, announce the address.",
        do={
            "": ("Let one load balancer serve the Service: set spec.loadBalancerClass, or remove the other one"),
        },
    ),
    ReasonText(
        id=ReasonId.LEFT_ON_INTERFACE,
        means="A node that announced the address before still has it on an interface.",
        do={
            "": ("Remove the address on that node: `ip addr show`, `ip addr del ADDRESS/32 dev INTERFACE`"),
        },
    ),
    ReasonText(
        id=ReasonId.BROADCAST_FILTERED,
        means=(
            "The announcer replies to a unicast request and not to a broadcast, which is what "
            "clients send first. Something drops broadcasts on the way: a switch, Wi-Fi, a "
            "hypervisor's MAC filter."
        ),
        do={
            "": (
                "On the node, `tcpdump -eni INTERFACE arp` shows whether broadcasts reach it. Look at "
                "storm control and port security of its switch port, or at the MAC filter of its "
                "virtual NIC"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.MULTICAST_FILTERED,
        means=(
            "A node has the IPv6 address and does not receive the requests that clients send, which go to the "
            "address's solicited-node group: a switch with MLD snooping does not know the node as a member, or "
            "MetalLB's speaker left the group after its interface was down."
        ),
        do={
            "metallb": ("Restart the speaker on that node: it joins the group again only then"),
            "": (
                "On the node, `ip -6 maddr show dev INTERFACE` shows whether it is in the group. If it is, look at MLD "
                "snooping on the switch: is there a querier, and does it list the port"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.DADFAILED_LIKELY,
        means=(
            "The announcer is heard, and replies to no request for the IPv6 address that its load balancer puts on an "
            "interface. A kernel checks such an address first (duplicate address detection). If another host had it then, "
            "as at a failover, the address stays on the interface and is never used, also after the other host has gone."
        ),
        do={
            "purelb": (
                "On the node, `ip -6 address show dadfailed` lists such addresses. If it is there, find who else has or "
                "had it (`arpcheck watch` during a failover), delete it (`ip -6 address delete ADDRESS/PREFIX dev "
                "INTERFACE`), and restart PureLB's agent there. The annotation purelb.io/skip-ipv6-dad leaves out the check"
            ),
            "": (
                "On the node, `ip -6 address show dadfailed` lists such addresses. If it is there, find who else has or "
                "had it (`arpcheck watch` during a failover), delete it (`ip -6 address delete ADDRESS/PREFIX dev "
                "INTERFACE`), and restart the load balancer's pod there. If it is not, read the log of that pod"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.ANNOUNCER_MUTE,
        means=(
            "The announcer replies for its own address, and for this one not even to a unicast "
            "request: it does not announce the address."
        ),
        do={
            "": (
                "Read the log of the load balancer's pod on that node, and restart it if it says that "
                "it announces the address"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.SENDER_FILTERED,
        means="The announcer replies to requests from one sender address and not from another.",
        do={
            "": (
                "Look at rp_filter and arp_ignore on the node (`sysctl -a | grep -E "
                "'rp_filter|arp_'`), and at ARP inspection on the switch"
            ),
        },
    ),
    ReasonText(
        id=ReasonId.NO_POOL,
        means="The Service has no address: the load balancer has no pool that is for it.",
        do={
            "metallb": (
                "Create an IPAddressPool in MetalLB's namespace, or change autoAssign or serviceAllocation of one: "
                "`kubectl get ipaddresspools -A -o yaml`"
            ),
            "cilium": (
                "Create a CiliumLoadBalancerIPPool, or change serviceSelector or disabled of one: "
                "`kubectl get ciliumloadbalancerippools -o yaml`"
            ),
            "kube-vip": "Set the annotation kube-vip.io/loadbalancerIPs, or look at the log of kube-vip-cloud-provider",
            "": "Give the load balancer a pool of addresses that is for the Service",
        },
    ),
    ReasonText(
        id=ReasonId.POOL_EXHAUSTED,
        means="The Service has no address: other Services have all those of the pools that are for it.",
        do={
            "": "Add addresses to the pool, or delete a Service that needs none: `kubectl get services -A`",
        },
    ),
    ReasonText(
        id=ReasonId.REQUEST_NOT_MET,
        means="The Service asks for an address or a pool that it cannot have.",
        do={
            "metallb": (
                "Correct the annotation or spec.loadBalancerIP of the Service: "
                "`kubectl -n NAMESPACE describe service NAME`, `kubectl get ipaddresspools -A`"
            ),
            "cilium": (
                "Correct the annotation lbipam.cilium.io/ips or spec.loadBalancerIP of the Service: "
                "`kubectl -n NAMESPACE describe service NAME`, `kubectl get ciliumloadbalancerippools -o yaml`"
            ),
            "": "Correct what the Service asks for: `kubectl -n NAMESPACE describe service NAME`",
        },
    ),
    ReasonText(
        id=ReasonId.ALLOCATION_FAILED,
        means="The load balancer says, in an event or a condition, that it could not give the Service an address.",
        do={
            "": "Read the events of the Service: `kubectl -n NAMESPACE describe service NAME`",
        },
    ),
    ReasonText(
        id=ReasonId.ALLOCATOR_NOT_RUNNING,
        means="The Service has no address, and the pod of the load balancer that gives out addresses is not ready.",
        do={
            "metallb": "Look at the controller: `kubectl -n metallb-system get pods -o wide`, then its log",
            "": "Look at the pods of the load balancer and their logs: `kubectl get pods -A -o wide`",
        },
    ),
    ReasonText(
        id=ReasonId.UNEXPLAINED,
        means="Nothing that was read explains it.",
        do={
            "": (
                "Read the log of the load balancer's pods, and run `tcpdump -eni INTERFACE arp` on "
                "the node that should reply"
            ),
        },
    ),
)
"""A row for each reason, in the order of ReasonId."""


def has_reasons(case: Case, verdict: Verdict) -> bool:
    """Whether the reader asks why: nobody replied though somebody should, or not the right one; or there is no address, or
    none that a known load balancer announces."""
    if verdict in (Verdict.SILENT, Verdict.WRONG_NODE, Verdict.DUPLICATE, Verdict.MOVED):
        return True
    if verdict is Verdict.NOT_PROBED:
        return case.target.skips is Skip.PENDING or (case.target.skips is None and not case.parties and _of_nobody(case))
    return verdict is Verdict.INCONCLUSIVE and not case.parties and bool(case.rounds)


def _of_nobody(case: Case) -> bool:
    return bool(case.announcements) and all(one.implementation is None for one in case.announcements)


def explained(found: Iterable[Reason], verdict: Verdict, subject: str = "") -> tuple[Reason, ...]:
    """The reasons that can explain the verdict, each once and with its cure, the surest first. `found`: in the order in
    which the load balancers name them. `subject`: the address; where nobody replied for it and nothing that was read
    explains that, the first reason says so."""
    fitting = [reason for reason in dict.fromkeys(found) if _explains(reason.id, verdict)]
    explaining = [one for one in fitting if one.certainty is not Certainty.POSSIBLE]
    if any(one.id is not ReasonId.UNEXPLAINED for one in explaining):
        fitting = [one for one in fitting if one.id is not ReasonId.UNEXPLAINED]
    elif verdict is Verdict.SILENT and not explaining:
        unexplained = "nothing that was read of the cluster explains it"
        fitting.append(Reason(id=ReasonId.UNEXPLAINED, subject=subject, evidence=unexplained, certainty=Certainty.LIKELY))
    ordered = sorted(fitting, key=lambda reason: reason.certainty.rank)
    return tuple(replace(one, do=_of_service(cure(one.id, one.implementation), one.subject)) for one in ordered)


def _of_service(text: str, subject: str) -> str:
    """The cure with the name of the Service, where the reason is about one. A file may name it anything."""
    kind, _, full = subject.partition(" ")
    space, _, name = full.partition("/")
    if kind != "Service" or not name:
        return text
    words = {"NAMESPACE": shlex.quote(space), "NAME": shlex.quote(name)}
    return re.sub(r"\b(?:NAMESPACE|NAME)\b", lambda found: words[found[0]], text)


def cure(id_: ReasonId, implementation: str | None) -> str:
    """Without the name of a Service: with the placeholders NAMESPACE and NAME."""
    return _BY_ID[id_].cure(implementation)


def _explains(id_: ReasonId, verdict: Verdict) -> bool:
    """Where a node replied, what keeps all nodes from announcing is no reason; where none did, two announcers are none."""
    return id_ in (_OF_A_REPLY if verdict in (Verdict.WRONG_NODE, Verdict.DUPLICATE, Verdict.MOVED) else _OF_SILENCE)


def best(found: Iterable[Reason]) -> Reason | None:
    """The surest reason that explains something; None if there is none, or only an oddity."""
    fitting = (one for one in found if one.certainty is not Certainty.POSSIBLE and one.id is not ReasonId.UNEXPLAINED)
    return next(fitting, None)


def said(found: Sequence[Reason]) -> str:
    """The surest reason as a clause, or why its load balancer shows none; empty if there is neither."""
    unshown = (one for one in found if one.id is ReasonId.UNEXPLAINED and one.implementation)
    one = best(found) or next(unshown, None)
    return f"{one.subject}: {one.evidence}" if one else ""


_BY_ID = {row.id: row for row in TEXTS}

_OF_A_REPLY = frozenset(
    {
        ReasonId.INVALID_CONFIGURATION,
        ReasonId.ANNOUNCER_NOT_RUNNING,
        ReasonId.RECORD_BEHIND,
        ReasonId.NODE_DOWN,
        ReasonId.TWO_ANNOUNCERS,
        ReasonId.LEFT_ON_INTERFACE,
    }
)
_OF_SILENCE = frozenset(ReasonId) - {ReasonId.TWO_ANNOUNCERS, ReasonId.LEFT_ON_INTERFACE}


def texts() -> tuple[Text, ...]:
    """What every reason means and its cures, in the order of ReasonId."""
    return tuple(Text(name=row.id.value, means=row.means, decided=(), do=tuple(_cures(row))) for row in TEXTS)


def _cures(row: ReasonText) -> Iterator[str]:
    for implementation, cure in row.do.items():
        others = "Others: " if len(row.do) > 1 else ""
        yield f"{implementation}: {cure}." if implementation else f"{others}{cure}."
