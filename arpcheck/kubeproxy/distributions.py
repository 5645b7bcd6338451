"""The system that owns kube-proxy's configuration, where an edit of the ConfigMap is undone or impossible.

`DISTRIBUTIONS` has one row for each: how it is recognised, its own way to set strictARP, and what is read for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from arpcheck.kubeproxy import replacements, workload
from arpcheck.kubeproxy.modes import Oddity, has
from arpcheck.kubeproxy.setting import config_map, place, setting
from arpcheck.objects import Node, Object, Objects, annotations_of, at, full_name, items, labels_of, mapping, namespace, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A system that writes kube-proxy's configuration."""

    name: str
    because: str
    """How it was recognised."""
    way: tuple[str, ...]
    """Its own way to set strictARP: sentences and commands, in order."""
    restart: str = ""
    """The command that restarts kube-proxy on one node; empty where its DaemonSet does it."""
    certain: bool = True
    """False: it only looks like it, and an edit by hand may be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A row of the table."""

    manager: Callable[[Objects], Manager | None]
    """None where the cluster is another's."""
    marks: tuple[str, ...] = ()
    """The fields of kube-proxy's DaemonSet and ConfigMap that it looks at, as `Need.fields` has them; a pod's
    template, the ConfigMap's data and what of it each field manager wrote are read anyway."""
    node_marks: tuple[str, ...] = ()
    """The fields of Nodes."""


def by_label(objects: Objects, prefix: str, name: str, *way: str) -> Manager | None:
    """Whom a label of a Node gives away."""
    found = sorted(key for node in objects.nodes() for key in node.labels if key.startswith(prefix))
    return Manager(name=name, because=f"node label {found[0]}", way=way) if found else None


def marked(objects: Objects, read: Callable[[Object], Mapping[str, str]], prefix: str) -> str | None:
    """`kube-system/kube-proxy has …`, for the first object that carries a label or annotation of this prefix."""
    for obj in written(objects):
        if keys := sorted(key for key in read(obj) if key.startswith(prefix)):
            return f"{full_name(obj)} has {keys[0]}"
    return None


def written(objects: Objects) -> Iterable[Object]:
    """The DaemonSets of kube-proxy and the ConfigMap that they read."""
    yield from (found.obj for found in workload.daemon_sets(objects))
    where = place(objects)
    found = config_map(where, objects) if where else None
    if found is not None:
        yield found


def managers(obj: Object) -> set[str]:
    """The field managers that have written it (server-side apply: metadata.managedFields)."""
    return {text(entry, "manager") for entry in items(obj, "metadata", "managedFields")}


def controllers(obj: Object) -> Iterable[str]:
    """Those of them that are no person's tool, sorted. Of a ConfigMap only those that wrote its data: others add labels."""
    for entry in sorted(items(obj, "metadata", "managedFields"), key=lambda entry: text(entry, "manager")):
        found = text(entry, "manager")
        wrote = text(obj, "kind") != "ConfigMap" or at(entry, "fieldsV1", "f:data") is not None
        if found and wrote and not any(found == tool or found.startswith(f"{tool}-") for tool in _BY_HAND):
            yield found


_BY_HAND = (
    *("kubectl", "kubeadm", "arpcheck", "oc", "k9s", "Mozilla", "dashboard", "headlamp", "node-fetch", "Lens", "OpenLens"),
    *("before-first-apply", "unknown"),
    "kube-controller-manager",  # it writes a DaemonSet's status
)
"""Field managers behind which there is a person, or nobody: `kubectl-edit`, `kubectl-client-side-apply`, … A browser is
`Mozilla`, Lens is `node-fetch`: without a name of its own a client has that of its user agent."""


def kubelet(node: Node) -> str:
    return text(node.raw, "status", "nodeInfo", "kubeletVersion")


def managed_by(objects: Objects) -> Manager | None:
    """Of the first row that fits; None where the ConfigMap is the place to edit, or nothing is known of it."""
    return next((found for one in DISTRIBUTIONS if (found := one.manager(objects)) is not None), None)


def _rke2_chart(objects: Objects) -> Manager | None:
    """RKE2 up to 1.20: `kube-proxy-arg` in its config.yaml does nothing there."""
    release = "meta.helm.sh/release-name"
    of_chart = (full_name(o) for o in written(objects) if annotations_of(o).get(release) == replacements.CHART)
    by_node = (
        f"node {node.name} has RKE2 {kubelet(node)[:40]}" for node in objects.nodes() if replacements.is_by_chart(node)
    )
    chart = next((f"{title} has {release}: {replacements.CHART}" for title in of_chart), None)
    if (because := chart or next(by_node, None)) is None:
        return None
    return Manager(
        name=f"RKE2's Helm chart {replacements.CHART}",
        because=because,
        way=(
            f"A HelmChartConfig named {replacements.CHART} in kube-system, with proxy.mode: ipvs and ipvs.strictArp: true "
            f"in",
            "its spec.valuesContent (ipvs.strictARP in some releases of the chart: see its templates/config.yaml);",
            "kube-proxy-arg in config.yaml does nothing before RKE2 1.21",
        ),
    )


def _embedded(objects: Objects) -> Manager | None:
    found = next((key for node in objects.nodes() if (key := replacements.annotation(node))), None)
    if found is None:
        return None
    program = found.partition(".")[0]
    name = {"k3s": "k3s", "rke2": "RKE2"}[program]
    return Manager(
        name=name,
        because=f"node annotation {found}",
        way=(
            f"On every server and agent put into /etc/rancher/{program}/config.yaml:",
            "kube-proxy-arg: [proxy-mode=ipvs, ipvs-strict-arp=true]",
            f"Then restart one node after the other: systemctl restart {_units(program)}",
        ),
        restart=f"systemctl restart {_units(program)}",
    )


def _units(program: str) -> str:
    return "k3s (servers), k3s-agent (agents)" if program == "k3s" else "rke2-server, rke2-agent"


def _microk8s(objects: Objects) -> Manager | None:
    return by_label(
        objects,
        replacements.MICROK8S,
        "MicroK8s",
        "On every node: echo '--ipvs-strict-arp=true' | sudo tee -a /var/snap/microk8s/current/args/kube-proxy",
        "Then: sudo snap restart microk8s",
    )


def _talos(objects: Objects) -> Manager | None:
    images = (text(node.raw, "status", "nodeInfo", "osImage") for node in objects.nodes())
    if (image := next((found for found in images if found.startswith("Talos")), None)) is None:
        return None
    return Manager(
        name="Talos",
        because=f"the nodes' operating system, {image}",
        way=(
            'In the machine configuration of the control plane: cluster.proxy.extraArgs, ipvs-strict-arp: "true"',
            "(where a KubeProxyConfiguration document is used: ipvs.strictARP: true in it)",
            "Then: talosctl upgrade-k8s --to VERSION (the present one), which applies kube-proxy's manifest again",
        ),
    )


def _k0s(objects: Objects) -> Manager | None:
    mark = marked(objects, labels_of, "k0s.k0sproject.io/stack")
    because = mark or next((f"kubelet {v}" for n in objects.nodes() if "+k0s" in (v := kubelet(n))), None)
    if because is None:
        return None
    return Manager(
        name="k0s",
        because=because,
        way=(
            "In the k0s ClusterConfig set spec.network.kubeProxy.ipvs.strictARP: true (with mode: ipvs):",
            "kubectl -n kube-system edit clusterconfig k0s, or /etc/k0s/k0s.yaml and a restart of k0scontroller",
        ),
    )


def _openshift(objects: Objects) -> Manager | None:
    if not any(namespace(found.obj) == workload.OPENSHIFT for found in workload.daemon_sets(objects)):
        return None
    patch = '{"spec":{"kubeProxyConfig":{"proxyArguments":{"ipvs-strict-arp":["true"]}}}}'
    way = f"oc patch network.operator.openshift.io cluster --type merge -p '{patch}'"
    return Manager(name="OpenShift's Network operator", because=f"namespace {workload.OPENSHIFT}", way=(way,))


def _eks(objects: Objects) -> Manager | None:
    """The add-on's field manager is `eks`. The label alone is also on a kube-proxy that the user manages."""
    by_manager = next((full_name(o) for o in written(objects) if "eks" in managers(o)), None)
    label = "eks.amazonaws.com/component"
    because = f"{by_manager} is written by the field manager eks" if by_manager else marked(objects, labels_of, label)
    value = '{"ipvs":{"strictARP":true},"mode":"ipvs"}'
    if because is None:
        return None
    return Manager(
        name="the EKS add-on",
        because=because,
        way=(
            "Write the value of the add-on, an edit of the ConfigMap is overwritten:",
            f"aws eks update-addon --cluster-name CLUSTER --addon-name kube-proxy --configuration-values '{value}'",
            "(`aws eks describe-addon-configuration` shows which keys this version takes)",
        ),
        certain=by_manager is not None,
    )


def _aks(objects: Objects) -> Manager | None:
    return by_label(
        objects,
        "kubernetes.azure.com/cluster",
        "AKS",
        "AKS has no field for strictARP: write the sysctls themselves on every node, at every boot:",
        "net.ipv4.conf.all.arp_ignore=1 and net.ipv4.conf.all.arp_announce=2",
    )


def _kops(objects: Objects) -> Manager | None:
    return by_label(
        objects,
        "kops.k8s.io/",
        "kOps",
        "The kOps cluster spec has no field for strictARP; set the sysctls in it: spec.sysctlParameters",
        "[net.ipv4.conf.all.arp_ignore=1, net.ipv4.conf.all.arp_announce=2], then: kops rolling-update cluster",
    )


def _gke(objects: Objects) -> Manager | None:
    found = next((version for node in objects.nodes() if "-gke." in (version := kubelet(node))), None)
    way = "GKE gives no access to kube-proxy's configuration; Dataplane V2 needs no strict ARP"
    return Manager(name="GKE", because=f"kubelet {found}", way=(way,)) if found else None


def _gardener(objects: Objects) -> Manager | None:
    """Its ConfigMap is immutable, and named by a hash of what is in it: another one is made only by Gardener itself."""
    marks = (
        marked(objects, labels_of, "resources.gardener.cloud/"),
        marked(objects, annotations_of, "resources.gardener.cloud/"),
        next((f"{full_name(o)} has origin: gardener" for o in written(objects) if _origin(o) == "gardener"), None),
    )
    if (because := next((mark for mark in marks if mark), None)) is None:
        return by_label(objects, "worker.gardener.cloud/", "Gardener", *_GARDENERS_WAY)
    return Manager(name="Gardener", because=because, way=_GARDENERS_WAY)


def _origin(obj: Object) -> str | None:
    return labels_of(obj).get("origin")


_GARDENERS_WAY = (
    "Gardener makes kube-proxy's configuration of the Shoot, which has no field for strictARP. Either set in the Shoot",
    "spec.kubernetes.kubeProxy.mode: IPTables, and replace or reboot the nodes, on which kube-ipvs0 stays until then;",
    "or write the sysctls themselves on every node, at every boot: net.ipv4.conf.all.arp_ignore=1 and",
    "net.ipv4.conf.all.arp_announce=2",
)


def _kubermatic(objects: Objects) -> Manager | None:
    because = marked(objects, labels_of, "kubermatic-addon")
    way = (
        "In the Cluster object of KKP, in the seed cluster: spec.clusterNetwork.ipvs.strictArp: true",
        "KKP's addon controller then writes it to kube-proxy; an edit of the ConfigMap is overwritten",
        "(clusters that KKP makes with Kubernetes 1.35 or newer have mode nftables, which needs no strict ARP)",
    )
    return Manager(name="Kubermatic KKP", because=because, way=way) if because else None


def _gitops(objects: Objects) -> Manager | None:
    for name, read, prefix in _GIT:
        if because := marked(objects, read, prefix):
            return Manager(name=name, because=because, way=_kept(name, objects))
    return None


_GIT: tuple[tuple[str, Callable[[Object], Mapping[str, str]], str], ...] = (
    ("Argo CD", annotations_of, "argocd.argoproj.io/"),
    ("Argo CD", labels_of, "argocd.argoproj.io/"),
    ("Flux", labels_of, "kustomize.toolkit.fluxcd.io/"),
    ("Flux", labels_of, "helm.toolkit.fluxcd.io/"),
    ("Helm", annotations_of, "meta.helm.sh/release-name"),
    ("the addon manager", labels_of, "addonmanager.kubernetes.io/mode"),
)


def _controller(objects: Objects) -> Manager | None:
    """Whoever else writes it: with its next look it undoes an edit by hand."""
    for obj in written(objects):
        for found in controllers(obj):
            name = next((name for key, name in _CONTROLLERS if found.startswith(key)), None)
            because = f"{full_name(obj)} is written by the field manager {found[:60]}"
            title = name or f"the field manager {found[:60]}"
            return Manager(name=title, because=because, way=_kept(title, objects), certain=name is not None)
    return None


_CONTROLLERS = (
    *(("argocd", "Argo CD"), ("kustomize-controller", "Flux"), ("helm-controller", "Flux"), ("flux", "Flux")),
    *(("helm", "Helm"), ("fleetagent", "Rancher Fleet"), ("HashiCorp", "Terraform"), ("Terraform", "Terraform")),
    *(("pulumi", "Pulumi"), ("gardener", "Gardener"), ("addon-manager", "the addon manager")),
)
"""The beginning of a field manager's name, and whose it is."""


def _kept(owner: str, objects: Objects) -> tuple[str, ...]:
    """Argo CD tracks by the label app.kubernetes.io/instance unless it is told to use annotations."""
    labels = (labels_of(obj).get("app.kubernetes.io/instance") for obj in written(objects))
    application = next((label for label in labels if label), None) if owner == "Argo CD" else None
    of_whom = f" of the application {application[:80]}" if application else ""
    kept = f"where that configuration is kept (the repository{of_whom}, the chart's values)"
    return (f"Set ipvs.strictARP: true {kept} and sync it", "Then restart kube-proxy: a new ConfigMap alone is never loaded")


def _static(objects: Objects) -> Manager | None:
    pods = workload.pods(objects).values()
    if workload.daemon_sets(objects) or not any(workload.is_static(pod) for pod in pods):
        return None
    return Manager(
        name="static pods",
        because="kube-proxy has no DaemonSet, its pods belong to their nodes",
        way=(
            "On every node add --ipvs-strict-arp=true to the kube-proxy manifest (usually in /etc/kubernetes/manifests)",
            "or ipvs.strictARP: true to the file that its --config names; the kubelet restarts it when the manifest changes",
        ),
    )


def _flags(objects: Objects) -> Manager | None:
    """A DaemonSet without --config: there is no ConfigMap to edit."""
    found = workload.daemon_sets(objects)
    if not found or place(objects) is not None or any("--config" in " ".join(one.command) for one in found):
        return None
    title = found[0].title
    if has(setting(found[0], objects).notes, Oddity.OPAQUE):
        return Manager(
            name="the image's own start script",
            because=f"{title} does not show the flags that kube-proxy is started with",
            way=(f"Find where what the image of {title} starts has its flags from, and set --ipvs-strict-arp=true there",),
        )
    return Manager(
        name="flags of the DaemonSet",
        because=f"{title} has no --config",
        way=(f"Add --ipvs-strict-arp=true to the arguments of {title}; its pods are then replaced",),
    )


def _kubespray(objects: Objects) -> Manager | None:
    """By the values that only its template writes out (roles/kubernetes/control-plane/templates/kubeadm-config.*.j2)."""
    where = place(objects)
    values = mapping(config_map(where, objects), "data").get(where.key, "") if where else ""
    if where is None or not all(re.search(mark, values, re.MULTILINE) for mark in _KUBESPRAY):
        return None
    return Manager(
        name="Kubespray",
        because=f"{where.title} has the values that Kubespray's template writes",
        way=(
            "Set kube_proxy_strict_arp: true in the inventory (group_vars/k8s_cluster/k8s-cluster.yml), since the next run",
            "of the playbook overwrites an edit; then: ansible-playbook -b -i INVENTORY cluster.yml",
        ),
        certain=False,
    )


_KUBESPRAY = (r"^configSyncPeriod: 15m0s", r"^oomScoreAdj: -999", r"^  contentType: application/vnd\.kubernetes\.protobuf")

_KUBELET = "status nodeInfo kubeletVersion"

DISTRIBUTIONS: tuple[Distribution, ...] = (
    Distribution(
        manager=_rke2_chart,
        marks=("metadata annotations meta.helm.sh/release-name",),
        node_marks=(f"metadata annotations {replacements.RKE2}", _KUBELET),
    ),
    Distribution(manager=_embedded, node_marks=tuple(f"metadata annotations {key}" for key in replacements.ANNOTATIONS)),
    Distribution(manager=_microk8s, node_marks=(f"metadata labels {replacements.MICROK8S}",)),
    Distribution(manager=_talos, node_marks=("status nodeInfo osImage",)),
    Distribution(manager=_k0s, marks=("metadata labels k0s.k0sproject.io/stack",), node_marks=(_KUBELET,)),
    Distribution(manager=_openshift),
    Distribution(
        manager=_gardener,
        marks=(
            *("metadata labels resources.gardener.cloud/*", "metadata annotations resources.gardener.cloud/*"),
            "metadata labels origin",
        ),
        node_marks=("metadata labels worker.gardener.cloud/*",),
    ),
    Distribution(manager=_kubermatic, marks=("metadata labels kubermatic-addon",)),
    Distribution(manager=_eks, marks=("metadata labels eks.amazonaws.com/component", "metadata managedFields manager")),
    Distribution(manager=_aks, node_marks=("metadata labels kubernetes.azure.com/cluster",)),
    Distribution(manager=_kops, node_marks=("metadata labels kops.k8s.io/*",)),
    Distribution(manager=_gke, node_marks=(_KUBELET,)),
    Distribution(
        manager=_gitops,
        marks=(
            *("metadata labels argocd.argoproj.io/*", "metadata annotations argocd.argoproj.io/*"),
            *("metadata labels kustomize.toolkit.fluxcd.io/*", "metadata labels helm.toolkit.fluxcd.io/*"),
            *("metadata annotations meta.helm.sh/release-name", "metadata labels addonmanager.kubernetes.io/mode"),
            "metadata labels app.kubernetes.io/instance",
        ),
    ),
    Distribution(manager=_controller, marks=("metadata managedFields manager",)),
    Distribution(manager=_static),
    Distribution(manager=_flags),
    Distribution(manager=_kubespray),
)
"""The first that fits counts: what one only looks like stands behind what it certainly is."""

MARKS = tuple(dict.fromkeys(mark for one in DISTRIBUTIONS for mark in one.marks))
NODE_MARKS = tuple(dict.fromkeys(mark for one in DISTRIBUTIONS for mark in one.node_marks))
