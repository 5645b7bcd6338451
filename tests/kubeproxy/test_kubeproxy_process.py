"""Whether the process that runs has its configuration: times, templates, rollouts."""

from __future__ import annotations

import pytest
from kubeproxy_objects import documents, objects_of

from arpcheck.kubeproxy import kube_proxies
from arpcheck.kubeproxy.modes import Oddity, has

NODE, POD, TITLE = "worker-2", "kube-proxy-9mzq7", "pod kube-system/kube-proxy-9mzq7"
CHANGED = "2026-06-10T12:00:00Z"


def entry(time, *keys, manager="kubectl-edit"):
    data = {f"f:{key}": {} for key in keys}
    return {"manager": manager, "time": time, "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {".": {}, **data}}}


EDITED = (entry(CHANGED, "config.conf"),)


def proxy(*, changed=EDITED, created="2026-06-01T00:00:00Z", started=None, edit=lambda found: None):
    """worker-2 as its pod, the ConfigMap's history and `edit` leave it."""
    found = documents("kubeadm")
    for document in found:
        if document["kind"] == "ConfigMap":
            document["metadata"]["managedFields"] = list(changed)
        if document["metadata"]["name"] == POD:
            document["metadata"]["creationTimestamp"] = document["status"]["startTime"] = created
            document["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": started or created}}
    edit({(document["kind"], document["metadata"]["name"]): document for document in found})
    return kube_proxies(objects_of(found))[NODE]


@pytest.mark.parametrize(
    ("created", "started", "loaded"),
    [
        pytest.param("2026-06-01T00:00:00Z", None, False, id="older"),
        pytest.param("2026-06-10T11:59:59Z", None, False, id="a second older"),
        pytest.param("2026-06-10T12:00:01Z", None, True, id="a second newer"),
        pytest.param("2026-06-10T12:00:00Z", None, None, id="the same second"),
        pytest.param("2026-06-01T00:00:00Z", "2026-06-10T12:00:30Z", None, id="container restarted at once: the old file?"),
        pytest.param("2026-06-01T00:00:00Z", "2026-06-10T12:06:00Z", True, id="container restarted later"),
        pytest.param("2026-06-01T00:00:00Z", "2026-06-09T00:00:00Z", False, id="container restarted before"),
        pytest.param("2026-06-20T00:00:00+02:00", None, True, id="another zone"),
        pytest.param("rubbish", "rubbish", None, id="no times"),
        pytest.param(7, 7, None, id="numbers for times"),
    ],
)
def test_by_times(created, started, loaded):
    assert proxy(created=created, started=started).loaded is loaded


def test_the_times_are_told():
    assert [str(note) for note in proxy().notes] == [
        f"{TITLE} runs since 2026-06-01T00:00:00Z, configmap kube-system/kube-proxy was changed {CHANGED}"
    ]
    assert has(proxy().notes, Oddity.OLDER)


@pytest.mark.parametrize(
    ("history", "loaded"),
    [
        pytest.param(
            [entry(CHANGED, "kubeconfig.conf"), entry("2026-05-01T00:00:00Z", "config.conf")], True, id="another key"
        ),
        pytest.param(
            [entry("2026-05-01T00:00:00Z", "config.conf"), entry(CHANGED, "config.conf", "x")], False, id="the newest"
        ),
        pytest.param(
            [entry(CHANGED, "config.conf"), entry("2026-05-01T00:00:00Z", "config.conf")], False, id="in any order"
        ),
        pytest.param([{"time": CHANGED, "fieldsV1": {"f:data": {}}}], False, id="data as a whole"),
        pytest.param([{"time": CHANGED, "fieldsV1": {"f:metadata": {}}}], None, id="labels only"),
        pytest.param([], None, id="stripped"),
        pytest.param([{}], None, id="reset"),
        pytest.param(["x", 7, None, {"time": 5, "fieldsV1": {"f:data": 3}}], None, id="rubbish"),
    ],
)
def test_only_a_change_of_the_key_counts(history, loaded):
    assert proxy(changed=history).loaded is loaded


def test_without_a_history_it_says_so():
    assert [str(note) for note in proxy(changed=()).notes] == [
        "when configmap kube-system/kube-proxy was changed last is not recorded (metadata.managedFields, which kubectl leaves out "
        "without --show-managed-fields)"
    ]


def test_no_running_container():
    def crash(found):
        found["Pod", POD]["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}

    found = proxy(edit=crash)
    assert found.loaded is None
    assert [str(note) for note in found.notes] == [f"{TITLE} does not run (CrashLoopBackOff): it has loaded nothing"]


def test_a_file_by_subpath_is_not_renewed_by_a_container_restart():
    def sub_path(found):
        for document in found.values():
            spec = document["spec"]["template"]["spec"] if document["kind"] == "DaemonSet" else document.get("spec", {})
            for container in spec.get("containers", ()):
                container["volumeMounts"][0] = {
                    "name": "kube-proxy",
                    "mountPath": "/var/lib/kube-proxy/config.conf",
                    "subPath": "config.conf",
                }

    assert proxy(edit=sub_path, started="2026-06-12T00:00:00Z").loaded is None
    assert proxy(edit=sub_path, created="2026-06-12T00:00:00Z").loaded is True
    assert proxy(edit=sub_path).loaded is False


def test_a_restart_that_has_not_reached_the_pod():
    def ask(found):
        template = found["DaemonSet", "kube-proxy"]["spec"]["template"]
        template["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-06-10T14:05:00+02:00"}

    found = proxy(edit=ask)
    assert found.loaded is False
    assert [str(note) for note in found.notes] == [
        f"{TITLE} runs since 2026-06-01T00:00:00Z, configmap kube-system/kube-proxy was changed {CHANGED}",
        "a restart was asked for at 2026-06-10T12:05:00Z, and this pod is from 2026-06-01T00:00:00Z",
    ]
    assert has(found.notes, Oddity.NOT_ROLLED)
    assert not has(proxy(edit=ask, created="2026-06-10T12:06:00Z").notes, Oddity.NOT_ROLLED)


def test_of_two_pods_on_a_node_the_newer_counts():
    found = documents("kubeadm")
    (old,) = [d for d in found if d["metadata"]["name"] == POD]
    new = {**old, "metadata": {**old["metadata"], "name": "kube-proxy-new", "creationTimestamp": "2026-06-11T00:00:00Z"}}
    new["status"] = {
        "containerStatuses": [{"name": "kube-proxy", "state": {"running": {"startedAt": "2026-06-11T00:00:02Z"}}}]
    }
    for document in found:
        if document["kind"] == "ConfigMap":
            document["metadata"]["managedFields"] = [entry(CHANGED, "config.conf")]
    for order in ([*found, new], [new, *found]):
        assert kube_proxies(objects_of(order))[NODE].loaded is True


# -------------------------------------------------------------------------------------------------- nodes without a pod


def without_pods(*names, desired=3, current=None, refused=()):
    found = [d for d in documents("kubeadm") if not (d["kind"] == "Pod" and d["spec"]["nodeName"] in names)]
    for document in found:
        if document["kind"] == "DaemonSet":
            counts = {"desiredNumberScheduled": desired, "currentNumberScheduled": desired if current is None else current}
            document["status"] = {key: count for key, count in counts.items() if count is not None}
    return objects_of(found, refused=refused)


def test_a_node_that_the_daemon_set_does_not_serve_runs_none():
    found = kube_proxies(without_pods("worker-3", desired=2))["worker-3"]
    assert (found.mode, found.strict_arp, found.source, found.loaded) == (
        *("none", None, "daemonset kube-system/kube-proxy", None),
    )
    assert has(found.notes, Oddity.LEFTOVERS), "mode ipvs may have run here before"


def test_a_node_that_a_daemon_set_in_mode_iptables_does_not_serve_has_nothing_left():
    found = [d for d in documents("kubeadm") if not (d["kind"] == "Pod" and d["spec"]["nodeName"] == "worker-3")]
    for document in found:
        if document["kind"] == "DaemonSet":
            document["status"] = {"desiredNumberScheduled": 2}
        if document["kind"] == "ConfigMap" and "config.conf" in document["data"]:
            document["data"]["config.conf"] = "kind: KubeProxyConfiguration\nmode: iptables\n"
    proxy_there = kube_proxies(objects_of(found))["worker-3"]
    assert (proxy_there.mode, has(proxy_there.notes, Oddity.LEFTOVERS)) == ("none", False)


@pytest.mark.parametrize(("ready", "loaded"), [("True", False), ("False", None), ("Unknown", None)])
def test_an_older_process_on_a_node_that_is_not_ready_may_be_gone(ready, loaded):
    def edit(found):
        found["Node", NODE]["status"]["conditions"] = [{"type": "Ready", "status": ready}]

    assert proxy(edit=edit).loaded is loaded
    assert proxy(edit=edit, started="2026-06-12T00:00:00Z", created="2026-06-12T00:00:00Z").loaded is True, (
        "what is known stays"
    )


@pytest.mark.parametrize("current", [0, 2, 3])
def test_a_pod_that_is_missing_is_not_one_that_is_not_wanted(current):
    """What is wanted counts: nothing is there yet while the controller is down, or the pods are refused."""
    found = kube_proxies(without_pods("worker-3", desired=3, current=current))["worker-3"]
    assert (found.mode, found.strict_arp, found.loaded) == ("ipvs", False, None)
    assert has(found.notes, Oddity.NOT_RUNNING)


@pytest.mark.parametrize("refused", [(), ("pods",)])
def test_a_daemon_set_that_serves_no_node_runs_none_anywhere(refused):
    found = kube_proxies(without_pods("worker-1", "worker-2", "worker-3", desired=0, refused=refused))
    assert {p.mode for p in found.values()} == {"none"}
    assert {has(p.notes, Oddity.UNREAD) for p in found.values()} == {bool(refused)}, "a pod of no DaemonSet may run"


@pytest.mark.parametrize("desired", [None, "3", True])
def test_a_pod_that_was_not_seen_is_not_taken_for_none(desired):
    found = kube_proxies(without_pods("worker-3", desired=desired))["worker-3"]
    assert (found.mode, found.strict_arp, found.loaded) == ("ipvs", False, None)
    assert has(found.notes, Oddity.UNREAD)


def test_two_daemon_sets_that_differ_leave_a_node_without_a_pod_unknown():
    found = [d for d in documents("kubeadm") if d["kind"] != "Pod"]
    (first,) = [d for d in found if d["kind"] == "DaemonSet"]
    command = ["kube-proxy", "--proxy-mode=iptables"]
    template = {"spec": {"containers": [{"name": "kube-proxy", "command": command}]}}
    second = {
        "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy-pool-b", "namespace": "kube-system"},
        "spec": {"template": template},
        "status": first["status"],
    }
    proxies = kube_proxies(objects_of([*found, second]))
    assert {p.mode for p in proxies.values()} == {None}
