"""The way to the wire and back: an Evidence, from a sweep through the Wire that is handed in, or from a capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

import arpcheck
from arpcheck import mac_owners
from arpcheck.evidence import Capture, Evidence, MacEntry, Options
from arpcheck.model import (
    Acceptance,
    Host,
    Interface,
    Mac,
    MacListFormat,
)  # fmt: skip
from arpcheck.objects import Objects
from arpcheck.pipeline.planning import plan, targets_of, used
from arpcheck.wire.packets import Wire
from arpcheck.wire.scan import Endpoint, Progress, sweep

if TYPE_CHECKING:
    from arpcheck.wire.capture import Captured
    from arpcheck.wire.pcap import Entry


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
    """Asks and listens. `stop` ends it early with what was heard; `after` looks at the host once more when it is over;
    `vendors` names the manufacturers of the MACs that were heard; `tap` is given every frame that was sent or kept."""
    planned = plan(options, objects, host, mac_map, accepted)
    stations = tuple(
        Endpoint(
            interface=interface.name,
            mac=interface.mac,
            addresses=frozenset(IPv4Interface(address).ip for address in interface.addresses),
        )
        for interface in used(options, host)
        if interface.mac
    )
    started_at = clock()
    heard = sweep(
        wire, stations, planned.course, stop=stop, progress=progress,
        tap=lambda at, frame: tap(started_at + timedelta(milliseconds=at), frame),
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
        vendors=vendors({*(reply.mac for reply in heard.replies), *(entry.mac for entry in heard.gratuitous)}),
        questions=heard.questions,
        replies=heard.replies,
        losses=heard.losses,
        overflows=heard.overflows,
        ignored=heard.ignored,
        gratuitous=heard.gratuitous,
        passed_over=heard.passed_over,
        complete=heard.complete,
        interrupted=heard.stopped,
        trouble=heard.trouble,
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
    """The same of a file of frames, `name`, that somebody else recorded. Raises InputError where it holds none."""
    from arpcheck.wire.capture import INTERFACE, WINDOW, captured

    ground = Interface(name=INTERFACE, mac=None, addresses=())
    asked = (t.ip for t in targets_of(options, objects, Host()) if not t.skipped)
    heard = captured(entries, (ip for ip in asked if isinstance(ip, IPv4Address)), name)
    rounds = max((question.round for question in heard.questions), default=1)
    return Evidence(
        arpcheck=arpcheck.__version__,
        started_at=heard.started_at,
        ended_at=heard.ended_at,
        options=replace(options, interfaces=(INTERFACE,), rounds=rounds, wait=WINDOW / 1000),
        host=Host(interfaces=(ground,)),
        objects=objects,
        mac_map=(*mac_map, *_askers(heard, objects, name)),
        vendors=vendors({*(reply.mac for reply in heard.replies), *(entry.mac for entry in heard.gratuitous)}),
        questions=heard.questions,
        replies=heard.replies,
        overflows=heard.overflows,
        ignored=heard.ignored,
        gratuitous=heard.gratuitous,
        passed_over=heard.passed_over,
        capture=Capture(name=name, frames=heard.frames, unseen=heard.unseen),
        trouble=heard.trouble,
    )


def _askers(heard: Captured, objects: Objects, name: str) -> Iterable[MacEntry]:
    """A node that asks says its address and its MAC, as it does by an answer. An address that is also a Service's is said
    by whoever holds it."""
    listed = Counter(ip for addresses in mac_owners.node_addresses(objects).values() for ip in addresses)
    own = {ip for ip, nodes in listed.items() if nodes == 1}
    for ip in sorted(own - mac_owners.service_addresses(objects)) if objects.gap("services") is None else ():
        askers = sorted(heard.askers.get(ip, ()))
        # Two that ask as one node are no better than a table that somebody else filled.
        form = MacListFormat.CAPTURE if len(askers) == 1 else MacListFormat.ADDRESS_CSV
        for mac in askers:
            where = f"{name}: asked as {ip} ({MacListFormat.CAPTURE})"
            yield MacEntry(mac=mac, node=str(ip), interface=None, where=where, format=form)
