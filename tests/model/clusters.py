"""Random clusters, each with the truth about itself, told by how it was made and by nothing that judges.

A cluster is a scene in TOML, so the same one runs without a kernel in milliseconds and on the kernel in seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

NETWORK = "10.0.0"


@dataclass(frozen=True)
class Answer:
    """A station that answers for an address on the LAN."""

    station: str
    kind: str
    """`kernel`: IPVS without strict ARP; `speaker`; `holder`: it has the address on a NIC; `proxy`."""
    always: bool = True
    """False: not to every question."""


@dataclass(frozen=True)
class Truth:
    """What is so, whatever arpcheck makes of it."""

    answers: Mapping[str, frozenset[Answer]]
    """By Service address: who answers the prober. What stands on the prober's own station is not in it."""
    announcers: Mapping[str, frozenset[str]]
    """By Service address: the nodes that the load balancer's live record names."""
    nodes: frozenset[str]
    non_strict: frozenset[str]
    """Nodes on this LAN, the prober's own left out, whose kernel answers for Service addresses."""
    masked: frozenset[str]
    """Nodes with a second NIC without an address under strict ARP: whose that MAC is, the wire alone can't tell."""
    blind: frozenset[str]
    """What the prober can't see: its own node."""
    refused: frozenset[str]
    lossy: bool
    quiet: frozenset[str] = frozenset()
    """Service addresses that are announced by BGP alone: nobody should answer for them here."""
    audible: frozenset[str] = frozenset()
    """Nodes on this LAN, the prober's own left out."""

    def wrong(self, ip: str) -> str | None:
        """What is audibly wrong with an address; None: nothing."""
        answers = self.answers[ip]
        stations = {answer.station for answer in answers}
        if strangers := stations - self.nodes:
            return f"{', '.join(sorted(strangers))} answers and is no node"
        if len(stations) > 1:
            return f"{', '.join(sorted(stations))} all answer"
        if ip in self.quiet:
            return f"{', '.join(stations)} answers, and nobody should" if stations else None
        if not stations:
            return "nobody answers"
        if self.announcers[ip] and not stations <= self.announcers[ip]:
            return f"{', '.join(stations)} answers, {', '.join(self.announcers[ip])} should"
        if not all(answer.always for answer in answers):
            return "it is not answered every time"
        return None


@dataclass(frozen=True)
class Cluster:
    toml: str
    truth: Truth
    drops: float
    """The share of frames that the prober's kernel loses."""
    options: Mapping[str, Any] = field(default_factory=dict)


def cluster(seed: int) -> Cluster:
    """The cluster of this number, always the same."""
    dice = Random(seed)  # noqa: S311 - a draw, not a secret
    quiet = Random(f"silence {seed}")  # noqa: S311 - of its own, so that what is drawn else stays what it was
    nodes = {f"worker-{n}": _node(dice) for n in range(1, dice.randint(2, 4) + 1)}
    if quiet.random() < 0.05:
        for node in nodes.values():
            node["on_lan"] = False
    prober = dice.choice(list(nodes)) if dice.random() < 0.2 else "client"
    if prober in nodes:
        nodes[prober] |= {"on_lan": True, "two_nics": False}  # with a second one it would hear itself through the switch
    services = [_service(dice, f"{NETWORK}.{50 + n}", nodes) for n in range(dice.randint(1, 3))]
    for service in services:
        service["bgp"] = quiet.random() < 0.12
        if service["bgp"]:
            service |= {"status": None, "event": None, "speakers": service["speakers"] if quiet.random() < 0.3 else []}
    hosts = _hosts(dice, [service["ip"] for service in services])
    refused = [name for name in ("servicel2statuses.metallb.io", "events", "nodes") if dice.random() < 0.06]
    drops = dice.choice((0.0,) * 5 + (0.02, 0.2))
    options = {"rounds": dice.choice((1, 2, 3)), "rate": dice.choice((10.0, 100.0, 4000.0))}
    if options["rounds"] == 1:  # who is asked once and answers can't be known to stop then
        for speaker in (speaker for service in services for speaker in service["speakers"]):
            speaker["until"] = None
    truth = _truth(nodes, services, hosts, prober, refused, lossy=drops > 0)
    return Cluster(toml=_toml(nodes, services, hosts, prober, refused), truth=truth, drops=drops, options=options)


def _node(dice: Random) -> dict[str, Any]:
    return {
        "ipvs": dice.choice(("strict", "strict", "non-strict", None)),
        "two_nics": dice.random() < 0.15,
        "on_lan": dice.random() > 0.1,
        "ready": dice.random() > 0.1,
    }


def _service(dice: Random, ip: str, nodes: Mapping[str, Any]) -> dict[str, Any]:
    on_lan = [name for name, node in nodes.items() if node["on_lan"]] or list(nodes)
    speakers = dice.sample(on_lan, k=min(len(on_lan), dice.choice((0, 1, 1, 1, 1, 2))))
    kind = dice.choice(("right", "right", "right", "wrong", "none", "old", "stale"))
    others = [name for name in nodes if name not in speakers[:1]]
    named = dice.choice(others) if kind in ("wrong", "stale") and others else (speakers or list(nodes))[0]
    return {
        "ip": ip,
        "speakers": [{"at": name, "delay": dice.choice((0, 0, 0.7)), "until": dice.choice((None,) * 6 + (1,))} for name in speakers],
        "status": named if kind in ("right", "wrong") else None,
        "event": named if kind in ("old", "stale") else None,
        "age": 7200 if kind in ("old", "stale") else 60,
    }


def _hosts(dice: Random, ips: list[str]) -> dict[str, Any]:
    hosts: dict[str, Any] = {}
    if dice.random() < 0.15:
        hosts["printer"] = {"holds": dice.choice(ips)}
    if dice.random() < 0.08:
        hosts["firewall"] = {"proxy": True}
    return hosts


def _truth(
    nodes: Mapping[str, Any], services: list[dict[str, Any]], hosts: Mapping[str, Any], prober: str, refused: list[str], *, lossy: bool
) -> Truth:
    audible = {name for name, node in nodes.items() if node["on_lan"] and name != prober}
    loud = frozenset(name for name in audible if nodes[name]["ipvs"] == "non-strict")
    answers, announcers = {}, {}
    for service in services:
        ip = service["ip"]
        found = {Answer(name, "kernel") for name in loud}
        found |= {Answer(s["at"], "speaker", s["until"] is None) for s in service["speakers"] if s["at"] in audible}
        found |= {Answer(name, "holder") for name, host in hosts.items() if host.get("holds") == ip}
        found |= {Answer(name, "proxy") for name, host in hosts.items() if host.get("proxy")}
        always = {answer.station for answer in found if answer.always}
        answers[ip] = frozenset(a for a in found if a.always or a.station not in always)
        announcers[ip] = frozenset({service["status"]} - {None})
    return Truth(
        answers=answers, announcers=announcers, nodes=frozenset(nodes), non_strict=loud,
        masked=frozenset(name for name in audible if nodes[name]["two_nics"] and nodes[name]["ipvs"] == "strict"),
        blind=frozenset({prober} & set(nodes)), refused=frozenset(refused), lossy=lossy, audible=frozenset(audible),
        quiet=frozenset(service["ip"] for service in services if service["bgp"]),
    )  # fmt: skip


def _toml(
    nodes: Mapping[str, Any], services: list[dict[str, Any]], hosts: Mapping[str, Any], prober: str, refused: list[str]
) -> str:
    lines = ['title = "drawn"', 'about = "drawn"']
    for number, (name, node) in enumerate(nodes.items(), 11):
        lines.append(f"[nodes.{name}]")
        lines += [f"ipvs = {json.dumps(node['ipvs'])}"] if node["ipvs"] else []
        lines += [] if node["ready"] else ["ready = false"]
        if not node["on_lan"]:
            lines += ["nics = {}", f'internal_ips = "10.9.0.{number}"']
            continue
        lines += [f"[nodes.{name}.nics]", f'eth0 = {{ addresses = "{NETWORK}.{number}" }}']
        lines += ["eth1 = {}"] if node["two_nics"] else []
    for number, (name, host) in enumerate(hosts.items(), 200):
        held = f', "{host["holds"]}"' if "holds" in host else ""
        lines += [f"[hosts.{name}]", f'addresses = ["{NETWORK}.{number}"{held}]']
    if prober != "client":
        lines += ["[prober]", f'at = "{prober}"']
    if refused:
        lines += ["[cluster]", f"refused = {json.dumps(refused)}"]
    for number, service in enumerate(services):
        lines += ["[[services]]", f'name = "web/s{number}"', f'ips = "{service["ip"]}"']
        lines += ['annotations = { "metallb.io/ip-allocated-from-pool" = "uplink" }', 'advertised = "bgp"'] if service["bgp"] else []
        lines += [f'l2_status = "{service["status"]}"'] if service["status"] else []
        lines += [f'events = [{{ node = "{service["event"]}", age = "{service["age"]}s" }}]'] if service["event"] else []
        for speaker in service["speakers"]:
            lines += ["[[announcers]]", f'at = "{speaker["at"]}"', f'ips = "{service["ip"]}"']
            lines += [f'delay = "{speaker["delay"]}s"'] if speaker["delay"] else []
            lines += [f"until_question = {speaker['until']}"] if speaker["until"] else []
    lines += [line for name, host in hosts.items() if host.get("proxy") for line in ("[[announcers]]", f'at = "{name}"')]
    return "\n".join(lines) + "\n"
