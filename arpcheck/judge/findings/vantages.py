"""The finding about hosts that asked the same and did not hear the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from arpcheck.judge.findings.rule import Found, Rule
from arpcheck.judge.judged import Judged
from arpcheck.model import Nic, Outcome, Severity
from arpcheck.vantages import Course


def vantages_disagree(judged: Judged) -> Found | None:
    """Means: two hosts asked for the same address, both hear the node, and only one of them was answered. Something
    changed between their runs, or something between them and the node tells them apart.

    Decided when:
    1. several runs were merged.
    2. a MAC answered one host for an address or for the canary in every round that it asked, and another host in none,
       although that host hears the same node.

    Do:
    - Run them again at the same time; what was changed in between is the most frequent cause.
    - Where it stays: look for a filter between (ARP inspection, private VLANs, an ARP cache in the switch)."""
    if len(judged.hearing.courses) < 2:
        return None
    because, nodes, ips = [], [], []
    for judgement in judged.asked():
        for party in judgement.case.parties:
            for words in _differences(judged, judgement.ip, judgement.case.nics_of(party), party.node):
                because.append(f"{judgement.ip}: {judgement.case.words(party)} {words}")
                nodes.extend([party.node] if party.node else [])
                ips.append(judgement.ip)
    for nic in judged.canary_nics():
        node = judged.owners[nic].node
        for words in _differences(judged, judged.canary, [nic], node) if judged.canary else ():
            because.append(f"canary {judged.canary}: {node or nic[1]} {words}")
            nodes.extend([node] if node else [])
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def _differences(judged: Judged, ip: IPv4Address, nics: Sequence[Nic], node: str | None) -> Iterable[str]:
    """One for each host that heard none of them while another heard them in every round."""
    hearing = judged.hearing
    rounds = {reply.round for nic in nics for reply in hearing.by_nic(ip)[nic]}
    asked = {course.name: {n for n in hearing.asked(ip).rounds() if course.has(n)} for course in hearing.courses}
    steady = [course for course in hearing.courses if asked[course.name] and asked[course.name] <= rounds]
    for course in hearing.courses if steady else ():
        if _silent(course, asked[course.name], rounds) and hearing.hears(course, _of(node, nics, judged)):
            yield f"answered {' and '.join(c.name for c in steady)}, and not {course.name}, which hears it"


def _of(node: str | None, nics: Iterable[Nic], judged: Judged) -> Iterable[Nic]:
    """The NICs that answered, and all others of the same node."""
    yield from nics
    yield from (nic for nic, owner in judged.owners.items() if node and owner.node == node)


def _silent(course: Course, asked: set[int], rounds: set[int]) -> bool:
    return bool(asked) and not any(course.has(number) for number in rounds)


RULES = (Rule(id="vantages-disagree", severity=Severity.WARNING, outcome=Outcome.FINE, find=vantages_disagree),)
