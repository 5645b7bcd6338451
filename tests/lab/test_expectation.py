"""A report held against a scene: equal is silent, and every difference is one line."""

import copy

import pytest

from arpcheck.errors import InputError
from arpcheck.lab import scene_file
from arpcheck.lab.run import differences

SCENE = scene_file.parse(
    """
    title = "A test"
    about = "Made by a test."
    [hosts]
    printer = { addresses = "10.0.0.50" }
    router = { addresses = "10.0.0.1" }
    [[announcers]]
    at = "router"
    ips = "10.0.0.50"
    mac = "00:00:5e:00:01:33"
    [expect]
    exit = 1
    findings = ["foreign-mac"]
    gaps = ["events"]
    causes = { stranger-alone = "no node", answers-twice = "" }
    verdicts = { "10.0.0.50" = "foreign", "web/pending" = "not-probed" }
    also = { "10.0.0.50" = ["stranger", "announcer-silent"] }
    arp = { worker-1 = "quiet" }
    [expect.responders]
    "10.0.0.50" = { worker-1 = [1, 2], "?printer" = [1], "?router" = [1] }
    "10.96.0.1" = ["worker-1"]
    """,
    "test",
)


def responder(mac, node=None, rounds=(1,)):
    return {"node": node, "macs": [mac], "rounds": list(rounds)}


REPORT = {
    "summary": {"exitCode": 1},
    "targets": [
        {
            "ip": "10.0.0.50", "services": ["web/nginx"], "verdict": "foreign",
            "also": [{"id": "stranger"}, {"id": "announcer-silent"}],
            "responders": [
                responder("02:02:00:00:02:00"),
                responder("00:00:5e:00:01:33"),
                responder("02:01:00:00:01:00", "worker-1", (1, 2)),
            ],
        },
        {"ip": None, "services": ["web/pending"], "verdict": "not-probed", "responders": []},
        {"ip": "10.96.0.1", "services": [], "verdict": None, "responders": [responder("02:01:00:00:01:00", "worker-1")]},
        {"ip": "192.0.2.1", "services": [], "verdict": None, "responders": [responder("02:01:00:00:01:00")]},
    ],
    "nodes": [{"name": "worker-1", "arp": "quiet"}],
    "findings": [{"id": "foreign-mac"}],
    "gaps": [{"what": "events"}],
    "causes": [{"id": "stranger-alone", "text": "A host that is no node"}, {"id": "answers-twice", "text": "Twice"}],
}  # fmt: skip


def test_nothing_to_say():
    assert differences(SCENE, REPORT) == ()


def test_a_scene_without_expectations():
    assert differences(scene_file.parse('title = "t"\nabout = "a"', "test"), REPORT) == ()


def changed(*path, to):
    report = copy.deepcopy(REPORT)
    place = report
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return report


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (changed("summary", "exitCode", to=0), "exit code: expected 1, found 0"),
        (changed("targets", 0, "verdict", to="ok"), "verdict of 10.0.0.50: expected foreign, found ok"),
        (changed("targets", 1, "verdict", to=None), "verdict of web/pending: expected not-probed, found None"),
        (changed("targets", 3, "verdict", to="ok"), "verdict of 192.0.2.1: expected None, found ok"),
        (
            changed("targets", 0, "responders", 2, "rounds", to=[1]),
            "responders of 10.0.0.50: expected ['?printer in 1', '?router in 1', 'worker-1 in 1, 2'], "
            "found ['?printer in 1', '?router in 1', 'worker-1 in 1']",
        ),
        (
            changed("targets", 2, "responders", 0, "node", to=None),
            "responders of 10.96.0.1: expected ['worker-1'], found ['?worker-1']",
        ),
        (
            changed("targets", 2, "responders", to=[responder("02:0f:00:00:00:01")]),
            "responders of 10.96.0.1: expected ['worker-1'], found ['?02:0f:00:00:00:01']",
        ),
        (
            changed("targets", 1, "responders", to=[responder("02:01:00:00:01:00", "worker-1")]),
            "responders of web/pending: expected [], found ['worker-1']",
        ),
        (
            changed("targets", 0, "also", to=[{"id": "stranger"}]),
            "also of 10.0.0.50: expected ['announcer-silent', 'stranger'], found ['stranger']",
        ),
        (changed("nodes", 0, "arp", to="non-strict"), "arp of worker-1: expected quiet, found non-strict"),
        (changed("nodes", to=[]), "arp of worker-1: expected quiet, found None"),
        (changed("findings", to=[]), "findings: expected ['foreign-mac'], found []"),
        (
            changed("findings", to=[{"id": "gap"}, {"id": "foreign-mac"}]),
            "findings: expected ['foreign-mac'], found ['foreign-mac', 'gap']",
        ),
        (changed("gaps", to=[]), "gaps: expected ['events'], found []"),
        (
            changed("causes", 1, "id", to="split-brain"),
            "causes: expected ['answers-twice', 'stranger-alone'], found ['split-brain', 'stranger-alone']",
        ),
        (changed("causes", 0, "text", to="Other"), "cause stranger-alone: expected 'no node' in it, found Other"),
    ],
)
def test_a_difference(report, line):
    assert differences(SCENE, report) == (line,)


def test_where_chance_decides_only_what_is_named_is_compared():
    head = 'title = "t"\nabout = "a"\n[expect]\nexit = 3\nby_chance = [3, 1]\n'
    assert differences(scene_file.parse(head, "test"), REPORT) == ()
    assert differences(scene_file.parse(head, "test"), changed("summary", "exitCode", to=0)) == (
        "exit code: expected one of 1, 3, found 0",
    )
    named = scene_file.parse(head + 'verdicts = { "10.0.0.50" = "ok" }\narp = { worker-1 = "unknown" }\n', "test")
    assert differences(named, REPORT) == (
        "verdict of 10.0.0.50: expected ok, found foreign",
        "arp of worker-1: expected unknown, found quiet",
    )
    with pytest.raises(InputError, match="exit 0 is not among them"):
        scene_file.parse(head.replace("exit = 3", "exit = 0"), "test")
