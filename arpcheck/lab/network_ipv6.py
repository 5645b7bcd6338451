"""IPv6 in the network of a scene: sysctls and addresses of a station, and what a switch does with neighbour discovery.

There are no routers, and no address is checked for duplicates: two stations may have the same one, as after a split brain.
Where no LAN of a station has IPv6 it is off there."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from arpcheck.errors import LabError
from arpcheck.lab.advertising import groups, solicited_node
from arpcheck.lab.announcer import inside
from arpcheck.lab.network_links import bridge, ip, lan_namespace
from arpcheck.lab.scene import SYSCTLS6, Ipv6Lan, Scene, SceneNic, Station

CONF6 = Path("/proc/sys/net/ipv6/conf")
NO_IPV6 = CONF6 / "all" / "disable_ipv6"
ADDRESSES = Path("/proc/thread-self/net/if_inet6")

_NO_CHECKS = {"accept_dad": 0, "dad_transmits": 0, "accept_ra": 0, "router_solicitations": 0, "addr_gen_mode": 0}
"""Addresses are usable at once, and link-local addresses are made of MAC addresses."""

_NO_ADDRESS = 1
"""IN6_ADDR_GEN_MODE_NONE (linux/if_link.h)."""

_TENTATIVE, _DADFAILED = 0x40, 0x08
"""IFA_F_TENTATIVE and IFA_F_DADFAILED (linux/if_addr.h)."""

_RESPONSE = 0.1
"""Seconds in which hosts must answer a query for groups; until then a switch floods everything."""


def write_sysctls6(station: Station) -> None:
    """In the namespace of the station, before its NICs are up. Raises LabError if the kernel has no IPv6."""
    if not NO_IPV6.exists():
        raise LabError(f"{station.name} needs IPv6, which this kernel does not have")
    write = {"all": {"disable_ipv6": 0, **_NO_CHECKS}, "default": {"disable_ipv6": 0, **_NO_CHECKS}}
    write["all"] |= {key: station.sysctl6.get(key, 0) for key in SYSCTLS6}
    for nic in station.nics:
        own = {"forwarding": station.effective6("forwarding", nic), "proxy_ndp": nic.sysctl6.get("proxy_ndp", 0)}
        write[nic.name] = {"disable_ipv6": 0 if nic.ipv6 else 1, **_NO_CHECKS, **own}
    for interface, values in write.items():
        for key, value in values.items():
            if (path := CONF6 / interface / key).exists():
                path.write_text(f"{value}\n")


def write_sysctl6(station: str, interface: str, key: str, value: int) -> None:
    """`net.ipv6.conf.INTERFACE.KEY` of a station."""
    inside(station, lambda: (CONF6 / interface / key).write_text(f"{value}\n"))


def furniture6(nic: SceneNic) -> Iterator[str]:
    """Commands of `ip` for a NIC that is up."""
    for address in nic.addresses6:
        yield f"address add {address} dev {nic.name} nodad"
    for proxied in nic.proxied:
        yield f"neigh add proxy {proxied} dev {nic.name}"


def await_addresses(space: str, expected: Mapping[str, Collection[IPv6Address]], patience: float) -> None:
    """Waits until all of them are usable, by interface. Raises LabError after `patience` seconds."""
    deadline = time.monotonic() + patience
    wanted = {(name, address) for name, addresses in expected.items() for address in addresses}
    while missing := wanted - (inside(space, _usable) if wanted else set()):
        if time.monotonic() > deadline:
            name, address = min(missing)
            raise LabError(f"{address} on {name} in {space} was not usable within {patience:g} s")
        time.sleep(0.005)


def _usable() -> set[tuple[str, IPv6Address]]:
    return _with_flag() - _flagged(_TENTATIVE)


def _flagged(flag: int) -> set[tuple[str, IPv6Address]]:
    return _with_flag(flag)


def _with_flag(flag: int | None = None) -> set[tuple[str, IPv6Address]]:
    """By interface; with `flag` those that have it."""
    lines = [line.split() for line in ADDRESSES.read_text().splitlines()]
    return {(f[5], IPv6Address(bytes.fromhex(f[0]))) for f in lines if flag is None or int(f[4], 16) & flag}


def fail_duplicates(scene: Scene, patience: float) -> None:
    """Adds the addresses of `dadfailed`, checked for duplicates while another station of the LAN has them for that time.
    Returns when every check has failed."""
    for station in scene.stations:
        for nic in station.nics:
            for address in nic.dadfailed:
                _fail(address, station, nic, scene, patience)


def _fail(address: IPv6Address, station: Station, nic: SceneNic, scene: Scene, patience: float) -> None:
    others = ((one, port) for one in scene.stations if one is not station for port in one.nics if port.lan == nic.lan)
    other, port = next(others)
    ip([f"address add {address}/128 dev {port.name} nodad"], within=other.name)
    inside(station.name, partial(_check_duplicates, nic.name))
    ip([f"address add {address}/128 dev {nic.name}"], within=station.name)
    deadline = time.monotonic() + patience
    while (nic.name, address) not in inside(station.name, partial(_flagged, _DADFAILED)):
        if time.monotonic() > deadline:
            raise LabError(f"{address} on {nic.name} in {station.name} was no duplicate within {patience:g} s")
        time.sleep(0.01)
    ip([f"address delete {address}/128 dev {port.name}"], within=other.name)


def _check_duplicates(interface: str) -> None:
    for key in ("accept_dad", "dad_transmits"):
        (CONF6 / interface / key).write_text("1\n")


# -------------------------------------------------------------------------------------------------------------- Switches


def settle_switch(lan: str, ipv6: Ipv6Lan, scene: Scene, ports: Mapping[str, SceneNic], patience: float) -> None:
    """Makes the switch of a LAN suppress or snoop, where the scene says so. `ports`: by port, the NIC at its end. Returns
    when it does, for all but the announcers' groups (`await_groups`)."""
    space = lan_namespace(lan)
    if ipv6.suppressed or ipv6.mld_snooping:
        inside(space, partial(_switch_with_ipv6, address=ipv6.mld_snooping))
    if ipv6.suppressed:
        ip(_suppression(lan, ipv6, scene, ports), within=space)
        bridge((f"fdb replace {nic.mac} dev {port} master static" for port, nic in ports.items()), within=space)
    if not ipv6.mld_snooping:
        return
    # By version 1 a host leaves its report out where it received another's, and until the querier settles all receive them.
    ip(["link set lan type bridge mcast_snooping 1 mcast_mld_version 2 mcast_query_response_interval 10"], within=space)
    _await_querier_address(space, patience)
    ip(["link set lan type bridge mcast_querier 1"], within=space)
    time.sleep(_RESPONSE)  # the kernel's timer, which starts with the querier (net/bridge/br_multicast.c, delay_time)
    stations = {id(nic): station for station in scene.stations for nic in station.nics}
    joined = {(port, group) for port, nic in ports.items() for group in kernel_groups(stations[id(nic)], nic)}
    _await(lan, joined, patience)


def await_groups(scene: Scene, ports: Mapping[str, Mapping[str, SceneNic]], patience: float) -> None:
    """Waits until every switch that snoops knows the groups that announcers joined. `ports`: by LAN."""
    for lan, ipv6 in scene.lans6.items():
        joined = {
            (port, group)
            for announcer in scene.announcers
            for port, nic in ports[lan].items()
            if nic in scene.station(announcer.station).nics and (not announcer.nics or nic.name in announcer.nics)
            for group in groups(announcer)
        }
        _await(lan, joined if ipv6.mld_snooping else set(), patience)


def kernel_groups(station: Station, nic: SceneNic) -> set[IPv6Address]:
    """The solicited-node groups that a station's kernel joins on a NIC."""
    return {solicited_node(ip) for ip in (*nic.own6, *nic.proxied, *anycast(station, nic))}


def anycast(station: Station, nic: SceneNic) -> set[IPv6Address]:
    """The subnet-router anycast addresses (RFC 4291 section 2.6.1): of every prefix shorter than 127, where it forwards."""
    networks: list[IPv6Network] = [address.network for address in nic.addresses6]
    if not nic.ipv6 or not station.effective6("forwarding", nic):
        return set()
    return {network.network_address for network in networks if network.prefixlen < 127}


def _suppression(lan: str, ipv6: Ipv6Lan, scene: Scene, ports: Mapping[str, SceneNic]) -> Iterator[str]:
    """The prober asks from elsewhere in the fabric: what comes from a port that suppresses is not answered."""
    for port in (port for port, nic in ports.items() if nic not in scene.station(scene.prober.station).nics):
        yield f"link set {port} type bridge_slave neigh_suppress on"
    for address, name in ipv6.suppressed.items():
        mac = next(nic.mac for nic in scene.station(name).nics if nic.lan == lan)
        yield f"neigh replace {address} lladdr {mac} dev lan nud permanent"


def _switch_with_ipv6(*, address: bool) -> None:
    """The bridge has IPv6, and its ports have none. A querier needs a link-local address."""
    for key, value in {**_NO_CHECKS, "addr_gen_mode": 0 if address else _NO_ADDRESS, "disable_ipv6": 0}.items():
        if (path := CONF6 / "lan" / key).exists():
            path.write_text(f"{value}\n")


def _await_querier_address(space: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not any(name == "lan" for name, _ in inside(space, _usable)):
        if time.monotonic() > deadline:
            raise LabError(f"the switch in {space} had no link-local address within {patience:g} s")
        time.sleep(0.005)


def _await(lan: str, wanted: set[tuple[str, IPv6Address]], patience: float) -> None:
    deadline = time.monotonic() + patience
    while missing := wanted - (_joined(lan) if wanted else set()):
        if time.monotonic() > deadline:
            port, group = min(missing)
            raise LabError(f"the switch of {lan} did not learn within {patience:g} s that {group} was joined at {port}")
        time.sleep(0.01)


def _joined(lan: str) -> set[tuple[str, IPv6Address]]:
    """What the switch knows: port and group."""
    command = ["bridge", "-n", lan_namespace(lan), "-json", "mdb", "show", "dev", "lan"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    entries = [entry for part in json.loads(done.stdout) for entry in part.get("mdb", ())]
    return {(entry["port"], IPv6Address(entry["grp"])) for entry in entries if ":" in entry["grp"]}
