"""Whatever anybody writes into the API or a file: a status comes out, never an exception, and never a clean one by
accident."""

from __future__ import annotations

import copy
import json

import pytest
from growing import growth
from hypothesis import given, settings
from hypothesis import strategies as st
from kubeproxy_objects import FIXTURES, RESOURCES, documents, fixture

from arpcheck.kubeproxy import NEEDS, kube_proxies
from arpcheck.kubeproxy.causes import causes
from arpcheck.kubeproxy.config import read
from arpcheck.kubeproxy.modes import NodeStatus, StrictArpAnswer, StrictArpStatus
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.kubeproxy.remedy import from_configz, from_log
from arpcheck.kubeproxy.status import status, to_json, to_text
from arpcheck.objects import Objects

DISTRIBUTIONS = sorted(path.name for path in FIXTURES.iterdir())
MAPPINGS = st.sampled_from(
    [
        {},
        {"metadata": 5},
        {"metadata": {"name": ["x"], "namespace": {}, "labels": [], "annotations": "x"}, "spec": [], "status": "x"},
        {
            "kind": "DaemonSet",
            "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
            "spec": {"template": {"spec": 1}},
        },
        {"metadata": {"name": "kube-proxy", "namespace": "kube-system"}, "data": {"config.conf": 7, "x": None}},
    ]
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**70),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just([{"name": ["x"], "configMap": 5, "key": {}}]),
    st.just({"f:data": [], "name": {}, "items": "x", "a": {"b": None}}),
    st.sampled_from(
        ["--config", "$(X)", "/a/../../b", "[" * 2000, "\x1b[31m", "ipvs", "9999-99-99T99:99:99Z", "v1.x", "0" * 400]
    ),
)


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def put(value, path, junk):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = copy.deepcopy(junk)


@st.composite
def spoilt(draw):
    """A real cluster's objects with up to four places overwritten."""
    found = documents(draw(st.sampled_from(DISTRIBUTIONS)))
    kinds = [RESOURCES[document["kind"]] for document in found]
    for _ in range(draw(st.integers(1, 4))):
        document = draw(st.sampled_from(found))
        found_places = [path for path in places(document) if path]
        if found_places:
            put(document, draw(st.sampled_from(found_places)), draw(JUNK))
    return Objects(
        resources={kind: tuple(d for k, d in zip(kinds, found, strict=True) if k == kind) for kind in set(kinds)},
        version=draw(st.sampled_from([None, "v1.33.4", "", "x"])),
    )


@settings(max_examples=150, deadline=None)
@given(spoilt())
def test_any_objects_give_a_status(objects):
    found = status(objects, logs={"n1": "x"}, configz={"n1": "[", "worker-1": "{}"})
    assert found.exit_code in (0, 1, 3)
    assert found.reason
    json.dumps(to_json(found))
    assert all(char.isprintable() or char == "\n" for char in to_text(found))
    proxies = kube_proxies(objects)
    nodes = frozenset(proxies)
    causes(proxies, nodes, nodes, nodes, WireObservations(answered={"10.0.0.1": nodes}))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(RESOURCES.values())), st.lists(MAPPINGS, max_size=4)))
def test_junk_alone_is_never_clean(resources):
    assert status(Objects(resources=resources)).answer == "unknown"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_output_of_a_process_is_read_or_not(text):
    from_log(text)
    assert from_configz(text) is None


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_same_objects_give_the_same_bytes(distribution):
    first, second = (json.dumps(to_json(status(fixture(distribution)))) for _ in range(2))
    assert first == second


# ------------------------------------------------------------------------------------------------------- what is read


def test_what_is_read_is_listed_only_and_within_two_namespaces():
    assert {need.resource for need in NEEDS} == {
        *("daemonsets.apps", "pods", "configmaps", "nodes", "controllerrevisions.apps"),
    }
    assert {(need.resource, need.verb) for need in NEEDS if need.verb != "list"} == {("configmaps", "get")}
    assert {need.namespace for need in NEEDS if need.resource != "nodes"} == {"kube-system", "openshift-kube-proxy"}
    assert all(need.costs and need.fields for need in NEEDS)


def test_configmaps_are_read_only_where_a_kube_proxy_mounts_them_or_by_name():
    for need in NEEDS:
        assert need.resource != "configmaps" or need.mounted or need.names == ("cilium-config",)


def test_of_pods_nothing_but_node_times_arguments_and_volumes():
    for need in NEEDS:
        if need.resource == "pods":
            tops = {" ".join(field.split()[:2]) for field in need.fields}
            assert tops == {
                *("metadata labels", "metadata annotations", "metadata ownerReferences"),
                *("spec nodeName", "spec containers", "spec volumes", "status containerStatuses", "status phase"),
            }
            assert not any("env" in field for field in need.fields)


def test_snapshots_keep_no_token_and_no_environment():
    kept = json.dumps(dict(fixture("k0s").resources))
    assert '"env"' not in kept
    assert "image" not in kept


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e\u05d0", "x" * 10_000])
def test_no_text_steers_a_terminal_turns_a_line_around_or_fills_the_screen(text):
    node = NodeStatus(
        name=text, mode=text, strict_arp=None, loaded=None, source=text, answer=StrictArpAnswer.UNKNOWN, notes=(text,)
    )
    found = StrictArpStatus(
        answer=StrictArpAnswer.UNKNOWN, reason=text, source=text, owner=text, nodes=(node, node), notes=(text,), do=(text,)
    )
    shown = to_text(found)
    assert all(line.isprintable() for line in shown.splitlines())
    assert max(map(len, shown.splitlines())) <= 4000
    assert not set("\u202e\u05d0") & set(shown)


@pytest.mark.parametrize("piece", ["\n", "#\n", "--- a\n", "...\n"])
def test_a_long_text_takes_no_longer_than_many_short_ones(piece):
    head = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n---\n"
    assert growth(lambda text: read(head + text), piece, pieces=1_000) < 30
