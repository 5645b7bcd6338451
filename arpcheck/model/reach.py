"""Whether a MAC address that answers for an address also takes TCP connections for it (`--reach`).

The tries are what was sent and received; a `ReachRow` is what they come to for one MAC address and port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from arpcheck.model.mac_addresses import Mac


class ReachSignal(StrEnum):
    """What came back for a SYN."""

    SYN_ACK = "syn-ack"
    RST = "rst"
    UNREACHABLE = "unreachable"
    """ICMP type 3, with its code."""
    REDIRECT = "redirect"
    """ICMP type 5: its sender routes the packet and has no rule for it. Not an end."""
    TIME_EXCEEDED = "time-exceeded"
    """ICMP type 11."""
    PARAMETER_PROBLEM = "parameter-problem"
    """ICMP type 12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachReply:
    """A TCP segment or an ICMP message that belongs to a try: by its acknowledgment number, or by the number it quotes."""

    at: float
    """Milliseconds since the run began."""
    signal: ReachSignal
    source: IPv4Address
    port: int | None
    """The source port; None of ICMP."""
    code: int | None
    """Of ICMP; None of TCP."""
    mac: Mac
    """Ethernet source."""
    interface: str
    """The interface of this host that received it."""
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachTry:
    """A SYN that was sent to one MAC address."""

    at: float
    interface: str
    ip: IPv4Address
    port: int
    mac: Mac
    """Ethernet destination."""
    sender: IPv4Address
    sender_port: int
    service: str
    """`namespace/name`."""
    replies: tuple[ReachReply, ...] = ()
    """The first ones, see `wire.reach.MOST_REPLIES_KEPT`."""


class NotAsked(StrEnum):
    """Why no SYN was sent."""

    NO_SERVICE = "no-service"
    """No Service has the address, so no port is known."""
    NO_TCP_PORT = "no-tcp-port"
    """The Service has only UDP or SCTP ports, or none."""
    SOURCE_RANGES = "source-ranges"
    """loadBalancerSourceRanges leaves this host out."""
    OWN_MAC = "own-mac"
    """It is this host's own MAC address: no switch returns such a frame."""
    GROUP_MAC = "group-mac"
    """A multicast address: Linux ignores TCP to it."""
    OFF_SUBNET = "off-subnet"
    """This host has no own address in the nodes' network, so replies would pass a router."""
    TOO_MANY = "too-many"
    """More MAC addresses answered for the address than are asked."""
    NO_SOURCE_PORT = "no-source-port"
    """No block of free TCP ports was found on this host."""
    SEND_FAILED = "send-failed"
    """The kernel did not accept the frame (nftables or tc at egress, a full queue)."""
    LINK_LOST = "link-lost"
    """The interface went down."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachSkip:
    """What was not asked."""

    ip: IPv4Address
    service: str | None
    """`namespace/name`."""
    port: int | None
    interface: str
    mac: Mac
    why: NotAsked


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachRun:
    """All that `--reach` observed."""

    tries: tuple[ReachTry, ...] = ()
    """In the order in which they were sent."""
    skips: tuple[ReachSkip, ...] = ()
    lost: int = 0
    """Frames that this host's kernel dropped meanwhile."""
    complete: bool = True
    """Every try was sent, and the time to listen passed."""
    changed: tuple[str, ...] = ()
    """Services whose EndpointSlices or recorded announcer changed in the meantime, `namespace/name`."""
    unconfirmed: tuple[str, ...] = ()
    """Services whose EndpointSlices were read before the tries and could not be read after them."""


class ReachResult(StrEnum):
    """What the tries of one MAC address and port came to."""

    ACCEPTED = "accepted"
    """A SYN/ACK from the address and port, sent by the asked MAC address or by another of the same node."""
    OTHER_MAC = "other-mac"
    """The same, but another host sent it: passed on, or direct return."""
    WRONG_SOURCE = "wrong-source"
    """A SYN/ACK that does not come from the address and port: no client can use it."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no-answer"
    NOT_ASKED = "not-asked"

    @property
    def failed(self) -> bool:
        """A client that uses this MAC address gets no connection, as far as the tries show."""
        return self in (self.WRONG_SOURCE, self.REFUSED, self.UNREACHABLE, self.NO_ANSWER)


class Handling(StrEnum):
    """What a node does with a connection to a Service's address, by the EndpointSlices."""

    SERVE = "serve"
    DROP = "drop"
    REJECT = "reject"


class HandlingBecause(StrEnum):
    """Why it does that."""

    READY = "ready"
    """It uses a ready endpoint."""
    TERMINATING = "terminating"
    """It uses an endpoint that is terminating and still serves, since none is ready."""
    NO_LOCAL_ENDPOINT = "no-local-endpoint"
    """externalTrafficPolicy Local, and the endpoints are on other nodes."""
    NO_ENDPOINT = "no-endpoint"
    """The Service has no usable endpoint at all."""


class ReachDoubt(StrEnum):
    """Why a result accuses nobody."""

    FRAMES_LOST = "frames-lost"
    """This host's kernel dropped frames meanwhile."""
    CHANGED = "changed"
    """The announcer or the endpoints changed in the run."""
    UNCONFIRMED = "unconfirmed"
    """The EndpointSlices could not be read again after the tries, so the endpoints may have changed."""
    TOO_FEW_TRIES = "too-few-tries"
    """Fewer tries were sent than silence needs."""
    UNFINISHED = "unfinished"
    """The run ended before the time to listen for a reply was over."""
    ONE_ENDPOINT = "one-endpoint"
    """sessionAffinity ClientIP sends all tries of this host to one endpoint, of several or of an unknown number."""
    OFF_SUBNET = "off-subnet"
    """No known address of the node is in this host's network, so it may reply over a router that does not let it."""
    OWN_POD = "own-pod"
    """This host is a node and may have the endpoint itself, so that the reply never was on the wire."""
    MIXED = "mixed"
    """One try shows something else than another."""
    CONTRADICTED = "contradicted"
    """One SYN got replies that exclude each other: a SYN/ACK and an RST or an ICMP error, or a SYN/ACK of two hosts. The
    result is that of the first, which is what a client takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachRow:
    """What one MAC address does with connections to one port of an address."""

    service: str | None
    port: int | None
    mac: Mac
    node: str | None
    """None: its owner is unknown or no node."""
    interface: str
    result: ReachResult
    tries: int
    sender: IPv4Address | None = None
    """This host's address that asked; None if nothing was sent."""
    routes: bool = False
    """It sent an ICMP redirect: it routes the packet and has no rule for the address."""
    why: NotAsked | None = None
    """Only of `not-asked`."""
    doubt: ReachDoubt | None = None
    expected: Handling | None = None
    """What the node should do by the EndpointSlices; None: not known."""
    because: HandlingBecause | None = None
    source: str | None = None
    """Of the deciding reply: `10.42.1.7:8080`, or the address that sent the ICMP message; None without one."""
    code: int | None = None
    """The ICMP code of `unreachable`."""
    by: Mac | None = None
    """The MAC address that sent it, where that is another than the asked one."""
    by_node: str | None = None
    over: str | None = None
    """The interface of this host that received it, where that is another than the asking one. With rp_filter=1 there, this
    host's own programs do not get such a reply (net/ipv4/fib_frontend.c)."""
    ttl: int | None = None
    text: str = ""
    """The same for a reader."""

    @property
    def who(self) -> str:
        """The node, else the MAC address."""
        return self.node or str(self.mac)
