"""How kube-vip was told to run, by the environment of its DaemonSets and static Pods: ARP or BGP, which class it serves,
and the control plane's address. Of the environment only these variables are kept, since others hold passwords.

Source: kube-vip pkg/kubevip/config_environment.go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address

from arpcheck.model import Need
from arpcheck.objects import Object, Objects, full_name, ipv4, items, name, text

PATTERN = "kube-vip*"

_VARIABLES = ("address", "bgp_enable", "cp_enable", "lb_class_name", "svc_enable", "vip_address", "vip_arp")
_DAEMONSETS, _PODS = "daemonsets.apps", "pods"
_SPACE = "kube-system"
"""Where its own manifests put it: elsewhere neither is asked for, since pods hold the secrets of whoever runs them."""
_COSTS = "whether kube-vip announces by BGP, which class it serves, and the control plane's address are not known"


def _fields(below: str) -> tuple[str, ...]:
    return tuple(f"{below} containers env@{variable} value" for variable in _VARIABLES)


NEEDS = (
    Need(
        resource=_DAEMONSETS,
        costs=_COSTS,
        namespace=_SPACE,
        names=(PATTERN,),
        fields=_fields("spec template spec"),
        optional=True,
    ),
    Need(resource=_PODS, costs=_COSTS, namespace=_SPACE, names=(PATTERN,), fields=_fields("spec"), optional=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    where: str
    """`DaemonSet kube-system/kube-vip-ds`."""
    variables: Mapping[str, str]

    def on(self, variable: str) -> bool:
        return self.variables.get(variable, "").lower() in ("true", "1", "t")


def by_bgp(objects: Objects) -> str | None:
    """What says that Services are announced by BGP and not by ARP; None: nothing does, or something says ARP."""
    serving = [config for config in _configs(objects) if config.on("svc_enable")]
    routed = [config for config in serving if config.on("bgp_enable")]
    if not routed or any(config.on("vip_arp") for config in serving):
        return None
    return f"{routed[0].where}: bgp_enable"


def serves_class(objects: Objects, wanted: str) -> bool:
    """Beside its own: a class that it was told to serve."""
    return any(config.variables.get("lb_class_name") == wanted for config in _configs(objects))


def control_plane(objects: Objects) -> Mapping[IPv4Address, str]:
    """The addresses that it keeps for the control plane, each with where that is said."""
    found: dict[IPv4Address, str] = {}
    for config in _configs(objects):
        for variable in ("address", "vip_address"):
            ip = ipv4(config.variables.get(variable))
            if ip and (config.on("cp_enable") or "cp_enable" not in config.variables):
                found.setdefault(ip, config.where)
    return found


def _configs(objects: Objects) -> tuple[Config, ...]:
    return objects.memo(_configs, lambda: tuple(_read(objects)))


def _read(objects: Objects) -> Iterator[Config]:
    for resource, kind, below in ((_DAEMONSETS, "DaemonSet", ("spec", "template", "spec")), (_PODS, "Pod", ("spec",))):
        for obj in objects.of(resource):
            for container in items(obj, *below, "containers") if fnmatchcase(name(obj), PATTERN) else ():
                yield Config(where=f"{kind} {full_name(obj)}", variables=_variables(container))


def _variables(container: Object) -> Mapping[str, str]:
    found = ((text(entry, "name"), text(entry, "value")) for entry in items(container, "env"))
    return {variable: value for variable, value in found if variable in _VARIABLES}
