"""What the report says beside the verdicts: what was not read or asked, the likely causes, whether it is safe. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Address

from arpcheck import loadbalancers, mac_owners
from arpcheck import targets as targeting
from arpcheck.evidence import Capture, Evidence
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.judge.observations import Observations
from arpcheck.kubeproxy.answers import Configured, StrictArpAnswer
from arpcheck.kubeproxy.causes import causes
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.kubeproxy.status import status
from arpcheck.model import (
    Arp,
    Cause,
    Gap,
    Outcome,
    Preflight,
    Verdict,
)  # fmt: skip
from arpcheck.objects import Objects

APART = timedelta(minutes=10)
"""How far a capture and the cluster's objects may be apart before it is said."""


def gaps(evidence: Evidence, canary: IPv4Address | None, hearing: Observations) -> Iterable[Gap]:
    """What was not asked or not listened to, beside what was not read."""
    if canary is None or not hearing.asked(canary).broadcast:
        unasked = "the run ended before" if evidence.capture is None else "nobody asked it in the capture"
        named = targeting.canary(evidence.objects) in evidence.options.ips
        unknown = "no Service has an IPv4 ClusterIP that is known" + (" beside the one given with --ip" if named else "")
        why = unknown if canary is None else unasked
        yield Gap(what="canary", why=why, costs="whether the nodes' kernels answer for Service addresses is not known")
    if evidence.capture is not None:
        yield from _not_recorded(evidence, evidence.capture)
    for trouble in evidence.trouble:
        yield Gap(what="wire", why=trouble, costs="what was said after that was not heard")
    yield from mac_owners.unmatched_hosts(evidence)


def unsent(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """What was asked without an own sender, to which alone a proxy answers. Of what this node has itself the reason is that
    it does not hear itself."""
    ips = [str(j.case.target.ip) for j in judgements if not j.case.own_sender and not j.case.held_by]
    if ips:
        more = f" and {len(ips) - 3} more" if len(ips) > 3 else ""
        why = f"no address of this host's own to ask with for {', '.join(ips[:3])}{more}"
        yield Gap(what="sender", why=why, costs="a device that answers for what it does not own would not be seen")


def untold(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """What a file does not hold, where a judgement hangs on it."""
    open_ones = (j.case for j in judgements if j.verdict is Verdict.INCONCLUSIVE)
    for name in sorted({name for case in open_ones for name in case.unsaid}):
        costs = dict.fromkeys(need.costs for need in loadbalancers.NEEDS if need.resource == name)
        yield Gap(what=name, why="not in the file, perhaps not asked for (--file-has says what was)", costs="; ".join(costs))


def _not_recorded(evidence: Evidence, capture: Capture) -> Iterable[Gap]:
    """What a file of frames can't say."""
    unseen = f" ({capture.unseen} replies whose question is not in it)" if capture.unseen else ""
    yield Gap(what="capture", why=f"a file of frames does not say what it missed{unseen}", costs="an answer may be missing")
    asked = {question.ip for question in evidence.questions}
    if not asked.intersection(targeting.CONTROLS):
        costs = "a device that answers for what it does not own can't be told from a node"
        yield Gap(what="control", why="nobody asked it in the capture", costs=costs)
    read_at = evidence.objects.read_at
    if read_at is not None and not evidence.started_at - APART <= read_at <= evidence.ended_at + APART:
        why = f"recorded {evidence.started_at:%Y-%m-%d %H:%M} UTC, the cluster was read {read_at:%Y-%m-%d %H:%M} UTC"
        yield Gap(what="capture", why=why, costs="who should have answered then may be another than is recorded now")


def likely_causes(judged: Judged, gateways: Mapping[str, tuple[IPv4Address, ...]]) -> tuple[Cause, ...]:
    """The likely causes, from what the wire showed beside what is configured."""
    hearing = judged.hearing
    asked_gateways = any(hearing.asked(ip).broadcast for found in gateways.values() for ip in found)
    heard = WireObservations(
        answered=_answered(judged),
        strangers=frozenset(str(j.ip) for j, party in judged.strangers() if j.case.is_foreign(party)),
        stranger_on_canary=any(judged.owners[nic].outside or judged.owners[nic].apart for nic in judged.canary_nics()),
        unknown=(
            any(not j.case.is_foreign(party) and not j.case.external for j, party in judged.strangers())
            or any(judged.owners[nic].node is None for nic in judged.canary_nics())
        ),
        holders=frozenset(
            party.node
            for j in judged.asked() if j.verdict is Verdict.NON_STRICT and not j.case.offenders
            for party in j.case.parties if party.node
        ),
        twice=frozenset(node for _, node, _ in judged.doubled),
        gateways=_answered_gateways(judged, gateways) if asked_gateways else None,
        node_addresses=_node_addresses(judged),
        prober=next(iter(judged.blind), None),
    )
    return causes(
        judged.kube_proxies,
        frozenset(judged.named(Arp.NON_STRICT)),
        frozenset((*judged.named(Arp.NON_STRICT), *judged.named(Arp.QUIET))),
        frozenset(state.name for state in judged.nodes),
        heard,
    )


def _answered(judged: Judged) -> Mapping[str, frozenset[str]]:
    """By address, the nodes that answered; none only where somebody should have: not where the announcer is this host,
    where it is announced by BGP, or where whose the MACs are that answered is not known."""
    found, nobody = {}, _node_addresses(judged) is False
    for judgement in judged.asked():
        if judgement.verdict is Verdict.NON_STRICT and not judgement.case.offenders:
            continue  # held by every kernel, by configuration
        if judgement.verdict is Verdict.MOVED:
            continue  # one after the other: a failover is no split brain
        nodes = frozenset([party.node for party in judgement.case.parties if party.node])
        far = not judgement.case.parties and nobody
        if nodes or far or judgement.verdict is Verdict.SILENT:
            found[str(judgement.ip)] = nodes
    return found


def _answered_gateways(judged: Judged, gateways: Mapping[str, tuple[IPv4Address, ...]]) -> frozenset[str]:
    def answered(node: str, ip: IPv4Address) -> bool:
        return any(judged.owners[nic].node == node for nic in judged.hearing.by_nic(ip))

    return frozenset(node for node, found in gateways.items() if any(answered(node, ip) for ip in found))


def _node_addresses(judged: Judged) -> bool | None:
    asked = [ip for found in judged.addresses.values() for ip in found if judged.hearing.asked(ip).broadcast]
    return any(judged.hearing.by_nic(ip) for ip in asked) if asked else None


def preflight(judged: Judged, objects: Objects) -> Preflight:
    """Whether a layer-2 load balancer can be installed. Safe needs three things: nobody answers the canary but whoever
    answers for everything, every node that is not switched off was heard and is quiet, and no configuration says that it
    will not stay so, a switched-off node's included."""
    configured = status(objects, wire={state.name: state.arp for state in judged.nodes})
    faulty = judged.named(Arp.NON_STRICT)
    if faulty:
        safe, words = False, f"not safe: {', '.join(faulty)} would answer for every address of the load balancer"
    elif open_ones := tuple(_open_questions(judged, objects)):
        safe, words = None, f"not known: {'; '.join(open_ones)}"
    else:
        safe, words = True, f"safe: {_quiet(judged)} are quiet for addresses that they do not announce"
    return Preflight(safe=safe, words=words, strict_arp=configured.answer.value, reason=configured.reason)


def _quiet(judged: Judged) -> str:
    quiet = sum(1 for state in judged.nodes if state.arp.outcome is Outcome.FINE)
    away = f" (not Ready and not heard: {', '.join(off)})" if (off := judged.away()) else ""
    return f"{quiet} of {len(judged.nodes)} nodes{away}"


def _open_questions(judged: Judged, objects: Objects) -> Iterator[str]:
    """Why quiet nodes are no proof, or that there are none."""
    if judged.canary is None or not judged.hearing.asked(judged.canary).broadcast:
        yield "no canary was asked, by which a kernel that answers for Service addresses is told"
    strangers = sorted({mac for _, mac in judged.canary_nics()})
    if strangers:
        yield f"{', '.join(strangers)}, of no known node, answered the canary and may be a node's"
    here = [state for state in judged.nodes if state.name not in judged.away()]
    if not here or any(state.arp.outcome is not Outcome.FINE for state in here):
        yield f"only {_quiet(judged)} are quiet for addresses that they do not announce"
    # Without the wire: what a configuration says is asked here, and what a quiet kernel makes of it does not count.
    told = status(objects).nodes
    contrary = [one.name for one in told if one.answer is StrictArpAnswer.NOT_SET or one.configured is Configured.NON_STRICT]
    if contrary:
        nodes = ", ".join(contrary)
        yield f"kube-proxy is configured for IPVS without strictARP on {nodes}: the next restart makes it unsafe"
