"""A neighbour table beside every scene and world: what another host once saw may be old, and is wrong for one of two machines
that have one address. Whatever it says, it accuses nobody, and it makes nothing clean."""

from dataclasses import replace

import pytest
from simulated.sampling import sampled
from test_scenes_changed import ALL, observed

from arpcheck import pipeline
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners import node_addresses, service_addresses
from arpcheck.model import MacListFormat, Outcome


def outcomes(report):
    return {target.target.ip: target.verdict.outcome for target in report.targets if target.verdict}


def tables(evidence):
    """Each MAC that replied at each node's address, and all of them at once, each at the next node's."""
    macs = sorted({reply.mac for reply in evidence.replies})
    addresses = [ip for own in node_addresses(evidence.objects).values() for ip in own[:1]]
    rows = [
        MacEntry(mac=mac, node=str(ip), interface=None, where="arp.txt:1 (ip neigh)", format=MacListFormat.IP_NEIGH)
        for mac in macs for ip in addresses
    ]  # fmt: skip
    return [*((row,) for row in rows), tuple(rows[1::2]), tuple(rows)]


@pytest.mark.parametrize("name", sampled(ALL), ids=lambda name: name.rpartition("/")[2].removesuffix(".toml"))
def test_a_neighbour_table_decides_nothing(name):
    evidence = observed(name)
    without = pipeline.conclude(evidence)
    before, code = outcomes(without), without.summary.exit_code
    for table in tables(evidence):
        found = pipeline.conclude(replace(evidence, mac_map=(*evidence.mac_map, *table)))
        after = outcomes(found)
        assert after.keys() == before.keys()
        for ip, outcome in after.items():
            # A stranger of another make than any node is foreign only where nobody saw it at a node's address.
            foreign = before[ip] is Outcome.FAULT and outcome is Outcome.UNSURE
            assert outcome is before[ip] or foreign, (ip, table)
        assert found.summary.exit_code in (code, 3 if code == 1 else code), table
        assert {finding.id for finding in found.findings if finding.severity.value == "error"} <= {
            finding.id for finding in without.findings if finding.severity.value == "error"
        }


def test_an_entry_of_a_service_address_is_not_a_nodes():
    """In the very fault that arpcheck looks for, it names whoever won there. Of each scene in which a node has such an address
    of its own."""
    tried = 0
    for name in ALL:
        evidence = observed(name)
        own = {ip for ips in node_addresses(evidence.objects).values() for ip in ips}
        macs = {reply.mac for reply in evidence.replies}
        rows = tuple(
            MacEntry(mac=mac, node=str(ip), interface=None, where="arp.txt:1", format=MacListFormat.IP_NEIGH)
            for ip in own & service_addresses(evidence.objects) for mac in macs
        )  # fmt: skip
        tried += len(rows)
        assert (
            pipeline.conclude(replace(evidence, mac_map=(*evidence.mac_map, *rows))).targets
            == pipeline.conclude(evidence).targets
        )
    assert tried > 5
