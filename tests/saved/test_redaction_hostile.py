"""redaction of objects that anybody could have written: of any shape, it gives objects or a named error."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arpcheck import pipeline
from arpcheck.evidence import Evidence, Options, to_json
from arpcheck.objects import Objects
from arpcheck.saved.redaction.evidence import redact

AT = datetime(2026, 3, 1, tzinfo=UTC)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["10.0.0.1", "a/b", "{", "["])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=12)
KEYS = ("metadata", "spec", "status", "kind", "apiVersion", "data", "involvedObject")
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
RESOURCES = ("services", "nodes", "events", "pods", "configmaps", "leases.coordination.k8s.io", "servicel2statuses.metallb.io")


@given(st.dictionaries(st.sampled_from(RESOURCES), st.lists(OBJECTS, max_size=3).map(tuple), max_size=4))
def test_objects_of_any_shape(resources):
    evidence = Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=Objects(resources=resources))
    found = redact(evidence)
    pipeline.conclude(found.evidence)
    assert to_json(found.evidence)["objects"]["resources"].keys() == resources.keys()


@pytest.mark.parametrize("name", ["\x1b[31m", "\u202e", "a" * 10_000, "<script>", "`|`", "\ud800", "Ünï", "100.64.0.1", "node-1", "text-1"])
def test_hostile_names_are_replaced_like_any_other(name):
    def obj(kind, **more):
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": name, "labels": {name: name}}, **more}

    service = obj("Service", spec={"type": "LoadBalancer"}, status={"loadBalancer": {"ingress": [{"ip": "10.0.0.50", "hostname": name}]}})
    objects = Objects(resources={"services": (service,), "nodes": (obj("Node"),)}, context=name)
    found = redact(Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(namespace=name), objects=objects))
    assert name not in repr(found.evidence).replace("'node-1'", "") or name == "node-1"
    [service] = found.evidence.objects.services()
    assert service.full_name != f"{name}/{name}"
