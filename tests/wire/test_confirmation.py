"""further_requests: which MACs are asked alone, and for what."""

from ipaddress import IPv4Address

import pytest

from arpcheck.model import Mac
from arpcheck.wire.further_requests import MOST_CONFIRMATIONS, MOST_OF_ALL, TWICE, confirmation_limit, confirmations

N1, N2, N3, VIP = (IPv4Address(f"10.0.0.{last}") for last in (11, 12, 13, 50))
M1, M2, M3, M9 = (Mac(f"02:00:00:00:00:0{last}") for last in (1, 2, 3, 9))
HOMES = {N1: frozenset({"n1"}), N2: frozenset({"n2"}), N3: frozenset({"n3"})}
GROUP = Mac("01:00:5e:00:00:01")


def crowd(count):
    return {IPv4Address(0x0A010000 + n): frozenset({f"n{n}"}) for n in range(count)}


@pytest.mark.parametrize(
    ("heard", "rest", "expected"),
    [
        pytest.param({N1: {M1}, N2: {M2}, VIP: {M1}}, {}, {}, id="each its own: no doubt"),
        pytest.param({N1: {M1, M2}, VIP: {M2}}, {}, {}, id="two NICs of one node: no doubt"),
        pytest.param({N1: {M3}, N3: {M3}}, {}, {M3: (N1, N3, N1, N3)}, id="for two nodes: both, twice"),
        pytest.param({N1: {M3}, N3: {M3}}, {"known": {M3}}, {M3: (N1, N3, N1, N3)}, id="for two nodes, and on a list"),
        pytest.param({N1: {M3}, N3: {M3}}, {"done": {M3}}, {}, id="once is enough"),
        pytest.param({N1: {M3}, N3: {M3}}, {"left": 3}, {}, id="half of it would settle nothing"),
        pytest.param({N1: {GROUP}, N3: {GROUP}, VIP: {GROUP}}, {}, {}, id="a group address is nobody's"),
        pytest.param({N1: {M1}, VIP: {M1, M9}}, {}, {M9: (N2, N3, N1) * TWICE}, id="only for a Service: every node, the silent first, twice"),
        pytest.param({N1: {M1}, VIP: {M1, M9}}, {"known": {M9}}, {}, id="only for a Service, and on a list"),
        pytest.param({VIP: {M9}}, {"judged": set()}, {}, id="for what is not judged"),
        pytest.param({VIP: {M9}}, {"left": 2}, {M9: (N1, N2)}, id="only for a Service: as many as are left"),
        pytest.param({VIP: {M9}}, {"homes": crowd(100)}, {M9: tuple(crowd(MOST_CONFIRMATIONS))}, id="a large cluster, within what is left"),
        pytest.param(dict.fromkeys(crowd(100), frozenset({M1})), {"homes": crowd(100)}, {}, id="a large cluster in doubt"),
        pytest.param(
            {N1: {M3}, N3: {M3}, VIP: {M9}}, {"left": 5}, {M3: (N1, N3) * TWICE, M9: (N2,)}, id="what can be settled goes first"
        ),
    ],
)  # fmt: skip
def test_confirmations(heard, rest, expected):
    given = {"homes": HOMES, "judged": {VIP}, "known": set(), **rest}
    assert dict(confirmations(heard, **given)) == expected
    assert dict(confirmations(dict(reversed(heard.items())), **given)) == expected


@pytest.mark.parametrize(
    ("nodes", "expected"), [(1, MOST_CONFIRMATIONS), (8, MOST_CONFIRMATIONS), (100, 800), (500, 4000), (5000, MOST_OF_ALL)]
)
def test_so_many_that_a_few_macs_can_be_asked_for_every_node_twice(nodes, expected):
    assert confirmation_limit(crowd(nodes)) == expected
    assert len(
        dict(confirmations({VIP: {M9}}, crowd(nodes), {VIP}, set(), left=confirmation_limit(crowd(nodes))))[M9]
    ) == min(expected, 2 * nodes)
