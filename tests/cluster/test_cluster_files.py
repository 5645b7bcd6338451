"""A file in place of an API: every form that kubectl prints, and every file that is none."""

import json
import sys

import pytest
import yaml
from cluster_world import CLUSTER, NEEDS, SERVICES, config_map, gaps, l2_status, mounting, names, node, obj, service

from arpcheck.cluster import ClusterSource, read, snapshot
from arpcheck.cluster.discovery import plural, resource_of
from arpcheck.errors import ClusterError, InputError, UsageError
from arpcheck.model import Need


@pytest.fixture
def file(tmp_path):
    """Reads text as a cluster file."""

    def ask(content, needs=NEEDS, has=(), **options):
        path = tmp_path / "cluster.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(ClusterSource(cluster_file=str(path), file_has=has), needs, **options)

    return ask


def listed(objects):
    return {"apiVersion": "v1", "kind": "List", "items": list(objects), "metadata": {"resourceVersion": ""}}


def typed(kind, *objects):
    bare = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in objects]
    return {"apiVersion": "v1", "kind": f"{kind}List", "items": bare}


FORMS = [
    pytest.param(json.dumps(listed(CLUSTER)), id="a List"),
    pytest.param(json.dumps(listed(CLUSTER), indent=4), id="a List, indented"),
    pytest.param("\n".join(map(json.dumps, CLUSTER)), id="objects in a row"),
    pytest.param(json.dumps(listed(CLUSTER[:4])) + json.dumps(listed(CLUSTER[4:])), id="Lists in a row"),
    pytest.param(json.dumps(listed([listed(CLUSTER[:4]), *CLUSTER[4:]])), id="a List in a List"),
    pytest.param(json.dumps(CLUSTER), id="a JSON array"),
    pytest.param(json.dumps(typed("Service", *CLUSTER[:3])) + json.dumps(listed(CLUSTER[3:])), id="kubectl get --raw"),
    pytest.param(yaml.safe_dump(listed(CLUSTER)), id="a List in YAML"),
    pytest.param(yaml.safe_dump_all(CLUSTER), id="YAML documents"),
    pytest.param(json.dumps(listed(CLUSTER)).encode("utf-16"), id="UTF-16"),
    pytest.param(json.dumps(listed(CLUSTER[::-1])), id="the other way round"),
]


@pytest.mark.parametrize("content", FORMS)
def test_every_form_gives_the_same_objects(file, content):
    found = file(content)
    assert found == file(json.dumps(listed(CLUSTER)))
    assert {resource: names(found, resource) for resource in found.resources} == {
        "services": ["kubernetes", "api", "web"],
        "nodes": ["worker-1", "worker-2"],
        "configmaps": ["kube-proxy"],
        "daemonsets.apps": ["kube-proxy"],
        "pods": ["kube-proxy-x7h2p"],
        "servicel2statuses.metallb.io": ["l2-7kzqd"],
        "events": ["web.1"],
    }
    assert gaps(found) == {}
    assert (found.context, found.version, found.read_at) == ("cluster.json", None, None)


def test_what_is_cut_away(file):
    found = file(json.dumps(listed(CLUSTER)))
    assert found.of("services")[2] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "uid-Service-shop-web",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"metallb.io/pool": "lan"},
        },
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.50"}]}},
    }
    assert "secret" not in repr(found.resources)


def test_standard_input(tmp_path, monkeypatch):
    (tmp_path / "piped").write_text(json.dumps(listed(CLUSTER)))
    with (tmp_path / "piped").open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        found = read(ClusterSource(cluster_file="-"), NEEDS)
    assert names(found, "nodes") == ["worker-1", "worker-2"]
    assert found.context == "standard input"


def test_of_one_name_the_last_one_wins(file):
    found = file(json.dumps(listed([*CLUSTER, service("web", "shop", "192.0.2.99")])))
    assert [o["status"]["loadBalancer"]["ingress"] for o in found.of("services")][2] == [{"ip": "192.0.2.99"}]


WITHOUT = [
    pytest.param("nodes", "Node", {"nodes": "not in the file"}, id="nodes"),
    pytest.param("daemonsets.apps", "DaemonSet", {"daemonsets.apps": "not in the file"}, id="DaemonSets, while pods mount"),
    pytest.param("configmaps", "ConfigMap", {"configmaps": "not in the file"}, id="ConfigMaps"),
    pytest.param("servicel2statuses.metallb.io", "ServiceL2Status", {}, id="a cluster may be without MetalLB"),
    pytest.param("events", "Event", {}, id="a cluster may be without events"),
]


@pytest.mark.parametrize(("resource", "kind", "missing"), WITHOUT)
def test_what_every_cluster_has_is_a_gap_where_it_is_absent(file, resource, kind, missing):
    found = file(json.dumps(listed(o for o in CLUSTER if o["kind"] != kind)))
    assert gaps(found) == missing
    assert resource not in found.resources
    for gap in found.gaps:
        assert gap.costs == next(need.costs for need in NEEDS if need.resource == resource)


@pytest.mark.parametrize(
    ("resource", "space", "objects", "missing"),
    [
        pytest.param("configmaps", "kube-system", [config_map("a", "default")], True, id="made without -A"),
        pytest.param("configmaps", "kube-system", [config_map("a", "default"), config_map("b")], False, id="made with -A"),
        pytest.param("configmaps", "other", [config_map("a", "default")], False, id="another namespace may have none"),
        pytest.param("configmaps", None, [config_map("a", "default")], False, id="any namespace will do"),
        pytest.param(
            "daemonsets.apps", "kube-system", [mounting("a", namespace="x")], False, id="k3s has no DaemonSet there"
        ),
    ],
)
def test_a_file_without_kube_system_has_a_gap(file, resource, space, objects, missing):
    need = Need(resource=resource, namespace=space, costs="c")
    assert (resource in gaps(file(json.dumps(listed(objects)), (need,)))) is missing


def test_nothing_that_could_mount_is_a_gap_of_its_own(file):
    found = file(json.dumps(listed(o for o in CLUSTER if o["kind"] not in ("DaemonSet", "Pod"))))
    assert gaps(found) == {
        "configmaps": "the Pods and DaemonSets that mount them could not be read", "daemonsets.apps": "not in the file", "pods": "not in the file",
    }  # fmt: skip
    assert names(found, "configmaps") == []


@pytest.mark.parametrize(
    ("need", "found"),
    [
        pytest.param({"selector": "app=web"}, ["web"], id="label"),
        pytest.param({"selector": "app in (web,x),!gone"}, ["web"], id="label sets"),
        pytest.param({"selector": "app!=web"}, ["kubernetes", "api"], id="label, not equal"),
        pytest.param({"field_selector": "spec.type=LoadBalancer"}, ["api", "web"], id="field"),
        pytest.param({"field_selector": "metadata.namespace=default"}, ["kubernetes"], id="field of metadata"),
        pytest.param({"names": ("kube*", "w?b")}, ["kubernetes", "web"], id="names"),
        pytest.param({"verb": "get", "names": ("web", "gone")}, ["web"], id="get"),
        pytest.param({"namespace": "default"}, ["kubernetes"], id="namespace"),
    ],
)
def test_selection(file, need, found):
    assert names(file(json.dumps(listed(CLUSTER)), (Need(resource="services", costs="c", **need),)), "services") == found


@pytest.mark.parametrize("need", [{"selector": "a=b=c"}, {"field_selector": "reason"}], ids=["label", "field"])
def test_a_selector_that_is_none(file, need):
    with pytest.raises(UsageError, match=r"invalid (label|field) selector"):
        file(json.dumps(listed(CLUSTER)), (Need(resource="services", costs="c", **need),))


WRONG = [
    pytest.param("", "cluster.json:1: empty", id="empty"),
    pytest.param("<!DOCTYPE html>\n<html>", "cluster.json:1: this is HTML or XML, not JSON or YAML", id="HTML"),
    pytest.param("error: You must be logged in", "cluster.json:1: not a Kubernetes object", id="an error of kubectl"),
    pytest.param("No resources found", "cluster.json:1: not a Kubernetes object", id="no resources found"),
    pytest.param("42", "cluster.json:1: not a Kubernetes object", id="a number"),
    pytest.param('{"a": 1}', "cluster.json:1: not a Kubernetes object", id="a mapping that is none"),
    pytest.param('{"kind": "List", "items": []}', "cluster.json:1: not a Kubernetes object", id="no apiVersion"),
    pytest.param('{"apiVersion": 1, "kind": "List", "items": []}', "cluster.json:1: not a Kubernetes object", id="apiVersion a number"),
    pytest.param('{"apiVersion": "v1", "kind": "List", "items": [1]}', "cluster.json:1: not a Kubernetes object", id="entries of numbers"),
    pytest.param('{"apiVersion": "v1", "kind": "List",\n"items": 5}', "cluster.json:1: items of the List is not a list", id="items a number"),
    pytest.param('{"apiVersion": "v1", "kind": "Service", "metadata": 3}', "cluster.json:1: the Service has no metadata.name", id="no metadata"),
    pytest.param(json.dumps(node("n")) + '\n\n{"apiVersion": "v1"', "cluster.json:3: not JSON, from column 20 on", id="cut off"),
    pytest.param("NAME   READY\nweb    1/1", "cluster.json:1: not a Kubernetes object", id="a table of kubectl"),
    pytest.param("a: b: c", "cluster.json:1: not YAML", id="no YAML"),
    pytest.param("[" * 100_000, "cluster.json:1: nested too deeply", id="deep"),
    pytest.param(
        '{"apiVersion": "arpcheck/v1", "kind": "ProbeReport"}', "cluster.json:1: this is a ProbeReport, not a list of Kubernetes objects", id="a report",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_wrong_file_is_named_with_its_line(file, content, message):
    with pytest.raises(InputError) as fault:
        file(content)
    assert fault.value.message == message
    assert fault.value.hint


@pytest.mark.parametrize(
    ("path", "message"),
    [("gone.json", "No such file or directory"), (".", "Is a directory")],
    ids=["missing", "a folder"],
)
def test_a_file_that_can_not_be_read(tmp_path, path, message):
    with pytest.raises(InputError, match=message):
        read(ClusterSource(cluster_file=str(tmp_path / path)), NEEDS)


def test_a_file_that_is_too_big_is_not_read(tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate((512 << 20) + 1)
    with pytest.raises(InputError, match="big: larger than 512 MiB"):
        read(ClusterSource(cluster_file=str(tmp_path / "big")), NEEDS)


LISTS = Need(resource="accesslists.example.org", costs="c", fields=("items", "spec"))


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(obj("example.org/v1", "AccessList", "a", spec={"b": 1}), id="a kind that ends like a list"),
        pytest.param({**obj("example.org/v1", "Accesslist", "a"), "items": [1]}, id="a field that is called like a list's"),
    ],
)
def test_what_only_looks_like_a_list_is_an_object(file, extra):
    assert names(file(json.dumps(listed([*CLUSTER, extra])), (SERVICES, LISTS)), LISTS.resource) == ["a"]


def test_no_service_at_all(file):
    content = json.dumps(listed([node("n")]))
    with pytest.raises(ClusterError, match=r"cluster\.json: the file contains no Services"):
        file(content, (SERVICES,))
    assert gaps(file(content, (SERVICES,), services_required=False)) == {"services": "not in the file"}


STATUSES = "servicel2statuses.metallb.io"
WITHOUT = [found for found in CLUSTER if found["kind"] not in ("ServiceL2Status", "Event")]


@pytest.mark.parametrize(
    ("has", "not_in_file"),
    [
        pytest.param((), {STATUSES, "events"}, id="nothing is stated"),
        pytest.param((STATUSES,), {"events"}, id="by its whole name"),
        pytest.param(("ServiceL2Statuses",), {"events"}, id="by its plural, in any case"),
        pytest.param(("svc,no,ev",), {STATUSES}, id="as kubectl was given it"),
        pytest.param(("ev", STATUSES), set(), id="given twice"),
        pytest.param(("all",), set(), id="all"),
        pytest.param(("endpoints,things.example.com",), {STATUSES, "events"}, id="what arpcheck reads nothing of"),
    ],
)
def test_what_kubectl_was_asked_for_has_nothing_where_the_file_has_nothing(file, has, not_in_file):
    found = file(json.dumps(listed(WITHOUT)), has=has)
    assert {what for what in (STATUSES, "events") if found.not_in_file(what)} == not_in_file
    assert gaps(found) == {}


def test_what_was_stated_is_kept_in_evidence_and_snapshot(file):
    found = file(json.dumps(listed(WITHOUT)), has=("all",))
    assert found.resources[STATUSES] == ()
    assert not file(snapshot(found)).not_in_file(STATUSES)
    assert file(snapshot(file(json.dumps(listed(WITHOUT))))).not_in_file(STATUSES), (
        "a snapshot states no more than was stated"
    )


def test_what_every_cluster_has_can_not_be_stated_away(file):
    found = file(json.dumps(listed([service("a", "b")])), has=("all",))
    assert gaps(found)["pods"] == "not in the file"
    with pytest.raises(ClusterError, match="the file contains no Services"):
        file(json.dumps(listed([node("n")])), (SERVICES,), has=("all",))


@pytest.mark.parametrize("word", ["servics", "", "svc,,no", "services=all"])
def test_a_stated_kind_that_is_none(file, word):
    with pytest.raises(UsageError, match="unknown kind") as caught:
        file(json.dumps(listed(CLUSTER)), has=(word,))
    assert "\n" not in str(caught.value)


HOSTILE = [None, True, 7, -1.5, "text", [], [None, 1, "x"], {}, {"a": {"b": []}}, [{"metadata": 1}]]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("path", ["metadata labels", "metadata annotations", "metadata namespace", "metadata uid", "spec", "status",
                                  "status loadBalancer", "status loadBalancer ingress", "data", "involvedObject"])  # fmt: skip
def test_wrong_types_in_every_field_are_treated_as_absent(file, path, value):
    def spoilt(given):
        found = json.loads(json.dumps(given))
        *parents, last = path.split()
        place = found
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
        return found

    found = file(
        json.dumps(listed([*CLUSTER, *(spoilt({**o, "metadata": {**o["metadata"], "name": "spoilt"}}) for o in CLUSTER)]))
    )
    assert "web" in names(found, "services")
    assert file(json.dumps(listed([*CLUSTER])))  # the sound ones alone read as ever


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Service", "services"), ("Endpoints", "endpoints"), ("NetworkPolicy", "networkpolicies"), ("Ingress", "ingresses"),
        ("Gateway", "gateways"), ("ServiceL2Status", "servicel2statuses"), ("BGPPeer", "bgppeers"), ("Eip", "eips"),
        ("CiliumL2AnnouncementPolicy", "ciliuml2announcementpolicies"), ("IPAddressPool", "ipaddresspools"), ("Egress", "egresses"),
        ("CiliumLoadBalancerIPPool", "ciliumloadbalancerippools"), ("SriovNetworkNodeState", "sriovnetworknodestates"),
        ("NodeNetworkState", "nodenetworkstates"), ("FelixConfiguration", "felixconfigurations"), ("Switch", "switches"),
        ("NetworkAttachmentDefinition", "network-attachment-definitions"),
    ],
)  # fmt: skip
def test_plurals(kind, expected):
    assert plural(kind) == expected


def test_resources_are_named_as_kubectl_names_them():
    assert resource_of("v1", "Pod") == "pods"
    assert resource_of("coordination.k8s.io/v1", "Lease") == "leases.coordination.k8s.io"


def test_one_kind_of_two_groups_is_two_resources(file):
    other = obj("example.org/v1", "Service", "mesh", "shop")
    found = file(json.dumps(listed([*CLUSTER, other])), (SERVICES, Need(resource="services.example.org", costs="c")))
    assert names(found, "services.example.org") == ["mesh"]
    assert "mesh" not in names(found, "services")


def test_any_version_of_a_group_is_its_resource(file):
    newer = {**l2_status("l2-new", "worker-1"), "apiVersion": "metallb.io/v1"}
    found = file(json.dumps(listed([*CLUSTER, newer])))
    assert names(found, "servicel2statuses.metallb.io") == ["l2-7kzqd", "l2-new"]
