"""`arpcheck merge` as a user meets it."""

import json

import pytest
from forked import arpcheck


def test_the_merged_report_is_a_report(saved, tmp_path):
    done = arpcheck("merge", saved, saved, "--output", tmp_path / "all.json", "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["kind"]) == (1, "ProbeReport")
    assert [vantage["name"] for vantage in document["evidence"]["vantages"]] == ["report", "report-2"]
    assert [interface["name"] for interface in document["run"]["interfaces"]] == ["report:eth0", "report-2:eth0"]
    again = arpcheck("report", tmp_path / "all.json", "-o", "json")
    assert again.stdout == done.stdout
    assert arpcheck("merge", saved, saved, "--exit-zero").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["one"], "two reports or more", id="one"),
        pytest.param(["-", "-"], "several runs from stdin", id="stdin twice"),
        pytest.param(["/nowhere/a", "/nowhere/b"], "/nowhere/a: No such file", id="no file"),
        pytest.param([], "Missing argument", id="none"),
    ],
)
def test_refused_in_one_line(arguments, words):
    done = arpcheck("merge", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_a_hostile_merged_evidence_is_read_or_refused_by_its_place(saved, tmp_path):
    document = json.loads(arpcheck("merge", saved, saved, "-o", "json").stdout)
    document["evidence"]["vantages"][0]["firstRound"] = "one"
    done = arpcheck("report", "-", stdin=json.dumps(document))
    assert (done.returncode, "vantages[0]" in done.stderr) == (2, True)
    document["evidence"]["vantages"][0].update(firstRound=99, name="")
    assert arpcheck("report", "-", stdin=json.dumps(document)).returncode in (0, 1, 3)
