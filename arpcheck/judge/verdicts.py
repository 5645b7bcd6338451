"""The verdict on one address: a table of rules, tried in order; the first that holds decides.

Each rule takes a Case and gives the reason, or None where it does not hold. What was heard can't be undone by what was
lost, so the proven verdicts stand before `inconclusive`. Rules know nothing of the run as a whole; findings do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from arpcheck.judge.case import Case
from arpcheck.judge.nodes import ENOUGH
from arpcheck.judge.rule_docs import Text, text
from arpcheck.model import Kind, Responder, Strength, Trust, Verdict


def not_probed(case: Case) -> str | None:
    """Means: the address was not judged, and the reason lies in the Service.

    Decided when:
    1. the Service has no address yet, or a host name only.
    2. the address is IPv6, which is not resolved by ARP.
    3. or a load balancer outside of the cluster serves it (its class, or ipMode Proxy), so that no node is supposed to
       announce it, and no node answered. It was asked for knowledge only. LoxiLB may run inside as well: where nodes alone
       answer, it does.
    4. it is in no network of this host's interfaces, and `--on-link` leaves those to another host.

    Do:
    - Nothing for arpcheck to do. Look at the Service where it should have an address."""
    if case.target.skipped or not case.external or any(party.node for party in case.parties):
        return case.target.skipped
    if case.parties:
        heard = f"{_and(case, case.parties)} answered"
    else:
        heard = "nobody answered here" if case.turns else "it was not asked"
    return f"a load balancer outside of the cluster serves it, which arpcheck does not judge; {heard}"


def proxy_arp(case: Case) -> str | None:
    """Means: somebody answers who answers for everything: a router or a firewall with proxy ARP.

    Decided when:
    1. a MAC that answered for this address also answered for the control, an address that nobody owns, to the same
       sender; or it answered for the addresses of several nodes when asked with this host's address, and for none with
       0.0.0.0.
    2. and it is not the announcer.
    3. and the address is in this network: that a router answers for what is elsewhere is as it should be.

    Do:
    - Turn proxy ARP off on that device for this segment (Linux: net.ipv4.conf.IFACE.proxy_arp=0).
    - Run arpcheck again: what the proxy hid is judged only then."""
    proxies = [party for party in case.parties if case.is_proxy(party)]
    if not proxies:
        return None
    return f"{_and(case, proxies)} answers for addresses that are not its own{_too(case, case.is_proxy)}"


def foreign(case: Case) -> str | None:
    """Means: a host that is not a node of this cluster answers for the address.

    Decided when:
    1. a MAC answered that is no node's: every node's NICs are listed (`--mac-map`, NodeNetworkState) and it is none of
       them.
    2. or all of this: every node, Ready or not, was heard on this segment; the MAC shares its first three octets with no
       node's NIC; asked alone twice for every node's address, it answered none; the recorded announcer answered for the
       same address in the same rounds; and where it announces other addresses too, the MAC did not answer for all of
       them, as a second NIC of that node would.
    3. in both cases the MAC is not one that the Service itself names, nothing that could name its owner was refused, the
       load balancer's announcers are nodes, and the Nodes were read within the hour.
    4. or the host that arpcheck ran on holds the address itself, and is not a node.

    Do:
    - Find the host by its MAC in the switch's address table; the vendor and the prefix in the report narrow it down.
    - Take the address from that host, or out of the load balancer's pool.
    - Where it is another cluster: give the two clusters pools that don't overlap.
    - A node's NIC of another make than all others, without an address of its own, looks the same: `--mac-map FILE` names
      its owner."""
    strangers = [party for party in case.strangers if case.is_foreign(party)]
    if strangers:
        return f"{_and(case, strangers)} answered and is no node's{_too(case, case.is_foreign)}"
    if case.held_on and case.nodes_read:
        return f"this host, which is no node, has the address itself, on {case.held_on}"
    return None


def non_strict(case: Case) -> str | None:
    """Means: a node answers that should not, because its kernel answers for every Service address it holds.

    Decided when:
    1. a node answered that is not the announcer, and one of its MACs answered the canary as well.
    2. or, where the announcer is not known, such a node answered beside another machine; a MAC that may be its own is none.
    3. or such a node answered although nobody should: the address is announced by BGP only, or belongs to a load balancer
       outside of the cluster.
    4. or several nodes answered for an address that, by its load balancer's own configuration, BGP announces and every
       node's kernel may hold: arp_ignore is 0 there.

    Do:
    - Turn strict ARP on in kube-proxy's configuration and restart kube-proxy on the nodes named under `nodes`.
    - Where the load balancer itself puts the address on every node: set arp_ignore=1 and arp_announce=2 there.
    - Clients keep the wrong MAC until their ARP entry ends; flush it on routers that matter."""
    routed = case.held_everywhere
    if not routed and case.by_bgp and case.nodes_heard <= {party.node for party in case.parties}:
        routed = case.by_bgp
    holders = [party for party in case.parties if party.node] if routed else []
    if len(holders) > 1:
        return (
            f"{_and(case, holders)} answered: every node's kernel holds the address ({routed}), "
            f"and arp_ignore is 0 there; {_should(case)}"
        )
    nobody = case.silence or case.external
    if not case.offenders or not (case.announcers or nobody or _beside_another(case)):
        return None
    return f"{_and(case, case.offenders)} answered without strict ARP; {_should(case)}"


def _beside_another(case: Case) -> bool:
    """An offender answered beside a party that is not the same node by another NIC: one of the two should not have."""
    return any(case.apart(offender, other) for offender in case.offenders for other in case.parties if other != offender)


def duplicate(case: Case) -> str | None:
    """Means: several machines answer at once, and none of them is known to lack strict ARP: a split brain, two announcers,
    or an address left behind on a node.

    Decided when:
    1. several machines answered in one round.
    2. and none of those that should not have is known to be non-strict.
    3. and, where the record of who should changed while arpcheck ran, they did so in every round.
    4. or each was heard, in every round, by a host that can't hear the other, and one record held all the time.

    Do:
    - Look on each of them whether the address is on an interface (`ip addr`): where it is, the kernel answers unless
      arp_ignore=1. Take it away there, or restart the announcer that left it.
    - Where it is on none: look at the announcers' logs on the nodes named for each other's loss (MetalLB: memberlist).
    - Where two Services share the address, give them one announcer: one sharing key, one leader election."""
    if apart := _by_different_hosts(case):
        return apart
    if not case.together or (case.changed and not all(case.every_round(party) for party in case.together)):
        return None
    return f"{_and(case, case.together)} answered in one round; {_should(case)}"


def _by_different_hosts(case: Case) -> str | None:
    """Each was heard by a host that can't hear the other, always, while one record held throughout: the other is wrong."""
    if case.changed or not case.announcers or len(case.parties) < 2 or case.strangers:
        return None
    steady = all(case.every_round(party) and case.deaf_to(party) and not case.is_doubtful(party) for party in case.parties)
    if not steady or all(party.expected for party in case.parties) or not any(party.expected for party in case.parties):
        return None
    return f"{_and(case, case.parties)} answered all the time, each heard by another host; {_should(case)}"


def inconclusive(case: Case) -> str | None:
    """Means: no fault was proven, but something that was not heard, not read or not certain could hide one.

    Decided when:
    1. frames were lost in a round that asked it, or more came than could be kept, or the run was not finished.
    2. or the owner of a MAC that answered is not known, or not certain: it answered for a node's own address beside
       another MAC, or two sources contradict each other.
    3. or one MAC answered every question more than once, and no kernel beside a speaker explains it: two machines with
       one MAC.
    4. or the same node answered in some rounds only; or two nodes were each heard by a host that can't hear the other.
    5. or the prober itself has the address, and whether it is a node could not be read, or it is a node and another
       host answered.
    6. or nobody answered, and no node was heard on this segment.
    7. or nobody answered, and the announcer was not heard on this segment, or, where nothing is recorded, a Ready node
       was not.
    8. or nobody answered, and the announcer is or may be the prober's own node.
    9. or nobody answered, and what would say that nobody should was refused.
    10. or nobody answered, and frames get lost on the way: a node answered some questions for its own address and not
        others.
    11. or nobody answered, and it is in no network of the interfaces that asked; or the frames are from a capture, which
        may lack some.
    12. or who should answer could not be read, and no current claim fits what was heard.
    13. or two current records name different nodes, or the record of who should changed while arpcheck ran, and several
        nodes or none answered, or one that neither of the records names.
    14. or the file in place of an API holds none of what would say who should answer, or that nobody should.
    15. or the cluster was read more than an hour before, and what was heard is not what was recorded then.
    16. or a node answers for the address of a load balancer outside of the cluster.
    17. or a node that is not Ready answered, and no list of NICs has the MAC.
    18. or a Lease names another node, and whether its load balancer runs in that namespace could not be seen.
    19. or only a node without strict ARP answered, and nothing records who should.
    20. or it is as it should be, frames get lost on the way as in 10, and it was asked fewer than 8 times on an interface:
        another answer may have been lost each time. Or nobody answered, and it was asked fewer than 4 times.

    Do:
    - Remove what the reason names (a missing right, a slower `--rate`, another host to run from) and run it again.
    - An unknown or uncertain MAC: name its owner with `--mac-map FILE`."""
    return next((reason for doubt in _DOUBTS if (reason := doubt(case))), None)


def moved(case: Case) -> str | None:
    """Means: the address moved from one node to another while arpcheck ran: a failover, not a conflict.

    Decided when:
    1. different nodes answered in different rounds.
    2. and never two in one round.

    Do:
    - Run it again when the failover is over; `arpcheck watch` shows how it went."""
    if len(case.parties) < 2:
        return None
    ordered = sorted(case.parties, key=lambda party: min(party.rounds))
    return "answered by " + ", then by ".join(f"{case.words(p)} (round {_numbers(p.rounds)})" for p in ordered)


def wrong_node(case: Case) -> str | None:
    """Means: one node answers all the time, but the load balancer says that another one announces the address, or none.

    Decided when:
    1. one node answered every round.
    2. and a current claim names another, or it is recorded that nobody should answer: announced by BGP only, a ClusterIP.

    Do:
    - Look on the answering node whether the address is on an interface (`ip addr`), and who put it there.
    - Look at the load balancer's record and the log of the node it names: one of them is behind."""
    party = case.parties[0] if case.parties else None
    if party is None or party.expected or not (case.announcers or case.silence):
        return None
    deaf = sorted(case.announcers & case.blind)
    both = f"; {', '.join(deaf)} can't be heard by itself, so both may answer" if deaf else ""
    return f"{case.words(party)} answered every round; {_should(case)}{both}"


def silent(case: Case) -> str | None:
    """Means: nobody answers for an address that a node should answer for. Clients can't reach it.

    Decided when:
    1. nobody answered in any round, and the address was asked again slowly.
    2. and the announcer was heard on this segment, answering for its own address; where nothing is recorded, every Ready
       node was.
    3. and nothing says that nobody should answer.

    Do:
    - MetalLB: does an L2Advertisement cover the pool, has the Service a ready endpoint (externalTrafficPolicy: Local),
      is the node excluded (label node.kubernetes.io/exclude-from-external-load-balancers)?
    - Is this the segment that the address is announced on? Then look for ARP inspection or MAC filters on the switch."""
    if case.parties or case.silence or (case.target.kind is Kind.EXTERNAL_IP and not case.announcements):
        return None
    notes = "".join(f"; {note}" for note in dict.fromkeys(note for a in case.announcements for note in a.notes))
    return f"nobody answered in {_counted(len(case.rounds), 'round')}; {_should(case)}{notes}"


def ok(case: Case) -> str | None:
    """Means: the one node that should answer answers, and nobody else.

    Decided when:
    1. one node answered every round, and it is the announcer, or nothing records who should or that nobody should.
    2. or nobody answered and nobody should: announced by BGP only, or an external IP that nothing claims.

    Do:
    - Nothing."""
    if case.parties:
        party = case.parties[0]
        return f"{case.words(party)} answered every round" + ("" if party.expected else "; nothing records who should")
    return case.silence or "nobody answered, and nothing claims this external IP"


Rule = Callable[[Case], str | None]

RULES: tuple[tuple[Verdict, Rule], ...] = (
    (Verdict.NOT_PROBED, not_probed),
    (Verdict.PROXY_ARP, proxy_arp),
    (Verdict.FOREIGN, foreign),
    (Verdict.NON_STRICT, non_strict),
    (Verdict.DUPLICATE, duplicate),
    (Verdict.INCONCLUSIVE, inconclusive),
    (Verdict.MOVED, moved),
    (Verdict.WRONG_NODE, wrong_node),
    (Verdict.SILENT, silent),
    (Verdict.OK, ok),
)


def judge(case: Case) -> tuple[Verdict, str]:
    """The verdict and its reason."""
    for verdict, rule in RULES:
        reason = rule(case)
        if reason is not None:
            return verdict, reason
    raise AssertionError("the last rule always holds")


def texts() -> tuple[Text, ...]:
    """What every verdict means, in the order of the rules."""
    return tuple(text(verdict.value, rule.__doc__) for verdict, rule in RULES)


# -------------------------------------------------------------------------------------------- what makes it inconclusive


def _lost_frames(case: Case) -> str | None:
    if case.excess:
        return f"{_counted(case.excess, 'reply', 'replies')} more came than could be kept or trusted"
    return "frames were lost in a round that asked it" if case.lost else None


def _unfinished(case: Case) -> str | None:
    finished = case.complete and (case.rounds or case.recorded)
    return None if finished else "the run ended before every round had asked it and listened"


def _unknown_owner(case: Case) -> str | None:
    strangers = [party for party in case.strangers if not case.is_known(party)]
    return f"it is not known whose {_and(case, strangers)} is" if strangers else None


def _doubtful_owner(case: Case) -> str | None:
    doubtful = [party for party in case.parties if case.is_doubtful(party)]
    if not doubtful:
        return None
    macs = sorted({o.mac for party in doubtful for o in case.owners_of(party) if o.strength is Strength.DOUBTFUL})
    several = "are" if len(macs) > 1 else "is"
    named = " and ".join(party.node or "" for party in doubtful)
    return f"{' and '.join(macs)} answered and {several} not certain to be {named}'s (a line of `--mac-map` settles it)"


def _doubled(case: Case) -> str | None:
    if not case.doubled:
        return None
    named = " and ".join(f"{mac} ({node})" if node else mac for (_, mac), node in case.doubled)
    return f"{named} answered more than once per question: two machines may have this MAC"


def _outside(case: Case) -> str | None:
    if not case.external:
        return None
    return f"{_and(case, case.parties)} answered, and a load balancer outside of the cluster serves the address"


def _only_loud(case: Case) -> str | None:
    """A kernel without strict ARP answers whether its node was chosen or not."""
    if case.announcers or case.silence or len(case.parties) != 1 or case.parties[0] not in case.offenders:
        return None
    return f"only {_and(case, case.parties)} answered, whose kernel answers for every Service's address; {_should(case)}"


def _some_rounds_only(case: Case) -> str | None:
    if len(case.parties) != 1 or case.every_round(case.parties[0]):
        return None
    party = case.parties[0]
    return f"{case.words(party)} answered in round {_numbers(party.rounds)} of {_numbers(case.rounds)} only"


def _deaf(case: Case) -> str | None:
    """Nobody answered, and that may be the prober's own fault, or the way's."""
    if case.parties:
        return None
    tagged = sorted({f"VLAN {passed.vlan}" for passed in case.passed_over if passed.vlan})
    if tagged and not case.silence:
        nobody = "no untagged answer for it is in the capture" if case.recorded else "nobody answered here"
        return f"{nobody}, and frames of {', '.join(tagged)} speak for it"
    if case.recorded:
        return "no answer for it is in the capture, which does not say what it missed"
    if not case.nodes_heard:
        return "nobody answered, and no node was heard on this segment"
    if case.silence:
        return None
    likely = {claim.node for claim in case.claims}
    for node in sorted(case.blind):
        if node in likely or not case.announcers:
            may_be = "is" if node in case.announcers else "may be"
            return f"nobody answered, and {node}, on which arpcheck ran and which it can't hear, {may_be} the announcer"
    return _not_heard(case, likely)


def _not_ready(case: Case) -> str | None:
    """A node that is not Ready and answers is alive, or another machine has its address now."""
    away = [party for party in case.parties if party.node in case.nodes_down and not case.is_listed(party)]
    if not away:
        return None
    return f"{_and(case, away)} answered and is not Ready: another machine may have its address, unless a list has its MAC"


def _nobodys(case: Case) -> str | None:
    """An address that was asked for by name, and that nothing of the cluster speaks of."""
    if case.parties or case.target.kind is not Kind.EXTRA or case.announcements or case.silence:
        return None
    return "nobody answered, and nothing says that anybody should: it is no Service's and no node's"


def _not_heard(case: Case, likely: set[str]) -> str | None:
    """Silence proves only what could have spoken: the announcer, or, where none is recorded, every Ready node."""
    speakers = case.announcers or (case.nodes_ready | likely)
    if missing := sorted(speakers - case.nodes_heard):
        more = f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
        which = "should answer" if case.announcers else "could be the announcer"
        named = f"{', '.join(missing[:_MOST])}{more}"
        return f"nobody answered, and {named}, which {which}, was not heard on this segment"
    if not case.on_link:
        return "nobody answered, and it is in no network of these interfaces: it may be announced on another segment"
    if case.nodes_missed:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        return f"nobody answered, and frames get lost here: {named} did not answer every question for its own address"
    return None


_MOST = 3
"""Nodes that a reason names."""

SILENT = 4
"""Questions that nobody answered, before an address is called silent."""


def _seldom(case: Case) -> str | None:
    """What was heard is as it should be; where frames get lost, one more may have answered and was not heard. That only the
    wrong one was heard is a fault, whatever was lost."""
    wrong = case.parties and (case.announcers or case.silence) and not case.parties[0].expected
    if case.recorded or wrong or len(case.parties) > 1:
        return None
    times = _counted(case.often, "question")
    if case.nodes_missed and case.often < ENOUGH:
        named = ", ".join(sorted(case.nodes_missed)[:_MOST])
        lost = f"frames get lost here ({named} did not answer every question for its own address)"
        return f"{lost}, and {times} for it may be too few"
    if not case.parties and not case.silence and case.often < SILENT:
        return f"nobody answered, and {times} for it may be too few"
    return None


def _changing(case: Case) -> str | None:
    """A failover while it ran: two nodes may overlap for a moment, and for another nobody answers. One that is neither of
    those that the record named should not have answered at all, but a third may have held it in between."""
    if not case.changed or case.silence:
        return None
    third = len(case.parties) == 1 and not case.announcers and case.parties[0].node not in {c.node for c in case.changed}
    if third and case.parties[0].macs[0] not in case.named:
        named = " and ".join(sorted({claim.node for claim in case.changed}))
        return f"{_and(case, case.parties)} answered, and the record of who should changed while arpcheck ran ({named})"
    if not case.together and case.parties:
        return None
    heard = f"{_and(case, case.together)} answered in one round" if case.together else "nobody answered"
    named = " and ".join(sorted({claim.node for claim in case.changed}))
    return f"{heard}, and the record of who should changed while arpcheck ran ({named})"


def _unplaced(case: Case) -> str | None:
    if case.announcers or case.silence or not case.parties:
        return None
    named = [claim for claim in case.claims if not claim.placed]
    if not named or any(party.node == claim.node for claim in named for party in case.parties):
        return None
    told = " and ".join(dict.fromkeys(f"{claim.source} names {claim.node}" for claim in named))
    return f"{_and(case, case.parties)} answered, and {told}; whether its controller runs there is not known"


def _rival_claims(case: Case) -> str | None:
    if not case.conflict or case.silence:
        return None
    named = ", ".join(f"{claim.node} by {claim.source}" for claim in case.conflict)
    return f"two current records name different nodes: {named}"


def _unread(case: Case) -> str | None:
    """What was refused might have named another announcer than the one that is known, or excused the one that answers."""
    as_known = case.announcers and (not case.parties or any(party.expected for party in case.parties))
    if as_known or not case.unread:
        return None
    return f"who should answer could not be read: {', '.join(case.unread)}"


def _unsaid(case: Case) -> str | None:
    if not case.unsaid or case.silence or case.announcers:
        return None
    what = "who should answer" if case.parties else "whether anybody should"
    heard = "" if case.parties else "nobody answered, and "
    return f"{heard}the file holds nothing that says {what}: {', '.join(case.unsaid)}"


def _outdated(case: Case) -> str | None:
    """What was recorded then is no fault of today, and no witness of today's silence."""
    if not case.outdated or case.silence or case.announcers:
        return None
    recorded = {claim.node for claim in case.claims if claim.trust is Trust.STALE}
    if case.parties and (not recorded or any(p.node in recorded or p.macs[0] in case.named for p in case.parties)):
        return None
    heard = _and(case, case.parties) or "nobody"
    names = f" and then recorded {' and '.join(sorted(recorded))}" if recorded else ""
    return f"{heard} answered, and the cluster was read {case.outdated}{names}: who should answer now is not known"


def _itself(case: Case) -> str | None:
    if case.held_on is None:
        return None
    return f"this host has the address itself, on {case.held_on}, and whether it is a node could not be read"


def _held_here(case: Case) -> str | None:
    """A node that has it on the LAN's interface answers for it too, and no host hears itself."""
    unheard = {name: on for name, on in case.held_by.items() if name not in {party.node for party in case.parties}}
    if not case.parties or not unheard:
        return None
    deaf = (f"{name}, on which arpcheck ran and which it can't hear, has it on {on}" for name, on in unheard.items())
    return f"{_and(case, case.parties)} answered, and {' and '.join(deaf)}: ask from another host"


def _never_both_audible(case: Case) -> str | None:
    """Each answered one of the hosts that asked, and that host can't hear the other: itself, or on another segment."""
    for one, other in combinations(case.parties, 2):
        if case.turns_of(one) <= case.deaf_to(other) or case.turns_of(other) <= case.deaf_to(one):
            return f"{_and(case, (one, other))} were heard by different hosts; whether both answer at once is not known"
    return None


def _asked_of_one_only(case: Case) -> str | None:
    """Only in a capture: a host that knows a MAC asks that one alone, and nobody else hears the question."""
    return "no question to all hosts is in the capture" if case.recorded and not case.rounds else None


_DOUBTS: tuple[Rule, ...] = (
    _lost_frames, _unfinished, _unknown_owner, _doubtful_owner, _doubled, _itself, _held_here, _outside, _only_loud,
    _some_rounds_only, _changing, _never_both_audible, _deaf, _not_ready, _nobodys, _asked_of_one_only, _unread,
    _unplaced, _rival_claims, _unsaid, _outdated, _seldom,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- words


def _should(case: Case) -> str:
    if case.external:
        return "no node should: a load balancer outside of the cluster serves it"
    if case.announcers:
        return f"{' and '.join(sorted(case.announcers))} should"
    if case.silence:
        return f"nobody should: {case.silence}"
    stale = [claim for claim in case.claims if claim.trust is Trust.STALE]
    return f"who should is not known (an old record names {stale[0].node})" if stale else "who should is not known"


def _and(case: Case, parties: Iterable[Responder]) -> str:
    return " and ".join([case.words(party) for party in parties])


def _too(case: Case, named: Callable[[Responder], bool]) -> str:
    """The others, after those that a reason has named."""
    others = [party for party in case.parties if not named(party)]
    return f"; {_and(case, others)} answered too" if others else ""


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
