"""What the wire says of why nobody replies for an address: who replied to unicast requests for it, and who to requests from
another sender. Neither is what a client gets, so neither changes who replies."""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.judge.asked import DirectRequests, FurtherRequests
from arpcheck.judge.case import Case, counted
from arpcheck.model import Certainty, Reason, ReasonId
from arpcheck.model.constants import IPV6

TWICE = 2
"""Requests to one NIC from which a reply, or a missing one, means something."""


def replied_apart(case: Case) -> bool:
    """Nobody replied to a usual request, and somebody to one by unicast or from another sender."""
    apart = any(one.answered for one in case.direct) or any(one.answered for one in case.further) or case.hidden
    return bool(apart) and not case.parties


def only_by_unicast(case: Case) -> tuple[DirectRequests, ...]:
    """The NICs that replied to every unicast request for the address, while no broadcast from any sender got a reply."""
    if case.parties or any(one.answered for one in case.further):
        return ()
    return tuple(one for one in case.direct if one.asked >= TWICE and one.answered == one.asked and not _proxies(case, one))


def wire_reasons(case: Case) -> Iterable[Reason]:
    """In the order of how sure they are."""
    if case.parties:
        return
    for hidden in case.hidden:
        yield Reason(
            id=ReasonId.MULTICAST_FILTERED,
            subject=f"{hidden.words} ({hidden.nic[1]})" if hidden.owner.node else hidden.words,
            evidence="replied to requests to all nodes or to it alone, and to none to the address's own group",
            certainty=Certainty.LIKELY if case.recorded else Certainty.SURE,  # a file may lack the replies to its group
            implementation=case.announcements[0].implementation if case.announcements else None,
        )
    for one in only_by_unicast(case):
        yield Reason(
            id=ReasonId.BROADCAST_FILTERED,
            subject=named(case, one),
            evidence=f"replied to {counted(one.asked, 'unicast request')} and to no broadcast",
            certainty=Certainty.SURE,
        )
    for sender in case.further:
        if nodes := _nodes_that_replied(case, sender):
            yield Reason(
                id=ReasonId.SENDER_FILTERED,
                subject=" and ".join(nodes),
                evidence=f"replied to {sender.answered} of {counted(sender.asked, 'request')} from {sender.sender}, and to "
                f"none from the usual sender",
                certainty=Certainty.LIKELY,
            )
    if mute := _mute(case):
        own = "its own address" if len(mute) == 1 else "their own addresses"
        six = case.target.ip is not None and case.target.ip.version == IPV6
        usual = "multicast" if six else "broadcast"
        if six and case.on_interface:
            yield Reason(
                id=ReasonId.DADFAILED_LIKELY,
                subject=" and ".join(mute),
                evidence=f"replied for {own}, and to no request of any form for this one, which this load balancer puts on "
                "an interface",
                certainty=Certainty.LIKELY,
                nodes=mute,
                implementation=case.announcements[0].implementation,
            )
        yield Reason(
            id=ReasonId.ANNOUNCER_MUTE,
            subject=" and ".join(mute),
            evidence=f"replied for {own}, and to no {usual} and no unicast request for this one",
            certainty=Certainty.LIKELY,
        )


def named(case: Case, one: DirectRequests) -> str:
    """Whose NIC it is, with its MAC address."""
    nodes = sorted(node for node, macs in case.nics_of_nodes.items() if one.nic[1] in macs)
    return f"{' or '.join(nodes)} ({one.nic[1]})" if nodes else str(one.nic[1])


def _proxies(case: Case, one: DirectRequests) -> bool:
    owner = case.owners.get(one.nic)
    return owner is not None and bool(owner.proxied)


def _nodes_that_replied(case: Case, one: FurtherRequests) -> tuple[str, ...]:
    """Nodes that should reply, without proxies, which reply for everything to some senders."""
    owners = [owner for nic in one.nics if (owner := case.owners.get(nic)) and not owner.proxied and not owner.doubtful]
    return tuple(sorted({o.node for o in owners if o.node and (not case.announcers or o.node in case.announcers)}))


def _mute(case: Case) -> tuple[str, ...]:
    """The recorded announcers, if each was heard here and no known NIC of theirs replied."""
    if not case.announcers or not case.announcers <= case.nodes_heard or replied_apart(case):
        return ()
    enough = {one.nic[1] for one in case.direct if one.asked >= TWICE}
    known = [case.nics_of_nodes.get(node, frozenset()) for node in case.announcers]
    return tuple(sorted(case.announcers)) if all(macs and macs <= enough for macs in known) else ()
