"""`--bundle` and `--redact`: what is in the file, who may read it, and that nothing is left in it."""

import io
import json
import re
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from forked import arpcheck

CONTROL = bytes((192, 0, 2, 1))
FILES = ["arpcheck.log", "objects.json", "report.html", "report.json", "report.md", "run.txt"]


def content(path):
    with tarfile.open(path) as archive:
        assert all(entry.mode == 0o600 and entry.uid == entry.gid == 0 for entry in archive)
        return {entry.name.partition("/")[2]: archive.extractfile(entry).read() for entry in archive}


def test_everything_is_in_it_and_its_owner_alone_may_read_it(saved, tmp_path):
    done = arpcheck("report", saved, "-o", "name", "--bundle", tmp_path / "t.tgz")
    assert (done.returncode, done.stdout) == (1, "service/web/nginx\nservice/web/shop\n")
    found = content(tmp_path / "t.tgz")
    assert sorted(found) == FILES
    assert json.loads(found["report.json"]) == json.loads(Path(saved).read_text())
    assert found["report.md"].startswith(b"**arpcheck: PROBLEM**")
    assert found["report.html"].startswith(b"<!DOCTYPE html>")
    assert {obj["kind"] for obj in json.loads(found["objects.json"])["items"]} >= {"Service", "Node"}
    assert found["run.txt"].startswith(b"arpcheck report ")
    assert re.search(rb"^Python 3\.", found["run.txt"], re.MULTILINE)
    assert b"round 1: " in found["arpcheck.log"]
    assert stat.S_IMODE((tmp_path / "t.tgz").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["t.tgz"]


def test_the_objects_are_a_cluster_file(saved, tmp_path):
    arpcheck("report", saved, "--bundle", tmp_path / "t.tgz", "--redact")
    (tmp_path / "objects.json").write_bytes(content(tmp_path / "t.tgz")["objects.json"])
    done = arpcheck("snapshot", "--cluster-file", tmp_path / "objects.json")
    names = [
        {(o["kind"], o["metadata"]["name"]) for o in json.loads(text)["items"]}
        for text in (done.stdout, (tmp_path / "objects.json").read_text())
    ]
    assert names[0] == names[1]
    assert ("Node", "node-1") in names[0]


def test_redacted_it_comes_to_the_same_and_names_nobody(saved, tmp_path):
    assert arpcheck("report", saved, "--bundle", tmp_path / "t.tgz", "--redact").returncode == 1
    found = content(tmp_path / "t.tgz")
    assert sorted(found) == FILES
    assert found["run.txt"].startswith(b"arpcheck report /text-")
    page = b"".join(found.values()).decode()
    assert re.findall(r"worker|nginx|shop|10\.0\.0\.|10\.96\.|02:0[12]:00:00:0[1-9]|pytest", page) == []
    document = json.loads(found["report.json"])
    assert document["summary"]["exitCode"] == 1
    assert document["summary"]["nonStrictNodes"] == ["node-1", "node-2", "node-3"]
    again = arpcheck("report", "-", "-o", "json", stdin=found["report.json"].decode())
    assert (again.returncode, json.loads(again.stdout)) == (1, document)


LINES = [
    pytest.param(["probe", "--iface", "eth0", "-n", "web"], "probe --iface eth0 -n namespace-1", id="a name"),
    pytest.param(
        ["probe", "-nweb", "--namespace=web", "-oname"], "probe -nnamespace-1 --namespace=namespace-1 -oname", id="at once"
    ),
    pytest.param(["report", "-", "-o", "junit", "-q"], "report - -o junit -q", id="what arpcheck itself calls things"),
    pytest.param(["probe", "--output", "/home/jane/worker-2x.json"], "probe --output /text/text/text.json", id="a path"),
    pytest.param(["merge", "probe", "10.0.0.50"], "merge text 100.64.0.5", id="a command's name in another place"),
]


@pytest.mark.parametrize(("words", "expected"), LINES)
def test_of_the_command_line_the_command_and_the_options_stay(words, expected):
    from saved_frames import EVIDENCE

    from arpcheck.commands.bundle_file import redacted
    from arpcheck.runs.redact import redact

    line = " ".join(redacted(words, redact(EVIDENCE)))
    assert re.sub(r"text-\d+", "text", line) == expected


def test_the_table_is_beside_it_and_not_in_it(saved, tmp_path):
    arpcheck("report", saved, "--bundle", tmp_path / "t.tgz", "--redact")
    path = tmp_path / "t.tgz.mapping.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    table = json.loads(path.read_text())
    assert table["names"]["worker-1"] == "node-1"
    assert table["macs"]["02:01:00:00:01:00"] == "02:01:00:00:00:01"
    assert not [name for name in content(tmp_path / "t.tgz") if "mapping" in name]


def test_the_same_run_gives_the_same_octets(saved, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        arpcheck("report", saved, "--bundle", "t.tgz", "--redact", cwd=tmp_path / name)
    assert (tmp_path / "one" / "t.tgz").read_bytes() == (tmp_path / "other" / "t.tgz").read_bytes()


SECRETS = [
    pytest.param("--token", "hunter2", id="an option and its value"),
    pytest.param("--api-password=hunter2", "x", id="with an equals sign"),
    pytest.param("https://jane:hunter2@api.example", "x", id="in an address"),
]


@pytest.mark.parametrize(("one", "two"), SECRETS)
def test_no_secret_of_the_command_line_is_in_it(one, two, saved, tmp_path):
    code = (
        "import sys; from arpcheck.commands.report import load, render_report as report; from arpcheck.commands.bundle import Bundle;"
        "from arpcheck.commands.option_groups import ReportOptions;"
        "report(lambda: load(sys.argv[1]), ReportOptions(format_name='name'), Bundle(path=sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, saved, str(tmp_path / "t.tgz"), one, two], capture_output=True, check=False, timeout=60
    )
    assert b"hunter2" not in b"".join(content(tmp_path / "t.tgz").values())


def test_refused(saved, tmp_path):
    done = arpcheck("report", saved, "--redact")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--redact needs --bundle" in done.stderr
    done = arpcheck("report", saved, "--bundle", tmp_path / "no" / "t.tgz")
    assert (done.returncode, "--bundle" in done.stderr, done.stdout) == (2, True, "")


def test_a_bundle_that_can_not_be_written_costs_no_report(saved, tmp_path):
    (tmp_path / "t.tgz.mapping.json").mkdir()
    done = arpcheck("report", saved, "-o", "name", "--bundle", tmp_path / "t.tgz", "--redact")
    assert (done.returncode, done.stdout) == (2, "service/web/nginx\nservice/web/shop\n")
    assert "t.tgz.mapping.json: Is a directory" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.tgz.mapping.json"]


def test_the_log_keeps_what_arpcheck_said_and_no_more_than_it_can_bear():
    import logging

    from arpcheck.commands.log import MOST, log_buffer

    with log_buffer(kept=True) as kept:
        for number in range(MOST + 3):
            logging.getLogger("arpcheck.test").info("line %d \x1b[31m", number)
        logging.getLogger("urllib3").error("a library's")
    assert len(kept.lines()) == MOST + 1
    assert kept.lines()[0].endswith("line 0 \\x1b[31m")
    assert kept.lines()[-1] == "and 3 more"
    assert logging.getLogger("arpcheck").handlers == []


def test_frames_are_rewritten_with_their_times(tmp_path):
    from datetime import UTC, datetime

    from saved_frames import EVIDENCE, FRAMES

    from arpcheck import pipeline
    from arpcheck.commands.bundle import Bundle, bundled
    from arpcheck.wire.pcap import entries
    from arpcheck.wire.scapy_library import Recorder

    file = io.BytesIO()
    recorder = Recorder(file)
    for number, frame in enumerate(FRAMES):
        recorder(datetime(2026, 3, 1, 12, 0, 0, number, tzinfo=UTC), frame)
    bundle = Bundle(path=str(tmp_path / "t.tgz"), redacted=True)
    assert bundled(bundle, EVIDENCE, pipeline.conclude(EVIDENCE), file) is None
    packed = content(tmp_path / "t.tgz")["frames.pcap"]
    frames = list(entries(io.BytesIO(packed), "x"))
    assert [(entry.at % 10**9, len(entry.frame)) for entry in frames] == [
        (n * 1000, len(frame)) for n, frame in enumerate(FRAMES)
    ]
    for original in {part for frame in FRAMES for part in (frame[6:12], frame[28:32], frame[38:42])} - {bytes(4), CONTROL}:
        assert original not in packed
    assert b"etherleak" not in packed
