"""The IPv6 twin of a scene: the same LAN in dual stack, and the same Services with IPv6 addresses instead.

10.0.0.50 becomes 2001:db8:10::50 wherever it is a Service's, an announcer's or bound to a device; nodes and hosts have both
addresses. What the report must say stays as it is."""

import json
import re
import tomllib
from enum import StrEnum
from importlib import resources
from ipaddress import ip_interface

from arpcheck.lab import scene_file

SCENES = resources.files("arpcheck.lab") / "scenes"

IPV4 = re.compile(r"(?<![\d.])\d+\.\d+\.\d+\.\d+(/\d+)?(?![\d.])")
"""An address, or an interface with its prefix."""

SUFFIX = "-in-ipv6"
"""Of the name of a twin."""
CLUSTER_IPS = "10.96."
CONTROL = "192.0.2.1"
LAN_PREFIX = {24: 64, 32: 128}


class NoTwin(StrEnum):
    """Why a scene has no twin."""

    OF_BOTH = "it is about IPv6 addresses already"
    STRICT_ARP = "it is about strict ARP: a kernel looks an IPv6 address up on the NIC that received the request alone"
    PROXY_ARP = "a kernel's ARP proxy replies for networks; its proxy of neighbour discovery has a list of addresses"
    ARP_FILTER = "a filter of ARP alone: rp_filter of the sender, or a switch's of broadcast frames"


WITHOUT = {
    **dict.fromkeys(("not-probed", "ordinary-dual-stack"), NoTwin.OF_BOTH),
    **dict.fromkeys(
        (
            "all-non-strict", "announced-by-bgp-answered", "announcer-non-strict", "announcer-non-strict-twin-mac",
            "external-ip-of-kernels-alone", "former-node", "forty-addresses-five-faults", "half-rolled", "interface-arp-ignore",
            "kube-vip-bgp-on-loopbacks", "leftovers", "misplaced", "misspelt", "purelb-remote-answered",
            "renumbered-while-not-ready", "rollout", "second-nic-behind-proxy", "second-nic-twin-mac-non-strict", "servicelb",
            "servicelb-all-non-strict", "stray-node", "two-non-strict",
        ),
        NoTwin.STRICT_ARP,
    ),
    **dict.fromkeys(("proxy-arp-router", "split-brain-behind-accepted-proxy"), NoTwin.PROXY_ARP),
    **dict.fromkeys(("port-without-broadcasts", "sender-filtered"), NoTwin.ARP_FILTER),
}  # fmt: skip
"""By scene; those named ipv6-… are of both families as well."""


def names():
    """The scenes that have a twin."""
    return [name for name in scene_file.names() if name not in WITHOUT and not name.startswith("ipv6-")]


def six(text):
    """The counterpart of an IPv4 address, with the prefix if there is one; of a text, of each address in it."""
    return IPV4.sub(lambda found: _six(found[0]), text)


def _six(text):
    address, slash, length = text.partition("/")
    if address.startswith(CLUSTER_IPS) or ip_interface(address).is_loopback:
        return text
    first, second, third, fourth = address.split(".")
    made = str(ip_interface(f"2001:db8:{first}:{int(second) * 256 + int(third):x}::{fourth}").ip)
    return f"{made}/{LAN_PREFIX[int(length)]}" if slash else made


def twin(name):
    """The scene as TOML."""
    scene = tomllib.loads((SCENES / f"{name}.toml").read_text(encoding="utf-8"))
    lans = scene.get("lans", {"lan": "10.0.0.0/24"})
    scene["title"] += ", in IPv6"
    scene["lans"] = {lan: {"network": network, "network6": six(network)} for lan, network in lans.items()}
    for table in (*scene.get("nodes", {}).values(), *scene.get("hosts", {}).values()):
        _both_in_station(table)
    scene.setdefault("services", [{"name": "web/nginx", "ips": "10.0.0.50"}])
    for table in scene["services"]:
        _service(table)
    for table in scene.get("announcers", ()):
        _announcer(table, scene)
    if "objects" in scene.get("cluster", {}):
        scene["cluster"]["objects"] = _deep(scene["cluster"]["objects"])
    prober = scene.get("prober", {})
    prober |= {key: _deep(prober[key]) for key in ("options", "accepted") if key in prober}
    _expectation(scene["expect"])
    return "".join(f"{key} = {_toml(value)}\n" for key, value in scene.items())


def _both_in_station(table):
    for nic in (table, *table.get("nics", {}).values()):
        for key in ("addresses", "held"):
            if key in nic:
                nic[key] = _both(nic[key])
    if "internal_ips" in table:
        table["internal_ips"] = _both(table["internal_ips"])
    for key, value in tuple(table.get("annotations", {}).items()):
        if '"' in value:
            table["annotations"][key] = re.sub(r'"([\d./]+)"', lambda found: f'{found[0]},"{six(found[1])}"', value)
        elif (other := _key(key)) != key:
            table["annotations"][other] = six(value)


def _both(value):
    texts = [value] if isinstance(value, str) else value
    return [*texts, *map(six, texts)]


def _service(table):
    for key in ("ips", "external_ips", "annotations"):
        if key in table:
            table[key] = _deep(table[key])


def _announcer(table, scene):
    if "ips" in table:
        table["ips"] = _deep(table["ips"])
    else:
        table["kind"] = "ndppd"
    if "ciliuml2announcementpolicies.cilium.io" in scene.get("cluster", {}).get("objects", {}):
        table["kind"] = "cilium"


def _expectation(table):
    for key in ("verdicts", "responders", "also", "reasons"):
        if key in table:
            table[key] = {six(target): value for target, value in table[key].items() if target != CONTROL}
    if "causes" in table:
        table["causes"] = {cause: six(words) for cause, words in table["causes"].items()}


def _deep(value):
    match value:
        case str():
            return six(value)
        case list():
            return [_deep(one) for one in value]
        case dict():
            return {_key(key): _deep(one) for key, one in value.items()}
    return value


def _key(key):
    """PureLB and Calico have an annotation of each family."""
    return key.replace("IPv4", "IPv6")


def _toml(value):
    match value:
        case dict():
            return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
        case list():
            return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
