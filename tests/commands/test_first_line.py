"""What is told on stderr before a run: which cluster, how much is asked for, how long, and what fits nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from simulated.wire import scene_host

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.commands.dry_run import DryRun
from arpcheck.commands.opening import first_line, unselected
from arpcheck.commands.option_groups import cluster_words, kubeconfig_note
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.objects import Objects

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONLINE = ClusterSource()


def planned(scene="ordinary-dual-stack", **options):
    found = scene_file.load(scene)
    options = Options(interfaces=("eth0",), **options)
    objects = cluster_objects.objects(found, NOW, pipeline.NEEDS)
    objects = replace(objects, context="prod", server="https://10.0.0.1:6443", account="kubeconfig /home/ann/.kube/config")
    return pipeline.plan(options, objects, scene_host(found)), options, objects


def test_it_names_cluster_numbers_interface_and_time():
    plan, options, objects = planned()
    line = first_line(plan, options, objects, ONLINE)
    judged = [target for target in plan.targets if target.services]
    asked = sum(1 for target in judged if not target.skipped)
    for words in (
        "context 'prod'", "https://10.0.0.1:6443", "kubeconfig /home/ann/.kube/config", f"{asked} address", "nodes",
        f"({len(judged) - asked} left out)", "on eth0", "3 rounds", "about ",
    ):  # fmt: skip
        assert words in line
    assert len(judged) > asked > 0


def test_one_of_a_thing_is_no_plural():
    plan, options, objects = planned("two-non-strict", rounds=1)
    line = first_line(plan, options, objects, ONLINE)
    assert "1 address and" in line
    assert "1 round at" in line


@pytest.mark.parametrize(
    ("objects", "source", "words"),
    [
        (Objects(context="prod", server="https://x", account="kubeconfig f"), ONLINE, "context 'prod', https://x, kubeconfig f"),
        (Objects(context="in-cluster", server="https://x", account="the pod's service account"), ONLINE,
         "the pod's cluster, https://x, the pod's service account"),
        (Objects(context="prod", read_at=NOW), ClusterSource(cluster_file="c.json"), "file c.json, context 'prod'"),
        (Objects(context="c.json"), ClusterSource(cluster_file="c.json"), "file c.json"),
        (Objects(context="prod", read_at=NOW), ClusterSource(cluster_file="-"), "standard input, context 'prod'"),
    ],
)  # fmt: skip
def test_where_the_cluster_was_read_from(objects, source, words):
    assert cluster_words(objects, source) == words


@pytest.mark.parametrize(
    ("environ", "source", "told"),
    [
        ({"SUDO_UID": "1000"}, ONLINE, True),
        ({"SUDO_UID": "1000"}, ClusterSource(context="prod"), True),
        ({"SUDO_UID": "1000", "KUBECONFIG": "/x"}, ONLINE, False),
        ({"SUDO_UID": "1000"}, ClusterSource(kubeconfig="/x"), False),
        ({"SUDO_UID": "1000"}, ClusterSource(cluster_file="/x"), False),
        ({}, ONLINE, False),
    ],
)
def test_sudo_is_told_to_have_dropped_kubeconfig(environ, source, told, monkeypatch, capsys):
    for name in ("SUDO_UID", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    kubeconfig_note(source)
    assert ("--preserve-env=KUBECONFIG" in capsys.readouterr().err) == told


def test_what_fits_no_service_is_told_before_anything_is_sent():
    plan, options, objects = planned("two-non-strict", namespaces=("wbe",))
    words = "no LoadBalancer Service was selected by -n wbe (did you mean web?)"
    assert unselected(plan, options, objects) == (words,)
    assert first_line(plan, options, objects, ONLINE).split("; ")[1] == words
    page = DryRun(plan, options, objects, NOW)
    assert page.text().splitlines()[0] == "no LoadBalancer Service was selected by -n wbe (did you mean web?)."
    assert json.loads(page.json())["unselected"] == [*unselected(plan, options, objects)]


def test_the_dry_run_as_json_says_what_the_table_says():
    plan, options, objects = planned()
    found = json.loads(DryRun(plan, options, objects, NOW).json())
    assert (found["apiVersion"], found["kind"], found["context"], found["rounds"]) == ("arpcheck/v1", "DryRun", "prod", 3)
    assert len(found["targets"]) == len(plan.targets)
    assert {(row["ip"], ask["interface"], ask["sender"]) for row in found["targets"] for ask in row["requests"]} == {
        (str(ask.ip), ask.interface, str(ask.sender)) for ask in plan.requests
    }
    assert found["interfaces"] == [
        {"name": "eth0", "framesPerRound": len(plan.requests), "frames": len(plan.requests) * options.rounds}
    ]
    assert [row["skipped"] for row in found["targets"]] == [target.skipped for target in plan.targets]
