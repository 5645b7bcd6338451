"""The LANs that every tool is let loose on, each a scene of the lab: who answers there is a kernel or a lab's announcer.

The kernels answer as fast as they are asked, each with a namespace and a NIC of its own; the announcers are as quick as
a speaker and have its socket, which is the point of their cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from arpcheck.lab import scene_file
from arpcheck.lab.scene import Scene
from arpcheck.model import Address, Mac

FIRST, FIRST6 = IPv4Address("10.0.16.0"), IPv6Address("2001:db8:10::1:0")
HEAD = 'title = "{0}"\nabout = "{0}."\nlans.lan = {1}\n'
LAN, LAN6 = '"10.0.0.0/16"', '{ network = "10.0.0.0/16", network6 = "2001:db8:10::/64" }'
CHATTER = "chatter"
"""The host that fills a busy LAN with its own ARP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    about: str
    """For the head of its table."""
    addresses: int
    nodes: Mapping[str, str]
    """`ipvs` by node: one that is not strict answers for every IPv4 address. An IPv6 address it has on its NIC."""
    announcers: str = ""
    """In TOML."""
    late: float = 0.0
    """Seconds after which the last answer may come."""
    foreign: int = 0
    """Frames of other hosts' ARP a second."""
    ipv6: bool = False

    @property
    def ips(self) -> tuple[Address, ...]:
        first: Address = FIRST6 if self.ipv6 else FIRST
        return tuple(first + number for number in range(self.addresses))

    def scene(self) -> Scene:
        nodes = "".join(self._node(*node) for node in enumerate(self.nodes.items(), 1))
        services = "".join(f'[[services]]\nname = "web/s{n}"\nips = "{ip}"\n' for n, ip in enumerate(self.ips))
        chatter = f'[hosts]\nclient = {{ addresses = "10.0.0.5" }}\n{CHATTER} = {{ addresses = "10.0.0.66" }}\n'
        hosts = chatter if self.foreign else ""
        head = HEAD.format(self.name, LAN6 if self.ipv6 else LAN)
        return scene_file.parse(f"{head}[nodes]\n{nodes}{hosts}{services}{self.announcers}", "bench")

    def _node(self, number: int, node: tuple[str, str]) -> str:
        name, ipvs = node
        held = [f"{ip}/128" for ip in self.ips] if self.ipv6 and ipvs == "non-strict" else []
        own = [f"10.0.0.{10 + number}", f"2001:db8:10::{10 + number}", *held]
        return f'{name} = {{ ipvs = "{ipvs}"{f", addresses = {own!r}" if self.ipv6 else ""} }}\n'


def owners(scene: Scene) -> Mapping[Address, frozenset[Mac]]:
    """Every MAC that answers for an address, by the scene's own word."""
    found: dict[Address, set[Mac]] = {}
    for station in scene.stations:
        for nic in station.nics:
            held = () if station.effective("arp_ignore", nic) else station.held
            for ip in (*held, *(address.ip for address in nic.addresses6)):
                found.setdefault(ip, set()).add(nic.mac)
    for announcer in scene.announcers:
        for nic in scene.station(announcer.station).nics:
            for ip in announcer.ips:
                found.setdefault(ip, set()).add(nic.mac)
    return {ip: frozenset(macs) for ip, macs in found.items()}


def _open(count: int) -> dict[str, str]:
    return {f"worker-{number}": "non-strict" for number in range(1, count + 1)}


def _announcer(node: str, ips: list[str], more: str = "") -> str:
    return f'[[announcers]]\nat = "{node}"\nips = {ips!r}\n{more}\n'


_ALL6 = [str(FIRST6 + number) for number in range(48)]
_ALL = [str(FIRST + number) for number in range(256)]
_STRICT = {f"worker-{number}": "strict" for number in (1, 2, 3)}
_BESIDE = {"worker-1": "non-strict", "worker-2": "strict"}

CASES = (
    Case(name="256 × 50", about="256 addresses, 50 kernels answer for each", addresses=256, nodes=_open(50)),
    Case(name="4,096 × 3", about="4,096 addresses, 3 kernels answer for each", addresses=4096, nodes=_open(3)),
    Case(name="1,024 × 20", about="1,024 addresses, 20 kernels answer for each", addresses=1024, nodes=_open(20)),
    Case(
        name="late second",
        about="256 addresses; a kernel answers for each at once and an announcer 700 ms later",
        addresses=256, nodes=_BESIDE, announcers=_announcer("worker-2", _ALL, 'delay = "700ms"'), late=0.7,
    ),
    Case(
        name="to broadcast",
        about="256 addresses; a kernel answers for each, and an announcer that replies to broadcast",
        addresses=256, nodes=_BESIDE, announcers=_announcer("worker-2", _ALL, 'shape = "to-broadcast"'),
    ),
    Case(
        name="few announced",
        about="1,024 addresses, of which 3 announcers with sockets of the default size announce 64",
        addresses=1024, nodes=_STRICT,
        announcers="".join(_announcer(f"worker-{n + 1}", [str(FIRST + i * 16) for i in range(64) if i % 3 == n]) for n in range(3)),
    ),
    Case(
        name="busy LAN",
        about="1,024 addresses, 3 kernels answer for each, among 10,000 foreign ARP frames a second",
        addresses=1024, nodes=_open(3), foreign=10_000,
    ),
)  # fmt: skip

SMALL = Case(
    name="small",
    about="for a test: 48 addresses; 6 kernels answer for each, an announcer 400 ms later, among foreign frames",
    addresses=48, nodes={**_open(6), "worker-7": "strict"},
    announcers=_announcer("worker-7", _ALL[:48], 'delay = "400ms"\nshape = "to-broadcast"'), late=0.4, foreign=2000,
)  # fmt: skip

CASES6 = (
    Case(
        name="256 × 50, IPv6",
        about="256 IPv6 addresses, 50 kernels answer for each",
        addresses=256,
        nodes=_open(50),
        ipv6=True,
    ),
    Case(
        name="4,096 × 3, IPv6",
        about="4,096 IPv6 addresses, 3 kernels answer for each",
        addresses=4096,
        nodes=_open(3),
        ipv6=True,
    ),
)

SMALL6 = Case(
    name="small, IPv6",
    about="for a test: 48 IPv6 addresses; 6 kernels answer for each, and an announcer 400 ms later",
    addresses=48, nodes={**_open(6), "worker-7": "strict"}, announcers=_announcer("worker-7", _ALL6, 'delay = "400ms"'),
    late=0.4, ipv6=True,
)  # fmt: skip

EVERY = {case.name: case for case in (*CASES, SMALL, *CASES6, SMALL6)}
