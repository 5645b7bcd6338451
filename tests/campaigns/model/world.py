"""A LAN with a cluster on it, from first principles: machines, NICs, what their kernels hold, what answers ARP on them.

Everything has a time, in seconds since the first question, so that an address can move while it is asked. The rules here are
the kernel's (net/ipv4/arp.c: arp_process, arp_ignore, arp_fwd_proxy) and the responders' (metallb internal/layer2/arp.go,
cilium bpf/bpf_host.c); they are written down again and not taken from the lab, which may err as arpcheck may. Nothing in this
module knows what arpcheck would conclude."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from math import inf
from typing import NamedTuple

from arpcheck.model import Mac

ZERO = IPv4Address(0)

KERNEL_TAKES = 80e-6
SPEAKER_TAKES = 330e-6
PROXY_TAKES = 0.8
"""At the most (neigh/NIC/proxy_delay)."""


@dataclass(slots=True)
class Nic:
    name: str
    segment: str
    mac: Mac
    addresses: tuple[IPv4Interface, ...] = ()
    legs: tuple[Mac, ...] = ()
    """A bond in balance-alb: replies carry the MAC of the leg that the driver chose for that pair of addresses
    (drivers/net/bonding/bond_alb.c, rlb_choose_channel). Frames to any of them arrive."""
    arp_ignore: int = 0

    def reply_mac(self, ip: IPv4Address, asker: IPv4Address) -> Mac:
        if not self.legs:
            return self.mac
        return self.legs[zlib.crc32(ip.packed + asker.packed) % len(self.legs)]

    def takes(self, mac: Mac) -> bool:
        return mac == self.mac or mac in self.legs


@dataclass(slots=True)
class Held:
    """An address that a kernel has, for a time."""

    ip: IPv4Address
    on: str | None = None
    """The NIC; None: lo, kube-ipvs0, kube-lb0 or any other device that is on no LAN."""
    start: float = -inf
    end: float = inf


@dataclass(slots=True)
class Speaker:
    """A process that answers for an address, for a time, whatever the kernel does."""

    ip: IPv4Address
    nics: tuple[str, ...] = ()
    """Empty: all."""
    start: float = -inf
    end: float = inf
    ebpf: bool = False
    """It takes the question away from the kernel (Cilium)."""
    mac: Mac | None = None
    """It answers with a MAC of its own (a macvlan); None: the NIC's."""


@dataclass(slots=True)
class Machine:
    name: str
    nics: list[Nic]
    on: bool = True
    arp_ignore: int = 0
    """net.ipv4.conf.all."""
    held: list[Held] = field(default_factory=list)
    speakers: list[Speaker] = field(default_factory=list)
    proxy: str = ""
    """`off-link`: for what is routed elsewhere (Linux's proxy_arp); `all`: for everything (proxy_arp_pvlan, some routers)."""
    proxy_takes_zero: bool = False
    """Linux never proxies for a sender of 0.0.0.0; others do."""

    def nic(self, name: str) -> Nic:
        return next(nic for nic in self.nics if nic.name == name)

    def on_segment(self, segment: str) -> bool:
        return any(nic.segment == segment for nic in self.nics)

    def local_on(self, ip: IPv4Address, at: float) -> set[str | None]:
        """The devices on which the kernel has an address at a time; empty: it is not local."""
        found: set[str | None] = {nic.name for nic in self.nics if any(a.ip == ip for a in nic.addresses)}
        found.update(held.on for held in self.held if held.ip == ip and held.start <= at < held.end)
        return found

    def interesting(self) -> set[IPv4Address]:
        """Every address for which it may answer, at whatever time, a proxy's left out."""
        own = {address.ip for nic in self.nics for address in nic.addresses}
        return own | {held.ip for held in self.held} | {speaker.ip for speaker in self.speakers}


class Sent(NamedTuple):
    """A reply that a machine sends."""

    machine: str
    mac: Mac
    after: float
    by: str
    """`kernel`, `speaker`, `proxy`."""
    padded: bool


def replies(
    machine: Machine, nic: Nic, ip: IPv4Address, sender: IPv4Address, at: float, *, broadcast: bool = True
) -> Iterator[Sent]:
    """What a machine sends to a who-has that reached one of its NICs and is for it or for all."""
    if not machine.on:
        return
    taken = False
    for speaker in machine.speakers:
        if speaker.ip == ip and speaker.start <= at < speaker.end and (not speaker.nics or nic.name in speaker.nics):
            taken |= speaker.ebpf
            yield Sent(machine.name, speaker.mac or nic.reply_mac(ip, sender), SPEAKER_TAKES, "speaker", True)
    if taken:
        return
    if sender != ZERO and machine.local_on(sender, at):
        return  # a martian: one of its own addresses
    if where := machine.local_on(ip, at):
        match max(machine.arp_ignore, nic.arp_ignore):
            case 8:
                return
            case 1 | 2 if nic.name not in where:
                return
        yield Sent(machine.name, nic.reply_mac(ip, sender), KERNEL_TAKES, "kernel", False)
    elif machine.proxy and (sender != ZERO or machine.proxy_takes_zero):
        on_link = any(ip in address.network for address in nic.addresses)
        if machine.proxy == "all" or not on_link:
            late = PROXY_TAKES * zlib.crc32(ip.packed + nic.mac.to_bytes()) / 0xFFFFFFFF if broadcast else KERNEL_TAKES
            yield Sent(machine.name, nic.mac, late, "proxy", False)


@dataclass(slots=True)
class Announced:
    """A gratuitous ARP that somebody sends unasked."""

    at: float
    segment: str
    machine: str
    mac: Mac
    ip: IPv4Address


@dataclass(slots=True)
class Leads:
    """Who is supposed to answer for an address, by what the cluster itself decided, for a time."""

    machine: str | None
    """None: nobody."""
    start: float = -inf
    end: float = inf


@dataclass(slots=True)
class Service:
    """A LoadBalancer Service with one address."""

    name: str
    namespace: str
    ip: IPv4Address
    cluster_ip: IPv4Address
    kind: str
    """How its load balancer records the announcer: the names of `kube_records`."""
    leads: list[Leads] = field(default_factory=list)
    nics: tuple[str, ...] = ()
    """The NICs on which it is announced; empty: all."""
    external: bool = False
    """A load balancer outside of the cluster has it; `leads` names it."""
    notes: dict[str, str] = field(default_factory=dict)
    """What somebody left in its annotations."""
    long_ago: bool = False
    """Its announcer was chosen longer ago than the API server keeps an event."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    def leader(self, at: float) -> str | None:
        return next((lead.machine for lead in self.leads if lead.start <= at < lead.end), None)


@dataclass(slots=True)
class KubeNode:
    """A Node object. Its machine has the same name."""

    name: str
    ip: IPv4Address
    ready: bool = True
    clock: float = 0.0
    """Seconds that its clock is ahead of the API server's."""
    kube_proxy_age: float = 86400.0


@dataclass(slots=True)
class Prober:
    machine: str
    interfaces: tuple[str, ...] = ("eth0",)
    clock: float = 0.0
    """Seconds that its clock is ahead of the API server's."""
    others: tuple[str, ...] = ()
    """Where it was asked from, where runs of several machines were merged."""


@dataclass(slots=True)
class Losses:
    requests: float = 0.0
    """The share of questions that does not reach a machine, drawn for each."""
    replies: float = 0.0
    """The share of replies that does not reach the prober, with no trace."""
    dropped: float = 0.0
    """The share of arrivals that the prober's kernel drops, and counts."""
    slowest: str = ""
    """A machine whose answers to all find the prober's buffer full: its kernel drops them, and counts."""
    doubled: float = 0.0
    """The share of frames to the prober that come twice."""
    machine: str = ""
    """Of this machine alone; empty: of all."""


@dataclass(slots=True)
class World:
    seed: int
    networks: dict[str, IPv4Network]
    machines: dict[str, Machine]
    nodes: dict[str, KubeNode]
    services: list[Service]
    prober: Prober
    canary: IPv4Address
    kube_proxy: tuple[str, bool | None] | None = None
    """Mode and strictARP of the ConfigMap; None: there is no kube-proxy."""
    options: dict[str, object] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    announced: list[Announced] = field(default_factory=list)
    mac_list: list[tuple[Mac, str, str]] = field(default_factory=list)
    """MAC, host, interface."""
    nic_states: list[tuple[str, list[tuple[str, Mac]], float]] = field(default_factory=list)
    """NodeNetworkState: node, NICs, seconds since the last report."""
    leases: list[dict[str, object]] = field(default_factory=list)
    """Foreign and stale ones: namespace, name, holder, renewed (seconds ago at the start), alive (it goes on being renewed)."""
    statuses: list[tuple[Service, str, float]] = field(default_factory=list)
    """ServiceL2Status objects that nobody took away: Service, node, age."""
    events: list[tuple[Service, str, float]] = field(default_factory=list)
    """`nodeAssigned` beside those of the leaders: Service, node, age."""
    accepted: list[tuple[IPv4Address, tuple[str, ...]]] = field(default_factory=list)
    """What their owner knows of: that these nodes answer for this address at once."""
    refused: tuple[str, ...] = ()
    lease_seconds: int = 15
    traits: tuple[str, ...] = ()
    """What was drawn beside an ordinary cluster."""
    about: list[str] = field(default_factory=list)
    """The same in words."""
    start: datetime | None = None
    """The API server's time of the first question, where it matters (on the kernel)."""

    @property
    def segments(self) -> tuple[str, ...]:
        """Those that the prober asks on."""
        own = self.machines[self.prober.machine]
        return tuple(dict.fromkeys(own.nic(name).segment for name in self.prober.interfaces))

    def service(self, ip: IPv4Address) -> Service:
        return next(service for service in self.services if service.ip == ip)
