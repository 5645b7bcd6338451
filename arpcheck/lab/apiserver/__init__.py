"""A small API server on the standard library: real HTTP for the real client, as a thread.

It answers what `arpcheck probe` reads: the version, discovery, lists with selectors, and single objects; and it refuses, as
RBAC does, the resources that a scene names. It has no pages, writes, logs or watches.

    store ─► api ─► server"""

from arpcheck.lab.apiserver.api import Api
from arpcheck.lab.apiserver.server import ApiServer
from arpcheck.lab.apiserver.store import Resource, Store

__all__ = ["Api", "ApiServer", "Resource", "Store"]
