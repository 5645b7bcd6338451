"""The floor in IPv6: what a bare packet socket in Python takes: `python floor6.py NIC FILE RATE WAIT BUFFER MACS`.

Asks the addresses of a file as arpcheck does: each by its group, then each by the group of all nodes, then each of every
NIC of the file MACS by itself, and listens for WAIT seconds after each of the three. RATE in frames a second, and to the
NICs as many as arpcheck sends at the most. Prints the replies as JSON, and judges nothing."""

import json
import select
import socket
import struct
import sys
import time

from floor import opened

ETH_P_IPV6 = 0x86DD
ADVERTISEMENT = b"\x88"
LINK_LOCAL = b"\xfe\x80"
"""The kernel of this host asks for such addresses, when it checks that a neighbour is there."""
SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
ALL_NODES = bytes.fromhex("ff02") + bytes(13) + b"\x01"
A_NIC, A_LAN = 100, 400
"""Frames a second to one NIC, and to all of them."""


def main(nic: str, path: str, rate: float, wait: float, buffer: int, macs: str) -> None:
    import scapy.layers.inet6  # noqa: F401 - what arpcheck can't do without either

    with open(path) as file:
        addresses = [socket.inet_pton(socket.AF_INET6, line) for line in file.read().split()]
    with open(macs) as file:
        nics = [bytes.fromhex(line.replace(":", "")) for line in file.read().split()]
    replies = []
    with opened(nic, buffer, ETH_P_IPV6) as sock:
        own = sock.getsockname()[4]
        source = own_address(nic)
        by_group = [frame(own, source, address, SOLICITED_NODE + address[13:]) for address in addresses]
        by_all = [frame(own, source, address, ALL_NODES) for address in addresses]
        by_nic = [frame(own, source, address, SOLICITED_NODE + address[13:], to) for address in addresses for to in nics]
        for frames, pace in ((by_group, rate), (by_all, rate), (by_nic, min(A_LAN, A_NIC * len(nics)))):
            asked(sock, frames, pace, wait, own, replies)
    sent = len(by_group) + len(by_all) + len(by_nic)
    named = [(socket.inet_ntop(socket.AF_INET6, found[62:78]), mac(found).hex(":"), at) for found, at in replies]
    json.dump({"sent": sent, "replies": named}, sys.stdout)


def asked(sock, frames, rate, wait, own, replies):
    due = time.monotonic()
    for one in frames:
        while (now := time.monotonic()) < due:
            select.select((sock,), (), (), due - now)
            drain(sock, replies, own)
        sock.send(one)
        drain(sock, replies, own)
        due += 1 / rate
    end = time.monotonic() + wait
    while (left := end - time.monotonic()) > 0:
        select.select((sock,), (), (), left)
        drain(sock, replies, own)


def drain(sock, replies, own):
    try:
        while True:
            found = sock.recv(128)
            if found[54:55] == ADVERTISEMENT and found[:6] == own and found[62:64] != LINK_LOCAL:
                replies.append((found, time.monotonic()))
    except BlockingIOError:
        return


def mac(found):
    """The option's, or where there is none the sender's."""
    return found[80:86] if len(found) >= 86 else found[6:12]


def frame(own, source, target, destination, to=None):
    body = struct.pack("!BBHI16s", 135, 0, 0, 0, target) + b"\x01\x01" + own
    total = sum(struct.unpack("!32H", source + destination + body)) + len(body) + 58
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack("!H", 0xFFFF - total) + body[4:]
    head = (to or b"\x33\x33" + destination[12:]) + own + struct.pack("!HIHBB", ETH_P_IPV6, 6 << 28, len(body), 58, 255)
    return head + source + destination + body


def own_address(nic):
    import psutil

    found = [entry.address.partition("%")[0] for entry in psutil.net_if_addrs()[nic] if entry.family == socket.AF_INET6]
    return next(socket.inet_pton(socket.AF_INET6, address) for address in found if address.startswith("fe80:"))


if __name__ == "__main__":
    import typer

    typer.run(main)  # it reads the arguments of both: to import it alone leaves out most of what it loads
