"""redaction over the objects of every load balancer and every distribution: what the plug-ins read of them stays."""

import ast
import re
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from arpcheck import kubeproxy, loadbalancers, mac_owners, pipeline
from arpcheck.evidence import Evidence, Options
from arpcheck.model import Trust
from arpcheck.objects import Objects
from arpcheck.runs.redact import redact, vocabulary
from arpcheck.runs.redact.vocabulary import WORDS, is_known

FIXTURES = Path(__file__).parent.parent
AT = datetime(2026, 8, 20, 10, 42, tzinfo=UTC)
PLURALS = {
    "DaemonSet": "daemonsets.apps", "Lease": "leases.coordination.k8s.io", "IPAddressPool": "ipaddresspools.metallb.io",
    "ServiceL2Status": "servicel2statuses.metallb.io", "L2Advertisement": "l2advertisements.metallb.io",
    "BGPAdvertisement": "bgpadvertisements.metallb.io", "FelixConfiguration": "felixconfigurations.crd.projectcalico.org",
    "CiliumL2AnnouncementPolicy": "ciliuml2announcementpolicies.cilium.io",
    "CiliumBGPAdvertisement": "ciliumbgpadvertisements.cilium.io", "CiliumBGPPeeringPolicy": "ciliumbgppeeringpolicies.cilium.io",
}  # fmt: skip


def objects(folder):
    found = {"services": [], "nodes": [], "events": [], "pods": [], "leases.coordination.k8s.io": [], "daemonsets.apps": []}
    for path in sorted(folder.glob("*.yaml")):
        for document in filter(None, yaml.safe_load_all(path.read_text())):
            for obj in document["items"] if document["kind"] == "List" else [document]:
                found.setdefault(PLURALS.get(obj["kind"], f"{obj['kind'].lower()}s"), []).append(obj)
    return Objects(resources={resource: tuple(entries) for resource, entries in found.items()})


def redacted(found):
    return redact(Evidence(arpcheck="x", started_at=AT, ended_at=AT, options=Options(), objects=found))


def said(announcements, name):
    """What the implementations say, but for what is recomputed from names."""
    return [
        (
            a.implementation, a.order, bool(a.silence), len(a.macs), a.unread,
            sorted((name(c.node), c.trust, c.rank, c.observed_at) for c in a.claims if c.trust is not Trust.GUESS),
        )
        for a in announcements
    ]  # fmt: skip


def folders(area):
    return [pytest.param(path, id=path.name) for path in sorted((FIXTURES / area / "fixtures").iterdir()) if path.is_dir()]


SHARED_LEASE = ("cilium-1.18", "a-b/c")
"""Two Services whose names run together have one Lease; their pseudonyms don't run together."""


@pytest.mark.parametrize("folder", folders("loadbalancers"))
def test_announcers_stay(folder):
    found = objects(folder)
    made = redacted(found)
    services = {service.full_name: service for service in made.evidence.objects.services()}
    name = lambda text: made.found.names.of(text) or made.strings.value(text, name=True)  # noqa: E731
    for service in found.services():
        other = services[f"{name(service.namespace)}/{name(service.name)}"]
        for ip in (entry.ip for entry in service.ingress if isinstance(entry.ip, IPv4Address)):
            before = loadbalancers.announcements(service, ip, found, AT)
            after = loadbalancers.announcements(other, made.found.addresses.address(ip), made.evidence.objects, AT)
            if (folder.name, service.full_name) != SHARED_LEASE:
                assert said(before, name) == said(after, str), service.full_name
                why = loadbalancers.reasons(service, ip, found, AT)
                same = loadbalancers.reasons(other, made.found.addresses.address(ip), made.evidence.objects, AT)
                assert [(r.id, r.certainty) for r in why] == [(r.id, r.certainty) for r in same], service.full_name


@pytest.mark.parametrize("folder", folders("kubeproxy"))
def test_the_configuration_of_kube_proxy_stays(folder):
    found = objects(folder)
    made = redacted(found)
    before, after = kubeproxy.kube_proxies(found), kubeproxy.kube_proxies(made.evidence.objects)
    facts = lambda proxies: {n: (p.mode, p.strict_arp, p.loaded, len(p.notes)) for n, p in proxies.items()}  # noqa: E731
    assert {made.found.names.of(n) or n: fact for n, fact in facts(before).items()} == facts(after)


@pytest.mark.parametrize(
    "name", ["worker", "web", "nginx", "acme", "payments", "worker-1", "db-7", "x7k2p", "wörker", "prod"]
)
def test_what_people_call_their_things_is_no_vocabulary(name):
    assert not is_known(name)


@pytest.mark.parametrize(
    "text", ["kube-proxy", "metallb.io/ip-allocated-from-pool", "strictARP", "layer2", "InternalIP", "v1"]
)
def test_what_is_looked_for_is(text):
    assert is_known(text)


def test_a_namespace_that_a_plug_in_looks_into_stays():
    proxy = {
        "kind": "DaemonSet",
        "apiVersion": "apps/v1",
        "metadata": {"name": "kube-proxy", "namespace": "openshift-kube-proxy"},
    }
    other = {**proxy, "metadata": {"name": "kube-proxy", "namespace": "kube-router"}}
    made = redacted(Objects(resources={"daemonsets.apps": (proxy, other)})).evidence.objects.of("daemonsets.apps")
    assert [obj["metadata"]["namespace"] for obj in made] == ["openshift-kube-proxy", "namespace-1"]


IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_:=*-]*")
"""A text of a plug-in that is a key, a value, a name or a path; not a sentence and not a pattern."""
PEOPLES = {"worker"}
"""What people call their nodes, though a plug-in spells it too."""


def spelt():
    """Every word that plug-ins may look for in objects, with where it stands. The formats of a MAC list look into files."""
    for area in (loadbalancers, mac_owners, kubeproxy):
        for path in sorted(Path(area.__file__).parent.rglob("*.py")):
            if path.parent.name == "mac_list" and path.name != "objects.py":
                continue
            tree = ast.parse(path.read_text())
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            docs |= {
                id(x)
                for node in tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
                for x in ast.walk(node.value)
            }
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and id(node) not in docs
                    and IDENTIFIER.fullmatch(node.value)
                ):
                    yield node.value, f"{path.name}:{node.lineno}"
    for need in pipeline.NEEDS:
        for text in (need.resource, *need.fields, *need.names):
            yield text, need.resource


def test_every_word_that_a_plug_in_looks_for_is_listed():
    """Red: add the words to arpcheck/runs/redact/vocabulary.py, in their order."""
    found = {word.lower(): where for text, where in spelt() for word in re.findall("[A-Za-z0-9]+", text)}
    assert {word: where for word, where in found.items() if word not in PEOPLES and not is_known(word)} == {}


def test_the_words_are_in_order_and_each_once():
    listed = vocabulary._LISTED.split()
    assert listed == sorted({word.lower() for word in listed})
    assert {*listed} == WORDS
