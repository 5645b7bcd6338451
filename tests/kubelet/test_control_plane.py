"""Jobs, pods, namespaces and nodes as a cluster treats them, with containers that the test plays."""

import json
import signal
import time
from contextlib import contextmanager

import pytest
from apiserver import ApiServer
from apiserver.test_apiserver import ask, obj

from arpcheck.objects import at, items, text
from kubelet import ControlPlane
from kubelet.control_plane import pods_of
from kubelet.events import condition
from kubelet.runtimes import Plays

LABELS = {"pod-security.kubernetes.io/enforce": "privileged"}
NODES = [
    obj("v1", "Node", name, metadata={"labels": {"kubernetes.io/hostname": name}}, spec={},
        status={"addresses": [{"type": "InternalIP", "address": f"10.0.0.1{number}"}], "conditions": [{"type": "Ready", "status": "True"}]})
    for number, name in enumerate(("one", "two"), 1)
]  # fmt: skip
OBJECTS = [
    *NODES,
    obj("v1", "Namespace", "probes", metadata={"labels": LABELS}),
    obj("v1", "ConfigMap", "plan", "probes", data={"a": "b"}),
]
JOBS, PODS = "/apis/batch/v1/namespaces/probes/jobs", "/api/v1/namespaces/probes/pods"
LASTS, ENDS, FAILS = "lasts", "ends", "fails"


def play(played):
    """By the first argument: one line, then the end or a wait for a signal."""
    what = played.spec.argv[1]
    yield f"{what} on {played.spec.hostname}"
    if what == LASTS:
        played.over.wait()
    return 1 if what == FAILS else 0


def job(name, what=LASTS, node="one", *, space="probes", container=(), template=(), **spec):
    main = {
        "name": "arpcheck",
        "image": "arpcheck:1",
        "args": [what],
        "securityContext": {"capabilities": {"add": ["NET_RAW"]}},
    }
    pod = {"restartPolicy": "Never", "hostNetwork": True, "containers": [{**main, **dict(container)}]}
    pod |= {"nodeName": node} if node else {}
    template = {"spec": pod | {"tolerations": [{"operator": "Exists"}]} | dict(template)}
    return obj("batch/v1", "Job", name, space, spec={"backoffLimit": 0, "template": template, **spec})


@contextmanager
def cluster(tmp_path, runtime=play, **options):
    with (
        ApiServer(OBJECTS, pod_security="baseline") as server,
        ControlPlane(server, Plays(runtime), tmp_path, **options) as plane,
    ):
        yield server, plane


def create(server, body, path=JOBS):
    status, made, _ = ask(server, path, method="POST", body=body)
    assert status == 201, made
    return made


def pod_of(plane, name, true):
    def found(store):
        return next((pod for pod in pods_of(store, name) if true(pod)), None)

    return plane.until(found)


def in_phase(phase):
    return lambda pod: text(pod, "status", "phase") == phase


def ended(plane, name, kind):
    return plane.until(
        lambda store: (found := store.find("jobs.batch", "probes", name)) and condition(found, kind) == "True" and found
    )


def events(server, about):
    """Reason and message of what is said about an object, or about all whose names begin so."""
    said = [stored.obj for stored in server.store.view("events").values()]
    found = [event for event in said if event["involvedObject"]["name"].startswith(about)]
    return {event["reason"]: event["message"] for event in found}


def log(server, pod, **query):
    return ask(server, f"{PODS}/{pod['metadata']['name']}/log", query)[:2]


def test_a_job_runs_and_is_complete(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", ENDS))
        made = ended(plane, "j", "Complete")
        assert (made["status"]["succeeded"], made["status"]["failed"]) == (1, 0)
        [pod] = pods_of(plane.store, "j")
        [state] = pod["status"]["containerStatuses"]
        assert (pod["status"]["phase"], state["state"]["terminated"]["exitCode"]) == ("Succeeded", 0)
        assert (pod["status"]["hostIP"], pod["status"]["podIP"]) == ("10.0.0.11", "10.0.0.11")
        assert log(server, pod) == (200, "ends on one\n")
        assert {"SuccessfulCreate", "Completed"} <= events(server, "j").keys()


def test_a_job_that_fails_has_failed_with_its_log(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", FAILS))
        ended(plane, "j", "Failed")
        [pod] = pods_of(plane.store, "j")
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
        assert log(server, pod) == (200, "fails on one\n")
        assert "BackoffLimitExceeded" in events(server, "j")


def test_a_job_that_takes_too_long_loses_its_pod_and_the_log(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", activeDeadlineSeconds=1))
        ended(plane, "j", "Failed")
        plane.until(lambda store: not pods_of(store, "j"))
        assert "DeadlineExceeded" in events(server, "j")


def test_a_finished_job_goes_with_its_pods(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", ENDS, ttlSecondsAfterFinished=1))
        ended(plane, "j", "Complete")
        plane.until(lambda store: not store.find("jobs.batch", "probes", "j") and not pods_of(store, "j"))


def test_a_pod_that_somebody_deletes_has_failed(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j"))
        pod = pod_of(plane, "j", in_phase("Running"))
        ask(server, f"{PODS}/{pod['metadata']['name']}", method="DELETE")
        ended(plane, "j", "Failed")
        assert not pods_of(plane.store, "j")


@pytest.mark.parametrize(
    ("options", "left"), [({}, 1), ({"propagationPolicy": "Background"}, 0), ({"propagationPolicy": "Foreground"}, 0)]
)
def test_what_becomes_of_the_pods_of_a_deleted_job(tmp_path, options, left):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j"))
        pod_of(plane, "j", in_phase("Running"))
        ask(server, f"{JOBS}/j", method="DELETE", body=options)
        plane.until(lambda store: not store.find("jobs.batch", "probes", "j") and len(pods_of(store, "j")) == left)


def test_a_namespace_that_allows_no_host_network_has_jobs_without_pods(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, obj("v1", "Namespace", "plain"), "/api/v1/namespaces")
        create(server, job("j", space="plain"), "/apis/batch/v1/namespaces/plain/jobs")
        plane.until(lambda store: "violates PodSecurity" in events(server, "j").get("FailedCreate", ""))
        assert not pods_of(plane.store, "j")


def test_a_job_in_a_new_namespace_waits_for_its_account(tmp_path):
    with cluster(tmp_path) as (server, plane):
        plane.controls = False
        create(server, obj("v1", "Namespace", "new", metadata={"labels": LABELS}), "/api/v1/namespaces")
        status, refused, _ = ask(server, "/api/v1/namespaces/new/pods", method="POST", body=obj(
            "v1", "Pod", "p", spec={"containers": [{"name": "c", "image": "a"}]}))  # fmt: skip
        assert (status, 'serviceaccount "default" not found' in refused["message"]) == (403, True)
        create(server, job("j", ENDS, space="new"), "/apis/batch/v1/namespaces/new/jobs")
        plane.controls = True
        plane.store.put(NODES[0])
        plane.until(lambda store: any(in_phase("Succeeded")(pod) for pod in pods_of(store, "j")))


def test_a_namespace_ends_with_what_runs_in_it(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j"))
        pod_of(plane, "j", in_phase("Running"))
        assert ask(server, "/api/v1/namespaces/probes", method="DELETE")[1]["status"]["phase"] == "Terminating"
        assert ask(server, JOBS, method="POST", body=job("late"))[0] in (403, 404)
        plane.until(lambda store: not store.find("namespaces", "", "probes") and not [*store.everything("probes")])
        assert plane.kubelets.alive() == {}


SCHEDULED = [
    pytest.param({"nodeSelector": {"kubernetes.io/hostname": "two"}}, "two", id="selector"),
    pytest.param({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["two"]}]}]}}}}, "two", id="affinity by name"),
    pytest.param({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["one"]}]}]}}}}, "two", id="affinity by label"),
    pytest.param({"nodeSelector": {"kubernetes.io/hostname": "none"}}, "2 node(s) didn't match Pod's node affinity/selector", id="no such node"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "expected"), SCHEDULED)
def test_where_a_pod_is_scheduled(tmp_path, template, expected):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", node=None, template=template))
        pod = pod_of(plane, "j", lambda pod: text(pod, "spec", "nodeName") or condition(pod, "PodScheduled") == "False")
        said = events(server, pod["metadata"]["name"]).get("FailedScheduling", "")
        assert (pod["spec"].get("nodeName") == expected) or expected in said


def test_a_tainted_node_takes_only_what_tolerates_it(tmp_path):
    with cluster(tmp_path) as (server, plane):
        for node in ("one", "two"):
            plane.taint(node, "node-role.kubernetes.io/control-plane", "NoSchedule")
        create(server, job("refused", node=None, template={"tolerations": []}))
        pod = pod_of(plane, "refused", lambda pod: condition(pod, "PodScheduled") == "False")
        assert "untolerated taint" in events(server, pod["metadata"]["name"])["FailedScheduling"]
        assert log(server, pod) == (204, "")
        create(server, job("tolerates", node=None))
        pod_of(plane, "tolerates", in_phase("Running"))


def test_an_image_that_can_not_be_pulled(tmp_path):
    with cluster(tmp_path) as (server, plane):
        plane.trouble.no_image.add("arpcheck:1")
        create(server, job("j"))
        pod = pod_of(plane, "j", lambda pod: "ImagePullBackOff" in json.dumps(pod["status"]))
        assert pod["status"]["phase"] == "Pending"
        assert "failed to pull" in events(server, pod["metadata"]["name"])["Failed"]
        status, refused = log(server, pod)
        assert (status, "is waiting to start: trying and failing to pull image" in refused["message"]) == (400, True)
        plane.trouble.no_image.clear()
        plane.store.put(NODES[0])
        pod_of(plane, "j", in_phase("Running"))


def test_a_config_map_that_is_missing_keeps_the_container_from_starting(tmp_path):
    volume = {"name": "plan", "configMap": {"name": "none"}}
    with cluster(tmp_path) as (server, plane):
        create(
            server,
            job("j", template={"volumes": [volume]}, container={"volumeMounts": [{"name": "plan", "mountPath": "/plan"}]}),
        )
        pod = pod_of(plane, "j", lambda pod: "ContainerCreating" in json.dumps(pod["status"]))
        plane.until(lambda _: 'configmap "none" not found' in events(server, pod["metadata"]["name"]).get("FailedMount", ""))


def test_an_evicted_pod(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j"))
        pod = pod_of(plane, "j", in_phase("Running"))
        plane.kubelets.evict("probes", pod["metadata"]["name"])
        ended(plane, "j", "Failed")
        [pod] = pods_of(plane.store, "j")
        assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Evicted")
        assert events(server, pod["metadata"]["name"])["Evicted"] == "The node was low on resource: memory."


def test_a_lost_node_keeps_its_pod_until_it_is_forced(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, job("j"))
        pod = pod_of(plane, "j", in_phase("Running"))
        plane.lose("one")
        [pod] = pods_of(plane.store, "j")
        assert (pod["status"]["phase"], condition(pod, "Ready")) == ("Running", "False")
        assert condition(plane.store.find("nodes", "", "one"), "Ready") == "Unknown"
        status, refused = log(server, pod)
        assert (status, "no route to host" in refused["message"]) == (500, True)
        ask(server, "/api/v1/namespaces/probes", method="DELETE")
        space = plane.until(
            lambda store: (
                (found := store.find("namespaces", "", "probes")) and items(found, "status", "conditions") and found
            )
        )
        assert "pods" in space["status"]["conditions"][0]["message"]
        ask(server, f"{PODS}/{pod['metadata']['name']}", method="DELETE", body={"gracePeriodSeconds": 0})
        plane.until(lambda store: not store.find("namespaces", "", "probes"))


def test_a_pod_that_does_not_tolerate_a_lost_node_is_deleted_and_ends_once_the_node_is_back(tmp_path):
    tolerations = [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}
    ]
    with cluster(tmp_path) as (server, plane):
        create(server, job("j", template={"tolerations": tolerations}))
        pod_of(plane, "j", in_phase("Running"))
        plane.lose("one", power=False)
        pod_of(plane, "j", lambda pod: at(pod, "metadata", "deletionTimestamp"))
        plane.find_again("one")
        plane.until(lambda store: not pods_of(store, "j"))
        ended(plane, "j", "Failed")


def test_a_container_that_is_to_run_always_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr("kubelet.kubelets.CRASHED", 0.01)
    with cluster(tmp_path) as (server, plane):
        container = {"name": "c", "image": "a", "args": [FAILS]}
        create(
            server,
            obj("v1", "Pod", "p", spec={"nodeName": "one", "containers": [container], "restartPolicy": "Always"}),
            PODS,
        )
        plane.until(
            lambda store: (
                store.find("pods", "probes", "p")["status"].get("containerStatuses", [{"restartCount": 0}])[0][
                    "restartCount"
                ]
                >= 2
            )
        )


def test_what_does_not_end_when_it_is_told_is_killed_after_its_grace(tmp_path):
    seen = []

    def deaf(played):
        yield "runs"
        while signal.SIGKILL not in played.signals:
            time.sleep(0.005)
        seen.extend(played.signals)
        return 0

    with cluster(tmp_path, deaf) as (server, plane):
        create(server, job("j", template={"terminationGracePeriodSeconds": 1}))
        pod = pod_of(plane, "j", in_phase("Running"))
        ask(server, f"{PODS}/{pod['metadata']['name']}", method="DELETE")
        plane.until(lambda store: not pods_of(store, "j"))
        assert seen[:2] == [signal.SIGTERM, signal.SIGKILL]  # and again, while it is there


def test_a_log_by_its_queries_and_with_what_spoils_it(tmp_path):
    def lines(played):
        yield from ("first", "x" * 20, "last")
        return 0

    with cluster(tmp_path, lines) as (server, plane):
        create(server, job("j"))
        ended(plane, "j", "Complete")
        [pod] = pods_of(plane.store, "j")
        assert log(server, pod, tailLines="1") == (200, "last\n")
        assert log(server, pod, limitBytes="8") == (200, "first\nxx")
        assert log(server, pod, limitBytes="0")[0] == 422
        stamped = log(server, pod, timestamps="true")[1].splitlines()[0]
        assert (stamped[4], stamped.endswith("Z first")) == ("-", True)
        plane.trouble.logs["one"] = lambda text: text[3:] + "foreign\n"
        assert log(server, pod)[1] == f"st\n{'x' * 20}\nlast\nforeign\n"


def test_a_log_that_grew_too_large_has_lost_its_beginning(tmp_path):
    def lines(played):
        yield from (f"line {number}" for number in range(100))
        return 0

    with cluster(tmp_path, lines, most_log=1000) as (server, plane):
        create(server, job("j"))
        ended(plane, "j", "Complete")
        found = log(server, pods_of(plane.store, "j")[0])[1].splitlines()
        assert found[-1] == "line 99"
        assert 0 < len(found) < 100


# --------------------------------------------------------------------------------------------------------------- Deployments

DEPLOYMENTS = "/apis/apps/v1/namespaces/probes/deployments"


def deployment(name="d", what=LASTS, **container):
    main = {
        "name": "arpcheck",
        "image": "arpcheck:1",
        "args": [what],
        "ports": [{"name": "metrics", "containerPort": 9798}],
        **container,
    }
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"hostNetwork": True, "nodeName": "one", "containers": [main]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return obj("apps/v1", "Deployment", name, "probes", spec=spec)


def pods_named(store, start):
    return [stored.obj for (_, name), stored in store.view("pods").items() if name.startswith(start)]


def is_available(store, ready=1):
    found = store.find("deployments.apps", "probes", "d")
    return found and at(found, "status", "readyReplicas") == ready and found


def test_a_deployment_keeps_one_pod_and_replaces_what_is_deleted(tmp_path):
    with cluster(tmp_path) as (server, plane):
        create(server, deployment(), DEPLOYMENTS)
        plane.until(is_available)
        [first] = pods_named(plane.store, "d-")
        ask(server, f"{PODS}/{first['metadata']['name']}", method="DELETE")

        def replaced(store):
            return is_available(store) and [pod["metadata"]["uid"] for pod in pods_named(store, "d-")] not in (
                [],
                [first["metadata"]["uid"]],
            )

        plane.until(lambda store: replaced(store) and len(pods_named(store, "d-")) == 1)


def test_another_template_is_another_pod_once_the_first_has_ended(tmp_path):
    hosts = []

    def lasting(played):
        hosts.append(len([one for one in alive if not one.over.is_set()]))
        alive.append(played)
        yield "runs"
        played.over.wait()
        return 0

    alive = []
    with cluster(tmp_path, lasting) as (server, plane):
        create(server, deployment(), DEPLOYMENTS)
        plane.until(is_available)
        patch = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
        ask(server, f"{DEPLOYMENTS}/d", method="PATCH", body=patch, kind="application/merge-patch+json")
        plane.until(lambda store: len(alive) == 2 and is_available(store))
        assert hosts == [0, 0], "two would want one port"
        ask(server, f"{DEPLOYMENTS}/d", method="DELETE")
        plane.until(lambda store: not pods_named(store, "d-") and not store.view("replicasets.apps"))


def test_a_pod_is_ready_when_its_probe_says_so_and_is_ended_when_it_is_not_alive(tmp_path, monkeypatch):
    monkeypatch.setattr("kubelet.kubelets.CRASHED", 0.01)
    answers = {"/ready": False, "/alive": True}
    probes = {
        kind: {"httpGet": {"path": path, "port": "metrics"}, "periodSeconds": 0.02, "failureThreshold": 1}
        for kind, path in (("readinessProbe", "/ready"), ("livenessProbe", "/alive"))
    }
    with cluster(tmp_path, ask=lambda _node, _address, port, path, _limit: port == 9798 and answers[path]) as (
        server,
        plane,
    ):
        create(server, deployment(**probes), DEPLOYMENTS)
        pod = plane.until(lambda store: next(filter(in_phase("Running"), pods_named(store, "d-")), None))
        assert condition(pod, "Ready") == "False"
        answers["/ready"] = True
        plane.until(is_available)
        answers["/alive"] = False
        plane.until(lambda store: pods_named(store, "d-")[0]["status"]["containerStatuses"][0]["restartCount"])
        assert "failed liveness probe" in events(server, "d-")["Unhealthy"]
