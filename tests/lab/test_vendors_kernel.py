"""The maker of a strange MAC, from the wire to the report, and to a report made again from the saved one."""

import forked
import pytest

from arpcheck import pipeline
from arpcheck.evidence_json import from_json
from arpcheck.reports.document import document

pytestmark = pytest.mark.lab


def vendors(report):
    """Of every responder for a Service's address, by its first MAC."""
    return {r["macs"][0]: r["vendor"] for t in report["targets"] if t["services"] for r in t["responders"]}


@pytest.mark.parametrize(
    ("scene", "mac", "vendor"),
    [
        pytest.param("foreign-host", "00:1b:78:2c:51:9a", "Hewlett Packard", id="by the manufacturer's prefix"),
        pytest.param("vrrp", "00:00:5e:00:01:33", "VRRP or CARP, virtual router 51", id="by a virtual prefix"),
    ],
)
def test_a_strange_mac_is_named_by_its_prefix(scene, mac, vendor):
    report = forked.scene(scene, ["-o", "json", "--rate", "100"]).report
    found = vendors(report)
    assert found.pop(mac) == vendor
    assert set(found.values()) <= {None}, "a node's MAC needs no vendor"
    [target] = [target for target in report["targets"] if target["services"]]
    assert f"{mac} ({vendor})" in target["reason"]
    again = document(pipeline.conclude(from_json(report["evidence"], "saved")))
    assert vendors(again) == vendors(report)
