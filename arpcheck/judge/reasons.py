"""The phrases that several verdicts' reasons share: who replied, and who should have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from arpcheck.judge.case import Case
from arpcheck.model import Responder, Trust


def who_should(case: Case) -> str:
    """The node that should reply, as the end of a reason: "worker-1 should"."""
    if case.external:
        return "no node should: a load balancer outside the cluster serves it"
    if case.announcers:
        return f"{' and '.join(sorted(case.announcers))} should"
    if case.silence:
        return f"nobody should: {case.silence}"
    stale = [claim for claim in case.claims if claim.trust is Trust.STALE]
    return f"the announcer is not known (an old record names {stale[0].node})" if stale else "the announcer is not known"


def who(case: Case, parties: Iterable[Responder]) -> str:
    """The responders, each by its node or by its MAC address with what is known of it."""
    return " and ".join([case.words(party) for party in parties])


def others_too(case: Case, named: Callable[[Responder], bool]) -> str:
    """The responders that the reason has not named yet; empty where there are none."""
    others = [party for party in case.parties if not named(party)]
    return f"; {who(case, others)} also replied" if others else ""


def rounds(given: Sequence[int]) -> str:
    return f"round{'' if len(given) == 1 else 's'} {numbers(given)}"


def numbers(given: Sequence[int]) -> str:
    return ", ".join(str(number) for number in given)


def counted(count: int, one: str, many: str = "") -> str:
    """`many`: the plural, where it is not `one` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"
