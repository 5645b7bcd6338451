"""Where the cluster's objects come from, and how they are read: from a file, or from an API server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arpcheck.cluster.account import open_session
from arpcheck.cluster.api import read_api
from arpcheck.cluster.budget import Budget
from arpcheck.cluster.files import read_file
from arpcheck.cluster.plan import merge
from arpcheck.model import Need
from arpcheck.objects import Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the user said about the cluster."""

    kubeconfig: str | None = None
    """A file; None: as kubectl finds it, else the pod's service account."""
    context: str | None = None
    as_user: str | None = None
    """Whom to impersonate (`--as`)."""
    cluster_file: str | None = None
    """A file in place of an API; `-`: the standard input."""
    request_timeout: float = 30.0
    """Seconds for all reading together, the login included."""


def read(
    source: Source, needs: Sequence[Need], *, namespace: str | None = None, services_required: bool = True
) -> Objects:
    """All that the needs name, each resource once, cut down to their fields.

    What is refused, unreadable or late becomes a Gap, and a resource that the server does not serve is absent. Where
    `namespace` is given it is enough that its objects may be listed. ClusterError: no server, no login, or no Services
    while they are required; InputError: a file that is none; UsageError: a selector that is none."""
    wants = merge(needs)
    if source.cluster_file is not None:
        return read_file(source.cluster_file, wants, services_required=services_required)
    import kubernetes  # noqa: F401 - half a second, which is not the server's

    budget = Budget(source.request_timeout)
    session = open_session(source.kubeconfig, source.context, source.as_user, budget)
    try:
        return read_api(session, wants, budget, within=namespace, services_required=services_required)
    finally:
        session.close()
