"""Runs the image's arpcheck on a LAN of network namespaces, by runc, beside that of the checkout: as the ordinary user of
the image with NET_RAW in reach, as `arpcheck pod` runs it, and without any capability.

    buildah mount $(buildah from IMAGE)
    python tests/campaigns/release/image_check.py FOLDER     # as root"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

PREFIX = "arpcheck-image"
ADDRESS = "10.0.0.50"
NODES = {"worker-1": "10.0.0.11", "worker-2": "10.0.0.12"}
PROBER = f"{PREFIX}-prober"
PROBE = ("probe", "--iface", "eth0", "--cluster-file", "/run/objects.json", "-o", "json")
ENTRYPOINT = ("/opt/arpcheck/bin/python3", "-IBu", "/opt/arpcheck/arpcheck")
MOST = 1.2
"""How long a probe may take, as a multiple of that of the checkout."""
RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of a container: who runs in it, and what it has."""

    name: str
    user: int
    bounding: tuple[str, ...]
    held: tuple[str, ...]
    no_new_privileges: bool


ORDINARY = Rights(name="an ordinary user", user=65532, bounding=("CAP_NET_RAW",), held=(), no_new_privileges=False)
POD = Rights(name="arpcheck pod", user=0, bounding=("CAP_NET_RAW",), held=("CAP_NET_RAW",), no_new_privileges=True)
NOTHING = Rights(name="no capability", user=65532, bounding=(), held=(), no_new_privileges=True)


def main(root: Path) -> int:
    with tempfile.TemporaryDirectory() as place, lan():
        away = Path(place)
        away.chmod(0o755)
        (away / "objects.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": objects()}), encoding="utf-8"
        )
        wrong = list(_wrong(root, away))
    _say("\n".join(wrong or ["the image does what the checkout does"]))
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _wrong(root: Path, away: Path) -> Iterator[str]:
    expected = _checkout(away)
    _say(f"{'checkout':18} {_judged(expected)}")
    if expected.returncode != 1:
        yield f"the checkout's probe ended with {expected.returncode}: {expected.stderr}"
    for rights in (ORDINARY, POD):
        done = _contained(root, away, rights, PROBE)
        _say(f"{rights.name:18} {_judged(done)}")
        if _judged(done) != _judged(expected):
            yield f"{rights.name}: {_judged(done)}, the checkout {_judged(expected)}\n{done.stderr}"
    for words, code in ((("--help",), 0), (PROBE, 2)):
        done = _contained(root, away, NOTHING, words)
        _say(f"{NOTHING.name:18} {words[0]}: {done.returncode} {done.stderr.strip()[:120]}")
        if done.returncode != code:
            yield f"{NOTHING.name}: {words[0]} ended with {done.returncode}\n{done.stderr}"
    times = [(_timed(lambda: _checkout(away)), _timed(lambda: _contained(root, away, POD, PROBE))) for _ in range(RUNS)]
    ratio = median(image for _, image in times) / median(checkout for checkout, _ in times)
    _say(f"a probe takes {ratio:.2f} of the checkout's time")
    if ratio > MOST:
        yield f"a probe takes {ratio:.2f} of the checkout's time, at most {MOST} is right"


def _timed(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _judged(done: subprocess.CompletedProcess[str]) -> str:
    targets = json.loads(done.stdout)["targets"] if done.stdout.startswith("{") else []
    return f"{done.returncode}: " + ", ".join(f"{one['ip']} {one['verdict']}" for one in targets if one["verdict"])


def _checkout(away: Path) -> subprocess.CompletedProcess[str]:
    command = ("ip", "netns", "exec", PROBER, sys.executable, "-I", "-m", "arpcheck", *_here(away))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _here(away: Path) -> tuple[str, ...]:
    return tuple(word.replace("/run/objects.json", str(away / "objects.json")) for word in PROBE)


def _contained(root: Path, away: Path, rights: Rights, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    bundle = Path(tempfile.mkdtemp(dir=away))
    (bundle / "config.json").write_text(json.dumps(_config(root, away, rights, words)), encoding="utf-8")
    name = f"{PREFIX}-{bundle.name}".lower()
    command = ("runc", "--root", str(away / "state"), "run", "--bundle", str(bundle), name)
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _config(root: Path, away: Path, rights: Rights, words: Sequence[str]) -> dict[str, Any]:
    """https://github.com/opencontainers/runtime-spec/blob/main/config.md"""
    sets = {key: list(rights.held) for key in ("effective", "permitted")} | {"bounding": list(rights.bounding)}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "cwd": "/", "args": [*ENTRYPOINT, *words], "env": ["PATH=/usr/bin"],
            "user": {"uid": rights.user, "gid": rights.user},
            "capabilities": sets, "noNewPrivileges": rights.no_new_privileges,
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755", "size=65536k"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
            {"destination": "/run", "type": "none", "source": str(away), "options": ["rbind", "ro"]},
        ],
        "linux": {
            "namespaces": [
                {"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"},
                {"type": "network", "path": f"/run/netns/{PROBER}"},
            ]
        },
    }  # fmt: skip


@contextmanager
def lan() -> Iterator[None]:
    """A switch, a prober, and two nodes whose kernels hold the Service's address: neither has strict ARP."""
    try:
        for name in ("switch", "prober", *NODES):
            _ip("netns", "add", f"{PREFIX}-{name}")
        _ip("-n", f"{PREFIX}-switch", "link", "add", "br0", "type", "bridge")
        _ip("-n", f"{PREFIX}-switch", "link", "set", "br0", "up")
        for name, address in {"prober": "10.0.0.9", **NODES}.items():
            _join(name, address)
        for name in NODES:
            _ip("-n", f"{PREFIX}-{name}", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        yield
    finally:
        for name in ("switch", "prober", *NODES):
            subprocess.run(("ip", "netns", "delete", f"{PREFIX}-{name}"), capture_output=True, check=False)


def _join(name: str, address: str) -> None:
    own, switch = f"{PREFIX}-{name}", f"{PREFIX}-switch"
    _ip("-n", own, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", switch)
    _ip("-n", own, "address", "add", f"{address}/24", "dev", "eth0")
    for link in ("eth0", "lo"):
        _ip("-n", own, "link", "set", link, "up")
    _ip("-n", switch, "link", "set", name, "master", "br0", "up")


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)


def objects() -> list[dict[str, Any]]:
    ports, ready = [{"port": 80}], [{"type": "Ready", "status": "True"}]
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
         "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": ports}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
         "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "ports": ports},
         "status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}},
        *({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
           "status": {"addresses": [{"type": "InternalIP", "address": address}], "conditions": ready}}
          for name, address in NODES.items()),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
