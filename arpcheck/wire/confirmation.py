"""Which MACs are asked alone, and for what, where the broadcast answers leave in doubt whose they are. Pure.

A question to one MAC reaches that station only, so its answer is the station's own word. A broadcast may be answered in
its name by another: a switch that suppresses ARP and answers from its table (RFC 9161, section 3.2), which also keeps the
question from the stations. It proves nothing more of a kernel without strict ARP, which answers a unicast question too for
every Service address it holds (net/ipv4/arp.c, arp_process), and silence alone proves nothing of any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from ipaddress import IPv4Address

from arpcheck.model import Mac

Homes = Mapping[IPv4Address, frozenset[str]]
"""The nodes' own addresses, each with the nodes that have it."""

MOST = 64
"""Such questions at least on one interface in one run."""

MACS = 4
"""So many MACs that answered for no node's address can each be asked for every node's. With more of them, or with every
node in doubt, their number would grow with the square of the nodes."""

MOST_OF_ALL = 4000
"""Questions in the largest cluster."""

TWICE = 2
"""So often each of them is put: that it is not answered has to mean something."""


def most(homes: Homes) -> int:
    """Questions on one interface in one run: two for each node's address and each of a few MACs."""
    return min(MOST_OF_ALL, max(MOST, TWICE * MACS * len(homes)))


def confirmations(
    heard: Mapping[IPv4Address, Set[Mac]],
    homes: Homes,
    judged: Set[IPv4Address],
    known: Set[Mac],
    done: Set[Mac] = frozenset(),
    left: int = MOST,
) -> Iterator[tuple[Mac, tuple[IPv4Address, ...]]]:
    """Each MAC in doubt with what it is asked, sorted by MAC: the addresses that it answered for where they are several
    nodes', and every node's where it answered for an address of `judged` and for no node's, the unanswered first; all of
    them, and then all again. A bond answers for its node from any leg; a stranger answers none.

    `heard`: who answered, by address. `known`: MACs whose node is known beforehand; `done`: those that were asked so. At
    most `left` questions; of the first kind a MAC is asked for all its addresses or for none, since half of them settle
    nothing. Of the second it is asked for what is left: one answer names its node, and that it was not asked for all of
    them is seen in the questions."""
    answered: dict[Mac, list[IPv4Address]] = {}
    for ip in sorted(heard.keys() & homes.keys()):
        for mac in heard[ip]:
            answered.setdefault(mac, []).append(ip)
    for mac, own in sorted(answered.items()):
        asked = tuple(own) * TWICE
        if len({homes[ip] for ip in own}) > 1 and len(asked) <= left and mac not in done and not mac.is_group:
            left -= len(asked)
            yield mac, asked
    nobodys = {mac for ip in judged & heard.keys() for mac in heard[ip]} - answered.keys() - known - done
    everywhere = sorted(homes, key=lambda ip: (bool(heard.get(ip)), ip))
    for mac in sorted(mac for mac in nobodys if not mac.is_group):
        if asked := tuple((everywhere * TWICE)[:left]):
            left -= len(asked)
            yield mac, asked
