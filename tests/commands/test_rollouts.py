"""How far a rollout has come, by the objects alone."""

import pytest

from arpcheck.commands.rollouts import RESTARTED, Reach, needs, reach
from arpcheck.objects import Objects

AT = "2026-03-01T12:00:00Z"
DAEMON_SET = {
    "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
    "spec": {
        "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
        "template": {"metadata": {"annotations": {RESTARTED: AT}}},
        "updateStrategy": {"type": "RollingUpdate"},
    },
}


def counted(wanted, *, updated=None, available=None, generation=2, seen=2, daemon_set=DAEMON_SET):
    """With the status that its controller writes."""
    counts = {"desiredNumberScheduled": wanted, "updatedNumberScheduled": wanted if updated is None else updated}
    counts["numberAvailable"] = wanted if available is None else available
    metadata = {**daemon_set["metadata"], "generation": generation}
    return {**daemon_set, "metadata": metadata, "status": {**counts, "observedGeneration": seen}}


def node(name="a", ready="True", **spec):
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def pod(on="a", at=AT, ready="True", name="p", owner="kube-proxy", **metadata):
    return {
        "metadata": {"name": name, "namespace": "kube-system", "annotations": {RESTARTED: at} if at else {},
                     "ownerReferences": [{"kind": "DaemonSet", "name": owner}], **metadata},
        "spec": {"nodeName": on},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }  # fmt: skip


def looked(nodes, pods, daemon_set=DAEMON_SET, *, everywhere=True):
    resources = {"nodes": tuple(nodes), "pods": tuple(pods), "daemonsets.apps": (daemon_set,) if daemon_set else ()}
    return reach(DAEMON_SET, Objects(resources=resources), everywhere=everywhere)


ON_DELETE = {**DAEMON_SET, "spec": {**DAEMON_SET["spec"], "updateStrategy": {"type": "OnDelete"}}}
TAINT = {"taints": [{"key": "k", "effect": "NoSchedule"}, {"key": "soft", "effect": "PreferNoSchedule"}]}
LEFT = "so what an earlier pod set in the kernel stays"


@pytest.mark.parametrize(
    ("nodes", "pods", "found"),
    [
        pytest.param([node()], [pod()], Reach(done=("a",)), id="new and ready"),
        pytest.param([node(ready="False")], [pod()], Reach(done=("a",)), id="new, on a node that went away after it"),
        pytest.param([node()], [pod(ready="False")], Reach(waiting={"a": "its new pod kube-system/p is not ready"}), id="not ready"),
        pytest.param([node()], [pod(at="")], Reach(waiting={"a": "its pod kube-system/p was not replaced yet"}), id="old"),
        pytest.param([node()], [pod(at="2026-03-01T11:00:00Z")], Reach(waiting={"a": "its pod kube-system/p was not replaced yet"}), id="of another restart"),
        pytest.param([node(ready="Unknown")], [pod(at="")], Reach(unreached={"a": "NotReady: its pod cannot be replaced"}), id="not ready node"),
        pytest.param([node(**TAINT)], [], Reach(unreached={"a": f"no pod of the DaemonSet runs there (tainted k), {LEFT}"}), id="tainted"),
        pytest.param([node()], [], Reach(unreached={"a": f"no pod of the DaemonSet runs there (not selected, or not scheduled), {LEFT}"}), id="no pod"),
        pytest.param([node(ready="False")], [], Reach(unreached={"a": f"no pod of the DaemonSet runs there (NotReady), {LEFT}"}), id="no pod, NotReady"),
        pytest.param([node()], [pod(owner="other")], Reach(unreached={"a": f"no pod of the DaemonSet runs there (not selected, or not scheduled), {LEFT}"}), id="another's pod"),
        pytest.param(
            [node()], [pod(at="", name="z", deletionTimestamp=AT), pod(name="b")], Reach(done=("a",)), id="the old one still ends"
        ),
        pytest.param(
            [node()], [pod(at="", name="b", deletionTimestamp=AT)], Reach(waiting={"a": "its pod kube-system/b was not replaced yet"}), id="only the old one, which ends"
        ),
    ],
)  # fmt: skip
def test_one_node(nodes, pods, found):
    assert looked(nodes, pods) == looked(nodes, reversed(pods)) == found


def test_on_delete_waits_for_nobody():
    found = looked([node()], [pod(at="")], ON_DELETE)
    assert found.waiting == {}
    assert found.unreached == {"a": "updateStrategy OnDelete, so delete its pod: kubectl -n kube-system delete pod p"}


def test_a_windows_node_and_one_without_a_speaker_are_not_missed():
    windows = node()
    windows["status"]["nodeInfo"] = {"operatingSystem": "windows"}
    assert looked([windows], []) == Reach()
    assert looked([node()], [], everywhere=False) == Reach()


NOT_THERE = "its new pod does not exist yet"


@pytest.mark.parametrize(
    ("nodes", "pods", "daemon_set", "waiting"),
    [
        pytest.param([node(), node("b")], [pod()], counted(2, updated=1, available=1), {"b": NOT_THERE, "": "1 of 2 pods exist"}, id="between two pods"),
        pytest.param([node()], [pod()], counted(1, seen=1), {"": "the DaemonSet controller has not observed the change yet"}, id="not seen"),
        pytest.param([node()], [pod()], counted(1, updated=0), {"": "0 of 1 pods are updated"}, id="not updated"),
        pytest.param([node()], [pod()], counted(1, available=0), {"": "0 of 1 pods are available"}, id="not available"),
        pytest.param([node()], [pod()], counted(1), {}, id="at its end"),
        pytest.param([node(), node("b", **TAINT)], [pod()], counted(1), {}, id="a node that it does not want"),
        pytest.param([node(), node("b", ready="False")], [pod(), pod("b", at="", name="q")], counted(2, updated=1, available=1), {}, id="a node that is away"),
        pytest.param([node(), node("b", ready="False")], [pod()], counted(2, updated=1, available=1), {}, id="a node that is away and has none"),
        pytest.param([node(), node("b", ready="False")], [pod(), pod("b", name="q")], counted(2, available=1), {}, id="a node that went away after it"),
        pytest.param([node(), node("b")], [pod()], counted(1), {}, id="a node that is not selected"),
    ],
)  # fmt: skip
def test_it_ends_by_the_conditions_of_kubectl_rollout_status(nodes, pods, daemon_set, waiting):
    found = looked(nodes, pods, daemon_set)
    assert found.waiting == waiting
    assert "b" not in found.unreached or not waiting


def test_a_daemon_set_that_is_gone():
    assert looked([node()], [pod()], None).unreached == {"": "daemonset kube-system/kube-proxy no longer exists"}


HOSTILE = [None, 1, "x", [], {}, [1], {"": None}, [{"type": 1}], {"annotations": 3}]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", ["metadata", "spec", "status"])
def test_whatever_stands_in_the_objects(key, value):
    hostile = {**pod(), key: value}
    looked([node(), {**node(), key: value}], [hostile, pod()])
    looked([node()], [hostile], {**DAEMON_SET, "spec": value})
    needs(({**DAEMON_SET, key: value},))


def test_a_selector_that_is_none_is_left_out():
    labels = {"k8s-app": "kube-proxy", "a,b": "c", "d": "e=f"}
    found = {**DAEMON_SET, "spec": {"selector": {"matchLabels": labels}}}
    assert [need.selector for need in needs((found,)) if need.resource == "pods"] == ["k8s-app=kube-proxy"]
