"""Keys, certificates and tokens stay in memory: no file holds them while arpcheck runs, nor after it was ended, however."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from apiserver import ApiServer
from apiserver.faults import Fault

API = "client.authentication.k8s.io/v1"
PATIENCE = 60


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, and one certificate with its key that serves both as the server's and as the client's."""
    folder = tmp_path_factory.mktemp("pki")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")  # fmt: skip
    openssl("req", *curve, "-subj", "/CN=me", "-keyout", folder / "me.key", "-out", folder / "me.csr")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl("x509", "-req", "-in", folder / "me.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-days", "2",
            "-extfile", folder / "ext", "-out", folder / "me.pem")  # fmt: skip
    return folder


def data(path):
    return base64.b64encode(path.read_bytes()).decode()


def by_kubeconfig(pki, folder):
    return {"client-certificate-data": data(pki / "me.pem"), "client-key-data": data(pki / "me.key")}


def by_plug_in(pki, folder):
    pair = {"clientCertificateData": (pki / "me.pem").read_text(), "clientKeyData": (pki / "me.key").read_text()}
    answer = json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": {**pair, "token": "planted-token"}})
    login = folder / "login"
    login.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    login.chmod(0o755)
    return {"exec": {"apiVersion": API, "command": str(login), "interactiveMode": "Never"}}


class Hanging(ApiServer):
    """Tells when it was asked, and never answers."""

    asked: Event

    def note(self, request):
        found = super().note(request)
        self.asked.set()
        return found


def kubeconfig(server, pki, user, path):
    """The authority in it too, which the client would have written as well."""
    config = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": server.url, "certificate-authority-data": data(pki / "ca.pem")}}],
        "users": [{"name": "it", "user": user}],
    }
    path.write_text(json.dumps(config))
    return path


ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV)


@pytest.mark.parametrize("login", [by_kubeconfig, by_plug_in], ids=["kubeconfig", "plug-in"])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_no_file_holds_them_while_it_asks_nor_after_its_end(tmp_path, pki, login, end):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    tls = (pki / "me.pem", pki / "me.key")
    with Hanging((), tls=tls, client_ca=pki / "ca.pem", faults=[Fault(hang=True)]) as server:
        server.asked = Event()
        config = kubeconfig(server, pki, login(pki, tmp_path), tmp_path / "config")
        environment = {**os.environ, "TMPDIR": str(temporary), "KUBECONFIG": str(config), "HOME": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-m", "arpcheck", "snapshot", "--request-timeout", "60"],
            env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert server.asked.wait(PATIENCE), "the client's certificate was accepted, and it asked"
            assert list(temporary.iterdir()) == []
            assert [
                path for path in map(os.readlink, open_files(process.pid)) if "arpcheck" in path or "deleted" in path
            ] == []
        finally:
            process.send_signal(end)
            process.wait(PATIENCE)
    assert process.returncode != 0
    assert list(temporary.iterdir()) == []


def open_files(pid):
    return [path for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]


def test_the_loaders_of_the_client_are_given_no_certificate(monkeypatch, tmp_path, pki):
    """Whatever they are given they write down."""
    from kubernetes.config import kube_config

    from arpcheck.cluster.credentials import open_session
    from arpcheck.cluster.limits import Budget
    from arpcheck.cluster.source import ClusterSource

    def wrote(*_, **__):
        raise AssertionError("a file was made")

    monkeypatch.setattr(kube_config, "_create_temp_file_with_content", wrote)
    with ApiServer((), tls=(pki / "me.pem", pki / "me.key"), client_ca=pki / "ca.pem") as server:
        user = by_kubeconfig(pki, tmp_path)
        config = kubeconfig(server, pki, user, tmp_path / "config")
        budget = Budget(PATIENCE)
        session = open_session(ClusterSource(kubeconfig=str(config)), budget)
        assert session.send("GET", "/version", {}, budget).status == 200
        session.close()
