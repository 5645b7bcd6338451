"""Reads Kubernetes objects from an API server or from a file, and reports what could not be read as Gaps.

This is the only package that imports `kubernetes`, and only when an API server is used. It raises ClusterError, InputError
and UsageError; no message contains a secret."""

from arpcheck.cluster.files import snapshot
from arpcheck.cluster.source import ClusterSource, preload, read

__all__ = ["ClusterSource", "preload", "read", "snapshot"]
