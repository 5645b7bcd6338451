"""What every Kubernetes object of the lab has: metadata, times, names as the API server makes them.

The same in every run, but for the `now` that is handed in."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

Object = dict[str, Any]

BORN = timedelta(days=60)
"""The age of the cluster."""


def meta(name: str, namespace: str | None, born: datetime, **more: Any) -> Object:
    """`metadata` with a uid that is the same in every run."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    within = {"namespace": namespace} if namespace else {}
    return {"name": name, **within, "uid": uid, "creationTimestamp": stamp(born), **more}


def stamp(moment: datetime) -> str:
    """metav1.Time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(moment: datetime) -> str:
    """metav1.MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def suffix(*parts: str) -> str:
    """Five letters, as generateName appends them, the same in every run."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:5]
