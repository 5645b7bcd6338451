"""--pcap on the kernel: tcpdump shows the frames that the report speaks of, at the times that it gives."""

import re
import shutil
import subprocess
from collections import Counter
from datetime import datetime, timedelta

import forked
import pytest

pytestmark = pytest.mark.lab

LINE = re.compile(
    r"(?P<at>\S+ \S+) (?P<source>\S+) > (?P<to>[^,]+),.*?"
    r"(?:who-has (?P<asked>[\d.]+) .*?tell (?P<sender>[\d.]+)|Reply (?P<ip>[\d.]+) is-at (?P<mac>[0-9a-f:]+)),"
)


@pytest.mark.parametrize("scene", ["two-interfaces", "port-without-broadcasts", "sender-filtered"])
def test_tcpdump_shows_every_question_and_every_reply(scene, tmp_path):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed (Debian: tcpdump)")
    path = tmp_path / "frames.pcap"
    report = forked.scene(scene, ["-o", "json", "--rate", "100", "--pcap", str(path)]).report
    done = subprocess.run(
        ["tcpdump", "-nn", "-e", "-tttt", "-r", "-"],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
        env={"TZ": "UTC"},
    )
    shown = [LINE.match(line).groupdict() for line in done.stdout.decode().splitlines()]
    evidence = report["evidence"]
    asked = Counter((at(evidence, q[0]), q[3], q[4], q[5] or "ff:ff:ff:ff:ff:ff") for q in evidence["questions"])
    heard = Counter((at(evidence, r[0]), r[3], r[6], r[7]) for r in evidence["replies"])
    assert asked == Counter((s["at"], s["asked"], s["sender"], s["to"]) for s in shown if s["asked"])
    assert heard == Counter((s["at"], s["ip"], s["mac"], s["source"]) for s in shown if s["ip"])
    assert len(asked) > 20
    assert len(heard) > 10


def at(evidence, milliseconds):
    moment = datetime.fromisoformat(evidence["startedAt"]) + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
