"""What is created and deleted, and what becomes of what belongs to it, without controllers beside the server."""

import pytest

from apiserver import ApiServer
from apiserver.accounts import Account
from apiserver.test_apiserver import OBJECTS, ask, obj

JOBS, PODS, SPACES = "/apis/batch/v1/namespaces/shop/jobs", "/api/v1/namespaces/shop/pods", "/api/v1/namespaces"
NET_RAW = {"name": "c", "image": "a", "securityContext": {"capabilities": {"add": ["NET_RAW"]}}}
POD = obj("v1", "Pod", "p", spec={"containers": [{"name": "c", "image": "a"}]})
ON_HOST = {"hostNetwork": True, "containers": [NET_RAW]}


def job(name="j", **spec):
    template = {"spec": {"restartPolicy": "Never", "containers": [NET_RAW]}}
    return obj("batch/v1", "Job", name, "shop", spec={"template": template, **spec}, metadata={"labels": {"run": "1"}})


@pytest.fixture
def server():
    with ApiServer(OBJECTS, pod_security="baseline") as running:
        yield running


def create(server, path, body, query=None):
    return ask(server, path, query, method="POST", body=body)[:2]


def delete(server, path, query=None, **options):
    return ask(server, path, query, method="DELETE", body=options or None)[:2]


def test_a_job_as_the_server_completes_it(server):
    status, made = create(server, JOBS, job())
    assert status == 201
    assert made["spec"]["backoffLimit"] == 6
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["job-name"] == "j"
    assert made["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}
    assert ask(server, f"{JOBS}/j")[1] == made
    status, again = create(server, JOBS, job())
    assert (status, again["reason"], again["message"]) == (409, "AlreadyExists", 'jobs.batch "j" already exists')


def test_a_name_that_the_server_makes(server):
    made = create(server, PODS, {**POD, "metadata": {"generateName": "p-"}})[1]
    assert made["metadata"]["name"].startswith("p-")
    assert len(made["metadata"]["name"]) == len("p-") + 5


def test_a_dry_run_stores_nothing(server):
    assert create(server, JOBS, job(), {"dryRun": "All"})[0] == 201
    assert ask(server, f"{JOBS}/j")[0] == 404


REFUSED = [
    pytest.param("/api/v1/namespaces/none/pods", POD, 404, 'namespaces "none" not found', id="no namespace"),
    pytest.param(PODS, {**POD, "spec": ON_HOST}, 403,
                 'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), non-default capabilities '
                 '(container "c" must not include "NET_RAW" in securityContext.capabilities.add)', id="pod security"),
    pytest.param(PODS, {**POD, "spec": {**POD["spec"], "serviceAccountName": "no"}}, 403,
                 'pods "p" is forbidden: error looking up service account shop/no: serviceaccount "no" not found', id="no account"),
    pytest.param(PODS, {**POD, "metadata": {"name": "P"}}, 422, 'Pod "P" is invalid: metadata.name: Invalid value', id="name"),
    pytest.param(PODS, {**POD, "metadata": {"name": "p", "labels": {"a": "x" * 64}}}, 422, None, id="label"),
    pytest.param(PODS, job(), 400, None, id="another kind"),
    pytest.param(JOBS, obj("batch/v1", "Job", "j", "shop", spec={"template": {"spec": {"containers": [NET_RAW]}}}), 422, None, id="restart"),
    pytest.param("/api/v1/namespaces/shop/configmaps", obj("v1", "ConfigMap", "c", binaryData={"a": "x" * (1 << 20), "b": "y"}), 422,
                 'ConfigMap "c" is invalid: data: Too long: may not be more than 1048576 bytes', id="too large"),
    pytest.param("/api/v1/namespaces/shop/configmaps", obj("v1", "ConfigMap", "c", data={"a": "x" * (3 << 20)}), 413, None, id="far too large"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "message"), REFUSED)
def test_what_is_refused(server, path, body, status, message):
    found, answer = create(server, path, body)
    assert found == status
    assert message in (None, answer["message"])


def test_pod_security_goes_by_the_label_of_the_namespace(server):
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    assert create(server, SPACES, obj("v1", "Namespace", "free", metadata={"labels": labels}))[0] == 201
    server.store.seed_namespaces()
    assert create(server, "/api/v1/namespaces/free/pods", {**POD, "spec": ON_HOST})[0] == 201


def test_a_namespace_is_deleted_with_all_that_is_in_it(server):
    create(server, SPACES, obj("v1", "Namespace", "mine"))
    create(server, "/api/v1/namespaces/mine/configmaps", obj("v1", "ConfigMap", "c", data={}))
    assert delete(server, f"{SPACES}/mine")[0] == 200
    assert ask(server, f"{SPACES}/mine")[0] == 404
    assert ask(server, "/api/v1/namespaces/mine/configmaps/c")[0] == 404


@pytest.mark.parametrize(
    ("options", "left"), [({}, 1), ({"propagationPolicy": "Background"}, 0), ({"propagationPolicy": "Orphan"}, 1)]
)
def test_a_job_orphans_its_pods_unless_it_is_told(server, options, left):
    """As batch/v1 has it: a client that says nothing leaves the pods behind."""
    made = create(server, JOBS, job())[1]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": made["metadata"]["uid"], "controller": True}
    create(server, PODS, {**POD, "metadata": {"name": "p", "ownerReferences": [owner]}})
    assert delete(server, f"{JOBS}/j", **options)[0] == 200
    assert len(ask(server, PODS)[1]["items"]) == left


def test_a_collection_is_deleted_by_its_labels(server):
    for name, run in (("a", "1"), ("b", "2")):
        create(server, JOBS, {**job(name), "metadata": {"name": name, "labels": {"run": run}}})
    status, answer = delete(server, JOBS, {"labelSelector": "run=1"})
    assert (status, [item["metadata"]["name"] for item in answer["items"]]) == (200, ["a"])
    assert [item["metadata"]["name"] for item in ask(server, JOBS)[1]["items"]] == ["b"]


def test_what_is_to_be_another_object_is_not_deleted(server):
    create(server, JOBS, job())
    status, answer = delete(server, f"{JOBS}/j", preconditions={"uid": "other"})
    assert (status, answer["reason"]) == (409, "Conflict")
    assert ask(server, f"{JOBS}/j")[0] == 200


def test_rights_to_create_and_to_delete():
    rule = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
    with ApiServer(OBJECTS, rules=[rule]) as server:
        assert create(server, JOBS, job())[0] == 201
        assert [delete(server, path)[0] for path in (JOBS, f"{JOBS}/j")] == [403, 403]
        assert "cannot deletecollection resource" in delete(server, JOBS)[1]["message"]


ROLE = {"rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]}


def bound(kind, space):
    api, to = "rbac.authorization.k8s.io/v1", [{"kind": "ServiceAccount", "name": "a", "namespace": "shop"}]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"}
    return obj(api, kind, "r", space, **ROLE), obj(api, f"{kind}Binding", "b", space, roleRef=ref, subjects=to)


@pytest.mark.parametrize(("kind", "space", "allowed"), [("ClusterRole", None, (200, 200)), ("Role", "shop", (403, 200))])
def test_the_rights_of_a_token_are_those_of_its_account(kind, space, allowed):
    with ApiServer([*OBJECTS, obj("v1", "ServiceAccount", "a", "shop"), *bound(kind, space)]) as server:
        server.api.accounts["t"] = Account(namespace="shop", name="a")
        told = {"Authorization": "Bearer t"}
        assert ask(server, "/api/v1/services", **told)[0] == allowed[0]
        assert ask(server, "/api/v1/namespaces/shop/services", **told)[0] == allowed[1]
        status, answer, _ = ask(server, "/api/v1/nodes", **told)
        assert (status, 'User "system:serviceaccount:shop:a" cannot list' in answer["message"]) == (403, True)
        delete(server, "/api/v1/namespaces/shop/serviceaccounts/a")
        assert ask(server, "/api/v1/services", **told)[0] == 401
