"""A MAC address, the sources that name its node, and how certain its owner is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import assert_never

Address = IPv4Address | IPv6Address


def order(ip: Address) -> tuple[int, int]:
    """The key that sorts addresses of both families, which Python does not compare with each other: IPv4 first."""
    return ip.version, int(ip)


_MAC = re.compile(r"([0-9a-fA-F]{1,2})[:-]" * 5 + r"([0-9a-fA-F]{1,2})")
_DOTTED = re.compile(r"([0-9a-fA-F]{4})\.([0-9a-fA-F]{4})\.([0-9a-fA-F]{4})")


class Mac(str):
    """A 48-bit MAC as lower-case colon text, so that it sorts by number and is its own JSON form.

    `Mac("0:0:C0:A:77:23")`, dashes and Cisco's dotted form are read too; anything else is a ValueError."""

    __slots__ = ()

    def __new__(cls, text: str) -> Mac:
        if match := _MAC.fullmatch(text):
            return super().__new__(cls, ":".join(octet.lower().zfill(2) for octet in match.groups()))
        if match := _DOTTED.fullmatch(text):
            digits = "".join(match.groups()).lower()
            return super().__new__(cls, ":".join(digits[i : i + 2] for i in range(0, 12, 2)))
        raise ValueError(f"not a MAC address: {text!r}")

    @classmethod
    def from_bytes(cls, octets: bytes) -> Mac:
        """`octets`: exactly six."""
        if len(octets) != 6:
            raise ValueError(f"a MAC address has 6 octets, not {len(octets)}")
        return super().__new__(cls, octets.hex(":"))

    def to_bytes(self) -> bytes:
        return bytes.fromhex(self.replace(":", ""))

    @property
    def is_group(self) -> bool:
        """Multicast or broadcast (IEEE 802, the I/G bit): never the address of one station."""
        return bool(int(self[:2], 16) & 1)

    @property
    def is_local(self) -> bool:
        """Locally administered (IEEE 802, the U/L bit): carries no vendor."""
        return bool(int(self[:2], 16) & 2)


class SourceRank(IntEnum):
    """How strong a source's word on a MAC is, 1 the strongest."""

    OWN_FILE = 1
    """What the user wrote down for arpcheck."""
    LIVE_HOST = 2
    """The host itself, as it runs: this one, or what the Job of `inventory` printed."""
    PUBLISHED = 3
    """An object or an annotation that the host wrote."""
    WIRE = 4
    """Who replied for a node's own address."""
    OTHER_FILE = 6
    """A file that something else wrote, as old as it is."""
    SEEN = 7
    """What another host once saw at an address: a neighbour table, a scan, a lease. It may be old, and where two machines
    have one address it is wrong for one of them. A hint for the reader, which decides nothing."""


class MacListFormat(StrEnum):
    """The format of a `--mac-map` file, by the name that messages have for it."""

    CSV = "CSV"
    YAML = "YAML"
    JOB = "job"
    ANSIBLE = "Ansible"
    IP_JSON = "ip -j"
    IP_BRIEF = "ip -br link"
    IP_LINK = "ip link"
    NODE_EXPORTER = "node_exporter"
    NETBOX = "NetBox"
    OBJECTS = "objects"
    """BareMetalHost and HardwareData of metal3, NodeNetworkState of kubernetes-nmstate."""
    ETHERS = "ethers"
    ARP_SCAN = "arp-scan"
    IP_NEIGH = "ip neigh"
    ARP = "arp"
    PROC_NET_ARP = "/proc/net/arp"
    DNSMASQ = "dnsmasq.leases"
    DHCPD = "dhcpd.leases"
    ADDRESS_CSV = "CSV by address"
    """With the column `address` in place of a node's name, as Kea writes its leases."""
    HEARD = "heard"
    """A line of `inventory -o csv` of who replied for a node's address, which lists no NICs when it is read back."""
    PART = "part"
    """A line of `inventory -o csv` from a source that may not know all NICs."""
    CAPTURE = "capture"
    """Who sent requests with a node's address as sender, in the frames of `--capture`."""

    @property
    def lists_nics(self) -> bool:
        """It knows a node's NICs, those without an address too. The others saw a MAC at an address or a name, and a MAC
        that is not in them may be a node's all the same."""
        match self:
            case self.CSV | self.YAML | self.JOB | self.ANSIBLE | self.IP_JSON | self.IP_BRIEF | self.IP_LINK:
                return True
            case self.NODE_EXPORTER | self.NETBOX | self.OBJECTS | self.ETHERS | self.PART:
                return True
            case self.ARP_SCAN | self.IP_NEIGH | self.ARP | self.PROC_NET_ARP:
                return False
            case self.DNSMASQ | self.DHCPD | self.ADDRESS_CSV | self.HEARD | self.CAPTURE:
                return False
            case _:
                assert_never(self)

    @property
    def lists_all(self) -> bool:
        """It knows all NICs of a node, or the user says so: a MAC that it does not have is not this node's. Others leave
        some out: NetBox and metal3 list what was entered or inspected, node_exporter what it was not told to ignore."""
        match self:
            case self.CSV | self.YAML | self.JOB | self.ANSIBLE | self.IP_JSON | self.IP_BRIEF | self.IP_LINK:
                return True
            case self.NODE_EXPORTER | self.NETBOX | self.OBJECTS:
                return False
            case self.ETHERS | self.ARP_SCAN | self.IP_NEIGH | self.ARP | self.PROC_NET_ARP | self.DNSMASQ:
                return False
            case self.DHCPD | self.ADDRESS_CSV | self.HEARD | self.PART | self.CAPTURE:
                return False
            case _:
                assert_never(self)

    @property
    def rank(self) -> SourceRank:
        match self:
            case self.CSV | self.YAML:
                return SourceRank.OWN_FILE
            case self.JOB:
                return SourceRank.LIVE_HOST
            case self.CAPTURE:
                return SourceRank.WIRE
            case _:
                return SourceRank.OTHER_FILE if self.lists_nics else SourceRank.SEEN


Nic = tuple[str, Mac]
"""A MAC on a segment, which is named by one of the prober's interfaces on it: the same MAC on two segments is two NICs."""


class Strength(StrEnum):
    """How well it is known whose a NIC is."""

    LISTED = "listed"
    """By a source that knows the node's NICs."""
    HEARD = "heard"
    """Only it replied for the node's own address."""
    DOUBTFUL = "doubtful"
    """It and another MAC address replied for the node's own address, or two sources contradict each other. Never a fact."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One source's word on whose MAC this is. All are kept; `judge.owners` decides."""

    mac: Mac
    node: str
    source: str
    """The plug-in's NAME: `node-ip`, `self`, `mac-map`."""
    detail: str
    """Where exactly: the address that it replied for, the file and line, the annotation."""
    interface: str | None = None
    """The prober's interface for what was heard, the node's own NIC for what was written down."""
    observed_at: datetime | None = None
    rank: SourceRank = SourceRank.OTHER_FILE
    lists_nics: bool = False
    """The source knows NICs: the MAC address is listed, not only received or seen at an address."""
    lists_all: bool = False
    """And it knows all of the node's NICs: what it does not have is not this node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is known of one NIC."""

    mac: Mac
    node: str | None
    """None: no node's, or not known whose; `outside` tells which."""
    strength: Strength = Strength.NONE
    """Of `node`; NONE where that is None."""
    outside: bool = False
    """No node's: every NIC of every node here is listed, and it is none of them."""
    apart: bool = False
    """Most likely not a node's: every node replied here, it shares no vendor prefix with any node's NIC, and, asked alone
    for every node's address, it did not reply. It takes the recorded announcer beside it to prove that."""
    seen_at: str = ""
    """Where nothing better is known: the node at whose address another host once saw it."""
    proxied: frozenset[Address] = frozenset()
    """The senders to whom it answers for what it does not own; what it answers to them proves nothing."""
    label: str = ""
    """What the prefix or the cluster says of it: "VRRP, virtual router 51", "flannel's tunnel on worker-1"."""
    identities: tuple[Identity, ...] = ()
    """Every claim on it, strongest first."""

    @property
    def proxy(self) -> bool:
        return bool(self.proxied)

    @property
    def doubtful(self) -> bool:
        return self.strength is Strength.DOUBTFUL
