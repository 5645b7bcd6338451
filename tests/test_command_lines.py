"""The commands in a report: they have what this run had, can be pasted, and hostile names stay one word of the shell."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host
from typer.main import get_command

from arpcheck import pipeline
from arpcheck.command_lines import PROBING, READING, CommandLines
from arpcheck.commands.app import app
from arpcheck.evidence import Evidence, Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.objects import Objects
from arpcheck.runs.redact import redact

NOW = datetime(2026, 3, 1, 2, 58, tzinfo=UTC)
PROD = CommandLines(context="prod", kubeconfig="/home/me/prod.yaml", interfaces=("eth0",))
OWN = "--context prod --kubeconfig /home/me/prod.yaml"


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("Run `arpcheck strict-arp enable`.", f"Run `arpcheck strict-arp enable {OWN}`."),
        ("`sudo arpcheck preflight`", f"`sudo arpcheck preflight {OWN} --iface eth0`"),
        ("`sudo arpcheck probe --iface eth1`", f"`sudo arpcheck probe --iface eth1 {OWN}`"),
        ("`kubectl get nodes -o wide`", f"`kubectl {OWN} get nodes -o wide`"),
        (f"`kubectl {OWN} get nodes`", f"`kubectl {OWN} get nodes`"),
        ("`arpcheck explain silent`", "`arpcheck explain silent`"),
        ("`arpcheck pod --rbac`", "`arpcheck pod --rbac`"),
        ("`arpcheck merge FILE FILE`", "`arpcheck merge FILE FILE`"),
        ("`ip neigh flush to ADDRESS`", "`ip neigh flush to 10.0.0.50`"),
        ("`ndisc6 ADDRESS IFACE`", "`ndisc6 10.0.0.50 eth0`"),
        ("arpcheck probe, and `arp_ignore=1`", "arpcheck probe, and `arp_ignore=1`"),
        ("`arpcheck`", "`arpcheck`"),
        ("no command", "no command"),
    ],
)
def test_each_command_gets_what_it_takes(text, completed):
    ips = (IPv4Address("10.0.0.50"), IPv4Address("10.0.0.51"))
    assert PROD.completed(text, ips) == completed
    assert PROD.completed(completed, ips) == completed
    assert CommandLines().completed(text) == text


def test_the_options_are_those_of_the_commands():
    """What is added to a command must be an option of it."""
    for name in READING:
        command = get_command(app)
        for word in name.split():
            command = command.commands[word]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--context", "--kubeconfig"} <= options, name
        assert name not in PROBING or "--iface" in options, name


HOSTILE = ["$(reboot)", "a; reboot", "a' ; reboot '", "`reboot`", "a\nreboot", "-n", "a\u202eb", "\x1b[2J", 'a"b', "&& x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_word_of_the_shell(name):
    lines = CommandLines(context=name, kubeconfig=name, interfaces=(name,))
    for text in ("`arpcheck probe`", "`kubectl get nodes`"):
        found = lines.completed(text)
        assert found.count("`") == 2
        words = shlex.split(found.strip("`"))
        assert words[0] in ("arpcheck", "kubectl")
        assert words[words.index("--context") + 1] in (name, "CONTEXT")
        assert words[words.index("--kubeconfig") + 1] in (name, "KUBECONFIG")
        assert len(words) == len(text.split()) + (6 if "arpcheck" in text else 4)
    assert shlex.split(lines.kubectl("get", name))[-1] == name


def test_a_file_and_a_pod_have_no_context_to_give():
    read = Objects(context="prod", kubeconfig="/k", read_at=NOW)
    assert CommandLines.of(read).context == "prod"
    assert CommandLines.of(replace(read, context="in-cluster")) == CommandLines()
    assert CommandLines.of(replace(read, read_at=None)) == CommandLines()


# -------------------------------------------------------------------------------------------------------- in a report


def judged_scene(context: str | None = "prod", kubeconfig: str | None = "/home/me/prod.yaml") -> Evidence:
    scene = scene_file.load("two-non-strict")
    objects = cluster_objects.objects(scene, NOW, pipeline.NEEDS)
    return pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=replace(objects, context=context, kubeconfig=kubeconfig),
        host=scene_host(scene),
        wire=SimulatedWire(scene),
        clock=lambda: NOW,
    )


def commands(report) -> list[str]:
    texts = [*(step for found in report.findings for step in found.do), *(cause.do for cause in report.causes)]
    return [span for text in texts for span in re.findall(r"`((?:sudo )?(?:arpcheck|kubectl) [^`]+)`", text)]


def test_the_steps_of_a_report_name_the_cluster_and_the_interface_of_the_run():
    found = commands(pipeline.conclude(judged_scene()))
    assert f"arpcheck strict-arp enable {OWN}" in found
    assert f"sudo arpcheck preflight {OWN} --iface eth0" in found


def test_a_saved_run_gives_the_same_commands_and_one_without_a_kubeconfig_can_be_read():
    evidence = judged_scene()
    again = from_json(to_json(evidence), "run.json")
    assert commands(pipeline.conclude(again)) == commands(pipeline.conclude(evidence))
    document = to_json(evidence)
    del document["objects"]["kubeconfig"]
    assert from_json(document, "run.json").objects.kubeconfig is None


def test_redaction_replaces_the_context_and_the_path():
    hidden = redact(judged_scene("prod-eu-1", "/home/alice/secret.yaml")).evidence
    text = " ".join(commands(pipeline.conclude(hidden)))
    assert "--context" in text
    assert "--kubeconfig" in text
    assert not re.search("alice|secret|prod-eu", text)


def test_a_step_is_one_action_with_its_command():
    """What a step may not be: a remark."""
    from arpcheck.judge import findings

    remarks = ("Clients ", "A failover ", "A node ", "Only ", "Moving ", "It ")
    assert [step for text in findings.texts() for step in text.do if step.startswith(remarks)] == []
