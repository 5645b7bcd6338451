"""Reads this host's interfaces and whether they lead to the LAN, what works of IPv6 there, its kernel's ARP settings and its
ARP table from psutil and /proc.

Unusable interfaces are refused here, before anything is sent."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

from arpcheck.errors import UsageError
from arpcheck.model import Host, Interface, Mac, Neighbour
from arpcheck.objects import ipv4
from arpcheck.wire.neighbour_discovery import solicited_node

# ------------------------------------------------------------------------------------ Interfaces that do not lead to the LAN

# Interfaces that lead to guests of this host or through a tunnel, not to the LAN: `--iface auto` never chooses one.

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


# ----------------------------------------------------------------------------------------------------------------- This host

NODE_NAME = "ARPCHECK_NODE_NAME"
"""The environment variable with a pod's node name (downward API, spec.nodeName)."""

_COMPLETE = 0x2
"""ATF_COM in /proc/net/arp (include/uapi/linux/if_arp.h): the entry has a MAC address."""


def this_host() -> Host:
    """All interfaces, including those that are down: an address on kube-ipvs0 is local too."""
    import psutil

    try:
        stats, found = psutil.net_if_stats(), psutil.net_if_addrs()
    except OSError as error:
        what = f"cannot read this host's interfaces: {error.strerror or type(error).__name__}"
        raise UsageError(
            what, "Check that /proc is mounted and that the open file limit is not reached (ulimit -n)"
        ) from None
    six = ipv6_addresses(_file_text("/proc/net/if_inet6") or "")
    return Host(
        interfaces=tuple(
            Interface(
                name=name,
                mac=_mac_of(found[name]),
                addresses=_addresses(found[name]),
                ipv6=six.get(name, ()),
                up="up" in stats[name].flags.split(",") if name in stats else False,
                arp_ignore=_effective("arp_ignore", name),
                arp_announce=_effective("arp_announce", name),
            )
            for name in sorted(found)
        ),
        node_name=os.environ.get(NODE_NAME) or None,
    )


def with_neighbours(host: Host) -> Host:
    """The same host with its current ARP table."""
    return replace(host, neighbours=neighbours(_file_text("/proc/net/arp") or ""))


def neighbours(text: str) -> tuple[Neighbour, ...]:
    """The complete entries of /proc/net/arp (net/ipv4/arp.c, arp_format_neigh_entry), sorted."""
    found = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        if len(columns) == 6 and int(columns[2], 16) & _COMPLETE and (ip := ipv4(columns[0])):
            found.append(Neighbour(ip=ip, mac=Mac(columns[3]), interface=columns[5]))
    return tuple(sorted(found, key=lambda entry: (entry.ip, entry.interface)))


def vlan_tags(config: str | None = None) -> Mapping[str, int]:
    """The VLAN of each interface that tags its frames, from /proc/net/vlan/config (net/8021q/vlanproc.c,
    vlan_seq_show), which root alone can read. Empty where it can't be read."""
    found = {}
    for line in (_file_text("/proc/net/vlan/config") or "" if config is None else config).splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 3 and columns[1].isdecimal():
            found[columns[0]] = int(columns[1])
    return found


def usable(host: Host, names: Sequence[str]) -> tuple[Interface, ...]:
    """The named interfaces, in the order given. Raises UsageError for one that can't be used."""
    return tuple(_usable(host, name) for name in dict.fromkeys(names))


def candidates(host: Host) -> tuple[str, ...]:
    """The interfaces that `--iface auto` may choose."""
    return tuple(interface.name for interface in host.interfaces if not unfit(host, interface))


def passed_over(host: Host) -> Mapping[str, str]:
    """The other interfaces, each with the reason why `--iface auto` never chooses it."""
    return {interface.name: why for interface in host.interfaces if (why := unfit(host, interface))}


def unfit(host: Host, interface: Interface) -> str:
    """Why `--iface auto` never chooses it; empty if it may."""
    try:
        _usable(host, interface.name)
    except UsageError as error:
        return error.message.removeprefix(f"{interface.name} ").removeprefix("is ")
    return inner(interface.name) or ("" if interface.addresses or interface.ipv6 else "no IP address")


def _usable(host: Host, name: str) -> Interface:
    interface = next((interface for interface in host.interfaces if interface.name == name), None)
    if interface is None:
        raise UsageError(f"this host has no interface {name!r}", f"Interfaces: {_interface_names(host.interfaces)}")
    if name == "lo" or (interface.addresses and all(IPv4Interface(a).ip.is_loopback for a in interface.addresses)):
        raise UsageError(
            f"{name} is a loopback interface: it reaches no other host", f"Interfaces: {_interface_names(host.interfaces)}"
        )
    if interface.mac is None:
        raise UsageError(
            f"{name} has no MAC address, so it cannot use ARP", f"Interfaces: {_interface_names(host.interfaces)}"
        )
    if not interface.up:
        raise UsageError(
            f"{name} is down", f"Run `ip link set {name} up`, or use another interface: {_interface_names(host.interfaces)}"
        )
    if "noarp" in _flags(name):
        raise UsageError(
            f"{name} has the flag NOARP: it sends no ARP requests", f"Interfaces: {_interface_names(host.interfaces)}"
        )
    if _file_text(f"/sys/class/net/{name}/carrier") == "0":
        raise UsageError(f"{name} has no carrier", "Check the cable, the switch port or the virtual switch")
    return interface


def _interface_names(interfaces: Iterable[Interface]) -> str:
    return ", ".join(i.name for i in interfaces if i.mac and i.up and i.name != "lo") or "none is up and has a MAC address"


def _flags(name: str) -> list[str]:
    import psutil

    stats = psutil.net_if_stats().get(name)
    return stats.flags.split(",") if stats else []


def _mac_of(addresses: Iterable[object]) -> Mac | None:
    for entry in addresses:
        if getattr(entry, "family", None) in (getattr(socket, "AF_PACKET", None), getattr(socket, "AF_LINK", None)):
            text = str(getattr(entry, "address", ""))
            if text.count(":") == 5 and text != "00:00:00:00:00:00":
                return Mac(text)
    return None


def _addresses(addresses: Iterable[object]) -> tuple[str, ...]:
    found = (
        IPv4Interface(f"{getattr(entry, 'address', '')}/{getattr(entry, 'netmask', None) or '255.255.255.255'}")
        for entry in addresses
        if getattr(entry, "family", None) == socket.AF_INET
    )
    return tuple(interface.with_prefixlen for interface in dict.fromkeys(found))


_TENTATIVE, _DAD_FAILED = 0x40, 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED (include/uapi/linux/if_addr.h): the kernel does not use the address."""


def ipv6_addresses(text: str) -> Mapping[str, tuple[str, ...]]:
    """The usable addresses of each interface in /proc/net/if_inet6."""
    found: dict[str, list[IPv6Interface]] = {}
    for name, address, flags in _inet6(text):
        if not flags & (_TENTATIVE | _DAD_FAILED):
            found.setdefault(name, []).append(address)
    return {name: tuple(address.with_prefixlen for address in sorted(of)) for name, of in found.items()}


def _inet6(text: str) -> Iterable[tuple[str, IPv6Interface, int]]:
    """Interface, address and flags of the lines of if_inet6 (net/ipv6/addrconf.c, if6_seq_show)."""
    for columns in (line.split() for line in text.splitlines()):
        if len(columns) == 6:
            yield columns[5], IPv6Interface((int(columns[0], 16), int(columns[2], 16))), int(columns[4], 16)


def _effective(name: str, interface: str) -> int | None:
    """max(conf/all, conf/INTERFACE), as the kernel evaluates it (include/linux/inetdevice.h, IN_DEV_MAXCONF)."""
    values = [_file_text(f"/proc/sys/net/ipv4/conf/{where}/{name}") for where in ("all", interface)]
    numbers = [int(value) for value in values if value is not None and value.lstrip("-").isdigit()]
    return max(numbers) if len(numbers) == 2 else None


def _file_text(path: str | Path) -> str | None:
    """A kernel file; None if this system lacks it (macOS, a masked /proc)."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


# ------------------------------------------------------------------------------------------------- What of IPv6 works here

# For `arpcheck doctor`, which sends nothing. Requests come from the link-local address, and a node asks who has it before it
# replies: this kernel must receive that question, in the address's solicited-node group, and reply. Replies reach the packet
# socket whatever the kernel filters.

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6State:
    """Of one interface."""

    link_local: IPv6Address | None
    """The sender of requests; None if it has none that the kernel uses."""
    why: str = ""
    """Why it has none, as a clause."""
    cure: str = ""
    in_group: bool = True
    """It is in the solicited-node group of `link_local`, in which nodes ask for it."""


def ipv6_state(name: str, proc: Path = PROC) -> Ipv6State:
    addresses = _file_text(proc / "net/if_inet6")
    if addresses is None:
        return Ipv6State(link_local=None, why="this kernel has no IPv6", cure="Boot without ipv6.disable=1")
    off = proc / f"sys/net/ipv6/conf/{name}/disable_ipv6"
    if _file_text(off) == "1":
        return Ipv6State(link_local=None, why="IPv6 is off there", cure=f"`sysctl net.ipv6.conf.{name}.disable_ipv6=0`")
    found = [(ip, flags) for own, at, flags in _inet6(addresses) if own == name and (ip := at.ip).is_link_local]
    usable = next((ip for ip, flags in found if not flags & (_TENTATIVE | _DAD_FAILED)), None)
    if usable is not None:
        return Ipv6State(link_local=usable, in_group=_in_group(name, solicited_node(usable), proc))
    return _unusable(name, found)


def _unusable(name: str, found: list[tuple[IPv6Address, int]]) -> Ipv6State:
    if duplicate := next((ip for ip, flags in found if flags & _DAD_FAILED), None):
        return Ipv6State(
            link_local=None,
            why=f"another host has its link-local address {duplicate}",
            cure=f"Find it (`ip -6 neigh`), and give {name} another one: `ip address add fe80::…/64 dev {name}`",
        )
    if found:
        why = f"its link-local address {found[0][0]} is still checked for duplicates"
        return Ipv6State(link_local=None, why=why, cure="Run it again in two seconds")
    return Ipv6State(
        link_local=None,
        why="it has no link-local address",
        cure=f"`sysctl net.ipv6.conf.{name}.addr_gen_mode=0`, or `ip address add fe80::…/64 dev {name}`",
    )


def ipv6_filters(proc: Path = PROC) -> bool:
    """A packet filter of IPv6 may be loaded (ip6tables; nftables, of which only the use of the module shows)."""
    named = _file_text(proc / "net/ip6_tables_names") or ""
    modules = [line.split() for line in (_file_text(proc / "modules") or "").splitlines()]
    return "filter" in named.split() or any(line[0] == "nf_tables" and line[2] != "0" for line in modules if len(line) > 2)


def _in_group(name: str, group: IPv6Address, proc: Path) -> bool:
    """By igmp6 (net/ipv6/mcast.c, igmp6_mc_seq_show); True where it can't be read."""
    text = _file_text(proc / "net/igmp6")
    lines = (line.split() for line in (text or "").splitlines())
    return text is None or any(columns[1:3] == [name, group.packed.hex()] for columns in lines)
