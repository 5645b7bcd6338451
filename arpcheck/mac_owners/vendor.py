"""What the prefix of a MAC says: a virtual address, a hypervisor, a container, a manufacturer.

A label for MACs that nobody claims, never an identity: every virtual machine of a cluster has the same prefix. Knows
the virtual ones by heart; the manufacturers are handed in as a table, since scapy's is read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

from arpcheck.model import Mac

_ROUTERS = (
    (re.compile(r"00:00:5e:00:01:(..)"), "VRRP or CARP, virtual router {}"),
    (re.compile(r"00:00:5e:00:02:(..)"), "VRRP or CARP for IPv6, virtual router {}"),
    (re.compile(r"00:00:0c:07:ac:(..)"), "HSRP, group {}"),
    (re.compile(r"00:00:0c:9f:f(.:..)"), "HSRP version 2, group {}"),
    (re.compile(r"00:07:b4:00:(..):.."), "GLBP, group {}"),
)
"""Addresses that move between routers (RFC 9568 section 7.3; arp-scan: mac-vendor.txt)."""

_PREFIXES = (
    ("ee:ee:ee:ee:ee:ee", "Calico's end of a pod, the same on every node"),
    ("00:00:00:00:00:00", "no address"),
    ("02:bf:", "Microsoft NLB cluster"),
    ("02:42:", "Docker container or bridge"),
    ("0a:58:", "pod of a CNI (OVN-Kubernetes)"),
    ("52:54:00:", "QEMU/KVM virtual machine"),
    ("00:50:56:", "VMware virtual machine"),
    ("00:0c:29:", "VMware virtual machine"),
    ("00:05:69:", "VMware virtual machine"),
    ("00:1c:14:", "VMware virtual machine"),
    ("00:15:5d:", "Hyper-V virtual machine"),
    ("00:16:3e:", "Xen virtual machine"),
    ("bc:24:11:", "Proxmox VE virtual machine"),
    ("08:00:27:", "VirtualBox virtual machine"),
    ("00:1c:42:", "Parallels virtual machine"),
)

_BLOCKS = ((13, "0/36"), (10, "0/28"), (8, ""))
"""How much of the text of a MAC a key of the table has, and what it adds; the longest first."""


def label(mac: Mac, vendors: Mapping[str, str] | None = None) -> str | None:
    """What is known of a MAC by its prefix; None: nothing. `vendors` as for `vendor`."""
    if mac.is_group:
        return "group address, no station's"
    if found := _virtual_router(mac):
        return found
    for prefix, meaning in _PREFIXES:
        if mac.startswith(prefix):
            return meaning
    return "locally administered, no manufacturer's" if mac.is_local else vendor(mac, vendors or {})


def vendor(mac: Mac, table: Mapping[str, str]) -> str | None:
    """The manufacturer by the longest prefix.

    `table`: Wireshark's manuf as scapy keeps it, by `8C:1F:64`, `8C:1F:64:A0/28` or `8C:1F:64:AF:C0/36`. (Scapy's own
    look-up knows the first form only.)"""
    text = mac.upper()
    return next((found for length, end in _BLOCKS if (found := table.get(text[:length] + end))), None)


def is_virtual_router(mac: Mac) -> bool:
    """An address of VRRP, CARP, HSRP or GLBP: several hosts share it, so it is none's."""
    return _virtual_router(mac) is not None


def _virtual_router(mac: Mac) -> str | None:
    for pattern, meaning in _ROUTERS:
        if match := pattern.fullmatch(mac):
            return meaning.format(int(match[1].replace(":", ""), 16))
    return None
