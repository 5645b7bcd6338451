"""The promises hold for merged runs too: from the LAN and a node, and from two nodes that are each blind to themselves."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from campaign import NOW
from clusters import cluster
from holding import broken

from arpcheck import pipeline
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.lab.simulation import SimulatedWire, scene_host
from arpcheck.reports.document import document
from arpcheck.saved.merging import merge


def seen_from(station, scene, drawn, dice, at):
    scene = replace(scene, prober=replace(scene.prober, station=station))
    return station, pipeline.observe(
        Options(interfaces=scene.prober.interfaces, **drawn.options),
        objects=cluster_objects.objects(scene, at, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene, drop=lambda _: dice.random() < drawn.drops),
        clock=lambda: at,
    )


def merged(seed, *, with_client):
    """The report of two hosts, and the truth; None where the drawn cluster has no two such hosts."""
    drawn, dice = cluster(seed), Random(seed)  # noqa: S311 - a draw, not a secret
    scene = scene_file.parse(drawn.toml, f"drawn-{seed}")
    nodes = [s.name for s in scene.stations if s.name in drawn.truth.nodes and [n.name for n in s.nics] == ["eth0"] and s.nics[0].addresses]
    places = (["client"] if with_client else []) + dice.sample(nodes, min(len(nodes), 1 if with_client else 2))
    if len(places) < 2 or drawn.truth.blind:
        return None
    runs = [seen_from(place, scene, drawn, dice, NOW + timedelta(minutes=n)) for n, place in enumerate(places)]
    return drawn.truth, document(pipeline.conclude(merge(runs)))


@pytest.mark.parametrize("with_client", [True, False], ids=["LAN and node", "two nodes"])
@pytest.mark.parametrize("first", range(0, 120, 60))
def test_never_a_wrong_clean_and_never_a_false_accusation(first, with_client):
    found = {seed: merged(seed, with_client=with_client) for seed in range(first, first + 60)}
    drawn = {seed: pair for seed, pair in found.items() if pair}
    assert len(drawn) > 20
    assert {seed: promises for seed, pair in drawn.items() if (promises := broken(*pair))} == {}
