"""Which addresses go off the LAN with strict ARP, by a report made by hand."""

import json
import re
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from arpcheck import evidence_json, pipeline
from arpcheck.commands.strict_arp_enable import losses, losses_unknown
from arpcheck.model import (
    Arp,
    Claim,
    ClaimSource,
    Gap,
    Kind,
    KubeProxy,
    Mac,
    NodeReport,
    Responder,
    Target,
    TargetReport,
    Trust,
    Verdict,
)
from arpcheck.objects import Objects

IP = "10.0.0.50"


def node(name, arp=Arp.QUIET):
    proxy = KubeProxy(mode="ipvs", strict_arp=None, source=None)
    return NodeReport(name=name, arp=arp, reason="", ready=True, addresses=(), macs=(), kube_proxy=proxy)


def responder(name, **more):
    found = Responder(
        node=name, macs=(Mac("02:00:00:00:01:01"),), interfaces=("eth0",), expected=False, flux=False, rounds=(1, 2, 3),
        replies_per_probe=1.0, first_reply_ms=0.2, vendor=None,
    )  # fmt: skip
    return found._replace(**more)


NODES = (node("worker-1", Arp.NON_STRICT), node("worker-2", Arp.NON_STRICT), node("worker-3"))
ONE, TWO, STRICT, STRANGER = responder("worker-1"), responder("worker-2"), responder("worker-3"), responder(None)
SPEAKS = responder("worker-1", replies_per_probe=2.0)


def target(*responders, kind=Kind.LOAD_BALANCER, announcer=None, trust=Trust.CURRENT, nodes=(), rounds=(1, 2, 3)):
    claims = (
        (Claim(node=announcer, source="x", kind=ClaimSource.SERVICE_L2_STATUS, trust=trust, service="web/nginx"),)
        if announcer
        else ()
    )
    return TargetReport(
        target=Target(ip=IPv4Address(IP), kind=kind, services=("web/nginx",), nodes=nodes), implementation="metallb",
        announcers=claims, verdict=Verdict.NON_STRICT, reason="", responders=responders, rounds=rounds,
    )  # fmt: skip


@pytest.fixture
def told(saved):
    report = pipeline.conclude(evidence_json.from_json(json.loads(Path(saved).read_text())["evidence"], "saved"))
    return lambda *targets: losses(replace(report, nodes=NODES, targets=targets))


DARK = f"goes dark: {IP} (web/nginx); "
MAY = f"may go dark: {IP} (web/nginx); "


@pytest.mark.parametrize(
    ("found", "line"),
    [
        pytest.param(target(ONE), (DARK, ["worker-1"]), id="one kernel"),
        pytest.param(target(ONE, TWO, kind=Kind.EXTERNAL_IP), (DARK, ["worker-1", "worker-2"]), id="an external IP"),
        pytest.param(target(ONE, announcer="worker-3"), (DARK, ["worker-1"]), id="whoever should announce it is silent"),
        pytest.param(target(ONE, announcer="worker-1", trust=Trust.GUESS), (DARK, ["worker-1"]), id="a guess is no record"),
        pytest.param(
            target(ONE, TWO, announcer="worker-1"), (MAY, ["worker-1"]), id="its announcer replies as a kernel does"
        ),
        pytest.param(target(SPEAKS, TWO, announcer="worker-1"), None, id="a speaker beside its kernel"),
        pytest.param(target(ONE, STRICT), None, id="a strict node replies too"),
        pytest.param(target(ONE, STRANGER), None, id="a host that is not a node replies too"),
        pytest.param(target(ONE, nodes=("worker-1",)), None, id="its own NIC has it"),
        pytest.param(target(), None, id="silent already"),
        pytest.param(target(ONE, TWO, kind=Kind.CANARY), None, id="the canary is no loss"),
    ],
)
def test_who_goes_on_replying(told, found, line):
    (shown,) = told(found, target(STRICT))
    if line is None:
        assert shown.startswith("1 address of" if found.target.kind is Kind.CANARY else "2 addresses of")
    else:
        assert (shown[: len(line[0])], re.findall(r"worker-\d", shown)) == line


def test_nothing_probed_is_not_nothing_lost(told):
    assert "no address of a Service was probed" in told(target(ONE, rounds=()))[0]


def test_many_are_counted(told):
    lines = told(*(target(ONE) for _ in range(30)))
    assert (len(lines), lines[-1]) == (21, "… and 10 more")


def test_without_a_wire_the_likeliest_are_named():
    service = {"metadata": {"name": "s", "namespace": "web"}, "spec": {"externalIPs": ["10.0.0.9", 7]}}
    lines = losses_unknown(Objects(resources={"services": (service,)}))
    assert lines[0].startswith("not checked (needs --iface)")
    assert lines[1:] == ("external IP 10.0.0.9 (web/s) goes dark unless a host or a load balancer replies for it",)
    refused = losses_unknown(Objects(resources={}, gaps=(Gap(what="services", why="forbidden", costs="x"),)))
    assert "the external IPs of Services could not be read (forbidden)" in refused[1]
