"""Cutting objects down: what is kept, what is dropped, and what hostile shapes come to."""

import pytest

from arpcheck.cluster.requirements import compile_fields, join, trim

KEPT = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}


def cut(fields, **rest):
    return trim({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", **rest.pop("metadata", {})}, **rest},
                compile_fields(fields))  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "rest", "kept"),
    [
        pytest.param((), {"spec": {"type": "LoadBalancer"}, "data": {}}, {}, id="nothing is named: only what is always kept"),
        pytest.param(("spec type",), {"spec": {"type": "A", "clusterIP": "x"}}, {"spec": {"type": "A"}}, id="one key"),
        pytest.param(("spec",), {"spec": {"a": {"b": [1]}}}, {"spec": {"a": {"b": [1]}}}, id="a whole branch"),
        pytest.param(("spec", "spec type"), {"spec": {"type": 1, "b": 2}}, {"spec": {"type": 1, "b": 2}}, id="a branch and its leaf"),
        pytest.param(("spec type",), {"spec": {"other": 1}}, {}, id="a named key that is absent leaves no empty branch"),
        pytest.param(
            ("status ingress ip",),
            {"status": {"ingress": [{"ip": "a", "ports": [1]}, {"hostname": "h"}]}},
            {"status": {"ingress": [{"ip": "a"}, {}]}},
            id="a list is looked through, and its entries stay in their places",
        ),
        pytest.param(("status ingress ip",), {"status": {"ingress": []}}, {"status": {"ingress": []}}, id="an empty list stays"),
        pytest.param(
            ("spec env@a value", "spec env@b value"),
            {"spec": {"env": [{"name": "a", "value": 1}, {"name": "secret", "value": 2}, {"name": "b", "value": 3}, {"value": 4}, {"name": []}]}},
            {"spec": {"env": [{"name": "a", "value": 1}, {}, {"name": "b", "value": 3}, {}, {}]}},
            id="of a list the entries of a name, and the others in their places",
        ),
        pytest.param(
            ("spec env name", "spec e* other", "spec env@b value"),
            {"spec": {"env": [{"name": "a", "value": 1}, {"name": "b", "value": 3, "other": 5}]}},
            {"spec": {"env": [{"name": "a"}, {"name": "b", "value": 3, "other": 5}]}},
            id="beside what is kept of all entries",
        ),
        pytest.param(("a b c",), {"a": [{"b": [{"c": 1, "d": 2}]}]}, {"a": [{"b": [{"c": 1}]}]}, id="a list in a list's entry"),
        pytest.param(("data *.conf",), {"data": {"x.conf": "1", "y.txt": "2"}}, {"data": {"x.conf": "1"}}, id="a pattern"),
        pytest.param(("data *",), {"data": {"a": "1", "b": "2"}}, {"data": {"a": "1", "b": "2"}}, id="every key"),
        pytest.param(
            ("data a* x", "data *b y", "data ab z"),
            {"data": {"ab": {"x": 1, "y": 2, "z": 3, "w": 4}, "ac": {"x": 1, "y": 2}}},
            {"data": {"ab": {"x": 1, "y": 2, "z": 3}, "ac": {"x": 1}}},
            id="patterns that meet keep what any of them keeps",
        ),
        pytest.param(("data a* x", "data ab"), {"data": {"ab": {"x": 1, "y": 2}}}, {"data": {"ab": {"x": 1, "y": 2}}}, id="whole wins"),
        pytest.param(("a x* y*", "a *x y1 z"), {"a": {"xx": {"y1": {"z": 1, "w": 2}, "y2": 3}}}, {"a": {"xx": {"y1": {"z": 1, "w": 2}, "y2": 3}}},
                     id="patterns below patterns"),
        pytest.param(("data A",), {"data": {"a": 1}}, {}, id="case counts"),
        pytest.param(("spec type",), {"spec": "text"}, {}, id="text where a mapping should be"),
        pytest.param(("spec type",), {"spec": None}, {}, id="null where a mapping should be"),
        pytest.param(("spec ports port",), {"spec": {"ports": [1, None, [{"port": 1}], {"port": 2}]}}, {"spec": {"ports": [{"port": 2}]}},
                     id="entries that are no objects are dropped"),
        pytest.param(("spec type",), {"spec": {"type": None}}, {"spec": {"type": None}}, id="a null that was named is kept"),
    ],
)  # fmt: skip
def test_what_is_kept(fields, rest, kept):
    found = cut(fields, **rest)
    assert found == {**KEPT, **kept}
    assert trim(found, compile_fields(fields)) == found, "cut twice is cut once"


def test_annotations_have_dots_and_slashes_in_their_names():
    annotations = {"metallb.io/pool": "a", "metallb.universe.tf/pool": "b", "note": "c"}
    found = cut(("metadata annotations metallb.io/*",), metadata={"annotations": annotations})
    assert found["metadata"] == {"name": "web", "annotations": {"metallb.io/pool": "a"}}


@pytest.mark.parametrize(
    ("depth", "kept"),
    [pytest.param(24, {"spec"}, id="as deep as an API type"), pytest.param(900, set(), id="made to break a reader")],
)
def test_depth_is_bounded(depth, kept):
    deep = {}
    for _ in range(depth):
        deep = {"a": [deep]}
    assert set(cut(("spec",), spec=deep)) - set(KEPT) == kept


def test_what_was_given_is_not_changed():
    given = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "labels": {"a": "b"}}}
    trim(given, compile_fields(()))
    assert given["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("spec a",), ("spec b",), id="two keys"),
        pytest.param(("spec a", "status"), ("spec",), id="a key and the branch"),
        pytest.param(("l x",), ("l y",), id="entries of a list"),
        pytest.param(("m x",), ("m",), id="entries of a list, and the list with what is no object"),
    ],
)
def test_two_cuts_joined_are_one_cut_of_both(one, other):
    given = {
        **KEPT,
        "spec": {"a": 1, "b": {"c": 2}},
        "status": {"s": 1},
        "l": [{"x": 1, "y": 2}, {"y": 3}],
        "m": [7, {"x": 1}],
    }
    both = trim(given, compile_fields((*one, *other)))
    cuts = [trim(given, compile_fields(fields)) for fields in (one, other)]
    assert join(*cuts) == both
    assert join(*reversed(cuts)) == both
