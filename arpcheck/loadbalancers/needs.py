"""What is read of Services and Nodes for every implementation alike.

Knows the fields of `objects.Service.read` and `objects.Node.read`; what one implementation looks at beside them is its
own `NEEDS`."""

from __future__ import annotations

from dataclasses import replace

from arpcheck.model import Need

SERVICES = Need(
    resource="services",
    costs="nothing can be probed but the addresses given with --ip",
    fields=(
        *("metadata labels", "spec type", "spec clusterIP", "spec clusterIPs", "spec externalIPs"),
        *("spec loadBalancerClass", "spec externalTrafficPolicy"),
        *("status loadBalancer ingress ip", "status loadBalancer ingress hostname", "status loadBalancer ingress ipMode"),
    ),
)

NODES = Need(
    resource="nodes",
    costs="no MAC has an owner, and ServiceLB is not recognised",
    fields=(
        *("metadata labels", "status addresses type", "status addresses address"),
        *("status conditions type", "status conditions status"),
    ),
)


def of_services(*fields: str) -> Need:
    """More fields of Services."""
    return replace(SERVICES, fields=fields)


def recorded_on_services(*keys: str) -> Need:
    """The same of annotations that name an announcer."""
    return replace(annotations_of_services(*keys), record=True)


def annotations_of_services(*keys: str) -> Need:
    """`keys`: whole, or shell patterns."""
    return of_services(*(f"metadata annotations {key}" for key in keys))
