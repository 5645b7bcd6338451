"""Checks a redacted run: the verdicts are unchanged, and no original is left.

`difference` finds changed verdicts. `left_over` searches every text for every original, also within other words. A name that
arpcheck's own reports contain can't be distinguished from them and is not searched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address, ip_address

from arpcheck.judge import findings, verdicts
from arpcheck.model import Mac, NodeReport, Report, TargetReport
from arpcheck.runs.redact.evidence import Gathered, is_everybodys
from arpcheck.runs.redact.vocabulary import WORDS

# ----------------------------------------------------------------------------------------------------------- Equal verdicts


def difference(before: Report, after: Report, found: Gathered) -> str | None:
    """The first difference between the verdicts, in words without names; None if there is none."""
    if before.summary.exit_code != after.summary.exit_code:
        return f"the exit code was {before.summary.exit_code} and would be {after.summary.exit_code}"
    pairs = sorted((_key(target, found), str(target.verdict), len(target.responders)) for target in before.targets)
    others = sorted((_key(target, None), str(target.verdict), len(target.responders)) for target in after.targets)
    if pairs != others:
        return "an address would get another verdict"
    nodes = sorted((found.names.of(node.name) or node.name, _facts(node)) for node in before.nodes)
    if nodes != sorted((node.name, _facts(node)) for node in after.nodes):
        return "a node would be judged differently"
    if [finding.id for finding in before.findings] != [finding.id for finding in after.findings]:
        return "there would be other findings"
    return None


def _facts(node: NodeReport) -> tuple[str, ...]:
    proxy = node.kube_proxy
    return str(node.arp), str(proxy.mode), str(proxy.strict_arp), str(proxy.loaded)


def _key(target: TargetReport, found: Gathered | None) -> str:
    """Its pseudonym; the kind alone for a target without an IPv4 address."""
    if not isinstance(target.target.ip, IPv4Address):
        return str(target.target.kind)
    return str(found.addresses.address(target.target.ip) if found else target.target.ip)


# ------------------------------------------------------------------------------------------------------ Remaining originals

SHORTEST = 4
"""Minimum letters of a name; a shorter one is part of many words."""

_TOKEN = re.compile(r"[^\s\"'`<>{}\[\](),;|=&#\\]+")
_PSEUDONYM = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d+", re.IGNORECASE)


def left_over(texts: Iterable[str], found: Gathered) -> tuple[str, ...]:
    """The originals that are still in one of the texts, sorted."""
    tokens = {token for text in texts for token in _TOKEN.findall(text.lower())}
    pseudonyms = {new.lower() for new in found.names.table().values()}
    haystack = "\n".join(sorted(_without(token, pseudonyms) for token in tokens))
    left = {needle for needle in _needles(found) if needle.lower() in haystack}
    return tuple(sorted(left | {old for old, new in found.names.table().items() if _holds(new, old)}))


def _holds(pseudonym: str, name: str) -> bool:
    """Whether the pseudonym reveals the name."""
    return len(name) >= SHORTEST and name.lower() in pseudonym.lower() and name.lower() not in _everywhere()


def _without(token: str, pseudonyms: set[str]) -> str:
    """The token without pseudonyms, which may contain a short name."""
    return _PSEUDONYM.sub(lambda match: " " if match[0].lower() in pseudonyms else match[0], token)


def _needles(found: Gathered) -> Iterator[str]:
    for old, new in found.names.table().items():
        if old != new and len(old) >= SHORTEST and not is_everybodys(old) and old.lower() not in _everywhere():
            yield old
    for old, new in found.addresses.table().items():
        if old != new and "/" not in old:
            yield from _spellings_of_address(ip_address(old))
    for old, new in found.macs.table().items():
        if old != new:
            yield from _spellings(Mac(old))


def _spellings_of_address(ip: IPv4Address | IPv6Address) -> tuple[str, ...]:
    """Also in the forms of cloud host names and reverse DNS."""
    return str(ip), ip.exploded, ip.reverse_pointer, str(ip).replace(".", "-").replace(":", "-")


def _spellings(mac: Mac) -> tuple[str, ...]:
    digits = mac.replace(":", "")
    return mac, mac.replace(":", "-"), digits, ".".join(digits[at : at + 4] for at in (0, 4, 8))


@cache
def _everywhere() -> str:
    """The text of every report, in lower case."""
    rules = (*findings.texts(), *verdicts.texts())
    texts = [part for text in rules for part in (text.name, text.means, *text.decided, *text.do)]
    reports = files("arpcheck.reports")
    for name in ("report.schema.json", "document.py", "markdown.py"):
        texts.append(reports.joinpath(name).read_text(encoding="utf-8"))
    for entry in reports.joinpath("html").iterdir():
        texts.append(entry.read_text(encoding="utf-8") if entry.name.endswith((".py", ".css", ".html")) else "")
    return "\n".join((*texts, *WORDS)).lower()
