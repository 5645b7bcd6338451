"""pools: the ranges as each load balancer writes them, and which of their addresses are free."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.model import (
    Address,
    Finding,
    Gap,
    Host,
    Interface,
    Kind,
    Mac,
    Question,
    Report,
    Responder,
    Run,
    Outcome,
    Severity,
    Summary,
    Target,
    TargetReport,
    Verdict,
)
from arpcheck.objects import Objects
from arpcheck.pools import occupancy, pools, range_pool, to_json, to_text, unassigned

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def obj(name, namespace="x", **body):
    return {"metadata": {"name": name, "namespace": namespace}, **body}


@pytest.mark.parametrize(
    ("resource", "made", "name", "spans"),
    [
        pytest.param(
            "ipaddresspools.metallb.io", obj("lan", spec={"addresses": ["10.0.0.50-10.0.0.51", "10.0.1.0/30", "fc00::/64"]}),
            "IPAddressPool x/lan", ["10.0.0.50-10.0.0.51", "10.0.1.0-10.0.1.3"], id="MetalLB",
        ),
        pytest.param(
            "ciliumloadbalancerippools.cilium.io",
            obj("lan", "", spec={"blocks": [{"cidr": "10.0.1.0/30"}, {"start": "10.0.0.5", "stop": "10.0.0.6"}, {"start": "10.0.0.9"}]}),
            "CiliumLoadBalancerIPPool lan", ["10.0.0.5-10.0.0.6", "10.0.0.9-10.0.0.9", "10.0.1.0-10.0.1.3"], id="Cilium",
        ),
        pytest.param(
            "ciliumloadbalancerippools.cilium.io", obj("lan", "", spec={"cidrs": [{"cidr": "10.0.1.0/31"}]}),
            "CiliumLoadBalancerIPPool lan", ["10.0.1.0-10.0.1.1"], id="Cilium up to 1.15",
        ),
        pytest.param(
            "servicegroups.purelb.io", obj("lan", spec={"local": {"v4pools": [{"pool": "10.0.0.5-10.0.0.6"}], "pool": "10.0.0.9"}}),
            "ServiceGroup x/lan", ["10.0.0.5-10.0.0.6", "10.0.0.9-10.0.0.9"], id="PureLB",
        ),
        pytest.param(
            "configmaps", obj("kubevip", "kube-system", data={"range-global": "10.0.0.5-10.0.0.6, 10.0.0.8-10.0.0.8", "cidr-web": "10.0.1.0/31", "skip": "1.2.3.4"}),
            "ConfigMap kube-system/kubevip", ["10.0.0.5-10.0.0.6", "10.0.0.8-10.0.0.8", "10.0.1.0-10.0.1.1"], id="kube-vip",
        ),
    ],
)  # fmt: skip
def test_the_ranges_of_each_load_balancer(resource, made, name, spans):
    (found,) = pools(Objects(resources={resource: (made,)}))
    assert (found.name, [f"{a}-{b}" for a, b in found.spans], found.unreadable) == (name, spans, ())


@pytest.mark.parametrize("value", [None, 7, {}, [7, None, {}], "10.0.0.1", [["10.0.0.1"]]])
def test_wrong_types_give_no_pool(value):
    assert pools(Objects(resources={"ipaddresspools.metallb.io": (obj("a", spec={"addresses": value}),)})) == ()


def test_an_entry_that_can_not_be_read_is_kept_as_such():
    made = obj("a", spec={"addresses": ["10.0.0.9-10.0.0.5", "somewhere", "10.0.0.0/33"]})
    (found,) = pools(Objects(resources={"ipaddresspools.metallb.io": (made,)}))
    assert found.unreadable == ("10.0.0.9-10.0.0.5", "somewhere", "10.0.0.0/33")


@pytest.mark.parametrize("written", ["", "10.0.0.9-10.0.0.5", "fc00::/120", "x"])
def test_a_range_that_is_none_is_refused(written):
    with pytest.raises(UsageError, match="is no range of IPv4 addresses"):
        range_pool(written)


def test_what_a_service_has_is_not_asked_and_too_many_are_refused():
    service = {
        "metadata": {"name": "a", "namespace": "x"}, "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.51"}]}},
    }  # fmt: skip
    pool = range_pool("10.0.0.50-10.0.0.52")
    free = unassigned([pool], Objects(resources={"services": (service,)}), 10)
    assert [str(ip) for ip in free] == ["10.0.0.50", "10.0.0.52"]
    with pytest.raises(UsageError, match="3 addresses, more than --most 2"):
        unassigned([pool], Objects(), 2)


FREE, USED = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.51")
NODE = IPv4Address("10.0.0.11")


def responder(node=None, vendor=None):
    return Responder(
        node=node, macs=(Mac("02:00:00:00:00:01"),), interfaces=("eth0",), expected=False, flux=False, rounds=(1,),
        replies_per_probe=1.0, first_reply_ms=0.1, vendor=vendor,
    )  # fmt: skip


def report(verdicts, *, node_answers=True, lost: tuple[Address, ...] = (), complete=True, code=0):
    targets = [
        TargetReport(
            target=Target(ip=ip, kind=Kind.EXTRA), implementation=None, announcers=(), verdict=verdict, reason="why",
            responders=responders, rounds=(1, 2),
        )
        for ip, (verdict, *responders) in verdicts.items()
    ]  # fmt: skip
    node = TargetReport(
        target=Target(ip=NODE, kind=Kind.NODE, nodes=("n",)), implementation=None, announcers=(), verdict=None, reason="",
        responders=(responder("n"),) if node_answers else (), rounds=(1,),
    )  # fmt: skip
    lossy = Finding(id="frames-lost", severity=Severity.WARNING, outcome=Outcome.FINE, means="", because=(), do=(), ips=lost)
    run = Run(
        arpcheck="x", started_at=NOW, ended_at=NOW, interfaces=(), context=None, cluster=None, rounds=2, wait=1, rate=10,
        sender="auto", sent=0, received=0, lost=0, ignored={},
    )  # fmt: skip
    return Report(
        summary=Summary(exit_code=code, verdicts={}, non_strict_nodes=(), complete=complete), targets=(*targets, node),
        nodes=(), findings=(lossy,) if lost else (), gaps=(Gap(what="events", why="forbidden", costs="x"),), run=run,
    )  # fmt: skip


def evidence(*asked, host=("10.0.0.5/24",)):
    """What was asked on which interface: an address alone, on eth0."""
    rows = [entry if isinstance(entry, tuple) else (entry, "eth0") for entry in asked]
    return Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0",)),
        host=Host(interfaces=(Interface(name="eth0", mac=Mac("02:00:00:00:00:fa"), addresses=host),)),
        questions=tuple(Question(0.0, name, 1, ip, IPv4Address(0), None) for ip, name in rows),
    )  # fmt: skip


def judged(made, *ips, named=True, found=None, heard=None):
    pool = found or range_pool("10.0.0.50-10.0.0.51")
    return occupancy(made, heard or evidence(*ips), (pool,), dict.fromkeys(ips, pool.name), named=named)


@pytest.mark.parametrize(
    ("made", "states", "code"),
    [
        pytest.param(report({FREE: (Verdict.SILENT,)}), ["free"], 0, id="nobody answered"),
        pytest.param(report({FREE: (Verdict.SILENT,), USED: (Verdict.FOREIGN, responder())}), ["free", "in-use"], 1, id="a stranger has one"),
        pytest.param(report({USED: (Verdict.INCONCLUSIVE, responder())}), ["in-use"], 1, id="whoever it is"),
        pytest.param(report({FREE: (Verdict.PROXY_ARP, responder())}), ["not-heard"], 3, id="a proxy hides what is behind it"),
        pytest.param(report({FREE: (Verdict.INCONCLUSIVE,)}, node_answers=False), ["not-heard"], 3, id="a dead segment"),
        pytest.param(report({FREE: (Verdict.INCONCLUSIVE,)}, lost=(FREE,)), ["not-heard"], 3, id="frames were lost"),
        pytest.param(report({FREE: (Verdict.INCONCLUSIVE,)}, complete=False), ["not-heard"], 3, id="not finished"),
        pytest.param(report({FREE: (Verdict.SILENT,)}, complete=False, code=130), ["not-heard"], 130, id="interrupted"),
        pytest.param(report({}), ["not-heard"], 3, id="never asked"),
    ],
)
def test_what_is_free_and_what_is_not(made, states, code):
    asked = [t.target.ip for t in made.targets if t.target.kind is Kind.EXTRA] or [FREE]
    result = judged(made, *asked)
    assert ([address.state.value for address in result.addresses], result.exit_code) == (states, code)
    assert to_json(result)["summary"]["exitCode"] == code


@pytest.mark.parametrize("verdict", [Verdict.FOREIGN, Verdict.INCONCLUSIVE])
def test_what_this_host_has_itself_is_in_use_though_nobody_answers(verdict):
    (address,) = judged(report({USED: (verdict,)}), USED, heard=evidence(USED, host=("10.0.0.51/24",))).addresses
    assert (address.state.value, address.reason) == ("in-use", "this host has it, on eth0")


def test_a_nodes_own_address_is_in_use_though_it_does_not_answer():
    made = report({USED: (Verdict.INCONCLUSIVE,)})
    of_node = replace(made.targets[0], target=replace(made.targets[0].target, nodes=("worker-3",)))
    (address,) = judged(replace(made, targets=(of_node, *made.targets[1:])), USED).addresses
    assert (address.state.value, address.by) == ("in-use", ("worker-3",))


def test_what_was_heard_on_another_segment_frees_nothing():
    made = report({FREE: (Verdict.INCONCLUSIVE,), USED: (Verdict.SILENT,)})
    states = [a.state.value for a in judged(made, FREE, USED, heard=evidence((FREE, "eth1"), (USED, "eth0"))).addresses]
    assert states == ["not-heard", "free"]


def test_a_pool_that_could_not_be_read_is_not_all_free():
    broken = pools(Objects(resources={"ipaddresspools.metallb.io": (obj("a", spec={"addresses": ["10.0.0.50/32", "x"]}),)}))[0]
    assert judged(report({FREE: (Verdict.SILENT,)}), FREE, found=broken).exit_code == 3
    refused = report({FREE: (Verdict.SILENT,)})
    assert judged(refused, FREE, named=False).exit_code == 0, "what else was refused says nothing about pools"


def test_nothing_to_ask_is_not_all_free():
    assert judged(report({})).exit_code == 3


def test_the_text():
    made = report({FREE: (Verdict.SILENT,), USED: (Verdict.FOREIGN, responder(vendor="VMware"))})
    assert to_text(judged(made, FREE, USED)) == (
        "IN USE (exit code 1): 1 in use, 1 free, 0 not heard, of 2 addresses that no Service has\n"
        "\n"
        "--range 10.0.0.50-10.0.0.51: 2 addresses, 2 asked\n"
        "\n"
        "10.0.0.51  in-use  02:00:00:00:00:01 (VMware)  somebody answered for it\n"
    )
