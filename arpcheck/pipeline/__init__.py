"""Runs the stages in order: `planning` before the scan, `observe` for it, `concluding` after it.

`observe` uses only the Wire and the clock that it is given. `conclude` depends on the evidence alone: the same evidence
gives the same report at any time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_interface
from typing import TYPE_CHECKING

import arpcheck
from arpcheck import endpoints, kubeproxy, loadbalancers, mac_owners
from arpcheck.evidence import Capture, Evidence, MacEntry, Options
from arpcheck.model import Acceptance, Address, Host, Interface, Mac, MacListFormat, Need, order
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Objects
from arpcheck.pipeline import records
from arpcheck.pipeline.concluding import conclude
from arpcheck.pipeline.interfaces import ipv6_senders, used
from arpcheck.pipeline.planning import Plan, every_node_address, own_node, plan, settle, targets_of, versions
from arpcheck.pipeline.reaching import expected_seconds, reach_plan, with_reach
from arpcheck.pipeline.records import announcements, recorded_announcers
from arpcheck.targets import JUDGED
from arpcheck.wire.packets import Wire
from arpcheck.wire.scan import Endpoint, Progress, scan

if TYPE_CHECKING:
    from arpcheck.wire.capture import Captured
    from arpcheck.wire.pcap import Entry

__all__ = [
    "CHOICES", "NEEDS", "Plan", "announcements", "conclude", "expected_seconds", "ipv6_senders", "observe", "own_node",
    "plan", "reach_plan", "recorded", "recorded_announcers", "records_of", "rights", "settle", "targets_of", "versions",
    "with_reach",
]  # fmt: skip

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *mac_owners.NEEDS, *kubeproxy.NEEDS, *endpoints.NEEDS)
"""Everything that arpcheck reads of a cluster, in one snapshot."""

_CHOICES: Mapping[str, tuple[Need, ...]] = {
    **{source.NAME: source.NEEDS for source in mac_owners.SOURCES if any(n.optional for n in source.NEEDS)},
    **{plugin.NAME: plugin.NEEDS for plugin in loadbalancers.IMPLEMENTATIONS},
}
CHOICES: tuple[str, ...] = tuple(sorted(_CHOICES))
"""The load balancers and MAC sources to which `rights` can be limited."""


def rights(chosen: Collection[str] = (), config_maps: tuple[str, ...] = ()) -> tuple[Need, ...]:
    """The reads that an account needs: for every implementation, those that can name an announcer, and EndpointSlices; with
    `chosen`, all reads of the chosen ones and none of the others. `config_maps`: names of kube-proxy's ConfigMaps if they
    are not the usual ones.

    Raises KeyError for a name that is not in `CHOICES`."""
    found = [need for need in NEEDS if not need.optional or need in (*kubeproxy.NEEDS, *endpoints.NEEDS)]
    if chosen:
        required = (need for need in mac_owners.NEEDS if not need.optional)
        base = (*loadbalancers.COMMON, *kubeproxy.NEEDS, *required, *endpoints.NEEDS)
        found = [*base, *(need for name in chosen for need in _CHOICES[name])]
    return tuple(replace(need, names=(*need.names, *config_maps)) if need.mounted else need for need in dict.fromkeys(found))


def records_of(objects: Objects) -> tuple[Need, ...]:
    """The reads to repeat after the last frame, for a cluster that was read as `objects`: the kinds that name announcers, if
    there were any. For Services, everything that a load balancer uses, if one names a node in an annotation."""
    kinds = loadbalancers.recorded_in(objects)
    asked = (need for need in loadbalancers.NEEDS if need.record or need.resource == "services")
    return tuple(need for need in asked if need.resource in kinds)


# --------------------------------------------------------------------------- The observation: a scan on a Wire, or a capture


def observe(
    options: Options,
    *,
    objects: Objects,
    host: Host,
    mac_map: tuple[MacEntry, ...] = (),
    accepted: tuple[Acceptance, ...] = (),
    wire: Wire,
    clock: Callable[[], datetime],
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    after: Callable[[Host], Host] = lambda host: host,
    vendors: Callable[[Iterable[Mac]], Mapping[str, str]] = lambda _: {},
    tap: Callable[[datetime, bytes], None] = lambda _moment, _frame: None,
) -> Evidence:
    """Runs the scan. `stop` ends it early with the replies so far; `after` reads the host again at the end; `vendors` names
    the manufacturers of the observed MAC addresses; `tap` receives every frame that was sent or kept."""
    planned = plan(options, objects, host, mac_map, accepted)
    endpoints = tuple(
        Endpoint(
            interface=interface.name,
            mac=interface.mac,
            addresses=frozenset(ip_interface(text).ip for text in (*interface.addresses, *interface.ipv6)),
        )
        for interface in used(options, host)
        if interface.mac
    )
    started_at = clock()
    begun = Evidence(arpcheck="", started_at=started_at, ended_at=started_at, options=options, host=host, objects=objects)
    idle = records.prepared((t for t in planned.targets if t.kind in JUDGED and not t.skipped), begun)
    next(idle, None)  # takes too long while frames may arrive
    started_at = clock()
    found = scan(
        wire, endpoints, planned.scan, stop=stop, progress=progress,
        tap=lambda at, frame: tap(started_at + timedelta(milliseconds=at), frame), idle=idle,
    )  # fmt: skip
    return Evidence(
        arpcheck=arpcheck.__version__,
        started_at=started_at,
        ended_at=clock(),
        options=options,
        host=after(host),
        objects=objects,
        mac_map=mac_map,
        accepted=accepted,
        vendors=vendors({*(reply.mac for reply in found.replies), *(entry.mac for entry in found.gratuitous)}),
        questions=found.questions,
        replies=found.replies,
        losses=found.losses,
        overflows=found.overflows,
        ignored=found.ignored,
        gratuitous=found.gratuitous,
        passed_over=found.passed_over,
        complete=found.complete,
        interrupted=found.stopped,
        trouble=found.trouble,
    )


def recorded(
    options: Options,
    *,
    objects: Objects,
    mac_map: tuple[MacEntry, ...] = (),
    entries: Iterable[Entry],
    name: str,
    vendors: Callable[[Iterable[Mac]], Mapping[str, str]] = lambda _: {},
) -> Evidence:
    """The evidence of a capture. `name`: its file name. Raises InputError if it contains no frames."""
    from arpcheck.wire.capture import INTERFACE, WINDOW, captured

    interface = Interface(name=INTERFACE, mac=None, addresses=())
    asked = (t.ip for t in targets_of(options, objects, Host()) if not t.skipped)
    found = captured(entries, (ip for ip in asked if ip), name)
    rounds = max((question.round for question in found.questions), default=1)
    return Evidence(
        arpcheck=arpcheck.__version__,
        started_at=found.started_at,
        ended_at=found.ended_at,
        options=replace(options, interfaces=(INTERFACE,), rounds=rounds, wait=WINDOW / 1000),
        host=Host(interfaces=(interface,)),
        objects=objects,
        mac_map=(*mac_map, *_requesters(found, objects, name)),
        vendors=vendors({*(reply.mac for reply in found.replies), *(entry.mac for entry in found.gratuitous)}),
        questions=found.questions,
        replies=found.replies,
        overflows=found.overflows,
        ignored=found.ignored,
        gratuitous=found.gratuitous,
        passed_over=found.passed_over,
        capture=Capture(name=name, frames=found.frames, unseen=found.unseen),
        trouble=found.trouble,
    )


def _requesters(found: Captured, objects: Objects, name: str) -> Iterable[MacEntry]:
    """A node's own request shows its address and MAC address, as its reply does. An address that is also a Service's is left
    out, because whoever holds it may send from it."""
    nodes_of: dict[Address, list[str]] = {}
    for node, addresses in every_node_address(objects, {IPV4, IPV6}).items():
        for ip in addresses:
            nodes_of.setdefault(ip, []).append(node)
    own = {ip for ip, nodes in nodes_of.items() if len(nodes) == 1}
    for ip in sorted(own - mac_owners.service_addresses(objects), key=order) if objects.gap("services") is None else ():
        requesters = sorted(found.requesters.get(ip, ()))
        # Two MAC addresses with one node address are as unreliable as a list of addresses.
        form = MacListFormat.CAPTURE if len(requesters) == 1 else MacListFormat.ADDRESS_CSV
        for mac in requesters:
            where = f"{name}: asked as {ip} ({MacListFormat.CAPTURE})"
            # A MAC list may have an IPv4 address as the name of a host.
            node = str(ip) if ip.version == IPV4 else nodes_of[ip][0]
            yield MacEntry(mac=mac, node=node, interface=None, where=where, format=form)
