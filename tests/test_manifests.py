"""The manifests of `arpcheck pod`: valid for a server that takes no unknown field, and no right more than is used."""

import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import strictly
import yaml
from apiserver import ApiServer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands import pod as manifests
from arpcheck.commands.pod import Wanted
from arpcheck.errors import UsageError
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Need
from arpcheck.wire import host

NEEDS = (
    Need(resource="services", costs="x"),
    Need(resource="leases.coordination.k8s.io", costs="x"),
    Need(resource="configmaps", costs="x", verb="get", names=("b", "a"), namespace="kube-system"),
    Need(resource="pods", costs="x", namespace="openshift-kube-proxy"),
    Need(resource="ipaddresspools.metallb.io", costs="x", optional=True),
)

VERSIONS = ("1.30.0", strictly.latest_version())


def wanted(**more):
    return Wanted(**{"node": "worker-1", "image": "registry.example/arpcheck:1", **more})


def documents(text):
    return list(yaml.safe_load_all(text))


def by_kind(text, kind):
    return [doc for doc in documents(text) if doc["kind"] == kind]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("openshift", [False, True], ids=["plain", "openshift"])
@pytest.mark.parametrize("job", [False, True], ids=["pod", "job"])
def test_a_strict_server_takes_every_one_of_them(job, openshift, version):
    text = manifests.manifests(wanted(job=job, openshift=openshift, arguments=("-o", "json")), pipeline.NEEDS)
    for document in documents(text):
        strictly.validate(document, version)


def test_strict_means_that_a_field_of_our_own_making_is_refused():
    [pod] = by_kind(manifests.manifests(wanted(), ()), "Pod")
    pod["spec"]["hostNetwrok"] = True
    with pytest.raises(strictly.ValidationError):
        strictly.validate(pod, VERSIONS[0])


def test_they_come_in_an_order_in_which_they_can_be_made():
    kinds = [document["kind"] for document in documents(manifests.manifests(wanted(job=True, create_namespace=True), NEEDS))]
    assert kinds == [
        "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ClusterRole", "ClusterRoleBinding",
        "Role", "RoleBinding", "Job",
    ]  # fmt: skip


@pytest.mark.parametrize("job", [False, True], ids=["pod", "job"])
def test_the_container_is_root_with_net_raw_and_nothing_else(job):
    [made] = by_kind(manifests.manifests(wanted(job=job), NEEDS), "Job" if job else "Pod")
    spec = made["spec"]["template"]["spec"] if job else made["spec"]
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    }
    assert (spec["nodeName"], spec["hostNetwork"], spec["restartPolicy"]) == ("worker-1", True, "Never")
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert set(container["resources"]) == {"requests", "limits"}
    assert made["spec"]["activeDeadlineSeconds"] == 3600
    assert not {"hostPID", "hostIPC", "volumes", "initContainers"} & set(spec)


def test_it_is_told_its_node_in_the_variable_that_the_wire_reads():
    [pod] = by_kind(manifests.manifests(wanted(), NEEDS), "Pod")
    [variable] = pod["spec"]["containers"][0]["env"]
    assert variable == {"name": host.NODE_NAME, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


def test_a_job_probes_once_and_goes_away():
    [job] = by_kind(manifests.manifests(wanted(job=True, arguments=("-n", "web")), NEEDS), "Job")
    assert (job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"]) == (0, 3600)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["probe", "-n", "web"]


def test_the_namespace_takes_pods_in_the_hosts_network():
    [namespace] = by_kind(manifests.manifests(wanted(create_namespace=True), NEEDS), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_another_namespace_is_meant_everywhere():
    text = manifests.manifests(wanted(namespace="tools"), NEEDS)
    spaces = {d["metadata"].get("namespace") for d in documents(text)} - {None, "kube-system"}
    subjects = {s["namespace"] for d in documents(text) for s in d.get("subjects", ())}
    assert spaces == subjects == {"tools"}


def test_the_rights_word_for_word():
    assert (
        manifests.cluster_roles(NEEDS).split("---\n")[1]
        == """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: arpcheck:arpcheck
  labels: {app.kubernetes.io/name: arpcheck, app.kubernetes.io/managed-by: arpcheck}
rules:
- apiGroups: ['']
  resources: [services]
  verbs: [list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
"""
    )
    [optional] = [
        role for role in by_kind(manifests.cluster_roles(NEEDS), "ClusterRole") if "optional" in role["metadata"]["name"]
    ]
    assert optional["rules"] == [{"apiGroups": ["metallb.io"], "resources": ["ipaddresspools"], "verbs": ["list"]}]
    [role] = by_kind(manifests.cluster_roles(NEEDS), "Role")
    assert role["metadata"]["namespace"] == "kube-system"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a", "b"], "verbs": ["get"]}]


def test_a_role_in_openshifts_namespace_only_where_that_is():
    roles = by_kind(manifests.cluster_roles(NEEDS, openshift=True), "Role")
    assert [role["metadata"]["namespace"] for role in roles] == ["kube-system", "openshift-kube-proxy"]
    bindings = by_kind(manifests.cluster_roles(NEEDS, openshift=True), "RoleBinding")
    assert bindings[-1]["roleRef"]["name"] == "system:openshift:scc:privileged"


def test_a_role_in_a_products_own_namespace_where_it_is_chosen():
    need = Need(resource="pods", costs="x", namespace="metallb-system", apart=True)
    spaces = [role["metadata"]["namespace"] for role in by_kind(manifests.cluster_roles((*NEEDS, need)), "Role")]
    assert spaces == ["kube-system", "metallb-system"]


def test_the_order_of_the_needs_does_not_matter():
    assert {manifests.cluster_roles(order) for order in itertools.permutations(NEEDS)} == {manifests.cluster_roles(NEEDS)}


def test_every_right_reads_and_none_reads_secrets():
    rules = [
        rule for doc in documents(manifests.cluster_roles(pipeline.NEEDS, openshift=True)) for rule in doc.get("rules", ())
    ]
    assert {verb for rule in rules for verb in rule["verbs"]} <= {"list", "get"}
    named = {resource for rule in rules for resource in rule["resources"]}
    assert not named & {"secrets", "*"}
    assert not [resource for resource in named if "/" in resource]


def rules_of(roles):
    """As the lab's server takes them."""
    return [
        rule | ({"namespace": role["metadata"]["namespace"]} if role["kind"] == "Role" else {})
        for role in roles
        for rule in role.get("rules", ())
    ]


POOLS = {f"{plural}.metallb.io": "forbidden" for plural in ("bgpadvertisements", "ipaddresspools", "l2advertisements")}
NOT_CHOSEN = {**POOLS, "pods in metallb-system": "forbidden"}
"""Without the pools' right MetalLB's pods are not granted either; those of kube-proxy are."""
CHOSEN = [
    pytest.param(pipeline.CHOICES, {}, id="all"),
    pytest.param((), {**NOT_CHOSEN, "daemonsets.apps": "forbidden"}, id="none: nothing optional"),
    pytest.param(("metallb",), {"leases.coordination.k8s.io": "forbidden"}, id="one: nothing of the others"),
    pytest.param(
        ("cilium",), {**NOT_CHOSEN, "events": "forbidden", "servicel2statuses.metallb.io": "forbidden"}, id="another"
    ),
]


@pytest.mark.parametrize("openshift", [False, True], ids=["plain", "openshift"])
@pytest.mark.parametrize(("chosen", "gaps"), CHOSEN)
def test_an_account_with_exactly_these_rights_reads_what_was_chosen(tmp_path, openshift, chosen, gaps):
    scene = scene_file.load("two-non-strict")
    served = cluster_objects.resources(scene, datetime.now(UTC))
    rules = rules_of(manifests.rights(pipeline.rights(chosen), "arpcheck", openshift=openshift))
    serves = [*cluster_objects.kinds(scene), *(["config.openshift.io/v1/ClusterVersion"] if openshift else [])]
    with ApiServer([obj for objects in served.values() for obj in objects], serves=serves, rules=rules) as api:
        found = read(ClusterSource(kubeconfig=api.kubeconfig(tmp_path / "config")), pipeline.NEEDS)
        asked = {request.path for request in api.requests}
    assert {gap.what: gap.why for gap in found.gaps} == gaps
    assert [obj["metadata"]["name"] for obj in found.of("configmaps")] == ["kube-proxy"]
    assert any("openshift-kube-proxy" in path for path in asked) == openshift


NAMES = [
    ("worker-1", "arpcheck-worker-1"),
    ("a.b", "arpcheck-a-b-2e7336dc"),
    ("a-b", "arpcheck-a-b"),
    ("n" * 253, "arpcheck-" + "n" * 40 + "-"),
]


@pytest.mark.parametrize(("node", "name"), NAMES)
def test_a_name_that_a_job_can_have_for_every_node(node, name):
    [job] = by_kind(manifests.manifests(wanted(node=node, job=True), NEEDS), "Job")
    assert job["metadata"]["name"].startswith(name)
    assert len(job["metadata"]["name"]) <= 63


BAD = [
    pytest.param({"node": "Worker 1"}, "--node 'Worker 1' is not a valid node name", id="node"),
    pytest.param({"node": "a\n---\nkind: Secret"}, "is not a valid node name", id="a document in a name"),
    pytest.param({"node": ""}, "is not a valid node name", id="no node"),
    pytest.param({"namespace": "a.b"}, "--namespace 'a.b' is not a valid namespace name", id="namespace"),
    pytest.param({"image": "a b"}, "--image 'a b' is not a valid image name", id="image"),
    pytest.param({"image": ""}, "is not a valid image name", id="no image"),
]


@pytest.mark.parametrize(("more", "words"), BAD)
def test_names_that_nothing_can_have_are_refused(more, words):
    with pytest.raises(UsageError, match=words):
        manifests.manifests(wanted(**more), NEEDS)


def test_arguments_stay_arguments_whatever_is_in_them():
    arguments = ("--ip", "10.0.0.1", "yes", "1e3", "a: b", "- x", "ü", "$(HOME)")
    [pod] = by_kind(manifests.manifests(wanted(arguments=arguments), NEEDS), "Pod")
    assert tuple(pod["spec"]["containers"][0]["args"]) == ("probe", *arguments[:-1], "$$(HOME)"), "as Kubernetes escapes it"


# ------------------------------------------------------------------------------------------------------------ the image

SCRIPTS = Path(__file__).parent.parent / "scripts"


def instructions():
    joined = (SCRIPTS / "Containerfile").read_text().replace("\\\n", " ")
    return [line.split(None, 1) for line in joined.splitlines() if line and not line.startswith("#")]


@pytest.mark.skipif(not (SCRIPTS.parent / "arpcheck").is_dir(), reason="only the checkout has what the image is made of")
def test_the_containerfile_names_files_that_exist_and_stages_that_are_built():
    stages, named = set(), {}
    for instruction, words in instructions():
        if instruction == "ARG" and not stages:
            named.update([words.split("=", 1)])
        if instruction == "FROM":
            image, _, stage = words.partition(" AS ")
            image = re.sub(r"\$\{(\w+)\}", lambda name: named[name[1]], image)
            assert image in stages or ":" in image, "a base is pinned by its tag"
            assert not image.endswith(":latest")
            stages.add(stage)
        if instruction == "COPY":
            *sources, _ = words.split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in stages
            else:
                assert all((SCRIPTS.parent / source).exists() for source in sources)
    assert all(
        (SCRIPTS.parent / path).exists() for path in re.findall(r"scripts/[\w/.]+", (SCRIPTS / "Containerfile").read_text())
    )


def test_the_image_runs_arpcheck_without_libpcap_and_without_a_byte_to_write():
    text = (SCRIPTS / "Containerfile").read_text()
    interpreter, flags, program = json.loads(dict(instructions())["ENTRYPOINT"])
    assert (interpreter, program) == ("/opt/arpcheck/bin/python3", "/opt/arpcheck/arpcheck")
    assert {"I", "B"} <= {*flags}, "nothing of the user's is imported, and no compiled file is written"
    assert "apt-get" not in text
    assert "--require-hashes" in text
