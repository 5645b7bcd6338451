"""The verdict on one address: a table of rules, tried in order; the first that holds decides.

Each rule takes a Case and gives the reason, or None where it does not hold. What was heard can't be undone by what was
lost, so the proven verdicts stand before `inconclusive`. Rules know nothing of the run as a whole; findings do."""

from __future__ import annotations

from collections.abc import Callable

from arpcheck.judge.case import Case
from arpcheck.judge.doubts import DOUBTS
from arpcheck.judge.reasons import counted, numbers, others_too, who, who_should
from arpcheck.judge.rule_docs import Text, text
from arpcheck.model import Kind, Verdict


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
        heard = f"{who(case, case.parties)} answered"
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
    return f"{who(case, proxies)} answers for addresses that are not its own{others_too(case, case.is_proxy)}"


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
        return f"{who(case, strangers)} answered and is no node's{others_too(case, case.is_foreign)}"
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
            f"{who(case, holders)} answered: every node's kernel holds the address ({routed}), "
            f"and arp_ignore is 0 there; {who_should(case)}"
        )
    nobody = case.silence or case.external
    if not case.offenders or not (case.announcers or nobody or _beside_another(case)):
        return None
    return f"{who(case, case.offenders)} answered without strict ARP; {who_should(case)}"


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
    return f"{who(case, case.together)} answered in one round; {who_should(case)}"


def _by_different_hosts(case: Case) -> str | None:
    """Each was heard by a host that can't hear the other, always, while one record held throughout: the other is wrong."""
    if case.changed or not case.announcers or len(case.parties) < 2 or case.strangers:
        return None
    steady = all(case.every_round(party) and case.deaf_to(party) and not case.is_doubtful(party) for party in case.parties)
    if not steady or all(party.expected for party in case.parties) or not any(party.expected for party in case.parties):
        return None
    return f"{who(case, case.parties)} answered all the time, each heard by another host; {who_should(case)}"


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
    return next((reason for doubt in DOUBTS if (reason := doubt(case))), None)


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
    return "answered by " + ", then by ".join(f"{case.words(p)} (round {numbers(p.rounds)})" for p in ordered)


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
    return f"{case.words(party)} answered every round; {who_should(case)}{both}"


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
    return f"nobody answered in {counted(len(case.rounds), 'round')}; {who_should(case)}{notes}"


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
