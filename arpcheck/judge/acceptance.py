"""What its owner knows of and accepts up to a day: which verdicts, nodes and findings that takes out of the count.

Nothing is hidden by it, and frames that were lost or a run that was not finished can't be accepted. Pure: the day is the
run's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from arpcheck.model import Acceptance, Accepted, Address, Arp, Finding, Target, Verdict

COUNTED = tuple(verdict for verdict in Verdict if verdict not in (Verdict.OK, Verdict.NOT_PROBED))
"""The verdicts that an exit code is made of."""

OF_NODE = {Arp.NON_STRICT: "non-strict-nodes", Arp.SELF: "self-blind", Arp.UNREACHED: "unreached-nodes"}
"""The finding that speaks of a node in this state."""

NOT_KNOWN = ("gap", "frames-lost", "stale-acceptance")
"""Findings that say what arpcheck does not know, or speak of acceptances: no fault that could be accepted."""

_SAME = {"split-announcers": Verdict.DUPLICATE, "foreign-mac": Verdict.FOREIGN, "proxy-arp": Verdict.PROXY_ARP}
"""Findings that say of an address what its verdict says already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptances:
    entries: tuple[Acceptance, ...] = ()
    today: date = date.min

    def of_target(self, target: Target, verdict: Verdict) -> Accepted | None:
        return self._first(lambda entry: entry.verdict == verdict and _names(entry, target))

    def of_node(self, name: str, arp: Arp) -> Accepted | None:
        return self.of_subject(OF_NODE.get(arp, ""), name)

    def of_subject(self, finding: str, subject: str | Address) -> Accepted | None:
        """`subject`: a node, or an address that the finding concerns."""
        return self._first(lambda entry: entry.finding == finding and subject in (entry.node, entry.ip))

    def of_finding(self, finding: Finding, targets: Iterable[tuple[Target, Verdict]]) -> Accepted | None:
        """Where every node of it, or every address, is accepted."""
        same = _SAME.get(finding.id)
        by_ip = {target.ip: self.of_target(target, verdict) for target, verdict in targets if verdict is same}
        nodes = [self.of_subject(finding.id, node) for node in finding.nodes]
        ips = [self.of_subject(finding.id, ip) or by_ip.get(ip) for ip in finding.ips]
        return _together(nodes) or _together(ips)

    def expired(self) -> tuple[Acceptance, ...]:
        return tuple(entry for entry in self.entries if entry.until < self.today)

    def idle(self, targets: Iterable[tuple[Target, Verdict]], findings: Iterable[Finding]) -> tuple[Acceptance, ...]:
        """The entries that nothing in this run is an example of, expired ones too."""
        judged, found = tuple(targets), tuple(findings)
        return tuple(
            entry
            for entry in self.entries
            if not any(entry.verdict == verdict and _names(entry, target) for target, verdict in judged)
            and not any(entry.finding == f.id and (entry.node in f.nodes or entry.ip in f.ips) for f in found)
        )

    def _first(self, fits: Callable[[Acceptance], bool]) -> Accepted | None:
        if not self.entries:
            return None
        valid = (entry for entry in self.entries if entry.until >= self.today and fits(entry))
        return next((Accepted(reason=entry.reason, until=entry.until) for entry in valid), None)


def words(entry: Acceptance) -> str:
    """What an entry is about: `duplicate of 10.0.0.50`, `non-strict-nodes of worker-1`."""
    subjects = [str(subject) for subject in (entry.ip, entry.service, entry.node) if subject is not None]
    return f"{entry.verdict or entry.finding} of {', '.join(subjects)}"


def marked(text: str, accepted: Accepted | None) -> str:
    """A reason with the word that it is accepted: every format shows reasons."""
    return text if accepted is None else f"{text.removesuffix('.')}; accepted up to {accepted.until}: {accepted.reason}"


def _names(entry: Acceptance, target: Target) -> bool:
    return (entry.ip is None or entry.ip == target.ip) and (entry.service is None or entry.service in target.services)


def _together(found: list[Accepted | None]) -> Accepted | None:
    accepted = [entry for entry in found if entry is not None]
    if not found or len(accepted) < len(found):
        return None
    reasons = dict.fromkeys(entry.reason for entry in accepted)
    return Accepted(reason="; ".join(reasons), until=min(entry.until for entry in accepted))
