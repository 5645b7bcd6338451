"""`arpcheck report --capture` as a user meets it; the kernel tests judge what tcpdump wrote."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from forked import arpcheck


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "FILE is missing", id="nothing"),
        pytest.param(["r.json", "--capture", "x"], "can't be combined", id="both"),
        pytest.param(
            ["r.json", "--cluster-file", "x"], "Give those options only with --capture", id="a cluster for a report"
        ),
        pytest.param(["r.json", "-n", "web"], "Give those options only with --capture", id="a selection for a report"),
        pytest.param(["--capture", "x"], "--capture needs --cluster-file", id="no cluster"),
        pytest.param(["--capture", "-", "--cluster-file", "-"], "both from stdin", id="stdin twice"),
        pytest.param(["--capture", "x", "--cluster-file", "/nowhere"], "/nowhere", id="no cluster file"),
        pytest.param(["--capture", "x", "--cluster-file", "y", "-l", "a in b"], "is not a label selector", id="selector"),
    ],
)
def test_refused_in_one_line(arguments, words):
    done = arpcheck("report", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "lan.pcap: not a pcap or pcapng file", id="empty"),
        pytest.param(None, "lan.pcap: No such file", id="missing"),
    ],
)
def test_a_file_that_is_no_capture(tmp_path, content, words):
    (tmp_path / "cluster.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    if content is not None:
        (tmp_path / "lan.pcap").write_bytes(content)
    done = arpcheck(
        "report", "--capture", tmp_path / "lan.pcap", "--cluster-file", tmp_path / "cluster.json", "--ip", "10.0.0.5"
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_a_page_is_judged_again(saved, tmp_path):
    arpcheck("report", saved, "--output", tmp_path / "r.html")
    done = arpcheck("report", tmp_path / "r.html", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (1, json.loads(Path(saved).read_text()))
    other = arpcheck("report", "-", stdin="<html></html>")
    assert (other.returncode, "without a report of arpcheck" in other.stderr) == (2, True)


def test_a_capture_needs_no_kubernetes_client(tmp_path):
    (tmp_path / "cluster.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    (tmp_path / "lan.pcap").write_bytes(b"")
    code = (
        "import sys; from arpcheck.__main__ import main; main(sys.argv[1:]);"
        "print([m for m in sys.modules if m.split('.')[0] == 'kubernetes'])"
    )
    arguments = [
        "report",
        "--capture",
        str(tmp_path / "lan.pcap"),
        "--cluster-file",
        str(tmp_path / "cluster.json"),
        "--ip",
        "10.0.0.5",
    ]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
