"""The paths of a kubeconfig under real sudo: what root reads for the user is what root alone had a say in."""

import json

import pytest
from sudo_world import HOME

pytestmark = pytest.mark.lab

EVERYBODYS = "/tmp"  # noqa: S108 - what is tried
SECRET = "-----BEGIN PRIVATE KEY-----\nonly-roots\n-----END PRIVATE KEY-----\n"


def config(key):
    return json.dumps({
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "x", "user": {"client-certificate-data": "eA==", "client-key": key}}],
    })  # fmt: skip


def test_a_key_that_a_users_link_leads_to_is_opened_as_the_user(world):
    world.write("/run/kept/secret.key", SECRET, mode=0o600)
    world.path("/run/kept").chmod(0o700)
    world.run("ln", "-s", "/run/kept/secret.key", f"{HOME}/key")
    world.write("/run/roots-config", config(f"{HOME}/key"), mode=0o600)
    done = world.sudo("arpcheck", "snapshot", "--kubeconfig", "/run/roots-config")
    assert (done.returncode, done.stderr) == (2, f"arpcheck: {HOME}/key: Permission denied\n")


def test_a_kubeconfig_of_roots_below_a_folder_of_everybodys_is_not_said_to_be_missing(world):
    world.write(f"{EVERYBODYS}/kept/config", config("/run/kept/secret.key"), mode=0o600)
    world.path(f"{EVERYBODYS}/kept").chmod(0o700)
    done = world.sudo("arpcheck", "snapshot", "--kubeconfig", f"{EVERYBODYS}/kept/config")
    assert done.returncode == 2
    why = f"Under sudo, arpcheck reads only files that root alone can write, and users other than root may write to {EVERYBODYS}"
    assert f"{EVERYBODYS}/kept/config: Permission denied. {why}" in done.stderr
