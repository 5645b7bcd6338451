"""What a crowd of answers costs, in calls of functions: twice as many of anything take at most twice as much."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial

import pytest
from counted import calls
from crowds import evidence

from arpcheck import pipeline
from arpcheck.evidence_json import from_json, to_json
from arpcheck.model import Families, Mac
from arpcheck.reports import FORMATS, render
from arpcheck.runs.compare import compare
from arpcheck.runs.merge import merge

FEW = {"addresses": 4, "nodes": 4, "rounds": 1}
MANY = {"addresses": 32, "nodes": 32, "rounds": 4}


@cache
def concluded(**size):
    return pipeline.conclude(evidence(**size))


def judged(**size):
    found = evidence(**size)
    return lambda: pipeline.conclude(found)


def read(**size):
    document = to_json(evidence(**size))
    return lambda: from_json(document, "x")


def merged(**size):
    run = evidence(**size)
    nics = tuple(replace(nic, mac=nic.mac and Mac("02:02:00:00:77:00")) for nic in run.host.interfaces)
    other = replace(run, host=replace(run.host, interfaces=nics), started_at=run.started_at - timedelta(seconds=1))
    return lambda: pipeline.conclude(merge([("a", run), ("b", other)]))


def compared(**size):
    run = evidence(**size), concluded(**size)
    return lambda: compare(run, run)


def rendered(name, **size):
    report = concluded(**size)
    return lambda: render(report, name)


WORK = {
    "judging": judged,
    "judging IPv6": partial(judged, family=Families.IPV6),
    "reading": read,
    "merging": merged,
    "comparing": compared,
} | {name: lambda name=name, **size: rendered(name, **size) for name in FORMATS if name != "yaml"}


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize("more", MANY)
def test_twice_as_many_take_at_most_twice_as_much(name, more):
    WORK[name](**FEW)()  # whatever is made once is made now
    once = calls(WORK[name](**(FEW | {more: MANY[more]})))
    twice = calls(WORK[name](**(FEW | {more: 2 * MANY[more]})))
    assert twice <= 2.1 * once


def test_a_crowd_is_judged_as_what_it_is():
    report = json.loads(render(concluded(addresses=4, nodes=24, rounds=1), "json"))
    assert report["summary"]["verdicts"] == {"non-strict": 4}
    assert len(report["summary"]["nonStrictNodes"]) == 24
    assert {len(t["responders"]) for t in report["targets"] if t["kind"] == "load-balancer"} == {24}
