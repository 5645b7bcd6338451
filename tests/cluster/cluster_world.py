"""A small cluster, the needs that read it, and a server for it. Used by the tests of this folder."""

from contextlib import contextmanager

from apiserver import ApiServer

from arpcheck.cluster import ClusterSource, read
from arpcheck.model import Need

TOKEN = "planted-token-7f3a9c"


def obj(api_version, kind, name, namespace=None, *, labels=None, annotations=None, **rest):
    metadata = {"name": name, "uid": f"uid-{kind}-{namespace}-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
    metadata |= {key: value for key, value in (("namespace", namespace), ("labels", labels)) if value}
    metadata |= {"annotations": annotations} if annotations else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def service(name, namespace="shop", ip=None, **rest):
    spec = {"type": "LoadBalancer" if ip else "ClusterIP", "clusterIP": "10.96.0.9", "ports": [{"port": 80}]}
    status = {"loadBalancer": {"ingress": [{"ip": ip}] if ip else []}}
    return obj("v1", "Service", name, namespace, spec=spec, status=status, **rest)


def node(name, ip="192.0.2.10"):
    return obj("v1", "Node", name, status={"addresses": [{"type": "InternalIP", "address": ip}]})


def config_map(name, namespace="kube-system", **data):
    return obj("v1", "ConfigMap", name, namespace, data=data or {"config.conf": "mode: ipvs\n"})


def mounting(name, *maps, namespace="kube-system", kind="DaemonSet"):
    volumes = [{"name": f"v{i}", "configMap": {"name": found}} for i, found in enumerate(maps)]
    spec = {"volumes": volumes, "containers": [{"name": "c", "env": [{"name": "KEY", "value": "secret"}]}]}
    if kind == "Pod":
        return obj("v1", "Pod", name, namespace, labels={"k8s-app": "kube-proxy"}, spec=spec)
    return obj("apps/v1", "DaemonSet", name, namespace, spec={"template": {"spec": spec}})


def l2_status(name, node):
    return obj("metallb.io/v1beta1", "ServiceL2Status", name, "metallb-system", status={"node": node})


def event(name, reason, kind="Service"):
    return obj("v1", "Event", name, "shop", reason=reason, involvedObject={"kind": kind}, message="m", source={})


CLUSTER = (
    service("kubernetes", "default"),
    service("web", "shop", "192.0.2.50", labels={"app": "web"}, annotations={"metallb.io/pool": "lan", "note": "mine"}),
    service("api", "shop", "192.0.2.51"),
    node("worker-1", "192.0.2.11"),
    node("worker-2", "192.0.2.12"),
    config_map("kube-proxy"),
    config_map("coredns", Corefile="."),
    mounting("kube-proxy", "kube-proxy"),
    mounting("kube-proxy-x7h2p", "kube-proxy", kind="Pod"),
    l2_status("l2-7kzqd", "worker-1"),
    event("web.1", "nodeAssigned"),
    event("web.2", "Pulled", "Pod"),
    obj("v1", "Secret", "credentials", "shop", data={"password": "cGxhbnRlZA=="}),
)

SERVICES = Need(
    resource="services",
    costs="nothing can be probed",
    fields=("spec type", "status loadBalancer ingress ip", "metadata annotations metallb.io/*"),
)
NODES = Need(resource="nodes", costs="no MAC can be given to a node", fields=("status addresses",))
CONFIG_MAPS = Need(
    resource="configmaps", namespace="kube-system", mounted=True, costs="the mode is not known", fields=("data *",)
)
DAEMON_SETS = Need(
    resource="daemonsets.apps",
    namespace="kube-system",
    names=("*kube-proxy*",),
    costs="where it is configured is not known",
    fields=("spec template spec volumes configMap name",),
)
PODS = Need(
    resource="pods",
    namespace="kube-system",
    selector="k8s-app=kube-proxy",
    costs="its age is not known",
    fields=("spec nodeName",),
)
STATUSES = Need(resource="servicel2statuses.metallb.io", costs="MetalLB's announcers are not known", fields=("status node",))
EVENTS = Need(
    resource="events",
    field_selector="involvedObject.kind=Service",
    costs="older announcers are not known",
    fields=("message",),
)
NEEDS = (SERVICES, NODES, CONFIG_MAPS, DAEMON_SETS, PODS, STATUSES, EVENTS)


MANY = (service("kubernetes", "default"), *(service(f"s{i:04}", f"n{i % 7}", labels={"i": str(i)}) for i in range(1200)))
"""Three pages of Services."""


@contextmanager
def cluster(tmp_path, objects=CLUSTER, kind=ApiServer, **options):
    """A server, and a function that reads it with the real client: `read(needs, **Source's and read's own)`."""
    with kind(objects, token=TOKEN, **options) as server:
        kubeconfig = server.kubeconfig(tmp_path / "kubeconfig")

        def ask(needs=NEEDS, *, timeout=10.0, namespaces=(), services_required=True, **source):
            found = ClusterSource(**{"kubeconfig": kubeconfig, "request_timeout": timeout, **source})
            return read(found, needs, namespaces=namespaces, services_required=services_required)

        yield server, ask


def names(objects, resource):
    return [found["metadata"]["name"] for found in objects.of(resource)]


def gaps(objects):
    return {gap.what: gap.why for gap in objects.gaps}
