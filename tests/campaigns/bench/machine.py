"""What the figures were taken on: this machine, and the versions of all that is compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

TOOLS = {
    "arp-scan": ("arp-scan", "--version"),
    "arping": ("arping", "--help"),
    "ndisc6": ("ndisc6", "-V"),
    "nmap": ("nmap", "--version"),
}


def machine() -> dict[str, object]:
    found = {name: _version(command) for name, command in TOOLS.items()}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memoryGiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release().partition("-")[0],
        "system": _system(),
        "versions": {
            "arpcheck": metadata.version("arpcheck"),
            "python": platform.python_version(),
            "scapy": metadata.version("scapy"),
            **found,
        },
    }


def line(found: dict[str, object]) -> str:
    versions = found["versions"]
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{found['processor']}, {found['cores']} cores, {found['memoryGiB']} GiB, Linux {found['kernel']}, "
        f"{found['system']}; {named}"
    )


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "missing"
    found = re.search(r"(?:arp-scan|ARPing|userland tool|Nmap version) ([\d.]+)", done.stdout + done.stderr)
    return found[1].rstrip(".,") if found else "unknown"


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _system() -> str:
    found = platform.freedesktop_os_release() if sys.platform == "linux" else {}
    return found.get("PRETTY_NAME", platform.system())
