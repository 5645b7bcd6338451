"""A day of a cluster, drawn from a seed: 6 nodes and 40 addresses with failovers, rollouts, reboots and outages of the API,
none of which is a fault, and split brains, which are. A Wire and an API in virtual time."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from arpcheck import pipeline
from arpcheck.errors import ClusterError
from arpcheck.lab import answering, cluster_objects, scene_file
from arpcheck.lab.scene import KubeService, Scene
from arpcheck.model import Mac
from arpcheck.objects import Objects
from arpcheck.wire.packets import Arrival, TakenFor

NODES = tuple(f"worker-{number}" for number in range(1, 7))
ADDRESSES = tuple(IPv4Address("10.0.0.100") + number for number in range(40))
SEEDED = ADDRESSES[-6:]
"""Of these alone are the split brains; they are not moved otherwise."""
CALM = ADDRESSES[:-6]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LAST_HOUR = 3600.0
"""Nothing begins in the last hour, so that all comes to rest."""
LOST = 2e-4
"""Of all frames."""
BOOTS = 90.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBrain:
    ip: IPv4Address
    nodes: frozenset[str]
    begins: float
    ends: float


class Day:
    """What is true at each second, on the wire and in the API."""

    def __init__(self, hours: float, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - the same one every time
        self.length = hours * 3600
        self.owners: dict[IPv4Address, list[tuple[float, frozenset[str]]]] = {}
        self.records: dict[IPv4Address, list[tuple[float, str]]] = {}
        self.down: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.outages: list[tuple[float, float]] = []
        self.expired: list[tuple[float, float]] = []
        """When the token that is in the file is not taken any more; the kubelet writes the next one soon after."""
        self.splits: list[SplitBrain] = []
        self.failovers = 0
        for number, ip in enumerate(ADDRESSES):
            first = NODES[number % len(NODES)]
            self.owners[ip], self.records[ip] = [(-1.0, frozenset({first}))], [(-1.0, first)]
        events = [*self._drawn(40, self._move_one), *self._drawn(4, self._roll_out), *self._drawn(2, self._reboot)]
        for at, what in sorted(events, key=lambda event: event[0]):
            what(at)
        self._draw_apis()
        self._draw_splits()

    def _drawn(self, each_day: float, what: object) -> Iterator[tuple[float, object]]:
        number = max(1, round(each_day * self.length / 86_400))
        for _ in range(number):
            yield self.dice.uniform(120, max(self.length - LAST_HOUR, 240)), what

    # ------------------------------------------------------------------------------------------------- what is no fault

    def _move_one(self, at: float) -> None:
        ip = self.dice.choice(CALM)
        self._move(ip, at, self.dice.choice([node for node in NODES if node != self._recorded(ip, at)]))

    def _move(self, ip: IPv4Address, at: float, to: str) -> None:
        """With a gap, an overlap or neither; the record is a little late, or early."""
        now, before = self._last(ip)
        at = max(at, now + 60)
        shift = self.dice.choice((0.0, self.dice.uniform(0.2, 8.0), -self.dice.uniform(0.2, 4.0)))
        if shift > 0:
            self.owners[ip] += [(at, frozenset()), (at + shift, frozenset({to}))]
        elif shift < 0:
            self.owners[ip] += [(at, before | {to}), (at - shift, frozenset({to}))]
        else:
            self.owners[ip].append((at, frozenset({to})))
        self.records[ip].append((at + abs(shift) + self.dice.uniform(-3.0, 8.0), to))
        self.failovers += 1

    def _roll_out(self, at: float) -> None:
        """The speaker restarts on one node after the other: its addresses go to others."""
        for number, node in enumerate(NODES):
            self._leave(node, at + 60 * number)

    def _reboot(self, at: float) -> None:
        """The node answers nothing, not even for itself."""
        node = self.dice.choice(NODES)
        if any(begins - 600 < at < ends + 600 for each in self.down.values() for begins, ends in each):
            return
        self._leave(node, at - 1)
        self.down[node].append((at, at + BOOTS))

    def _leave(self, node: str, at: float) -> None:
        others = [other for other in NODES if other != node]
        for ip in CALM:
            if self._last(ip)[1] == {node}:
                self._move(ip, at, self.dice.choice(others))

    def _draw_apis(self) -> None:
        for begins, _ in self._drawn(4, None):
            self.outages.append((begins, begins + self.dice.uniform(60, 1200)))
        for hour in range(1, int(self.length / 3600) + 1):
            self.expired.append((hour * 3600, hour * 3600 + self.dice.uniform(1, 40)))

    # ---------------------------------------------------------------------------------------------------- what is a fault

    def _draw_splits(self) -> None:
        """A second node that begins to reply and goes on, one after the other on each address."""
        for number, ip in enumerate(SEEDED):
            _, before = self._last(ip)
            for begins in range(300 + 137 * number, int(self.length - 1800), 7200):
                other = self.dice.choice([node for node in NODES if node not in before])
                ends = begins + self.dice.uniform(300, 1500)
                self.splits.append(SplitBrain(ip=ip, nodes=before | {other}, begins=begins, ends=ends))
                self.owners[ip] += [(begins, before | {other}), (ends, before)]

    # --------------------------------------------------------------------------------------------------- what is true when

    def _last(self, ip: IPv4Address) -> tuple[float, frozenset[str]]:
        return self.owners[ip][-1]

    def _recorded(self, ip: IPv4Address, at: float) -> str:
        return max((one for one in self.records[ip] if one[0] <= at), key=lambda one: one[0])[1]

    def responders(self, ip: IPv4Address, at: float) -> Iterable[str]:
        if ip not in self.owners:
            return ()
        steps = self.owners[ip]
        found = steps[bisect_right(steps, at, key=lambda step: step[0]) - 1][1]
        return [node for node in found if self.is_up(node, at)]

    def is_up(self, node: str, at: float) -> bool:
        return not any(begins <= at < ends for begins, ends in self.down[node])

    def was_down(self, nodes: Iterable[str], since: float, until: float) -> bool:
        """One of them, at some time: then only one other replies."""
        return any(begins < until and since < ends for node in nodes for begins, ends in self.down[node])

    def is_ready(self, node: str, at: float) -> bool:
        """The node controller waits 40 s (kube-controller-manager, node-monitor-grace-period)."""
        return not any(begins + 40 <= at < ends + 10 for begins, ends in self.down[node])

    def objects(self, scene: Scene, at: float) -> Objects:
        """As the API has them. Raises ClusterError in an outage."""
        for times, why in ((self.outages, "timed out"), (self.expired, "401")):
            if any(begins <= at < ends for begins, ends in times):
                raise ClusterError(f"https://10.0.0.1:6443: the cluster can't be read: {why}")
        services = tuple(
            replace(service, l2_status=(self._recorded(IPv4Address(service.ips[0]), at),))
            if service.ips and service.type == "LoadBalancer"
            else service
            for service in scene.cluster.services
        )
        nodes = tuple(replace(node, ready=self.is_ready(node.name, at)) for node in scene.cluster.nodes)
        found = replace(scene, cluster=replace(scene.cluster, services=services, nodes=nodes))
        return cluster_objects.objects(found, NOW + timedelta(seconds=at), pipeline.NEEDS)


def scene_of(addresses: Sequence[IPv4Address] = ADDRESSES) -> Scene:
    nodes = "\n".join(f'{node} = {{ ipvs = "strict" }}' for node in NODES)
    scene = scene_file.parse(
        f'title = "A day"\nabout = "Made by a campaign."\n[nodes]\n{nodes}\n[[services]]\nname = "web/x"\nips = "10.0.0.50"\n'
        'l2_status = "worker-1"\n',
        "day",
    )
    kept = tuple(service for service in scene.cluster.services if service.type != "LoadBalancer")
    [pattern] = (service for service in scene.cluster.services if service.type == "LoadBalancer")
    made: tuple[KubeService, ...] = tuple(
        replace(pattern, name=f"s{number}", ips=(str(ip),)) for number, ip in enumerate(addresses)
    )
    return replace(scene, cluster=replace(scene.cluster, services=(*kept, *made)))


class DayWire:
    """A `Wire` on which the day's owners reply, and each node for its own addresses."""

    def __init__(self, scene: Scene, day: Day) -> None:
        self._day, self._now = day, 0.0
        nics = {station.name: station.nics[0] for station in scene.stations}
        self._macs: Mapping[str, Mac] = {node: nics[node].mac for node in NODES}
        self._own = {address.ip: node for node in NODES for address in nics[node].addresses}
        self._arrivals: list[tuple[float, int, Arrival]] = []
        self.sent = 0

    def now(self) -> float:
        return self._now

    def send(self, interface: str, frame: bytes) -> None:
        self._now += 10e-6
        self.sent += 1
        asked = answering.decode(frame)
        if asked is None or self._is_lost():
            return
        own = self._own.get(asked.target_ip)
        nodes = self._day.responders(asked.target_ip, self._now) if own is None else (own,)
        for number, node in enumerate(sorted(nodes)):
            mac = self._macs[node]
            if asked.destination in (answering.BROADCAST, mac) and self._day.is_up(node, self._now) and not self._is_lost():
                at = self._now + 200e-6 + 30e-6 * number
                found = Arrival(interface, at, answering.reply_to(asked, mac).encode(), TakenFor.US)
                heapq.heappush(self._arrivals, (at, self.sent * 10 + number, found))

    def _is_lost(self) -> bool:
        return self._day.dice.random() < LOST

    def receive(self, until: float) -> Sequence[Arrival]:
        first = self._arrivals[0][0] if self._arrivals else until
        self._now = max(self._now, min(until, first))
        found = []
        while self._arrivals and self._arrivals[0][0] <= self._now:
            found.append(heapq.heappop(self._arrivals)[2])
        return found

    def lost(self) -> Mapping[str, int]:
        return {}
