"""The finding about hosts that asked the same and did not hear the same."""

from ipaddress import IPv4Address

import pytest
from judge_cases import CANARY, IP, because, case, finding, hosts, judged, mac, observations, party, reply

SEGMENT = "one:eth0"
"""All are on one LAN."""
HOME = IPv4Address("10.0.0.11")
ASKED = [(ip, number) for ip in (IP, CANARY, HOME) for number in range(1, 7)]
FIRST = [(IP, number, 1) for number in (1, 2, 3)]
THREE = [*ASKED, *((ip, number) for ip in (IP, HOME) for number in (7, 8, 9))]
HEARD_THERE = (HOME, 5, 1)


def run(answered, *parties, asked=ASKED, names=("one", "two"), **rest):
    """The MAC 02:…:01 is of node a, as those of `parties` say."""
    found = tuple(
        one._replace(responder=one.responder._replace(interfaces=("one:eth0",)))
        for one in parties or (party(1, 1, 2, 3, node="a"),)
    )
    heard = {
        (SEGMENT, one.owner.mac): [reply("one:eth0", number, one.owner.mac) for number in one.responder.rounds]
        for one in found
    }
    known = {(SEGMENT, one.owner.mac): one.owner for one in found}
    made = case(*found, heard=heard, owners=known)
    return judged(made, **{"observations": hosts(*asked, answered=answered, names=names), **rest})


A_ANSWERED = [f"{IP}: a replied to one, but not to two, which receives its other replies"]


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        pytest.param([*FIRST, HEARD_THERE], A_ANSWERED, id="one, and the other hears the node"),
        pytest.param(FIRST, [], id="the other does not hear the node"),
        pytest.param([*FIRST[:2], HEARD_THERE], [], id="one, in some rounds only"),
        pytest.param([*FIRST, (IP, 4, 1)], [], id="the other too, once"),
        pytest.param([(IP, 6, 1), HEARD_THERE], [], id="neither always"),
    ],
)
def test_an_answer_that_one_host_had_and_another_had_not(answered, said):
    found = finding("vantages-disagree", run(answered))
    assert list(because("vantages-disagree", run(answered))) == said
    assert found is None or (found.nodes, found.ips) == (("a",), (IP,))


def test_a_host_that_did_not_ask_does_not_disagree():
    asked = [question for question in ASKED if question[0] != IP or question[1] <= 3]
    assert because("vantages-disagree", run([*FIRST, HEARD_THERE], asked=asked)) == ()
    asked = [question for question in THREE if question[0] != IP or question[1] > 3]
    assert because("vantages-disagree", run([(IP, 4, 1), (HOME, 8, 1)], asked=asked, names=("one", "two", "three"))) == ()


def test_any_mac_of_the_node_tells_that_it_is_heard():
    owners = {number: party(number, node=node).owner for number, node in ((1, "a"), (2, "a"), (3, "b"), (4, None))}
    known = {"owners": {(SEGMENT, owner.mac): owner for owner in owners.values()}}
    assert list(because("vantages-disagree", run([*FIRST, (HOME, 5, 2)], **known))) == A_ANSWERED
    assert because("vantages-disagree", run([*FIRST, (HOME, 5, 3)], **known)) == ()
    nobody = party(8, 1, 2, 3)
    answers = [(IP, number, 8) for number in (1, 2, 3)]
    known["owners"] |= {(SEGMENT, mac(8)): nobody.owner}
    assert because("vantages-disagree", run([*answers, (HOME, 5, 4)], nobody, **known)) == ()
    found = finding("vantages-disagree", run([*answers, (HOME, 5, 8)], nobody, **known))
    assert (found.because, found.nodes) == (
        (f"{IP}: {mac(8)} replied to one, but not to two, which receives its other replies",),
        (),
    )


def test_the_canary_is_held_against_each_other_too():
    on_canary = [(CANARY, number, 1) for number in (1, 2, 3)]
    for node, named in (("a", "a"), (None, mac(1))):
        heard, owners = hosts(*ASKED, answered=[*on_canary, HEARD_THERE]), {(SEGMENT, mac(1)): party(1, node=node).owner}
        found = finding("vantages-disagree", judged(case(), observations=heard, owners=owners))
        assert found.because == (
            f"canary {CANARY}: {named} replied to one, but not to two, which receives its other replies",
        )
        assert (found.nodes, found.ips) == ((node,) if node else (), ())


def test_all_that_were_answered_are_named():
    answered = [*FIRST, *((IP, number, 1) for number in (4, 5, 6)), (HOME, 8, 1)]
    assert list(because("vantages-disagree", run(answered, asked=THREE, names=("one", "two", "three")))) == [
        f"{IP}: a replied to one and two, but not to three, which receives its other replies"
    ]


def test_a_single_host_has_nobody_to_disagree_with():
    alone = judged(case(party(1, 1, 2, 3, node="a")), observations=observations(*ASKED, answered=[*FIRST, HEARD_THERE]))
    assert because("vantages-disagree", alone) == ()
