"""`arpcheck merge` as a user meets it."""

import json
from pathlib import Path

import pytest
from forked import arpcheck


@pytest.fixture
def other(saved, tmp_path):
    """The same, as another host heard it."""
    document = json.loads(Path(saved).read_text())
    for interface in document["evidence"]["host"]["interfaces"]:
        interface["mac"] = interface["mac"] and "02:02:00:00:77:00"
    document["evidence"]["startedAt"] = document["evidence"]["startedAt"].replace("12:00:00", "11:59:59")
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_one_file_twice_is_refused_in_one_line(saved):
    done = arpcheck("merge", saved, saved)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "report and report are runs of the same host" in done.stderr
    assert "arpcheck compare" in done.stderr


def test_the_merged_report_is_a_report(saved, other, tmp_path):
    done = arpcheck("merge", saved, other, "--output", tmp_path / "all.json", "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["kind"]) == (1, "ProbeReport")
    assert [vantage["name"] for vantage in document["evidence"]["vantages"]] == ["other", "report"]
    assert [interface["name"] for interface in document["run"]["interfaces"]] == ["other:eth0", "report:eth0"]
    again = arpcheck("report", tmp_path / "all.json", "-o", "json")
    assert again.stdout == done.stdout
    assert arpcheck("merge", saved, other, "--exit-zero").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["one"], "at least two reports", id="one"),
        pytest.param(["-", "-"], "only one report can be read from stdin", id="stdin twice"),
        pytest.param(["/nowhere/a", "/nowhere/b"], "/nowhere/a: No such file", id="no file"),
        pytest.param([], "FILE is missing", id="none"),
    ],
)
def test_refused_in_one_line(arguments, words):
    done = arpcheck("merge", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_a_hostile_merged_evidence_is_read_or_refused_by_its_place(saved, other):
    document = json.loads(arpcheck("merge", saved, other, "-o", "json").stdout)
    document["evidence"]["vantages"][0]["firstRound"] = "one"
    done = arpcheck("report", "-", stdin=json.dumps(document))
    assert (done.returncode, "vantages[0]" in done.stderr) == (2, True)
    document["evidence"]["vantages"][0].update(firstRound=99, name="")
    assert arpcheck("report", "-", stdin=json.dumps(document)).returncode in (0, 1, 3)
