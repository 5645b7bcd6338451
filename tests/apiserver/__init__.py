"""The lab's API server with all that tests need of a real one, as a thread or as a program (`python -m apiserver`).

To discovery, lists and objects it adds pages, RBAC's rules and reviews, logs, creates, patches, deletes, conflicts, dry runs,
managedFields, tokens, Pod Security and TLS; and it fails on request (`Fault`). There is no watch, and no controller behind it:
`kubelet.ControlPlane` is those of Jobs, pods and namespaces, and `on_write` is where a test puts others (`rollout`).

    rights, accounts, admission ─┐
    store ─► pages, creates, writes, deletes, logs ─► api ─► server, listener (faults, TLS)"""

from apiserver.faults import Fault
from apiserver.requests import Request
from apiserver.server import ApiServer
from apiserver.store import Store
from arpcheck.lab.api_objects import Resource

__all__ = ["ApiServer", "Fault", "Request", "Resource", "Store"]
