"""ServiceLB: by which record a Service is known to be its own."""

from __future__ import annotations

from typing import Any

import pytest
from loadbalancers_objects import ask, balanced, lines, member, objects

from arpcheck.loadbalancers import servicelb

IP = "192.168.10.50"
NODE = member("worker-1", ("InternalIP", IP))


def daemonset(name: str, program: str = "k3s", space: str = "shop", served: str = "web") -> dict[str, Any]:
    label = f"svccontroller.{program}.cattle.io"
    labels = {f"{label}/svcnamespace": space, f"{label}/svcname": served}
    return {"kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system", "labels": labels}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([NODE], "servicelb (6: the address is worker-1's own)", id="a node's address"),
        pytest.param(
            [NODE, member("worker-2", ("ExternalIP", IP))],
            "servicelb (6: the address is worker-1 and worker-2's own)",
            id="of two nodes",
        ),
        pytest.param([NODE, daemonset("svclb-web")], "servicelb (2: DaemonSet kube-system/svclb-web)", id="and a DaemonSet"),
        pytest.param([daemonset("svclb-web")], "servicelb (5: DaemonSet kube-system/svclb-web)", id="a DaemonSet alone"),
        pytest.param([daemonset("svclb-web", "rke2")], "servicelb (5: DaemonSet kube-system/svclb-web)", id="RKE2's"),
        pytest.param(
            [daemonset("svclb-c"), daemonset("svclb-a"), daemonset("svclb-b")],
            "servicelb (5: DaemonSet kube-system/svclb-a)",
            id="several, the first by name",
        ),
        pytest.param([daemonset("svclb-api", served="api")], None, id="another Service's"),
        pytest.param([daemonset("svclb-web", space="blog")], None, id="another namespace's"),
        pytest.param([daemonset("speaker", program="other")], None, id="another DaemonSet"),
    ],
)
def test_recognised(found: list[dict[str, Any]], expected: str | None) -> None:
    said = lines(ask(servicelb, objects([balanced(IP), *found]), "shop/web"))
    assert (said[0] if said else None) == expected
