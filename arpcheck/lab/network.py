"""Builds a scene out of the kernel: a namespace for every LAN and every station, joined by veth pairs and bridges.

Must run inside an enclosure: it names namespaces as the scene does, and leaves it to the enclosure that all of them end.
No interface of the machine is ever attached. Knows nothing of announcers and of the API."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from arpcheck.errors import LabError
from arpcheck.lab.namespaces import inside
from arpcheck.lab.scene import IPVS_DEVICE, IPVS_MAC, SYSCTLS, Nic, Scene, Station

CONF = Path("/proc/sys/net/ipv4/conf")
NO_IPV6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
PATIENCE = 10.0
"""Seconds after which links that are not up mean that this kernel does not do what the lab needs."""

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40


def build(scene: Scene) -> None:
    """Returns when every link of the scene carries frames."""
    _ip(_fabric(scene))
    device = _device_of_ipvs()
    for station in scene.stations:
        inside(station.name, partial(_write_sysctls, station))
        _ip(_furniture(station, device), within=station.name)
    for lan in scene.lans:
        inside(lan_namespace(lan), _without_ipv6)
        _ip(_switch(scene, lan), within=lan_namespace(lan))
    for station in scene.stations:
        _await_running(station.name, [nic.name for nic in station.nics])
    for lan in scene.lans:
        _await_running(lan_namespace(lan), _ports(scene, lan))


def lan_namespace(lan: str) -> str:
    return f"lan-{lan}"


def write_sysctl(station: str, interface: str, key: str, value: int) -> None:
    """`net.ipv4.conf.INTERFACE.KEY` of a station."""
    inside(station, lambda: (CONF / interface / key).write_text(f"{value}\n"))


# --------------------------------------------------------------------------------------------------- what `ip` is told


def _fabric(scene: Scene) -> Iterator[str]:
    """`ip` makes both ends of a pair in their namespaces at once, so no interface is ever in the enclosure's own."""
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
    for route in station.routes:
        yield f"route add {route.to} dev {route.nic}"
    if station.held:  # as kube-proxy leaves it: NOARP and never up (pkg/proxy/ipvs/netlink_linux.go, EnsureDummyDevice)
        yield f"link add {IPVS_DEVICE} address {IPVS_MAC} type {device}"
        yield f"link set {IPVS_DEVICE} arp off"
    for held in station.held:
        yield f"address add {held}/32 dev {IPVS_DEVICE}"


def _switch(scene: Scene, lan: str) -> Iterator[str]:
    yield "link set lan up"
    for port in _ports(scene, lan):
        yield f"link set {port} master lan up"


def _ports(scene: Scene, lan: str) -> dict[str, tuple[Station, Nic]]:
    """By the port's name, in the order of the scene; a NIC's own name may be that of another station's too."""
    ends = [(station, nic) for station in scene.stations for nic in station.nics if nic.lan == lan]
    return {f"port{number}": end for number, end in enumerate(ends, 1)}


def _device_of_ipvs() -> str:
    """`dummy` is what kube-proxy makes. Where the kernel has none, a bridge without ports is as good: the address is
    local while the device is down, and that is all that counts."""
    tried = subprocess.run(["ip", "link", "add", IPVS_DEVICE, "type", "dummy"], capture_output=True, check=False)
    if tried.returncode:
        return "bridge"
    subprocess.run(["ip", "link", "delete", IPVS_DEVICE], capture_output=True, check=True)
    return "dummy"


def _ip(lines: Iterable[str], *, within: str | None = None) -> None:
    command = ["ip", *(("-n", within) if within else ()), "-batch", "-"]
    batch = "\n".join(lines)
    done = subprocess.run(command, input=batch + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(_told(done.stderr, batch), "Has this kernel veth and bridge, and is iproute2 from 2019 or later?")


def _told(stderr: str, batch: str) -> str:
    """The first fault, with the line that it speaks of: iproute2 ends with `Command failed -:LINE`."""
    message = stderr.strip().splitlines() or ["no message"]
    number = message[-1].rpartition(":")[2]
    line = batch.splitlines()[int(number) - 1] if number.isdecimal() else ""
    return f"{line}: {message[0]}"


# ----------------------------------------------------------------------------------------------- what the kernel is told


def _write_sysctls(station: Station) -> None:
    """All of them, the zeros too. `all` first: the kernel copies its `forwarding` to every interface."""
    _without_ipv6()
    for key in SYSCTLS:
        values = {"all": station.sysctl.get(key, 0), "default": 0, "lo": 0}
        for nic in station.nics:
            values[nic.name] = station.effective(key, nic) if key == "forwarding" else nic.sysctl.get(key, 0)
        for interface, value in values.items():
            (CONF / interface / key).write_text(f"{value}\n")


def _without_ipv6() -> None:
    """No duplicate address detection and no router solicitation on the LAN; a kernel without IPv6 is fine."""
    if NO_IPV6.exists():
        NO_IPV6.write_text("1\n")


def _await_running(space: str, interfaces: Iterable[str]) -> None:
    """The kernel's link watch sets IFF_RUNNING some milliseconds after the peer came up."""
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
