"""A run that arpcheck 0.1.0 saved, as it was written: read by whatever reads saved runs, and written anew in today's form."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from forked import arpcheck

from arpcheck.evidence_json import from_json
from arpcheck.model import MacListFormat

FILE = Path(__file__).parent / "kept" / "run-of-0.1.0.json"
SCHEMA = json.loads(files("arpcheck.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))
OLD = json.loads(FILE.read_text())


def done(*arguments):
    """The exit code and the document."""
    found = arpcheck(*arguments, "-o", "json")
    return found.returncode, json.loads(found.stdout)


def test_it_is_of_that_time():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(OLD, SCHEMA)
    assert [node["arp"] for node in OLD["nodes"]] == ["strict", "non-strict"]
    assert {"row", "id"} & OLD["causes"][0].keys() == {"row"}
    assert "format" not in OLD["evidence"]["macMap"][0]


def test_report_writes_it_in_the_form_of_today():
    code, report = done("report", FILE)
    jsonschema.validate(report, SCHEMA)
    assert (code, report["summary"]["verdicts"]) == (1, {"non-strict": 2})
    assert [(t["winner"], t["confidence"]) for t in report["targets"][:1]] == [
        ("worker-2", {"rounds": 3, "lost": 0, "slowestRate": 10.0})
    ]
    assert {node["name"]: node["arp"] for node in report["nodes"]} == {"worker-1": "unknown", "worker-2": "non-strict"}
    assert "interface-arp-ignore" in [cause["id"] for cause in report["causes"]]


def test_what_is_written_of_it_says_the_same_again(tmp_path):
    code, report = done("report", FILE)
    (tmp_path / "again.json").write_text(json.dumps(report))
    assert done("report", tmp_path / "again.json") == (code, report)


def test_its_mac_list_has_a_format():
    assert [entry.format for entry in from_json(OLD["evidence"], "x").mac_map] == [MacListFormat.CSV, MacListFormat.ARP_SCAN]


def test_merge_takes_it_beside_another(tmp_path):
    text = (
        FILE.read_text()
        .replace("02:02:00:00:01:00", "02:02:00:00:01:99")
        .replace('"10.0.0.5"', '"10.0.0.6"')
        .replace("10.0.0.5/24", "10.0.0.6/24")
    )
    (tmp_path / "other.json").write_text(text)
    code, report = done("merge", FILE, tmp_path / "other.json")
    jsonschema.validate(report, SCHEMA)
    assert (code, report["summary"]["verdicts"], len(report["evidence"]["vantages"])) == (1, {"non-strict": 2}, 2)
    assert report["targets"][0]["confidence"]["rounds"] == 6
    assert [node["arp"] for node in report["nodes"]] == ["quiet", "non-strict"]


def test_compare_holds_it_against_itself():
    _, found = done("compare", FILE, FILE)
    assert {entry["change"] for entry in found["addresses"]} == {"same"}
