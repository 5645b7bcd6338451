"""targets: what is asked, and what is not asked and why."""

from ipaddress import IPv4Address, IPv4Network, ip_address
from itertools import permutations

import pytest

from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.model import Host, Kind, Skip
from arpcheck.objects import Objects
from arpcheck.pipeline.planning import targets_of
from arpcheck.targets import all_targets, canary, check_options, control, selection


def service(name, *ingress, namespace="web", type_="LoadBalancer", cluster_ip="10.96.0.9", labels=None, **spec):
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
        "spec": {"type": type_, "clusterIP": cluster_ip, **spec},
        "status": {"loadBalancer": {"ingress": [i if isinstance(i, dict) else {"ip": i} for i in ingress]}},
    }


KUBERNETES = service("kubernetes", namespace="default", type_="ClusterIP", cluster_ip="10.96.0.1")
KUBE_DNS = service("kube-dns", namespace="kube-system", type_="ClusterIP", cluster_ip="10.96.0.2")


def found(*services, nodes=None, networks=(), **options):
    objects = Objects(resources={"services": services})
    return all_targets(objects, Options(**options), nodes or {}, networks)


def shown(asked):
    return [(str(t.ip), t.kind.value, *t.services) for t in asked]


def test_every_address_of_every_load_balancer_is_asked_once():
    asked = found(KUBERNETES, service("a", "10.0.0.50", "10.0.0.51"), service("b", "10.0.0.51", namespace="shop"))
    assert shown(asked) == [
        ("10.0.0.50", "load-balancer", "web/a"),
        ("10.0.0.51", "load-balancer", "shop/b", "web/a"),
        ("10.96.0.1", "canary"),
        ("192.0.2.1", "control"),
    ]


def test_the_order_of_the_services_changes_nothing():
    services = (KUBERNETES, service("a", "10.0.0.50"), service("b", "10.0.0.50", "10.0.0.7"))
    assert len({found(*order, nodes={"n": (IPv4Address("10.0.0.11"),)}) for order in permutations(services)}) == 1


@pytest.mark.parametrize(
    ("entry", "skip", "words"),
    [
        pytest.param((), Skip.PENDING, "no address yet", id="pending"),
        pytest.param(({"hostname": "lb.example.net"},), Skip.HOSTNAME, "lb.example.net", id="host name only"),
        pytest.param(({"ip": "2001:db8::50"},), Skip.IPV6, "was not requested", id="IPv6"),
        pytest.param(({"ip": "::7"},), Skip.IPV6, "was not requested", id="IPv6 whose number is an IPv4 address's"),
        pytest.param(({"ip": "224.0.0.1"},), Skip.NOT_UNICAST, "one host", id="multicast"),
        pytest.param(({"ip": "not an address"},), Skip.PENDING, "no address yet", id="rubbish"),
    ],
)
def test_what_is_not_asked_says_why(entry, skip, words):
    (target,) = (t for t in found(service("a", *entry)) if t.services)
    assert target.skips is skip
    assert words in target.skipped


@pytest.mark.parametrize("other", ["2001:db8::50", "::7"])
def test_dual_stack_is_asked_for_its_ipv4_half(other):
    asked = [t for t in found(service("a", "10.0.0.50", other)) if t.services]
    assert [(t.ip, t.skips) for t in asked] == [
        (ip_address("10.0.0.50"), None),
        (ip_address(other), Skip.IPV6),
    ]


def test_an_address_that_one_service_has_in_proxy_mode_and_another_not_is_asked():
    proxied = service("a", {"ip": "10.0.0.50", "ipMode": "Proxy"})
    asked = found(proxied, service("b", "10.0.0.50"))
    assert [(t.skips, t.services, t.external) for t in asked if t.services] == [(None, ("web/a", "web/b"), False)]
    assert [(t.skips, t.services, t.external) for t in found(proxied) if t.services] == [(None, ("web/a",), True)]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param({}, {"a", "b", "c"}, id="all namespaces are read"),
        pytest.param({"namespaces": ("shop",)}, {"b"}, id="one namespace"),
        pytest.param({"selector": "tier=front"}, {"a"}, id="labels"),
        pytest.param({"selector": "tier notin (front),!x"}, {"b", "c"}, id="a set"),
        pytest.param({"load_balancer_classes": ("metallb",)}, {"c"}, id="a class"),
        pytest.param({"load_balancer_classes": ("",)}, {"a", "b"}, id="no class"),
    ],
)
def test_the_selection(options, names):
    asked = found(
        service("a", "10.0.0.50", labels={"tier": "front"}),
        service("b", "10.0.0.51", namespace="shop"),
        service("c", "10.0.0.52", loadBalancerClass="metallb"),
        **options,
    )
    assert {name.split("/")[1] for t in asked if t.kind is Kind.LOAD_BALANCER for name in t.services} == names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({}, None, id="all"),
        pytest.param({"namespaces": ("shop",), "selector": "a=b"}, "-n shop -l a=b", id="as it was written"),
        pytest.param({"load_balancer_classes": ("",)}, "--lb-class ''", id="no class"),
        pytest.param({"namespaces": ("shop",), "services": False}, None, id="no Services are meant"),
    ],
)
def test_the_words_of_a_selection(options, words):
    assert selection(Options(**options)) == words


def test_a_selected_address_is_listed_with_all_its_services():
    others = [service(name, "10.0.0.50", namespace="shop") for name in "fbdce"]
    asked = found(service("a", "10.0.0.50"), *others, namespaces=("web",))
    assert [t.services for t in asked if t.services] == [("shop/b", "shop/c", "shop/d", "shop/e", "shop/f", "web/a")]


def test_external_ips_only_when_wanted():
    with_external = service("a", type_="ClusterIP", externalIPs=["10.0.0.70"])
    assert shown(t for t in found(with_external) if t.services) == []
    assert shown(t for t in found(with_external, external_ips=True) if t.services) == [("10.0.0.70", "external-ip", "web/a")]


def test_external_ips_of_the_selected_services_only():
    first, other = (
        service(name, type_="ClusterIP", namespace=name, externalIPs=[f"10.0.0.7{n}"]) for n, name in enumerate("ab")
    )
    assert shown(t for t in found(first, other, external_ips=True, namespaces=("b",)) if t.services) == [
        ("10.0.0.71", "external-ip", "b/b")
    ]


@pytest.mark.parametrize(
    ("ip", "skip"),
    [("2001:db8::70", Skip.IPV6), ("::7", Skip.IPV6), ("224.0.0.70", Skip.NOT_UNICAST), ("10.0.0.70", None)],
)
def test_an_external_ip_that_can_t_be_asked_says_why(ip, skip):
    with_external = service("a", type_="ClusterIP", externalIPs=[ip])
    (target,) = (t for t in found(with_external, external_ips=True) if t.services)
    assert (str(target.ip), target.kind, target.skips) == (ip, Kind.EXTERNAL_IP, skip)
    assert not [t for t in found(with_external) if t.services]


def test_an_address_that_is_not_asked_is_one_target_of_all_its_services_in_any_order():
    services = (
        service("b", "2001:db8::50"), service("a", {"ip": "2001:db8::50", "ipMode": "Proxy"}, namespace="shop"),
        service("c", type_="ClusterIP", namespace="ext", externalIPs=["2001:db8::50"]),
    )  # fmt: skip
    orders = [[t for t in found(*order, external_ips=True) if t.services] for order in permutations(services)]
    assert {(t.kind, t.skips, t.services) for order in orders for t in order} == {
        (Kind.LOAD_BALANCER, Skip.IPV6, ("ext/c", "shop/a", "web/b")),
    }
    assert {len(order) for order in orders} == {1}


def test_on_link_leaves_out_what_this_host_can_not_judge():
    networks = (IPv4Network("10.0.0.0/24"),)
    objects = Objects(resources={"services": (service("a", "10.0.0.50"), service("b", "10.9.0.50"))})
    every = all_targets(objects, Options(), {}, networks)
    assert {t.skips for t in every} == {None}
    near = all_targets(objects, Options(on_link=True), {}, networks)
    assert [(str(t.ip), t.skips) for t in near if t.services] == [("10.0.0.50", None), ("10.9.0.50", Skip.OFF_LINK)]
    assert [(t.ip, t.kind) for t in near if not t.services] == [(t.ip, t.kind) for t in every if not t.services]


def test_an_address_has_the_first_kind_that_fits():
    ips = (IPv4Address("10.0.0.50"), IPv4Address("10.0.0.60"), IPv4Address("10.0.0.11"))
    asked = found(service("a", "10.0.0.50"), nodes={"n1": (IPv4Address("10.0.0.11"),)}, ips=ips)
    assert [(str(t.ip), t.kind.value, t.nodes) for t in asked if t.kind not in (Kind.CONTROL, Kind.CANARY)] == [
        ("10.0.0.50", "load-balancer", ()),
        ("10.0.0.11", "extra", ("n1",)),
        ("10.0.0.60", "extra", ()),
    ]


def test_an_address_that_was_named_is_its_services_though_that_one_was_not_selected():
    named = (IPv4Address("10.0.0.51"), IPv4Address("10.0.0.70"))
    other = service("b", "10.0.0.51", namespace="shop", externalIPs=["10.0.0.70"])
    assert [
        entry for entry in shown(found(service("a", "10.0.0.50"), other, namespaces=("web",), ips=named)) if entry[2:]
    ] == [
        ("10.0.0.50", "load-balancer", "web/a"),
        ("10.0.0.51", "load-balancer", "shop/b"),
        ("10.0.0.70", "external-ip", "shop/b"),
    ]


def test_an_address_that_a_service_had_while_it_was_a_load_balancer_is_not_its_own():
    left = service("a", "10.0.0.50", type_="ClusterIP")
    assert [entry for entry in shown(found(left, ips=(IPv4Address("10.0.0.50"),))) if entry[1] == "extra"] == [
        ("10.0.0.50", "extra")
    ]


def test_the_gateways_of_the_nodes_are_asked_as_their_own_addresses_are():
    own, gateway = IPv4Address("10.0.0.11"), IPv4Address("10.244.1.1")
    asked = all_targets(Objects(resources={"services": ()}), Options(), {"n1": (own,)}, gateways={"n1": (gateway,)})
    assert [(t.ip, t.nodes) for t in asked if t.kind is Kind.NODE] == [(own, ("n1",)), (gateway, ("n1",))]


def test_nodes_are_asked_by_their_own_addresses():
    asked = found(nodes={"n2": (IPv4Address("10.0.0.12"),), "n1": (IPv4Address("10.0.0.11"), IPv4Address("172.16.0.1"))})
    assert [(str(t.ip), t.nodes) for t in asked if t.kind is Kind.NODE] == [
        ("10.0.0.11", ("n1",)), ("10.0.0.12", ("n2",)), ("172.16.0.1", ("n1",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        pytest.param((KUBERNETES, KUBE_DNS), "10.96.0.1", id="default/kubernetes"),
        pytest.param(
            (service("kubernetes", namespace="default", type_="ClusterIP", cluster_ip="fd00::1"), service("a"), KUBE_DNS),
            "10.96.0.9", id="where that is IPv6 the lowest of any but kube-dns",
        ),
        pytest.param((KUBE_DNS,), None, id="kube-dns is no canary: NodeLocal DNSCache binds it in every mode"),
        pytest.param(
            (service("dns", labels={"k8s-app": "kube-dns"}, cluster_ip="10.96.0.3"),), None, id="nor under another name"
        ),
        pytest.param((service("headless", cluster_ip="None"),), None, id="headless"),
        pytest.param(
            (service("other", labels={"service.kubernetes.io/service-proxy-name": "x"}, cluster_ip="10.96.0.2"), service("a")),
            "10.96.0.9", id="one that kube-proxy leaves to another proxy is on no kernel",
        ),
        pytest.param(
            (service("other", labels={"service.kubernetes.io/headless": ""}, cluster_ip="10.96.0.2"),), None, id="headless by label",
        ),
        pytest.param((), None, id="no Service is readable"),
    ],
)  # fmt: skip
def test_the_canary(services, expected):
    assert canary(Objects(resources={"services": services})) == (IPv4Address(expected) if expected else None)


@pytest.mark.parametrize(
    ("network", "taken", "expected"),
    [
        pytest.param("10.0.0.0/24", (), "192.0.2.1", id="as a rule"),
        pytest.param("192.0.2.0/24", (), "203.0.113.1", id="where an interface is in that block"),
        pytest.param("10.0.0.0/24", ("192.0.2.1",), "203.0.113.1", id="where a Service has it"),
        pytest.param("192.0.2.0/24", ("203.0.113.1",), "198.51.100.1", id="where both are in use"),
        pytest.param("192.0.2.0/24", ("203.0.113.1", "198.51.100.1"), "198.18.0.1", id="where all three are"),
        pytest.param("192.0.2.128/25", (), "203.0.113.1", id="where a part of that block is a network"),
        pytest.param(
            "10.0.0.0/24", ("192.0.2.77", "2001:db8::1"), "203.0.113.1", id="where a Service has another address of it"
        ),
        pytest.param("192.0.0.0/5", ("203.0.113.9",), None, id="where all of them are in use"),
    ],
)
def test_the_control_is_an_address_nobody_owns(network, taken, expected):
    assert control([IPv4Network(network)], [ip_address(ip) for ip in taken]) == (expected and IPv4Address(expected))


@pytest.mark.parametrize(
    ("asked", "taken", "expected"),
    [
        pytest.param(("198.51.100.1",), (), "198.51.100.1", id="another than is taken today"),
        pytest.param(("192.0.2.1",), ("192.0.2.77",), "192.0.2.1", id="beside somebody's"),
        pytest.param(("192.0.2.1",), ("192.0.2.1",), "203.0.113.1", id="which is somebody's now"),
        pytest.param(("10.0.0.50",), (), "192.0.2.1", id="none"),
    ],
)
def test_the_control_of_a_run_is_the_one_that_it_asked(asked, taken, expected):
    put, used = ({IPv4Address(ip) for ip in ips} for ips in (asked, taken))
    assert control([IPv4Network("10.0.0.0/24")], used, put) == IPv4Address(expected)


@pytest.mark.parametrize(
    ("resource", "obj"),
    [
        pytest.param(
            "nodes", {"metadata": {"name": "n"}, "spec": {"podCIDRs": ["fd00::/64", "192.0.2.0/25"]}}, id="a node's pods"
        ),
        pytest.param(
            "nodes", {"metadata": {"name": "n"}, "spec": {"podCIDR": "192.0.0.0/16"}}, id="a node's pods, written once"
        ),
        pytest.param(
            "ipaddresspools.metallb.io",
            {"metadata": {"name": "p"}, "spec": {"addresses": ["192.0.2.240-192.0.2.250"]}},
            id="a pool",
        ),
        pytest.param(None, None, id="nobody's"),
    ],
)
def test_what_the_cluster_has_given_away_is_not_the_control(resource, obj):
    objects = Objects(resources={resource: (obj,)} if resource else {})
    [asked] = [t.ip for t in targets_of(Options(), objects, Host()) if t.kind is Kind.CONTROL]
    assert str(asked) == ("203.0.113.1" if resource else "192.0.2.1")


def test_where_every_control_is_in_use_none_is_asked():
    everything = [IPv4Network("0.0.0.0/0")]
    assert not [t for t in all_targets(Objects(), Options(), {}, everything) if t.kind is Kind.CONTROL]


@pytest.mark.parametrize("given", [{"clusterIP": "192.0.2.10"}, {"externalIPs": ["192.0.2.10"]}])
def test_any_address_of_any_service_is_somebody_s(given):
    other = service("a", type_="ClusterIP")
    other = other | {"spec": other["spec"] | given}
    assert [str(t.ip) for t in found(other) if t.kind is Kind.CONTROL] == ["203.0.113.1"]


@pytest.mark.parametrize("ip", ["0.0.0.0", "127.0.0.1", "224.0.0.0", "224.0.0.1", "255.255.255.255"])
def test_an_extra_address_must_be_a_hosts(ip):
    with pytest.raises(UsageError, match="one host"):
        check_options(Options(ips=(IPv4Address(ip),)))


@pytest.mark.parametrize("selector", ["a in b", "a==(b)", "=b", "a,,b", "!a=b"])
def test_a_selector_that_is_none_is_refused(selector):
    with pytest.raises(UsageError, match="label selector"):
        check_options(Options(selector=selector))


def test_the_canary_is_that_of_kubernetes_though_another_is_lower_and_else_the_lowest():
    high = service("kubernetes", namespace="default", type_="ClusterIP", cluster_ip="10.96.200.1")
    others = (service("a", cluster_ip="10.96.0.7"), service("b", cluster_ip="10.96.0.5"))
    assert canary(Objects(resources={"services": (*others, high)})) == IPv4Address("10.96.200.1")
    assert canary(Objects(resources={"services": others})) == IPv4Address("10.96.0.5")


def test_where_the_canary_is_asked_by_name_another_is_the_canary():
    asked = found(KUBERNETES, service("a", "10.0.0.50"), ips=(IPv4Address("10.96.0.1"),))
    assert [entry for entry in shown(asked) if entry[1] in ("extra", "canary")] == [
        ("10.96.0.1", "extra"), ("10.96.0.9", "canary"),
    ]  # fmt: skip


def test_without_services_only_the_knowledge_and_the_extra_addresses_are_asked():
    asked = found(KUBERNETES, service("a", "10.0.0.50"), services=False, ips=(IPv4Address("10.0.0.9"),))
    assert shown(asked) == [("10.0.0.9", "extra"), ("10.96.0.1", "canary"), ("192.0.2.1", "control")]


@pytest.mark.parametrize("ip", ["10.0.0.9", "0.0.0.1", "126.255.255.255", "128.0.0.0", "223.255.255.255"])
def test_a_host_s_own_address_may_be_an_extra_one(ip):
    check_options(Options(ips=(IPv4Address(ip),)))


def test_the_nodes_of_one_address_are_in_the_order_of_their_names():
    shared = IPv4Address("10.0.0.11")
    of_node = next(t for t in found(KUBERNETES, nodes={"b": (shared,), "a": (shared,)}) if t.ip == shared)
    assert of_node.nodes == ("a", "b")


@pytest.mark.parametrize(
    ("services", "nodes"),
    [
        pytest.param((service("a", "192.0.2.1"),), {}, id="asked"),
        pytest.param((), {"n": (IPv4Address("192.0.2.1"),)}, id="a node's own"),
        pytest.param((service("a", {"ip": "192.0.2.1", "ipMode": "Proxy"}),), {}, id="one of a load balancer outside"),
    ],
)
def test_no_address_that_is_somebody_s_is_the_control(services, nodes):
    """Whoever answers the control is taken for a proxy."""
    assert [str(t.ip) for t in found(*services, nodes=nodes) if t.kind is Kind.CONTROL] == ["203.0.113.1"]


@pytest.mark.parametrize(
    ("services", "nodes"),
    [
        pytest.param((service("a", "10.96.0.1"),), {}, id="asked"),
        pytest.param((), {"n": (IPv4Address("10.96.0.1"),)}, id="a node's own"),
        pytest.param((service("a", {"ip": "10.96.0.1", "ipMode": "Proxy"}),), {}, id="one of a load balancer outside"),
    ],
)
def test_no_address_that_is_asked_for_something_else_is_the_canary(services, nodes):
    """Whoever answers the canary is taken for non-strict."""
    other = service("b", cluster_ip="10.96.0.30")
    asked = found(KUBERNETES, other, *(s | {"spec": s["spec"] | {"clusterIP": ""}} for s in services), nodes=nodes)
    assert [str(t.ip) for t in asked if t.kind is Kind.CANARY] == ["10.96.0.30"]
