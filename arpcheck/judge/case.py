"""One target with everything that its verdict depends on, and the phrases in which the reasons name its responders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain, combinations

from arpcheck.judge.asked import DirectRequests, FurtherRequests, Turn
from arpcheck.model import (
    Announcement,
    Claim,
    ClaimSource,
    Gratuitous,
    Mac,
    Nic,
    Owner,
    PassedOver,
    Reply,
    Responder,
    Strength,
    Target,
    Trust,
)

Key = tuple[str | None, Mac, str]
"""What tells the parties of one case apart: node, lowest MAC, first interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A NIC that replied for an IPv6 address only to requests that are not a client's: to all nodes, or to it alone."""

    nic: Nic
    owner: Owner
    expected: bool
    """Its node should reply."""
    beside: bool
    """Somebody who replies to clients' requests replied after it did, so the address did not merely move to it."""

    @property
    def words(self) -> str:
        return self.owner.node or self.nic[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    target: Target
    rounds: tuple[int, ...]
    """The rounds that asked it and count."""
    turns: frozenset[Turn]
    """The same by interface."""
    segments: Mapping[str, str]
    """The segment of each interface that asked it."""
    parties: tuple[Responder, ...]
    """Who answered, sorted by the lowest MAC."""
    heard: Mapping[Nic, Sequence[Reply]]
    """The NICs that answered, each with its replies."""
    owners: Mapping[Nic, Owner]
    """Of every NIC that answered; those of one party share the node."""
    doubtful: Set[Nic]
    """Of these and others, the NICs of which it is not certain whose they are."""
    proxying: Set[Nic]
    """Of these and others, the NICs that answer for what they do not own."""
    named: Mapping[Mac, str]
    """MACs that are as they should be although they are no node's, with the reason: the Service itself names them."""
    named_unread: bool
    """What would name such MACs could not be read, so that a stranger may be one of them."""
    unreachable: Mapping[Key, frozenset[Turn]]
    """When a party could not be heard, since nothing of it ever is on that interface: it is that host itself, or on
    another segment."""
    announcements: tuple[Announcement, ...]
    """What the implementations say, of all its Services; the deciding one of each Service comes first."""
    rivals: tuple[str, ...]
    """The implementations that really announce it, where there is more than one."""
    claims: tuple[Claim, ...]
    """Of all its Services, strongest first."""
    announcers: frozenset[str]
    """The nodes that should answer: the strongest current claims, a union over the Services that share the address."""
    silence: str | None
    """Why nobody should answer; None: somebody should."""
    unread: tuple[str, ...]
    """Resources that could not be read and might have said who announces it, or that nobody should."""
    not_in_file: tuple[str, ...]
    """Resources that are not in the file, may not have been asked for, and might have said who should answer; where
    nobody did, that nobody should."""
    outdated: str | None
    """When the cluster was read, where that is too long ago to say who should answer now."""
    lost: bool
    excess: int
    non_strict: frozenset[str]
    """The nodes without strict ARP."""
    blind: frozenset[str]
    """The nodes that arpcheck ran on and that no other host heard."""
    held_on: str | None
    """The interface of a prober that is not known to be a node, and that has this very address."""
    held_by: Mapping[str, str]
    """Of the nodes that arpcheck ran on, those that have this very address on an interface that was asked, with it: such a
    kernel answers, and no host hears itself."""
    nodes_read: bool
    """The cluster's nodes are known, so that it can be said whether the prober is one."""
    nodes_heard: frozenset[str]
    """The nodes that were heard where it was asked, as the same sender."""
    nodes_ready: frozenset[str]
    """The nodes that are not known to be down."""
    nodes_missed: frozenset[str]
    """The nodes that answered some questions for their own address and not others: frames get lost on the way."""
    often: int
    """How many questions to all were put for it, on the interface that put the fewest."""
    complete: bool
    """Every announced round was finished."""
    recorded: bool = False
    """The frames are from a file that does not say what it missed."""
    conflict: tuple[Claim, ...] = ()
    """Two current claims of the first rank about one of its Services that name different nodes; `announcers` has both."""
    changed: tuple[Claim, ...] = ()
    """The claims that were current before the first frame or after the last one only: who held it before, and after. None
    of them is current in `claims`."""
    clock_doubt: bool = False
    """No claim is current, and one would be if its time could be believed."""
    nodes_announce: bool = True
    """It is of a load balancer that is known, and whose announcers are nodes."""
    shadows: frozenset[Mac] = frozenset()
    """MACs that answered for everything that its announcer answered for, several addresses, as a second NIC of it does."""
    external: bool = False
    """Its load balancers are outside of the cluster, and no current claim names a node: no node is supposed to announce."""
    held_everywhere: str | None = None
    """What of its implementation's own configuration says that an interface of every node has it, and BGP announces it;
    None: nothing says it, or a current claim names an announcer."""
    by_bgp: str | None = None
    """The same of an address that BGP alone announces, wherever it is held."""
    nodes_down: frozenset[str] = frozenset()
    """The nodes that the API server says are not Ready."""
    own_address_of: tuple[str, ...] = ()
    """The nodes that have a Service's address as one of their own."""
    left_behind: Mapping[Mac, str] = field(default_factory=dict)
    """MACs that the Service names for an implementation that does not decide: not expected, and no proof of a stranger."""
    doubled: tuple[tuple[Nic, str | None], ...] = ()
    """NICs that answered twice, each with its node, where no kernel beside a speaker explains it."""
    gratuitous: tuple[Gratuitous, ...] = ()
    """Announcements of this address by MACs that do not answer for it and are no NIC of a node that does."""
    passed_over: tuple[PassedOver, ...] = ()
    routed: tuple[Responder, ...] = ()
    """Who answers for whatever it is asked and was set aside, since no network is known and the address may be elsewhere."""
    on_link: bool = True
    """It is in a network of an interface that asked."""
    own_sender: bool = True
    """It was asked with an own sender, to which a proxy answers, wherever it was asked."""
    taken_by: tuple[str, ...] = ()
    """Where others answer for every address that the requests were sent from: those of them that did not answer here, each
    as its node or MAC. Such a kernel takes the requests for its own."""
    direct: tuple[DirectRequests, ...] = ()
    """The unicast requests for it that ask why nobody replies; who replied to them is not among the parties."""
    further: tuple[FurtherRequests, ...] = ()
    """The same with further senders."""
    hidden: tuple[Hidden, ...] = ()
    """Of an IPv6 address: who has it too, or alone, and does not receive what a client sends. Without proxies, and without
    further NICs of the parties."""
    spoken_for: frozenset[Mac] = frozenset()
    """Of an IPv6 address: MACs that replied to the group and not themselves to requests to them alone. A switch with
    neighbour suppression (RFC 9161) replied from its table, and keeps requests to the group from everybody."""
    faster: int = 0
    """Rounds that asked it and do not count: they were too fast for silence to mean anything."""
    on_interface: bool = False
    """Whatever announces it does so by an address on an interface of the announcing node."""
    nics_of_nodes: Mapping[str, frozenset[Mac]] = field(default_factory=dict)
    """The MACs that any source names for each node here, if it was asked why nobody replies."""
    strangers: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The parties that are no known node's."""
    offenders: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """Those that answered and should not have, for want of strict ARP."""
    proxies: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The parties that answer for whatever they are asked."""
    together: tuple[Responder, ...] = field(init=False, compare=False, repr=False)
    """The known parties that answered in the first round in which two of them did; empty where none did."""
    doubted: bool = field(init=False, compare=False, repr=False)
    """Of some NIC that answered it is not certain whose it is."""
    _proxied: bool = field(init=False, compare=False, repr=False)
    """Some NIC that answered answers for what it does not own."""
    _by_mac: dict[Mac, tuple[Nic, ...]] = field(init=False, compare=False, repr=False)
    """The NICs of `heard`: hundreds may answer for one address, and each is looked up several times. Most cases never
    ask, so it is filled with the first look."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_mac", {})
        object.__setattr__(self, "doubted", not self.heard.keys().isdisjoint(self.doubtful))
        object.__setattr__(self, "_proxied", not self.heard.keys().isdisjoint(self.proxying))
        proxies = [party for party in self.parties if self.is_proxy(party)] if self._proxied else []
        object.__setattr__(self, "proxies", tuple(proxies))
        loud = self.non_strict
        strangers = [party for party in self.parties if party.node is None]
        offenders = [party for party in self.parties if party.node in loud and not party.expected] if loud else []
        known = [party for party in self.parties if self.is_known(party)] if strangers else self.parties
        object.__setattr__(self, "strangers", tuple(strangers))
        object.__setattr__(self, "offenders", tuple(offenders))
        object.__setattr__(self, "together", self._together(known) if len(known) > 1 else ())

    @property
    def by_events(self) -> bool:
        """Only events name the announcers."""
        current = [claim for claim in self.claims if claim.trust is Trust.CURRENT and claim.node in self.announcers]
        return bool(current) and all(claim.kind is ClaimSource.EVENT for claim in current)

    def nics_of(self, party: Responder) -> tuple[Nic, ...]:
        if not self._by_mac:
            for nic in self.heard:
                self._by_mac[nic[1]] = (*self._by_mac.get(nic[1], ()), nic)
        return tuple(
            nic
            for mac in party.macs
            for nic in self._by_mac.get(mac, ())
            if self.owners[nic].node == party.node and any(reply.interface in party.interfaces for reply in self.heard[nic])
        )

    def owners_of(self, party: Responder) -> tuple[Owner, ...]:
        return tuple(self.owners[nic] for nic in self.nics_of(party))

    def is_known(self, party: Responder) -> bool:
        """It is known who this is, if only that it is no node; of an external load balancer it should be none."""
        if party.node is not None or self.external or party.macs[0] in self.named:
            return True
        return self.is_proxy(party) or self.is_foreign(party)

    def is_proxy(self, party: Responder) -> bool:
        """It answers for whatever it is asked, and was not asked in a way that would tell otherwise."""
        if not self._proxied or party.expected or party.node in self.non_strict:
            return False
        return any(owner.proxied for owner in self.owners_of(party))

    def is_foreign(self, party: Responder) -> bool:
        """It is no node's, and nothing says that it is as it should be."""
        mac = party.macs[0]
        if party.node is not None or mac in self.named or self.named_unread or self.external or not self.nodes_announce:
            return False
        apart = mac not in self.shadows and self._beside_announcer(party)
        return any(owner.outside or (owner.apart and apart) for owner in self.owners_of(party))

    def _beside_announcer(self, party: Responder) -> bool:
        """The recorded announcer answered in the same rounds, by its own MAC."""
        return any({*party.rounds} <= {*other.rounds} for other in self.parties if other.expected and other.node)

    def is_spoken_for(self, party: Responder) -> bool:
        return self.spoken_for.issuperset(party.macs)

    def is_doubtful(self, party: Responder) -> bool:
        """It may be another machine than the node that it passes for."""
        if not party.node or not self.doubted:
            return False
        return any(owner.strength is Strength.DOUBTFUL for owner in self.owners_of(party))

    def is_listed(self, party: Responder) -> bool:
        """A source that knows NICs names it, not only the address that it answered for."""
        return all(owner.strength is Strength.LISTED for owner in self.owners_of(party))

    def words(self, party: Responder) -> str:
        """For a reason: the node, or the MAC and what is known of it."""
        if party.node and not self.doubted:
            return party.node
        if party.node:
            doubtful = [owner for owner in self.owners_of(party) if owner.doubtful]
            names = sorted({i.node for owner in doubtful for i in owner.identities})
            if len(names) > 1:
                return f"{', '.join(party.macs)} ({' or '.join(names)})"
            return f"{', '.join(party.macs)} ({party.node}, not certain)" if doubtful else party.node
        about = self.named.get(party.macs[0]) or next((owner.label for owner in self.owners_of(party)), "")
        return f"{', '.join(party.macs)} ({about})" if about else ", ".join(party.macs)

    def turns_of(self, party: Responder) -> frozenset[Turn]:
        """When it answered."""
        return frozenset((reply.interface, reply.round) for nic in self.nics_of(party) for reply in self.heard[nic])

    def every_round(self, party: Responder) -> bool:
        """On every interface on a segment where it answered at all: on another it may not be announced."""
        there = {segment for segment, _ in self.nics_of(party)}
        turns = {turn for turn in self.turns if self.segments.get(turn[0], turn[0]) in there}
        return turns <= self.turns_of(party) | self.deaf_to(party)

    def deaf_to(self, party: Responder) -> frozenset[Turn]:
        return self.unreachable.get(key(party), frozenset())

    def without(self, party: Collection[Responder]) -> Case:
        """The same address as if these had not answered."""
        left = tuple(one for one in self.parties if one not in party)
        gone = {nic for one in party for nic in self.nics_of(one)}
        return replace(
            self,
            parties=left,
            heard={nic: replies for nic, replies in self.heard.items() if nic not in gone},
            doubled=tuple(entry for entry in self.doubled if entry[0] not in gone),
        )

    def apart(self, one: Responder, other: Responder) -> bool:
        """They are two machines, whatever is in doubt of each."""
        if one.node and other.node and not self.doubted:
            return one.node != other.node
        return self._candidates(one).isdisjoint(self._candidates(other))

    def _together(self, known: Collection[Responder]) -> tuple[Responder, ...]:
        alike = {party.rounds for party in known}  # most replied in the same rounds
        for number in sorted(set(chain.from_iterable(alike))):
            found = tuple([party for party in known if number in party.rounds])
            if len(found) > 1 and self._distinct(found) and not self._at_a_handover(found):
                return found
        return ()

    def _at_a_handover(self, found: Collection[Responder]) -> bool:
        """Of replies alone, without a question to all, nobody knows which question they answered: two that met once may
        be those of before and after a failover."""
        if not self.recorded or self.turns:
            return False
        return len(frozenset.intersection(*[frozenset(party.rounds) for party in found])) < 2

    def _distinct(self, parties: Sequence[Responder]) -> bool:
        """They are several machines, whatever is in doubt of each: at least two can't be the same node."""
        return any(self.apart(one, other) for one, other in combinations(parties, 2))

    def _candidates(self, party: Responder) -> set[str]:
        """Whoever it may be."""
        return {party.node or party.macs[0], *(i.node for owner in self.owners_of(party) for i in owner.identities)}


def holders_behind_a_table(case: Case) -> tuple[Hidden, ...]:
    """Who has an IPv6 address for which a switch replied, with the MAC of one NIC alone; empty if that is not certain."""
    known = all(one.owner.node and not one.owner.doubtful and one.beside for one in case.hidden)
    return case.hidden if known and len(case.parties) == 1 and case.is_spoken_for(case.parties[0]) else ()


def key(party: Responder) -> Key:
    return party.node, party.macs[0], party.interfaces[0]


# -------------------------------------------------------------------------- The phrases that several verdicts' reasons share


def who_should(case: Case) -> str:
    """The node that should reply, as the end of a reason: "worker-1 should"."""
    if case.external:
        return "no node should: a load balancer outside the cluster serves it"
    if case.announcers:
        return f"{' and '.join(sorted(case.announcers))} should"
    if case.silence:
        return f"nobody should: {case.silence}"
    stale = [claim for claim in case.claims if claim.trust is Trust.STALE]
    return f"the announcer is not known (an old record names {stale[0].node})" if stale else "the announcer is not known"


def who(case: Case, parties: Iterable[Responder]) -> str:
    """The responders, each by its node or by its MAC address with what is known of it."""
    if case.doubted:
        return " and ".join([case.words(party) for party in parties])
    return " and ".join([party.node or case.words(party) for party in parties])


def others_too(case: Case, named: Callable[[Responder], bool]) -> str:
    """The responders that the reason has not named yet; empty where there are none."""
    others = [party for party in case.parties if not named(party)]
    return f"; {who(case, others)} also replied" if others else ""


def rounds(given: Sequence[int]) -> str:
    return f"round{'' if len(given) == 1 else 's'} {numbers(given)}"


def numbers(given: Sequence[int]) -> str:
    return ", ".join(str(number) for number in given)


def counted(count: int, one: str, many: str = "") -> str:
    """`many`: the plural, where it is not `one` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"
