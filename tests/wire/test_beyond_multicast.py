"""schedule and further_requests: what an IPv6 address is asked, in which order, and how fast."""

from ipaddress import IPv6Address
from itertools import groupby, pairwise

import pytest

from arpcheck.model import Mac, Reply, Request
from arpcheck.model.constants import IPV6
from arpcheck.wire import further_requests
from arpcheck.wire.further_requests import STAGE_WAIT, by_mac
from arpcheck.wire.neighbour_discovery import ALL_NODES
from arpcheck.wire.scan_plan import ScanPlan, most_seconds, seconds
from arpcheck.wire.schedule import Schedule

V, W, NODE, OTHER = (IPv6Address(f"2001:db8::{n}") for n in ("50", "51", "11", "12"))
OWN = IPv6Address("fe80::5")
M1, M2 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")
HOMES = {NODE: M1, OTHER: M2}


def plan(*ips, rounds=3, rate=1000.0, **rest):
    asked = tuple(Request(interface="eth0", ip=ip, sender=OWN) for ip in (*HOMES, *ips))
    return ScanPlan(
        requests=asked,
        rounds=rounds,
        rate=rate,
        wait=1.0,
        nodes=frozenset(HOMES),
        homes={NODE: frozenset({"n1"}), OTHER: frozenset({"n2"})},
        judged=frozenset(ips),
        own_ipv6={"eth0": OWN},
        **rest,
    )


def run(given, answers=lambda request: (), source=None, forged=()):
    """Every request for a judged address with its time and round, on a network that replies at once: the nodes for their own
    addresses, and `answers`. `source`: the IPv6 source of each reply. `forged`: replies for the nodes' addresses too."""
    schedule, now, sent = Schedule("eth0", given, lambda request: b"", IPV6), 0.0, []
    schedule.begin(0.0)
    for _ in range(20_000):
        due = schedule.due(now)
        if due is None:
            return sent
        if isinstance(due, float):
            assert due > now
            now = due
            continue
        number, request, *_ = due
        schedule.sent_at(due, now)
        home = HOMES.get(request.ip)
        if home is None:
            sent.append((now, number, request))
        for mac in answers(request) if home is None else (home, *forged):
            schedule.received(
                Reply(
                    0.0,
                    "eth0",
                    number,
                    request.ip,
                    request.sender,
                    request.to,
                    mac,
                    mac,
                    0.0,
                    request.destination,
                    source or request.ip,
                    0x60,
                )
            )
    raise AssertionError("the schedule does not end")


def forms(sent):
    return [(request.to, request.destination) for _, _, request in sent]


def usual(request):
    return request.to is None and request.destination is None


def host(request):
    """The node n1 has the address."""
    return (M1,) if usual(request) or request.destination == ALL_NODES or request.to == M1 else ()


def table(request):
    """A switch has it in its table, as n1's, and nobody has it."""
    return (M1,) if request.to is None else ()


def test_an_address_is_asked_by_its_group_then_from_all_nodes_then_from_each_nic_and_at_its_link_local_address():
    sent = run(plan(V), host)
    assert forms(sent) == [
        *[(None, None)] * 3,
        (None, ALL_NODES),
        (M1, None), (M2, None),
        (M2, by_mac(M2)),  # not M1, which replies already
    ]  # fmt: skip
    assert {request.sender for _, _, request in sent} == {OWN}


def test_the_stages_are_rounds_of_their_own_and_leave_a_proxy_the_time_that_it_takes():
    sent = run(plan(V), host)
    stages = [(number, [at for at, _, _ in found]) for number, found in groupby(sent, key=lambda entry: entry[1])]
    assert [number for number, _ in stages] == sorted({number for number, _ in stages})
    assert len(stages) == 6
    gaps = [later[0] - before[-1] for (_, before), (_, later) in pairwise(stages[2:])]
    assert min(gaps) >= STAGE_WAIT


def test_who_replies_only_beyond_multicast_makes_the_address_be_asked_once_more():
    """So that who replied before is known to have the address still."""
    hidden = run(plan(V), lambda request: (M1,) if usual(request) or request.to == M1 else (M2,) if request.to == M2 else ())
    assert forms(hidden)[-1] == (None, None)
    assert forms(hidden).count((None, None)) == 4


def test_a_nic_in_whose_name_only_others_reply_is_asked_twice_more_and_then_the_address_once_more():
    found = forms(run(plan(V), table))
    assert [entry for entry in found if entry[0] == M1] == [(M1, None), (M1, None), (M1, by_mac(M1))]
    assert found[-1] == (None, None)
    assert found.count((None, None)) == 4


def test_who_replied_before_and_no_longer_does_is_not_asked_for_that_reason():
    times = iter(range(100))
    found = forms(run(plan(V), lambda request: (M1,) if usual(request) and next(times) == 0 else ()))
    assert [entry for entry in found if entry[0] == M1] == [(M1, None), (M1, by_mac(M1))]


def test_so_is_one_of_which_only_such_a_reply_came():
    """A node that took the address over after the last multicast request replies to them now."""
    found = forms(run(plan(V), lambda request: (M2,) if request.to == M2 else ()))
    assert found[-1] == (None, None)
    assert (M2, by_mac(M2)) not in found  # it replied to its own frame
    assert (M1, by_mac(M1)) in found


def test_an_address_for_which_nobody_replied_is_not():
    found = forms(run(plan(V), lambda _request: ()))
    assert found[-1] == (M2, by_mac(M2))


def test_the_link_local_address_that_a_nic_replied_from_is_asked_and_not_the_one_of_its_mac():
    own = IPv6Address("fe80::1234")
    found = forms(run(plan(V, W), lambda request: host(request) if request.ip == W else (), source=own))
    assert (M1, own) in found
    assert (M1, by_mac(M1)) not in found


def test_unicast_is_at_most_so_many_a_nic_and_a_lan():
    judged = [V + n for n in range(200)]
    sent = run(plan(*judged), host)
    alone = [at for at, _, request in sent if request.to == M2 and request.destination is None]
    assert len(alone) == len(judged)
    assert (len(alone) - 1) / (alone[-1] - alone[0]) == pytest.approx(100, rel=0.02)
    assert further_requests.unicast_rate(1) == 100
    assert further_requests.unicast_rate(50) == 400


def test_forged_mac_addresses_of_nodes_do_not_make_it_last_for_minutes():
    """Each one of them would be asked for each address, by itself."""
    forged = [Mac(f"02:bb:00:00:00:{number:02x}") for number in range(60)]
    sent = run(plan(V, W), host, forged=forged)
    assert len({request.to for _, _, request in sent if request.to}) <= 2 * 8
    listed = run(plan(V, nics={"n1": {M1, *forged}}), host)
    assert {request.to for _, _, request in listed if request.to} == {M1, M2, *forged}, "those of a list are true"


def test_multicast_beyond_the_rounds_keeps_to_the_rate():
    judged = [V + n for n in range(40)]
    sent = run(plan(*judged, rate=10.0), host)
    times = [at for at, _, request in sent if request.destination == ALL_NODES]
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(("count", "rate"), [(1, 1000.0), (200, 1000.0), (40, 10.0)])
def test_the_time_that_is_announced_holds(count, rate):
    given = plan(*(V + n for n in range(count)), rate=rate)
    takes = run(given, host)[-1][0] + given.wait
    assert seconds(given, ["eth0"]) == pytest.approx(takes, rel=0.1, abs=1.5)
    silent = run(given)[-1][0] + given.wait
    assert silent <= most_seconds(given, ["eth0"]) + 0.5


def test_no_request_is_sent_from_the_unspecified_address_or_to_the_address_itself():
    sent = run(plan(V, W))
    assert all(int(request.sender) for _, _, request in sent)
    assert all(request.destination != request.ip for _, _, request in sent)


def test_modified_eui_64():
    assert by_mac(Mac("00:11:22:33:44:55")) == IPv6Address("fe80::211:22ff:fe33:4455")
