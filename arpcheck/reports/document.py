"""The JSON report, key by key: what scripts read of `-o json` and `-o yaml`.

camelCase, every key in every entry; what is not known is null or an empty list. `report.schema.json` and the table of
keys are made from what stands here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from arpcheck.evidence_json import VERSION
from arpcheck.model import AlsoId, Arp, CauseId, Kind, Outcome, Report, Severity, Skip, TargetReport, Trust, Verdict
from arpcheck.reports.contract import (
    ADDRESS,
    BOOLEAN,
    COUNT,
    DAY,
    INTEGER,
    IPV4,
    MAC,
    NUMBER,
    TEXT,
    TIME,
    Row,
    Type,
    choice,
    defined,
    entries,
    key,
    many,
    optional,
    plain,
    schema,
    structure,
    table,
)

KIND = "ProbeReport"

_VERDICT = defined("verdict", choice(Verdict))

_FAMILY = plain("`ipv4` / `ipv6` or null", {"enum": ["ipv4", "ipv6", None]})

_VERDICTS = plain(
    "object: verdict to integer",
    {
        "type": "object",
        "propertyNames": _VERDICT.schema,
        "additionalProperties": {"type": "integer", "minimum": 0},
    },
    lambda found: {str(verdict): found[verdict] for verdict in Verdict if verdict in found},
)

_COUNTS = plain(
    "object: text to integer",
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    lambda found: dict(sorted(found.items())),
)

_ACCEPTED = optional(
    structure(
        "accepted",
        key("reason", TEXT, "Why the owner accepts it."),
        key("until", DAY, "The last day on which it is accepted, UTC."),
    )
)

_SUMMARY = structure(
    "summary",
    key("exitCode", plain("`0` / `1` / `2` / `3` / `130`", {"enum": [0, 1, 2, 3, 130]}), "The exit code of the command."),
    key("because", many(TEXT), "What made the exit code, one reason an entry."),
    key("verdicts", _VERDICTS, "How many addresses have each verdict; a verdict that none has is left out."),
    key("nonStrictNodes", many(TEXT), "The nodes whose kernel answers for Service addresses."),
    key("complete", BOOLEAN, "False when an announced round was not finished."),
)

_ANNOUNCER = structure(
    "announcer",
    key("node", TEXT, "The node that the record names."),
    key("source", TEXT, "The record: kind, namespace and name."),
    key("trust", choice(Trust), "Only a current record can make a verdict; a guess judges nothing."),
    key("observedAt", optional(TIME), "When the record was made or renewed; null where it carries no time."),
    key("service", optional(TEXT), "The Service that it speaks of (namespace/name); null where it names the address alone.",
        lambda claim: claim.service or None),
    key("rank", INTEGER, "Strength among the records of its kind, 0 the strongest."),
)  # fmt: skip

_ALSO = structure(
    "also",
    key("id", choice(AlsoId), "What it is."),
    key("text", TEXT, "The same for people."),
    key("node", optional(TEXT), "The node that it is about; null where it is about a MAC or nobody."),
    key("mac", optional(TEXT), "The MAC that it is about; null where it is about a node or nobody."),
)

_CONFIDENCE = structure(
    "confidence",
    key("rounds", COUNT, "The rounds that count: where a slower one asked again, those before it count only with a reply."),
    key("lost", COUNT, "Frames that the prober's kernel dropped while the address was asked."),
    key("slowestRate", optional(NUMBER), "Frames a second in the slowest of these rounds; null where nothing says it."),
)

_RESPONDER = structure(
    "responder",
    key("node", optional(TEXT), "Null where the owner is unknown or not a node."),
    key("macs", many(MAC), "Its ARP sender addresses; several where several NICs of one node replied."),
    key("interfaces", many(TEXT), "The prober's interfaces that received its replies."),
    key("expected", BOOLEAN, "It is the announcer by a current record."),
    key("flux", BOOLEAN, "Several NICs of the node replied."),
    key("rounds", many(COUNT), "The rounds in which it replied."),
    key("repliesPerProbe", NUMBER, "Replies per request, over the requests of these rounds."),
    key("firstReplyMs", NUMBER, "Milliseconds from a request to its fastest reply."),
    key("vendor", optional(TEXT), "Vendor or virtual prefix of a MAC that is not a known node's."),
    key("sources", many(MAC), "Ethernet sources that differ from the ARP sender."),
)


def _family(found: TargetReport) -> str | None:
    return f"ipv{found.target.ip.version}" if found.target.ip else None


_TARGET = structure(
    "target",
    key("ip", optional(ADDRESS), "Null where the Service has no address.", lambda found: found.target.ip),
    key("family", _FAMILY, "Null where the Service has no address.", _family),
    key("kind", choice(Kind), "The first that fits.", lambda found: found.target.kind),
    key("services", many(TEXT), "namespace/name.", lambda found: found.target.services),
    key("nodes", many(TEXT), "Nodes that have the address as their own.", lambda found: found.target.nodes),
    key("skipped", optional(TEXT), "Why it was not asked; null where it was.", lambda found: found.target.skipped),
    key("skips", optional(choice(Skip)), "The class of `skipped`.", lambda found: found.target.skips),
    key("implementation", optional(TEXT), "The load balancer; null where none was recognised."),
    key("announcers", many(_ANNOUNCER), "What records which node announces it, strongest first."),
    key("verdict", optional(_VERDICT), "Null for canary, control and node."),
    key("outcome", choice(Outcome), "What the verdict comes to, without regard to what is accepted."),
    key("reason", TEXT, "Why this is the verdict."),
    key("also", many(_ALSO), "What else is true of the address."),
    key("accepted", _ACCEPTED, "Why it does not count in the exit code; null where it counts."),
    key("rounds", many(COUNT), "The rounds that asked it."),
    key("winner", optional(TEXT), "The responder that a client most likely takes, the first to reply: its node, or its MAC "
        "where that is not a known node's. Null where nobody replied."),
    key("confidence", _CONFIDENCE, "How well it was asked."),
    key("responders", entries(_RESPONDER, varies="firstReplyMs"), "Who replied, by owner."),
)  # fmt: skip

_NODE_MAC = structure(
    "nodeMac",
    key("mac", MAC, "A NIC of the node."),
    key("interface", optional(TEXT), "The interface on which it was heard, or the node's own name for it."),
    key("source", TEXT, "What says that it is the node's."),
)

_KUBE_PROXY = structure(
    "kubeProxy",
    key("mode", optional(TEXT), "Null where it could not be read."),
    key("strictARP", optional(BOOLEAN), "As configured; null where it could not be read.", lambda found: found.strict_arp),
    key("source", optional(TEXT), "Where it was read."),
    key("loaded", optional(BOOLEAN), "Whether the running process has read it; null where nothing shows it."),
    key("notes", many(TEXT), "What is odd about it."),
)

_NODE = structure(
    "node",
    key("name", TEXT, "Of the Node object."),
    key("arp", choice(Arp), "How its kernel treats Service addresses, as far as this run shows."),
    key("reason", TEXT, "Why."),
    key("accepted", _ACCEPTED, "Why it does not count in the exit code; null where it counts."),
    key("ready", optional(BOOLEAN), "Null where it is not known."),
    key("addresses", many(IPV4), "Its own, as the cluster has them."),
    key("macs", many(_NODE_MAC), "Its NICs, each with every source that gives it to the node."),
    key("kubeProxy", _KUBE_PROXY, "kube-proxy on it, as the cluster's objects show it."),
)

_FINDING = structure(
    "finding",
    key("id", TEXT, "`arpcheck explain ID` says more."),
    key("severity", choice(Severity), "An error that counts makes the exit code 1."),
    key("outcome", choice(Outcome), "What it makes of the exit code; `fine` where it changes nothing."),
    key("accepted", _ACCEPTED, "Why it does not count in the exit code; null where it counts."),
    key("nodes", many(TEXT), "The nodes that it is about."),
    key("ips", many(ADDRESS), "The addresses that it is about."),
    key("means", TEXT, "What it means."),
    key("because", many(TEXT), "What it is drawn from."),
    key("do", many(TEXT), "What to do, in this order."),
)

_CAUSE = structure(
    "cause",
    key("id", choice(CauseId), "Which cause of the table it is."),
    key("text", TEXT, "The cause as it is here."),
    key("do", TEXT, "What decides or cures it."),
    key("nodes", many(TEXT), "The nodes that it is about; empty where it is about none."),
)

_PREFLIGHT = structure(
    "preflight",
    key("safe", optional(BOOLEAN), "Whether a layer-2 load balancer can be installed; null where it can't be said."),
    key("words", TEXT, "The same for people."),
    key("strictArp", TEXT, "`not-needed`, `set`, `not-set`, `not-loaded` or `unknown`."),
    key("reason", TEXT, "Why that is the answer."),
)

_GAP = structure(
    "gap",
    key("what", TEXT, "The resource that could not be read, or what was not asked."),
    key("why", TEXT, "`forbidden`, `timed out`, and so on."),
    key("costs", TEXT, "What the report can't say because of it."),
)

_INTERFACE = structure(
    "interface",
    key("name", TEXT, "As the kernel names it."),
    key("mac", optional(MAC), "Null where it has none."),
    key("addresses", many(TEXT), "IPv4 with prefix length."),
    key("up", BOOLEAN, "Whether it was up."),
    key("arpIgnore", optional(INTEGER), "The larger of its own sysctl and that of `all`; null where it was not read."),
    key("arpAnnounce", optional(INTEGER), "The larger of its own sysctl and that of `all`; null where it was not read."),
)

_RUN = structure(
    "run",
    key("arpcheck", TEXT, "The version that sent the requests."),
    key("startedAt", TIME, "By the prober's clock."),
    key("endedAt", TIME, "By the prober's clock."),
    key("interfaces", many(_INTERFACE), "The prober's interfaces that sent requests."),
    key("interfacesBecause", optional(TEXT), "Why these, where arpcheck chose them."),
    key("context", optional(TEXT), "The kubeconfig's context; null for a file or a pod."),
    key("cluster", optional(TEXT), "The API server's version."),
    key("rounds", COUNT, "The rounds that were announced."),
    key("wait", NUMBER, "Seconds that it waited for replies after the last request."),
    key("rate", NUMBER, "Frames a second on each interface."),
    key("sender", TEXT, "`--sender` as it was given."),
    key("sent", COUNT, "Requests."),
    key("received", COUNT, "Replies to them."),
    key("lost", COUNT, "Frames that the prober's kernel dropped."),
    key("ignored", _COUNTS, "ARP frames that were not replies to these requests, by reason."),
)

_EVIDENCE = plain("object", {"type": "object"})

REPORT: Type = structure(
    KIND,
    key("apiVersion", plain(f"`{VERSION}`", {"const": VERSION}), "The version of this contract.", lambda _: VERSION),
    key("kind", plain(f"`{KIND}`", {"const": KIND}), "What the document is.", lambda _: KIND),
    key("summary", _SUMMARY, "What the run comes to."),
    key("targets", many(_TARGET), "Every address of a Service, and those that were asked for knowledge."),
    key("nodes", many(_NODE), "Every node of the cluster."),
    key("findings", many(_FINDING), "What concerns the whole run."),
    key("causes", many(_CAUSE), "Likely causes of what was seen, in the order of their table."),
    key("preflight", optional(_PREFLIGHT), "Null for probe."),
    key("gaps", many(_GAP), "What could not be read or asked."),
    key("run", _RUN, "The facts of the run."),
    key("evidence", _EVIDENCE, "All that was observed, in a form of its own; `arpcheck report FILE` judges it again."),
)


def document(report: Report) -> Mapping[str, Any]:
    """Plain objects and lists, but for the responders and the rows of evidence, which are made when they are asked for."""
    found: Mapping[str, Any] = REPORT.write(report)
    return found


def schema_text() -> str:
    """What `report.schema.json` holds."""
    about = "What `arpcheck probe -o json` writes. Every key is in every entry; what is not known is null or an empty list."
    return json.dumps(schema(f"arpcheck {KIND} v1", about, KIND, REPORT), indent=2) + "\n"


def keys() -> Iterator[Row]:
    """The reference: every key of the report with its path, its type and its description."""
    return table(REPORT)
