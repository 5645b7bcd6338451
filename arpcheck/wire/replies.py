"""Matches received frames to the requests of a run, keeps replies and announcements, and counts everything else.

A reply belongs to the last request for its address that was sent before it and could have caused it. Replies beyond the
limits are counted by target, so none is lost without a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import assert_never

from arpcheck.model import Address, Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply, order
from arpcheck.wire import families, packets
from arpcheck.wire.neighbour_discovery import Advertisement
from arpcheck.wire.packets import ArpReply, Arrival, TakenFor

FrameReply = ArpReply | Advertisement

MOST_MACS = 1024
"""Maximum MAC addresses for one target: hundreds of nodes can reply, but forged senders must not fill the memory."""

MOST_MACS_OF_A_NODE = 64
"""Maximum MAC addresses for a node's address: no host has so many NICs on a segment, and each one causes more requests."""

MOST_REPLIES = 64
"""Maximum replies for one MAC address, target and round."""

ALWAYS = 4
"""Number of MAC addresses of a target whose first reply in a round is always kept. Only a serious fault or forgery has
more."""

MOST_FURTHER = 100_000
"""Maximum further replies in one run: a hundred nodes that all reply for a thousand addresses. Forged senders must not fill
the memory; a kept reply takes 1 to 3 KB until the report is written."""

MOST_STRANGERS = 10_000
"""Maximum MAC addresses in one run, apart from those first few: a Kubernetes cluster has at most 5,000 nodes. A new MAC
address costs more than a reply, because its owner is searched."""

LATEST = 900.0
"""Milliseconds in which a reply to a request arrives: a Linux proxy takes up to 800."""

IPV6_LENGTH = 16
GROUP = 0xFF
"""The first byte of every IPv6 multicast address. A frame to an Ethernet group may carry a reply to us: clients take it."""

_ZERO = bytes(4)
"""The sender of an ARP Probe. Neighbour discovery has no such request here."""


class ReplyMatcher:
    """The requests and replies of one run. Times are seconds on the wire's clock, stored as ms since `start`."""

    def __init__(
        self,
        start: float,
        macs: Mapping[str, Mac],
        addresses: Mapping[str, frozenset[Address]],
        nodes: frozenset[Address] = frozenset(),
        further: int = MOST_FURTHER,
        strangers: int = MOST_STRANGERS,
        wanted: Iterable[Address] = (),
    ) -> None:
        """`macs`, `addresses`: this host's by interface; `nodes`: addresses that are requested only to learn their MAC
        addresses; `further`: maximum replies beyond the first few of each address, none of them from a new MAC address once
        there are `strangers`; `wanted`: the addresses of this run, whose announcements are kept from the beginning."""
        self._start = start
        self._nodes = frozenset(ip.packed for ip in nodes)
        self._wanted = {ip.packed for ip in wanted}
        self._further = further
        self._strangers = strangers
        self._seen: set[Mac] = set()
        self._own_mac = {name: mac.to_bytes() for name, mac in macs.items()}
        self._own_ips = {name: frozenset(ip.packed for ip in found) for name, found in addresses.items()}
        self._broadcast: dict[tuple[str, bytes], dict[bytes, Question]] = {}
        self._unicast: dict[tuple[str, bytes, bytes], Question] = {}
        self._last_unicast: dict[tuple[str, bytes], Question] = {}
        self._macs: dict[bytes, Mac] = {}
        self._kept: dict[bytes, dict[Mac, dict[int, int]]] = {}
        """Number of replies by address, MAC address and round."""
        self._overflow: Counter[Address] = Counter()
        self.questions: list[Question] = []
        self.replies: list[Reply] = []
        self.ignored: Counter[str] = Counter()
        self.unsolicited = Unsolicited()

    def requested(self, question: Question) -> None:
        """Records a sent request. Call it before `arrived` for frames that came later."""
        self.questions.append(question)
        packed = question.ip.packed
        self._wanted.add(packed)
        if question.to is None:
            self._broadcast.setdefault((question.interface, packed), {})[question.sender.packed] = question
        else:
            self._unicast[question.interface, packed, question.to.to_bytes()] = question
            self._last_unicast[question.interface, packed] = question

    def arrived(self, arrival: Arrival) -> Reply | Gratuitous | None:
        """The reply or announcement in this frame; None if it is neither, or exceeds a limit. Other frames are counted by
        reason."""
        reply = families.decode(arrival.frame)
        if isinstance(reply, packets.Ignored):
            return self._not_a_reply(arrival, reply)
        if arrival.taken_for is not TakenFor.US and (reason := self._passes(arrival)):
            self.ignored[reason] += 1
            self._pass_over(arrival, reply.ip, reply.mac, reason)
            return None
        question = self._question(arrival, reply)
        if isinstance(question, str):
            self.ignored[question] += 1
            return self._unrequested(arrival, reply)
        if reply.mac == self._own_mac[arrival.interface]:
            # A kernel does not receive its own frames, so another host has this MAC address or forged it: no evidence.
            self.ignored["own-mac"] += 1
            self._overflow[question.ip] += 1
            self._pass_over(arrival, reply.ip, reply.mac, PassReason.OWN_MAC)
            return None
        return self._keep(arrival, reply, question)

    def _not_a_reply(self, arrival: Arrival, ignored: packets.Ignored) -> Gratuitous | None:
        """A request for its own sender address is an announcement."""
        request = packets.decode_request(arrival.frame) if ignored is packets.NOT_A_REPLY else ignored
        if isinstance(request, packets.Ignored) or request.ip != request.sender_ip or request.sender_mac in packets.NOBODY:
            self.ignored[ignored.why] += 1
            return None
        self.ignored["announcement"] += 1
        return self._announced(arrival, request.ip, request.sender_mac, request.source)

    def _unrequested(self, arrival: Arrival, reply: FrameReply) -> Gratuitous | None:
        """A reply without a request. If it is a broadcast, or for its own target address, it is an announcement."""
        if not packets.reaches(arrival.frame, self._own_mac[arrival.interface]):
            self._pass_over(arrival, reply.ip, reply.mac, PassReason.OTHER_HOST)
        elif reply.ip == reply.target_ip or packets.to_a_group(arrival.frame):
            return self._announced(arrival, reply.ip, reply.mac, reply.source)
        elif reply.target_ip not in self._own_ips[arrival.interface] and reply.target_ip != _ZERO:
            self._pass_over(arrival, reply.ip, reply.mac, PassReason.OTHER_HOST)
        return None

    def _announced(self, arrival: Arrival, ip: bytes, mac: bytes, source: bytes) -> Gratuitous | None:
        if reason := self._passes(arrival):
            self._pass_over(arrival, ip, mac, reason)
        elif mac == self._own_mac[arrival.interface]:
            self._pass_over(arrival, ip, mac, PassReason.OWN_MAC)
        elif ip in self._wanted:
            return self.unsolicited.announced((arrival.at - self._start) * 1000, arrival.interface, ip, mac, source)
        return None

    def _passes(self, arrival: Arrival) -> PassReason | None:
        """Why the frame was for another interface, VLAN or host; None if it was for this host."""
        match arrival.taken_for:
            case TakenFor.US:
                return None
            case TakenFor.OTHER_INTERFACE:
                return PassReason.OTHER_INTERFACE
            case TakenFor.OTHER_HOST:
                ours = packets.reaches(arrival.frame, self._own_mac[arrival.interface])
                return PassReason.VLAN if ours else PassReason.OTHER_HOST
            case _:
                assert_never(arrival.taken_for)

    def _pass_over(self, arrival: Arrival, ip: bytes, mac: bytes, reason: PassReason) -> None:
        if ip in self._wanted:
            self.unsolicited.passed(arrival.interface, ip, mac, reason)

    def overflows(self) -> tuple[Overflow, ...]:
        return tuple(
            Overflow(ip=ip, replies=count) for ip, count in sorted(self._overflow.items(), key=lambda entry: order(entry[0]))
        )

    def _question(self, arrival: Arrival, reply: FrameReply) -> Question | str:
        """The request that this frame answers, or the reason why there is none."""
        interface = arrival.interface
        if reply.ip == reply.target_ip:  # also if this host has the address itself
            return "announcement"
        if len(reply.ip) == IPV6_LENGTH and reply.target_ip[0] == GROUP:  # nobody asks from ::
            return "announcement"
        by_sender = self._broadcast.get((interface, reply.ip), {})
        unicast = self._unicast.get((interface, reply.ip, reply.mac))
        if unicast is None and (other := self._last_unicast.get((interface, reply.ip))):
            unicast = self._by_another_mac(arrival, other, by_sender.values())
        if not by_sender and not unicast:
            return "not-asked"
        if not packets.reaches(arrival.frame, self._own_mac[interface]):
            return "not-for-us"
        to_us = reply.target_mac == self._own_mac[interface]
        if reply.target_ip == _ZERO:
            asked = [q for q in (by_sender.get(_ZERO), unicast if unicast and not int(unicast.sender) else None) if q]
            return _latest(asked) if asked and to_us else "not-for-us"
        if reply.target_ip not in self._own_ips[interface]:
            return "not-for-us"
        by_broadcast = by_sender.get(reply.target_ip)
        if by_broadcast and not unicast:  # the usual case
            return by_broadcast
        same = [q for q in (by_broadcast, unicast) if q and q.sender.packed == reply.target_ip]
        return _latest(same or [q for q in (*by_sender.values(), unicast) if q])

    def _by_another_mac(self, arrival: Arrival, asked: Question, broadcast: Iterable[Question]) -> Question | None:
        """The request to a NIC whose station replies with another MAC address, as the port of a Linux bridge does: it was
        sent last, and every broadcast before it is older than a reply can be."""
        at = (arrival.at - self._start) * 1000
        late = all(q.at > asked.at or asked.at - q.at > LATEST for q in broadcast)
        return asked if late and 0 <= at - asked.at <= LATEST else None

    def _keep(self, arrival: Arrival, frame: FrameReply, question: Question) -> Reply | None:
        mac = self._mac(frame.mac)
        kept = self._kept.setdefault(frame.ip, {})
        rounds = kept.get(mac)
        before = rounds.get(question.round, 0) if rounds else 0
        further = before > 0 or (len(kept) >= ALWAYS and mac not in islice(kept, ALWAYS))
        full = further and (not self._further or (mac not in self._seen and len(self._seen) >= self._strangers))
        most = MOST_MACS_OF_A_NODE if frame.ip in self._nodes else MOST_MACS
        if (rounds is None and len(kept) >= most) or before >= MOST_REPLIES or full:
            self._overflow[question.ip] += 1
            return None
        self._further -= further
        self._seen.add(mac)
        kept.setdefault(mac, {})[question.round] = before + 1
        at = (arrival.at - self._start) * 1000
        reply = Reply(
            round(at, 3), arrival.interface, question.round, question.ip, question.sender, question.to,
            mac, self._mac(frame.source), round(max(0.0, at - question.at), 3),
            *(() if isinstance(frame, ArpReply) else (question.destination, IPv6Address(frame.source_ip), frame.flags)),
        )  # fmt: skip
        self.replies.append(reply)
        return reply

    def _mac(self, octets: bytes) -> Mac:
        if octets not in self._macs:
            if len(self._macs) > 8192:  # forged senders; kept replies hold their own Mac
                self._macs.clear()
            self._macs[octets] = Mac.from_bytes(octets)
        return self._macs[octets]


def _latest(questions: list[Question]) -> Question:
    return max(questions, key=lambda question: question.at)


# ------------------------------------------------------------------------------------- Announcements, and frames for others

MOST_SPEAKERS = 64
"""Maximum entries of each kind for one address on one interface: forged senders must not fill the memory."""

MOST_NOTED = 10_000
"""Maximum entries of each kind in one run."""

MOST_RECORDED = 64
"""Maximum announcements by one MAC address for one address in a pcap."""

_Place = tuple[str, bytes]
_Passed = tuple[str, bytes, bytes, PassReason, int | None]


class Unsolicited:
    """Frames for requested addresses that answer no request: announcements, and frames for other hosts. Times are
    milliseconds since the run began; addresses are 4 bytes, MAC addresses 6."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, bytes, bytes], tuple[float, bytes]] = {}
        """The first announcement: its time and Ethernet source."""
        self._announced: Counter[tuple[str, bytes, bytes]] = Counter()
        self._passed: Counter[_Passed] = Counter()
        self._announcers: Counter[_Place] = Counter()
        self._passers: Counter[_Place] = Counter()

    def announced(self, at: float, interface: str, ip: bytes, mac: bytes, source: bytes) -> Gratuitous | None:
        """This announcement with the count so far; None if it exceeds a limit."""
        key = interface, ip, mac
        if key not in self._first:
            if self._announcers[interface, ip] >= MOST_SPEAKERS or len(self._first) >= MOST_NOTED:
                return None
            self._announcers[interface, ip] += 1
            self._first[key] = round(at, 3), source
        self._announced[key] += 1
        if self._announced[key] > MOST_RECORDED:
            return None
        return _gratuitous(key, round(at, 3), source, self._announced[key])

    def passed(self, interface: str, ip: bytes, mac: bytes, reason: PassReason, vlan: int | None = None) -> None:
        key = interface, ip, mac, reason, vlan
        if key not in self._passed:
            if self._passers[interface, ip] >= MOST_SPEAKERS or len(self._passed) >= MOST_NOTED:
                return
            self._passers[interface, ip] += 1
        self._passed[key] += 1

    def gratuitous(self) -> tuple[Gratuitous, ...]:
        """Sorted by the first announcement of each."""
        found = (_gratuitous(key, *first, self._announced[key]) for key, first in self._first.items())
        return tuple(sorted(found, key=lambda g: (g.at, g.interface, order(g.ip), g.mac)))

    def passed_over(self) -> tuple[PassedOver, ...]:
        return tuple(
            PassedOver(
                interface=interface, ip=ip_address(ip), mac=Mac.from_bytes(mac), reason=reason, vlan=vlan, frames=frames
            )
            for (interface, ip, mac, reason, vlan), frames in sorted(
                self._passed.items(), key=lambda entry: (*entry[0][:4], entry[0][4] or 0)
            )
        )


def _gratuitous(key: tuple[str, bytes, bytes], at: float, source: bytes, frames: int) -> Gratuitous:
    interface, ip, mac = key
    return Gratuitous(
        at=at, interface=interface, ip=ip_address(ip), mac=Mac.from_bytes(mac), source=Mac.from_bytes(source), frames=frames
    )
