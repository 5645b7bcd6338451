"""EDGE: the cluster. An API server or a file, in; plain objects cut down to what the Needs name, and Gaps, out.

The only package that imports `kubernetes`, and only when an API is really asked. Knows no load balancer, no verdict
and no wire. Nothing but a ClusterError, an InputError or a UsageError leaves it, and none of them says a secret."""

from arpcheck.cluster.access import Access, access
from arpcheck.cluster.changes import Connection, UncertainError, connected
from arpcheck.cluster.logs import Container, Logs, read_logs
from arpcheck.cluster.snapshot_file import snapshot
from arpcheck.cluster.source import Source, hold, read

__all__ = [
    "Access",
    "Connection",
    "Container",
    "Logs",
    "Source",
    "UncertainError",
    "access",
    "connected",
    "hold",
    "read",
    "read_logs",
    "snapshot",
]
