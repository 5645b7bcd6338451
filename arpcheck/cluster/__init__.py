"""EDGE: the cluster. An API server or a file, in; plain objects cut down to what the Needs name, and Gaps, out.

The only package that imports `kubernetes`, and only when an API is really asked. Knows no load balancer, no verdict
and no wire. Nothing but a ClusterError, an InputError or a UsageError leaves it, and none of them says a secret."""

from arpcheck.cluster.files import snapshot
from arpcheck.cluster.source import ClusterSource, hold, read

__all__ = ["ClusterSource", "hold", "read", "snapshot"]
