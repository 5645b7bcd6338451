"""The lab's API server with all that tests need of a real one, as a thread or as a program (`python -m apiserver`).

To discovery, lists and objects it adds pages, RBAC's rules and reviews, logs, patches, conflicts, dry runs, managedFields,
tokens and TLS; and it fails on request (`Fault`). There is no watch, no admission, and no controller behind
it: `on_write` is where a test puts those (`rollout`).

    rights ─┐
    store ─► pages, writes ─► api ─► server, listener (faults, TLS)"""

from apiserver.faults import Fault
from apiserver.requests import Request
from apiserver.server import ApiServer
from apiserver.store import Store
from arpcheck.lab.api_objects import Resource

__all__ = ["ApiServer", "Fault", "Request", "Resource", "Store"]
