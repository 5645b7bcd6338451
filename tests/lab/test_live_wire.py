"""The real sockets, on interfaces of an enclosure."""

import subprocess
import sys

import pytest

from arpcheck.lab import network

pytestmark = pytest.mark.lab

PROGRAM = """
import subprocess
from arpcheck.wire.packet_socket import LiveWire
for words in ("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up"):
    subprocess.run(["ip", *words.split()], check=True)

def waiting(wire):
    "The interfaces on which a frame of the other end is heard."
    return sorted(arrival.interface for arrival in wire.receive(wire.now() + 0.5))

frame = bytes.fromhex("ffffffffffff0200000000010806000108000604%s020000000001" "0a000005" "000000000000" "%s").ljust(60, b"0")
with LiveWire(["a0", "b0"], requests=%s) as wire:
    wire.send("b0", frame)
    print(waiting(wire))
    wire.keep(["a0"])
    print(sorted(wire.lost()))
"""


def said(operation, asked, requests):
    program = [sys.executable, "-c", PROGRAM % (operation, asked, requests)]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


OTHER, OWN = "0a000032", "0a000005"


@pytest.mark.parametrize(
    ("operation", "asked", "requests", "heard"),
    [
        pytest.param("0002", OTHER, False, "['a0']", id="a reply"),
        pytest.param("0001", OTHER, False, "[]", id="a request, which the filter holds back"),
        pytest.param("0001", OTHER, True, "['a0']", id="a request that is wanted"),
        pytest.param("0001", OWN, False, "['a0']", id="an announcement, which is a request for its own sender"),
    ],
)
def test_what_comes_in_and_which_sockets_are_kept(operation, asked, requests, heard):
    assert said(operation, asked, requests) == [heard, "['a0']"]


WHOSE = """
import socket, subprocess
from arpcheck.wire.packets import reaches
for words in ("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up"):
    subprocess.run(["ip", *words.split()], check=True)

def opened(nic):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((nic, 0x0806))
    return sock

a, b = opened("a0"), opened("b0")
own = a.getsockname()[4]
for to in (own, own[:5] + bytes([own[5] ^ 1]), b"\\xff" * 6, b"\\x01" + own[1:]):
    b.send(to + own + b"\\x08\\x06" + bytes(46))
    frame, address = a.recvfrom(128)
    print(reaches(frame, own), address[2] != socket.PACKET_OTHERHOST)
"""


def test_a_frame_is_taken_for_another_hosts_exactly_where_the_kernel_does():
    done = subprocess.run(
        network.command([sys.executable, "-c", WHOSE]), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["True True", "False False", "True True", "True True"]


HELD = """
import subprocess
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.packets import LinkLostError
for words in ("ip link add a0 type veth peer name b0", "ip link set a0 up", "ip link set b0 up",
              "tc qdisc add dev a0 root tbf rate 1kbit burst 64 limit 10000000"):
    subprocess.run(words.split(), check=True)
with LiveWire(["a0"]) as wire:
    try:
        for _ in range(10000):
            wire.send("a0", bytes(12) + bytes((8, 6)) + bytes(46))
    except LinkLostError as error:
        print(error)
"""


def test_a_queue_that_holds_what_it_was_given_does_not_hold_the_run():
    done = subprocess.run(
        network.command([sys.executable, "-c", HELD]), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "a0: its transmit queue stayed full\n"


VLANS = r"""
import socket, subprocess
from ipaddress import IPv4Address
from arpcheck.model import Mac, Question
from arpcheck.wire.replies import ReplyMatcher
from arpcheck.wire.packet_socket import LiveWire
for words in ("link add a0 type veth peer name b0", "link add link a0 name above type macvlan mode bridge",
              "link set a0 up", "link set above up", "link set b0 up"):
    subprocess.run(["ip", *words.split()], check=True)

def mac_of(nic):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((nic, 0))
        return sock.getsockname()[4]

us, vip = IPv4Address("10.0.0.5"), IPv4Address("10.0.0.50")
sender = b"\x02\0\0\0\0\x09"
other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
other.bind(("b0", 0))
with LiveWire(["a0"]) as wire:
    own = mac_of("a0")
    for tag, to in ((b"", own), (b"\x81\0\0\x64", own), (b"\x81\0\0\x64", b"\xff" * 6), (b"\x81\0\0\0", own),
                    (b"\x81\0\xe0\0", b"\xff" * 6), (b"", mac_of("above")), (b"\x81\0\0\0\x81\0\0\x64", own)):
        account = ReplyMatcher(0.0, {"a0": Mac.from_bytes(own)}, {"a0": frozenset({us})})
        account.requested(Question(0.0, "a0", 1, vip, us, None))
        arp = bytes.fromhex("0001080006040002") + sender + vip.packed + own + us.packed
        other.send((to + sender + tag + b"\x08\x06" + arp).ljust(60, b"\0"))
        arrivals = [a for _ in range(20) for a in wire.receive(wire.now() + 0.05) if a.frame[6:12] == sender]
        account.arrived(arrivals[0])
        print(len(account.replies), *(passed.reason.value for passed in account.unsolicited.passed_over()))
"""


def test_a_frame_of_another_vlan_or_of_an_interface_above_is_not_heard_here():
    """A kernel that knows the VLAN hands it to that interface, as it does with a macvlan's; one that does not takes it for
    another host's. VLAN 0 is a priority."""
    done = subprocess.run(
        network.command([sys.executable, "-c", VLANS]), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["1", "0 vlan", "0 vlan", "1", "1", "0 other-interface", "0 vlan"]


BATCHES = r"""
import socket, subprocess
from arpcheck.wire.packet_socket import AT_ONCE, SNAPLEN
from arpcheck.wire.packet_socket import LiveWire
for words in ("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up"):
    subprocess.run(["ip", *words.split()], check=True)
other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
other.bind(("b0", 0))
with LiveWire(["a0"]) as wire:
    wire.receive(wire.now() + 0.1)
    for number in range(3 * AT_ONCE + 5):
        other.send(b"\xff" * 6 + b"\x02\0\0\0\0\x09" + bytes.fromhex("08060001080006040002") + number.to_bytes(6, "big") + bytes(14 + number % 500))
    found = [arrival.frame for arrival in wire.receive(wire.now() + 5)]
    while more := wire.receive(wire.now() + 0.2):
        found += [arrival.frame for arrival in more]
    print([int.from_bytes(frame[22:28], "big") for frame in found] == list(range(3 * AT_ONCE + 5)))
    print({len(frame) - min(SNAPLEN, 42 + number % 500) for number, frame in enumerate(found)})
    print(wire.receive(wire.now() + 0.01))
"""


def test_what_waits_is_taken_in_its_order_however_much_it_is():
    done = subprocess.run(
        network.command([sys.executable, "-c", BATCHES]), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["True", "{0}", "[]"]
