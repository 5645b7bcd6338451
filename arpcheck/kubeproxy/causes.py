"""Why the wire and the configuration disagree, or agree: what was seen, what is configured, and the likely causes.

One table, a rule a cause, in the order in which they are told. Pure: it is told what the wire showed.
Sources: cmd/kube-proxy/app, net/ipv4/arp.c (arp_ignore)."""

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
    """Notes of the first node that are put behind the text: the line, the flags, the times."""


def causes(
    proxies: Mapping[str, KubeProxy],
    non_strict: frozenset[str],
    judged: frozenset[str],
    in_cluster: frozenset[str],
    heard: WireObservations | None = None,
) -> tuple[Cause, ...]:
    """`non_strict`: whoever answered the canary, by name; a node that the cluster no longer has may be among them.
    `judged`: the nodes of which the wire says whether they are strict. `in_cluster`: the Nodes there are now."""
    seen = Seen(
        proxies=proxies, non_strict=non_strict, judged=judged, in_cluster=in_cluster, heard=heard or WireObservations()
    )
    return tuple(_cause(rule, seen, nodes) for rule in _RULES if (nodes := tuple(sorted(rule.concerned(seen) or ()))))


def _cause(rule: _Rule, seen: Seen, nodes: tuple[str, ...]) -> Cause:
    named = () if nodes == HOLDS else nodes
    notes = seen.proxies[named[0]].notes if named and named[0] in seen.proxies else ()
    quoted = "".join(f" ({note})" for note in of(notes, *rule.quotes)[:2])
    return Cause(id=rule.id, text=f"{rule.text}{quoted}", do=rule.do, nodes=named)


_RESTART = "Restart kube-proxy there (kubectl rollout restart); it never reads its configuration again by itself"
_CONFIGZ = "Its /configz shows what it loaded (`arpcheck strict-arp status` prints the commands)"
_ENABLE = "Set ipvs.strictARP: true and restart kube-proxy: `arpcheck strict-arp enable` does both"
_CLEAN_UP = (
    "reboot these nodes one after the other, or run `kube-proxy --cleanup` there, or ip link delete kube-ipvs0; until then "
    "arp_ignore=1 and arp_announce=2 of net.ipv4.conf.all silence it (strictARP does nothing in this mode)"
)
_SYSCTL = "On the node: sysctl -a | grep -E 'conf\\.[^.]+\\.arp_ignore'; the larger of all and the interface counts"

_RULES: tuple[_Rule, ...] = (
    _Rule(
        id=CauseId.HEALTHY,
        concerned=observations.healthy,
        text="One node answers for each address, and no kernel holds Service addresses",
        do="Compare the node with the one that the load balancer names",
    ),
    _Rule(
        id=CauseId.LATENT,
        concerned=observations.latent,
        text="Latent: each address has one answer here, but the kernels of these nodes would answer for it too",
        do="Ask each node by unicast for the address; something on the path filters, or the others were not reached",
    ),
    _Rule(
        id=CauseId.STRICT_ARP_UNSET,
        concerned=observations.unset,
        text="IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set",
        do=_ENABLE,
    ),
    _Rule(
        id=CauseId.ROLLOUT_NOT_THERE_YET,
        concerned=observations.half_rolled,
        text="The rollout has not reached these nodes: their kube-proxy is one of before",
        do="kubectl rollout status shows what holds it up (NotReady, a taint, updateStrategy OnDelete)",
        quotes=(Oddity.NOT_ROLLED,),
    ),
    _Rule(
        id=CauseId.NOT_RESTARTED,
        concerned=observations.not_restarted,
        text="strictARP is set, but kube-proxy was not restarted since",
        do=_RESTART,
        quotes=(Oddity.OLDER,),
    ),
    _Rule(
        id=CauseId.MAYBE_NOT_RESTARTED,
        concerned=observations.maybe_not_restarted,
        text="strictARP is set, and kube-proxy may be older than that: nothing in the API shows what it loaded",
        do=f"{_CONFIGZ}; a restart cures it either way",
    ),
    _Rule(
        id=CauseId.KEY_MISSPELT,
        concerned=observations.odd(Oddity.MISSPELT),
        text="The key is misspelt or in the wrong place, and kube-proxy ignores it without an error",
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
        text="The flags of kube-proxy are ignored, since it has a --config file",
        do=_ENABLE,
        quotes=(Oddity.FLAGS_IGNORED,),
    ),
    _Rule(
        id=CauseId.CONFIGURATION_REFUSED,
        concerned=observations.odd(Oddity.REFUSED),
        text="kube-proxy does not start with this configuration, so what runs, or ran last, had another one",
        do="Correct the configuration, then see that its pods run",
        quotes=(Oddity.REFUSED,),
    ),
    _Rule(
        id=CauseId.RUNS_OTHERWISE,
        concerned=observations.runs_otherwise,
        text="The running kube-proxy has loaded something else",
        do=_RESTART,
        quotes=(Oddity.DIFFERS,),
    ),
    _Rule(
        id=CauseId.INTERFACE_ARP_IGNORE,
        concerned=observations.kernel,
        text="strictARP sets arp_ignore of all interfaces to 1, but an interface of its own with 3 to 7, or more than 8, "
        "undoes that",
        do=_SYSCTL,
    ),
    _Rule(
        id=CauseId.SYSCTL_WRITTEN_BACK,
        concerned=observations.kernel,
        text="Something writes the sysctl back after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
        do=f"{_SYSCTL}; 0 in all means that it was written back, or never written",
    ),
    _Rule(
        id=CauseId.MODE_FELL_BACK,
        concerned=observations.fell_back,
        text="Quiet only because it holds no Service address: its kernel is not strict, and kube-proxy is not in IPVS mode",
        do="Its log names the mode (`Using … Proxier`); up to 1.25 kube-proxy takes iptables where IPVS can't be used",
    ),
    _Rule(
        id=CauseId.OLDER_MODE,
        concerned=observations.older_mode,
        text="The configured mode binds nothing, but kube-proxy is older than that and may still be in IPVS mode",
        do=_RESTART,
        quotes=(Oddity.OLDER, Oddity.NOT_ROLLED),
    ),
    _Rule(
        id=CauseId.KUBE_PROXY_STOPPED,
        concerned=observations.stopped,
        text="kube-proxy does not run there, so the kernel is as its last process has left it",
        do="See why it does not run (kubectl logs --previous), and make it run; it loads its configuration when it starts",
        quotes=(Oddity.NOT_RUNNING,),
    ),
    _Rule(
        id=CauseId.NFTABLES_NOT_STARTED,
        concerned=observations.nftables,
        text="kube-proxy has most likely never started in mode nftables: with that it deletes the kube-ipvs0 of IPVS mode",
        do=f"Its log says why; where it does run: {_CLEAN_UP}",
    ),
    _Rule(
        id=CauseId.IPVS_LEFTOVERS,
        concerned=observations.quiet_mode,
        text="The configured mode binds nothing: kube-ipvs0 is left over from IPVS mode, with its addresses",
        do=f"A Service made after the change is not answered; {_CLEAN_UP}",
    ),
    _Rule(
        id=CauseId.CONFIGURATION_HIDDEN,
        concerned=observations.hidden,
        text="What kube-proxy is configured to do there is not known",
        do="`arpcheck strict-arp status` says what could not be read, and what to run on the node",
        quotes=(Oddity.UNREAD, Oddity.UNREADABLE),
    ),
    _Rule(
        id=CauseId.SPLIT_BRAIN,
        concerned=observations.split_brain,
        text="Several nodes answer for one address: two announcers (a split brain, two controllers, a failover), or the "
        "address is on an interface of a node, whose kernel answers unless arp_ignore=1",
        do="On each of them: ip addr | grep ADDRESS. Where it is there, take it away; else read the speakers' logs",
    ),
    _Rule(
        id=CauseId.HELD_BY_KERNELS,
        concerned=lambda seen: seen.heard.holders,
        text="BGP announces the address, and the load balancer puts it on an interface of every node, whose kernel answers "
        "ARP for it since arp_ignore is 0",
        do="On every node: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2, and in sysctl.d",
    ),
    _Rule(
        id=CauseId.REMOVED_NODE,
        concerned=observations.gone,
        text="No node of this cluster any more: removed, but still switched on, with kube-proxy's addresses",
        do="Switch it off, or reset it (kubeadm reset, ip link delete kube-ipvs0)",
    ),
    _Rule(
        id=CauseId.STRANGER_ON_CANARY,
        concerned=observations.stranger_on_canary,
        text="A host that is no node holds this cluster's Service addresses: a removed node, or another cluster's with the "
        "same Service range",
        do="Find the port that its MAC is behind",
    ),
    _Rule(
        id=CauseId.STRANGER_BESIDE_NODE,
        concerned=observations.beside_a_node,
        text="A host that is no node answers beside the node: a LAN host with this address, another cluster, proxy ARP",
        do="The control address tells proxy ARP; find the port that its MAC is behind",
    ),
    _Rule(
        id=CauseId.STRANGER_ALONE,
        concerned=observations.stranger_alone,
        text="Only a host that is no node answers: the address belongs to it, or a switch or access point answers itself",
        do="Ask the nodes by unicast; take the address out of the pool, or away from that host",
    ),
    _Rule(
        id=CauseId.ANSWERS_TWICE,
        concerned=observations.twice,
        text="The announcer itself is non-strict: its speaker and its kernel both answer",
        do="It announces rightly, but after a failover it would go on answering: make it strict as well",
    ),
    _Rule(
        id=CauseId.NOBODY_ANNOUNCES,
        concerned=lambda seen: observations.silent(seen, reached=True),
        text="Nobody announces the address here: no advertisement, no ready endpoint, BGP, another interface or VLAN",
        do="kubectl describe service shows the announcer's events",
    ),
    _Rule(
        id=CauseId.NO_NODE_HEARD,
        concerned=lambda seen: observations.silent(seen, reached=False),
        text="No node is heard here at all: the wrong interface or segment, or a switch that drops ARP (inspection)",
        do="Choose the interface that is in the nodes' subnet; try --sender own",
    ),
    _Rule(
        id=CauseId.PROBER_IS_NODE,
        concerned=observations.prober,
        text="arpcheck runs on this node, which therefore can't be heard",
        do="Run it from another host of the segment too",
    ),
)


def rules() -> Iterable[tuple[CauseId, str, str]]:
    """The table for a reader: id, cause, what decides or cures it."""
    return ((rule.id, rule.text, rule.do) for rule in _RULES)
