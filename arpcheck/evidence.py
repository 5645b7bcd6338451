"""All that was observed. What `pipeline.conclude` needs is here and nowhere else; `evidence_json` has its JSON form.

Pure: a saved evidence is judged again anywhere, years later, with the same result. Knows no rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address
from itertools import groupby
from operator import attrgetter

from arpcheck.model import Acceptance, Gratuitous, Host, Loss, Mac, MacListFormat, Overflow, PassedOver, Question, Reply
from arpcheck.objects import Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked of arpcheck, as far as the judgement depends on it."""

    interfaces: tuple[str, ...] = ()
    """The interfaces that were probed, in the order given; `auto` before they are chosen."""
    interfaces_because: str | None = None
    """Why these, where arpcheck chose them; None: the user named them."""
    rounds: int = 3
    wait: float = 1.0
    """Seconds of listening after the last frame."""
    rate: float = 10.0
    """Frames a second on each interface, as it was really used (the top rate where `--rate 0` was given)."""
    sender: str = "auto"
    namespace: str | None = None
    selector: str = ""
    load_balancer_class: str | None = None
    ips: tuple[IPv4Address, ...] = ()
    external_ips: bool = False
    services: bool = True
    """The addresses of LoadBalancer Services are asked; False where only what is named or known otherwise is."""
    preflight: bool = False
    """The nodes' pod gateways are asked too, and whether a load balancer can be installed is answered."""
    on_link: bool = False
    """Only the addresses in the networks of the interfaces are judged."""
    both_senders: bool = False
    """What is judged is asked with 0.0.0.0 as well as with the own address: some hosts answer one of them only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacEntry:
    """A line of a file that says whose a MAC is."""

    mac: Mac
    node: str
    interface: str | None
    where: str
    """File and line, for people: `macs.csv:3`, `lan.txt:3 (arp-scan)`."""
    format: MacListFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A file of frames that somebody else recorded. What is not in it may have been on the wire all the same."""

    name: str
    frames: int
    unseen: int
    """Replies whose question is not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A host that asked, where several runs were merged. What is its own carries its name: `worker-1:eth0` in every row,
    in the host and in the options of the whole."""

    name: str
    node_name: str | None
    """As `Host.node_name`."""
    first_round: int
    """Its rounds are counted from here to the next vantage's first."""
    rounds: int
    """The rounds that it had announced."""
    rate: float
    arpcheck: str
    started_at: datetime
    ended_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    arpcheck: str
    """The version that observed."""
    started_at: datetime
    ended_at: datetime
    options: Options
    host: Host = field(default_factory=Host)
    objects: Objects = field(default_factory=Objects)
    after: Objects | None = None
    """The records of announcers as they were after the last frame, of the kinds that `Need.record` names; None: they were
    read once only."""
    mac_map: tuple[MacEntry, ...] = ()
    vendors: Mapping[str, str] = field(default_factory=dict)
    """Manufacturers by the prefix of the MACs that were heard, as Wireshark's manuf writes it: `8C:1F:64`."""
    questions: tuple[Question, ...] = ()
    replies: tuple[Reply, ...] = ()
    losses: tuple[Loss, ...] = ()
    overflows: tuple[Overflow, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)
    """ARP frames that were no reply to us, by reason."""
    gratuitous: tuple[Gratuitous, ...] = ()
    """Who announced an asked address: one entry for each interface, address and MAC, in the order of the first. A run of
    an earlier arpcheck has none."""
    passed_over: tuple[PassedOver, ...] = ()
    """What spoke for an asked address and was not taken for an answer, sorted. A run of an earlier arpcheck has none."""
    complete: bool = True
    """Every announced round was finished."""
    interrupted: bool = False
    """The user stopped it."""
    capture: Capture | None = None
    """Where the frames come from; None: arpcheck asked and listened itself."""
    vantages: tuple[Vantage, ...] = ()
    """In the order of their rounds; none: the one host that `host` is."""
    accepted: tuple[Acceptance, ...] = ()
    """What `--accept` named."""
    trouble: tuple[str, ...] = ()
    """What went wrong on the wire while it ran: "eth0 went down after 12.3 s"."""
    outdated: tuple[IPv4Address, ...] = ()
    """Of these the records are from before something that was seen since: the address changed hands, or the cluster can't
    be read any more (`watch`). They accuse nobody."""
    _by_address: dict[IPv4Address, list[Reply]] = field(default_factory=dict, init=False, compare=False, repr=False)
    _second: list[Objects] = field(default_factory=list, init=False, compare=False, repr=False)

    def without_own_sender(self) -> frozenset[tuple[str, IPv4Address]]:
        """Where, and what, was asked of everybody by 0.0.0.0 alone. A Linux proxy never answers that (net/ipv4/arp.c,
        arp_process), so that none was heard there proves nothing."""
        senders: dict[tuple[str, IPv4Address], set[int]] = {}
        for question in self.questions:
            if question.to is None:
                senders.setdefault((question.interface, question.ip), set()).add(int(question.sender))
        return frozenset(place for place, found in senders.items() if found == {0})

    def second_reading(self) -> Objects | None:
        """The cluster with its records as `after` has them; what was not read again is as it was. None: it was read once.
        Made once, so that what is looked up in it is kept too."""
        if self.after and not self._second:
            objects, after = self.objects, self.after
            resources = {**objects.resources, **after.resources}
            made = replace(objects, resources=resources, read_at=after.read_at, server_ahead=after.server_ahead)
            self._second.append(made)
        return self._second[0] if self._second else None

    def by_address(self) -> Mapping[IPv4Address, Sequence[Reply]]:
        """The replies by the address that they are for, each in their order. Made once: most rules ask for a few
        addresses only, and a hundred thousand replies may be for others."""
        if not self._by_address:
            for ip, found in groupby(self.replies, key=attrgetter("ip")):  # those of one question mostly come together
                self._by_address.setdefault(ip, []).extend(found)
        return self._by_address
