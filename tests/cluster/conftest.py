"""What several tests of this folder write: a kubeconfig for a server that they name."""

import json

import pytest


@pytest.fixture(autouse=True)
def _nobodys_environment(monkeypatch, tmp_path):
    """No cluster, proxy or home of whoever runs the tests."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def kubeconfig_for(tmp_path):
    """Writes a kubeconfig with one context, `it`, for a server; `cluster` and `user` are more of their entries."""

    def write(server, cluster=None, user=None, name="kubeconfig-it"):
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {}}],
        }
        (tmp_path / name).write_text(json.dumps(config))
        return str(tmp_path / name)

    return write
