"""Reports of any size: a cluster of many nodes, some of them without strict ARP, with its replies as evidence."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import cycle

from report_samples import CLEAN, NON_STRICT_FINDING, known, node, responder, service

from arpcheck.model import (
    Arp,
    Cause,
    CauseId,
    Gap,
    Kind,
    Mac,
    NodeReport,
    Outcome,
    Report,
    Responder,
    Summary,
    TargetReport,
    Verdict,
)

ROUNDS = (1, 2, 3)
NAMES = ("web/nginx", "db/postgres-primary", "shop/front", "observability/grafana", "ingress-nginx/ingress-nginx-controller")


def crowd(addresses: int, nodes: int, offenders: int, prefix: str = "worker") -> Report:
    """`offenders` nodes answer for the first third of the addresses beside the announcer; one address is silent, one is
    answered by a router, one has not got its address yet."""
    workers = tuple(f"{prefix}-{number + 1}" for number in range(nodes))
    names = cycle(NAMES)
    targets = []
    for number in range(addresses):
        announcer, name = workers[(number * 7 + nodes - 1) % nodes], next(names)
        stray = workers[:offenders] if number <= addresses // 3 else ()
        targets.append(_target(number, f"{name}-{number}" if number >= len(NAMES) else name, announcer, stray))
    canary = known("10.96.0.1", Kind.CANARY, *(_answer(worker, 0) for worker in workers[:offenders]))
    every = (*targets, canary, known("192.0.2.1", Kind.CONTROL))
    verdicts = {verdict: sum(1 for t in every if t.verdict is verdict) for verdict in Verdict}
    return replace(
        CLEAN,
        summary=Summary(
            exit_code=1, verdicts={v: n for v, n in verdicts.items() if n}, non_strict_nodes=workers[:offenders], complete=True,
            because=(*(f"{n} {v}" for v, n in verdicts.items() if n and v.outcome is Outcome.FAULT),
                     f"{offenders} of {nodes} nodes without strict ARP"),
        ),
        targets=every,
        nodes=tuple(_node(worker, number, answers=number < offenders) for number, worker in enumerate(workers)),
        findings=(replace(NON_STRICT_FINDING, nodes=workers[:offenders],
                          because=(f"{offenders} of {nodes} nodes answered the canary 10.96.0.1", NON_STRICT_FINDING.because[1]),
                          ips=tuple(t.target.ip for t in targets if t.verdict is Verdict.NON_STRICT and t.target.ip)),),
        causes=(Cause(id=CauseId.STRICT_ARP_UNSET, text="kube-proxy in IPVS mode binds every Service address to kube-ipvs0",
                      do="arpcheck strict-arp enable --context prod", nodes=workers[:offenders]),),
        gaps=(Gap(what="leases.coordination.k8s.io", why="forbidden", costs="which node announces for cilium is not known"),),
        evidence={"questions": [], "replies": _replies(every)},
    )  # fmt: skip


def _target(number: int, name: str, announcer: str, stray: tuple[str, ...]) -> TargetReport:
    ip = str(IPv4Address("10.0.1.0") + number)
    strays = [_answer(worker, number) for worker in stray if worker != announcer]
    right = _answer(announcer, number, expected=True)
    if number % 50 == 2:
        router = _answer("worker-0", 0)._replace(
            node=None, macs=(Mac("00:00:5e:00:01:33"),), vendor="VRRP, virtual router 51"
        )
        return service(ip, name, Verdict.FOREIGN, "00:00:5e:00:01:33 (VRRP, virtual router 51) answered and is no node's",
                       router, right, announcer=announcer)  # fmt: skip
    if number % 50 == 40:
        return service(ip, name, Verdict.SILENT, f"nobody answered; {announcer} should have", announcer=announcer)
    if strays:
        named = ", ".join(str(found.node) for found in strays[:3]) + (" and others" if len(strays) > 3 else "")
        reason = f"{named} answered without strict ARP; {announcer} should have"
        return service(ip, name, Verdict.NON_STRICT, reason, *strays, right, announcer=announcer)
    return service(
        ip, name, Verdict.OK, f"{announcer} answered every round and is the announcer", right, announcer=announcer
    )


def _answer(worker: str, number: int, *, expected: bool = False) -> Responder:
    """The kernel answers at once, the announcer's speaker from user space a little later, one of them very late."""
    index = int(worker.rpartition("-")[2])
    first = (
        740.0 if index == 2 and number % 5 == 0 else (1.1 if expected else 0.18) * (1 + (index * 13 + number * 5) % 17 / 9)
    )
    return responder(worker, expected=expected, macs=(Mac(f"02:00:00:00:01:{index:02x}"),), first=first)


def _node(worker: str, number: int, *, answers: bool) -> NodeReport:
    found = node("worker-1", Arp.NON_STRICT if answers else Arp.QUIET)
    own = tuple(replace(mac, mac=Mac(f"02:00:00:00:01:{number + 1:02x}")) for mac in found.macs)
    proxy = replace(found.kube_proxy, strict_arp=not answers)
    return replace(found, name=worker, macs=own, addresses=(IPv4Address("10.0.0.11") + number,), kube_proxy=proxy)


def _replies(targets: tuple[TargetReport, ...]) -> list[list[object]]:
    return [
        [
            at * 1000.0,
            "eth0",
            at,
            str(target.target.ip),
            "10.0.0.5",
            None,
            mac,
            mac,
            round(found.first_reply_ms * (1 + at / 5), 3),
        ]
        for target in targets
        for at in ROUNDS
        for found in target.responders
        for mac in found.macs
    ]
