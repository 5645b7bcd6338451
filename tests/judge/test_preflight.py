"""preflight: what "safe" takes, on scenes where the wire speaks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Families
from arpcheck.objects import Objects

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

STRICT = """
title = "Before a load balancer"
about = "Made by a test."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
worker-3 = { ipvs = "strict" }
[[services]]
name = "web/app"
type = "ClusterIP"
"""
NOT_LOADED = """
title = "Configured for IPVS, not restarted"
about = "Every kernel is quiet until kube-proxy is restarted."
[nodes]
worker-1 = { kube_proxy_age = "30d" }
worker-2 = { kube_proxy_age = "30d" }
worker-3 = { kube_proxy_age = "30d" }
[cluster]
kube_proxy = { mode = "ipvs", strict_arp = false, edited = "1d" }
[[services]]
name = "web/app"
type = "ClusterIP"
"""
LOADED_LATER = NOT_LOADED.replace("strict_arp = false", "strict_arp = true")
FORMER = """
[hosts.former]
addresses = "10.0.0.99"
ipvs = "non-strict"
"""
PROXY = """
[hosts.router]
addresses = "10.0.0.1"
[[announcers]]
at = "router"
probes = false
"""
DOWN = STRICT.replace(
    'worker-3 = { ipvs = "strict" }', 'worker-3 = { ipvs = "strict", lan = "far", addresses = "10.9.0.13" }'
).replace("[nodes]", '[lans]\nlan = "10.0.0.0/24"\nfar = "10.9.0.0/24"\n[nodes]')


def asked(text, change=lambda objects: objects, **options):
    found = asked_report(text, change, **options)
    return found.preflight.safe, found.summary.exit_code, found.preflight.words


def asked_report(text, change=lambda objects: objects, **options):
    scene = scene_file.parse(text, "x")
    return pipeline.conclude(
        pipeline.observe(
            Options(**{"interfaces": ("eth0",), "services": False, "preflight": True, **options}),
            objects=change(cluster_objects.objects(scene, NOW, pipeline.NEEDS)), host=scene_host(scene),
            wire=SimulatedWire(scene), clock=lambda: NOW,
        )
    )  # fmt: skip


def test_quiet_nodes_and_nothing_that_says_the_contrary_are_safe():
    assert asked(STRICT) == (True, 0, "safe: 3 of 3 nodes do not reply for addresses that they do not announce")
    assert asked(LOADED_LATER)[:2] == (True, 0), "the next restart leaves them quiet"


def test_a_configuration_that_the_next_restart_loads_is_not_safe():
    safe, code, words = asked(NOT_LOADED)
    assert (safe, code) == (None, 3)
    assert words == (
        "not known: kube-proxy is configured for IPVS without strictARP on worker-1, worker-2, worker-3: "
        "the next restart makes it unsafe"
    )


def test_a_configuration_that_nothing_has_loaded_is_what_the_next_start_loads():
    """kube-proxy crash-loops, so the kernels are as its last process has left them."""

    def stopped(objects):
        status = {"containerStatuses": [{"name": "kube-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}
        pods = tuple({**pod, "status": status} for pod in objects.of("pods"))
        return replace(objects, resources={**objects.resources, "pods": pods})

    safe, code, words = asked(NOT_LOADED, stopped)
    assert (safe, code) == (None, 3)
    assert words.endswith("the next restart makes it unsafe")


def test_a_stranger_on_the_canary_may_be_a_node():
    safe, code, words = asked(STRICT + FORMER)
    assert (safe, code != 0) == (None, True)
    assert "(no known node) replied for the canary" in words


def test_a_router_that_answers_the_canary_as_it_answers_the_control_is_no_stranger():
    assert "no known node" not in asked(STRICT + PROXY)[2]


def test_a_node_that_was_not_heard_is_not_safe():
    safe, code, words = asked(DOWN)
    assert (safe, code) == (None, 3)
    assert words.startswith("not known: only 2 of 3 nodes are known not to reply")


def test_where_no_node_was_heard_none_is_said_to_be_other_than_quiet():
    silent = STRICT
    for number in (1, 2, 3):
        silent = silent.replace(
            f'worker-{number} = {{ ipvs = "strict" }}',
            f'worker-{number} = {{ nics = {{}}, internal_ips = "10.0.0.1{number}" }}',
        )
    safe, code, words = asked(silent)
    assert (safe, code) == (None, 3)
    assert "no node replied here" in words
    assert " of 3 nodes" not in words


def test_a_node_that_is_switched_off_is_none_of_those_that_are_asked_about():
    off = STRICT.replace(
        'worker-3 = { ipvs = "strict" }', 'worker-3 = { ready = false, nics = {}, internal_ips = "10.0.0.13" }'
    )
    safe, code, words = asked(off)
    assert (safe, code) == (True, 0)
    assert "not Ready, no reply: worker-3" in words
    assert asked(off.replace("ready = false", "ready = true"))[:2] == (None, 3)
    every = off.replace('{ ipvs = "strict" }', '{ ready = false, nics = {}, internal_ips = "10.0.0.12" }')
    assert asked(every)[:2] == (None, 3), "of all nodes none was heard"


def test_a_configuration_speaks_for_a_node_that_is_switched_off_too():
    off = NOT_LOADED.replace(
        'worker-3 = { kube_proxy_age = "30d" }', 'worker-3 = { ready = false, nics = {}, internal_ips = "10.0.0.13" }'
    )
    assert asked(off)[:2] == (None, 3)


def test_a_node_that_was_not_heard_is_named_once():
    down = STRICT.replace('worker-3 = { ipvs = "strict" }', 'worker-3 = { nics = {}, internal_ips = "10.0.0.13" }')
    because = asked_report(down).summary.because
    assert sum("no reply from worker-3" in words for words in because) == 1


def without(*resources):
    def changed(objects):
        kept = {what: found for what, found in objects.resources.items() if what not in resources}
        return Objects(
            resources=kept, gaps=objects.gaps, context=objects.context, version=objects.version, read_at=objects.read_at
        )

    return changed


@pytest.mark.parametrize("what", ["services", "nodes"])
def test_without_canary_or_nodes_nothing_is_safe(what):
    safe, code, _ = asked(STRICT, without(what))
    assert (safe, code) == (None, 3)


def served_by_another(objects):
    """kubernetes' address is not IPv4, and the one other Service is Cilium's alone."""
    services = []
    for service in objects.of("services"):
        spec = {**service["spec"], "clusterIP": "fd00::1", "clusterIPs": ["fd00::1"]}
        labels = {"service.kubernetes.io/service-proxy-name": "cilium"}
        kubernetes = service["metadata"]["name"] == "kubernetes"
        services.append(
            {**service, "spec": spec} if kubernetes else {**service, "metadata": {**service["metadata"], "labels": labels}}
        )
    return replace(objects, resources={**objects.resources, "services": tuple(services)})


def test_a_canary_that_kube_proxy_does_not_serve_is_none():
    safe, code, words = asked(STRICT, served_by_another)
    assert (safe, code) == (None, 3)
    assert "no canary was requested" in words


# ---------------------------------------------------------------------------------------------------------------- IPv6

DUAL = """
title = "Before a load balancer, in dual stack"
about = "Made by a test."
[lans.lan]
network = "10.0.0.0/24"
network6 = "2001:db8:10::/64"
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
[[services]]
name = "web/app"
type = "ClusterIP"
"""


def deaf(text, number):
    """IPv6 is off on this worker, which has an address all the same."""
    node = f'{{ ipvs = "strict", internal_ips = ["10.0.0.1{number}", "2001:db8:10::1{number}"], nics.eth0 = {{ addresses = "10.0.0.1{number}", ipv6 = false }} }}'
    return text.replace(f'worker-{number} = {{ ipvs = "strict" }}', f"worker-{number} = {node}")


ONLY = DUAL.replace('worker-1 = { ipvs = "strict" }', 'worker-1 = { addresses = "2001:db8:10::11" }').replace(
    'worker-2 = { ipvs = "strict" }', 'worker-2 = { addresses = "2001:db8:10::12" }'
)


def of_ipv6_alone(objects):
    def changed(service):
        return {**service, "spec": {**service["spec"], "clusterIP": "fd00::9", "clusterIPs": ["fd00::9"]}}

    nodes = tuple({**node, "spec": {}} for node in objects.of("nodes"))
    services = tuple(map(changed, objects.of("services")))
    return replace(objects, resources={**objects.resources, "services": services, "nodes": nodes})


def in_ipv6(text, change=lambda objects: objects, *, host=lambda host: host, **options):
    scene = scene_file.parse(text, "x")
    found = pipeline.conclude(
        pipeline.observe(
            Options(interfaces=("eth0",), services=False, preflight=True, families=options.pop("families", Families.AUTO), **options),
            objects=change(cluster_objects.objects(scene, NOW, pipeline.NEEDS)), host=host(scene_host(scene)),
            wire=SimulatedWire(scene), clock=lambda: NOW,
        )
    )  # fmt: skip
    return found.preflight, found.summary


def without_ipv6(host):
    return replace(host, interfaces=tuple(replace(one, ipv6=()) for one in host.interfaces))


def test_dual_stack_is_safe_and_says_what_of_ipv6_was_seen():
    found, summary = in_ipv6(DUAL)
    assert (found.safe, found.strict_arp, summary.exit_code) == (True, "set", 0)
    assert found.words.startswith("safe: 2 of 2 nodes")
    assert found.ipv6.startswith("IPv6: 2 of 2 nodes replied")


def test_a_node_that_is_deaf_in_ipv6_is_named_and_settles_nothing():
    found, summary = in_ipv6(deaf(DUAL, 2))
    assert (found.safe, summary.exit_code) == (None, 3)
    assert "worker-2 (2001:db8:10::12)" in found.words
    assert in_ipv6(deaf(DUAL, 2), families=Families.IPV4)[1].exit_code == 0


def test_a_cluster_of_ipv6_alone_is_safe_without_a_word_of_arp():
    found, summary = in_ipv6(ONLY, of_ipv6_alone)
    assert (found.safe, found.strict_arp, summary.exit_code, summary.because) == (True, "not-needed", 0, ())
    assert found.words == "safe in IPv6: 2 of 2 nodes replied by neighbour discovery"


def test_a_configuration_of_ipvs_says_nothing_of_a_cluster_of_ipv6_alone():
    loose = ONLY + '[cluster]\nkube_proxy = { mode = "ipvs", strict_arp = false }\n'
    assert in_ipv6(loose, of_ipv6_alone)[0].safe is True
    assert in_ipv6(DUAL + '[cluster]\nkube_proxy = { mode = "ipvs", strict_arp = false }\n')[0].safe is None


def test_without_a_link_local_address_nothing_is_known_of_ipv6():
    four, summary = in_ipv6(DUAL, host=without_ipv6)
    assert (four.safe, four.ipv6, summary.exit_code) == (
        True,
        "IPv6: not requested (no interface that was used has a usable link-local address)",
        0,
    )
    six, summary = in_ipv6(ONLY, of_ipv6_alone, host=without_ipv6)
    assert (six.safe, summary.exit_code) == (None, 3)
    assert "not requested" in six.words


def test_one_family_by_name():
    four, six = in_ipv6(DUAL, families=Families.IPV4)[0], in_ipv6(DUAL, families=Families.IPV6)
    assert four.ipv6 == "IPv6: not requested (--family ipv4)"
    assert (six[0].safe, six[0].words, six[1].exit_code) == (
        True,
        "safe in IPv6: 2 of 2 nodes replied by neighbour discovery",
        0,
    )


def test_nodes_that_are_all_silent_in_ipv6_are_not_safe():
    found, summary = in_ipv6(deaf(deaf(DUAL, 1), 2), families=Families.IPV6)
    assert (found.safe, summary.exit_code) == (None, 3)


def test_without_an_ipv6_address_of_a_node_there_is_no_line_of_ipv6():
    assert in_ipv6(STRICT)[0].ipv6 is None
    found, summary = in_ipv6(STRICT, families=Families.BOTH)
    assert (found.safe, found.ipv6, summary.exit_code) == (True, None, 0)
