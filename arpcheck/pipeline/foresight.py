"""What can be said before an answer is heard: who should answer, and how nodes are configured. It is made while the sweep
has only to listen, so that the report of a large cluster is out sooner. Pure: nothing depends on whether it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address

from arpcheck import kubeproxy, loadbalancers
from arpcheck.evidence import Evidence, Options
from arpcheck.model import Host, Target
from arpcheck.objects import Objects, Service
from arpcheck.pipeline import ages

ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def look_through(targets: Iterable[Target], objects: Objects) -> None:
    """The first question looks through all objects, which takes too long while frames may come."""
    for service, ip in _wanted(targets, objects):
        loadbalancers.announcements(service, ip, objects, ANY_TIME)
        return


def foresight(
    targets: Iterable[Target], options: Options, objects: Objects, host: Host, started_at: datetime
) -> Iterator[None]:
    """An address a step; then, when hardly anything comes any more, what takes longer."""
    at = ages.moment(
        Evidence(arpcheck="", started_at=started_at, ended_at=started_at, options=options, host=host, objects=objects)
    )
    for service, ip in _wanted(targets, objects):
        loadbalancers.announcements(service, ip, objects, at)
        yield
    kubeproxy.kube_proxies(objects)
    yield
    from arpcheck.evidence_json import converter

    converter()


def _wanted(targets: Iterable[Target], objects: Objects) -> Iterator[tuple[Service, IPv4Address]]:
    services = objects.memo("services by name", lambda: {service.full_name: service for service in objects.services()})
    for target in targets:
        if isinstance(target.ip, IPv4Address) and not target.skipped:
            yield from ((services[name], target.ip) for name in target.services)
