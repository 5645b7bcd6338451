"""Whether strict ARP is needed, set and loaded: one answer for the cluster, with its proof.

A resource that could not be read rules out a clean answer. Only the wire proves what a kernel does, so it counts more than
the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from arpcheck.kubeproxy import kube_proxies, modes, setting, version_of, workload
from arpcheck.kubeproxy.modes import Configured, NodeStatus, Note, Oddity, StrictArpAnswer, StrictArpStatus, has
from arpcheck.kubeproxy.remedy import Running, from_configz, from_log, remedy
from arpcheck.model import Arp, KubeProxy
from arpcheck.model.constants import IPV4
from arpcheck.objects import Objects
from arpcheck.text import PROSE_LIMIT, plain

__all__ = ["Configured", "NodeStatus", "StrictArpAnswer", "StrictArpStatus", "status", "to_json", "to_text"]

_FIRST = (
    StrictArpAnswer.NOT_SET,
    StrictArpAnswer.NOT_LOADED,
    StrictArpAnswer.UNKNOWN,
    StrictArpAnswer.SET,
    StrictArpAnswer.NOT_NEEDED,
)


def status(
    objects: Objects,
    *,
    logs: Mapping[str, str] | None = None,
    configz: Mapping[str, str] | None = None,
    wire: Mapping[str, Arp] | None = None,
) -> StrictArpStatus:
    """`logs`, `configz`: by node, what its kube-proxy logged, and what its /configz printed. `wire`: by node, what a
    probe or preflight found."""
    proxies = kube_proxies(objects)
    told = {node: _told(node, logs or {}, configz or {}) for node in proxies}
    nodes = tuple(_node_status(name, proxies[name], told[name], (wire or {}).get(name)) for name in sorted(proxies))
    if not nodes:
        return _without_nodes(objects)
    if alone := _has_ipv6_alone(objects):
        in_question = (Arp.NON_STRICT, Arp.QUIET)
        nodes = tuple(n if n.arp in in_question else replace(n, answer=StrictArpAnswer.NOT_NEEDED) for n in nodes)
    answer = next(one for one in _FIRST if any(node.answer is one for node in nodes))
    owner, do = remedy(answer, nodes, objects)
    return StrictArpStatus(
        answer=answer,
        reason=_IPV6_ALONE if alone and answer is StrictArpAnswer.NOT_NEEDED else modes.reason(answer, nodes),
        source=", ".join(sorted({node.source for node in nodes if node.source})) or None,
        nodes=nodes,
        owner=owner.name if owner else None,
        owner_because=owner.because if owner else "",
        notes=_notes(nodes, objects),
        do=do,
    )


_IPV6_ALONE = "Strict ARP is not needed: no node and no Service has an IPv4 address, and ARP is of IPv4"


def _has_ipv6_alone(objects: Objects) -> bool:
    """As far as nodes and Services show, and both were read: kube-proxy then holds no address that ARP could ask for."""
    services = [ip for service in objects.services() for ip in service.addresses]
    known = services and not (objects.gap("nodes") or objects.gap("services"))
    every = (*services, *(ip for node in objects.nodes() for ip in node.every_address))
    return bool(known) and all(ip.version != IPV4 for ip in every)


def _without_nodes(objects: Objects) -> StrictArpStatus:
    """A fault can be proven without a single Node, the opposite can't."""
    found = [setting.setting(one, objects) for one in workload.daemon_sets(objects)]
    faulty = [one for one in found if one.mode == modes.IPVS and one.strict_arp is False]
    answer = StrictArpAnswer.NOT_SET if faulty else StrictArpAnswer.UNKNOWN
    gap = objects.gap("nodes")
    why = f"nodes could not be read: {gap.why}" if gap else "there is no node"
    owner, do = remedy(answer, (), objects)
    sources = sorted({one.source for one in faulty or found if one.source})
    return StrictArpStatus(
        answer=answer,
        reason=f"Strict ARP is needed and not set ({modes.listing(sources)}); {why}" if faulty else f"Can't tell: {why}",
        source=", ".join(sources) or None,
        nodes=(),
        owner=owner.name if owner else None,
        owner_because=owner.because if owner else "",
        do=do,
    )


def _told(node: str, logs: Mapping[str, str], configz: Mapping[str, str]) -> tuple[Running | None, tuple[str, ...]]:
    """/configz says more than the log; the log more than nothing."""
    notes = []
    if node in configz:
        if (found := from_configz(configz[node])) is not None:
            return found, ()
        notes.append("what was given as /configz is not its output")
    if node in logs:
        if (found := from_log(logs[node])) is not None:
            return found, tuple(notes)
        notes.append("its log no longer has the line that names the proxier")
    return None, tuple(notes)


def _node_status(name: str, proxy: KubeProxy, told: tuple[Running | None, tuple[str, ...]], arp: Arp | None) -> NodeStatus:
    found, notes = told
    heard = _quiet(_heard(proxy, found) if found else proxy, arp)
    return NodeStatus(
        name=name,
        mode=heard.mode,
        strict_arp=heard.strict_arp,
        loaded=heard.loaded,
        source=heard.source,
        answer=_of_wire(_answer(heard, quiet=arp is Arp.QUIET), configured(heard), arp),
        configured=configured(heard),
        arp=arp,
        notes=(*heard.notes, *notes),
    )


def configured(proxy: KubeProxy) -> Configured:
    """By the configuration alone, whatever runs."""
    if proxy.mode == modes.KUBE_ROUTER:
        return Configured.STRICT
    if proxy.mode in modes.BINDS_NOTHING:
        return Configured.NOT_NEEDED
    if proxy.mode != modes.IPVS or proxy.strict_arp is None:
        return Configured.UNKNOWN
    return Configured.STRICT if proxy.strict_arp else Configured.NON_STRICT


def _quiet(proxy: KubeProxy, arp: Arp | None) -> KubeProxy:
    """A kernel that is quiet for Service addresses holds none that IPVS could have left, or does not answer for it."""
    if arp is not Arp.QUIET:
        return proxy
    return replace(proxy, notes=tuple(note for note in proxy.notes if not has((note,), Oddity.LEFTOVERS)))


def _heard(proxy: KubeProxy, found: Running) -> KubeProxy:
    """The configuration beside what the process told of itself."""
    mode = modes.effective(found.mode, None)[0] if found.mode is not None else None
    if found.failed and (proxy.mode == modes.IPVS or "proxier" in found.failed.lower()):
        note = Note(f'{found.where} says that it could not: "{found.failed}"', Oddity.FAILED)
        return replace(proxy, loaded=False, notes=(*proxy.notes, note))
    if mode is None:
        return proxy
    if found.had_ipvs and mode in modes.BINDS_NOTHING:
        left = Note(f"{found.where} has an earlier start in mode ipvs, whose kube-ipvs0 may be left", Oddity.LEFTOVERS)
        proxy = replace(proxy, notes=(*proxy.notes, left))
    if proxy.mode is None:
        return replace(proxy, mode=mode, strict_arp=found.strict_arp, source=found.where, loaded=True, notes=_solved(proxy))
    if mode != proxy.mode:
        note = Note(f"{found.where} says that it runs in mode {mode}, not {proxy.mode}", Oddity.DIFFERS)
        return replace(proxy, loaded=False, notes=(*proxy.notes, note))
    if mode != modes.IPVS:
        return replace(proxy, loaded=True, notes=_solved(proxy))
    if found.strict_arp is None:
        return proxy
    if found.strict_arp != proxy.strict_arp:
        note = Note(f"{found.where} says that it runs with strictARP {str(found.strict_arp).lower()}", Oddity.DIFFERS)
        return replace(proxy, loaded=False, notes=(*proxy.notes, note))
    return replace(proxy, loaded=True, notes=_solved(proxy))


def _solved(proxy: KubeProxy) -> tuple[str, ...]:
    """Without the doubts that the process's own word has settled."""
    settled = (Oddity.UNREAD, Oddity.UNRECORDED, Oddity.OPAQUE, Oddity.OLDER, Oddity.FALLS_BACK)
    return tuple(note for note in proxy.notes if not has((note,), *settled))


_DOUBTS = (Oddity.UNREAD, Oddity.OPAQUE, Oddity.NOT_RUNNING, Oddity.LEFTOVERS)
"""With one of these nothing is clean."""


def _answer(proxy: KubeProxy, *, quiet: bool) -> StrictArpAnswer:
    """Clean is what a process that runs is known to have loaded; where only its age is not known, a quiet kernel will do."""
    doubt = has(proxy.notes, *_DOUBTS)
    if proxy.mode == modes.KUBE_ROUTER:
        return StrictArpAnswer.UNKNOWN if doubt else StrictArpAnswer.SET
    if proxy.mode in modes.BINDS_NOTHING:
        return _of_no_need(proxy, doubt=doubt, quiet=quiet)
    if proxy.mode != modes.IPVS:
        return StrictArpAnswer.UNKNOWN
    if proxy.strict_arp is None:
        return StrictArpAnswer.NOT_SET if has(proxy.notes, Oddity.REFUSED) else StrictArpAnswer.UNKNOWN
    if not proxy.strict_arp:
        return StrictArpAnswer.UNKNOWN if has(proxy.notes, Oddity.NOT_RUNNING) else StrictArpAnswer.NOT_SET
    if proxy.loaded is False:
        return StrictArpAnswer.NOT_LOADED
    return StrictArpAnswer.SET if (proxy.loaded or quiet) and not doubt else StrictArpAnswer.UNKNOWN


def _of_no_need(proxy: KubeProxy, *, doubt: bool, quiet: bool) -> StrictArpAnswer:
    """A process that is older than a configuration without IPVS may well be in IPVS mode."""
    if proxy.loaded is False:
        return StrictArpAnswer.NOT_LOADED if has(proxy.notes, Oddity.DIFFERS) else StrictArpAnswer.UNKNOWN
    known = proxy.loaded or quiet or proxy.mode not in modes.OF_A_PROCESS
    return StrictArpAnswer.NOT_NEEDED if known and not doubt else StrictArpAnswer.UNKNOWN


def _of_wire(answer: StrictArpAnswer, told: Configured, arp: Arp | None) -> StrictArpAnswer:
    """A kernel that answers for Service addresses refutes a clean answer, whatever is configured."""
    if arp is not Arp.NON_STRICT or answer is StrictArpAnswer.NOT_SET:
        return answer
    return StrictArpAnswer.NOT_SET if told in (Configured.UNKNOWN, Configured.NON_STRICT) else StrictArpAnswer.NOT_LOADED


def _notes(nodes: Iterable[NodeStatus], objects: Objects) -> tuple[str, ...]:
    in_ipvs = {node.name for node in nodes if node.mode == modes.IPVS}
    known = [version_of(node, objects) for node in objects.nodes() if node.name in in_ipvs]
    newest = max((version for version in known if version), default=None)
    return (modes.deprecation(newest), *modes.way_out(newest)) if in_ipvs else ()


VERSION = "arpcheck/v1"
KIND = "StrictArpStatus"

_HEAD = ("NODE", "MODE", "STRICT ARP", "LOADED")


def to_json(status: StrictArpStatus) -> dict[str, Any]:
    """camelCase, every key in every entry; what is not known is null."""
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "answer": str(status.answer),
        "reason": status.reason,
        "source": status.source,
        "owner": status.owner,
        "exitCode": status.exit_code,
        "nodes": [_entry(node) for node in status.nodes],
        "notes": [str(note) for note in status.notes],
        "do": list(status.do),
    }


def to_text(status: StrictArpStatus) -> str:
    """Ends with a line feed. What came from the cluster can't steer a terminal."""
    parts: list[Iterable[str]] = [_head(status), _status_table(status.nodes), _oddities(status.nodes)]
    parts += [_titled("Also", status.notes), _titled("Do", status.do)]
    return "\n\n".join(block for part in parts if (block := "\n".join(plain(line, PROSE_LIMIT) for line in part))) + "\n"


def _entry(node: NodeStatus) -> dict[str, Any]:
    return {
        "name": node.name,
        "mode": node.mode,
        "strictARP": node.strict_arp,
        "loaded": node.loaded,
        "configured": str(node.configured),
        "source": node.source,
        "answer": str(node.answer),
        "arp": None if node.arp is None else str(node.arp),
        "notes": [str(note) for note in node.notes],
    }


def _head(status: StrictArpStatus) -> Iterable[str]:
    yield f"{status.answer}: {status.reason}."
    if status.source:
        yield f"Read from: {status.source}"
    if status.owner:
        yield f"Owner of the configuration: {status.owner} ({status.owner_because})"


def _status_table(nodes: Sequence[NodeStatus]) -> Iterable[str]:
    entries = ((plain(n.name), plain(n.mode or "-"), _word(n.strict_arp), _word(n.loaded)) for n in nodes)
    rows = [_HEAD, *entries] if nodes else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))] if rows else []
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _oddities(nodes: Sequence[NodeStatus]) -> Iterable[str]:
    """Each note once, with the nodes that it is true of."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for note in node.notes:
            found.setdefault(str(note), []).append(plain(node.name))
    lines = [f"{_who(names, len(nodes))}: {note}" for note, names in found.items()]
    return _titled("Notes", lines)


def _who(names: Sequence[str], of_all: int) -> str:
    if len(names) == of_all and of_all > 1:
        return "all nodes"
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _titled(title: str, lines: Sequence[str]) -> Iterable[str]:
    return (f"{title}:", *(f"  {line}" for line in lines)) if lines else ()


def _word(value: bool | None) -> str:
    return "-" if value is None else str(value).lower()
