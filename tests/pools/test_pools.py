"""pools: the ranges as each load balancer writes them, and which of their addresses are free."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.errors import UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import (
    Address,
    Families,
    Finding,
    Gap,
    Host,
    Interface,
    Kind,
    Mac,
    Outcome,
    Question,
    Reply,
    Report,
    Responder,
    Run,
    Severity,
    Summary,
    Target,
    TargetReport,
    Verdict,
)
from arpcheck.objects import Objects
from arpcheck.pools import NEXT, AddressInUse, Split, of_versions, pools, range_pool, split
from arpcheck.pools.occupancy import AddressState, occupancy, to_json, to_text

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def obj(name, namespace="x", **body):
    return {"metadata": {"name": name, "namespace": namespace}, **body}


@pytest.mark.parametrize(
    ("resource", "made", "name", "spans"),
    [
        pytest.param(
            "ipaddresspools.metallb.io", obj("lan", spec={"addresses": ["10.0.0.50-10.0.0.51", "10.0.1.0/30", "fc00::/120"]}),
            "IPAddressPool x/lan", ["10.0.0.50-10.0.0.51", "10.0.1.0-10.0.1.3", "fc00::-fc00::ff"], id="MetalLB",
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
            "servicegroups.purelb.io", obj("lan", spec={"local": {"v4pools": [{"pool": "10.0.0.5-10.0.0.6"}], "v6pools": [{"pool": "fc00::1"}], "pool": "10.0.0.9"}}),
            "ServiceGroup x/lan", ["10.0.0.5-10.0.0.6", "10.0.0.9-10.0.0.9", "fc00::1-fc00::1"], id="PureLB",
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


@pytest.mark.parametrize("written", ["", "10.0.0.9-10.0.0.5", "fc00::9-fc00::5", "10.0.0.5-fc00::5", "fc00::/129", "x"])
def test_a_range_that_is_none_is_refused(written):
    with pytest.raises(UsageError, match="not a range of addresses"):
        range_pool(written)


def service(name, **spec):
    ingress = [{"ip": ip} for ip in spec.pop("ingress", ())]
    return {"metadata": {"name": name, "namespace": "x"}, "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}


def test_what_a_service_has_is_not_asked_and_not_left_out():
    services = (
        service("given", type="LoadBalancer", ingress=["10.0.0.51", "10.0.0.54"]), service("outside", externalIPs=["10.0.0.52", "10.0.0.54"]),
        service("inside", clusterIP="10.0.0.53"),
    )  # fmt: skip
    found = split([range_pool("10.0.0.50-10.0.0.55")], Objects(resources={"services": services}), 10)
    assert [str(ip) for ip in found.free] == ["10.0.0.50", "10.0.0.55"]
    assert [(str(ip), record.by, record.handed_out) for ip, record in found.recorded.items()] == [
        ("10.0.0.51", "x/given", True), ("10.0.0.52", "x/outside", False), ("10.0.0.53", "x/inside", False), ("10.0.0.54", "x/outside", False),
    ]  # fmt: skip


def test_too_many_are_refused():
    with pytest.raises(UsageError, match="3 addresses, more than --most 2"):
        split([range_pool("10.0.0.50-10.0.0.52")], Objects(), 2)


FREE, USED = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.51")
NODE = IPv4Address("10.0.0.11")


def responder(node=None, vendor=None, mac="02:00:00:00:00:01"):
    return Responder(
        node=node, macs=(Mac(mac),), interfaces=("eth0",), expected=False, flux=False, rounds=(1,),
        replies_per_probe=1.0, first_reply_ms=0.1, vendor=vendor,
    )  # fmt: skip


def report(verdicts, *, node_answers=True, lost: tuple[Address, ...] = (), complete=True, code=0, proxy=(), gaps=()):
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
    control = TargetReport(
        target=Target(ip=IPv4Address("192.0.2.1"), kind=Kind.CONTROL), implementation=None, announcers=(), verdict=None,
        reason="", responders=tuple(proxy), rounds=(1,),
    )  # fmt: skip
    lossy = Finding(id="frames-lost", severity=Severity.WARNING, outcome=Outcome.FINE, means="", because=(), do=(), ips=lost)
    run = Run(
        arpcheck="x", started_at=NOW, ended_at=NOW, interfaces=(), context=None, cluster=None, rounds=2, wait=1, rate=10,
        sender="auto", sent=0, received=0, lost=0, ignored={},
    )  # fmt: skip
    return Report(
        summary=Summary(exit_code=code, verdicts={}, non_strict_nodes=(), complete=complete), targets=(*targets, node, control),
        nodes=(), findings=(lossy,) if lost else (), gaps=(Gap(what="events", why="forbidden", costs="x"), *gaps), run=run,
    )  # fmt: skip


OWN, ZERO = IPv4Address("10.0.0.5"), IPv4Address(0)


def evidence(*asked, host=("10.0.0.5/24",), rounds=(1, 2, 3), senders=(ZERO, OWN), replies=(), **objects):
    """What was asked on which interface: an address alone, on eth0."""
    rows = [entry if isinstance(entry, tuple) else (entry, "eth0") for entry in asked]
    return Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0", "eth1")),
        host=Host(interfaces=tuple(Interface(name=name, mac=Mac("02:00:00:00:00:fa"), addresses=host) for name in ("eth0", "eth1"))),
        questions=tuple(Question(0.0, name, n, ip, sender, None) for ip, name in rows for n in rounds for sender in senders),
        replies=replies, objects=Objects(resources=objects),
    )  # fmt: skip


def judged(made, *ips, named=True, found=None, heard=None, recorded=None):
    pool = found or range_pool("10.0.0.50-10.0.0.51")
    addresses = Split(free=dict.fromkeys(ips, pool.name), recorded=recorded or {})
    return occupancy(made, heard or evidence(*ips), (pool,), addresses, named=named)


@pytest.mark.parametrize(
    ("made", "states", "code"),
    [
        pytest.param(report({FREE: (Verdict.SILENT,)}), ["free"], 0, id="nobody answered"),
        pytest.param(
            report({FREE: (Verdict.SILENT,), USED: (Verdict.FOREIGN, responder())}),
            ["free", "in-use"],
            1,
            id="a stranger has one",
        ),
        pytest.param(report({USED: (Verdict.INCONCLUSIVE, responder())}), ["in-use"], 1, id="whoever it is"),
        pytest.param(
            report({FREE: (Verdict.PROXY_ARP, responder())}), ["not-heard"], 3, id="a proxy hides what is behind it"
        ),
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
    assert (address.state.value, address.reason) == ("in-use", "this host has it on eth0")


def test_a_nodes_own_address_is_in_use_though_it_does_not_answer():
    made = report({USED: (Verdict.INCONCLUSIVE,)})
    of_node = replace(made.targets[0], target=replace(made.targets[0].target, nodes=("worker-3",)))
    (address,) = judged(replace(made, targets=(of_node, *made.targets[1:])), USED).addresses
    assert (address.state.value, address.by) == ("in-use", ("worker-3",))


def test_what_was_heard_on_another_segment_frees_nothing():
    made = report({FREE: (Verdict.INCONCLUSIVE,), USED: (Verdict.SILENT,)})
    states = [a.state.value for a in judged(made, FREE, USED, heard=evidence((FREE, "eth1"), (USED, "eth0"))).addresses]
    assert states == ["not-heard", "free"]


def deaf(*asked, made=None, **how):
    """Why the silence of the one address proves nothing."""
    (address,) = judged(made or report({FREE: (Verdict.SILENT,)}), FREE, heard=evidence(*(asked or [FREE]), **how)).addresses
    return address.state.value, address.reason


def test_outside_of_the_networks_nothing_is_known_to_be_free():
    assert deaf(host=("10.9.0.5/24",)) == ("not-heard", "it is outside the networks of this host's interfaces (10.9.0.0/24)")
    assert deaf(host=()) == ("not-heard", "it is outside the networks of this host's interfaces (they have none)")


def test_asked_too_seldom_nothing_is_known_to_be_free():
    assert deaf()[0] == "free"
    assert deaf(rounds=(1, 2)) == ("not-heard", "only 2 rounds with sender 0.0.0.0; at least 3 are needed")
    assert deaf(senders=(ZERO,)) == ("not-heard", "only 0 rounds with the address of eth0 as sender; at least 3 are needed")
    assert deaf(senders=(OWN,)) == ("not-heard", "only 0 rounds with sender 0.0.0.0; at least 3 are needed")
    ours = service("ours", externalIPs=["10.0.0.5"])
    assert deaf(senders=(ZERO,), services=(ours,))[0] == "free", "an address of a Service is never a sender"


def node_reply(number, sender=OWN):
    mac = Mac("02:00:00:00:00:01")
    return Reply(0.1, "eth0", number, NODE, sender, None, mac, mac, 0.1)


def test_where_a_node_misses_a_question_silence_proves_nothing():
    every = [node_reply(n, sender) for n in (1, 2, 3) for sender in (ZERO, OWN)]
    assert deaf(FREE, NODE, replies=tuple(every))[0] == "free"
    assert deaf(FREE, NODE, replies=tuple(every[:-1])) == (
        "not-heard", "requests or replies get lost on eth0: node address 10.0.0.11 replied in 2 of 3 rounds",
    )  # fmt: skip
    assert deaf(FREE, NODE, replies=tuple(node_reply(n) for n in (1, 2, 3)))[0] == "free", (
        "arp_ignore 2 never answers 0.0.0.0"
    )
    assert deaf(FREE, NODE)[0] == "free", "a node that is off answers nothing"


def test_what_went_wrong_on_the_wire_frees_nothing():
    made = report({FREE: (Verdict.SILENT,)}, gaps=[Gap(what="wire", why="eth0 went down after 1.0 s", costs="x")])
    assert deaf(made=made) == ("not-heard", "eth0 went down after 1.0 s")


PROXY = responder(mac="02:00:00:00:00:99")


@pytest.mark.parametrize("verdict", [Verdict.PROXY_ARP, Verdict.INCONCLUSIVE, Verdict.FOREIGN])
def test_whoever_answers_the_control_has_nothing(verdict):
    made = report({FREE: (verdict, PROXY), USED: (verdict, PROXY, responder())}, proxy=[PROXY])
    free, used = judged(made, FREE, USED).addresses
    assert (free.state.value, free.by) == ("not-heard", ("02:00:00:00:00:99",))
    assert used.state.value == "in-use", "beside the proxy somebody answered"


@pytest.mark.parametrize("what", ["services", "nodes"])
def test_whose_an_address_is_that_could_not_be_read_is_not_free(what):
    made = report({FREE: (Verdict.SILENT,)}, gaps=[Gap(what=what, why="forbidden", costs="x")])
    assert judged(made, FREE).exit_code == 3


GIVEN = {USED: AddressInUse(pool="p", by="web/nginx", handed_out=True)}
HELD = {USED: AddressInUse(pool="p", by="web/legacy", handed_out=False)}


@pytest.mark.parametrize(
    ("recorded", "named", "code"),
    [
        pytest.param(GIVEN, False, 0, id="a pool's own are no conflict"),
        pytest.param(GIVEN, True, 1, id="asked for by name it is in use"),
        pytest.param(HELD, False, 1, id="an external IP in a pool is a conflict"),
    ],
)
def test_what_is_in_use_by_record(recorded, named, code):
    result = judged(report({FREE: (Verdict.SILENT,)}), FREE, named=named, recorded=recorded)
    assert [(str(a.ip), a.state.value) for a in result.addresses] == [("10.0.0.50", "free"), ("10.0.0.51", "in-use")]
    assert result.exit_code == code
    assert [a["by"] for a in to_json(result)["addresses"]] == [[], [recorded[USED].by]]
    assert (recorded[USED].by in to_text(result)) == (code == 1)


def test_a_pool_that_is_handed_out_in_full_is_not_all_free():
    assert judged(report({}), named=False, recorded=GIVEN).exit_code == 3


def test_a_pool_that_could_not_be_read_is_not_all_free():
    broken = pools(Objects(resources={"ipaddresspools.metallb.io": (obj("a", spec={"addresses": ["10.0.0.50/32", "x"]}),)}))[
        0
    ]
    assert judged(report({FREE: (Verdict.SILENT,)}), FREE, found=broken).exit_code == 3
    refused = report({FREE: (Verdict.SILENT,)})
    assert judged(refused, FREE, named=False).exit_code == 0, "what else was refused says nothing about pools"


def test_nothing_to_ask_is_not_all_free():
    assert judged(report({})).exit_code == 3


def test_the_text():
    made = report({FREE: (Verdict.SILENT,), USED: (Verdict.FOREIGN, responder(vendor="VMware"))})
    assert to_text(judged(made, FREE, USED)) == (
        "IN USE (exit code 1): 1 in use, 1 free, 0 not known, of 2 addresses\n"
        "\n"
        "--range 10.0.0.50-10.0.0.51: 2 addresses, 2 not assigned\n"
        "\n"
        "10.0.0.51  in-use  02:00:00:00:00:01 (VMware)  a host replied for it\n"
    )


# ------------------------------------------------------------------------------------------------ where the wire speaks

LAN = """
title = "A pool"
about = "Made by a test."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
worker-3 = { ipvs = "strict" }
[hosts]
printer = { addresses = "10.0.0.61" }
"""
ROUTER = """
[[announcers]]
at = "printer"
probes = false
"""


def asked_on(text, written, *, wire=SimulatedWire, **options):
    scene = scene_file.parse(text, "x")
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    pool = range_pool(written)
    addresses = split([pool], objects, 100)
    evidence = pipeline.observe(
        Options(**{"families": Families.AUTO, "interfaces": ("eth0",), "ips": tuple(addresses.free), "services": False, "both_senders": True, **options}),
        objects=objects, host=scene_host(scene), wire=wire(scene), clock=lambda: NOW,
    )  # fmt: skip
    result = occupancy(pipeline.conclude(evidence), evidence, (pool,), addresses, named=True)
    return result.exit_code, [address.state.value for address in result.addresses]


def test_a_pool_on_the_wire():
    assert asked_on(LAN, "10.0.0.60-10.0.0.62") == (1, ["free", "in-use", "free"])
    assert asked_on(LAN, "10.0.0.62-10.0.0.63") == (0, ["free", "free"])
    assert asked_on(LAN, "10.0.0.62-10.0.0.63", rounds=1) == (0, ["free", "free"]), (
        "what is silent is asked four times anyway"
    )
    assert asked_on(LAN, "10.0.0.62-10.0.0.63", both_senders=False) == (3, ["not-heard"] * 2)
    assert asked_on(LAN, "10.9.0.52-10.9.0.53") == (3, ["not-heard"] * 2)


def test_the_first_and_the_last_address_of_the_network_are_no_hosts():
    assert asked_on(LAN, "10.0.0.254-10.0.0.255") == (3, ["free", "not-heard"])
    assert asked_on(LAN, "10.0.0.0-10.0.0.1") == (3, ["not-heard", "free"])
    assert deaf(host=("10.0.0.51/31",))[0] == "free", "both of two are hosts (RFC 3021)"


def test_behind_a_proxy_on_the_wire_nothing_is_free():
    assert asked_on(LAN + ROUTER, "10.0.0.62-10.0.0.63") == (3, ["not-heard"] * 2)


class Lossy(SimulatedWire):
    """Every third answer is lost on the way, so that no counter of this host knows of it."""

    def __init__(self, scene):
        numbers = itertools.count()
        super().__init__(scene, drop=lambda _: next(numbers) % 3 == 0)

    def lost(self):
        return {}


def test_where_frames_are_lost_on_the_way_nothing_is_free():
    assert asked_on(LAN, "10.0.0.62-10.0.0.63", wire=Lossy) == (3, ["not-heard"] * 2)


# ---------------------------------------------------------------------------------------------------------------- IPv6

LAN6 = LAN.replace("[nodes]", '[lans.lan]\nnetwork = "10.0.0.0/24"\nnetwork6 = "2001:db8:10::/64"\n[nodes]', 1).replace(
    'addresses = "10.0.0.61"', 'addresses = ["10.0.0.61", "2001:db8:10::61"]'
)
RANGE = "2001:db8:10::60-2001:db8:10::62"


def test_an_ipv6_pool_on_the_wire():
    assert asked_on(LAN6, RANGE) == (1, ["free", "in-use", "free"])
    assert asked_on(LAN6, "2001:db8:10::62-2001:db8:10::63") == (0, ["free", "free"])
    assert asked_on(LAN6, "2001:db8:9::62-2001:db8:9::63") == (3, ["not-heard"] * 2)
    assert asked_on(LAN6, "10.0.0.62-10.0.0.63") == (0, ["free", "free"])


def test_the_subnet_router_anycast_address_is_no_hosts():
    code, states = asked_on(LAN6, "2001:db8:10::-2001:db8:10::1")
    assert (code != 0, states[0] != "free", states[1]) == (True, True, "free")


def test_the_anycast_address_is_named_as_what_it_is_where_nodes_reply_for_it():
    objects = Objects(resources={"ipaddresspools.metallb.io": (obj("all", spec={"addresses": ["2001:db8:10::/126"]}),)})
    _, result = asked_of_cluster(LAN6, objects)
    assert [("anycast" in one.reason, one.state.value) for one in result.addresses] == [
        (True, "in-use"),
        *[(False, "free")] * 3,
    ]


class OnlyToAll(SimulatedWire):
    """A switch with MLD snooping: the group of one address has no members."""

    def send(self, interface, frame):
        if frame[:3] != b"\x33\x33\xff" or frame[77] != 0x61:
            super().send(interface, frame)


def test_a_host_that_does_not_receive_requests_to_its_group_is_in_use():
    assert asked_on(LAN6, RANGE, wire=OnlyToAll) == (1, ["free", "in-use", "free"])


def test_behind_a_proxy_of_ipv6_nothing_is_free():
    router = ROUTER.replace("probes = false", 'kind = "ndppd"')
    assert asked_on(LAN6 + router, "2001:db8:10::62-2001:db8:10::63")[1] == ["not-heard"] * 2


def test_ranges_of_a_family_that_is_not_requested_are_left_out_and_named():
    found = of_versions([range_pool("10.0.0.5"), range_pool("fc00::/64")], {4})
    assert [(len(pool.spans), len(pool.left_out)) for pool in found] == [(1, 0), (0, 1)]
    assert split(found, Objects(), 1).free == {IPv4Address("10.0.0.5"): "--range 10.0.0.5"}
    with pytest.raises(UsageError, match="the pools have 18446744073709551616 addresses"):
        split(of_versions([range_pool("fc00::/64")], {4, 6}), Objects(), 65536, named=True)


DUAL = obj("dual", spec={"addresses": ["10.0.0.62-10.0.0.63", "2001:db8:10::1000-2001:db8:10::ffff:ffff"]})
HELD = service("given", type="LoadBalancer", ingress=["2001:db8:10::1001", "2001:db8:10::2:3"])


def test_a_long_ipv6_range_of_the_cluster_is_shortened_to_its_next_addresses():
    objects = Objects(resources={"ipaddresspools.metallb.io": (DUAL,), "services": (HELD,)})
    found = split(pools(objects), objects, 256)
    four, six = [ip for ip in found.free if ip.version == 4], [ip for ip in found.free if ip.version == 6]
    assert (len(four), len(six), len(found.shortened)) == (2, NEXT, 1)
    assert [str(ip) for ip in six[:2]] == ["2001:db8:10::1000", "2001:db8:10::1002"]
    assert [str(ip) for ip in found.recorded] == ["2001:db8:10::1001", "2001:db8:10::2:3"]


def test_an_ipv6_range_that_fits_is_requested_whole_and_an_ipv4_range_is_never_shortened():
    objects = Objects(
        resources={"ipaddresspools.metallb.io": (obj("lan", spec={"addresses": ["fc00::/121", "10.0.0.0/25"]}),)}
    )
    assert [(len(found.free), len(found.shortened)) for found in (split(pools(objects), objects, most) for most in (256, 255))] == [
        (256, 0), (128 + NEXT, 1),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="the pools have 128 addresses"):
        split(pools(objects), objects, 127)


def test_a_dual_stack_cluster_is_judged_though_its_ipv6_range_is_long():
    code, result = asked_of_cluster(LAN6)
    assert (code, {address.state for address in result.addresses if not address.handed_out}) == (0, {AddressState.FREE})
    assert [address.ip for address in result.addresses if address.handed_out] == [
        ip_address("2001:db8:10::1001"),
        ip_address("2001:db8:10::2:3"),
    ]
    assert f"; of 1 IPv6 range only the next {NEXT} addresses were requested" in to_text(result).splitlines()[0]
    assert to_json(result)["pools"][0]["shortened"] == ["2001:db8:10::1000-2001:db8:10::ffff:ffff"]


def test_a_host_on_a_next_address_of_a_long_range_is_in_use():
    assert asked_of_cluster(LAN6.replace('"2001:db8:10::61"', '"2001:db8:10::1005"'))[0] == 1


DUAL_STACK = Objects(resources={"ipaddresspools.metallb.io": (DUAL,), "services": (HELD,)})


def asked_of_cluster(text, own=DUAL_STACK):
    scene = scene_file.parse(text, "x")
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    objects = replace(objects, resources={**objects.resources, **own.resources})
    found = pools(objects)
    addresses = split(found, objects, 100)
    options = Options(
        families=Families.AUTO, interfaces=("eth0",), ips=tuple(addresses.free), services=False, both_senders=True
    )
    evidence = pipeline.observe(
        options, objects=objects, host=scene_host(scene), wire=SimulatedWire(scene), clock=lambda: NOW
    )
    result = occupancy(pipeline.conclude(evidence), evidence, found, addresses, named=False)
    return result.exit_code, result
