"""Who answers a question twice, and what explains it: a kernel without strict ARP beside a speaker, a path that doubles
every frame, or two machines with one MAC. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from ipaddress import IPv4Address

from arpcheck.judge.hearing import Hearing
from arpcheck.model import Nic, Owner

MOST = 0.6
"""Of the questions, so many are answered twice by a twin; a stray repeat is none."""

CLOSE = 250.0
"""Milliseconds between two answers to one question. Another program on this host that asks for the same address brings
answers too, at any time."""


class Doubling:
    """The index over one run."""

    def __init__(
        self,
        hearing: Hearing,
        owners: Mapping[Nic, Owner],
        addresses: Mapping[str, Sequence[IPv4Address]],
        canary: IPv4Address | None = None,
    ) -> None:
        """`addresses`: the nodes' own."""
        self._hearing = hearing
        self._loud = frozenset(hearing.by_nic(canary)) if canary else frozenset()
        """Who answered the canary: a kernel without strict ARP, whosever it is."""
        self._owners = owners
        self._own: set[tuple[IPv4Address, Nic]] = set()
        """The nodes' own addresses, each with who answered for it."""
        self._at_home: dict[str, dict[str, bool]] = {}
        """By segment and node: every one of its own addresses that was answered was answered twice."""
        for node, own in addresses.items():
            for ip in own:
                for nic in hearing.by_nic(ip):
                    if owners[nic].node == node:
                        self._own.add((ip, nic))
                        of_segment = self._at_home.setdefault(nic[0], {})
                        of_segment[node] = of_segment.get(node, True) and self._twice(ip, nic)

    def unexplained(self, ip: IPv4Address, non_strict: frozenset[str]) -> tuple[tuple[Nic, str | None], ...]:
        """The NICs that answered twice for `ip`, each with its node, and nothing explains it."""
        return tuple(
            (nic, self._owners[nic].node)
            for nic in self._hearing.by_nic(ip)
            if self._twice(ip, nic)
            and (ip, nic) not in self._own  # its kernel answers for it, beside a speaker that announces it
            and not self._is_loud(nic, non_strict)
            and not self._by_the_path(nic)
        )

    def at_home(self, shared: Set[IPv4Address]) -> tuple[tuple[IPv4Address, Nic], ...]:
        """Where a NIC answered twice for its node's own address, which is not `shared` with a Service, and others did not:
        two machines have this address and this MAC."""
        return tuple(
            (ip, nic)
            for ip, nic in sorted(self._own)
            if ip not in shared and self._twice(ip, nic) and not self._by_the_path(nic)
        )

    def beside_speakers(self, ip: IPv4Address, non_strict: frozenset[str]) -> tuple[Nic, ...]:
        """The NICs of nodes without strict ARP that answered twice for `ip`, and once for their own address."""
        return tuple(
            nic
            for nic in self._hearing.by_nic(ip)
            if self._twice(ip, nic)
            and (node := self._owners[nic].node) in non_strict
            and not self._at_home.get(nic[0], {}).get(str(node), False)
        )

    def _is_loud(self, nic: Nic, non_strict: frozenset[str]) -> bool:
        return nic in self._loud or self._owners[nic].node in non_strict

    def _twice(self, ip: IPv4Address, nic: Nic) -> bool:
        """Two replies, close to each other, to most of the questions that it heard."""
        replies = self._hearing.by_nic(ip)[nic]
        if len(replies) < 2:
            return False
        by_question: dict[tuple[object, ...], list[float]] = {}
        for reply in replies:
            asked_at = round(reply.at - reply.after)
            by_question.setdefault((reply.interface, reply.sender, reply.to, asked_at), []).append(reply.at)
        times = [sorted(found) for found in by_question.values() if len(found) > 1]
        twice = sum(1 for found in times if found[1] - found[0] <= CLOSE)
        return twice > 0 and twice >= MOST * self._hearing.asked(ip).heard_by(replies)

    def _by_the_path(self, nic: Nic) -> bool:
        """Other nodes' own addresses are answered twice alike."""
        own = self._owners[nic].node
        others = [twice for node, twice in self._at_home.get(nic[0], {}).items() if node != own]
        return bool(others) and 2 * sum(others) > len(others)
