"""Clean is what runs: a process that does not run, or is not known to, has loaded nothing, whatever it is told.

Each kind in several instances; the cluster is kubeadm's, with three nodes, unless a test says another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kubeproxy_objects import documents, objects_of

from arpcheck.kubeproxy.modes import Configured, Oddity, StrictArpAnswer, has
from arpcheck.kubeproxy.status import status, to_json, to_text
from arpcheck.model import Arp, Outcome
from arpcheck.objects import Objects

NODES = ("worker-1", "worker-2", "worker-3")
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def cluster(edit=lambda found: None, *, config=lambda text: text):
    """`edit` gets every object by kind and name; `config` rewrites the configuration."""
    found = documents("kubeadm")
    for document in found:
        if document["kind"] == "ConfigMap":
            document["data"]["config.conf"] = config(document["data"]["config.conf"])
            document["metadata"]["managedFields"][0]["time"] = "2026-05-01T08:00:00Z"
    extra = edit({(document["kind"], document["metadata"]["name"]): document for document in found}) or ()
    gone = [document for document in found if document.get("gone")]
    return objects_of([*(document for document in found if document not in gone), *extra])


def strict(text):
    return text.replace("strictARP: false", "strictARP: true")


def mode(name):
    return lambda text: text.replace("mode: ipvs", f"mode: {name}")


def pods(found):
    return [document for (kind, _), document in found.items() if kind == "Pod"]


def container_state(state, **more):
    def edit(found):
        for pod in pods(found):
            pod["status"]["containerStatuses"] = [{"name": "kube-proxy", "state": state, **more}]

    return edit


CLEAN = [
    pytest.param(strict, id="ipvs, strict"),
    pytest.param(mode("iptables"), id="iptables"),
    pytest.param(mode("nftables"), id="nftables"),
]
RUNS = {"running": {"startedAt": "2026-05-01T08:05:04Z"}}
FAILED_AT_ONCE = {
    "terminated": {
        "exitCode": 1,
        "reason": "Error",
        "startedAt": "2026-05-01T08:04:00Z",
        "finishedAt": "2026-05-01T08:04:02Z",
    }
}
REBOOTED = {
    "terminated": {
        "exitCode": 255,
        "reason": "Unknown",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-05-01T08:04:02Z",
    }
}


@pytest.mark.parametrize("config", CLEAN)
def test_what_runs_and_has_loaded_it_is_clean(config):
    found = status(cluster(config=config))
    assert found.exit_code == 0
    assert found.outcome is Outcome.FINE


@pytest.mark.parametrize("config", CLEAN)
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(
            container_state({"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=37, ready=False), id="crash loop"
        ),
        pytest.param(container_state({"waiting": {"reason": "ImagePullBackOff"}}), id="no image"),
        pytest.param(container_state({"terminated": {"reason": "Error", "exitCode": 1}}), id="ended"),
        pytest.param(container_state(RUNS, ready=False), id="runs, but is not ready"),
        pytest.param(
            container_state(RUNS, ready=True, restartCount=9, lastState=FAILED_AT_ONCE),
            id="a look into a crash loop while it runs",
        ),
        pytest.param(container_state({}), id="no state"),
        pytest.param(
            lambda found: [pod["status"].update(phase="Pending", containerStatuses=[]) for pod in pods(found)] and None,
            id="pending",
        ),
    ],
)
def test_a_pod_that_does_not_run_has_loaded_nothing(edit, config):
    found = status(cluster(edit, config=config))
    assert (found.answer, found.exit_code) == (StrictArpAnswer.UNKNOWN, 3)
    assert all("does not run" in node.notes[-1] for node in found.nodes)
    assert any(line.startswith("why it does not run") for line in found.do)


def test_one_pod_that_does_not_run_is_enough():
    def one(found):
        pods(found)[1]["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}

    found = status(cluster(one, config=strict))
    assert [node.answer for node in found.nodes].count(StrictArpAnswer.UNKNOWN) == 1
    assert found.exit_code == 3


def test_a_restart_after_a_reboot_is_no_crash_loop():
    assert (
        status(cluster(container_state(RUNS, ready=True, restartCount=3, lastState=REBOOTED), config=strict)).exit_code == 0
    )


def test_a_crash_loop_of_long_ago_is_over():
    objects = cluster(container_state(RUNS, ready=True, restartCount=9, lastState=FAILED_AT_ONCE), config=strict)
    later = Objects(resources=objects.resources, read_at=datetime(2026, 5, 1, 9, 0, tzinfo=UTC))
    at_once = Objects(resources=objects.resources, read_at=datetime(2026, 5, 1, 8, 6, tzinfo=UTC))
    assert (status(later).exit_code, status(at_once).exit_code) == (0, 3)


# ------------------------------------------------------------------------------------------------- pods that are missing


def counts(desired, current):
    def edit(found):
        found["DaemonSet", "kube-proxy"]["status"] = {
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": current,
            "numberReady": current,
        }
        for pod in pods(found)[: len(pods(found)) - current]:
            pod["gone"] = True

    return edit


@pytest.mark.parametrize("config", [*CLEAN, pytest.param(lambda text: text, id="ipvs, not strict")])
@pytest.mark.parametrize(("desired", "current"), [(3, 0), (3, 2), (4, 0)])
def test_what_is_wanted_and_not_there_has_loaded_nothing(config, desired, current):
    found = status(cluster(counts(desired, current), config=config))
    assert found.exit_code != 0
    missing = [node for node in found.nodes if has(node.notes, Oddity.NOT_RUNNING)]
    assert len(missing) == 3 - current
    assert {node.answer for node in missing} == {StrictArpAnswer.UNKNOWN}


@pytest.mark.parametrize("config", [*CLEAN, pytest.param(lambda text: text, id="ipvs, not strict")])
def test_a_daemon_set_for_no_node_is_not_clean(config):
    found = status(cluster(counts(0, 0), config=config))
    assert (found.answer, found.exit_code) == (StrictArpAnswer.UNKNOWN, 3)


def test_a_node_that_it_does_not_want_is_judged_by_what_the_others_run():
    assert status(cluster(counts(2, 2), config=mode("iptables"))).exit_code == 0


def test_what_stands_in_its_place_where_it_is_switched_off():
    cilium = [one for one in documents("cilium") if one["kind"] != "Node"]

    def switch_off(found):
        counts(0, 0)(found)
        return cilium

    assert status(cluster(switch_off, config=mode("iptables"))).answer is StrictArpAnswer.NOT_NEEDED
    left = status(cluster(switch_off))
    assert left.answer is StrictArpAnswer.UNKNOWN, "the ConfigMap still says ipvs, so its kube-ipvs0 may be there"
    assert has(left.nodes[0].notes, Oddity.LEFTOVERS)


# ------------------------------------------------------------------------------------------------- IPVS before


def revision(command, made="2026-04-01T00:00:00Z"):
    spec = {"containers": [{"name": "kube-proxy", "command": command}]}
    return {
        "kind": "ControllerRevision",
        "metadata": {
            "name": "kube-proxy-1",
            "namespace": "kube-system",
            "creationTimestamp": made,
            "ownerReferences": [{"kind": "DaemonSet", "name": "kube-proxy"}],
        },
        "data": {"spec": {"template": {"spec": spec}}},
    }


def after(*revisions, born="2026-01-01T00:00:00Z"):
    def edit(found):
        for (kind, _), document in found.items():
            if kind == "Node":
                document["metadata"]["creationTimestamp"] = born
        return list(revisions)

    return edit


IPVS_BEFORE = revision(["kube-proxy", "--proxy-mode=ipvs"])


@pytest.mark.parametrize("now", ["iptables", "nftables"])
def test_an_earlier_template_that_says_ipvs_leaves_it_open(now):
    found = status(cluster(after(IPVS_BEFORE), config=mode(now)))
    assert found.exit_code == 3
    assert all(has(node.notes, Oddity.LEFTOVERS) for node in found.nodes)
    assert any("ip link delete kube-ipvs0" in line for line in found.do)


def test_a_node_younger_than_every_template_never_ran_it():
    assert status(cluster(after(IPVS_BEFORE, born="2026-04-20T00:00:00Z"), config=mode("iptables"))).exit_code == 0


def test_an_earlier_template_of_another_mode_is_no_sign():
    assert status(cluster(after(revision(["kube-proxy", "--proxy-mode=iptables"])), config=mode("iptables"))).exit_code == 0


def test_a_quiet_wire_settles_it():
    objects = cluster(after(IPVS_BEFORE), config=mode("iptables"))
    assert status(objects, wire=dict.fromkeys(NODES, Arp.QUIET)).answer is StrictArpAnswer.NOT_NEEDED
    assert status(objects, wire={"worker-1": Arp.NON_STRICT}).exit_code == 1


def test_a_configuration_that_nobody_reads_any_more_is_a_sign():
    """The DaemonSet was moved to flags, and the ConfigMap was left."""

    def to_flags(found):
        for spec in (found["DaemonSet", "kube-proxy"]["spec"]["template"]["spec"], *(pod["spec"] for pod in pods(found))):
            spec["containers"][0]["command"] = ["kube-proxy", "--proxy-mode=iptables"]

    found = status(cluster(to_flags))
    assert found.exit_code == 3
    assert "configmap kube-system/kube-proxy still says mode ipvs" in found.reason


# ------------------------------------------------------------------------------------------------- its own words


USING = 'I0525 03:22:43.627302 1 server_linux.go:194] "Using {} Proxier"\n'
CANT_SET = 'E0525 03:22:43.7 1 server.go:556] "Error running ProxyServer" err="unable to create proxier: can\'t set sysctl net/ipv4/conf/all/arp_ignore to 1: open /proc/sys/net/ipv4/conf/all/arp_ignore: read-only file system"\n'
CANT_USE = 'E0525 03:22:43.7 1 run.go:74] "command failed" err="can\'t use the IPVS proxier: ipset not found"\n'


@pytest.mark.parametrize(
    ("config", "log", "answer"),
    [
        pytest.param(
            strict, USING.format("ipvs") + CANT_SET, StrictArpAnswer.NOT_LOADED, id="the sysctl could not be written"
        ),
        pytest.param(strict, USING.format("ipvs") + CANT_USE, StrictArpAnswer.NOT_LOADED, id="IPVS can't be used"),
        pytest.param(strict, CANT_USE, StrictArpAnswer.NOT_LOADED, id="IPVS can't be used, and the log has lost the rest"),
        pytest.param(
            mode("nftables"),
            'E0525 1 run.go:74] "command failed" err="unable to create proxier: nft"\n',
            StrictArpAnswer.UNKNOWN,
            id="nftables",
        ),
        pytest.param(strict, CANT_SET + USING.format("ipvs"), StrictArpAnswer.SET, id="at an earlier start"),
        pytest.param(
            mode("iptables"),
            USING.format("iptables") + "W1 1 x.go:1] can't set sysctl net/ipv4/conf/all/route_localnet: permission denied\n",
            StrictArpAnswer.NOT_NEEDED,
            id="a sysctl that has no part in it",
        ),
        pytest.param(
            mode("iptables"),
            USING.format("ipvs") + USING.format("iptables"),
            StrictArpAnswer.UNKNOWN,
            id="a start in IPVS mode before",
        ),
    ],
)
def test_what_its_log_says_after_the_proxiers_line(config, log, answer):
    assert status(cluster(config=config), logs=dict.fromkeys(NODES, log)).answer is answer


def test_the_line_is_quoted_without_what_steers_a_terminal():
    text = to_text(status(cluster(config=strict), logs={"worker-1": CANT_SET.replace("open", "\x1b[2J")}))
    assert "can't set sysctl net/ipv4/conf/all/arp_ignore" in text
    assert "\x1b" not in text


# ------------------------------------------------------------------------------------------------- opaque command lines


def started_by(command, args=None, **more):
    def edit(found):
        for spec in (found["DaemonSet", "kube-proxy"]["spec"]["template"]["spec"], *(pod["spec"] for pod in pods(found))):
            spec["containers"][0] = {"name": "kube-proxy", "command": command, **({"args": args} if args else {}), **more}
        found["ConfigMap", "kube-proxy"]["gone"] = True

    return edit


def env(**values):
    return {"env": [{"name": name, "value": value} for name, value in values.items()]}


FROM_ELSEWHERE = {"env": [{"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}]}


@pytest.mark.parametrize(
    ("edit", "answer", "said"),
    [
        pytest.param(started_by(["/start.sh"]), StrictArpAnswer.UNKNOWN, None, id="a script of the image"),
        pytest.param(started_by([]), StrictArpAnswer.UNKNOWN, None, id="no command and no args"),
        pytest.param(started_by([], ["--v=2"]), StrictArpAnswer.UNKNOWN, None, id="args alone, without the mode"),
        pytest.param(
            started_by([], ["--proxy-mode=iptables"]),
            StrictArpAnswer.UNKNOWN,
            "iptables",
            id="args alone: the image may add to them",
        ),
        pytest.param(
            started_by([], ["--proxy-mode=ipvs", "--ipvs-strict-arp=false"]),
            StrictArpAnswer.NOT_SET,
            "ipvs",
            id="args alone, the fault is said",
        ),
        pytest.param(
            started_by(["sh", "-c", "/start.sh"]), StrictArpAnswer.UNKNOWN, None, id="a shell that starts a script"
        ),
        pytest.param(started_by(["sh", "-c", "kube-proxy $ARGS"]), StrictArpAnswer.UNKNOWN, None, id="a shell's variable"),
        pytest.param(
            started_by(["sh", "-c", "kube-proxy $(cat /args)"]), StrictArpAnswer.UNKNOWN, None, id="what a command prints"
        ),
        pytest.param(
            started_by(["sh", "-c", "kube-proxy --v=2 `cat /args`"]),
            StrictArpAnswer.UNKNOWN,
            None,
            id="the same in backquotes",
        ),
        pytest.param(
            started_by(["sh", "-c", "if x; then kube-proxy --proxy-mode=ipvs; else kube-proxy; fi"]),
            StrictArpAnswer.UNKNOWN,
            None,
            id="two ways",
        ),
        pytest.param(
            started_by(["/wrap", "kube-proxy", "--v=2"]), StrictArpAnswer.UNKNOWN, None, id="a program in front of it"
        ),
        pytest.param(
            started_by(["kube-proxy", "--proxy-mode=$(MODE)"]), StrictArpAnswer.UNKNOWN, None, id="a name that nothing sets"
        ),
        pytest.param(
            started_by(["kube-proxy", "--proxy-mode=$(MODE)"], **FROM_ELSEWHERE),
            StrictArpAnswer.UNKNOWN,
            None,
            id="a value from elsewhere",
        ),
        pytest.param(
            started_by(["kube-proxy", "--proxy-mode=$(MODE)"], envFrom=[{"configMapRef": {"name": "x"}}]),
            StrictArpAnswer.UNKNOWN,
            None,
            id="envFrom",
        ),
        pytest.param(
            started_by(["kube-proxy", "--proxy-mode=$(MODE)"], **env(MODE="ipvs")),
            StrictArpAnswer.NOT_SET,
            "ipvs",
            id="a plain value",
        ),
        pytest.param(
            started_by(
                ["kube-proxy", "--proxy-mode=$(MODE)", "--ipvs-strict-arp=$(STRICT)"], **env(MODE="ipvs", STRICT="true")
            ),
            *(StrictArpAnswer.SET, "ipvs"),
            id="plain values",
        ),
        pytest.param(
            started_by(["kube-proxy", "--proxy-mode=$(B)"], **env(A="iptables", B="$(A)")),
            StrictArpAnswer.NOT_NEEDED,
            "iptables",
            id="by another",
        ),
        pytest.param(
            started_by(["sh", "-c", "kube-proxy $ARGS"], **env(ARGS="--proxy-mode=ipvs --v=2")),
            StrictArpAnswer.NOT_SET,
            "ipvs",
            id="in a shell",
        ),
        pytest.param(
            started_by(["sh", "-c", "kube-proxy ${ARGS} --v=2"], **env(ARGS="--proxy-mode=ipvs --ipvs-strict-arp")),
            *(StrictArpAnswer.SET, "ipvs"),
            id="in braces",
        ),
        pytest.param(
            started_by(["sh", "-c", "ARGS='--proxy-mode=ipvs'; exec kube-proxy $ARGS"]),
            StrictArpAnswer.NOT_SET,
            "ipvs",
            id="set in the script",
        ),
        pytest.param(
            started_by(["sh", "-c", "mkdir -p /var/lib/kube-proxy && exec kube-proxy --proxy-mode=ipvs"]),
            *(StrictArpAnswer.NOT_SET, "ipvs"),
            id="a folder of its name",
        ),
        pytest.param(
            started_by(["sh", "-c", "kube-proxy --cleanup; exec kube-proxy --proxy-mode=nftables 2>&1"]),
            *(StrictArpAnswer.NOT_NEEDED, "nftables"),
            id="a clean-up before it",
        ),
    ],
)
def test_flags_that_are_not_shown_are_not_known(edit, answer, said):
    found = status(cluster(edit))
    assert (found.answer, found.nodes[0].mode) == (answer, said)


def test_the_value_of_a_variable_is_in_no_snapshot_but_where_it_is_used():
    objects = cluster(
        started_by(["kube-proxy", "--proxy-mode=$(MODE)"], **env(MODE="ipvs", HTTPS_PROXY="http://u:secret@p"))
    )
    assert "secret" not in str(objects.resources)
    assert "--proxy-mode=ipvs" in str(objects.resources)


# ------------------------------------------------------------------------------------------------- the second of the change


def test_the_first_new_pod_in_the_second_of_the_change():
    def restart(found):
        for pod in pods(found):
            pod["metadata"]["creationTimestamp"] = "2026-05-01T08:00:00Z"
            pod["metadata"]["annotations"] = {RESTARTED: "2026-05-01T08:00:01Z"}
            pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": "2026-05-01T08:00:00Z"}}

    assert status(cluster(restart, config=strict)).answer is StrictArpAnswer.SET


# ------------------------------------------------------------------------------------------------- outcomes


def test_every_answer_has_an_outcome_and_nothing_judged_is_never_fine():
    assert {one: one.outcome for one in StrictArpAnswer} == {
        StrictArpAnswer.NOT_NEEDED: Outcome.FINE,
        StrictArpAnswer.SET: Outcome.FINE,
        StrictArpAnswer.NOT_SET: Outcome.FAULT,
        StrictArpAnswer.NOT_LOADED: Outcome.FAULT,
        StrictArpAnswer.UNKNOWN: Outcome.UNSURE,
    }
    assert status(objects_of([])).exit_code == 3


@pytest.mark.parametrize(
    ("config", "edit", "told"),
    [
        (strict, lambda found: None, Configured.STRICT),
        (lambda text: text, lambda found: None, Configured.NON_STRICT),
        (strict, container_state({"waiting": {"reason": "CrashLoopBackOff"}}), Configured.STRICT),
        (mode("iptables"), lambda found: None, Configured.NOT_NEEDED),
        (lambda text: "[", lambda found: None, Configured.UNKNOWN),
    ],
)
def test_what_is_configured_stands_apart_from_what_runs(config, edit, told):
    found = status(cluster(edit, config=config))
    assert {node.configured for node in found.nodes} == {told}
    assert to_json(found)["nodes"][0]["configured"] == str(told)
