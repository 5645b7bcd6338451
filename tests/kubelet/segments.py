"""A cluster of several segments as a scene: each a LAN of its own with its nodes and its addresses, no router between them.

In every segment but the last, node 1 has a second NIC, in the next one. Seeded faults: in segment `a` node 5 is without strict
ARP, in segment `b` node 4 announces what node 2 does; all others are as they should be."""

from __future__ import annotations

import json
from string import ascii_lowercase
from typing import Any

from arpcheck.lab import scene_file
from arpcheck.lab.scene import Scene

SEGMENTS, NODES, ADDRESSES = 3, 6, 3
NON_STRICT, SECOND = "a-5", "b-4"
"""The node without strict ARP, and the second announcer."""
DUPLICATE = "10.2.0.101"


def segments(count: int = SEGMENTS) -> str:
    return ascii_lowercase[:count]


def node_names(count: int = SEGMENTS, nodes: int = NODES) -> list[str]:
    return [f"{segment}-{number}" for segment in segments(count) for number in range(1, nodes + 1)]


def addresses(count: int = SEGMENTS, each: int = ADDRESSES) -> list[str]:
    """Of Services."""
    return [f"10.{lan}.0.{100 + number}" for lan in range(1, count + 1) for number in range(1, each + 1)]


def scene(
    *, count: int = SEGMENTS, nodes: int = NODES, each: int = ADDRESSES, faults: bool = True, ipvs: bool = True
) -> Scene:
    """`each`: addresses of a segment. `ipvs`: every node holds the addresses of all Services, else only the one that is without
    strict ARP: then a simulated wire of many nodes takes seconds, not minutes. At most 26 segments, 80 nodes and 150 addresses in each."""
    lans = {segment: f"10.{number}.0.0/24" for number, segment in enumerate(segments(count), 1)}
    found: dict[str, Any] = {"lans": lans, "nodes": {}, "hosts": {"client": {"lan": "a", "addresses": "10.1.0.5"}}}
    services, announcers = [], []
    for number, segment in enumerate(segments(count), 1):
        for place in range(1, nodes + 1):
            nics = {"eth0": {"lan": segment, "addresses": f"10.{number}.0.{10 + place}"}}
            if place == 1 and number < count:
                nics["eth1"] = {"lan": segments(count)[number], "addresses": f"10.{number + 1}.0.9"}
            mode = "non-strict" if faults and f"{segment}-{place}" == NON_STRICT else "strict" if ipvs else None
            found["nodes"][f"{segment}-{place}"] = {"nics": nics} | ({"ipvs": mode} if mode else {})
        for place in range(1, each + 1):
            ip, node = f"10.{number}.0.{100 + place}", f"{segment}-{(place % nodes) + 1}"
            services.append({"name": f"web/{segment}-{place}", "ips": ip, "l2_status": node})
            announcers.append({"at": node, "ips": ip, "nics": "eth0"})
            if faults and ip == DUPLICATE:
                announcers.append({"at": SECOND, "ips": ip, "nics": "eth0"})
    text = [f'title = "{count} segments"', 'about = "Each with its own nodes and addresses."']
    text += [f"{key} = {_toml(value)}" for key, value in {**found, "services": services, "announcers": announcers}.items()]
    return scene_file.parse("\n".join(text), "segments")


def _toml(value: Any) -> str:
    """An inline table or array; a text is as JSON writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)
