"""What a large cluster costs to read, in calls of functions and in octets: never more than it is larger, and never twice
in memory."""

import gc
import json
import sys
import tracemalloc

import pytest
from counted import calls
from large import objects

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, limits, read
from arpcheck.cluster.api import read_list
from arpcheck.cluster.discovery import Served
from arpcheck.cluster.files import pieces
from arpcheck.cluster.limits import TEXT, is_sound, weight
from arpcheck.cluster.parse import json_value
from arpcheck.cluster.requirements import fold, merge
from arpcheck.objects import Objects

WANTS = {want.resource: want for want in merge(pipeline.NEEDS)}
SERVED = {
    "services": Served(api_version="v1", plural="services", kind="Service", namespaced=True),
    "nodes": Served(api_version="v1", plural="nodes", kind="Node", namespaced=False),
}


def pages(resource, count, size=20):
    """The answers of a server, by the token that asks for each."""
    made = [*(objects(count, 0) if resource == "services" else objects(0, count))][: count + 1]
    found = [made[first : first + size] for first in range(0, len(made), size)]
    tokens = ["", *map(str, range(1, len(found)))]
    return {
        token: json.dumps({"kind": f"{SERVED[resource].kind}List", "metadata": {"continue": after}, "items": page}).encode()
        for token, after, page in zip(tokens, [*tokens[1:], ""], found, strict=True)
    }


def reading(resource, count):
    answers = pages(resource, count)
    want = WANTS[resource]

    def ask(_path, query, each=None):
        return json_value(answers[query.get("continue", "")], each)

    return lambda: fold([(want, read_list(ask, SERVED[resource], None, want).objects)])


@pytest.mark.parametrize("resource", SERVED)
def test_twice_as_many_take_at_most_twice_as_much(resource):
    reading(resource, 20)()  # whatever is made once is made now
    once, twice = calls(reading(resource, 100)), calls(reading(resource, 200))
    assert twice <= 2.1 * once


def test_to_fold_takes_a_fifth_of_the_calls_that_it_takes_to_read():
    kept = reading("services", 200)()["services"]
    assert calls(lambda: fold([(WANTS["services"], kept)])) < 0.2 * calls(reading("services", 200))


@pytest.mark.parametrize("resource", SERVED)
def test_there_is_never_a_second_copy_of_all_pages(resource):
    whole = sum(memory(lambda body=body: json.loads(body))[1] for body in pages(resource, 200).values())
    peak, kept = memory(reading(resource, 200))
    assert kept < 0.35 * whole
    assert peak - kept < 0.15 * whole


def test_a_snapshot_is_not_written_value_by_value():
    """With an indent Python's encoder calls functions of Python for each value: 100 an object."""
    kept = Objects(resources={"services": reading("services", 200)()["services"]})
    assert calls(lambda: sum(map(len, pieces(kept)))) < 30 * 200


@pytest.mark.parametrize(
    "value", ["text", "é" * 5, 1, None, [], {}, {"a": [{"b": "c", "d": [1, "é"]}], "e": {"f": []}}, [[["x"]], {}]]
)
def test_the_weight_is_that_of_every_value(value):
    def size(one):
        inner = [*one, *one.values()] if isinstance(one, dict) else one if isinstance(one, list) else ()
        return sys.getsizeof(one) + sum(map(size, inner))

    assert weight(value, set()) == size(value)


def test_a_key_that_objects_share_weighs_once():
    key, counted = "a" * 1000, set()
    first, *others = (weight({key: n}, counted) for n in range(3))
    assert {first - other for other in others} == {sys.getsizeof(key)}


def test_the_largest_cluster_that_is_promised_is_read_with_room_to_spare(monkeypatch):
    """In a hundredth of the size; the bench reads all of it."""
    monkeypatch.setattr(limits, "KEPT", limits.KEPT // 100 * 4 // 5)
    found, room = 0, limits.Room()
    for resource, count in (("services", 100), ("nodes", 10)):
        for obj in reading(resource, count)()[resource]:
            room.keep(obj)
            found += 1
    assert found >= 110


def test_an_object_with_one_long_text_is_not_sound_however_it_is_measured():
    def named(text):
        return {"metadata": {"name": "a", "namespace": "b", "annotations": {"x": text}}}

    assert is_sound(named("x" * TEXT), "services")
    assert is_sound({**named(""), "spec": ["x" * (TEXT // 2)] * 4}, "services")
    assert not is_sound(named("x" * (TEXT + 1)), "services")
    assert not is_sound(named("\u00e9" * (TEXT + 1)), "services")


def memory(work):
    """Octets at the peak, and at the end."""
    work()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = work()
        held, peak = tracemalloc.get_traced_memory()
        del made
        return peak - before, held - before
    finally:
        tracemalloc.stop()


def test_the_collector_looks_once_at_what_was_read_and_not_all_the_while(tmp_path):
    path = tmp_path / "cluster.json"
    items = [*objects(100, 50)]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert looks(lambda: read(ClusterSource(cluster_file=str(path)), pipeline.NEEDS)) <= 1
    texts = [json.dumps(one) for one in items]  # one by one: from Python 3.12 on it never looks while C code runs
    assert looks(lambda: [json.loads(text) for text in texts]) > 3
    assert gc.isenabled()


def looks(work):
    begun, were = [], gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # Python's own: a test that ran a command here before may have left it less often
    gc.collect()  # else it may be due because of what was made before
    gc.callbacks.append(lambda phase, _: begun.append(phase) if phase == "start" else None)
    try:
        work()
    finally:
        gc.callbacks.pop()
        gc.set_threshold(*were)
    return len(begun)
