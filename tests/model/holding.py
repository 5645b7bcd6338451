"""What must hold between a cluster's truth and the report on it: never a wrong clean, never a false accusation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clusters import Truth


def broken(truth: Truth, report: Mapping[str, Any]) -> tuple[str, ...]:
    """Every promise that the report breaks; nothing where it keeps them all."""
    return (*_wrong_clean(truth, report), *_accusations(truth, report))


def _wrong_clean(truth: Truth, report: Mapping[str, Any]) -> Iterator[str]:
    code, lost = report["summary"]["exitCode"], report["run"]["lost"]
    for target in report["targets"]:
        if target["verdict"] == "ok" and (why := truth.wrong(target["ip"])):
            yield f"{target['ip']} is called ok, but {why}"
        if target["verdict"] == "ok" and not target["responders"] and not truth.audible:
            yield f"{target['ip']} is called ok where no node can be heard"
        if target["verdict"] == "ok" and "nodes" in truth.refused and target["responders"]:
            yield f"{target['ip']} is called ok without the right to nodes"
    if code == 0:
        if wrong := [f"{ip}: {why}" for ip in truth.answers if (why := truth.wrong(ip))]:
            yield f"exit 0, but {wrong}"
        if truth.non_strict:
            yield f"exit 0, but {sorted(truth.non_strict)} have no strict ARP"
        if truth.blind or lost or "nodes" in truth.refused:
            yield f"exit 0 with blind spots: {truth.blind}, {lost} lost, {truth.refused} refused"


def _accusations(truth: Truth, report: Mapping[str, Any]) -> Iterator[str]:
    for node in report["nodes"]:
        if node["arp"] == "non-strict" and node["name"] not in truth.non_strict:
            yield f"{node['name']} is called non-strict and is not"
        if node["arp"] == "strict" and node["name"] in truth.non_strict:
            yield f"{node['name']} is called strict and is not"
    for target in report["targets"]:
        if target["verdict"] is None:
            continue
        answers = truth.answers[target["ip"]]
        stations = {answer.station for answer in answers}
        for responder in target["responders"]:
            if responder["node"] is not None and responder["node"] not in stations:
                yield f"{responder['node']} is said to answer {target['ip']}, but {sorted(stations)} do"
        yield from _unfounded(target, stations, truth, {answer.kind for answer in answers})


def _unfounded(target: Mapping[str, Any], stations: set[str], truth: Truth, kinds: set[str]) -> Iterator[str]:
    ip, verdict = target["ip"], target["verdict"]
    founded = {
        "proxy-arp": "proxy" in kinds,
        "foreign": "holder" in kinds or bool(stations & truth.masked),
        "non-strict": bool(stations & truth.non_strict),
        "duplicate": len(stations) > 1,
        "wrong-node": bool(truth.announcers[ip] or ip in truth.quiet) and not stations & truth.announcers[ip],
        "silent": not stations and ip not in truth.quiet,
    }
    if not founded.get(verdict, True):
        yield f"{ip} is called {verdict}, but {sorted(stations)} answer ({sorted(kinds)})"
