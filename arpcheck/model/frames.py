"""The probing host, its targets, and the requests and replies of ARP and of neighbour discovery that it sent and received.

One word stands for both families: a request is an ARP request or a Neighbor Solicitation, a reply is an ARP reply or a
Neighbor Advertisement, the sender is the ARP sender protocol address or the IPv6 source.

Times are milliseconds since the run began. `None` means that something was not observed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from typing import assert_never

from arpcheck.model.mac_addresses import Address, Mac


class Families(StrEnum):
    """Which IP versions a run requests."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    BOTH = "both"
    AUTO = "auto"
    """IPv4, and IPv6 where an interface that is used has a usable link-local address."""

    def versions(self, *, link_local: bool) -> frozenset[int]:
        """`link_local`: an interface that is used has such an address, without which nothing can be requested; whoever asks
        for IPv6 by name is refused before. A capture has no interface of this host and no need of one."""
        match self:
            case Families.IPV4:
                return frozenset({4})
            case Families.IPV6:
                return frozenset({6})
            case Families.BOTH:
                return frozenset({4, 6})
            case Families.AUTO:
                return frozenset({4, 6} if link_local else {4})
            case _:
                assert_never(self)


class Kind(StrEnum):
    """What a target is; the first that fits, in this order."""

    LOAD_BALANCER = "load-balancer"
    EXTERNAL_IP = "external-ip"
    EXTRA = "extra"
    CANARY = "canary"
    CONTROL = "control"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface of the probing host."""

    name: str
    mac: Mac | None
    addresses: tuple[str, ...]
    """IPv4 with prefix length: `192.168.10.5/24`."""
    ipv6: tuple[str, ...] = ()
    """IPv6 with prefix length, of those that can be used: neither tentative nor a duplicate. Link-local ones too."""
    up: bool = True
    arp_ignore: int | None = None
    """max(conf/all, conf/NAME), which is what the kernel uses (include/linux/inetdevice.h, IN_DEV_MAXCONF)."""
    arp_announce: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """An entry of this host's own ARP table after the run."""

    ip: Address
    mac: Mac
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The probing host."""

    interfaces: tuple[Interface, ...] = ()
    """All that it has; which were used is in `Options.interfaces`."""
    node_name: str | None = None
    """The node it is, where the pod was told (downward API, spec.nodeName)."""
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address to probe: of a Service, or one that helps to judge these. One target for each address."""

    ip: Address | None
    """None if the Service has no address."""
    kind: Kind
    services: tuple[str, ...] = ()
    """`namespace/name` of every Service that has this address."""
    nodes: tuple[str, ...] = ()
    """The nodes that have it as an address of their own, whatever its kind."""
    external: bool = False
    """Every Service that has it says by ipMode Proxy that it is a load balancer's outside of the cluster."""
    skipped: str | None = None
    """Why it is not probed; None: it is."""
    skips: Skip | None = None
    """The class of `skipped`; the verdict of a Service's address follows from it."""


class Skip(StrEnum):
    """Why a target is not probed."""

    PENDING = "pending"
    HOSTNAME = "hostname"
    IPV6 = "ipv6"
    """IPv6 is not requested: the command does not, or no interface has a usable link-local address."""
    IPV4 = "ipv4"
    """IPv4 is not requested, by `--family`."""
    NOT_UNICAST = "not-unicast"
    OFF_LINK = "off-link"
    """In no network of this host's interfaces, where only what this host can judge is asked for (`--on-link`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to be put: everything of a who-has but the moment."""

    interface: str
    ip: Address
    sender: Address
    """The ARP sender protocol address; 0.0.0.0 is RFC 5227's ARP Probe."""
    to: Mac | None = None
    """The Ethernet destination; None is broadcast, and the group of `destination` in IPv6."""
    destination: IPv6Address | None = None
    """The IPv6 destination; None is the requested address's solicited-node group (RFC 4291 section 2.7.1), and IPv4."""


@dataclass(frozen=True, slots=True)
class Question:
    """A who-has that was sent."""

    at: float
    interface: str
    round: int
    ip: Address
    sender: Address
    to: Mac | None
    destination: IPv6Address | None = None
    """As `Request.destination`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An ARP reply that answers one of our questions. Every one that comes is kept."""

    at: float
    """With three digits, like `after`, so that what is saved is all that was known."""
    interface: str
    round: int
    """The round of the last question for its address that was sent before it and could have brought it."""
    ip: Address
    """ARP sender protocol address: the address of the request."""
    sender: Address
    """ARP target protocol address: the sender of our question."""
    to: Mac | None
    """The destination of that question; None: it was broadcast."""
    mac: Mac
    """ARP sender hardware address: the responder."""
    source: Mac
    """Ethernet source. Differs from `mac` if a station replies on behalf of another."""
    after: float
    """Milliseconds since that question."""
    destination: IPv6Address | None = None
    """The IPv6 destination of that question; None: the solicited-node group, or IPv4."""
    source_ip: IPv6Address | None = None
    """The IPv6 source of a Neighbor Advertisement: the requested address, or another of the responder."""
    flags: int | None = None
    """The flags of a Neighbor Advertisement (RFC 4861 section 4.4): router 0x80, solicited 0x40, override 0x20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Frames that this host's kernel dropped before they could be read (packet(7), PACKET_STATISTICS)."""

    interface: str
    rounds: tuple[int, ...]
    """Every round that may have been waiting for them."""
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """Replies to one target that were counted but not kept, because there were too many MACs or repeats."""

    ip: Address
    replies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gratuitous:
    """Announcements of an asked address by one MAC: an ARP request or reply whose sender address is its target address
    (RFC 5944 section 4.6), or a broadcast reply that belongs to none of our requests. Hosts that receive it may put this MAC
    into its cache, whether or not that MAC ever answers."""

    at: float
    """Of the first."""
    interface: str
    ip: Address
    mac: Mac
    """ARP sender hardware address: what the caches learn."""
    source: Mac
    """Ethernet source of the first."""
    frames: int


class PassReason(StrEnum):
    """Why a frame that names a probed address as its sender was not counted as a reply."""

    VLAN = "vlan"
    """It is tagged: of another VLAN than the interface's."""
    TUNNEL = "tunnel"
    """It was recorded within another frame (VXLAN, Geneve, GRE)."""
    OTHER_INTERFACE = "other-interface"
    """Received for another interface of this host: a packet socket also receives frames of a VLAN, a bond or a bridge."""
    OTHER_HOST = "other-host"
    """It was sent to another host's MAC, or answers another's question."""
    OWN_MAC = "own-mac"
    """It carries this interface's own MAC as its sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Frames that name a probed address as their sender and were not counted as replies."""

    interface: str
    """The probing host's, as it was asked on."""
    ip: Address
    mac: Mac
    """ARP sender hardware address."""
    reason: PassReason
    vlan: int | None = None
    """The VLAN that it was tagged with, 1 to 4095; None where it was not, and live, where the kernel has taken it away."""
    frames: int
