"""Everything that a run observed. `pipeline.conclude` needs nothing else; `evidence_json` has its JSON form.

The evidence of several hosts is one, with a vantage for each; `views` takes it apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from arpcheck.model import (
    Acceptance,
    Address,
    Families,
    Gratuitous,
    Host,
    Interface,
    Loss,
    Mac,
    MacListFormat,
    Neighbour,
    Overflow,
    PassedOver,
    Question,
    ReachRun,
    ReachTry,
    Reply,
)
from arpcheck.model.constants import RATE, ROUNDS, WAIT
from arpcheck.objects import Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run that affect its verdicts."""

    interfaces: tuple[str, ...] = ()
    """The interfaces that were probed, in the order given; `auto` before they are chosen."""
    interfaces_because: str | None = None
    """Why arpcheck chose these; None if the user named them."""
    rounds: int = ROUNDS
    wait: float = WAIT
    """Seconds to wait after the last frame."""
    rate: float = RATE
    """Frames per second on each interface, as actually used (the top rate for `--rate 0`)."""
    sender: str = "auto"
    families: Families = Families.IPV4
    """The IP versions of the addresses that are requested. Runs of earlier versions requested IPv4 alone."""
    namespaces: tuple[str, ...] = ()
    """Empty: all."""
    service_names: tuple[str, ...] = ()
    """`NAMESPACE/NAME`, or `NAME` for that of every namespace; empty: all."""
    selector: str = ""
    load_balancer_classes: tuple[str, ...] = ()
    """An empty string stands for Services without a class; empty: all."""
    ips: tuple[Address, ...] = ()
    external_ips: bool = False
    services: bool = True
    """Whether the addresses of LoadBalancer Services are requested; False if only other addresses are."""
    preflight: bool = False
    """The nodes' pod gateways are requested too, and the report says whether a load balancer can be installed."""
    on_link: bool = False
    """Only addresses in the networks of the interfaces are judged."""
    reach: bool = False
    """TCP connections are tried too, of every MAC address that replied."""
    both_senders: bool = False
    """Judged addresses are requested with 0.0.0.0 and with an own address: some hosts reply to only one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacEntry:
    """A line of a MAC list."""

    mac: Mac
    node: str
    interface: str | None
    where: str
    """File and line, for display: `macs.csv:3`, `lan.txt:3 (arp-scan)`."""
    format: MacListFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A file of frames that another program recorded. It may have missed frames."""

    name: str
    frames: int
    unseen: int
    """Replies whose request is not in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A probing host in a merged run. Its name prefixes its interfaces in every row, in the host and in the options:
    `worker-1:eth0`."""

    name: str
    node_name: str | None
    """As `Host.node_name`."""
    first_round: int
    """Its rounds go from here to the first round of the next vantage."""
    rounds: int
    """The number of planned rounds."""
    rate: float
    arpcheck: str
    started_at: datetime
    ended_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    arpcheck: str
    """The version of arpcheck that ran the probe."""
    started_at: datetime
    ended_at: datetime
    options: Options
    host: Host = field(default_factory=Host)
    objects: Objects = field(default_factory=Objects)
    after: Objects | None = None
    """The announcer records after the last frame, of the kinds with `Need.record`; None if they were read only once."""
    mac_map: tuple[MacEntry, ...] = ()
    vendors: Mapping[str, str] = field(default_factory=dict)
    """Vendors by prefix of the observed MAC addresses, as in Wireshark's manuf: `8C:1F:64`."""
    questions: tuple[Question, ...] = ()
    replies: tuple[Reply, ...] = ()
    losses: tuple[Loss, ...] = ()
    overflows: tuple[Overflow, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Number of ARP frames that are not replies to this host, by reason."""
    gratuitous: tuple[Gratuitous, ...] = ()
    """Announcements of requested addresses: one entry for each interface, address and MAC address, in the order of the
    first. Empty in runs of earlier versions."""
    passed_over: tuple[PassedOver, ...] = ()
    """Frames for requested addresses that do not count as replies, sorted. Empty in runs of earlier versions."""
    complete: bool = True
    """Every planned round was finished."""
    interrupted: bool = False
    """The user interrupted the run."""
    capture: Capture | None = None
    """The source of the frames; None if arpcheck sent and received itself."""
    vantages: tuple[Vantage, ...] = ()
    """In the order of their rounds; empty for a run of one host."""
    accepted: tuple[Acceptance, ...] = ()
    """The entries of `--accept`."""
    trouble: tuple[str, ...] = ()
    """Problems during the scan: "eth0 went down after 12.3 s"."""
    reach: ReachRun | None = None
    """What `--reach` observed; None if it was not asked for."""
    outdated: tuple[Address, ...] = ()
    """Addresses whose records are older than an observed change: the address moved, or the cluster can no longer be read
    (`watch`). These records accuse no node."""
    _by_address: dict[Address, list[Reply]] = field(default_factory=dict, init=False, compare=False, repr=False)
    _second: list[Objects] = field(default_factory=list, init=False, compare=False, repr=False)

    def without_own_sender(self) -> frozenset[tuple[str, Address]]:
        """The interfaces and addresses of broadcast requests that used only 0.0.0.0. A Linux proxy never replies to that
        sender (net/ipv4/arp.c, arp_process), so its silence there proves nothing."""
        senders: dict[tuple[str, Address], set[int]] = {}
        for question in self.questions:
            if question.to is None:
                senders.setdefault((question.interface, question.ip), set()).add(int(question.sender))
        return frozenset(place for place, found in senders.items() if found == {0})

    def second_reading(self) -> Objects | None:
        """The cluster with its records as in `after`, and everything else as first read. None if it was read once. Cached,
        so that its own caches stay too."""
        if self.after and not self._second:
            objects, after = self.objects, self.after
            resources = {**objects.resources, **after.resources}
            made = replace(objects, resources=resources, read_at=after.read_at, server_ahead=after.server_ahead)
            self._second.append(made)
        return self._second[0] if self._second else None

    def by_address(self) -> Mapping[Address, Sequence[Reply]]:
        """The replies by address, in their order. Cached: most rules need a few addresses, and there may be 100,000
        replies."""
        if not self._by_address:
            for ip, found in groupby(self.replies, key=attrgetter("ip")):  # replies to one request are mostly adjacent
                self._by_address.setdefault(ip, []).extend(found)
        return self._by_address


# -------------------------------------------------------------------------------------------- A merged run taken apart again

SEPARATOR = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageRounds:
    """The rounds of one host."""

    name: str
    """Empty where there is only one."""
    interfaces: frozenset[str]
    """As the rows name them."""
    first_round: int
    last_announced: int
    """What comes after it and is this host's is the slow round that asks again."""
    last: int
    """The highest number that can be its."""
    rate: float

    def has(self, number: int) -> bool:
        return self.first_round <= number <= self.last


def courses(evidence: Evidence) -> tuple[VantageRounds, ...]:
    """One for each host that asked, in the order of their rounds."""
    options = evidence.options
    if not evidence.vantages:
        alone = frozenset(options.interfaces)
        return (
            VantageRounds(
                name="", interfaces=alone, first_round=1, last_announced=options.rounds, last=_END, rate=options.rate
            ),
        )
    ends = [later.first_round - 1 for later in evidence.vantages[1:]]
    return tuple(
        VantageRounds(
            name=vantage.name,
            interfaces=frozenset(i for i in options.interfaces if i.startswith(vantage.name + SEPARATOR)),
            first_round=vantage.first_round,
            last_announced=vantage.first_round + vantage.rounds - 1,
            last=end,
            rate=vantage.rate,
        )
        for vantage, end in zip(evidence.vantages, (*ends, _END), strict=True)
    )


_END = 1 << 62


def qualified(vantage: str, interface: str) -> str:
    """An interface as the rows of a merged evidence name it."""
    return f"{vantage}{SEPARATOR}{interface}"


def views(evidence: Evidence) -> tuple[tuple[str, Evidence], ...]:
    """Each host's own evidence, with its name; a single one is itself and has none."""
    if not evidence.vantages:
        return (("", evidence),)
    return tuple((vantage.name, _view(evidence, vantage)) for vantage in evidence.vantages)


def _view(evidence: Evidence, vantage: Vantage) -> Evidence:
    prefix, back = vantage.name + SEPARATOR, vantage.first_round - 1
    shift = (vantage.started_at - evidence.started_at).total_seconds() * 1000

    def own(interface: str) -> str:
        return interface.removeprefix(prefix)

    options = evidence.options
    return replace(
        evidence,
        arpcheck=vantage.arpcheck,
        started_at=vantage.started_at,
        ended_at=vantage.ended_at,
        options=replace(
            options, interfaces=_own(options, prefix), rounds=vantage.rounds, rate=vantage.rate, interfaces_because=None
        ),
        host=_host(evidence.host, prefix, vantage.node_name),
        questions=tuple(
            replace(q, at=q.at - shift, interface=own(q.interface), round=q.round - back)
            for q in evidence.questions if q.interface.startswith(prefix)
        ),
        replies=tuple(
            replace(r, at=r.at - shift, interface=own(r.interface), round=r.round - back)
            for r in evidence.replies if r.interface.startswith(prefix)
        ),
        losses=tuple(
            replace(loss, interface=own(loss.interface), rounds=tuple(number - back for number in loss.rounds))
            for loss in evidence.losses if loss.interface.startswith(prefix)
        ),
        gratuitous=tuple(
            replace(g, at=round(g.at - shift, 3), interface=own(g.interface))
            for g in evidence.gratuitous if g.interface.startswith(prefix)
        ),
        passed_over=tuple(
            replace(p, interface=own(p.interface)) for p in evidence.passed_over if p.interface.startswith(prefix)
        ),
        complete=vantage.complete,
        reach=_reach(evidence.reach, prefix, shift),
        vantages=(),
    )  # fmt: skip


def _reach(found: ReachRun | None, prefix: str, shift: float) -> ReachRun | None:
    if found is None:
        return None
    return replace(
        found,
        tries=tuple(
            moved(t, lambda name: name.removeprefix(prefix), -shift) for t in found.tries if t.interface.startswith(prefix)
        ),
        skips=tuple(
            replace(s, interface=s.interface.removeprefix(prefix)) for s in found.skips if s.interface.startswith(prefix)
        ),
    )


def moved(found: ReachTry, name: Callable[[str], str], shift: float) -> ReachTry:
    """With its interfaces named by `name`, and its times later by `shift` milliseconds."""
    replies = (replace(reply, at=round(reply.at + shift, 3), interface=name(reply.interface)) for reply in found.replies)
    return replace(found, at=round(found.at + shift, 3), interface=name(found.interface), replies=tuple(replies))


def _own(options: Options, prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in options.interfaces if name.startswith(prefix))


def _host(host: Host, prefix: str, node_name: str | None) -> Host:
    interfaces: Iterable[Interface] = (i for i in host.interfaces if i.name.startswith(prefix))
    neighbours: Iterable[Neighbour] = (n for n in host.neighbours if n.interface.startswith(prefix))
    return Host(
        interfaces=tuple(replace(i, name=i.name.removeprefix(prefix)) for i in interfaces),
        node_name=node_name,
        neighbours=tuple(replace(n, interface=n.interface.removeprefix(prefix)) for n in neighbours),
    )
