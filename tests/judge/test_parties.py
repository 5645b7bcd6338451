"""responders: who replied for an address, folded by owner."""

from ipaddress import IPv4Address
from itertools import permutations

import pytest
from judge_cases import evidence, hosts, mac, observations

from arpcheck.judge import responders
from arpcheck.judge.asked import Asked
from arpcheck.judge.case import key
from arpcheck.judge.observations import Observations
from arpcheck.judge.responders import expected
from arpcheck.model import Announcement, Claim, ClaimSource, Mac, Owner, Question, Reply, Trust

IP, OWN = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.5")
A, B, OTHER = Mac("02:00:00:00:00:0a"), Mac("02:00:00:00:00:0b"), Mac("02:00:00:00:00:0c")


def reply(mac=A, number=1, interface="eth0", after=0.2, source=None):
    return Reply(number * 1000.0, interface, number, IP, OWN, None, mac, source or mac, after)


@pytest.mark.parametrize("asked", [0, 1, 2, 3], ids="asked {} times".format)
@pytest.mark.parametrize("found", [reply(), reply(source=OTHER), reply(number=3, interface="eth1", after=7.5)])
@pytest.mark.parametrize(("node", "vendor"), [("worker-1", None), (None, "VRRP, virtual router 51"), (None, None)])
def test_one_reply_is_told_as_several_would_be(asked, found, node, vendor):
    questions = [Question(1000.0, found.interface, found.round, IP, OWN, None)] * asked
    heard = Observations(evidence(questions=questions, replies=[found]))
    nics = {(found.interface, found.mac): Owner(mac=found.mac, node=node)}
    vendors = {found.mac: vendor} if vendor else {}
    told = responders._often([found], heard.asked(IP), node, True, vendor)
    assert responders.parties(IP, heard, nics, vendors, {node}) == (told,)


def test_the_nics_of_a_node_are_one_responder():
    replies = [reply(B, 2, after=0.9), reply(A, 1, "eth1"), reply(A, 1, after=0.1), reply(A, 3, source=OTHER)]
    questions = Asked(broadcast={("eth0", number): 1 for number in (1, 2, 3)})
    for order in permutations(replies):
        found = responders._often(order, questions, "worker-1", False, None)
        assert found.macs == (A, B)
        assert (found.interfaces, found.rounds, found.sources, found.flux) == (("eth0", "eth1"), (1, 2, 3), (OTHER,), True)
        assert (found.replies_per_probe, found.first_reply_ms) == (2.0, 0.1)


def owned(**nodes):
    """By NIC, of whatever host's eth0; `m3="worker-1"`: 02:…:03 is of worker-1."""
    made = {mac(int(name[1:])): node for name, node in nodes.items()}
    return {(on, mac): Owner(mac=mac, node=node) for mac, node in made.items() for on in ("eth0", "one:eth0", "two:eth0")}


def test_who_answered_is_told_by_the_lowest_mac():
    heard = observations((IP, 1), answered=[(IP, 1, number) for number in (4, 2, 5, 1, 3)])
    vendors = {mac(1): "VMware", mac(2): "VMware", mac(3): "a vendor"}
    found = responders.parties(
        IP, heard, owned(m1="worker-1", m4="worker-1", m2="worker-2", m3=None, m5=None), vendors, {"worker-2"}, {mac(3)}
    )
    assert [(party.node, party.macs, party.expected, party.flux, party.vendor) for party in found] == [
        ("worker-1", (mac(1), mac(4)), False, True, None),
        ("worker-2", (mac(2),), True, False, None),
        (None, (mac(3),), True, False, "a vendor"),
        (None, (mac(5),), False, False, None),
    ]


def test_an_answer_to_a_question_of_one_mac_alone_counts_for_that_question():
    """Nobody else was asked, so it is one answer to one."""
    asked = [Question(0.0, "eth0", 1, IP, OWN, None), Question(1000.0, "eth0", 2, IP, OWN, A)]
    heard = Observations(evidence(questions=asked, replies=[Reply(1001.0, "eth0", 2, IP, OWN, A, A, A, 1.0)]))
    assert [
        party.replies_per_probe
        for party in responders.parties(IP, heard, {("eth0", A): Owner(mac=A, node="worker-1")}, {}, ())
    ] == [1.0]


HOME = IPv4Address("10.0.0.11")
BY_BOTH = [(ip, number) for ip in (IP, HOME) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("nodes", "elsewhere", "unreachable"),
    [
        pytest.param({"m1": "worker-1"}, [], {4, 5, 6}, id="the other never heard it"),
        pytest.param({"m1": "worker-1"}, [(HOME, 5, 1)], set(), id="it heard the same MAC"),
        pytest.param({"m1": "worker-1", "m2": "worker-1"}, [(HOME, 5, 2)], set(), id="it heard another MAC of the node"),
        pytest.param({"m1": "worker-1", "m2": "worker-2"}, [(HOME, 5, 2)], {4, 5, 6}, id="it heard another node"),
        pytest.param({"m1": None, "m2": None}, [(HOME, 5, 2)], {4, 5, 6}, id="it heard another MAC that is nobody's"),
    ],
)
def test_which_rounds_could_not_hear_a_party(nodes, elsewhere, unreachable):
    heard, owners = hosts(*BY_BOTH, answered=[(IP, 1, 1), *elsewhere]), owned(**nodes)
    found = responders.parties(IP, heard, owners, {}, ())
    missed = {("two:eth0", number) for number in unreachable}
    assert responders.unreachable(IP, found, heard, responders.by_node(owners), {}) == {key(found[0]): missed}


@pytest.mark.parametrize(("node", "unreachable"), [("worker-1", {4, 5, 6}), ("worker-2", set())])
def test_a_node_that_asked_need_not_hear_itself_though_it_heard_its_second_nic(node, unreachable):
    heard, owners = hosts(*BY_BOTH, answered=[(IP, 1, 1), (HOME, 5, 2)]), owned(m1="worker-1", m2="worker-1")
    [found] = responders.parties(IP, heard, owners, {}, ())
    missed = {("two:eth0", number) for number in unreachable}
    assert responders.unreachable(IP, [found], heard, responders.by_node(owners), {node: {"two:eth0"}}) == {
        key(found): missed
    }


def test_a_single_interface_is_deaf_to_nobody():
    heard, owners = observations((IP, 1), answered=[(IP, 1, 1)]), owned(m1="worker-1")
    assert (
        responders.unreachable(IP, responders.parties(IP, heard, owners, {}, ()), heard, responders.by_node(owners), {})
        == {}
    )


def announced(*claims, silence=None):
    return Announcement(implementation="x", because="", order=1, claims=tuple(claims), silence=silence)


def says(node, trust=Trust.CURRENT, rank=0, kind=ClaimSource.LEASE):
    return Claim(node=node, source=f"{kind} {node}", kind=kind, trust=trust, rank=rank)


def event(node):
    return says(node, rank=1, kind=ClaimSource.EVENT)


def own(node):
    return says(node, kind=ClaimSource.NODE_ADDRESS)


@pytest.mark.parametrize(
    ("announcements", "announcers", "silence"),
    [
        pytest.param([], "", None, id="no Service"),
        pytest.param([[announced(silence="BGP only")]], "", "BGP only", id="nobody should"),
        pytest.param([[announced(silence="BGP only")], [announced()]], "", None, id="somebody should for the other Service"),
        pytest.param(
            [[announced(silence="BGP only")], [announced(says("a"))]],
            "a",
            None,
            id="who should for the other Service is known",
        ),
        pytest.param(
            [[announced(silence="BGP only"), announced(says("a"))]], "a", None, id="another implementation names who should"
        ),
        pytest.param([[announced(silence="BGP only")], []], "", None, id="nothing is said of the other Service"),
        pytest.param([[announced(says("a"))], [announced(says("b"))]], "ab", None, id="each Service's own"),
        pytest.param([[announced(says("a", rank=1), says("b"))]], "b", None, id="of one Service the strongest"),
        pytest.param([[announced(says("a")), announced(says("b"))]], "ab", None, id="two of the first rank disagree"),
        pytest.param(
            [[announced(says("a")), announced(says("b", rank=1))]], "a", None, id="another's Lease for all Services"
        ),
        pytest.param(
            [[announced(event("a")), announced(event("b"))]], "a", None, id="of one Service the deciding implementation's"
        ),
        pytest.param([[announced(event("a"), event("b"))]], "ab", None, id="any node that an event names"),
        pytest.param([[announced(event("a")), announced(says("b"))]], "b", None, id="a Lease, whoever else says what"),
        pytest.param([[announced(own("a")), announced(says("b"))]], "b", None, id="a Lease before a node's own address"),
        pytest.param([[announced(own("a")), announced(event("b"))]], "b", None, id="an event before a node's own address"),
        pytest.param(
            [[announced(own("a")), announced(says("b", Trust.STALE))]],
            "",
            None,
            id="an old Lease beside a node's own address",
        ),
        pytest.param(
            [[announced(own("a")), announced(says("b", Trust.GUESS, kind=ClaimSource.GUESS))]],
            "a",
            None,
            id="a guess beside it",
        ),
        pytest.param([[announced(own("a"), own("b"))]], "ab", None, id="an address that two nodes list"),
        pytest.param(
            [[announced(says("a", Trust.STALE)), announced(says("b", rank=2))]],
            "b",
            None,
            id="a current claim before an old one",
        ),
        pytest.param([[announced(says("a", Trust.GUESS))]], "", None, id="a guess names nobody"),
    ],
)
def test_who_should_answer(announcements, announcers, silence):
    for order in permutations(announcements):
        found = expected(order)
        assert (found.announcers, found.silence) == (frozenset(announcers), silence)


@pytest.mark.parametrize(
    ("announcements", "nodes"),
    [
        pytest.param([[announced(says("a")), announced(says("b"))]], "ab", id="of two implementations"),
        pytest.param([[announced(says("a"), says("b", kind=ClaimSource.SERVICE_L2_STATUS))]], "ab", id="of one"),
        pytest.param([[announced(says("a"), says("a", kind=ClaimSource.POD))]], "", id="of one mind"),
        pytest.param([[announced(says("a"))], [announced(says("b"))]], "ab", id="of two Services"),
        pytest.param([[announced(says("a"), says("b", Trust.STALE))]], "", id="an old one"),
        pytest.param([[announced(says("a"), event("b"))]], "", id="of another rank"),
        pytest.param([[announced(event("a"), event("b"))]], "", id="events"),
    ],
)
def test_two_claims_of_the_first_rank_that_disagree_are_both_named(announcements, nodes):
    assert [claim.node for claim in expected(announcements).conflict] == [*nodes]


@pytest.mark.parametrize(("alive", "announcers"), [("abc", "a"), ("bc", ""), (None, "a")])
def test_a_record_of_a_node_that_is_gone_names_nobody(alive, announcers):
    found = expected([[announced(says("a"), says("b", rank=1, kind=ClaimSource.EVENT))]], alive)
    assert found.announcers == ({"a"} if announcers else {"b"})
    assert found.claims[0].node == ("a" if announcers else "b")
    absent = {claim.node for claim in found.claims if claim.absent}
    assert absent == (set() if announcers else {"a"}), "it would be current if its node were there"


def test_a_record_that_is_old_anyway_is_not_for_want_of_its_node():
    assert [claim.absent for claim in expected([[announced(says("a", Trust.STALE))]], "b").claims] == [False]


def test_the_announcements_that_decide_are_those_of_the_strongest_claims():
    annotated, recorded, other = announced(says("a", Trust.STALE)), announced(says("b")), announced()
    assert expected([[annotated, recorded], [other]]).deciding == (recorded, other)
    assert expected([[annotated, other]]).deciding == (annotated,)


def test_the_strongest_claim_comes_first_and_each_once():
    """Over all Services that share the address."""
    guess, old, current = says("a", Trust.GUESS, kind=ClaimSource.GUESS), says("b", Trust.STALE), says("c", rank=3)
    for order in permutations([[announced(guess, old), announced(current)], [announced(old)], [announced(guess)]]):
        assert expected(order).claims == (current, old, guess)
