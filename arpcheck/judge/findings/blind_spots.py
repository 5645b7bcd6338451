"""Findings about what the run could not see: lost frames, refused resources, addresses that ARP does not reach; and about
IPv6 addresses, for which hosts are asked by neighbour discovery (RFC 4861)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from arpcheck.evidence import VantageRounds
from arpcheck.judge.doubling import subnet_router_anycast
from arpcheck.judge.judged import Found, Judged, Judgement, Rule
from arpcheck.judge.responders import named, only_by_unicast
from arpcheck.model import Address, Nic, Outcome, ReasonId, Severity, Skip, Verdict
from arpcheck.text import count

MOST_NAMED = 8
"""How many addresses get a line of their own."""


def frames_lost(judged: Judged) -> Found | None:
    """Means: arpcheck could not keep every frame that arrived, so a reply may be missing. The replies that it kept are
    still valid.

    Decided when:
    1. the kernel reports that it dropped frames for arpcheck's socket.
    2. or more MAC addresses or replies arrived for one address than arpcheck keeps.
    3. or replies arrived that carry this host's own MAC address.

    Do:
    - Run it again at a lower rate: `sudo arpcheck probe --rate 10`.
    - Give the socket more room, if frames are lost at that rate too: `sudo sysctl -w net.core.rmem_max=8388608`.
    - If the replies are forged, find their source in the switch's address table."""
    because = [f"{count(loss.frames, 'frame')} on {loss.interface}, {_rounds(loss.rounds)}" for loss in judged.losses]
    ips = [j.ip for j in judged.asked() if j.case.excess or j.case.lost]
    excessive = [j for j in judged.asked() if j.case.excess]
    because += [f"{_replies(j.case.excess, f'for {j.ip}')}" for j in excessive[:MOST_NAMED]]
    if more := excessive[MOST_NAMED:]:
        because.append(_replies(sum(j.case.excess for j in more), f"for {count(len(more), 'other address')}"))
    if judged.canary and (excess := judged.observations.excess(judged.canary)):
        because.append(_replies(excess, f"for the canary {judged.canary}"))
    return Found(because=tuple(because), ips=tuple(ips)) if because else None


def broadcast_filtered(judged: Judged) -> Found | None:
    """Means: a node replies for these addresses to unicast requests and to no broadcast. Clients send broadcasts, so they
    can't reach the addresses, except while they remember the MAC address.

    Decided when:
    1. nobody replied to a broadcast for the address, from any sender.
    2. and one NIC replied to every unicast request for it, of which there were two at least.
    3. It is an error if the address is silent. If it is inconclusive, it is a warning.

    Do:
    - Run `tcpdump -eni INTERFACE arp` on the node. It shows whether broadcasts arrive there.
    - If none arrive: look at storm control and port security of the switch port, at the Wi-Fi access point, or at the MAC
      filter of the virtual NIC.
    - If they arrive: read the log of the load balancer's pod on that node, and compare the interface that it listens on."""
    found = [(j, only) for j in judged.asked() if (only := only_by_unicast(j.case))]
    because = [
        f"{j.ip}: {named(j.case, one)} replied to {count(one.asked, 'unicast request')} and to no broadcast"
        for j, only in found[:MOST_NAMED]
        for one in only
    ]
    if more := found[MOST_NAMED:]:
        because.append(f"the same of {count(len(more), 'other address')}")
    silent = any(j.verdict is Verdict.SILENT for j, _ in found)
    weaker = (None, None) if silent else (Severity.WARNING, Outcome.UNSURE)
    ips = tuple(ip for j, _ in found if (ip := j.ip))
    return Found(because=tuple(because), ips=ips, severity=weaker[0], outcome=weaker[1]) if found else None


def gap(judged: Judged) -> Found | None:
    """Means: something could not be read or probed. The report says what is unknown because of it.

    Decided when:
    1. the API server refused a resource or did not respond in time.
    2. or the file does not contain it.
    3. or a request was not sent.
    4. a resource that the server does not serve is not installed, and is not a gap.

    Do:
    - Grant the right to read it, which `arpcheck pod --rbac --with IMPLEMENTATION` prints, and run arpcheck again."""
    because = tuple(f"{g.what}: {g.why}" for g in judged.gaps)
    named = any(g.what == "mac-map" for g in judged.gaps)
    do = ("`mac-map` names a host that is not a node: use the Node's name in the list, or remove the host",)
    return Found(because=because, do=do if named else ()) if because else None


def clocks_differ(judged: Judged) -> Found | None:
    """Means: the times of Leases or events can't be right by the API server's clock, so their age does not show whether
    they are current.

    Decided when:
    1. by the API server's clock, a Lease was renewed in the future, or all Leases of the cluster expired at once.
    2. the run is in doubt if the announcer of an address is known by such a record alone.

    Do:
    - Compare the clocks (`timedatectl`, `chronyc tracking`) of the control plane and of the nodes that renew Leases."""
    because = tuple(g.why for g in judged.gaps if g.what == "clocks")
    needed = tuple(j.ip for j in judged.asked() if j.case.clock_doubt)
    if not because:
        return None
    return Found(because=because, ips=needed, outcome=Outcome.UNSURE if needed else Outcome.FINE)


def _replies(number: int, whose: str) -> str:
    return f"{count(number, 'reply')} {whose} {'was' if number == 1 else 'were'} not kept"


def _rounds(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "before the first request"
    return f"round{'s' if len(numbers) > 1 else ''} {', '.join(str(number) for number in numbers)}"


def vantages_disagree(judged: Judged) -> Found | None:
    """Means: two hosts probed the same address and both receive the node's replies, but only one of them got a reply for
    the address. Either something changed between their runs, or a device between them and the node treats them
    differently.

    Decided when:
    1. several runs were merged.
    2. and a MAC address replied to one host for an address or for the canary in every round, and to another host in none.
    3. and the other host receives replies from the same node.

    Do:
    - Run both again at the same time. A change between the runs is the most frequent cause.
    - If the difference stays, look for a filter on the path (ARP inspection, private VLANs, an ARP cache in the switch)."""
    if len(judged.observations.courses) < 2:
        return None
    because, nodes, ips = [], [], []
    for judgement in judged.asked():
        for party in judgement.case.parties:
            for words in _differences(judged, judgement.ip, judgement.case.nics_of(party), party.node):
                because.append(f"{judgement.ip}: {judgement.case.words(party)} {words}")
                nodes.extend([party.node] if party.node else [])
                ips.append(judgement.ip)
    for nic in judged.canary_nics():
        node = judged.owners[nic].node
        for words in _differences(judged, judged.canary, [nic], node) if judged.canary else ():
            because.append(f"canary {judged.canary}: {node or nic[1]} {words}")
            nodes.extend([node] if node else [])
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def _differences(judged: Judged, ip: Address, nics: Sequence[Nic], node: str | None) -> Iterable[str]:
    """One for each host that heard none of them while another heard them in every round."""
    observations = judged.observations
    rounds = {reply.round for nic in nics for reply in observations.by_nic(ip)[nic]}
    asked = {course.name: {n for n in observations.asked(ip).rounds() if course.has(n)} for course in observations.courses}
    steady = [course for course in observations.courses if asked[course.name] and asked[course.name] <= rounds]
    for course in observations.courses if steady else ():
        if _silent(course, asked[course.name], rounds) and observations.hears(course, _of(node, nics, judged)):
            others = " and ".join(one.name for one in steady)
            yield f"replied to {others}, but not to {course.name}, which receives its other replies"


def _of(node: str | None, nics: Iterable[Nic], judged: Judged) -> Iterable[Nic]:
    """The NICs that answered, and all others of the same node."""
    yield from nics
    yield from (nic for nic, owner in judged.owners.items() if node and owner.node == node)


def _silent(course: VantageRounds, asked: set[int], rounds: set[int]) -> bool:
    return bool(asked) and not any(course.has(number) for number in rounds)


# -------------------------------------------------------------------------------------------------------------------- IPv6


def ipv6_not_checked(judged: Judged) -> Found | None:
    """Means: these Services have IPv6 addresses, and this run did not request them.

    Decided when:
    1. a selected Service has an IPv6 address.
    2. and no interface that was used has a usable IPv6 link-local address, or `--family ipv4` was given, or the command
       checks IPv4 alone.

    Do:
    - Run `arpcheck probe` from a host with IPv6 on that interface."""
    ips = tuple(j.case.target.ip for j in judged.judgements if j.case.target.skips is Skip.IPV6 and j.case.target.ip)
    were = "address was" if len(ips) == 1 else "addresses were"
    return Found(because=(f"{len(ips)} IPv6 {were} not probed",), ips=ips) if ips else None


def multicast_filtered(judged: Judged) -> Found | None:
    """Means: a host has these addresses and replies to requests that reach it, but not to those that clients send. Clients
    ask the address's solicited-node group, so they can't reach the addresses, except while they remember the MAC address.

    Decided when:
    1. nobody replied to a request to the group of an IPv6 address.
    2. and a host that is no proxy replied to a request to all nodes (ff02::1), or to one that was sent to its NIC alone.
    3. and the frames are not from a capture, which may lack some.
    4. It is an error if the address is silent. If nobody should reply, or it is inconclusive, it is a warning.

    Do:
    - Run `ip -6 maddr show dev INTERFACE` on the node. It shows whether its NIC is in the group, which ends in the last
      three bytes of the address.
    - If it is not: restart what announces the address there. MetalLB's speaker leaves the group for good when its interface
      was down for more than a few seconds.
    - If it is: look at MLD snooping on the switches, which drop requests without a querier, or where they do not list the
      port."""
    found = [j for j in _ipv6(judged) if j.case.hidden and not j.case.parties and not j.case.recorded]
    because = [
        f"{j.ip}: {' and '.join(f'{one.words} ({one.nic[1]})' for one in j.case.hidden)} replied, and not to its group"
        for j in found[:MOST_NAMED]
    ]
    if more := found[MOST_NAMED:]:
        because.append(f"the same of {count(len(more), 'other address')}")
    silent = any(j.verdict is Verdict.SILENT for j in found)
    weaker = (None, None) if silent else (Severity.WARNING, Outcome.UNSURE)
    ips = tuple(j.ip for j in found)
    return Found(because=tuple(because), ips=ips, severity=weaker[0], outcome=weaker[1]) if found else None


def dadfailed_likely(judged: Judged) -> Found | None:
    """Means: the announcer has these addresses on an interface, and its kernel probably does not use them: another host had
    them when they were added, so the check for duplicates failed (RFC 4862 section 5.4). Such an address stays silent also
    after the other host has gone.

    Decided when:
    1. nobody replied for an IPv6 address: not to its group, not to a request to all nodes, and no known NIC of the announcer
       to requests to it alone.
    2. and the recorded announcer replied for its own IPv6 address here.
    3. and its load balancer puts addresses on an interface of the node (kube-vip, PureLB).
    4. This explains the silence and does not prove its cause: without the address on the interface it is as silent.

    Do:
    - Run `ip -6 address show dadfailed` on the node. It lists such addresses.
    - Find who else has or had the address, delete it on the node, and let the load balancer add it again."""
    found = [(j, reason) for j in _ipv6(judged) for reason in j.reasons if reason.id is ReasonId.DADFAILED_LIKELY]
    because = [f"{j.ip}: {reason.subject} {reason.evidence}" for j, reason in found[:MOST_NAMED]]
    if more := found[MOST_NAMED:]:
        because.append(f"the same of {count(len(more), 'other address')}")
    nodes = tuple(node for _, reason in found for node in reason.nodes)
    return Found(because=tuple(because), ips=tuple(j.ip for j, _ in found), nodes=nodes) if found else None


def anycast_address(judged: Judged) -> Found | None:
    """Means: these addresses are the first of their network, the subnet-router anycast address (RFC 4291 section 2.6.1).
    Every node with IP forwarding on replies for it, so it can't be one Service's.

    Decided when:
    1. an IPv6 address is the network address of a network of the interfaces, which has room for hosts.

    Do:
    - Take the first address out of the load balancer's pool: MetalLB gives it out if a pool is written as the whole network.
      Write the range without it, and give the Service another address."""
    first = subnet_router_anycast(_networks(judged))
    ips = tuple(j.ip for j in _ipv6(judged) if j.ip in first)
    are = "is the subnet-router anycast address" if len(ips) == 1 else "are subnet-router anycast addresses"
    return Found(because=(f"{', '.join(map(str, ips))} {are}",), ips=ips) if ips else None


def stale_link_layer_option(judged: Judged) -> Found | None:
    """Means: replies for these addresses name a MAC address that they were not sent from. Clients use the one that is named.

    Decided when:
    1. the target link-layer address in a Neighbor Advertisement differs from the Ethernet source of its frame.

    Do:
    - If the MAC address of the NIC was changed: restart what announces the address. MetalLB's speaker names the one that the
      NIC had when it started.
    - If a switch replies in the name of hosts (neighbour suppression), compare its table with the host."""
    found = [(j, party) for j in _ipv6(judged) for party in j.case.parties if party.sources]
    because = [
        f"{j.ip}: {' and '.join(party.macs)} is named in frames from {' and '.join(party.sources)}"
        for j, party in found[:MOST_NAMED]
    ]
    if more := found[MOST_NAMED:]:
        because.append(f"the same of {len(more)} more")
    return Found(because=tuple(because), ips=tuple(dict.fromkeys(j.ip for j, _ in found))) if found else None


def _ipv6(judged: Judged) -> Iterator[Judgement]:
    return (j for j in judged.asked() if isinstance(j.ip, IPv6Address))


def _networks(judged: Judged) -> Iterator[IPv6Network]:
    return (
        IPv6Interface(text).network
        for interface in judged.host.interfaces
        if interface.name in judged.interfaces
        for text in interface.ipv6
    )


RULES = (
    Rule(id="frames-lost", severity=Severity.WARNING, outcome=Outcome.FINE, find=frames_lost),
    Rule(id="broadcast-filtered", severity=Severity.ERROR, outcome=Outcome.FAULT, find=broadcast_filtered),
    Rule(id="clocks-differ", severity=Severity.WARNING, outcome=Outcome.FINE, find=clocks_differ),
    Rule(id="gap", severity=Severity.WARNING, outcome=Outcome.FINE, find=gap),
    Rule(id="vantages-disagree", severity=Severity.WARNING, outcome=Outcome.FINE, find=vantages_disagree),
    Rule(id="multicast-filtered", severity=Severity.ERROR, outcome=Outcome.FAULT, find=multicast_filtered),
    Rule(id="dadfailed-likely", severity=Severity.WARNING, outcome=Outcome.FINE, find=dadfailed_likely),
    Rule(id="anycast-address", severity=Severity.WARNING, outcome=Outcome.FINE, find=anycast_address),
    Rule(id="stale-link-layer-option", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_link_layer_option),
    Rule(id="ipv6-not-checked", severity=Severity.INFO, outcome=Outcome.FINE, find=ipv6_not_checked),
)
