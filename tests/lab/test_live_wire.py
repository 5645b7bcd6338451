"""The real sockets, on interfaces of an enclosure."""

import subprocess
import sys

import pytest

from arpcheck.lab import enclosure

pytestmark = pytest.mark.lab

PROGRAM = """
import subprocess
from arpcheck.wire.link import LiveWire
for words in ("link add a0 type veth peer name b0", "link set a0 up", "link set b0 up"):
    subprocess.run(["ip", *words.split()], check=True)

def waiting(wire):
    "The interfaces on which a frame of the other end is heard."
    return sorted(arrival.interface for arrival in wire.receive(wire.now() + 0.5))

frame = bytes.fromhex("ffffffffffff0200000000010806000108000604%s020000000001" "0a000005" "000000000000" "0a000032").ljust(60, b"0")
with LiveWire(["a0", "b0"], requests=%s) as wire:
    wire.send("b0", frame)
    print(waiting(wire))
    wire.keep(["a0"])
    print(sorted(wire.lost()))
"""


def said(operation, requests):
    program = [sys.executable, "-c", PROGRAM % (operation, requests)]
    done = subprocess.run(enclosure.command(program), capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("operation", "requests", "heard"),
    [
        pytest.param("0002", False, "['a0']", id="a reply"),
        pytest.param("0001", False, "[]", id="a request, which the filter holds back"),
        pytest.param("0001", True, "['a0']", id="a request that is wanted"),
    ],
)
def test_what_comes_in_and_which_sockets_are_kept(operation, requests, heard):
    assert said(operation, requests) == [heard, "['a0']"]


WHOSE = """
import socket, subprocess
from arpcheck.wire.frames import reaches
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
    done = subprocess.run(enclosure.command([sys.executable, "-c", WHOSE]), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["True True", "False False", "True True", "True True"]


HELD = """
import subprocess
from arpcheck.wire.link import LiveWire
from arpcheck.wire.seam import LinkLostError
for words in ("ip link add a0 type veth peer name b0", "ip link set a0 up", "ip link set b0 up",
              "tc qdisc add dev a0 root tbf rate 1kbit burst 64 limit 10000000"):
    subprocess.run(words.split(), check=True)
with LiveWire(["a0"]) as wire:
    try:
        for _ in range(10000):
            wire.send("a0", bytes(60))
    except LinkLostError as error:
        print(error)
"""


def test_a_queue_that_holds_what_it_was_given_does_not_hold_the_run():
    done = subprocess.run(enclosure.command([sys.executable, "-c", HELD]), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "a0: its transmit queue stayed full\n"
