"""The ARP of other hosts on a busy LAN: `python chatter.py NIC RATE`, until it is killed.

Of ten frames eight are questions for addresses that nobody has, one is a gratuitous question and one a gratuitous
reply, all to broadcast; none is about an address of the case."""

import itertools
import socket
import sys
import time

BROADCAST = b"\xff" * 6
FIXED = b"\x08\x06\x00\x01\x08\x00\x06\x04"
SLOT = 0.002
"""Seconds; the rate holds over such slots."""


def frames():
    for number in range(1000):
        mac, ip = b"\x02\x0c\0\0\0" + bytes([number % 64]), b"\x0a\x00\xc8" + bytes([number % 64])
        operation, target = {8: (1, ip), 9: (2, ip)}.get(number % 10, (1, b"\x0a\x00\xfa" + bytes([number % 250])))
        body = mac + ip + (BROADCAST if target == ip else bytes(6)) + target
        yield (BROADCAST + mac + FIXED + operation.to_bytes(2, "big") + body).ljust(60, b"\0")


def main(nic, rate):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((nic, 0))
    sent, start, foreign = 0, time.monotonic(), itertools.cycle(list(frames()))
    while True:
        for _ in range(int((time.monotonic() - start) * float(rate)) - sent):
            sock.send(next(foreign))
            sent += 1
        time.sleep(SLOT)


if __name__ == "__main__":
    main(*sys.argv[1:])
