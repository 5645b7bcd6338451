"""Runs the programs of iproute2 in the namespaces of the lab, many commands at once, and makes with them interfaces on top
of others (VLAN, bond, macvlan, VRF …), lossy cables, and services of IPVS.

Which of them a kernel has differs: a scene says what it needs, and `missing` tries that out."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping

from arpcheck.errors import LabError
from arpcheck.lab.scene import Feature, Lower, Scene, SceneNic, Station

HINT = "It needs veth and bridge in the kernel, and iproute2 of 2019 or later"


def lan_namespace(lan: str) -> str:
    """The namespace of its switch."""
    return f"lan-{lan}"


def ip(lines: Iterable[str], *, within: str | None = None) -> None:
    """Runs these commands of `ip`, up to the first that fails: a LabError."""
    _batch("ip", lines, within)


def bridge(lines: Iterable[str], *, within: str) -> None:
    """The same for `bridge`."""
    _batch("bridge", lines, within)


def tc(lines: Iterable[str], *, within: str) -> None:
    """The same for `tc`."""
    _batch("tc", lines, within)


def _batch(program: str, lines: Iterable[str], within: str | None) -> None:
    command = [program, *(("-n", within) if within else ()), "-batch", "-"]
    batch = "\n".join(lines)
    done = subprocess.run(command, input=batch + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(_told(done.stderr, batch), HINT)


def _told(stderr: str, batch: str) -> str:
    """The first error, with the line that caused it: iproute2 ends its output with `Command failed -:LINE`."""
    message = stderr.strip().splitlines() or ["no message"]
    number = message[-1].rpartition(":")[2]
    line = batch.splitlines()[int(number) - 1] if number.isdecimal() else ""
    return f"{line}: {message[0]}"


# --------------------------------------------------------------------------------------------- Interfaces on top of others

_TRIALS: Mapping[Feature, str] = {
    Feature.DUMMY: "ip link add trial type dummy",
    Feature.IPVS: "ipvsadm -Ln",
    Feature.NETEM: "ip link add trial type veth peer name other && tc qdisc add dev trial root netem loss 1%",
    Feature.VLAN: "ip link add other type veth peer name far && ip link add link other name trial type vlan id 5",
    Feature.BOND: "ip link add trial type bond mode active-backup",
    Feature.BRIDGE: "ip link add trial type bridge",
    Feature.MACVLAN: "ip link add other type veth peer name far && ip link add link other name trial type macvlan",
    Feature.IPVLAN: "ip link add other type veth peer name far && ip link add link other name trial type ipvlan mode l2",
    Feature.VRF: "ip link add trial type vrf table 10",
    Feature.VXLAN: "ip link add trial type vxlan id 5 dstport 4789",
}

_REAL_SERVER = "10.244.0.9"
"""Of every service of IPVS here: nobody connects."""

_SWITCH_MODES = {"balance-rr": "balance-xor", "balance-xor": "balance-xor", "broadcast": "balance-xor", "802.3ad": "802.3ad"}
"""By the mode of a station's bond, that of the bond at its switch; for every other mode the switch knows of none."""


_NO_PARTNER = "00:00:00:00:00:00"


def missing(needs: Iterable[Feature]) -> tuple[Feature, ...]:
    """Those that this kernel, or a program, does not have. Each is tried in a network namespace that ends with the trial."""
    return tuple(feature for feature in sorted(set(needs)) if not _has(feature))


def require_features(scene: Scene) -> None:
    """Raises LabError that names what is missing. It runs inside an enclosure."""
    if lacking := missing(scene.needs):
        raise LabError(
            f"{scene.name} needs {', '.join(lacking)}, which is not here", "scripts/kernels runs it on other kernels"
        )


def _has(feature: Feature) -> bool:
    tried = subprocess.run(["unshare", "--net", "sh", "-c", _TRIALS[feature]], capture_output=True, check=False)
    return tried.returncode == 0


# ------------------------------------------------------------------------------------------- In the namespace of a station


def uppers(station: Station) -> Iterator[str]:
    """Commands of `ip` that make the interfaces on top of others, all of them down."""
    for nic in station.nics:
        match nic.lower:
            case None:
                continue
            case Lower.PARENT:
                yield f"link add link {nic.on[0]} name {nic.name} {_mac(nic)}type {nic.link}"
            case Lower.DEVICE:
                yield f"link add name {nic.name} {_mac(nic)}type {nic.link} dev {nic.on[0]}"
            case Lower.PORTS:
                yield f"link add name {nic.name} {_mac(nic)}type {nic.link}"
                for port in nic.on:
                    yield f"link set {port} down"
                    yield f"link set {port} master {nic.name}"


def _mac(nic: SceneNic) -> str:
    """An ipvlan has its parent's, and a VRF sends nothing."""
    return "" if nic.feature in (Feature.IPVLAN, Feature.VRF) else f"address {nic.mac} "


def add_services(station: Station) -> None:
    """A service of IPVS for each address on kube-ipvs0, as kube-proxy makes them."""
    if not station.held:
        return
    lines = [f"-A -t {held}:80 -s rr\n-a -t {held}:80 -r {_REAL_SERVER}:8080 -m\n" for held in station.held]
    command = ["ip", "netns", "exec", station.name, "ipvsadm", "--restore"]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ipvsadm on {station.name}: {done.stderr.strip()}")


# ---------------------------------------------------------------------------------------------------------- At the switch


def bundles(scene: Scene, ports: Mapping[str, tuple[Station, SceneNic]]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By name of a bond at the switch: its mode and its ports, where a station's bond needs one at the other end."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for station in scene.stations:
        for nic in (nic for nic in station.nics if nic.feature is Feature.BOND):
            legs = tuple(port for port, (at, leg) in ports.items() if at is station and leg.name in nic.on)
            if (mode := _SWITCH_MODES.get(_mode(nic))) and legs:
                found[f"bundle{len(found) + 1}"] = (mode, legs)
    return found


def bundle(name: str, mode: str, ports: Iterable[str]) -> Iterator[str]:
    """Commands of `ip` for a bond of ports that are down; it is no port of the switch yet."""
    fast = " lacp_rate fast" if mode == "802.3ad" else ""
    yield f"link add name {name} type bond mode {mode} miimon 100{fast}"
    yield from (f"link set {port} master {name}" for port in ports)


def spoil_cables(ports: Mapping[str, tuple[Station, SceneNic]], lan: str) -> None:
    """What netem does to frames on a cable, in both directions."""
    for port, (station, nic) in ports.items():
        if nic.netem:
            tc([f"qdisc add dev {nic.name} root netem {nic.netem}"], within=station.name)
            tc([f"qdisc add dev {port} root netem {nic.netem}"], within=lan_namespace(lan))


def await_aggregation(space: str, bonds: Mapping[str, tuple[str, tuple[str, ...]]], patience: float) -> None:
    """Returns when every bond that speaks LACP sends on all its legs. Raises LabError after `patience` seconds.

    `bonds`: by name, the mode and the legs; those of a station (`bonds_of`) or of a switch (`bundles`)."""
    deadline = time.monotonic() + patience
    for name, (_, legs) in ((name, bond) for name, bond in bonds.items() if bond[0] == "802.3ad"):
        while (joined := _aggregated(space, name)) < len(legs):
            if time.monotonic() > deadline:
                raise LabError(f"LACP: {joined} of {len(legs)} legs of {name} in {space} joined within {patience:g} s")
            time.sleep(0.05)


def bonds_of(station: Station) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By name: its mode and its legs."""
    return {nic.name: (_mode(nic), nic.on) for nic in station.nics if nic.feature is Feature.BOND}


def _aggregated(space: str, bond: str) -> int:
    command = ["ip", "-n", space, "-details", "-json", "link", "show", "dev", bond]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    info = json.loads(done.stdout)[0]["linkinfo"]["info_data"].get("ad_info", {})
    return int(info.get("num_ports", 0)) if info.get("partner_mac") != _NO_PARTNER else 0


def _mode(bond: SceneNic) -> str:
    """The word after `mode` in its command; empty where there is none."""
    return bond.link.partition("mode ")[2].split(" ")[0]


def build_uppers(station: Station) -> None:
    if lines := list(uppers(station)):
        ip(lines, within=station.name)
