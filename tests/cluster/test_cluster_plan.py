"""Needs as questions: which share one, what an object is cut down to, and what of it all is folded together."""

from itertools import permutations

import pytest
from cluster_world import config_map, mounting, obj, service

from arpcheck.cluster.discovery import resource_of
from arpcheck.cluster.requirements import fold, merge, selected, selects_fields, unknown_mounts
from arpcheck.model import Gap, Need


def need(resource="services", **rest):
    return Need(resource=resource, **{"costs": "c", **rest})


def questions(*needs):
    return [(w.resource, w.verb, w.namespace, w.selector, w.field_selector, len(w.needs)) for w in merge(needs)]


@pytest.mark.parametrize(
    ("needs", "asked"),
    [
        pytest.param((), [], id="none"),
        pytest.param((need(), need()), [("services", "list", None, "", "", 2)], id="the same twice"),
        pytest.param((need(names=("a",)), need()), [("services", "list", None, "", "", 2)], id="names are the client's"),
        pytest.param(
            (need("pods"), need("nodes"), need("events"), need("services")),
            [(r, "list", None, "", "", 1) for r in ("services", "nodes", "pods", "events")],
            id="what is most urgent first, then the order given",
        ),
        pytest.param(
            (need("pods", namespace="a"), need("pods", namespace="b"), need("pods")),
            [("pods", "list", space, "", "", 1) for space in ("a", "b", None)],
            id="a list for each namespace: any of them may be refused",
        ),
        pytest.param(
            (need("pods", selector="a=b"), need("pods", field_selector="x=y"), need("pods", verb="get", names=("n",))),
            [("pods", "list", None, "a=b", "", 1), ("pods", "list", None, "", "x=y", 1), ("pods", "get", None, "", "", 1)],
            id="what the server selects",
        ),
    ],
)
def test_one_question_for_all_who_ask_it(needs, asked):
    assert questions(*needs) == asked


def test_costs_are_joined_and_said_once():
    (want,) = merge((need(costs="one"), need(costs="two"), need(costs="one")))
    assert want.costs == "one; two"


def test_secrets_are_never_read():
    with pytest.raises(ValueError, match="Secrets are never read"):
        merge((need("secrets"),))


def folded(needs, objects):
    def chosen(want):
        mine = [o for o in objects if resource_of(o["apiVersion"], o["kind"]) == want.resource]
        return [cut for o in mine if selected(want, o) and (cut := want.cut(o))]

    return fold([(want, chosen(want)) for want in merge(needs)])


MOUNTED = need("configmaps", namespace="kube-system", mounted=True, fields=("data *",))
ONE_KEY = need("configmaps", namespace="kube-system", names=("cilium*",), fields=("data mode",))
WITH_VOLUMES = need("daemonsets.apps", namespace="kube-system", names=("kube-proxy",),
                    fields=("spec template spec volumes configMap name",))  # fmt: skip
WITHOUT_VOLUMES = need("daemonsets.apps", namespace="kube-system", names=("cilium",), fields=("spec x",))
OBJECTS = (
    config_map("kube-proxy", **{"config.conf": "a"}),
    config_map("cilium-config", mode="m", secret="s"),
    config_map("other", a="b"),
    config_map("kube-proxy", "default", a="b"),
    mounting("kube-proxy", "kube-proxy"),
    mounting("cilium", "cilium-config"),
)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_only_what_is_mounted_and_only_the_fields_of_those_who_take_it(order):
    needs = (MOUNTED, ONE_KEY, WITH_VOLUMES, WITHOUT_VOLUMES)
    found = folded([needs[i] for i in order], OBJECTS)
    maps = {o["metadata"]["name"]: o["data"] for o in found["configmaps"]}
    assert maps == {"kube-proxy": {"config.conf": "a"}, "cilium-config": {"mode": "m"}}
    assert [o["metadata"]["name"] for o in found["daemonsets.apps"]] == ["cilium", "kube-proxy"]
    assert "spec" not in found["daemonsets.apps"][0]


def test_a_projected_volume_mounts_too():
    pod = obj("v1", "Pod", "p", "kube-system",
              spec={"volumes": [{"projected": {"sources": [{"configMap": {"name": "kube-proxy"}}, None, "x"]}}]})  # fmt: skip
    pods = need("pods", namespace="kube-system", fields=("spec volumes projected sources configMap name",))
    assert len(folded((MOUNTED, pods), (*OBJECTS[:4], pod))["configmaps"]) == 1


@pytest.mark.parametrize(
    ("read", "gaps"),
    [
        pytest.param({"configmaps": (), "pods": ()}, (), id="something that could mount was read"),
        pytest.param({"daemonsets.apps": ()}, (), id="there is nothing to be mounted"),
        pytest.param(
            {"configmaps": ()},
            (Gap(what="configmaps", why="the Pods and DaemonSets that mount them could not be read", costs="c"),),
            id="unknown",
        ),
    ],
)
def test_mounts_that_are_not_known_are_a_gap(read, gaps):
    assert unknown_mounts(merge((MOUNTED, ONE_KEY, WITH_VOLUMES)), read) == gaps


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_an_object_that_several_lists_have_is_one_with_the_fields_of_all(order):
    needs = (
        need("pods", fields=("spec a",), names=("x*",)),
        need("pods", fields=("spec b",), namespace="n"),
        need("pods", fields=("spec c",), selector="l=1"),
    )
    pod = obj("v1", "Pod", "xy", "n", labels={"l": "1", "m": "2"}, spec={"a": 1, "b": 2, "c": 3, "d": 4})
    (found,) = folded([needs[i] for i in order], (pod,))["pods"]
    assert found["spec"] == {"a": 1, "b": 2, "c": 3}
    assert found["metadata"]["labels"] == {"l": "1"}, "what a selector looks at stays, to be selected by again"


def test_objects_are_sorted_by_namespace_and_name():
    given = (service("b", "z"), service("b", "a"), service("a", "z"))
    assert [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in folded((need(),), given)["services"]] == [
        ("a", "b"), ("z", "a"), ("z", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        pytest.param("", True, id="none"),
        pytest.param("reason=nodeAssigned", True, id="equal"),
        pytest.param("reason==nodeAssigned", True, id="equal, the other way"),
        pytest.param("reason!=nodeAssigned", False, id="not equal"),
        pytest.param("involvedObject.kind=Service,reason=nodeAssigned", True, id="both"),
        pytest.param("involvedObject.kind=Pod,reason=nodeAssigned", False, id="one of two"),
        pytest.param("metadata.namespace=shop, metadata.name=web.1", True, id="metadata"),
        pytest.param("type=", True, id="absent is empty"),
        pytest.param("type!=Normal", True, id="absent is not equal"),
        pytest.param("count=3", False, id="a number is no text"),
    ],
)
def test_field_selectors(selector, fits):
    event = obj("v1", "Event", "web.1", "shop", reason="nodeAssigned", involvedObject={"kind": "Service"}, count=3)
    assert selects_fields(selector, event) is fits


def test_a_field_selector_that_is_none():
    with pytest.raises(ValueError, match="invalid field selector: 'reason'"):
        selects_fields("reason", {})
