"""What a scan requests, as the pipeline plans it, and how long that takes at least and at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from arpcheck.model import Address, Mac, Request
from arpcheck.model.constants import IPV6, SLOW
from arpcheck.wire import further_requests
from arpcheck.wire.further_requests import Homes

APART = 1.0
"""Seconds between two rounds for one address, RFC 5227's PROBE_MIN: a late reply still counts for its own round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """What a run requests on every interface, and how."""

    requests: Sequence[Request]
    """One round in order; requests for one address are adjacent."""
    rounds: int
    rate: float
    """Frames per second on each interface."""
    wait: float
    """Seconds to wait after the last frame, and before an address is requested again."""
    nodes: frozenset[Address] = frozenset()
    """Addresses that are requested only to learn their MAC addresses."""
    far: frozenset[Address] = frozenset()
    """Those of them in no network of the interfaces, which most likely are not on the segment: requested again only after a
    reply."""
    judged: frozenset[Address] = frozenset()
    """Addresses that get a verdict."""
    partly_accepted: frozenset[Address] = frozenset()
    """Addresses with accepted responders: without these there may be no reply at all."""
    canary: IPv4Address | None = None
    """Requested once by unicast from every node MAC address that replied, which bypasses a switch with ARP suppression."""
    controls: frozenset[Address] = frozenset()
    """Addresses that no host owns: whoever replies for them to a sender is a proxy for that sender."""
    known: frozenset[Mac] = frozenset()
    """Node MAC addresses that are known beforehand; they get the canary by unicast too."""
    homes: Homes = field(default_factory=dict)
    """All own addresses of the nodes: what a MAC address in doubt is requested for."""
    explained: Collection[Address] = ()
    """Those of `judged` that are asked why, if nobody replies for them."""
    announcers_of: Callable[[Address], Sequence[str]] = field(default=lambda _: (), compare=False)
    """The nodes that should reply for such an address, the likeliest first; none if no node should. Called only for
    addresses without a reply."""
    nics: Mapping[str, Collection[Mac]] = field(default_factory=dict)
    """The MAC addresses of each node that are known beforehand."""
    senders: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    """All senders that may be used on each interface."""
    own_ipv6: Mapping[str, IPv6Address] = field(default_factory=dict)
    """The sender of IPv6 requests on each interface that has one."""

    @property
    def again(self) -> frozenset[Address]:
        """Addresses that the last round may request again: at a slow rate only judged ones, else all."""
        return self.judged if self.rate <= SLOW else frozenset(request.ip for request in self.requests)

    def nodes_of(self, own: Iterable[Address]) -> frozenset[str]:
        """The nodes with these addresses."""
        return frozenset(node for ip in own for node in self.homes.get(ip, (str(ip),)))


def seconds(plan: ScanPlan, interfaces: Iterable[str]) -> float:
    """Minimum duration of a scan with all waiting: the planned rounds, those until every node's address and the canary have
    enough requests, if all of them reply, and for IPv6 what is asked beyond multicast. Repeated requests add to it. The
    families are asked side by side."""
    return max((_seconds(plan, *line) for line in _lines(plan, interfaces)), default=0.0) + plan.wait


def most_seconds(plan: ScanPlan, interfaces: Iterable[str]) -> float:
    """The duration if nobody replies: every address is requested once more in the slow round, and then asked why. 16,000
    silent addresses at the top rate take 4 s, 160 s more, and at most 32 s for why."""
    again, pace = plan.again - plan.far, min(plan.rate, SLOW)
    repeated = Counter((request.interface, request.ip.version) for request in plan.requests if request.ip in again)
    longest = max((repeated[line] / pace for line in _lines(plan, interfaces)), default=0.0)
    explaining = max((_explaining(plan, interface) for interface in interfaces), default=0.0)
    return seconds(plan, interfaces) + longest + max(APART, plan.wait) + explaining


def _lines(plan: ScanPlan, interfaces: Iterable[str]) -> set[tuple[str, Literal[4, 6]]]:
    """The interfaces and families that are asked."""
    names = set(interfaces)
    return {(request.interface, request.ip.version) for request in plan.requests if request.interface in names}


def _explaining(plan: ScanPlan, interface: str) -> float:
    explained = frozenset(plan.explained)
    usual = [request for request in plan.requests if request.interface == interface and request.ip in explained]
    if not usual:
        return 0.0
    silent = len({request.ip for request in usual})
    frames = further_requests.most_requests(silent, _macs_of(plan), len(plan.senders.get(interface, ())), len(usual))
    return frames / min(plan.rate, SLOW) + further_requests.PASSES * max(APART, plan.wait)


def _macs_of(plan: ScanPlan) -> int:
    return len(plan.homes) + sum(len(macs) for macs in plan.nics.values())


def _seconds(plan: ScanPlan, interface: str, version: int) -> float:
    requests = [request for request in plan.requests if (request.interface, request.ip.version) == (interface, version)]
    far = sum(1 for request in requests if request.ip in plan.far)
    frames = (len(requests) - far) * plan.rounds + far
    announced = max(frames / plan.rate, (plan.rounds - 1) * APART + len(requests) / plan.rate)
    if version == IPV6:
        judged = {request.ip for request in requests if request.ip in plan.judged}
        return announced + further_requests.beyond_seconds(len(judged), _macs_of(plan), plan.rate)
    return announced + _counted(plan, requests)


def _counted(plan: ScanPlan, requests: Sequence[Request]) -> float:
    by_ip = Counter(request.ip for request in requests)
    own = {ip for ip in (plan.nodes | plan.homes.keys()) - plan.far if by_ip[ip] and ip != plan.canary}
    if plan.canary is None or not by_ip[plan.canary] or not own:
        return 0.0
    wanted = further_requests.FEW if len(plan.nodes_of(own)) >= further_requests.MANY else further_requests.ENOUGH
    left = {ip: max(0, further_requests.rounds_for(wanted, by_ip[ip]) - plan.rounds) for ip in own}
    rounds = max(left.values())
    frames = min(
        further_requests.MOST_REPEATS, sum(by_ip[ip] * number for ip, number in left.items()) + by_ip[plan.canary] * rounds
    )
    return max(frames / min(plan.rate, SLOW), rounds * max(APART, plan.wait))
