"""`arpcheck strict-arp enable` against the API server stand-in, which refuses what a real one refuses."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiserver import ApiServer, Fault
from apiserver.rollout import roll_out
from strict_arp_world import CONFIG, RESTARTED, find, objects, serving

from arpcheck.commands.strict_arp_enable import strict_arp_enable
from arpcheck.commands.strict_arp_plan import EnableRequest
from arpcheck.errors import ClusterError, OutputError, UsageError

STRICT = CONFIG.replace("strictARP: false", "strictARP: true")
NODES = ("worker-1", "worker-2", "worker-3")


def rolling(store, old, new):
    roll_out(store, old, new)


class World:
    """A server and the command on it."""

    def __init__(self, server, source, folder):
        self.server, self.source, self.folder = server, source, folder

    def enable(self, **more):
        chosen = {"yes": True, "pause": 0.01, "settle": 0.0, "timeout": 20.0, "backup_dir": str(self.folder), **more}
        return strict_arp_enable(EnableRequest(source=self.source, **chosen))

    @property
    def config_map(self):
        return self.server.store.find("configmaps", "kube-system", "kube-proxy")

    @property
    def text(self):
        return self.config_map["data"]["config.conf"]

    @property
    def restarts(self):
        template = self.server.store.find("daemonsets.apps", "kube-system", "kube-proxy")["spec"]["template"]
        return template.get("metadata", {}).get("annotations", {}).get(RESTARTED)

    @property
    def writes(self):
        return [r for r in self.server.requests if r.method == "PATCH" and "dryRun" not in r.query]

    @property
    def backups(self):
        return sorted(path for path in self.folder.iterdir() if path.name.startswith("configmap-"))


@pytest.fixture
def world(tmp_path):
    """Makes one; it ends with the test."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(config=CONFIG, made=None, on_write=rolling, **options):
            found = made or objects(config=config)
            server, source = stack.enter_context(serving(tmp_path, found, on_write=on_write, **options))
            return World(server, source, tmp_path)

        yield make


# --------------------------------------------------------------------------------------------------------- it is enabled

WRITTEN = [
    pytest.param(CONFIG, STRICT, id="right"),
    pytest.param(
        CONFIG.replace('  strictARP: false  # "true" for MetalLB\n', ""),
        CONFIG.replace(
            '  excludeCIDRs: null\n  strictARP: false  # "true" for MetalLB\n', "  strictARP: true\n  excludeCIDRs: null\n"
        ),
        id="no line",
    ),
    pytest.param(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs",
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\nipvs:\n  strictARP: true",
        id="no section",
    ),
    pytest.param(
        CONFIG.replace("strictARP: false", "strictArp: true"),
        CONFIG.replace("ipvs:\n", "ipvs:\n  strictARP: true\n", 1).replace("strictARP: false", "strictArp: true"),
        id="misspelt",
    ),
    pytest.param(CONFIG.replace("false", '"true"'), CONFIG.replace("false", "true"), id="a text"),
    pytest.param(CONFIG.replace("\n", "\r\n"), STRICT.replace("\n", "\r\n"), id="other line ends"),
]


@pytest.mark.parametrize(("before", "after"), WRITTEN)
def test_one_value_changes_and_every_other_byte_stays(world, capsys, before, after):
    made = objects(config=before)
    config_map = find(made, "ConfigMap")
    config_map["data"]["kubeconfig.conf"] = "apiVersion: v1\n# not ours  \n"
    config_map["binaryData"] = {"b": "AAEC"}
    here = world(made=made)
    assert here.enable() == 0
    expected = json.loads(json.dumps(config_map))
    expected["data"]["config.conf"] = after
    for of_the_server in ("resourceVersion", "managedFields", "uid"):
        expected["metadata"].pop(of_the_server, None)
    found = json.loads(json.dumps(here.config_map))
    for of_the_server in ("resourceVersion", "managedFields", "uid"):
        found["metadata"].pop(of_the_server, None)
    assert found == expected
    told = capsys.readouterr()
    assert told.err.startswith("arpcheck: context 'lab', http://127.0.0.1:"), "which cluster it is comes before all else"
    assert told.out.startswith("--- configmap kube-system/kube-proxy, config.conf, current\n")
    assert told.out.endswith("Strict ARP is set, and every kube-proxy was restarted with it.\n")
    assert [line for line in told.err.splitlines() if ": restarted," in line] == [
        f"arpcheck: {node}: restarted, {number} of 3" for number, node in enumerate(NODES, 1)
    ]


def test_every_write_is_rehearsed_and_guarded(world):
    here = world()
    version = here.config_map["metadata"]["resourceVersion"]
    here.enable()
    patches = [r for r in here.server.requests if r.method == "PATCH"]
    assert [(r.path.rpartition("/")[2], r.query.get("dryRun")) for r in patches] == [
        ("kube-proxy", "All"), ("kube-proxy", "All"), ("kube-proxy", None), ("kube-proxy", None),
    ]  # fmt: skip
    config_map, daemon_set = here.writes
    assert json.loads(config_map.body)["metadata"] == {"resourceVersion": version}
    assert config_map.headers["content-type"] == "application/merge-patch+json"
    assert daemon_set.headers["content-type"] == "application/strategic-merge-patch+json"
    assert json.loads(daemon_set.body) == {"spec": {"template": {"metadata": {"annotations": {RESTARTED: here.restarts}}}}}


def test_the_diff_is_the_whole_of_what_changes(world, capsys):
    world().enable()
    lines = [line for line in capsys.readouterr().out.splitlines() if re.match(r"[-+][^-+]", line)]
    assert lines == ['-  strictARP: false  # "true" for MetalLB', '+  strictARP: true  # "true" for MetalLB']


def test_the_config_map_is_saved_for_its_owner_alone_and_can_be_put_back(world, capsys):
    here = world()
    before = json.loads(json.dumps(here.config_map))
    here.enable()
    (path,) = here.backups
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = json.loads(path.read_text())
    assert saved["data"] == before["data"]
    assert saved["metadata"].keys() == {"name", "namespace", "labels"}
    told = capsys.readouterr().err
    kubectl = f"kubectl --kubeconfig {here.source.kubeconfig} --context lab -n kube-system"
    assert f"{kubectl} replace -f {path} && {kubectl} rollout restart daemonset kube-proxy" in told


def test_a_backup_never_replaces_a_file(world):
    here = world()
    version = here.config_map["metadata"]["resourceVersion"]
    victim = here.folder / "victim"
    victim.write_text("precious")
    (here.folder / f"configmap-kube-proxy-{version}.json").symlink_to(victim)
    assert here.enable() == 0
    assert victim.read_text() == "precious"
    assert (here.folder / f"configmap-kube-proxy-{version}.2.json").exists()


# ------------------------------------------------------------------------------------------------------ nothing is to do


def test_run_again_it_says_that_all_is_loaded_and_writes_nothing(world, capsys):
    here = world()
    here.enable()
    count, at = len(here.writes), here.restarts
    capsys.readouterr()
    assert here.enable() == 0
    assert (len(here.writes), here.restarts) == (count, at)
    assert (
        capsys.readouterr().out
        == "Strict ARP is set, and every kube-proxy in IPVS mode has loaded it. Nothing was changed.\n"
    )


def test_where_it_is_set_and_not_loaded_only_the_restart_is_done(world):
    here = world(made=objects("[cluster.kube_proxy]\nedited = '1h'\n", config=STRICT))
    assert here.enable() == 0
    assert [r.path.split("/")[-2] for r in here.writes] == ["daemonsets"]
    assert here.backups == []


def test_where_nothing_shows_what_is_loaded_the_restart_is_done(world):
    made = objects(config=STRICT)
    find(made, "ConfigMap")["metadata"]["managedFields"] = []
    here = world(made=made)
    assert (here.enable(), [r.path.split("/")[-2] for r in here.writes]) == (0, ["daemonsets"])


def test_a_restart_that_came_before_the_change_does_not_count(world):
    """A container that was started anew right after the change, in a pod of before: it may have read either."""
    made = objects("[cluster.kube_proxy]\nedited = '1h'\nrestarted = '2h'\n", config=STRICT)
    restarted = find(made, "DaemonSet")["spec"]["template"]["metadata"]["annotations"][RESTARTED]
    changed = datetime.fromisoformat(find(made, "ConfigMap")["metadata"]["managedFields"][0]["time"])
    for pod in (obj for obj in made if obj["kind"] == "Pod"):
        pod["metadata"] |= {"annotations": {RESTARTED: restarted}, "creationTimestamp": restarted}
        started = (changed + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
        pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = started
        pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    here = world(made=made)
    assert (here.enable(), [r.path.split("/")[-2] for r in here.writes]) == (0, ["daemonsets"])


def test_where_it_is_set_and_loaded_nothing_is_done(world):
    here = world(STRICT)
    assert (here.enable(), here.writes) == (0, [])


def test_a_mode_that_binds_nothing_needs_nothing(world, capsys):
    here = world(CONFIG.replace('"ipvs"', "iptables"))
    assert (here.enable(), here.writes) == (0, [])
    assert "Strict ARP is not needed: in mode iptables" in capsys.readouterr().out


def test_a_dry_run_is_the_servers_and_stops(world, capsys):
    here = world()
    assert (here.enable(yes=False, dry_run=True), here.text, here.restarts, here.backups) == (0, CONFIG, None, [])
    assert len([r for r in here.server.requests if r.query.get("dryRun") == "All"]) == 2
    assert capsys.readouterr().out.endswith("The server accepted every change as a dry run. Nothing was changed.\n")


# ------------------------------------------------------------------------------------------------------ it can't be done


def test_a_concurrent_edit_is_refused_and_not_lost(world):
    theirs = CONFIG.replace("0.0.0.0   #", "10.0.0.1  #")

    class Rival(ApiServer):
        def answer(self, request):
            if request.method == "PATCH" and "dryRun" not in request.query and "configmaps" in request.path:
                found = json.loads(json.dumps(self.store.find("configmaps", "kube-system", "kube-proxy")))
                found["data"]["config.conf"] = theirs
                self.store.put(found)
            return super().answer(request)

    here = world(kind=Rival)
    with pytest.raises(ClusterError, match=r"the object changed since it was read; nothing was written") as raised:
        here.enable()
    assert "\n" not in str(raised.value)
    assert (here.text, here.restarts) == (theirs, None)


@pytest.mark.parametrize(
    ("denied", "right"),
    [
        pytest.param(("patch", "configmaps"), "may not patch configmaps (kube-system/kube-proxy)", id="patch configmaps"),
        pytest.param(("get", "configmaps"), "configmaps could not be read (forbidden)", id="get configmaps"),
        pytest.param(
            ("patch", "daemonsets.apps"), "may not patch daemonsets.apps (kube-system/kube-proxy)", id="patch daemonsets"
        ),
        pytest.param(("list", "pods"), "pods could not be read (forbidden)", id="list pods"),
        pytest.param(("list", "nodes"), "nodes could not be read (forbidden)", id="list nodes"),
        pytest.param(("list", "daemonsets.apps"), "daemonsets.apps could not be read (forbidden)", id="list daemonsets"),
    ],
)
def test_a_missing_right_is_named_before_anything_is_changed(world, denied, right):
    here = world(denied=[denied])
    with pytest.raises(ClusterError) as raised:
        here.enable()
    assert right in str(raised.value)
    assert (here.text, here.restarts, here.backups) == (CONFIG, None, [])


def test_an_admission_that_refuses_is_no_missing_right(world):
    refusal = {"kind": "Status", "message": "admission webhook denied the request: planted", "code": 403}
    here = world(faults=[Fault(method="PATCH", status=403, json=refusal)])
    with pytest.raises(ClusterError, match="admission webhook denied the request: planted"):
        here.enable()


CAUSES = [
    {"reason": "FieldValueInvalid", "field": "data", "message": "no \x1b[2J strictARP"},
    {"message": "words of the policy"},
]
BY_POLICY = {
    "kind": "Status",
    "message": "ValidatingAdmissionPolicy 'p'\n denied: words of the policy",
    "details": {"causes": CAUSES},
}
NO_WEBHOOK = {"kind": "Status", "message": 'Internal error occurred: failed calling webhook "w.example": connection refused'}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        pytest.param(
            *(422, BY_POLICY),
            "refused (422): ValidatingAdmissionPolicy 'p' denied: words of the policy; data no \\x1b[2J strictARP",
            id="a policy, with causes",
        ),
        pytest.param(500, NO_WEBHOOK, 'failed calling webhook "w.example": connection refused', id="a webhook that is down"),
        pytest.param(400, {"kind": "Status", "message": "unknown field"}, "refused (400): unknown field", id="another"),
    ],
)
def test_a_refusal_has_the_servers_own_words(world, status, answer, said, dry_run):
    """In the rehearsal, and in the write that follows one that was taken."""
    here = world(faults=[Fault(method="PATCH", skip=0 if dry_run else 2, status=status, json=answer)])
    with pytest.raises(ClusterError) as raised:
        here.enable(dry_run=dry_run)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert here.restarts is None


def test_what_is_no_status_is_not_repeated(world):
    here = world(faults=[Fault(method="PATCH", status=422, json={"message": "Bearer planted"})])
    with pytest.raises(ClusterError, match=r"refused \(422\)") as raised:
        here.enable()
    assert "planted" not in str(raised.value)


def test_an_admission_that_changes_it_is_seen_in_the_dry_run(world):
    config_map = find(objects(config=CONFIG), "ConfigMap")
    here = world(faults=[Fault(method="PATCH", times=1, json=config_map)])
    with pytest.raises(ClusterError, match="the server would store configmap kube-system/kube-proxy differently"):
        here.enable()
    assert (here.text, here.backups) == (CONFIG, [])


LEFT_ALONE = [
    pytest.param(CONFIG + "ipvs: {}\n", "ipvs is there 2 times", id="two sections"),
    pytest.param("a: [", "line 1", id="not YAML"),
    pytest.param(CONFIG.replace("KubeProxyConfiguration", "Other"), "kind is", id="another kind"),
]


@pytest.mark.parametrize(("config", "words"), LEFT_ALONE)
def test_what_can_not_be_edited_safely_is_left(world, config, words):
    here = world(config)
    with pytest.raises(ClusterError) as raised:
        here.enable()
    assert words in str(raised.value)
    assert (here.text, here.restarts, here.backups) == (config, None, [])


def test_a_mode_that_has_no_use_for_it_is_left_where_older_processes_may_still_be_in_ipvs_mode(world):
    config = CONFIG.replace('"ipvs"', "iptables")
    here = world(made=objects("[cluster.kube_proxy]\nedited = '1h'\n", config=config))
    with pytest.raises(ClusterError, match="strictARP has no effect in mode iptables"):
        here.enable()
    assert (here.text, here.writes) == (config, [])


def test_an_immutable_config_map_is_left(world):
    made = objects()
    find(made, "ConfigMap")["immutable"] = True
    with pytest.raises(ClusterError, match="is immutable, so nothing was changed"):
        world(made=made).enable()


def test_where_another_system_owns_it_nothing_is_changed_and_its_way_is_told(world, capsys):
    made = objects()
    find(made, "ConfigMap")["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "base"
    here = world(made=made)
    assert (here.enable(), here.text, here.writes) == (2, CONFIG, [])
    told = capsys.readouterr().err
    assert "nothing was changed: Flux manages this configuration" in told
    assert "where that configuration is kept" in told
    assert "--force changes the ConfigMap anyway, until its manager writes it again" in told
    assert (here.enable(force=True), here.text) == (0, STRICT)


@pytest.mark.parametrize(
    ("manager", "labels", "owner", "where"),
    [
        ("argocd-controller", {"app.kubernetes.io/instance": "base"}, "Argo CD", "(the repository of the application base,"),
        ("kustomize-controller", {}, "Flux", "where that configuration is kept"),
        ("helm-controller", {}, "Flux", "where that configuration is kept"),
        ("some-operator", {}, "the field manager some-operator", "where that configuration is kept"),
        ("x", {"kubermatic-addon": "kube-proxy"}, "Kubermatic KKP", "spec.clusterNetwork.ipvs.strictArp: true"),
        ("gardener-resource-manager", {"origin": "gardener"}, "Gardener", "the Shoot, which has no field for strictARP"),
    ],
)
def test_whoever_writes_it_owns_it(world, capsys, manager, labels, owner, where):
    made = objects()
    metadata = find(made, "ConfigMap")["metadata"]
    metadata["managedFields"][0]["manager"] = manager
    metadata["labels"] |= labels
    here = world(made=made)
    assert (here.enable(), here.text, here.writes) == (2, CONFIG, [])
    told = capsys.readouterr().err
    assert f"nothing was changed: {owner} manages this configuration" in told
    assert where in told


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl-client-side-apply", "kubectl", "kubeadm", "arpcheck", "k9s"])
def test_a_person_is_no_owner(world, manager):
    made = objects()
    find(made, "ConfigMap")["metadata"]["managedFields"][0]["manager"] = manager
    assert world(made=made).enable() == 0


def test_what_could_go_dark_is_said_before_anything_is_asked(world, capsys):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ext", "namespace": "web"}}
    service |= {"spec": {"type": "ClusterIP", "externalIPs": ["10.0.0.9"]}}
    here = world(made=[*objects(), service])
    assert here.enable(dry_run=True) == 0
    told = capsys.readouterr().err
    assert "not checked (needs --iface): which addresses go dark" in told
    assert "external IP 10.0.0.9 (web/ext) goes dark unless" in told
    assert (here.text, here.writes) == (CONFIG, [])


KUBESPRAY = (
    CONFIG
    + "configSyncPeriod: 15m0s\noomScoreAdj: -999\nclientConnection:\n  contentType: application/vnd.kubernetes.protobuf\n"
)


def test_what_only_looks_like_it_can_be_overruled(world, capsys):
    here = world(KUBESPRAY)
    assert (here.enable(), here.text) == (2, KUBESPRAY)
    assert "if that is wrong, --force changes the ConfigMap anyway" in capsys.readouterr().err
    assert (here.enable(force=True), here.text) == (0, KUBESPRAY.replace("strictARP: false", "strictARP: true"))


def test_nobody_to_ask(world, monkeypatch):
    here = world()
    with Path("/dev/null").open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(UsageError, match="stdin is not a terminal to confirm on, so nothing was changed"):
            here.enable(yes=False)
    assert (here.text, here.restarts) == (CONFIG, None)


def test_no_folder_for_the_backup(world):
    here = world()
    with pytest.raises(OutputError, match="--backup-dir /nowhere: no such folder"):
        here.enable(backup_dir="/nowhere")
    assert here.server.requests == []


def test_a_file_can_not_be_changed(world):
    here = world()
    with pytest.raises(UsageError, match="a cluster file cannot be changed"):
        strict_arp_enable(EnableRequest(source=replace(here.source, cluster_file="x")))


@pytest.mark.parametrize(
    "fault", [pytest.param({"close": True}, id="connection closed"), pytest.param({"status": 504}, id="gateway timeout")]
)
def test_a_write_without_an_answer_is_not_called_undone(world, capsys, fault):
    here = world(faults=[Fault(method="PATCH", path="*/daemonsets/kube-proxy", skip=1, times=1, **fault)])
    assert here.enable() == 2
    told = capsys.readouterr().err
    assert "the change may have been made" in told
    assert "done: configmap kube-system/kube-proxy changed" in told
    assert here.enable() == 0


# ------------------------------------------------------------------------------------------------- it does not get there


def test_a_rollout_that_is_stuck_names_who_is_left(world, capsys):
    here = world(on_write=lambda *write: roll_out(*write, reaches=lambda node: node != "worker-2"))
    assert here.enable(timeout=0.0) == 3
    told = capsys.readouterr()
    assert re.search(r"not reached: worker-2: its pod kube-system/kube-proxy-\w+ was not replaced yet", told.err)
    assert "the rollout did not end within" in told.err
    assert told.out.endswith("Strict ARP is set, but not every node has loaded it. Run the command again to continue.\n")


def test_a_stuck_rollout_is_waited_for_when_it_is_run_again_and_not_begun_anew(world, capsys):
    reached = {"worker-1"}
    here = world(on_write=lambda *write: roll_out(*write, reaches=reached.__contains__))
    assert here.enable(timeout=0.0) == 3
    at, count = here.restarts, len(here.writes)
    assert here.enable(timeout=0.0) == 3
    assert (here.restarts, len(here.writes)) == (at, count)
    assert "only its rollout has to be waited for" in capsys.readouterr().err
    daemon_set = here.server.store.find("daemonsets.apps", "kube-system", "kube-proxy")
    roll_out(here.server.store, find(objects(), "DaemonSet"), daemon_set, reaches=lambda node: node != "worker-1")
    assert here.enable() == 0
    assert here.restarts == at


def node_of(made, name):
    return find(made, "Node", name)


def test_nodes_that_it_does_not_reach_are_named_with_the_reason(world, capsys):
    made = objects(
        "nodes.worker-1 = {}\nnodes.worker-2.ready = false\nnodes.worker-3 = {}\nnodes.virtual = {addresses = '10.0.0.40'}\n"
    )
    node_of(made, "virtual")["spec"] = {"taints": [{"key": "virtual-kubelet.io/provider", "effect": "NoSchedule"}]}
    made = [o for o in made if o["kind"] != "Pod" or o["spec"]["nodeName"] != "virtual"]
    daemon_set = find(made, "DaemonSet")
    daemon_set["status"] |= dict.fromkeys(("desiredNumberScheduled", "currentNumberScheduled"), 3)
    here = world(made=made, on_write=lambda *write: roll_out(*write, reaches=lambda node: node != "worker-2"))
    assert here.enable() == 3
    told = capsys.readouterr().err
    assert "not reached: worker-2: NotReady: its pod cannot be replaced" in told
    assert "not reached: virtual: no pod of the DaemonSet runs there (tainted virtual-kubelet.io/provider)" in told
    assert "did not end within" not in told


def test_on_delete_names_the_command_for_every_pod(world, capsys):
    made = objects()
    find(made, "DaemonSet")["spec"]["updateStrategy"]["type"] = "OnDelete"
    assert world(made=made).enable() == 3
    told = capsys.readouterr().err
    assert (
        len(
            re.findall(
                r"updateStrategy OnDelete, so delete its pod: kubectl --context lab -n kube-system delete pod kube-proxy-",
                told,
            )
        )
        == 3
    )


def test_an_api_that_is_away_for_a_while_is_looked_at_again(world):
    class Away(ApiServer):
        hiccups = 30
        """More than one look takes: in some of them nothing at all is answered."""

        def note(self, request):
            if (
                self.store.find("daemonsets.apps", "kube-system", "kube-proxy")["spec"]["template"]
                .get("metadata", {})
                .get("annotations")
            ):
                Away.hiccups -= 1
                if Away.hiccups >= 0:
                    return Fault(close=True)
            return super().note(request)

    here = world(kind=Away)
    assert (here.enable(), Away.hiccups < 0) == (0, True)


# ----------------------------------------------------------------------------------------------------------- announcers

SPEAKERS = [
    pytest.param({"app": "metallb", "component": "speaker"}, id="manifests"),
    pytest.param({"app.kubernetes.io/name": "metallb", "app.kubernetes.io/component": "speaker"}, id="chart"),
]


def speaker(labels):
    pods = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "speaker-1", "namespace": "metallb-system", "labels": labels,
                     "ownerReferences": [{"kind": "DaemonSet", "name": "speaker"}]},
        "spec": {"nodeName": "worker-1"}, "status": {"containerStatuses": []},
    }  # fmt: skip
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}
    daemon_set = {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": spec}
    return [pods, daemon_set | {"metadata": {"name": "speaker", "namespace": "metallb-system", "labels": labels}}]


@pytest.mark.parametrize("labels", SPEAKERS)
def test_the_speakers_are_restarted_afterwards_where_it_is_asked(world, labels):
    here = world(made=[*objects(), *speaker(labels)])
    assert here.enable(restart_announcer=True) == 0
    assert [r.path.split("/")[-1] for r in here.writes] == ["kube-proxy", "kube-proxy", "speaker"]


def test_the_speakers_are_left_alone_otherwise(world):
    here = world(made=[*objects(), *speaker({"app": "metallb", "component": "speaker"})])
    here.enable()
    assert [r.path.split("/")[-1] for r in here.writes] == ["kube-proxy", "kube-proxy"]


def test_no_speaker_is_said(world, capsys):
    assert world().enable(restart_announcer=True) == 0
    assert "--restart-announcer: no speaker of MetalLB or OpenELB was found" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------- interrupted


class Interrupting(ApiServer):
    """Ctrl-C while the request of this number is being answered."""

    number = 0

    def note(self, request):
        if len(self.requests) + 1 == self.number:
            os.kill(os.getpid(), signal.SIGINT)
        return super().note(request)


def requests_of_a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("count")
    with serving(folder, on_write=rolling) as (server, source):
        World(server, source, folder).enable()
        return len(server.requests)


def test_interrupted_at_any_request_it_says_what_was_done_and_goes_on_when_it_is_run_again(world, tmp_path_factory, capsys):
    total = requests_of_a_run(tmp_path_factory)
    capsys.readouterr()
    outcomes = set()
    for number in range(1, total + 1):
        Interrupting.number = number
        here = world(kind=Interrupting)
        code = here.enable()
        Interrupting.number = 0
        told = capsys.readouterr().err
        said = told.splitlines()[-1]
        if code == 130:
            assert said.startswith("arpcheck: interrupted; "), (number, told)
            assert ("configmap kube-system/kube-proxy changed" in said.partition("Not done")[0]) == (here.text != CONFIG), (
                number
            )
            assert ("daemonset kube-system/kube-proxy restarted" in said.partition("Not done")[0]) == bool(here.restarts), (
                number
            )
            assert ("nothing was changed" in said) == (here.text == CONFIG), number
        else:
            assert code == 0, (number, told)
        outcomes.add((code, here.text == CONFIG, bool(here.restarts)))
        at = here.restarts
        assert here.enable() == 0, number
        assert here.text == STRICT
        assert here.restarts is not None
        assert at in (None, here.restarts), "a restart that was done is not done again"
        capsys.readouterr()
    assert {(130, True, False), (130, False, False), (0, False, True)} <= outcomes


def test_a_process_that_gets_ctrl_c_ends_with_130_and_says_what_was_done(tmp_path):
    stuck = lambda *write: roll_out(*write, reaches=lambda _: False)  # noqa: E731
    with serving(tmp_path, on_write=stuck) as (server, source):
        command = [sys.executable, "-m", "arpcheck", "strict-arp", "enable", "--yes", "--kubeconfig", source.kubeconfig]
        with subprocess.Popen(
            [*command, "--backup-dir", str(tmp_path)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as run:
            told = []
            for line in run.stderr:
                told.append(line)
                if line.startswith("arpcheck: restarting daemonset"):
                    run.send_signal(signal.SIGINT)
            assert run.wait(30) == 130
        assert server.store.find("configmaps", "kube-system", "kube-proxy")["data"]["config.conf"] == STRICT
    last = told[-1]
    assert last.startswith("arpcheck: interrupted; done: configmap kube-system/kube-proxy changed (backup: ")
    assert "daemonset kube-system/kube-proxy restarted. Not done: the rollout of daemonset" in last


def test_ctrl_c_at_the_question_changes_nothing(tmp_path):
    import pty

    ours, theirs = pty.openpty()
    with serving(tmp_path) as (server, source):
        command = [sys.executable, "-m", "arpcheck", "strict-arp", "enable", "--kubeconfig", source.kubeconfig]
        with subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as run:
            told = ""
            while not told.endswith("[y/N] "):
                told += run.stderr.read(1)
            run.send_signal(signal.SIGINT)
            try:
                assert run.wait(30) == 130
            finally:
                run.kill()  # whatever it does, this test ends
            assert run.stderr.read().strip().endswith("arpcheck: interrupted; nothing was changed")
        assert not [r for r in server.requests if r.method == "PATCH" and "dryRun" not in r.query]
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("\n", 2), ("y\n", 0)])
def test_the_question(tmp_path, answer, code):
    import pty

    ours, theirs = pty.openpty()
    with serving(tmp_path, on_write=rolling) as (_, source):
        command = [sys.executable, "-m", "arpcheck", "strict-arp", "enable", "--kubeconfig", source.kubeconfig]
        os.write(ours, answer.encode())
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert ("nothing was changed" in done.stderr) == (code == 2)
    os.close(ours)
    os.close(theirs)
