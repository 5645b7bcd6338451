"""The endpoints of Services, and what a node's kube-proxy does with traffic for them.

EndpointSlices are joined by Service and port name, as kube-proxy joins them (kubernetes pkg/proxy/endpointslicecache.go).
None stands for what could not be read: no endpoint is something else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arpcheck.model import Address, Handling, HandlingBecause, Need
from arpcheck.objects import Object, Objects, Service, address, at, items, labels_of, namespace, text, texts

__all__ = [
    "ENDPOINT_SLICES", "NEEDS", "SERVICE_PORTS", "Handling", "HandlingBecause", "NodeHandling", "ServiceEndpoint",
    "ServicePort", "are_read", "endpoints", "expectation", "nodes_of", "ports", "publishes_not_ready", "source_ranges",
    "sticks_to_one_endpoint",
]  # fmt: skip

ENDPOINT_SLICES = Need(
    resource="endpointslices.discovery.k8s.io",
    costs="it is unknown which nodes have an endpoint of a Service, so why one does not serve it",
    fields=(
        *("metadata labels kubernetes.io/service-name", "addressType", "ports name", "ports port", "ports protocol"),
        *("endpoints addresses", "endpoints nodeName"),
        *("endpoints conditions ready", "endpoints conditions serving", "endpoints conditions terminating"),
    ),
    optional=True,
)

SERVICE_PORTS = Need(
    resource="services",
    costs="only addresses given with --ip can be probed",
    fields=(
        *("spec ports name", "spec ports port", "spec ports protocol"),
        *("spec publishNotReadyAddresses", "spec loadBalancerSourceRanges", "spec sessionAffinity"),
        "metadata annotations service.beta.kubernetes.io/load-balancer-source-ranges",
    ),
)

NEEDS: tuple[Need, ...] = (SERVICE_PORTS, ENDPOINT_SLICES)

_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_SERVICE_NAME = "kubernetes.io/service-name"
_TYPES = {4: "IPv4", 6: "IPv6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """A port of a Service."""

    name: str
    """Empty for the only port of a Service."""
    port: int
    protocol: str
    """`TCP`, `UDP` or `SCTP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEndpoint:
    """An endpoint of a Service, on one port of it or on any."""

    address: str
    node: str | None
    """None: it is not in this cluster, or nobody knows where. Such an endpoint is local to no node."""
    ready: bool
    """With `publishNotReadyAddresses` every endpoint is."""
    serving: bool
    terminating: bool

    @property
    def serves_while_terminating(self) -> bool:
        """It takes connections only where no endpoint is ready (kubernetes KEP 1669)."""
        return not self.ready and self.serving and self.terminating

    @property
    def usable(self) -> bool:
        """A kube-proxy may send traffic to it."""
        return self.ready or self.serves_while_terminating


def ports(service: Service) -> tuple[ServicePort, ...]:
    """In the order of the Service, without invalid ones."""
    found = items(service.raw, "spec", "ports")
    return tuple(
        ServicePort(name=text(entry, "name"), port=number, protocol=text(entry, "protocol") or "TCP")
        for entry in found
        if isinstance(number := at(entry, "port"), int) and 0 < number < 1 << 16
    )


def publishes_not_ready(service: Service) -> bool:
    """Every endpoint counts as ready, so that a refused connection is no news."""
    return at(service.raw, "spec", "publishNotReadyAddresses") is True


def sticks_to_one_endpoint(service: Service) -> bool:
    """All connections of one client go to the same endpoint, whatever their source port."""
    return text(service.raw, "spec", "sessionAffinity") == "ClientIP"


def source_ranges(service: Service) -> tuple[str, ...]:
    """The networks whose clients are let in, as written; empty: all (kubernetes pkg/api/v1/service, the field before the
    annotation)."""
    written = texts(service.raw, "spec", "loadBalancerSourceRanges") or service.annotations.get(_SOURCE_RANGES, "").split(
        ","
    )
    return tuple(part.strip() for part in written if part.strip())


# ------------------------------------------------------------------------------------------------------ Reading the slices


def are_read(objects: Objects) -> bool:
    """Whether all EndpointSlices are known: a Service without one has no endpoint."""
    return ENDPOINT_SLICES.resource in objects.resources and objects.gap(ENDPOINT_SLICES.resource) is None


def endpoints(
    service: Service, objects: Objects, port: ServicePort | None = None, *, version: int = 4
) -> tuple[ServiceEndpoint, ...] | None:
    """The endpoints of the Service behind `port`, else behind any of its ports, sorted by address; None if the slices could
    not be read. `version`: of the IP addresses."""
    if not are_read(objects):
        return None
    slices = objects.by(ENDPOINT_SLICES.resource, _service_of).get(service.full_name, ())
    found: dict[str, ServiceEndpoint] = {}
    for one in slices:
        if text(one, "addressType") == _TYPES[version] and (port is None or _has_port(one, port)):
            for entry in items(one, "endpoints"):
                for made in _endpoints(entry):
                    found[made.address] = _joined(found.get(made.address), made)
    return tuple(found[key] for key in sorted(found, key=_numerically))


def _service_of(obj: Object) -> str | None:
    name = labels_of(obj).get(_SERVICE_NAME)
    return f"{namespace(obj)}/{name}" if name else None


def _has_port(one: Object, port: ServicePort) -> bool:
    """By name and protocol. kube-proxy ignores an entry without a number."""
    return any(
        text(entry, "name") == port.name
        and (text(entry, "protocol") or "TCP") == port.protocol
        and isinstance(at(entry, "port"), int)
        for entry in items(one, "ports")
    )


def _endpoints(entry: Any) -> Iterable[ServiceEndpoint]:
    """A missing `ready` means ready, a missing `serving` the same as `ready` (discovery/v1, EndpointConditions)."""
    ready = at(entry, "conditions", "ready") is not False
    serving = at(entry, "conditions", "serving")
    for written in texts(entry, "addresses")[:1]:  # the others are of no meaning (kubernetes 106267)
        if address(written) is not None:
            yield ServiceEndpoint(
                address=written,
                node=text(entry, "nodeName") or None,
                ready=ready,
                serving=ready if not isinstance(serving, bool) else serving,
                terminating=at(entry, "conditions", "terminating") is True,
            )


def _joined(before: ServiceEndpoint | None, found: ServiceEndpoint) -> ServiceEndpoint:
    """An endpoint may be in two slices for a moment, or on two ports with another state: the better one counts."""
    if before is None:
        return found
    return max(before, found, key=lambda one: (one.ready, one.serves_while_terminating, one.node is not None))


def _numerically(written: str) -> tuple[int, int]:
    found: Address | None = address(written)
    return (found.version, int(found)) if found else (0, 0)


# --------------------------------------------------------------------------------------------- What a node's kube-proxy does


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHandling:
    """What a node should do with a connection from outside, by the slices. Its rules may lag behind them."""

    handling: Handling
    because: HandlingBecause
    endpoints: tuple[ServiceEndpoint, ...]
    """Those that the node uses; without one, the usable ones of other nodes."""


def expectation(found: Collection[ServiceEndpoint], node: str, *, local: bool) -> NodeHandling:
    """As kube-proxy decides (kubernetes pkg/proxy/topology.go, CategorizeEndpoints). `local`: externalTrafficPolicy Local.

    Hints of zones and nodes narrow the choice and never leave a node without an endpoint, so they are not looked at."""
    every, own = [*found], [one for one in found if one.node == node]
    for chosen, because in (
        ([one for one in (own if local else every) if one.ready], HandlingBecause.READY),
        ([one for one in (own if local else every) if one.serves_while_terminating], HandlingBecause.TERMINATING),
    ):
        if chosen:
            return NodeHandling(handling=Handling.SERVE, because=because, endpoints=tuple(chosen))
    elsewhere = tuple(one for one in every if one.usable)
    if elsewhere:
        return NodeHandling(handling=Handling.DROP, because=HandlingBecause.NO_LOCAL_ENDPOINT, endpoints=elsewhere)
    return NodeHandling(handling=Handling.REJECT, because=HandlingBecause.NO_ENDPOINT, endpoints=())


def nodes_of(found: Iterable[ServiceEndpoint]) -> Mapping[str, tuple[ServiceEndpoint, ...]]:
    """The endpoints by node, without those of no node."""
    by_node: dict[str, tuple[ServiceEndpoint, ...]] = {}
    for one in found:
        if one.node is not None:
            by_node[one.node] = (*by_node.get(one.node, ()), one)
    return by_node
