"""What a run of `arpcheck cluster` makes: valid, labelled with the run, and with no right but the one it uses."""

import base64
import re

import pytest
import strictly

from arpcheck.commands.app import COMMANDS
from arpcheck.vantages import manifests
from arpcheck.vantages.manifests import RunOfJobs

VERSIONS = ("1.30.0", strictly.latest_version())


def run(**more):
    given = {
        "id": "7f3a01", "namespace": "arpcheck-7f3a01", "own_namespace": True, "image": "registry.example/arpcheck:1",
        "owner": "boot/1/2", "lifetime": 3600,
    }  # fmt: skip
    return RunOfJobs(**{**given, **more})


def everything(of):
    name = of.job_name("v", 1)
    return [
        *manifests.setting(of),
        manifests.scout_job(of, of.job_name("s", 1), "worker-1", deadline=600),
        manifests.plan_map(of, name, b"\x00\xff"),
        manifests.vantage_job(of, name, "worker-1", ("eth0", "eth1.$(A)"), deadline=600),
    ]


RUNS = {
    "own": run(), "existing": run(own_namespace=False, namespace="tools"), "openshift": run(openshift=True),
    "secret": run(pull_secret="pull"),
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RUNS)
def test_a_strict_server_takes_every_one_of_them(name, version):
    for document in everything(RUNS[name]):
        strictly.validate(document, version)


@pytest.mark.parametrize("name", RUNS)
def test_everything_is_labelled_with_its_run_and_says_whose_it_is(name):
    for document in everything(RUNS[name]):
        assert manifests.owner_of(document) == ("7f3a01", "boot/1/2", "3600")
        if document["kind"] == "Job":
            labels = document["spec"]["template"]["metadata"]["labels"]
            assert (labels[manifests.RUN], labels[manifests.JOB]) == ("7f3a01", document["metadata"]["name"])


def test_a_namespace_that_is_there_is_not_made():
    kinds = [document["kind"] for document in everything(RUNS["existing"])]
    assert (kinds, {d["metadata"].get("namespace") for d in everything(RUNS["existing"])}) == (
        ["ServiceAccount", "Job", "ConfigMap", "Job"], {"tools"},
    )  # fmt: skip


def test_no_job_has_a_token_or_a_capability_that_it_does_not_use():
    scout, vantage = (d["spec"]["template"]["spec"] for d in everything(run()) if d["kind"] == "Job")
    assert [s["automountServiceAccountToken"] for s in (scout, vantage)] == [False, False]
    assert scout["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert vantage["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}
    assert {s["containers"][0]["securityContext"]["readOnlyRootFilesystem"] for s in (scout, vantage)} == {True}
    account = next(d for d in everything(run()) if d["kind"] == "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & {d["kind"] for d in everything(run())}


def test_the_plan_is_mounted_where_the_command_reads_it():
    plan, job = everything(run())[-2:]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert base64.b64decode(plan["binaryData"][manifests.PLAN_KEY]) == b"\x00\xff"
    assert job["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == plan["metadata"]["name"]
    assert container["args"] == [
        "vantage", "--job", "arpcheck-7f3a01-v1", "--iface", "eth0", "--iface", "eth1.$$(A)", "/plan",
    ]  # fmt: skip


def test_names_are_labels_however_long_a_nodes_name_is():
    of = run()
    job = manifests.scout_job(of, of.job_name("s", 499), "n" * 250, deadline=600)
    assert re.fullmatch(r"[a-z0-9-]{1,63}", job["metadata"]["name"])
    [term] = job["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]  # fmt: skip
    assert term == {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n" * 250]}]}
    assert "nodeName" not in job["spec"]["template"]["spec"]


def test_the_command_in_a_job_exists():
    assert {d["spec"]["template"]["spec"]["containers"][0]["args"][0] for d in everything(run()) if d["kind"] == "Job"} <= {
        *COMMANDS
    }
