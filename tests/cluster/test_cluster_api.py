"""Reading a server with the real client: what is asked, in which version, in which pages, and what a refusal comes to."""

from threading import Barrier

import pytest
from apiserver import ApiServer, Fault
from cluster_world import (
    CLUSTER,
    CONFIG_MAPS,
    DAEMON_SETS,
    EVENTS,
    MANY,
    NEEDS,
    NODES,
    PODS,
    SERVICES,
    STATUSES,
    TOKEN,
    cluster,
    gaps,
    l2_status,
    names,
    service,
)  # fmt: skip

from arpcheck.errors import ClusterError
from arpcheck.model import Gap, Need


def test_the_whole_cluster(tmp_path):
    with cluster(tmp_path, serves=["metallb.io/v1beta2/BGPPeer"]) as (server, ask):
        found = ask()
        targets = sorted(request.target for request in server.requests)
    assert {resource: names(found, resource) for resource in found.resources} == {
        "services": ["kubernetes", "api", "web"],
        "nodes": ["worker-1", "worker-2"],
        "configmaps": ["kube-proxy"],
        "daemonsets.apps": ["kube-proxy"],
        "pods": ["kube-proxy-x7h2p"],
        "servicel2statuses.metallb.io": ["l2-7kzqd"],
        "events": ["web.1"],
    }
    assert (found.gaps, found.context, found.version) == ((), "lab", "v1.33.4")
    assert found.read_at is not None
    assert found.read_at.tzinfo is not None
    assert targets == [
        "/api/v1/events?limit=500&fieldSelector=involvedObject.kind=Service",
        "/api/v1/namespaces/kube-system/configmaps?limit=500",
        "/api/v1/namespaces/kube-system/pods?limit=500&labelSelector=k8s-app=kube-proxy",
        "/api/v1/nodes?limit=500",
        "/api/v1/services?limit=500",
        "/apis",
        "/apis/apps/v1",
        "/apis/apps/v1/namespaces/kube-system/daemonsets?limit=500",
        "/apis/metallb.io/v1beta1",
        "/apis/metallb.io/v1beta1/servicel2statuses?limit=500",
        "/apis/metallb.io/v1beta2",
        "/version",
    ], "each once, and a resource that the preferred version lacks in the version that has it"


def test_every_object_says_its_kind_though_a_typed_list_does_not(tmp_path):
    with cluster(tmp_path) as (_, ask):
        found = ask()
    kinds = {(o["apiVersion"], o["kind"]) for objects in found.resources.values() for o in objects}
    assert kinds == {
        ("v1", "Service"), ("v1", "Node"), ("v1", "ConfigMap"), ("apps/v1", "DaemonSet"), ("v1", "Pod"), ("v1", "Event"),
        ("metallb.io/v1beta1", "ServiceL2Status"),
    }  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- versions


VERSIONS = [
    pytest.param((), {}, "v1beta1", id="the only one"),
    pytest.param(("metallb.io/v1/ServiceL2Status",), {}, "v1", id="the newest, which the server prefers"),
    pytest.param(
        ("metallb.io/v1/ServiceL2Status",), {"metallb.io": "v1beta1"}, "v1beta1", id="another that the server prefers"
    ),
    pytest.param(("metallb.io/v1beta2/BGPPeer", "metallb.io/v1/IPAddressPool"), {}, "v1beta1", id="the one that has it"),
]


@pytest.mark.parametrize(("serves", "preferred", "version"), VERSIONS)
def test_the_version_comes_from_discovery(tmp_path, serves, preferred, version):
    with cluster(tmp_path, serves=serves, preferred=preferred) as (server, ask):
        assert names(ask([SERVICES, STATUSES]), "servicel2statuses.metallb.io") == ["l2-7kzqd"]
        assert f"/apis/metallb.io/{version}/servicel2statuses" in {request.path for request in server.requests}


def test_a_version_that_has_gone_since_it_was_announced(tmp_path):
    fault = Fault(path="/apis/metallb.io/v1beta2", status=404)
    with cluster(tmp_path, serves=["metallb.io/v1beta2/BGPPeer"], faults=[fault]) as (_, ask):
        found = ask([SERVICES, STATUSES])
    assert (names(found, STATUSES.resource), gaps(found)) == (["l2-7kzqd"], {})


NOT_INSTALLED = [
    pytest.param("servicel2statuses.metallb.io", (), id="no such group"),
    pytest.param("servicel2statuses.metallb.io", ("metallb.io/v1beta1/BGPPeer",), id="no such resource in the group"),
    pytest.param("leases.example.org", (), id="a group of nobody"),
    pytest.param("gadgets", (), id="no such resource in the core group"),
]


@pytest.mark.parametrize(("resource", "serves"), NOT_INSTALLED)
@pytest.mark.parametrize("denied", [(), (("list", "*.*"),)], ids=["may", "may not"])
def test_what_is_not_served_is_no_gap_even_where_rbac_refuses_it(tmp_path, resource, serves, denied):
    objects = [o for o in CLUSTER if o["kind"] != "ServiceL2Status"]
    with cluster(tmp_path, objects, serves=serves, denied=denied) as (_, ask):
        found = ask([SERVICES, Need(resource=resource, costs="c")])
    assert (resource in found.resources, gaps(found)) == (False, {})


def test_served_and_refused_is_a_gap_and_served_and_empty_is_not(tmp_path):
    objects = [o for o in CLUSTER if o["kind"] != "ServiceL2Status"]
    for denied, expected in (((), ((), {})), ((("list", STATUSES.resource),), (None, {STATUSES.resource: "forbidden"}))):
        with cluster(tmp_path, objects, serves=["metallb.io/v1beta1/ServiceL2Status"], denied=denied) as (_, ask):
            found = ask([SERVICES, STATUSES])
            assert (found.resources.get(STATUSES.resource), gaps(found)) == expected


DISCOVERY = [
    pytest.param(Fault(path="/apis", status=403), "forbidden", id="groups refused"),
    pytest.param(Fault(path="/apis", status=503), "server error 503", id="groups fail"),
    pytest.param(Fault(path="/apis", json={}), "unreadable answer", id="groups are an empty mapping"),
    pytest.param(
        Fault(path="/apis", json={"kind": "APIGroupList", "groups": 5}), "unreadable answer", id="groups are a number"
    ),
    pytest.param(Fault(path="/apis", body="<html>"), "unreadable answer", id="groups are HTML"),
    pytest.param(Fault(path="/apis/metallb.io/*", status=503), "server error 503", id="the group's resources fail"),
    pytest.param(Fault(path="/apis/metallb.io/*", json=[1]), "unreadable answer", id="the group's resources are a list"),
]


@pytest.mark.parametrize(("fault", "why"), DISCOVERY)
def test_a_discovery_that_fails_is_a_gap_and_costs_nothing_else(tmp_path, fault, why):
    with cluster(tmp_path, faults=[fault]) as (_, ask):
        found = ask([SERVICES, NODES, STATUSES])
    assert (gaps(found), names(found, "nodes")) == ({STATUSES.resource: why}, ["worker-1", "worker-2"])


HOSTILE_GROUPS = {
    "kind": "APIGroupList",
    "groups": [
        None, 3, {"name": 5}, {"name": "metallb.io", "preferredVersion": {"version": "../../api/v1"}, "versions": [{"version": 7}, "x"]},
    ],
}  # fmt: skip


def test_a_version_that_is_none_is_not_asked(tmp_path):
    with cluster(tmp_path, faults=[Fault(path="/apis", json=HOSTILE_GROUPS)]) as (server, ask):
        assert gaps(ask([SERVICES, STATUSES])) == {}
        assert not any("metallb.io" in request.path for request in server.requests)


# -------------------------------------------------------------------------------------------------------------- pages


def test_pages(tmp_path):
    with cluster(tmp_path, MANY) as (server, ask):
        found = ask([SERVICES])
        pages = [request for request in server.requests if request.path == "/api/v1/services"]
    assert len(set(names(found, "services"))) == len(found.of("services")) == 1201
    assert [request.query["limit"] for request in pages] == ["500"] * 3
    assert found.gaps == ()


EXPIRED = [
    pytest.param(1, {}, 1201, id="once: begun again"),
    pytest.param(3, {}, 1201, id="three times: begun again"),
    pytest.param(None, {"services": "the list expired while it was read"}, 0, id="always: a gap"),
]


@pytest.mark.parametrize(("times", "missing", "count"), EXPIRED)
def test_a_list_that_expires_between_two_pages_is_begun_again(tmp_path, times, missing, count):
    fault = Fault(path="*continue=*", status=410, times=times)
    with cluster(tmp_path, MANY, faults=[fault]) as (server, ask):
        found = ask([SERVICES], services_required=False)
        assert len([request for request in server.requests if request.path == "/api/v1/services"]) <= 9
    assert (gaps(found), len(found.of("services"))) == (missing, count)


class Compacted(ApiServer):
    """Loses a Service, and with it every older moment, before it answers the second page."""

    def answer(self, request):
        if "continue" in request.query and self.store.find("services", "n0", "s0000"):
            self.store.delete("services", "n0", "s0000")
            self.api.lists.expire()
        return super().answer(request)


def test_objects_of_a_list_that_was_begun_again_are_those_of_one_moment(tmp_path):
    with cluster(tmp_path, MANY, Compacted) as (_, ask):
        found = ask([SERVICES])
    assert "s0000" not in names(found, "services")
    assert len(found.of("services")) == 1200


def page(**rest):
    return {"kind": "ServiceList", "apiVersion": "v1", "metadata": {}, "items": [MANY[0]], **rest}


STRANGE_PAGES = [
    pytest.param(
        page(metadata={"continue": "again"}),
        "the list never ends: the server repeats its pages",
        id="the same token again and again",
    ),
    pytest.param(page(items=7), "unreadable answer", id="items a number"),
    pytest.param(page(items={"a": 1}), "unreadable answer", id="items a mapping"),
    pytest.param(page(kind="Status"), "unreadable answer", id="no list"),
    pytest.param(page(kind=3), "unreadable answer", id="kind a number"),
    pytest.param([], "unreadable answer", id="a list"),
    pytest.param("text", "unreadable answer", id="text"),
    pytest.param(None, "unreadable answer", id="null"),
]


@pytest.mark.parametrize(("answer", "why"), STRANGE_PAGES)
def test_pages_that_are_none(tmp_path, answer, why):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/services", json=answer)]) as (_, ask):
        assert gaps(ask([SERVICES, NODES], services_required=False)) == {"services": why}
        with pytest.raises(ClusterError, match=why):
            ask([SERVICES, NODES])


SOUND_PAGES = [
    pytest.param(page(items=None), [], {}, id="items null, as Go writes an empty slice"),
    pytest.param(page(metadata=5), ["kubernetes"], {}, id="metadata a number"),
    pytest.param(page(metadata={"continue": 5}), ["kubernetes"], {}, id="the token a number"),
    pytest.param(page(items=[MANY[0], 3, None, {"metadata": 1}, {"metadata": {"name": 4}}]), ["kubernetes"],
                 {"services": "4 entries have no name, or a name or text longer than the API allows"}, id="entries that are no objects"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "found", "missing"), SOUND_PAGES)
def test_pages_that_are_odd(tmp_path, answer, found, missing):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/services", json=answer)]) as (_, ask):
        objects = ask([SERVICES])
    assert (names(objects, "services"), gaps(objects)) == (found, missing)


# ---------------------------------------------------------------------------------------------------------- selectors


def test_a_field_selector_that_an_older_server_refuses_is_applied_here(tmp_path):
    need = Need(resource="services", costs="c", field_selector="spec.type=LoadBalancer")
    with cluster(tmp_path, faults=[Fault(path="*fieldSelector=*", status=400)]) as (server, ask):
        assert names(ask([need]), "services") == ["api", "web"]
        assert [r.target for r in server.requests if "services" in r.path] == [
            "/api/v1/services?limit=500&fieldSelector=spec.type=LoadBalancer", "/api/v1/services?limit=500",
        ]  # fmt: skip


def test_a_field_selector_that_no_server_knows(tmp_path):
    need = Need(resource="services", costs="c", field_selector="spec.clusterIP=10.96.0.9,spec.nonsense!=1")
    with cluster(tmp_path) as (_, ask):
        assert len(ask([need]).of("services")) == 3


def test_any_other_400_is_a_gap(tmp_path):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/events", status=400)]) as (_, ask):
        assert gaps(ask([SERVICES, EVENTS])) == {"events": "refused (400)"}


GET = Need(
    resource="configmaps", namespace="kube-system", verb="get", names=("gone", "kube-proxy"), costs="c", fields=("data *",)
)


def test_single_objects(tmp_path):
    with cluster(tmp_path) as (server, ask):
        found = ask([SERVICES, GET])
        assert [r.path for r in server.requests if "configmaps" in r.path] == [
            "/api/v1/namespaces/kube-system/configmaps/gone", "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
        ]  # fmt: skip
    assert (names(found, "configmaps"), gaps(found)) == (["kube-proxy"], {})
    assert found.of("configmaps")[0]["data"] == {"config.conf": "mode: ipvs\n"}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"denied": [("get", "configmaps")]}, "forbidden", id="refused"),
        pytest.param(
            {"faults": [Fault(path="*/configmaps/*", json={"metadata": {"name": "other"}})]},
            "unreadable answer",
            id="another",
        ),
        pytest.param({"faults": [Fault(path="*/configmaps/*", json=[])]}, "unreadable answer", id="none"),
    ],
)
def test_single_objects_that_can_not_be_read(tmp_path, options, why):
    with cluster(tmp_path, **options) as (_, ask):
        assert gaps(ask([SERVICES, GET])) == {"configmaps": why}


# -------------------------------------------------------------------------------------------------------------- rights


@pytest.mark.parametrize("need", [NODES, CONFIG_MAPS, DAEMON_SETS, PODS, STATUSES, EVENTS], ids=lambda need: need.resource)
def test_what_is_refused_is_a_gap_with_its_costs(tmp_path, need):
    with cluster(tmp_path, denied=[("list", need.resource)]) as (_, ask):
        found = ask()
    assert Gap(what=need.resource, why="forbidden", costs=need.costs) in found.gaps
    assert need.resource not in found.resources
    assert len(found.resources) == len(NEEDS) - 1


def test_one_gap_has_the_costs_of_all_needs(tmp_path):
    needs = [SERVICES, NODES, Need(resource="nodes", costs="no kubelet version"), Need(resource="nodes", costs=NODES.costs)]
    with cluster(tmp_path, denied=[("list", "nodes")]) as (_, ask):
        assert ask(needs).gaps == (Gap(what="nodes", why="forbidden", costs=f"{NODES.costs}; no kubelet version"),)


def test_namespaces_that_are_refused_leave_those_that_are_not(tmp_path):
    needs = [SERVICES, Need(resource="pods", namespace="kube-system", costs="a"), Need(resource="pods", namespace="x", costs="b"),
             Need(resource="pods", costs="c")]  # fmt: skip
    with cluster(tmp_path, denied=[("list", "pods", "x"), ("list", "pods", "")]) as (_, ask):
        found = ask(needs)
    assert names(found, "pods") == ["kube-proxy-x7h2p"]
    assert found.gaps == (Gap(what="pods", why="forbidden", costs="b; c"),)


def test_what_is_refused_in_a_products_namespace_is_a_gap_of_its_own(tmp_path):
    """All else of the resource is known without it."""
    needs = [SERVICES, Need(resource="pods", namespace="kube-system", costs="a"),
             Need(resource="pods", namespace="x", costs="b", apart=True)]  # fmt: skip
    with cluster(tmp_path, denied=[("list", "pods", "x")]) as (_, ask):
        found = ask(needs)
    assert found.gaps == (Gap(what="pods in x", why="forbidden", costs="b"),)
    assert found.gap("pods") is None


SERVICES_EVERYWHERE = ("list", "services", "")


def test_services_refused(tmp_path):
    with cluster(tmp_path, denied=[("list", "services")], user="bob") as (server, ask):
        for namespaces in ((), ("shop",)):
            with pytest.raises(ClusterError) as fault:
                ask(namespaces=namespaces)
            assert str(fault.value) == (
                f"{server.url} (context 'lab') does not allow this account to list Services. "
                "Bind arpcheck's ClusterRole to the account, or use -n with a namespace in which it may list Services"
            )
        assert gaps(ask(services_required=False))["services"] == "forbidden"


def test_one_namespace_is_enough_where_it_was_asked_for(tmp_path):
    with cluster(tmp_path, denied=[SERVICES_EVERYWHERE, ("list", "events", "")]) as (_, ask):
        found = ask([SERVICES, NODES, EVENTS], namespaces=("shop",))
        assert names(found, "services") == ["api", "web"]
        assert names(found, "events") == ["web.1"]
        assert gaps(found) == dict.fromkeys(("services", "events"), "forbidden outside namespace shop")
        with pytest.raises(ClusterError, match="does not allow this account to list Services"):
            ask()


def test_all_namespaces_are_read_where_they_may_be(tmp_path):
    with cluster(tmp_path) as (_, ask):
        assert names(ask([SERVICES], namespaces=("shop",)), "services") == ["kubernetes", "api", "web"]


RULES = [
    {"apiGroups": [""], "resources": ["services", "nodes", "events"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["list"], "namespace": "kube-system"},
    {"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["list"], "namespace": "kube-system"},
    {"apiGroups": ["metallb.io"], "resources": ["servicel2statuses"], "verbs": ["list"]},
]


def test_nothing_but_the_rights_of_the_needs_is_used(tmp_path):
    with cluster(tmp_path, rules=RULES) as (_, ask):
        assert ask().gaps == ()


def test_impersonation(tmp_path):
    with cluster(tmp_path) as (server, ask):
        ask([SERVICES], as_user="bob")
        assert {request.headers.get("impersonate-user") for request in server.requests} == {"bob"}
    with (
        cluster(tmp_path, denied=[("impersonate", "users")]) as (_, ask),
        pytest.raises(ClusterError, match="does not allow this account"),
    ):
        ask([SERVICES], as_user="bob")


def test_a_version_that_can_not_be_read_is_no_gap(tmp_path):
    for fault in (
        Fault(path="/version", status=403),
        Fault(path="/version", json=[]),
        Fault(path="/version", json={"gitVersion": 4}),
    ):
        with cluster(tmp_path, faults=[fault]) as (_, ask):
            found = ask()
            assert (found.version, found.gaps) == (None, ())


def test_every_request_has_the_token_and_says_who_asks(tmp_path):
    with cluster(tmp_path) as (server, ask):
        ask()
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}
        assert all(request.headers["user-agent"].startswith("arpcheck/") for request in server.requests)


def test_no_needs_no_resources(tmp_path):
    with cluster(tmp_path) as (_, ask):
        assert dict(ask([]).resources) == {}


def test_objects_that_change_between_pages_do_not_appear_twice(tmp_path):
    """A server that hands one object out twice, as an inconsistent continuation does."""
    twice = page(items=[MANY[0], l2_status("x", "y"), MANY[0]])
    with cluster(tmp_path, faults=[Fault(path="/api/v1/services", json=twice)]) as (_, ask):
        assert names(ask([SERVICES]), "services") == ["kubernetes", "x"]


class Meeting(ApiServer):
    """Answers two lists when both have been asked for, and neither before."""

    lists = ("/api/v1/services", "/api/v1/nodes")

    def start(self):
        self.both = Barrier(len(self.lists))
        return super().start()

    def answer(self, request):
        if request.path in self.lists:
            self.both.wait(timeout=20)
        return super().answer(request)


def test_independent_lists_are_read_side_by_side(tmp_path):
    with cluster(tmp_path, kind=Meeting) as (_, ask):
        found = ask()
    assert found.gaps == ()
    assert names(found, "nodes") == ["worker-1", "worker-2"]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(tmp_path):
    """Real objects can be a MiB each; 500 of them are more than is taken at once."""
    large = [service(f"s{i:02}", ip="192.0.2.50", annotations={"note": "x" * (1 << 20)}) for i in range(60)]
    with cluster(tmp_path, large) as (server, ask):
        found = ask([SERVICES], timeout=60)
        limits = [request.query["limit"] for request in server.requests if request.path == "/api/v1/services"]
    assert (len(found.of("services")), found.gaps) == (60, ())
    assert limits == ["500", "50", "5", *["5"] * 11]


def test_all_that_is_kept_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("arpcheck.cluster.limits.KEPT", 100_000)
    with (
        cluster(tmp_path, MANY) as (_, ask),
        pytest.raises(ClusterError, match=r"the objects take more than 0 MiB\. Read one namespace with -n"),
    ):
        ask([SERVICES])
