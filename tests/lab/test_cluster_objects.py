"""The objects of a scene: real shapes, ages counted back from now, the same in every run."""

from datetime import UTC, datetime, timedelta

import pytest

from arpcheck import cluster, pipeline
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Gap
from arpcheck.objects import Node, Service

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SCENE = scene_file.parse(
    """
    title = "A test"
    about = "Made by a test."
    [nodes]
    worker-1 = { ipvs = "strict", kube_proxy_age = "10m", labels = { zone = "a" } }
    worker-2 = { ready = false, annotations = { note = "x" } }
    [cluster]
    refused = ["events", "made-up"]
    leases = [{ name = "kube-system/cilium-l2announce-web-nginx", holder = "worker-1", renewed = "5s", acquired = "1h" }]
    kube_proxy = { edited = "1h" }
    objects."widgets.example.com" = [{ apiVersion = "example.com/v1", kind = "Widget", metadata = { name = "w" } }]
    [[services]]
    name = "web/nginx"
    ips = ["10.0.0.50", "fd00::50"]
    l2_status = "worker-1"
    events = [{ node = "worker-2", age = "3h", protocol = "bgp" }]
    external_ips = "10.0.0.60"
    class = "example.com/lb"
    traffic_policy = "Local"
    """,
    "test",
)
FOUND = cluster_objects.resources(SCENE, NOW)


def by_name(resource):
    return {obj["metadata"]["name"]: obj for obj in FOUND[resource]}


def test_services():
    service = Service.read(by_name("services")["nginx"])
    assert (service.full_name, service.type, service.load_balancer_class) == ("web/nginx", "LoadBalancer", "example.com/lb")
    assert service.local_traffic_only
    assert [str(ip) for ip in service.addresses] == ["10.0.0.50", "fd00::50", "10.0.0.60", "10.96.0.101"]
    assert [entry.mode for entry in service.ingress] == ["VIP", "VIP"]
    assert service.annotations == {"metallb.io/ip-allocated-from-pool": "lan"}
    kubernetes = Service.read(by_name("services")["kubernetes"])
    assert (kubernetes.full_name, kubernetes.type, kubernetes.annotations) == ("default/kubernetes", "ClusterIP", {})
    assert by_name("services")["kube-dns"]["metadata"]["labels"] == {"k8s-app": "kube-dns"}


def test_nodes():
    first, second = (Node.read(obj) for obj in FOUND["nodes"])
    assert ([str(ip) for ip in first.addresses], first.ready, first.labels["zone"]) == (["10.0.0.11"], True, "a")
    assert (second.ready, second.annotations) == (False, {"note": "x"})


def test_what_records_the_announcer():
    [status] = FOUND["servicel2statuses.metallb.io"]
    assert status["status"] == {"node": "worker-1", "serviceName": "nginx", "serviceNamespace": "web"}
    assert status["metadata"]["labels"] == {
        "metallb.io/node": "worker-1", "metallb.io/service-name": "nginx", "metallb.io/service-namespace": "web",
    }  # fmt: skip
    [event] = FOUND["events"]
    assert event["message"] == 'announcing from node "worker-2" with protocol "bgp"'
    assert event["lastTimestamp"] == "2026-03-01T09:00:00Z"
    assert event["involvedObject"]["uid"] == by_name("services")["nginx"]["metadata"]["uid"]
    lease = by_name("leases.coordination.k8s.io")["cilium-l2announce-web-nginx"]
    assert lease["spec"]["renewTime"] == "2026-03-01T11:59:55.000000Z"
    assert lease["spec"]["acquireTime"] == "2026-03-01T11:00:00.000000Z"
    assert by_name("leases.coordination.k8s.io")["worker-1"]["metadata"]["namespace"] == "kube-node-lease"
    [pool], [advertisement] = FOUND["ipaddresspools.metallb.io"], FOUND["l2advertisements.metallb.io"]
    assert (pool["metadata"]["name"], pool["spec"]["addresses"]) == ("lan", ["10.0.0.50/32", "fd00::50/128"])
    assert advertisement["spec"] == {"ipAddressPools": ["lan"]}
    assert FOUND["bgpadvertisements.metallb.io"] == []


def test_a_pool_that_is_advertised_by_bgp():
    text = 'title = "t"\nabout = "a"\n[[services]]\nname = "web/x"\nips = "10.0.0.60"\nadvertised = "bgp"\n'
    found = cluster_objects.resources(scene_file.parse(text, "test"), NOW)
    [advertisement] = found["bgpadvertisements.metallb.io"]
    assert (advertisement["kind"], advertisement["spec"]) == ("BGPAdvertisement", {"ipAddressPools": ["lan"]})
    assert found["l2advertisements.metallb.io"] == []


def test_kube_proxy():
    [config] = FOUND["configmaps"]
    assert config["metadata"]["managedFields"][0]["time"] == "2026-03-01T11:00:00Z"
    assert "mode: ipvs\n" in config["data"]["config.conf"]
    assert "  strictARP: true\n" in config["data"]["config.conf"]
    started = {pod["spec"]["nodeName"]: pod["status"]["startTime"] for pod in FOUND["pods"]}
    assert started == {"worker-1": "2026-03-01T11:50:00Z", "worker-2": "2026-02-28T12:00:00Z"}


@pytest.mark.parametrize(
    ("said", "count"), [pytest.param('mode = "none"', 0, id="none"), pytest.param('text = "x"', 1, id="word for word")]
)
def test_kube_proxy_as_it_is_said(said, count):
    scene = scene_file.parse(f'title = "t"\nabout = "a"\n[cluster.kube_proxy]\n{said}\n', "test")
    found = cluster_objects.resources(scene, NOW)
    assert [len(found[what]) for what in ("configmaps", "daemonsets.apps")] == [count, count]
    assert [obj["data"]["config.conf"] for obj in found["configmaps"]] == ["x"] * count


def test_further_objects_word_for_word():
    assert FOUND["widgets.example.com"] == [{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}]


def test_names_and_uids_are_the_same_in_every_run_and_ages_go_with_now():
    later = cluster_objects.resources(SCENE, NOW + timedelta(hours=1))
    assert [obj["metadata"]["uid"] for obj in later["nodes"]] == [obj["metadata"]["uid"] for obj in FOUND["nodes"]]
    assert later["events"][0]["lastTimestamp"] == "2026-03-01T10:00:00Z"
    assert cluster_objects.resources(SCENE, NOW) == FOUND


def test_what_is_refused_is_a_gap_with_its_costs_and_nothing_else():
    objects = cluster_objects.objects(SCENE, NOW, pipeline.NEEDS)
    costs = "; ".join(need.costs for need in pipeline.NEEDS if need.resource == "events")
    assert objects.gaps == (Gap(what="events", why="forbidden", costs=costs),)
    assert "events" not in objects.resources
    assert (objects.version, objects.read_at) == ("v1.33.4", NOW)


def test_without_metallb_its_resources_are_not_served():
    scene = scene_file.parse('title = "t"\nabout = "a"\nservices = []\n', "test")
    assert not [what for what in cluster_objects.resources(scene, NOW) if "metallb" in what]
    assert cluster_objects.kinds(scene) == ()


@pytest.mark.parametrize("name", scene_file.names())
def test_a_snapshot_of_a_scene_is_read_back(name, tmp_path):
    scene = scene_file.load(name)
    path = tmp_path / "cluster.json"
    path.write_text(cluster.snapshot(cluster_objects.objects(scene, NOW, pipeline.NEEDS)))
    objects = cluster.read(cluster.ClusterSource(cluster_file=str(path)), pipeline.NEEDS, services_required=False)
    readable = () if "services" in scene.cluster.refused else scene.cluster.services
    assert [service.full_name for service in objects.services()] == sorted(service.full_name for service in readable)
    assert tuple(sorted(gap.what for gap in objects.gaps)) == scene.cluster.refused


# ------------------------------------------------------------------------------------------------------------------ Workloads

WORKLOADS = scene_file.parse(
    """
    title = "A test"
    about = "Made by a test."
    [cluster.agents.metallb]
    version = "v0.14.8"
    args = "--ignore-exclude-lb"
    nodes = ["worker-1", "worker-2"]
    waiting = { worker-2 = "CrashLoopBackOff" }
    [cluster.agents.cilium]
    version = "v1.20.2"
    config = { enable-l2-announcements = "true" }
    [cluster.agents.kube-vip]
    version = "v1.0.0"
    env = { vip_arp = "true" }
    [[services]]
    name = "web/nginx"
    endpoints = ["worker-1", "worker-3"]
    [[services]]
    name = "web/gateway"
    endpoints = [{ address = "192.192.192.192" }, { node = "worker-2", ready = false, serving = true, terminating = true }]
    [[services]]
    name = "web/nothing"
    endpoints = []
    """,
    "test",
)


def workloads(resource):
    return cluster_objects.resources(WORKLOADS, NOW)[resource]


def test_endpoint_slices():
    slices = {
        one["metadata"]["labels"]["kubernetes.io/service-name"]: one for one in workloads("endpointslices.discovery.k8s.io")
    }
    assert sorted(slices) == ["gateway", "nginx"], "a Service without an endpoint has no slice"
    ready = {"ready": True, "serving": True, "terminating": False}
    assert [(one["nodeName"], one["conditions"]) for one in slices["nginx"]["endpoints"]] == [
        ("worker-1", ready),
        ("worker-3", ready),
    ]
    first, second = slices["gateway"]["endpoints"]
    assert (first["addresses"], first.get("nodeName")) == (["192.192.192.192"], None)
    assert second["conditions"] == {"ready": False, "serving": True, "terminating": True}


def test_no_endpoint_slice_is_served_where_a_scene_says_nothing_of_endpoints():
    assert "endpointslices.discovery.k8s.io" not in FOUND


def test_pods_of_load_balancers():
    pods = [pod for pod in workloads("pods") if pod["metadata"]["namespace"] == "metallb-system"]
    assert [(pod["spec"]["nodeName"], pod["status"]["containerStatuses"][0]["ready"]) for pod in pods] == [
        ("worker-1", True),
        ("worker-2", False),
    ]
    assert pods[1]["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert {pod["spec"]["containers"][0]["image"] for pod in workloads("pods")} >= {
        "quay.io/metallb/speaker:v0.14.8",
        "quay.io/cilium/cilium:v1.20.2",
        "ghcr.io/kube-vip/kube-vip:v1.0.0",
    }


def test_daemon_sets_of_load_balancers():
    by = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0] for one in workloads("daemonsets.apps")}
    status = {one["metadata"]["name"]: one["status"] for one in workloads("daemonsets.apps")}["speaker"]
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (2, 1)
    assert by["speaker"]["args"] == ["--ignore-exclude-lb"]
    assert by["kube-vip-ds"]["env"] == [{"name": "vip_arp", "value": "true"}]
    [config] = [one for one in workloads("configmaps") if one["metadata"]["name"] == "cilium-config"]
    assert config["data"] == {"enable-l2-announcements": "true"}
