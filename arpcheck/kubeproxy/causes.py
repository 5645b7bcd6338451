"""The likely causes of what was seen on the wire, given how kube-proxy is configured.

One table with one rule for each cause, in the order of the report. Sources: cmd/kube-proxy/app, net/ipv4/arp.c
(arp_ignore)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arpcheck.kubeproxy import observations
from arpcheck.kubeproxy.modes import Oddity, of
from arpcheck.kubeproxy.observations import HOLDS, Concerned, Seen, WireObservations
from arpcheck.model import Cause, CauseId, KubeProxy

__all__ = ["WireObservations", "causes", "rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    id: CauseId
    concerned: Concerned
    text: str
    do: str
    quotes: tuple[Oddity, ...] = ()
    """Notes of the first node that follow the text in parentheses: the line, the flags, the times."""


def causes(
    proxies: Mapping[str, KubeProxy],
    non_strict: frozenset[str],
    judged: frozenset[str],
    in_cluster: frozenset[str],
    heard: WireObservations | None = None,
) -> tuple[Cause, ...]:
    """The causes that apply. `non_strict`: the names of the nodes that replied for the canary, also of nodes that the
    cluster no longer has. `judged`: the nodes whose state the wire shows. `in_cluster`: the current Nodes."""
    seen = Seen(
        proxies=proxies, non_strict=non_strict, judged=judged, in_cluster=in_cluster, heard=heard or WireObservations()
    )
    return tuple(_cause(rule, seen, nodes) for rule in _RULES if (nodes := tuple(sorted(rule.concerned(seen) or ()))))


def _cause(rule: _Rule, seen: Seen, nodes: tuple[str, ...]) -> Cause:
    named = () if nodes == HOLDS else nodes
    notes = seen.proxies[named[0]].notes if named and named[0] in seen.proxies else ()
    quoted = "".join(f" ({note})" for note in of(notes, *rule.quotes)[:2])
    return Cause(id=rule.id, text=f"{rule.text}{quoted}", do=rule.do, nodes=named)


_RESTART = "Restart kube-proxy on these nodes (kubectl rollout restart); it reads its configuration only when it starts"
_CONFIGZ = "Its /configz endpoint shows what it loaded (`arpcheck strict-arp status` prints the commands)"
_ENABLE = "Set ipvs.strictARP: true and restart kube-proxy: `arpcheck strict-arp enable` does both"
_CLEAN_UP = (
    "reboot these nodes one at a time, or run `kube-proxy --cleanup` or `ip link delete kube-ipvs0` on them. Until then, "
    "set "
    "net.ipv4.conf.all.arp_ignore=1 and net.ipv4.conf.all.arp_announce=2 (strictARP has no effect in this mode)"
)
_SYSCTL = (
    "On the node: sysctl -a | grep -E 'conf\\.[^.]+\\.arp_ignore'. The kernel uses the larger of `all` and the interface"
)

_RULES: tuple[_Rule, ...] = (
    _Rule(
        id=CauseId.HEALTHY,
        concerned=observations.healthy,
        text="One node replies for each address, and no kernel replies for the canary",
        do="Check that it is the node that the load balancer names",
    ),
    _Rule(
        id=CauseId.LATENT,
        concerned=observations.latent,
        text="Latent: one node replies for each address here, but the kernels of these nodes would reply for it too",
        do="Send each node a unicast request for the address. Either the path filters ARP, or the request did not reach "
        "them",
    ),
    _Rule(
        id=CauseId.STRICT_ARP_UNSET,
        concerned=observations.unset,
        text="kube-proxy in IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set",
        do=_ENABLE,
    ),
    _Rule(
        id=CauseId.ROLLOUT_NOT_THERE_YET,
        concerned=observations.half_rolled,
        text="The rollout has not reached these nodes: they still run the earlier kube-proxy pod",
        do="Run kubectl rollout status to see why (a NotReady node, a taint, updateStrategy OnDelete)",
        quotes=(Oddity.NOT_ROLLED,),
    ),
    _Rule(
        id=CauseId.NOT_RESTARTED,
        concerned=observations.not_restarted,
        text="strictARP is set, but kube-proxy has not been restarted since",
        do=_RESTART,
        quotes=(Oddity.OLDER,),
    ),
    _Rule(
        id=CauseId.MAYBE_NOT_RESTARTED,
        concerned=observations.maybe_not_restarted,
        text="strictARP is set, but kube-proxy may have started earlier: the API does not show what it loaded",
        do=f"{_CONFIGZ}. A restart fixes it either way",
    ),
    _Rule(
        id=CauseId.KEY_MISSPELT,
        concerned=observations.odd(Oddity.MISSPELT),
        text="The strictARP key is misspelt or in the wrong section; kube-proxy ignores it without an error",
        do=_ENABLE,
        quotes=(Oddity.MISSPELT,),
    ),
    _Rule(
        id=CauseId.KEY_MISPLACED,
        concerned=observations.odd(Oddity.MISPLACED),
        text="strictARP was set in a ConfigMap, key or document that kube-proxy does not read",
        do=_ENABLE,
        quotes=(Oddity.MISPLACED,),
    ),
    _Rule(
        id=CauseId.FLAGS_IGNORED,
        concerned=observations.odd(Oddity.FLAGS_IGNORED),
        text="kube-proxy ignores these flags because it has a --config file",
        do=_ENABLE,
        quotes=(Oddity.FLAGS_IGNORED,),
    ),
    _Rule(
        id=CauseId.CONFIGURATION_REFUSED,
        concerned=observations.odd(Oddity.REFUSED),
        text="kube-proxy does not start with this configuration, so the process that runs, or ran last, loaded another one",
        do="Fix the configuration, then check that the pods run",
        quotes=(Oddity.REFUSED,),
    ),
    _Rule(
        id=CauseId.RUNS_OTHERWISE,
        concerned=observations.runs_otherwise,
        text="The running kube-proxy loaded another configuration",
        do=_RESTART,
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
        do=f"{_SYSCTL}. `all` = 0 means that it was reset, or never set",
    ),
    _Rule(
        id=CauseId.MODE_FELL_BACK,
        concerned=observations.fell_back,
        text="Quiet only because it holds no Service address: the kernel is not strict, and kube-proxy is not in IPVS mode",
        do="Its log names the mode (`Using … Proxier`). Up to 1.25, kube-proxy falls back to iptables where IPVS can't be "
        "used",
    ),
    _Rule(
        id=CauseId.OLDER_MODE,
        concerned=observations.older_mode,
        text="The configured mode binds no Service address, but kube-proxy started earlier and may still run in IPVS mode",
        do=_RESTART,
        quotes=(Oddity.OLDER, Oddity.NOT_ROLLED),
    ),
    _Rule(
        id=CauseId.KUBE_PROXY_STOPPED,
        concerned=observations.stopped,
        text="kube-proxy does not run there, so the kernel keeps what the last process set up",
        do="Find out why it does not run (kubectl logs --previous) and start it; it loads its configuration when it starts",
        quotes=(Oddity.NOT_RUNNING,),
    ),
    _Rule(
        id=CauseId.NFTABLES_NOT_STARTED,
        concerned=observations.nftables,
        text="kube-proxy has most likely never started in mode nftables: a start in that mode deletes kube-ipvs0",
        do=f"Read its log for the reason. Where it does run: {_CLEAN_UP}",
    ),
    _Rule(
        id=CauseId.IPVS_LEFTOVERS,
        concerned=observations.quiet_mode,
        text="The configured mode binds no Service address: kube-ipvs0 and its addresses are left over from IPVS mode",
        do=f"To confirm: the node does not reply for a Service created after the change. To fix: {_CLEAN_UP}",
    ),
    _Rule(
        id=CauseId.CONFIGURATION_HIDDEN,
        concerned=observations.hidden,
        text="The configuration of kube-proxy on these nodes could not be determined",
        do="Run `arpcheck strict-arp status`: it lists what could not be read and what to run on the node",
        quotes=(Oddity.UNREAD, Oddity.UNREADABLE),
    ),
    _Rule(
        id=CauseId.SPLIT_BRAIN,
        concerned=observations.split_brain,
        text="Several nodes reply for one address: either there are two announcers (split brain, two controllers, a "
        "failover), "
        "or the address is on an interface of a node, whose kernel replies unless arp_ignore=1",
        do="On each of them: ip addr | grep ADDRESS. Remove the address where it is found; otherwise read the speakers' "
        "logs",
    ),
    _Rule(
        id=CauseId.HELD_BY_KERNELS,
        concerned=lambda seen: seen.heard.holders,
        text="BGP announces the address, and the load balancer puts it on an interface of every node. With arp_ignore=0 the "
        "kernels reply for it",
        do="On every node: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2, also in sysctl.d",
    ),
    _Rule(
        id=CauseId.REMOVED_NODE,
        concerned=observations.gone,
        text="The node was removed from the cluster but is still running, with kube-proxy's addresses",
        do="Power it off, or reset it (kubeadm reset, ip link delete kube-ipvs0)",
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
        do="If it also replies for the control address, it is proxy ARP. Look up its MAC address in the switch's address "
        "table",
    ),
    _Rule(
        id=CauseId.STRANGER_ALONE,
        concerned=observations.stranger_alone,
        text="Only a host that is not a node replies: it has the address, or a switch or access point replies on a node's "
        "behalf",
        do="Send the nodes unicast requests; remove the address from the pool, or from that host",
    ),
    _Rule(
        id=CauseId.ANSWERS_TWICE,
        concerned=observations.twice,
        text="The announcing node is non-strict: both its speaker and its kernel reply",
        do="It is the right node now, but it would keep replying after a failover: make it strict as well",
    ),
    _Rule(
        id=CauseId.NOBODY_ANNOUNCES,
        concerned=lambda seen: observations.silent(seen, reached=True),
        text="No node announces the address here: no advertisement, no ready endpoint, BGP, another interface or VLAN",
        do="kubectl describe service shows the announcer's events",
    ),
    _Rule(
        id=CauseId.NO_NODE_HEARD,
        concerned=lambda seen: observations.silent(seen, reached=False),
        text="No node replied at all: the wrong interface or segment, or a switch that drops ARP (inspection)",
        do="Use the interface in the nodes' subnet; try --sender own",
    ),
    _Rule(
        id=CauseId.PROBER_IS_NODE,
        concerned=observations.prober,
        text="arpcheck runs on this node and can't receive this node's own replies",
        do="Run it also from another host on the segment",
    ),
)


def rules() -> Iterable[tuple[CauseId, str, str]]:
    """The table for a reader: id, cause, what decides or cures it."""
    return ((rule.id, rule.text, rule.do) for rule in _RULES)
