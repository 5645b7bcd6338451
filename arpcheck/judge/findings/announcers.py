"""Findings about the load balancers: who announces, who says so, and who disagrees."""

from __future__ import annotations

from arpcheck.judge.findings.rule import Found, Rule
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.model import Outcome, Responder, Severity, Trust, Verdict


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
    Rule(id="split-announcers", severity=Severity.ERROR, outcome=Outcome.FAULT, find=split_announcers),
    Rule(id="two-controllers", severity=Severity.WARNING, outcome=Outcome.FINE, find=two_controllers),
    Rule(id="stale-claim", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_claim),
)
