"""`arpcheck probe --dry-run`: the whole page, and who should answer by what the cluster was read from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from simulated.wire import scene_host

from arpcheck import pipeline
from arpcheck.commands.dry_run import DryRun
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OPTIONS = Options(interfaces=("eth0",))

PAGE = """\
IP         KIND           SERVICES    REQUESTS FROM                      ANNOUNCER
10.0.0.50  load-balancer  web/nginx   10.0.0.5 on eth0                   worker-1 (current, {status})
10.0.0.60  load-balancer  web/routed  10.0.0.5 on eth0                   none (pool routed is announced only by BGP)
-          load-balancer  web/soon    not probed: the Service has no address yet  -
10.96.0.1  canary         -           0.0.0.0 on eth0, 10.0.0.5 on eth0  -
192.0.2.1  control        -           0.0.0.0 on eth0, 10.0.0.5 on eth0  -
10.0.0.11  node           worker-1    0.0.0.0 on eth0, 10.0.0.5 on eth0  -

eth0: 8 frames per round, 3 rounds, 24 frames of 42 bytes at 10 frames/s
At least 5 s; additional requests for unclear addresses take longer. Nothing was sent.
"""

SCENE = """
title = "A case"
about = "A case."
[nodes]
worker-1 = {}
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[services]]
name = "web/routed"
ips = "10.0.0.60"
annotations = { "metallb.io/ip-allocated-from-pool" = "routed" }
advertised = "bgp"
[[services]]
name = "web/soon"
"""


def page(**read):
    scene = scene_file.parse(SCENE, "case")
    objects = replace(cluster_objects.objects(scene, NOW, pipeline.NEEDS), **read)
    return DryRun(pipeline.plan(OPTIONS, objects, scene_host(scene)), OPTIONS, objects, NOW).text(), objects


def test_the_page():
    text, objects = page()
    (status,) = (obj["metadata"]["name"] for obj in objects.of("servicel2statuses.metallb.io"))
    expected = PAGE.format(status=f"ServiceL2Status metallb-system/{status}")
    assert [line.split() for line in text.splitlines()] == [line.split() for line in expected.splitlines()]


@pytest.mark.parametrize(
    ("read_at", "trust"),
    [(NOW, "current"), (None, "possibly-stale"), (NOW - timedelta(days=1), "possibly-stale")],
    ids=["read now", "a file that does not say when it was made", "a snapshot of yesterday"],
)
def test_who_should_answer_by_what_was_read(read_at, trust):
    text, _ = page(read_at=read_at)
    assert f"worker-1 ({trust}, ServiceL2Status" in text
