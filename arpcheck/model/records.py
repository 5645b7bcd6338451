"""What the cluster records: the resources to read, the announcer of an address, and kube-proxy on a node.

Times are aware datetimes in UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from arpcheck.model.mac_addresses import Mac


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A resource that a plug-in or a stage reads: read once for all of them, and a line of the ClusterRole."""

    resource: str
    """As kubectl names it, plural and group: `services`, `leases.coordination.k8s.io`."""
    costs: str
    """What is not known where it can't be read, as the end of the sentence "without it …"."""
    verb: str = "list"
    """`list`, or `get` if only `names` are read, which then are not patterns."""
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
    apart: bool = False
    """Only for one namespace of a product: where it can't be read, all else of the resource is known."""

    @property
    def what(self) -> str:
        """What a gap is called where it can't be read."""
        return f"{self.resource} in {self.namespace}" if self.apart else self.resource


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that could not be read or probed. A resource that the server does not serve is not a gap."""

    what: str
    """The resource as kubectl names it (`pods`, `leases.coordination.k8s.io`), or what was not probed."""
    why: str
    """`forbidden`, `timed out`, `not in the file`, …"""
    costs: str
    """What the report can't say because of it."""


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
    absent: bool = False
    """It is not current only because its node is neither Ready nor was received."""
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
    """Why nobody should reply for the address (announced only by BGP); None: a node should."""
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
    on_interface: bool = False
    """The announcing node has the address on an interface, where the kernel replies for it, and where an IPv6 address is
    checked for duplicates first (kube-vip, PureLB)."""
    or_inside: bool = False
    """It may as well run on nodes of this cluster, which then announce: only who answers tells."""
    macs: tuple[tuple[Mac, str], ...] = ()
    """MAC addresses that the Service names and that do not belong to a node, with the reason (kube-vip's hwaddr)."""
    macs_unread: bool = False
    """What would name such MACs could not be read."""
    unread: tuple[str, ...] = ()
    """Resources that could not be read and might have said who announces, or that nobody should."""
    announcer_not_in_file: tuple[str, ...] = ()
    """Resources that a file may lack because nobody asked for them, and that might have said who announces."""
    silence_not_in_file: tuple[str, ...] = ()
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
