"""What makes an address inconclusive: one rule for each doubt, tried in the order of `DOUBTS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from arpcheck.judge.case import Case, counted, holders_behind_a_table, numbers, rounds, who, who_should
from arpcheck.judge.nodes import ENOUGH
from arpcheck.judge.responders import replied_apart
from arpcheck.model import ClaimSource, Kind, Owner, Strength, Trust


def _lost_frames(case: Case) -> str | None:
    if case.excess:
        return f"{counted(case.excess, 'more reply', 'more replies')} arrived than could be kept or trusted"
    return "frames were lost in a round that probed it" if case.lost else None


def _unfinished(case: Case) -> str | None:
    finished = case.complete and (case.rounds or case.recorded)
    return None if finished else "the run ended before every round for it was finished"


def _unknown_owner(case: Case) -> str | None:
    strangers = [party for party in case.strangers if not case.is_known(party)]
    return f"the owner of {who(case, strangers)} is not known" if strangers else None


def _doubtful_owner(case: Case) -> str | None:
    doubtful = [party for party in case.parties if case.is_doubtful(party)]
    if not doubtful:
        return None
    owners = [o for party in doubtful for o in case.owners_of(party) if o.strength is Strength.DOUBTFUL]
    macs = sorted({owner.mac for owner in owners})
    they = "they belong" if len(macs) > 1 else "it belongs"
    named = " and ".join(party.node or "" for party in doubtful)
    return f"{' and '.join(macs)} replied, and it is not certain that {they} to {named} ({_what_settles(owners)})"


def _what_settles(doubtful: Sequence[Owner]) -> str:
    """A list settles whose a MAC address is where no list has it. It cannot say that no other machine has it too, and it
    does not make another source right."""
    if any(claim.node != owner.node for owner in doubtful for claim in owner.identities):
        return "two sources name different nodes: correct the one that is wrong"
    if all(any(claim.lists_nics for claim in owner.identities) for owner in doubtful):
        return "another machine may have the same MAC address: check on which ports the switch learned it"
    return "a line in `--mac-map` settles it"


def _hidden(case: Case) -> str | None:
    if not case.hidden or not case.parties or holders_behind_a_table(case):
        return None
    named = " and ".join(one.words for one in case.hidden)
    known = all(one.owner.node and not one.owner.doubtful for one in case.hidden)
    why = "it may have moved to it meanwhile" if known else "whose that is is not certain"
    return f"{who(case, case.parties)} replied, and {named} replied to requests to all nodes or to it alone: {why}"


def _spoken_for(case: Case) -> str | None:
    parties = [party for party in case.parties if case.is_spoken_for(party)]
    if not parties or holders_behind_a_table(case):
        return None
    it, its = ("it", "its MAC address") if len(parties) == 1 else ("them", "their MAC addresses")
    return (
        f"{who(case, parties)} seemed to reply, and did not itself reply to requests to {it} alone: a switch may reply from "
        f"its table with {its}, and who has the address is not known"
    )


def _doubled(case: Case) -> str | None:
    if not case.doubled:
        return None
    named = " and ".join(f"{mac} ({node})" if node else mac for (_, mac), node in case.doubled)
    return f"{named} replied more than once per request: two machines may have this MAC address"


def _outside(case: Case) -> str | None:
    if not case.external:
        return None
    return f"{who(case, case.parties)} replied, but a load balancer outside the cluster serves the address"


def _only_non_strict(case: Case) -> str | None:
    """A kernel without strict ARP replies whether or not its node is the announcer."""
    if case.announcers or case.silence or len(case.parties) != 1 or case.parties[0] not in case.offenders:
        return None
    return f"only {who(case, case.parties)} replied, and its kernel replies for every Service address; {who_should(case)}"


def _some_rounds_only(case: Case) -> str | None:
    if len(case.parties) != 1 or case.every_round(case.parties[0]):
        return None
    party = case.parties[0]
    return f"{case.words(party)} replied only in {rounds(party.rounds)} of {numbers(case.rounds)}"


def _perhaps_elsewhere(case: Case) -> str | None:
    if not case.routed:
        return None
    owns = "replies for addresses that it does not own"
    if len(case.routed) > 1:
        owns = "reply for addresses that they do not own"
    return f"{who(case, case.routed)} {owns}, and it is not known whether this address is on this link"


def _sender_taken(case: Case) -> str | None:
    """A kernel that has the sender's address does not answer it, and answers everybody else (net/ipv4/arp.c: a martian)."""
    wrong = case.parties and (case.announcers or case.silence) and not case.parties[0].expected
    if not case.taken_by or wrong or len(case.parties) > 1:
        return None
    more = f" and {len(case.taken_by) - _MOST} more" if len(case.taken_by) > _MOST else ""
    named = f"{', '.join(case.taken_by[:_MOST])}{more}"
    return (
        f"{who(case, case.parties) or 'nobody'} replied, but {named} also replied for the address of this host and may take "
        f"its requests for their own: run it from a host whose address is no Service's"
    )


def _no_reply(case: Case) -> str | None:
    """Nobody replied, and the probing host or the path may be the reason."""
    if case.parties:
        return None
    tagged = sorted({f"VLAN {passed.vlan}" for passed in case.passed_over if passed.vlan})
    if tagged and not case.silence:
        nobody = "the capture has no untagged reply for it" if case.recorded else "nobody replied here"
        return f"{nobody}, but frames of {', '.join(tagged)} claim it"
    if case.recorded:
        return "the capture has no reply for it and may be incomplete"
    if not case.nodes_heard:
        return "nobody replied, and no node replied to the same sender on this segment"
    if case.silence:
        return None
    likely = {claim.node for claim in case.claims}
    for node in sorted(case.blind):
        if node in likely or not case.announcers:
            may_be = "is" if node in case.announcers else "may be"
            return (
                f"nobody replied, and arpcheck ran on {node}, which {may_be} the announcer and whose replies it can't "
                f"receive"
            )
    return _announcer_unreached(case, likely)


def _not_ready(case: Case) -> str | None:
    """A node that is not Ready and replies is alive, or another machine has its address now."""
    away = [party for party in case.parties if party.node in case.nodes_down and not case.is_listed(party)]
    if not away:
        return None
    are = "is" if len(away) == 1 else "are"
    return (
        f"{who(case, away)} replied but {are} not Ready: another machine may have the address (a list of the node's NICs "
        f"settles it)"
    )


def _without_owner(case: Case) -> str | None:
    """An address given with `--ip` that no object of the cluster has."""
    if case.parties or case.target.kind is not Kind.EXTRA or case.announcements or case.silence:
        return None
    return "nobody replied, and nothing says that anybody should: no Service and no node has this address"


def _announcer_unreached(case: Case, likely: set[str]) -> str | None:
    """Silence proves something only if the announcer could reply: it, or, where none is recorded, every Ready node, replied
    to something."""
    speakers = case.announcers or (case.nodes_ready | likely)
    if missing := sorted(speakers - case.nodes_heard):
        more = f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
        which = "should reply" if case.announcers else "could be the announcer"
        named = f"{', '.join(missing[:_MOST])}{more}"
        return f"nobody replied, and {named}, which {which}, did not reply to the same sender here"
    if not case.on_link:
        return "nobody replied, and no interface used is in its network: it may be announced on another segment"
    if case.nodes_missed:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        return f"nobody replied, and frames get lost here: {named} missed requests for its own address"
    return None


_MOST = 3
"""How many nodes a reason names."""


SILENT = 4
"""Requests without a reply before an address is called silent."""


def _too_few_requests(case: Case) -> str | None:
    """The replies are as they should be, but where frames get lost another reply may be missing. A reply of the wrong node
    alone is a fault, whatever was lost."""
    wrong = case.parties and (case.announcers or case.silence) and not case.parties[0].expected
    if case.recorded or wrong or len(case.parties) > 1:
        return None
    times = counted(case.often, "request")
    if case.nodes_missed and case.often < ENOUGH:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        lost = f"frames get lost here ({named} missed requests for its own address)"
        return f"{lost}, and {times} for it may be too few"
    if not case.parties and not case.silence and case.often < SILENT:
        return f"nobody replied, and {times} for it may be too few"
    return None


def _changing(case: Case) -> str | None:
    """A failover while arpcheck ran: two nodes may overlap for a moment, and for another moment nobody replies. A node that
    the record named neither before nor after should not reply, but it may have held the address in between."""
    if not case.changed or case.silence:
        return None
    named = " and ".join(sorted({claim.node for claim in case.changed}))
    alone = case.parties[0] if len(case.parties) == 1 else None
    if alone and case.announcers and not alone.expected and alone.node in {claim.node for claim in case.changed}:
        other = " and ".join(sorted(case.announcers))
        return f"{who(case, (alone,))} replied; one record of the announcer changed ({named}), another names {other}"
    unheard = {claim.node for claim in case.changed} & case.blind
    if alone and unheard and alone.node not in unheard:
        own = " and ".join(sorted(unheard))
        return (
            f"{who(case, (alone,))} replied, but the recorded announcer changed while arpcheck ran ({named}), and "
            f"arpcheck ran on {own} and can't receive its replies"
        )
    third = len(case.parties) == 1 and not case.announcers and case.parties[0].node not in {c.node for c in case.changed}
    if third and case.parties[0].macs[0] not in case.named:
        return f"{who(case, case.parties)} replied, but the recorded announcer changed while arpcheck ran ({named})"
    if not case.together and case.parties:
        return None
    replied = f"{who(case, case.together)} replied in one round" if case.together else "nobody replied"
    return f"{replied}, and the recorded announcer changed while arpcheck ran ({named})"


def _announced_by_another(case: Case) -> str | None:
    """Where no record says who should reply, who announced it by gratuitous ARP may be the announcer as well."""
    if case.announcers or case.silence or len(case.parties) != 1 or case.parties[0].expected or not case.gratuitous:
        return None
    macs = " and ".join(sorted({one.mac for one in case.gratuitous}))
    return f"{who(case, case.parties)} replied, but {macs} announced it by gratuitous ARP; {who_should(case)}"


def _only_events(case: Case) -> str | None:
    """No event is written when a node stops announcing, nor when the address moves back to one that announced it before, and
    whose own event may have expired since (metallb#2310)."""
    if not case.by_events or len(case.parties) != 1 or case.parties[0].expected:
        return None
    named = " and ".join(sorted(case.announcers))
    return (
        f"{who(case, case.parties)} replied, but only events name the announcer ({named}), and none is written when an "
        f"address moves back to a node that announced it before"
    )


def _held_by_absent(case: Case) -> str | None:
    """A Lease ends by itself, so one that still holds was renewed by a process that runs, on a node that did not reply here:
    it may be on another segment."""
    if case.announcers or case.silence or not case.parties:
        return None
    held = [claim for claim in case.claims if claim.kind is ClaimSource.LEASE and claim.absent]
    if not held:
        return None
    told = " and ".join(dict.fromkeys(f"{claim.source} still names {claim.node}" for claim in held))
    return f"{who(case, case.parties)} replied, but {told}, which did not reply here"


def _unplaced(case: Case) -> str | None:
    if case.announcers or case.silence or not case.parties:
        return None
    named = [claim for claim in case.claims if not claim.placed]
    if not named or any(party.node == claim.node for claim in named for party in case.parties):
        return None
    told = " and ".join(dict.fromkeys(f"{claim.source} names {claim.node}" for claim in named))
    return f"{who(case, case.parties)} replied, but {told}; whether its controller runs in that namespace is not known"


def _rival_claims(case: Case) -> str | None:
    if not case.conflict or case.silence:
        return None
    named = ", ".join(f"{claim.node} by {claim.source}" for claim in case.conflict)
    return f"two current records name different nodes: {named}"


def _none_of_the_entries(case: Case) -> str | None:
    """PureLB 0.15 and 0.16 leave earlier announcers in the annotation: one of them is right, and it does not say which."""
    if case.announcers or case.silence or not case.parties:
        return None
    stale = [claim for claim in case.claims if claim.kind is ClaimSource.ANNOTATION and claim.trust is Trust.STALE]
    for source in sorted({claim.source for claim in stale}):
        named = sorted({claim.node for claim in stale if claim.source == source})
        if len(named) > 1 and not any(party.node in named or party.macs[0] in case.named for party in case.parties):
            return f"{who(case, case.parties)} replied, but {source} names {' and '.join(named)}"
    return None


def _forbidden(case: Case) -> str | None:
    """A forbidden resource might have named another announcer, or explained the node that replies."""
    as_known = _is_recorded(case) and (not case.parties or any(party.expected for party in case.parties))
    if as_known or not case.unread:
        return None
    return f"the records of the announcer could not be read: {', '.join(case.unread)}"


def _is_recorded(case: Case) -> bool:
    """That a node has the Service's address says who announces it only if no record can say otherwise: a cloud provider adds
    an address that kube-vip left behind to the Node too."""
    if not case.target.services:
        return bool(case.announcers)
    return any(claim.node in case.announcers and claim.kind is not ClaimSource.NODE_ADDRESS for claim in case.claims)


def _not_in_file(case: Case) -> str | None:
    if not case.not_in_file or case.silence or case.announcers:
        return None
    what = "who should reply" if case.parties else "whether anybody should"
    silence = "" if case.parties else "nobody replied, and "
    return f"{silence}the file has no record of {what}: {', '.join(case.not_in_file)}"


def _outdated(case: Case) -> str | None:
    """An old record proves neither a fault of today nor that today's silence is right."""
    if not case.outdated or case.silence or case.announcers:
        return None
    recorded = {claim.node for claim in case.claims if claim.trust is Trust.STALE}
    if case.parties and (not recorded or any(p.node in recorded or p.macs[0] in case.named for p in case.parties)):
        return None
    replied = who(case, case.parties) or "nobody"
    names = f" and then recorded {' and '.join(sorted(recorded))}" if recorded else ""
    return f"{replied} replied, but the cluster was read {case.outdated}{names}: the current announcer is not known"


def _itself(case: Case) -> str | None:
    if case.held_on is None:
        return None
    return f"this host has the address itself, on {case.held_on}, and it could not be read whether the host is a node"


def _on_probing_node(case: Case) -> str | None:
    """A node that has it on an interface of the LAN replies for it too, but a host does not receive its own replies."""
    holders = {name: on for name, on in case.held_by.items() if name not in {party.node for party in case.parties}}
    if not case.parties or not holders:
        return None
    where = (f"{name} has it on {on}" for name, on in holders.items())
    return (
        f"{who(case, case.parties)} replied, but {' and '.join(where)}; arpcheck ran there and can't receive its replies: "
        f"run it from another host"
    )


def _different_hosts(case: Case) -> str | None:
    """Each replied to a host that can't receive the other's replies: it is that host itself, or on another segment."""
    for one, other in combinations(case.parties, 2):
        if case.turns_of(one) <= case.deaf_to(other) or case.turns_of(other) <= case.deaf_to(one):
            return f"{who(case, (one, other))} replied to different hosts; whether both reply at once is not known"
    return None


def _unicast_only(case: Case) -> str | None:
    """Only in a capture: a host that knows a MAC address sends it unicast requests, which no other host receives."""
    return "the capture has no broadcast request for it" if case.recorded and not case.rounds else None


def _silence_not_right(case: Case) -> str | None:
    """Where nobody should reply, silence is right only if no node has the address."""
    unclaimed = case.target.kind is Kind.EXTERNAL_IP and not case.announcements
    if not replied_apart(case) or not (case.silence or unclaimed):
        return None
    return "nobody replied to the usual requests, but somebody to one by unicast or from another sender; nobody should"


DOUBTS: tuple[Callable[[Case], str | None], ...] = (
    _lost_frames, _unfinished, _perhaps_elsewhere, _unknown_owner, _doubtful_owner, _hidden, _spoken_for, _doubled, _itself,
    _on_probing_node,
    _outside, _only_non_strict, _some_rounds_only, _changing, _different_hosts, _sender_taken, _no_reply, _not_ready,
    _without_owner, _unicast_only, _none_of_the_entries, _forbidden, _unplaced, _only_events, _held_by_absent,
    _announced_by_another, _rival_claims, _not_in_file, _outdated,
    _silence_not_right, _too_few_requests,
)  # fmt: skip
