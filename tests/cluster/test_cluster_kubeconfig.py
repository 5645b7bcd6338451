"""The kubeconfig as kubectl finds and merges it, and one line for each that can't be used."""

import json
import os
from pathlib import Path

import pytest
import yaml
from cluster_world import SERVICES, TOKEN, cluster, names

from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.kubeconfig import load
from arpcheck.errors import ClusterError


def config(*names, current=None, **rest):
    """A kubeconfig with a context, a cluster and a user of each name."""
    return {
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
        "clusters": [{"name": n, "cluster": {"server": f"https://{n}.example.org:6443"}} for n in names],
        "users": [{"name": n, "user": {"token": f"planted-{n}"}} for n in names],
        **({"current-context": current} if current else {}),
        **rest,
    }


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return str(path)


def environ(tmp_path, *files):
    return {"HOME": str(tmp_path), **({"KUBECONFIG": os.pathsep.join(files)} if files else {})}


def test_where_it_is_found(tmp_path):
    home = write(tmp_path / ".kube" / "config", config("home", current="home"))
    one = write(tmp_path / "one", config("one", current="one"))
    two = write(tmp_path / "two", config("two", current="two"))
    assert load(None, None, environ(tmp_path)).name == "home"
    assert load(None, None, environ(tmp_path, one, two)).name == "one", "the first current-context wins"
    assert load(None, None, environ(tmp_path, "/gone", two)).name == "two"
    assert load(None, "two", environ(tmp_path, one, two)).name == "two"
    assert load(one, None, environ(tmp_path, two)).name == "one"
    assert load(home, None, environ(tmp_path, two)).server == "https://home.example.org:6443"


@pytest.mark.parametrize("files", [(), ("/gone",), ("empty",)], ids=["none", "only such as do not exist", "an empty one"])
def test_none_is_no_error_here(tmp_path, files, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "empty", "\n")
    assert load(None, None, environ(tmp_path, *files)) is None


def test_entries_of_several_files_are_put_together(tmp_path):
    contexts = write(tmp_path / "contexts", {"contexts": config("a")["contexts"], "current-context": "a"})
    clusters = write(tmp_path / "clusters", {"clusters": config("a")["clusters"]})
    users = write(tmp_path / "users", {"users": config("a")["users"]})
    other = write(tmp_path / "other", {"users": [{"name": "a", "user": {"token": "later"}}], "clusters": None})
    found = load(None, None, environ(tmp_path, contexts, clusters, users, other))
    assert (found.server, found.user["token"]) == ("https://a.example.org:6443", "planted-a")


def test_paths_are_relative_to_their_own_file(tmp_path):
    for name in ("ca.pem", "token"):
        write(tmp_path / "deep" / name, "x")
    found = config("a", current="a")
    found["clusters"][0]["cluster"]["certificate-authority"] = "ca.pem"
    found["users"][0]["user"] = {"tokenFile": "token", "token": "older", "exec": {"command": "./login"}}
    context = load(write(tmp_path / "deep" / "config", found), None, {})
    assert context.cluster["certificate-authority"] == str(tmp_path / "deep" / "ca.pem")
    assert context.user["tokenFile"] == str(tmp_path / "deep" / "token")
    assert "token" not in context.user
    assert context.directory == tmp_path / "deep"


def test_nothing_of_an_entry_is_in_a_repr(tmp_path):
    found = config("a", current="a")
    found["clusters"][0]["cluster"]["proxy-url"] = "http://user:planted@proxy.example.org"
    assert "planted" not in repr(load(write(tmp_path / "c", found), None, {}))


@pytest.mark.parametrize(
    ("server", "url"),
    [("10.0.0.1:8080", "http://10.0.0.1:8080"), ("https://x", "https://x"), ("http://[::1]:1", "http://[::1]:1")],
)
def test_a_server_without_a_scheme(tmp_path, server, url):
    found = config("a", current="a")
    found["clusters"][0]["cluster"]["server"] = server
    assert load(write(tmp_path / "c", found), None, {}).server == url


def changed(**entries):
    """A sound kubeconfig with other entries."""
    found = config("a", current="a")
    for kind, value in entries.items():
        found[kind] = value
    return found


UNUSABLE = [
    pytest.param(config("a", "b"), None, r"c: no current-context is set\. Select one with --context: 'a', 'b'", id="no current context"),
    pytest.param(config("a", "b", current="x"), None, r"c: no context named 'x'\. Contexts: 'a', 'b'", id="current context unknown"),
    pytest.param(config("a", current="a"), "prod", r"c: no context named 'prod'\. Contexts: 'a'", id="context unknown"),
    pytest.param(config(*(f"c{i:02}" for i in range(14))), "x", r"'c09' and 4 more", id="many contexts"),
    pytest.param("a: [", None, r"c:2: not a kubeconfig", id="no YAML"),
    pytest.param("token: planted: x", None, r"c:1: not a kubeconfig", id="no YAML, with a token in it"),
    pytest.param("<html>", None, r"c:1: not a kubeconfig", id="HTML"),
    pytest.param("- a", None, r"c: not a kubeconfig", id="a list"),
    pytest.param("a: 1\n---\nb: 2", None, r"c: not a kubeconfig", id="two documents"),
    pytest.param("[" * 9999, None, r"c:1: not a kubeconfig", id="deep"),
    pytest.param(changed(clusters=[]), None, r"c: context 'a' refers to a cluster that is not in the kubeconfig", id="no cluster"),
    pytest.param(changed(users=[]), None, r"c: context 'a' refers to a user that is not in the kubeconfig", id="no user"),
    pytest.param(changed(clusters=[{"name": "a"}]), None, r"the cluster of context 'a' has no http or https URL", id="no server"),
    pytest.param(changed(clusters=[{"name": "a", "cluster": {"server": 5}}]), None, r"has no http or https URL", id="server a number"),
    pytest.param(changed(clusters=[{"name": "a", "cluster": {"server": "https://x:port"}}]), None, r"has no http or https URL", id="port a word"),
    pytest.param(changed(clusters=[{"name": "a", "cluster": {"server": "https://[::1"}}]), None, r"has no http or https URL", id="half an address"),
    pytest.param(changed(clusters=[{"name": "a", "cluster": {"server": "unix:///x"}}]), None, r"has no http or https URL", id="another scheme"),
    pytest.param(changed(contexts=7), None, r"c: no context named 'a'\. Contexts: none", id="contexts a number"),
    pytest.param(changed(contexts=[3, {"name": 4}, {"name": "a"}]), None, r"refers to a cluster that is not in the kubeconfig", id="a context of nothing"),
    pytest.param(changed(users=[{"name": "a", "user": {"client-key": "gone.pem"}}]), None, r"cannot read the client-key of context 'a'", id="no key"),
    pytest.param(changed(users=[{"name": "a", "user": {"tokenFile": "a\0b"}}]), None, r"cannot read the tokenFile of context 'a'", id="a path of none"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "context", "message"), UNUSABLE)
def test_one_that_can_not_be_used(tmp_path, content, context, message):
    path = write(tmp_path / "c", content)
    for explicit, environment in ((path, {}), (None, environ(tmp_path, path))):
        with pytest.raises(ClusterError, match=message) as error:
            load(explicit, context, environment)
        assert "planted" not in str(error.value)
        assert "\n" not in str(error.value)


def test_an_explicit_one_must_exist(tmp_path):
    with pytest.raises(ClusterError, match=r"gone: [Nn]o such file.*\. Select another with --kubeconfig"):
        read(ClusterSource(kubeconfig=str(tmp_path / "gone")), [SERVICES])
    with pytest.raises(ClusterError, match="Is a directory"):
        read(ClusterSource(kubeconfig=str(tmp_path)), [SERVICES])
    with pytest.raises(ClusterError, match=r"c: no current-context is set\. Select one with --context: none"):
        read(ClusterSource(kubeconfig=write(tmp_path / "c", "\n")), [SERVICES])


def test_neither_kubeconfig_nor_service_account():
    with pytest.raises(ClusterError, match="no kubeconfig and no service account found"):
        read(ClusterSource(), [SERVICES])


def test_a_context_without_a_kubeconfig():
    with pytest.raises(ClusterError, match="kubeconfig: no context named 'prod'"):
        read(ClusterSource(context="prod"), [SERVICES])


def test_a_service_account_that_is_not_there(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    with pytest.raises(ClusterError, match="cannot use the credentials of the pod's service account"):
        read(ClusterSource(), [SERVICES])


def test_through_the_environment(tmp_path, monkeypatch):
    with cluster(tmp_path):
        monkeypatch.setenv("KUBECONFIG", f"/gone{os.pathsep}{tmp_path / 'kubeconfig'}")
        found = read(ClusterSource(), [SERVICES])
        assert (names(found, "services"), found.context) == (["kubernetes", "api", "web"], "lab")
        write(Path(os.environ["HOME"]) / ".kube" / "config", json.loads((tmp_path / "kubeconfig").read_text()))
        monkeypatch.delenv("KUBECONFIG")
        assert read(ClusterSource(context="lab"), [SERVICES]).context == "lab"


BAD_CREDENTIALS = [
    pytest.param({"client-certificate-data": "planted!", "client-key-data": "planted"}, id="no base64"),
    pytest.param({"client-certificate-data": "cGxhbnRlZA==", "client-key-data": "cGxhbnRlZA=="}, id="no certificate"),
    pytest.param({"auth-provider": {"name": "oidc", "config": {"id-token": "planted"}}}, id="OIDC without a token"),
    pytest.param({"auth-provider": {"name": "gcp"}}, id="GCP without its library"),
]


@pytest.mark.parametrize("user", BAD_CREDENTIALS)
def test_credentials_that_are_none(kubeconfig_for, user):
    with pytest.raises(ClusterError) as error:
        read(ClusterSource(kubeconfig=kubeconfig_for("https://127.0.0.1:9", user=user), request_timeout=5), [SERVICES])
    assert "planted" not in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_kubeconfig_impersonates(tmp_path):
    with cluster(tmp_path) as (server, _):
        user = {"as": "bob", "as-uid": "7", "as-groups": ["ops", "dev", 3], "as-user-extra": {"scopes": ["view", 5], "x": 1}}
        kubeconfig = server.kubeconfig(tmp_path / "other", **user)
        read(ClusterSource(kubeconfig=kubeconfig), [SERVICES])
        headers = server.requests[0].headers
    found = {key: value for key, value in headers.items() if key.startswith("impersonate")}
    assert found == {
        "impersonate-user": "bob", "impersonate-uid": "7", "impersonate-group": "ops, dev", "impersonate-extra-scopes": "view",
    }  # fmt: skip


def test_basic_authentication(tmp_path):
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token=None, username="bob", password=TOKEN)
        with pytest.raises(ClusterError, match="401"):
            read(ClusterSource(kubeconfig=kubeconfig), [SERVICES])
        assert server.requests[0].headers["authorization"].startswith("Basic ")
