"""Extracts requests and replies of ARP and of neighbour discovery from frames that another program recorded.

A reply is matched to its request by the fields of RFC 826 and of RFC 4861. A switch port may see only one side, so a reply
without a recorded request implies one. Each request counts as a round of its own for its address, so the replies to one
request belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple, assert_never

from arpcheck.errors import InputError
from arpcheck.model import Address, Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply, order
from arpcheck.wire import families
from arpcheck.wire.neighbour_discovery import (
    ALL_NODES,
    NOT_A_SOLICITATION,
    NOT_ICMPV6,
    UNSPECIFIED,
    Advertisement,
    Solicitation,
    group_mac,
    solicited_node,
)  # fmt: skip
from arpcheck.wire.packets import (
    NOBODY,
    NOT_A_REQUEST,
    NOT_ARP,
    ArpReply,
    ArpRequest,
    Ignored,
    Unwrapped,
    to_a_group,
    unwrapped,
)
from arpcheck.wire.pcap import Cut, Dropped, Entry, Recorded
from arpcheck.wire.replies import MOST_MACS, MOST_REPLIES, Unsolicited

INTERFACE = "capture"
"""The interface name of everything in a capture."""

WINDOW = 1000.0
"""Milliseconds within which a reply belongs to a request; a Linux proxy delays up to 0.8 s."""

TWICE = 50.0
"""Milliseconds within which an identical request is the same frame, mirrored twice; hosts repeat a request after a
second."""

MOST_ROWS = 2_000_000
"""Maximum requests and replies from one file."""

HINT = "Record for a few minutes: tcpdump -i IFACE -w FILE 'arp or icmp6'"

_BROADCAST = b"\xff" * 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    started_at: datetime
    ended_at: datetime
    frames: int
    questions: tuple[Question, ...]
    replies: tuple[Reply, ...]
    overflows: tuple[Overflow, ...]
    ignored: Mapping[str, int]
    unseen: int
    """Replies whose request is not in the file."""
    gratuitous: tuple[Gratuitous, ...]
    passed_over: tuple[PassedOver, ...]
    requesters: Mapping[Address, frozenset[Mac]]
    """By wanted address: the MAC addresses that sent requests with it as their own address."""
    trouble: tuple[str, ...]


def captured(entries: Iterable[Entry], wanted: Iterable[Address], where: str) -> Captured:
    """Collects what the frames show about the wanted addresses and counts the rest. Raises InputError for a capture without
    frames."""
    recording = _Recording({ip.packed for ip in wanted})
    for entry in entries:
        recording.take(entry)
        if len(recording.rows) + len(recording.announcements) > MOST_ROWS:
            raise InputError(f"{where}: more than {MOST_ROWS:,} requests and replies", "Record for a shorter time")
    if not recording.frames:
        raise InputError(f"{where}: the file contains no frames", HINT)
    exchange = _Exchange(recording.ignored)
    for at, row in sorted(recording.rows, key=lambda timed: timed[0]):
        exchange.add((at - recording.first) / 1e6, row)
    for at, (ip, mac, source) in sorted(recording.announcements):
        recording.unsolicited.announced((at - recording.first) / 1e6, INTERFACE, ip, mac, source)
    exchange.cut_off((recording.last - recording.first) / 1e6)
    return Captured(
        started_at=_moment(recording.first, where),
        ended_at=_moment(recording.last, where),
        frames=recording.frames,
        questions=tuple(exchange.questions),
        replies=tuple(exchange.replies),
        overflows=tuple(
            Overflow(ip=ip, replies=count)
            for ip, count in sorted(exchange.overflow.items(), key=lambda entry: order(entry[0]))
        ),
        ignored=dict(sorted(recording.ignored.items())),
        gratuitous=recording.unsolicited.gratuitous(),
        passed_over=recording.unsolicited.passed_over(),
        unseen=exchange.unseen,
        requesters={
            ip_address(ip): frozenset(map(Mac.from_bytes, macs)) for ip, macs in sorted(recording.requesters.items())
        },
        trouble=tuple(recording.trouble),
    )


def _moment(at: int, where: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=at // 1000)
    except OverflowError:
        raise InputError(f"{where}: invalid timestamp", "The file is damaged; record it again") from None


@dataclass(slots=True)
class _Recording:
    """Sorts frames into those about a wanted address and those that are only counted."""

    wanted: set[bytes]
    rows: list[tuple[int, _Row]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    requesters: dict[bytes, set[bytes]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    announcements: list[tuple[int, _Speaker]] = field(default_factory=list)
    unsolicited: Unsolicited = field(default_factory=Unsolicited)
    frames: int = 0
    first: int = 0
    last: int = 0

    def take(self, entry: Entry) -> None:
        match entry:
            case Recorded(at, frame):
                self.first = min(self.first, at) if self.frames else at
                self.last = max(self.last, at) if self.frames else at
                self.frames += 1
                self._sort(at, frame)
            case Cut(number):
                self.trouble.append(f"the file ends in the middle of frame {number}")
            case Dropped(frames):
                self.trouble.append(f"{frames} frames were lost while it was recorded")

    def _sort(self, at: int, frame: bytes) -> None:
        bare = unwrapped(frame)
        read = _decoded(bare.frame)
        if bare.tunnelled or bare.vlan:
            self._pass_over(read, bare)
            return
        if isinstance(read, Ignored):
            self.ignored[read.why] += 1
            return
        if isinstance(read, _REQUESTS) and read.sender_ip in self.wanted and read.sender_mac == read.source:
            macs = self.requesters.setdefault(read.sender_ip, set())
            if len(macs) < MOST_MACS:
                macs.add(read.sender_mac)
        if _announces(read):
            self.ignored["announcement"] += 1
            if (speaker := _speaker(read))[0] in self.wanted:
                self.announcements.append((at, speaker))
        elif read.ip not in self.wanted:
            self.ignored["another-address"] += 1
        else:
            self.rows.append((at, read))

    def _pass_over(self, read: _Row | Ignored, bare: Unwrapped) -> None:
        """A tagged or tunnelled frame may belong to another LAN."""
        if bare.tunnelled and isinstance(read, Ignored):
            self.ignored[_other(bare.frame).why] += 1
            return
        reason = PassReason.TUNNEL if bare.tunnelled else PassReason.VLAN
        self.ignored[reason] += 1
        if not isinstance(read, Ignored) and (not isinstance(read, _REQUESTS) or _announces(read)):
            ip, mac, _ = _speaker(read)
            if ip in self.wanted:
                self.unsolicited.passed(INTERFACE, ip, mac, reason, bare.vlan)


_Row = ArpRequest | ArpReply | Solicitation | Advertisement
_REQUESTS = (ArpRequest, Solicitation)

_Speaker = tuple[bytes, bytes, bytes]
"""The announced address, the MAC address that caches learn for it, the Ethernet source."""


def _announces(read: _Row) -> bool:
    match read:
        case ArpRequest():
            return read.ip == read.sender_ip and read.sender_mac not in NOBODY
        case ArpReply():
            return read.ip == read.target_ip
        case Solicitation():
            return False
        case Advertisement():
            return IPv6Address(read.target_ip).is_multicast or to_a_group(read.target_mac)
        case _:
            assert_never(read)


def _speaker(read: _Row) -> _Speaker:
    return read.ip, read.sender_mac if isinstance(read, _REQUESTS) else read.mac, read.source


def _other(frame: bytes) -> Ignored:
    return NOT_ICMPV6 if families.is_ipv6(frame) else NOT_ARP


DAD = Ignored("duplicate-address-detection")
"""A solicitation from the unspecified address: of a host that is about to take the address, not of a client."""
MULTICAST = Ignored("multicast")
"""A request to another group than those of its address, or in a frame to more hosts."""


def _decoded(frame: bytes) -> _Row | Ignored:
    request = families.decode_request(frame)
    match request:
        case Ignored() if request in (NOT_A_REQUEST, NOT_A_SOLICITATION):
            return families.decode(frame)
        case ArpRequest() if request.to != _BROADCAST and to_a_group(request.to):
            return MULTICAST
        case Solicitation() if request.sender_ip == UNSPECIFIED:
            return DAD
        case Solicitation() if to_a_group(request.to) and not _is_to_its_group(request):
            return MULTICAST
        case _:
            return request


def _is_to_its_group(request: Solicitation) -> bool:
    """To the requested address's own group or to all nodes, in a frame to the same."""
    destination = IPv6Address(request.destination)
    groups = (ALL_NODES, solicited_node(IPv6Address(request.ip)))
    return destination in groups and request.to == group_mac(destination).to_bytes()


class _Form(NamedTuple):
    """How a request was sent."""

    to: Mac | None
    destination: IPv6Address | None
    """As `Question.destination`."""


def _form(request: ArpRequest | Solicitation) -> _Form:
    to = None if to_a_group(request.to) else Mac.from_bytes(request.to)
    if isinstance(request, ArpRequest):
        return _Form(to, None)
    destination = IPv6Address(request.destination)
    return _Form(to, None if destination == solicited_node(IPv6Address(request.ip)) else destination)


def _asker(request: ArpRequest | Solicitation) -> bytes:
    """The MAC address to which the reply goes."""
    without_option = isinstance(request, Solicitation) and request.sender_mac in NOBODY
    return request.source if without_option else request.sender_mac


_Requester = tuple[bytes, bytes]
"""The requested address, and the sender address of the request."""


_Client = tuple[bytes, bytes, bytes]
"""The same, and the MAC address to which replies go."""


class _Exchange:
    """Matches requests and replies in the order of time."""

    def __init__(self, ignored: Counter[str]) -> None:
        self._ignored = ignored
        self._rounds: Counter[bytes] = Counter()
        self._exact: dict[tuple[_Client, _Form], Question] = {}
        self._group: dict[_Client, Question] = {}
        """The latest request that was not sent to one host."""
        self._latest: dict[_Requester, Question] = {}
        """The same by any MAC address."""
        self._unicast: dict[tuple[_Client, bytes], Question] = {}
        """The latest request to each MAC address."""
        self._implied: dict[_Client, tuple[float, int]] = {}
        self._kept: dict[Address, dict[Mac, Counter[int]]] = {}
        self.questions: list[Question] = []
        self.replies: list[Reply] = []
        self.overflow: Counter[Address] = Counter()
        self.unseen = 0

    def add(self, at: float, row: _Row) -> None:
        if isinstance(row, _REQUESTS):
            self._add_request(at, row)
        else:
            self._add_reply(at, row)

    def cut_off(self, end: float) -> None:
        """Drops unanswered requests that could still have been answered when the recording ended."""
        answered = {(reply.ip, reply.round) for reply in self.replies}
        late = [q for q in self.questions if q.at > end - WINDOW and (q.ip, q.round) not in answered]
        if late:
            self._ignored["cut-off"] += len(late)
            gone = set(late)
            self.questions = [question for question in self.questions if question not in gone]

    def _add_request(self, at: float, row: ArpRequest | Solicitation) -> None:
        client, form = (row.ip, row.sender_ip, _asker(row)), _form(row)
        before = self._exact.get((client, form))
        if before is not None and at - before.at < TWICE:
            self._ignored["seen-twice"] += 1
            return
        question = self._question(at, row.ip, row.sender_ip, form)
        self._exact[client, form] = question
        if form.to is None:
            self._group[client] = self._latest[row.ip, row.sender_ip] = question
        else:
            self._unicast[client, row.to] = question

    def _question(self, at: float, ip: bytes, sender: bytes, form: _Form, number: int = 0) -> Question:
        if not number:
            self._rounds[ip] += 1
        question = Question(
            at, INTERFACE, number or self._rounds[ip], ip_address(ip), ip_address(sender), form.to, form.destination
        )
        self.questions.append(question)
        return question

    def _add_reply(self, at: float, row: ArpReply | Advertisement) -> None:
        client = row.ip, row.target_ip, row.target_mac
        # An advertisement may name another MAC address than the one that was asked (MetalLB after the NIC's has changed).
        asked = (row.mac,) if isinstance(row, ArpReply) else (row.mac, row.source)
        found = [
            *(self._unicast.get((client, mac)) for mac in asked),
            self._group.get(client) or self._latest.get((row.ip, row.target_ip)),
        ]
        recent = [question for question in found if question is not None and at - question.at <= WINDOW]
        self._keep(at, row, max(recent, key=lambda q: q.at) if recent else self._implied_request(at, row))

    def _implied_request(self, at: float, row: ArpReply | Advertisement) -> Question:
        """The request that the reply implies and the file lacks. Taken as a unicast request, because nothing shows that it
        was a broadcast."""
        self.unseen += 1
        key = row.ip, row.target_ip, row.target_mac
        since, number = self._implied.get(key, (0.0, 0))
        form = _Form(Mac.from_bytes(row.mac), None if isinstance(row, ArpReply) else IPv6Address(row.ip))
        question = self._question(at, row.ip, row.target_ip, form, number if at - since <= WINDOW else 0)
        if question.round != number:
            self._implied[key] = at, question.round
        return question

    def _keep(self, at: float, row: ArpReply | Advertisement, question: Question) -> None:
        mac = Mac.from_bytes(row.mac)
        kept = self._kept.setdefault(question.ip, {})
        if (mac not in kept and len(kept) >= MOST_MACS) or (mac in kept and kept[mac][question.round] >= MOST_REPLIES):
            self.overflow[question.ip] += 1
            return
        kept.setdefault(mac, Counter())[question.round] += 1
        reply = Reply(
            round(at, 3), INTERFACE, question.round, question.ip, question.sender, question.to,
            mac, Mac.from_bytes(row.source), round(at - question.at, 3),
            *(() if isinstance(row, ArpReply) else (question.destination, IPv6Address(row.source_ip), row.flags)),
        )  # fmt: skip
        self.replies.append(reply)
