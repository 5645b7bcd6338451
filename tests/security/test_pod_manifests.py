"""What `arpcheck pod` prints takes over nothing that is there, shares nothing between two runs, and grants what is used."""

import forked
import pytest
import yaml
from apiserver import ApiServer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands import pod
from arpcheck.commands.pod import Wanted
from arpcheck.vantages import manifests


def printed(*words):
    done = forked.arpcheck("pod", *words)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout)), done.stderr


def keys(documents):
    """What `kubectl apply` and `kubectl delete` go by."""
    return {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents}


SPACES = ["arpcheck", "tools", "default", "kube-system"]


@pytest.mark.parametrize("space", SPACES)
def test_no_namespace_comes_unasked(space):
    documents, said = printed("--node", "worker-1", "--job", "-n", space)
    assert "Namespace" not in {document["kind"] for document in documents}
    assert f"the namespace {space} must exist" in said


@pytest.mark.parametrize("space", ["arpcheck", "tools"])
def test_it_comes_where_that_is_said(space):
    documents, said = printed("--node", "worker-1", "-n", space, "--create-namespace")
    assert [d["metadata"]["name"] for d in documents if d["kind"] == "Namespace"] == [space]
    assert said == ""


@pytest.mark.parametrize("space", ["default", "kube-system", "kube-public", "openshift", "openshift-kube-proxy"])
def test_the_clusters_own_are_never_taken_over(space):
    done = forked.arpcheck("pod", "--node", "worker-1", "-n", space, "--create-namespace")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--create-namespace is not possible for {space}" in done.stderr


TWO = [
    pytest.param(("--node", "a"), ("--node", "b"), id="two nodes"),
    pytest.param(("--node", "a"), ("--node", "a", "-n", "tools"), id="two namespaces"),
    pytest.param(("--node", "a", "-n", "b"), ("--node", "b", "-n", "a"), id="crosswise"),
    pytest.param(("--node", "a-b", "-n", "c"), ("--node", "a", "-n", "b-c"), id="joined alike"),
    pytest.param(
        ("--node", "a", "--openshift", "--with", "metallb"), ("--node", "a-optional", "--openshift"), id="named like a part"
    ),
    pytest.param(("--node", "a-scc", "--openshift"), ("--node", "a", "--openshift"), id="named like another part"),
    pytest.param(("--node", "a"), ("--node", "a", "--job"), id="a pod and a job"),
    pytest.param(("--node", "a"), ("--node", "pod-a", "--job"), id="a job named like a pod"),
    pytest.param(("--node", "pod-a"), ("--node", "pod-a", "--job"), id="a pod and a job of a node named like a pod"),
    pytest.param(("--node", "a.b", "--job"), ("--node", "a-b-2e7336dc", "--job"), id="named like what stands for another"),
    pytest.param(("--rbac",), ("--rbac", "-n", "tools"), id="rights alone"),
    pytest.param(("--rbac",), ("--node", "a"), id="rights alone, and a run"),
]


@pytest.mark.parametrize(("one", "other"), TWO)
def test_two_of_them_share_nothing(one, other):
    first, second = (printed(*words)[0] for words in (one, other))
    assert keys(first) & keys(second) == set()


@pytest.mark.parametrize("job", [True, False], ids=["job", "pod"])
def test_all_rights_of_a_run_are_its_own_accounts(job):
    documents, _ = printed(
        "--node", "worker-1", "-n", "tools", "--openshift", "--with", "kube-ovn", *(["--job"] if job else [])
    )
    run = documents[-1]
    spec = run["spec"]["template"]["spec"] if job else run["spec"]
    accounts = {(subject["name"], subject["namespace"]) for d in documents for subject in d.get("subjects", ())}
    assert accounts == {(spec["serviceAccountName"], "tools")}
    assert ("ServiceAccount", "tools", spec["serviceAccountName"]) in keys(documents)
    roles = {(d["roleRef"]["kind"], d["roleRef"]["name"]) for d in documents if "roleRef" in d}
    assert roles - {(d["kind"], d["metadata"]["name"]) for d in documents} == {("ClusterRole", manifests.SCC)}


# --------------------------------------------------------------------------------------------------------------- rights


def granted(*words):
    """Resource, verb, namespace and names of every rule."""
    return {
        (resource, verb, role["metadata"].get("namespace"), tuple(rule.get("resourceNames", ())))
        for role in printed("--rbac", *words)[0]
        for rule in role.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_pods_and_configmaps_are_granted_in_kube_proxys_namespace_alone():
    """And pods in the namespace of what was chosen, if that has one of its own."""
    for words, own in (((), set()), (("--with", "metallb"), {"metallb-system"}), (("--with", "cilium"), set())):
        found = granted(*words)
        assert {space for resource, _, space, _ in found if resource == "pods"} == {"kube-system", *own}
        assert [(verb, space, names) for resource, verb, space, names in found if resource == "configmaps"] == [
            ("get", "kube-system", ("cilium-config", "kube-proxy", "kube-proxy-config"))
        ]
    assert ("pods", "list", None, ()) in granted("--with", "kube-ovn")
    assert ("daemonsets", "list", None, ()) not in granted()


def test_a_configmap_of_another_name_is_granted_by_that_name():
    assert (
        "configmaps",
        "get",
        "kube-system",
        ("cilium-config", "kube-proxy", "kube-proxy-config", "kube-proxy-config-4f1c"),
    ) in granted("--config-map", "kube-proxy-config-4f1c")


def test_an_implementation_that_is_none_is_one_line():
    done = forked.arpcheck("pod", "--rbac", "--with", "metalb")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--with 'metalb' is not known. Did you mean metallb?" in done.stderr


def daemon_set(name, *maps):
    volumes = [{"name": f"v{number}", "configMap": {"name": title}} for number, title in enumerate(maps)]
    return {
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"volumes": volumes}}},
    }  # fmt: skip


def config_map(name):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "kube-system"},
        "data": {"config.conf": "mode: ipvs"},
    }


def asked_for(tmp_path, *objects, needs=()):
    """The ConfigMaps that a reader with the printed rights asks for, those it gets, and the gaps of them."""
    rules = [
        rule | ({"namespace": role["metadata"]["namespace"]} if role["kind"] == "Role" else {})
        for role in pod.rights(needs or pipeline.rights(), "arpcheck")
        for rule in role.get("rules", ())
    ]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {}}
    with ApiServer([service, *objects], rules=rules) as api:
        found = read(ClusterSource(kubeconfig=api.kubeconfig(tmp_path / "config")), pipeline.NEEDS)
        paths = [request.path for request in api.requests if "/configmaps" in request.path]
    return (
        [path.rpartition("/")[2] for path in paths],
        [obj["metadata"]["name"] for obj in found.of("configmaps")],
        tuple(gap for gap in found.gaps if gap.what == "configmaps"),
    )


def test_configmaps_are_asked_for_by_name_where_kube_proxy_mounts_them(tmp_path):
    asked, got, gaps = asked_for(
        tmp_path, daemon_set("kube-proxy", "kube-proxy", "kube-root-ca.crt"), config_map("kube-proxy"), config_map("another")
    )
    assert (asked, got, gaps) == (["cilium-config", "kube-proxy"], ["kube-proxy"], ())


def test_one_that_may_not_be_read_is_a_gap_and_takes_no_other_with_it(tmp_path):
    maps = ("kube-proxy", "kube-proxy-config-4f1c")
    asked, got, [gap] = asked_for(tmp_path, daemon_set("kube-proxy", *maps), *map(config_map, maps))
    assert (asked, got, (gap.what, gap.why)) == (["cilium-config", *maps], ["kube-proxy"], ("configmaps", "forbidden"))
    _, got, gaps = asked_for(
        tmp_path, daemon_set("kube-proxy", *maps), *map(config_map, maps), needs=pipeline.rights((), maps[1:])
    )
    assert (got, gaps) == (list(maps), ())


@pytest.mark.parametrize("name", ["..", "../../nodes", ".", "a/b", "x" * 300, "%2e%2e", "kube-proxy?watch=1", ""])
def test_what_mounts_it_does_not_choose_the_path(tmp_path, name):
    asked, got, gaps = asked_for(tmp_path, daemon_set("kube-proxy", name, "kube-proxy"), config_map("kube-proxy"))
    assert (asked, got, gaps) == (["cilium-config", "kube-proxy"], ["kube-proxy"], ())


def test_pods_are_listed_everywhere_only_where_kube_ovn_is(tmp_path):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {}}
    for serves, listed in (((), False), (("kubeovn.io/v1/Subnet",), True)):
        with ApiServer([service], serves=serves) as api:
            read(ClusterSource(kubeconfig=api.kubeconfig(tmp_path / "config")), pipeline.NEEDS)
            assert ("/api/v1/pods" in {request.path for request in api.requests}) == listed


def test_a_wanted_run_has_no_namespace_by_default():
    assert Wanted(node="a", image="b").create_namespace is False
