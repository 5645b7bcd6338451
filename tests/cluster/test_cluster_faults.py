"""Everything that can go wrong with an answer, for Services and for the rest: one line or one gap, within the budget,
and the token in none of it."""

import re
import threading
import time

import pytest
from apiserver import Fault
from cluster_world import MANY, NEEDS, NODES, SERVICES, TOKEN, cluster, gaps, names

from arpcheck.cluster import ClusterSource, read
from arpcheck.errors import ClusterError

SHORT = 0.6
"""Seconds: the budget of those that wait for it."""

FAULTS = [
    pytest.param({"status": 403}, "forbidden", id="403"),
    pytest.param({"status": 404}, "not found", id="404"),
    pytest.param({"status": 404, "body": "404 page not found"}, "not found", id="404 in plain text"),
    pytest.param({"status": 409}, "conflict", id="409"),
    pytest.param({"status": 410}, "the list expired while it was read", id="410"),
    pytest.param({"status": 429}, "too many requests", id="429"),
    pytest.param(
        {"status": 429, "headers": {"Retry-After": "0"}}, "too many requests", id="429 with Retry-After: 0 for ever"
    ),
    pytest.param(
        {"status": 429, "headers": {"Retry-After": "3600"}}, "too many requests", id="429 with Retry-After: an hour"
    ),
    pytest.param(
        {"status": 429, "headers": {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}},
        "too many requests",
        id="429 with a date",
    ),
    pytest.param({"status": 429, "headers": {"Retry-After": "-1"}}, "too many requests", id="429 with nonsense"),
    pytest.param({"status": 500}, "server error 500", id="500"),
    pytest.param(
        {"status": 503, "headers": {"Retry-After": "0"}}, "server error 503", id="503 with Retry-After: 0 for ever"
    ),
    pytest.param({"status": 504, "body": "<html>Gateway Timeout"}, "server error 504", id="504 of a proxy"),
    pytest.param(
        {"status": 302, "headers": {"Location": "https://login.example.org/?token=x"}},
        "redirected to another address (302)",
        id="302",
    ),
    pytest.param({"status": 418}, "refused (418)", id="418"),
    pytest.param({"cut": 20}, "the response was cut off", id="cut off"),
    pytest.param({"cut": 0}, "the response was cut off", id="cut off at once"),
    pytest.param({"body": ""}, "unreadable answer", id="empty"),
    pytest.param({"body": "<html>Log in"}, "unreadable answer", id="HTML"),
    pytest.param({"body": '{"kind": "List", "items": [NaN]}'}, "unreadable answer", id="NaN"),
    pytest.param({"body": "[" * 100_000}, "unreadable answer", id="deep JSON"),
    pytest.param({"body": '{"items": []}{"items": []}'}, "unreadable answer", id="two documents"),
    pytest.param({"headers": {"Content-Encoding": "gzip"}}, "unreadable answer", id="gzip that is none"),
    pytest.param({"close": True}, "connection closed", id="closed"),
]

SLOW = [
    pytest.param({"hang": True}, "timed out", id="hang"),
    pytest.param({"drip": 0.05}, "timed out", id="slow drip"),
    pytest.param({"delay": 60.0}, "timed out", id="delay"),
]


def secret_in(*said):
    return [text for text in said if TOKEN in text or "planted" in text]


@pytest.mark.parametrize(("fault", "why"), FAULTS)
def test_nodes_become_a_gap(tmp_path, fault, why):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/nodes", **fault)]) as (_, ask):
        found = ask([SERVICES, NODES])
    if why == "not found":
        assert (found.gaps, "nodes" in found.resources) == ((), False)  # not served
    else:
        assert gaps(found) == {"nodes": why}
    assert names(found, "services") == ["kubernetes", "api", "web"]
    assert not secret_in(repr(found))


@pytest.mark.parametrize(("fault", "why"), FAULTS)
def test_services_are_one_line(tmp_path, fault, why):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/services", **fault)]) as (server, ask):
        with pytest.raises(ClusterError) as error:
            ask([SERVICES, NODES])
        message = str(error.value)
        assert server.url in message
        assert (why in message) or (why == "forbidden" and "does not allow this account" in message)
        assert "\n" not in message
        assert len(server.requests) < 20
    assert not secret_in(message, repr(error.value))


@pytest.mark.parametrize(("fault", "why"), SLOW)
def test_what_is_slow_ends_with_the_budget(tmp_path, fault, why):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/nodes", **fault)]) as (_, ask):
        found = ask([SERVICES, NODES], timeout=SHORT)
    assert gaps(found) == {"nodes": why}
    assert names(found, "services") == ["kubernetes", "api", "web"]


@pytest.mark.parametrize(("fault", "why"), SLOW)
def test_services_that_are_slow_are_one_line(tmp_path, fault, why):
    with (
        cluster(tmp_path, faults=[Fault(path="/api/v1/services", **fault)]) as (_, ask),
        pytest.raises(ClusterError, match=why),
    ):
        ask([SERVICES, NODES], timeout=SHORT)


def test_a_server_that_hangs_altogether(tmp_path):
    with cluster(tmp_path, faults=[Fault(hang=True)]) as (server, ask):
        for required in (True, False):
            with pytest.raises(ClusterError) as error:
                ask(timeout=0.3, services_required=required)
            assert "timed out. Check that the server is reachable, or raise --request-timeout" in str(error.value)
        assert len(server.requests) <= 16, "nothing is asked twice"


def test_a_header_that_never_ends(tmp_path):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/nodes", headers={f"X-{i}": "y" for i in range(200)})]) as (_, ask):
        assert gaps(ask([SERVICES, NODES])) == {"nodes": "unreadable answer"}


RETRIED = [
    pytest.param({"status": 429, "headers": {"Retry-After": "0"}, "times": 2}, id="429"),
    pytest.param({"status": 503, "headers": {"Retry-After": "0"}, "times": 1}, id="503"),
]


@pytest.mark.parametrize("fault", RETRIED)
def test_a_server_that_says_when_is_asked_again(tmp_path, fault):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/*", **fault)]) as (_, ask):
        assert ask([SERVICES, NODES]).gaps == ()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_does_not_say_when_is_not_asked_again(tmp_path, status):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/nodes", status=status)]) as (server, ask):
        ask([SERVICES, NODES])
        assert [request.path for request in server.requests].count("/api/v1/nodes") == 1


@pytest.mark.parametrize("path", ["*", "/api/v1/nodes", "/apis"])
def test_401_ends_it(tmp_path, path):
    with cluster(tmp_path, faults=[Fault(path=path, status=401)]) as (server, ask):
        for required in (True, False):
            with pytest.raises(ClusterError) as error:
                ask(services_required=required)
            assert str(error.value) == (
                f"cannot read from the API server {server.url} (context 'lab'): the server rejected the credentials (401). "
                "Log in again, or select another --context"
            )


def test_a_wrong_token_is_not_shown(tmp_path):
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token="planted-wrong-token")
        with pytest.raises(ClusterError, match=r"rejected the credentials \(401\)") as error:
            read(ClusterSource(kubeconfig=kubeconfig), [SERVICES])
    assert not secret_in(str(error.value), repr(error.value))


ECHO = [
    pytest.param({"status": 403, "json": {"kind": "Status", "message": f"bad token {TOKEN}", "code": 403}}, id="Status"),
    pytest.param({"status": 400, "body": f"Authorization: Bearer {TOKEN}"}, id="a proxy's page"),
    pytest.param({"status": 302, "headers": {"Location": f"https://x/?t={TOKEN}"}}, id="Location"),
]


@pytest.mark.parametrize("fault", ECHO)
def test_what_a_server_echoes_is_not_repeated(tmp_path, fault):
    with cluster(tmp_path, faults=[Fault(path="/api/v1/*", **fault)]) as (_, ask):
        with pytest.raises(ClusterError) as error:
            ask([SERVICES])
        found = ask([NODES])
    assert not secret_in(str(error.value), repr(error.value), repr(found))


@pytest.mark.parametrize(
    "token", [f"planted\n{TOKEN}", f"planted {TOKEN}\x00", f"planted-{TOKEN}-ü"], ids=["newline", "null", "umlaut"]
)
def test_a_token_that_no_header_can_carry_is_not_shown(tmp_path, token):
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token=token)
        with pytest.raises(ClusterError) as error:
            read(ClusterSource(kubeconfig=kubeconfig, request_timeout=5), [SERVICES])
    assert not secret_in(str(error.value), repr(error.value))


def test_a_token_file_may_end_with_a_newline(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with cluster(tmp_path) as (server, _):
        kubeconfig = server.kubeconfig(tmp_path / "other", token="outdated", tokenFile="token")
        assert names(read(ClusterSource(kubeconfig=kubeconfig), [SERVICES]), "services")


DYING = [
    pytest.param("/api/v1/nodes", id="in a list"),
    pytest.param("*continue=*", id="between two pages"),
    pytest.param("/apis", id="in discovery"),
]


@pytest.mark.parametrize("path", DYING)
def test_a_server_that_dies_in_mid_run(tmp_path, path):
    """What was read before it is kept where Services are; else it is one line."""
    with cluster(tmp_path, MANY, faults=[Fault(path=path, die=True)]) as (_, ask):
        try:
            found = ask(NEEDS)
        except ClusterError as error:
            whys = {str(error)}
        else:
            whys = {gap.why for gap in found.gaps}
            assert len(found.of("services")) == len(MANY)
    assert whys
    assert all(re.search("connection closed|connection refused|the response was cut off", why) for why in whys)
    assert not any("\n" in why for why in whys)


def test_a_server_that_is_not_there(tmp_path):
    with cluster(tmp_path) as (server, ask):
        server.stop()
        with pytest.raises(ClusterError) as error:
            ask(services_required=False)
    assert str(error.value) == (
        f"cannot read from the API server {server.url} (context 'lab'): connection refused. "
        "Check that the server is running and that this is the right context"
    )


def test_a_name_that_does_not_resolve(tmp_path, kubeconfig_for):
    with pytest.raises(ClusterError, match="cannot resolve the server's name"):
        read(ClusterSource(kubeconfig=kubeconfig_for("https://api.invalid:6443")), [SERVICES])


def test_credentials_in_the_servers_url_are_not_shown(kubeconfig_for, caplog):
    caplog.set_level("DEBUG")
    for url in (f"http://admin:{TOKEN}@127.0.0.1:9", f"http://127.0.0.1:9/?token={TOKEN}", f"https://x:{TOKEN}@[::1]:9/p"):
        with pytest.raises(ClusterError) as error:
            read(ClusterSource(kubeconfig=kubeconfig_for(url)), [SERVICES])
        assert not secret_in(str(error.value), caplog.text)


def test_no_log_has_the_token_in_it(tmp_path, caplog):
    caplog.set_level("DEBUG")
    with cluster(tmp_path) as (_, ask):
        ask(NEEDS)
    assert caplog.records
    assert not secret_in(caplog.text)


def test_no_thread_outlives_a_drip(tmp_path):
    before = threading.active_count()
    with cluster(tmp_path, faults=[Fault(path="/api/v1/nodes", drip=0.05)]) as (_, ask):
        ask([SERVICES, NODES], timeout=SHORT)
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert threading.active_count() <= before
