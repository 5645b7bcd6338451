"""The likely causes of what was seen on the wire, given how kube-proxy is configured.

One table with one rule for each cause, in the order of the report. Sources: cmd/kube-proxy/app, net/ipv4/arp.c
(arp_ignore)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from arpcheck.kubeproxy import observations
from arpcheck.kubeproxy.modes import Oddity, of
from arpcheck.kubeproxy.observations import HOLDS, Concerned, Seen, WireObservations
from arpcheck.kubeproxy.remedy import ENABLE, Cures
from arpcheck.model import Cause, CauseId, KubeProxy

__all__ = ["WireObservations", "causes", "rules"]


class Fix(Enum):
    """A cure that depends on how kube-proxy is run."""

    ENABLE = auto()
    RESTART = auto()
    ROLLOUT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    id: CauseId
    concerned: Concerned
    text: str
    do: str
    """For a cluster that does not show how kube-proxy is run, and for the reference pages."""
    fix: Fix | None = None
    """What takes the place of `do`, where the cluster shows it."""
    quotes: tuple[Oddity, ...] = ()
    """Notes of the first node that follow the text in parentheses: the line, the flags, the times."""


def causes(
    proxies: Mapping[str, KubeProxy],
    non_strict: frozenset[str],
    judged: frozenset[str],
    in_cluster: frozenset[str],
    heard: WireObservations | None = None,
    cures: Cures | None = None,
) -> tuple[Cause, ...]:
    """The causes that apply. `non_strict`: the names of the nodes that replied for the canary, also of nodes that the
    cluster no longer has. `judged`: the nodes whose state the wire shows. `in_cluster`: the current Nodes. `cures`: what
    to do in this cluster."""
    seen = Seen(
        proxies=proxies, non_strict=non_strict, judged=judged, in_cluster=in_cluster, heard=heard or WireObservations()
    )
    return tuple(_cause(rule, seen, nodes, cures) for rule in _RULES if (nodes := tuple(sorted(rule.concerned(seen) or ()))))


def _cause(rule: _Rule, seen: Seen, nodes: tuple[str, ...], cures: Cures | None) -> Cause:
    named = () if nodes == HOLDS else nodes
    notes = seen.proxies[named[0]].notes if named and named[0] in seen.proxies else ()
    quoted = "".join(f" ({note})" for note in of(notes, *rule.quotes)[:2])
    return Cause(id=rule.id, text=f"{rule.text}{quoted}", do=_do(rule, cures), nodes=named)


def _do(rule: _Rule, cures: Cures | None) -> str:
    if cures is None or rule.fix is None:
        return rule.do
    match rule.fix:
        case Fix.ENABLE:
            return cures.enable
        case Fix.RESTART:
            return cures.restart
        case Fix.ROLLOUT:
            return cures.rollout
        case _:
            assert_never(rule.fix)


_RESTART = "Restart kube-proxy on these nodes: `kubectl -n kube-system rollout restart daemonset kube-proxy`"
_CLEAN_UP = "On each of these nodes, one after the other: `sudo ip link delete kube-ipvs0`"
_SYSCTL = "On the node, find the interface or the program: `sysctl -a -r 'conf.*arp_ignore'`"

_RULES: tuple[_Rule, ...] = (
    _Rule(
        id=CauseId.HEALTHY,
        concerned=observations.healthy,
        text="One node replies for each address, and no kernel replies for the canary",
        do="Nothing",
    ),
    _Rule(
        id=CauseId.LATENT,
        concerned=observations.latent,
        text="Latent: one node replies for each address here, but the kernels of these nodes would reply for it too",
        do="Read how these nodes are configured: `arpcheck strict-arp status`",
    ),
    _Rule(
        id=CauseId.STRICT_ARP_UNSET,
        concerned=observations.unset,
        text="kube-proxy in IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set",
        do=ENABLE,
        fix=Fix.ENABLE,
    ),
    _Rule(
        id=CauseId.ROLLOUT_NOT_THERE_YET,
        concerned=observations.half_rolled,
        text="The rollout has not reached these nodes: they still run the earlier kube-proxy pod",
        do="See what it waits for: `kubectl -n kube-system rollout status daemonset kube-proxy`",
        fix=Fix.ROLLOUT,
        quotes=(Oddity.NOT_ROLLED,),
    ),
    _Rule(
        id=CauseId.NOT_RESTARTED,
        concerned=observations.not_restarted,
        text="strictARP is set, but kube-proxy has not been restarted since",
        do=_RESTART,
        fix=Fix.RESTART,
        quotes=(Oddity.OLDER,),
    ),
    _Rule(
        id=CauseId.MAYBE_NOT_RESTARTED,
        concerned=observations.maybe_not_restarted,
        text="strictARP is set, but kube-proxy may have started earlier: the API does not show what it loaded",
        do=_RESTART,
        fix=Fix.RESTART,
    ),
    _Rule(
        id=CauseId.KEY_MISSPELT,
        concerned=observations.odd(Oddity.MISSPELT),
        text="The strictARP key is misspelt or in the wrong section; kube-proxy ignores it without an error",
        do=ENABLE,
        fix=Fix.ENABLE,
        quotes=(Oddity.MISSPELT,),
    ),
    _Rule(
        id=CauseId.KEY_MISPLACED,
        concerned=observations.odd(Oddity.MISPLACED),
        text="strictARP was set in a ConfigMap, key or document that kube-proxy does not read",
        do=ENABLE,
        fix=Fix.ENABLE,
        quotes=(Oddity.MISPLACED,),
    ),
    _Rule(
        id=CauseId.FLAGS_IGNORED,
        concerned=observations.odd(Oddity.FLAGS_IGNORED),
        text="kube-proxy ignores these flags because it has a --config file",
        do=ENABLE,
        fix=Fix.ENABLE,
        quotes=(Oddity.FLAGS_IGNORED,),
    ),
    _Rule(
        id=CauseId.CONFIGURATION_REFUSED,
        concerned=observations.odd(Oddity.REFUSED),
        text="kube-proxy does not start with this configuration, so the process that runs, or ran last, loaded another one",
        do="Correct what the quoted line refuses, and check it: `arpcheck strict-arp status`",
        quotes=(Oddity.REFUSED,),
    ),
    _Rule(
        id=CauseId.RUNS_OTHERWISE,
        concerned=observations.runs_otherwise,
        text="The running kube-proxy loaded another configuration",
        do=_RESTART,
        fix=Fix.RESTART,
        quotes=(Oddity.DIFFERS,),
    ),
    _Rule(
        id=CauseId.INTERFACE_ARP_IGNORE,
        concerned=observations.kernel,
        text="strictARP sets net.ipv4.conf.all.arp_ignore to 1, but an interface overrides it with 3 to 7, or with more "
        "than 8",
        do=_SYSCTL,
    ),
    _Rule(
        id=CauseId.SYSCTL_WRITTEN_BACK,
        concerned=observations.kernel,
        text="Another program resets arp_ignore after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
        do=_SYSCTL,
    ),
    _Rule(
        id=CauseId.MODE_FELL_BACK,
        concerned=observations.fell_back,
        text="Quiet only because it holds no Service address: the kernel is not strict, and kube-proxy is not in IPVS mode",
        do="Read the mode from its log: `arpcheck strict-arp status --logs`",
    ),
    _Rule(
        id=CauseId.OLDER_MODE,
        concerned=observations.older_mode,
        text="The configured mode binds no Service address, but kube-proxy started earlier and may still run in IPVS mode",
        do=_RESTART,
        fix=Fix.RESTART,
        quotes=(Oddity.OLDER, Oddity.NOT_ROLLED),
    ),
    _Rule(
        id=CauseId.KUBE_PROXY_STOPPED,
        concerned=observations.stopped,
        text="kube-proxy does not run there, so the kernel keeps what the last process set up",
        do="Find out why it does not run: `arpcheck strict-arp status` prints the command",
        quotes=(Oddity.NOT_RUNNING,),
    ),
    _Rule(
        id=CauseId.NFTABLES_NOT_STARTED,
        concerned=observations.nftables,
        text="kube-proxy has most likely never started in mode nftables: a start in that mode deletes kube-ipvs0",
        do="Read its log for the reason: `arpcheck strict-arp status --logs`",
    ),
    _Rule(
        id=CauseId.IPVS_LEFTOVERS,
        concerned=observations.quiet_mode,
        text="The configured mode binds no Service address: kube-ipvs0 and its addresses are left over from IPVS mode",
        do=_CLEAN_UP,
    ),
    _Rule(
        id=CauseId.CONFIGURATION_HIDDEN,
        concerned=observations.hidden,
        text="The configuration of kube-proxy on these nodes could not be determined",
        do="See what could not be read, and what to run on the node: `arpcheck strict-arp status`",
        quotes=(Oddity.UNREAD, Oddity.UNREADABLE),
    ),
    _Rule(
        id=CauseId.SPLIT_BRAIN,
        concerned=observations.split_brain,
        text="Several nodes reply for one address: either there are two announcers (split brain, two controllers, a "
        "failover), "
        "or the address is on an interface of a node, whose kernel replies (IPv4: unless arp_ignore=1)",
        do="Look for the address on each of them: `ip address show to ADDRESS`",
    ),
    _Rule(
        id=CauseId.HELD_BY_KERNELS,
        concerned=lambda seen: seen.heard.holders,
        text="BGP announces the address, and the load balancer puts it on an interface of every node. With arp_ignore=0 the "
        "kernels reply for it",
        do="On every node: `sudo sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2`",
    ),
    _Rule(
        id=CauseId.REMOVED_NODE,
        concerned=observations.gone,
        text="The node was removed from the cluster but is still running, with kube-proxy's addresses",
        do="Power it off, or on it: `sudo ip link delete kube-ipvs0`",
    ),
    _Rule(
        id=CauseId.STRANGER_ON_CANARY,
        concerned=observations.stranger_on_canary,
        text="A host that is not a node holds this cluster's Service addresses: a removed node, or a node of another "
        "cluster "
        "with the same Service range",
        do="Look up its MAC address in the switch's address table to find its port",
    ),
    _Rule(
        id=CauseId.STRANGER_BESIDE_NODE,
        concerned=observations.beside_a_node,
        text="A host that is not a node replies as well as the node: a LAN host with this address, another cluster, "
        "proxy ARP",
        do="Look up its MAC address in the switch's address table to find its port",
    ),
    _Rule(
        id=CauseId.STRANGER_ALONE,
        concerned=observations.stranger_alone,
        text="Only a host that is not a node replies: it has the address, or a switch or access point replies on a node's "
        "behalf",
        do="Remove the address from that host, or from the load balancer's pool",
    ),
    _Rule(
        id=CauseId.ANSWERS_TWICE,
        concerned=observations.twice,
        text="The announcing node is non-strict: both its speaker and its kernel reply",
        do=ENABLE,
        fix=Fix.ENABLE,
    ),
    _Rule(
        id=CauseId.NOBODY_ANNOUNCES,
        concerned=lambda seen: observations.silent(seen, reached=True),
        text="Nobody replies for an address: no advertisement, no ready endpoint, BGP, another interface or VLAN",
        do="Read the announcer's events: `kubectl get events -A --field-selector involvedObject.kind=Service`",
    ),
    _Rule(
        id=CauseId.NO_NODE_HEARD,
        concerned=lambda seen: observations.silent(seen, reached=False),
        text="No node replied at all: the wrong interface or segment, or a switch that drops ARP (inspection)",
        do="Check the interface, the segment and the rights of this run: `sudo arpcheck doctor`",
    ),
    _Rule(
        id=CauseId.PROBER_IS_NODE,
        concerned=observations.prober,
        text="arpcheck runs on this node and can't receive this node's own replies",
        do="Run it also from another host on the segment, and combine both: `arpcheck merge FILE FILE`",
    ),
)


def rules() -> Iterable[tuple[CauseId, str, str]]:
    """The table for a reader: id, cause, what decides or cures it."""
    return ((rule.id, rule.text, rule.do) for rule in _RULES)
