"""A redacted bundle of a real run: no original is left in it, as text or packed, and it comes to the same."""

import json
import subprocess
import sys
import tarfile
from ipaddress import IPv4Address

import forked
import pytest

from arpcheck.model import Mac

pytestmark = pytest.mark.lab

CONTROL = "192.0.2.1"


def test_no_original_is_left_as_text_or_packed(tmp_path):
    bundle = tmp_path / "ticket.tgz"
    result = forked.scene("two-interfaces", ["-o", "json", "--rate", "100", "--bundle", str(bundle), "--redact"])
    before = result.report
    with tarfile.open(bundle) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry).read() for entry in archive}
    assert sorted(found) == [
        "arpcheck.log",
        "frames.pcap",
        "objects.json",
        "report.html",
        "report.json",
        "report.md",
        "run.txt",
    ]

    questions, replies = before["evidence"]["questions"], before["evidence"]["replies"]
    addresses = {row[3] for row in (*questions, *replies)} | {row[4] for row in questions}
    addresses = {ip for ip in addresses if ip not in (CONTROL, "0.0.0.0")}
    macs = {row[6] for row in replies} | {interface["mac"] for interface in before["run"]["interfaces"]}
    names = {node["name"] for node in before["nodes"]} | {
        part for t in before["targets"] for s in t["services"] for part in s.split("/")
    }
    whole = b"\n".join(found.values()).replace(b"-webkit-", b"")
    assert addresses
    assert macs
    for name in names:
        assert name.encode() not in whole.lower(), name
    for ip in addresses:
        assert ip.encode() not in whole, ip
        assert IPv4Address(ip).packed not in found["frames.pcap"], ip
    for mac in macs:
        assert Mac(mac).to_bytes() not in found["frames.pcap"], mac
        for spelt in (mac, mac.replace(":", "-"), mac.replace(":", "")):
            assert spelt.encode() not in whole.lower(), mac

    report = tmp_path / "report.json"
    report.write_bytes(found["report.json"])
    done = subprocess.run(
        [sys.executable, "-m", "arpcheck", "report", str(report), "-o", "json"], capture_output=True, text=True, check=False
    )
    after = json.loads(done.stdout)
    assert done.returncode == result.exit_code == after["summary"]["exitCode"]
    assert after["summary"]["verdicts"] == before["summary"]["verdicts"]
    shown = subprocess.run(["tcpdump", "-nn", "-r", "-"], input=found["frames.pcap"], capture_output=True, check=True)
    assert len(shown.stdout.splitlines()) == len(questions) + len(replies)


def test_what_is_not_redacted_has_the_log_and_the_very_frames(tmp_path):
    bundle, pcap = tmp_path / "ticket.tgz", tmp_path / "frames.pcap"
    result = forked.scene("healthy", ["-o", "name", "--rate", "100", "--bundle", str(bundle), "--pcap", str(pcap)])
    assert result.exit_code == 0, result.stderr
    with tarfile.open(bundle) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry).read() for entry in archive}
    assert found["frames.pcap"] == pcap.read_bytes()
    assert b"GET /api/v1/services" in found["arpcheck.log"]
    assert b"questions" in found["arpcheck.log"]
    assert result.stderr.count("GET /api") == 0, "what the bundle keeps is not shown"
