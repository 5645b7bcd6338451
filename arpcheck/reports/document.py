"""The report as the JSON document that scripts read: a contract, spelled out key by key (`report.schema.json`).

camelCase, every key in every entry; what is not known is null or an empty list. Knows no text format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from arpcheck.evidence_json import VERSION
from arpcheck.model import (
    Accepted,
    Cause,
    Claim,
    Finding,
    Gap,
    Interface,
    KubeProxy,
    NodeReport,
    Preflight,
    Report,
    Run,
    Summary,
    TargetReport,
    Verdict,
)
from arpcheck.reports.responders import Responders

Entry = dict[str, Any]


def document(report: Report) -> Entry:
    """Plain objects and lists, but for the responders and the rows of evidence, which are made when they are asked for."""
    return {
        "apiVersion": VERSION,
        "kind": "ProbeReport",
        "summary": _summary(report.summary),
        "targets": [_target(target) for target in report.targets],
        "nodes": [_node(node) for node in report.nodes],
        "findings": [_finding(finding) for finding in report.findings],
        "causes": [_cause(cause) for cause in report.causes],
        "preflight": _preflight(report.preflight),
        "gaps": [_gap(gap) for gap in report.gaps],
        "run": _run(report.run),
        "evidence": report.evidence,
    }


def _summary(summary: Summary) -> Entry:
    return {
        "exitCode": summary.exit_code,
        "because": list(summary.because),
        "verdicts": {str(v): summary.verdicts[v] for v in Verdict if v in summary.verdicts},
        "nonStrictNodes": list(summary.non_strict_nodes),
        "complete": summary.complete,
    }


def _target(found: TargetReport) -> Entry:
    target = found.target
    return {
        "ip": str(target.ip) if target.ip else None,
        "family": f"ipv{target.ip.version}" if target.ip else None,
        "kind": str(target.kind),
        "services": list(target.services),
        "nodes": list(target.nodes),
        "skipped": target.skipped,
        "skips": str(target.skips) if target.skips else None,
        "implementation": found.implementation,
        "announcers": [_claim(claim) for claim in found.announcers],
        "verdict": str(found.verdict) if found.verdict else None,
        "outcome": str(found.outcome),
        "reason": found.reason,
        "also": [{"id": str(also.id), "text": also.text, "node": also.node, "mac": also.mac} for also in found.also],
        "accepted": _accepted(found.accepted),
        "rounds": list(found.rounds),
        "responders": Responders(found.responders),
    }


def _claim(claim: Claim) -> Entry:
    return {
        "node": claim.node,
        "source": claim.source,
        "trust": str(claim.trust),
        "observedAt": _time(claim.observed_at) if claim.observed_at else None,
        "service": claim.service or None,
        "rank": claim.rank,
    }


def _node(node: NodeReport) -> Entry:
    return {
        "name": node.name,
        "arp": str(node.arp),
        "reason": node.reason,
        "accepted": _accepted(node.accepted),
        "ready": node.ready,
        "addresses": [str(address) for address in node.addresses],
        "macs": [{"mac": mac.mac, "interface": mac.interface, "source": mac.source} for mac in node.macs],
        "kubeProxy": _kube_proxy(node.kube_proxy),
    }


def _kube_proxy(proxy: KubeProxy) -> Entry:
    return {
        "mode": proxy.mode,
        "strictARP": proxy.strict_arp,
        "source": proxy.source,
        "loaded": proxy.loaded,
        "notes": list(proxy.notes),
    }


def _finding(finding: Finding) -> Entry:
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "outcome": str(finding.outcome),
        "accepted": _accepted(finding.accepted),
        "nodes": list(finding.nodes),
        "ips": [str(ip) for ip in finding.ips],
        "means": finding.means,
        "because": list(finding.because),
        "do": list(finding.do),
    }


def _cause(cause: Cause) -> Entry:
    return {"id": str(cause.id), "text": cause.text, "do": cause.do, "nodes": list(cause.nodes)}


def _preflight(found: Preflight | None) -> Entry | None:
    if found is None:
        return None
    return {"safe": found.safe, "words": found.words, "strictArp": found.strict_arp, "reason": found.reason}


def _accepted(accepted: Accepted | None) -> Entry | None:
    return {"reason": accepted.reason, "until": accepted.until.isoformat()} if accepted else None


def _gap(gap: Gap) -> Entry:
    return {"what": gap.what, "why": gap.why, "costs": gap.costs}


def _run(run: Run) -> Entry:
    return {
        "arpcheck": run.arpcheck,
        "startedAt": _time(run.started_at),
        "endedAt": _time(run.ended_at),
        "interfaces": [_interface(interface) for interface in run.interfaces],
        "interfacesBecause": run.interfaces_because,
        "context": run.context,
        "cluster": run.cluster,
        "rounds": run.rounds,
        "wait": run.wait,
        "rate": run.rate,
        "sender": run.sender,
        "sent": run.sent,
        "received": run.received,
        "lost": run.lost,
        "ignored": dict(sorted(run.ignored.items())),
    }


def _interface(interface: Interface) -> Entry:
    return {
        "name": interface.name,
        "mac": interface.mac,
        "addresses": list(interface.addresses),
        "up": interface.up,
        "arpIgnore": interface.arp_ignore,
        "arpAnnounce": interface.arp_announce,
    }


def _time(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
