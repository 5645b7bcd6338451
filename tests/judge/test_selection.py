"""A selection that no Service fits is a mistyped one more often than not: then nothing that was meant was judged."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file

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
        pytest.param({"namespace": "wbe"}, "-n wbe", id="a namespace"),
        pytest.param({"selector": "app=ngnix"}, "-l app=ngnix", id="a label"),
        pytest.param({"load_balancer_class": ""}, None, id="no class, as it is"),
        pytest.param(
            {"load_balancer_class": "x/y", "namespace": "web"}, "-n web --lb-class x/y", id="a class in a namespace"
        ),
        pytest.param({"namespace": "web"}, None, id="one that fits"),
        pytest.param({"namespace": "wbe", "ips": (IPv4Address("10.0.0.60"),)}, None, id="an address was named"),
        pytest.param({"namespace": "wbe", "services": False, "preflight": True}, None, id="Services are not asked"),
    ],
)
def test_what_was_selected_in_vain_is_not_clean(options, said):
    found = summary("healthy", **options)
    because = (f"no LoadBalancer Service was selected by {said}",) if said else ()
    assert [line for line in found.because if "selected" in line] == list(because)
    assert (found.exit_code == 3) == bool(said) or options.get("ips")


def test_a_node_that_was_not_heard_leaves_preflights_question_open_and_not_probes():
    """Probe answers for what answers on this segment, preflight for all nodes that there are."""
    asked = summary("node-unreached", services=False, preflight=True)
    words = "not known: only 2 of 3 nodes are known not to reply for addresses that they do not announce"
    assert (asked.exit_code, asked.because) == (3, ("no reply from worker-3", words))
    assert summary("node-unreached").exit_code == 0


def test_a_fault_stays_a_fault():
    assert summary("two-non-strict", namespace="wbe").exit_code == 1


def test_a_cluster_without_services_is_judged_by_its_nodes():
    assert summary("no-services-strict").exit_code == 0
