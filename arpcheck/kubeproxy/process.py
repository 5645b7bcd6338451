"""Whether the process that runs has loaded its configuration, by the times that the API shows.

kube-proxy never reads its configuration again: a ConfigMap's swap of a symlink is no event for its watcher
(kubernetes/kubernetes#57144, #86869, #94022), so a process has what was there when it started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.kubeproxy.setting import ConfigKey, Setting, config_map
from arpcheck.kubeproxy.workload import Workload, created, number
from arpcheck.objects import Object, Objects, annotations_of, at, instant, items, name, namespace, text

_SYNC = timedelta(minutes=5)
"""A container that is started anew in a pod that is there may get the file of before: the kubelet's sync period and
cache (docs: concepts/configuration/configmap, "Mounted ConfigMaps are updated automatically"), and clocks that differ."""

_MANAGED_FIELDS = "metadata.managedFields, which kubectl leaves out without --show-managed-fields"
_AT_ONCE = timedelta(minutes=1)
_FORGOTTEN = timedelta(minutes=10)

_RESTARTED = "kubectl.kubernetes.io/restartedAt"

Loaded = tuple[bool | None, tuple[Note, ...]]


def loaded(pod: Workload, own: Setting, wanted: Setting, daemon_set: Workload | None, objects: Objects) -> Loaded:
    """`own`: what the pod's spec says; `wanted`: what its DaemonSet's template says, the same for a static pod."""
    notes = _not_rolled(pod, daemon_set)
    started = _started(pod)
    title = f"pod {namespace(pod.obj)}/{name(pod.obj)}"
    if halt := stopped(pod, objects):
        return None, (Note(f"{title} does not run ({halt}): it has loaded nothing", Oddity.NOT_RUNNING), *notes)
    if not _same(own, wanted):
        return False, (Note(f"{title} is of an earlier template of its DaemonSet", Oddity.NOT_ROLLED), *notes)
    if started is None:
        return None, (Note(f"when the container of {title} was started is not recorded", Oddity.UNRECORDED), *notes)
    if own.place is None:
        return (None if own.mode is None else True), notes  # flags: a container's arguments never change
    changed = changed_at(own.place, objects)
    if config_map(own.place, objects) is None:
        return None, notes  # which is said already
    if changed is None:
        unknown = f"when {own.place.title} was changed last is not recorded ({_MANAGED_FIELDS})"
        return None, (Note(unknown, Oddity.UNRECORDED), *notes)
    found, why = _by_times(created(pod.obj), started, changed, _restart_of(pod.obj), fixed=own.place.fixed)
    if found is False:
        why = Note(f"{title} runs since {_iso(started)}, {own.place.title} was changed {_iso(changed)}", Oddity.OLDER)
    return found, (*((why,) if why else ()), *notes)


def changed_at(where: ConfigKey, objects: Objects) -> datetime | None:
    """When the key was written last, by anybody: the newest entry of managedFields that has it."""
    found = config_map(where, objects)
    times = (instant(text(entry, "time")) for entry in items(found, "metadata", "managedFields") if _has(entry, where.key))
    return max((time for time in times if time), default=None)


# ------------------------------------------------------------------------------------------------- does it run at all


def stopped(pod: Workload, objects: Objects) -> str:
    """Why it does not run; empty where it does."""
    found = _container_status(pod)
    if found is None:
        return f"no container was started, phase {text(pod.obj, 'status', 'phase') or 'not known'}"
    for state in ("waiting", "terminated"):
        if at(found, "state", state) is not None:
            return f"{text(found, 'state', state, 'reason')[:60] or state}{_restarts(found)}"
    if at(found, "state", "running") is None:
        return "no container runs"
    if at(found, "ready") is False:
        return f"not ready{_restarts(found)}"
    return f"it ends again and again{_restarts(found)}" if _crashes(found, objects) else ""


def _restarts(found: Object) -> str:
    count = number(found, "restartCount")
    return f", restarted {count} times" if count else ""


def _crashes(found: Object, objects: Objects) -> bool:
    """A look into a crash loop may fall into a moment in which it runs: it has ended at once before, with an error, and
    runs for less than the time after which the kubelet forgets that (10 minutes)."""
    began, ended = (instant(text(found, "lastState", "terminated", key)) for key in ("startedAt", "finishedAt"))
    runs = instant(text(found, "state", "running", "startedAt"))
    failed = number(found, "lastState", "terminated", "exitCode") not in (None, 0)
    if not failed or (number(found, "restartCount") or 0) < 2 or not (began and ended and runs):
        return False
    return ended - began < _AT_ONCE and (objects.read_at is None or objects.read_at - runs < _FORGOTTEN)


def _has(entry: Object, key: str) -> bool:
    data = at(entry, "fieldsV1", "f:data")
    return data is not None and (not data or at(data, f"f:{key}") is not None)


def _by_times(
    made: datetime | None, started: datetime, changed: datetime, restart: datetime | None, *, fixed: bool
) -> tuple[bool | None, Note | None]:
    if started < changed:
        return False, None
    if made is not None and (made > changed or (made == changed and restart is not None and restart > changed)):
        return True, None  # times have whole seconds: in the second of the change the restart says which came first
    if fixed and made is not None and made < changed:
        why = "its file is mounted by subPath, which a container that is restarted need not see changed"
        return None, Note(why, Oddity.UNRECORDED)
    if started > changed + _SYNC:
        return True, None
    why = "its container was started so soon after the change that it may have got the file of before"
    return None, Note(why, Oddity.UNRECORDED)


def _same(own: Setting, wanted: Setting) -> bool:
    """The same ConfigMap says the same; another one only if it can be read and says the same."""
    if own.place == wanted.place and own.place is not None:
        return True
    return (own.mode, own.strict_arp) == (wanted.mode, wanted.strict_arp)


def _container_status(pod: Workload) -> Object | None:
    title = text(pod.container, "name")
    found = (one for one in items(pod.obj, "status", "containerStatuses") if isinstance(one, Mapping))
    return next((one for one in found if text(one, "name") == title), None)


def _started(pod: Workload) -> datetime | None:
    return instant(text(_container_status(pod), "state", "running", "startedAt"))


def _restart_of(obj: Object) -> datetime | None:
    return instant(annotations_of(obj).get(_RESTARTED))


def _not_rolled(pod: Workload, daemon_set: Workload | None) -> tuple[Note, ...]:
    asked = daemon_set and instant(text(daemon_set.obj, "spec", "template", "metadata", "annotations", _RESTARTED))
    made = created(pod.obj)
    if not asked or made is None or made >= asked:
        return ()
    return (Note(f"a restart was asked for at {_iso(asked)}, and this pod is from {_iso(made)}", Oddity.NOT_ROLLED),)


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
