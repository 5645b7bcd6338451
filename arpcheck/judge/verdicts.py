"""The verdict on one address: a table of rules, tried in order; the first that holds decides.

Each rule takes a Case and gives the reason, or None where it does not hold. A lost frame can't undo a reply that was
received, so the proven verdicts stand before `inconclusive`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from arpcheck.judge.case import Case, counted, holders_behind_a_table, others_too, rounds, who, who_should
from arpcheck.judge.doubts import DOUBTS
from arpcheck.model import Kind, Verdict

# --------------------------------------------------------------------------------------------------- The docstring of a rule

_PARTS = re.compile(r"Means: (?P<means>.+?)\n\s*\nDecided when:\n(?P<decided>.+?)\n\s*\nDo:\n(?P<do>.+)", re.DOTALL)
_ITEM = re.compile(r"^(?:\d+\.|-) ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a rule says of itself."""

    name: str
    means: str
    decided: tuple[str, ...]
    do: tuple[str, ...]


@cache
def text(name: str, docstring: str | None) -> Text:
    """Reads the three parts of a rule's docstring, which the report, `arpcheck explain` and the reference pages use word for
    word. A ValueError names the rule whose docstring does not have them:

    Means: one paragraph.

    Decided when:
    1. one condition a line, continued lines are indented.

    Do:
    - one step a line."""
    match = _PARTS.fullmatch(inspect.cleandoc(docstring or ""))
    if match is None:
        raise ValueError(f"the rule {name} does not say what it means, when it is decided and what to do")
    means = _flow(match["means"])
    return Text(name=name, means=means[:1].upper() + means[1:], decided=_items(match["decided"]), do=_items(match["do"]))


def _items(lines: str) -> tuple[str, ...]:
    return tuple(_flow(item) for item in _ITEM.split(lines) if item.strip())


def _flow(lines: str) -> str:
    return " ".join(lines.split())


# ----------------------------------------------------------------------------------------------------------------- The rules


def not_probed(case: Case) -> str | None:
    """Means: the address was not judged, for a reason that lies in the Service.

    Decided when:
    1. the Service has no address yet, or only a host name.
    2. or the address is IPv6, which ARP does not resolve.
    3. or a load balancer outside the cluster serves it (by its class, or by ipMode Proxy), and no node replied. Such an
       address is probed for information only. LoxiLB can also run inside the cluster: where only nodes reply, it does.
    4. or no interface of this host is in its network, and `--on-link` leaves it to another host.

    Do:
    - Nothing, if the Service is as intended. Otherwise find out why it has no IPv4 address."""
    if case.target.skipped or not case.external or any(party.node for party in case.parties):
        return case.target.skipped
    if case.parties:
        heard = f"{who(case, case.parties)} replied"
    else:
        heard = "nobody replied here" if case.turns else "it was not probed"
    return f"a load balancer outside the cluster serves it, so arpcheck does not judge it; {heard}"


def proxy_arp(case: Case) -> str | None:
    """Means: a device replies for addresses that it does not own: a router or a firewall with proxy ARP.

    Decided when:
    1. a MAC address that replied for this address also replied for the control, an address that nobody owns, to the same
       sender.
    2. or it replied for the addresses of several nodes to requests from this host's address, and to none from 0.0.0.0.
    3. and it is not the announcer.
    4. and the address is in this network. For other networks a router is expected to reply.

    Do:
    - Turn proxy ARP off on that device for this segment (Linux: net.ipv4.conf.IFACE.proxy_arp=0).
    - Run arpcheck again. It can judge only then what the proxy hid."""
    if not case.proxies:
        return None
    one = len(case.proxies) == 1
    owns = "replies for addresses that it does not own" if one else "reply for addresses that they do not own"
    return f"{who(case, case.proxies)} {owns}{others_too(case, case.is_proxy)}"


def foreign(case: Case) -> str | None:
    """Means: a host that is not a node of this cluster replies for the address.

    Decided when:
    1. case A: every node's NICs are listed (`--mac-map`, NodeNetworkState), and a MAC address replied that is not one of
       them.
    2. or case B, all of 2 to 6: every node replied on this segment, Ready or not.
    3. B: the MAC address shares its first three octets with no node's NIC.
    4. B: it got two unicast requests for each node's own address and replied to none of them. In IPv6 it also did not reply
       as MetalLB's speaker does on every NIC of a node: not overriding, from a link-local address.
    5. B: the recorded announcer replied for the same address in the same rounds.
    6. B: if that node announces other addresses too, the MAC address did not reply for all of those. A second NIC of the
       node would have.
    7. A and B: the Service does not name the MAC address, and the load balancer announces from nodes.
    8. A and B: everything that could name the owner of the MAC address was read, the Nodes within the last hour.
    9. or case C: the host that arpcheck ran on has the address itself and is not a node.

    Do:
    - Find the host by its MAC address in the switch's address table. The vendor in the report narrows it down.
    - Remove the address from that host, or from the load balancer's pool.
    - If the host belongs to another cluster, give the two clusters pools that do not overlap.
    - A node's second NIC looks the same if it is of another vendor and has no IP address. Name its owner with
      `--mac-map FILE`."""
    strangers = [party for party in case.strangers if case.is_foreign(party)]
    if strangers:
        belong = "does not belong to a node" if len(strangers) == 1 else "belong to no node"
        return f"{who(case, strangers)} replied and {belong}{others_too(case, case.is_foreign)}"
    if case.held_on and case.nodes_read:
        return f"this host has the address itself, on {case.held_on}, and is not a node"
    return None


def non_strict(case: Case) -> str | None:
    """Means: a node replies that should not. Its kernel replies for every Service address that it holds.

    Decided when:
    1. a node replied that is not the announcer, and the same MAC address also replied for the canary.
    2. or, where the announcer is not known, or only from events, such a node replied beside another machine. A MAC address
       that may be the node's own is not another machine.
    3. or such a node replied although no node should: BGP alone announces the address, or a load balancer outside the
       cluster serves it.
    4. or several nodes replied for an address that, by the load balancer's own configuration, BGP announces and every
       node's kernel may hold. arp_ignore is 0 on these nodes.

    Do:
    - Turn on strict ARP in kube-proxy's configuration, and restart kube-proxy on the nodes listed under `nodes`.
    - If the load balancer puts the address on every node: set arp_ignore=1 and arp_announce=2 on these nodes.
    - Clients keep the wrong MAC address until their ARP entry expires. Flush it on routers that matter."""
    routed = case.held_everywhere
    if not routed and case.by_bgp and case.nodes_heard <= {party.node for party in case.parties}:
        routed = case.by_bgp
    holders = [party for party in case.parties if party.node] if routed else []
    if len(holders) > 1:
        return (
            f"{who(case, holders)} replied: every node's kernel holds the address ({routed}), "
            f"and arp_ignore is 0 there; {who_should(case)}"
        )
    nobody = case.silence or case.external
    recorded = case.announcers and not case.by_events
    if not case.offenders or not (recorded or nobody or _beside_another(case)):
        return None
    return f"{who(case, case.offenders)} replied without strict ARP; {who_should(case)}"


def _beside_another(case: Case) -> bool:
    """A non-strict node replied beside another machine, and not only by two of its NICs: one of the two should not have."""
    return any(case.apart(offender, other) for offender in case.offenders for other in case.parties if other != offender)


def duplicate(case: Case) -> str | None:
    """Means: several machines reply at once, and none of them is known to lack strict ARP: a split brain, two announcers,
    or an address left behind on a node.

    Decided when:
    1. several machines replied in one round.
    2. and none of those that should not have replied is known to be non-strict.
    3. and, if the recorded announcer changed while arpcheck ran, they replied in every round.
    4. or each of two nodes replied in every round to a host that can't receive the other's replies, and one record named
       the announcer throughout.
    5. or, in IPv6, one replied to the requests that clients send, and another before it to one that reaches hosts behind a
       switch with MLD snooping or neighbour suppression. In IPv6 only a host that has the address replies.

    Do:
    - Check on each of them whether the address is on an interface (`ip addr`). If it is, the kernel replies unless
      arp_ignore=1. Remove the address, or restart the announcer that left it.
    - If it is on no interface: read the announcers' logs for lost contact between these nodes (MetalLB: memberlist).
    - If two Services share the address, give them one announcer: one sharing key, one leader election."""
    if apart := _by_different_hosts(case) or _beside_hidden(case):
        return apart
    if not case.together or (case.changed and not all(case.every_round(party) for party in case.together)):
        return None
    return f"{who(case, case.together)} replied in one round; {who_should(case)}"


def _beside_hidden(case: Case) -> str | None:
    """In IPv6 a kernel replies only for addresses of the NIC that received the request: whoever replies has the address."""
    found = [one for one in case.hidden if one.beside and one.owner.node and not one.owner.doubtful]
    if not found:
        return None
    parties = [
        party
        for party in case.parties
        if case.is_known(party) and not case.is_doubtful(party) and not case.is_spoken_for(party)
    ]
    if not parties:
        return None
    return (
        f"{who(case, parties)} replied, and {' and '.join(one.words for one in found)} replied to requests to all nodes "
        f"or to it alone; {who_should(case)}"
    )


def _by_different_hosts(case: Case) -> str | None:
    """Each replied in every round to a host that can't receive the other's replies, while one record named the announcer
    throughout: the other node is wrong."""
    if case.changed or not case.announcers or len(case.parties) < 2 or case.strangers:
        return None
    steady = all(case.deaf_to(party) and case.every_round(party) and not case.is_doubtful(party) for party in case.parties)
    if not steady or all(party.expected for party in case.parties) or not any(party.expected for party in case.parties):
        return None
    return f"{who(case, case.parties)} replied in every round, each to another host; {who_should(case)}"


def inconclusive(case: Case) -> str | None:
    """Means: no fault was proven, but missing or uncertain data could hide one.

    Decided when:
    1. frames were lost in a round that probed it, or more replies came than arpcheck keeps, or the run was not finished.
    2. or the owner of a MAC address that replied is unknown or uncertain: another MAC address replied for the same node
       address, or two sources contradict each other.
    3. or one MAC address replied more than once to every request, and no kernel beside a speaker explains it. Two machines
       may have the same MAC address.
    4. or the same node replied in some rounds only, or two nodes each replied to a host that can't receive the other's
       replies.
    5. or the host that arpcheck ran on has the address, and either it is not known whether that host is a node, or it is a
       node and another host replied.
    6. or nobody replied, and no node replied to the same sender on this segment.
    7. or nobody replied, and the announcer did not reply to the same sender on this segment for its own address. If no
       announcer is recorded, this applies to every Ready node.
    8. or nobody replied, and arpcheck ran on the node that is, or may be, the announcer.
    9. or nobody replied, and a resource that could say that nobody should reply is forbidden.
    10. or nobody replied, and frames get lost on the way: a node replied to some requests for its own address and not to
        others.
    11. or nobody replied, and the address is in no network of the interfaces that were used, or the frames are from a
        capture, which may lack some.
    12. or the records of the announcer could not be read, and no current record fits the replies.
    13. or two current records name different nodes, or the recorded announcer changed while arpcheck ran and several nodes,
        none, or a node that neither record names replied; or one of those two replied, and a third record names another
        node all the time, or arpcheck ran on the other and can't receive its replies.
    14. or the file used in place of the API holds no record of who should reply, or that nobody should.
    15. or the cluster was read more than an hour earlier, and the replies differ from its records.
    16. or a node replied for the address of a load balancer outside the cluster.
    17. or a node that is not Ready replied, and no list of NICs has the MAC address.
    18. or a Lease names another node, and it is not known whether its load balancer runs in that namespace.
    19. or only a node without strict ARP replied, and no record names the announcer.
    20. or a host replied that replies for everything, no interface that was used has an address, and no node that replied
        has an address nearby (the same first three numbers). The address may be elsewhere, where a router rightly replies.
    21. or all is as it should be, but frames get lost on the way as in 10 and fewer than 8 requests were sent on an
        interface, so another reply may have been lost each time. If nobody replied, fewer than 4 requests are too few.
    22. or all is as it should be, or nobody replied, and another machine also replied for the address that every request
        was sent from. A kernel that has this address takes the requests for its own and does not reply.
    23. or a node replied that is in none of the several entries of the annotation that should name the announcer.
    24. or a Lease that has not expired names a node that is not Ready and did not reply on this segment.
    25. or one node replied, and only events name the announcer, which is another.
    26. or another MAC address announced the address by gratuitous ARP, and no record names the announcer.
    27. or nobody replied and nobody should, but somebody replied to a unicast request or to another sender.
    28. or, in IPv6, a node seemed to reply and did not to two or more requests to it alone, or as many replies with its MAC
        address came after requests to other nodes alone: a switch with neighbour suppression may have replied from its
        table. Or, beside a reply, a host replied to requests to all nodes or to it
        alone, and it is not certain whose that is, or the address may have moved to it meanwhile.

    Do:
    - Remove the cause that the reason names (a missing right, a `--rate` that is too high, a host that can't see enough)
      and run arpcheck again.
    - For an unknown or uncertain MAC address, name its owner with `--mac-map FILE`.
    - If a switch may reply from its table, clear its entry for the address and run arpcheck again."""
    return next((reason for doubt in DOUBTS if (reason := doubt(case))), None)


def moved(case: Case) -> str | None:
    """Means: the address moved from one node to another while arpcheck ran: a failover, not a conflict.

    Decided when:
    1. different nodes replied in different rounds.
    2. and never two in one round.

    Do:
    - Run arpcheck again after the failover. `arpcheck watch` shows how it went."""
    if len(case.parties) < 2:
        return None
    ordered = sorted(case.parties, key=lambda party: min(party.rounds))
    return "replies from " + ", then from ".join(f"{case.words(p)} ({rounds(p.rounds)})" for p in ordered)


def wrong_node(case: Case) -> str | None:
    """Means: one node replies all the time, but the load balancer records another announcer, or none.

    Decided when:
    1. one node replied in every round.
    2. and a current record that is not an event names another node, or says that nobody should reply (BGP alone announces
       it, or it is a ClusterIP).
    3. or, in IPv6, a switch replies with the MAC address of a node that replied to no request to it alone, and another node
       replied to one.

    Do:
    - Check on the replying node whether the address is on an interface (`ip addr`), and what put it there.
    - Compare the load balancer's record with the log of the node that it names. One of the two is out of date."""
    party = case.parties[0] if case.parties else None
    if party is not None and (holders := holders_behind_a_table(case)):
        named = " and ".join(one.words for one in holders)
        return f"a switch replied in the name of {case.words(party)}, and {named} has the address; {who_should(case)}"
    if party is None or party.expected or not (case.announcers or case.silence):
        return None
    blind = sorted(case.announcers & case.blind)
    both = f"; arpcheck ran on {', '.join(blind)} and can't receive its replies, so both may reply" if blind else ""
    return f"{case.words(party)} replied in every round; {who_should(case)}{both}"


def silent(case: Case) -> str | None:
    """Means: nobody replies for an address that a node should reply for. Clients on this segment can't reach it.

    Decided when:
    1. nobody replied in any round, and the address was also probed at a slow rate.
    2. and the announcer replied on this segment for its own address. If no announcer is recorded, every Ready node did.
    3. and no record says that nobody should reply.

    Do:
    - MetalLB: check that an L2Advertisement covers the pool, that the Service has a ready endpoint (externalTrafficPolicy:
      Local), and that the node is not excluded (label node.kubernetes.io/exclude-from-external-load-balancers). An
      invalid object keeps the speakers at their old configuration (`kubectl get configurationstates -A`).
    - Cilium: check that a CiliumL2AnnouncementPolicy selects the Service, and who holds the Lease
      `cilium-l2announce-NAMESPACE-SERVICE`. Since 1.20.2 no node does where externalTrafficPolicy is Local and no node has
      an endpoint.
    - kube-vip: check that its pods run on nodes that may announce, and who holds the Lease `plndr-svcs-lock` or
      `kubevip-SERVICE`.
    - Check that the address is announced on this segment. If it is, look for ARP inspection or MAC filters on the
      switch."""
    if case.parties or case.silence or (case.target.kind is Kind.EXTERNAL_IP and not case.announcements):
        return None
    slow = "slow round" if case.faster else "round"
    return f"nobody replied in {counted(len(case.rounds), slow)}; {who_should(case)}"


def ok(case: Case) -> str | None:
    """Means: only the node that should reply replies.

    Decided when:
    1. one node replied in every round, and it is the announcer, or no record says who should reply or that nobody should.
    2. or nobody replied and nobody should: BGP alone announces the address, or it is an external IP that nothing claims.

    Do:
    - Nothing."""
    if case.parties:
        party = case.parties[0]
        return f"{case.words(party)} replied in every round" + ("" if party.expected else "; no record names the announcer")
    return case.silence or "nobody replied, and nothing claims this external IP"


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
