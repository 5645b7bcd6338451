"""The questions and answers in frames that somebody else recorded: anybody's who-has, and who answered it.

A reply is matched to its question by the fields of RFC 826. A switch may show one side only, so a reply whose question
was not recorded stands for a question too. Every question is a round of its own for its address: what answered it
answered together. Knows no file format and no rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from arpcheck.errors import InputError
from arpcheck.model import Gratuitous, Mac, Overflow, PassedOver, PassReason, Question, Reply
from arpcheck.wire.packets import NOBODY, ArpReply, Asking, Ignored, Unwrapped, decode, decode_request, unwrapped
from arpcheck.wire.pcap import Cut, Dropped, Entry, Recorded
from arpcheck.wire.replies import MOST_MACS, MOST_REPLIES, Overheard

INTERFACE = "capture"
"""Where all of it was heard."""

WINDOW = 1000.0
"""Milliseconds in which a reply is one to a question; a Linux proxy takes up to 0.8 s."""

TWICE = 50.0
"""Milliseconds in which the same question is the same frame, mirrored twice; a host asks again after a second."""

MOST_ROWS = 2_000_000
"""Questions and replies that are taken from one file."""

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
    """Replies whose question is not in the file."""
    gratuitous: tuple[Gratuitous, ...]
    passed_over: tuple[PassedOver, ...]
    askers: Mapping[IPv4Address, frozenset[Mac]]
    """The MACs that asked with a wanted address as their own."""
    trouble: tuple[str, ...]


def captured(entries: Iterable[Entry], wanted: Iterable[IPv4Address], where: str) -> Captured:
    """What the frames say of the wanted addresses; the rest is counted. InputError where there is nothing to say."""
    tape = _Tape({ip.packed for ip in wanted})
    for entry in entries:
        tape.take(entry)
        if len(tape.rows) + len(tape.announcements) > MOST_ROWS:
            raise InputError(f"{where}: more than {MOST_ROWS:,} questions and replies", "Record for a shorter time")
    if not tape.frames:
        raise InputError(f"{where}: no frame in it", "Record for some minutes: tcpdump -i IFACE -w FILE arp")
    talk = _Talk(tape.ignored)
    for at, row in sorted(tape.rows, key=lambda timed: timed[0]):
        talk.hear((at - tape.first) / 1e6, row)
    for at, (ip, mac, source) in sorted(tape.announcements):
        tape.overheard.announced((at - tape.first) / 1e6, INTERFACE, ip, mac, source)
    talk.cut_off((tape.last - tape.first) / 1e6)
    return Captured(
        started_at=_moment(tape.first, where),
        ended_at=_moment(tape.last, where),
        frames=tape.frames,
        questions=tuple(talk.questions),
        replies=tuple(talk.replies),
        overflows=tuple(Overflow(ip=ip, replies=count) for ip, count in sorted(talk.overflow.items())),
        ignored=dict(sorted(tape.ignored.items())),
        gratuitous=tape.overheard.gratuitous(),
        passed_over=tape.overheard.passed_over(),
        unseen=talk.unseen,
        askers={IPv4Address(ip): frozenset(map(Mac.from_bytes, macs)) for ip, macs in sorted(tape.askers.items())},
        trouble=tuple(tape.trouble),
    )


def _moment(at: int, where: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=at // 1000)
    except OverflowError:
        raise InputError(f"{where}: a time that no clock shows", "The file was changed; record it again") from None


@dataclass(slots=True)
class _Tape:
    """The frames sorted into what concerns a wanted address and what is only counted."""

    wanted: set[bytes]
    rows: list[tuple[int, Asking | ArpReply]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    askers: dict[bytes, set[bytes]] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    announcements: list[tuple[int, _Speaker]] = field(default_factory=list)
    overheard: Overheard = field(default_factory=Overheard)
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
                self.trouble.append(f"the file ends within frame {number}")
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
        if isinstance(read, Asking) and read.sender_ip in self.wanted and read.sender_mac == read.source:
            macs = self.askers.setdefault(read.sender_ip, set())
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

    def _pass_over(self, read: Asking | ArpReply | Ignored, bare: Unwrapped) -> None:
        """It is of another LAN than the recording's own, as far as anybody knows."""
        if bare.tunnelled and isinstance(read, Ignored):
            self.ignored["not-arp"] += 1
            return
        reason = PassReason.TUNNEL if bare.tunnelled else PassReason.VLAN
        self.ignored[reason] += 1
        if not isinstance(read, Ignored) and (isinstance(read, ArpReply) or _announces(read)):
            ip, mac, _ = _speaker(read)
            if ip in self.wanted:
                self.overheard.passed(INTERFACE, ip, mac, reason, bare.vlan)


_Speaker = tuple[bytes, bytes, bytes]
"""The address that is spoken for, the ARP sender hardware address, the Ethernet source."""


def _announces(read: Asking | ArpReply) -> bool:
    sender = read.sender_ip if isinstance(read, Asking) else read.target_ip
    return read.ip == sender and not (isinstance(read, Asking) and read.sender_mac in NOBODY)


def _speaker(read: Asking | ArpReply) -> _Speaker:
    return read.ip, read.sender_mac if isinstance(read, Asking) else read.mac, read.source


def _decoded(frame: bytes) -> Asking | ArpReply | Ignored:
    asking = decode_request(frame)
    if isinstance(asking, Ignored):
        return decode(frame) if asking.why == "not-a-request" else asking
    return asking if asking.to == _BROADCAST or not asking.to[0] & 1 else Ignored("multicast")


_Asker = tuple[bytes, bytes]
"""The address that is asked for, and the sender that asks."""


class _Talk:
    """Questions and replies in the order of time, matched."""

    def __init__(self, ignored: Counter[str]) -> None:
        self._ignored = ignored
        self._rounds: Counter[bytes] = Counter()
        self._exact: dict[tuple[bytes, bytes, bytes, bytes], Question] = {}
        self._latest: dict[_Asker, Question] = {}
        self._implied: dict[tuple[bytes, bytes, bytes], tuple[float, int]] = {}
        self._kept: dict[IPv4Address, dict[Mac, Counter[int]]] = {}
        self.questions: list[Question] = []
        self.replies: list[Reply] = []
        self.overflow: Counter[IPv4Address] = Counter()
        self.unseen = 0

    def hear(self, at: float, row: Asking | ArpReply) -> None:
        if isinstance(row, Asking):
            self._ask(at, row)
        else:
            self._answer(at, row)

    def cut_off(self, end: float) -> None:
        """Drops the questions that could still have been answered when the recording ended, and were not yet."""
        answered = {(reply.ip, reply.round) for reply in self.replies}
        late = [q for q in self.questions if q.at > end - WINDOW and (q.ip, q.round) not in answered]
        if late:
            self._ignored["cut-off"] += len(late)
            gone = set(late)
            self.questions = [question for question in self.questions if question not in gone]

    def _ask(self, at: float, row: Asking) -> None:
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

    def _answer(self, at: float, row: ArpReply) -> None:
        asker = row.ip, row.target_ip
        found = [
            self._exact.get((*asker, row.target_mac, row.mac)),
            self._exact.get((*asker, row.target_mac, _BROADCAST)) or self._latest.get(asker),
        ]
        recent = [question for question in found if question is not None and at - question.at <= WINDOW]
        self._keep(at, row, max(recent, key=lambda q: q.at) if recent else self._unheard(at, row))

    def _unheard(self, at: float, row: ArpReply) -> Question:
        """The question that the reply speaks of, which the file does not show: to one MAC, as far as anybody knows."""
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
