"""The run after every address got its verdict: what the findings are drawn from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.case import Case
from arpcheck.judge.hearing import Hearing
from arpcheck.judge.nodes import NodeState
from arpcheck.model import Accepted, Arp, Cause, Finding, Gap, Host, KubeProxy, Loss, Mac, Owner, Responder, Target, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One judged address."""

    case: Case
    verdict: Verdict
    reason: str

    @property
    def ip(self) -> IPv4Address:
        """Only of what was asked."""
        assert isinstance(self.case.target.ip, IPv4Address)  # noqa: S101 - what was asked is IPv4
        return self.case.target.ip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host that asked."""

    host: Host
    interfaces: tuple[str, ...]
    """Those that it asked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    targets: tuple[Target, ...]
    """All, in their order; those for our own knowledge have no judgement."""
    judgements: tuple[Judgement, ...]
    """Of every target that gets a verdict, in the targets' order."""
    nodes: tuple[NodeState, ...]
    addresses: Mapping[str, tuple[IPv4Address, ...]]
    """The nodes' own, by name."""
    labels: Mapping[Mac, str]
    """What the prefix of a MAC that answered says: a vendor, a virtual address."""
    kube_proxies: Mapping[str, KubeProxy]
    owners: Mapping[Mac, Owner]
    hearing: Hearing
    canary: IPv4Address | None
    controls: tuple[IPv4Address, ...]
    host: Host
    interfaces: tuple[str, ...]
    blind: Mapping[str, Place]
    """The nodes that arpcheck ran on and that no other host heard, each as the prober that it was."""
    gaps: tuple[Gap, ...]
    losses: tuple[Loss, ...]
    overlays: Mapping[Mac, str]
    causes: tuple[Cause, ...]
    """Why nodes answer although they are configured otherwise, or because."""
    cluster_version: str | None
    in_vain: str | None = None
    """What Services were selected by, where none was left to ask for; None: else."""
    acceptances: Acceptances = field(default_factory=Acceptances)
    doubled: tuple[tuple[IPv4Address, str, Mac], ...] = ()
    """Address, node and MAC wherever a node's kernel and its speaker both seem to answer."""
    findings: tuple[Finding, ...] = ()
    """For the rules that look at what the others found."""

    def asked(self) -> Iterator[Judgement]:
        """The judgements of what was asked."""
        return (judgement for judgement in self.judgements if judgement.verdict is not Verdict.NOT_PROBED)

    def verdicts(self) -> tuple[tuple[Target, Verdict], ...]:
        return tuple((judgement.case.target, judgement.verdict) for judgement in self.judgements)

    def accepted(self, judgement: Judgement) -> Accepted | None:
        """None where this run was hindered: whoever accepted an unclear answer did not know of that."""
        case = judgement.case
        if judgement.verdict is Verdict.INCONCLUSIVE and (case.lost or case.excess or not case.complete):
            return None
        return self.acceptances.of_target(judgement.case.target, judgement.verdict)

    def named(self, arp: Arp) -> tuple[str, ...]:
        """The nodes in this state."""
        return tuple(state.name for state in self.nodes if state.arp is arp)

    def counted(self, arp: Arp) -> tuple[str, ...]:
        """The nodes in this state, without those of which it is accepted."""
        return tuple(name for name in self.named(arp) if self.acceptances.of_node(name, arp) is None)

    def strangers(self) -> Iterator[tuple[Judgement, Responder]]:
        """Every party of every asked address that is no known node's."""
        return ((judgement, party) for judgement in self.asked() for party in judgement.case.strangers)

    def canary_macs(self) -> tuple[Mac, ...]:
        """Who answered the canary, proxies aside."""
        heard = self.hearing.by_mac(self.canary) if self.canary else {}
        return tuple(sorted(mac for mac in heard if not self.owners[mac].proxy))
