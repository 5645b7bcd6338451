"""The nouns of what a scene's API shows: Services, nodes, leases, events, kube-proxy's configuration.

Declarations with ages instead of times; `cluster_objects` makes objects of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeEvent:
    """What MetalLB says of a Service: by its speakers `nodeAssigned`, or whatever `reason` and `message` are."""

    node: str
    """Empty where it is a message of its own that names none."""
    age: float
    """Seconds since it was last seen."""
    protocol: str = "layer2"
    reason: str = "nodeAssigned"
    message: str | None = None
    """None: the one that MetalLB writes for `nodeAssigned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeService:
    namespace: str
    name: str
    type: str = "LoadBalancer"
    cluster_ip: str = "None"
    ips: tuple[str, ...] = ()
    """IPv4 or IPv6, in status.loadBalancer.ingress."""
    hostnames: tuple[str, ...] = ()
    ip_mode: str = "VIP"
    external_ips: tuple[IPv4Address, ...] = ()
    load_balancer_class: str | None = None
    traffic_policy: str = "Cluster"
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    l2_status: tuple[str, ...] = ()
    """The nodes that a ServiceL2Status names."""
    advertised: str = "layer2"
    """How MetalLB advertises its pool: `layer2` or `bgp`."""
    events: tuple[KubeEvent, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeNode:
    name: str
    addresses: tuple[str, ...]
    ready: bool | None = True
    """None: the object has no such condition."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    kube_proxy_age: float = 86400.0
    """Seconds since its kube-proxy pod started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeLease:
    namespace: str
    name: str
    holder: str
    renewed: float
    """Seconds ago."""
    duration: int = 15
    acquired: float = 60 * 86400.0
    """Seconds since its holder took it."""
    renews: float | None = None
    """Seconds from one renewal to the next while the scene runs on the kernel; None: it stays as it was read first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeProxyConfig:
    """The kubeadm ConfigMap, DaemonSet and pods."""

    mode: str
    strict_arp: bool | None
    """None: there is no such line."""
    text: str | None = None
    """The whole of `config.conf`, instead of what the two above give."""
    edited: float = 30 * 86400.0
    """Seconds since it was last changed."""
    restarted: float | None = None
    """Seconds since a restart of the DaemonSet was asked for; None: it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the API server shows."""

    version: str
    nodes: tuple[KubeNode, ...]
    services: tuple[KubeService, ...]
    """`default/kubernetes` and `kube-system/kube-dns` first."""
    leases: tuple[KubeLease, ...] = ()
    kube_proxy: KubeProxyConfig | None = None
    """None: no such objects, as in k3s."""
    objects: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Further objects, word for word, by the resource as kubectl names it."""
    refused: tuple[str, ...] = ()
    """Resources that the prober may not read."""
