"""A short campaign, the same in every run: the promises hold, doubt is rare, and what can be proven is proven."""

import pytest
from promises import WRONG
from world_campaign import run, run_merged

EACH, PARTS = 100, 4
MERGED = 80
"""Worlds, of which half can be asked from several places."""


@pytest.fixture(scope="module", params=range(PARTS))
def tally(request):
    return run(request.param * EACH, EACH)


def wrong(found):
    return {kind: seeds for kind, seeds in found.kinds.items() if kind[0] in WRONG}


def test_never_a_wrong_clean_and_never_a_wrong_accusation(tally):
    assert wrong(tally) == {}


def test_a_healthy_cluster_ends_with_0_and_what_can_be_proven_with_1(tally):
    assert tally.healthy[0] >= 0.98 * tally.healthy.total() > 0
    assert tally.provable[1] >= 0.95 * tally.provable.total() > 0


def test_nor_where_several_hosts_asked():
    found = run_merged(0, MERGED)
    assert found.worlds > 20
    assert wrong(found) == {}
