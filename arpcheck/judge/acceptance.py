"""Faults that the user accepts up to a date: which verdicts, nodes and findings do not count.

Accepted faults stay in the report. Lost frames and an unfinished run can't be accepted. The date is that of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from arpcheck.judge.case import Case
from arpcheck.judge.verdicts import judge
from arpcheck.model import Acceptance, Accepted, Address, Arp, Finding, Outcome, Responder, Target, Verdict

COUNTED = tuple(verdict for verdict in Verdict if verdict.outcome.is_problem)
"""The verdicts that an exit code is made of."""

OF_NODE = {Arp.NON_STRICT: "non-strict-nodes", Arp.SELF: "self-blind", Arp.UNREACHED: "unreached-nodes"}
"""The finding that speaks of a node in this state."""

NOT_KNOWN = ("gap", "frames-lost", "stale-acceptance")
"""Findings that say what arpcheck does not know, or speak of acceptances: no fault that could be accepted."""

_SAME = {
    "split-announcers": Verdict.DUPLICATE, "foreign-mac": Verdict.FOREIGN, "proxy-arp": Verdict.PROXY_ARP,
    "unknown-mac": Verdict.INCONCLUSIVE, "doubled-replies": Verdict.INCONCLUSIVE,
    "broadcast-filtered": Verdict.SILENT,
}  # fmt: skip
"""Findings that say of an address what its verdict says already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptances:
    entries: tuple[Acceptance, ...] = ()
    today: date = date.min

    def of_target(self, target: Target, verdict: Verdict) -> tuple[Acceptance, ...]:
        """The entries that still hold and name this verdict of this address."""
        return tuple(e for e in self.entries if e.until >= self.today and e.verdict is verdict and _names_target(e, target))

    def of_node(self, name: str, arp: Arp) -> Accepted | None:
        return self.of_subject(OF_NODE.get(arp, ""), name)

    def of_subject(self, finding: str, subject: str | Address) -> Accepted | None:
        """`subject`: a node, or an address that the finding concerns."""
        return self._first(lambda entry: entry.finding == finding and subject in (entry.node, entry.ip))

    def of_finding(self, finding: Finding, accepted: Mapping[tuple[Address, Verdict], Accepted]) -> Accepted | None:
        """Where every node of it, or every address, is accepted. `accepted`: the addresses whose verdict is, each with
        what that was."""
        same = _SAME.get(finding.id)
        nodes = [self.of_subject(finding.id, node) for node in finding.nodes]
        ips = [self.of_subject(finding.id, ip) or (accepted.get((ip, same)) if same else None) for ip in finding.ips]
        return _together(nodes) or _together(ips)

    def expired(self) -> tuple[Acceptance, ...]:
        return tuple(entry for entry in self.entries if entry.until < self.today)

    def idle(self, targets: Iterable[tuple[Target, Verdict]], findings: Iterable[Finding]) -> tuple[Acceptance, ...]:
        """The entries that nothing in this run is an example of, expired ones too."""
        judged, found = tuple(targets), tuple(findings)
        return tuple(
            entry
            for entry in self.entries
            if not any(entry.verdict == verdict and _names_target(entry, target) for target, verdict in judged)
            and not any(entry.finding == f.id and (entry.node in f.nodes or entry.ip in f.ips) for f in found)
        )

    def _first(self, fits: Callable[[Acceptance], bool]) -> Accepted | None:
        if not self.entries:
            return None
        valid = (entry for entry in self.entries if entry.until >= self.today and fits(entry))
        return next(map(_of, valid), None)


def accepts(entry: Acceptance) -> bool:
    """Whether an entry takes anything out of the count. One of a verdict names who is accepted, since else it would hide
    whoever answers next; a proxy is known by the control, and where nobody answers there is nobody to name."""
    named = bool(entry.responders) or entry.verdict in (Verdict.PROXY_ARP, Verdict.INCONCLUSIVE, Verdict.SILENT)
    return entry.finding is not None or named


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What an address comes to with what its owner accepts."""

    verdict: Verdict
    """The one that counts."""
    reason: str
    accepted: Accepted | None
    """Why it is not counted."""
    first: Verdict | None
    """The verdict with everybody who answered, where that is another."""
    rest: Case
    """As if those who are accepted had not answered."""
    passed: Mapping[Verdict, Accepted]
    """The verdicts that the address had with those who are accepted, each with why they are."""


def judged_with(case: Case, acceptances: Acceptances) -> Settled:
    """The address is judged once more without those who are accepted, as often as an entry is of the verdict on the
    others."""
    verdict, reason = judge(case)
    rest, left, why = case, verdict, reason
    taken: list[Acceptance] = []
    passed: dict[Verdict, Accepted] = {}
    as_a_whole = False
    while left.outcome is not Outcome.FINE:
        found = [entry for entry in acceptances.of_target(case.target, left) if accepts(entry)]
        if whole := _of_nobody(left, found):
            # Whoever accepted an unclear answer did not know that this run was hindered.
            hindered = left is Verdict.INCONCLUSIVE and (case.lost or case.excess or not case.complete)
            taken += () if hindered else whole
            as_a_whole = not hindered
            break
        parties = named_by(rest, found)
        if not parties:
            why = f"{why}; the acceptance names none of those who answered" if found and rest.parties else why
            break
        taken += found
        if known := _together([_of(entry) for entry in found]):
            passed[left] = known
        if left is Verdict.DUPLICATE and not rest.announcers and len(parties) == len(rest.parties):
            as_a_whole = True  # one of them is the announcer, whichever it is
            break
        rest = rest.without(parties)
        left, why = judge(rest)
    accepted = _together([_of(entry) for entry in taken])
    if accepted and (as_a_whole or left.outcome is Outcome.FINE):
        return Settled(verdict=verdict, reason=reason, accepted=accepted, first=None, rest=rest, passed=passed)
    if accepted is None:
        return Settled(verdict=verdict, reason=why, accepted=None, first=None, rest=case, passed={})
    names = ", ".join(party.node or party.macs[0] for party in case.parties if party not in rest.parties)
    told = f"{why}; {names} answered too, which is accepted up to {accepted.until}: {accepted.reason}"
    passed.pop(left, None)
    return Settled(verdict=left, reason=told, accepted=None, first=verdict, rest=rest, passed=passed)


def _of_nobody(verdict: Verdict, entries: list[Acceptance]) -> tuple[Acceptance, ...]:
    """Those that accept a verdict as it is: where nobody answered, or where an unclear answer is accepted as such."""
    if verdict is Verdict.SILENT:
        return tuple(entries)
    return tuple(entry for entry in entries if verdict is Verdict.INCONCLUSIVE and not entry.responders)


def named_by(case: Case, entries: Iterable[Acceptance]) -> tuple[Responder, ...]:
    """The parties whose answers these entries accept. Who should answer needs no acceptance: it is named beside the
    others where the owner wrote down everybody, and without it nobody would be left."""
    found = tuple(entry for entry in entries if accepts(entry))
    if not found:
        return ()
    wrong = (party for party in case.parties if not party.expected)
    return tuple(party for party in wrong if any(_accepts(entry, party, case) for entry in found))


def _accepts(entry: Acceptance, party: Responder, case: Case) -> bool:
    if not entry.responders:
        return case.is_proxy(party)
    return party.node in entry.responders or {*party.macs} <= {*entry.responders}


def words(entry: Acceptance) -> str:
    """What an entry is about: `duplicate of 10.0.0.50`, `non-strict-nodes of worker-1`."""
    subjects = [str(subject) for subject in (entry.ip, entry.service, entry.node) if subject is not None]
    return f"{entry.verdict or entry.finding} of {', '.join(subjects)}"


def marked(text: str, accepted: Accepted | None) -> str:
    """A reason with the word that it is accepted: every format shows reasons."""
    return text if accepted is None else f"{text.removesuffix('.')}; accepted up to {accepted.until}: {accepted.reason}"


def names_answers_for(entry: Acceptance, target: Target) -> bool:
    """It accepts the answers of some who are named, so that this address is judged once more without them. The day is not
    looked at: to ask once more costs little."""
    return entry.verdict is not None and bool(entry.responders) and _names_target(entry, target)


def _names_target(entry: Acceptance, target: Target) -> bool:
    return (entry.ip is None or entry.ip == target.ip) and (entry.service is None or entry.service in target.services)


def _of(entry: Acceptance) -> Accepted:
    return Accepted(reason=entry.reason, until=entry.until)


def _together(found: list[Accepted | None]) -> Accepted | None:
    accepted = [entry for entry in found if entry is not None]
    if not found or len(accepted) < len(found):
        return None
    reasons = dict.fromkeys(entry.reason for entry in accepted)
    return Accepted(reason="; ".join(reasons), until=min(entry.until for entry in accepted))
