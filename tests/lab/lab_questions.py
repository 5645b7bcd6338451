"""Puts questions to a scene on the kernel, with plain packet sockets and nothing of arpcheck.wire.

`put` runs this file as a program in an enclosure. There it builds the scene, asks from the prober's station and prints
what came back. Modes: `each` listens after every question, `together` after all of them, `early` asks all of them before
the announcers begin to read."""

import json
import select
import socket
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from arpcheck.lab import answering, network, scene_file
from arpcheck.lab.announcer import Announcers, inside
from arpcheck.model import Mac

sys.path.append(str(Path(__file__).resolve().parents[1]))
import forked

SO_RCVBUFFORCE = 33
HEAD = 'title = "A test"\nabout = "Made by a test."\n'


class Heard(NamedTuple):
    question: int | None
    """Its number from 0, in mode `each`."""
    nic: str
    length: int
    packet: answering.Packet | None
    after: float
    """Milliseconds since the question, in mode `each`."""


def put(toml, questions, *, wait=0.1, mode="each"):
    """Every frame that came back. A question: (NIC, target, sender, Ethernet destination or None)."""
    done = forked.program([__file__, HEAD + toml, json.dumps(questions), wait, mode])
    assert done.returncode == 0, done.stderr
    return [
        Heard(question, nic, len(frame) // 2, answering.decode(bytes.fromhex(frame)), after)
        for question, nic, frame, after in json.loads(done.stdout)
    ]


def main(toml, questions, wait, mode):
    scene = scene_file.parse(toml, "test")
    network.build(scene)
    prober = scene.station(scene.prober.station)
    macs = {nic.name: nic.mac for nic in prober.nics}
    socks = {nic: inside(prober.name, lambda nic=nic: opened(nic)) for nic in macs}
    announcers = Announcers(scene)
    if mode == "early":
        for question in json.loads(questions):
            ask(socks, macs, question)
    with announcers:
        json.dump(list(conversation(socks, macs, json.loads(questions), float(wait), mode)), sys.stdout)


def conversation(socks, macs, questions, wait, mode):
    if mode == "each":
        for number, question in enumerate(questions):
            asked = time.monotonic()
            ask(socks, macs, question)
            for nic, frame in replies(socks, asked + wait):
                yield number, nic, frame, (time.monotonic() - asked) * 1000
        return
    for question in questions if mode == "together" else ():
        ask(socks, macs, question)
        for nic, frame in replies(socks, time.monotonic() + 0.002):
            yield None, nic, frame, 0.0
    for nic, frame in replies(socks, time.monotonic() + wait):
        yield None, nic, frame, 0.0


def opened(nic):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    except PermissionError:  # in a user namespace
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((nic, answering.ETHERTYPE))
    return sock


def ask(socks, macs, question):
    nic, target, sender, to = question
    packet = answering.question(
        macs[nic], IPv4Address(sender), IPv4Address(target), to=Mac(to) if to else answering.BROADCAST
    )
    socks[nic].send(packet.encode())


def replies(socks, until):
    names = {sock: nic for nic, sock in socks.items()}
    while (left := until - time.monotonic()) > 0:
        for sock in select.select(list(names), (), (), left)[0]:
            frame, address = sock.recvfrom(2048)
            if address[2] in (socket.PACKET_HOST, socket.PACKET_BROADCAST) and frame[20:22] != b"\x00\x01":
                yield names[sock], frame.hex()


if __name__ == "__main__":
    main(*sys.argv[1:])
