"""Which of a host's interfaces can be the one that answers ARP on a LAN, by their names.

An interface with one of these names holds an address or ends a tunnel inside the host; what is written on it says
nothing about a LAN. Knows names only: no type of an interface is in what a host or a file tells."""

from __future__ import annotations

from fnmatch import fnmatchcase

from arpcheck.model import Mac

HOLDERS = ("lo", "dummy*", "kube-ipvs0", "kube-dummy-if", "nodelocaldns", "kube-lb0", "kube-lb-int*")
"""They hold Service addresses: kube-proxy, kube-router, NodeLocal DNSCache, PureLB. An address on one is nobody's own."""

INSIDE = (
    *("veth*", "cali*", "lxc*", "tunl*", "sit[0-9]*", "gre[0-9]*", "gretap[0-9]*", "erspan[0-9]*", "ip6tnl*", "ip_vti*"),
    *("vxlan*", "wg[0-9]*", "tun[0-9]*", "ifb[0-9]*", "cni[0-9]*", "docker[0-9]*", "docker_gwbridge", "podman[0-9]*"),
    *("nerdctl[0-9]*", "virbr*", "flannel*", "cilium_*", "weave", "datapath", "kube-bridge", "antrea-gw[0-9]*", "ovn0"),
    *("br-int", "ovs-system", "genev_sys*", "ovn-k8s-mp*", "tap*", "macvtap*", "vnet[0-9]*", f"br-{'[0-9a-f]' * 12}"),
)
"""Ends of pods and tunnels, and bridges that only pods and virtual machines of the host are on."""

_ZERO = "00:00:00:00:00:00"


def holds_only(name: str) -> bool:
    """A device that only holds addresses: what is on it may be any Service's."""
    return any(fnmatchcase(name, pattern) for pattern in HOLDERS)


def is_inside(name: str) -> bool:
    """An interface that never speaks on a LAN."""
    return holds_only(name) or any(fnmatchcase(name, pattern) for pattern in INSIDE)


def station(value: object) -> Mac | None:
    """A MAC that one station can have, from whatever stands in a field; None for a group address, zero or no MAC."""
    if not isinstance(value, str):
        return None
    try:
        mac = Mac(value)
    except ValueError:
        return None
    return mac if is_station(mac) else None


def is_station(mac: Mac) -> bool:
    return not mac.is_group and mac != _ZERO
