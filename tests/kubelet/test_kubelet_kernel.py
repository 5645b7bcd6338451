"""Manifests on the kernel: what a container may do, and that `arpcheck pod` reports the same as a probe beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.lab import network

pytestmark = pytest.mark.lab(long=True)

PROGRAM = Path(__file__).parent / "pods_on_stage.py"
NET_RAW = 1 << 13


def staged(*arguments):
    program = network.command([sys.executable, str(PROGRAM), *arguments])
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SHELL = """grep -E '^(Cap|NoNew)' /proc/self/status; echo user: $(id -u):$(id -g); hostname
for path in /x /tmp/x /empty/x /plan/x /var/run/secrets/x; do touch $path 2>/dev/null && echo writable: $path; done
echo nics: $(ls /sys/class/net); echo 1 2>/dev/null > /proc/sys/net/ipv4/ip_forward && echo writable: sysctl
ls /var/run/secrets/kubernetes.io/serviceaccount 2>/dev/null; ls /plan 2>/dev/null; cat /plan/plan 2>/dev/null; echo; echo said: $SAID $0"""


def shell(**container):
    return {"command": ["sh", "-c", SHELL], **container}


CONTAINERS = {
    "manifest": shell(
        securityContext={
            "runAsUser": 0, "runAsGroup": 0, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
        },
        env=[{"name": "SAID", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}], args=["$(SAID)-$$(SAID)"],
        pod={"automountServiceAccountToken": False, "volumes": [{"name": "empty", "emptyDir": {}}, {"name": "plan", "configMap": {"name": "kube-root-ca.crt",
             "items": [{"key": "ca.crt", "path": "plan"}]}}]},
        volumeMounts=[{"name": "empty", "mountPath": "/empty"}, {"name": "plan", "mountPath": "/plan"}],
    ),
    "user": shell(securityContext={"runAsUser": 65532, "runAsGroup": 65532, "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}),
    "plain": shell(),
    "none": shell(securityContext={"capabilities": {"drop": ["ALL"]}}),
}  # fmt: skip


def test_a_container_has_the_rights_of_its_manifest_and_no_other():
    found = {name: log.splitlines() for name, log in staged("rights", json.dumps(CONTAINERS)).items()}
    sets = {name: {line.split()[0]: line.split()[1] for line in lines[:6]} for name, lines in found.items()}
    assert {key: int(value, 16) for key, value in sets["manifest"].items()} == {
        "CapInh:": 0, "CapPrm:": NET_RAW, "CapEff:": NET_RAW, "CapBnd:": NET_RAW, "CapAmb:": 0, "NoNewPrivs:": 1,
    }  # fmt: skip
    assert found["manifest"][6:] == [
        "user: 0:0", "worker-1", "writable: /empty/x", "nics: eth0 kube-ipvs0 lo", "plan", "-", "said: worker-1 worker-1-$(SAID)",
    ]  # fmt: skip
    assert (int(sets["user"]["CapEff:"], 16), int(sets["user"]["CapBnd:"], 16)) == (0, NET_RAW), (
        "an exec leaves a user nothing"
    )
    assert found["user"][6] == "user: 65532:65532"
    assert int(sets["plain"]["CapEff:"], 16) == 0xA80425FB
    assert {"writable: /x", "ca.crt", "token"} <= {*found["plain"]}
    assert "writable: sysctl" not in found["plain"]
    assert int(sets["none"]["CapBnd:"], 16) == 0


def test_the_manifests_of_pod_run_as_they_are_and_report_what_a_probe_beside_them_does():
    found = staged("report")
    assert found["created"] == [201] * len(found["created"])
    assert found["refused"] == [], "the account may read all that it asks for"
    ours, beside = json.loads(found["log"]), json.loads(found["beside"][1])
    [state] = found["state"]["containerStatuses"]
    assert state["state"]["terminated"]["exitCode"] == found["beside"][0] == ours["summary"]["exitCode"] == 1
    assert ours["evidence"]["host"]["nodeName"] == "worker-2"
    assert judged(ours) == judged(beside)
    assert [gap["what"] for gap in ours["gaps"]] == ["leases.coordination.k8s.io"], "of Cilium and kube-vip: not granted"
    assert found["left"] == []


def test_the_deployments_of_a_watch_serve_metrics_and_know_after_a_restart_what_they_knew():
    """Each with a right to its own state alone; worker-2 and worker-3 answer without strict ARP."""
    found = staged("watch")
    assert {*found["created"][:-1]} == {201}
    assert found["created"][-1] == 404, "the PodMonitor: no Prometheus operator here"
    for node, others in (("worker-1", {"worker-2", "worker-3"}), ("worker-3", {"worker-1", "worker-2"})):
        lines = [
            line
            for line in found["metrics"][node].splitlines()
            if line.startswith("arpcheck_address_responder{") and line.endswith(" 1.0")
        ]
        assert {other for other in others if any(f'node="{other}"' in line for line in lines)} == others, (
            "what each node hears"
        )
    assert {*found["state"]} == {"arpcheck-watch-eth0-a", "arpcheck-watch-eth0-b"}
    assert "10.0.0.50: non-strict" in found["log"]
    assert "10.0.0.50" not in found["log of the next"], "a restart is no change"
    assert found["node"] == "worker-1"
    assert found["refused"] == ["/apis/coordination.k8s.io/v1/leases"], "of Cilium and kube-vip: not granted"


def judged(report):
    targets = {
        target["ip"]: [target["verdict"], sorted(r["macs"][0] for r in target["responders"])] for target in report["targets"]
    }
    findings = {finding["id"] for finding in report["findings"]} - {"gap"}
    return targets, {node["name"]: node["arp"] for node in report["nodes"]}, findings
