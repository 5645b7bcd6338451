"""Planted secrets appear nowhere: no token, key, password or plug-in output in a report, a snapshot, a line on stderr or -v."""

import base64
import json
import os
from pathlib import Path

import forked
import pytest
from apiserver import ApiServer
from apiserver.faults import Fault
from cluster_world import CLUSTER, config_map

PLANTED = "planted-7f3a9c"
TOKEN, PASSWORD, KEY = f"{PLANTED}-token", f"{PLANTED}-password", f"{PLANTED}-key"
SPELLINGS = (PLANTED, base64.b64encode(PLANTED.encode())[:14].decode())
API = "client.authentication.k8s.io/v1"
COMMANDS = {
    "snapshot": ("snapshot", "-v"),
    "dry run": ("probe", "--dry-run", "--iface", "auto", "-v"),
    "status": ("strict-arp", "status", "-v", "--logs"),
    "status as JSON": ("strict-arp", "status", "-o", "json"),
}
OBJECTS = (
    *(obj for obj in CLUSTER if obj["metadata"]["name"] != "kube-proxy" or obj["kind"] != "ConfigMap"),
    config_map("kube-proxy", **{"config.conf": "mode: ipvs\n", "kubeconfig.conf": f"users: [{{user: {{token: {TOKEN}}}}}]"}),
)


def basic(server, folder):
    return server.kubeconfig(folder / "config", token=None, username="me", password=PASSWORD)


def token(server, folder):
    return server.kubeconfig(folder / "config", token=TOKEN)


def certificate(server, folder):
    data = base64.b64encode(f"-----BEGIN PRIVATE KEY-----\n{KEY}\n".encode()).decode()
    return server.kubeconfig(folder / "config", token=None, client_certificate_data=data, client_key_data=data)


def in_url(server, folder):
    path = Path(token(server, folder))
    path.write_text(path.read_text().replace("http://", f"http://me:{PASSWORD}@"))
    return str(path)


def in_url_of_nobody(server, folder):
    path = Path(in_url(server, folder))
    path.write_text(path.read_text().replace("127.0.0.1", "nobody.invalid"))
    return str(path)


def by_proxy(server, folder):
    path = Path(token(server, folder))
    config = json.loads(path.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = f"http://me:{PASSWORD}@127.0.0.1:1"
    path.write_text(json.dumps(config))
    return str(path)


def plug_in(answer, status=0):
    def write(server, folder):
        path = folder / "login"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {status}\n")
        path.chmod(0o755)
        entry = {"apiVersion": API, "command": str(path), "interactiveMode": "Never", "args": [f"--password={PASSWORD}"],
                 "env": [{"name": "SECRET", "value": PASSWORD}]}  # fmt: skip
        return server.kubeconfig(folder / "config", token=None, exec=entry)

    return write


def credential(**status):
    return json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": status})


LOGINS = {
    "token": token,
    "password": basic,
    "certificate that is none": certificate,
    "password in the URL": in_url,
    "password in the URL of no server": in_url_of_nobody,
    "password in the proxy's URL": by_proxy,
    "plug-in": plug_in(credential(token=TOKEN)),
    "plug-in that fails": plug_in(credential(token=TOKEN), status=1),
    "plug-in that prints rubbish": plug_in(f"your token is {TOKEN}"),
    "plug-in with a key that is none": plug_in(credential(clientCertificateData=KEY, clientKeyData=KEY)),
}
FAULTS = {
    "none": (),
    "401": (Fault(status=401),),
    "403": (Fault(path="/api/v1/*", status=403),),
    "500": (Fault(path="/api/v1/*", status=500),),
    "HTML": (Fault(path="/api/v1/*", body="<html>"),),
    "cut": (Fault(path="/api/v1/*", cut=40),),
}
CASES = [
    *((command, "token", "none") for command in COMMANDS),
    *(("snapshot", login, "none") for login in LOGINS if login != "token"),
    *(("snapshot", "token", fault) for fault in FAULTS if fault != "none"),
]


@pytest.mark.parametrize(("command", "login", "fault"), CASES, ids=lambda value: value)
def test_no_secret_is_shown(tmp_path, command, login, fault):
    with ApiServer(OBJECTS, faults=FAULTS[fault]) as server:
        said = arpcheck(*COMMANDS[command], "--kubeconfig", LOGINS[login](server, tmp_path))
    assert said.returncode in (0, 1, 2, 3), said.stderr
    assert "Traceback" not in said.stderr
    for secret in SPELLINGS:
        assert secret not in said.stdout + said.stderr


def test_the_environment_s_proxy_is_not_shown_either(tmp_path):
    with ApiServer(OBJECTS) as server:
        proxy = f"http://me:{PASSWORD}@127.0.0.1:1"
        said = arpcheck(
            *COMMANDS["snapshot"],
            "--kubeconfig",
            in_url_of_nobody(server, tmp_path),
            HTTP_PROXY=proxy,
            http_proxy=proxy,
            no_proxy="",
        )
    assert said.returncode == 2
    assert PLANTED not in said.stdout + said.stderr


def arpcheck(*arguments, **environment):
    none = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    return forked.arpcheck(*arguments, env=none | environment)
