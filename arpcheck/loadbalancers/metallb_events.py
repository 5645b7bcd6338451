"""What MetalLB's speakers say in events on the Service: that they announce it, from which node, or why not.

Knows the messages of metallb speaker/main.go. Nothing is said when a speaker stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from arpcheck.loadbalancers.common import demoted, event_trust, is_ahead
from arpcheck.loadbalancers.events import Event, newest
from arpcheck.loadbalancers.metallb_statuses import kept_for_others, status_claims
from arpcheck.model import Claim, ClaimSource, Trust
from arpcheck.objects import Objects, Service

_ANNOUNCING = re.compile(r'announcing from node ("(?:[^"\\]|\\.)+")(?: with protocol "(layer2|bgp)")?')
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([abfnrtv"\\]))')
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a `nodeAssigned` event says."""

    node: str
    protocol: str
    """`layer2`, `bgp`, or empty: MetalLB before 0.13 does not say."""


def read_message(message: str) -> Assigned | None:
    """`announcing from node "worker-1" with protocol "layer2"`, the node quoted as Go's %q does; None: another message."""
    if not (match := _ANNOUNCING.fullmatch(message)) or not (node := _unquoted(match[1])):
        return None
    return Assigned(node, match[2] or "")


def _unquoted(quoted: str) -> str | None:
    """The text of a Go string literal (strconv.Quote); None for one that holds what is no text."""
    inner = quoted[1:-1]
    if "\\" in _ESCAPE.sub("", inner):
        return None
    try:
        found = _ESCAPE.sub(_character, inner)
        found.encode()
    except (ValueError, OverflowError):
        return None
    return found


def _character(escape: re.Match[str]) -> str:
    octet, four, eight, letter = escape.groups()
    if letter:
        return _LETTERS[letter]
    if octet and int(octet, 16) > 0x7F:
        raise ValueError("part of a character")
    return chr(int(octet or four or eight, 16))


def event_claims(service: Service, events: tuple[Event, ...], objects: Objects, at: datetime) -> tuple[Claim, ...]:
    """Every node that a recent event names, those of BGP apart, which say nothing of ARP: none is written when an address
    moves back to a node that announced it before (metallb#2310). Where no event is recent, the newest.

    They are only possibly current where several nodes were named and no protocol, where a newer ServiceL2Status names
    another node, and where MetalLB keeps a ServiceL2Status for other Services and none for this one."""
    if not (said := _of_arp(events)):
        return ()
    claims = tuple(
        Claim(
            node=said[event].node,
            source=f"Event {service.full_name} nodeAssigned",
            kind=ClaimSource.EVENT,
            trust=Trust.STALE if _superseded(said[event], event, service, objects) else event_trust(event.seen, at),
            service=service.full_name,
            rank=1,
            observed_at=event.seen,
            since=event.first,
            clock_doubt=is_ahead(event.seen, at),
        )
        for event in _last_of_each(said, at)
    )
    return demoted(claims) if _ambiguous(said, at) else claims


def _last_of_each(said: dict[Event, Assigned], at: datetime) -> tuple[Event, ...]:
    """Of every node the newest event, where it is recent; else the newest of all."""
    last: dict[str, Event] = {}
    for event, assigned in said.items():
        kept = last.get(assigned.node)
        if event_trust(event.seen, at) is Trust.CURRENT and (kept is None or newest((kept, event))[0] is event):
            last[assigned.node] = event
    return tuple(last.values()) or newest(tuple(said))


def event_notes(events: tuple[Event, ...], at: datetime) -> tuple[str, ...]:
    """What else the events say, as long as no later one takes it back."""
    if not events:
        return ()
    said = _of_arp(events)
    last = newest((*said, *(event for event in events if event.reason == "announceFailed")))
    notes = {f"announceFailed: {event.message}" for event in last if event.reason == "announceFailed"}
    if not said and any(_assigned(event) for event in events):
        notes.add("its events speak of BGP only, which says nothing of ARP")
    if nodes := _ambiguous(said, at):
        notes.add(f"its events name {' and '.join(nodes)} and no protocol: several announce it by BGP, or one took over")
    return tuple(sorted(notes))


def of_bgp_only(events: tuple[Event, ...], at: datetime) -> bool:
    """A recent event speaks of BGP, and none of anything else."""
    said = [(assigned.protocol, event) for event in events if (assigned := _assigned(event))]
    recent = any(event_trust(event.seen, at) is Trust.CURRENT for _, event in said)
    return recent and all(protocol == "bgp" for protocol, _ in said)


def _of_arp(events: tuple[Event, ...]) -> dict[Event, Assigned]:
    found = {event: assigned for event in events if (assigned := _assigned(event))}
    return {event: assigned for event, assigned in found.items() if assigned.protocol != "bgp"}


def _assigned(event: Event) -> Assigned | None:
    return read_message(event.message) if event.reason == "nodeAssigned" else None


def _ambiguous(said: dict[Event, Assigned], at: datetime) -> tuple[str, ...]:
    """The nodes named without a protocol within the time that an event is believed, where they are several."""
    fresh = {a.node for event, a in said.items() if not a.protocol and event_trust(event.seen, at) is Trust.CURRENT}
    return tuple(sorted(fresh)) if len(fresh) > 1 else ()


def _superseded(assigned: Assigned, event: Event, service: Service, objects: Objects) -> bool:
    claims = status_claims(service, objects)
    if not claims:
        return kept_for_others(objects)
    if assigned.node in (claim.node for claim in claims):
        return False
    return any(not event.seen or not claim.observed_at or claim.observed_at >= event.seen for claim in claims)
