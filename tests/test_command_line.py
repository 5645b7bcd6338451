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


REFUSED = [
    pytest.param(["probe"], "--iface is missing", id="no interface"),
    pytest.param(["probe", "--iface", "nope0"], "this host has no interface 'nope0'. Interfaces:", id="unknown interface"),
    pytest.param(["probe", "--iface", "lo"], "lo is a loopback", id="loopback"),
    pytest.param(["probe", "--iface", "lo", "--rate", "5000"], "--rate 5000 is out of range", id="too fast"),
    pytest.param(["probe", "--iface", "lo", "--ip", "10.0.0.300"], "'10.0.0.300' is not an IPv4 address", id="bad --ip"),
    pytest.param(
        ["probe", "--iface", "lo", "--ip", "127.0.0.1"], "not an address that one host can have", id="loopback --ip"
    ),
    pytest.param(["probe", "--iface", "lo", "-l", "a in b"], "invalid label selector", id="bad selector"),
    pytest.param(["probe", "--iface", "lo", "-o", "pdf"], "-o 'pdf': unknown format. One of table", id="unknown format"),
    pytest.param(["probe", "--iface", "lo", "-n", "web", "-A"], "-n and -A can't be combined", id="-n and -A"),
    pytest.param(["probe", "--iface", "lo", "--output", "/nowhere/r.json"], "there is no folder /nowhere", id="no folder"),
    pytest.param(
        ["probe", "--iface", "lo", "--cluster-file", "x", "--context", "y"],
        "--cluster-file can't be combined",
        id="two sources",
    ),
    pytest.param(["report", "/nowhere/r.json"], "/nowhere/r.json: No such file", id="no report"),
    pytest.param(["explain", "nonsense"], "no verdict and no finding is called 'nonsense'", id="unknown rule"),
    pytest.param(
        ["watch", "--iface", "lo", "--for", "soon"], "--for 'soon' is not a time. Write it like 0.5s, 90s", id="no time"
    ),
    pytest.param(["watch", "--iface", "lo", "--interval", "0s"], "--interval '0s' is not a time", id="no interval"),
    pytest.param(["probe", "--iface", "lo", "--file-has", "all"], "--file-has needs --cluster-file", id="kinds of no file"),
    pytest.param(
        ["doctor", "--cluster-file", "x", "--context", "y"], "--cluster-file can't be combined", id="doctor of two sources"
    ),
    pytest.param(["pod"], "--node is missing", id="no node"),
    pytest.param(["pod", "--node", "x", "--", "--frob"], "No such option: --frob", id="an option that probe has not"),
    pytest.param(
        ["frobnicate"], "No such command 'frobnicate'. `arpcheck --help` shows what there is\n", id="unknown command"
    ),
    pytest.param(
        ["strict-arp", "status", "--frob"],
        "--frob. `arpcheck strict-arp status --help` shows what there is\n",
        id="unknown option",
    ),
    pytest.param(["explain", "nonstrict"], "is called 'nonstrict'. Is it non-strict", id="a rule that is alike"),
    pytest.param(["docs", "nonsense"], "no page is called 'nonsense'. `arpcheck docs` lists the pages", id="unknown page"),
    pytest.param(["docs", "symptom"], "is called 'symptom'. Did you mean symptoms?", id="a page that is alike"),
    pytest.param(["docs", "non-strict"], "`arpcheck explain non-strict` shows it", id="a rule that is asked for as a page"),
    pytest.param(["merge", "x.json"], "merge needs at least two reports", id="one report"),
    pytest.param(["compare", "-"], "Missing argument 'AFTER'. `arpcheck compare --help`", id="a missing argument"),
    pytest.param(["snapshot", "--kubeconfig", "/nowhere/config"], "/nowhere/config", id="no kubeconfig"),
    pytest.param(["snapshot", "--cluster-file", "/nowhere/c.json"], "/nowhere/c.json", id="no cluster file"),
    pytest.param(["demo", "nowhere"], "nowhere", id="unknown scene"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_bad_input_is_one_line_and_exit_code_2(arguments, words):
    done = arpcheck(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("arpcheck: ")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("[1]", "no report of arpcheck", id="a list"),
        pytest.param("{}", "not a run saved by arpcheck", id="no evidence"),
        pytest.param('{"apiVersion": "arpcheck/v9", "kind": "ProbeReport"}', "'arpcheck/v9'", id="newer"),
        pytest.param("[" * 100_000, "nested too deeply", id="deep"),
    ],
)
def test_a_file_that_is_no_report_is_refused(text, words):
    done = arpcheck("report", "-", stdin=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
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
        ("pod", "Usage: arpcheck pod [OPTIONS] [-- PROBE-OPTIONS]"),
    ],
)
def test_arguments_are_shown_by_name_without_their_python_type(command, usage):
    done = arpcheck(command, "--help")
    assert done.stdout.splitlines()[0] == usage
    assert "<" not in done.stdout.partition("Examples")[0]
