"""Run inside an enclosure: builds a scene, puts questions from the prober's station, prints what came back as JSON.

A plain packet socket and arpcheck.lab.arp; nothing of arpcheck.wire. Arguments: the scene's TOML, then a JSON list of
questions `[NIC, TARGET, SENDER, ETHERNET DESTINATION or null]`, then how many seconds to listen after the last one."""

import json
import select
import socket
import sys
import time
from ipaddress import IPv4Address

from arpcheck.lab import arp, network, scene_file
from arpcheck.lab.announcer import Announcers
from arpcheck.lab.namespaces import inside
from arpcheck.model import Mac


def opened(nic):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE, which takes a privilege over the machine itself
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((nic, arp.ETHERTYPE))
    return sock


def ask(socks, macs, question):
    nic, target, sender, to = question
    packet = arp.question(macs[nic], IPv4Address(sender), IPv4Address(target), to=Mac(to) if to else arp.BROADCAST)
    socks[nic].send(packet.encode())


def replies(socks, until):
    """Every reply until then: NIC, frame as hex, milliseconds on one clock."""
    names = {sock: nic for nic, sock in socks.items()}
    while (left := until - time.monotonic()) > 0:
        for sock in select.select(list(names), (), (), left)[0]:
            frame, address = sock.recvfrom(2048)
            if address[2] != socket.PACKET_OUTGOING:
                yield names[sock], frame.hex(), time.monotonic() * 1000


def main(toml, questions, wait, *mode):
    scene = scene_file.parse(toml, "test")
    network.build(scene)
    prober = scene.station(scene.prober.station)
    macs = {nic.name: nic.mac for nic in prober.nics}
    socks = {nic: inside(prober.name, lambda nic=nic: opened(nic)) for nic in macs}
    found = []
    with Announcers(scene):
        if "burst" in mode:
            for question in json.loads(questions):
                ask(socks, macs, question)
            found = list(replies(socks, time.monotonic() + float(wait)))
        else:
            for question in json.loads(questions):
                asked = time.monotonic() * 1000
                ask(socks, macs, question)
                found.append([(n, f, at - asked) for n, f, at in replies(socks, time.monotonic() + float(wait))])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
