"""What a flood must not bring about, whatever it consists of: by the truth of the scene in `flooded`."""

from flooded import IPV6

MOST_MEGABYTES = 256
PROVEN = {"non-strict", "foreign", "proxy-arp", "duplicate"}
ALLOWED_ARP = {
    "worker-1": {"quiet", "unknown", "unreached"},
    "worker-2": {"non-strict", "unknown", "unreached"},
    "worker-3": {"quiet", "unknown", "unreached"},
}
ALLOWED_ARP6 = dict.fromkeys(ALLOWED_ARP, frozenset(("ipv6-alone", "unknown", "unreached")))
"""No kernel is without strict ARP in IPv6, whatever an attacker says."""
COUNTED_AS = {"not_asked": "not-asked", "gratuitous": "announcement", "own_mac": "own-mac", "checksums": "checksum"}
"""Attacks that bring no reply to any question; all others bring more of them than are kept."""


def broken(attack, result):
    """The promises that a result of `flooded.under` breaks, each a line."""
    report = result["report"]
    if report is None or result["code"] not in (1, 3):
        return [f"exit code {result['code']}: {result['stderr']}"]
    allowed = ALLOWED_ARP6 if attack.startswith(IPV6) else ALLOWED_ARP
    return [*_weight(result), *_verdict(report, allowed), *_words(attack.removeprefix(IPV6), report)]


def _weight(result):
    if result["megabytes"] > MOST_MEGABYTES:
        yield f"{result['megabytes']:.0f} MB"


def _verdict(report, allowed):
    target = next(target for target in report["targets"] if target["kind"] == "load-balancer")
    heard = {responder["node"] for responder in target["responders"]}
    if target["verdict"] not in PROVEN | {"inconclusive"}:
        yield f"{target['ip']} is {target['verdict']}: {target['reason']}"
    if not {"worker-1", "worker-2"} <= heard and target["verdict"] != "inconclusive" and "frames-lost" not in _found(report):
        yield f"{target['ip']}: of the true answers {sorted(filter(None, heard))} were found, and nothing says so"
    for node in report["nodes"]:
        if node["arp"] not in allowed[node["name"]]:
            yield f"{node['name']} is {node['arp']}: {node['reason']}"


def _words(attack, report):
    kind = COUNTED_AS.get(attack)
    if kind and not report["run"]["ignored"].get(kind):
        yield f"nothing is counted as {kind}"
    if not kind and "frames-lost" not in _found(report):
        yield "no finding says that replies were not kept"


def _found(report):
    return {finding["id"] for finding in report["findings"]}
