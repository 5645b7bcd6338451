"""Whether the process that runs has loaded its configuration, by the times that the API shows.

kube-proxy never reads its configuration again: a ConfigMap's swap of a symlink is no event for its watcher
(kubernetes/kubernetes#57144, #86869, #94022), so a process has what was there when it started."""

from __future__ import annotations

from datetime import datetime, timedelta

from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.kubeproxy.setting import Place, Setting, config_map
from arpcheck.kubeproxy.workload import Workload, created
from arpcheck.objects import Object, Objects, at, instant, items, name, namespace, text

_SYNC = timedelta(minutes=5)
"""A container that is started anew in a pod that is there may get the file of before: the kubelet's sync period and
cache (docs: concepts/configuration/configmap, "Mounted ConfigMaps are updated automatically"), and clocks that differ."""

_RESTARTED = "kubectl.kubernetes.io/restartedAt"

Loaded = tuple[bool | None, tuple[Note, ...]]


def loaded(pod: Workload, own: Setting, wanted: Setting, daemon_set: Workload | None, objects: Objects) -> Loaded:
    """`own`: what the pod's spec says; `wanted`: what its DaemonSet's template says, the same for a static pod."""
    notes = _not_rolled(pod, daemon_set)
    started = _started(pod)
    title = f"pod {namespace(pod.obj)}/{name(pod.obj)}"
    if not _same(own, wanted):
        return False, (Note(f"{title} is of an earlier template of its DaemonSet", Oddity.NOT_ROLLED), *notes)
    if started is None:
        return None, (Note(f"{title} has no running container", None), *notes)
    if own.place is None:
        return (None if own.mode is None else True), notes  # flags: a container's arguments never change
    changed = changed_at(own.place, objects)
    if changed is None:
        return None, (Note(f"when {own.place.title} was changed last is not recorded (metadata.managedFields)"), *notes)
    found, why = _by_times(created(pod.obj), started, changed, fixed=own.place.fixed)
    if found is False:
        why = Note(f"{title} runs since {_iso(started)}, {own.place.title} was changed {_iso(changed)}", Oddity.OLDER)
    return found, (*((why,) if why else ()), *notes)


def changed_at(where: Place, objects: Objects) -> datetime | None:
    """When the key was written last, by anybody: the newest entry of managedFields that has it."""
    found = config_map(where, objects)
    times = (instant(text(entry, "time")) for entry in items(found, "metadata", "managedFields") if _has(entry, where.key))
    return max((time for time in times if time), default=None)


def _has(entry: Object, key: str) -> bool:
    data = at(entry, "fieldsV1", "f:data")
    return data is not None and (not data or at(data, f"f:{key}") is not None)


def _by_times(
    made: datetime | None, started: datetime, changed: datetime, *, fixed: bool
) -> tuple[bool | None, Note | None]:
    if started < changed:
        return False, None
    if made is not None and made > changed:
        return True, None
    if fixed and made is not None and made < changed:
        return None, Note("its file is mounted by subPath, which a container that is restarted need not see changed")
    if started > changed + _SYNC:
        return True, None
    return None, Note("its container was started so soon after the change that it may have got the file of before")


def _same(own: Setting, wanted: Setting) -> bool:
    """The same ConfigMap says the same; another one only if it can be read and says the same."""
    if own.place == wanted.place and own.place is not None:
        return True
    return (own.mode, own.strict_arp) == (wanted.mode, wanted.strict_arp)


def _started(pod: Workload) -> datetime | None:
    of_name = [
        instant(text(status, "state", "running", "startedAt"))
        for status in items(pod.obj, "status", "containerStatuses")
        if text(status, "name") == text(pod.container, "name")
    ]
    return next((time for time in of_name if time), None)


def _not_rolled(pod: Workload, daemon_set: Workload | None) -> tuple[Note, ...]:
    asked = daemon_set and instant(text(daemon_set.obj, "spec", "template", "metadata", "annotations", _RESTARTED))
    made = created(pod.obj)
    if not asked or made is None or made >= asked:
        return ()
    return (Note(f"a restart was asked for at {_iso(asked)}, and this pod is from {_iso(made)}", Oddity.NOT_ROLLED),)


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
