"""Reports built by hand, one for each situation that a format has to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address, IPv6Address

from arpcheck.model import (
    Accepted,
    Address,
    Arp,
    Cause,
    CauseId,
    Certainty,
    Claim,
    ClaimSource,
    Confidence,
    Finding,
    Gap,
    Handling,
    HandlingBecause,
    Interface,
    Kind,
    KubeProxy,
    Mac,
    NodeMac,
    NodeReport,
    NotAsked,
    Outcome,
    Preflight,
    ReachResult,
    ReachRow,
    Reason,
    ReasonId,
    Report,
    Responder,
    Run,
    Severity,
    Skip,
    Summary,
    Target,
    TargetReport,
    Trust,
    Verdict,
)

START = datetime(2026, 3, 1, 2, 59, 58, tzinfo=UTC)
END = datetime(2026, 3, 1, 3, 0, 11, 400_000, tzinfo=UTC)
RECORDED = datetime(2026, 3, 1, 2, 58, tzinfo=UTC)
ETH0 = Interface(name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=("10.0.0.5/24",), arp_ignore=0, arp_announce=0)
CONFIGURED = "configmap kube-system/kube-proxy"


def mac(node: str) -> Mac:
    return Mac(f"02:00:00:00:01:0{node[-1]}")


def responder(node: str | None, *, expected: bool = False, first: float = 0.21, **more: object) -> Responder:
    found = Responder(
        node=node, macs=(mac(node or "0"),), interfaces=("eth0",), expected=expected, flux=False, rounds=(1, 2, 3),
        replies_per_probe=1.0, first_reply_ms=first, vendor=None,
    )  # fmt: skip
    return found._replace(**more)


def announced_by(node: str, service: str) -> Claim:
    source = f"ServiceL2Status metallb-system/l2-{service.rpartition('/')[2]}"
    return Claim(
        node=node, source=source, kind=ClaimSource.LEASE, trust=Trust.CURRENT, service=service, observed_at=RECORDED
    )


def first(responders: tuple[Responder, ...]) -> str | None:
    found = min(responders, key=lambda one: one.first_reply_ms, default=None)
    return found and (found.node or str(found.macs[0]))


ASKED = Confidence(rounds=3, slowest_rate=10.0)


def service(
    ip: str, name: str, verdict: Verdict, reason: str, *responders: Responder, announcer: str = "worker-3"
) -> TargetReport:
    return TargetReport(
        target=Target(ip=IPv4Address(ip), kind=Kind.LOAD_BALANCER, services=(name,)), implementation="metallb",
        announcers=(announced_by(announcer, name),), verdict=verdict, reason=reason, responders=responders, rounds=(1, 2, 3),
        winner=first(responders), confidence=ASKED,
    )  # fmt: skip


def skipped(ip: Address | None, name: str, skips: Skip, reason: str) -> TargetReport:
    return TargetReport(
        target=Target(ip=ip, kind=Kind.LOAD_BALANCER, services=(name,), skipped=reason, skips=skips), implementation=None,
        announcers=(), verdict=Verdict.NOT_PROBED, reason=reason, responders=(),
    )  # fmt: skip


def known(ip: str, kind: Kind, *responders: Responder) -> TargetReport:
    """A canary, control or node target."""
    nodes = tuple(r.node for r in responders if r.node) if kind is Kind.NODE else ()
    return TargetReport(
        target=Target(ip=IPv4Address(ip), kind=kind, nodes=nodes), implementation=None, announcers=(), verdict=None,
        reason="", responders=responders, rounds=(1, 2, 3), winner=first(responders), confidence=ASKED,
    )  # fmt: skip


def node(name: str, arp: Arp = Arp.QUIET, reason: str = "did not answer the canary") -> NodeReport:
    return NodeReport(
        name=name, arp=arp, reason=reason, ready=True, addresses=(IPv4Address(f"10.0.0.1{name[-1]}"),),
        macs=(NodeMac(mac=mac(name), interface="eth0", source="node-ip"),),
        kube_proxy=KubeProxy(mode="ipvs", strict_arp=True, source=CONFIGURED),
    )  # fmt: skip


RUN = Run(
    arpcheck="0.1.0", started_at=START, ended_at=END, interfaces=(ETH0,), context="prod", cluster="v1.33.4", rounds=3,
    wait=1.0, rate=10.0, sender="auto", sent=40, received=52, lost=0, ignored={"not-for-us": 3},
)  # fmt: skip

WORKERS = ("worker-1", "worker-2", "worker-3")

CLEAN = Report(
    summary=Summary(exit_code=0, verdicts={Verdict.OK: 2}, non_strict_nodes=(), complete=True),
    targets=(
        service("10.0.0.50", "web/nginx", Verdict.OK, "worker-3 answered every round and is the announcer",
                responder("worker-3", expected=True)),
        service("10.0.0.51", "db/postgres", Verdict.OK, "worker-2 answered every round and is the announcer",
                responder("worker-2", expected=True, first=0.34), announcer="worker-2"),
        known("10.96.0.1", Kind.CANARY),
        known("192.0.2.1", Kind.CONTROL),
        *(known(f"10.0.0.1{name[-1]}", Kind.NODE, responder(name, expected=True)) for name in WORKERS),
    ),
    nodes=tuple(node(name) for name in WORKERS),
    findings=(), gaps=(), run=RUN,
    evidence={"apiVersion": "arpcheck/v1", "kind": "Evidence",
              "questions": [[0.0, "eth0", 1, "10.0.0.50", "10.0.0.5", None],
                            [100.0, "eth0", 1, "10.0.0.51", "10.0.0.5", None]],
              "replies": [[0.21, "eth0", 1, "10.0.0.50", "10.0.0.5", None, mac("worker-3"), mac("worker-3"), 0.21],
                          [100.34, "eth0", 1, "10.0.0.51", "10.0.0.5", None, mac("worker-2"), mac("worker-2"), 0.34]]},
)  # fmt: skip
"""Nothing is wrong."""

NON_STRICT_FINDING = Finding(
    id="non-strict-nodes", severity=Severity.ERROR, outcome=Outcome.FAULT,
    means="The kernel of these nodes answers ARP for Service addresses that another node announces, so clients reach "
    "whichever node answers first.",
    because=("1 of 3 nodes answered the canary 10.96.0.1 and not the control 192.0.2.1: worker-1",
             "kube-proxy runs in ipvs mode with `strictARP: false` (configmap kube-system/kube-proxy)"),
    do=("Set `strictARP: true` with `kubectl -n kube-system edit configmap kube-proxy`",
        "Restart it: `kubectl -n kube-system rollout restart daemonset kube-proxy`"),
    nodes=("worker-1",), ips=(IPv4Address("10.0.0.50"), IPv4Address("10.0.0.51")),
)  # fmt: skip

_BOTH = "worker-1 is not strict and answers beside the announcer"

NON_STRICT = replace(
    CLEAN,
    summary=Summary(exit_code=1, verdicts={Verdict.OK: 1, Verdict.NON_STRICT: 2, Verdict.NOT_PROBED: 1},
                    non_strict_nodes=("worker-1",), complete=True,
                    because=("2 non-strict", "1 of 3 nodes without strict ARP")),
    targets=(
        service("10.0.0.50", "web/nginx", Verdict.NON_STRICT, _BOTH,
                responder("worker-1"), responder("worker-3", expected=True, first=1.7)),
        service("10.0.0.51", "db/postgres", Verdict.NON_STRICT, _BOTH,
                responder("worker-1", first=0.3, replies_per_probe=2.0), responder("worker-2", expected=True),
                announcer="worker-2"),
        service("10.0.0.52", "shop/front", Verdict.OK, "worker-3 answered every round and is the announcer",
                responder("worker-3", expected=True)),
        skipped(None, "web/new", Skip.PENDING, "it has no address yet"),
        known("10.96.0.1", Kind.CANARY, responder("worker-1")),
        known("192.0.2.1", Kind.CONTROL),
        *(known(f"10.0.0.1{name[-1]}", Kind.NODE, responder(name, expected=True)) for name in WORKERS),
    ),
    nodes=(replace(node("worker-1", Arp.NON_STRICT, "answered the canary 10.96.0.1"),
                   kube_proxy=KubeProxy(mode="ipvs", strict_arp=False, source=CONFIGURED, loaded=True)),
           node("worker-2"), node("worker-3")),
    findings=(NON_STRICT_FINDING,),
)  # fmt: skip
"""One node's kernel answers for what the others announce."""

PARTIAL = replace(
    CLEAN,
    summary=Summary(exit_code=130, verdicts={Verdict.FOREIGN: 1, Verdict.INCONCLUSIVE: 2, Verdict.NOT_PROBED: 1},
                    non_strict_nodes=(), complete=False, because=("the run was interrupted", "1 foreign", "2 inconclusive", "the canary was not asked")),
    targets=(
        replace(service("10.0.0.50", "web/nginx", Verdict.FOREIGN, "00:00:5e:00:01:33 belongs to no node",
                        responder(None, macs=(Mac("00:00:5e:00:01:33"),), rounds=(1,), vendor="VRRP, virtual router 51",
                                  sources=(Mac("02:00:00:00:09:09"),))),
                rounds=(1,), implementation=None, announcers=()),
        replace(service("10.0.0.51", "db/postgres", Verdict.INCONCLUSIVE, "who should answer could not be read"),
                rounds=(1,), announcers=(replace(announced_by("worker-2", "db/postgres"), trust=Trust.STALE),)),
        replace(service("10.0.0.52", "shop/front", Verdict.INCONCLUSIVE, "it was not asked before the end"), rounds=(),
                announcers=(replace(announced_by("worker-2", "shop/front"), trust=Trust.GUESS, observed_at=None),)),
        skipped(IPv6Address("fd00::50"), "web/nginx", Skip.IPV6, "IPv6 is not asked"),
        known("192.0.2.1", Kind.CONTROL),
    ),
    nodes=(replace(node("worker-1", Arp.UNKNOWN, "the canary was not asked"), ready=None, macs=(),
                   kube_proxy=KubeProxy(mode=None, strict_arp=None, source=None)),
           replace(node("worker-2", Arp.SELF, "the prober runs on it"),
                   kube_proxy=KubeProxy(mode="ipvs", strict_arp=True, source=CONFIGURED, loaded=False,
                                        notes=("the process is older than its configuration",)))),
    findings=(Finding(id="frames-lost", severity=Severity.WARNING, outcome=Outcome.FINE, means="Replies may be missing.",
                      because=("7 frames in round 1",), do=()),
              Finding(id="gap", severity=Severity.INFO, outcome=Outcome.FINE, means="Something could not be read.", because=(), do=("Grant it",))),
    gaps=(Gap(what="leases.coordination.k8s.io", why="forbidden", costs="it is not known which node announces"),
          Gap(what="the canary", why="no Service has a ClusterIP", costs="no node can be shown to be non-strict")),
    run=replace(RUN, context=None, cluster=None, sent=1, received=1, lost=7, ignored={}),
    evidence={},
)  # fmt: skip
"""Stopped early, with gaps, and little known."""

EMPTY = Report(
    summary=Summary(exit_code=3, verdicts={}, non_strict_nodes=(), complete=True),
    targets=(), nodes=(), findings=(), gaps=(),
    run=replace(RUN, interfaces=(), sent=0, received=0, ignored={}),
)  # fmt: skip
"""No Service, no node, nothing asked."""

KNOWN = Accepted(reason="the rollout is planned", until=date(2026, 4, 1))
_KNOWN_REASON = "; accepted up to 2026-04-01: the rollout is planned"

ACCEPTED = replace(
    NON_STRICT,
    summary=Summary(exit_code=1, verdicts={Verdict.OK: 1, Verdict.NON_STRICT: 2, Verdict.NOT_PROBED: 1},
                    non_strict_nodes=("worker-1",), complete=True,
                    because=("1 non-strict", "accepted and not counted: 1 non-strict, 1 node without strict ARP")),
    targets=(replace(NON_STRICT.targets[0], accepted=KNOWN, reason=_BOTH + _KNOWN_REASON), *NON_STRICT.targets[1:]),
    nodes=(replace(NON_STRICT.nodes[0], accepted=KNOWN, reason=NON_STRICT.nodes[0].reason + _KNOWN_REASON), *NON_STRICT.nodes[1:]),
    findings=(replace(NON_STRICT_FINDING, accepted=KNOWN, means=NON_STRICT_FINDING.means[:-1] + _KNOWN_REASON),),
)  # fmt: skip
"""A part of what is wrong is known to its owner."""

PREFLIGHT = replace(
    NON_STRICT,
    causes=(Cause(id=CauseId.HEALTHY, text="One node answers for each address", do="Nothing"),
            Cause(id=CauseId.NOT_RESTARTED, text="strictARP is set, but kube-proxy was not restarted since (pod kube-system/kube-proxy-x7h2p runs "
                  "since 2026-02-01T00:00:00Z)", do="Restart kube-proxy there (kubectl rollout restart)", nodes=("worker-1",)),
            Cause(id=CauseId.NOBODY_ANNOUNCES, text="Nobody announces the address here", do="kubectl describe service shows the announcer's events")),
    preflight=Preflight(safe=False, words="not safe: worker-1 would answer for every address of the load balancer",
                        strict_arp="not-loaded", reason="Strict ARP is set but not loaded on 1 of 3 nodes: worker-1"),
)  # fmt: skip
"""The same before a load balancer is there, with what is likely behind it. The cause of row 1 names no fault."""

_NGINX = {"service": "web/nginx", "port": 80, "interface": "eth0", "sender": IPv4Address("10.0.0.5")}

REACH = replace(
    NON_STRICT,
    targets=(
        replace(NON_STRICT.targets[0], reach=(
            ReachRow(**_NGINX, mac=mac("worker-3"), node="worker-3", result=ReachResult.ACCEPTED, tries=1, source="10.0.0.50:80",
                     expected=Handling.SERVE, because=HandlingBecause.READY, ttl=63, text="worker-3 takes connections for web/nginx:80"),
            ReachRow(**_NGINX, mac=mac("worker-1"), node="worker-1", result=ReachResult.NO_ANSWER, tries=3, routes=True,
                     expected=Handling.DROP, because=HandlingBecause.NO_LOCAL_ENDPOINT,
                     text="worker-1 also replies for 10.0.0.50 and does not serve web/nginx:80: no reply in 3 tries, worker-3 accepts"),
        )),
        replace(NON_STRICT.targets[1], reach=(
            ReachRow(service="db/postgres", port=None, mac=mac("worker-2"), node="worker-2", interface="eth0",
                     result=ReachResult.NOT_ASKED, tries=0, why=NotAsked.NO_TCP_PORT,
                     text="db/postgres was not tried at worker-2: the Service has no TCP port"),
        )),
        replace(NON_STRICT.targets[2], reach=(
            ReachRow(service="shop/front", port=443, mac=mac("worker-3"), node="worker-3", interface="eth0",
                     sender=IPv4Address("10.0.0.5"), result=ReachResult.OTHER_MAC, tries=1, source="10.0.0.52:443", by=mac("worker-2"), by_node="worker-2", ttl=62,
                     text="worker-3 passes shop/front:443 on, or its replies return by another way"),
        )),
        *NON_STRICT.targets[3:],
    ),
)  # fmt: skip
"""The same with connections: one is refused the hard way, one was not tried, one returns by another node."""

NO_ENDPOINT = Reason(
    id=ReasonId.NO_READY_ENDPOINT, subject="", evidence="it has no endpoint", certainty=Certainty.SURE, implementation="metallb",
)  # fmt: skip
MUTE = Reason(
    id=ReasonId.ANNOUNCER_MUTE, subject="worker-3", certainty=Certainty.LIKELY, do="Read the log of the load balancer's pod on that node",
    evidence="replied for its own address, and to no broadcast and no unicast request for this one",
)  # fmt: skip


def unanswered(number: int) -> TargetReport:
    """Its Service has no endpoint; every fifth is announced by a node that is mute as well."""
    name = f"team-{number}/web"
    slices = f"kubectl -n team-{number} get endpointslices -l kubernetes.io/service-name=web"
    found = replace(NO_ENDPOINT, subject=f"Service {name}", do=f"Find out why no pod of the Service is Ready: `{slices}`")
    silent = service(
        f"10.0.0.{60 + number}", name, Verdict.SILENT, f"nobody replied in 3 rounds; Service {name}: it has no endpoint"
    )
    return replace(silent, reasons=(found, MUTE) if number % 5 == 0 else (found,))


_UNANSWERED = tuple(unanswered(number) for number in range(13))

SILENT = replace(
    CLEAN,
    summary=Summary(exit_code=1, verdicts={Verdict.SILENT: 13, Verdict.WRONG_NODE: 1}, non_strict_nodes=(), complete=True,
                    because=("1 wrong-node", "13 silent")),
    targets=(
        replace(service("10.0.0.50", "web/nginx", Verdict.WRONG_NODE, "worker-2 replied, worker-3 is the announcer", responder("worker-2")),
                reasons=(
                    Reason(id=ReasonId.RECORD_BEHIND, subject="ServiceL2Status metallb-system/l2-nginx", evidence="is 3 hours older than the event of worker-2",
                           certainty=Certainty.LIKELY, do="Compare the record with the log of the node that it names"),
                    Reason(id=ReasonId.LEFT_ON_INTERFACE, subject="Node worker-2", evidence="announced it before", certainty=Certainty.POSSIBLE,
                           do="Remove the address on that node: `ip addr del ADDRESS/32 dev INTERFACE`"),
                )),
        *_UNANSWERED,
        *CLEAN.targets[2:],
    ),
    findings=(Finding(id="why-silent", severity=Severity.INFO, outcome=Outcome.FINE, means="Nobody replied for several addresses.",
                      because=("no-ready-endpoint: Nobody replies for 10.0.0.60, 10.0.0.61, 10.0.0.62 and 10 more: Service team-0/web, Service team-1/web, Service team-2/web and 10 more, each: it has no endpoint",),
                      do=("Find out why no pod of the Service is Ready: `kubectl -n NAMESPACE get endpointslices`",),
                      ips=tuple(target.target.ip for target in _UNANSWERED if target.target.ip)),),
    causes=(Cause(id=CauseId.NOBODY_ANNOUNCES, text="Nobody replies for 10.0.0.60, 10.0.0.61, 10.0.0.62 and 10 more: Service team-0/web, Service team-1/web, Service team-2/web and 10 more, each: it has no endpoint",
                  do="Find out why no pod of the Service is Ready: `kubectl -n NAMESPACE get endpointslices`"),),
)  # fmt: skip
"""Many addresses without a reply for one reason, and one with two reasons of its own."""

SAMPLES = {
    "clean": CLEAN,
    "non-strict": NON_STRICT,
    "partial": PARTIAL,
    "empty": EMPTY,
    "accepted": ACCEPTED,
    "preflight": PREFLIGHT,
    "reach": REACH,
    "silent": SILENT,
}
