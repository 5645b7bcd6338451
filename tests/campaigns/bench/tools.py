"""Who is compared: how each is started, and which replies it tells of.

Each asks the addresses of `ADDRESSES`, one a line, on eth0. What a tool says goes to a file; what it found is read there."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

RATE, WAIT, BUFFER = 4000, 1.0, 212992
"""Frames a second (what `--rate 0` takes), seconds of listening, and an ordinary host's net.core.rmem_max."""

WAIT6 = 1.2
"""Seconds of listening in IPv6, where a proxy may take one to reply."""

ADDRESSES, MACS, CLUSTER = "/run/addresses", "/run/macs", "/run/cluster.json"
HERE = Path(__file__).parent
ONLY_NET_RAW = ("setpriv", "--bounding-set", "-all,+net_raw", "--inh-caps", "-all")

Pair = tuple[str, str]
"""Address and MAC of a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a tool told."""

    replies: int
    pairs: frozenset[Pair]
    silent: frozenset[str] | None = None
    """The addresses that it calls silent; None: all that it tells no owner of."""
    more: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    program: Sequence[str]
    read: Callable[[str], Said]
    sample: int | None = None
    """It asks only so many of the addresses, since it would take hours for all."""
    only: str | None = None
    """The one case that it is run in."""
    ipv6: bool = False
    """It is run in the cases of IPv6, and otherwise in all others."""


def _of(replies: Iterable[Sequence[str]]) -> Said:
    found = [(reply[0], reply[1].lower()) for reply in replies]
    return Said(replies=len(found), pairs=frozenset(found))


def _json(text: str) -> Said:
    return _of(json.loads(text)["replies"])


def _report(text: str) -> Said:
    report = json.loads(text)
    run, asked = report["run"], [t for t in report["targets"] if t["kind"] == "load-balancer"]
    started, ended = (datetime.fromisoformat(run[key]) for key in ("startedAt", "endedAt"))
    return Said(
        replies=run["received"],
        pairs=frozenset((t["ip"], mac) for t in asked for r in t["responders"] for mac in r["macs"]),
        silent=frozenset(t["ip"] for t in asked if t["verdict"] == "silent"),
        more={
            "lost": run["lost"],
            "inconclusive": sum(t["verdict"] == "inconclusive" for t in asked),
            "questions": run["sent"],
            "seconds": (ended - started).total_seconds(),
            "planned": _planned(report),
        },
    )


def _planned(report: dict[str, Any]) -> float:
    """Seconds: the questions of each round by its rate, which is 100/s at most where something is asked again, and the
    listening."""
    run = report["run"]
    again = sum(row[2] > run["rounds"] for row in report["evidence"]["questions"])
    return float((run["sent"] - again) / run["rate"] + again / min(run["rate"], 100) + run["wait"])


def _arpcheck(rate: int, *more: str) -> Sequence[str]:
    probe = (
        "probe",
        "--iface",
        "eth0",
        "--cluster-file",
        CLUSTER,
        "--rate",
        str(rate),
        "--rounds",
        "1",
        "-o",
        "json",
        *more,
    )
    return (*ONLY_NET_RAW, sys.executable, str(HERE / "ordinary.py"), str(BUFFER), *probe)


def _floor(rate: int) -> Sequence[str]:
    return (sys.executable, str(HERE / "floor.py"), "eth0", ADDRESSES, str(rate), str(WAIT), str(BUFFER))


def _floor6(rate: int) -> Sequence[str]:
    return (sys.executable, str(HERE / "floor6.py"), "eth0", ADDRESSES, str(rate), str(WAIT6), str(BUFFER), MACS)


def _arp_scan(text: str) -> Said:
    return _of(re.findall(r"^([\d.]+)\t([0-9a-f:]{17})\t", text, re.MULTILINE))


def _arping(text: str) -> Said:
    return _of((ip, mac) for mac, ip in re.findall(r"bytes from ([0-9a-f:]{17}) \(([\d.]+)\)", text))


def _ndisc6(text: str) -> Said:
    """What the loop says of an address before what ndisc6 says of it."""
    parts = re.split(r"^asked: (\S+)$", text, flags=re.MULTILINE)[1:]
    found = zip(parts[::2], parts[1::2], strict=True)
    return _of((ip, mac) for ip, told in found for mac in re.findall(r"address: ([0-9A-F:]{17})$", told, re.MULTILINE))


def _nmap(text: str) -> Said:
    host = r'<address addr="([\da-f.:]+)" addrtype="ipv[46]"/>\s*<address addr="([0-9A-F:]{17})" addrtype="mac"'
    return _of(re.findall(host, text))


SAMPLE = 4
IN_A_LOOP = f"head -n {SAMPLE} {ADDRESSES} | while read -r ip; do arping -I eth0 -c 1 -w {WAIT:g} $ip; done"

IN_A_LOOP6 = f"head -n {SAMPLE} {ADDRESSES} | while read -r ip; do echo asked: $ip; ndisc6 -m -r 1 -w 1000 $ip eth0; done"

ARPCHECK, FLOOR, ARP_SCAN, PACED = "arpcheck", "bare socket (the floor)", f"arp-scan, {RATE:,}/s", "arpcheck, 1,000/s"
PACED_RATE = 1000
TOOLS = (
    Tool(name=ARPCHECK, program=_arpcheck(0), read=_report),
    Tool(name=FLOOR, program=_floor(RATE), read=_json),
    Tool(name="bare socket, uncapped", program=_floor(0), read=_json),
    Tool(
        name=ARP_SCAN,
        program=("arp-scan", "-I", "eth0", "--retry=1", f"--interval={1_000_000 // RATE}u", "-f", ADDRESSES),
        read=_arp_scan,
    ),
    Tool(name="arp-scan, as it is", program=("arp-scan", "-I", "eth0", "-f", ADDRESSES), read=_arp_scan),
    Tool(name="nmap -PR", program=("nmap", "-sn", "-PR", "-n", "-e", "eth0", "-iL", ADDRESSES, "-oX", "-"), read=_nmap),
    Tool(
        name="scapy srp(multi)",
        program=(sys.executable, str(HERE / "srp.py"), "eth0", ADDRESSES, str(WAIT)),
        read=_json,
    ),
    Tool(name="arping in a loop", program=("sh", "-c", IN_A_LOOP), read=_arping, sample=SAMPLE),
    Tool(name=PACED, program=_arpcheck(PACED_RATE), read=_report, only="4,096 × 3"),
    Tool(name=ARPCHECK, program=_arpcheck(0, "--family", "ipv6"), read=_report, ipv6=True),
    Tool(name=FLOOR, program=_floor6(RATE), read=_json, ipv6=True),
    Tool(
        name="nmap -6 -PR", program=("nmap", "-6", "-sn", "-PR", "-n", "-e", "eth0", "-iL", ADDRESSES, "-oX", "-"),
        read=_nmap, ipv6=True,
    ),
    Tool(name="ndisc6 -m in a loop", program=("sh", "-c", IN_A_LOOP6), read=_ndisc6, sample=SAMPLE, ipv6=True),
)  # fmt: skip
