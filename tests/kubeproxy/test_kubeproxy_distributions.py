"""Distribution by distribution: what each cluster's objects say of every node, who owns it, and what follows."""

from __future__ import annotations

import pytest
from kubeproxy_objects import documents, fixture, objects_of

from arpcheck.kubeproxy import kube_proxies
from arpcheck.kubeproxy.distributions import managed_by
from arpcheck.kubeproxy.setting import place
from arpcheck.kubeproxy.status import status, to_json, to_text

KUBEADM = "configmap kube-system/kube-proxy"
K3S = "node annotation k3s.io/node-args"

TABLE = [
    pytest.param(
        "kubeadm",
        {f"worker-{n}": ("ipvs", False, KUBEADM, True) for n in (1, 2, 3)},
        *("not-set", None),
        id="kubeadm: ipvs, strictARP false",
    ),
    pytest.param(
        "kind",
        {"kind-control-plane": ("iptables", False, KUBEADM, True), "kind-worker": ("iptables", False, KUBEADM, True)},
        *("not-needed", None),
        id="kind: iptables",
    ),
    pytest.param(
        "kubespray",
        {f"worker-{n}": ("ipvs", False, KUBEADM, True) for n in (1, 2, 3)},
        *("not-set", "Kubespray"),
        id="kubespray: its default",
    ),
    pytest.param(
        "k3s",
        {
            "server-1": ("ipvs", True, K3S, True),
            "agent-1": ("ipvs", False, K3S, True),
            "agent-2": ("iptables", False, K3S, True),
        },
        *("not-set", "k3s"),
        id="k3s: each node by its own annotation, in both spellings",
    ),
    pytest.param(
        "rke2",
        {
            "n1": ("ipvs", True, "args of pod kube-system/kube-proxy-n1", True),
            "n2": ("ipvs", False, "args of pod kube-system/kube-proxy-n2", True),
        },
        *("not-set", "RKE2"),
        id="RKE2: static pods, flags only",
    ),
    pytest.param("microk8s", {"ubuntu-a": (None, None, None, None)}, "unknown", "MicroK8s", id="MicroK8s: inside kubelite"),
    pytest.param(
        "k0s",
        {"w1": ("ipvs", True, KUBEADM, True), "w2": ("ipvs", True, KUBEADM, False)},
        *("not-loaded", "k0s"),
        id="k0s: JSON inside YAML, one pod older than the ConfigMap",
    ),
    pytest.param(
        "kops",
        {"i-0123": ("ipvs", False, "args of pod kube-system/kube-proxy-i-0123", True)},
        *("not-set", "kOps"),
        id="kOps: static pod behind go-runner",
    ),
    pytest.param(
        "talos-flags",
        {
            "talos-a": ("ipvs", True, "args of daemonset kube-system/kube-proxy", True),
            "talos-b": ("ipvs", True, "args of daemonset kube-system/kube-proxy", False),
        },
        *("not-loaded", "Talos"),
        id="Talos: flags of the DaemonSet, one pod of the earlier template",
    ),
    pytest.param(
        "talos-config",
        {
            "talos-a": ("ipvs", True, "configmap kube-system/kube-proxy-config-4f1c0e7a9b2d3355", True),
            "talos-b": ("ipvs", True, "configmap kube-system/kube-proxy-config-4f1c0e7a9b2d3355", False),
        },
        *("not-loaded", "Talos"),
        id="Talos: a ConfigMap by its hash, one pod with the earlier one",
    ),
    pytest.param(
        "openshift",
        {"master-0": ("ipvs", False, "configmap openshift-kube-proxy/proxy-config", True)},
        *("not-set", "OpenShift's Network operator"),
        id="OpenShift: another namespace, a shell, a second container",
    ),
    pytest.param(
        "openshift-ovn",
        dict.fromkeys(("master-0", "worker-0"), ("ovn-kubernetes", None, "node annotation k8s.ovn.org/node-subnets", None)),
        *("not-needed", None),
        id="OpenShift: OVN-Kubernetes",
    ),
    pytest.param(
        "eks",
        {"ip-10-0-1-5.eu-west-1.compute.internal": ("ipvs", False, "configmap kube-system/kube-proxy-config", True)},
        *("not-set", "the EKS add-on"),
        id="EKS: kube-proxy-config, key config, no strictARP line",
    ),
    pytest.param(
        "aks",
        {"aks-nodepool1-0": ("iptables", False, "args of daemonset kube-system/kube-proxy", True)},
        *("not-needed", "AKS"),
        id="AKS: flags, no mode",
    ),
    pytest.param(
        "gke-static",
        {"gke-pool-1": ("iptables", False, "args of pod kube-system/kube-proxy-gke-pool-1", True)},
        *("not-needed", "GKE"),
        id="GKE: static pod in a shell",
    ),
    pytest.param(
        "gke-dataplane-v2",
        {"gke-pool-1": ("cilium", None, "daemonset kube-system/anetd", None)},
        *("not-needed", "GKE"),
        id="GKE: Dataplane V2",
    ),
    pytest.param(
        "cilium",
        dict.fromkeys(("n1", "n2"), ("cilium", None, "configmap kube-system/cilium-config", None)),
        *("not-needed", None),
        id="Cilium in kube-proxy's place",
    ),
    pytest.param("cilium-beside", {"n1": (None, None, None, None)}, "unknown", None, id="Cilium beside a hidden kube-proxy"),
    pytest.param(
        "kube-router",
        {"n1": ("kube-router", True, "args of daemonset kube-system/kube-router", None)},
        *("set", None),
        id="kube-router's service proxy: strict always",
    ),
    pytest.param(
        "kube-router-cni-only",
        {"n1": ("iptables", False, KUBEADM, True)},
        *("not-needed", "k0s"),
        id="kube-router as CNI only, beside kube-proxy",
    ),
    pytest.param(
        "windows",
        {
            "linux-1": ("iptables", False, KUBEADM, True),
            "win-1": ("kernelspace", None, "operating system of the node", None),
        },
        *("not-needed", None),
        id="a Windows node in it",
    ),
    pytest.param(
        "argo-by-label",
        dict.fromkeys(("worker-1", "worker-2"), ("ipvs", False, KUBEADM, True)),
        *("not-set", "Argo CD"),
        id="Argo CD that tracks by label",
    ),
    pytest.param(
        "crash-loop-after-ipvs",
        dict.fromkeys(("worker-1", "worker-2"), ("nftables", False, KUBEADM, None)),
        *("unknown", None),
        id="nftables that never starts",
    ),
    pytest.param(
        "shell-variable",
        dict.fromkeys(("worker-1", "worker-2"), (None, None, None, None)),
        *("unknown", "static pods"),
        id="a shell with a variable that the API does not show",
    ),
    pytest.param(
        "start-script",
        dict.fromkeys(("worker-1", "worker-2"), (None, None, None, None)),
        *("unknown", "the image's own start script"),
        id="a script of the image",
    ),
    pytest.param(
        "switched-off",
        dict.fromkeys(("worker-1", "worker-2"), ("none", None, "daemonset kube-system/kube-proxy", None)),
        *("unknown", None),
        id="a nodeSelector that fits no node, after IPVS",
    ),
]


@pytest.mark.parametrize(("distribution", "nodes", "answer", "owner"), TABLE)
@pytest.mark.parametrize("order", [1, -1], ids=["as written", "reversed"])
def test_every_distribution(distribution, nodes, answer, owner, order):
    objects = objects_of(documents(distribution)[::order])
    found = {name: (p.mode, p.strict_arp, p.source, p.loaded) for name, p in kube_proxies(objects).items()}
    assert found == nodes
    whole = status(objects)
    assert (whole.answer, whole.owner) == (answer, owner)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ("kubeadm", ("configmap kube-system/kube-proxy", "config.conf")),
        ("eks", ("configmap kube-system/kube-proxy-config", "config")),
        ("openshift", ("configmap openshift-kube-proxy/proxy-config", "kube-proxy-config.yaml")),
        ("talos-config", ("configmap kube-system/kube-proxy-config-4f1c0e7a9b2d3355", "config.conf")),
        ("talos-flags", None),
        ("rke2", None),
        ("cilium", None),
    ],
)
def test_the_place_to_edit(distribution, expected):
    found = place(fixture(distribution))
    assert (found and (found.title, found.key)) == expected


@pytest.mark.parametrize(
    ("distribution", "certain", "command"),
    [
        ("eks", True, "aws eks update-addon --cluster-name CLUSTER --addon-name kube-proxy"),
        ("kubespray", False, "kube_proxy_strict_arp: true"),
        ("k3s", True, "/etc/rancher/k3s/config.yaml"),
        ("rke2", True, "systemctl restart rke2-server, rke2-agent"),
        ("k0s", True, "kubectl -n kube-system edit clusterconfig k0s"),
        ("talos-flags", True, "cluster.proxy.extraArgs"),
        ("openshift", True, "oc patch network.operator.openshift.io cluster"),
        ("kops", True, "spec.sysctlParameters"),
        ("microk8s", True, "/var/snap/microk8s/current/args/kube-proxy"),
        ("aks", True, "net.ipv4.conf.all.arp_ignore=1"),
        ("gke-static", True, "Dataplane V2"),
    ],
)
def test_the_way_of_each_manager(distribution, certain, command):
    found = managed_by(fixture(distribution))
    assert found is not None
    assert found.certain is certain
    assert command in "\n".join(found.way)


def marked(kind, section, key, value="x"):
    found = documents("kubeadm")
    for document in found:
        if document["kind"] == kind:
            document["metadata"].setdefault(section, {})[key] = value
    return objects_of(found)


@pytest.mark.parametrize(
    ("kind", "section", "key", "name"),
    [
        ("ConfigMap", "annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
        ("DaemonSet", "labels", "argocd.argoproj.io/instance", "Argo CD"),
        ("ConfigMap", "labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
        ("DaemonSet", "labels", "helm.toolkit.fluxcd.io/name", "Flux"),
        ("DaemonSet", "annotations", "meta.helm.sh/release-name", "Helm"),
        ("DaemonSet", "labels", "addonmanager.kubernetes.io/mode", "the addon manager"),
        ("ConfigMap", "labels", "k0s.k0sproject.io/stack", "k0s"),
        ("Node", "labels", "argocd.argoproj.io/instance", None),
    ],
)
def test_marks_of_gitops_and_others(kind, section, key, name):
    found = managed_by(marked(kind, section, key))
    assert (found and found.name) == name


def test_eks_label_alone_is_no_proof_of_the_add_on():
    """A kube-proxy that the user manages on EKS has it too."""
    found = documents("eks")
    for document in found:
        document["metadata"].pop("managedFields", None)
    manager = managed_by(objects_of(found))
    assert manager is not None
    assert (manager.name, manager.certain) == ("the EKS add-on", False)


def test_static_pods_and_flags_without_a_distribution():
    found = [d for d in documents("kops") if d["kind"] != "Node"]
    manager = managed_by(objects_of(found))
    assert manager is not None
    assert manager.name == "static pods"
    found = [d for d in documents("talos-flags") if d["kind"] != "Node"]
    manager = managed_by(objects_of(found))
    assert manager is not None
    assert manager.name == "flags of the DaemonSet"


# ---------------------------------------------------------------------------------------------- k3s, in every spelling


@pytest.mark.parametrize(
    ("arguments", "mode", "strict_arp"),
    [
        ('["server"]', "iptables", False),
        ('["server","--kube-proxy-arg","proxy-mode=ipvs","--kube-proxy-arg","ipvs-strict-arp=true"]', "ipvs", True),
        ('["server","--kube-proxy-arg=proxy-mode=ipvs","--kube-proxy-arg=ipvs-strict-arp"]', "ipvs", True),
        ('["server","--kube-proxy-arg","--proxy-mode=ipvs"]', "ipvs", False),
        ('["server","--kube-proxy-arg","proxy-mode","ipvs","--docker"]', "ipvs", False),
        ('["server","--kube-proxy-arg","ipvs-strict-arp","--kube-proxy-arg","proxy-mode=ipvs"]', "ipvs", True),
        ('["server","--kube-proxy-arg","proxy-mode=ipvs","--kube-proxy-arg","proxy-mode=nftables"]', "nftables", False),
        ('["server","--kube-proxy-arg","ipvs-strict-arp=false","--kube-proxy-arg","proxy-mode=ipvs"]', "ipvs", False),
        ('["server","--kube-proxy-arg"]', "iptables", False),
    ],
)
def test_arguments_of_k3s(arguments, mode, strict_arp):
    proxy = kube_proxies(k3s({"n1": arguments}))["n1"]
    assert (proxy.mode, proxy.strict_arp, proxy.loaded) == (mode, strict_arp, True)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{}",
        "server --kube-proxy-arg=proxy-mode=ipvs",
        "[1,2]",
        '["server",["x"]]',
        "[" * 5000,
        "null",
        "[" + "1," * 40000,
    ],
)
def test_an_annotation_that_is_no_list_of_texts_leaves_it_unknown(arguments):
    objects = k3s({"n1": arguments})
    proxy = kube_proxies(objects)["n1"]
    assert (proxy.mode, proxy.strict_arp, proxy.loaded) == (None, None, None)
    assert "not a JSON list of strings" in proxy.notes[0]
    assert status(objects).answer == "unknown"


def released(version, arguments, *, key="k3s.io/node-args", ready="True"):
    status = {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": {"kubeletVersion": version}}
    return objects_of([{"kind": "Node", "metadata": {"name": "n1", "annotations": {key: arguments}}, "status": status}])


SERVER, WITH_MODE = '["server"]', '["server","--kube-proxy-arg=proxy-mode=ipvs","--kube-proxy-arg=ipvs-strict-arp=true"]'


@pytest.mark.parametrize(
    ("version", "arguments", "mode", "answer"),
    [
        pytest.param("v1.19.0+k3s1", SERVER, "iptables", "not-needed", id="before config.yaml"),
        pytest.param("v1.19.1+k3s1", SERVER, None, "unknown", id="the first with config.yaml"),
        pytest.param("v1.20.15+k3s1", SERVER, None, "unknown", id="1.20"),
        pytest.param("v1.21.0+k3s1", SERVER, None, "unknown", id="the last that does not write it"),
        pytest.param("v1.21.1+k3s1", SERVER, "iptables", "not-needed", id="the first that writes it"),
        pytest.param("v1.33.4+k3s1", WITH_MODE, "ipvs", "set", id="today"),
    ],
)
def test_k3s_whose_annotation_lacks_its_configuration_file_proves_nothing(version, arguments, mode, answer):
    """k3s 3289: what is in config.yaml is in the annotation from 1.21.1 on."""
    objects = released(version, arguments)
    assert (kube_proxies(objects)["n1"].mode, status(objects).answer) == (mode, answer)


@pytest.mark.parametrize("ready", ["False", "Unknown"])
@pytest.mark.parametrize("arguments", [SERVER, WITH_MODE])
def test_a_node_that_is_not_ready_need_not_run_with_what_its_annotation_says(ready, arguments):
    found = status(released("v1.33.4+k3s1", arguments, ready=ready))
    assert (found.answer, found.nodes[0].loaded) == ("unknown", None)


def test_rke2_up_to_1_20_has_its_chart_and_not_its_arguments():
    nodes = [
        {
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"rke2.io/node-args": WITH_MODE}},
            "status": {**READY, "nodeInfo": {"kubeletVersion": "v1.20.15+rke2r2", "operatingSystem": "linux"}},
        }
        for name in ("worker-1", "worker-2", "worker-3")
    ]
    objects = objects_of([*nodes, *(d for d in documents("kubeadm") if d["kind"] != "Node")])
    found = status(objects)
    assert (found.answer, found.nodes[0].source, found.owner) == ("not-set", KUBEADM, "RKE2's Helm chart rke2-kube-proxy")
    assert "HelmChartConfig" in "\n".join(found.do)
    assert status(objects_of(nodes)).answer == "unknown", "its arguments prove nothing"


def gardener():
    """A Shoot: a DaemonSet and an immutable ConfigMap for every pool, pods with the label role=proxy."""
    found = documents("kubeadm")
    for document in found:
        if document["kind"] != "Node":
            document["metadata"]["labels"] = {"app": "kubernetes", "role": "proxy", "origin": "gardener"}
        if document["kind"] == "DaemonSet":
            document["metadata"]["name"] = "kube-proxy-pool-a-v1.33.4"
        if document["kind"] == "ConfigMap":
            document["immutable"] = True
        for owner in document["metadata"].get("ownerReferences", ()):
            owner["name"] = "kube-proxy-pool-a-v1.33.4"
    return found


def test_gardener_is_named_and_its_pods_are_found():
    found = status(objects_of(gardener()))
    assert (found.answer, found.owner) == ("not-set", "Gardener")
    assert {node.loaded for node in found.nodes} == {True}
    assert "another one" not in "\n".join(found.do)
    assert "spec.kubernetes.kubeProxy.mode" in "\n".join(found.do)


@pytest.mark.parametrize(
    ("manager", "labels", "owner"),
    [
        ("argocd-controller", {}, "Argo CD"),
        ("argocd-application-controller", {}, "Argo CD"),
        ("kustomize-controller", {}, "Flux"),
        ("helm-controller", {}, "Flux"),
        ("fleetagent", {}, "Rancher Fleet"),
        ("Terraform", {}, "Terraform"),
        ("home-made-operator", {}, "the field manager home-made-operator"),
        ("kubectl-edit", {"app.kubernetes.io/instance": "base"}, None),
        ("kubectl-edit", {"kubermatic-addon": "kube-proxy"}, "Kubermatic KKP"),
        *((hand, {}, None) for hand in ("kubeadm", "kubectl", "kubectl-client-side-apply", "arpcheck", "Mozilla")),
    ],
)
@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_whoever_wrote_the_data_is_its_owner(manager, labels, owner, operation):
    found = documents("kubeadm")
    for document in found:
        if document["kind"] == "ConfigMap":
            document["metadata"]["managedFields"][0] |= {"manager": manager, "operation": operation}
            document["metadata"].setdefault("labels", {}).update(labels)
    whole = status(objects_of(found))
    assert whole.owner == owner
    assert to_json(whole)["owner"] == owner
    assert (owner is None) == ("arpcheck strict-arp enable" in whole.do)
    assert (owner is None) == ("Owner of the configuration" not in to_text(whole))


def test_who_wrote_only_labels_owns_nothing():
    found = documents("kubeadm")
    for document in found:
        if document["kind"] == "ConfigMap":
            labels = {"manager": "policy-controller", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {}}}}
            document["metadata"]["managedFields"].append(labels)
    assert status(objects_of(found)).owner is None


def test_a_configuration_file_of_k3s_is_only_on_the_node():
    arguments = '["server","--kube-proxy-arg","config=/etc/proxy.yaml","--kube-proxy-arg","proxy-mode=iptables"]'
    proxy = kube_proxies(k3s({"n1": arguments}))["n1"]
    assert proxy.mode is None
    assert "file on the node" in proxy.notes[0]


@pytest.mark.parametrize("how", ['"--disable-kube-proxy"', '"--disable-kube-proxy","true"', '"--disable-kube-proxy=true"'])
def test_a_server_without_kube_proxy_speaks_for_its_agents(how):
    objects = k3s({"server": f'["server",{how}]', "agent": '["agent"]'})
    assert {name: p.mode for name, p in kube_proxies(objects).items()} == {"server": "none", "agent": "none"}
    assert status(objects).answer == "not-needed"


@pytest.mark.parametrize("refused", ["pods", "daemonsets.apps"])
def test_where_k3s_runs_none_another_kube_proxy_may_run_unseen(refused):
    objects = objects_of(k3s_nodes({"n1": '["server","--disable-kube-proxy"]'}), refused=[refused])
    found = status(objects)
    assert found.answer == "unknown"
    assert f"{refused} could not be read (forbidden): a kube-proxy may run unseen" in found.reason


def test_disable_kube_proxy_false_disables_nothing():
    assert kube_proxies(k3s({"n1": '["server","--disable-kube-proxy","false"]'}))["n1"].mode == "iptables"


def test_what_stands_in_the_place_of_a_disabled_kube_proxy():
    found = [d for d in documents("cilium") if d["kind"] != "Node"]
    objects = objects_of([*k3s_nodes({"n1": '["server","--disable-kube-proxy"]'}), *found])
    assert kube_proxies(objects)["n1"].mode == "cilium"


READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def k3s(nodes):
    return objects_of(k3s_nodes(nodes))


def k3s_nodes(nodes):
    return [
        {"kind": "Node", "metadata": {"name": name, "annotations": {"k3s.io/node-args": arguments}}, "status": READY}
        for name, arguments in nodes.items()
    ]


# -------------------------------------------------------------------------------------- what stands in its place


@pytest.mark.parametrize(
    ("argument", "mode"),
    [("--run-service-proxy=false", None), ("--run-service-proxy=true", "kube-router"), ("--run-router=true", "kube-router")],
)
def test_kube_routers_service_proxy_is_on_unless_turned_off(argument, mode):
    found = documents("kube-router")
    for document in found:
        if document["kind"] == "DaemonSet":
            document["spec"]["template"]["spec"]["containers"][0]["args"] = [argument]
    assert kube_proxies(objects_of(found))["n1"].mode == mode


@pytest.mark.parametrize(("value", "mode"), [("true", "cilium"), ("strict", "cilium"), ("partial", None), ("", None)])
def test_cilium_says_whether_it_replaces_kube_proxy(value, mode):
    found = documents("cilium")
    for document in found:
        if document["kind"] == "ConfigMap":
            document["data"]["kube-proxy-replacement"] = value
    assert kube_proxies(objects_of(found))["n1"].mode == mode


@pytest.mark.parametrize("refused", ["pods", "daemonsets.apps", "configmaps", "nodes"])
@pytest.mark.parametrize("distribution", ["cilium", "kube-router", "gke-dataplane-v2", "openshift-ovn", "kind"])
def test_nothing_is_clean_where_something_that_matters_was_refused(distribution, refused):
    """Cilium's ConfigMap is not asked where the DaemonSet alone is proof."""
    found = status(fixture(distribution, refused=[refused]))
    needless = (distribution, refused) in {
        ("kube-router", "configmaps"),
        ("gke-dataplane-v2", "configmaps"),
        ("openshift-ovn", "configmaps"),
    }
    assert (found.answer == "unknown") is not needless


def test_a_mode_of_that_name_in_a_configuration_is_no_substitute():
    found = documents("kind")
    for document in found:
        if document["kind"] == "ConfigMap":
            document["data"]["config.conf"] = document["data"]["config.conf"].replace("mode: iptables", "mode: cilium")
    objects = objects_of(found)
    assert {p.mode for p in kube_proxies(objects).values()} == {None}
    assert status(objects).answer == "unknown"
