"""The scene reader: what a scene need not say, what it can say, and every fault with its place."""

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from arpcheck.errors import InputError
from arpcheck.lab import scene_file, scene_network
from arpcheck.lab.scene import SYSCTLS, ExpectedResponder, Ipvs, KubeEvent, Route, Shape
from arpcheck.model import AlsoId, Arp, Mac, Verdict

HEAD = 'title = "A title"\nabout = "What it is about."\n'


def parsed(text=""):
    return scene_file.parse(HEAD + text, "scene")


def test_a_scene_that_says_nothing():
    scene = parsed()
    assert (scene.name, scene.title, scene.about) == ("scene", "A title", "What it is about.")
    assert scene.lans == {"lan": IPv4Network("10.0.0.0/24")}
    assert [station.name for station in scene.stations] == ["worker-1", "worker-2", "worker-3", "client"]
    assert [str(station.nics[0].addresses[0]) for station in scene.stations] == [
        "10.0.0.11/24", "10.0.0.12/24", "10.0.0.13/24", "10.0.0.5/24",
    ]  # fmt: skip
    assert [station.nics[0].mac for station in scene.stations] == [
        "02:01:00:00:01:00", "02:01:00:00:02:00", "02:01:00:00:03:00", "02:02:00:00:01:00",
    ]  # fmt: skip
    assert [(s.full_name, s.cluster_ip, s.ips) for s in scene.cluster.services] == [
        ("default/kubernetes", "10.96.0.1", ()),
        ("kube-system/kube-dns", "10.96.0.10", ()),
        ("web/nginx", "10.96.0.101", ("10.0.0.50",)),
    ]
    assert [(node.name, node.addresses, node.ready) for node in scene.cluster.nodes] == [
        ("worker-1", ("10.0.0.11",), True),
        ("worker-2", ("10.0.0.12",), True),
        ("worker-3", ("10.0.0.13",), True),
    ]
    assert (scene.prober.station, scene.prober.interfaces, scene.prober.options) == ("client", ("eth0",), ())
    assert (scene.announcers, scene.expect) == ((), None)


def test_an_ipvs_node_holds_every_service_address_but_its_own():
    scene = parsed(
        'nodes.worker-1 = { ipvs = "strict", addresses = ["10.0.0.11", "10.0.0.50/32"] }\nnodes.worker-2.ipvs = "non-strict"'
    )
    first, second = scene.stations[:2]
    assert first.own == {IPv4Address("10.0.0.11"), IPv4Address("10.0.0.50")}
    assert [str(ip) for ip in first.held] == ["10.96.0.1", "10.96.0.10", "10.96.0.101"]
    assert [str(ip) for ip in second.held] == ["10.0.0.50", "10.96.0.1", "10.96.0.10", "10.96.0.101"]
    assert (first.sysctl, second.sysctl) == ({"arp_ignore": 1, "arp_announce": 2}, {})


@pytest.mark.parametrize(
    ("service", "held"),
    [
        pytest.param('ips = ["10.0.0.50", "fd00::1"]', ["10.0.0.50"], id="IPv6 is not"),
        pytest.param('ips = "10.0.0.50"\nip_mode = "Proxy"', [], id="ipMode Proxy is not"),
        pytest.param('external_ips = "10.0.0.60"', ["10.0.0.60"], id="external IPs are"),
        pytest.param('type = "NodePort"', [], id="a NodePort has none"),
    ],
)
def test_what_an_ipvs_node_binds_beside_cluster_ips(service, held):
    scene = parsed(f'nodes.n = {{ ipvs = "strict", addresses = "10.0.0.9" }}\n[[services]]\nname = "web/x"\n{service}')
    found = [str(ip) for ip in scene.stations[0].held]
    assert [ip for ip in found if not ip.startswith("10.96.")] == held


def test_held_says_it_all_and_needs_no_ipvs():
    [station, _] = parsed('nodes.worker-1.held = ["10.96.0.1"]').stations
    assert (station.held, station.sysctl) == ((IPv4Address("10.96.0.1"),), {})


def test_nics_lans_routes_and_sysctls():
    scene = parsed(
        """
        [lans]
        front = "10.1.0.0/16"
        lan = "10.0.0.0/24"
        [hosts.router]
        sysctl = { forwarding = 1 }
        routes = { default = "eth1", "10.0.0.48/28" = "eth1" }
        [hosts.router.nics]
        eth0 = { addresses = ["10.0.0.1", "10.0.0.9/32"], sysctl = { proxy_arp = 1 } }
        eth1 = { lan = "front", addresses = "10.1.0.1", mac = "52:54:00:00:00:01" }
        """
    )
    router = scene.station("router")
    inner, outer = router.nics
    assert (inner.lan, inner.addresses) == ("lan", (IPv4Interface("10.0.0.1/24"), IPv4Interface("10.0.0.9/32")))
    assert (outer.lan, outer.addresses, outer.mac) == ("front", (IPv4Interface("10.1.0.1/16"),), Mac("52:54:00:00:00:01"))
    assert [router.effective("proxy_arp", nic) for nic in router.nics] == [1, 0]
    assert router.routes == (
        Route(to=IPv4Network("0.0.0.0/0"), nic="eth1"), Route(to=IPv4Network("10.0.0.48/28"), nic="eth1"),
    )  # fmt: skip


def test_a_node_that_is_not_on_the_lan():
    scene = parsed('nodes.far = { nics = {}, internal_ips = "10.9.0.1", ready = false }')
    assert (scene.stations[0].nics, scene.cluster.nodes[0].addresses) == ((), ("10.9.0.1",))
    assert scene.cluster.nodes[0].ready is False


def test_the_client_is_there_only_where_it_probes():
    assert [s.name for s in parsed('nodes.worker-1 = {}\nprober.at = "worker-1"').stations] == ["worker-1"]


def test_claims_and_ages():
    scene = parsed(
        """
        [[services]]
        name = "web/nginx"
        ips = "10.0.0.50"
        l2_status = ["worker-1", "worker-2"]
        events = [{ node = "worker-3", age = "3h" }, { node = "worker-1", protocol = "bgp" }, { reason = "announceFailed", message = "x" }]
        [[cluster.leases]]
        name = "kube-system/x"
        holder = "worker-1"
        renewed = "500ms"
        acquired = "90s"
        renews = "1s"
        """
    )
    service, [lease] = scene.cluster.services[-1], scene.cluster.leases
    assert service.l2_status == ("worker-1", "worker-2")
    assert service.events == (
        KubeEvent(node="worker-3", age=10800.0), KubeEvent(node="worker-1", age=60.0, protocol="bgp"),
        KubeEvent(node="", age=60.0, reason="announceFailed", message="x"),
    )  # fmt: skip
    assert (lease.namespace, lease.name, lease.holder, lease.renewed) == ("kube-system", "x", "worker-1", 0.5)
    assert (lease.acquired, lease.renews) == (90.0, 1.0)


def test_the_files_that_the_prober_has():
    prober = parsed("prober = { mac_list = '02:01:00:00:01:00,worker-1', accepted = '[]' }").prober
    assert (prober.mac_list, prober.accepted) == ("02:01:00:00:01:00,worker-1", "[]")
    assert (parsed().prober.mac_list, parsed().prober.accepted) == (None, None)


@pytest.mark.parametrize(
    ("nodes", "mode", "strict"),
    [
        pytest.param("", "iptables", False, id="no IPVS node"),
        pytest.param('nodes.worker-1.ipvs = "strict"', "ipvs", True, id="all strict"),
        pytest.param('nodes.worker-1.ipvs = "non-strict"', "ipvs", False, id="none strict"),
        pytest.param('nodes = { worker-1.ipvs = "non-strict", worker-2.ipvs = "strict" }', "ipvs", True, id="a stray one"),
        pytest.param('cluster.kube_proxy = { mode = "", strict_arp = true }', "", True, id="said"),
    ],
)
def test_kube_proxy_is_configured_as_the_nodes_show_or_as_it_is_said(nodes, mode, strict):
    config = parsed(nodes).cluster.kube_proxy
    assert (config.mode, config.strict_arp) == (mode, strict)


def test_no_kube_proxy_objects():
    assert parsed('cluster.kube_proxy.mode = "none"').cluster.kube_proxy is None


ARP = {"worker-1": Arp.NON_STRICT, "worker-2": Arp.QUIET, "worker-3": Arp.QUIET}
"""The last as a scene of 0.1.0 has it."""


def test_expectations():
    expect = parsed(
        """
        [expect]
        exit = 1
        findings = ["b", "a"]
        gaps = "nodes"
        verdicts = { "10.0.0.50" = "ok" }
        arp = { worker-1 = "non-strict", worker-2 = "quiet", worker-3 = "strict" }
        also = { "10.0.0.50" = ["stranger", "nobody-else"], "10.0.0.51" = [] }
        responders = { "10.0.0.50" = ["worker-2", "?printer"], "10.0.0.51" = { worker-1 = [1, 2] } }
        """
    ).expect
    assert (expect.exit_code, expect.findings, expect.gaps) == (1, ("a", "b"), ("nodes",))
    assert expect.also == {"10.0.0.50": (AlsoId.NOBODY_ELSE, AlsoId.STRANGER), "10.0.0.51": ()}
    assert (expect.verdicts, expect.arp) == ({"10.0.0.50": Verdict.OK}, ARP)
    assert expect.responders == {
        "10.0.0.50": (ExpectedResponder(station="?printer"), ExpectedResponder(station="worker-2")),
        "10.0.0.51": (ExpectedResponder(station="worker-1", rounds=(1, 2)),),
    }


FAULTS = {
    "a state that a node has never": (
        '[expect]\nexit = 0\narp = { w = "loud" }',
        "scene: expect.arp.w: 'loud' is none of ipv6-alone, non-strict",
    ),
    "not TOML": ("[", "scene: "),
    "unknown key at the top": ("colour = 1", "scene: colour: no such key"),
    "unknown key of a node": ("nodes.worker-1.stict = true", "scene: nodes.worker-1.stict: no such key"),
    "unknown key of a NIC": ("nodes.a.nics.eth0.ip = 1", "scene: nodes.a.nics.eth0.ip: no such key"),
    "unknown key of a Service": ('[[services]]\nname = "a/b"\nip = 1', "scene: services[1].ip: no such key"),
    "unknown key of an announcer": ('[[announcers]]\nat = "client"\nip = 1', "scene: announcers[1].ip: no such key"),
    "unknown key of the prober": ("prober.where = 1", "scene: prober.where: no such key"),
    "unknown key of the cluster": ("cluster.colour = 1", "scene: cluster.colour: no such key"),
    "unknown key of an expectation": ("expect = { exit = 0, code = 1 }", "scene: expect.code: no such key"),
    "unknown sysctl": (
        "nodes.a.sysctl.arp = 1",
        "scene: nodes.a.sysctl.arp: none of arp_announce, arp_filter, arp_ignore, forwarding, proxy_arp, rp_filter",
    ),
    "a word that is none": ('nodes.a.ipvs = "loose"', "scene: nodes.a.ipvs: 'loose' is none of non-strict, strict"),
    "a verdict that is none": (
        'expect = { exit = 0, verdicts = { a = "fine" } }',
        "scene: expect.verdicts.a: 'fine' is none of ",
    ),
    "a cause that there is not": (
        'expect = { exit = 0, causes = { a = "b" } }',
        "scene: expect.causes.a: 'a' is not a valid CauseId",
    ),
    "what else can't hold": ('expect = { exit = 0, also = { a = "b" } }', "scene: expect.also.a: 'b' is not a valid AlsoId"),
    "an event of no node": ('[[services]]\nname = "a/b"\nevents = [{}]', "scene: services[1].events[1].node: missing"),
    "a number for text": ("prober.at = 1", "scene: prober.at: str expected, not int"),
    "text for a number": ('nodes.a.sysctl.arp_ignore = "1"', "scene: nodes.a.sysctl.arp_ignore: int expected, not str"),
    "true for a number": ("nodes.a.sysctl.arp_ignore = true", "scene: nodes.a.sysctl.arp_ignore: int expected, not bool"),
    "text for a table": ('nodes.a = "b"', "scene: nodes.a: dict expected, not str"),
    "a table for a list": ("services = {}", "scene: services: list expected, not dict"),
    "a list of the wrong": ("[[services]]\nname = 'a/b'\nips = [1]", "scene: services[1].ips: a list of texts expected"),
    "rounds that are none": (
        "expect = { exit = 0, responders = { a = { b = ['1'] } } }",
        "scene: expect.responders.a.b: a list of whole numbers expected",
    ),
    "no address": ('hosts.a.addresses = "10.0.0"', "scene: hosts.a.addresses: Expected 4 octets in '10.0.0'"),
    "no IP of a Service": ('[[services]]\nname = "a/b"\nips = "x"', "scene: services[1].ips: 'x' does not appear to be "),
    "no MAC": ('hosts.a.mac = "x"', "scene: hosts.a.mac: not a MAC address: 'x'"),
    "no network": ('lans.lan = "10.0.0.1/24"', "scene: lans.lan: 10.0.0.1/24 has host bits set"),
    "no duration": (
        '[[announcers]]\nat = "client"\ndelay = "soon"',
        "scene: announcers[1].delay: a duration expected, like 700ms, 1.5s or 2h; units ms, s, m, h, d",
    ),
    "no such LAN": ('hosts.a.lan = "x"', "scene: hosts.a.lan: no LAN 'x'; there are lan"),
    "no such NIC for a route": ('hosts.a.routes.default = "x"', "scene: hosts.a.routes.default: no NIC 'x'"),
    "no such station": ('[[announcers]]\nat = "x"', "scene: announcers[1].at: no node or host 'x'"),
    "no such NIC": ('[[announcers]]\nat = "client"\nnics = "x"', "scene: announcers[1].nics: client has no x"),
    "a prober that is not there": ('prober.at = "x"', "scene: prober.at: no node or host 'x'"),
    "an interface that the prober has not": ('prober.interfaces = "x"', "scene: prober.interfaces: client has no x"),
    "a name that is no file name": (
        'hosts."../x" = {}',
        "scene: hosts.../x: a name of lower-case letters, digits, dots and dashes expected",
    ),
    "a NIC whose name is too long": (
        "hosts.a.nics.abcdefghijklmnop = {}",
        "scene: hosts.a.nics.abcdefghijklmnop: an interface's name of at most 15 letters, digits, dots and dashes expected",
    ),
    "a NIC whose name is the kernel's": ("hosts.a.nics.all = {}", "scene: hosts.a.nics.all: an interface's name of "),
    "a name that is taken": ("hosts.worker-1 = {}", "scene: hosts.worker-1: there is a node of this name"),
    "no exit code": ("expect = {}", "scene: expect.exit: missing"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_place(text, message):
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("key", ["title", "about"])
def test_a_scene_has_a_title_and_says_what_it_is_about(key):
    other = {"title": 'about = "x"', "about": 'title = "x"'}[key]
    with pytest.raises(InputError, match=f"scene: {key}: missing"):
        scene_file.parse(other, "scene")


def test_a_scene_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD)
    assert scene_file.load(str(path)).name == "mine"


@pytest.mark.parametrize("name", ["nowhere", "/nowhere.toml", ".", ""])
def test_a_scene_that_is_not_there(name):
    with pytest.raises(InputError, match="no scene"):
        scene_file.load(name)


def test_a_scene_that_is_no_text(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"x\.toml: not UTF-8 text"):
        scene_file.load(str(tmp_path / "x.toml"))


@pytest.mark.parametrize("name", scene_file.names())
def test_scenes_of_the_package_are_complete(name):
    scene = scene_file.load(name)
    judged = {ip for service in scene.cluster.services for ip in service.ips if service.type == "LoadBalancer"}
    assert scene.expect is not None
    assert judged <= set(scene.expect.verdicts)
    assert scene.expect.arp.keys() == (
        {n.name for n in scene.cluster.nodes} if "nodes" not in scene.cluster.refused else set()
    )
    assert len(scene.title) <= 60
    assert len(scene.about) <= 150


def test_the_readme_shows_a_scene_and_names_every_key():
    text = (Path(scene_file.__file__).parent / "scenes" / "README.md").read_text()
    [example] = re.findall(r"```toml\n(.+?)```", text, re.DOTALL)
    assert scene_file.parse(example, "README").expect.exit_code == 1
    sources = [Path(module.__file__).read_text() for module in (scene_file, scene_network)]
    keys = re.findall(r"""(?:table|top)\.\w+\("(\w+)"|tables\("(\w+)"\)""", "\n".join(sources))
    assert [key for key in sorted({a or b for a, b in keys}) if not re.search(rf"\b{key}\b", text)] == []
    assert [word for word in (*SYSCTLS, *Shape, *Ipvs) if f"`{word}`" not in text] == []


def test_the_readme_says_what_each_scene_of_ipv6_shows():
    text = (Path(scene_file.__file__).parent / "scenes" / "README.md").read_text()
    named = re.findall(r"`((?:ipv6|ordinary)-[a-z0-9-]+)`", text.split("## IPv6")[1])
    assert sorted({*named}) == sorted(named), "one row each"
    assert {*named} == {name for name in scene_file.names() if name.startswith("ipv6-")} | {"ordinary-dual-stack"}
