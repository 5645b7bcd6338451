"""The advertisements of an announcer in IPv6: those of MetalLB's speaker, Cilium and ndppd, as measured; and the neighbour
discovery messages for them. `answering` is the same for ARP.

MetalLB and ndppd hand their advertisement to the kernel, which first finds out the asker's MAC address, as for any packet:
an asker that nobody answers for gets none. Cilium sends it back where the solicitation came from."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address
from typing import NamedTuple, assert_never

from arpcheck.lab.answering import BROADCAST, TAG, Activity, DueFrame
from arpcheck.lab.scene import Announcer, AnnouncerKind, SceneNic, Shape
from arpcheck.model import Mac
from arpcheck.model.constants import OVERRIDE, ROUTER, SOLICITED

PATIENCE = 3.0
"""Seconds for which the kernel keeps an advertisement while it looks for the asker: three solicitations, one a second."""

AGAIN = 1.0
"""Seconds until it looks for the same asker again."""


class Advertiser:
    """One announcer on one NIC. It knows the askers' MAC addresses that the kernel of its station would know."""

    def __init__(self, announcer: Announcer, nic: SceneNic) -> None:
        self._announcer = announcer
        self._nic = nic
        self._mac = announcer.mac or nic.mac
        self._source = announcer.source or self._mac
        self._wanted = frozenset(announcer.ips6 or ())
        self._own = nic.own6
        self._joined = {ALL_NODES, *map(solicited_node, self._own), *groups(announcer)}
        self._heeded = frozenset(ip.packed for ip in (*self._wanted, *self._own)) if self._wanted else frozenset()
        self._activity = Activity(announcer)
        self._macs: dict[IPv6Address, Mac] = {}
        self._looking: dict[IPv6Address, float] = {}
        self._waiting: dict[IPv6Address, list[tuple[float, NeighbourMessage]]] = {}

    def receive(self, frame: bytes, at: float) -> tuple[DueFrame, ...]:
        """What it sends when it received a frame at `at`, in seconds: an advertisement, or a solicitation for the asker and
        the advertisement later."""
        if self._heeded and frame[_KIND] == _ASKS and frame[_TARGET] not in self._heeded:
            return ()
        message = decode(frame)
        if message is None or not self._reached(message.destination):
            return ()
        if message.kind == ADVERTISEMENT:
            known = message.target in self._macs or message.target in self._waiting
            return self._learn(message.target, message.option, at) if known and message.is_valid else ()
        if message.target in self._own:  # the kernel answers, and knows the asker from then on
            return self._learn(message.source_ip, message.option, at) if message.is_valid else ()
        if (self._wanted and message.target not in self._wanted) or not self._accepts(message):
            return ()
        group = message.destination_ip.is_multicast and message.destination != self._nic.mac
        if not self._activity.asked(message.target, at, group=group):
            return ()
        return self._send(self._answer(message), at + self._activity.delay(message.target))

    def _reached(self, destination: Mac) -> bool:
        return destination in (self._nic.mac, self._source) or (destination.is_group and self._announcer.broadcasts)

    def _accepts(self, asked: NeighbourMessage) -> bool:
        if asked.source_ip == UNSPECIFIED:
            return False
        match self._announcer.kind:
            case AnnouncerKind.METALLB:
                heard = asked.destination_ip in self._joined or asked.destination_ip == self._nic.link_local
                return heard and asked.option is not None
            case AnnouncerKind.CILIUM:
                reached = asked.destination in (group_mac(solicited_node(asked.target)), self._nic.mac)
                return reached and asked.option is not None
            case AnnouncerKind.NDPPD:
                return asked.destination_ip == solicited_node(asked.target) and asked.is_valid
            case _:
                assert_never(self._announcer.kind)

    def _answer(self, asked: NeighbourMessage) -> NeighbourMessage:
        """Before the asker's MAC address is known, for all but Cilium."""
        match self._announcer.kind:
            case AnnouncerKind.METALLB:
                flags, source_ip = SOLICITED, self._nic.link_local
            case AnnouncerKind.CILIUM:
                flags, source_ip = SOLICITED | OVERRIDE, asked.target
            case AnnouncerKind.NDPPD:
                flags, source_ip = SOLICITED | ROUTER, self._nic.link_local
            case _:
                assert_never(self._announcer.kind)
        return NeighbourMessage(
            destination=asked.source, source=self._source, kind=ADVERTISEMENT, source_ip=source_ip,
            destination_ip=asked.source_ip, target=asked.target, option=self._mac, flags=flags,
        )  # fmt: skip

    def _send(self, answer: NeighbourMessage, at: float) -> tuple[DueFrame, ...]:
        asker = answer.destination_ip
        if self._announcer.kind is AnnouncerKind.CILIUM:
            return (DueFrame(at, shaped(answer, self._announcer.shape)),)
        if mac := self._macs.get(asker):
            return (DueFrame(at, shaped(answer._replace(destination=mac), self._announcer.shape)),)
        if not asker.is_link_local and not any(asker in address.network for address in self._nic.addresses6):
            return ()  # no route
        self._waiting.setdefault(asker, []).append((at, answer))
        if at - self._looking.get(asker, float("-inf")) < AGAIN:
            return ()
        self._looking[asker] = at
        return (DueFrame(at, question(self._nic.mac, self._nic.link_local, asker).encode()),)

    def _learn(self, ip: IPv6Address, mac: Mac | None, at: float) -> tuple[DueFrame, ...]:
        """What waited for this host can be sent now."""
        if mac is None or ip == UNSPECIFIED:
            return ()
        self._macs[ip] = mac
        waiting = [answer for since, answer in self._waiting.pop(ip, ()) if at - since <= PATIENCE]
        return tuple(due for answer in waiting for due in self._send(answer, at))


def groups(announcer: Announcer) -> tuple[IPv6Address, ...]:
    """The groups that it joins: Cilium none (cilium#41678), a proxy none, since it receives every frame."""
    if announcer.kind is not AnnouncerKind.METALLB or announcer.lost_group:
        return ()
    return tuple(sorted({solicited_node(ip) for ip in announcer.ips6 or ()}))


def shaped(answer: NeighbourMessage, shape: Shape) -> bytes:
    """The frame of an advertisement, or of what the scene sends in its place."""
    match shape:
        case Shape.REPLY:
            return answer.encode()
        case Shape.TO_BROADCAST:
            return answer._replace(destination=BROADCAST).encode()
        case Shape.TRUNCATED:
            return answer.encode()[:60]
        case Shape.WRONG_OPERATION:
            return answer._replace(kind=REDIRECT).encode()
        case Shape.WRONG_HARDWARE:
            return answer._replace(hop_limit=64).encode()
        case Shape.OTHER_ADDRESS:
            return answer._replace(target=answer.target + 1).encode()
        case Shape.FOREIGN_TARGET:
            return answer._replace(destination_ip=answer.destination_ip + 1).encode()
        case Shape.TAGGED:
            frame = answer.encode()
            return frame[:12] + TAG + frame[12:]
        case Shape.ANNOUNCEMENT:
            return unsolicited(answer).encode()
        case _:
            assert_never(shape)


# ------------------------------------------------------------------------------- Neighbour discovery over Ethernet, RFC 4861

ETHERTYPE6 = 0x86DD
SOLICITATION, ADVERTISEMENT, REDIRECT = 135, 136, 137
ALL_NODES, UNSPECIFIED = IPv6Address("ff02::1"), IPv6Address("::")
_SOLICITED_NODE = int(IPv6Address("ff02::1:ff00:0"))

_ICMPV6 = 58
_KIND, _TARGET = slice(54, 55), slice(62, 78)
"""In a frame without further headers. Comparing them first is fast, since most frames are for other stations."""
_ASKS = bytes((SOLICITATION,))
_SKIPPED = (0, 60)
"""Hop-by-hop and destination options: hosts take what follows them."""
_HEADERS = struct.Struct("!6s6sHIHBB16s16s")
_FIXED = struct.Struct("!BBHI16s")
_OPTION = {SOLICITATION: 1, ADVERTISEMENT: 2}


class NeighbourMessage(NamedTuple):
    """An Ethernet frame with a neighbour solicitation or advertisement."""

    destination: Mac
    source: Mac
    kind: int
    source_ip: IPv6Address
    destination_ip: IPv6Address
    target: IPv6Address
    option: Mac | None = None
    """The link-layer address of the sender of a solicitation, or of the target of an advertisement."""
    flags: int = 0
    hop_limit: int = 255
    code: int = 0

    @property
    def is_valid(self) -> bool:
        """What a raw socket does not check, and the kernel does."""
        from_nobody = self.source_ip == UNSPECIFIED and self.kind == SOLICITATION
        return (
            (self.hop_limit, self.code) == (255, 0)
            and not self.target.is_multicast
            and not self.source_ip.is_multicast
            and not self.source_ip.is_loopback
            and not (from_nobody and (self.option or self.destination_ip != solicited_node(self.target)))
        )

    def encode(self) -> bytes:
        """86 bytes, or 78 without the option."""
        option = bytes((_OPTION.get(self.kind, 2), 1)) + self.option.to_bytes() if self.option else b""
        addresses = self.source_ip.packed + self.destination_ip.packed
        bare = _FIXED.pack(self.kind, self.code, 0, self.flags << 24, self.target.packed) + option
        message = bare[:2] + (0xFFFF - _sum(addresses, bare)).to_bytes(2, "big") + bare[4:]
        ends = self.destination.to_bytes(), self.source.to_bytes()
        head = struct.pack("!6s6sHIHBB", *ends, ETHERTYPE6, 6 << 28, len(message), _ICMPV6, self.hop_limit)
        return head + addresses + message


def decode(frame: bytes) -> NeighbourMessage | None:
    """The message in a frame; None if it is none that a host looks at. Whether it is valid, `is_valid` says."""
    if len(frame) < _HEADERS.size:
        return None
    destination, source, ethertype, _, length, following, hops, source_ip, destination_ip = _HEADERS.unpack_from(frame)
    at, end = _HEADERS.size, _HEADERS.size + length
    if ethertype != ETHERTYPE6 or len(frame) < end:
        return None
    while following in _SKIPPED and at + 8 <= end:
        following, at = frame[at], at + 8 + 8 * frame[at + 1]
    if following != _ICMPV6 or end - at < _FIXED.size or _sum(source_ip + destination_ip, frame[at:end]) != 0xFFFF:
        return None
    kind, code, _, flags, target = _FIXED.unpack_from(frame, at)
    options = _option_values(frame[at + _FIXED.size : end])
    if kind not in _OPTION or options is None:
        return None
    own = options.get(_OPTION[kind])
    mac, ip = Mac.from_bytes, IPv6Address
    return NeighbourMessage(
        destination=mac(destination), source=mac(source), kind=kind, source_ip=ip(source_ip),
        destination_ip=ip(destination_ip), target=ip(target), option=mac(own) if own else None, flags=flags >> 24,
        hop_limit=hops, code=code,
    )  # fmt: skip


def _option_values(octets: bytes) -> dict[int, bytes] | None:
    """The first six octets of each; None where one has no length or ends after the packet."""
    found: dict[int, bytes] = {}
    while octets:
        size = octets[1] * 8 if len(octets) > 1 else 0
        if not 0 < size <= len(octets):
            return None
        found.setdefault(octets[0], octets[2:8])
        octets = octets[size:]
    return found


def _sum(addresses: bytes, message: bytes) -> int:
    """The ones' complement sum of pseudo-header and message, 0xffff where the checksum in it is right."""
    octets = addresses + struct.pack("!II", len(message), _ICMPV6) + message + b"\0" * (len(message) % 2)
    return int.from_bytes(octets, "big") % 0xFFFF or 0xFFFF


def solicited_node(ip: IPv6Address) -> IPv6Address:
    """RFC 4291 section 2.7.1."""
    return IPv6Address(_SOLICITED_NODE | (int(ip) & 0xFFFFFF))


def group_mac(ip: IPv6Address) -> Mac:
    """RFC 2464 section 7."""
    return Mac.from_bytes(b"\x33\x33" + ip.packed[12:])


def question(
    source: Mac, sender: IPv6Address, target: IPv6Address, *, to: Mac | None = None, destination: IPv6Address | None = None
) -> NeighbourMessage:
    """A solicitation for `target`, to its group unless another destination is given."""
    group = solicited_node(target) if destination is None else destination
    return NeighbourMessage(
        destination=group_mac(group) if to is None else to, source=source, kind=SOLICITATION, source_ip=sender,
        destination_ip=group, target=target, option=source,
    )  # fmt: skip


def unsolicited(answer: NeighbourMessage) -> NeighbourMessage:
    """What a host sends to all when it takes the address (RFC 4861 section 7.2.6)."""
    return answer._replace(destination=group_mac(ALL_NODES), destination_ip=ALL_NODES, flags=OVERRIDE)
