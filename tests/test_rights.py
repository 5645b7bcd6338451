"""What it costs not to be allowed to read one resource: a gap, and less that is known; never another verdict.

The rule, for every resource of `pipeline.NEEDS`, held against the report on the same wire with all rights:

- a verdict stays or becomes `inconclusive`; without Services there is no address to judge
- the exit code stays or becomes 3, and where a node, Services or a verdict was lost it is never 0
- a node stays as it was or becomes `unknown` or `unreached`; without Nodes none is listed
- of kube-proxy the same is said or nothing
- no finding comes that accuses somebody: only `gap`, `unknown-mac` and `unreached-nodes` may
- the one new gap names the resource and says what it costs"""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from simulated.probe_options import options
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Arp, Verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RESOURCES = sorted({need.resource for need in pipeline.NEEDS})
SCENES = (
    "all-non-strict", "announced-by-bgp", "announced-by-bgp-answered", "announced-by-bgp-left-behind", "cilium-lease", "cilium-lease-expired",
    "cilium-other-node", "external-ips", "foreign-host", "healthy", "kube-ovn-lb-svc", "kube-vip", "kube-vip-hwaddr",
    "leftovers", "not-probed",
    "overlay-mac", "prober-is-announcer", "prober-is-servicelb-node", "proxy-arp-everything", "purelb",
    "second-nic-annotated", "second-nic-nmstate", "servicelb", "shared-ip-two-announcers", "silent", "split-brain", "stale-claim",
    "two-controllers", "two-non-strict", "wrong-node",
)  # fmt: skip

UNKNOWING = {"gap", "unknown-mac", "unreached-nodes", "shared-mac", "address-conflict"}
"""Findings that say what is not known. Two nodes' addresses may be a Service's, which a kernel answers for beside its own."""


@cache
def report(name, refused=""):
    scene = scene_file.load(name)
    scene = replace(scene, cluster=replace(scene.cluster, refused=(refused,) if refused else ()))
    evidence = pipeline.observe(
        options(scene),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )
    return pipeline.conclude(evidence)


def verdicts(found):
    return {(str(t.target.ip), t.target.services): t.verdict for t in found.targets if t.verdict}


def ids(found):
    return {finding.id for finding in found.findings}


@pytest.mark.parametrize("name", SCENES)
def test_a_refused_resource_is_a_gap_and_no_other_verdict(name):
    """Every resource in one scene; in the others those of which the scene has objects."""
    there = cluster_objects.objects(scene_file.load(name), NOW, pipeline.NEEDS).resources
    for resource in RESOURCES if name == "healthy" else (found for found in RESOURCES if there.get(found)):
        is_a_gap_and_no_other_verdict(name, resource)


def is_a_gap_and_no_other_verdict(name, resource):
    full, less = report(name), report(name, resource)
    before, after = verdicts(full), verdicts(less)
    assert after.keys() == (set() if resource == "services" else before.keys())
    assert [key for key in after if after[key] not in (before[key], Verdict.INCONCLUSIVE)] == []
    assert less.summary.exit_code in (full.summary.exit_code, 3)
    if before != after or resource in ("services", "nodes"):
        assert less.summary.exit_code in (1, 3)
    assert ids(less) - ids(full) <= UNKNOWING
    # Without the Nodes this host is not known to be one of them, and the canary may be unknown.
    follows = {"nodes": ("canary", "sender")}.get(resource, ("canary",))
    [gap] = set(less.gaps) - set(full.gaps) - {gap for gap in less.gaps if gap.what in follows}
    assert (gap.what, gap.why, bool(gap.costs)) == (resource, "forbidden", True)
    own = {gap for gap in full.gaps if gap.what == "sender" and resource == "services"}  # whose it is, nobody can say then
    assert set(full.gaps) - own <= set(less.gaps)
    makes_no_node_better_or_worse(full, less, resource)


def makes_no_node_better_or_worse(full, less, resource):
    before, after = ({node.name: node for node in found.nodes} for found in (full, less))
    assert after.keys() == (set() if resource == "nodes" else before.keys())
    for node, was in ((node, before[node.name]) for node in after.values()):
        assert node.arp in (was.arp, Arp.UNKNOWN, Arp.UNREACHED)
        for key in ("mode", "strict_arp", "loaded"):
            assert getattr(node.kube_proxy, key) in (getattr(was.kube_proxy, key), None)


@pytest.mark.parametrize(
    ("name", "resource", "verdict"),
    [
        pytest.param("announced-by-bgp", "bgpadvertisements.metallb.io", "ok", id="that nobody should answer"),
        pytest.param("cilium-other-node", "leases.coordination.k8s.io", "wrong-node", id="who should, by a Lease"),
        pytest.param("wrong-node", "servicel2statuses.metallb.io", "wrong-node", id="who should, by a status"),
        pytest.param("foreign-host", "nodes", "foreign", id="whose every MAC is"),
        pytest.param("second-nic-nmstate", "nodenetworkstates.nmstate.io", "ok", id="whose a second NIC is"),
        pytest.param("kube-ovn-lb-svc", "pods", "ok", id="which MAC a pod has"),
    ],
)
def test_what_is_not_known_any_more_is_inconclusive(name, resource, verdict):
    """Each of these is in one resource alone; without it nobody is accused, and nothing is called clean."""
    key = [key for key, found in verdicts(report(name)).items() if found == verdict][-1]
    less = report(name, resource)
    assert (verdicts(less)[key], less.summary.exit_code) == (Verdict.INCONCLUSIVE, 3)
