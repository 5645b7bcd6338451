"""Whether a redacted run comes to the same: every verdict, every node, the exit code. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address

from arpcheck.model import NodeReport, Report, TargetReport
from arpcheck.saved.redaction.gathering import Gathered


def difference(before: Report, after: Report, found: Gathered) -> str | None:
    """The first thing that is judged otherwise, in words that name nobody; None: nothing is."""
    if before.summary.exit_code != after.summary.exit_code:
        return f"the exit code was {before.summary.exit_code} and would be {after.summary.exit_code}"
    pairs = sorted((_key(target, found), str(target.verdict), len(target.responders)) for target in before.targets)
    others = sorted((_key(target, None), str(target.verdict), len(target.responders)) for target in after.targets)
    if pairs != others:
        return "an address would be judged otherwise"
    nodes = sorted((found.names.of(node.name) or node.name, _facts(node)) for node in before.nodes)
    if nodes != sorted((node.name, _facts(node)) for node in after.nodes):
        return "a node would be judged otherwise"
    if [finding.id for finding in before.findings] != [finding.id for finding in after.findings]:
        return "there would be other findings"
    return None


def _facts(node: NodeReport) -> tuple[str, ...]:
    proxy = node.kube_proxy
    return str(node.arp), str(proxy.mode), str(proxy.strict_arp), str(proxy.loaded)


def _key(target: TargetReport, found: Gathered | None) -> str:
    """The address that stands for it; of what has no IPv4 address its kind alone."""
    if not isinstance(target.target.ip, IPv4Address):
        return str(target.target.kind)
    return str(found.addresses.address(target.target.ip) if found else target.target.ip)
