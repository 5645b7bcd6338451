"""redact: the same verdicts, and no original left: no name, no address, no MAC, in no file, in no longer string."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_runs import NOW, evidence_of, scene_of
from simulated.sampling import sampled

from arpcheck import pipeline
from arpcheck.evidence import Capture, MacEntry
from arpcheck.evidence_json import from_json, to_json
from arpcheck.lab import scene_file
from arpcheck.model import Acceptance, Gratuitous, Mac, MacListFormat, Neighbour, PassedOver, PassReason, Verdict
from arpcheck.objects import Objects
from arpcheck.reports import FORMATS, render
from arpcheck.runs.merge import merge
from arpcheck.runs.redact import difference, left_over, redact
from arpcheck.runs.redact.objects import Strings
from arpcheck.runs.redact.pseudonyms import Addresses, Macs, Names

LATER = NOW + timedelta(minutes=5)


def texts(redacted):
    report = pipeline.conclude(redacted.evidence)
    return [*(render(report, name) for name in FORMATS), json.dumps(to_json(redacted.evidence))]


def again(evidence):
    """The redacted evidence, held against the original."""
    return again_with_texts(evidence)[0]


def again_with_texts(evidence):
    redacted = redact(evidence)
    before, after = pipeline.conclude(evidence), pipeline.conclude(redacted.evidence)
    assert difference(before, after, redacted.found) is None
    assert pipeline.conclude(from_json(json.loads(json.dumps(to_json(redacted.evidence))), "x")) == after
    pages = texts(redacted)
    assert left_over(pages, redacted.found) == ()
    return redacted, pages


@pytest.mark.parametrize("name", sampled(scene_file.names()))
def test_every_scene_is_judged_the_same_and_nothing_is_left(name):
    _, pages = again_with_texts(evidence_of(scene_of(name)))
    originals = re.compile(r"worker-\d|\bweb/|nginx|10\.0\.\d+\.\d+|10\.96\.|192\.168\.|02:0[12]:00:00:0[1-9]")
    found = {text for page in pages for text in originals.findall(page)}
    assert found == set()


def test_what_was_read_a_second_time_is_redacted_too():
    """A Lease that was not there before, of a node that nothing else names."""
    spec = {"holderIdentity": "secret-host", "renewTime": "2026-03-01T12:00:00Z", "leaseDurationSeconds": 15}
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "topsecret", "namespace": "offsite"},
        "spec": spec,
    }
    before = evidence_of(scene_of("healthy"))
    redacted = again(replace(before, after=Objects(resources={"leases.coordination.k8s.io": (lease,)}, read_at=LATER)))
    assert not [page for page in texts(redacted) if "secret" in page or "offsite" in page]


def test_the_same_evidence_gives_the_same_pseudonyms():
    evidence = evidence_of(scene_of("two-non-strict"))
    assert to_json(redact(evidence).evidence) == to_json(redact(evidence).evidence)


# ------------------------------------------------------------------------------------------------------------- names

HOSTILE = """
title = "Names of all kinds"
about = "Made by a test."
[nodes]
node-1 = {{ ipvs = "strict", nics = {{ eth0 = {{ addresses = "10.0.0.11" }} }} }}
"{first}" = {{ ipvs = "non-strict", nics = {{ eth0 = {{ addresses = "10.0.0.12" }} }} }}
"db-7.rack3.acme.example" = {{ ipvs = "strict", nics = {{ eth0 = {{ addresses = "10.0.0.13" }} }} }}
[cluster.kube_proxy]
strict_arp = false
[[services]]
name = "{space}/{service}"
ips = "10.0.0.50"
l2_status = "node-1"
[[services]]
name = "payments/billing-api"
ips = "10.0.0.51"
events = [{{ node = "{first}", age = "60s" }}]
[[announcers]]
at = "node-1"
ips = "10.0.0.50"
[[announcers]]
at = "{first}"
ips = "10.0.0.51"
"""


@pytest.mark.parametrize(
    "service", ["ok", "node", "verdict", "ipvs", "true", "metallb", "kube-proxy", "layer2", "null", "mac"]
)
@pytest.mark.parametrize(("space", "first"), [("ok", "strict"), ("mode", "metallb"), ("web", "silent")])
def test_a_name_that_is_a_word_of_the_report_destroys_nothing(service, space, first):
    scene = scene_of("made", HOSTILE.format(service=service, space=space, first=first))
    evidence = evidence_of(scene)
    redacted = again(evidence)
    report = pipeline.conclude(redacted.evidence)
    assert {node.name for node in report.nodes}.isdisjoint({"node-1 ", first, "db-7.rack3.acme.example"})
    [billed] = [t for t in report.targets if t.announcers and t.announcers[0].source.startswith("Event")]
    assert {claim.node for claim in billed.announcers} == {responder.node for responder in billed.responders}
    assert {node.kube_proxy.mode for node in report.nodes} == {"ipvs"}
    names = {name for target in report.targets for name in target.target.services}
    assert all(re.fullmatch(r"namespace-\d/(service|namespace|node)-\d", name) for name in names), names
    assert not re.search("acme|rack3|billing|payments", "".join(texts(redacted)))


def test_a_pseudonym_is_never_a_real_name():
    scene = scene_of("made", HOSTILE.format(service="service-1", space="namespace-1", first="node-2"))
    redacted = again(evidence_of(scene))
    table = redacted.found.names.table()
    assert set(table.values()).isdisjoint(table)


def test_everything_that_has_a_name():
    evidence = evidence_of(scene_of("made", HOSTILE.format(service="shopx", space="retailx", first="hv-quux-2")))
    bond = replace(evidence.host.interfaces[0], name="bond0.quux", addresses=())
    entry = MacEntry(
        mac=Mac("02:01:00:00:09:09"), node="hv-quux-9", interface="ens18f0np0", where="quux-macs.csv:3 (arp-scan)",
        format=MacListFormat.ARP_SCAN,
    )  # fmt: skip
    full = replace(
        evidence,
        host=replace(
            evidence.host, interfaces=(*evidence.host.interfaces, bond),
            neighbours=(Neighbour(ip=IPv4Address("10.0.0.50"), mac=Mac("02:01:00:00:01:00"), interface="bond0.quux"),),
        ),
        objects=Objects(
            resources=evidence.objects.resources, gaps=evidence.objects.gaps, context="jane@quux", version="v1.33.4-acme.7", read_at=NOW
        ),
        accepted=(Acceptance(verdict=Verdict.NON_STRICT, service="retailx/shopx", reason="Jane has it", until=date(2026, 4, 1)),),
        capture=Capture(name="quux.pcap", frames=9, unseen=0),
        gratuitous=(Gratuitous(at=1.0, interface="bond0.quux", ip=IPv4Address("10.0.0.50"), mac=Mac("02:01:00:00:09:09"), source=Mac("02:01:00:00:09:09"), frames=1),),
        passed_over=(PassedOver(interface="bond1.quux", ip=IPv4Address("10.0.0.50"), mac=Mac("02:01:00:00:09:09"), reason=PassReason.VLAN, vlan=7, frames=1),),
        trouble=("bond0.quux went down after 3.1 s",),
        mac_map=(entry,),
        options=replace(evidence.options, selector="team in (checkout,quuxes)", load_balancer_classes=("acme.example/lb",)),
    )  # fmt: skip
    redacted = redact(full)
    left = re.findall(
        r"quux|acme|jane|checkout|ens18|retailx|shopx|hv-|02:01:00:00:09:09", "".join(texts(redacted)), re.IGNORECASE
    )
    assert left == []
    assert redacted.evidence.objects.version == "v1.33.4"
    assert redacted.evidence.trouble == ("if-1 went down after 3.1 s",)
    assert redacted.evidence.mac_map[0].where.endswith(":3 (arp-scan)")


def test_a_selector_still_selects_what_it_selected():
    text = HOSTILE.format(service="shop", space="retail", first="hv-2").replace(
        'l2_status = "node-1"', 'l2_status = "node-1"\nlabels = { team = "checkout" }'
    )
    evidence = evidence_of(scene_of("made", text), selector="team=checkout")
    assert [str(t.target.ip) for t in pipeline.conclude(evidence).targets if t.verdict] == ["10.0.0.50"]
    redacted = again(evidence)
    assert len([t for t in pipeline.conclude(redacted.evidence).targets if t.verdict]) == 1
    assert "checkout" not in "".join(texts(redacted))


def test_a_merged_run():
    strict = "prober-is-node"
    scene = scene_of(strict)
    merged = merge([("a", evidence_of(scene)), ("b", evidence_of(scene, at=LATER, prober="worker-1"))])
    redacted = again(merged)
    assert [vantage.name for vantage in redacted.evidence.vantages] == ["node-3", "node-1"]
    assert {question.interface for question in redacted.evidence.questions} == {"node-3:eth0", "node-1:eth0"}


STRINGS = [
    pytest.param("10.0.0.50", "100.64.0.2", id="an address"),
    pytest.param("10.0.0.0/24", "100.64.0.0/24", id="a network"),
    pytest.param("10.0.0.50-10.0.0.60", "100.64.0.2-100.64.0.3", id="a range"),
    pytest.param("10.0.0.50:6443", "100.64.0.2:6443", id="a port"),
    pytest.param("https://10.0.0.50:6443/api", "https://100.64.0.2:6443/api", id="an URL"),
    pytest.param('["10.0.0.50/24", {"ip": "10.0.0.60"}]', '["100.64.0.2/24", {"ip": "100.64.0.3"}]', id="JSON"),
    pytest.param("10.0.0.50,10.0.0.60", "100.64.0.2,100.64.0.3", id="a list"),
    pytest.param("02:01:00:00:09:01", "02:01:00:00:00:01", id="a MAC"),
    pytest.param("02-01-00-00-09-01", "02:01:00:00:00:01", id="a MAC with dashes"),
    pytest.param(
        'announcing from node "db-7" with protocol "layer2"',
        'announcing from node "node-1" with protocol "layer2"',
        id="an event",
    ),
    pytest.param("--hostname-override=db-7", "--hostname-override=node-1", id="an option"),
    pytest.param("/var/lib/kube-proxy/config.conf", "/var/lib/kube-proxy/config.conf", id="a path"),
    pytest.param("db-7.rack.example", "node-1.text-1.text-2", id="a host in a domain"),
    pytest.param("kubevip-db-7", "kubevip-node-1", id="called after it"),
    pytest.param("strictARP: true", "strictARP: true", id="configuration"),
    pytest.param("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", id="a time"),
    pytest.param("v1.33.4+k3s1", "v1.33.4+k3s1", id="a version"),
    pytest.param("v1.33.4-acme.1", "v1.33.4", id="somebody's version"),
    pytest.param("10.0.0.50.nip.io", "text-1", id="an address in a name"),
    pytest.param("10.0.0.50-db", "text-1", id="an address before a word"),
    pytest.param("v10.0.0.50", "text-1", id="an address as a version"),
    pytest.param("10.0.0.050", "text-1", id="an address with zeros"),
    pytest.param("ip-10-0-0-50", "text-1", id="an address with dashes"),
    pytest.param("pool_10_0_0_50", "text-1", id="an address with underscores"),
    pytest.param("50.0.0.10.in-addr.arpa", "text-1", id="an address in the reverse DNS"),
    pytest.param("167772210", "text-1", id="an address as a number"),
    pytest.param("167772211", "167772211", id="a number"),
    pytest.param("[fd00:12::50]:80", "[2001:db8:0:1::1]:80", id="an IPv6 address and a port"),
    pytest.param("eth0:fd00:12::50", "text-1", id="an IPv6 address in a name"),
    pytest.param("02_01_00_00_09_01", "text-1", id="a MAC with underscores"),
    pytest.param("-ndb-7", "-text-1", id="a name as an option"),
    pytest.param("--db-7", "--node-1", id="a name as a long option"),
    pytest.param("nic-02:01:00:00:09:01", "text-1", id="a MAC in a name"),
    pytest.param("Jane's cluster", "text-1 cluster", id="a remark"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("text", "expected"), STRINGS)
def test_one_string(text, expected):
    hosts = [IPv4Address(f"10.0.0.{n}") for n in (5, 50, 60)]
    addresses = Addresses(hosts, [IPv4Network("10.0.0.0/24")], [IPv6Address("fd00:12::50")])
    names = Names()
    names.give_host("db-7", "node")
    assert Strings(names, addresses, Macs([Mac("02:01:00:00:09:01")], {})).value(text) == expected


@given(st.text(max_size=60))
def test_any_text_gives_text_and_the_same_for_the_same(text):
    made = Strings(Names(), Addresses([], []), Macs([], {}))
    assert made.value(text) == made.value(text)
    assert isinstance(made.sentence(text), str)


# -------------------------------------------------------------------------------------------------------- addresses

ADDRESSES = st.lists(st.integers(0x0A000000, 0x0A00FFFF).map(IPv4Address), min_size=1, max_size=30, unique=True)
NETWORKS = st.lists(
    st.tuples(st.integers(0x0A000000, 0x0A00FFFF), st.integers(8, 31)).map(lambda n: IPv4Network(n, strict=False)),
    max_size=6,
)


@given(ADDRESSES, NETWORKS)
def test_order_and_subnets_stay(hosts, networks):
    made = Addresses(hosts, networks)
    new = {ip: made.address(ip) for ip in hosts}
    assert [new[ip] for ip in sorted(hosts)] == sorted(new.values())
    assert len(set(new.values())) == len(hosts)
    assert not set(new.values()) & set(hosts)
    for network in networks:
        assert {ip for ip in hosts if ip in network} == {ip for ip in hosts if new[ip] in made.network(network)}


def test_what_means_the_same_everywhere_stays():
    same = [
        IPv4Address(text) for text in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "169.254.20.10")
    ]
    made = Addresses([*same, IPv4Address("10.0.0.1")], [IPv4Network("0.0.0.0/0")])
    assert [made.address(ip) for ip in same] == same
    assert made.interface("0.0.0.0/0") == "0.0.0.0/0"


@pytest.mark.parametrize("real", ["100.64.0.1", "0.64.0.1", "64.0.0.9", "198.18.0.7"])
def test_no_address_is_part_of_another_as_text(real):
    made = Addresses([IPv4Address(real), IPv4Address("10.0.0.1")], [])
    assert not [new for new in made.table().values() if real in new or "10.0.0.1" in new]


def test_a_whole_internet_of_networks_has_room():
    networks = [IPv4Network((n << 24, 8)) for n in range(1, 120)]
    made = Addresses([IPv4Address((n << 24) + 5) for n in range(1, 120)], networks)
    assert (
        len({made.network(network) for network in networks if network.network_address not in (IPv4Address("127.0.0.0"),)})
        > 100
    )


def test_ipv6():
    made = Addresses([], [], [IPv6Address("fd00::50"), IPv6Address("::1"), IPv6Address("2001:db8::1")])
    assert (made.six("::1"), made.six("fd00::50/64")) == ("::1", "2001:db8:0:2::1/64")
    assert made.six("2001:db8::1") == "2001:db8:0:1::1"


def test_an_interface_stays_in_its_network():
    made = Addresses([IPv4Address("192.168.10.5"), IPv4Address("192.168.10.50")], [IPv4Network("192.168.10.0/24")])
    found = IPv4Interface(made.interface("192.168.10.5/24"))
    assert made.address(IPv4Address("192.168.10.50")) in found.network


MACS = [
    "52:54:00:12:34:56",
    "52:54:00:00:00:01",
    "00:00:5e:00:01:33",
    "ee:ee:ee:ee:ee:ee",
    "ff:ff:ff:ff:ff:ff",
    "8c:1f:64:a0:1b:22",
]


def test_macs_keep_what_their_prefix_says():
    made = Macs(map(Mac, MACS), {"8C:1F:64:A0/28": "Acme"})
    new = {text: str(made.mac(Mac(text))) for text in MACS}
    assert new["52:54:00:12:34:56"].startswith("52:54:00:")
    assert new["00:00:5e:00:01:33"].startswith("00:00:5e:00:01:")
    assert new["8c:1f:64:a0:1b:22"].startswith("8c:1f:64:a")
    assert (new["ee:ee:ee:ee:ee:ee"], new["ff:ff:ff:ff:ff:ff"]) == ("ee:ee:ee:ee:ee:ee", "ff:ff:ff:ff:ff:ff")
    assert not {mac for old, mac in new.items() if old[:8] not in ("ee:ee:ee", "ff:ff:ff")} & set(MACS)


# --------------------------------------------------------------------------------------------------- what is left over


def test_the_search_finds_what_a_broken_redaction_would_leave():
    evidence = evidence_of(scene_of("two-non-strict"))
    redacted = redact(evidence)
    for page in (
        "ip-10-0-0-50",
        "50.0.0.10.in-addr.arpa",
        "see worker-2x",
        "xx10.0.0.50",
        "mac=02-01-00-00-01-00",
        "enx020100000100",
        "0201.0000.0100",
        "https://WEB/nginx",
    ):
        assert left_over([page], redacted.found), page
    assert left_over(["node-1 100.64.0.1 verdict ok non-strict"], redacted.found) == ()
