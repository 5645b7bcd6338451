"""scapy_library: a Recorder keeps the frames with their times, as tcpdump shows them; a full disk ends it and nothing else."""

import io
import shutil
import subprocess
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from test_sweep import FIRST, OUR_MAC, SECOND, STATION, SmallWire, course

from arpcheck.model import Request
from arpcheck.wire.packets import ARP_FRAME, Arrival, encode
from arpcheck.wire.scan import scan
from arpcheck.wire.scapy_library import Recorder

NOW = datetime(2026, 3, 1, 12, 0, 59, 999_999, tzinfo=UTC)
FRAME = encode(Request(interface="eth0", ip=IPv4Address("10.0.0.50"), sender=IPv4Address("10.0.0.5")), OUR_MAC)


def tcpdump(content, *options):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed (Debian: tcpdump)")
    done = subprocess.run(["tcpdump", "-nn", *options, "-r", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def test_tcpdump_opens_it():
    file = io.BytesIO()
    recorder = Recorder(file)
    recorder(NOW, FRAME)
    recorder.check()
    assert tcpdump(file.getvalue(), "-tttt", "-e") == [
        "2026-03-01 12:00:59.999999 02:00:00:00:00:05 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: "
        "Request who-has 10.0.0.50 tell 10.0.0.5, length 28"
    ]


def test_without_a_frame_it_is_a_pcap_all_the_same():
    file = io.BytesIO()
    Recorder(file)
    assert tcpdump(file.getvalue()) == []


def test_what_was_sent_and_what_was_kept_with_the_times_of_the_evidence():
    seen = []
    wire = SmallWire({FIRST: 0.001, SECOND: 0.7})
    noise = ARP_FRAME.pack(
        OUR_MAC.to_bytes(), FIRST.to_bytes(), 0x0806, 1, 0x0800, 6, 4, 2, FIRST.to_bytes(), IPv4Address("10.0.0.99").packed,
        OUR_MAC.to_bytes(), IPv4Address("10.0.0.5").packed,
    )  # fmt: skip
    wire.coming.append(Arrival("eth0", wire.time + 0.5, noise))
    heard = scan(wire, (STATION,), course(), tap=lambda at, frame: seen.append((at, frame)))
    assert heard.ignored == {"not-asked": 1}
    assert sorted(at for at, _ in seen) == sorted([*(q.at for q in heard.questions), *(r.at for r in heard.replies)])
    assert [frame for _, frame in seen if frame[20:22] == b"\x00\x01"] == wire.sent
    assert {frame[22:28] for _, frame in seen if frame[20:22] == b"\x00\x02"} == {FIRST.to_bytes(), SECOND.to_bytes()}


class SmallDisk(io.BytesIO):
    """Takes so many octets and no more."""

    room = 100

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_told_at_the_end():
    file = SmallDisk()
    recorder = Recorder(file)
    for _ in range(3):
        recorder(NOW, FRAME)
    with pytest.raises(OSError, match="No space left"):
        recorder.check()
    assert tcpdump(file.getvalue()[: 24 + 16 + 42])
