"""Login plug-ins: their token or certificate is used, and whatever else they do is one line within the budget."""

import base64
import json
import os
import stat
import time
from pathlib import Path

import pytest
from cluster_world import SERVICES, TOKEN, cluster, names

from arpcheck.cluster import ClusterSource, read
from arpcheck.errors import ClusterError

API = "client.authentication.k8s.io/v1"


def credential(**status):
    return json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": status})


def web_token(exp):
    payload = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    return f"e30.{payload}.x"


PROVIDERS = [
    pytest.param({"id-token": web_token(9_999_999_999)}, None, id="a web token that lasts"),
    pytest.param({"access-token": "opaque"}, None, id="an opaque token"),
    pytest.param({"access-token": "opaque", "expiry": "2999-01-01T00:00:00Z"}, None, id="one with an end"),
    pytest.param({"id-token": web_token(1)}, "has expired", id="expired"),
    pytest.param(
        {"access-token": "opaque", "expiry": "2001-01-01T00:00:00Z"}, "has expired", id="one with an end that has come"
    ),
    pytest.param({"refresh-token": "planted", "idp-certificate-authority-data": "eA=="}, "has no token", id="none"),
]


@pytest.mark.parametrize(("config", "why"), PROVIDERS)
def test_a_login_of_the_former_kind_is_used_while_it_lasts_and_never_refreshed(tmp_path, config, why):
    token = config.get("id-token") or config.get("access-token")
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token=None, auth_provider={"name": "oidc", "config": config})
        with pytest.raises(ClusterError, match=why or "rejected the credentials"):
            read(ClusterSource(kubeconfig=kubeconfig), [SERVICES])
        sent = {request.headers.get("authorization") for request in server.requests}
    assert sent == (set() if why else {f"Bearer {token}"})


@pytest.fixture
def plugin(tmp_path):
    """Writes a plug-in, and returns a kubeconfig's `exec` that names it."""

    def write(body, **rest):
        path = tmp_path / "bin" / "login"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return {"apiVersion": API, "command": str(path), "interactiveMode": "Never", **rest}

    return write


def log_in(tmp_path, entry, timeout=5.0):
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token=None, exec=entry)
        found = read(ClusterSource(kubeconfig=kubeconfig, request_timeout=timeout), [SERVICES])
    return names(found, "services")


def test_its_token_is_used(tmp_path, plugin):
    assert log_in(tmp_path, plugin(f"echo '{credential(token=TOKEN)}'"))


def test_arguments_and_environment(tmp_path, plugin):
    body = f"""printf '%s\\n' "$@" "$GREETING" "$KUBERNETES_EXEC_INFO" > {tmp_path}/seen; echo '{credential(token=TOKEN)}'"""
    entry = plugin(body, args=["get-token", "a b", "$(id)"], env=[{"name": "GREETING", "value": "hello"}, 3, {"name": 4}],
                   provideClusterInfo=True)  # fmt: skip
    assert log_in(tmp_path, entry)
    *arguments, greeting, info = (tmp_path / "seen").read_text().splitlines()
    assert (arguments, greeting) == (["get-token", "a b", "$(id)"], "hello")
    assert json.loads(info)["spec"]["interactive"] is False
    assert json.loads(info)["spec"]["cluster"]["server"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("command", ["login", "./bin/login", "bin/login"])
def test_where_it_is_looked_for(tmp_path, plugin, monkeypatch, command):
    plugin(f"echo '{credential(token=TOKEN)}'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert log_in(tmp_path, {"apiVersion": API, "command": command, "interactiveMode": "Never"})


PLANTED = credential(token=TOKEN)[:-1]
FAILING = [
    pytest.param(
        "exit 3", "login plug-in 'login' failed with exit code 3. Run the plug-in by hand to see why", id="exit code"
    ),
    pytest.param(
        f"echo '{PLANTED}}}'; exit 1", "login plug-in 'login' failed with exit code 1", id="exit code after a token"
    ),
    pytest.param("kill -9 $$", "login plug-in 'login' failed with exit code -9", id="killed"),
    pytest.param("", f"login plug-in 'login' printed no ExecCredential of {API}", id="nothing"),
    pytest.param(f"echo 'Welcome! {TOKEN}'", "printed no ExecCredential", id="rubbish"),
    pytest.param(f"echo '{PLANTED}'", "printed no ExecCredential", id="cut off"),
    pytest.param("echo '<html>'", "printed no ExecCredential", id="HTML"),
    pytest.param("echo '[1]'", "printed no ExecCredential", id="a list"),
    pytest.param("head -c 3000000 /dev/zero", "printed no ExecCredential", id="three megabytes of zeroes"),
    pytest.param("yes planted", "printed no ExecCredential", id="without end"),
    pytest.param(f"echo '{PLANTED}}}' | sed s/v1/v1beta1/", "printed no ExecCredential", id="another version"),
    pytest.param(f"echo '{credential()}'", "printed neither a token nor a certificate", id="no status"),
    pytest.param(f"echo '{credential(token=5)}'", "printed neither a token nor a certificate", id="token a number"),
    pytest.param(
        f"echo '{credential(clientKeyData='planted')}'", "printed neither a token nor a certificate", id="a key alone"
    ),
    pytest.param(
        f"echo '{credential(clientCertificateData='x', clientKeyData='planted')}'", "", id="a certificate that is none"
    ),
]


@pytest.mark.parametrize(("body", "message"), FAILING)
def test_a_plug_in_that_fails(tmp_path, plugin, body, message):
    with pytest.raises(ClusterError) as error:
        log_in(tmp_path, plugin(body))
    assert message in str(error.value)
    assert TOKEN not in str(error.value)
    assert "\n" not in str(error.value)


HANGING = [
    pytest.param("sleep 60", id="silent"),
    pytest.param("sleep 60 & sleep 60", id="with a child that holds its output"),
    pytest.param("sleep 60 &", id="leaving a child behind that holds its output"),
    pytest.param(f"echo '{credential(token=TOKEN)}'; exec >&-; sleep 60", id="after its answer"),
    pytest.param("while :; do echo; sleep 0.05; done", id="dripping"),
]


@pytest.mark.parametrize("body", HANGING)
def test_a_plug_in_that_hangs_is_ended_with_all_that_it_started(tmp_path, plugin, body):
    with pytest.raises(ClusterError, match=r"login plug-in 'login' did not end within 0\.3 s"):
        log_in(tmp_path, plugin(f"ARPCHECK_TEST_PLUGIN={tmp_path}; export ARPCHECK_TEST_PLUGIN; {body}"), timeout=0.3)
    mark, patience = f"ARPCHECK_TEST_PLUGIN={tmp_path}".encode(), time.monotonic() + 20
    # A killed process is gone when the kernel gets to it, which on a busy machine may be a moment later.
    while left := [path for path in Path("/proc").glob("[0-9]*/environ") if mark in _environ(path)]:
        assert time.monotonic() < patience, left


def _environ(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


ENTRIES = [
    pytest.param(
        {"command": "no-such-plug-in-anywhere"},
        "cannot run login plug-in 'no-such-plug-in-anywhere': No such file",
        id="not installed",
    ),
    pytest.param({"command": "./kubeconfig"}, "cannot run login plug-in 'kubeconfig': Permission denied", id="no program"),
    pytest.param(
        {"command": "nul\0l"},
        "cannot run login plug-in 'nul\\x00l': its entry in the kubeconfig is invalid",
        id="a name with a null",
    ),
    pytest.param({"command": 5}, "cannot run login plug-in", id="a number"),
    pytest.param({}, "cannot run login plug-in", id="nothing"),
    pytest.param({"command": "login", "interactiveMode": "Always"}, "'login' needs a terminal", id="needs a terminal"),
]


@pytest.mark.parametrize(("entry", "message"), ENTRIES)
def test_an_entry_that_can_not_be_used(tmp_path, entry, message):
    with pytest.raises(ClusterError) as error:
        log_in(tmp_path, {"apiVersion": API, **entry})
    assert message in str(error.value)
