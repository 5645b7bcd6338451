"""Everything that a run observed. `pipeline.conclude` needs nothing else; `evidence_json` has its JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address
from itertools import groupby
from operator import attrgetter

from arpcheck.model import Acceptance, Gratuitous, Host, Loss, Mac, MacListFormat, Overflow, PassedOver, Question, Reply
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
    namespace: str | None = None
    selector: str = ""
    load_balancer_class: str | None = None
    ips: tuple[IPv4Address, ...] = ()
    external_ips: bool = False
    services: bool = True
    """Whether the addresses of LoadBalancer Services are requested; False if only other addresses are."""
    preflight: bool = False
    """The nodes' pod gateways are requested too, and the report says whether a load balancer can be installed."""
    on_link: bool = False
    """Only addresses in the networks of the interfaces are judged."""
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
    outdated: tuple[IPv4Address, ...] = ()
    """Addresses whose records are older than an observed change: the address moved, or the cluster can no longer be read
    (`watch`). These records accuse no node."""
    _by_address: dict[IPv4Address, list[Reply]] = field(default_factory=dict, init=False, compare=False, repr=False)
    _second: list[Objects] = field(default_factory=list, init=False, compare=False, repr=False)

    def without_own_sender(self) -> frozenset[tuple[str, IPv4Address]]:
        """The interfaces and addresses of broadcast requests that used only 0.0.0.0. A Linux proxy never replies to that
        sender (net/ipv4/arp.c, arp_process), so its silence there proves nothing."""
        senders: dict[tuple[str, IPv4Address], set[int]] = {}
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

    def by_address(self) -> Mapping[IPv4Address, Sequence[Reply]]:
        """The replies by address, in their order. Cached: most rules need a few addresses, and there may be 100,000
        replies."""
        if not self._by_address:
            for ip, found in groupby(self.replies, key=attrgetter("ip")):  # replies to one request are mostly adjacent
                self._by_address.setdefault(ip, []).extend(found)
        return self._by_address
