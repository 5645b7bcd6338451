"""Both families beside each other: frames, the replies that are kept, this host's addresses, and what is asked."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from discovery_frames import ASKER, LINK_LOCAL, OURS, TARGET_OPTION, THEIRS, VIP, advertisement, solicitation

from arpcheck.model import Families, Gratuitous, Mac, PassReason, Question, Request
from arpcheck.wire import families, host
from arpcheck.wire.neighbour_discovery import ALL_NODES
from arpcheck.wire.packets import Arrival, TakenFor
from arpcheck.wire.replies import ReplyMatcher

OUR_MAC, M1 = Mac.from_bytes(OURS), Mac.from_bytes(THEIRS)
V, OWN = IPv6Address(VIP), IPv6Address(ASKER)
FOUR, OUR_FOUR = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.5")


def matcher(*questions):
    made = ReplyMatcher(100.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OWN, OUR_FOUR})})
    for at, number, to, destination in questions:
        made.requested(Question(at, "eth0", number, V, OWN, to, destination))
    return made


def arrive(made, frame, at=100.5, taken_for=TakenFor.US):
    return made.arrived(Arrival("eth0", at, frame, taken_for))


def test_a_frame_is_of_the_family_that_its_type_says():
    six = Request(interface="eth0", ip=V, sender=OWN)
    four = Request(interface="eth0", ip=FOUR, sender=OUR_FOUR)
    assert families.decode_request(families.encode(six, OUR_MAC)).ip == V.packed
    assert families.decode_request(families.encode(four, OUR_MAC)).ip == FOUR.packed


def test_an_advertisement_is_kept_with_its_flags_and_its_source():
    reply = arrive(matcher((10.0, 1, None, None)), advertisement(flags=0x60))
    assert (reply.ip, reply.sender, reply.mac, reply.to, reply.round) == (V, OWN, M1, None, 1)
    assert (reply.flags, reply.source_ip, reply.destination) == (0x60, IPv6Address(LINK_LOCAL), None)


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        ([(0.0, 1, None, None), (300.0, 2, None, ALL_NODES)], (2, None, ALL_NODES)),
        ([(0.0, 1, None, None), (300.0, 2, M1, None)], (2, M1, None)),
        ([(0.0, 1, None, None), (300.0, 2, M1, IPv6Address(LINK_LOCAL))], (2, M1, IPv6Address(LINK_LOCAL))),
        ([(0.0, 1, M1, None), (300.0, 2, None, None)], (2, None, None)),
        ([(0.0, 1, None, None), (300.0, 2, Mac("02:00:00:00:00:77"), None)], (1, None, None)),
    ],
    ids=["all nodes", "its NIC", "its link-local address", "group after NIC", "another NIC"],
)
def test_a_reply_belongs_to_the_last_request_that_could_cause_it(questions, expected):
    reply = arrive(matcher(*questions), advertisement())
    assert (reply.round, reply.to, reply.destination) == expected


def test_one_to_all_nodes_is_an_announcement_and_not_a_reply():
    frame = advertisement(
        to=bytes.fromhex("333300000001"), destination=ALL_NODES.packed, flags=0x20, source_ip=VIP, options=TARGET_OPTION
    )
    made = matcher((0.0, 1, None, None))
    found = arrive(made, frame)
    assert isinstance(found, Gratuitous)
    assert (found.ip, found.mac) == (V, M1)
    assert made.replies == []


def test_one_for_another_host_is_passed_over():
    made = matcher((0.0, 1, None, None))
    assert arrive(made, advertisement(to=b"\2\0\0\0\0\x99"), taken_for=TakenFor.OTHER_HOST) is None
    assert [entry.reason for entry in made.unsolicited.passed_over()] == [PassReason.OTHER_HOST]
    assert made.replies == []


def test_a_solicitation_of_another_host_is_no_announcement_and_counted():
    made = matcher((0.0, 1, None, None))
    assert arrive(made, solicitation()) is None
    assert dict(made.ignored) == {"not-an-advertisement": 1}
    assert made.unsolicited.gratuitous() == ()


def test_overflows_of_both_families_are_sorted():
    made = matcher((0.0, 1, None, None))
    made.requested(Question(0.0, "eth0", 1, FOUR, OUR_FOUR, None))
    made._overflow.update({V: 1, FOUR: 2})
    assert [entry.ip for entry in made.overflows()] == [FOUR, V]


# ------------------------------------------------------------------------------------------------------------ This host's own

IF_INET6 = """\
fe8000000000000000000000000000ff 02 40 20 80     eth0
20010db8000000000000000000000005 02 40 00 80     eth0
20010db8000000000000000000000006 02 40 00 c0     eth0
20010db8000000000000000000000007 02 40 00 c8     eth0
fd000000000000000000000000000009 02 40 00 20     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_tentative_addresses_and_duplicates_are_not_usable_and_deprecated_ones_are():
    assert host.ipv6_addresses(IF_INET6) == {
        "eth0": ("2001:db8::5/64", "fd00::9/64", "fe80::ff/64"),
        "lo": ("::1/128",),
    }
    assert host.ipv6_addresses("") == {}


@pytest.mark.parametrize(
    ("asked", "with_one", "without"),
    [
        (Families.IPV4, {4}, {4}),
        (Families.IPV6, {6}, {6}),
        (Families.BOTH, {4, 6}, {4, 6}),
        (Families.AUTO, {4, 6}, {4}),
    ],
)
def test_ipv6_that_nobody_names_is_asked_only_with_a_link_local_address(asked, with_one, without):
    assert asked.versions(link_local=True) == with_one
    assert asked.versions(link_local=False) == without
