"""Findings about the nodes' kernels: which answer for Service addresses, why, and which could not be judged."""

from __future__ import annotations

import re

from arpcheck.judge.findings.rule import Found, Rule
from arpcheck.judge.judged import AskingHost, Judged, Judgement
from arpcheck.model import Arp, Outcome, Responder, Severity, Trust, Verdict


def non_strict_nodes(judged: Judged) -> Found | None:
    """Means: the kernel of these nodes answers ARP for every Service address it holds on kube-ipvs0, whoever announces it.
    In mode ipvs `ipvs.strictARP: true` and a restart of kube-proxy end that (`arpcheck strict-arp enable` does both); in
    another mode, where strictARP does nothing, what IPVS left behind has to go.

    Decided when:
    1. a MAC of the node answered the canary, a ClusterIP that no load balancer announces.
    2. and that MAC did not answer the control, an address that nobody owns, to the same sender. Nothing else proves it.
    3. where another MAC answers for the node's own address too, and no list tells them apart, every one of them did.

    Do:
    - Run arpcheck again after that: the wire is the only proof that it took effect.
    - Clients keep the wrong MAC until their ARP entry ends."""
    nodes = judged.named(Arp.NON_STRICT)
    if not nodes:
        return None
    count = len(nodes) + sum(state.arp is Arp.QUIET for state in judged.nodes)
    because = [f"{len(nodes)} of {count} nodes that could be judged answered for {judged.canary}: {', '.join(nodes)}"]
    because += [f"{node}: {_configured(judged, node)}" for node in nodes]
    causes = [cause for cause in judged.causes if cause.id.of_answering]
    because += [f"{cause.text}{_of(cause.nodes)}" for cause in causes]
    hit = [j.ip for j in judged.asked() if j.verdict is Verdict.NON_STRICT]
    return Found(because=tuple(because), nodes=nodes, ips=tuple(hit), do=tuple(cause.do for cause in causes))


def latent_non_strict(judged: Judged) -> Found | None:
    """Means: both the kernel and the load balancer's speaker on the announcing node reply. Nothing is wrong for clients
    of these addresses yet; after the next failover the node goes on answering.

    Decided when:
    1. one MAC answered more than once to most of the questions for an address, and it is a node's without strict ARP.
    2. and once for its own node address.
    3. and it gave no more than the two replies of a kernel and a speaker.
    4. and the load balancer may have a speaker (kube-vip, PureLB, ServiceLB and Cilium have none).

    Do:
    - Turn strict ARP on and restart kube-proxy before the next failover."""
    found = judged.doubled
    if not found:
        return None
    return Found(
        because=tuple(f"{node} ({mac}) answered more than once per question for {ip}" for ip, node, mac in found),
        nodes=tuple(node for _, node, _ in found),
        ips=tuple(ip for ip, _, _ in found),
    )


def strict_arp_reverted(judged: Judged) -> Found | None:
    """Means: kube-proxy is configured without strict ARP, and the kernels of these nodes are still quiet: the sysctls that
    strict ARP once set outlive it. The fault comes back at the next reboot.

    Decided when:
    1. kube-proxy on the node is configured for mode ipvs with strictARP false.
    2. and the node is quiet on the wire, and so is every node that could be judged.

    Do:
    - Set it before the next reboot: `arpcheck strict-arp enable`."""
    quiet = judged.named(Arp.QUIET)
    found = [
        name
        for name in quiet
        if (proxy := judged.kube_proxies.get(name)) and proxy.mode == "ipvs" and proxy.strict_arp is False
    ]
    if not found or judged.named(Arp.NON_STRICT):
        return None
    return Found(because=tuple(f"{name}: {_configured(judged, name)}" for name in found), nodes=tuple(found))


def self_blind(judged: Judged) -> Found | None:
    """Means: arpcheck ran on a node of the cluster, and a host does not hear its own answers. This node was not tested.

    Decided when:
    1. the host has a node's own address, or was told the node's name.

    Do:
    - Run arpcheck once more from another host, best one of the LAN that is no node; `arpcheck merge` makes one report
      of the two that covers all."""
    if not judged.blind:
        return None
    nodes = tuple(sorted(judged.blind))
    other = next((s.name for s in judged.nodes if s.name not in nodes and s.arp is not Arp.UNREACHED), None)
    do = (f"Run it also from {other}, which hears {' and '.join(nodes)}",) if other else ()
    return Found(because=tuple(_own_kernel(node, judged.blind[node]) for node in nodes), nodes=nodes, do=do)


def unreached_nodes(judged: Judged) -> Found | None:
    """Means: nothing was heard from these nodes on this segment, so nothing is known of their kernels.

    Decided when:
    1. none of the node's own addresses was answered, with 0.0.0.0 or with this host's address as the sender.
    2. it leaves the run in doubt where the node is Ready and has an address in this interface's network, or where a
       judged address's record names it.

    Do:
    - A node in another subnet with strict ARP is silent here as it should be; run arpcheck in its segment too.
    - Is the node up, and is this the right interface? A switch with ARP inspection may drop the questions."""
    nodes = judged.named(Arp.UNREACHED)
    if not nodes:
        return None
    needed = judged.missed()
    because = tuple(f"{s.name}: {s.reason}{needed.get(s.name, '')}" for s in judged.nodes if s.arp is Arp.UNREACHED)
    return Found(because=because, nodes=nodes, outcome=Outcome.UNSURE if needed else Outcome.FINE)


def ipvs_deprecated(judged: Judged) -> Found | None:
    """Means: kube-proxy's IPVS mode, which this fault needs, is deprecated since Kubernetes 1.35 and going away.

    Decided when:
    1. kube-proxy is configured for mode ipvs.
    2. and the server is 1.35 or newer (KEP-5495).

    Do:
    - Plan the move to mode nftables: it binds no Service address to an interface, so this fault can't occur.
    - Moving to iptables leaves kube-ipvs0 and its addresses in place until `kube-proxy --cleanup` or a reboot."""
    nodes = tuple(name for name, proxy in judged.kube_proxies.items() if proxy.mode == "ipvs")
    version = re.match(r"v?(\d+)\.(\d+)", judged.cluster_version or "")
    if not nodes or not version or (int(version[1]), int(version[2])) < (1, 35):
        return None
    return Found(because=(f"kube-proxy is in mode ipvs, and the server is {judged.cluster_version}",), nodes=nodes)


def _of(nodes: tuple[str, ...]) -> str:
    return f": {', '.join(nodes)}" if nodes else ""


def _configured(judged: Judged, node: str) -> str:
    proxy = judged.kube_proxies.get(node)
    if proxy is None or (proxy.mode is None and proxy.strict_arp is None):
        return "what is configured is not visible"
    strict = {True: "true", False: "false", None: "not visible"}[proxy.strict_arp]
    loaded = ", but the running kube-proxy is older than that" if proxy.loaded is False else ""
    notes = "".join(f"; {note}" for note in proxy.notes)
    return f"configured is mode {proxy.mode or 'not visible'}, strictARP {strict} ({proxy.source}){loaded}{notes}"


def _own_kernel(node: str, place: AskingHost) -> str:
    used = [interface for interface in place.host.interfaces if interface.name in place.interfaces]
    seen = ", ".join(f"{i.name}: arp_ignore {i.arp_ignore}, arp_announce {i.arp_announce}" for i in used)
    holder = next((i for i in place.host.interfaces if i.name in ("kube-ipvs0", "kube-dummy-if")), None)
    holds = f"; {len(holder.addresses)} Service addresses are on its {holder.name}" if holder else ""
    return f"arpcheck ran on {node}; its kernel says {seen or 'nothing of ARP'}{holds}"


def split_announcers(judged: Judged) -> Found | None:
    """Means: several nodes answer for one address at the same time, and none of them for want of strict ARP: two
    announcers each believe that the address is theirs, or the address is on an interface of a node, whose kernel answers.

    Decided when:
    1. two nodes answered in one round; or a node did and beside it a MAC that the Service itself names, or a load balancer
       outside of the cluster that serves the address.
    2. and each of these nodes is an announcer by a current claim, or is not known to be non-strict.

    Do:
    - Look on the nodes for the address (`ip addr`): a kernel that holds it answers unless arp_ignore=1. Take it away where
      it was left behind.
    - Look for a split of the announcers' membership (MetalLB: memberlist, port 7946), or for two that don't know of each
      other (two load balancers, two leases for one shared address).
    - Restart the announcer on the node that should not answer."""
    because, nodes, ips = [], [], []
    for judgement in judged.asked():
        if judgement.verdict in (Verdict.NON_STRICT, Verdict.INCONCLUSIVE) and not judgement.case.offenders:
            continue  # kernels that all hold it by configuration, or a failover
        case, offenders = judgement.case, {party.node for party in judgement.case.offenders}
        names = [node for party in case.together if (node := party.node) and node not in offenders]
        others = [case.words(party) for party in case.together if _also_announces(party, judgement)] if names else []
        if len(names) + len(others) > 1:
            because.append(f"{' and '.join((*names, *others))} answered in one round for {judgement.ip}")
            nodes.extend(names)
            ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def _also_announces(party: Responder, judgement: Judgement) -> bool:
    """It is no node and answers as it should: the Service names its MAC, or nothing on the nodes serves the address."""
    if party.node or Verdict.DUPLICATE not in (judgement.verdict, judgement.first):
        return False
    return party.macs[0] in judgement.case.named or judgement.case.external


def two_controllers(judged: Judged) -> Found | None:
    """Means: two load balancers take the same Service. Both may announce it, and either may overwrite what the other wrote.

    Decided when:
    1. two implementations each recognise the Service as theirs.
    2. and each has a current record of announcing it; an annotation that was left behind is no second controller.

    Do:
    - Give the Service a spec.loadBalancerClass that only one of them serves (immutable: create the Service anew).
    - Or take the Service's kind out of one of them (k3s: `--disable servicelb`)."""
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
    """Means: an old record names another announcer than the wire shows. The record may be behind; it judges nothing.

    Decided when:
    1. a claim that may be stale (an expired lease, an event older than an hour, an annotation that is never cleared)
       names a node that did not answer.
    2. another node answered, and no current claim exists.

    Do:
    - Ask the load balancer itself who announces the address (MetalLB: the speaker's log, `announced` metric).
    - Where the answering node is right, nothing is wrong but the record."""
    because, nodes, ips = [], [], []
    for judgement in judged.asked():
        case = judgement.case
        stale = [claim for claim in case.claims if claim.trust is Trust.STALE and not case.announcers]
        answered = {party.node for party in case.parties if party.node} if stale else ()
        for claim in stale if answered else ():
            if claim.node not in answered:
                age = f" of {claim.observed_at:%Y-%m-%d %H:%M} UTC" if claim.observed_at else ""
                words = " and ".join(sorted(answered))
                because.append(f"{judgement.ip}: {claim.source}{age} names {claim.node}, {words} answered")
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
