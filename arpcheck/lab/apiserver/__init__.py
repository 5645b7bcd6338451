"""An API server stand-in on the standard library: real HTTP for the real client, as a thread or as a program.

It answers as kube-apiserver does where arpcheck can tell the difference: discovery, lists in pages, selectors, RBAC,
patches, conflicts, dry runs, managedFields; and it fails on request (`Fault`). There is no watch, no admission, and no
controller behind it: `on_write` is where a lab puts those.

    discovery, rights ─┐
    store ─► lists, writes ─► api ─► server, listener (connections, TLS, faults)"""

from arpcheck.lab.apiserver.answers import Request
from arpcheck.lab.apiserver.faults import Fault
from arpcheck.lab.apiserver.server import ApiServer
from arpcheck.lab.apiserver.store import Resource, Store

__all__ = ["ApiServer", "Fault", "Request", "Resource", "Store"]
