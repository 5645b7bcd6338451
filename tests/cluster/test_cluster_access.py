"""What an account may read, by one review: what is granted, what is refused, what the server does not say."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from apiserver import ApiServer, Fault

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.source import access
from arpcheck.errors import ClusterError
from arpcheck.model import Need

SERVICES = Need(resource="services", costs="x")
LEASES = Need(resource="leases.coordination.k8s.io", costs="x")
STATUSES = Need(resource="servicel2statuses.metallb.io", costs="x")
CONFIG_MAPS = Need(resource="configmaps", costs="x", namespace="kube-system")
ONE_MAP = Need(resource="configmaps", costs="x", verb="get", names=("cilium-config",), namespace="kube-system")
ELSEWHERE = Need(resource="pods", costs="x", namespace="openshift-kube-proxy")
SERVES = ("coordination.k8s.io/v1/Lease",)
OPENSHIFT = (*SERVES, "config.openshift.io/v1/ClusterVersion")


def rule(*resources, verbs=("list",), groups=("",), **more):
    return {"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources), **more}


def asked(tmp_path, needs, clock=None, **server):
    with ApiServer(**{"serves": SERVES, **server}) as api:
        path = api.kubeconfig(tmp_path / "config")
        found = (
            access(ClusterSource(kubeconfig=path), needs, clock) if clock else access(ClusterSource(kubeconfig=path), needs)
        )
        return found, api


CASES = [
    pytest.param([SERVICES], [rule("services")], (), (), id="granted"),
    pytest.param([SERVICES], [rule("*", verbs=["*"], groups=["*"])], (), (), id="cluster-admin"),
    pytest.param([SERVICES], [rule("services", verbs=["get", "watch"])], (SERVICES,), (), id="another verb"),
    pytest.param([LEASES], [rule("leases")], (LEASES,), (), id="another group"),
    pytest.param([LEASES], [rule("leases", groups=["coordination.k8s.io"])], (), (), id="its group"),
    pytest.param([STATUSES], [], (), (), id="refused and not installed"),
    pytest.param([CONFIG_MAPS], [rule("configmaps", namespace="kube-system")], (), (), id="in its namespace"),
    pytest.param([CONFIG_MAPS], [rule("configmaps", namespace="default")], (CONFIG_MAPS,), (), id="in another namespace"),
    pytest.param(
        [CONFIG_MAPS],
        [rule("configmaps", resourceNames=["kube-proxy"])],
        (CONFIG_MAPS,),
        (),
        id="single objects are no list",
    ),
    pytest.param(
        [ONE_MAP], [rule("configmaps", verbs=["get"], resourceNames=["cilium-config"])], (), (), id="the one that is got"
    ),
    pytest.param([ONE_MAP], [rule("configmaps", verbs=["get"], resourceNames=["x"])], (ONE_MAP,), (), id="another one"),
    pytest.param([ELSEWHERE], [], (), (), id="a namespace that is not there"),
]


@pytest.mark.parametrize(("needs", "rules", "refused", "unknown"), CASES)
def test_what_may_be_read(tmp_path, needs, rules, refused, unknown):
    found, _ = asked(tmp_path, needs, rules=rules)
    assert (found.refused, found.unknown) == (refused, unknown)


def test_what_is_granted_elsewhere_the_review_does_not_show(tmp_path):
    found, _ = asked(tmp_path, [ELSEWHERE], rules=[], serves=OPENSHIFT)
    assert (found.refused, found.unknown) == ((), (ELSEWHERE,))


def test_it_takes_one_review_and_says_who_was_asked(tmp_path):
    found, api = asked(tmp_path, [SERVICES, LEASES, CONFIG_MAPS])
    reviews = [request for request in api.requests if request.method == "POST"]
    assert [json.loads(request.body)["spec"] for request in reviews] == [{"namespace": "kube-system"}]
    assert (found.context, found.server, found.version) == ("lab", api.url, "v1.33.4")
    assert (found.refused, found.unknown) == ((), ())


@pytest.mark.parametrize("seconds", [-90, 0, 3600])
def test_the_clock_is_held_against_the_servers(tmp_path, seconds):
    found, _ = asked(tmp_path, [], lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    assert found.ahead == pytest.approx(seconds, abs=10)


REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def test_credentials_that_are_not_accepted_are_an_error(tmp_path):
    with ApiServer(token="right") as api:
        path = api.kubeconfig(tmp_path / "config", token="wrong")
        with pytest.raises(
            ClusterError, match=r"cannot read from the API server .*: the server rejected the credentials \(401\)"
        ):
            access(ClusterSource(kubeconfig=path), [SERVICES])


ODD = [
    pytest.param({}, (), (SERVICES,), id="no status"),
    pytest.param({"status": {"incomplete": True, "resourceRules": []}}, (), (SERVICES,), id="incomplete"),
    pytest.param({"status": {"incomplete": False, "resourceRules": None}}, (SERVICES,), (), id="no rules"),
    pytest.param(
        {"status": {"incomplete": False, "resourceRules": [1, {"verbs": "list"}, {"verbs": [["list"]]}]}},
        (SERVICES,),
        (),
        id="odd rules",
    ),
    pytest.param([], (), (SERVICES,), id="a list"),
]


@pytest.mark.parametrize(("document", "refused", "unknown"), ODD)
def test_an_odd_review_grants_nothing(tmp_path, document, refused, unknown):
    fault = Fault(path=REVIEW, json=document)
    found, _ = asked(tmp_path, [SERVICES], faults=[fault])
    assert (found.refused, found.unknown) == (refused, unknown)
