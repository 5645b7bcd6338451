"""The roles that `arpcheck cluster --rbac` prints are enough, and none of their rules can be left out."""

import itertools

import forked
import pytest
import strictly
import yaml
from simulated_cluster import world

from arpcheck import pipeline
from arpcheck.commands.pod import policy_rules

TOOLS = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tools"}}


def printed(*words):
    done = forked.arpcheck("cluster", "--rbac", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def rules(documents):
    """As the API server of the tests takes them."""
    return [
        {**rule, **({"namespace": space} if (space := document["metadata"].get("namespace")) else {})}
        for document in documents
        for rule in document["rules"]
    ]


CASES = {"own": (), "existing": ("-n", "tools")}


@pytest.mark.parametrize("words", [(), ("-n", "tools"), ("--openshift",), ("-n", "tools", "--openshift")], ids=" ".join)
def test_a_strict_server_takes_them(words):
    for document in printed(*words):
        strictly.validate(document, "1.30.0")
        for rule in document["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert "secrets" not in rule["resources"]


@pytest.mark.parametrize("case", CASES)
def test_they_are_enough(tmp_path, case):
    with world("healthy", tmp_path, more=(TOOLS,), rules=rules(printed(*CASES[case]))) as there:
        code, _, said = there.report(*CASES[case])
        assert (code, there.left()) == (0, []), said


def test_what_is_made_in_a_namespace_that_exists_is_allowed_there_alone():
    everywhere, there = printed("-n", "tools")
    assert (everywhere["kind"], there["kind"], there["metadata"]["namespace"]) == ("ClusterRole", "Role", "tools")
    assert {*itertools.chain(*(rule["verbs"] for rule in everywhere["rules"]))} == {"list", "get"}
    assert everywhere["rules"] == policy_rules(pipeline.rights())


REFUSED = {"namespaces": ("create", "namespaces"), "jobs": ("create", "jobs.batch"), "logs": ("get", "pods/log")}


@pytest.mark.parametrize("name", REFUSED)
def test_without_one_of_them_it_says_so_and_leaves_nothing(tmp_path, name):
    with world("healthy", tmp_path, denied=[REFUSED[name]]) as there:
        done = there.run("--rate", "0", "-o", "json")
        assert (done.returncode in (2, 3), "forbidden" in done.stderr, there.left()) == (True, True, []), done.stderr
        assert (done.returncode == 2) == (name == "namespaces")
