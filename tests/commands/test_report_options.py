"""What `report` and `probe` share on the command line: --accept, --exit-zero, --no-headers."""

import json
from pathlib import Path

import pytest
from forked import arpcheck

ALL_ACCEPTED = """accept:
- {verdict: non-strict, service: web/nginx, responders: [worker-2, worker-3], reason: known, until: 2026-04-01}
- {verdict: non-strict, ip: 10.0.0.51, responders: [worker-1, worker-2], reason: known, until: 2026-04-01}
- {finding: non-strict-nodes, node: worker-1, reason: known, until: 2026-04-01}
- {finding: non-strict-nodes, node: worker-2, reason: known, until: 2026-04-01}
- {finding: non-strict-nodes, node: worker-3, reason: known, until: 2026-04-01}
"""


def exit_code(done):
    return done.returncode, json.loads(done.stdout)["summary"]["exitCode"]


def test_exit_zero_hides_the_code_from_the_shell_alone(saved):
    assert exit_code(arpcheck("report", saved, "-o", "json", "--exit-zero")) == (0, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"interrupted": True, "complete": False}, 130, id="interrupted"),
        pytest.param({"questions": [], "replies": []}, 0, id="nothing proven"),
    ],
)
def test_exit_zero_is_for_1_and_3_only(saved, change, code):
    evidence = json.loads(Path(saved).read_text())["evidence"] | change
    assert arpcheck("report", "-", "--exit-zero", stdin=json.dumps(evidence)).returncode == code
    assert arpcheck("report", "-", stdin=json.dumps(evidence)).returncode == (code or 3)


def test_exit_zero_does_not_hide_a_failure():
    assert arpcheck("report", "/nowhere/r.json", "--exit-zero").returncode == 2


def test_no_headers(saved):
    with_them, without = arpcheck("report", saved).stdout, arpcheck("report", saved, "--no-headers").stdout
    assert "REPLIES FROM" in with_them
    assert "REPLIES FROM" not in without
    assert "10.0.0.50" in without


@pytest.mark.parametrize("options", [("--only", "ok"), ("--only", "ok,silent"), ("--only", "ok", "--only", "silent")])
def test_what_is_hidden_counts_all_the_same(saved, options):
    done, everything = arpcheck("report", saved, *options), arpcheck("report", saved)
    assert done.returncode == everything.returncode == 1
    assert done.stdout.count("10.0.0.50  ") < everything.stdout.count("10.0.0.50  ")
    assert "hidden by --only ok" in " ".join(done.stdout.split())
    assert arpcheck("report", saved, *options, "-o", "json").stdout == arpcheck("report", saved, "-o", "json").stdout


def test_faults_shows_what_is_wrong(saved):
    assert "10.0.0.50  " in arpcheck("report", saved, "--faults").stdout


@pytest.mark.parametrize("command", [("report", "/nowhere/a"), ("merge", "/nowhere/a", "/nowhere/b")], ids=" ".join)
def test_what_is_not_a_verdict_is_refused_before_a_file_is_read(command):
    done = arpcheck(*command, "--only", "foriegn")
    assert (done.returncode, done.stdout) == (2, "")
    assert "foreign" in done.stderr


def test_a_saved_report_with_what_is_accepted(saved, tmp_path):
    known = tmp_path / "known.yaml"
    known.write_text(ALL_ACCEPTED)
    done = arpcheck("report", saved, "--accept", str(known), "-o", "json")
    assert exit_code(done) == (0, 0)
    assert exit_code(arpcheck("report", "-", "-o", "json", stdin=done.stdout)) == (0, 0)
    known.write_text("[]")
    assert exit_code(arpcheck("report", "-", "-o", "json", "--accept", str(known), stdin=done.stdout)) == (1, 1)


def test_a_fault_in_the_file_is_one_line(saved, tmp_path):
    known = tmp_path / "known.yaml"
    known.write_text("- {verdict: duplicate, ip: 10.0.0.50, reason: x}")
    done = arpcheck("report", saved, "--accept", str(known))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "entry 1: until is missing" in done.stderr
