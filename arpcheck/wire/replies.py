"""Which question a frame answers, what is kept of it, and what is only counted.

A reply belongs to the last question for its address that was sent before it and could have brought it. Nothing that was
asked for is dropped in silence: what exceeds the bounds is counted by target. Knows no schedule and no socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from itertools import islice
from typing import assert_never

from arpcheck.model import Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply
from arpcheck.wire import packets
from arpcheck.wire.packets import Arrival, TakenFor

MOST_MACS = 1024
"""Kept for one target: hundreds of nodes can answer, while a flood of forged senders must not fill the memory."""

MOST_MACS_OF_A_NODE = 64
"""The same of an address that is only asked to learn a node's MACs: no host has so many NICs on a segment, and each of
them is asked more."""

MOST_REPLIES = 64
"""Kept for one MAC, one target and one round."""

ALWAYS = 4
"""The first replies in a round are always kept of so many MACs of a target: more answer where much is wrong, or forged."""

MOST_FURTHER = 100_000
"""Kept in one run of all others: a hundred nodes that all answer for a thousand addresses. Forged senders for every
address of a large pool, or some that repeat themselves, must not fill the memory either; a kept reply costs 1 to 3 KB by
the time the report is out."""

MOST_STRANGERS = 10_000
"""MACs that are kept in one run, but for those first few: a Kubernetes cluster has 5,000 nodes at the most. One that
answered nothing before costs more than a reply, since it is looked for among the owners."""

_ZERO = bytes(4)


class ReplyMatcher:
    """The questions and replies of one run. Times are seconds on the wire's clock, kept as ms since `start`."""

    def __init__(
        self,
        start: float,
        macs: Mapping[str, Mac],
        addresses: Mapping[str, frozenset[IPv4Address]],
        nodes: frozenset[IPv4Address] = frozenset(),
        further: int = MOST_FURTHER,
        strangers: int = MOST_STRANGERS,
        wanted: Iterable[IPv4Address] = (),
    ) -> None:
        """`macs`, `addresses`: our own by interface; `nodes`: what is only asked to learn whose MACs they are; `further`:
        so many replies are kept beside the first few of each address, and of them none of a new MAC once there are
        `strangers`; `wanted`: what is asked in this run, which is listened for from the beginning."""
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
        self._macs: dict[bytes, Mac] = {}
        self._kept: dict[bytes, dict[Mac, dict[int, int]]] = {}
        """Replies by address, MAC and round."""
        self._overflow: Counter[IPv4Address] = Counter()
        self.questions: list[Question] = []
        self.replies: list[Reply] = []
        self.ignored: Counter[str] = Counter()
        self.overheard = Overheard()

    def asked(self, question: Question) -> None:
        """Must be called before whatever came after it is."""
        self.questions.append(question)
        packed = question.ip.packed
        self._wanted.add(packed)
        if question.to is None:
            self._broadcast.setdefault((question.interface, packed), {})[question.sender.packed] = question
        else:
            self._unicast[question.interface, packed, question.to.to_bytes()] = question

    def arrived(self, arrival: Arrival) -> Reply | Gratuitous | None:
        """What this frame says of an asked address: the reply that it is, or the announcement; None where it is neither,
        or one too many. What is no reply is counted by its reason."""
        answer = packets.decode(arrival.frame)
        if isinstance(answer, packets.Ignored):
            return self._no_reply(arrival, answer)
        if arrival.taken_for is not TakenFor.US and (reason := self._passes(arrival)):
            self.ignored[reason] += 1
            self._pass_over(arrival, answer.ip, answer.mac, reason)
            return None
        question = self._question(arrival, answer)
        if isinstance(question, str):
            self.ignored[question] += 1
            return self._unasked(arrival, answer)
        if answer.mac == self._own_mac[arrival.interface]:
            # Our kernel does not hear itself, so this is somebody with our MAC or a forgery: no evidence for anybody.
            self.ignored["own-mac"] += 1
            self._overflow[question.ip] += 1
            self._pass_over(arrival, answer.ip, answer.mac, PassReason.OWN_MAC)
            return None
        return self._keep(arrival, answer, question)

    def _no_reply(self, arrival: Arrival, ignored: packets.Ignored) -> Gratuitous | None:
        """A request announces where it asks for its own sender."""
        asking = packets.decode_request(arrival.frame) if ignored is packets.NOT_A_REPLY else ignored
        if isinstance(asking, packets.Ignored) or asking.ip != asking.sender_ip or asking.sender_mac in packets.NOBODY:
            self.ignored[ignored.why] += 1
            return None
        self.ignored["announcement"] += 1
        return self._announced(arrival, asking.ip, asking.sender_mac, asking.source)

    def _unasked(self, arrival: Arrival, answer: packets.ArpReply) -> Gratuitous | None:
        """A reply that none of our questions brought. To everybody, or to its own sender address, it is an announcement."""
        if not packets.reaches(arrival.frame, self._own_mac[arrival.interface]):
            self._pass_over(arrival, answer.ip, answer.mac, PassReason.OTHER_HOST)
        elif answer.ip == answer.target_ip or packets.to_a_group(arrival.frame):
            return self._announced(arrival, answer.ip, answer.mac, answer.source)
        elif answer.target_ip not in self._own_ips[arrival.interface] and answer.target_ip != _ZERO:
            self._pass_over(arrival, answer.ip, answer.mac, PassReason.OTHER_HOST)
        return None

    def _announced(self, arrival: Arrival, ip: bytes, mac: bytes, source: bytes) -> Gratuitous | None:
        if reason := self._passes(arrival):
            self._pass_over(arrival, ip, mac, reason)
        elif mac == self._own_mac[arrival.interface]:
            self._pass_over(arrival, ip, mac, PassReason.OWN_MAC)
        elif ip in self._wanted:
            return self.overheard.announced((arrival.at - self._start) * 1000, arrival.interface, ip, mac, source)
        return None

    def _passes(self, arrival: Arrival) -> PassReason | None:
        """Why the kernel received it for somebody else."""
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
            self.overheard.passed(arrival.interface, ip, mac, reason)

    def overflows(self) -> tuple[Overflow, ...]:
        return tuple(Overflow(ip=ip, replies=count) for ip, count in sorted(self._overflow.items()))

    def _question(self, arrival: Arrival, answer: packets.ArpReply) -> Question | str:
        """The question that this answers, or the reason why it answers none."""
        interface = arrival.interface
        if answer.ip == answer.target_ip:  # also where this host itself has the address
            return "announcement"
        by_sender = self._broadcast.get((interface, answer.ip), {})
        unicast = self._unicast.get((interface, answer.ip, answer.mac))
        if not by_sender and not unicast:
            return "not-asked"
        if not packets.reaches(arrival.frame, self._own_mac[interface]):
            return "not-for-us"
        to_us = answer.target_mac == self._own_mac[interface]
        if answer.target_ip == _ZERO:
            asked = [q for q in (by_sender.get(_ZERO), unicast if unicast and not int(unicast.sender) else None) if q]
            return _latest(asked) if asked and to_us else "not-for-us"
        if answer.target_ip not in self._own_ips[interface]:
            return "not-for-us"
        asked_so = by_sender.get(answer.target_ip)
        if asked_so and not unicast:  # as nearly always
            return asked_so
        same = [q for q in (asked_so, unicast) if q and q.sender.packed == answer.target_ip]
        return _latest(same or [q for q in (*by_sender.values(), unicast) if q])

    def _keep(self, arrival: Arrival, answer: packets.ArpReply, question: Question) -> Reply | None:
        mac = self._mac(answer.mac)
        kept = self._kept.setdefault(answer.ip, {})
        rounds = kept.get(mac)
        before = rounds.get(question.round, 0) if rounds else 0
        further = before > 0 or (len(kept) >= ALWAYS and mac not in islice(kept, ALWAYS))
        full = further and (not self._further or (mac not in self._seen and len(self._seen) >= self._strangers))
        most = MOST_MACS_OF_A_NODE if answer.ip in self._nodes else MOST_MACS
        if (rounds is None and len(kept) >= most) or before >= MOST_REPLIES or full:
            self._overflow[question.ip] += 1
            return None
        self._further -= further
        self._seen.add(mac)
        kept.setdefault(mac, {})[question.round] = before + 1
        at = (arrival.at - self._start) * 1000
        reply = Reply(
            round(at, 3), arrival.interface, question.round, question.ip, question.sender, question.to,
            mac, self._mac(answer.source), round(max(0.0, at - question.at), 3),
        )  # fmt: skip
        self.replies.append(reply)
        return reply

    def _mac(self, octets: bytes) -> Mac:
        if octets not in self._macs:
            if len(self._macs) > 8192:  # forged senders; what is kept keeps its own Mac
                self._macs.clear()
            self._macs[octets] = Mac.from_bytes(octets)
        return self._macs[octets]


def _latest(questions: list[Question]) -> Question:
    return max(questions, key=lambda question: question.at)


# ------------------------------------------------------------------- What spoke for an asked address and was no answer to us

MOST_SPEAKERS = 64
"""Kept for one address on one interface, of each kind: forged senders must not fill the memory."""

MOST_NOTED = 10_000
"""Kept in one run, of each kind."""

MOST_RECORDED = 64
"""Announcements by one MAC of one address that are worth a place in a pcap."""

_Place = tuple[str, bytes]
_Passed = tuple[str, bytes, bytes, PassReason, int | None]


class Overheard:
    """Times are milliseconds since the run began; addresses are 4 bytes, MACs 6."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, bytes, bytes], tuple[float, bytes]] = {}
        """When it announced first, and by which Ethernet source."""
        self._announced: Counter[tuple[str, bytes, bytes]] = Counter()
        self._passed: Counter[_Passed] = Counter()
        self._announcers: Counter[_Place] = Counter()
        self._passers: Counter[_Place] = Counter()

    def announced(self, at: float, interface: str, ip: bytes, mac: bytes, source: bytes) -> Gratuitous | None:
        """This frame, with how many there were by now; None where it is one too many to be kept."""
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
        """In the order of the first of each."""
        found = (_gratuitous(key, *first, self._announced[key]) for key, first in self._first.items())
        return tuple(sorted(found, key=lambda g: (g.at, g.interface, g.ip, g.mac)))

    def passed_over(self) -> tuple[PassedOver, ...]:
        return tuple(
            PassedOver(
                interface=interface, ip=IPv4Address(ip), mac=Mac.from_bytes(mac), reason=reason, vlan=vlan, frames=frames
            )
            for (interface, ip, mac, reason, vlan), frames in sorted(
                self._passed.items(), key=lambda entry: (*entry[0][:4], entry[0][4] or 0)
            )
        )


def _gratuitous(key: tuple[str, bytes, bytes], at: float, source: bytes, frames: int) -> Gratuitous:
    interface, ip, mac = key
    return Gratuitous(
        at=at, interface=interface, ip=IPv4Address(ip), mac=Mac.from_bytes(mac), source=Mac.from_bytes(source), frames=frames
    )
