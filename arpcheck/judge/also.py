"""What else is true of an address beside its verdict: the first fault does not hide the second. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.judge.case import Case
from arpcheck.model import Also, AlsoId, Outcome, Verdict


def also(case: Case, verdict: Verdict, quiet: frozenset[str]) -> tuple[Also, ...]:
    """In the order of AlsoId; nothing of an address that was not judged. `quiet`: the nodes whose kernels are."""
    if verdict.outcome is Outcome.NOT_JUDGED:
        return ()
    return (*_announcer(case, verdict), *_others(case, verdict, quiet), *_strangers(case, verdict), *_gratuitous(case))


def _announcer(case: Case, verdict: Verdict) -> Iterable[Also]:
    """Of `silent` and `wrong-node` the verdict itself says that the announcer did not answer."""
    if verdict in (Verdict.SILENT, Verdict.WRONG_NODE, Verdict.MOVED) or not case.parties or case.silence or case.external:
        return
    if any(party.expected and party.node is None for party in case.parties):
        return  # the Service names its MAC: it is the announcer's own
    answered = {party.node for party in case.parties}
    could = case.announcers & case.nodes_heard - case.blind
    for node in sorted(could) if not case.announcers & answered else ():
        yield Also(id=AlsoId.ANNOUNCER_SILENT, node=node, text=f"{node}, which should answer, did not")
    if verdict is Verdict.NON_STRICT and {*case.offenders} == {*case.parties}:
        text = "nobody but kernels without strict ARP answers: when they are quiet, nobody does"
        yield Also(id=AlsoId.NOBODY_ELSE, text=text)


def _others(case: Case, verdict: Verdict, quiet: frozenset[str]) -> Iterable[Also]:
    if verdict not in (Verdict.NON_STRICT, Verdict.PROXY_ARP, Verdict.FOREIGN):
        return
    if verdict is Verdict.NON_STRICT and not case.offenders:
        return  # every kernel holds it, by configuration
    for party in case.parties:
        if party.node in quiet and not party.expected and (case.announcers or case.silence) and not case.is_proxy(party):
            yield Also(id=AlsoId.OTHER_NODE, node=party.node, text=f"{party.node} answered, and its kernel is quiet")
    known = [party for party in case.parties if party.node in quiet and not case.is_proxy(party)]
    if not (case.announcers or case.silence) and len(known) > 1:
        for party in known:
            text = f"{party.node} answered, one of {len(known)} nodes that are quiet"
            yield Also(id=AlsoId.OTHER_NODE, node=party.node, text=text)


def _strangers(case: Case, verdict: Verdict) -> Iterable[Also]:
    for party in case.strangers:
        named = case.is_proxy(party) or (verdict is Verdict.FOREIGN and case.is_foreign(party))
        named = named or (verdict is Verdict.DUPLICATE and party in case.together)
        if not named and verdict is not Verdict.INCONCLUSIVE and party.macs[0] not in case.named:
            yield Also(id=AlsoId.STRANGER, mac=party.macs[0], text=f"{case.words(party)} answered too")


def _gratuitous(case: Case) -> Iterable[Also]:
    for found in case.gratuitous:
        text = f"{found.mac} announced it by gratuitous ARP and does not answer for it"
        yield Also(id=AlsoId.GRATUITOUS, mac=found.mac, text=text)


def said(reason: str, found: Iterable[Also]) -> str:
    """The reason with what else is true."""
    return "; also: ".join([reason, "; ".join(texts)]) if (texts := [one.text for one in found]) else reason
