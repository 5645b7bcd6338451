"""The judged run, as every report format renders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from arpcheck.model.frames import Interface, Target
from arpcheck.model.mac_addresses import Address, Mac
from arpcheck.model.outcomes import Arp, Outcome, Reason, Severity, Verdict
from arpcheck.model.reach import ReachRow
from arpcheck.model.records import Claim, Gap, KubeProxy


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
    """Several NICs of the node replied."""
    rounds: tuple[int, ...]
    replies_per_probe: float
    """Replies per request, over the requests of the rounds in which it replied."""
    first_reply_ms: float
    vendor: str | None
    """Manufacturer or virtual prefix of a MAC address that does not belong to a known node."""
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
    ip: Address | None = None
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
    """The node that should reply replied to other requests on this segment, but not for the address."""
    NOBODY_ELSE = "nobody-else"
    """Only kernels without strict ARP replied: once they are quiet, nobody does."""
    OTHER_NODE = "other-node"
    """A node replied that should not, and its kernel is not the reason."""
    STRANGER = "stranger"
    """A MAC address replied that does not belong to a known node."""
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
    """How well an address was probed."""

    rounds: int = 0
    """The rounds that count: if a slower round followed, earlier rounds count only with a reply."""
    lost: int = 0
    """Frames that this host's kernel dropped while it was probed."""
    slowest_rate: float | None = None
    """Frames a second in the slowest of these rounds; None if it was not probed, or a file does not say."""


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
    """The rounds in which it was probed."""
    accepted: Accepted | None = None
    """None: the verdict counts."""
    also: tuple[Also, ...] = ()
    reasons: tuple[Reason, ...] = ()
    """Why nobody replies, or not the right one, the surest first; empty where nobody asks why."""
    winner: str | None = None
    """The responder that a client most likely takes, by its node or its MAC; None where nobody replied to a broadcast."""
    confidence: Confidence = Confidence()
    reach: tuple[ReachRow, ...] = ()
    """What `--reach` found, for each port and responder."""

    @property
    def outcome(self) -> Outcome:
        """Of the verdict; NOT_JUDGED for canary, control and nodes' addresses."""
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
    addresses: tuple[Address, ...]
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
    ipv6: str | None = None
    """What was seen of the nodes in IPv6; None if none is known to have an IPv6 address."""


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
    """The kubeconfig context, `in-cluster`, or the name of a file of kubectl."""
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
    kubeconfig: str | None = None
    """As `Objects.kubeconfig`."""


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
