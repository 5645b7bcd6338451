"""doubling: who answers a question twice, and what explains it."""

from ipaddress import IPv4Address, ip_network

import pytest
from judge_cases import IP, OURS, evidence, mac, observations

from arpcheck.judge.doubling import Doubling, subnet_router_anycast
from arpcheck.judge.observations import Observations
from arpcheck.model import Owner, Question, Reply

HOMES = {"a": (IPv4Address("10.0.0.11"),), "b": (IPv4Address("10.0.0.12"),), "c": (IPv4Address("10.0.0.13"),)}
A, B, C = (homes[0] for homes in HOMES.values())
ASKED = [(ip, number) for ip in (IP, A, B, C) for number in (1, 2, 3)]


def often(ip, who, times=2, rounds=(1, 2, 3)):
    return [(ip, number, who) for number in rounds for _ in range(times)]


def once(*whom):
    return [answer for ip, who in whom for answer in often(ip, who, 1)]


OWNERS = {
    ("eth0", mac(number)): Owner(mac=mac(number), node=node) for number, node in ((1, "a"), (2, "b"), (3, "c"), (9, None))
}
AT_HOME = once((A, 1), (B, 2), (C, 3))


def doubling(*answered, anycast=frozenset()):
    return Doubling(observations(*ASKED, answered=[*answered]), OWNERS, HOMES, anycast=anycast)


@pytest.mark.parametrize(
    ("answered", "twice"),
    [
        pytest.param([*often(IP, 1), *AT_HOME], True, id="twice"),
        pytest.param([*often(IP, 1)[:5], *AT_HOME], True, id="to most of the questions"),
        pytest.param([*once((IP, 1)), (IP, 1, 1), *AT_HOME], False, id="a stray repeat"),
        pytest.param([*once((IP, 1)), *AT_HOME], False, id="once"),
        pytest.param([(IP, 1, 1), *AT_HOME], False, id="one answer"),
        pytest.param(often(IP, 1), True, id="not heard at home"),
        pytest.param(
            [*often(IP, 1), *often(A, 1), *once((B, 2), (C, 3))], True, id="twice at home too, and the others once"
        ),
        pytest.param([*often(IP, 1), *often(B, 2), *once((A, 1), (C, 3))], True, id="one of two others alike"),
        pytest.param(
            [*often(IP, 1), *often(B, 2), *often(C, 3), *once((A, 1))],
            False,
            id="the path doubles: the others are answered twice alike",
        ),
        pytest.param(
            [*often(IP, 1, 4), *often(A, 1), *often(B, 2), *often(C, 3)],
            True,
            id="the path doubles, and it is answered twice as often",
        ),
        pytest.param(
            [*often(IP, 1, 3), *often(A, 1, 3), *often(B, 2, 3), *often(C, 3, 3)], False, id="everything comes three times"
        ),
    ],
)
def test_an_answer_that_comes_twice(answered, twice):
    found = doubling(*answered).unexplained(IP, frozenset())
    assert found == (((("eth0", mac(1)), "a"),) if twice else ())


def test_a_mac_of_no_node_that_answers_twice():
    """A virtual MAC that was left behind on a second node."""
    assert doubling(*often(IP, 9), *AT_HOME).unexplained(IP, frozenset()) == ((("eth0", mac(9)), None),)


def test_a_kernel_without_strict_arp_beside_its_speaker():
    run = doubling(*often(IP, 1), *AT_HOME)
    assert run.unexplained(IP, frozenset("a")) == ()
    assert run.beside_speakers(IP, frozenset("a")) == (("eth0", mac(1)),)
    assert run.beside_speakers(IP, frozenset("b")) == (), "a quiet kernel does not answer beside its speaker"
    assert run.unexplained(IP, frozenset("a"), once=True) == ((("eth0", mac(1)), "a"),), "nothing but a kernel answers there"
    assert run.beside_speakers(IP, frozenset("a"), once=True) == ()
    assert doubling(*often(IP, 1), *often(A, 1)).beside_speakers(IP, frozenset("a")) == (), "its frames are mirrored"


@pytest.mark.parametrize(
    ("answered", "explained"),
    [
        pytest.param([*often(IP, 1, 3), *AT_HOME], False, id="three"),
        pytest.param(
            [*often(IP, 1, 4), *once((A, 1)), *often(B, 2), *often(C, 3)], True, id="twice two where the path doubles"
        ),
        pytest.param(
            [*often(IP, 1, 6), *once((A, 1)), *often(B, 2), *often(C, 3)], False, id="twice three where the path doubles"
        ),
    ],
)
def test_a_kernel_and_a_speaker_give_two_answers(answered, explained):
    run = doubling(*answered)
    assert (run.unexplained(IP, frozenset("a")) == ()) is explained
    assert bool(run.beside_speakers(IP, frozenset("a"))) is explained


def test_the_kernel_of_each_node_replies_for_an_anycast_address_beside_the_speaker():
    """Not that of another host, and not a second time."""
    found = [*often(IP, 1), *AT_HOME]
    assert doubling(*found).unexplained(IP, frozenset())
    assert not doubling(*found, anycast={IP}).unexplained(IP, frozenset())
    assert doubling(*found, anycast={IP}).unexplained(IP, frozenset(), once=True)
    assert doubling(*often(IP, 9), *AT_HOME, anycast={IP}).unexplained(IP, frozenset())
    assert doubling(*often(IP, 1, 4), *AT_HOME, anycast={IP}).unexplained(IP, frozenset())


@pytest.mark.parametrize(
    ("network", "found"),
    [
        ("2001:db8::/64", ["2001:db8::"]), ("2001:db8::/126", ["2001:db8::"]), ("2001:db8::/127", []),
        ("2001:db8::/128", []), ("fe80::/64", []), ("10.0.0.0/24", []),
    ],
)  # fmt: skip
def test_the_first_address_of_a_network_is_anycast(network, found):
    assert [str(ip) for ip in subnet_router_anycast([ip_network(network)])] == found


# ------------------------------------------------------------------------- A switch that replies to unicast from its table

TO = (1, 2, 3, 1, 2, 3)
"""The NICs that are asked alone, one after the other."""


def asked_alone(*came, late=0.0):
    """`came`: the NICs whose MACs are in the replies after each of the requests; `late`: milliseconds that they take."""
    questions = [Question(100.0 * n, "eth0", 1, IP, OURS, mac(to)) for n, to in enumerate(TO)]
    replies = [
        Reply(100.0 * n + 1 + late, "eth0", 1, IP, OURS, mac(to), mac(who), mac(who), 1.0 + late)
        for n, (to, found) in enumerate(zip(TO, came, strict=True))
        for who in found
    ]
    seen = Observations(evidence(questions=tuple(questions), replies=tuple(replies)), frozenset({IP}))
    return {
        nic[1] for nic in Doubling(seen, OWNERS | {("eth0", mac(4)): Owner(mac=mac(4), node="a")}, HOMES).from_a_table(IP)
    }


@pytest.mark.parametrize(
    ("came", "table"),
    [
        pytest.param(((1,), (), (), (1,), (), ()), {}, id="the NIC itself"),
        pytest.param(((1,), (1,), (1,), (1,), (1,), (1,)), {1}, id="a table, and nobody"),
        pytest.param(((1,), (1, 2), (1,), (1,), (1, 2), (1,)), {1}, id="an old table, and the NIC of another"),
        pytest.param(((1, 1), (1,), (1,), (1, 1), (1,), (1,)), {}, id="a table, and the NIC itself"),
        pytest.param(((1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)), {1}, id="a table that doubles, and nobody"),
        pytest.param(((1, 1, 1, 1), (1, 1), (1, 1), (1, 1, 1, 1), (1, 1), (1, 1)), {}, id="both double"),
        pytest.param(((1, 1), (), (), (1, 1), (), ()), {}, id="the NIC, doubled"),
        pytest.param(((1,), (1,), (1,), (), (1,), (1,)), {1}, id="a table, and one reply is lost"),
        pytest.param(((1,), (2,), (3,), (1,), (2,), (3,)), {}, id="each for itself"),
        pytest.param(((), (), (), (), (), ()), {}, id="nobody"),
    ],
)
def test_a_switch_replies_to_requests_to_others_too(came, table):
    """Beyond what a NIC replies itself: then nothing shows that it did."""
    assert asked_alone(*came) == {mac(number) for number in table}


def test_what_takes_longer_than_the_next_request_is_no_table():
    assert asked_alone((1,), (), (), (1,), (), (), late=150.0) == set()


def test_the_ports_of_a_bridge_reply_for_their_node_alone():
    """Requests to them bring the bridge's MAC address (net/bridge), and all are the node's."""
    questions = [Question(100.0 * n, "eth0", 1, IP, OURS, mac(to)) for n, to in enumerate((1, 4, 1, 4))]
    replies = [Reply(question.at + 1, "eth0", 1, IP, OURS, question.to, mac(1), mac(1), 1.0) for question in questions]
    seen = Observations(evidence(questions=tuple(questions), replies=tuple(replies)), frozenset({IP}))
    for node, nics in (("a", set()), ("b", {("eth0", mac(1))})):
        owners = OWNERS | {("eth0", mac(4)): Owner(mac=mac(4), node=node)}
        assert Doubling(seen, owners, HOMES).from_a_table(IP) == nics
