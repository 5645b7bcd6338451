"""One run after every address got its verdict, what the findings are drawn from, and the form that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_interface

from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.case import Case
from arpcheck.judge.nodes import NodeState
from arpcheck.judge.observations import Observations
from arpcheck.judge.owners import Conflict
from arpcheck.judge.verdicts import Text, text
from arpcheck.model import (
    Accepted,
    Address,
    Also,
    Arp,
    Cause,
    Finding,
    Gap,
    Host,
    Kind,
    KubeProxy,
    Loss,
    Mac,
    Nic,
    Outcome,
    Owner,
    ReachRow,
    Reason,
    Responder,
    Severity,
    Target,
    Verdict,
)
from arpcheck.model.constants import IPV6


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One judged address."""

    case: Case
    verdict: Verdict
    """The one that counts: where its owner accepted some of those who answered, that of the others."""
    reason: str
    accepted: Accepted | None = None
    """Why it is not counted."""
    first: Verdict | None = None
    """The verdict with everybody who answered, where that is another."""
    also: tuple[Also, ...] = ()
    reasons: tuple[Reason, ...] = ()
    passed: Mapping[Verdict, Accepted] = field(default_factory=dict)
    """The verdicts that it had with those who are accepted, each with why they are."""

    @property
    def ip(self) -> Address:
        """Only of what was asked."""
        assert self.case.target.ip is not None  # noqa: S101 - what was asked has an address
        return self.case.target.ip


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingHost:
    """A host that asked."""

    host: Host
    interfaces: tuple[str, ...]
    """Those that it asked on."""


def ipv6_alone(targets: Iterable[Target], observations: Observations) -> bool:
    """No IPv4 address was requested, but for controls: strict ARP is in question for none."""
    asked = (target.ip for target in targets if target.ip and target.kind is not Kind.CONTROL)
    return {ip.version for ip in asked if observations.asked(ip).broadcast} == {IPV6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    targets: tuple[Target, ...]
    """All, in their order; those for our own knowledge have no judgement."""
    judgements: tuple[Judgement, ...]
    """Of every target that gets a verdict, in the targets' order."""
    nodes: tuple[NodeState, ...]
    addresses: Mapping[str, tuple[Address, ...]]
    """The nodes' own, by name."""
    labels: Mapping[Mac, str]
    """What the prefix of a MAC that answered says: a vendor, a virtual address."""
    kube_proxies: Mapping[str, KubeProxy]
    owners: Mapping[Nic, Owner]
    conflicts: tuple[Conflict, ...]
    """The nodes' own addresses that another machine may have too."""
    twins: Mapping[Nic, tuple[str, ...]]
    """NICs that alone answered for the own addresses of several nodes."""
    observations: Observations
    canary: Address | None
    controls: tuple[Address, ...]
    host: Host
    interfaces: tuple[str, ...]
    blind: Mapping[str, AskingHost]
    """The nodes that arpcheck ran on and that no other host heard, each as the prober that it was."""
    gaps: tuple[Gap, ...]
    losses: tuple[Loss, ...]
    overlays: Mapping[Mac, str]
    causes: tuple[Cause, ...]
    """Why nodes answer although they are configured otherwise, or because."""
    cluster_version: str | None
    empty_selection: tuple[str, ...] = ()
    """What of the selection fits no Service, as sentences."""
    acceptances: Acceptances = field(default_factory=Acceptances)
    doubled: tuple[tuple[Address, str, Mac], ...] = ()
    """Address, node and MAC wherever the kernel of a node without strict ARP answers beside its speaker."""
    doubled_at_home: tuple[tuple[Address, str, Mac], ...] = ()
    """A node's own address, the node and the MAC that answered twice for it, where other nodes' are answered once."""
    reach: Mapping[IPv4Address, tuple[ReachRow, ...]] = field(default_factory=dict)
    """What `--reach` found, by address."""
    findings: tuple[Finding, ...] = ()
    """For the rules that look at what the others found."""

    _asked: tuple[Judgement, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        asked = [j for j in self.judgements if not j.case.target.skipped and j.case.target.ip]
        object.__setattr__(self, "_asked", tuple(asked))

    def asked(self) -> tuple[Judgement, ...]:
        """The judgements of what was asked."""
        return self._asked

    def verdicts(self) -> tuple[tuple[Target, Verdict], ...]:
        """With everybody who answered."""
        return tuple((judgement.case.target, judgement.first or judgement.verdict) for judgement in self.judgements)

    @property
    def ipv6_alone(self) -> bool:
        return ipv6_alone(self.targets, self.observations)

    def named(self, arp: Arp) -> tuple[str, ...]:
        """The nodes in this state."""
        return tuple(state.name for state in self.nodes if state.arp is arp)

    def counted(self, arp: Arp) -> tuple[str, ...]:
        """The nodes in this state, without those of which it is accepted."""
        return tuple(name for name in self.named(arp) if self.acceptances.of_node(name, arp) is None)

    def missed(self) -> Mapping[str, str]:
        """The nodes that were not heard and leave the run in doubt, each with why: Ready, and either they have an address
        in a probed network or a judged address's record names them."""
        networks = [
            own.network
            for interface in self.host.interfaces if interface.name in self.interfaces
            for own in map(ip_interface, (*interface.addresses, *interface.ipv6))
            if own.version != IPV6 or not own.is_link_local
        ]  # fmt: skip
        named = {node: j.ip for j in self.asked() for node in j.case.announcers}
        found = {}
        for state in self.nodes:
            if state.arp is not Arp.UNREACHED or state.heard or state.ready is False:
                continue
            if self.acceptances.of_node(state.name, state.arp):
                continue
            asked = (ip for ip in self.addresses.get(state.name, ()) if self.observations.asked(ip).broadcast)
            if any(ip in network for ip in asked for network in networks):
                found[state.name] = "; it is Ready, and its address is in this network"
            elif state.name in named:
                found[state.name] = f"; it is recorded as the announcer of {named[state.name]}"
        return found

    def away(self) -> tuple[str, ...]:
        """The nodes that are not Ready and of which nothing was heard, as when they are switched off."""
        return tuple(s.name for s in self.nodes if s.arp is Arp.UNREACHED and s.ready is False and not s.heard)

    def strangers(self) -> Iterator[tuple[Judgement, Responder]]:
        """Every party of every asked address that is no known node's."""
        return ((judgement, party) for judgement in self.asked() for party in judgement.case.strangers)

    def canary_nics(self) -> tuple[Nic, ...]:
        """Who answered the canary, and not as a proxy."""
        heard = self.observations.by_nic(self.canary) if self.canary else {}
        return tuple(
            sorted(nic for nic, replies in heard.items() if any(r.sender not in self.owners[nic].proxied for r in replies))
        )

    def owner_of(self, judgement: Judgement, party: Responder) -> Owner:
        """Of a party that is no known node's."""
        return judgement.case.owners_of(party)[0]


# ----------------------------------------------------------------------------------------------------- The form of a finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule saw."""

    because: tuple[str, ...]
    """The evidence, a sentence each."""
    nodes: tuple[str, ...] = ()
    ips: tuple[Address, ...] = ()
    do: tuple[str, ...] = ()
    """Steps for this very case; they come before those of the docstring."""
    severity: Severity | None = None
    outcome: Outcome | None = None
    """Where this very case is less, or more, than the rule says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The texts of its Finding come from the docstring of `find`, so that the report, `arpcheck explain` and the reference
    pages can't disagree."""

    id: str
    severity: Severity
    outcome: Outcome
    """What it makes of the exit code; FINE where a verdict or a node's state says already what it comes to."""
    find: Callable[[Judged], Found | None]

    @property
    def text(self) -> Text:
        return text(self.id, self.find.__doc__)


def apply(rules: Iterable[Rule], judged: Judged) -> tuple[Finding, ...]:
    """The findings of the run, in the order of the rules."""
    findings = []
    for rule in rules:
        if found := rule.find(judged):
            words = rule.text
            findings.append(
                Finding(
                    id=rule.id,
                    severity=found.severity or rule.severity,
                    outcome=found.outcome or rule.outcome,
                    means=words.means,
                    because=found.because,
                    do=tuple(dict.fromkeys((*found.do, *words.do))),
                    nodes=tuple(sorted(set(found.nodes))),
                    ips=tuple(sorted(set(found.ips), key=lambda ip: (ip.version, int(ip)))),
                )
            )
    return tuple(findings)
