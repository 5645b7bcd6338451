"""What makes an address inconclusive: one rule for each doubt, tried in the order of `DOUBTS`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from arpcheck.judge.case import Case
from arpcheck.judge.nodes import ENOUGH
from arpcheck.judge.reasons import counted, numbers, who, who_should
from arpcheck.model import Kind, Strength, Trust


def _lost_frames(case: Case) -> str | None:
    if case.excess:
        return f"{counted(case.excess, 'reply', 'replies')} more came than could be kept or trusted"
    return "frames were lost in a round that asked it" if case.lost else None


def _unfinished(case: Case) -> str | None:
    finished = case.complete and (case.rounds or case.recorded)
    return None if finished else "the run ended before every round had asked it and listened"


def _unknown_owner(case: Case) -> str | None:
    strangers = [party for party in case.strangers if not case.is_known(party)]
    return f"it is not known whose {who(case, strangers)} is" if strangers else None


def _doubtful_owner(case: Case) -> str | None:
    doubtful = [party for party in case.parties if case.is_doubtful(party)]
    if not doubtful:
        return None
    macs = sorted({o.mac for party in doubtful for o in case.owners_of(party) if o.strength is Strength.DOUBTFUL})
    several = "are" if len(macs) > 1 else "is"
    named = " and ".join(party.node or "" for party in doubtful)
    return f"{' and '.join(macs)} answered and {several} not certain to be {named}'s (a line of `--mac-map` settles it)"


def _doubled(case: Case) -> str | None:
    if not case.doubled:
        return None
    named = " and ".join(f"{mac} ({node})" if node else mac for (_, mac), node in case.doubled)
    return f"{named} answered more than once per question: two machines may have this MAC"


def _outside(case: Case) -> str | None:
    if not case.external:
        return None
    return f"{who(case, case.parties)} answered, and a load balancer outside of the cluster serves the address"


def _only_loud(case: Case) -> str | None:
    """A kernel without strict ARP answers whether its node was chosen or not."""
    if case.announcers or case.silence or len(case.parties) != 1 or case.parties[0] not in case.offenders:
        return None
    return f"only {who(case, case.parties)} answered, whose kernel answers for every Service's address; {who_should(case)}"


def _some_rounds_only(case: Case) -> str | None:
    if len(case.parties) != 1 or case.every_round(case.parties[0]):
        return None
    party = case.parties[0]
    return f"{case.words(party)} answered in round {numbers(party.rounds)} of {numbers(case.rounds)} only"


def _perhaps_elsewhere(case: Case) -> str | None:
    if not case.routed:
        return None
    named = who(case, case.routed)
    return f"{named} answers for addresses that are not its own, and whether this one is on this link is not known"


def _deaf(case: Case) -> str | None:
    """Nobody answered, and that may be the prober's own fault, or the way's."""
    if case.parties:
        return None
    tagged = sorted({f"VLAN {passed.vlan}" for passed in case.passed_over if passed.vlan})
    if tagged and not case.silence:
        nobody = "no untagged answer for it is in the capture" if case.recorded else "nobody answered here"
        return f"{nobody}, and frames of {', '.join(tagged)} speak for it"
    if case.recorded:
        return "no answer for it is in the capture, which does not say what it missed"
    if not case.nodes_heard:
        return "nobody answered, and no node was heard on this segment"
    if case.silence:
        return None
    likely = {claim.node for claim in case.claims}
    for node in sorted(case.blind):
        if node in likely or not case.announcers:
            may_be = "is" if node in case.announcers else "may be"
            return f"nobody answered, and {node}, on which arpcheck ran and which it can't hear, {may_be} the announcer"
    return _not_heard(case, likely)


def _not_ready(case: Case) -> str | None:
    """A node that is not Ready and answers is alive, or another machine has its address now."""
    away = [party for party in case.parties if party.node in case.nodes_down and not case.is_listed(party)]
    if not away:
        return None
    return f"{who(case, away)} answered and is not Ready: another machine may have its address, unless a list has its MAC"


def _nobodys(case: Case) -> str | None:
    """An address that was asked for by name, and that nothing of the cluster speaks of."""
    if case.parties or case.target.kind is not Kind.EXTRA or case.announcements or case.silence:
        return None
    return "nobody answered, and nothing says that anybody should: it is no Service's and no node's"


def _not_heard(case: Case, likely: set[str]) -> str | None:
    """Silence proves only what could have spoken: the announcer, or, where none is recorded, every Ready node."""
    speakers = case.announcers or (case.nodes_ready | likely)
    if missing := sorted(speakers - case.nodes_heard):
        more = f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
        which = "should answer" if case.announcers else "could be the announcer"
        named = f"{', '.join(missing[:_MOST])}{more}"
        return f"nobody answered, and {named}, which {which}, was not heard on this segment"
    if not case.on_link:
        return "nobody answered, and it is in no network of these interfaces: it may be announced on another segment"
    if case.nodes_missed:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        return f"nobody answered, and frames get lost here: {named} did not answer every question for its own address"
    return None


_MOST = 3
"""Nodes that a reason names."""


SILENT = 4
"""Questions that nobody answered, before an address is called silent."""


def _seldom(case: Case) -> str | None:
    """What was heard is as it should be; where frames get lost, one more may have answered and was not heard. That only the
    wrong one was heard is a fault, whatever was lost."""
    wrong = case.parties and (case.announcers or case.silence) and not case.parties[0].expected
    if case.recorded or wrong or len(case.parties) > 1:
        return None
    times = counted(case.often, "question")
    if case.nodes_missed and case.often < ENOUGH:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        lost = f"frames get lost here ({named} did not answer every question for its own address)"
        return f"{lost}, and {times} for it may be too few"
    if not case.parties and not case.silence and case.often < SILENT:
        return f"nobody answered, and {times} for it may be too few"
    return None


def _changing(case: Case) -> str | None:
    """A failover while it ran: two nodes may overlap for a moment, and for another nobody answers. One that is neither of
    those that the record named should not have answered at all, but a third may have held it in between."""
    if not case.changed or case.silence:
        return None
    named = " and ".join(sorted({claim.node for claim in case.changed}))
    alone = case.parties[0] if len(case.parties) == 1 else None
    if alone and case.announcers and not alone.expected and alone.node in {claim.node for claim in case.changed}:
        other = " and ".join(sorted(case.announcers))
        return f"{who(case, (alone,))} answered, and the record of who should changed ({named}), while one names {other}"
    third = len(case.parties) == 1 and not case.announcers and case.parties[0].node not in {c.node for c in case.changed}
    if third and case.parties[0].macs[0] not in case.named:
        return f"{who(case, case.parties)} answered, and the record of who should changed while arpcheck ran ({named})"
    if not case.together and case.parties:
        return None
    heard = f"{who(case, case.together)} answered in one round" if case.together else "nobody answered"
    return f"{heard}, and the record of who should changed while arpcheck ran ({named})"


def _unplaced(case: Case) -> str | None:
    if case.announcers or case.silence or not case.parties:
        return None
    named = [claim for claim in case.claims if not claim.placed]
    if not named or any(party.node == claim.node for claim in named for party in case.parties):
        return None
    told = " and ".join(dict.fromkeys(f"{claim.source} names {claim.node}" for claim in named))
    return f"{who(case, case.parties)} answered, and {told}; whether its controller runs there is not known"


def _rival_claims(case: Case) -> str | None:
    if not case.conflict or case.silence:
        return None
    named = ", ".join(f"{claim.node} by {claim.source}" for claim in case.conflict)
    return f"two current records name different nodes: {named}"


def _unread(case: Case) -> str | None:
    """What was refused might have named another announcer than the one that is known, or excused the one that answers."""
    as_known = case.announcers and (not case.parties or any(party.expected for party in case.parties))
    if as_known or not case.unread:
        return None
    return f"who should answer could not be read: {', '.join(case.unread)}"


def _unsaid(case: Case) -> str | None:
    if not case.unsaid or case.silence or case.announcers:
        return None
    what = "who should answer" if case.parties else "whether anybody should"
    heard = "" if case.parties else "nobody answered, and "
    return f"{heard}the file holds nothing that says {what}: {', '.join(case.unsaid)}"


def _outdated(case: Case) -> str | None:
    """What was recorded then is no fault of today, and no witness of today's silence."""
    if not case.outdated or case.silence or case.announcers:
        return None
    recorded = {claim.node for claim in case.claims if claim.trust is Trust.STALE}
    if case.parties and (not recorded or any(p.node in recorded or p.macs[0] in case.named for p in case.parties)):
        return None
    heard = who(case, case.parties) or "nobody"
    names = f" and then recorded {' and '.join(sorted(recorded))}" if recorded else ""
    return f"{heard} answered, and the cluster was read {case.outdated}{names}: who should answer now is not known"


def _itself(case: Case) -> str | None:
    if case.held_on is None:
        return None
    return f"this host has the address itself, on {case.held_on}, and whether it is a node could not be read"


def _held_here(case: Case) -> str | None:
    """A node that has it on the LAN's interface answers for it too, and no host hears itself."""
    unheard = {name: on for name, on in case.held_by.items() if name not in {party.node for party in case.parties}}
    if not case.parties or not unheard:
        return None
    deaf = (f"{name}, on which arpcheck ran and which it can't hear, has it on {on}" for name, on in unheard.items())
    return f"{who(case, case.parties)} answered, and {' and '.join(deaf)}: ask from another host"


def _never_both_audible(case: Case) -> str | None:
    """Each answered one of the hosts that asked, and that host can't hear the other: itself, or on another segment."""
    for one, other in combinations(case.parties, 2):
        if case.turns_of(one) <= case.deaf_to(other) or case.turns_of(other) <= case.deaf_to(one):
            return f"{who(case, (one, other))} were heard by different hosts; whether both answer at once is not known"
    return None


def _asked_of_one_only(case: Case) -> str | None:
    """Only in a capture: a host that knows a MAC asks that one alone, and nobody else hears the question."""
    return "no question to all hosts is in the capture" if case.recorded and not case.rounds else None


DOUBTS: tuple[Callable[[Case], str | None], ...] = (
    _lost_frames, _unfinished, _perhaps_elsewhere, _unknown_owner, _doubtful_owner, _doubled, _itself, _held_here,
    _outside, _only_loud, _some_rounds_only, _changing, _never_both_audible, _deaf, _not_ready, _nobodys,
    _asked_of_one_only, _unread, _unplaced, _rival_claims, _unsaid, _outdated, _seldom,
)  # fmt: skip
