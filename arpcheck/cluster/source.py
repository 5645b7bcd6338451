"""Where the cluster's objects come from, and how they are read: from a file, or from an API server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from arpcheck.cluster.files import read_file
from arpcheck.cluster.kubeconfig import (
    Context,
    NotAKubeconfigError,
    Unheld,
    UnreadableError,
    absolute,
    embedded,
    expanded,
    load,
)
from arpcheck.cluster.limits import Budget
from arpcheck.cluster.ownership import read_roots
from arpcheck.cluster.requirements import merge
from arpcheck.gc_control import held_back
from arpcheck.model import Need
from arpcheck.objects import Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSource:
    """What the user said about the cluster."""

    kubeconfig: str | None = None
    """A file; None: as kubectl finds it, else the pod's service account."""
    context: str | None = None
    as_user: str | None = None
    """Whom to impersonate (`--as`)."""
    cluster_file: str | None = None
    """A file in place of an API; `-`: the standard input."""
    file_has: tuple[str, ...] = ()
    """The kinds that kubectl was asked for, where the file is kubectl's; `all`: every one."""
    request_timeout: float = 30.0
    """Seconds for all reading together, the login included."""
    held: Context | None = field(default=None, repr=False)
    """What `hold` read of the kubeconfig."""
    unheld: Unheld | None = None
    """Why `hold` did not read the kubeconfig that was named, though root was there to do it."""


def hold(source: ClusterSource, *, for_another: bool) -> ClusterSource:
    """The same with its kubeconfig read, and the files that this names: called while there is the right to read them.

    `for_another`: this process is about to become another user, so it reads only what was named explicitly and what
    root alone can have written; else that user could send any of root's files to a server of his own as a token. The
    same goes for each file that the kubeconfig names. What is not read so is that user's to read, who is told what he may
    see by himself. ClusterError for a kubeconfig that can't be used."""
    if source.cluster_file is not None or (for_another and not source.kubeconfig):
        return source
    path = str(absolute(expanded(source.kubeconfig))) if source.kubeconfig else None
    if not for_another:
        found = load(path, source.context, os.environ)
        return replace(source, held=embedded(found) if found else None)
    try:
        found = load(path, source.context, os.environ, read_roots)
    except (UnreadableError, NotAKubeconfigError):
        return replace(source, unheld=Unheld.NOT_ROOTS)
    if found and "exec" in found.user:
        return replace(source, unheld=Unheld.PLUGIN)
    return replace(source, held=embedded(found, read_roots) if found else None)


def read(
    source: ClusterSource, needs: Sequence[Need], *, namespace: str | None = None, services_required: bool = True
) -> Objects:
    """All that the needs name, each resource once, cut down to their fields.

    What is refused, unreadable or late becomes a Gap, and a resource that the server does not serve is absent. Where
    `namespace` is given it is enough that its objects may be listed. ClusterError: no server, no login, or no Services
    while they are required; InputError: a file that is none; UsageError: a selector that is none."""
    wants = merge(needs)
    if source.cluster_file is not None:
        with held_back():
            return read_file(source.cluster_file, wants, services_required=services_required, has=source.file_has)
    import kubernetes  # noqa: F401 - half a second, which is not the server's

    from arpcheck.cluster.api import read_api
    from arpcheck.cluster.credentials import open_session

    budget = Budget(source.request_timeout)
    session = open_session(source, budget)
    try:
        with held_back():
            return read_api(session, wants, budget, within=namespace, services_required=services_required)
    finally:
        session.close()
