"""A selection that no Service fits is a mistyped one more often than not: then nothing that was meant was judged."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def summary(name, **options):
    scene = scene_file.load(name)
    found = pipeline.observe(
        Options(interfaces=scene.prober.interfaces, **options),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )
    return pipeline.conclude(found).summary


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"namespaces": ("wbe",)}, ["-n wbe (did you mean web?)"], id="a namespace"),
        pytest.param({"namespaces": ("web", "wbe", "xyz")}, ["-n wbe (did you mean web?)", "-n xyz"], id="two of three"),
        pytest.param({"selector": "app=ngnix"}, ["-l app=ngnix"], id="a label"),
        pytest.param(
            {"selector": "app=ngnix", "namespaces": ("web",)}, ["-n web -l app=ngnix"], id="a label in a namespace"
        ),
        pytest.param({"load_balancer_classes": ("",)}, [], id="no class, as it is"),
        pytest.param({"load_balancer_classes": ("x/y",), "namespaces": ("web",)}, ["--lb-class x/y"], id="a class"),
        pytest.param({"namespaces": ("web",)}, [], id="one that fits"),
        pytest.param({"service_names": ("web/nginx",)}, [], id="a Service"),
        pytest.param({"service_names": ("nginx",)}, [], id="a Service of any namespace"),
        pytest.param(
            {"service_names": ("nginx", "web/ngnix")}, ["web/ngnix (did you mean web/nginx?)"], id="a mistyped one"
        ),
        pytest.param({"service_names": ("shop/nginx",)}, ["shop/nginx (did you mean web/nginx?)"], id="another's namespace"),
        pytest.param({"service_names": ("ngnix",)}, ["svc/ngnix (did you mean web/nginx?)"], id="a mistyped name"),
        pytest.param(
            {"service_names": ("default/kubernetes",)},
            ["default/kubernetes (default/kubernetes is of type ClusterIP)"],
            id="without an address",
        ),
        pytest.param(
            {"namespaces": ("wbe",), "ips": (IPv4Address("10.0.0.60"),)},
            ["-n wbe (did you mean web?)"],
            id="an address was named beside it",
        ),
        pytest.param({"namespaces": ("wbe",), "services": False, "preflight": True}, [], id="Services are not asked"),
    ],
)
def test_what_fits_no_service_is_not_clean(options, said):
    found = summary("healthy", **options)
    assert [line for line in found.because if "selected" in line] == [
        f"no LoadBalancer Service was selected by {words}" for words in said
    ]
    assert (found.exit_code == 3) == bool(said)


def test_a_node_that_was_not_heard_leaves_preflights_question_open_and_not_probes():
    """Probe answers for what answers on this segment, preflight for all nodes that there are."""
    asked = summary("node-unreached", services=False, preflight=True)
    words = "not known: only 2 of 3 nodes are known not to reply for addresses that they do not announce"
    assert (asked.exit_code, asked.because) == (3, ("no reply from worker-3", words))
    assert summary("node-unreached").exit_code == 0


@pytest.mark.parametrize("ip", ["8.8.8.8", "10.0.0.200"], ids=["beyond the LAN", "of nobody"])
def test_an_address_that_nobody_should_reply_for_is_not_silent(ip):
    found = summary("healthy", ips=(IPv4Address(ip),))
    assert (found.exit_code, found.verdicts) == (3, {Verdict.OK: 1, Verdict.INCONCLUSIVE: 1})


def test_a_fault_stays_a_fault():
    found = summary("two-non-strict", namespaces=("wbe",))
    assert found.exit_code == 1
    assert found.because[0] == "no LoadBalancer Service was selected by -n wbe (did you mean web?)"


def test_a_cluster_without_services_is_judged_by_its_nodes():
    assert summary("no-services-strict").exit_code == 0
