"""case: who answered for an address, folded by owner."""

from ipaddress import IPv4Address
from itertools import permutations

import pytest

from arpcheck.judge import case
from arpcheck.judge.hearing import Asked
from arpcheck.model import Announcement, Claim, Mac, Reply, Trust

IP, OWN = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.5")
A, B, OTHER = Mac("02:00:00:00:00:0a"), Mac("02:00:00:00:00:0b"), Mac("02:00:00:00:00:0c")


def reply(mac=A, number=1, interface="eth0", after=0.2, source=None):
    return Reply(number * 1000.0, interface, number, IP, OWN, None, mac, source or mac, after)


@pytest.mark.parametrize("asked", [0, 1, 2, 3], ids="asked {} times".format)
@pytest.mark.parametrize("found", [reply(), reply(source=OTHER), reply(number=3, interface="eth1", after=7.5)])
@pytest.mark.parametrize(("node", "vendor"), [("worker-1", None), (None, "VRRP, virtual router 51"), (None, None)])
def test_one_reply_is_told_as_several_would_be(asked, found, node, vendor):
    questions = Asked(broadcast={(found.interface, found.round): asked} if asked else {})
    assert case._once(found, questions, node, True, vendor) == case._often([found], questions, node, True, vendor)


def test_the_nics_of_a_node_are_one_responder():
    replies = [reply(B, 2, after=0.9), reply(A, 1, "eth1"), reply(A, 1, after=0.1), reply(A, 3, source=OTHER)]
    questions = Asked(broadcast={("eth0", number): 1 for number in (1, 2, 3)})
    for order in permutations(replies):
        found = case._often(order, questions, "worker-1", False, None)
        assert found.macs == (A, B)
        assert (found.interfaces, found.rounds, found.sources, found.flux) == (("eth0", "eth1"), (1, 2, 3), (OTHER,), True)
        assert (found.replies_per_probe, found.first_reply_ms) == (2.0, 0.1)


def announced(*claims, silence=None):
    return Announcement(implementation="x", because="", order=1, claims=tuple(claims), silence=silence)


def says(node, trust=Trust.CURRENT, rank=0):
    return Claim(node=node, source=f"Lease {node}", trust=trust, rank=rank)


@pytest.mark.parametrize(
    ("announcements", "announcers", "silence"),
    [
        pytest.param([], "", None, id="no Service"),
        pytest.param([[announced(silence="BGP only")]], "", "BGP only", id="nobody should"),
        pytest.param([[announced(silence="BGP only")], [announced()]], "", None, id="somebody should for the other Service"),
        pytest.param([[announced(silence="BGP only")], [announced(says("a"))]], "a", None, id="who should for the other Service is known"),
        pytest.param([[announced(silence="BGP only")], []], "", None, id="nothing is said of the other Service"),
        pytest.param([[announced(says("a"))], [announced(says("b"))]], "ab", None, id="each Service's own"),
        pytest.param([[announced(says("a", rank=1), says("b"))]], "b", None, id="of one Service the strongest"),
        pytest.param([[announced(says("a")), announced(says("b"))]], "a", None, id="of one Service the deciding implementation's"),
        pytest.param([[announced(says("a", Trust.STALE)), announced(says("b", rank=2))]], "b", None, id="a current claim before an old one"),
        pytest.param([[announced(says("a", Trust.GUESS))]], "", None, id="a guess names nobody"),
    ],
)
def test_who_should_answer(announcements, announcers, silence):
    for order in permutations(announcements):
        _, found, why = case.expected(order)
        assert (found, why) == (frozenset(announcers), silence)
