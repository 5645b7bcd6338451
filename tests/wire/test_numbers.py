"""further_requests: which nodes' addresses have to be asked once more before a node can be called quiet."""

from ipaddress import IPv4Address

import pytest

from arpcheck.wire.further_requests import ENOUGH, FEW, SERIES, Count, lacking, rounds_for

ZERO, OWN = IPv4Address(0), IPv4Address("10.0.0.5")


def count(rounds, senders=(ZERO, OWN), missed=(), again=0):
    """Asked in so many rounds by these senders, and answered but for `missed`."""
    asked = [(number, sender) for number in range(1, rounds + 1) for sender in senders]
    return Count(asked=asked, answered={*asked} - {*missed}, again=again)


def canary(rounds, senders=(ZERO, OWN)):
    return Count(asked=count(rounds, senders).asked)


@pytest.mark.parametrize(
    ("node", "beside", "many", "expected"),
    [
        pytest.param(count(4), canary(4), False, False, id="eight of both"),
        pytest.param(count(3), canary(3), False, True, id="six of both"),
        pytest.param(count(3), canary(3), True, False, id="six of both, among many nodes"),
        pytest.param(count(1), canary(1), True, True, id="two of both, among many nodes"),
        pytest.param(count(4), canary(3), False, True, id="six of the canary"),
        pytest.param(count(8, (ZERO,)), canary(8, (OWN,)), False, True, id="the canary by another sender"),
        pytest.param(count(8, (ZERO,)), canary(8), False, False, id="the canary by that sender too"),
        pytest.param(count(4, missed=[(4, OWN)]), canary(4), False, True, id="missed the last"),
        pytest.param(count(4, missed=[(1, ZERO)]), canary(4), False, True, id="missed the first"),
        pytest.param(count(5, missed=[(1, ZERO)]), canary(5), False, False, id="eight since the one that it missed"),
        pytest.param(count(3, missed=[(1, ZERO)]), canary(3), True, True, id="missed one, among many nodes"),
        pytest.param(count(8, missed=[(n, ZERO) for n in range(1, 9)]), canary(8), False, False, id="one sender never answered"),
        pytest.param(count(4, missed=count(4).asked), canary(4), False, False, id="never answered: it was not heard"),
        pytest.param(count(3, again=(1 + SERIES) * ENOUGH), canary(3), False, False, id="asked for it often enough"),
    ],
)  # fmt: skip
def test_what_has_to_be_asked_once_more(node, beside, many, expected):
    assert lacking([node], beside, many) == ((node,) if expected else ())


def test_among_many_nodes_one_that_missed_a_question_is_a_reason_to_ask_all():
    one, other = count(3), count(3, missed=[(2, OWN)])
    assert lacking([one, other], canary(3), many=True) == (one, other)


@pytest.mark.parametrize(
    ("wanted", "questions", "rounds"), [(ENOUGH, 2, 4), (ENOUGH, 1, 8), (ENOUGH, 3, 3), (FEW, 2, 2), (FEW, 0, 3)]
)
def test_rounds(wanted, questions, rounds):
    assert rounds_for(wanted, questions) == rounds
