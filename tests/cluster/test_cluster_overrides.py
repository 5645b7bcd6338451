"""The options that change a context, as kubectl's do, and the rights with which their files are opened."""

import json
import os

import pytest
from apiserver import ApiServer
from cluster_world import SERVICES, cluster

from arpcheck.cluster import ClusterSource, preload, read
from arpcheck.cluster.kubeconfig import NO_CONTEXT, NotPreloaded, load
from arpcheck.cluster.overrides import Overrides
from arpcheck.errors import ClusterError


@pytest.fixture
def kubeconfig(tmp_path):
    ca = {"server": "https://10.0.0.1:6443", "certificate-authority-data": "eA==", "tls-server-name": "old"}
    entries = {
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "admin"}}],
        "clusters": [{"name": "prod", "cluster": ca}, {"name": "lab", "cluster": {"server": "https://10.9.9.9"}}],
        "users": [
            {
                "name": "admin",
                "user": {"token": "a", "client-certificate-data": "eA==", "client-key-data": "eA==", "as": "x"},
            },
            {"name": "viewer", "user": {"token": "v"}},
        ],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(entries))
    return str(path)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("t\n")
    return str(path)


def loaded(kubeconfig, **overrides):
    return load(kubeconfig, None, {}, overrides=Overrides(**overrides))


def test_without_an_option_the_context_is_as_it_is(kubeconfig):
    assert loaded(kubeconfig) == load(kubeconfig, None, {})


def test_another_cluster_and_another_user(kubeconfig):
    found = loaded(kubeconfig, cluster="lab", user="viewer")
    assert (found.name, found.server, found.user) == ("prod", "https://10.9.9.9", {"token": "v"})


def test_another_server_keeps_the_authority_and_not_the_name_in_the_certificate(kubeconfig):
    assert loaded(kubeconfig, server="10.0.0.2:6443").server == "https://10.0.0.2:6443"
    found = loaded(kubeconfig, server="https://10.0.0.2:6443")
    assert found.cluster == {"server": "https://10.0.0.2:6443", "certificate-authority-data": "eA=="}


def test_another_authority_takes_the_place_of_the_data(kubeconfig, file):
    found = loaded(kubeconfig, certificate_authority=file, tls_server_name="new")
    assert found.cluster == {"server": "https://10.0.0.1:6443", "certificate-authority": file, "tls-server-name": "new"}


def test_unchecked_certificates_need_no_authority(kubeconfig):
    found = loaded(kubeconfig, insecure=True).cluster
    assert (found.get("certificate-authority-data"), found["insecure-skip-tls-verify"]) == (None, True)


def test_a_token_takes_the_place_of_the_other_credentials_and_not_of_the_impersonation(kubeconfig, file):
    assert loaded(kubeconfig, token_file=file).user == {"as": "x", "tokenFile": file}


def test_a_server_needs_no_kubeconfig(tmp_path, file):
    found = load(None, None, {"HOME": str(tmp_path)}, overrides=Overrides(server="https://10.0.0.1", token_file=file))
    assert (found.name, found.server, found.user) == (NO_CONTEXT, "https://10.0.0.1", {"tokenFile": file})


@pytest.mark.parametrize("overrides", [{"user": "x"}, {"insecure": True}, {"tls_server_name": "x"}], ids=str)
def test_in_a_pod_an_option_is_not_ignored(tmp_path, overrides):
    with pytest.raises(ClusterError, match="there is no kubeconfig"):
        load(None, None, {"HOME": str(tmp_path)}, overrides=Overrides(**overrides))


def test_a_token_file_that_is_not_there(kubeconfig, tmp_path):
    with pytest.raises(ClusterError, match=r"--token-file .*nowhere: No such file"):
        loaded(kubeconfig, token_file=str(tmp_path / "nowhere"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's files count under sudo")
@pytest.mark.parametrize(
    "overrides",
    [
        {"cluster": "lab"}, {"user": "viewer"}, {"server": "https://evil"}, {"certificate_authority": "/etc/passwd"},
        {"tls_server_name": "evil"}, {"insecure": True}, {"token_file": "/etc/shadow"},
    ],
    ids=lambda given: next(iter(given)),
)  # fmt: skip
def test_under_sudo_root_reads_nothing_that_could_go_to_a_server_of_the_users(kubeconfig, overrides):
    source = ClusterSource(kubeconfig=kubeconfig, overrides=Overrides(**overrides))
    found = preload(source, for_another=True)
    assert (found.preloaded, found.not_preloaded) == (None, NotPreloaded.OVERRIDDEN)


def test_the_token_and_the_groups_are_sent(tmp_path, file):
    with ApiServer((), token="t") as server:
        source = ClusterSource(
            kubeconfig=server.kubeconfig(tmp_path / "kubeconfig", token="wrong"),
            as_user="bob", as_groups=("dev", "ops"), as_uid="17", overrides=Overrides(token_file=file), request_timeout=10.0,
        )  # fmt: skip
        found = read(source, [SERVICES])
        sent = [request.headers for request in server.requests]
    assert {headers["authorization"] for headers in sent} == {"Bearer t"}
    assert {headers["impersonate-user"] for headers in sent} == {"bob"}
    assert {headers["impersonate-uid"] for headers in sent} == {"17"}
    assert {headers["impersonate-group"] for headers in sent} <= {"dev, ops", "dev", "ops"}
    assert found.server == server.url
    assert found.account == f"kubeconfig {tmp_path / 'kubeconfig'}"


def test_two_namespaces_are_enough_where_they_were_asked_for(tmp_path):
    from test_cluster_api import SERVICES_EVERYWHERE, gaps, names

    with cluster(tmp_path, denied=[SERVICES_EVERYWHERE]) as (_, ask):
        found = ask([SERVICES], namespaces=("shop", "default"))
        assert sorted(names(found, "services")) == ["api", "kubernetes", "web"]
        assert gaps(found) == {"services": "forbidden outside namespaces shop, default"}


def test_one_namespace_that_is_forbidden_leaves_no_half(tmp_path):
    from test_cluster_api import SERVICES_EVERYWHERE

    with (
        cluster(tmp_path, denied=[SERVICES_EVERYWHERE, ("list", "services", "default")]) as (_, ask),
        pytest.raises(ClusterError, match="does not allow this account to list Services"),
    ):
        ask([SERVICES], namespaces=("shop", "default"))
