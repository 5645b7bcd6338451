"""redaction of objects that anybody could have written: of any shape, it gives objects or a named error."""

from datetime import UTC, datetime

import pytest
from growing import growth
from hypothesis import given
from hypothesis import strategies as st

from arpcheck import pipeline
from arpcheck.evidence import Evidence, Options
from arpcheck.evidence_json import to_json
from arpcheck.objects import Objects
from arpcheck.runs.redact import left_over, redact

AT = datetime(2026, 3, 1, tzinfo=UTC)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["10.0.0.1", "a/b", "{", "["])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = ("metadata", "spec", "status", "kind", "apiVersion", "data", "involvedObject")
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
RESOURCES = (
    "services",
    "nodes",
    "events",
    "pods",
    "configmaps",
    "leases.coordination.k8s.io",
    "servicel2statuses.metallb.io",
)


@given(st.dictionaries(st.sampled_from(RESOURCES), st.lists(OBJECTS, max_size=3).map(tuple), max_size=4))
def test_objects_of_any_shape(resources):
    evidence = Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=Objects(resources=resources))
    found = redact(evidence)
    pipeline.conclude(found.evidence)
    assert to_json(found.evidence)["objects"]["resources"].keys() == resources.keys()


@pytest.mark.parametrize(
    "name", ["\x1b[31m", "\u202e", "a" * 10_000, "<script>", "`|`", "\ud800", "Ünï", "100.64.0.1", "node-1", "text-1"]
)
def test_hostile_names_are_replaced_like_any_other(name):
    def obj(kind, **more):
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": name, "labels": {name: name}},
            **more,
        }

    service = obj(
        "Service",
        spec={"type": "LoadBalancer"},
        status={"loadBalancer": {"ingress": [{"ip": "10.0.0.50", "hostname": name}]}},
    )
    objects = Objects(resources={"services": (service,), "nodes": (obj("Node"),)}, context=name)
    found = redact(
        Evidence(
            arpcheck="x",
            started_at=AT,
            ended_at=AT,
            options=Options(namespaces=(name,), service_names=(f"{name}/{name}",)),
            objects=objects,
        )
    )
    assert name not in repr(found.evidence).replace("'node-1'", "") or name == "node-1"
    [service] = found.evidence.objects.services()
    assert service.full_name != f"{name}/{name}"


@pytest.mark.parametrize(
    "name", ["kube-proxy-13029", "ip-10-0-0-50", "10-0-0-50", "metallb-10", "50.0.0.10.in-addr.arpa", "v1-4711"]
)
def test_a_pseudonym_has_no_number_of_what_it_stands_for(name):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "kube-system"}}
    objects = Objects(resources={"pods": (pod,)})
    found = redact(Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=objects))
    [made] = found.evidence.objects.of("pods")
    assert made["metadata"]["name"].rpartition("-")[2] == "1"
    assert not set("02345679") & set(made["metadata"]["name"])


@pytest.mark.parametrize(
    ("kind", "version"), [("worker2", "v1"), ("Service", "acme"), ("Service", "payments/v1"), ("Secret-7", "0/0")]
)
def test_what_stands_for_a_kind_is_kept_where_it_is_one(kind, version):
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "generation": 167772210}}
    objects = Objects(
        resources={"services": (obj,), "nodes": ({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}},)}
    )
    found = redact(Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=objects))
    [service], [node] = found.evidence.objects.of("services"), found.evidence.objects.of("nodes")
    assert (service["kind"], service["apiVersion"]) != (kind, version)
    assert (node["kind"], node["apiVersion"]) == ("Node", "v1")


def test_the_search_finds_a_pseudonym_that_gives_away_its_name():
    found = redact(Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=Objects()))
    found.found.names.put("secret-7", "pod-secret-7-1")
    assert left_over([], found.found) == ("secret-7",)


LONG = [
    pytest.param("-a", "", id="dashes"),
    pytest.param(":", "g", id="colons"),
    pytest.param('"', "x", id="quotes"),
    pytest.param("a:", "g", id="almost an IPv6 address"),
    pytest.param("02:00:00:00:00:11-", "", id="MACs"),
    pytest.param("[a:b]", "", id="brackets"),
]


@pytest.mark.parametrize(("piece", "tail"), LONG)
def test_a_long_word_takes_no_longer_than_many_short_ones(piece, tail):
    def work(text):
        service = {
            "metadata": {"name": "a", "namespace": "b", "annotations": {"metallb.io/ip-allocated-from-pool": "x" + text}},
            "spec": {"type": "LoadBalancer"},
        }
        redact(
            Evidence(
                arpcheck="x",
                started_at=AT,
                ended_at=AT,
                options=Options(),
                objects=Objects(resources={"services": (service,)}),
            )
        )

    assert growth(work, piece, tail) < 30
