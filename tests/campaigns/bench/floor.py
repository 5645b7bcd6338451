"""The floor: what a bare packet socket in Python takes, with the same libraries: `python floor.py NIC FILE RATE WAIT BUFFER`.

Asks the addresses of a file, one a line, and listens on for WAIT seconds; prints the replies as JSON. RATE in frames a
second, 0 for as fast as it goes; BUFFER in octets, as `SO_RCVBUF` takes them. Judges nothing and knows of no loss."""

import json
import select
import socket
import sys
import time

ETH_P_ARP = 0x0806
REPLY = b"\x00\x02"
HEAD = b"\x08\x06\x00\x01\x08\x00\x06\x04"


def main(nic: str, path: str, rate: float, wait: float, buffer: int) -> None:
    import scapy.layers.l2  # noqa: F401 - what arpcheck can't do without either

    with open(path) as file:
        addresses = [socket.inet_aton(line) for line in file.read().split()]
    with opened(nic, buffer) as sock:
        sent, replies = asked(sock, addresses, rate, wait)
    named = [(socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":"), at) for frame, at in replies]
    json.dump({"sent": len(sent), "replies": named}, sys.stdout)


def opened(nic, buffer, ethertype=ETH_P_ARP):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.bind((nic, ethertype))
    sock.setblocking(False)
    return sock


def asked(sock, addresses, rate, wait):
    """The times of the questions, and every reply with its own. One loop, that drains the socket after each send."""
    mac = sock.getsockname()[4]
    head = b"\xff" * 6 + mac + HEAD + b"\x00\x01" + mac + own_address(sock) + b"\0" * 6
    apart = 1 / rate if rate else 0.0
    sent, replies, due = [], [], time.monotonic()
    for address in addresses:
        while (now := time.monotonic()) < due:
            select.select((sock,), (), (), due - now)
            drain(sock, replies, mac)
        sent.append(now)
        sock.send(head + address)
        drain(sock, replies, mac)
        due += apart
    end = time.monotonic() + wait
    while (left := end - time.monotonic()) > 0:
        select.select((sock,), (), (), left)
        drain(sock, replies, mac)
    return sent, replies


def drain(sock, replies, mac):
    try:
        while True:
            frame = sock.recv(128)
            if frame[20:22] == REPLY and frame[32:38] == mac:
                replies.append((frame, time.monotonic()))
    except BlockingIOError:
        return


def own_address(sock):
    import psutil

    found = psutil.net_if_addrs()[sock.getsockname()[0]]
    return next(socket.inet_aton(entry.address) for entry in found if entry.family == socket.AF_INET)


if __name__ == "__main__":
    import typer

    typer.run(main)  # it reads the arguments of both: to import it alone leaves out most of what it loads
