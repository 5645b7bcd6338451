"""case: who answered for an address, folded by owner."""

from ipaddress import IPv4Address
from itertools import permutations

import pytest

from arpcheck.judge import case
from arpcheck.judge.hearing import Asked
from arpcheck.model import Mac, Reply

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
