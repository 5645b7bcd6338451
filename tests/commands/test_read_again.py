"""The second reading of a probe: what names announcers, after the last frame, from a server."""

from __future__ import annotations

from apiserver.server import ApiServer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.probe import read_again
from arpcheck.objects import name

TOKEN = "t"
LEASES = "leases.coordination.k8s.io"


def obj(version, kind, called, space=None, **fields):
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": called, **({"namespace": space} if space else {})},
        **fields,
    }


def lease(called, space):
    spec = {"holderIdentity": "worker-1", "leaseDurationSeconds": 15, "renewTime": "2026-03-01T12:00:00.000000Z"}
    return obj("coordination.k8s.io/v1", "Lease", called, space, spec=spec)


WEB = obj("v1", "Service", "web", "shop", spec={"type": "LoadBalancer"})
WORKER = obj("v1", "Node", "worker-1")
COMMON, KUBELET = lease("plndr-svcs-lock", "kube-system"), lease("worker-1", "kube-node-lease")


def first(server, tmp_path):
    source = ClusterSource(kubeconfig=server.kubeconfig(tmp_path / "kubeconfig"), request_timeout=10.0)
    return source, read(source, pipeline.NEEDS)


def test_only_what_can_name_an_announcer_is_read_again(tmp_path):
    with ApiServer((WEB, WORKER, COMMON, KUBELET), token=TOKEN) as server:
        source, before = first(server, tmp_path)
        asked = len(server.requests)
        after = read_again(source, before)
        lists = {request.path for request in server.requests[asked:] if request.query.get("limit")}
    assert after is not None
    assert {name(found) for found in after.of(LEASES)} == {"plndr-svcs-lock", "worker-1"}
    assert lists == {"/apis/coordination.k8s.io/v1/leases"}
    assert (after.read_at > before.read_at, after.server_ahead) == (True, 0.0)


def test_where_nothing_names_an_announcer_nothing_is_asked(tmp_path):
    with ApiServer((WEB, WORKER, KUBELET), token=TOKEN) as server:
        source, before = first(server, tmp_path)
        asked = len(server.requests)
        assert read_again(source, before) is None
        assert len(server.requests) == asked


def test_a_file_is_read_once(tmp_path):
    with ApiServer((WEB, WORKER, COMMON), token=TOKEN) as server:
        _, before = first(server, tmp_path)
    assert read_again(ClusterSource(cluster_file="x.json"), before) is None


def test_a_server_that_is_gone_is_a_gap(tmp_path):
    with ApiServer((WEB, WORKER, COMMON), token=TOKEN) as server:
        source, before = first(server, tmp_path)
    after = read_again(source, before)
    assert after is not None
    assert ([gap.what for gap in after.gaps], dict(after.resources)) == ([LEASES], {})
