"""A scene without a kernel: a Wire in virtual time, and the host that the prober would find itself to be.

Frames in and out are bytes, the kernel's rules are `kernel`'s, the announcers' are `answering`'s; here are the switch
and the clock. So a scene is judged by the same pipeline as on the kernel, in milliseconds."""

from __future__ import annotations

import heapq
import itertools
import zlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Interface, IPv6Interface

from arpcheck.errors import WireError
from arpcheck.lab import advertising, answering
from arpcheck.lab.advertising import Advertiser, NeighbourMessage
from arpcheck.lab.answering import TAG, DueFrame, Speaker
from arpcheck.lab.scene import IPVS_MAC, Announcer, Scene, SceneNic, Station
from arpcheck.model import Host, Interface, Mac
from arpcheck.model.constants import IPVS_DEVICE
from arpcheck.wire.packets import Arrival, TakenFor
from simulated import kernel, kernel_ipv6

SEND_TAKES = 10e-6
KERNEL_TAKES = 80e-6
SPEAKER_TAKES = 330e-6
"""Medians of MetalLB's speaker and of the kernel on an idle machine."""

PROXY_DELAY = 0.8
"""neigh/default/proxy_delay."""

SOCKET_HOLDS = 256
"""Frames that a packet socket of the default size takes before it loses some."""

SPEAKER_READS = 25e-6
"""Seconds a frame: a speaker bears 20,000 questions a second and loses at 50,000."""


class SimulatedWire:
    """`arpcheck.wire.packets.Wire`. `drop` tells which arrivals the prober's kernel loses, and counts; `misses` which frames
    never reach a NIC, be it the prober's or another's, so that nobody knows."""

    def __init__(
        self,
        scene: Scene,
        *,
        drop: Callable[[Arrival], bool] = lambda _: False,
        misses: Callable[[SceneNic], bool] = lambda _: False,
    ) -> None:
        self._scene = scene
        self._prober = scene.station(scene.prober.station)
        self._stations = {station.name: station for station in scene.stations}
        self._then = sorted(scene.then, key=lambda step: step.after)
        self._first: float | None = None
        self._speakers = tuple(_speakers(scene))
        self._advertisers = tuple(_advertisers(scene))
        self._candidates = kernel_ipv6.candidates(scene)
        self._drop = drop
        self._misses = misses
        self._now = 0.0
        self._arrivals: list[tuple[float, int, Arrival]] = []
        self._order = itertools.count()
        self._lost: Counter[str] = Counter()

    def now(self) -> float:
        return self._now

    def send(self, interface: str, frame: bytes) -> None:
        nic = next((nic for nic in self._prober.nics if nic.name == interface), None)
        if nic is None:
            raise WireError(f"no interface {interface!r}")
        self._now += SEND_TAKES
        self._step()
        others = [other for station in self._stations.values() for other in station.nics if other is not nic]
        asked = answering.decode(frame)
        flooded = asked is not None and asked.destination == answering.BROADCAST
        reached = {
            id(other)
            for other in others
            if other.lan == nic.lan and (other.broadcasts or not flooded) and not self._misses(other)
        }
        if message := advertising.decode(frame):
            self._send_ipv6(nic, message, frame, reached)
        if asked:
            for station in self._stations.values():
                for heard in station.nics:
                    if id(heard) in reached:
                        self._answer_by_kernel(station, heard, asked)
        for speaker in self._speakers:
            if id(speaker.nic) in reached:
                for due in speaker.receive(frame, self._now):
                    self._deliver(nic.lan, due.at + SPEAKER_TAKES, due.frame)

    def receive(self, until: float) -> Sequence[Arrival]:
        first = self._arrivals[0][0] if self._arrivals else until
        self._now = max(self._now, min(until, first))
        found = []
        while self._arrivals and self._arrivals[0][0] <= self._now:
            arrival = heapq.heappop(self._arrivals)[2]
            if self._drop(arrival):
                self._lost[arrival.interface] += 1
            else:
                found.append(arrival)
        return found

    def lost(self) -> Mapping[str, int]:
        lost, self._lost = self._lost, Counter()
        return lost

    def _step(self) -> None:
        """Takes the steps that are due by now, counted from the first question."""
        self._first = self._now if self._first is None else self._first
        while self._then and self._first + self._then[0].after <= self._now:
            step = self._then.pop(0)
            station = self._stations[step.station]
            self._stations[step.station] = replace(
                station, sysctl={**station.sysctl, **step.sysctl}, sysctl6={**station.sysctl6, **step.sysctl6}
            )
            self._scene = replace(self._scene, stations=tuple(self._stations.values()))

    def _answer_by_kernel(self, station: Station, nic: SceneNic, asked: answering.Packet) -> None:
        if asked.destination not in (answering.BROADCAST, nic.mac):
            return
        delay = KERNEL_TAKES
        match kernel.answer(station, nic, asked):
            case None:
                return
            case kernel.Answer.PROXY if asked.destination == answering.BROADCAST:
                delay += PROXY_DELAY * zlib.crc32(asked.target_ip.packed) / 0xFFFFFFFF
        self._deliver(nic.lan, self._now + delay, answering.reply_to(asked, nic.mac).encode())

    def _send_ipv6(self, nic: SceneNic, asked: NeighbourMessage, frame: bytes, reached: Collection[int]) -> None:
        if nic.lan not in self._scene.lans6:
            return
        if answer := kernel_ipv6.suppressed(self._scene, nic.lan, asked):
            self._deliver(nic.lan, self._now + KERNEL_TAKES, answer.encode())
        for due in self._advertised_by_kernels(nic.lan, asked, self._now, reached):
            self._deliver(nic.lan, due.at, due.frame)
        for advertiser in self._advertisers:
            if id(advertiser.nic) in reached and kernel_ipv6.passes(self._scene, advertiser.nic, asked):
                self._converse(advertiser, frame, self._now)

    def _converse(self, advertiser: _Socket, frame: bytes, at: float) -> None:
        """An announcer whose kernel does not know the asker finds out first who that is: whoever it is answers."""
        lan = advertiser.nic.lan
        for due in advertiser.receive(frame, at):
            message = advertising.decode(due.frame)
            if message is None or message.kind != advertising.SOLICITATION:
                self._deliver(lan, due.at + SPEAKER_TAKES, due.frame)
                continue
            others = {id(nic) for station in self._stations.values() for nic in station.nics if nic is not advertiser.nic}
            for answer in self._advertised_by_kernels(lan, message, due.at + KERNEL_TAKES, others):
                self._converse(advertiser, answer.frame, answer.at)

    def _advertised_by_kernels(
        self, lan: str, asked: NeighbourMessage, at: float, reached: Collection[int]
    ) -> Iterator[DueFrame]:
        for name, nic in self._candidates.get(asked.target, ()):
            if id(nic) not in reached or nic.lan != lan or not kernel_ipv6.passes(self._scene, nic, asked):
                continue
            if found := kernel_ipv6.advertised(self._stations[name], nic, asked):
                seed = zlib.crc32(asked.target.packed + nic.mac.to_bytes()) / 0xFFFFFFFF
                delay = KERNEL_TAKES + (PROXY_DELAY * seed if found.delayed else 0.0)
                yield DueFrame(at + delay, found.message.encode())

    def _deliver(self, lan: str, at: float, frame: bytes) -> None:
        """To the prober's NICs on this LAN, as a switch does that has learnt every MAC. The kernel takes a tag away."""
        to, taken_for = frame[:6], TakenFor.US
        if frame[12:16] == TAG:
            frame, taken_for = frame[:12] + frame[16:], TakenFor.OTHER_HOST
        for nic in self._prober.nics:
            here = nic.lan == lan and nic.name in self._scene.prober.interfaces
            ours = here and (to in (nic.mac.to_bytes(), b"\xff" * 6) or to[:2] == b"\x33\x33")
            if ours and not self._misses(nic):
                heapq.heappush(self._arrivals, (at, next(self._order), Arrival(nic.name, at, frame, taken_for)))


@dataclass(slots=True)
class _Socket:
    """An announcer's socket on one NIC: it takes its time for a frame, and its buffer has an end."""

    nic: SceneNic
    answers: Callable[[bytes, float], Iterable[DueFrame]]
    busy: deque[float] = field(default_factory=deque)
    """When each frame that waits will have been read."""

    def receive(self, frame: bytes, now: float) -> Iterable[DueFrame]:
        while self.busy and self.busy[0] <= now:
            self.busy.popleft()
        if len(self.busy) >= SOCKET_HOLDS:
            return ()
        self.busy.append(max(now, self.busy[-1] if self.busy else now) + SPEAKER_READS)
        return self.answers(frame, self.busy[-1])


def _nics_of_announcers(scene: Scene) -> Iterator[tuple[Announcer, SceneNic]]:
    for announcer in scene.announcers:
        for nic in scene.station(announcer.station).nics:
            if not announcer.nics or nic.name in announcer.nics:
                yield announcer, nic


def _speakers(scene: Scene) -> Iterator[_Socket]:
    for announcer, nic in _nics_of_announcers(scene):
        if announcer.ips4 is not None:
            yield _Socket(nic, partial(_by_arp, Speaker(announcer, nic.mac)))


def _by_arp(speaker: Speaker, frame: bytes, at: float) -> Iterable[DueFrame]:
    due = speaker.receive(frame, at)
    return (due,) if due else ()


def _advertisers(scene: Scene) -> Iterator[_Socket]:
    for announcer, nic in _nics_of_announcers(scene):
        if announcer.ips6 is not None and nic.ipv6:
            yield _Socket(nic, Advertiser(announcer, nic).receive)


def scene_host(scene: Scene) -> Host:
    """As `arpcheck.wire.host.this_host` gives it on the kernel, loopback and kube-ipvs0 included."""
    station = scene.station(scene.prober.station)
    found = [
        replace(_interface(station, nic.name, nic.mac, nic.addresses, nic.sysctl), ipv6=_ipv6(nic)) for nic in station.nics
    ]
    found.append(_interface(station, "lo", None, (IPv4Interface("127.0.0.1/8"),)))
    if station.held:
        held = tuple(IPv4Interface((ip, 32)) for ip in station.held)
        found.append(_interface(station, IPVS_DEVICE, IPVS_MAC, held, up=False))
    return Host(interfaces=tuple(sorted(found, key=lambda interface: interface.name)))


def _ipv6(nic: SceneNic) -> tuple[str, ...]:
    own = sorted((*nic.addresses6, IPv6Interface((nic.link_local, 64))) if nic.ipv6 else ())
    return tuple(address.with_prefixlen for address in own)


def _interface(
    station: Station,
    name: str,
    mac: Mac | None,
    addresses: tuple[IPv4Interface, ...],
    sysctl: Mapping[str, int] | None = None,
    *,
    up: bool = True,
) -> Interface:
    return Interface(
        name=name,
        mac=mac,
        addresses=tuple(address.with_prefixlen for address in addresses),
        up=up,
        arp_ignore=max(station.sysctl.get("arp_ignore", 0), (sysctl or {}).get("arp_ignore", 0)),
        arp_announce=max(station.sysctl.get("arp_announce", 0), (sysctl or {}).get("arp_announce", 0)),
    )
