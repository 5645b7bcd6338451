"""`arpcheck pod --watch`, `--cron`, `--kustomize`: valid for every supported API server, and no more than is needed."""

import re
import shutil
import subprocess
from itertools import pairwise

import pytest
import strictly
import yaml

from arpcheck import pipeline
from arpcheck.commands import pod
from arpcheck.commands.pod_always import (
    HOST_IP,
    PORT,
    SEGMENT,
    Always,
    always_manifests,
    places,
    prometheus_rule,
    write_base,
)
from arpcheck.docs import file
from arpcheck.errors import OutputError, UsageError

VERSIONS = tuple(f"1.{minor}.0" for minor in range(30, 37))
CUSTOM = ("PodMonitor", "PrometheusRule")


def always(**more):
    return Always(**{"image": "registry.example/arpcheck:1", "namespace": "arpcheck", **more})


def manifests(openshift=False, **more):
    wanted = always(**more)
    wanted.check()
    return always_manifests(wanted, pod.rights(pipeline.NEEDS, wanted.namespace, wanted.account, openshift=openshift))


def of(kind, found):
    return [one for one in found if one["kind"] == kind]


FORMS = [
    pytest.param({}, id="watch"),
    pytest.param({"nodes": ("worker-1", "worker-2"), "interfaces": ("eth0", "bond0.20")}, id="watch two segments"),
    pytest.param(
        {"selector": ("rack=2", "example.com/lan="), "create_namespace": True, "openshift": True}, id="watch by label"
    ),
    pytest.param({"cron": "*/15 * * * *"}, id="cron"),
    pytest.param({"cron": "@hourly", "nodes": ("worker-1", "worker-2"), "arguments": ("-n", "web")}, id="cron on two nodes"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", FORMS)
def test_a_strict_server_of_each_version_takes_them(form, version):
    found = manifests(**form)
    for document in found:
        if document["kind"] not in CUSTOM:
            strictly.validate(document, version)
    [made] = [one for one in found if one["kind"] in ("Deployment", "CronJob")][:1]
    made["spec"]["replcias"] = 2
    with pytest.raises(strictly.ValidationError):
        strictly.validate(made, version)


def pod_specs(found):
    for one in found:
        match one["kind"]:
            case "Deployment":
                yield one["spec"]["template"]["spec"]
            case "CronJob":
                yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("form", FORMS)
def test_what_a_linter_looks_for(form):
    """The checks of kube-linter, polaris and kubesec that are about more than taste."""
    for spec in pod_specs(manifests(**form)):
        [container] = spec["containers"]
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert "privileged" not in security
        assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
        assert not {"hostPID", "hostIPC", "volumes", "initContainers", "hostAliases"} & {*spec}
        assert {*container["resources"]["requests"]} == {*container["resources"]["limits"]} == {"cpu", "memory"}
        assert not container["image"].endswith(":latest")
        assert ":" in container["image"].rpartition("/")[2]
        assert spec["serviceAccountName"] != "default"
        assert {"livenessProbe", "readinessProbe", "startupProbe"} <= {*container} or "CronJob" in map(
            kind, manifests(**form)
        )
        assert all(port["containerPort"] > 1023 for port in container.get("ports", ()))
        assert spec["enableServiceLinks"] is False


def kind(one):
    return one["kind"]


@pytest.mark.parametrize("form", FORMS)
def test_the_only_right_to_write_is_to_its_own_state(form):
    found = manifests(**form)
    rules = [(role, rule) for role in found if role["kind"] in ("Role", "ClusterRole") for rule in role["rules"]]
    writing = [(role, rule) for role, rule in rules if {*rule["verbs"]} - {"get", "list"}]
    if "cron" in form:
        assert writing == []
        return
    [(role, rule)] = writing
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "arpcheck")
    states = [one["metadata"]["name"] for one in of("ConfigMap", found)]
    assert rule == {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": states, "verbs": ["get", "patch"]}
    for deployment, state in zip(of("Deployment", found), states, strict=True):
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert ("--state", f"configmap/arpcheck/{state}") in pairwise(arguments)


def test_two_nodes_hear_all_of_each_segment_and_two_segments_have_two_ports():
    found = of("Deployment", manifests(nodes=("worker-1", "worker-2"), interfaces=("eth0", "eth1")))
    seen = []
    for one in found:
        spec = one["spec"]["template"]["spec"]
        [container] = spec["containers"]
        [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        [port] = container["ports"]
        arguments = dict(pairwise(container["args"]))
        assert arguments["--serve"] == f"$({HOST_IP}):{port['containerPort']}"
        seen.append((term["matchFields"][0]["values"], arguments["--iface"], port["containerPort"]))
    assert seen == [
        (["worker-1"], "eth0", PORT), (["worker-2"], "eth0", PORT), (["worker-1"], "eth1", PORT + 1), (["worker-2"], "eth1", PORT + 1),
    ]  # fmt: skip


def test_without_a_node_the_two_of_a_segment_are_kept_apart_and_moved_from_a_node_that_is_lost():
    for one in of("Deployment", manifests(interfaces=("eth0",), selector=("rack=2",))):
        template = one["spec"]["template"]
        spec = template["spec"]
        [apart] = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        chosen = apart["labelSelector"]["matchLabels"]
        assert chosen == {SEGMENT: template["metadata"]["labels"][SEGMENT]}
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "rack": "2"}
        assert spec["tolerations"] == []


def test_a_selector_of_one_deployment_fits_no_pod_of_another():
    found = of("Deployment", manifests(interfaces=("eth0", "eth1")))
    for one in found:
        chosen = one["spec"]["selector"]["matchLabels"].items()
        fitting = [other for other in found if chosen <= other["spec"]["template"]["metadata"]["labels"].items()]
        assert fitting == [one]


def test_the_monitor_keeps_the_labels_of_an_address_and_chooses_its_own_pods():
    found, other = manifests(), manifests(name="arpcheck-rack-2")
    [monitor] = of("PodMonitor", found)
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
    chosen = monitor["spec"]["selector"]["matchLabels"].items()
    for one in of("Deployment", found):
        template = one["spec"]["template"]
        assert chosen <= template["metadata"]["labels"].items()
        [port] = template["spec"]["containers"][0]["ports"]
        assert endpoint["port"] == port["name"]
        assert template["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    assert not [one for one in of("Deployment", other) if chosen <= one["spec"]["template"]["metadata"]["labels"].items()]


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_the_kubelet_asks_for_health_where_it_is_served(probe):
    for one in of("Deployment", manifests()):
        [container] = one["spec"]["template"]["spec"]["containers"]
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        [address] = [env for env in container["env"] if env["name"] == HOST_IP]
        assert address["valueFrom"] == {"fieldRef": {"fieldPath": "status.hostIP"}}, "the kubelet asks the pod's IP"


def test_a_cron_job_never_runs_twice_at_once_and_keeps_its_last_logs():
    [one] = of("CronJob", manifests(cron="*/15 * * * *", arguments=("-n", "$(web)")))
    spec = one["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/15 * * * *", "Forbid")
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert "ttlSecondsAfterFinished" not in job
    [container] = job["template"]["spec"]["containers"]
    assert container["args"] == ["probe", "-n", "$$(web)"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"


NAMES = ("eth0", "br0.20", "br0-20", "Eth0", "eth0.", "ens1f0np0_longer", "vlan@20")


def test_names_are_valid_and_never_shared():
    found = [one.name for one in places(always(interfaces=NAMES, name="a" * 32))]
    assert len(found) == len({*found}) == 2 * len(NAMES)
    assert [name for name in found if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name)] == []


REFUSED = [
    pytest.param({"nodes": ("a", "b", "c")}, "3 times --node", id="three nodes"),
    pytest.param({"nodes": ("a",), "selector": ("b=c",)}, "can't be combined", id="node and label"),
    pytest.param({"selector": ("b",)}, "is not KEY=VALUE", id="no value"),
    pytest.param({"selector": ("-b=c",)}, "is not KEY=VALUE", id="no key"),
    pytest.param({"interfaces": ("eth0 ",)}, "not a valid interface", id="a blank"),
    pytest.param({"interfaces": ("a" * 16,)}, "not a valid interface", id="too long"),
    pytest.param({"name": "Arpcheck"}, "not a valid name", id="a capital"),
    pytest.param({"name": "a" * 33}, "not a valid name", id="a long name"),
    pytest.param({"port": 80}, "out of range", id="a port of root's"),
    pytest.param({"port": 65535, "interfaces": ("a", "b")}, "out of range", id="no second port"),
    pytest.param({"cron": "* * * *"}, "is not a schedule", id="four fields"),
    pytest.param({"cron": "@reboot"}, "is not a schedule", id="not of cron jobs"),
    pytest.param({"cron": "* * * * *\n- x"}, "is not a schedule", id="another line"),
]


@pytest.mark.parametrize(("more", "words"), REFUSED)
def test_what_no_server_would_take_is_refused(more, words):
    with pytest.raises(UsageError, match=words):
        always(**more).check()


def test_one_node_is_told_that_it_can_not_hear_itself():
    assert "worker-1 can't hear itself" in always(nodes=("worker-1",)).remarks[0]
    assert always(nodes=("worker-1", "worker-2")).remarks == always().remarks == ()


# --------------------------------------------------------------------------------------------------------- the command


def test_it_prints_them_with_the_rights_of_what_was_chosen(capfd):
    pod.pod(watch=True, node=["worker-1", "worker-2"], iface=["eth0"], chosen=["metallb"], arguments=["--interval", "1m"])
    out, err = capfd.readouterr()
    found = list(yaml.safe_load_all(out))
    assert [kind(one) for one in found][-3:] == ["Deployment", "Deployment", "PodMonitor"]
    assert found[-2]["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--interval", "1m"]
    assert "the namespace arpcheck must exist" in err
    assert any(
        "metallb" in group for one in of("ClusterRole", found) for rule in one["rules"] for group in rule["apiGroups"]
    )
    assert not any(
        "cilium" in group for one in of("ClusterRole", found) for rule in one["rules"] for group in rule["apiGroups"]
    )


WRONG = [
    pytest.param({"watch": True, "job": True}, "--job and --watch can't be combined", id="two forms"),
    pytest.param({"watch": True, "rules": True}, "can't be combined", id="watch and rules"),
    pytest.param({"node": ["a"], "iface": ["eth0"]}, "--iface needs --watch or --cron", id="an interface of a pod"),
    pytest.param({"node": ["a"], "name": "b"}, "--name needs", id="a name of a pod"),
    pytest.param({"node": ["a", "b"]}, "one --node only", id="a pod on two nodes"),
    pytest.param({"watch": True, "node": ["A"]}, "not a valid node name", id="no node"),
    pytest.param({"watch": True, "namespace": "kube-system", "create_namespace": True}, "is not possible", id="a system's"),
    pytest.param({"watch": True, "image": "a b"}, "not a valid image name", id="no image"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_what_does_not_go_together_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        pod.pod(**options)


def test_options_that_the_pod_would_refuse_are_refused_here(capfd):
    from typer._click.exceptions import UsageError as Refused

    with pytest.raises(Refused):
        pod.pod(watch=True, arguments=["--rounds", "x"])
    with pytest.raises(Refused):
        pod.pod(watch=True, arguments=["-o", "html", "--dry-run"])
    pod.pod(cron="@hourly", arguments=["--bundle", "new.tgz"])


def test_rules_and_dashboard_are_printed_as_they_are(capfd):
    pod.pod(rules=True, namespace="tools")
    rule = yaml.safe_load(capfd.readouterr().out)
    assert (rule["kind"], rule["metadata"]["namespace"]) == ("PrometheusRule", "tools")
    assert rule["spec"] == yaml.safe_load(file("alerts"))
    pod.pod(dashboard=True)
    assert capfd.readouterr().out == file("dashboard")


# ------------------------------------------------------------------------------------------------------------ a base


def test_a_base_has_everything_once(tmp_path):
    found = manifests(interfaces=("eth0",), create_namespace=True)
    write_base(tmp_path / "base", found, "arpcheck")
    kustomization = yaml.safe_load((tmp_path / "base" / "kustomization.yaml").read_text())
    assert {path.name for path in (tmp_path / "base").iterdir()} == {
        "kustomization.yaml", "dashboard.json", *kustomization["resources"],
    }  # fmt: skip
    objects = [
        one for name in kustomization["resources"] for one in yaml.safe_load_all((tmp_path / "base" / name).read_text())
    ]
    assert objects == [*found, yaml.safe_load(prometheus_rule("arpcheck"))]
    [dashboard] = kustomization["configMapGenerator"]
    assert dashboard["files"] == ["arpcheck.json=dashboard.json"]
    assert dashboard["options"]["labels"]["grafana_dashboard"] == "1"
    assert (tmp_path / "base").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_builds_the_base(tmp_path):
    found = manifests(interfaces=("eth0", "eth1"), create_namespace=True)
    write_base(tmp_path / "base", found, "arpcheck")
    done = subprocess.run(["kubectl", "kustomize", str(tmp_path / "base")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    built = list(yaml.safe_load_all(done.stdout))
    names = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in built}
    made = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found}
    assert names == made | {("PrometheusRule", "arpcheck", "arpcheck"), ("ConfigMap", "arpcheck", "arpcheck-dashboard")}
    [dashboard] = [one for one in built if one["metadata"]["name"] == "arpcheck-dashboard"]
    assert dashboard["data"] == {"arpcheck.json": file("dashboard")}


def test_what_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "base").mkdir()
    write_base(tmp_path / "base", (), "arpcheck")
    before = {path: path.read_bytes() for path in (tmp_path / "base").iterdir()}
    for place in ("base", "file"):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(UsageError, match="is there already"):
            write_base(tmp_path / place, manifests(), "arpcheck")
    assert {path: path.read_bytes() for path in (tmp_path / "base").iterdir()} == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_base_that_can_not_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        write_base(tmp_path / "missing" / "base", manifests(), "arpcheck")
    assert list(tmp_path.iterdir()) == []
