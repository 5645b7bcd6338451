"""A sample of the campaign: random clusters, their truth, and the promises that a report must keep."""

import pytest
from campaign import judged, probed
from clusters import Answer, Truth, cluster
from holding import broken


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_never_a_wrong_clean_and_never_a_false_accusation(first):
    found = {seed: broken(drawn.truth, judged(drawn, seed)) for seed in range(first, first + 50) for drawn in [cluster(seed)]}
    assert {seed: promises for seed, promises in found.items() if promises} == {}


@pytest.mark.parametrize("seed", [518097])
def test_what_once_broke_a_promise(seed):
    """518097: both answers of a proxy for the control were lost, and it passed for a node."""
    drawn = cluster(seed)
    assert broken(drawn.truth, judged(drawn, seed)) == ()


@pytest.mark.lab
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_same_on_the_kernel(seed):
    drawn = cluster(seed)
    assert broken(drawn.truth, probed(drawn, seed)) == ()


TRUTH = Truth(
    answers={"10.0.0.50": frozenset({Answer("a", "speaker"), Answer("b", "kernel")})}, announcers={"10.0.0.50": frozenset("a")},
    nodes=frozenset("ab"), non_strict=frozenset("b"), masked=frozenset(), blind=frozenset(), refused=frozenset(), lossy=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "code", "nodes", "responders", "count"),
    [
        pytest.param("non-strict", 1, {"a": "strict", "b": "non-strict"}, ["a", "b"], 0, id="as it is"),
        pytest.param("ok", 1, {}, ["a"], 1, id="a wrong ok"),
        pytest.param("inconclusive", 0, {}, [], 2, id="a wrong exit 0"),
        pytest.param("non-strict", 1, {"a": "non-strict"}, ["a", "b"], 1, id="a node accused that is strict"),
        pytest.param("non-strict", 1, {"b": "strict"}, ["a", "b"], 1, id="a node excused that is not"),
        pytest.param("non-strict", 1, {}, ["a", "c"], 1, id="a node that did not answer"),
        pytest.param("foreign", 1, {}, ["a", "b"], 1, id="a stranger that is none"),
        pytest.param("ok", 1, {}, [], 2, id="a wrong ok where nobody was heard"),
    ],
)
def test_a_broken_promise_is_seen(verdict, code, nodes, responders, count):
    report = {
        "summary": {"exitCode": code}, "run": {"lost": 0}, "nodes": [{"name": n, "arp": arp} for n, arp in nodes.items()],
        "targets": [{"ip": "10.0.0.50", "verdict": verdict, "responders": [{"node": node} for node in responders]}],
    }  # fmt: skip
    assert len(broken(TRUTH, report)) == count
