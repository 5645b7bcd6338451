"""Cases by hand: what was heard in a line, everything else as in a healthy run."""

from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.judge.case import Case
from arpcheck.model import Claim, Kind, Mac, Owner, Responder, Target, Trust

IP = IPv4Address("10.0.0.50")


def mac(number):
    return Mac.from_bytes(bytes((2, 0, 0, 0, 0, number)))


class Party(NamedTuple):
    responder: Responder
    owner: Owner
    named: str


def party(number, *rounds, node=None, named="", **owner):
    """The MAC 02:…:NUMBER that answered in these rounds; `node` whose it is."""
    found = mac(number)
    responder = Responder(
        node=node, macs=(found,), interfaces=("eth0",), expected=False, flux=False, rounds=rounds,
        replies_per_probe=1.0, first_reply_ms=0.2, vendor=None,
    )  # fmt: skip
    return Party(responder, Owner(mac=found, node=node, **owner), named)


def claim(node, trust=Trust.CURRENT):
    return Claim(node=node, source="ServiceL2Status metallb-system/l2-a", trust=trust)


def case(*parties, announcers=(), non_strict=(), kind=Kind.LOAD_BALANCER, skipped=None, claims=None, **rest):
    made = {
        "target": Target(ip=IP, kind=kind, services=("web/a",), skipped=skipped),
        "rounds": (1, 2, 3),
        "parties": tuple(p.responder._replace(expected=p.owner.node in [*announcers] or p.named != "") for p in parties),
        "owners": {p.owner.mac: p.owner for p in parties},
        "named": {p.owner.mac: p.named for p in parties if p.named},
        "named_unread": False,
        "deaf": {},
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
        "non_strict": frozenset(non_strict),
        "blind": frozenset(),
        "held_on": None,
        "nodes_read": True,
        "node_heard": True,
        "complete": True,
    }
    return Case(**{**made, **rest})
