"""Makes a container of this process: its own mounts, processes and name, the network of its node, and the rights that containerd
and runc would give it. `zygote` forks the process.

The image is this machine's programs and this checkout of arpcheck, read through bind mounts on a root of its own. Not modelled:
cgroups (limits of memory and processor) and seccomp."""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import arpcheck

REPOSITORY = Path(arpcheck.__file__).parents[1]
ENTRYPOINT = ("arpcheck",)
"""scripts/Containerfile."""
IMAGE_ENV = {
    "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
}  # fmt: skip
ROOT = Path("/run/kubelet/rootfs")
"""Where the root of every container is mounted, each in its own namespace of mounts."""

CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]
"""By number (include/uapi/linux/capability.h)."""
USUAL = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
"""What containerd gives a container that says nothing (pkg/oci/spec.go, defaultUnixCaps)."""

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _MOVE, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 8192, 16384, 1 << 18
_NEWNS, _NEWUTS, _NEWIPC, _NEWNET, _NEWPID = 0x20000, 0x4000000, 0x8000000, 0x40000000, 0x20000000
NAMESPACES = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID
_SET_KEEPCAPS, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT, _SET_PDEATHSIG = 8, 24, 38, 47, 1
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume of the pod in the container."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What containerd is told, as the kubelet makes it of the manifest."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    network: str
    """The file of its network namespace."""
    hostname: str
    uid: int = 0
    gid: int = 0
    capabilities: tuple[str, ...] = USUAL
    no_new_privs: bool = False
    read_only_root: bool = False
    mounts: tuple[Mount, ...] = ()
    executes: bool = True
    """False: arpcheck runs in the forked process itself, which saves a second, with the rights that an exec would leave."""


def enter(spec: ContainerSpec) -> None:
    """The first half, before the fork that becomes process 1: namespaces."""
    _call("unshare", NAMESPACES)
    descriptor = os.open(spec.network, os.O_RDONLY | os.O_CLOEXEC)
    _call("setns", descriptor, _NEWNET)
    os.close(descriptor)


def run(spec: ContainerSpec) -> None:
    """The second half, as process 1: never returns but by an exception."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    _own_root(spec)
    _call("sethostname", spec.hostname.encode(), len(spec.hostname.encode()))
    _become(spec)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    environment = dict(spec.env)
    if spec.executes:
        os.execvpe(spec.argv[0], spec.argv, environment)  # noqa: S606 - it is what a container runtime does
    _run_here(spec, environment)


# ------------------------------------------------------------------------------------------------------------------- Mounts


def _own_root(spec: ContainerSpec) -> None:
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("tmpfs", str(ROOT), "tmpfs", _NOSUID, "mode=755")
    # Before the checkout, which may lie below one of them.
    for name, mode in (("tmp", 0o1777), ("run", 0o755), ("var", 0o755), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
        (ROOT / name).mkdir()
        (ROOT / name).chmod(mode)
    for path in dict.fromkeys((Path("/usr"), Path("/etc"), Path(sys.base_prefix), Path(sys.prefix), REPOSITORY)):
        if not any(path.is_relative_to(parent) for parent in (Path("/usr"),) if path != parent):
            _bound(path, ROOT / path.relative_to("/"), read_only=True)
    for name in ("bin", "sbin", "lib", "lib64", "lib32", "libx32"):
        if Path("/", name).is_symlink():
            (ROOT / name).symlink_to(os.readlink(Path("/", name)))
        elif Path("/", name).is_dir():
            _bound(Path("/", name), ROOT / name, read_only=True)
    (ROOT / "var" / "run").symlink_to("../run")
    _mount("proc", f"{ROOT}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    _bound(ROOT / "proc" / "sys", ROOT / "proc" / "sys", read_only=True)
    _mount("sysfs", f"{ROOT}/sys", "sysfs", _NOSUID | _NODEV | _NOEXEC | _RDONLY)
    _devices()
    for mount in spec.mounts:
        inside = ROOT / mount.target.lstrip("/")
        if mount.target.startswith("/var/run/"):  # the link leads out of this root until it is the root
            inside = ROOT / "run" / mount.target.removeprefix("/var/run/")
        _bound(Path(mount.source), inside, read_only=mount.read_only)
    os.chdir(ROOT)
    _mount(".", "/", "", _MOVE)
    os.chroot(".")
    os.chdir("/")
    if spec.read_only_root:
        _mount("none", "/", "", _REMOUNT | _BIND | _RDONLY | _NOSUID)


def _devices() -> None:
    _mount("tmpfs", f"{ROOT}/dev", "tmpfs", _NOSUID, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (ROOT / "dev" / name).touch()
        _mount(f"/dev/{name}", f"{ROOT}/dev/{name}", "", _BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (ROOT / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
    (ROOT / "dev" / "fd").symlink_to("/proc/self/fd")
    shared = ROOT / "dev" / "shm"
    shared.mkdir()
    _mount("tmpfs", str(shared), "tmpfs", _NOSUID | _NODEV | _NOEXEC, "mode=1777")


def _bound(source: Path, target: Path, *, read_only: bool) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(str(source), str(target), "", _BIND | _REC)
    if read_only:
        _mount("none", str(target), "", _REMOUNT | _BIND | _RDONLY)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None)


# ------------------------------------------------------------------------------------------------------------------- Rights


def _become(spec: ContainerSpec) -> None:
    """As runc does it: the bounding set, the user with what was permitted, the sets, and no_new_privs last. Nothing is ambient
    or inheritable, so that an exec leaves a user who is not root nothing (KEP-2763 would change that)."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    kept = {CAPABILITIES.index(name) for name in spec.capabilities if name != "ALL"}
    if "ALL" in spec.capabilities:
        kept = set(range(last + 1))
    for number in range(last + 1):
        if number not in kept:
            _prctl(_CAPBSET_DROP, number)
    os.setgroups([])
    os.setresgid(spec.gid, spec.gid, spec.gid)
    _prctl(_SET_KEEPCAPS, 1)
    os.setresuid(spec.uid, spec.uid, spec.uid)
    _prctl(_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    _set_capabilities(sum(1 << number for number in kept if number <= last))
    if spec.no_new_privs:
        _prctl(_SET_NO_NEW_PRIVS, 1)


def _set_capabilities(mask: int) -> None:
    """Effective and permitted; nothing is inheritable (CVE-2022-24769)."""
    header = struct.pack("@Ii", _CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _call("capset", header, struct.pack("@6I", low, low, 0, high, high, 0))


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}: {arguments}")


# -------------------------------------------------------------------------------------------------------- Without an exec


def _run_here(spec: ContainerSpec, environment: dict[str, str]) -> None:
    if spec.argv[0] not in ENTRYPOINT:
        raise ValueError(f"only {ENTRYPOINT} runs without an exec, not {spec.argv[0]}")
    if spec.uid:
        _set_capabilities(0)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name(spec.argv[0])), *spec.argv[1:]]
    runpy.run_path(sys.argv[0], run_name="__main__")
