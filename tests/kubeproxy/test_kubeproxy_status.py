"""The answer for a cluster: what is configured, what a process told of itself, what was refused, what the wire showed."""

from __future__ import annotations

import json

import pytest
from kubeproxy_objects import documents, fixture, objects_of

from arpcheck.kubeproxy.modes import StrictArpAnswer
from arpcheck.kubeproxy.remedy import from_configz, from_log
from arpcheck.kubeproxy.status import status, to_json, to_text
from arpcheck.model import Arp

NODES = ("worker-1", "worker-2", "worker-3")
STARTED = "2026-05-01T08:05:00Z"


def kubeadm(
    config=lambda text: text,
    *,
    refused=(),
    version="v1.33.4",
    stale=(),
    changed="2026-05-01T08:00:00Z",
    strategy="RollingUpdate",
):
    """The kubeadm fixture: `config` rewrites its text; the pods of `stale` nodes are of the day before its last change."""
    found = documents("kubeadm")
    for document in found:
        metadata = document["metadata"]
        match document["kind"]:
            case "ConfigMap":
                document["data"]["config.conf"] = config(document["data"]["config.conf"])
                metadata["managedFields"][0]["time"] = changed
            case "Node":
                document["status"]["nodeInfo"]["kubeletVersion"] = version
            case "DaemonSet":
                document["spec"]["updateStrategy"]["type"] = strategy
            case "Pod" if document["spec"]["nodeName"] in stale:
                metadata["creationTimestamp"] = document["status"]["startTime"] = "2026-04-30T00:00:00Z"
                document["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = "2026-04-30T00:00:00Z"
    return objects_of(found, refused=refused)


def strict(text):
    return text.replace("strictARP: false", "strictARP: true")


def mode(name):
    return lambda text: text.replace("mode: ipvs", f"mode: {name}")


def unhistoried(objects):
    """Without managedFields, as `kubectl get` prints objects by default."""
    for obj in objects.of("configmaps"):
        obj["metadata"].pop("managedFields", None)
    return objects


@pytest.mark.parametrize(
    ("objects", "answer", "code", "reason"),
    [
        pytest.param(
            *(kubeadm(), StrictArpAnswer.NOT_SET, 1),
            "Strict ARP is needed and not set on 3 of 3 nodes (configmap kube-system/kube-proxy): worker-1, worker-2, worker-3",
            id="not set",
        ),
        pytest.param(
            *(kubeadm(strict), StrictArpAnswer.SET, 0),
            "Strict ARP is needed and set (configmap kube-system/kube-proxy); every process is known to have loaded it",
            id="set and loaded",
        ),
        pytest.param(
            *(unhistoried(kubeadm(strict)), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; when configmap kube-system/kube-proxy was changed last "
            "is not recorded (metadata.managedFields, which kubectl leaves out without --show-managed-fields)",
            id="set, nothing shows what was loaded",
        ),
        pytest.param(
            *(kubeadm(strict, stale=["worker-2"]), StrictArpAnswer.NOT_LOADED, 1),
            "Strict ARP is set but not loaded on 1 of 3 nodes: worker-2; pod kube-system/kube-proxy-9mzq7 runs since "
            "2026-04-30T00:00:00Z, configmap kube-system/kube-proxy was changed 2026-05-01T08:00:00Z",
            id="set, one process is older",
        ),
        pytest.param(
            *(kubeadm(mode("iptables")), StrictArpAnswer.NOT_NEEDED, 0),
            "Strict ARP is not needed: in mode iptables no Service address is bound to an interface of a node",
            id="iptables",
        ),
        pytest.param(
            *(kubeadm(lambda text: strict(mode("nftables")(text))), StrictArpAnswer.NOT_NEEDED, 0),
            "Strict ARP is not needed: in mode nftables no Service address is bound to an interface of a node",
            id="nftables with strictARP",
        ),
        pytest.param(
            *(kubeadm(mode('""')), StrictArpAnswer.NOT_NEEDED, 0),
            "Strict ARP is not needed: in mode iptables no Service address is bound to an interface of a node",
            id="empty mode",
        ),
        pytest.param(
            *(kubeadm(mode('""'), version="v1.40.0"), StrictArpAnswer.NOT_NEEDED, 0),
            "Strict ARP is not needed: in mode nftables no Service address is bound to an interface of a node",
            id="empty mode, 1.40",
        ),
        pytest.param(
            *(kubeadm(mode("iptables"), stale=["worker-3"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 1 of 3 nodes: worker-3; pod kube-system/kube-proxy-tw5ds runs since 2026-04-30T00:00:00Z, "
            "configmap kube-system/kube-proxy was changed 2026-05-01T08:00:00Z",
            id="iptables, one process is older: of which mode?",
        ),
        pytest.param(
            *(kubeadm(lambda text: text.replace("strictARP: false", "strictArp: true")), StrictArpAnswer.NOT_SET, 1),
            "Strict ARP is needed and not set on 3 of 3 nodes (configmap kube-system/kube-proxy): worker-1, worker-2, worker-3; "
            'line 34: "ipvs.strictArp" is not ipvs.strictARP, and kube-proxy ignores it',
            id="misspelt",
        ),
        pytest.param(
            *(kubeadm(lambda text: text.replace("strictARP: false", 'strictARP: "true"')), StrictArpAnswer.NOT_SET, 1),
            "Strict ARP is needed and not set on 3 of 3 nodes (configmap kube-system/kube-proxy): worker-1, worker-2, worker-3; "
            'line 34: strictARP is a text ("true"), not a boolean: kube-proxy exits at its start with it, and what runs now '
            "has loaded something else",
            id="a text",
        ),
        pytest.param(
            *(kubeadm(lambda text: "ipvs: [" + text), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; unreadable: line 2: expected ',' or ']', but got ':'",
            id="no YAML",
        ),
        pytest.param(
            *(kubeadm(refused=["configmaps"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; configmap kube-system/kube-proxy could not be read: "
            "forbidden",
            id="ConfigMaps refused",
        ),
        pytest.param(
            *(kubeadm(strict, refused=["pods"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; pods could not be read: forbidden; whether the process "
            "is older than its configuration is not known",
            id="pods refused",
        ),
        pytest.param(
            *(kubeadm(strict, refused=["daemonsets.apps"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; its DaemonSet could not be read: forbidden",
            id="DaemonSets refused",
        ),
        pytest.param(
            *(kubeadm(strict, refused=["nodes"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell: nodes could not be read: forbidden",
            id="nodes",
        ),
        pytest.param(
            *(kubeadm(refused=["nodes"]), StrictArpAnswer.NOT_SET, 1),
            "Strict ARP is needed and not set (configmap kube-system/kube-proxy); nodes could not be read: forbidden",
            id="nodes refused, the fault is proven all the same",
        ),
        pytest.param(
            *(kubeadm(refused=["pods"]), StrictArpAnswer.NOT_SET, 1),
            "Strict ARP is needed and not set on 3 of 3 nodes (configmap kube-system/kube-proxy): worker-1, worker-2, worker-3; "
            "pods could not be read: forbidden; whether the process is older than its configuration is not known",
            id="pods refused, the fault is proven all the same",
        ),
        pytest.param(*(objects_of([]), StrictArpAnswer.UNKNOWN, 3), "Can't tell: there is no node", id="nothing at all"),
        pytest.param(
            *(kubeadm(refused=["pods", "daemonsets.apps", "configmaps"]), StrictArpAnswer.UNKNOWN, 3),
            "Can't tell for 3 of 3 nodes: worker-1, worker-2, worker-3; daemonsets.apps could not be read (forbidden): a "
            "kube-proxy may run unseen; pods could not be read (forbidden): a kube-proxy may run unseen",
            id="everything refused",
        ),
    ],
)
def test_answers(objects, answer, code, reason):
    found = status(objects)
    assert (found.answer, found.exit_code, found.reason) == (answer, code, reason)


# ---------------------------------------------------------------------------------------------- what a process says

IPVS_LOG = 'I0525 03:22:43.627302       1 server_linux.go:194] "Using ipvs Proxier"\n'
IPTABLES_LOG = 'I0525 03:22:43.627302       1 server_linux.go:140] "Using iptables Proxier"\n'
WROTE = 'I0525 03:22:43.7 1 utils.go:278] "Changed sysctl" name="net/ipv4/conf/all/arp_ignore" before=0 after=1\n'


@pytest.mark.parametrize(
    ("log", "mode", "strict_arp"),
    [
        pytest.param("I0106 11:49:18.025710 1 server_others.go:150] Using iptables Proxier.\n", "iptables", None, id="1.18"),
        pytest.param("I0106 11:49:18.025710 1 server_others.go:259] Using ipvs Proxier.\n", "ipvs", None, id="1.18, ipvs"),
        pytest.param('I0106 1 server_others.go:269] "Using ipvs Proxier"\n', "ipvs", None, id="1.23"),
        pytest.param('"Using iptables proxy"\n"Using iptables Proxier"\n', "iptables", None, id="1.26"),
        pytest.param('"Using nftables Proxier"\n', "nftables", None, id="1.29"),
        pytest.param(
            IPVS_LOG + 'E0525 1 server_linux.go:196] "The ipvs proxier is now deprecated"\n', "ipvs", None, id="1.36"
        ),
        pytest.param("Using Kernelspace Proxier.\n", "kernelspace", None, id="Windows"),
        pytest.param(
            '{"ts":1,"caller":"app/server_linux.go:194","msg":"Using ipvs Proxier","v":0}\n', "ipvs", None, id="JSON"
        ),
        pytest.param(IPTABLES_LOG + IPVS_LOG, "ipvs", None, id="the last one"),
        pytest.param(IPVS_LOG + WROTE, "ipvs", True, id="verbose: it wrote the sysctl"),
        pytest.param(IPVS_LOG + WROTE + IPVS_LOG, "ipvs", None, id="it wrote the sysctl at an earlier start"),
        pytest.param(
            IPVS_LOG + '{"msg":"Changed sysctl","name":"net/ipv4/conf/all/arp_ignore","before":0,"after":1}\n',
            *("ipvs", True),
            id="verbose, JSON",
        ),
        pytest.param(IPVS_LOG + WROTE.replace("after=1", "after=12"), "ipvs", None, id="another value"),
    ],
)
def test_the_proxier_line(log, mode, strict_arp):
    found = from_log(log)
    assert found is not None
    assert (found.mode, found.strict_arp, found.where, found.failed) == (mode, strict_arp, "its log", "")


@pytest.mark.parametrize(
    "log", ["", '"Using iptables proxy"\n', "Syncing iptables rules\n", 'Unknown proxy mode "", assuming…\n']
)
def test_a_log_that_does_not_say_it(log):
    assert from_log(log) is None


def configz(**config):
    return json.dumps({"kubeproxy.config.k8s.io": config})


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (configz(Mode="ipvs", IPVS={"StrictARP": True}), ("ipvs", True)),
        (configz(Mode="ipvs", IPVS={"StrictARP": False, "Scheduler": ""}), ("ipvs", False)),
        (configz(Mode="", IPVS={}), ("", None)),
        (configz(mode="ipvs", ipvs={"strictARP": True}), ("ipvs", True)),
        (configz(Mode=7, IPVS={"StrictARP": "true"}), (None, None)),
        (configz(), (None, None)),
    ],
)
def test_configz(output, expected):
    found = from_configz(output)
    assert found is not None
    assert (found.mode, found.strict_arp) == expected


@pytest.mark.parametrize("output", ["", "{}", "[]", "curl: (7) Failed", '{"kubeproxy.config.k8s.io": 3}', "[" * 100000])
def test_what_is_no_configz(output):
    assert from_configz(output) is None
    found = status(kubeadm(strict), configz={"worker-1": output})
    assert found.answer == "set"
    assert "what was given as /configz is not its output" in found.nodes[0].notes


STRICT_CONFIGZ = configz(Mode="ipvs", IPVS={"StrictARP": True})
LOOSE_CONFIGZ = configz(Mode="ipvs", IPVS={"StrictARP": False})


@pytest.mark.parametrize(
    ("objects", "logs", "outputs", "answer", "worker_1"),
    [
        pytest.param(kubeadm(strict), {}, LOOSE_CONFIGZ, "not-loaded", ("ipvs", True, False), id="set, not running"),
        pytest.param(unhistoried(kubeadm(strict)), {}, STRICT_CONFIGZ, "set", ("ipvs", True, True), id="set and running"),
        pytest.param(
            kubeadm(strict, stale=NODES), {}, STRICT_CONFIGZ, "set", ("ipvs", True, True), id="older, but the same"
        ),
        pytest.param(
            kubeadm(mode("iptables"), stale=NODES),
            IPTABLES_LOG,
            {},
            "not-needed",
            ("iptables", False, True),
            id="older, iptables",
        ),
        pytest.param(
            kubeadm(mode("iptables")), IPVS_LOG, {}, "not-loaded", ("iptables", False, False), id="iptables, runs in ipvs"
        ),
        pytest.param(
            kubeadm(strict), IPTABLES_LOG, {}, "not-loaded", ("ipvs", True, False), id="ipvs fell back to iptables"
        ),
        pytest.param(
            unhistoried(kubeadm(strict)), IPVS_LOG, {}, "unknown", ("ipvs", True, None), id="the log does not say strictARP"
        ),
        pytest.param(
            unhistoried(kubeadm(strict)), IPVS_LOG + WROTE, {}, "set", ("ipvs", True, True), id="it says it wrote it"
        ),
        pytest.param(
            kubeadm(refused=["configmaps"]), {}, STRICT_CONFIGZ, "set", ("ipvs", True, True), id="only /configz knows"
        ),
        pytest.param(
            kubeadm(refused=["configmaps"]), {}, LOOSE_CONFIGZ, "not-set", ("ipvs", False, True), id="and the opposite"
        ),
        pytest.param(
            kubeadm(refused=["configmaps"]), IPVS_LOG, {}, "unknown", ("ipvs", None, True), id="only the mode is known"
        ),
        pytest.param(
            kubeadm(refused=["configmaps"]),
            IPTABLES_LOG,
            {},
            "not-needed",
            ("iptables", None, True),
            id="the mode is enough",
        ),
        pytest.param(kubeadm(strict), "rotated", {}, "set", ("ipvs", True, True), id="a log that lost it"),
        pytest.param(
            kubeadm(strict), IPTABLES_LOG, STRICT_CONFIGZ, "set", ("ipvs", True, True), id="/configz before the log"
        ),
        pytest.param(kubeadm(), {}, STRICT_CONFIGZ, "not-set", ("ipvs", False, False), id="running, but not set"),
    ],
)
def test_the_running_process_beside_its_configuration(objects, logs, outputs, answer, worker_1):
    by_node = (dict.fromkeys(NODES, text) if text else {} for text in (logs, outputs))
    found = status(objects, logs=next(by_node), configz=next(by_node))
    assert found.answer == answer
    assert (found.nodes[0].mode, found.nodes[0].strict_arp, found.nodes[0].loaded) == worker_1


def test_microk8s_is_known_once_its_node_was_asked():
    found = status(fixture("microk8s"), configz={"ubuntu-a": STRICT_CONFIGZ})
    assert (found.answer, found.source) == ("set", "/configz")


# -------------------------------------------------------------------------------------------------------- the wire


@pytest.mark.parametrize(
    ("objects", "arp", "answer"),
    [
        (kubeadm(strict), Arp.NON_STRICT, "not-loaded"),
        (kubeadm(strict), Arp.QUIET, "set"),
        (kubeadm(strict), Arp.UNREACHED, "set"),
        (kubeadm(mode("iptables")), Arp.NON_STRICT, "not-loaded"),
        (kubeadm(), Arp.QUIET, "not-set"),
        (kubeadm(refused=["configmaps"]), Arp.NON_STRICT, "not-set"),
        (kubeadm(refused=["configmaps"]), Arp.QUIET, "unknown"),
    ],
)
def test_the_wire_refutes_a_clean_answer(objects, arp, answer):
    assert status(objects, wire={"worker-2": arp}).answer == answer


def test_the_wire_as_proof():
    found = status(unhistoried(kubeadm(strict)), wire=dict.fromkeys(NODES, Arp.QUIET))
    assert found.reason == (
        "Strict ARP is needed and set (configmap kube-system/kube-proxy); every node keeps quiet on the wire"
    )


# ------------------------------------------------------------------------------------------------------- what to do


@pytest.mark.parametrize(
    ("objects", "arp", "do"),
    [
        pytest.param(
            *(kubeadm(), None),
            (
                "arpcheck strict-arp enable",
                "or by hand: kubectl -n kube-system edit configmap kube-proxy   # config.conf: ipvs.strictARP: true",
                "kubectl -n kube-system rollout restart daemonset kube-proxy",
                "kubectl -n kube-system rollout status daemonset kube-proxy",
                "sudo arpcheck preflight --iface auto   # the proof",
            ),
            id="not set",
        ),
        pytest.param(
            *(kubeadm(strict, stale=["worker-2"]), None),
            (
                "kubectl -n kube-system rollout restart daemonset kube-proxy",
                "kubectl -n kube-system rollout status daemonset kube-proxy",
                "sudo arpcheck preflight --iface auto   # the proof",
            ),
            id="not loaded",
        ),
        pytest.param(
            *(kubeadm(strict, stale=["worker-2"], strategy="OnDelete"), None),
            (
                "daemonset kube-system/kube-proxy has updateStrategy OnDelete: delete its pods one after the other: "
                "kubectl -n kube-system delete pod kube-proxy-4xk2p",
                "sudo arpcheck preflight --iface auto   # the proof",
            ),
            id="not loaded, OnDelete",
        ),
        pytest.param(
            *(unhistoried(kubeadm(strict)), None),
            (
                "make the file with kubectl get --show-managed-fields, or read the cluster itself",
                "to see what worker-1 has loaded (likewise for the others): "
                "kubectl -n kube-system port-forward pod/kube-proxy-4xk2p 10249:10249",
                "and in another terminal: curl -s http://localhost:10249/configz > configz.json",
                "on the node: curl -s http://localhost:10249/proxyMode",
                "on the node: sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce   # 1 and 2 are strict",
            ),
            id="set, not shown",
        ),
        pytest.param(kubeadm(strict), None, (), id="set and loaded"),
        pytest.param(kubeadm(mode("iptables")), None, (), id="not needed"),
        pytest.param(
            *(kubeadm(mode("iptables")), Arp.NON_STRICT),
            (
                "kube-ipvs0 is left over from IPVS mode; on each node, one after the other: sudo ip link delete kube-ipvs0",
                "sudo arpcheck preflight --iface auto   # the proof",
            ),
            id="leftovers",
        ),
        pytest.param(
            *(unhistoried(kubeadm(strict)), Arp.NON_STRICT),
            (
                "kubectl -n kube-system rollout restart daemonset kube-proxy",
                "kubectl -n kube-system rollout status daemonset kube-proxy",
                "sudo arpcheck preflight --iface auto   # the proof",
            ),
            id="set, nothing shown, but it answers",
        ),
        pytest.param(
            *(kubeadm(refused=["configmaps"]), None),
            (
                "let arpcheck read configmaps (forbidden)",
                "to see what worker-1 has loaded (likewise for the others): "
                "kubectl -n kube-system port-forward pod/kube-proxy-4xk2p 10249:10249",
                "and in another terminal: curl -s http://localhost:10249/configz > configz.json",
                "on the node: curl -s http://localhost:10249/proxyMode",
                "on the node: sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce   # 1 and 2 are strict",
            ),
            id="can't tell",
        ),
    ],
)
def test_what_to_do(objects, arp, do):
    assert status(objects, wire={"worker-1": arp} if arp else {}).do == do


@pytest.mark.parametrize("distribution", ["k3s", "eks", "openshift", "kops", "kubespray", "rke2"])
def test_where_another_system_owns_it_arpcheck_does_not_offer_to_edit(distribution):
    do = "\n".join(status(fixture(distribution)).do)
    assert "owns this configuration" in do
    assert "strict-arp enable" not in do


# -------------------------------------------------------------------------------------------------------- the forms


def test_as_text():
    objects = kubeadm(lambda text: text.replace("strictARP: false", "strictArp: true"), stale=["worker-2"])
    assert to_text(status(objects, wire={"worker-1": Arp.NON_STRICT})) == (
        "not-set: Strict ARP is needed and not set on 3 of 3 nodes (configmap kube-system/kube-proxy): "
        'worker-1, worker-2, worker-3; line 34: "ipvs.strictArp" is not ipvs.strictARP, and kube-proxy ignores it; '
        "on the wire worker-1 replied for a Service address.\n"
        "Read from: configmap kube-system/kube-proxy\n"
        "\n"
        "NODE      MODE  STRICT ARP  LOADED\n"
        "worker-1  ipvs  false       true\n"
        "worker-2  ipvs  false       false\n"
        "worker-3  ipvs  false       true\n"
        "\n"
        "Notes:\n"
        '  all nodes: line 34: "ipvs.strictArp" is not ipvs.strictARP, and kube-proxy ignores it\n'
        "  worker-2: pod kube-system/kube-proxy-9mzq7 runs since 2026-04-30T00:00:00Z, configmap kube-system/kube-proxy was "
        "changed 2026-05-01T08:00:00Z\n"
        "\n"
        "Also:\n"
        "  IPVS mode is deprecated from 1.35 on, to be off by default in 1.40 and removed in 1.43 (KEP-5495)\n"
        "  The other way out is mode nftables (stable since 1.33): it binds no address and removes kube-ipvs0 when it starts\n"
        "  Mode iptables binds no address either. kube-ipvs0 with its addresses stays until the node is rebooted or "
        "`kube-proxy --cleanup` has run there\n"
        "\n"
        "Do:\n"
        "  arpcheck strict-arp enable\n"
        "  or by hand: kubectl -n kube-system edit configmap kube-proxy   # config.conf: ipvs.strictARP: true\n"
        "  kubectl -n kube-system rollout restart daemonset kube-proxy\n"
        "  kubectl -n kube-system rollout status daemonset kube-proxy\n"
        "  sudo arpcheck preflight --iface auto   # the proof\n"
    )


def test_one_node_alone_has_no_others():
    found = status(unhistoried(kubeadm(strict)), configz=dict.fromkeys(NODES[1:], STRICT_CONFIGZ))
    assert found.do[1] == (
        "to see what worker-1 has loaded: kubectl -n kube-system port-forward pod/kube-proxy-4xk2p 10249:10249"
    )


def test_many_nodes_are_counted():
    names = [f"n{number:02}" for number in range(12)]
    arguments = '["agent","--kube-proxy-arg","proxy-mode=IPVS"]'
    nodes = [{"kind": "Node", "metadata": {"name": name, "annotations": {"k3s.io/node-args": arguments}}} for name in names]
    found = status(objects_of([*nodes, {"kind": "Node", "metadata": {"name": "other"}}]))
    assert found.reason.startswith("Can't tell for 13 of 13 nodes: n00, n01, n02, n03, n04, n05, n06, n07 and 5 more; ")
    assert '\n  n00, n01, n02, n03 and 8 more: kube-proxy of this version has no mode "IPVS"' in to_text(found)


def test_strict_arp_without_effect_is_noted():
    found = status(kubeadm(lambda text: strict(mode("nftables")(text))))
    assert found.nodes[0].notes == ("strictARP is set, but has no effect in mode nftables",)
    assert status(kubeadm(mode("nftables"))).nodes[0].notes == ()


def test_text_of_nothing():
    assert to_text(status(objects_of([]))).startswith("unknown: Can't tell: there is no node.\n\nDo:\n")


def test_as_json():
    document = to_json(status(kubeadm(strict), wire={"worker-1": Arp.QUIET}))
    assert json.loads(json.dumps(document)) == document
    assert {key: document[key] for key in ("apiVersion", "kind", "answer", "source", "owner", "exitCode", "do")} == {
        "apiVersion": "arpcheck/v1",
        "kind": "StrictArpStatus",
        "answer": "set",
        "source": "configmap kube-system/kube-proxy",
        "owner": None,
        "exitCode": 0,
        "do": [],
    }
    assert document["nodes"][:2] == [
        {
            "name": "worker-1",
            "mode": "ipvs",
            "strictARP": True,
            "loaded": True,
            "configured": "strict",
            "source": "configmap kube-system/kube-proxy",
            "answer": "set",
            "arp": "quiet",
            "notes": [],
        },
        {
            "name": "worker-2",
            "mode": "ipvs",
            "strictARP": True,
            "loaded": True,
            "configured": "strict",
            "source": "configmap kube-system/kube-proxy",
            "answer": "set",
            "arp": None,
            "notes": [],
        },
    ]


def test_what_comes_from_the_cluster_steers_no_terminal():
    objects = kubeadm(lambda text: text.replace("strictARP: false", '"strict\\u001b[2JArp": true'))
    text = to_text(status(objects))
    assert "\x1b" not in text
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("config", [mode("IPVS"), lambda text: text.replace("strictARP: false", 'strictARP: "true"')])
def test_no_process_has_loaded_what_it_would_not_start_with(config):
    assert [node.loaded for node in status(kubeadm(config)).nodes] == [False, False, False]
