"""Removes what runs of `arpcheck cluster` made: this one's at its end, and those of runs that died, at the next start and by
`arpcheck cluster clean`. What another run still needs, or anybody else made, stays."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from arpcheck.cluster.jobs import JobsApi, RefusedByServerError
from arpcheck.errors import ClusterError
from arpcheck.objects import Object, instant, name, text
from arpcheck.vantages.manifests import RUN, owner_of

_log = logging.getLogger(__name__)

MADE = ("Job", "ConfigMap", "RoleBinding", "ServiceAccount")
"""What a run makes in a namespace, in the order in which it is deleted."""
GONE = 10.0
"""Seconds to wait until what was deleted is gone: a Pod on a lost node stays for minutes."""


class Life(Enum):
    """Whether the process that made something still runs."""

    ALIVE = "alive"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"
    """It ran on another host, and its time is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What is left of a run."""

    run: str
    namespace: str
    own_namespace: bool
    life: Life


# ------------------------------------------------------------------------------------------------- The process that made it


def owner() -> str:
    """This process: its kernel's boot, its process namespace, its number, and when it started."""
    return "/".join((_here(), str(os.getpid()), _started(os.getpid()) or "-"))


def _here() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # not Linux: such a run is removed when its time is over
        return "-/-"


def _started(pid: int) -> str | None:
    """The start of a process in clock ticks since the boot (proc(5), starttime); None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def life(whose: str, lifetime: str, made_at: datetime | None, now: datetime) -> Life:
    """Of the process that made something. `lifetime`: seconds after which no run needs it; `now`: the server's time."""
    here, _, process = whose.rpartition("/")[0].rpartition("/")
    if here == _here() and here != "-/-" and process.isdecimal() and len(process) < 10:
        return Life.ALIVE if _started(int(process)) == whose.rpartition("/")[2] else Life.DEAD
    seconds = int(lifetime) if lifetime.isdecimal() and len(lifetime) < 8 else 0
    if made_at is not None and now > made_at + timedelta(seconds=seconds):
        return Life.DEAD
    return Life.ELSEWHERE


# ------------------------------------------------------------------------------------------------------------- What is left


def leftovers(api: JobsApi, namespace: str | None) -> tuple[Leftover, ...]:
    """What runs left: namespaces of their own, and what they made in `namespace`. Empty where it can't be listed. Raises
    ClusterError if the API can't be asked."""
    found: dict[tuple[str, str], Leftover] = {}
    for one in _with_run(api, "Namespace", None):
        _add(found, one, name(one), own=True, api=api)
    for kind in MADE if namespace else ():
        for one in _with_run(api, kind, namespace):
            _add(found, one, namespace or "", own=False, api=api)
    return tuple(found.values())


def _with_run(api: JobsApi, kind: str, namespace: str | None, selector: str = RUN) -> tuple[Object, ...]:
    """Empty where this account may not list them."""
    try:
        return api.listed(kind, namespace, selector=selector)
    except RefusedByServerError as error:
        _log.info("%s", error)
        return ()


def _add(found: dict[tuple[str, str], Leftover], one: Object, space: str, *, own: bool, api: JobsApi) -> None:
    """What is being deleted is no leftover."""
    run, whose, lifetime = owner_of(one)
    if not run or text(one, "metadata", "deletionTimestamp"):
        return
    now = datetime.now(UTC) + timedelta(seconds=api.ahead)
    made_at = instant(text(one, "metadata", "creationTimestamp"))
    left = Leftover(run=run, namespace=space, own_namespace=own, life=life(whose, lifetime, made_at, now))
    found.setdefault((run, space), left)


def swept(api: JobsApi, namespace: str | None) -> tuple[Leftover, ...]:
    """Removes what dead runs left, and returns it."""
    dead = tuple(one for one in leftovers(api, namespace) if one.life is Life.DEAD)
    for one in dead:
        remove(api, one.run, one.namespace, own_namespace=one.own_namespace)
    return dead


# ---------------------------------------------------------------------------------------------------------------- Removing


def remove(api: JobsApi, run: str, namespace: str, *, own_namespace: bool) -> None:
    """Deletes all that a run made. Raises ClusterError where something stays."""
    if own_namespace:
        api.delete("Namespace", None, namespace)
        return
    failed: ClusterError | None = None
    for kind in MADE:
        try:
            api.delete_all(kind, namespace, f"{RUN}={run}")
        except RefusedByServerError as error:
            failed = failed or (error if _with_run(api, kind, namespace, f"{RUN}={run}") else None)
    if failed is not None:
        raise failed


def is_gone(api: JobsApi, run: str, namespace: str, *, own_namespace: bool) -> bool:
    """Waits until nothing is left of a run that was removed; False if something still is after a while."""
    end = time.monotonic() + GONE
    while any(_remaining(api, run, namespace, own_namespace=own_namespace)):
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _remaining(api: JobsApi, run: str, namespace: str, *, own_namespace: bool) -> Iterator[Object]:
    selector = f"{RUN}={run}"
    if own_namespace:
        yield from _with_run(api, "Namespace", None, selector)
        return
    for kind in ("Pod", *MADE):
        yield from _with_run(api, kind, namespace, selector)
