"""MAC addresses that reply several times to one request: a kernel beside a speaker, a path that doubles frames, or two
hosts with one MAC address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from ipaddress import IPv4Network, IPv6Network
from statistics import median_high

from arpcheck.judge.observations import Observations
from arpcheck.model import Address, Mac, Nic, Owner, order
from arpcheck.model.constants import IPV6

MOST = 1.5
"""Replies to a request, from which on they are no strays."""

BOTH = 2.5
"""Replies to a request, from which on they are more than a kernel's and a speaker's."""

CLOSE = 250.0
"""Milliseconds between two answers to one question. Another program on this host that asks for the same address brings
answers too, at any time."""

LINK_OF_TWO = 127
"""The prefix length of a network of two hosts."""


def subnet_router_anycast(networks: Iterable[IPv4Network | IPv6Network]) -> frozenset[Address]:
    """RFC 4291 section 2.6.1: every host with IP forwarding has the first address of its networks. Not in a network of two
    hosts (RFC 6164), and nobody gives out a link-local one."""
    six = (network for network in networks if network.version == IPV6 and not network.is_link_local)
    return frozenset(network.network_address for network in six if network.prefixlen < LINK_OF_TWO)


def _by_a_table(alone: Sequence[int], others: Sequence[int]) -> bool:
    """How many replies with a MAC came after each request to it alone, and after each to other nodes. One that takes longer
    than the next request is among the others, so all together have to be more than its own requests explain."""
    if not alone or not others:
        return False
    half = len(others) / 2
    if sum(others) < half or sum(alone) + sum(others) - len(alone) < half:
        return False
    table = sum(others) / len(others)
    return sum(alone) / len(alone) < table + max(1.0, table) / 2


class Doubling:
    """MAC addresses that reply several times to one request, in one run."""

    def __init__(
        self,
        observations: Observations,
        owners: Mapping[Nic, Owner],
        addresses: Mapping[str, Sequence[Address]],
        canary: Address | None = None,
        anycast: Set[Address] = frozenset(),
    ) -> None:
        """`addresses`: the nodes' own. `anycast`: addresses that every node's kernel has, beside whoever announces them."""
        self._observations = observations
        self._anycast = anycast
        self._loud = frozenset(observations.by_nic(canary)) if canary else frozenset()
        """Who replied for the canary: a kernel without strict ARP, whether it is a node's or not."""
        self._owners = owners
        self._own: set[tuple[Address, Nic]] = set()
        """The nodes' own addresses, each with who replied for it."""
        self._at_home: dict[str, dict[str, float]] = {}
        """By segment and node: how many replies a question for its own addresses brought, of the one with the fewest."""
        for node, own in addresses.items():
            for ip in own:
                for nic in observations.by_nic(ip):
                    if owners[nic].node == node:
                        self._own.add((ip, nic))
                        of_segment = self._at_home.setdefault(nic[0], {})
                        often = self._often(ip, nic)
                        of_segment[node] = min(of_segment.get(node, often), often)

    def unexplained(
        self, ip: Address, non_strict: frozenset[str], *, once: bool = False
    ) -> tuple[tuple[Nic, str | None], ...]:
        """The NICs that replied twice for `ip`, each with its node, and nothing explains it. `once`: its load balancer has
        no speaker that could answer beside a kernel."""
        return tuple(
            (nic, self._owners[nic].node)
            for nic in self._observations.repeated(ip)
            if self._twice(ip, nic)
            and (once or not self._by_a_speaker(ip, nic, non_strict))
            and not self._by_the_path(ip, nic)
        )

    def at_home(self, shared: Set[Address]) -> tuple[tuple[Address, Nic], ...]:
        """Where a NIC replied twice for its node's own address, which is not `shared` with a Service, and others did not:
        two machines have this address and this MAC."""
        return tuple(
            (ip, nic)
            for ip, nic in sorted(self._own, key=lambda entry: (order(entry[0]), entry[1]))
            if ip not in shared and self._twice(ip, nic) and not self._by_the_path(ip, nic)
        )

    def beside_speakers(self, ip: Address, non_strict: frozenset[str], *, once: bool = False) -> tuple[Nic, ...]:
        """The NICs of nodes without strict ARP that replied twice for `ip`, and once for their own address."""
        return tuple(
            nic
            for nic in (() if once else self._observations.repeated(ip))
            if self._twice(ip, nic)
            and self._by_a_speaker(ip, nic, non_strict)
            and (node := self._owners[nic].node) in non_strict
            and self._at_home.get(nic[0], {}).get(str(node), 0.0) < MOST
        )

    def from_a_table(self, ip: Address) -> frozenset[Nic]:
        """NICs that may not have replied themselves to the unicast requests for `ip`, although replies with their MAC came.

        A Linux bridge with neighbour suppression replied from its table to unicast requests too, whomever they were for, and
        passed them on (until kernel commit 827b2ac8). Its replies come with requests to other nodes as well. If the NIC has
        the address, each request to it alone brings one more."""
        found = set()
        for interface, requests in self._observations.to_nics(ip).items():
            segment = self._observations.segment(interface)
            for mac in {one.mac for question, replies in requests for one in replies if one.mac != question.to}:
                nic = segment, mac
                node = self._owners[nic].node
                alone = [replies for question, replies in requests if question.to == mac]
                others = [
                    replies
                    for question, replies in requests
                    if question.to != mac and not self._is(node, segment, question.to)
                ]
                if _by_a_table(*([sum(one.mac == mac for one in replies) for replies in part] for part in (alone, others))):
                    found.add(nic)
        return frozenset(found)

    def _is(self, node: str | None, segment: str, mac: Mac | None) -> bool:
        """This MAC address is known to be one of the node's."""
        owner = self._owners.get((segment, mac)) if mac else None
        return bool(node and owner and owner.node == node)

    def _by_a_speaker(self, ip: Address, nic: Nic, non_strict: frozenset[str]) -> bool:
        """Its kernel answers for the address, and a speaker on it may too: two replies a question, each as often as the path
        doubles one, and no more."""
        node = self._owners[nic].node
        kernel = nic in self._loud or node in non_strict or (ip, nic) in self._own or (bool(node) and ip in self._anycast)
        return kernel and self._often(ip, nic) < BOTH * max(1.0, self._by_others(nic))

    def _twice(self, ip: Address, nic: Nic) -> bool:
        """More than one reply to most requests. A single repeat does not count."""
        return self._often(ip, nic) >= MOST

    def _often(self, ip: Address, nic: Nic) -> float:
        """Replies a question that it heard, of those that come close to the first."""
        replies = self._observations.by_nic(ip)[nic]
        heard = max(1, self._observations.asked(ip).heard_by(replies))
        if len(replies) < MOST * heard:
            return len(replies) / heard
        by_question: dict[tuple[object, ...], list[float]] = {}
        for reply in replies:
            asked_at = round(reply.at - reply.after)
            by_question.setdefault((reply.interface, reply.sender, reply.to, asked_at), []).append(reply.at)
        return sum(at - min(times) <= CLOSE for times in by_question.values() for at in times) / heard

    def _by_the_path(self, ip: Address, nic: Nic) -> bool:
        """Other nodes' own addresses get two replies as well. Two machines with one MAC behind such a path are heard more
        often than any one."""
        others = self._others(nic)
        doubles = bool(others) and 2 * sum(often >= MOST for often in others) > len(others)
        return doubles and self._often(ip, nic) < MOST * median_high(others)

    def _by_others(self, nic: Nic) -> float:
        """How many replies a question for another node's own address brings; 0 where no other was heard."""
        return median_high(others) if (others := self._others(nic)) else 0.0

    def _others(self, nic: Nic) -> list[float]:
        own = self._owners[nic].node
        return [often for node, often in self._at_home.get(nic[0], {}).items() if node != own]
