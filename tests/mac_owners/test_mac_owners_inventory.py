from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import yaml
from mac_owners_world import M1, M2, M3, N1, N2, cluster, evidence, heard, node

from arpcheck.commands.inventory import SCRIPT, inventory_csv, inventory_manifest, inventory_table, unresolved
from arpcheck.errors import UsageError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners import all_identities
from arpcheck.mac_owners.mac_list import read_mac_map
from arpcheck.model import MacListFormat, SourceRank

ENTRIES = (
    MacEntry(mac=M1, node="node1", interface="eth0", where="hosts:1 (ethers)", format=MacListFormat.ETHERS),
    MacEntry(mac=M2, node="node1", interface=None, where="hosts:2 (ethers)", format=MacListFormat.ETHERS),
    MacEntry(mac=M3, node="node1", interface="eth7", where="a.csv:1", format=MacListFormat.CSV),
    MacEntry(mac=M3, node="node2", interface=None, where="b, c.csv:1", format=MacListFormat.CSV),
)
GIVEN = evidence(replies=[*heard(N1, M1), *heard(N2, M2)], mac_map=ENTRIES)


def test_the_table_shows_every_claim():
    assert (
        inventory_table(GIVEN)
        == """\
MAC                NODE   INTERFACE  SOURCE   WHERE             SEEN
02:00:00:00:00:01  node1  -          node-ip  10.0.0.11         2026-03-01T12:00:00+00:00
02:00:00:00:00:01  node1  eth0       mac-map  hosts:1 (ethers)  -
02:00:00:00:00:02  node2  -          node-ip  10.0.0.12         2026-03-01T12:00:00+00:00
02:00:00:00:00:02  node1  -          mac-map  hosts:2 (ethers)  -
02:00:00:00:00:03  node1  eth7       mac-map  a.csv:1           -
02:00:00:00:00:03  node2  -          mac-map  b, c.csv:1        -

No MAC address is known for node3.
"""
    )


def test_the_file_holds_what_the_strongest_agree_on():
    assert (
        inventory_csv(GIVEN)
        == """\
mac,node,interface,note
02:00:00:00:00:01,node1,,heard at 10.0.0.11
02:00:00:00:00:02,node2,,heard at 10.0.0.12
# 02:00:00:00:00:03: node1 (mac-map: a.csv:1) or node2 (mac-map: b, c.csv:1)
"""
    )


def test_the_file_is_read_back():
    again = replace(GIVEN, replies=(), mac_map=read_mac_map(inventory_csv(GIVEN), "inventory.csv").entries)
    assert [(entry.mac, entry.node) for entry in again.mac_map] == [(M1, "node1"), (M2, "node2")]


@pytest.mark.parametrize("form", MacListFormat)
def test_what_is_read_back_says_no_more_than_its_source(form):
    """A reply for a node's address lists no NICs, and a part of them is not all."""
    given = evidence(mac_map=[MacEntry(mac=M1, node="node1", interface=None, where="f:1", format=form)])
    again = replace(given, mac_map=read_mac_map(inventory_csv(given), "inventory.csv").entries if form.lists_nics else ())
    (before,), after = all_identities(given), all_identities(again)
    assert [claim.node for claim in after] == ["node1"] * form.lists_nics
    assert all((claim.lists_nics, claim.lists_all) == (before.lists_nics, before.lists_all) for claim in after)
    assert unresolved(given) == (("node2", "node3") if form.rank < SourceRank.SEEN else ("node1", "node2", "node3"))


def test_replies_read_back_list_no_nics():
    """Two machines that reply for one node's address stay two."""
    given = evidence(replies=heard(N1, M1, M3))
    entries = read_mac_map(inventory_csv(given), "inventory.csv").entries
    assert [entry.format for entry in entries] == [MacListFormat.HEARD] * 2
    again = replace(given, mac_map=entries)
    assert not any(claim.lists_nics for claim in all_identities(again))


def test_neither_depends_on_an_order():
    for entries in permutations(ENTRIES):
        turned = replace(GIVEN, mac_map=entries, replies=GIVEN.replies[::-1])
        assert inventory_table(turned) == inventory_table(GIVEN)
        assert inventory_csv(turned) == inventory_csv(GIVEN)


def test_a_hostile_name_stays_on_its_line():
    given = evidence(cluster([node("no\nde,\x1b[31m", N1)]), heard(N1, M1))
    assert inventory_csv(given) == f'mac,node,interface,note\n{M1},"no\\x0ade,\\x1b[31m",,heard at {N1}\n'
    assert inventory_table(given).count("\n") == 2


@pytest.mark.parametrize("name", ["\u202e\u05d0", "x" * 10_000])
def test_no_name_turns_a_line_around_or_fills_the_screen(name):
    given = evidence(cluster([node(name, N1)]), heard(N1, M1))
    for shown in (inventory_csv(given), inventory_table(given)):
        assert max(map(len, shown.splitlines())) < 500
        assert not set(name) & set("\u202e\u05d0") & set(shown)


def test_the_nic_is_the_first_that_one_of_the_strongest_names():
    entries = [
        MacEntry(mac=M1, node="node1", interface=nic, where=f"a.csv:{n}", format=MacListFormat.CSV)
        for n, nic in enumerate((None, "eth0"))
    ]
    assert inventory_csv(evidence(mac_map=entries)) == f"mac,node,interface,note\n{M1},node1,eth0,mac-map: a.csv:0\n"


def test_a_node_without_a_name_is_none_of_which_no_mac_is_known():
    assert unresolved(evidence(cluster([node("", N1), node("b", N2), node("a")]))) == ("a", "b")


def test_nothing_known():
    assert unresolved(evidence()) == ("node1", "node2", "node3")
    assert inventory_csv(evidence()) == "mac,node,interface,note\n"
    assert inventory_table(evidence(cluster([]))) == "MAC  NODE  INTERFACE  SOURCE  WHERE  SEEN\n"


def test_the_manifest_is_a_job_a_node():
    text = inventory_manifest(["w2", "w1", "w2"], "alpine:3", "run-1")
    jobs = list(yaml.safe_load_all(text))
    assert [job["metadata"]["annotations"]["arpcheck/node"] for job in jobs] == ["w1", "w2"]
    assert len({job["metadata"]["name"] for job in jobs}) == 2
    assert text == inventory_manifest(["w1", "w2"], "alpine:3", "run-1")
    assert text.startswith("# Reads /sys/class/net of 2 node(s).")
    for job in jobs:
        pod = job["spec"]["template"]["spec"]
        assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
        assert job["spec"]["activeDeadlineSeconds"] == 60
        assert job["spec"]["ttlSecondsAfterFinished"] == 600
        assert job["spec"]["backoffLimit"] == 0
        assert pod["hostNetwork"] is True
        assert not {"hostPID", "hostIPC", "volumes", "serviceAccountName"} & pod.keys()
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["command"] == ["/bin/sh", "-c", SCRIPT]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert "privileged" not in container["securityContext"]


MANIFEST = """\
# Reads /sys/class/net of 1 node(s). hostNetwork needs a namespace whose pod security level is privileged.
#   kubectl -n NAMESPACE apply -f FILE
#   kubectl -n NAMESPACE wait --for=condition=complete --timeout=90s job -l arpcheck/run=run-1
#   kubectl -n NAMESPACE logs -l arpcheck/run=run-1 --tail=-1 > macs.log    and then: arpcheck … --mac-map macs.log
---
apiVersion: batch/v1
kind: Job
metadata:
  name: arpcheck-60c5590f72ee-run-1
  labels:
    app.kubernetes.io/managed-by: arpcheck
    arpcheck/run: run-1
  annotations:
    arpcheck/node: w1
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 60
  ttlSecondsAfterFinished: 600
  template:
    metadata:
      labels:
        arpcheck/run: run-1
    spec:
      restartPolicy: Never
      hostNetwork: true
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 0
      tolerations:
      - operator: Exists
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchFields:
              - key: metadata.name
                operator: In
                values:
                - w1
      securityContext:
        runAsNonRoot: true
        runAsUser: 65534
        runAsGroup: 65534
        seccompProfile:
          type: RuntimeDefault
      containers:
      - name: inventory
        image: alpine:3
        imagePullPolicy: IfNotPresent
        command:
        - /bin/sh
        - -c
        - |
          echo "node $NODE_NAME"
          cd /sys/class/net && grep -H . */address */addr_assign_type */operstate */type */ifindex */iflink */master/ifindex */bonding_slave/perm_hwaddr 2>/dev/null
          echo ---route; cat /proc/net/route
          echo ---vlan; cat /proc/net/vlan/config 2>/dev/null
          echo ---end; exit 0
        env:
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop:
            - ALL
        resources:
          requests:
            cpu: 5m
            memory: 16Mi
          limits:
            cpu: 100m
            memory: 32Mi
"""


def test_the_manifest_word_for_word():
    assert inventory_manifest(["w1"], "alpine:3", "run-1") == MANIFEST


def test_no_node_no_manifest():
    assert inventory_manifest([], "alpine:3", "r") == ""


def test_names_that_are_long_or_hostile_stay_within_their_field():
    names = ["n" * 253, "a: b\n---\nkind: Pod", "$(reboot)", '"']
    jobs = list(yaml.safe_load_all(inventory_manifest(names, "registry.example/a@sha256:0", "r" * 32)))
    assert [job["metadata"]["annotations"]["arpcheck/node"] for job in jobs] == sorted(names)
    assert all(len(job["metadata"]["name"]) <= 63 for job in jobs)
    assert {job["spec"]["template"]["spec"]["containers"][0]["command"][2] for job in jobs} == {SCRIPT}


@pytest.mark.parametrize(
    ("image", "run"),
    [
        ("", "r"),
        ("a b", "r"),
        ("a\n", "r"),
        ("a" * 501, "r"),
        ("a", ""),
        ("a", "R"),
        ("a", "r" * 33),
        ("a", "-r"),
        ("a", "r\n"),
    ],
)
def test_what_no_job_can_have(image, run):
    with pytest.raises(UsageError):
        inventory_manifest(["n"], image, run)


def test_an_image_is_named_by_what_fits_a_line():
    assert f"image: {'a' * 500}\n" in inventory_manifest(["n"], "a" * 500, "r")
    with pytest.raises(UsageError) as caught:
        inventory_manifest(["n"], "a" * 81 + " ", "r")
    assert caught.value.message == f"'{'a' * 80}' is not an image"
