"""Cases by hand: what was heard in a line, everything else as in a healthy run."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import NamedTuple

from arpcheck.evidence import Evidence, Options, Vantage
from arpcheck.judge.acceptance import Acceptances, judged_with
from arpcheck.judge.case import Case
from arpcheck.judge.findings import findings
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.judge.nodes import NodeState
from arpcheck.judge.observations import Observations
from arpcheck.model import (
    Claim,
    ClaimSource,
    Host,
    Interface,
    Kind,
    Mac,
    Owner,
    Question,
    Reply,
    Responder,
    Strength,
    Target,
    Trust,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IP, CANARY, OURS = IPv4Address("10.0.0.50"), IPv4Address("10.96.0.1"), IPv4Address("10.0.0.5")


def mac(number):
    return Mac.from_bytes(bytes((2, 0, 0, 0, 0, number)))


def of_owner(*, foreign=False, proxy=False, **rest):
    """`foreign`: no list of NICs has it; `proxy`: it answered the control to our own sender."""
    return rest | ({"outside": True} if foreign else {}) | ({"proxied": frozenset({OURS})} if proxy else {})


class Party(NamedTuple):
    responder: Responder
    owner: Owner
    named: str


def party(number, *rounds, node=None, named="", **owner):
    """The MAC 02:…:NUMBER that answered in these rounds; `node` whose it is."""
    found = mac(number)
    owner = {"strength": Strength.HEARD if node else Strength.NONE} | of_owner(**owner)
    responder = Responder(
        node=node, macs=(found,), interfaces=("eth0",), expected=False, flux=False, rounds=rounds,
        replies_per_probe=1.0, first_reply_ms=0.2, vendor=None,
    )  # fmt: skip
    return Party(responder, Owner(mac=found, node=node, **owner), named)


def reply(interface, number, mac, ip=IP):
    """In the round of that number."""
    return Reply(number * 1000.0 + 1, interface, number, ip, OURS, None, mac, mac, 1.0)


def claim(node, trust=Trust.CURRENT):
    kind = ClaimSource.SERVICE_L2_STATUS
    return Claim(node=node, source="ServiceL2Status metallb-system/l2-a", kind=kind, trust=trust)


def case(*parties, ip=IP, announcers=(), non_strict=(), kind=Kind.LOAD_BALANCER, skipped=None, claims=None, **rest):
    made = {
        "target": Target(ip=ip, kind=kind, services=("web/a",), skipped=skipped),
        "rounds": (1, 2, 3),
        "turns": frozenset(("eth0", number) for number in rest.get("rounds", (1, 2, 3))),
        "heard": {
            ("eth0", mac): [reply("eth0", n, mac, ip) for n in p.responder.rounds]
            for p in parties
            for mac in p.responder.macs
        },
        "segments": {"eth0": "eth0"},
        "parties": tuple(p.responder._replace(expected=p.owner.node in [*announcers] or p.named != "") for p in parties),
        "owners": {("eth0", p.owner.mac): p.owner for p in parties},
        "named": {p.owner.mac: p.named for p in parties if p.named},
        "named_unread": False,
        "unreachable": {},
        "announcements": (),
        "rivals": (),
        "claims": tuple(claim(node) for node in announcers) if claims is None else claims,
        "announcers": frozenset(announcers),
        "silence": None,
        "unread": (),
        "not_in_file": (),
        "outdated": None,
        "lost": False,
        "excess": 0,
        "non_strict": frozenset(non_strict),
        "blind": frozenset(),
        "held_on": None,
        "held_by": {},
        "nodes_read": True,
        "nodes_heard": frozenset({"worker-1", "worker-2", "worker-3", *announcers}),
        "nodes_ready": frozenset({"worker-1", "worker-2", "worker-3"}),
        "nodes_missed": frozenset(),
        "often": 8,
        "complete": True,
    }
    made |= rest
    owners = made["owners"].items()
    doubtful = {nic for nic, owner in owners if owner.doubtful}
    return Case(**{"doubtful": doubtful, "proxying": {nic for nic, owner in owners if owner.proxied}, **made})


def evidence(**rest):
    return Evidence(
        **{"arpcheck": "x", "started_at": NOW, "ended_at": NOW, "options": Options(interfaces=("eth0",)), **rest}
    )


def observations(*asked, answered=(), **rest):
    """`asked`: an address and a round each, on eth0 with our own address; `answered`: the same with a MAC's number."""
    questions = tuple(Question(number * 1000.0, "eth0", number, ip, OURS, None) for ip, number in asked)
    replies = tuple(reply("eth0", number, mac(who), ip) for ip, number, who in answered)
    return Observations(evidence(questions=questions, replies=replies, **rest))


def hosts(*asked, answered=(), names=("one", "two")):
    """As `observations`, merged of several hosts of one LAN: the first asked in rounds 1 to 3, the next in 4 to 6 and so on."""
    interfaces = tuple(f"{name}:eth0" for name in names)
    vantages = tuple(
        Vantage(
            name=name,
            node_name=None,
            first_round=1 + 3 * place,
            rounds=3,
            rate=10.0,
            arpcheck="x",
            started_at=NOW,
            ended_at=NOW,
            complete=True,
        )
        for place, name in enumerate(names)
    )
    questions = tuple(Question(n * 1000.0, interfaces[(n - 1) // 3], n, ip, OURS, None) for ip, n in asked)
    replies = tuple(reply(interfaces[(n - 1) // 3], n, mac(who), ip) for ip, n, who in answered)
    lan = Host(interfaces=tuple(Interface(name=name, mac=None, addresses=("10.0.0.5/24",)) for name in interfaces))
    return Observations(
        evidence(options=Options(interfaces=interfaces), host=lan, vantages=vantages, questions=questions, replies=replies)
    )


def judgement(one, acceptances):
    found = judged_with(one, acceptances)
    return Judgement(case=one, verdict=found.verdict, reason=found.reason, accepted=found.accepted, first=found.first)


def state(name, arp):
    return NodeState(name=name, arp=arp, reason=f"why {arp.value}", ready=True, macs=())


def judged(*cases, **rest):
    """A run that came to these cases, each judged by the rules."""
    made = {
        "targets": tuple(one.target for one in cases),
        "judgements": tuple(judgement(one, rest.get("acceptances", Acceptances())) for one in cases),
        "nodes": (),
        "addresses": {},
        "labels": {},
        "kube_proxies": {},
        "owners": {found: owner for one in cases for found, owner in one.owners.items()},
        "observations": observations(),
        "conflicts": (),
        "twins": {},
        "canary": CANARY,
        "controls": (),
        "host": Host(),
        "interfaces": ("eth0",),
        "blind": {},
        "gaps": (),
        "losses": (),
        "overlays": {},
        "causes": (),
        "cluster_version": None,
    }
    return Judged(**{**made, **rest})


def finding(name, run):
    return next((found for found in findings(run) if found.id == name), None)


def because(name, run):
    """What the finding is drawn from; nothing where the run has no such finding."""
    return getattr(finding(name, run), "because", ())
