"""The nouns, all frozen: what is asked, what was heard, who is behind it, and what follows.

Knows nothing of sockets, the API, files or the clock. `None` means "not observed" and nothing else. Times on the wire
are milliseconds since the run began; times of the world are aware datetimes in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, assert_never

Address = IPv4Address | IPv6Address

_MAC = re.compile(r"([0-9a-fA-F]{1,2})[:-]" * 5 + r"([0-9a-fA-F]{1,2})")
_DOTTED = re.compile(r"([0-9a-fA-F]{4})\.([0-9a-fA-F]{4})\.([0-9a-fA-F]{4})")


class Mac(str):
    """A 48-bit MAC as lower-case colon text, so that it sorts by number and is its own JSON form.

    `Mac("0:0:C0:A:77:23")`, dashes and Cisco's dotted form are read too; anything else is a ValueError."""

    __slots__ = ()

    def __new__(cls, text: str) -> Mac:
        if match := _MAC.fullmatch(text):
            return super().__new__(cls, ":".join(octet.lower().zfill(2) for octet in match.groups()))
        if match := _DOTTED.fullmatch(text):
            digits = "".join(match.groups()).lower()
            return super().__new__(cls, ":".join(digits[i : i + 2] for i in range(0, 12, 2)))
        raise ValueError(f"not a MAC address: {text!r}")

    @classmethod
    def from_bytes(cls, octets: bytes) -> Mac:
        """`octets`: exactly six."""
        if len(octets) != 6:
            raise ValueError(f"a MAC address has 6 octets, not {len(octets)}")
        return super().__new__(cls, octets.hex(":"))

    def to_bytes(self) -> bytes:
        return bytes.fromhex(self.replace(":", ""))

    @property
    def is_group(self) -> bool:
        """Multicast or broadcast (IEEE 802, the I/G bit): never the address of one station."""
        return bool(int(self[:2], 16) & 1)

    @property
    def is_local(self) -> bool:
        """Locally administered (IEEE 802, the U/L bit): carries no vendor."""
        return bool(int(self[:2], 16) & 2)


class Kind(StrEnum):
    """What a target is; the first that fits, in this order."""

    LOAD_BALANCER = "load-balancer"
    EXTERNAL_IP = "external-ip"
    EXTRA = "extra"
    CANARY = "canary"
    CONTROL = "control"
    NODE = "node"


class Outcome(StrEnum):
    """What a verdict, a node's state or a finding comes to for whoever has to decide: the exit code, a comparison, a
    colour, a metric. Each of them has exactly one."""

    FAULT = "fault"
    """Proven to be wrong."""
    UNSURE = "unsure"
    """Could be wrong; what was seen does not decide it."""
    FINE = "fine"
    NOT_JUDGED = "not-judged"
    """Nothing was said about it. Where everything starts, and never a reason for exit code 0."""

    @staticmethod
    def worst(outcomes: Iterable[Outcome]) -> Outcome:
        """The gravest; NOT_JUDGED where there is none, or nothing else."""
        return min(outcomes, key=_GRAVITY.index, default=Outcome.NOT_JUDGED)

    @property
    def exit_code(self) -> int:
        """0 only for FINE."""
        match self:
            case Outcome.FAULT:
                return 1
            case Outcome.UNSURE | Outcome.NOT_JUDGED:
                return 3
            case Outcome.FINE:
                return 0
            case _:
                assert_never(self)


_GRAVITY = (Outcome.FAULT, Outcome.UNSURE, Outcome.FINE, Outcome.NOT_JUDGED)


class Verdict(StrEnum):
    """What one target came to; the order is that in which the rules are tried."""

    NOT_PROBED = "not-probed"
    PROXY_ARP = "proxy-arp"
    FOREIGN = "foreign"
    NON_STRICT = "non-strict"
    DUPLICATE = "duplicate"
    INCONCLUSIVE = "inconclusive"
    MOVED = "moved"
    WRONG_NODE = "wrong-node"
    SILENT = "silent"
    OK = "ok"

    @property
    def outcome(self) -> Outcome:
        match self:
            case Verdict.PROXY_ARP | Verdict.FOREIGN | Verdict.NON_STRICT | Verdict.DUPLICATE:
                return Outcome.FAULT
            case Verdict.WRONG_NODE | Verdict.SILENT:
                return Outcome.FAULT
            case Verdict.INCONCLUSIVE | Verdict.MOVED:
                return Outcome.UNSURE
            case Verdict.OK:
                return Outcome.FINE
            case Verdict.NOT_PROBED:
                return Outcome.NOT_JUDGED
            case _:
                assert_never(self)


class Arp(StrEnum):
    """How a node's kernel treats Service addresses, as far as this wire shows."""

    NON_STRICT = "non-strict"
    SELF = "self"
    QUIET = "quiet"
    UNREACHED = "unreached"
    UNKNOWN = "unknown"

    @property
    def outcome(self) -> Outcome:
        """Of the node alone. Whether a node that was not heard leaves the whole run in doubt depends on the run."""
        match self:
            case Arp.NON_STRICT:
                return Outcome.FAULT
            case Arp.SELF | Arp.UNKNOWN:
                return Outcome.UNSURE
            case Arp.QUIET:
                return Outcome.FINE
            case Arp.UNREACHED:
                return Outcome.NOT_JUDGED
            case _:
                assert_never(self)


class Trust(StrEnum):
    """How far a claim can be believed. Only a current one can make `wrong-node`; a guess judges nothing."""

    CURRENT = "current"
    STALE = "possibly-stale"
    GUESS = "guess"


class ClaimSource(StrEnum):
    """The kind of record that a claim was read from."""

    LEASE = "lease"
    SERVICE_L2_STATUS = "service-l2-status"
    POD = "pod"
    """The pod that holds the address (Kube-OVN's lb-svc)."""
    SERVICE_LB = "service-lb"
    """A DaemonSet of ServiceLB, or a class of Node IPAM: the node whose own address it is answers."""
    ANNOTATION = "annotation"
    HOST_NAME = "host-name"
    """`status.loadBalancer.ingress[].hostname`."""
    NODE_LABEL = "node-label"
    EVENT = "event"
    NODE_ADDRESS = "node-address"
    """The address is one of the node's own, and no load balancer says so."""
    GUESS = "guess"

    @property
    def rank(self) -> int:
        """0 the strongest. A claim of a lower rank never contradicts one of a higher."""
        match self:
            case ClaimSource.LEASE | ClaimSource.SERVICE_L2_STATUS | ClaimSource.POD | ClaimSource.SERVICE_LB:
                return 0
            case ClaimSource.ANNOTATION | ClaimSource.HOST_NAME | ClaimSource.NODE_LABEL:
                return 1
            case ClaimSource.EVENT:
                return 2
            case ClaimSource.NODE_ADDRESS:
                return 3
            case ClaimSource.GUESS:
                return 4
            case _:
                assert_never(self)

    @property
    def lasts(self) -> bool:
        """It says what a node is, not what a controller decided: no time makes it stale."""
        return self in (ClaimSource.SERVICE_LB, ClaimSource.NODE_ADDRESS)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


# ------------------------------------------------------------------------------------------------ reading the cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A resource that a plug-in or a stage reads: read once for all of them, and a line of the ClusterRole."""

    resource: str
    """As kubectl names it, plural and group: `services`, `leases.coordination.k8s.io`."""
    costs: str
    """What is not known where it can't be read, as the end of the sentence "without it …"."""
    verb: str = "list"
    """`list`, or `get` where only `names` are read, which then are no patterns."""
    namespace: str | None = None
    """The one namespace that is enough; None: all of them, or not namespaced."""
    names: tuple[str, ...] = ()
    """Only objects whose name fits one of these shell patterns are kept; none: all."""
    selector: str = ""
    """A label selector that the server applies; a file's objects are matched by it too (equality only)."""
    field_selector: str = ""
    """A field selector that the server applies; where it refuses it, everything is listed."""
    fields: tuple[str, ...] = ()
    """The fields that are used, all else is dropped at once: keys from the top separated by blanks, each a shell
    pattern, lists looked through (`metadata annotations metallb.io/*`), and of `env@NAME` only entries of that name.
    apiVersion, kind, and metadata's name,
    namespace, uid and creationTimestamp are always kept."""
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Rewrites an object before all but `fields` is dropped, where a field says something only together with one that must
    not be kept (a command line and the environment that it refers to). Pure, never raises."""
    mounted: bool = False
    """Kept only where a volume of a kept DaemonSet or Pod names it (ConfigMaps of kube-proxy). With the verb `get` those
    are the names that are asked for, and `names` are the ones that the rights are given for beforehand."""
    group: str = ""
    """Asked only where the server serves this API group: what of a common kind one product alone makes."""
    optional: bool = False
    """In the second ClusterRole: what optional sources add."""
    record: bool = False
    """It names announcers, which can change at any moment: read once more after the last frame."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that could not be read or asked. A resource that the server does not serve is not installed: no gap."""

    what: str
    """The resource as kubectl names it (`pods`, `leases.coordination.k8s.io`), or what was not asked."""
    why: str
    """`forbidden`, `timed out`, `not in the file`, …"""
    costs: str
    """What the report can't say because of it."""


# ---------------------------------------------------------------------------------------------------------- this host


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


# ----------------------------------------------------------------------------------------------------------- the wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address of a Service, or one that is asked for our own knowledge. One target an address."""

    ip: Address | None
    """None where the Service has no address; IPv6 is listed but not asked."""
    kind: Kind
    services: tuple[str, ...] = ()
    """`namespace/name` of every Service that has this address."""
    nodes: tuple[str, ...] = ()
    """The nodes that have it as an address of their own, whatever its kind."""
    external: bool = False
    """Every Service that has it says by ipMode Proxy that it is a load balancer's outside of the cluster."""
    skipped: str | None = None
    """Why it is not asked; None: it is asked."""
    skips: Skip | None = None
    """The class of `skipped`; the verdict of a Service's address follows from it."""


class Skip(StrEnum):
    """Why a target is not asked."""

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
    """ARP sender protocol address: the address asked for."""
    sender: IPv4Address
    """ARP target protocol address: the sender of our question."""
    to: Mac | None
    """The destination of that question; None: it was broadcast."""
    mac: Mac
    """ARP sender hardware address: the responder."""
    source: Mac
    """Ethernet source. Differs from `mac` where somebody answers on behalf of another."""
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
    (RFC 5944 section 4.6), or a reply to everybody that answers none of our questions. Whoever hears it may put this MAC
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
    """Why a frame that answers for an asked address, or announces it, was not taken for an answer."""

    VLAN = "vlan"
    """It is tagged: of another VLAN than the interface's."""
    TUNNEL = "tunnel"
    """It was recorded within another frame (VXLAN, Geneve, GRE)."""
    OTHER_INTERFACE = "other-interface"
    """This host received it for another of its interfaces: a packet socket hears a VLAN's, a bond's or a bridge's too."""
    OTHER_HOST = "other-host"
    """It was sent to another host's MAC, or answers another's question."""
    OWN_MAC = "own-mac"
    """It carries this interface's own MAC as its sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Frames that speak for an asked address and were not booked as replies to it."""

    interface: str
    """The probing host's, as it was asked on."""
    ip: IPv4Address
    mac: Mac
    """ARP sender hardware address."""
    reason: PassReason
    vlan: int | None = None
    """The VLAN that it was tagged with, 1 to 4095; None where it was not, and live, where the kernel has taken it away."""
    frames: int


# ------------------------------------------------------------------------------------------------------- who is behind


class SourceRank(IntEnum):
    """How strong a source's word on a MAC is, 1 the strongest."""

    OWN_FILE = 1
    """What the user wrote down for arpcheck."""
    LIVE_HOST = 2
    """The host itself, as it runs: this one, or what the Job of `inventory` printed."""
    PUBLISHED = 3
    """An object or an annotation that the host wrote."""
    WIRE = 4
    """Who answered for a node's own address."""
    OTHER_FILE = 6
    """A file that something else wrote, as old as it is."""


class MacListFormat(StrEnum):
    """The format of a `--mac-map` file, by the name that messages have for it."""

    CSV = "CSV"
    YAML = "YAML"
    JOB = "job"
    ANSIBLE = "Ansible"
    IP_JSON = "ip -j"
    IP_BRIEF = "ip -br link"
    NODE_EXPORTER = "node_exporter"
    NETBOX = "NetBox"
    OBJECTS = "objects"
    """BareMetalHost and HardwareData of metal3, NodeNetworkState of kubernetes-nmstate."""
    ETHERS = "ethers"
    ARP_SCAN = "arp-scan"
    IP_NEIGH = "ip neigh"
    ARP = "arp"
    PROC_NET_ARP = "/proc/net/arp"
    DNSMASQ = "dnsmasq.leases"
    ADDRESS_CSV = "CSV by address"
    """With the column `address` in place of a node's name, as Kea writes its leases."""
    CAPTURE = "capture"
    """Who asked as a node's address, in the frames of `--capture`."""

    @property
    def lists_nics(self) -> bool:
        """It knows a node's NICs, those without an address too. The others saw a MAC at an address or a name, and a MAC
        that is not in them may be a node's all the same."""
        match self:
            case self.CSV | self.YAML | self.JOB | self.ANSIBLE | self.IP_JSON | self.IP_BRIEF:
                return True
            case self.NODE_EXPORTER | self.NETBOX | self.OBJECTS | self.ETHERS:
                return True
            case self.ARP_SCAN | self.IP_NEIGH | self.ARP | self.PROC_NET_ARP:
                return False
            case self.DNSMASQ | self.ADDRESS_CSV | self.CAPTURE:
                return False
            case _:
                assert_never(self)

    @property
    def lists_all(self) -> bool:
        """It knows all NICs of a node, or the user says so: a MAC that it does not have is not this node's. Others leave
        some out: NetBox and metal3 list what was entered or inspected, node_exporter what it was not told to ignore."""
        match self:
            case self.CSV | self.YAML | self.JOB | self.ANSIBLE | self.IP_JSON | self.IP_BRIEF:
                return True
            case self.NODE_EXPORTER | self.NETBOX | self.OBJECTS:
                return False
            case self.ETHERS | self.ARP_SCAN | self.IP_NEIGH | self.ARP | self.PROC_NET_ARP | self.DNSMASQ:
                return False
            case self.ADDRESS_CSV | self.CAPTURE:
                return False
            case _:
                assert_never(self)

    @property
    def rank(self) -> SourceRank:
        match self:
            case self.CSV | self.YAML:
                return SourceRank.OWN_FILE
            case self.JOB:
                return SourceRank.LIVE_HOST
            case self.CAPTURE:
                return SourceRank.WIRE
            case _:
                return SourceRank.OTHER_FILE


Nic = tuple[str, Mac]
"""A MAC on a segment, which is named by one of the prober's interfaces on it: the same MAC on two segments is two NICs."""


class Strength(StrEnum):
    """How well it is known whose a NIC is."""

    LISTED = "listed"
    """By a source that knows the node's NICs."""
    HEARD = "heard"
    """It alone answered for the node's own address."""
    DOUBTFUL = "doubtful"
    """It answered for the node's own address beside another MAC, or two sources contradict each other. Never a fact."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One source's word on whose MAC this is. All are kept; `judge.owners` decides."""

    mac: Mac
    node: str
    source: str
    """The plug-in's NAME: `node-ip`, `self`, `mac-map`."""
    detail: str
    """Where exactly: the address that it answered for, the file and line, the annotation."""
    interface: str | None = None
    """The prober's interface for what was heard, the node's own NIC for what was written down."""
    observed_at: datetime | None = None
    rank: SourceRank = SourceRank.OTHER_FILE
    lists_nics: bool = False
    """The source knows NICs: the MAC is listed, not only heard or seen at an address."""
    lists_all: bool = False
    """And it knows all of the node's NICs: what it does not have is not this node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is known of one NIC."""

    mac: Mac
    node: str | None
    """None: no node's, or not known whose; `outside` tells which."""
    strength: Strength = Strength.NONE
    """Of `node`; NONE where that is None."""
    outside: bool = False
    """No node's: every NIC of every node here is listed, and it is none of them."""
    apart: bool = False
    """Most likely no node's: every node was heard here, it shares no vendor prefix with any node's NIC, and, asked alone
    for every node's address, it answered none. It takes the recorded announcer beside it to prove that."""
    proxied: frozenset[IPv4Address] = frozenset()
    """The senders to whom it answers for what it does not own; what it answers to them proves nothing."""
    label: str = ""
    """What the prefix or the cluster says of it: "VRRP, virtual router 51", "flannel's tunnel on worker-1"."""
    identities: tuple[Identity, ...] = ()
    """Every claim on it, strongest first."""

    @property
    def proxy(self) -> bool:
        return bool(self.proxied)

    @property
    def doubtful(self) -> bool:
        return self.strength is Strength.DOUBTFUL


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the load balancer records about the node that announces an address."""

    node: str
    source: str
    """Kind, namespace and name of the record: `ServiceL2Status metallb-system/l2-7kzqd`."""
    kind: ClaimSource
    trust: Trust
    service: str = ""
    """`namespace/name` of the Service it speaks of; empty where it speaks of the address alone."""
    rank: int = 0
    """Strength within the implementation and its kind, 0 the strongest."""
    observed_at: datetime | None = None
    """When the record was made or renewed; None where it carries no time."""
    since: datetime | None = None
    """Since when this node has held it without a break; None where the record does not say it."""
    until: datetime | None = None
    """When it ends by itself if nobody renews it; None: never."""
    tenure: str = ""
    """What is the same as long as nobody else held it in between: a Lease's acquireTime, an object's uid."""
    clock_doubt: bool = False
    """It is not current only because its time can't be believed: it lies in the future, or every Lease has expired."""
    placed: bool = True
    """It is where its implementation writes such records. False: where that is could not be seen, so it accuses nobody and
    is no reason to believe that nothing is recorded."""
    node_known: bool | None = None
    """The cluster has that node; None: the Nodes could not be read, or nobody has looked."""
    node_ready: bool | None = None
    """That node is Ready; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What one implementation says of one address of one Service."""

    implementation: str | None
    """NAME of the plug-in, or the name that its table gives; None: no load balancer, the address is a node's own."""
    because: str
    """How it was recognised: "annotation metallb.io/ip-allocated-from-pool"."""
    order: int
    """The decision order among implementations, the lowest wins: 2 the address is a node's own and a load balancer gives
    out such, 3 loadBalancerClass, 4 annotation, 5 a record of an announcer, 6 nothing but the node's own address."""
    claims: tuple[Claim, ...] = ()
    silence: str | None = None
    """Why nobody should answer ARP for it (announced by BGP only); None: somebody should."""
    held_everywhere: str | None = None
    """What of the implementation's own configuration says that it puts the address on an interface of every node (a dummy
    one, lo) and BGP announces it; None: nothing says it."""
    by_bgp: str | None = None
    """What of the configuration says that BGP announces it and nothing announces it at layer 2; None: nothing says it."""
    external: bool = False
    """The load balancer is outside of the cluster, or nobody here serves its class: no node is supposed to announce."""
    answers_once: bool = False
    """One NIC of its announcer answers a question once, whatever its kernel holds: the kernel itself answers (kube-vip,
    PureLB, ServiceLB), or an eBPF program takes the question away from it (Cilium). False: a process may answer beside the
    kernel (MetalLB's speaker, OpenELB's manager), or it is not known."""
    or_inside: bool = False
    """It may as well run on nodes of this cluster, which then announce: only who answers tells."""
    macs: tuple[tuple[Mac, str], ...] = ()
    """MACs that the Service itself names and that are no node's, each with its reason (kube-vip's hwaddr)."""
    macs_unread: bool = False
    """What would name such MACs could not be read."""
    notes: tuple[str, ...] = ()
    """What the reader of the reason should know: "announceFailed: …", why nothing is recorded."""
    unread: tuple[str, ...] = ()
    """Resources that could not be read and might have said who announces, or that nobody should."""
    unsaid_announcer: tuple[str, ...] = ()
    """Resources that a file may lack because nobody asked for them, and that might have said who announces."""
    unsaid_silence: tuple[str, ...] = ()
    """The same of those that might have said that nobody should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeProxy:
    """Kube-proxy on one node, as the cluster's objects show it; the wire is asked elsewhere."""

    mode: str | None
    strict_arp: bool | None
    source: str | None
    """Where it was read: `configmap kube-system/kube-proxy`, `node annotation k3s.io/node-args`."""
    loaded: bool | None = None
    """True: the running process is known to have this; False: it is older than it; None: nothing shows it."""
    notes: tuple[str, ...] = ()
    """What is odd about it: a misspelt key with its line, flags that are ignored, an older process."""


# ------------------------------------------------------------------------------------------------------- what follows


class Responder(NamedTuple):
    """One owner's answers for one target: the NICs of a node are one responder. A named tuple, since a report has a
    hundred thousand of them."""

    node: str | None
    """None where the owner is unknown or no node."""
    macs: tuple[Mac, ...]
    interfaces: tuple[str, ...]
    """Interfaces of the prober on which it was heard."""
    expected: bool
    """It is the announcer by a current claim."""
    flux: bool
    """Several NICs of the one node answered."""
    rounds: tuple[int, ...]
    replies_per_probe: float
    """Replies per question, over the questions of the rounds in which it answered."""
    first_reply_ms: float
    vendor: str | None
    """Vendor or virtual prefix of a MAC that is no known node's."""
    sources: tuple[Mac, ...] = ()
    """Ethernet sources that differ from the ARP sender hardware address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A fault that its owner knows of: shown like any other, and up to a day not counted.

    It names a verdict and the address or the Service that has it, or a finding and the node or the address it is of."""

    reason: str
    until: date
    """The last day, in UTC."""
    verdict: Verdict | None = None
    finding: str | None = None
    ip: IPv4Address | None = None
    service: str | None = None
    """`namespace/name`."""
    node: str | None = None
    responders: tuple[str, ...] = ()
    """Of a verdict: the MACs and the nodes whose answers are accepted. The address is judged once more without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Why a fault is not counted."""

    reason: str
    until: date


class AlsoId(StrEnum):
    """What else can hold of an address whose verdict says something else."""

    ANNOUNCER_SILENT = "announcer-silent"
    """The node that should answer was heard on this segment, and did not answer for the address."""
    NOBODY_ELSE = "nobody-else"
    """Only kernels without strict ARP answered: once they are quiet, nobody does."""
    OTHER_NODE = "other-node"
    """A node answered that should not, and its kernel is not the reason."""
    STRANGER = "stranger"
    """A MAC answered that is no known node's."""
    GRATUITOUS = "gratuitous"
    """A MAC announced the address by gratuitous ARP and does not answer for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Also:
    """What else is true of an address; the first verdict does not hide it."""

    id: AlsoId
    text: str
    node: str | None = None
    mac: Mac | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How well an address was asked."""

    rounds: int = 0
    """The rounds that count: where a slower one asked again, those before it count only with a reply."""
    lost: int = 0
    """Frames that this host's kernel dropped while it was asked."""
    slowest_rate: float | None = None
    """Frames a second in the slowest of these rounds; None where it was not asked, or a file does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    target: Target
    implementation: str | None
    announcers: tuple[Claim, ...]
    verdict: Verdict | None
    """None for canary, control and node targets."""
    reason: str
    responders: tuple[Responder, ...]
    rounds: tuple[int, ...] = ()
    """The rounds that asked it."""
    accepted: Accepted | None = None
    """None: the verdict counts."""
    also: tuple[Also, ...] = ()
    winner: str | None = None
    """The responder that a client most likely takes, by its node or its MAC; None where nobody replied to a broadcast."""
    confidence: Confidence = Confidence()

    @property
    def outcome(self) -> Outcome:
        """Of the verdict; NOT_JUDGED for what is asked for knowledge alone."""
        return self.verdict.outcome if self.verdict else Outcome.NOT_JUDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMac:
    mac: Mac
    interface: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    name: str
    arp: Arp
    reason: str
    ready: bool | None
    addresses: tuple[IPv4Address, ...]
    macs: tuple[NodeMac, ...]
    kube_proxy: KubeProxy
    accepted: Accepted | None = None
    """None: what `arp` says counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that concerns the whole run, with its remedy. The texts come from the rule's docstring."""

    id: str
    severity: Severity
    outcome: Outcome
    """What it makes of the exit code; FINE where it changes nothing."""
    means: str
    because: tuple[str, ...]
    do: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    ips: tuple[Address, ...] = ()
    accepted: Accepted | None = None
    """None: it counts."""


class CauseId(StrEnum):
    """A line of the table of causes, `arpcheck.kubeproxy.causes`."""

    HEALTHY = "healthy"
    LATENT = "latent"
    STRICT_ARP_UNSET = "strict-arp-unset"
    ROLLOUT_NOT_THERE_YET = "rollout-not-there-yet"
    NOT_RESTARTED = "not-restarted"
    MAYBE_NOT_RESTARTED = "maybe-not-restarted"
    KEY_MISSPELT = "key-misspelt"
    KEY_MISPLACED = "key-misplaced"
    FLAGS_IGNORED = "flags-ignored"
    CONFIGURATION_REFUSED = "configuration-refused"
    RUNS_OTHERWISE = "runs-otherwise"
    INTERFACE_ARP_IGNORE = "interface-arp-ignore"
    SYSCTL_WRITTEN_BACK = "sysctl-written-back"
    MODE_FELL_BACK = "mode-fell-back"
    OLDER_MODE = "older-mode"
    KUBE_PROXY_STOPPED = "kube-proxy-stopped"
    NFTABLES_NOT_STARTED = "nftables-not-started"
    IPVS_LEFTOVERS = "ipvs-leftovers"
    CONFIGURATION_HIDDEN = "configuration-hidden"
    SPLIT_BRAIN = "split-brain"
    HELD_BY_KERNELS = "held-by-kernels"
    REMOVED_NODE = "removed-node"
    STRANGER_ON_CANARY = "stranger-on-canary"
    STRANGER_BESIDE_NODE = "stranger-beside-node"
    STRANGER_ALONE = "stranger-alone"
    ANSWERS_TWICE = "answers-twice"
    NOBODY_ANNOUNCES = "nobody-announces"
    NO_NODE_HEARD = "no-node-heard"
    PROBER_IS_NODE = "prober-is-node"

    @property
    def of_answering(self) -> bool:
        """It says why a node's kernel answers for Service addresses."""
        return self in _OF_ANSWERING


_OF_ANSWERING = frozenset(
    {
        *(CauseId.STRICT_ARP_UNSET, CauseId.ROLLOUT_NOT_THERE_YET, CauseId.NOT_RESTARTED, CauseId.MAYBE_NOT_RESTARTED),
        *(CauseId.KEY_MISSPELT, CauseId.KEY_MISPLACED, CauseId.FLAGS_IGNORED, CauseId.CONFIGURATION_REFUSED),
        *(CauseId.RUNS_OTHERWISE, CauseId.INTERFACE_ARP_IGNORE, CauseId.SYSCTL_WRITTEN_BACK, CauseId.MODE_FELL_BACK),
        CauseId.OLDER_MODE,
        *(CauseId.KUBE_PROXY_STOPPED, CauseId.NFTABLES_NOT_STARTED, CauseId.IPVS_LEFTOVERS),
        CauseId.CONFIGURATION_HIDDEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A likely cause of what was seen, from the table that joins the wire with the configuration."""

    id: CauseId
    text: str
    do: str
    """What decides it, or cures it."""
    nodes: tuple[str, ...] = ()
    """Whom it concerns; empty where it concerns no node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Whether a layer-2 load balancer can be installed; only `arpcheck preflight` asks."""

    safe: bool | None
    """None: it can't be said."""
    words: str
    strict_arp: str
    """The answer of `arpcheck strict-arp status`: `not-needed`, `set`, `not-set`, `not-loaded`, `unknown`."""
    reason: str
    """Why that is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    exit_code: int
    verdicts: Mapping[Verdict, int]
    non_strict_nodes: tuple[str, ...]
    complete: bool
    """Every announced round was finished."""
    because: tuple[str, ...] = ()
    """What made the exit code, in a reader's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The facts of the run, for the engineer who reads the ticket."""

    arpcheck: str
    started_at: datetime
    ended_at: datetime
    interfaces: tuple[Interface, ...]
    context: str | None
    cluster: str | None
    """The server's version: `v1.33.4`."""
    rounds: int
    wait: float
    rate: float
    sender: str
    sent: int
    received: int
    lost: int
    ignored: Mapping[str, int]
    interfaces_because: str | None = None
    """Why these interfaces, where arpcheck chose them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a format renders."""

    summary: Summary
    targets: tuple[TargetReport, ...]
    nodes: tuple[NodeReport, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    run: Run
    causes: tuple[Cause, ...] = ()
    """Likely causes, in the order of their table."""
    preflight: Preflight | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The JSON form of the evidence that all this was concluded from."""

    @property
    def judged(self) -> Outcome:
        """The gravest of the addresses that there are; where there is none, of the nodes. NOT_JUDGED: this run says nothing,
        however quiet it was. Whether the run as a whole is clean is in the summary."""
        addresses = [t.verdict.outcome for t in self.targets if t.verdict and t.target.ip]
        return Outcome.worst(addresses or [node.arp.outcome for node in self.nodes])
