"""Findings about IPv6 addresses, for which hosts are asked by neighbour discovery (RFC 4861)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from arpcheck.judge.doubling import subnet_router_anycast
from arpcheck.judge.judged import Found, Judged, Judgement, Rule
from arpcheck.model import Outcome, ReasonId, Severity, Skip, Verdict
from arpcheck.text import count

MOST_NAMED = 8
"""How many addresses get a line of their own."""


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
    Rule(id="multicast-filtered", severity=Severity.ERROR, outcome=Outcome.FAULT, find=multicast_filtered),
    Rule(id="dadfailed-likely", severity=Severity.WARNING, outcome=Outcome.FINE, find=dadfailed_likely),
    Rule(id="anycast-address", severity=Severity.WARNING, outcome=Outcome.FINE, find=anycast_address),
    Rule(id="stale-link-layer-option", severity=Severity.WARNING, outcome=Outcome.FINE, find=stale_link_layer_option),
    Rule(id="ipv6-not-checked", severity=Severity.INFO, outcome=Outcome.FINE, find=ipv6_not_checked),
)
