"""Who owns kube-proxy's configuration: where it is not the ConfigMap itself, an edit by hand is undone or impossible.

A row a system: how it is recognised, and its own way to set strictARP. Knows no wire and does not write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from arpcheck.kubeproxy import embedded, substitutes, workload
from arpcheck.kubeproxy.manager import Manager, by_label, kubelet, managers, marked, written
from arpcheck.kubeproxy.setting import config_map, place
from arpcheck.objects import Object, Objects, annotations_of, full_name, labels_of, mapping, namespace, text


def managed_by(objects: Objects) -> Manager | None:
    """The first row that fits; None where the ConfigMap is the place to edit, or nothing is known of it."""
    return next((found for rule in _RULES if (found := rule(objects)) is not None), None)


# ----------------------------------------------------------------------------------------------------------- the rows


def _embedded(objects: Objects) -> Manager | None:
    found = next((key for node in objects.nodes() if (key := embedded.annotation(node))), None)
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
    )


def _units(program: str) -> str:
    return "k3s (servers), k3s-agent (agents)" if program == "k3s" else "rke2-server, rke2-agent"


def _microk8s(objects: Objects) -> Manager | None:
    return by_label(
        objects,
        substitutes.MICROK8S,
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


def _gitops(objects: Objects) -> Manager | None:
    for name, read, prefix in _GIT:
        if because := marked(objects, read, prefix):
            kept = "where that configuration is kept (the repository, the chart's values)"
            return Manager(name=name, because=because, way=(f"Set ipvs.strictARP: true {kept} and sync it",))
    return None


_GIT: tuple[tuple[str, Callable[[Object], Mapping[str, str]], str], ...] = (
    ("Argo CD", annotations_of, "argocd.argoproj.io/"),
    ("Argo CD", labels_of, "argocd.argoproj.io/"),
    ("Flux", labels_of, "kustomize.toolkit.fluxcd.io/"),
    ("Flux", labels_of, "helm.toolkit.fluxcd.io/"),
    ("Helm", annotations_of, "meta.helm.sh/release-name"),
    ("the addon manager", labels_of, "addonmanager.kubernetes.io/mode"),
)


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

_RULES: tuple[Callable[[Objects], Manager | None], ...] = (
    *(_embedded, _microk8s, _talos, _k0s, _openshift, _eks, _aks, _kops, _gke, _gitops, _static, _flags, _kubespray),
)
