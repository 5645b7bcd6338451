"""preflight: what "safe" takes, on scenes where the wire speaks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
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
