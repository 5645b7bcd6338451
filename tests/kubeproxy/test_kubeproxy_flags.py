"""kube-proxy's command line, and the way from its --config to a ConfigMap's key."""

from __future__ import annotations

import pytest
from kubeproxy_objects import documents, objects_of

from arpcheck.kubeproxy import kube_proxies, setting, workload
from arpcheck.kubeproxy.modes import Oddity, has
from arpcheck.kubeproxy.workload import ConfigMapKey, Elsewhere


@pytest.mark.parametrize(
    ("command", "config", "mode", "strict_arp"),
    [
        pytest.param(["kube-proxy", "--config=/a/b"], "/a/b", "", False, id="config"),
        pytest.param(["kube-proxy", "--config", "/a/b"], "/a/b", "", False, id="config, apart"),
        pytest.param(["kube-proxy", "--config="], "", "", False, id="no config in it"),
        pytest.param(["kube-proxy"], "", "", False, id="nothing"),
        pytest.param(["kube-proxy", "--proxy-mode=ipvs", "--ipvs-strict-arp"], "", "ipvs", True, id="flags"),
        pytest.param(["kube-proxy", "--proxy-mode", "ipvs", "--ipvs-strict-arp=true"], "", "ipvs", True, id="flags, apart"),
        pytest.param(["kube-proxy", "--proxy_mode=ipvs", "--ipvs_strict_arp=T"], "", "ipvs", True, id="underscores"),
        pytest.param(
            ["kube-proxy", "--ipvs-strict-arp=1", "--ipvs-strict-arp=false"], "", "", False, id="the last one wins"
        ),
        pytest.param(["kube-proxy", "--ipvs-strict-arp=maybe"], "", "", None, id="no boolean"),
        pytest.param(["kube-proxy", "--proxy-mode=$(MODE)"], "", None, False, id="a variable for the mode"),
        pytest.param(["kube-proxy", "--config=$(CONFIG)"], None, "", False, id="a variable for the file"),
        pytest.param(["kube-proxy", "--ipvs-strict-arp=$(STRICT)"], "", "", None, id="a variable for strictARP"),
        pytest.param(["kube-proxy", "--v=2", "--", "--proxy-mode=ipvs"], "", "", False, id="after two dashes"),
        pytest.param(["kube-proxy", "proxy-mode=ipvs", "-proxy-mode=ipvs"], "", "", False, id="no flags without two dashes"),
        pytest.param(["/hyperkube", "kube-proxy", "--proxy-mode=ipvs"], "", "ipvs", False, id="hyperkube"),
        pytest.param(
            ["/go-runner", "--log-file=/var/log/kube-proxy.log", "/usr/local/bin/kube-proxy", "--proxy-mode=ipvs"],
            *("", "ipvs", False),
            id="go-runner",
        ),
        pytest.param(
            ["/bin/sh", "-c", "exec kube-proxy --proxy-mode='ipvs' \\\n --ipvs-strict-arp 1>>/var/log/kube-proxy.log 2>&1"],
            *("", "ipvs", True),
            id="a shell",
        ),
        pytest.param(
            ["/bin/sh", "-c", "mkfifo /tmp/p; (tee -a /l < /tmp/p & ) ; exec /bin/kube-proxy --config=/c > /tmp/p 2>&1"],
            *("/c", "", False),
            id="a longer script",
        ),
        pytest.param(
            ["sh", "-c", "kube-proxy --proxy-mode=ipvs | tee --config=/no"], "", "ipvs", False, id="to the pipe only"
        ),
        pytest.param(["sh", "-c", "kube-proxy --proxy-mode=ipvs 'unbalanced"], "", "ipvs", False, id="an unbalanced quote"),
    ],
)
def test_flags(command, config, mode, strict_arp):
    found = setting.read(command)
    assert (found.config, found.mode, found.strict_arp) == (config, mode, strict_arp)


def test_a_value_after_a_blank_is_no_value_of_a_boolean_flag():
    found = setting.read(["kube-proxy", "--ipvs-strict-arp", "true"])
    assert found.strict_arp is True
    assert [str(note) for note in found.notes] == [
        "--ipvs-strict-arp true: the value must follow an equals sign, kube-proxy exits"
    ]
    assert has(found.notes, Oddity.REFUSED)


def test_flags_that_the_file_overrides_are_named():
    found = documents("kubeadm")
    for document in found:
        spec = document["spec"]["template"]["spec"] if document["kind"] == "DaemonSet" else document.get("spec", {})
        for container in spec.get("containers", ()):
            container["command"] += ["--ipvs-strict-arp", "--proxy-mode", "iptables"]
    proxy = kube_proxies(objects_of(found))["worker-1"]
    assert (proxy.mode, proxy.strict_arp) == ("ipvs", False)
    assert [str(note) for note in proxy.notes] == [
        "daemonset kube-system/kube-proxy is given --proxy-mode iptables --ipvs-strict-arp, which --config overrides"
    ]


VOLUMES = [
    {"name": "map", "configMap": {"name": "kube-proxy"}},
    {"name": "renamed", "configMap": {"name": "kube-proxy", "items": [{"key": "config.conf", "path": "etc/proxy.yaml"}]}},
    {
        "name": "both",
        "projected": {
            "sources": [
                {"secret": {"name": "s"}},
                {"configMap": {"name": "first"}},
                {"configMap": {"name": "second", "items": [{"key": "k", "path": "config"}]}},
            ]
        },
    },
    {"name": "host", "hostPath": {"path": "/var/lib/kube-proxy"}},
    {"name": "secret", "secret": {"secretName": "s"}},
    {"name": "scratch", "emptyDir": {}},
]


def mount(name, path, sub_path=None):
    return {"name": name, "mountPath": path} | ({"subPath": sub_path} if sub_path else {})


@pytest.mark.parametrize(
    ("path", "mounted", "expected"),
    [
        pytest.param(
            "/c/config.conf", [mount("map", "/c")], (ConfigMapKey(config_map="kube-proxy", key="config.conf"),), id="plain"
        ),
        pytest.param(
            "/c/config.conf", [mount("map", "/c/")], (ConfigMapKey(config_map="kube-proxy", key="config.conf"),), id="slash"
        ),
        pytest.param(
            "/c//./x/../config.conf",
            [mount("map", "/c")],
            (ConfigMapKey(config_map="kube-proxy", key="config.conf"),),
            id="…",
        ),
        pytest.param(
            "/c/etc/proxy.yaml",
            [mount("renamed", "/c")],
            (ConfigMapKey(config_map="kube-proxy", key="config.conf"),),
            id="items",
        ),
        pytest.param(
            *("/c/config.conf", [mount("renamed", "/c")]),
            Elsewhere(why="/c/config.conf comes from no ConfigMap that is mounted there"),
            id="items without it",
        ),
        pytest.param(
            *("/etc/proxy", [mount("map", "/etc/proxy", "config.conf")]),
            (ConfigMapKey(config_map="kube-proxy", key="config.conf", fixed=True),),
            id="subPath",
        ),
        pytest.param(
            *("/c/d/config.conf", [mount("host", "/c"), mount("map", "/c/d")]),
            (ConfigMapKey(config_map="kube-proxy", key="config.conf"),),
            id="the deepest mount",
        ),
        pytest.param(
            *("/c/config", [mount("both", "/c")]),
            (ConfigMapKey(config_map="first", key="config"), ConfigMapKey(config_map="second", key="k")),
            id="projected",
        ),
        pytest.param(
            "/c/config.conf", [mount("host", "/c")], Elsewhere(why="/var/lib/kube-proxy/config.conf is a file on the node")
        ),
        pytest.param(
            "/c/x", [mount("secret", "/c")], Elsewhere(why="/c/x comes from no ConfigMap that is mounted there"), id="secret"
        ),
        pytest.param(
            "/c/x",
            [mount("scratch", "/c")],
            Elsewhere(why="/c/x comes from no ConfigMap that is mounted there"),
            id="emptyDir",
        ),
        pytest.param(
            "/cc/x",
            [mount("map", "/c")],
            Elsewhere(why="/cc/x is in the image, no volume is mounted there"),
            id="a like name",
        ),
        pytest.param(
            "x.conf", [mount("map", "/")], Elsewhere(why="x.conf is relative to a directory that the API does not show")
        ),
        pytest.param("/x.conf", [mount("map", "/")], (ConfigMapKey(config_map="kube-proxy", key="x.conf"),), id="the root"),
        pytest.param("/c/x", [mount("none", "/c")], Elsewhere(why="/c/x comes from no ConfigMap that is mounted there")),
    ],
)
def test_from_the_path_to_the_key(path, mounted, expected):
    assert workload.file_at(path, {"volumeMounts": mounted}, {"volumes": VOLUMES}) == expected


def changed(distribution="kubeadm", **changes):
    """The fixture with each kind's change applied."""
    found = documents(distribution)
    for document in found:
        changes.get(document["kind"], lambda document: None)(document)
    return objects_of(found)


def test_the_key_that_a_projection_really_has():
    def project(spec):
        spec["volumes"][0] = {
            "name": "kube-proxy",
            "projected": {"sources": [{"configMap": {"name": "absent"}}, {"configMap": {"name": "kube-proxy"}}]},
        }

    objects = changed(DaemonSet=lambda d: project(d["spec"]["template"]["spec"]), Pod=lambda d: project(d["spec"]))
    proxy = kube_proxies(objects)["worker-1"]
    assert (proxy.mode, proxy.source) == ("ipvs", "configmap kube-system/kube-proxy")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda d: d["data"].pop("config.conf"), "configmap kube-system/kube-proxy has no key config.conf"),
        (lambda d: d.pop("data"), "configmap kube-system/kube-proxy has no key config.conf"),
        (lambda d: d["metadata"].update(name="other"), "configmap kube-system/kube-proxy was not found"),
        (lambda d: d["data"].update({"config.conf": 7}), "configmap kube-system/kube-proxy has no key config.conf"),
    ],
    ids=["no key", "no data", "no ConfigMap", "no text"],
)
def test_a_configuration_that_is_not_there(change, note):
    proxy = kube_proxies(changed(ConfigMap=change))["worker-1"]
    assert (proxy.mode, proxy.strict_arp, proxy.source) == (None, None, None)
    assert note in proxy.notes[0]


def test_strict_arp_in_a_key_that_is_not_read():
    def copy(document):
        document["data"]["config.conf.new"] = document["data"]["config.conf"].replace("strictARP: false", "strictARP: true")

    proxy = kube_proxies(changed(ConfigMap=copy))["worker-1"]
    assert proxy.strict_arp is False
    assert [str(note) for note in proxy.notes] == [
        "configmap kube-system/kube-proxy, key config.conf.new, has strictARP: true, but kube-proxy reads "
        "configmap kube-system/kube-proxy, key config.conf"
    ]
    assert has(proxy.notes, Oddity.MISPLACED)


def test_an_exporter_of_that_name_is_no_kube_proxy():
    def rename(document):
        document["metadata"].update(name="kube-proxy-exporter", labels={})
        command = ["/exporter", "--config=/etc/kube-proxy"]
        document["spec"]["template"]["spec"]["containers"] = [{"name": "exporter", "command": command}]

    objects = changed(DaemonSet=rename)
    assert {p.mode for p in kube_proxies(objects).values()} == {"ipvs"}, "the pods alone still tell it"


@pytest.mark.parametrize(
    ("containers", "mode"),
    [
        pytest.param(
            [{"name": "kube-proxy", "args": ["--proxy-mode=ipvs"]}], "ipvs", id="by its name, the image knows the program"
        ),
        pytest.param([{"name": "main", "args": ["--proxy-mode=ipvs"]}], "ipvs", id="the only one of a labelled object"),
        pytest.param([{"name": "a", "args": ["--proxy-mode=ipvs"]}, {"name": "b"}], None, id="two, and neither is it"),
        pytest.param(
            [{"name": "kube-proxy", "args": ["--v=2"]}, {"name": "x", "command": ["/bin/kube-proxy", "--proxy-mode=ipvs"]}],
            *("ipvs",),
            id="the program before the name",
        ),
        pytest.param([{"name": "a", "command": ["/side"]}, {"name": "kube-proxy", "command": ["x"]}], None, id="the second"),
    ],
)
def test_which_container_is_kube_proxy(containers, mode):
    def contain(spec):
        spec["containers"] = containers

    objects = changed(DaemonSet=lambda d: contain(d["spec"]["template"]["spec"]), Pod=lambda d: contain(d["spec"]))
    assert {p.mode for p in kube_proxies(objects).values()} == {mode}
