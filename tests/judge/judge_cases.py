"""Cases by hand: what was heard in a line, everything else as in a healthy run."""

from ipaddress import IPv4Address

from arpcheck.judge.case import Case, Party
from arpcheck.judge.hearing import Voice
from arpcheck.model import Arp, Claim, Kind, Mac, Owner, Target, Trust

IP = IPv4Address("10.0.0.50")


def mac(number):
    return Mac.from_bytes(bytes((2, 0, 0, 0, 0, number)))


def party(number, *rounds, node=None, named="", **owner):
    """The MAC 02:…:NUMBER that answered in these rounds; `node` whose it is."""
    found = mac(number)
    voice = Voice(found, 0.2, dict.fromkeys(rounds, 1), set(), {"eth0"})
    return Party(owner=Owner(mac=found, node=node, **owner), voices=(voice,), rounds=frozenset(rounds), named=named)


def claim(node, trust=Trust.CURRENT):
    return Claim(node=node, source="ServiceL2Status metallb-system/l2-a", trust=trust)


def case(*parties, announcers=(), strict=(), non_strict=(), kind=Kind.LOAD_BALANCER, skipped=None, claims=None, **rest):
    arp = {**dict.fromkeys(strict, Arp.STRICT), **dict.fromkeys(non_strict, Arp.NON_STRICT)}
    made = {
        "target": Target(ip=IP, kind=kind, services=("web/a",), skipped=skipped),
        "rounds": (1, 2, 3),
        "parties": parties,
        "announcements": (),
        "rivals": (),
        "claims": tuple(claim(node) for node in announcers) if claims is None else claims,
        "announcers": frozenset(announcers),
        "silence": None,
        "unread": (),
        "unsaid": (),
        "outdated": None,
        "lost": False,
        "excess": 0,
        "arp": arp,
        "blind": frozenset(),
        "held_on": None,
        "nodes_read": True,
        "node_heard": True,
        "complete": True,
    }
    return Case(**{**made, **rest})
