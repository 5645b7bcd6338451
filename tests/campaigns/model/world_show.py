"""One world, its truth and the report, in words: `python tests/campaigns/model/world_show.py SEED [without,traits]`."""

import sys

from world_campaign import judged


def main(seed: int, without: frozenset[str]) -> None:
    result = judged(seed, without)
    world, report = result.world, result.report
    say = print
    say(
        f"seed {seed}: {world.options}, kube-proxy {world.kube_proxy}, prober on {world.prober.machine} {world.prober.interfaces}, traits {list(world.traits)}"
    )
    for line in world.about:
        say(f"  - {line}")
    for node in world.nodes.values():
        machine = world.machines[node.name]
        nics = ", ".join(
            f"{nic.name}@{nic.segment} {nic.mac} {[str(a) for a in nic.addresses]}{list(nic.legs) or ''}"
            for nic in machine.nics
        )
        say(
            f"  {node.name} {node.ip} ready={node.ready} on={machine.on} arp_ignore={machine.arp_ignore} held={len(machine.held)}: {nics}"
        )
    for service in world.services:
        found = result.truth.addresses[service.ip]
        say(
            f"  {service.ip} {service.kind} {[(lead.machine, lead.start) for lead in service.leads]}: {found.state}, {found.why}"
        )
        for spell in found.spells:
            say(
                f"      {spell.segment} {spell.start:.2f}-{spell.end:.2f} answers {sorted(spell.answer)}, should {sorted(spell.should)}"
            )
    say(
        f"  loud {sorted(result.truth.loud)}, conflicts {result.truth.conflicts}, twins {sorted(result.truth.twins)}, shouters {result.truth.shouters}"
    )
    say(
        f"REPORT exit {report.summary.exit_code}: {'; '.join(report.summary.because)}; healthy {result.healthy}, provable {result.provable}"
    )
    for target in report.targets:
        heard = [(r.node or "?", *r.macs, r.rounds, r.replies_per_probe) for r in target.responders]
        say(f"  {target.target.kind} {target.target.ip} {target.verdict or ''}: {target.reason} {heard}")
    for node in report.nodes:
        say(f"  {node.name} {node.arp}: {node.reason}")
    for finding in report.findings:
        say(
            f"  {finding.severity} {finding.id}: {finding.nodes} {[str(ip) for ip in finding.ips]} {'; '.join(finding.because)}"
        )
    for gap in report.gaps:
        say(f"  gap {gap.what}: {gap.why}")
    for wrong in result.wrong:
        say(f"WRONG {wrong}")


if __name__ == "__main__":
    main(int(sys.argv[1]), frozenset(sys.argv[2].split(",")) if len(sys.argv) > 2 else frozenset())
