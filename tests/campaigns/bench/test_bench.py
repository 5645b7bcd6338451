"""The bench reads every tool rightly; and on the kernel arpcheck finds all that was sent, as an ordinary host with CAP_NET_RAW
alone. Counts only: what takes how long is the bench's own business."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import arpcheck
from arpcheck.lab import network

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402
import cluster_command  # noqa: E402
import waiting  # noqa: E402
import wire6  # noqa: E402
from cases import CASES, CASES6, FIRST, FIRST6, SMALL, SMALL6, owners  # noqa: E402
from tools import ARPCHECK, FLOOR, TOOLS  # noqa: E402
from wire import short, table  # noqa: E402

SAID = {
    "arp-scan, as it is": "Interface: eth0, type: EN10MB, MAC: 02:02:00:00:01:00, IPv4: 10.0.0.5\n"
    "10.0.16.0\t02:01:00:00:03:00\t(Unknown: locally administered)\n"
    "10.0.16.0\t02:01:00:00:02:00\t(Unknown: locally administered) (DUP: 2)\n\n"
    "12288 packets received by filter, 0 packets dropped by kernel\n",
    "nmap -PR": '<host><status state="up" reason="arp-response" reason_ttl="0"/>\n<address addr="10.0.16.0" addrtype="ipv4"/>\n'
    '<address addr="02:01:00:00:03:0A" addrtype="mac"/>\n<hostnames>\n',
    "arping in a loop": "ARPING 10.0.16.0\n42 bytes from 02:01:00:00:03:00 (10.0.16.0): index=0 time=7.324 usec\n"
    "60 bytes from 02:01:00:00:02:00 (10.0.16.0): index=1 time=25.378 usec\n\n--- 10.0.16.0 statistics ---\n",
    "scapy srp(multi)": '{"replies": [["10.0.16.0", "02:01:00:00:03:00"], ["10.0.16.0", "02:01:00:00:03:00"]]}',
    "nmap -6 -PR": '<host><status state="up" reason="nd-response" reason_ttl="0"/>\n<address addr="2001:db8:10::1:0" addrtype="ipv6"/>\n'
    '<address addr="02:01:00:00:03:0A" addrtype="mac"/>\n<hostnames>\n',
    "ndisc6 -m in a loop": "asked: 2001:db8:10::1:0\nSoliciting 2001:db8:10::1:0 (2001:db8:10::1:0) on eth0...\n"
    "Target link-layer address: 02:01:00:00:03:00\n from 2001:db8:10::1:0\nTarget link-layer address: 02:01:00:00:02:0A\n"
    " from fe80::1:ff:fe00:20a\nasked: 2001:db8:10::1:1\nSoliciting 2001:db8:10::1:1 (2001:db8:10::1:1) on eth0...\n"
    "Timed out.\nNo response.\n",
}  # fmt: skip
READ = {
    "arp-scan, as it is": (2, {("10.0.16.0", "02:01:00:00:03:00"), ("10.0.16.0", "02:01:00:00:02:00")}),
    "nmap -PR": (1, {("10.0.16.0", "02:01:00:00:03:0a")}),
    "arping in a loop": (2, {("10.0.16.0", "02:01:00:00:03:00"), ("10.0.16.0", "02:01:00:00:02:00")}),
    "scapy srp(multi)": (2, {("10.0.16.0", "02:01:00:00:03:00")}),
    "nmap -6 -PR": (1, {("2001:db8:10::1:0", "02:01:00:00:03:0a")}),
    "ndisc6 -m in a loop": (2, {("2001:db8:10::1:0", "02:01:00:00:03:00"), ("2001:db8:10::1:0", "02:01:00:00:02:0a")}),
}


def test_every_section_is_on_the_page_as_it_was_taken():
    assert {file.stem for file in bench.FIGURES.glob("*.md")} == set(bench.SECTIONS)
    page = Path(arpcheck.__file__).with_name("docs") / "benchmarks.md"
    assert sorted(re.findall(r"^<!-- made: figures-(\w+) -->$", page.read_text(), re.MULTILINE)) == sorted(bench.SECTIONS)


@pytest.mark.parametrize("name", SAID)
def test_what_a_tool_told_is_read(name):
    said = next(tool for tool in TOOLS if tool.name == name).read(SAID[name])
    assert (said.replies, said.pairs) == READ[name]


@pytest.mark.parametrize(
    "case", [case for case in (*CASES, SMALL, *CASES6, SMALL6) if case.addresses <= 1024], ids=lambda case: case.name
)
def test_who_answers_in_a_case_is_as_its_words_say(case):
    first = FIRST6 if case.ipv6 else FIRST
    there = {
        ip: macs
        for ip, macs in owners(case.scene()).items()
        if ip.version == first.version and first <= ip < first + case.addresses
    }
    numbers = [int(word.replace(",", "")) for word in re.findall(r"\b\d[\d,]*\b", case.about)]
    assert numbers[0] == case.addresses == len(case.ips)
    assert {len(macs) for macs in there.values()} == {
        {"late second": 2, "to broadcast": 2, "few announced": 1, "small": 7, "small, IPv6": 7}.get(case.name) or numbers[1]
    }
    assert len(there) == (64 if case.name == "few announced" else case.addresses)


def run(**more):
    return {
        "replies": 10, "sent": 12, "owners": 9, "ownersThere": 12, "silent": 1, "wall": 3.0, "cpu": 1.0, "megabytes": 50.0,
        "asked": 4, "seconds": 1.1, "planned": 1.0, **more,
    }  # fmt: skip


def test_the_tables_show_medians_and_the_worst_of_arpcheck():
    tools = {tool.name: [run(), run(replies=12), run(replies=8, wall=6.0)] for tool in TOOLS}
    loop = [{"arpcheck": {"sent": 1, "replies": 3, "seconds": 2.0}, "floor": {"sent": 1, "replies": 3, "seconds": 1.0}}]
    text = table({"cases": {"4,096 × 3": {"about": "", "tools": tools}}, "loop": loop, "runs": 3})
    assert "| arpcheck | 10 / 12, **1 called silent** |" in text
    assert "| arpcheck (4 addresses only) | 9 of 12 | 3.0 s | 1.0 s | 50 MB |" in text
    assert "| replies found, of those sent, in the worst run of all | 1 | 0.6667 |" in text
    assert "| whole command / the floor | 1.5 | 1.00 |" in text
    assert "| the loop alone, uncapped: frames a second / a bare socket's | 0.8 | 0.50 |" in text
    assert text.startswith(short({"cases": {"4,096 × 3": {"about": "", "tools": tools}}}))


def test_the_tables_of_ipv6_name_each_case():
    tools = {tool.name: [run(), run(replies=12), run(replies=8, wall=6.0)] for tool in TOOLS if tool.ipv6}
    text = wire6.table({"cases": {case.name: {"about": "", "tools": tools} for case in CASES6}, "runs": 3})
    assert "| arpcheck | 10 / 12, **1 called silent** | 10 / 12, **1 called silent** |" in text
    assert "| replies found, of those sent, in the worst run of all | 1 | 0.6667 |" in text
    assert "| whole command / the floor, 4,096 × 3, IPv6 | 1.7 | 1.00 |" in text


def test_the_wait_of_a_user_is_a_median_of_pairs():
    def pair(ours, floor):
        return {"arpcheck": {"wall": ours, "cpu": 0.7}, "floor": {"wall": floor, "cpu": 0.4}, "questions": 1562}

    text = waiting.table({"sizes": {"500": [pair(161.0, 158.0), pair(170.0, 160.5), pair(160.0, 159.0)]}, "runs": 3})
    assert text.splitlines()[-1] == "| 500 | 1,562 | 161.0 s | 159.0 s | 3.0 s | 0.7 s |"


@pytest.mark.lab
def test_the_floor_of_a_users_wait_asks_what_arpcheck_asked():
    """And it is measured on a LAN that is found healthy, or not at all."""
    done = subprocess.run(
        network.command([sys.executable, waiting.__file__, "1", "1"]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    [run] = json.loads(done.stdout)
    assert run["questions"] > 3 * (1 + len(waiting.NODES))
    assert min(run["arpcheck"]["wall"], run["floor"]["wall"]) > run["questions"] / 10 - 1


def test_the_table_of_clusters_says_what_was_on_the_kernel():
    row = {"segments": 3, "nodes": 18, "addresses": 9, "requests": 1311, "seconds": 24.4}
    text = cluster_command.table({"rows": [{**row, "frames": 485}, row]})
    assert text.splitlines()[2:] == [
        "| 3 | 18 | 9 | 1,311 | 24 s | 485 frames at 100/s |", "| 3 | 18 | 9 | 1,311 | 24 s | simulated, no time |",
    ]  # fmt: skip


@pytest.mark.lab
@pytest.mark.parametrize("case", [SMALL, SMALL6], ids=lambda case: case.name)
def test_every_reply_is_found_with_an_ordinary_buffer_and_cap_net_raw_alone(case):
    program = [sys.executable, str(HERE / "contest.py"), case.name, "1", ARPCHECK, FLOOR]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=120, check=True)
    [ours], [floor] = json.loads(done.stdout)["tools"].values()
    assert (ours["replies"], ours["owners"], ours["silent"]) == (ours["sent"], ours["ownersThere"], 0)
    assert ours["ownersThere"] == 7 * case.addresses
    assert floor["owners"] >= 0.95 * 7 * case.addresses  # on a busy machine the floor, which is no promise, ends too early
    assert floor["replies"] == floor["sent"]
    assert ours["lost"] == ours["inconclusive"] == 0


@pytest.mark.lab
def test_the_loop_alone_loses_nothing_however_fast_it_goes():
    program = [sys.executable, str(HERE / "loop.py"), "1", SMALL.name]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=120, check=True)
    for each in json.loads(done.stdout):
        assert {who: (run["sent"], run["replies"], run["lost"]) for who, run in each.items()} == dict.fromkeys(
            ("arpcheck", "floor"), (SMALL.addresses, 7 * SMALL.addresses, 0)
        )
