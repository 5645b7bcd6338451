"""Builds the network of a scene: a namespace for every LAN and every station, connected by veth pairs and bridges.

It must run inside an enclosure: user, mount, network and PID namespaces of its own, which `command` makes and whose end
removes everything. No interface of the machine is attached."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from arpcheck.errors import LabError
from arpcheck.lab.announcer import inside
from arpcheck.lab.network_ipv6 import (
    NO_IPV6,
    await_addresses,
    await_groups,
    fail_duplicates,
    furniture6,
    settle_switch,
    write_sysctls6,
)
from arpcheck.lab.network_links import (
    add_services,
    await_aggregation,
    bonds_of,
    build_uppers,
    bundle,
    bundles,
    ip,
    lan_namespace,
    require_features,
    spoil_cables,
)
from arpcheck.lab.scene import IPVS_MAC, SYSCTLS, Feature, Scene, SceneNic, Station
from arpcheck.model.constants import IPVS_DEVICE

CONF = Path("/proc/sys/net/ipv4/conf")
PATIENCE = 10.0
"""Seconds to wait until the links are up."""

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40


def build(scene: Scene) -> None:
    """Returns when every link of the scene carries frames."""
    require_features(scene)
    ip(_fabric(scene))
    device = _device_of_ipvs()
    for station in scene.stations:
        build_uppers(station)
        inside(station.name, partial(_write_sysctls, station))
        ip(_furniture(station, device), within=station.name)
        if Feature.IPVS in scene.needs:
            add_services(station)
    for lan in scene.lans:
        inside(lan_namespace(lan), _without_ipv6)
        ip(_switch(scene, lan), within=lan_namespace(lan))
    for station in scene.stations:
        _await_running(station.name, [nic.name for nic in station.nics])
    for lan in scene.lans:
        _await_running(lan_namespace(lan), (*_ports(scene, lan), *bundles(scene, _ports(scene, lan))))
    for lan in scene.lans:
        await_aggregation(lan_namespace(lan), bundles(scene, _ports(scene, lan)), PATIENCE)
    for station in scene.stations:
        await_aggregation(station.name, bonds_of(station), PATIENCE)
        await_addresses(station.name, {nic.name: nic.own6 for nic in station.nics}, PATIENCE)
    fail_duplicates(scene, PATIENCE)
    for name, ipv6 in scene.lans6.items():
        settle_switch(name, ipv6, scene, _at_ports(scene, name), PATIENCE)
    for lan in scene.lans:
        spoil_cables(_ports(scene, lan), lan)


def await_announcers(scene: Scene) -> None:
    """Returns when the switches know what the announcers, which must be there, joined."""
    await_groups(scene, {lan: _at_ports(scene, lan) for lan in scene.lans6}, PATIENCE)


def write_sysctl(station: str, interface: str, key: str, value: int) -> None:
    """`net.ipv4.conf.INTERFACE.KEY` of a station."""
    inside(station, lambda: (CONF / interface / key).write_text(f"{value}\n"))


# ----------------------------------------------------------------------------------------------------- commands of `ip`


def _fabric(scene: Scene) -> Iterator[str]:
    """`ip` creates both ends of a veth pair in their namespaces, so the enclosure's own namespace never has an interface."""
    for space in (*(station.name for station in scene.stations), *map(lan_namespace, scene.lans)):
        yield f"netns add {space}"
    for lan in scene.lans:
        space = lan_namespace(lan)
        yield f"link add lan netns {space} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        for port, (station, nic) in _ports(scene, lan).items():
            yield f"link add {nic.name} netns {station.name} address {nic.mac} type veth peer name {port} netns {space}"


def _furniture(station: Station, device: str) -> Iterator[str]:
    yield "link set lo up"
    for nic in station.nics:
        for address in nic.addresses:
            yield f"address add {address} dev {nic.name}"
        yield f"link set {nic.name} up"
        yield from furniture6(nic)
    for route in station.routes:
        yield f"route add {route.to} dev {route.nic}"
    # As kube-proxy leaves it: NOARP and never up (pkg/proxy/ipvs/netlink_linux.go, EnsureDummyDevice).
    if station.held or station.held6:
        yield f"link add {IPVS_DEVICE} address {IPVS_MAC} type {device}"
        yield f"link set {IPVS_DEVICE} arp off"
    for held in station.held:
        yield f"address add {held}/32 dev {IPVS_DEVICE}"
    for held6 in station.held6:
        yield f"address add {held6}/128 dev {IPVS_DEVICE} nodad"


def _switch(scene: Scene, lan: str) -> Iterator[str]:
    yield "link set lan up"
    ports = _ports(scene, lan)
    bundled = bundles(scene, ports)
    for name, (mode, legs) in bundled.items():
        yield from bundle(name, mode, legs)
        yield f"link set {name} master lan up"
    inner = {leg for _, legs in bundled.values() for leg in legs}
    for port, (_, nic) in ports.items():
        yield f"link set {port} up" if port in inner else f"link set {port} master lan up"
        if not nic.broadcasts:
            yield f"link set {port} type bridge_slave bcast_flood off"


def _ports(scene: Scene, lan: str) -> dict[str, tuple[Station, SceneNic]]:
    """By name of the port, in the order of the scene. Two stations may use the same NIC name."""
    ends = [(station, nic) for station in scene.stations for nic in station.nics if nic.lan == lan and not nic.link]
    return {f"port{number}": end for number, end in enumerate(ends, 1)}


def _at_ports(scene: Scene, lan: str) -> dict[str, SceneNic]:
    return {port: nic for port, (_, nic) in _ports(scene, lan).items()}


def _device_of_ipvs() -> str:
    """kube-proxy uses a `dummy` device. Where the kernel has none, a bridge without ports does the same: its addresses are
    local while it is down."""
    tried = subprocess.run(["ip", "link", "add", IPVS_DEVICE, "type", "dummy"], capture_output=True, check=False)
    if tried.returncode:
        return "bridge"
    subprocess.run(["ip", "link", "delete", IPVS_DEVICE], capture_output=True, check=True)
    return "dummy"


# -------------------------------------------------------------------------------------------------------------- sysctls


def _write_sysctls(station: Station) -> None:
    """Writes every sysctl, also zeros. `all` comes first: the kernel copies its `forwarding` to every interface."""
    if any(nic.ipv6 for nic in station.nics):
        write_sysctls6(station)
    else:
        _without_ipv6()
    for key in SYSCTLS:
        values = {"all": station.sysctl.get(key, 0), "default": 0, "lo": 0}
        for nic in station.nics:
            values[nic.name] = station.effective(key, nic) if key == "forwarding" else nic.sysctl.get(key, 0)
        for interface, value in values.items():
            (CONF / interface / key).write_text(f"{value}\n")


def _without_ipv6() -> None:
    """Disables IPv6, for a LAN without duplicate address detection and router solicitations."""
    if NO_IPV6.exists():
        NO_IPV6.write_text("1\n")


def _await_running(space: str, interfaces: Iterable[str]) -> None:
    """Waits for IFF_RUNNING, which the kernel sets some milliseconds after the peer is up."""
    deadline = time.monotonic() + PATIENCE
    with inside(space, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        for interface in interfaces:
            while not _running(probe, interface):
                if time.monotonic() > deadline:
                    raise LabError(f"{interface} in {space} did not come up within {PATIENCE:g} s")
                time.sleep(0.001)


def _running(probe: socket.socket, interface: str) -> bool:
    request = struct.pack("16sH14x", interface.encode(), 0)
    return bool(struct.unpack_from("H", fcntl.ioctl(probe, _SIOCGIFFLAGS, request), 16)[0] & _IFF_RUNNING)


# ----------------------------------------------------------------------------------------------------------- the enclosure

TOOLS: Mapping[str, str] = {"unshare": "util-linux", "setpriv": "util-linux", "mount": "mount", "ip": "iproute2"}
"""The programs that the lab needs, each with its Debian package."""

_OWN_RUN = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
"""Mounts a new /run, because `ip netns` keeps its names in /run/netns."""

_TRIAL = """ip netns add trial && ip -n trial link add trial0 type veth peer name trial1 &&
ip -n trial link add trial2 type bridge && echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore"""

_SWITCHES: Mapping[str, tuple[str, str]] = {
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user.max_user_namespaces": ("0", "1000"),
}
"""Sysctls that can forbid user namespaces to an ordinary user: the value that forbids them, and one that does not."""


def command(program: Sequence[str], *, user_namespace: bool | None = None) -> list[str]:
    """The command that runs `program` in a new enclosure. `user_namespace`: None means yes unless this is root.

    The enclosure is killed when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG)."""
    by_user = os.geteuid() != 0 if user_namespace is None else user_namespace
    privilege = ["--user", "--map-root-user"] if by_user else []
    return [
        "setpriv", "--pdeathsig", "KILL",
        "unshare", *privilege, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
        "sh", "-c", _OWN_RUN, "sh", *program,
    ]  # fmt: skip


PAST = 64
"""Added to the exit code of a program that finished. A program that dies, or the one that starts it, may end with 1,
which would look like a proven fault."""

_LAUNCH = """import sys
past, module = int(sys.argv[1]), sys.argv[2]
del sys.argv[1:3]
try:
    import runpy
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    code = 0
except SystemExit as end:
    code = end.code
except BaseException as error:
    sys.stderr.write(f"arpcheck: {module} could not be run: {type(error).__name__}: {error}\\n")
    code = 2
sys.exit(past + (code if isinstance(code, int) else 2 if code else 0))
"""

_FROM_ARCHIVE = """import sys
sys.path.insert(0, {!r})
import _one_file
_one_file.install()
"""
"""Where arpcheck is one file: its modules are found as in the program that starts this one (scripts/releasing/one_file)."""


def python(module: str, *arguments: str, past: int = 0) -> list[str]:
    """The command that runs a module with this Python, isolated from the current directory, the user's packages and the
    environment (python -I), because the lab runs as root, if only of its own namespaces."""
    kept = ["-B"] if sys.dont_write_bytecode else []
    archive = getattr(__spec__.loader, "archive", None)
    launch = f"{_FROM_ARCHIVE.format(archive)}{_LAUNCH}" if archive else _LAUNCH
    return [sys.executable, "-I", *kept, "-c", launch, str(past), module, *arguments]


def ended(status: int, what: str) -> int:
    """The exit code of a program that was started with `past=PAST`. Raises LabError if it did not finish."""
    if status >= PAST:
        return status - PAST
    how = f"by signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"with status {status}"
    raise LabError(f"{what} died {how}", "Its last output is above; nothing was judged")


def require() -> None:
    """Raises LabError with the reason and a hint if an enclosure is not possible on this machine."""
    if sys.platform != "linux":
        raise LabError("the lab needs Linux", "Run it on Linux, or in a virtual machine")
    if missing := sorted(tool for tool in TOOLS if not shutil.which(tool)):
        raise LabError(f"the lab needs {', '.join(missing)}", f"Install {', '.join(sorted({TOOLS[t] for t in missing}))}")
    try:
        tried = subprocess.run(command(["sh", "-c", _TRIAL]), capture_output=True, text=True, check=False)
    except OSError as error:
        what = f"the lab cannot start a program: {error.strerror or type(error).__name__}"
        raise LabError(what, "`ulimit -n` and `ulimit -u` show the limits of this user") from None
    if tried.returncode:
        told = (tried.stderr.strip() or f"status {tried.returncode}").splitlines()[0]
        raise LabError(f"the lab cannot create network namespaces here ({told})", _cure())


def _cure() -> str:
    if os.geteuid() == 0:
        return "It needs CAP_SYS_ADMIN and CAP_NET_ADMIN, and veth and bridge; in a container: --privileged"
    for key, (closed, opened) in _SWITCHES.items():
        path = Path("/proc/sys", *key.split("."))
        if path.exists() and path.read_text().strip() == closed:
            return f"Run it as root, or allow user namespaces: sysctl -w {key}={opened}"
    return "Run it as root; in a container: --privileged"
