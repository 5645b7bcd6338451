"""The replies of a run by address and by NIC, counted once for all rules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from ipaddress import IPv4Interface, IPv4Network
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from arpcheck.evidence import Evidence, VantageRounds, courses
from arpcheck.judge.asked import Apart, Asked, DirectRequests, FurtherRequests, Probe, Turn
from arpcheck.model import Address, Gratuitous, Mac, Nic, PassedOver, Question, Reply, order
from arpcheck.model.constants import SLOW, ZERO

_NOTHING = Asked()

_ROUNDING = 0.002
"""Milliseconds."""


def _caused(question: Question, reply: Reply) -> bool:
    same = (question.interface, question.sender, question.to) == (reply.interface, reply.sender, reply.to)
    return same and abs(reply.at - reply.after - question.at) <= _ROUNDING


class Observations:
    """The index over one run's questions and replies."""

    def __init__(self, evidence: Evidence, explained: Set[Address] = frozenset()) -> None:
        """`explained`: addresses that are asked why, if nobody replies for them. What is asked for that is kept apart: it is
        not what a client asks."""
        self.recorded = evidence.capture is not None
        """From a file that does not say what it missed."""
        self.courses = courses(evidence)
        """One for each host that asked."""
        self._segments = segments(evidence)
        self._asked: dict[Address, Asked] = {}
        self._on: dict[Nic, set[str]] = {}
        self._lost = {(loss.interface, number) for loss in evidence.losses for number in loss.rounds}
        self._excess = {overflow.ip: overflow.replies for overflow in evidence.overflows}
        self._questions: dict[Address, list[Question]] = {}
        apart = Apart(evidence, () if self.recorded else explained)
        self._apart: dict[Address, tuple[list[Question], list[Reply]]] = {}
        for question in evidence.questions:
            if apart.holds(question):
                self._apart.setdefault(question.ip, ([], []))[0].append(question)
                continue
            asked = self._asked.setdefault(question.ip, Asked())
            self._questions.setdefault(question.ip, []).append(question)
            if question.to is None:
                key = question.interface, question.round
                asked.broadcast[key] = asked.broadcast.get(key, 0) + 1
                asked.ears.add((question.interface, question.sender))
            else:
                to = question.interface, question.round, question.to
                asked.unicast[to] = asked.unicast.get(to, 0) + 1
        every = evidence.by_address()
        self._replies = {**every}
        for ip, (_, kept) in self._apart.items():
            kept.extend(reply for reply in every.get(ip, ()) if apart.holds(reply))
            if kept:
                self._replies[ip] = [reply for reply in every[ip] if not apart.holds(reply)]
        self._by_nic: dict[Address, Mapping[Nic, Sequence[Reply]]] = {}
        self._repeated: dict[Address, Sequence[Nic]] = {}
        self._rounds: dict[Address, tuple[int, ...]] = {}
        self._to: dict[Nic, set[Address]] = {}
        by_sender: dict[Address, set[tuple[str, Mac]]] = {}
        for replies in evidence.by_address().values():
            for sender, found in groupby(replies, key=attrgetter("sender")):  # most have the same one
                by_sender.setdefault(sender, set()).update([(reply.interface, reply.mac) for reply in found])
        for sender, heard in by_sender.items():
            for interface, mac in heard:
                nic = self.segment(interface), mac
                self._on.setdefault(nic, set()).add(interface)
                self._to.setdefault(nic, set()).add(sender)
        self.gratuitous: Mapping[Address, Sequence[Gratuitous]] = _by_ip(evidence.gratuitous)
        self.passed_over: Mapping[Address, Sequence[PassedOver]] = _by_ip(evidence.passed_over)

    def segment(self, interface: str) -> str:
        """The segment that an interface of the prober is on, named by one of its interfaces."""
        return self._segments.get(interface, interface)

    def asked(self, ip: Address) -> Asked:
        return self._asked.get(ip, _NOTHING)

    def by_own_sender(self, ip: Address) -> bool:
        """On every segment where it was probed, a request had a sender that a proxy replies to."""
        asked = self.asked(ip)
        own = {self.segment(interface) for interface, sender in asked.ears if sender != ZERO}
        return all(self.segment(interface) in own for interface, _ in asked.broadcast)

    def replies(self, ip: Address) -> Sequence[Reply]:
        return self._replies.get(ip, ())

    def direct(self, ip: Address) -> Sequence[DirectRequests]:
        """What an address was asked by unicast, one for each MAC."""
        questions, replies = self._apart.get(ip, ((), ()))
        found: dict[Nic, list[Question]] = {}
        for question in questions:
            if question.to is not None:
                nic = self.segment(question.interface), question.to
                found[nic] = [*found.get(nic, ()), question]
        return [
            DirectRequests(
                nic=nic,
                asked=len(put),
                answered=len(
                    {(q.interface, q.at) for q in put for reply in replies if reply.to == nic[1] and _caused(q, reply)}
                ),
                by=tuple(sorted({r.mac for r in replies if r.to == nic[1] and self.segment(r.interface) == nic[0]})),
                last=max(q.at for q in put),
            )
            for nic, put in sorted(found.items())
        ]

    def to_nics(self, ip: Address) -> Mapping[str, Sequence[tuple[Question, Sequence[Reply]]]]:
        """By the prober's interface: the unicast requests for an address in the order in which they were sent, each with the
        replies that came before the next, whoever sent them."""
        questions, replies = self._apart.get(ip, ((), ()))
        put: dict[str, list[tuple[Question, list[Reply]]]] = {}
        for question in sorted(questions, key=attrgetter("at")):
            if question.to is not None:
                put.setdefault(question.interface, []).append((question, []))
        times = {interface: [question.at for question, _ in asked] for interface, asked in put.items()}
        for reply in replies:
            if reply.to is not None and (place := bisect_right(times.get(reply.interface, ()), reply.at + _ROUNDING)):
                put[reply.interface][place - 1][1].append(reply)
        return put

    def further(self, ip: Address) -> Sequence[FurtherRequests]:
        """What an address without a reply was asked with further senders, one for each sender."""
        questions, replies = self._apart.get(ip, ((), ()))
        put = [question for question in questions if question.to is None and question.destination is None]
        return [
            FurtherRequests(
                sender=sender,
                asked=sum(question.sender == sender for question in put),
                answered=len(
                    {
                        (q.interface, q.at)
                        for q in put
                        if q.sender == sender
                        for r in replies
                        if r.to is None and _caused(q, r)
                    }
                ),
                nics=tuple(
                    sorted({(self.segment(r.interface), r.mac) for r in replies if r.to is None and r.sender == sender})
                ),
            )
            for sender in sorted({question.sender for question in put})
        ]

    def beyond(self, ip: Address) -> Mapping[Nic, Sequence[Reply]]:
        """The replies for an IPv6 address to requests that are not a client's, by NIC."""
        found: dict[Nic, list[Reply]] = {}
        for reply in self._apart.get(ip, ((), ()))[1]:
            found.setdefault((self.segment(reply.interface), reply.mac), []).append(reply)
        return found

    def by_nic(self, ip: Address) -> Mapping[Nic, Sequence[Reply]]:
        """The replies for an address, without those of the prober's own interfaces."""
        known = self._by_nic.get(ip)
        if known is not None:
            return known
        found: dict[Nic, list[Reply]] = {}
        segments = self._segments
        for reply in self.replies(ip):
            nic = segments.get(reply.interface, reply.interface), reply.mac
            if nic in found:
                found[nic].append(reply)
            else:
                found[nic] = [reply]
        self._by_nic[ip] = found
        return found

    def repeated(self, ip: Address) -> Sequence[Nic]:
        """Who may have sent two replies to a request: the others replied once in each of their turns."""
        known = self._repeated.get(ip)
        if known is not None:
            return known
        found = self.by_nic(ip)
        if len(found) == len(self.replies(ip)):
            return ()
        asked = self.asked(ip).broadcast.keys()
        turns = {nic: {(reply.interface, reply.round) for reply in replies} for nic, replies in found.items()}
        known = [nic for nic, replies in found.items() if len(turns[nic]) < len(replies) or not turns[nic] <= asked]
        self._repeated[ip] = known
        return known

    def probes(self, ip: Address, nic: Nic) -> tuple[Probe, ...]:
        """Every question for an address that this NIC could hear, in the order in which they were put."""
        segment, mac = nic
        put = [q for q in self._questions.get(ip, ()) if q.to in (None, mac) and self.segment(q.interface) == segment]
        put.sort(key=lambda q: q.at)
        by_ear: dict[tuple[str, Address, Mac | None], list[int]] = {}
        for place, q in enumerate(put):
            by_ear.setdefault((q.interface, q.sender, q.to), []).append(place)
        answered = set()
        for reply in self.by_nic(ip).get(nic, ()):
            places = by_ear.get((reply.interface, reply.sender, reply.to), [])
            # A saved time has three digits, so the question that it answers may seem to be a little later.
            asked_at = reply.at - reply.after + _ROUNDING
            if before := bisect_right(places, asked_at, key=lambda place: put[place].at):
                answered.add(places[before - 1])
        return tuple(Probe(q.at, (q.interface, q.sender), place in answered) for place, q in enumerate(put))

    def answered(self, nic: Nic) -> Sequence[Address]:
        """The addresses that a NIC replied for, in order."""
        return sorted((ip for ip in self._replies if nic in self.by_nic(ip)), key=order)

    def nics(self) -> Sequence[Nic]:
        """Every NIC that replied."""
        return sorted(self._on)

    def interfaces(self, nic: Nic) -> frozenset[str]:
        """Where a NIC replied, for whichever address."""
        return frozenset(self._on.get(nic, ()))

    def senders(self) -> Mapping[Nic, Set[Address]]:
        """The senders that each NIC replied to, for whichever address."""
        return self._to

    def rounds(self, ip: Address) -> tuple[int, ...]:
        """The rounds that count for an address.

        Nobody's answer in a round faster than a speaker can bear proves nothing, so where the slow round that follows
        asked again, such a round is set aside. An answer in it always counts."""
        known = self._rounds.get(ip)
        if known is None:
            rounds, replies = self.asked(ip).rounds(), self.replies(ip)
            known = tuple(number for course in self.courses for number in _counting(course, rounds, replies))
            self._rounds[ip] = known
        return known

    def hears(self, course: VantageRounds, nics: Iterable[Nic]) -> bool:
        """Whether this host received a reply of any of them, for whichever address."""
        return any(self._on.get(nic, set()) & course.interfaces for nic in nics)

    def unreachable(self, ip: Address, nics: Iterable[Nic]) -> frozenset[Turn]:
        """The turns for an address on interfaces that never received one of these NICs, which may be this host's own or on
        another segment."""
        heard = {interface for nic in nics for interface in self._on.get(nic, ())}
        return frozenset(turn for turn in self.asked(ip).turns() if turn[0] not in heard)

    def lost(self, ip: Address) -> bool:
        """Frames were lost in a round that asked it, on an interface that asked it; one MAC alone or all."""
        if not self._lost:
            return False
        asked = self.asked(ip)
        alone = ((interface, number) in self._lost for interface, number, _ in asked.unicast)
        return any(key in self._lost for key in asked.broadcast) or any(alone)

    def excess(self, ip: Address) -> int:
        """Replies for it that were counted but not kept."""
        return self._excess.get(ip, 0)


def segments(evidence: Evidence) -> Mapping[str, str]:
    """The segment of every interface: those with a network in common are taken to be on the same one, named by the first.

    An interface without an address in another's network is a segment of its own."""
    found: dict[str, str] = {}
    networks: dict[str, set[IPv4Network]] = {}
    for interface in evidence.host.interfaces:
        own = {IPv4Interface(address).network for address in interface.addresses}
        same = [name for name, known in networks.items() if own & known]
        name = same[0] if same else interface.name
        networks[name] = own.union(networks.get(name, ()), *(networks.pop(other) for other in same[1:]))
        found = {known: name if segment in same else segment for known, segment in found.items()}
        found[interface.name] = name
    return found


Noted = TypeVar("Noted", Gratuitous, PassedOver)


def _by_ip(found: Iterable[Noted]) -> Mapping[Address, Sequence[Noted]]:
    by_ip: dict[Address, list[Noted]] = {}
    for one in found:
        by_ip.setdefault(one.ip, []).append(one)
    return by_ip


def _counting(course: VantageRounds, rounds: Iterable[int], replies: Iterable[Reply]) -> Iterable[int]:
    own = [number for number in rounds if course.has(number)]
    if course.rate <= SLOW or not any(number > course.last_announced for number in own):
        return own
    answered = {reply.round for reply in replies}
    return [number for number in own if number > course.last_announced or number in answered]
