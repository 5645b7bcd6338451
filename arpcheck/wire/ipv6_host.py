"""What of IPv6 works on an interface of this host, from /proc: for `arpcheck doctor`, which sends nothing.

Requests come from the link-local address, and a node asks who has it before it replies: this kernel must receive that
question, in the address's solicited-node group, and reply. Replies reach the packet socket whatever the kernel filters."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from arpcheck.wire.neighbour_discovery import solicited_node

PROC = Path("/proc")

_TENTATIVE, _DAD_FAILED = 0x40, 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED (include/uapi/linux/if_addr.h)."""


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
    addresses = _content(proc / "net/if_inet6")
    if addresses is None:
        return Ipv6State(link_local=None, why="this kernel has no IPv6", cure="Boot without ipv6.disable=1")
    off = proc / f"sys/net/ipv6/conf/{name}/disable_ipv6"
    if _content(off) == "1":
        return Ipv6State(link_local=None, why="IPv6 is off there", cure=f"`sysctl net.ipv6.conf.{name}.disable_ipv6=0`")
    found = [(ip, flags) for ip, flags in _with_flags(addresses, name) if ip.is_link_local]
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


def filters(proc: Path = PROC) -> bool:
    """A packet filter of IPv6 may be loaded (ip6tables; nftables, of which only the use of the module shows)."""
    named = _content(proc / "net/ip6_tables_names") or ""
    modules = [line.split() for line in (_content(proc / "modules") or "").splitlines()]
    return "filter" in named.split() or any(line[0] == "nf_tables" and line[2] != "0" for line in modules if len(line) > 2)


def _with_flags(text: str, name: str) -> list[tuple[IPv6Address, int]]:
    """Of the lines of if_inet6 (net/ipv6/addrconf.c, if6_seq_show): address and flags."""
    lines = (line.split() for line in text.splitlines())
    return [(IPv6Address(int(columns[0], 16)), int(columns[4], 16)) for columns in lines if columns[5:6] == [name]]


def _in_group(name: str, group: IPv6Address, proc: Path) -> bool:
    """By igmp6 (net/ipv6/mcast.c, igmp6_mc_seq_show); True where it can't be read."""
    text = _content(proc / "net/igmp6")
    lines = (line.split() for line in (text or "").splitlines())
    return text is None or any(columns[1:3] == [name, group.packed.hex()] for columns in lines)


def _content(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
