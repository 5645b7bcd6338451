"""Findings about the nodes' kernels: which answer for Service addresses, why, and which could not be judged."""

from __future__ import annotations

import re

from arpcheck.judge.case import Case, who
from arpcheck.judge.judged import AskingHost, Found, Judged, Rule
from arpcheck.model import Address, Arp, Outcome, Responder, Severity, Trust, Verdict
from arpcheck.model.constants import IPVS, IPVS_DEVICE
from arpcheck.text import count

LISTED = 5
"""Nodes that leave nothing in doubt are listed one by one up to this number."""


def non_strict_nodes(judged: Judged) -> Found | None:
    """Means: the kernels of these nodes reply to ARP requests for every Service address on kube-ipvs0, whichever node
    announces it. In mode ipvs, `ipvs.strictARP: true` and a restart of kube-proxy end that (`arpcheck strict-arp enable`
    does both). In another mode strictARP has no effect: delete the kube-ipvs0 that IPVS left on the node.

    Decided when:
    1. a MAC address of the node replied for the canary, a ClusterIP that no load balancer announces.
    2. and that MAC address did not reply for the control, an address that nobody owns, to the same sender. Nothing else
       proves it.
    3. if several MAC addresses reply for the node's own address and no list tells them apart, every one of them replied for
       the canary.

    Do:
    - Prove the fix on the wire: `sudo arpcheck preflight`.
    - Delete the wrong entry on routers and clients that matter: `sudo ip neigh flush to ADDRESS`. Elsewhere it expires."""
    nodes = judged.named(Arp.NON_STRICT)
    if not nodes:
        return None
    known = len(nodes) + sum(state.arp is Arp.QUIET for state in judged.nodes)
    because = [
        f"{len(nodes)} of {count(known, 'node')} that could be judged replied for {judged.canary}: {', '.join(nodes)}"
    ]
    because += [f"{node}: {_configured(judged, node)}" for node in nodes]
    causes = [cause for cause in judged.causes if cause.id.of_answering]
    because += [f"{cause.text}{_of(cause.nodes)}" for cause in causes]
    hit = [j.ip for j in judged.asked() if j.verdict is Verdict.NON_STRICT]
    return Found(because=tuple(because), nodes=nodes, ips=tuple(hit), do=tuple(cause.do for cause in causes))


def latent_non_strict(judged: Judged) -> Found | None:
    """Means: both the kernel and the load balancer's speaker on the announcing node reply. Clients of these addresses see
    no fault yet, but the node keeps replying after the next failover.

    Decided when:
    1. one MAC address replied more than once to most of the requests for an address, and it belongs to a node without
       strict ARP.
    2. and it replied once for its own node address.
    3. and it gave no more than two replies, one from a kernel and one from a speaker.
    4. and the load balancer may have a speaker (kube-vip, PureLB, ServiceLB and Cilium have none).

    Do:
    - Turn on strict ARP before the next failover: `arpcheck strict-arp enable`."""
    found = judged.doubled
    if not found:
        return None
    return Found(
        because=tuple(f"{node} ({mac}) replied more than once per request for {ip}" for ip, node, mac in found),
        nodes=tuple(node for _, node, _ in found),
        ips=tuple(ip for ip, _, _ in found),
    )


def strict_arp_reverted(judged: Judged) -> Found | None:
    """Means: kube-proxy is configured without strict ARP, but the kernels of these nodes are still quiet. The sysctls that
    strict ARP set stay until a reboot. After it the fault returns.

    Decided when:
    1. kube-proxy on the node is configured for mode ipvs with strictARP false.
    2. and the node is quiet on the wire, as is every node that could be judged.

    Do:
    - Set strictARP before the next reboot: `arpcheck strict-arp enable`."""
    quiet = judged.named(Arp.QUIET)
    found = [
        name
        for name in quiet
        if (proxy := judged.kube_proxies.get(name)) and proxy.mode == IPVS and proxy.strict_arp is False
    ]
    if not found or judged.named(Arp.NON_STRICT):
        return None
    return Found(because=tuple(f"{name}: {_configured(judged, name)}" for name in found), nodes=tuple(found))


def self_blind(judged: Judged) -> Found | None:
    """Means: arpcheck ran on a node of the cluster. A host does not receive its own replies, so this node was not tested.

    Decided when:
    1. the host has a node's own address, or was given the node's name.

    Do:
    - Run arpcheck also from another host, best one on the LAN that is not a node: `sudo arpcheck probe -o json`.
    - Combine the two runs into one report that covers all nodes: `arpcheck merge FILE FILE`."""
    if not judged.blind:
        return None
    nodes = tuple(sorted(judged.blind))
    other = next((s.name for s in judged.nodes if s.name not in nodes and s.arp is not Arp.UNREACHED), None)
    do = (f"Run it also from {other}, which can receive the replies of {' and '.join(nodes)}",) if other else ()
    return Found(because=tuple(_own_kernel(node, judged.blind[node]) for node in nodes), nodes=nodes, do=do)


def unreached_nodes(judged: Judged) -> Found | None:
    """Means: these nodes did not reply on this segment, so the state of their kernels is unknown.

    Decided when:
    1. there was no reply for any of the node's own addresses, neither to requests from 0.0.0.0 nor from this host's
       address.
    2. the run is in doubt if the node is Ready and has an address in this interface's network, or if the record of a judged
       address names it.

    Do:
    - Check that the nodes are up: `kubectl get nodes -o wide`.
    - Check the interface and the segment of this run: `sudo arpcheck doctor`.
    - Run arpcheck also in the segment of nodes that are in another subnet. With strict ARP they do not reply here, as
      intended.
    - Look for ARP inspection on the switch, which may drop the requests."""
    nodes = judged.named(Arp.UNREACHED)
    if not nodes:
        return None
    needed = judged.missed()
    others = [s for s in judged.nodes if s.arp is Arp.UNREACHED and s.name not in needed]
    alone = () if len(others) > LISTED else others
    because = tuple(f"{s.name}: {s.reason}{needed.get(s.name, '')}" for s in judged.nodes if s.name in needed or s in alone)
    if not alone and others:
        names = ", ".join(s.name for s in others[:LISTED])
        because += (f"{len(others)} {'other ' if because else ''}nodes, which leave nothing in doubt: {names} and more",)
    return Found(because=because, nodes=nodes, outcome=Outcome.UNSURE if needed else Outcome.FINE)


def ipvs_deprecated(judged: Judged) -> Found | None:
    """Means: kube-proxy's IPVS mode, which causes this fault, is deprecated since Kubernetes 1.35 and will be removed.

    Decided when:
    1. kube-proxy is configured for mode ipvs.
    2. and the server is 1.35 or newer (KEP-5495).

    Do:
    - Plan the move to mode nftables. It binds no Service address to an interface, so this fault can't occur.
    - Reboot each node after a move to mode iptables, or run `kube-proxy --cleanup` there. Until then kube-ipvs0 stays with
      its addresses."""
    nodes = tuple(name for name, proxy in judged.kube_proxies.items() if proxy.mode == IPVS)
    version = re.match(r"v?(\d+)\.(\d+)", judged.cluster_version or "")
    if not nodes or not version or (int(version[1]), int(version[2])) < (1, 35):
        return None
    return Found(because=(f"kube-proxy is in mode ipvs, and the server is {judged.cluster_version}",), nodes=nodes)


def _of(nodes: tuple[str, ...]) -> str:
    return f": {', '.join(nodes)}" if nodes else ""


def _configured(judged: Judged, node: str) -> str:
    proxy = judged.kube_proxies.get(node)
    if proxy is None or (proxy.mode is None and proxy.strict_arp is None):
        return "its configuration is not visible"
    strict = {True: "true", False: "false", None: "not visible"}[proxy.strict_arp]
    loaded = ", but the running kube-proxy started earlier" if proxy.loaded is False else ""
    notes = "".join(f"; {note}" for note in proxy.notes)
    return f"configured with mode {proxy.mode or 'not visible'}, strictARP {strict} ({proxy.source}){loaded}{notes}"


def _own_kernel(node: str, place: AskingHost) -> str:
    used = [interface for interface in place.host.interfaces if interface.name in place.interfaces]
    seen = ", ".join(f"{i.name}: arp_ignore {i.arp_ignore}, arp_announce {i.arp_announce}" for i in used)
    holder = next((i for i in place.host.interfaces if i.name in (IPVS_DEVICE, "kube-dummy-if")), None)
    holds = f"; {len(holder.addresses)} Service addresses are on its {holder.name}" if holder else ""
    return f"arpcheck ran on {node}; its kernel has {seen or 'no ARP setting that could be read'}{holds}"


def split_announcers(judged: Judged) -> Found | None:
    """Means: several nodes reply for one address at the same time, and not because strict ARP is missing. Either two
    announcers each hold the address, or it is on an interface of a node whose kernel replies.

    Decided when:
    1. two nodes replied in one round.
    2. or, in IPv6, one replied to the requests of clients and another to those that reach all nodes or its NIC alone.
    3. or a node replied in the same round as a MAC address that the Service names, or as the load balancer outside the
       cluster that serves the address.
    4. and each of these nodes is an announcer by a current record, or is not known to be non-strict.

    Do:
    - Look for the address on each of these nodes, and remove it where it was left behind: `ip address show to ADDRESS`.
      A kernel that has it replies: for IPv4 unless arp_ignore=1, for IPv6 where it is on the NIC of the LAN.
    - Look for a split of the announcers' membership (MetalLB: memberlist, port 7946), or for two announcers that don't know
      of each other (two load balancers, two Leases for one shared address).
    - Restart the announcer on the node that should not reply."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    for judgement in judged.asked():
        if judgement.verdict in (Verdict.NON_STRICT, Verdict.INCONCLUSIVE) and not judgement.case.offenders:
            continue  # all kernels hold it by configuration, or there was a failover
        case = judgement.case
        names = [party for party in case.together if party.node and (party.expected or party.node not in case.non_strict)]
        several = Verdict.DUPLICATE in (judgement.verdict, judgement.first)
        strangers = [party for party in case.together if not party.node] if names and several else []
        others = [party for party in strangers if _also_announces(party, case)]
        if len(names) + len(others) > 1:
            because.append(f"{who(case, (*names, *others))} replied in one round for {judgement.ip}")
            sure = [party for party in names if not case.is_doubtful(party)] if case.doubted else names
            nodes.extend([party.node for party in sure if party.node])
            ips.append(judgement.ip)
        elif judgement.verdict is Verdict.DUPLICATE and (hidden := [one for one in case.hidden if one.beside]):
            known = [party for party in case.parties if party.node]
            told = " and ".join([*(case.words(party) for party in known), *(one.words for one in hidden)])
            because.append(f"{told} have {judgement.ip}, and the last of them does not receive the requests of clients")
            nodes.extend(name for name in (*(p.node for p in known), *(one.owner.node for one in hidden)) if name)
            ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def _also_announces(party: Responder, case: Case) -> bool:
    """It is not a node, and replies as it should: the Service names its MAC address, or no node serves the address."""
    return party.macs[0] in case.named or case.external


def two_controllers(judged: Judged) -> Found | None:
    """Means: two load balancers handle the same Service. Both may announce it, and each may overwrite what the other wrote.

    Decided when:
    1. two implementations each recognise the Service as theirs.
    2. and each has a current record of announcing it. An annotation that was left behind does not count.

    Do:
    - Give the Service a spec.loadBalancerClass that only one of them serves (the field is immutable: create the Service
      anew).
    - Or make one of them ignore such Services (k3s: `--disable servicelb`)."""
    because, ips = [], []
    for judgement in judged.judgements:
        case = judgement.case
        seen = {a.implementation: a.because for a in case.announcements if a.implementation in case.rivals}
        if seen and case.target.ip:
            words = ", ".join(f"{name} by {why}" for name, why in sorted(seen.items()))
            because.append(f"{case.target.ip} ({', '.join(case.target.services)}): {words}")
            ips.append(case.target.ip)
    return Found(because=tuple(because), ips=tuple(ips)) if because else None


def stale_claim(judged: Judged) -> Found | None:
    """Means: an old record names another announcer than the one that replies. The record may be out of date, so it decides
    nothing.

    Decided when:
    1. a record that may be stale (an expired Lease, an event older than an hour, an annotation that is never cleared) names
       a node that did not reply.
    2. and another node replied.
    3. and there is no current record.

    Do:
    - Check in the load balancer itself which node announces the address (MetalLB: the speaker's log, the `announced`
      metric).
    - If the replying node is the right one, only the record is out of date."""
    because, nodes, ips = [], [], []
    for judgement in judged.asked():
        case = judgement.case
        stale = [claim for claim in case.claims if claim.trust is Trust.STALE and not case.announcers]
        answered = {party.node for party in case.parties if party.node} if stale else ()
        for claim in stale if answered else ():
            if claim.node not in answered:
                age = f" of {claim.observed_at:%Y-%m-%d %H:%M} UTC" if claim.observed_at else ""
                words = " and ".join(sorted(answered))
                because.append(f"{judgement.ip}: {claim.source}{age} names {claim.node}, but {words} replied")
                nodes.append(claim.node)
                ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


RULES = (
    Rule(id="non-strict-nodes", severity=Severity.ERROR, outcome=Outcome.FAULT, find=non_strict_nodes),
    Rule(id="latent-non-strict", severity=Severity.WARNING, outcome=Outcome.FINE, find=latent_non_strict),
    Rule(id="strict-arp-reverted", severity=Severity.WARNING, outcome=Outcome.FINE, find=strict_arp_reverted),
    Rule(id="self-blind", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=self_blind),
    Rule(id="unreached-nodes", severity=Severity.WARNING, outcome=Outcome.FINE, find=unreached_nodes),
    Rule(id="ipvs-deprecated", severity=Severity.INFO, outcome=Outcome.FINE, find=ipvs_deprecated),
    Rule(id="split-announcers", severity=Severity.ERROR, outcome=Outcome.FAULT, find=split_announcers),
    Rule(id="two-controllers", severity=Severity.WARNING, outcome=Outcome.FINE, find=two_controllers),
    Rule(id="stale-claim", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_claim),
)
