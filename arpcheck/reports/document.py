"""The JSON report, key by key, as `-o json` and `-o yaml` write it.

Every entry has every key; an unknown value is null or an empty list. `report.schema.json` and the table of keys are made
from this description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from arpcheck.evidence_json import VERSION
from arpcheck.model import (
    AlsoId,
    Arp,
    CauseId,
    Certainty,
    Handling,
    HandlingBecause,
    Kind,
    NotAsked,
    Outcome,
    ReachDoubt,
    ReachResult,
    ReasonId,
    Report,
    Severity,
    Skip,
    TargetReport,
    Trust,
    Verdict,
)
from arpcheck.reports.contract import (
    ADDRESS,
    BOOLEAN,
    COUNT,
    DAY,
    INTEGER,
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
        key("reason", TEXT, "Why it is accepted."),
        key("until", DAY, "The last day on which it is accepted, UTC."),
    )
)

_SUMMARY = structure(
    "summary",
    key("exitCode", plain("`0` / `1` / `2` / `3` / `130`", {"enum": [0, 1, 2, 3, 130]}), "The exit code of the command."),
    key("because", many(TEXT), "The reasons for the exit code."),
    key("verdicts", _VERDICTS, "The number of addresses by verdict, without verdicts that no address has."),
    key("nonStrictNodes", many(TEXT), "The nodes whose kernel replies for Service addresses."),
    key("complete", BOOLEAN, "False if the run ended before its last round."),
)

_ANNOUNCER = structure(
    "announcer",
    key("node", TEXT, "The node that the record names."),
    key("source", TEXT, "The record: kind, namespace and name."),
    key("trust", choice(Trust), "Only a current record can lead to a verdict; a guess cannot."),
    key("observedAt", optional(TIME), "When the record was made or renewed; null if it has no time."),
    key("service", optional(TEXT), "The Service of the record (namespace/name); null if it names only the address.",
        lambda claim: claim.service or None),
    key("rank", INTEGER, "Its strength among the records of its kind; 0 is the strongest."),
)  # fmt: skip

_ALSO = structure(
    "also",
    key("id", choice(AlsoId), "Identifies the statement."),
    key("text", TEXT, "The statement as a sentence."),
    key("node", optional(TEXT), "The node of the statement, or null."),
    key("mac", optional(TEXT), "The MAC address of the statement, or null."),
)

_REASON = structure(
    "reason",
    key("id", choice(ReasonId), "Identifies the reason."),
    key("subject", TEXT, "The object that it is about: kind, namespace and name."),
    key("evidence", TEXT, "What was read of the object."),
    key("certainty", choice(Certainty), "How sure it is that it explains the verdict."),
    key("nodes", many(TEXT), "The nodes that it concerns."),
    key("implementation", optional(TEXT), "The load balancer; null if it is of the wire or of Kubernetes itself."),
    key("do", TEXT, "What to do about it."),
)

_CONFIDENCE = structure(
    "confidence",
    key("rounds", COUNT, "The rounds that count. After a slower round, earlier ones count only if they had a reply."),
    key("lost", COUNT, "Frames that the prober's kernel dropped while the address was probed."),
    key("slowestRate", optional(NUMBER), "Frames per second in the slowest of these rounds; null if unknown."),
)

_REACH = structure(
    "reach",
    key("service", optional(TEXT), "The Service of the port (namespace/name); null if no Service has the address."),
    key("port", optional(COUNT), "Its first TCP port; null if it has none."),
    key("mac", MAC, "The MAC address that was asked."),
    key("node", optional(TEXT), "The node of this MAC address; null if it is unknown or not a node."),
    key("interface", TEXT, "The prober's interface that sent the SYN."),
    key("sender", optional(TEXT), "The prober's address that sent it; null if nothing was sent."),
    key("result", choice(ReachResult), "What the tries came to."),
    key("tries", COUNT, "The SYNs that were sent."),
    key("routes", BOOLEAN, "Whether it sent an ICMP redirect: it routes the packet and has no rule for the address."),
    key("why", optional(choice(NotAsked)), "Why nothing was sent; null if something was."),
    key("doubt", optional(choice(ReachDoubt)), "Why the result accuses nobody; null if nothing speaks against it."),
    key("expected", optional(choice(Handling)), "What the node should do by the EndpointSlices; null if unknown."),
    key("because", optional(choice(HandlingBecause)), "Why it should do that; null if unknown."),
    key("source", optional(TEXT), "The address and port, or the address, that the deciding reply came from."),
    key("code", optional(COUNT), "The ICMP code of `unreachable`, else null."),
    key("by", optional(MAC), "The MAC address that sent the deciding reply, if it is another than the asked one."),
    key("byNode", optional(TEXT), "The node of that MAC address, or null."),
    key("over", optional(TEXT), "The prober's interface that received that reply, if it is another than the asking one."),
    key("ttl", optional(COUNT), "The TTL of the deciding reply: 64 comes from the node itself, less from behind it."),
    key("text", TEXT, "The result as a sentence."),
)

_RESPONDER = structure(
    "responder",
    key("node", optional(TEXT), "Null if the owner is unknown or not a node."),
    key("macs", many(MAC), "Its ARP sender addresses; several if several NICs of one node replied."),
    key("interfaces", many(TEXT), "The prober's interfaces that received its replies."),
    key("expected", BOOLEAN, "Whether a current record names it as the announcer."),
    key("flux", BOOLEAN, "Whether several NICs of the node replied."),
    key("rounds", many(COUNT), "The rounds in which it replied."),
    key("repliesPerProbe", NUMBER, "Replies per request in these rounds."),
    key("firstReplyMs", NUMBER, "Milliseconds from a request to its first reply."),
    key("vendor", optional(TEXT), "What the prefix of the MAC address says, if it is not of a known node."),
    key("sources", many(MAC), "Ethernet source addresses that differ from the ARP sender address."),
)


def _family(found: TargetReport) -> str | None:
    return f"ipv{found.target.ip.version}" if found.target.ip else None


_TARGET = structure(
    "target",
    key("ip", optional(ADDRESS), "Null if the Service has no address.", lambda found: found.target.ip),
    key("family", _FAMILY, "Null if the Service has no address.", _family),
    key("kind", choice(Kind), "The first kind that fits.", lambda found: found.target.kind),
    key("services", many(TEXT), "namespace/name.", lambda found: found.target.services),
    key("nodes", many(TEXT), "Nodes that have this address.", lambda found: found.target.nodes),
    key("skipped", optional(TEXT), "Why it was not probed; null if it was.", lambda found: found.target.skipped),
    key("skips", optional(choice(Skip)), "The reason in `skipped` as an identifier.", lambda found: found.target.skips),
    key("implementation", optional(TEXT), "The load balancer; null if none was recognised."),
    key("announcers", many(_ANNOUNCER), "The records that name the announcing node, the strongest first."),
    key("verdict", optional(_VERDICT), "Null for canary, control and node."),
    key("outcome", choice(Outcome), "What the verdict means, whether it is accepted or not."),
    key("reason", TEXT, "Why it has this verdict."),
    key("also", many(_ALSO), "Further statements about the address."),
    key("reasons", many(_REASON), "Why nobody replies, or not the right one, the surest first."),
    key("accepted", _ACCEPTED, "Why it does not affect the exit code; null if it does."),
    key("rounds", many(COUNT), "The rounds in which it was probed."),
    key("winner", optional(TEXT), "The responder that clients most likely use, the first to reply: its node, or its MAC "
        "address if the node is unknown. Null without a reply."),
    key("confidence", _CONFIDENCE, "How thoroughly it was probed."),
    key("reach", many(_REACH), "With `--reach`: what each responder does with connections, for each port."),
    key("responders", entries(_RESPONDER, varies="firstReplyMs"), "Who replied, grouped by owner."),
)  # fmt: skip

_NODE_MAC = structure(
    "nodeMac",
    key("mac", MAC, "A NIC of the node."),
    key("interface", optional(TEXT), "The prober's interface that received its reply, or the node's name of the NIC."),
    key("source", TEXT, "The source that says whose MAC address it is."),
)

_KUBE_PROXY = structure(
    "kubeProxy",
    key("mode", optional(TEXT), "Null if it could not be read."),
    key("strictARP", optional(BOOLEAN), "As configured; null if it could not be read.", lambda found: found.strict_arp),
    key("source", optional(TEXT), "Where it was read."),
    key("loaded", optional(BOOLEAN), "Whether the running process has loaded it; null if unknown."),
    key("notes", many(TEXT), "What is unusual about it."),
)

_NODE = structure(
    "node",
    key("name", TEXT, "The name of the Node object."),
    key("arp", choice(Arp), "Whether its kernel replies for Service addresses, as far as this run shows."),
    key("reason", TEXT, "Why `arp` has this value."),
    key("accepted", _ACCEPTED, "Why it does not affect the exit code; null if it does."),
    key("ready", optional(BOOLEAN), "Null if unknown."),
    key("addresses", many(ADDRESS), "Its own addresses, from the cluster's objects."),
    key("macs", many(_NODE_MAC), "The MAC addresses of its NICs, an entry for each source."),
    key("kubeProxy", _KUBE_PROXY, "kube-proxy on this node, from the cluster's objects."),
)

_FINDING = structure(
    "finding",
    key("id", TEXT, "See `arpcheck explain ID`."),
    key("severity", choice(Severity), "An error that is not accepted sets exit code 1."),
    key("outcome", choice(Outcome), "Its effect on the exit code; `fine` has none."),
    key("accepted", _ACCEPTED, "Why it does not affect the exit code; null if it does."),
    key("nodes", many(TEXT), "The nodes of the finding."),
    key("ips", many(ADDRESS), "The addresses of the finding."),
    key("means", TEXT, "What it means."),
    key("because", many(TEXT), "The observations that it follows from."),
    key("do", many(TEXT), "What to do, in order."),
)

_CAUSE = structure(
    "cause",
    key("id", choice(CauseId), "Identifies the cause."),
    key("text", TEXT, "The cause as a sentence."),
    key("do", TEXT, "How to confirm or fix it."),
    key("nodes", many(TEXT), "The nodes of the cause; may be empty."),
)

_PREFLIGHT = structure(
    "preflight",
    key("safe", optional(BOOLEAN), "Whether it is safe to install a layer-2 load balancer; null if unknown."),
    key("words", TEXT, "The same as a sentence."),
    key("strictArp", TEXT, "`not-needed`, `set`, `not-set`, `not-loaded` or `unknown`."),
    key("reason", TEXT, "Why `strictArp` has this value."),
    key("ipv6", optional(TEXT), "What was seen of the nodes in IPv6; null if none is known to have an IPv6 address."),
)

_GAP = structure(
    "gap",
    key("what", TEXT, "The resource that could not be read, or what was not probed."),
    key("why", TEXT, "`forbidden`, `timed out`, and so on."),
    key("costs", TEXT, "The impact on this report."),
)

_INTERFACE = structure(
    "interface",
    key("name", TEXT, "Its name in the kernel."),
    key("mac", optional(MAC), "Null if it has none."),
    key("addresses", many(TEXT), "IPv4 with prefix length."),
    key("up", BOOLEAN, "Whether it was up."),
    key("arpIgnore", optional(INTEGER), "The larger of its own sysctl and that of `all`; null if it was not read."),
    key("arpAnnounce", optional(INTEGER), "The larger of its own sysctl and that of `all`; null if it was not read."),
)

_RUN = structure(
    "run",
    key("arpcheck", TEXT, "The version that sent the requests."),
    key("startedAt", TIME, "By the prober's clock."),
    key("endedAt", TIME, "By the prober's clock."),
    key("interfaces", many(_INTERFACE), "The prober's interfaces that sent requests."),
    key("interfacesBecause", optional(TEXT), "Why arpcheck chose these; null if they were given."),
    key(
        "context",
        optional(TEXT),
        "The context in the kubeconfig, `in-cluster`, or the name of a file; null if there is none.",
    ),
    key("kubeconfig", optional(TEXT), "The path of the kubeconfig, if an option or KUBECONFIG named it; else null."),
    key("cluster", optional(TEXT), "The API server's version."),
    key("rounds", COUNT, "The planned rounds."),
    key("wait", NUMBER, "Seconds that it waited for replies after the last request."),
    key("rate", NUMBER, "Frames per second on each interface."),
    key("sender", TEXT, "`--sender` as it was given."),
    key("sent", COUNT, "Requests that were sent."),
    key("received", COUNT, "Replies to these requests."),
    key("lost", COUNT, "Frames that the prober's kernel dropped."),
    key("ignored", _COUNTS, "Other ARP frames, by the reason why they were ignored."),
)

_EVIDENCE = plain("object", {"type": "object"})

REPORT: Type = structure(
    KIND,
    key("apiVersion", plain(f"`{VERSION}`", {"const": VERSION}), "The version of this contract.", lambda _: VERSION),
    key("kind", plain(f"`{KIND}`", {"const": KIND}), "The kind of the document.", lambda _: KIND),
    key("summary", _SUMMARY, "The result of the run."),
    key("targets", many(_TARGET), "The addresses of the Services, and the addresses that were probed to judge them."),
    key("nodes", many(_NODE), "The nodes of the cluster."),
    key("findings", many(_FINDING), "What was found besides the verdicts."),
    key("causes", many(_CAUSE), "Likely causes of the verdicts."),
    key("preflight", optional(_PREFLIGHT), "Null for probe."),
    key("gaps", many(_GAP), "What could not be read or probed."),
    key("run", _RUN, "How the run was made."),
    key("evidence", _EVIDENCE, "All observations, in an internal format. `arpcheck report FILE` judges them again."),
)


def document(report: Report) -> Mapping[str, Any]:
    """Plain objects and lists. Responders and rows of evidence are made on demand."""
    found: Mapping[str, Any] = REPORT.write(report)
    return found


def schema_text() -> str:
    """The text of `report.schema.json`."""
    about = "Written by `arpcheck probe -o json`. Every entry has every key; an unknown value is null or an empty list."
    return json.dumps(schema(f"arpcheck {KIND} v1", about, KIND, REPORT), indent=2) + "\n"


def keys() -> Iterator[Row]:
    """Each key of the report with its path, type and description, for the reference page."""
    return table(REPORT)
