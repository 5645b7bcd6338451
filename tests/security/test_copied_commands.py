"""Commands that are printed are copied: whatever a name in the cluster is, a shell reads it as one word of the command."""

import shlex
import subprocess
import sys
from importlib import resources

import pytest

from arpcheck.commands import rollouts
from arpcheck.kubeproxy.remedy import _edit, _rollout, _why_stopped, configz_commands
from arpcheck.kubeproxy.status import status
from arpcheck.objects import Objects

NAME = "kube-proxy-1; touch ~/PWN; #"
SPACE = "kube-system$(touch ~/PWN)"
LABELS = {"k8s-app": "kube-proxy"}
CONTAINER = {
    "name": "kube-proxy",
    "image": "registry.k8s.io/kube-proxy:v1.33.0",
    "command": ["kube-proxy", "--config=/var/lib/kube-proxy/config.conf"],
}
VOLUME = {"name": "c", "configMap": {"name": NAME, "items": [{"key": "x; touch ~/PWN", "path": "config.conf"}]}}


def named(kind, space, title, **more):
    return {"kind": kind, "metadata": {"name": title, "namespace": space, "labels": LABELS}, **more}


def spec(**more):
    return {
        "containers": [CONTAINER | {"volumeMounts": [{"name": "c", "mountPath": "/var/lib/kube-proxy"}]}],
        "volumes": [VOLUME],
        **more,
    }


def cluster(space, strategy="RollingUpdate", **state):
    daemon_set = named(
        "DaemonSet",
        space,
        NAME,
        spec={
            "selector": {"matchLabels": LABELS},
            "updateStrategy": {"type": strategy},
            "template": {"metadata": {"labels": LABELS}, "spec": spec()},
        },
    )
    pod = named("Pod", space, NAME, spec=spec(nodeName="w1"), status={"phase": "Running", **state})
    pod["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": NAME}]
    nodes = tuple({"kind": "Node", "metadata": {"name": name}} for name in ("w1", "w2"))
    configured = named("ConfigMap", space, NAME, data={"x; touch ~/PWN": "mode: ipvs"})
    return Objects(resources={"nodes": nodes, "pods": (pod,), "daemonsets.apps": (daemon_set,), "configmaps": (configured,)})


def commands(lines):
    return [line[line.index("kubectl ") :] for line in lines if "kubectl " in line]


def words(command):
    """As a shell reads it, operators apart. A shell without comments (zsh) reads what follows the sign too."""
    return list(shlex.shlex(command.replace("   # ", " "), posix=True, punctuation_chars=True))


def all_lines():
    objects = cluster("kube-system")
    found = status(objects)
    yield from _edit(objects)
    yield from _rollout(objects)
    yield from _why_stopped(found.nodes, objects)
    yield from _why_stopped(found.nodes, Objects(resources={**objects.resources, "pods": ()}))
    yield from configz_commands(objects, SPACE, NAME)
    held = cluster("kube-system", "OnDelete")
    [daemon_set] = held.of("daemonsets.apps")
    restarted = {
        **daemon_set,
        "spec": {**daemon_set["spec"], "template": {"metadata": {"annotations": {rollouts.RESTARTED: "now"}}}},
    }
    yield from rollouts.reach(
        restarted, Objects(resources={**held.resources, "daemonsets.apps": (restarted,)}), everywhere=True
    ).unreached.values()


def test_a_name_is_one_word_whatever_it_is():
    found = commands(all_lines())
    verbs = {
        verb
        for command in found
        for verb in ("edit", "rollout restart", "rollout status", "logs", "describe", "port-forward", "delete pod")
        if verb in command
    }
    assert len(verbs) == 7, found
    for command in found:
        said = words(command)
        assert NAME in said or f"pod/{NAME}" in said, command
        assert not {";", "#", "(", ")", "&", "|"} & set(said), command


# ------------------------------------------------------------------------------------------------- and what is shown


@pytest.mark.parametrize("key", ["title", "about"])
def test_a_scene_steers_no_terminal(tmp_path, key):
    written = resources.files("arpcheck.lab").joinpath("scenes/healthy.toml").read_text()
    scene = tmp_path / "scene.toml"
    scene.write_text(written.replace(f'{key} = "', f'{key} = "\\u001b]0;x\\u0007\\u001b[2J', 1))
    done = subprocess.run(
        [sys.executable, "-m", "arpcheck", "demo", str(scene)], capture_output=True, text=True, check=False, timeout=120
    )
    assert "\\x1b]0;x\\x07\\x1b[2J" in done.stderr
    assert "\x1b" not in done.stderr
