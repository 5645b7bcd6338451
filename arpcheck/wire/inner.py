"""Interfaces that lead to guests of this host or through a tunnel, not to the LAN: `--iface auto` never chooses one."""

from __future__ import annotations

import re
from pathlib import Path

_NAMES = (
    (
        "a bridge of containers",
        r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}|podman\d+|cni\d+|cni-podman\d+|kube-bridge|nerdctl\d+|lxcbr\d+|lxdbr\d+"
        r"|incusbr\d+",
    ),
    ("a bridge of virtual machines", r"virbr\d+|vmnet\d+|vboxnet\d+|mpqemubr\d+"),
    (
        "the pod network",
        r"cali[0-9a-f]{6,}|tunl\d+|vxlan(-v6)?\.calico|wireguard\.cali|flannel\.\d+|flannel-wg|cilium_\w+|lxc[0-9a-f]{6,}"
        r"|lxc_health|weave|antrea-gw\d+|ovn-k8s-mp\d+|ovn0|genev_sys_\d+|vxlan_sys_\d+|veth[0-9a-f]{6,}",
    ),
    ("for addresses of Services", r"kube-ipvs\d+|kube-dummy-if|nodelocaldns"),
    ("a virtual machine's port", r"vnet\d+|tap[0-9a-z-]+|macvtap\d+"),
    (
        "a tunnel",
        r"u?tun\d+|wg[0-9a-z-]*|tailscale\d+|zt[0-9a-z]{8,}|ppp\d+|ipsec\d+|nebula\d+|gre(tap)?\d+|sit\d+|ip6tnl\d+",
    ),
)
"""As the programs that make them name them."""

NETWORK = Path("/sys/class/net")


def inner(name: str, network: Path = NETWORK) -> str:
    """What it is; empty if it may lead to the LAN. By its name, else by what the kernel shows of it."""
    return next((what for what, names in _NAMES if re.fullmatch(names, name)), "") or _seen(network / name)


def _seen(place: Path) -> str:
    if (place / "tun_flags").exists():
        return "a tunnel or a virtual machine's port"
    if (place / "bridge").is_dir():
        ports = [port.name for port in (place / "brif").glob("*")]
        if not any(_is_uplink(place.parent / port) for port in ports):
            return "a bridge of guests" if ports else "a bridge without a port"
    return ""


def _is_uplink(port: Path) -> bool:
    """A device, a bond, or an interface above one (VLAN): not the end of a guest's link (veth, tap)."""
    return any((port / part).exists() for part in ("device", "bonding")) or any(port.glob("lower_*"))
