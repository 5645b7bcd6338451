"""Every call that arpcheck makes, each with every fault: what was lost is a gap, or it is one line. Nothing is lost
without a word, and nothing else comes out.

`scripts/faults` tries all; the test takes every eighth, another one for each call."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from apiserver import Fault
from cluster_world import NEEDS, TOKEN, cluster
from test_cluster_faults import FAULTS

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import Container, read_logs
from arpcheck.cluster.source import access
from arpcheck.errors import ArpcheckError

MORE = (
    {"status": 401},
    *({"body": body} for body in ("null", "[]", '"x"', '{"items": {}}', '{"items": [7]}', '{"kind": 7, "items": [[]]}')),
)
EVERY = (*(parameter.values[0] for parameter in FAULTS), *MORE)
LOG = {"speaker": Container(namespace="kube-system", pod="kube-proxy-x7h2p", container="c")}
READ = (
    *(
        "/version",
        "/apis",
        "/apis/apps/v1",
        "/apis/metallb.io/v1beta1",
        "/api/v1/services",
        "/api/v1/nodes",
        "/api/v1/events",
    ),
    *("/api/v1/namespaces/kube-system/configmaps", "/api/v1/namespaces/kube-system/pods"),
    *("/apis/apps/v1/namespaces/kube-system/daemonsets", "/apis/metallb.io/v1beta1/servicel2statuses"),
)
CALLS = (
    *(("read", path) for path in READ),
    *(("access", path) for path in ("/version", "/apis", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")),
    ("logs", "/api/v1/namespaces/kube-system/pods/kube-proxy-x7h2p/log"),
)


class Came(NamedTuple):
    """Of one call with one fault."""

    value: object = None
    error: ArpcheckError | None = None


def made(what, ask, kubeconfig):
    try:
        if what == "read":
            return Came(ask())
        source = ClusterSource(kubeconfig=kubeconfig, request_timeout=5)
        return Came(access(source, NEEDS) if what == "access" else read_logs(source, LOG))
    except ArpcheckError as error:
        return Came(error=error)


def broken(what, path, fault, folder):
    """The promise that does not hold; empty: all do."""
    rights = {"rules": []} if what == "access" else {}  # what is refused is looked up in discovery
    with cluster(folder, **rights) as (_, ask):
        good = made(what, ask, str(folder / "kubeconfig"))
    with cluster(folder, faults=[Fault(path=path, **fault)], **rights) as (server, ask):
        came = made(what, ask, str(folder / "kubeconfig"))
        hit = any(request.path == path for request in server.requests)
    if not hit:
        return "it was never asked"
    if TOKEN in f"{came.error or came.value!r}":
        return "it shows the token"
    if came.error:
        return "" if "\n" not in str(came.error) else "more than a line"
    if what != "read" or fault.get("status") == 404:  # what is not served
        return ""
    lost = {resource for resource, found in good.value.resources.items() if came.value.of(resource) != found}
    told = {gap.what for gap in came.value.gaps}
    told |= {"configmaps"} if "daemonsets.apps" in told else set()  # which ones are wanted is in what mounts them
    return "" if lost <= told else f"without a word: {lost}"


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{what} {path}" for what, path in CALLS])
def test_a_call_that_fails(tmp_path, number):
    for fault in EVERY[number % 8 :: 8]:
        assert broken(*CALLS[number], fault, tmp_path) == "", f"{fault!r:.80}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_folder:
        bad = [
            f"{what} {path} {fault!r:.80}: {why}" for what, path in CALLS for fault in EVERY
            if (why := broken(what, path, fault, Path(made_folder)))
        ]  # fmt: skip
    print(*bad, f"{len(CALLS)} calls with {len(EVERY)} faults each, {len(bad)} broken promises", sep="\n")  # noqa: T201
    sys.exit(bool(bad))
