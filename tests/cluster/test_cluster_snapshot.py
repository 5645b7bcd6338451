"""A snapshot: what is in it, that it reads back as what it was, and that its gaps can't get lost."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cluster_world import CLUSTER, EVENTS, NEEDS, NODES, SERVICES, cluster, gaps

from arpcheck.cluster import ClusterSource, read, snapshot
from arpcheck.errors import ClusterError, InputError
from arpcheck.model import Gap
from arpcheck.objects import Objects


@pytest.fixture
def back(tmp_path):
    """Reads a snapshot's text."""

    def ask(text, needs=NEEDS, **options):
        path = tmp_path / "snapshot.json"
        path.write_text(text)
        return read(ClusterSource(cluster_file=str(path)), needs, **options)

    return ask


DENIED = [
    pytest.param((), id="everything"),
    pytest.param((("list", "nodes"),), id="nodes refused"),
    pytest.param((("list", "servicel2statuses.metallb.io"),), id="a resource of MetalLB refused"),
    pytest.param((("list", "daemonsets"), ("list", "pods")), id="what mounts is refused"),
    pytest.param((("list", "events"), ("list", "configmaps")), id="events and ConfigMaps refused"),
]


@pytest.mark.parametrize("denied", DENIED)
def test_what_an_api_gave_reads_back_as_equal_objects(tmp_path, back, denied):
    with cluster(tmp_path, denied=denied) as (_, ask):
        found = ask()
    assert back(snapshot(found)) == replace(found, kubeconfig=None), "a path of this host, which is nothing to another"
    assert snapshot(back(snapshot(found))) == snapshot(found)


def test_refused_services_read_back_as_a_gap_or_as_the_error_that_they_were(tmp_path, back):
    with cluster(tmp_path, denied=[("list", "services")]) as (_, ask):
        found = ask(services_required=False)
    assert back(snapshot(found), services_required=False) == replace(found, kubeconfig=None)
    with pytest.raises(ClusterError, match=r"Services could not be read when this snapshot was taken \(forbidden\)"):
        back(snapshot(found))


def test_the_same_objects_give_the_same_text_and_never_a_secret(tmp_path):
    with cluster(tmp_path) as (server, ask):
        (text,) = {snapshot(replace(ask(), read_at=None)) for _ in range(3)}
        assert not any("secrets" in request.path for request in server.requests)
    assert "cGxhbnRlZA==" not in text
    assert "env" not in text
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "planted"}}
    assert "planted" not in snapshot(Objects(resources={"secrets": (secret,)}))


def test_the_full_text():
    objects = Objects(
        resources={"nodes": ({"kind": "Node", "apiVersion": "v1", "metadata": {"name": "wörker"}},), "events": ()},
        gaps=(Gap(what="pods", why="forbidden", costs="c"),),
        context="prod",
        version="v1.33.4",
        read_at=datetime(2026, 3, 1, tzinfo=UTC),
        server_ahead=-7.5,
    )
    assert (
        snapshot(objects)
        == """{
 "apiVersion": "v1",
 "arpcheck": {
  "context": "prod",
  "gaps": [
   {
    "costs": "c",
    "what": "pods",
    "why": "forbidden"
   }
  ],
  "read": [
   "events",
   "nodes"
  ],
  "serverAhead": -7.5,
  "serverVersion": "v1.33.4",
  "takenAt": "2026-03-01T00:00:00+00:00",
  "writtenBy": "0.1.0"
 },
 "items": [
  {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "wörker"}}
 ],
 "kind": "List"
}
"""
    )


def header(**rest):
    return {"takenAt": None, "context": "prod", "serverVersion": None, "read": ["services", "nodes"], "gaps": [], **rest}


def written(head, objects=CLUSTER):
    return json.dumps({"apiVersion": "v1", "kind": "List", "arpcheck": head, "items": list(objects)})


def test_what_a_snapshot_read_and_found_empty_is_no_gap(back):
    found = back(written(header(), []), (SERVICES, NODES, EVENTS))
    assert (dict(found.resources), found.gaps) == ({"services": (), "nodes": ()}, ())


def test_a_gap_of_a_resource_that_nobody_needs_is_left_out_and_any_other_stays(back):
    told = [{"what": what, "why": "forbidden", "costs": "c"} for what in ("pods", "nodes", "the canary's address")]
    found = back(written(header(gaps=told)), (SERVICES, NODES))
    assert gaps(found) == {"nodes": "forbidden", "the canary's address": "forbidden"}


def test_several_snapshots_in_a_row_keep_all_gaps(back):
    one = written(header(gaps=[{"what": "nodes", "why": "forbidden", "costs": "c"}]))
    two = written(header(gaps=[{"what": "events", "why": "timed out", "costs": "c"}]), [])
    assert gaps(back(one + two)).items() >= {"nodes": "forbidden", "events": "timed out"}.items()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(5, id="a number"),
        pytest.param({}, id="nothing in it"),
        pytest.param(header(gaps={}), id="gaps no list"),
        pytest.param(header(gaps=["pods"]), id="a gap no mapping"),
        pytest.param(header(gaps=[{"what": "pods", "why": 3, "costs": "c"}]), id="a reason no text"),
        pytest.param(header(gaps=[{"what": "pods"}]), id="a gap without a reason"),
        pytest.param(header(read=None), id="read no list"),
        pytest.param(header(context=[]), id="context no text"),
    ],
)
def test_a_damaged_header_is_refused(back, damage):
    with pytest.raises(InputError, match=r"snapshot\.json:1: the snapshot's header is damaged"):
        back(written(damage))
