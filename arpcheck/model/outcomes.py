"""What a verdict, a node's state or a finding comes to, the exit code that follows from it, and why an address has its
verdict, as the cluster's objects and the wire explain it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


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

    @property
    def is_problem(self) -> bool:
        """A fault or a doubt."""
        match self:
            case Outcome.FAULT | Outcome.UNSURE:
                return True
            case Outcome.FINE | Outcome.NOT_JUDGED:
                return False
            case _:
                assert_never(self)

    @property
    def place(self) -> int:
        """In a list for people: what is wrong first, and what was not judged before what is fine."""
        return _PLACES.index(self)


_GRAVITY = (Outcome.FAULT, Outcome.UNSURE, Outcome.FINE, Outcome.NOT_JUDGED)
_PLACES = (Outcome.FAULT, Outcome.UNSURE, Outcome.NOT_JUDGED, Outcome.FINE)


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
    IPV6_ALONE = "ipv6-alone"
    """It replied in IPv6, and none of its IPv4 addresses could be requested here: strict ARP is in question for none."""
    UNREACHED = "unreached"
    UNKNOWN = "unknown"

    @property
    def outcome(self) -> Outcome:
        """Of the node alone. Whether an unreached node makes the whole run inconclusive depends on the run."""
        match self:
            case Arp.NON_STRICT:
                return Outcome.FAULT
            case Arp.SELF | Arp.UNKNOWN:
                return Outcome.UNSURE
            case Arp.QUIET:
                return Outcome.FINE
            case Arp.UNREACHED | Arp.IPV6_ALONE:
                return Outcome.NOT_JUDGED
            case _:
                assert_never(self)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


# ----------------------------------------------------------------------------------------------------------------- Reasons


class ReasonId(StrEnum):
    """The order is that of the documentation. The text of each is in `judge.reasons`."""

    NO_ADVERTISEMENT = "no-advertisement"
    """No object of the load balancer's configuration announces the address at layer 2."""
    NO_NODE_MAY_ANNOUNCE = "no-node-may-announce"
    """Every node is excluded, by its labels, its conditions or selectors."""
    NO_READY_ENDPOINT = "no-ready-endpoint"
    """The Service has no endpoint that takes traffic."""
    NO_LOCAL_ENDPOINT = "no-local-endpoint"
    """externalTrafficPolicy is Local, and no node that may announce has an endpoint."""
    INVALID_CONFIGURATION = "invalid-configuration"
    """The load balancer rejected its configuration and uses an older one, or none."""
    ANNOUNCER_NOT_RUNNING = "announcer-not-running"
    """The pod that announces is not ready on the node, or on none."""
    INTERFACE_MISMATCH = "interface-mismatch"
    """The configuration names interfaces that the node does not have, or not on this segment."""
    CLASS_NOT_SERVED = "class-not-served"
    """No load balancer here serves the loadBalancerClass of the Service."""
    ANNOUNCE_FAILED = "announce-failed"
    """The load balancer says in an event that it could not announce the address."""
    NO_RECORD = "no-record"
    """The load balancer keeps a record for each address that it announces, and none for this one."""
    RECORD_BEHIND = "record-behind"
    """The record names a node that no longer announces, or is older than the change."""
    NODE_DOWN = "node-down"
    """The node that the record names is not Ready or not in the cluster."""
    ANNOUNCED_BY_BGP = "announced-by-bgp"
    """The load balancer announces it by BGP alone."""
    ARP_DISABLED = "arp-disabled"
    """The load balancer runs with its layer-2 mode off."""
    FAMILY_NOT_ANNOUNCED = "family-not-announced"
    """The load balancer announces no address of this IP family."""
    SERVICE_IGNORED = "service-ignored"
    """The Service tells the load balancer to leave it alone."""
    OWNED_BY_NO_NODE = "owned-by-no-node"
    """The load balancer gives out only addresses of nodes, and no node has this one."""
    TWO_ANNOUNCERS = "two-announcers"
    """Two load balancers, or two elections of one, announce the address."""
    LEFT_ON_INTERFACE = "left-on-interface"
    """An interface of a node that announced it before still has the address."""
    BROADCAST_FILTERED = "broadcast-filtered"
    """The announcer replies to a unicast request and not to a broadcast."""
    MULTICAST_FILTERED = "multicast-filtered"
    """A node replies to requests to all nodes or to it alone, and not to those to the address's own group (IPv6)."""
    DADFAILED_LIKELY = "dadfailed-likely"
    """The announcer has the IPv6 address on an interface, as a duplicate that its kernel does not use."""
    ANNOUNCER_MUTE = "announcer-mute"
    """The announcer replies for its own address, and for this one not even to a unicast request."""
    SENDER_FILTERED = "sender-filtered"
    """The announcer replies to one sender address and not to another."""
    NO_POOL = "no-pool"
    """The Service has no address, and no pool of the load balancer is for it."""
    POOL_EXHAUSTED = "pool-exhausted"
    """The Service has no address, and the pools that are for it have no free one."""
    REQUEST_NOT_MET = "request-not-met"
    """The Service asks for an address or a pool that it cannot have."""
    ALLOCATION_FAILED = "allocation-failed"
    """The load balancer says that it could not give the Service an address."""
    ALLOCATOR_NOT_RUNNING = "allocator-not-running"
    """The Service has no address, and the pod that gives out addresses is not ready."""
    UNEXPLAINED = "unexplained"
    """Nothing that was read explains it."""


class Certainty(StrEnum):
    """How sure it is that the reason explains the verdict; the surest comes first."""

    SURE = "sure"
    """By the load balancer's own rules nobody, or somebody else, announces the address."""
    LIKELY = "likely"
    """It explains the verdict, and something else could as well."""
    POSSIBLE = "possible"
    """It is odd and may have to do with it."""

    @property
    def rank(self) -> int:
        match self:
            case Certainty.SURE:
                return 0
            case Certainty.LIKELY:
                return 1
            case Certainty.POSSIBLE:
                return 2
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    id: ReasonId
    subject: str
    """The object that it is about: `L2Advertisement metallb-system/l2`, `Service web/nginx`, `Node worker-1`."""
    evidence: str
    """What was read of it, as a clause: "selects no pool of this address"."""
    certainty: Certainty
    nodes: tuple[str, ...] = ()
    """The nodes that it concerns."""
    implementation: str | None = None
    """The load balancer that it is of; None: of the wire or of Kubernetes itself."""
    do: str = ""
    """The cure for that load balancer, from the table in `judge.reasons`; empty until the address is judged."""
