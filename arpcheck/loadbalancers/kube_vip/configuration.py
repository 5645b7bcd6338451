"""kube-vip's configuration: the environment of its containers, and where they run.
Source: kube-vip pkg/kubevip/config_environment.go, pkg/services/watch_services.go (lbClassFilter)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from arpcheck.loadbalancers.common import condition, status_number
from arpcheck.model import Address, Need
from arpcheck.objects import Object, Objects, full_name, ipv4, items, name, namespace, text

PATTERN = "kube-vip*"

_VARIABLES = (
    *("address", "bgp_enable", "cp_enable", "lb_class_name", "svc_enable", "vip_address", "vip_arp"),
    *("svc_election", "svc_leasename", "svc_namespace", "vip_preserve_on_leadership_loss"),
)
_DAEMONSETS, _PODS = "daemonsets.apps", "pods"
_SPACE = "kube-system"
"""The namespace of its own manifests. Pods of other namespaces are not read, since they may hold secrets."""
_COSTS = (
    "it is unknown whether kube-vip announces by BGP, which class it serves, whether it runs, and the address of the control"
    " plane"
)


def _fields(below: str) -> tuple[str, ...]:
    return tuple(f"{below} containers env@{variable} value" for variable in _VARIABLES)


CONFIG_NEEDS = (
    Need(
        resource=_DAEMONSETS,
        costs=_COSTS,
        namespace=_SPACE,
        names=(PATTERN,),
        fields=(
            *(*_fields("spec template spec"), "spec template spec containers image"),
            *("status desiredNumberScheduled", "status numberReady"),
        ),
        optional=True,
    ),
    Need(
        resource=_PODS,
        costs=_COSTS,
        namespace=_SPACE,
        names=(PATTERN,),
        fields=(
            *(*_fields("spec"), "spec containers image", "spec nodeName"),
            *("status conditions type", "status conditions status"),
        ),
        optional=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    where: str
    """`DaemonSet kube-system/kube-vip-ds`."""
    variables: Mapping[str, str]

    def off(self, variable: str) -> bool:
        """It is written and not true. What is not written may be an argument, which is not read."""
        return bool(self.variables.get(variable)) and not self.on(variable)

    def on(self, variable: str) -> bool:
        return self.variables.get(variable, "").lower() in ("true", "1", "t")


def by_bgp(objects: Objects) -> str | None:
    """The configuration by which Services are announced by BGP and not by ARP; None if there is none, or if one says ARP."""
    serving = [config for config in configs(objects) if config.on("svc_enable")]
    routed = [config for config in serving if config.on("bgp_enable")]
    if not routed or any(config.on("vip_arp") for config in serving):
        return None
    return f"{routed[0].where}: bgp_enable"


def serves_class(objects: Objects, wanted: str) -> bool:
    """Whether it is configured to serve this class besides its own."""
    return any(config.variables.get("lb_class_name") == wanted for config in configs(objects))


def control_plane(objects: Objects) -> Mapping[Address, str]:
    """The addresses of the control plane in its configuration, each with its source."""
    found: dict[Address, str] = {}
    for config in configs(objects):
        for variable in ("address", "vip_address"):
            ip = ipv4(config.variables.get(variable))
            if ip and (config.on("cp_enable") or "cp_enable" not in config.variables):
                found.setdefault(ip, config.where)
    return found


def configs(objects: Objects) -> tuple[Config, ...]:
    """Of each container of a DaemonSet or Pod, in the order in which they were read."""
    return objects.memo(configs, lambda: tuple(_read_configs(objects)))


def _read_configs(objects: Objects) -> Iterator[Config]:
    for resource, kind, below in ((_DAEMONSETS, "DaemonSet", ("spec", "template", "spec")), (_PODS, "Pod", ("spec",))):
        for obj in objects.of(resource):
            for container in items(obj, *below, "containers") if fnmatchcase(name(obj), PATTERN) else ():
                yield Config(where=f"{kind} {full_name(obj)}", variables=_variables(container))


def _variables(container: Object) -> Mapping[str, str]:
    found = ((text(entry, "name"), text(entry, "value")) for entry in items(container, "env"))
    return {variable: value for variable, value in found if variable in _VARIABLES}


# ----------------------------------------------------------------------------------------------------------- Where it runs

_PROVIDER = "kube-vip-cloud-provider"
"""It gives out addresses and announces none."""
_TAG = re.compile(r"kube-vip(?:-iptables)?:v?(\d+)\.(\d+)\.(\d+)(?:@|\Z)")


def announcers(objects: Objects) -> tuple[Config, ...]:
    """The configurations of all that may announce."""
    return tuple(one for one in configs(objects) if one.variables and _PROVIDER not in one.where)


def version(objects: Objects) -> tuple[int, ...] | None:
    """The lowest by the tags of the images; None if one of them does not say it."""
    found = [
        _TAG.search(text(container, "image"))
        for resource, below in ((_DAEMONSETS, ("spec", "template", "spec")), (_PODS, ("spec",)))
        for obj in _own(objects, resource)
        for container in items(obj, *below, "containers")
    ]
    return min((tuple(map(int, one.groups())) for one in found if one), default=None) if all(found) else None


def runs_nowhere(objects: Objects) -> tuple[tuple[str, int], ...]:
    """Each of its DaemonSets with the number of nodes that it is for, if no pod of any is ready."""
    sets = _own(objects, _DAEMONSETS)
    ready = [status_number(one, "numberReady") for one in sets]
    alone = not any(condition(pod, "Ready") == "True" for pod in _own(objects, _PODS))
    if not alone or any(number != 0 for number in ready):
        return ()
    return tuple((full_name(one), status_number(one, "desiredNumberScheduled") or 0) for one in sets)


def ready_on(node: str, objects: Objects) -> bool | None:
    """None if no pod of it was read there."""
    pods = objects.by(_PODS, _node_of_pod).get(node, ())
    return any(condition(pod, "Ready") == "True" for pod in pods) if pods else None


def _node_of_pod(pod: Object) -> str | None:
    return text(pod, "spec", "nodeName") if _is_own(pod) else None


def _own(objects: Objects, resource: str) -> tuple[Object, ...]:
    return tuple(obj for obj in objects.of(resource) if _is_own(obj))


def _is_own(obj: Object) -> bool:
    return namespace(obj) == _SPACE and fnmatchcase(name(obj), PATTERN) and not name(obj).startswith(_PROVIDER)
