"""A scene as data: the network, its announcers, the objects of the API, the prober, and the expected report.

`scene_file` reads a scene from TOML, `network` builds it on the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any

from arpcheck.model import Address, AlsoId, Arp, CauseId, Mac, ReasonId, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeEvent:
    """What MetalLB says of a Service: by its speakers `nodeAssigned`, or whatever `reason` and `message` are."""

    node: str
    """Empty where it is a message of its own that names none."""
    age: float
    """Seconds since it was last seen."""
    protocol: str = "layer2"
    reason: str = "nodeAssigned"
    message: str | None = None
    """None: the one that MetalLB writes for `nodeAssigned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeEndpoint:
    """An endpoint of a Service in its EndpointSlice."""

    node: str | None
    """None: of no node, as people write them by hand and as Cilium writes that of a Gateway."""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    address: str | None = None
    """None: one of the pods' network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeService:
    namespace: str
    name: str
    type: str = "LoadBalancer"
    cluster_ip: str = "None"
    ips: tuple[str, ...] = ()
    """IPv4 or IPv6, in status.loadBalancer.ingress."""
    hostnames: tuple[str, ...] = ()
    ip_mode: str = "VIP"
    external_ips: tuple[Address, ...] = ()
    load_balancer_class: str | None = None
    traffic_policy: str = "Cluster"
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    l2_status: tuple[str, ...] = ()
    """The nodes that a ServiceL2Status names."""
    advertised: str = "layer2"
    """How MetalLB advertises its pool: `layer2`, `bgp` or `none`."""
    events: tuple[KubeEvent, ...] = ()
    endpoints: tuple[KubeEndpoint, ...] | None = None
    """Empty: it has no EndpointSlice; None: nothing is said, and where no Service says anything there are none at all."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeNode:
    name: str
    addresses: tuple[str, ...]
    ready: bool | None = True
    """None: the object has no such condition."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    kube_proxy_age: float = 86400.0
    """Seconds since its kube-proxy pod started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeLease:
    namespace: str
    name: str
    holder: str
    renewed: float
    """Seconds ago."""
    duration: int = 15
    acquired: float = 60 * 86400.0
    """Seconds since its holder took it."""
    renews: float | None = None
    """Seconds from one renewal to the next while the scene runs on the kernel; None: it stays as it was read first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeProxyConfig:
    """The kubeadm ConfigMap, DaemonSet and pods."""

    mode: str
    strict_arp: bool | None
    """None: there is no such line."""
    text: str | None = None
    """The whole of `config.conf`, instead of what the two above give."""
    edited: float = 30 * 86400.0
    """Seconds since it was last changed."""
    restarted: float | None = None
    """Seconds since a restart of the DaemonSet was asked for; None: it never was."""


class Product(StrEnum):
    """A load balancer that runs a pod on every node."""

    METALLB = "metallb"
    CILIUM = "cilium"
    KUBE_VIP = "kube-vip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The DaemonSet of a load balancer and its pods."""

    product: Product
    version: str
    """The tag of its image."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    """The data of ConfigMap cilium-config; empty: there is none."""
    nodes: tuple[str, ...] = ()
    """Where its pods run; empty: on every node."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """By node, why the container does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the API server shows."""

    version: str
    nodes: tuple[KubeNode, ...]
    services: tuple[KubeService, ...]
    """`default/kubernetes` and `kube-system/kube-dns` first."""
    leases: tuple[KubeLease, ...] = ()
    kube_proxy: KubeProxyConfig | None = None
    """None: no such objects, as in k3s."""
    objects: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Further objects, word for word, by the resource as kubectl names it."""
    agents: tuple[Agents, ...] = ()
    refused: tuple[str, ...] = ()
    """Resources that the prober may not read."""


# ----------------------------------------------------------------------------------------------------------------- The scene

SYSCTLS = ("arp_announce", "arp_filter", "arp_ignore", "forwarding", "proxy_arp", "rp_filter")
"""Those of net.ipv4.conf that decide who answers ARP. All are written in every namespace: a new one inherits from the
machine (net.core.devconf_inherit_init_net)."""

SYSCTLS6 = ("forwarding", "proxy_ndp")
"""Those of net.ipv6.conf that decide who answers neighbour solicitations."""

IPVS_MAC = Mac("02:0e:00:00:00:00")
"""The same on every node here, so that two runs are alike; no frame ever carries it."""


class Ipvs(StrEnum):
    """A node whose kube-proxy is in IPVS mode: every Service address is local on it."""

    STRICT = "strict"
    """strictARP: arp_ignore=1, arp_announce=2 for all interfaces."""
    NON_STRICT = "non-strict"


class Shape(StrEnum):
    """What an announcer sends; all but the first are faults that a prober must not fall for."""

    REPLY = "reply"
    TO_BROADCAST = "to-broadcast"
    """A right reply, but to everybody."""
    TRUNCATED = "truncated"
    WRONG_OPERATION = "wrong-operation"
    WRONG_HARDWARE = "wrong-hardware"
    OTHER_ADDRESS = "other-address"
    """It speaks of an address that was not asked."""
    FOREIGN_TARGET = "foreign-target"
    """It is addressed to us as a frame and to another host as a reply."""
    TAGGED = "tagged"
    """A right reply in VLAN 100, which nobody here is in."""
    ANNOUNCEMENT = "announcement"
    """In place of an answer a gratuitous request to everybody, as kube-vip and keepalived send them."""


class Feature(StrEnum):
    """What not every kernel has. The words are those of `ip link add … type`, where there is one."""

    DUMMY = "dummy"
    IPVS = "ip_vs"
    NETEM = "netem"
    VLAN = "vlan"
    BOND = "bond"
    BRIDGE = "bridge"
    MACVLAN = "macvlan"
    IPVLAN = "ipvlan"
    VRF = "vrf"
    VXLAN = "vxlan"


class Lower(StrEnum):
    """How an interface stands on others."""

    PARENT = "parent"
    """A VLAN, a macvlan, an ipvlan: its frames are some of the parent's."""
    DEVICE = "device"
    """A VXLAN: its frames travel inside packets of the other interface's network."""
    PORTS = "ports"
    """A bond, a bridge, a VRF: the others are its ports."""


LOWERS: Mapping[Feature, Lower] = {
    Feature.VLAN: Lower.PARENT,
    Feature.MACVLAN: Lower.PARENT,
    Feature.IPVLAN: Lower.PARENT,
    Feature.VXLAN: Lower.DEVICE,
    Feature.BOND: Lower.PORTS,
    Feature.BRIDGE: Lower.PORTS,
    Feature.VRF: Lower.PORTS,
}
"""The kinds of `SceneNic.link`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneNic:
    name: str
    lan: str
    mac: Mac
    addresses: tuple[IPv4Interface, ...] = ()
    sysctl: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv4.conf.NIC.*`."""
    ipv6: bool = False
    """Its LAN has IPv6, and it too."""
    addresses6: tuple[IPv6Interface, ...] = ()
    """Beside its link-local address."""
    sysctl6: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv6.conf.NIC.*`."""
    proxied: tuple[IPv6Address, ...] = ()
    """For which it has an entry of proxy neighbour discovery."""
    dadfailed: tuple[IPv6Address, ...] = ()
    """Which it has, and which another station had when they were added: the kernel does not use them."""
    broadcasts: bool = True
    """Its port of the switch sends broadcasts to it; storm control or a private VLAN may not."""
    on: tuple[str, ...] = ()
    """The NICs below it; empty: it has a cable to the switch."""
    link: str = ""
    """What follows `type` in the command of iproute2 that makes it; empty where it has a cable."""
    netem: str = ""
    """What its cable does to frames, in both directions, as `tc qdisc add … netem` writes it."""

    @property
    def feature(self) -> Feature | None:
        """Its kind; None: it has a cable."""
        return Feature(self.link.split()[0]) if self.link else None

    @property
    def lower(self) -> Lower | None:
        return LOWERS[self.feature] if self.feature else None

    @property
    def link_local(self) -> IPv6Address:
        """As the kernel makes it of the MAC address (RFC 4291 appendix A)."""
        octets = self.mac.to_bytes()
        return IPv6Address(b"\xfe\x80" + bytes(6) + bytes((octets[0] ^ 2,)) + octets[1:3] + b"\xff\xfe" + octets[3:])

    @property
    def own6(self) -> frozenset[IPv6Address]:
        """All its IPv6 addresses."""
        return frozenset((self.link_local, *(address.ip for address in self.addresses6))) if self.ipv6 else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    to: IPv4Network
    nic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A host on the LANs: one network namespace."""

    name: str
    nics: tuple[SceneNic, ...]
    sysctl: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv4.conf.all.*`."""
    held: tuple[IPv4Address, ...] = ()
    """What is bound to its kube-ipvs0; the device is there where this or `held6` is not empty."""
    routes: tuple[Route, ...] = ()
    sysctl6: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv6.conf.all.*`."""
    held6: tuple[IPv6Address, ...] = ()
    """The same in IPv6: the kernel answers for none of them."""

    def effective(self, key: str, nic: SceneNic) -> int:
        """The larger of `all` and the interface: what the kernel uses for every key of `SYSCTLS` (for a flag it is an
        OR; include/linux/inetdevice.h, IN_DEV_MAXCONF and IN_DEV_ORCONF)."""
        return max(self.sysctl.get(key, 0), nic.sysctl.get(key, 0))

    def effective6(self, key: str, nic: SceneNic) -> int:
        """The same for the keys of `SYSCTLS6`."""
        return max(self.sysctl6.get(key, 0), nic.sysctl6.get(key, 0))

    @property
    def own(self) -> frozenset[IPv4Address]:
        """The addresses of its NICs."""
        return frozenset(address.ip for nic in self.nics for address in nic.addresses)


class AnnouncerKind(StrEnum):
    """As what an announcer answers in IPv6; in ARP they are alike."""

    METALLB = "metallb"
    """A raw ICMPv6 socket: whoever it answers, its kernel must know or find first."""
    CILIUM = "cilium"
    """A program in the kernel that turns the solicitation round."""
    NDPPD = "ndppd"
    """A proxy with a `static` rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """A process on a station that answers for what its kernel does not own, as MetalLB's speaker does."""

    station: str
    ips: tuple[Address, ...] = ()
    """Empty: it answers for everything."""
    nics: tuple[str, ...] = ()
    """Empty: all of the station."""
    mac: Mac | None = None
    """The ARP and Ethernet sender; None: that of the NIC that was asked."""
    source: Mac | None = None
    """The Ethernet sender where it is another: it answers in the name of `mac`, and hears nothing that is for `mac`."""
    delay: float = 0.0
    """Seconds; for one that answers everything the longest of many (a Linux proxy takes up to 0.8)."""
    probes: bool = True
    """It answers a sender of 0.0.0.0 too."""
    broadcasts: bool = True
    """It receives broadcasts; a NIC without promiscuous mode or behind a filter may not (metallb#253)."""
    shape: Shape = Shape.REPLY
    from_question: int = 1
    until_question: int | None = None
    """Counted for each address and NIC, from 1, broadcast questions only: a failover between rounds, whatever the time."""
    from_seconds: float = 0.0
    until_seconds: float | None = None
    """Since the first question for the address."""
    kind: AnnouncerKind = AnnouncerKind.METALLB
    lost_group: bool = False
    """As MetalLB's responder after its NIC was down for long: it is in no solicited-node group any more."""

    @property
    def ips4(self) -> tuple[IPv4Address, ...] | None:
        """Empty: everything; None: it answers no ARP."""
        return tuple(ip for ip in self.ips if isinstance(ip, IPv4Address)) or (None if self.ips else ())

    @property
    def ips6(self) -> tuple[IPv6Address, ...] | None:
        """Empty: everything; None: it answers no neighbour solicitation."""
        return tuple(ip for ip in self.ips if isinstance(ip, IPv6Address)) or (None if self.ips else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    station: str
    interfaces: tuple[str, ...] = ("eth0",)
    options: tuple[str, ...] = ()
    """Further options of `arpcheck probe`."""
    mac_list: str | None = None
    """What is in the file of its `--mac-map`; None: it has none."""
    accepted: str | None = None
    """What is in the file of its `--accept`; None: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedResponder:
    """A responder that must come out. `station` is its name in the scene, with a `?` before it where the report can't or
    must not name a node."""

    station: str
    rounds: tuple[int, ...] | None = None
    """None: whatever they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the report must say, and nothing else."""

    exit_code: int
    verdicts: Mapping[str, Verdict]
    """Of every target of a Service: by address, or by `namespace/name` where the Service has none."""
    responders: Mapping[str, tuple[ExpectedResponder, ...]]
    """By address. A target of a Service that is not named here has none; others are looked at where they are named."""
    arp: Mapping[str, Arp]
    """Of every node."""
    findings: tuple[str, ...]
    """Their ids, sorted."""
    gaps: tuple[str, ...]
    """`what` of each, sorted."""
    also: Mapping[str, tuple[AlsoId, ...]] = field(default_factory=dict)
    """By address, what else holds of it, sorted; of an address that is not named: whatever it is."""
    reasons: Mapping[str, ReasonId | None] = field(default_factory=dict)
    """By address, the first reason; None where there must be none; of an address that is not named: whatever it is."""
    causes: Mapping[CauseId, str] | None = None
    """Likely causes by their id, all of them, each with words that it has; None: whatever they are."""
    by_chance: tuple[int, ...] = ()
    """Exit codes, sorted, of a scene in which chance decides, as with lost frames: it is one of these, and of verdicts and
    nodes only those that are named are looked at. Empty: chance decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What changes while the scene runs."""

    after: float
    """Seconds since the first question of all."""
    station: str
    sysctl: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv4.conf.all.*`, as kube-proxy writes them at its start."""
    sysctl6: Mapping[str, int] = field(default_factory=dict)
    """`net.ipv6.conf.all.*`, as a network plug-in writes them at its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Lan:
    """What a LAN with IPv6 has more."""

    network: IPv6Network
    mld_snooping: bool = False
    """Its switch, itself the querier, sends what is for a group only to those that joined it."""
    suppressed: Mapping[IPv6Address, str] = field(default_factory=dict)
    """Its switch answers for these addresses with the MAC of these stations (neigh_suppress, as in EVPN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    name: str
    title: str
    about: str
    lans: Mapping[str, IPv4Network]
    stations: tuple[Station, ...]
    announcers: tuple[Announcer, ...]
    cluster: Cluster
    prober: Prober
    expect: Expectation | None
    """None: it is only looked at."""
    then: tuple[Step, ...] = ()
    lans6: Mapping[str, Ipv6Lan] = field(default_factory=dict)
    """Of `lans` those that have IPv6."""
    needs: tuple[Feature, ...] = ()
    """What the kernel must have, sorted."""

    def station(self, name: str) -> Station:
        """A station that is not there is a KeyError."""
        return {station.name: station for station in self.stations}[name]
