"""What an announcer answers and what it leaves alone, frame by frame, without a network."""

from ipaddress import IPv4Address

import pytest

from arpcheck.lab import answering
from arpcheck.lab.answering import SOMEBODY, Speaker, shaped
from arpcheck.lab.scene import Announcer, Shape
from arpcheck.model import Mac

IP, OTHER, LAN, ZERO = (IPv4Address(text) for text in ("10.0.0.50", "10.0.0.51", "10.0.0.5", "0.0.0.0"))
NIC, ASKER, STRANGER = Mac("02:01:00:00:01:00"), Mac("02:02:00:00:01:00"), Mac("02:0f:00:00:00:07")
VRRP = Mac("00:00:5e:00:01:33")


def responder(**said):
    return Speaker(Announcer(station="worker-1", **{"ips": (IP,), **said}), NIC)


def who_has(ip=IP, sender=LAN, to=answering.BROADCAST):
    return answering.question(ASKER, sender, ip, to=to)


def heard(announcer, packet, at=0.0):
    due = announcer.receive(packet.encode(), at)
    return due and answering.decode(due.frame)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(who_has(), id="broadcast"),
        pytest.param(who_has(to=NIC), id="unicast"),
        pytest.param(who_has(sender=ZERO), id="ARP Probe"),
        pytest.param(who_has(sender=IP), id="sender is the target"),
        pytest.param(who_has()._replace(target_mac=answering.BROADCAST), id="target hardware address all ones"),
    ],
)
def test_answered(packet):
    assert heard(responder(), packet) == answering.Packet(ASKER, NIC, answering.REPLY, NIC, IP, ASKER, packet.sender_ip)


def test_an_answer_in_the_name_of_another():
    """As a switch gives it from its table: it does not hear what is for the other."""
    switch = responder(mac=STRANGER, source=NIC)
    assert heard(switch, who_has()) == answering.Packet(ASKER, NIC, answering.REPLY, STRANGER, IP, ASKER, LAN)
    assert heard(switch, who_has(to=STRANGER)) is None


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(who_has(OTHER), id="another address"),
        pytest.param(who_has(to=STRANGER), id="unicast to another MAC"),
        pytest.param(who_has(to=Mac("01:00:5e:00:00:01")), id="multicast"),
        pytest.param(who_has()._replace(operation=answering.REPLY), id="a reply"),
    ],
)
def test_not_answered(packet):
    assert heard(responder(), packet) is None


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(who_has().encode()[:41], id="too short"),
        pytest.param(who_has().encode()[:12] + b"\x81\x00\x00\x64" + who_has().encode()[12:], id="VLAN tag"),
        pytest.param(who_has().encode()[:14] + b"\x00\x06" + who_has().encode()[16:], id="other hardware"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_arp_is_left_alone(frame):
    assert responder().receive(frame, 0.0) is None
    assert Speaker(Announcer(station="proxy"), NIC).receive(frame, 0.0) is None


def test_the_reply_goes_to_the_arp_sender_and_not_to_the_source_of_the_frame():
    assert heard(responder(), who_has()._replace(source=STRANGER)).destination == ASKER


def test_a_reply_is_padded_to_60_octets():
    assert len(responder().receive(who_has().encode(), 0.0).frame) == 60


def test_another_mac_is_announced_and_heeded():
    announcer = responder(mac=VRRP)
    assert heard(announcer, who_has()) == answering.Packet(ASKER, VRRP, answering.REPLY, VRRP, IP, ASKER, LAN)
    assert heard(announcer, who_has(to=VRRP)) is not None


def test_delay():
    assert responder(delay=0.7).receive(who_has().encode(), 5.0).at == 5.7


def test_one_that_does_not_answer_probes():
    announcer = responder(probes=False)
    assert [heard(announcer, who_has(sender=sender)) is not None for sender in (ZERO, LAN)] == [False, True]


def test_one_that_answers_for_everything_takes_its_time_the_same_in_every_run():
    def times():
        announcer = responder(ips=(), delay=0.8)
        return [announcer.receive(who_has(IPv4Address(number)).encode(), 1.0).at - 1.0 for number in range(1, 200)]

    assert times() == times()
    assert min(times()) < 0.1
    assert 0.7 < max(times()) <= 0.8


def answered(announcer, packets, times=None):
    return [heard(announcer, packet, at) is not None for packet, at in zip(packets, times or [0.0] * 9, strict=False)]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        pytest.param({"until_question": 2}, [True, True, False, False], id="until the second question"),
        pytest.param({"from_question": 3}, [False, False, True, True], id="from the third question"),
        pytest.param({"from_question": 2, "until_question": 2}, [False, True, False, False], id="the second only"),
    ],
)
def test_a_failover_by_the_number_of_questions(said, answers):
    assert answered(responder(**said), [who_has()] * 4) == answers


def test_questions_are_counted_for_each_address_and_only_broadcast_ones():
    announcer = responder(ips=(IP, OTHER), from_question=2)
    asked = [who_has(), who_has(OTHER), who_has(to=NIC), who_has(OTHER), who_has()]
    assert answered(announcer, asked) == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        pytest.param({"until_seconds": 1.5}, [True, True, False], id="until"),
        pytest.param({"from_seconds": 1.5}, [False, False, True], id="from"),
    ],
)
def test_a_failover_by_the_time_since_the_first_question(said, answers):
    assert answered(responder(**said), [who_has()] * 3, [100.0, 101.0, 101.5]) == answers


REPLY = answering.reply_to(who_has(), NIC)


@pytest.mark.parametrize("shape", Shape)
def test_every_shape_differs_from_a_reply_in_one_thing(shape):
    frame = shaped(REPLY, shape)
    packet = answering.decode(frame)
    match shape:
        case Shape.REPLY:
            assert packet == REPLY
        case Shape.TO_BROADCAST:
            assert packet == REPLY._replace(destination=answering.BROADCAST)
        case Shape.TRUNCATED:
            assert frame == REPLY.encode()[:30]
        case Shape.WRONG_OPERATION:
            assert packet == REPLY._replace(operation=4)
        case Shape.WRONG_HARDWARE:
            assert (packet, frame[14:16]) == (None, b"\x00\x06")
        case Shape.OTHER_ADDRESS:
            assert packet == REPLY._replace(sender_ip=OTHER)
        case Shape.FOREIGN_TARGET:
            assert packet == REPLY._replace(target_ip=LAN + 1, target_mac=SOMEBODY)
        case Shape.TAGGED:
            assert answering.decode(frame[:12] + frame[16:]) == REPLY
            assert frame[12:18] == b"\x81\x00\x00\x64\x08\x06"
        case Shape.ANNOUNCEMENT:
            assert packet == answering.Packet(answering.BROADCAST, NIC, answering.REQUEST, NIC, IP, answering.ZERO_MAC, IP)
