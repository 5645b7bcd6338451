"""The command line as a user meets it: what starts quickly, what is refused in one line, what a saved report gives."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from forked import arpcheck

HEAVY = ("scapy", "kubernetes", "tabulate", "rich", "yaml", "psutil")


@pytest.mark.parametrize("command", ["", "probe", "report", "snapshot", "explain", "docs", "pod", "doctor", "demo"])
def test_help_imports_nothing_heavy(command):
    arguments = [command, "--help"] if command else ["--help"]
    code = (
        "import sys; from arpcheck.__main__ import main; code = main(sys.argv[1:]);"
        f"print([m for m in sys.modules if m.split('.')[0] in {HEAVY!r}], code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[] 0"
    assert done.stdout.startswith("Usage: arpcheck")


def test_report_loads_neither_scapy_nor_kubernetes(saved):
    code = (
        "import sys; from arpcheck.__main__ import main; main(['report', sys.argv[1]]);"
        "print([m for m in sys.modules if m.split('.')[0] in ('scapy', 'kubernetes')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("[1]", "not a report of arpcheck", id="a list"),
        pytest.param("{}", "not a run saved by arpcheck", id="no evidence"),
        pytest.param('{"apiVersion": "arpcheck/v9", "kind": "ProbeReport"}', "'arpcheck/v9'", id="newer"),
        pytest.param("[" * 100_000, ("nested too deeply", "not JSON (line"), id="deep"),
    ],
)
def test_a_file_that_is_no_report_is_refused(text, words):
    done = arpcheck("report", "-", stdin=text)
    assert (done.returncode, done.stdout) == (2, "")
    some = words if isinstance(words, tuple) else (words,)  # Python 3.13 reads any depth
    assert any(word in done.stderr for word in some)
    assert len(done.stderr.splitlines()) == 1


def test_a_fault_in_the_evidence_is_named_with_its_place(saved):
    document = json.loads(Path(saved).read_text())
    document["evidence"]["replies"][0][2] = "first"
    done = arpcheck("report", "-", stdin=json.dumps(document))
    assert done.returncode == 2
    assert "replies[0]" in done.stderr


def test_the_same_file_gives_the_same_bytes_and_the_same_verdicts(saved):
    once, twice = arpcheck("report", saved, "-o", "json"), arpcheck("report", saved, "-o", "json")
    assert once.stdout == twice.stdout
    assert json.loads(once.stdout) == json.loads(Path(saved).read_text())
    assert once.returncode == json.loads(once.stdout)["summary"]["exitCode"] == 1


def test_the_file_beside_stdout_takes_its_format_from_its_name(saved, tmp_path):
    done = arpcheck("report", saved, "--output", str(tmp_path / "r.json"))
    assert "10.0.0.50" in done.stdout
    assert not done.stdout.startswith("{")
    assert json.loads((tmp_path / "r.json").read_text())["kind"] == "ProbeReport"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_link_where_the_file_should_go_is_replaced_not_followed(saved, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "r.json").symlink_to(victim)
    arpcheck("report", saved, "--output", str(tmp_path / "r.json"))
    assert victim.read_text() == "precious"
    assert not (tmp_path / "r.json").is_symlink()


@pytest.mark.parametrize("unbuffered", [["-u"], []], ids=["unbuffered", "buffered"])
@pytest.mark.parametrize(
    ("program", "what"),
    [(("report", "SAVED"), "write to stdout"), (("--help",), "write"), (("explain", "non-strict"), "write to stdout")],
)
def test_a_full_disk_is_an_error_and_not_a_short_text(saved, program, what, unbuffered):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    given = [saved if argument == "SAVED" else argument for argument in program]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, *unbuffered, "-m", "arpcheck", *given], stdout=full, stderr=subprocess.PIPE, text=True, env=env
        )
    assert done.returncode == 2
    assert done.stderr == f"arpcheck: can't {what}: No space left on device\n"


def test_a_closed_pipe_ends_quietly(saved):
    pipe = f"{sys.executable} -m arpcheck report {saved} -o json | head -c 10"
    done = subprocess.run(["/bin/sh", "-c", pipe], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ('{\n  "apiVe', "")


def test_the_version():
    assert arpcheck("--version").stdout.startswith("arpcheck ")


def test_explain_knows_every_rule():
    done = arpcheck("explain")
    for name in ("not-probed", "non-strict", "ok", "non-strict-nodes", "own-cache", "gap"):
        assert f"\n{name} (" in f"\n{done.stdout}"
    assert "Decided when:" in arpcheck("explain", "moved").stdout


def test_a_fault_in_arpcheck_itself_is_shown_and_is_no_finding():
    code = (
        "import sys, arpcheck.commands.report as saved; saved.render_report = lambda *_, **__: 1 // 0\n"
        "from arpcheck.__main__ import main; sys.exit(main(['report', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert re.fullmatch(
        r"arpcheck: this is a fault in arpcheck, not a finding: ZeroDivisionError at <string>:1 < commands/report.py:\d+ < .*"
        r"\. Please report it with this line\n", done.stderr,
    )  # fmt: skip


def test_without_a_word_it_shows_its_help():
    done = arpcheck()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: arpcheck")


def test_a_closed_stream_is_not_another_one(saved):
    """`2>&-` and `>&-`: an error never goes to stdout, and nothing is written into a file that took its number."""
    for redirection, code, out in (("2>&-", 2, ""), (">&-", 2, "")):
        command = f"{sys.executable} -m arpcheck report /nowhere.json {redirection}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (code, out)
        assert "Traceback" not in done.stderr
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m arpcheck report {saved} >&-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", [[], ["strict-arp"]])
def test_the_list_of_commands_says_whole_sentences(command):
    done = arpcheck(*command, "--help", env={"COLUMNS": "60"})
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("report", "Usage: arpcheck report [OPTIONS] [FILE]"),
        ("compare", "Usage: arpcheck compare [OPTIONS] BEFORE AFTER"),
        ("merge", "Usage: arpcheck merge [OPTIONS] FILE..."),
        ("pod", "Usage: arpcheck pod [OPTIONS] [-- OPTIONS]"),
    ],
)
def test_arguments_are_shown_by_name_without_their_python_type(command, usage):
    done = arpcheck(command, "--help")
    assert done.stdout.splitlines()[0] == usage
    assert "<" not in done.stdout.partition("Examples")[0]
