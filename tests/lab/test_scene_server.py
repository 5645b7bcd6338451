"""The API server that a scene stands on, over real HTTP: what `arpcheck probe` reads of it, and what it does not do."""

import http.client
import json
from contextlib import closing
from urllib.parse import quote

import pytest

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import serve

SCENE = """
title = "A"
about = "A"
[cluster]
refused = ["leases.coordination.k8s.io", "pods*"]
"""
MAP = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"


@pytest.fixture(scope="module")
def url():
    with serve(scene_file.parse(SCENE, "made")) as server:
        yield server.url.removeprefix("http://")


def ask(url, path, method="GET"):
    with closing(http.client.HTTPConnection(url, timeout=10)) as connection:
        connection.request(method, quote(path, safe="/?=&"))
        with connection.getresponse() as response:
            return response.status, response.read()


def names(url, path):
    return [item["metadata"]["name"] for item in json.loads(ask(url, path)[1])["items"]]


def test_lists_by_namespace_and_selector(url):
    assert names(url, "/api/v1/services") == ["kubernetes", "kube-dns", "nginx"]
    assert names(url, "/api/v1/namespaces/web/services") == ["nginx"]
    assert names(url, "/api/v1/services?labelSelector=k8s-app=kube-dns") == ["kube-dns"]
    assert names(url, "/api/v1/services?fieldSelector=spec.type!=ClusterIP") == ["nginx"]


def test_one_object(url):
    assert json.loads(ask(url, MAP)[1])["kind"] == "ConfigMap"
    assert ask(url, MAP + "-gone")[0] == 404


@pytest.mark.parametrize(
    "path", ["/apis/coordination.k8s.io/v1/leases", "/api/v1/pods", "/api/v1/namespaces/kube-system/pods/x/log"]
)
def test_what_the_scene_refuses(url, path):
    status, body = ask(url, path)
    assert (status, json.loads(body)["reason"]) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", f"{MAP}/log", 405, id="no logs"),
        pytest.param("PATCH", MAP, 501, id="no writes"),
        pytest.param("GET", "/apis/none.io/v1/things", 404, id="no such group"),
        pytest.param("GET", "/api/v1/services?labelSelector=a=b=c", 400, id="no selector"),
    ],
)
def test_what_it_does_not_do(url, method, path, status):
    assert ask(url, path, method)[0] == status
