"""Which addresses only kernels that are not strict answer: with strict ARP nobody answers for them any more.

An external IP that no load balancer announces, or a LoadBalancer address whose announcer is silent, is on the LAN only
through kube-ipvs0. Pure, but for the services that are read where no wire was asked."""

from __future__ import annotations

from collections.abc import Sequence

from arpcheck.model import Arp, Kind, Need, Report, TargetReport, Trust
from arpcheck.objects import Objects, texts

NEEDS: tuple[Need, ...] = (
    Need(resource="services", costs="which external IPs could go dark is not known", fields=("spec externalIPs",)),
)

_SPEAKS = 1.5
"""Replies to a question from which on a speaker answers beside its kernel: most questions have two."""
_MOST = 20
"""Lines of one kind."""


def losses(report: Report) -> Sequence[str]:
    """A line for each address that goes dark, or one that says that none of those that were asked does."""
    non_strict = {node.name for node in report.nodes if node.arp is Arp.NON_STRICT}
    of_services = (one for one in report.targets if one.target.kind in (Kind.LOAD_BALANCER, Kind.EXTERNAL_IP))
    asked = [target for target in of_services if target.rounds]
    dark = [line for target in asked if (line := _line(target, non_strict))]
    if not asked:
        return ("no address of a Service was asked: none of a LoadBalancer Service and no external IP is known",)
    if not dark:
        return (f"{len(asked)} addresses of Services were asked, and none of them is answered by non-strict kernels alone",)
    return _capped(dark)


def unasked(objects: Objects) -> Sequence[str]:
    """Where the wire can't be asked: that it was not, and which addresses are the likeliest."""
    line = "not checked: which addresses only non-strict kernels answer, and so go dark; --iface asks the wire"
    if gap := objects.gap("services"):
        return (line, f"not checked: the external IPs of Services can't be read ({gap.why})")
    found = [(ip, s.full_name) for s in objects.services() for ip in texts(s.raw, "spec", "externalIPs")]
    likely = [f"external IP {ip} ({who}) goes dark unless a host or a load balancer answers for it" for ip, who in found]
    return (line, *_capped(sorted(set(likely))))


def _line(target: TargetReport, non_strict: set[str]) -> str:
    """Empty where somebody goes on answering: a host that is no node, a strict kernel, a speaker beside its kernel, or the
    node whose NIC has the address."""
    by_kernel = [found for found in target.responders if found.node in non_strict and found.node not in target.target.nodes]
    if not by_kernel or len(by_kernel) < len(target.responders) or any(r.replies_per_probe >= _SPEAKS for r in by_kernel):
        return ""
    what = f"{target.target.ip} ({', '.join(target.target.services)})"
    nodes = sorted({found.node for found in by_kernel if found.node})
    recorded = {claim.node for claim in target.announcers if claim.trust is not Trust.GUESS}
    if announcers := [node for node in nodes if node in recorded]:
        named = ", ".join(announcers)
        return f"may go dark: {what} is announced by {named} as recorded, which answers once only, as its kernel alone would"
    return f"goes dark: {what} is answered by nobody but the non-strict kernels of {', '.join(nodes)}"


def _capped(lines: Sequence[str]) -> Sequence[str]:
    left = len(lines) - _MOST
    return (*lines[:_MOST], *((f"… and {left} more",) if left > 0 else ()))
