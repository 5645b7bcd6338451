"""What is read of a kubeconfig before privileges are given up, and whose."""

import base64
import json
import os

import pytest

from arpcheck.cluster import ClusterSource, preload
from arpcheck.cluster.kubeconfig import NotPreloaded
from arpcheck.errors import ClusterError


@pytest.fixture
def kubeconfig(tmp_path):
    """With a certificate, a key and a token in files of their own, named by relative paths."""
    for name in ("ca.pem", "me.pem", "me.key"):
        (tmp_path / name).write_text(f"{name} of the cluster\n")
    (tmp_path / "token").write_text("a-token\n")
    user = {"client-certificate": "me.pem", "client-key": "me.key", "tokenFile": "token"}
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority": "ca.pem"}}],
        "users": [{"name": "x", "user": user}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    return path


def test_the_files_that_it_names_are_in_what_is_held(kubeconfig):
    held = preload(ClusterSource(kubeconfig=str(kubeconfig)), for_another=False).preloaded
    for folder in kubeconfig.parent.iterdir():
        folder.unlink()
    assert held.cluster == {
        "server": "https://127.0.0.1:6443", "certificate-authority-data": encoded("ca.pem of the cluster\n"),
    }  # fmt: skip
    assert held.user == {
        "client-certificate-data": encoded("me.pem of the cluster\n"),
        "client-key-data": encoded("me.key of the cluster\n"),
        "token": "a-token",
    }


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_nothing_that_the_next_user_may_have_written_is_read_for_him(kubeconfig):
    """The folder of the tests is somebody's own, or in one that everybody may write to."""
    source = ClusterSource(kubeconfig=str(kubeconfig))
    held = preload(source, for_another=True)
    assert (held.preloaded, held.not_preloaded) == (None, NotPreloaded.NOT_ROOTS)


def test_for_another_user_only_what_was_named_is_read(kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert preload(ClusterSource(), for_another=True).preloaded is None
    assert preload(ClusterSource(), for_another=False).preloaded.name == "x"


def test_no_kubeconfig_is_nothing_to_hold(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert preload(ClusterSource(), for_another=False) == ClusterSource()
    assert preload(ClusterSource(cluster_file="-"), for_another=False) == ClusterSource(cluster_file="-")


def test_one_that_is_named_and_missing_is_an_error(tmp_path):
    with pytest.raises(ClusterError, match=r"config: No such file"):
        preload(ClusterSource(kubeconfig=str(tmp_path / "config")), for_another=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(kubeconfig):
    (kubeconfig.parent / "me.key").chmod(0)
    with pytest.raises(ClusterError, match="cannot read the client-key of context 'x'"):
        preload(ClusterSource(kubeconfig=str(kubeconfig)), for_another=False)
