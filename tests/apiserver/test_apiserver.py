"""The API server stand-in, over real HTTP: it answers, and it refuses, what kube-apiserver does."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from apiserver import ApiServer, Fault, Resource
from apiserver.managed import recorded

OLD = "2026-01-01T00:00:00Z"
TESTS = Path(__file__).parents[1]


def obj(api_version, kind, name, namespace=None, **rest):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **rest.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def service(name, namespace, **labels):
    return obj(
        "v1", "Service", name, namespace, metadata={"labels": labels}, spec={"type": "ClusterIP", "clusterIP": "10.96.0.1"}
    )


CONFIG = obj(
    "v1", "ConfigMap", "kube-proxy", "kube-system", data={"config.conf": "mode: ipvs\n", "kubeconfig.conf": "x"},
    metadata={"managedFields": [{"manager": "kubeadm", "operation": "Update", "apiVersion": "v1", "time": OLD, "fieldsType": "FieldsV1",
                                 "fieldsV1": {"f:data": {"f:config.conf": {}, "f:kubeconfig.conf": {}}}}]},
)  # fmt: skip
DAEMON_SET = obj(
    "apps/v1", "DaemonSet", "kube-proxy", "kube-system", metadata={"generation": 1}, status={"observedGeneration": 1},
    spec={"template": {"metadata": {}, "spec": {"containers": [{"name": "kube-proxy", "image": "a"}, {"name": "other"}]}}},
)  # fmt: skip
POD = obj("v1", "Pod", "kube-proxy-x", "kube-system", metadata={"annotations": {"lab.arpcheck/log": "one\ntwo\nthree\n"}})
OBJECTS = (
    service("kubernetes", None), service("web", "shop", app="web"), service("api", "shop", app="api", tier="back"),
    obj("v1", "Node", "worker-1"), CONFIG, DAEMON_SET, POD,
    obj("v1", "Event", "web.1", "shop", reason="nodeAssigned", involvedObject={"kind": "Service"}),
    obj("metallb.io/v1beta1", "ServiceL2Status", "l2-a", "metallb-system", spec={}, status={"node": "worker-1"}),
)  # fmt: skip
MAP = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
OPERATIONS = "application/json-patch+json"


def ask(server, path, query=None, *, method="GET", body=None, kind="application/json", **headers):
    """Status, body (JSON where it is), and content type."""
    host = server.url.removeprefix("http://")
    target = f"{quote(path)}?{urlencode(query)}" if query else quote(path)
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    content = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request(method, target, content, {"Content-Type": kind, "User-Agent": "test/1", **headers})
        with connection.getresponse() as response:
            content, kind = response.read(), response.headers["Content-Type"]
    return response.status, json.loads(content) if kind.startswith("application/json") else content.decode(), kind


@pytest.fixture(scope="module")
def server():
    with ApiServer(OBJECTS, serves=["metallb.io/v1beta2/BGPPeer"]) as running:
        yield running


@pytest.fixture
def fresh():
    with ApiServer(OBJECTS) as running:
        yield running


def names(answer):
    return [entry["metadata"]["name"] for entry in answer["items"]]


# ---------------------------------------------------------------------------------------------------------- discovery


def test_version_and_health(server):
    assert ask(server, "/version")[1]["gitVersion"] == "v1.33.4"
    assert ask(server, "/readyz")[:2] == (200, "ok")


def test_groups_with_the_version_that_is_preferred(server):
    groups = {group["name"]: group for group in ask(server, "/apis")[1]["groups"]}
    assert groups["metallb.io"] == {
        "name": "metallb.io",
        "versions": [{"groupVersion": "metallb.io/v1beta2", "version": "v1beta2"}, {"groupVersion": "metallb.io/v1beta1", "version": "v1beta1"}],
        "preferredVersion": {"groupVersion": "metallb.io/v1beta2", "version": "v1beta2"},
    }  # fmt: skip
    assert {"apps", "coordination.k8s.io"} <= groups.keys()
    assert ask(server, "/apis/metallb.io")[1]["kind"] == "APIGroup"
    assert ask(server, "/api")[1]["versions"] == ["v1"]


@pytest.mark.parametrize(
    ("path", "resource", "namespaced"),
    [
        ("/api/v1", "nodes", False), ("/api/v1", "services", True), ("/apis/apps/v1", "daemonsets", True),
        ("/apis/metallb.io/v1beta1", "servicel2statuses", True), ("/apis/metallb.io/v1beta2", "bgppeers", True),
    ],
)  # fmt: skip
def test_resources(server, path, resource, namespaced):
    found = {entry["name"]: entry["namespaced"] for entry in ask(server, path)[1]["resources"]}
    assert found[resource] is namespaced


@pytest.mark.parametrize("versions", [["v1", "v1beta1", "v2", "v2alpha3", "v2beta1", "weird"]])
def test_versions_are_in_kubernetes_order(versions):
    with ApiServer((), serves=[f"x.io/{version}/Thing" for version in versions]) as server:
        found = [entry["version"] for entry in ask(server, "/apis/x.io")[1]["versions"]]
    assert found == ["v2", "v1", "v2beta1", "v1beta1", "v2alpha3", "weird"]


@pytest.mark.parametrize(
    "path",
    [
        "/apis/nope.io",
        "/apis/nope.io/v1",
        "/apis/nope.io/v1/things",
        "/apis/metallb.io/v9/things",
        "/nope",
        "/api/v1/things",
    ],
)
def test_an_unknown_group_is_plain_text(server, path):
    assert ask(server, path) == (404, "404 page not found\n", "text/plain; charset=utf-8")


def test_an_unknown_object_is_a_status(server):
    status, body, _ = ask(server, "/api/v1/namespaces/shop/services/gone")
    assert status == 404
    assert body == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": 'services "gone" not found',
        "reason": "NotFound", "code": 404, "details": {"name": "gone", "kind": "services"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("v1/Node/cluster", Resource(group="", version="v1", kind="Node", plural="nodes", namespaced=False)),
        ("a.io/v1/Policy", Resource(group="a.io", version="v1", kind="Policy", plural="policies", namespaced=True)),
    ],
)
def test_resources_as_text(text, resource):
    assert Resource.parse(text) == resource


# -------------------------------------------------------------------------------------------------------------- lists


@pytest.mark.parametrize(
    ("path", "query", "found"),
    [
        pytest.param("/api/v1/services", {}, ["kubernetes", "api", "web"], id="all namespaces"),
        pytest.param("/api/v1/namespaces/shop/services", {}, ["api", "web"], id="one namespace"),
        pytest.param("/api/v1/namespaces/none/services", {}, [], id="an unknown namespace is empty"),
        pytest.param("/apis/coordination.k8s.io/v1/leases", {}, [], id="served and empty"),
        pytest.param("/api/v1/services", {"labelSelector": "app in (web,x)"}, ["web"], id="label selector"),
        pytest.param("/api/v1/services", {"labelSelector": "app,!tier"}, ["web"], id="label selector, sets"),
        pytest.param(
            "/api/v1/services",
            {"fieldSelector": "metadata.name!=web,spec.type=ClusterIP"},
            ["kubernetes", "api"],
            id="fields",
        ),
        pytest.param(
            "/api/v1/events", {"fieldSelector": "involvedObject.kind=Service,reason==nodeAssigned"}, ["web.1"], id="events"
        ),
        pytest.param("/api/v1/services", {"limit": "2"}, ["kubernetes", "api"], id="limit"),
        pytest.param("/api/v1/services", {"limit": "x"}, ["kubernetes", "api", "web"], id="a limit that is none"),
    ],
)
def test_lists(server, path, query, found):
    assert names(ask(server, path, query)[1]) == found


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        pytest.param("/api/v1/services", {"fieldSelector": "spec.ports=80"},
                     'Unable to find "v1, Resource=services" that match label selector "", field selector "spec.ports=80": '
                     "field label not supported: spec.ports", id="unknown field"),
        pytest.param("/apis/metallb.io/v1beta1/servicel2statuses", {"fieldSelector": "status.node=a"},
                     'Unable to find "metallb.io/v1beta1, Resource=servicel2statuses" that match label selector "", '
                     'field selector "status.node=a": field label not supported: status.node', id="unknown field of a CRD"),
        pytest.param("/api/v1/services", {"labelSelector": "a=b=c"}, "unable to parse requirement: a=b=c", id="no label selector"),
        pytest.param("/api/v1/services", {"continue": "rubbish"}, "continue key is not valid: illegal base64 data", id="no token"),
        pytest.param("/api/v1/services", {"continue": "bnVsbA=="}, "continue key is not valid: illegal base64 data", id="no token either"),
    ],
)  # fmt: skip
def test_refused_lists(server, path, query, message):
    status, body, _ = ask(server, path, query)
    assert (status, body["reason"], body["message"]) == (400, "BadRequest", message)


def test_entries_of_a_typed_list_have_no_kind_and_those_of_a_custom_resource_do(server):
    typed, custom = ask(server, "/api/v1/services")[1], ask(server, "/apis/metallb.io/v1beta1/servicel2statuses")[1]
    assert (typed["kind"], typed["apiVersion"], custom["kind"]) == ("ServiceList", "v1", "ServiceL2StatusList")
    assert "kind" not in typed["items"][0]
    assert custom["items"][0]["kind"] == "ServiceL2Status"


def test_pages_are_a_snapshot(fresh):
    first = ask(fresh, "/api/v1/services", {"limit": 2})[1]
    assert first["metadata"]["remainingItemCount"] == 1
    fresh.store.put(service("aaa", "shop"))
    fresh.store.put(service("zzz", "shop"))
    fresh.store.delete("services", "shop", "web")
    second = ask(fresh, "/api/v1/services", {"limit": 2, "continue": first["metadata"]["continue"]})[1]
    assert names(second) == ["web"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}
    assert names(ask(fresh, "/api/v1/services")[1]) == ["kubernetes", "aaa", "api", "zzz"]


def test_a_token_expires_and_the_one_that_comes_with_it_goes_on_inconsistently(fresh):
    token = ask(fresh, "/api/v1/services", {"limit": 2})[1]["metadata"]["continue"]
    fresh.api.lists.expire()
    fresh.store.put(service("zzz", "shop"))
    status, body, _ = ask(fresh, "/api/v1/services", {"continue": token})
    assert (status, body["reason"]) == (410, "Expired")
    assert names(ask(fresh, "/api/v1/services", {"continue": body["metadata"]["continue"]})[1]) == ["web", "zzz"]


def test_big_answers_are_compressed_for_who_accepts_it():
    with ApiServer([service(f"s{i}", "shop", text="x" * 60) for i in range(1500)]) as server:
        plain = ask(server, "/api/v1/services")[1]
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        connection.request("GET", "/api/v1/services", headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.headers["Content-Encoding"] == "gzip"
        assert int(response.headers["Content-Length"]) < len(json.dumps(plain)) / 5
        response.read()
        connection.close()


def test_a_watch_is_refused(server):
    assert ask(server, "/api/v1/services", {"watch": "true"})[0] == 405


# -------------------------------------------------------------------------------------------------------------- rights


DENIED = [
    pytest.param("list", "/api/v1/services", 'services is forbidden: User "lab" cannot list resource "services" in API group "" '
                 "at the cluster scope", id="cluster scope"),
    pytest.param("list", "/api/v1/namespaces/shop/services", 'services is forbidden: User "lab" cannot list resource "services" in API '
                 'group "" in the namespace "shop"', id="namespace"),
    pytest.param("get", "/api/v1/namespaces/shop/services/web", 'services "web" is forbidden: User "lab" cannot get resource "services" '
                 'in API group "" in the namespace "shop"', id="one object"),
    pytest.param("get", "/api/v1/namespaces/kube-system/pods/kube-proxy-x/log", 'pods "kube-proxy-x" is forbidden: User "lab" cannot get '
                 'resource "pods/log" in API group "" in the namespace "kube-system"', id="subresource"),
    pytest.param("list", "/apis/no.io/v1/things", 'things.no.io is forbidden: User "lab" cannot list resource "things" in API group '
                 '"no.io" at the cluster scope', id="a CRD that does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "path", "message"), DENIED)
def test_rbac_refuses_before_it_looks(verb, path, message):
    with ApiServer(OBJECTS, denied=[(verb, "*")]) as server:
        status, body, _ = ask(server, path)
    assert (status, body["reason"], body["message"]) == (403, "Forbidden", message)


@pytest.mark.parametrize(
    ("denial", "everywhere", "shop"),
    [
        pytest.param(("list", "services"), 403, 403, id="everywhere"),
        pytest.param(("list", "services", ""), 403, 200, id="at the cluster scope alone"),
        pytest.param(("list", "services", "shop"), 200, 403, id="in one namespace alone"),
        pytest.param(("get", "services"), 200, 200, id="another verb"),
    ],
)
def test_where_it_is_denied(denial, everywhere, shop):
    with ApiServer(OBJECTS, denied=[denial]) as server:
        assert ask(server, "/api/v1/services")[0] == everywhere
        assert ask(server, "/api/v1/namespaces/shop/services")[0] == shop


RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"], "resourceNames": ["kube-proxy"]}


def test_rules_allow_nothing_else():
    with ApiServer(OBJECTS, rules=[{**RULE, "namespace": "kube-system"}]) as server:
        assert ask(server, MAP)[0] == 200
        assert ask(server, MAP, method="PUT", body={})[0] == 403
        assert ask(server, MAP.replace("kube-proxy", "other"))[0] == 403
        assert ask(server, "/api/v1/namespaces/shop/configmaps/kube-proxy")[0] == 403
        assert ask(server, "/api/v1/services")[0] == 403
        assert ask(server, "/apis")[0] == 200


def test_reviews():
    rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    with ApiServer(OBJECTS, rules=[{**RULE, "namespace": "kube-system"}]) as server:
        for namespace, found in (("kube-system", [RULE]), ("shop", [])):
            status, body, _ = ask(server, rules, method="POST", body={"spec": {"namespace": namespace}})
            assert (status, body["status"]["resourceRules"]) == (201, found)
        for verb, allowed in (("patch", True), ("delete", False)):
            wanted = {"verb": verb, "resource": "configmaps", "namespace": "kube-system", "name": "kube-proxy"}
            assert ask(server, access, method="POST", body={"spec": {"resourceAttributes": wanted}})[1]["status"] == {
                "allowed": allowed
            }
        assert ask(server, rules, method="POST", body=b"\x0aprotobuf")[0] == 400
    with ApiServer(OBJECTS, denied=[("list", "nodes")]) as server:
        found = ask(server, rules, method="POST", body={"spec": {}})[1]["status"]["resourceRules"]
        verbs = {(rule["apiGroups"][0], rule["resources"][0]): rule["verbs"] for rule in found}
        assert "list" not in verbs["", "nodes"]
        assert "list" in verbs["apps", "daemonsets"]


def test_a_token_and_impersonation():
    with ApiServer(OBJECTS, token="Right", denied=[("impersonate", "users")]) as server:
        assert ask(server, "/api/v1/nodes")[0] == 401
        assert ask(server, "/api/v1/nodes", Authorization="Bearer right")[1]["reason"] == "Unauthorized"
        assert ask(server, "/api/v1/nodes", Authorization="Bearer Right")[0] == 200
        status, body, _ = ask(server, "/api/v1/nodes", Authorization="Bearer Right", Impersonate_User="bob")
        assert (status, body["message"]) == (
            403, 'users "bob" is forbidden: User "lab" cannot impersonate resource "users" in API group "" at the cluster scope',
        )  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- writes


PATCHES = [
    pytest.param(MAP, MERGE, {"data": {"config.conf": "new", "kubeconfig.conf": None}}, ("data",), {"config.conf": "new"}, id="merge"),
    pytest.param(MAP, STRATEGIC, {"data": {"config.conf": "new"}}, ("data",), {"config.conf": "new", "kubeconfig.conf": "x"}, id="strategic"),
    pytest.param(MAP, STRATEGIC, {"data": {"$patch": "replace", "a": "b"}}, ("data",), {"a": "b"}, id="strategic, replaced"),
    pytest.param(MAP, OPERATIONS, [{"op": "test", "path": "/data/config.conf", "value": "mode: ipvs\n"},
                                   {"op": "replace", "path": "/data/config.conf", "value": "new"},
                                   {"op": "remove", "path": "/data/kubeconfig.conf"},
                                   {"op": "add", "path": "/data/a~1b", "value": "c"}], ("data",), {"config.conf": "new", "a/b": "c"}, id="operations"),
    pytest.param(SET, STRATEGIC, {"spec": {"template": {"spec": {"containers": [{"name": "kube-proxy", "image": "b"}]}}}},
                 ("spec", "template", "spec", "containers"), [{"name": "kube-proxy", "image": "b"}, {"name": "other"}], id="strategic, by name"),
    pytest.param(SET, STRATEGIC, {"spec": {"template": {"spec": {"containers": [{"name": "other", "$patch": "delete"}, {"name": "new"}]}}}},
                 ("spec", "template", "spec", "containers"), [{"name": "kube-proxy", "image": "a"}, {"name": "new"}], id="strategic, deleted"),
    pytest.param(SET, MERGE, {"spec": {"template": {"spec": {"containers": [{"name": "only"}]}}}},
                 ("spec", "template", "spec", "containers"), [{"name": "only"}], id="merge replaces a list"),
    pytest.param(SET, OPERATIONS, [{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "z"}},
                                   {"op": "remove", "path": "/spec/template/spec/containers/0"}],
                 ("spec", "template", "spec", "containers"), [{"name": "other"}, {"name": "z"}], id="operations on a list"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind", "patch", "place", "expected"), PATCHES)
@pytest.mark.parametrize("dry", [True, False], ids=["dry run", "stored"])
def test_patches(fresh, path, kind, patch, place, expected, dry):
    before = ask(fresh, path)[1]
    status, answer, _ = ask(fresh, path, {"dryRun": "All"} if dry else {}, method="PATCH", body=patch, kind=kind)
    found = answer
    for key in place:
        found = found[key]
    assert (status, found) == (200, expected)
    after = ask(fresh, path)[1]
    assert after == (before if dry else answer)
    assert (after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]) is dry


REFUSED = [
    pytest.param("application/apply-patch+yaml", {}, 415, "unknown format", id="server-side apply"),
    pytest.param("application/json", {}, 415, "unknown format", id="no patch type"),
    pytest.param(MERGE, b"{", 400, "error decoding patch", id="no JSON"),
    pytest.param(MERGE, [1], 400, "error decoding patch", id="a list"),
    pytest.param(OPERATIONS, {}, 400, "error decoding patch", id="operations that are none"),
    pytest.param(
        OPERATIONS,
        [{"op": "test", "path": "/data/config.conf", "value": "x"}],
        422,
        "due to an error in our request",
        id="test fails",
    ),
    pytest.param(
        OPERATIONS, [{"op": "replace", "path": "/data/gone", "value": "x"}], 422, "due to an error", id="nothing to replace"
    ),
    pytest.param(OPERATIONS, [{"op": "remove", "path": "/data/gone"}], 422, "due to an error", id="nothing to remove"),
    pytest.param(OPERATIONS, [{"op": "jump", "path": "/data/config.conf"}], 422, "due to an error", id="no operation"),
    pytest.param(
        MERGE, {"metadata": {"resourceVersion": "1"}, "data": {"a": "b"}}, 409, "the object has been modified", id="stale"
    ),
    pytest.param(
        MERGE, {"metadata": {"uid": "other"}}, 409, "the object has been modified", id="another object of the name"
    ),
    pytest.param(MERGE, {"metadata": {"name": "other"}}, 400, "does not match the name on the URL", id="another name"),
    pytest.param(MERGE, {"metadata": None}, 400, "unrecognized", id="no metadata"),
    pytest.param(MERGE, {"data": {"a": 1}}, 400, "cannot be handled as a ConfigMap", id="a number in a ConfigMap"),
    pytest.param(MERGE, {"data": [1]}, 400, "cannot be handled as a ConfigMap", id="data a list"),
]


@pytest.mark.parametrize(("kind", "patch", "status", "message"), REFUSED)
def test_refused_patches_change_nothing(fresh, kind, patch, status, message):
    before = ask(fresh, MAP)[1]
    found, body, _ = ask(fresh, MAP, method="PATCH", body=patch, kind=kind)
    assert found == status
    assert message in body["message"]
    assert ask(fresh, MAP)[1] == before


def test_strategic_merge_is_not_for_custom_resources(fresh):
    path = "/apis/metallb.io/v1beta1/namespaces/metallb-system/servicel2statuses/l2-a"
    assert ask(fresh, path, method="PATCH", body={}, kind=STRATEGIC)[0] == 415
    assert ask(fresh, path, method="PATCH", body={"spec": {"a": 1}}, kind=MERGE)[1]["spec"] == {"a": 1}


@pytest.mark.parametrize("dry_run", ["Some", ""])
def test_a_dry_run_of_something_else_is_refused(fresh, dry_run):
    assert ask(fresh, MAP, {"dryRun": dry_run}, method="PATCH", body={"data": {"a": "b"}}, kind=MERGE)[0] == 422


def test_put_needs_the_current_version_where_it_names_one(fresh):
    found = ask(fresh, MAP)[1]
    found["data"]["config.conf"] = "one"
    status, stored, _ = ask(fresh, MAP, method="PUT", body=found)
    assert (status, stored["data"]["config.conf"]) == (200, "one")
    found["data"]["config.conf"] = "two"
    status, body, _ = ask(fresh, MAP, method="PUT", body=found)
    assert (status, body["reason"]) == (409, "Conflict")
    assert body["message"] == (
        'Operation cannot be fulfilled on configmaps "kube-proxy": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert body["details"] == {"name": "kube-proxy", "kind": "configmaps"}
    del found["metadata"]["resourceVersion"]
    assert ask(fresh, MAP, method="PUT", body=found)[1]["data"]["config.conf"] == "two"
    assert ask(fresh, MAP.replace("proxy", "gone"), method="PUT", body=found)[0] == 404


def test_an_immutable_config_map():
    with ApiServer([{**CONFIG, "immutable": True}]) as server:
        assert ask(server, MAP, method="PATCH", body={"data": {"a": "b"}}, kind=MERGE)[0] == 422


def test_the_server_keeps_what_is_its_own(fresh):
    before = ask(fresh, SET)[1]
    patch = {"status": {"observedGeneration": 9}, "metadata": {"generation": 7, "creationTimestamp": None}, "spec": {"x": 1}}
    after = ask(fresh, SET, method="PATCH", body=patch, kind=MERGE)[1]
    assert after["status"] == before["status"]
    assert after["metadata"]["generation"] == 2
    assert after["metadata"]["creationTimestamp"] == before["metadata"]["creationTimestamp"]
    again = ask(fresh, SET, method="PATCH", body={"metadata": {"labels": {"a": "b"}}}, kind=MERGE)[1]
    assert again["metadata"]["generation"] == 2, "only the spec counts"


def test_what_changes_nothing_is_not_written(fresh):
    before = ask(fresh, MAP)[1]
    assert ask(fresh, MAP, method="PATCH", body={"data": {"config.conf": "mode: ipvs\n"}}, kind=MERGE)[1] == before


def test_managed_fields_say_who_wrote_what_and_when(fresh):
    query = {"fieldManager": "arpcheck"}
    body = {"data": {"config.conf": "new", "more": "x"}}
    entries = ask(fresh, MAP, query, method="PATCH", body=body, kind=MERGE)[1]["metadata"]["managedFields"]
    assert entries[0]["fieldsV1"] == {"f:data": {"f:kubeconfig.conf": {}}}
    assert (entries[0]["manager"], entries[0]["time"]) == ("kubeadm", OLD)
    assert entries[1]["fieldsV1"] == {"f:data": {"f:config.conf": {}, "f:more": {}}}
    assert (entries[1]["manager"], entries[1]["operation"]) == ("arpcheck", "Update")
    assert entries[1]["time"] > OLD
    ask(fresh, MAP, query, method="PATCH", body={"data": {"more": None}}, kind=MERGE)
    assert ask(fresh, MAP)[1]["metadata"]["managedFields"][1]["fieldsV1"] == {"f:data": {"f:config.conf": {}}}
    ask(fresh, MAP, method="PATCH", body={"data": {"kubeconfig.conf": "y"}}, kind=MERGE)
    managers = [entry["manager"] for entry in ask(fresh, MAP)[1]["metadata"]["managedFields"]]
    assert managers == ["arpcheck", "test"], (
        "the one that owns nothing any more is gone, and the agent's name is the manager's"
    )


def test_managed_fields_of_annotations():
    old = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "annotations": {"a/b": "1"}}}
    new = {**old, "metadata": {"name": "n", "annotations": {"a/b": "1", "c": "2"}}}
    assert recorded(old, new, "m", OLD)[0]["fieldsV1"] == {"f:metadata": {"f:annotations": {"f:c": {}}}}


def test_the_lab_reacts_to_a_write_and_not_to_a_dry_run():
    seen = []

    def roll_out(store, old, new):
        seen.append((old["metadata"]["generation"], new["metadata"]["generation"]))
        store.put({**new, "status": {"observedGeneration": new["metadata"]["generation"]}})
        store.delete("pods", "kube-system", "kube-proxy-x")

    patch = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    with ApiServer(OBJECTS, on_write=roll_out) as server:
        ask(server, SET, {"dryRun": "All"}, method="PATCH", body=patch, kind=STRATEGIC)
        assert seen == []
        ask(server, SET, method="PATCH", body=patch, kind=STRATEGIC)
        assert seen == [(1, 2)]
        assert ask(server, SET)[1]["status"] == {"observedGeneration": 2}
        assert ask(server, "/api/v1/pods")[1]["items"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/api/v1/pods"), ("POST", "/api/v1/services"), ("PATCH", f"{MAP}/status"), ("GET", f"{MAP}/log")],
)
def test_what_it_can_not_do_it_says(server, method, path):
    assert ask(server, path, method=method, body={})[0] == 405


# ---------------------------------------------------------------------------------------------------------------- logs


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "one\ntwo\nthree\n"),
        ({"tailLines": "2"}, "two\nthree\n"),
        ({"tailLines": "99"}, "one\ntwo\nthree\n"),
        ({"tailLines": "0"}, ""),
    ],
)
def test_logs_from_an_annotation(server, query, text):
    assert ask(server, "/api/v1/namespaces/kube-system/pods/kube-proxy-x/log", query)[:2] == (200, text)


def test_logs_that_were_given():
    with ApiServer(OBJECTS, logs={"kube-system/kube-proxy-x": "given\n"}) as server:
        assert ask(server, "/api/v1/namespaces/kube-system/pods/kube-proxy-x/log")[1] == "given\n"
        assert ask(server, "/api/v1/namespaces/kube-system/pods/gone/log")[0] == 404


# -------------------------------------------------------------------------------------------------------------- faults


def test_a_fault_fails_as_many_requests_as_it_says(fresh):
    with ApiServer(OBJECTS, faults=[Fault(path="/api/v1/n*", method="GET", skip=1, times=2, status=500)]) as server:
        assert [ask(server, "/api/v1/nodes")[0] for _ in range(5)] == [200, 500, 500, 200, 200]
        assert ask(server, "/api/v1/services")[0] == 200


def test_the_first_fault_that_is_due_is_taken():
    faults = [Fault(path="*", status=500, times=1), Fault(path="*", status=503, times=2)]
    with ApiServer(OBJECTS, faults=faults) as server:
        assert [ask(server, "/api/v1/nodes")[0] for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        pytest.param({"status": 429, "headers": {"Retry-After": "3"}}, 429, "TooManyRequests", id="status"),
        pytest.param({"body": "<html>"}, 200, "<html>", id="HTML"),
        pytest.param({"status": 502, "body": "<html>"}, 502, "<html>", id="HTML with a status"),
        pytest.param({"json": {"items": 5}}, 200, '{"items": 5}', id="wrong types"),
        pytest.param({"drip": 0.0001}, 200, '"kind": "NodeList"', id="drip"),
        pytest.param({"delay": 0.01}, 200, '"kind": "NodeList"', id="delay"),
    ],
)
def test_faults(fault, status, body):
    with ApiServer(OBJECTS, faults=[Fault(path="/api/v1/nodes", **fault)]) as server:
        found = ask(server, "/api/v1/nodes")
    assert found[0] == status
    assert body in (found[1] if isinstance(found[1], str) else json.dumps(found[1]))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param({"cut": 5}, http.client.IncompleteRead, id="cut off"),
        pytest.param({"close": True}, http.client.RemoteDisconnected, id="closed"),
        pytest.param({"die": True}, (http.client.RemoteDisconnected, ConnectionError), id="dies"),
    ],
)
def test_faults_of_the_connection(fault, error):
    with ApiServer(OBJECTS, faults=[Fault(**fault)]) as server, pytest.raises(error):
        ask(server, "/api/v1/nodes")


def test_it_ends_though_a_client_hangs():
    with ApiServer(OBJECTS, faults=[Fault(hang=True)]) as server:
        host, port = server.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/api/v1/nodes")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()
    connection.close()


# ------------------------------------------------------------------------------------------------------------- program


def test_the_program(tmp_path):
    (tmp_path / "objects.json").write_text(json.dumps({"items": OBJECTS}))
    program = subprocess.Popen(
        [sys.executable, "-m", "apiserver", "--objects", str(tmp_path / "objects.json"), "--deny", "list:pods",
         "--serves", "a.io/v1/Thing", "--fault", '{"path": "/api/v1/events", "status": 500}', "--token", "t",
         "--port-file", str(tmp_path / "port"), "--kubeconfig", str(tmp_path / "kubeconfig")],
        cwd=TESTS, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = program.stdout.readline().strip()
        assert url == f"http://127.0.0.1:{(tmp_path / 'port').read_text()}"
        config = json.loads((tmp_path / "kubeconfig").read_text())
        assert (config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]) == (url, "t")
        assert os.stat(tmp_path / "kubeconfig").st_mode & 0o77 == 0
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        for path, status in (("services", 200), ("pods", 403), ("events", 500)):
            connection.request("GET", f"/api/v1/{path}", headers={"Authorization": "Bearer t"})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
        program.stdout.close()


def test_it_imports_nothing_heavy():
    program = "import apiserver.__main__, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"kubernetes", "urllib3", "yaml", "scapy", "cattrs", "typer", "psutil"} & set(loaded)
