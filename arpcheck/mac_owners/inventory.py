"""The MAC map that the evidence holds, all sources side by side: as a table and in the form that --mac-map reads.

Knows identities only. What the sources do not agree on stays a comment in the file, so that a doubt does not come back
as the user's own word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from arpcheck.evidence import Evidence
from arpcheck.mac_owners import all_identities, node_ip, rank
from arpcheck.mac_owners.job import inventory_manifest as inventory_manifest
from arpcheck.model import Identity, Mac
from arpcheck.text import plain

HEADER = ("MAC", "NODE", "INTERFACE", "SOURCE", "WHERE", "SEEN")


def inventory_table(evidence: Evidence) -> str:
    """Every claim on every MAC, the strongest first, then the nodes of which no MAC is known; ends with a newline."""
    rows = [HEADER, *(_row(identity) for identity in all_identities(evidence))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missing = unresolved(evidence)
    lines += ["", f"No MAC is known of {', '.join(plain(node) for node in missing)}."] if missing else []
    return "\n".join(lines) + "\n"


def inventory_csv(evidence: Evidence) -> str:
    """`mac,node,interface,note`, one line for every MAC that the strongest sources agree on, the others as comments."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("mac", "node", "interface", "note"))
    for mac, claims in _by_mac(evidence).items():
        strongest = [claim for claim in claims if rank(claim) == rank(claims[0])]
        if len({claim.node for claim in strongest}) > 1:
            said = " or ".join(f"{claim.node} ({claim.source}: {claim.detail})" for claim in strongest)
            out.write(f"# {mac}: {plain(said)}\n")
        else:
            note = f"{claims[0].source}: {claims[0].detail}"
            writer.writerow((mac, plain(claims[0].node), plain(_own_nic(strongest)), plain(note)))
    return out.getvalue()


def unresolved(evidence: Evidence) -> tuple[str, ...]:
    """The nodes that no source knows a MAC of, sorted."""
    known = {identity.node for identity in all_identities(evidence)}
    return tuple(node.name for node in evidence.objects.nodes() if node.name and node.name not in known)


def _by_mac(evidence: Evidence) -> Mapping[Mac, Sequence[Identity]]:
    return {mac: tuple(claims) for mac, claims in groupby(all_identities(evidence), key=lambda claim: claim.mac)}


def _own_nic(claims: Iterable[Identity]) -> str:
    """The node's own NIC; what the wire names is the prober's."""
    return next((claim.interface for claim in claims if claim.interface and claim.source != node_ip.NAME), "")


def _row(claim: Identity) -> tuple[str, ...]:
    seen = claim.observed_at.isoformat(timespec="seconds") if claim.observed_at else "-"
    nic = _own_nic([claim]) or "-"
    return (claim.mac, *(plain(cell) for cell in (claim.node, nic, claim.source, claim.detail)), seen)
