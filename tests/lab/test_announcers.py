"""The announcers on the kernel's network, against what MetalLB's speaker was measured to do."""

import math
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from lab_questions import put

from arpcheck.lab import answering
from arpcheck.model import Mac

pytestmark = pytest.mark.lab

NODE, CLIENT, STRANGER = Mac("02:01:00:00:01:00"), Mac("02:02:00:00:01:00"), Mac("02:0f:00:00:00:07")

ONE = '[nodes]\nworker-1 = { ipvs = "strict" }\n[[announcers]]\nat = "worker-1"\nips = "10.0.0.50"\n'

ANSWERED = {
    "probe, broadcast": ("0.0.0.0", None),
    "probe, unicast": ("0.0.0.0", NODE),
    "LAN sender, broadcast": ("10.0.0.5", None),
    "LAN sender, unicast": ("10.0.0.5", NODE),
    "off-subnet sender": ("198.51.100.9", None),
    "sender is the target": ("10.0.0.50", None),
    "sender is a loopback": ("127.0.0.1", None),
    "sender is the broadcast address": ("255.255.255.255", None),
    "sender is a group": ("224.0.0.1", None),
}
UNANSWERED = {
    "unicast to another MAC": ("10.0.0.50", "10.0.0.5", STRANGER),
    "multicast": ("10.0.0.50", "10.0.0.5", Mac("01:00:5e:00:00:01")),
    "an address that is not announced": ("10.0.0.51", "10.0.0.5", None),
}


def test_it_answers_every_request_for_its_address_once_padded_and_to_the_asker():
    heard = put(ONE, [("eth0", "10.0.0.50", sender, to) for sender, to in ANSWERED.values()])
    assert [(reply.question, reply.length) for reply in heard] == [(number, 60) for number in range(len(ANSWERED))]
    for (sender, _), reply in zip(ANSWERED.values(), heard, strict=True):
        assert reply.packet == answering.Packet(
            destination=CLIENT, source=NODE, operation=answering.REPLY,
            sender_mac=NODE, sender_ip=IPv4Address("10.0.0.50"), target_mac=CLIENT, target_ip=IPv4Address(sender),
        )  # fmt: skip


def test_it_answers_nothing_else():
    assert put(ONE, [("eth0", *question) for question in UNANSWERED.values()], wait=0.05) == []


def test_no_sysctl_of_the_node_stops_it():
    deaf = ONE.replace('{ ipvs = "strict" }', '{ ipvs = "strict", sysctl = { arp_ignore = 8, rp_filter = 1 } }')
    heard = put(deaf, [("eth0", "10.0.0.50", "198.51.100.9", None), ("eth0", "10.0.0.11", "10.0.0.5", None)])
    assert [(reply.question, reply.length) for reply in heard] == [(0, 60)]


def test_kernel_and_speaker_of_one_node_both_answer_with_one_mac():
    heard = put(ONE.replace("strict", "non-strict"), [("eth0", "10.0.0.50", "0.0.0.0", None)])
    assert sorted(reply.length for reply in heard) == [42, 60]
    assert {reply.packet.sender_mac for reply in heard} == {NODE}


def test_every_nic_answers_with_its_own_mac_also_one_without_an_address():
    two = ONE.replace("[nodes]\nworker-1 = ", '[nodes.worker-1]\nnics.eth0.addresses = "10.0.0.11"\nnics.eth1 = {}\n# ')
    heard = put(two, [("eth0", "10.0.0.50", "10.0.0.5", None)])
    assert sorted(reply.packet.sender_mac for reply in heard) == [NODE, Mac("02:01:00:00:01:01")]


def test_an_announcer_limited_to_one_nic_is_silent_on_the_other():
    one = ONE.replace("[nodes]\nworker-1 = ", '[nodes.worker-1]\nnics.eth0.addresses = "10.0.0.11"\nnics.eth1 = {}\n# ')
    heard = put(one + 'nics = "eth1"\n', [("eth0", "10.0.0.50", "10.0.0.5", None)])
    assert [reply.packet.sender_mac for reply in heard] == [Mac("02:01:00:00:01:01")]


def test_it_never_hears_its_own_host():
    assert put(ONE + '[prober]\nat = "worker-1"\n', [("eth0", "10.0.0.50", "0.0.0.0", None)], wait=0.05) == []


def test_a_burst_beyond_the_default_socket_buffer_is_lost():
    """What a buffer of the default size holds: 256 frames of 832 octets where net.core.rmem_default is 212992."""
    holds = int(Path("/proc/sys/net/core/rmem_default").read_text()) / 832
    sent = math.ceil(holds * 1.5)
    heard = put(ONE, [("eth0", "10.0.0.50", "10.0.0.5", None)] * sent, mode="early", wait=0.5)
    assert 0.5 * holds < len(heard) < sent
    few = put(ONE, [("eth0", "10.0.0.50", "10.0.0.5", None)] * 64, mode="early", wait=0.3)
    assert len(few) == 64


def test_delay_and_another_mac():
    vrrp = ONE + 'delay = "150ms"\nmac = "00:00:5e:00:01:33"\n'
    [reply] = put(vrrp, [("eth0", "10.0.0.50", "10.0.0.5", None)], wait=0.6)
    assert (reply.packet.source, reply.packet.sender_mac) == (Mac("00:00:5e:00:01:33"),) * 2
    assert reply.after >= 150
