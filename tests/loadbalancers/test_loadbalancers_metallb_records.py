"""MetalLB: what the speakers' pods, the taints, the records and the events say of why no node announces an address."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from loadbalancers_objects import AT, first_ip, member, refuse, service, trimmed
from test_loadbalancers_metallb_reasons import HOME, SLICES, advertisement, endpoint, slices, speakers, world

from arpcheck.loadbalancers import NEEDS, metallb
from arpcheck.model import Certainty, Gap, Reason
from arpcheck.objects import Objects

SURE, LIKELY, POSSIBLE = Certainty.SURE, Certainty.LIKELY, Certainty.POSSIBLE
STATES = "configurationstates.metallb.io"
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
TOLERATED = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}


def pod(node: str, *, ready: bool = True, space: str = "metallb-system", called: str = "speaker") -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": f"{called}-{node}", "namespace": space},
        "spec": {"nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def tainted(name: str, *taints: dict[str, str]) -> dict[str, Any]:
    return {**member(name), "spec": {"taints": list(taints)}}


def record(
    node: str, called: str = "l2-a", status: str = "", space: str = "metallb-system", minutes: int = 30
) -> dict[str, Any]:
    labels = {"metallb.io/node": node, "metallb.io/service-name": "web", "metallb.io/service-namespace": "shop"}
    made = (AT - timedelta(minutes=minutes)).isoformat()
    meta = {"name": called, "namespace": space, "labels": labels, "creationTimestamp": made}
    return {"kind": "ServiceL2Status", "metadata": meta, "status": {"node": status or node}}


def of_another() -> dict[str, Any]:
    found = record("worker-1", "l2-b")
    return {
        **found,
        "metadata": {**found["metadata"], "labels": {**found["metadata"]["labels"], "metallb.io/service-name": "api"}},
    }


def event(reason: str, message: str, minutes: int = 5) -> dict[str, Any]:
    seen = (AT - timedelta(minutes=minutes)).isoformat()
    about = {"kind": "Service", "namespace": "shop", "name": "web"}
    meta = {"name": f"web.{reason}", "namespace": "shop"}
    return {
        "kind": "Event",
        "metadata": meta,
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "lastTimestamp": seen,
    }


def assigned(node: str, minutes: int = 5) -> dict[str, Any]:
    return event("nodeAssigned", f'announcing from node "{node}" with protocol "layer2"', minutes)


def found(of: Objects) -> tuple[Reason, ...]:
    """Of what NEEDS keeps of the objects."""
    kept = replace(trimmed(of, NEEDS), resources={**trimmed(of, NEEDS).resources, SLICES: of.of(SLICES)})
    web = service(kept, "shop/web")
    return metallb.reasons(web, first_ip(web), kept, AT)


def said(of: Objects) -> list[tuple[str, Certainty, tuple[str, ...]]]:
    return [(one.id.value, one.certainty, one.nodes) for one in found(of)]


BOTH, ALL = ("worker-1", "worker-2"), (pod("worker-1"), pod("worker-2"))
NOT_READY = (pod("worker-1", ready=False), pod("worker-2", ready=False))
TAINTED = [tainted("worker-1", CONTROL_PLANE), tainted("worker-2", CONTROL_PLANE)]
DOWN = {**member("worker-1"), "status": {"conditions": [{"type": "Ready", "status": "False"}]}}


# ------------------------------------------------------------------------------------------------ where the speakers run


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        pytest.param(world(*NOT_READY), ("no-node-may-announce", LIKELY, BOTH), id="no pod is ready"),
        pytest.param(
            world(pod("worker-2"), local=True), ("no-local-endpoint", SURE, ("worker-1",)), id="no pod beside the endpoint"
        ),
        pytest.param(
            world(pod("worker-1", ready=False), pod("worker-2"), local=True),
            ("no-local-endpoint", LIKELY, ("worker-1",)),
            id="the pod beside the endpoint is not ready",
        ),
        pytest.param(world(nodes=TAINTED), ("no-node-may-announce", LIKELY, BOTH), id="taints on all"),
        pytest.param(
            world(nodes=[TAINTED[0], member("worker-2")], local=True),
            ("no-local-endpoint", LIKELY, ("worker-1",)),
            id="a taint beside the endpoint",
        ),
        pytest.param(
            world(nodes=[tainted("worker-1", {"key": "a", "value": "b", "effect": "NoExecute"})]),
            ("no-node-may-announce", LIKELY, ("worker-1",)),
            id="a taint NoExecute",
        ),
        pytest.param(
            world(
                nodes=[tainted("worker-1", {"key": "a", "value": "b", "effect": "NoSchedule"})],
                speakers=[speakers(tolerations=[{"key": "a", "value": "c"}])],
            ),
            ("no-node-may-announce", LIKELY, ("worker-1",)),
            id="another value is tolerated",
        ),
        pytest.param(
            world(record("worker-1"), pod("worker-2")),
            ("announcer-not-running", LIKELY, ("worker-1",)),
            id="none as recorded",
        ),
        pytest.param(
            world(record("worker-1"), pod("worker-1", ready=False), pod("worker-2")),
            ("announcer-not-running", LIKELY, ("worker-1",)),
            id="not ready as recorded",
        ),
    ],
)
def test_without_a_speaker_a_node_announces_nothing(of: Objects, wanted: tuple[str, Certainty, tuple[str, ...]]) -> None:
    assert said(of)[0] == wanted


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(*ALL), id="both run"),
        pytest.param(world(pod("worker-1")), id="one runs, and the policy is Cluster"),
        pytest.param(world(*ALL, local=True), id="one beside the endpoint"),
        pytest.param(world(*ALL, nodes=TAINTED), id="both run in spite of taints"),
        pytest.param(world(nodes=TAINTED, speakers=[speakers(tolerations=[TOLERATED])]), id="the taint is tolerated"),
        pytest.param(world(nodes=TAINTED, speakers=[speakers(tolerations=[{"operator": "Exists"}])]), id="all taints are"),
        pytest.param(
            world(
                nodes=[tainted("worker-1", {"key": "a", "value": "b", "effect": "NoSchedule"})],
                speakers=[speakers(tolerations=[{"key": "a", "value": "b"}])],
            ),
            id="the value is tolerated",
        ),
        pytest.param(
            world(nodes=[tainted("worker-1", {"key": "a", "effect": "PreferNoSchedule"})]),
            id="a taint that keeps nobody away",
        ),
        pytest.param(
            world(nodes=[tainted("worker-1", {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})]),
            id="a cordoned node",
        ),
        pytest.param(refuse(world(*NOT_READY), "pods"), id="pods are forbidden"),
        pytest.param(
            replace(world(*NOT_READY), gaps=(Gap(what="pods in metallb-system", why="forbidden", costs="…"),)),
            id="MetalLB's pods are forbidden",
        ),
        pytest.param(world(pod("worker-1", space="shop", ready=False)), id="a pod of that name elsewhere"),
        pytest.param(world(pod("worker-1", called="controller")), id="the controller is no speaker"),
        pytest.param(replace(world(pod("worker-2"), local=True), read_at=None), id="a file may lack a pod"),
        pytest.param(world(record("worker-1"), *ALL), id="as recorded"),
        pytest.param(world(record("worker-1")), id="no pod is known"),
    ],
)
def test_what_looks_like_a_missing_speaker_and_is_none(of: Objects) -> None:
    assert found(of) == ()


# --------------------------------------------------------------------------------------------------- records and events


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        pytest.param(
            world(record("worker-1"), nodes=[DOWN, member("worker-2")]), ("node-down", LIKELY, ("worker-1",)), id="not Ready"
        ),
        pytest.param(world(record("worker-9")), ("node-down", LIKELY, ("worker-9",)), id="not in the cluster"),
        pytest.param(world(of_another()), ("no-record", LIKELY, ()), id="others have a record"),
        pytest.param(
            world(record("worker-1"), record("worker-2", "l2-c")), ("two-announcers", LIKELY, BOTH), id="two records"
        ),
        pytest.param(
            world(record("worker-1", status="worker-2")), ("record-behind", LIKELY, BOTH), id="label and status differ"
        ),
        pytest.param(
            world(record("worker-1"), assigned("worker-2")), ("record-behind", LIKELY, ("worker-2",)), id="a later event"
        ),
        pytest.param(
            world(record("worker-1", space="shop"), of_another()), ("record-behind", POSSIBLE, ()), id="a stranger's record"
        ),
        pytest.param(world(event("announceFailed", "x")), ("announce-failed", LIKELY, ()), id="an event of failure"),
    ],
)
def test_records_and_events_say_it(of: Objects, wanted: tuple[str, Certainty, tuple[str, ...]]) -> None:
    assert wanted in said(of)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(world(record("worker-1"), assigned("worker-1")), id="an event of the same node"),
        pytest.param(world(record("worker-1"), assigned("worker-2", minutes=45)), id="an event of before the record"),
        pytest.param(world(record("worker-1"), assigned("worker-2", minutes=90), of_another()), id="an old event"),
        pytest.param(world(), id="nobody has a record"),
        pytest.param(world(event("announceFailed", "x", 10), assigned("worker-1")), id="it could announce later"),
        pytest.param(world(event("announceFailed", "x", 90)), id="an old failure"),
        pytest.param(refuse(world(record("worker-9")), "nodes"), id="nodes are forbidden"),
    ],
)
def test_records_and_events_that_agree(of: Objects) -> None:
    assert found(of) == ()


def test_speakers_of_two_installations() -> None:
    second = speakers()
    second = {**second, "metadata": {"name": "speaker", "namespace": "other"}}
    assert ("two-announcers", LIKELY, ()) in said(world(speakers=[speakers(), second]))
    third = {**speakers("--lb-class=b"), "metadata": {"name": "speaker-b", **HOME}}
    assert found(world(speakers=[speakers(), third])) == ()


def test_a_rejected_configuration() -> None:
    """Less so where a node is recorded: it announces with the last valid one."""
    labels = {"metallb.io/component-type": "speaker", "metallb.io/node-name": "worker-2"}
    state = {"metadata": {"name": "s", **HOME, "labels": labels}, "status": {"result": "Invalid", "lastError": "peer x"}}
    for extra, certainty in (((), LIKELY), ((record("worker-1"),), POSSIBLE)):
        of = world(*extra)
        rejected = replace(of, resources={**of.resources, STATES: (state,)})
        assert said(rejected) == [("invalid-configuration", certainty, ("worker-2",))]
        valid = replace(of, resources={**of.resources, STATES: ({**state, "status": {"result": "Valid"}},)})
        assert found(valid) == ()


def test_without_an_endpoint_no_speaker_matters() -> None:
    of = world(*NOT_READY, endpoints=slices(endpoint(ready=False)), ads=[advertisement()])
    assert [one[0] for one in said(of)][:2] == ["no-ready-endpoint", "no-node-may-announce"]
