"""`arpcheck cluster` from start to end, on an API server with controllers and kubelets, and a simulated wire."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from apiserver import Fault
from simulated_cluster import node_of, words, world

from arpcheck.lab import scene_file
from arpcheck.lab.apiserver import write_kubeconfig

THREE = """
title = "Three segments"
about = "A kernel without strict ARP in the first, two announcers in the second, nothing wrong in the third, two nodes in two."

[lans]
lan = "10.0.0.0/24"
second = "10.1.0.0/24"
third = "10.2.0.0/24"

[nodes]
a-1 = { ipvs = "strict", nics = { eth0 = { addresses = "10.0.0.11" } } }
a-2 = { ipvs = "non-strict", nics = { eth0 = { addresses = "10.0.0.12" } } }
a-3 = { ipvs = "strict", nics = { eth0 = { addresses = "10.0.0.13" } } }
b-1 = { ipvs = "strict", nics = { eth0 = { lan = "second", addresses = "10.1.0.11" } } }
b-2 = { ipvs = "strict", nics = { eth0 = { lan = "second", addresses = "10.1.0.12" } } }
b-3 = { ipvs = "strict", nics = { eth0 = { lan = "second", addresses = "10.1.0.13" } } }
c-1 = { ipvs = "strict", nics = { eth0 = { lan = "third", addresses = "10.2.0.11" } } }
c-2 = { ipvs = "strict", nics = { eth0 = { lan = "third", addresses = "10.2.0.12" } } }
c-3 = { ipvs = "strict", nics = { eth0 = { lan = "third", addresses = "10.2.0.13" } } }

[[services]]
name = "web/first"
ips = "10.0.0.50"
l2_status = "a-1"

[[services]]
name = "web/second"
ips = "10.1.0.50"
l2_status = "b-1"

[[services]]
name = "web/third"
ips = "10.2.0.50"
l2_status = "c-1"

[[announcers]]
at = "a-1"
ips = "10.0.0.50"

[[announcers]]
at = "b-1"
ips = "10.1.0.50"

[[announcers]]
at = "b-2"
ips = "10.1.0.50"

[[announcers]]
at = "c-1"
ips = "10.2.0.50"

[hosts.client.nics]
eth0 = { addresses = "10.0.0.5" }

[expect]
exit = 1
"""


def three():
    return scene_file.parse(THREE, "three")


def verdicts(document):
    return {target["ip"]: target["verdict"] for target in document["targets"] if target["verdict"]}


def arp(document):
    return {node["name"]: node["arp"] for node in document["nodes"]}


def gaps(document):
    """Why each node said nothing, by what it should have said and its name: `evidence worker-2`."""
    found = {}
    for gap in document["gaps"]:
        what, of, nodes = gap["what"].partition(" of ")
        found |= {f"{what} {node}" if of else what: gap["why"] for node in nodes.split(", ")}
    return found


def test_a_healthy_segment_is_clean_and_nothing_is_left(tmp_path):
    with world("healthy", tmp_path) as there:
        code, document, said = there.report()
        assert (code, document["findings"], verdicts(document)) == (0, [], {"10.0.0.50": "ok"}), said
        assert set(arp(document).values()) == {"quiet"}
        assert len(there.heard) == 2
        assert there.left() == []


def test_three_segments_are_one_report_and_each_is_asked_only_what_belongs_to_it(tmp_path):
    with world(three(), tmp_path) as there:
        code, document, said = there.report()
        assert (code, verdicts(document)) == (
            1, {"10.0.0.50": "non-strict", "10.1.0.50": "duplicate", "10.2.0.50": "ok"},
        ), said  # fmt: skip
        assert arp(document) == {name: "non-strict" if name == "a-2" else "quiet" for name in arp(document)}
        assert len(arp(document)) == 9
        assert {*there.heard} == {"a-2", "a-3", "b-2", "b-3", "c-2", "c-3"}
        for node, evidence in there.heard.items():
            network = {"a": "10.0.0.", "b": "10.1.0.", "c": "10.2.0."}[node[0]]
            asked = {str(question.ip) for question in evidence.questions} - {"10.96.0.1", "192.0.2.1"}
            assert asked
            assert all(ip.startswith(network) for ip in asked), (node, asked)
        assert there.left() == []


FAULTS = {"two-controllers": "duplicate", "split-brain": "duplicate", "port-without-broadcasts": "silent"}


@pytest.mark.parametrize("name", FAULTS)
def test_who_announces_does_not_probe_where_others_can(tmp_path, name):
    """It would not hear itself, and of two that reply each would hear the other alone."""
    with world(name, tmp_path) as there:
        code, document, said = there.report()
        assert (code, verdicts(document)) == (1, {"10.0.0.50": FAULTS[name]}), said


@pytest.mark.parametrize("name", ["ordinary-two-networks", "ipv6-healthy", "ordinary-node-powered-off"])
def test_an_ordinary_cluster_is_clean(tmp_path, name):
    """Also where the nodes' own addresses are in another network than the Services': that is probed too, and every node
    said which NICs it has."""
    with world(name, tmp_path) as there:
        code, document, said = there.report()
        assert (code, {*verdicts(document).values()}) == (0, {"ok"}), said
        assert {entry["format"] for entry in document["evidence"]["macMap"]} == {"job"}


def test_the_evidence_can_be_judged_again_and_merged_anywhere(tmp_path):
    with world("healthy", tmp_path) as there:
        done = there.run("-o", "json", "--rate", "0", "--output", str(tmp_path / "saved.json"))
        assert done.returncode == 0
        saved = json.loads((tmp_path / "saved.json").read_text())
        assert [one["name"] for one in saved["evidence"]["vantages"]] == ["worker-1", "worker-3"]


OPTIONS = {
    "all nodes": (("--all-nodes",), {"worker-1", "worker-2", "worker-3"}),
    "named": (("--nodes", "worker-3,worker-2"), {"worker-2", "worker-3"}),
    "by labels": (("--node-selector", "kubernetes.io/hostname in (worker-2,worker-3)"), {"worker-2", "worker-3"}),
    "by segment": (("--segment", "10.0.0.0/16"), {"worker-1", "worker-3"}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_where_to_probe_can_be_said(tmp_path, name):
    given, nodes = OPTIONS[name]
    with world("healthy", tmp_path) as there:
        for _, node in [*there.server.api.store.view("nodes")]:
            obj = there.server.api.store.find("nodes", "", node)
            there.server.api.store.put({**obj, "metadata": {**obj["metadata"], "labels": {"kubernetes.io/hostname": node}}})
        code, _, said = there.report(*given)
        assert ({*there.heard}, code) == (nodes, 0), said


WRONG = {
    "node": (("--nodes", "worker-9"), "worker-9"), "labels": (("--node-selector", "a=b"), "a=b"),
    "selector": (("--node-selector", "a in b"), "a in b"), "segment": (("--segment", "10.7.0.0/24"), "10.7.0.0/24"),
    "network": (("--segment", "ten"), "ten"), "sender": (("--sender", "10.0.0.5"), "10.0.0.5"),
    "secret": (("--pull-secret", "x"), "--pull-secret"), "force": (("--force",), "--force"),
    "namespace": (("-n", "A_B"), "A_B"), "image": (("--image", "a b"), "a b"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_makes_no_sense_is_one_line_and_nothing_stays(tmp_path, name):
    given, named = WRONG[name]
    with world("healthy", tmp_path) as there:
        done = there.run(*given)
        lines = [line for line in done.stderr.splitlines() if named in line]
        assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), done.stderr
        assert there.left() == []


# ---------------------------------------------------------------------------------------------------------------- Failures


def _changed(change, nodes=("worker-2", "worker-3")):
    """Containers whose logs are changed on these nodes."""

    def play(played, said):
        given = [*said]
        yield from change(given) if node_of(played) in nodes and "--scout" not in words(played) else given

    return play


LOGS = {
    "cut": (lambda lines: lines[:-1], "was cut"),
    "empty": (lambda lines: [], "no evidence"),
    "damaged": (lambda lines: [lines[0][:-5] + "AAAAA", *lines[1:]], "damaged"),
    "mixed": (lambda lines: [*lines, re.sub("-v[0-9] ", "-v9 ", lines[-1])], "another Job"),
    "rotated": (lambda lines: [lines[-1]], "missing"),
    "not ours": (lambda lines: ["exec /arpcheck: exec format error"], "no evidence"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_is_not_whole_is_a_gap_and_never_clean(tmp_path, name):
    change, expected = LOGS[name]
    with world("healthy", tmp_path, play=_changed(change)) as there:
        code, document, said = there.report()
        assert (code, expected in gaps(document)["evidence worker-2"]) == (3, True), (document["gaps"], said)
        assert document["evidence"]["vantages"] == []  # the other one alone
        assert arp(document)["worker-1"] == "self"
        assert there.left() == []


def test_another_node_takes_the_place_of_one_that_failed(tmp_path):
    with world("healthy", tmp_path, play=_changed(lambda lines: lines[:-1], ("worker-3",))) as there:
        code, document, said = there.report()
        assert (code, verdicts(document)) == (0, {"10.0.0.50": "ok"}), said
        assert "was cut" in gaps(document)["evidence worker-3"]
        assert [one["name"] for one in document["evidence"]["vantages"]] == ["worker-1", "worker-2"]
        assert set(arp(document).values()) == {"quiet"}


def test_a_vantage_that_fails_says_why(tmp_path):
    def play(played, said):
        if "--scout" not in words(played) and node_of(played) != "worker-1":
            yield "arpcheck: no permission to open a packet socket"
            return 2
        yield from said
        return 0

    with world("healthy", tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, "no permission to open a packet socket" in gaps(document)["evidence worker-2"]) == (3, True), said
        assert there.left() == []


def test_where_every_vantage_fails_nothing_is_judged(tmp_path):
    with world("healthy", tmp_path, play=lambda played, said: said if "--scout" in words(played) else iter(())) as there:
        code, document, _ = there.report()
        assert (code, verdicts(document)) == (3, {"10.0.0.50": "inconclusive"})
        assert {*gaps(document)} >= {"evidence worker-1", "evidence worker-3", "segments"}
        assert there.left() == []


def test_a_segment_without_a_vantage_is_not_judged_and_the_others_are(tmp_path):
    def play(played, said):
        yield from said if node_of(played)[0] != "c" or "--scout" in words(played) else ()

    with world(three(), tmp_path, play=play) as there:
        code, document, _ = there.report()
        assert (code, verdicts(document)) == (
            1, {"10.0.0.50": "non-strict", "10.1.0.50": "duplicate", "10.2.0.50": "inconclusive"},
        )  # fmt: skip
        assert "10.2.0.0/24" in gaps(document)["segments"]


def test_a_segment_without_an_address_that_nobody_probed_is_not_clean(tmp_path):
    parts = [part for part in THREE.split("\n\n") if not part.startswith(("[[services]]", "[[announcers]]"))]
    healthy = scene_file.parse("services = []\n" + "\n\n".join(parts).replace("non-strict", "strict"), "nothing announced")

    def play(played, said):
        yield from said if node_of(played)[0] != "c" or "--scout" in words(played) else ()

    with world(healthy, tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, [why for why in document["summary"]["because"] if "10.2.0.0/24" in why] != []) == (3, True), said


def test_only_a_segment_of_which_the_rest_is_told_apart(tmp_path):
    with world(three(), tmp_path) as there:
        code, document, said = there.report("--segment", "10.2.0.0/24")
        assert (code, verdicts(document)) == (
            0, {"10.0.0.50": "not-probed", "10.1.0.50": "not-probed", "10.2.0.50": "ok"},
        ), said  # fmt: skip
        assert {*there.heard} == {"c-2", "c-3"}


def test_an_image_that_can_not_be_pulled(tmp_path):
    with world("healthy", tmp_path) as there:
        there.plane.trouble.no_image.add("worker-2")
        code, document, said = there.report("--start-timeout", "2s")
        assert code == 0, said  # worker-2 did not say which interfaces it has; worker-1 and worker-3 hear it all the same
        assert "pull" in gaps(document)["interfaces worker-2"]
        assert {*there.heard} == {"worker-1", "worker-3"}
        assert there.left() == []


def test_a_node_without_room(tmp_path):
    with world("healthy", tmp_path) as there:
        there.plane.taint("worker-3", "x", "NoSchedule")
        code, _, said = there.report("--start-timeout", "2s")
        assert ({*there.heard}, code) == ({"worker-1", "worker-2"}, 0), said  # tainted ones last


def test_a_namespace_that_refuses_the_pods(tmp_path):
    quiet = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict"}}
    with world("healthy", tmp_path, more=(quiet,), pod_security="baseline", plane_security="baseline") as there:
        code, document, said = there.report("-n", "strict", "--start-timeout", "20s")
        assert code == 3, said
        assert any("PodSecurity" in why for why in gaps(document).values()), document["gaps"]
        assert there.left() == []


def test_an_eviction_in_mid_run(tmp_path):
    evicted = []

    def play(played, said):
        given = [*said]
        if node_of(played) == "worker-3" and "--scout" not in words(played):
            evicted.append(1)
            yield given[0]
            there.plane.kubelets.evict(*_pod(there, "-v"))
            played.over.wait()
            return
        yield from given

    with world("healthy", tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, evicted, "Evicted" in gaps(document)["evidence worker-3"]) == (0, [1], True), (
            document["gaps"],
            said,
        )
        assert there.left() == []


def test_a_node_that_is_lost_in_mid_run(tmp_path):
    def play(played, said):
        if node_of(played) == "worker-3" and "--scout" not in words(played):
            there.plane.lose("worker-3")
            played.over.wait()
            return
        yield from said

    with world("healthy", tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, "Node" in gaps(document)["evidence worker-3"]) == (0, True), (document["gaps"], said)
        assert there.left() == []


def _pod(there, part):
    """Namespace and name of the newest Pod of a Job of the run."""
    return next(key for key, _ in reversed([*there.server.api.store.view("pods").items()]) if part in key[1])


# ----------------------------------------------------------------------------------------------------------- What changes


def test_a_failover_between_two_vantages_is_no_accusation(tmp_path):
    def play(played, said):
        given = [*said]
        if "--scout" not in words(played) and len(there.heard) == 1:
            _fail_over(there)
        yield from given

    with world(scene_file.parse(FOUR, "four"), tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, verdicts(document)) == (3, {"10.0.0.50": "moved"}), said


FOUR = """
title = "Four nodes"
about = "worker-3 announces; worker-4 takes over when the test says so."

[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
worker-3 = { ipvs = "strict" }
worker-4 = { ipvs = "strict" }

[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-3"

[[announcers]]
at = "worker-3"
ips = "10.0.0.50"

[expect]
exit = 0
"""


def _fail_over(there):
    """worker-4 takes over: its speaker answers, and MetalLB says so."""
    scene = there.scene
    [announcer] = scene.announcers
    there.scene = replace(scene, announcers=(replace(announcer, station="worker-4"),))
    store = there.server.api.store
    [(key, stored)] = store.view("servicel2statuses.metallb.io").items()
    moved = {**stored.obj, "status": {**stored.obj["status"], "node": "worker-4"}}
    moved["metadata"] = {k: v for k, v in moved["metadata"].items() if k not in ("uid", "creationTimestamp")}
    store.delete("servicel2statuses.metallb.io", *key)
    store.put({**moved, "metadata": {**moved["metadata"], "name": f"{key[1]}-2"}})


def test_a_service_that_goes_in_mid_run_accuses_nobody(tmp_path):
    def play(played, said):
        if "--scout" not in words(played) and not there.heard:
            there.scene = replace(there.scene, announcers=())
            there.server.api.store.delete("services", "web", "nginx")
        yield from said

    with world("healthy", tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, verdicts(document)) == (3, {"10.0.0.50": "inconclusive"}), said


# ---------------------------------------------------------------------------------------------------------------- Dry run


def test_a_dry_run_makes_nothing_and_prints_what_kubectl_takes(tmp_path):
    with world("healthy", tmp_path) as there:
        done = there.run("--dry-run")
        kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
        assert (done.returncode, kinds) == (0, ["Namespace", "ServiceAccount", "Job", "Job"]), done.stderr
        assert {request.method for request in there.server.requests} == {"GET"}


# -------------------------------------------------------------------------------------------- An API server that has troubles


def test_an_api_server_that_restarts_in_mid_run_is_waited_for(tmp_path):
    broken = (
        Fault(path="*/pods", status=503, times=3),
        Fault(path="*/jobs", status=500, times=2),
        Fault(path="*/log", cut=50, times=1),
    )

    def play(played, said):
        if "--scout" not in words(played) and not there.heard:
            for fault in broken:
                there.server.fail(fault)
        yield from said

    with world("healthy", tmp_path, play=play) as there:
        code, document, said = there.report()
        assert (code, verdicts(document), gaps(document)) == (0, {"10.0.0.50": "ok"}, {}), said
        assert there.left() == []


def config(server, user):
    found = server.config("lab")
    found["users"][0]["user"] = user
    return found


def test_a_token_that_changes_in_mid_run_is_read_again(tmp_path):
    file = tmp_path / "token"

    def play(played, said):
        if "--scout" not in words(played) and not there.heard:
            there.server.api._token = "second"
            file.write_text("second")
        yield from said

    with world("healthy", tmp_path, play=play, token="first") as there:
        file.write_text("first")
        there.kubeconfig = write_kubeconfig(tmp_path / "with-file", config(there.server, {"tokenFile": str(file)}))
        code, document, said = there.report()
        assert (code, verdicts(document)) == (0, {"10.0.0.50": "ok"}), said
        assert there.left() == []


def test_a_login_that_ends_in_mid_run_ends_it_at_once(tmp_path):
    def play(played, said):
        if "--scout" not in words(played) and not there.heard:
            there.server.api._token = "second"
        yield from said

    with world("healthy", tmp_path, play=play, token="first") as there:
        done = there.run("--rate", "0")
        assert (done.returncode, done.stdout, "arpcheck cluster clean" in done.stderr) == (2, "", True), done.stderr
        assert "401" in done.stderr
        there.server.api._token = "first"
        cleaned = there.run("clean")
        assert (cleaned.returncode, there.left()) == (0, []), cleaned.stdout + cleaned.stderr


# ------------------------------------------------------------------------------------------------------- NodeNetworkState


def _state(number, at):
    interfaces = [
        {"name": "lo", "type": "loopback", "state": "up", "mac-address": "00:00:00:00:00:00", "ipv4": {"address": [{"ip": "127.0.0.1", "prefix-length": 8}]}},
        {
            "name": "eth0", "type": "ethernet", "state": "up", "mac-address": f"02:01:00:00:{number:02X}:00",
            "ipv4": {"address": [{"ip": f"10.0.0.1{number}", "prefix-length": 24}], "enabled": True},
        },
    ]  # fmt: skip
    return {
        "apiVersion": "nmstate.io/v1beta1", "kind": "NodeNetworkState", "metadata": {"name": f"worker-{number}"},
        "status": {"lastSuccessfulUpdateTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "currentState": {"interfaces": interfaces}},
    }  # fmt: skip


def _with_states(tmp_path, *ages):
    now = datetime.now(UTC)
    states = tuple(_state(number, now - age) for number, age in enumerate(ages, 1))
    return world("healthy", tmp_path, more=states, serves=["nmstate.io/v1beta1/NodeNetworkState/cluster"])


NONE, OLD = timedelta(0), timedelta(hours=1)


def test_nodes_of_which_kubernetes_nmstate_reports_are_not_asked(tmp_path):
    with _with_states(tmp_path, NONE, NONE, NONE) as there:
        code, document, said = there.report()
        assert (code, verdicts(document), "for the interfaces" in said) == (0, {"10.0.0.50": "ok"}, False), said
        assert {*there.heard} == {"worker-1", "worker-3"}
        assert document["evidence"]["macMap"] == []


def test_an_old_report_is_not_believed(tmp_path):
    with _with_states(tmp_path, NONE, OLD, NONE) as there:
        code, _, said = there.report()
        assert (code, "asking 1 node for the interfaces" in said) == (0, True), said


def test_a_dry_run_then_prints_all_that_would_be_made(tmp_path):
    with _with_states(tmp_path, NONE, NONE, NONE) as there:
        done = there.run("--dry-run")
        kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
        assert (done.returncode, kinds) == (0, ["Namespace", "ServiceAccount", *["ConfigMap", "Job"] * 2]), done.stderr
        assert "# segment 10.0.0.0/24: 3 nodes, 1 address, asked by worker-1 and worker-3" in done.stdout
