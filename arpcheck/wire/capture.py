"""Extracts ARP requests and replies from frames that another program recorded.

A reply is matched to its request by the fields of RFC 826. A switch port may see only one side, so a reply without a
recorded request implies one. Each request counts as a round of its own for its address, so the replies to one request belong
together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from arpcheck.errors import InputError
from arpcheck.model import Address, Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply, order
from arpcheck.wire.packets import NOBODY, ArpReply, ArpRequest, Ignored, Unwrapped, decode, decode_request, unwrapped
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
    requesters: Mapping[IPv4Address, frozenset[Mac]]
    """By wanted address: the MAC addresses that sent requests with it as their own address."""
    trouble: tuple[str, ...]


def captured(entries: Iterable[Entry], wanted: Iterable[IPv4Address], where: str) -> Captured:
    """Collects what the frames show about the wanted addresses and counts the rest. Raises InputError for a capture without
    frames."""
    recording = _Recording({ip.packed for ip in wanted})
    for entry in entries:
        recording.take(entry)
        if len(recording.rows) + len(recording.announcements) > MOST_ROWS:
            raise InputError(f"{where}: more than {MOST_ROWS:,} ARP requests and replies", "Record for a shorter time")
    if not recording.frames:
        raise InputError(f"{where}: the file contains no frames", "Record for a few minutes: tcpdump -i IFACE -w FILE arp")
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
            IPv4Address(ip): frozenset(map(Mac.from_bytes, macs)) for ip, macs in sorted(recording.requesters.items())
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
    rows: list[tuple[int, ArpRequest | ArpReply]] = field(default_factory=list)
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
        if isinstance(read, ArpRequest) and read.sender_ip in self.wanted and read.sender_mac == read.source:
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

    def _pass_over(self, read: ArpRequest | ArpReply | Ignored, bare: Unwrapped) -> None:
        """A tagged or tunnelled frame may belong to another LAN."""
        if bare.tunnelled and isinstance(read, Ignored):
            self.ignored["not-arp"] += 1
            return
        reason = PassReason.TUNNEL if bare.tunnelled else PassReason.VLAN
        self.ignored[reason] += 1
        if not isinstance(read, Ignored) and (isinstance(read, ArpReply) or _announces(read)):
            ip, mac, _ = _speaker(read)
            if ip in self.wanted:
                self.unsolicited.passed(INTERFACE, ip, mac, reason, bare.vlan)


_Speaker = tuple[bytes, bytes, bytes]
"""The announced address, the ARP sender hardware address, the Ethernet source."""


def _announces(read: ArpRequest | ArpReply) -> bool:
    sender = read.sender_ip if isinstance(read, ArpRequest) else read.target_ip
    return read.ip == sender and not (isinstance(read, ArpRequest) and read.sender_mac in NOBODY)


def _speaker(read: ArpRequest | ArpReply) -> _Speaker:
    return read.ip, read.sender_mac if isinstance(read, ArpRequest) else read.mac, read.source


def _decoded(frame: bytes) -> ArpRequest | ArpReply | Ignored:
    request = decode_request(frame)
    if isinstance(request, Ignored):
        return decode(frame) if request.why == "not-a-request" else request
    return request if request.to == _BROADCAST or not request.to[0] & 1 else Ignored("multicast")


_Requester = tuple[bytes, bytes]
"""The requested address, and the sender address of the request."""


class _Exchange:
    """Matches requests and replies in the order of time."""

    def __init__(self, ignored: Counter[str]) -> None:
        self._ignored = ignored
        self._rounds: Counter[bytes] = Counter()
        self._exact: dict[tuple[bytes, bytes, bytes, bytes], Question] = {}
        self._latest: dict[_Requester, Question] = {}
        self._implied: dict[tuple[bytes, bytes, bytes], tuple[float, int]] = {}
        self._kept: dict[Address, dict[Mac, Counter[int]]] = {}
        self.questions: list[Question] = []
        self.replies: list[Reply] = []
        self.overflow: Counter[Address] = Counter()
        self.unseen = 0

    def add(self, at: float, row: ArpRequest | ArpReply) -> None:
        if isinstance(row, ArpRequest):
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

    def _add_request(self, at: float, row: ArpRequest) -> None:
        key = row.ip, row.sender_ip, row.sender_mac, row.to
        before = self._exact.get(key)
        if before is not None and at - before.at < TWICE:
            self._ignored["seen-twice"] += 1
            return
        to = None if row.to == _BROADCAST else Mac.from_bytes(row.to)
        question = self._question(at, row.ip, row.sender_ip, to)
        self._exact[key] = question
        if to is None:
            self._latest[row.ip, row.sender_ip] = question

    def _question(self, at: float, ip: bytes, sender: bytes, to: Mac | None, number: int = 0) -> Question:
        if not number:
            self._rounds[ip] += 1
        question = Question(at, INTERFACE, number or self._rounds[ip], IPv4Address(ip), IPv4Address(sender), to)
        self.questions.append(question)
        return question

    def _add_reply(self, at: float, row: ArpReply) -> None:
        requester = row.ip, row.target_ip
        found = [
            self._exact.get((*requester, row.target_mac, row.mac)),
            self._exact.get((*requester, row.target_mac, _BROADCAST)) or self._latest.get(requester),
        ]
        recent = [question for question in found if question is not None and at - question.at <= WINDOW]
        self._keep(at, row, max(recent, key=lambda q: q.at) if recent else self._implied_request(at, row))

    def _implied_request(self, at: float, row: ArpReply) -> Question:
        """The request that the reply implies and the file lacks. Taken as a unicast request, because nothing shows that it
        was a broadcast."""
        self.unseen += 1
        key = row.ip, row.target_ip, row.target_mac
        since, number = self._implied.get(key, (0.0, 0))
        question = self._question(at, row.ip, row.target_ip, Mac.from_bytes(row.mac), number if at - since <= WINDOW else 0)
        if question.round != number:
            self._implied[key] = at, question.round
        return question

    def _keep(self, at: float, row: ArpReply, question: Question) -> None:
        mac = Mac.from_bytes(row.mac)
        kept = self._kept.setdefault(question.ip, {})
        if (mac not in kept and len(kept) >= MOST_MACS) or (mac in kept and kept[mac][question.round] >= MOST_REPLIES):
            self.overflow[question.ip] += 1
            return
        kept.setdefault(mac, Counter())[question.round] += 1
        reply = Reply(
            round(at, 3), INTERFACE, question.round, question.ip, question.sender, question.to,
            mac, Mac.from_bytes(row.source), round(at - question.at, 3),
        )  # fmt: skip
        self.replies.append(reply)
