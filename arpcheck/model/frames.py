"""The probing host, its targets, and the ARP frames that it sent and received.

Times are milliseconds since the run began. `None` means that something was not observed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from arpcheck.model.mac_addresses import Address, Mac


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
    up: bool = True
    arp_ignore: int | None = None
    """max(conf/all, conf/NAME), which is what the kernel uses (include/linux/inetdevice.h, IN_DEV_MAXCONF)."""
    arp_announce: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """An entry of this host's own ARP table after the run."""

    ip: IPv4Address
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
    """None if the Service has no address; IPv6 is listed but not probed."""
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
    NOT_UNICAST = "not-unicast"
    OFF_LINK = "off-link"
    """In no network of this host's interfaces, where only what this host can judge is asked for (`--on-link`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to be put: everything of a who-has but the moment."""

    interface: str
    ip: IPv4Address
    sender: IPv4Address
    """The ARP sender protocol address; 0.0.0.0 is RFC 5227's ARP Probe."""
    to: Mac | None = None
    """The Ethernet destination; None is broadcast."""
    destination: IPv6Address | None = None
    """The IPv6 destination of a solicitation; None is the target's solicited-node group."""


@dataclass(frozen=True, slots=True)
class Question:
    """A who-has that was sent."""

    at: float
    interface: str
    round: int
    ip: IPv4Address
    sender: IPv4Address
    to: Mac | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An ARP reply that answers one of our questions. Every one that comes is kept."""

    at: float
    """With three digits, like `after`, so that what is saved is all that was known."""
    interface: str
    round: int
    """The round of the last question for its address that was sent before it and could have brought it."""
    ip: IPv4Address
    """ARP sender protocol address: the address of the request."""
    sender: IPv4Address
    """ARP target protocol address: the sender of our question."""
    to: Mac | None
    """The destination of that question; None: it was broadcast."""
    mac: Mac
    """ARP sender hardware address: the responder."""
    source: Mac
    """Ethernet source. Differs from `mac` if a station replies on behalf of another."""
    after: float
    """Milliseconds since that question."""


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

    ip: IPv4Address
    replies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gratuitous:
    """Announcements of an asked address by one MAC: an ARP request or reply whose sender address is its target address
    (RFC 5944 section 4.6), or a broadcast reply that belongs to none of our requests. Hosts that receive it may put this MAC
    into its cache, whether or not that MAC ever answers."""

    at: float
    """Of the first."""
    interface: str
    ip: IPv4Address
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
    ip: IPv4Address
    mac: Mac
    """ARP sender hardware address."""
    reason: PassReason
    vlan: int | None = None
    """The VLAN that it was tagged with, 1 to 4095; None where it was not, and live, where the kernel has taken it away."""
    frames: int
