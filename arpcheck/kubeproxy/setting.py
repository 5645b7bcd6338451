"""What one kube-proxy is configured to do, where that is written, and whether its process has loaded it.

It is written in flags or in a key of a ConfigMap. kube-proxy never reads its configuration again: a ConfigMap's swap of a
symlink is no event for its watcher (kubernetes/kubernetes#57144, #86869, #94022), so a process has what was there when it
started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arpcheck.kubeproxy.command_line import MODE, Flags, read
from arpcheck.kubeproxy.modes import Note, Oddity, has
from arpcheck.kubeproxy.workload import SYSTEM, ConfigMapKey, Elsewhere, Workload, created, daemon_sets, file_at, number
from arpcheck.model.constants import RESTARTED
from arpcheck.objects import (
    Object,
    Objects,
    annotations_of,
    at,
    full_name,
    instant,
    items,
    mapping,
    name,
    namespace,
    text,
    texts,
)
from arpcheck.text import count

if TYPE_CHECKING:
    from arpcheck.kubeproxy.config import Configuration

CONFIG_MAPS = "configmaps"

_MOST_OTHERS = 4
"""More keys than that are not looked through for a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """A key of a ConfigMap."""

    namespace: str
    config_map: str
    key: str
    fixed: bool = False
    """Mounted by subPath."""

    @property
    def title(self) -> str:
        return f"configmap {self.namespace}/{self.config_map}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """As configured, before it is known which version reads it."""

    mode: str | None
    """As written, `""` where it is left to the version; None where it can't be told."""
    strict_arp: bool | None
    source: str | None
    notes: tuple[Note, ...] = ()
    place: ConfigKey | None = None
    """None where it is in no ConfigMap."""
    proven: bool = False
    """`mode` is not from a configuration: it is what runs instead of kube-proxy, or that nothing does."""


def setting(workload: Workload, objects: Objects) -> Setting:
    container = workload.container
    given = read(texts(container, "command"), texts(container, "args"))
    if given.config is None:
        doubt = Note(f"--config of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        return Setting(mode=None, strict_arp=None, source=None, notes=given.notes or (doubt,))
    if not given.config:
        return _by_flags(given, workload)
    ignored = _ignored(given, workload)
    found = file_at(given.config, workload.container, workload.spec)
    if isinstance(found, Elsewhere):
        doubt = Note(f"--config of {workload.title} is not in the API: {found.why}", Oddity.UNREAD)
        return Setting(mode=None, strict_arp=None, source=None, notes=(doubt, *ignored))
    return _by_config_map(found, namespace(workload.obj) or SYSTEM, ignored, objects)


def place(objects: Objects) -> ConfigKey | None:
    """The one key of the one ConfigMap that the cluster's DaemonSet reads; None where there is none, or several."""
    found = {setting(workload, objects).place for workload in daemon_sets(objects)}
    return found.pop() if len(found) == 1 else None


def _by_flags(given: Flags, workload: Workload) -> Setting:
    notes = given.notes
    if given.mode is None and not has(notes, Oddity.OPAQUE):
        doubt = Note(f"--{MODE} of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        notes = (doubt, *notes)
    return Setting(mode=given.mode, strict_arp=given.strict_arp, source=f"args of {workload.title}", notes=notes)


def _ignored(given: Flags, workload: Workload) -> tuple[Note, ...]:
    if not given.given:
        return ()
    which = " ".join(given.given)
    return (Note(f"{workload.title} is given {which}, which --config overrides", Oddity.FLAGS_IGNORED),)


def _by_config_map(keys: Sequence[ConfigMapKey], space: str, more: tuple[Note, ...], objects: Objects) -> Setting:
    places = [ConfigKey(namespace=space, config_map=key.config_map, key=key.key, fixed=key.fixed) for key in keys]
    for where in places:
        if (written := _config_map_text(where, objects)) is not None:
            found = _configuration(where, written, objects)
            notes = (*found.notes, *_misplaced(where, found, objects), *more)
            return Setting(mode=found.mode, strict_arp=found.strict_arp, source=where.title, notes=notes, place=where)
    missing = _missing(places[0], objects)
    return Setting(mode=None, strict_arp=None, source=None, notes=(missing, *more), place=places[0])


def _config_map_text(where: ConfigKey, objects: Objects) -> str | None:
    found = config_map(where, objects)
    return None if found is None else mapping(found, "data").get(where.key)


def config_map(where: ConfigKey, objects: Objects) -> Object | None:
    return next(iter(objects.by(CONFIG_MAPS, full_name).get(f"{where.namespace}/{where.config_map}", ())), None)


def _configuration(where: ConfigKey, written: str, objects: Objects) -> Configuration:
    from arpcheck.kubeproxy import config

    return objects.memo(("kube-proxy configuration", where.title, where.key), lambda: config.read(written))


def _missing(where: ConfigKey, objects: Objects) -> Note:
    if config_map(where, objects) is not None:
        return Note(f"{where.title} has no key {where.key[:60]}: kube-proxy finds no file and exits", Oddity.REFUSED)
    if gap := objects.gap(CONFIG_MAPS):
        return Note(f"{where.title} could not be read: {gap.why}", Oddity.UNREAD)
    return Note(f"{where.title} was not found", Oddity.UNREAD)


def _misplaced(where: ConfigKey, found: Configuration, objects: Objects) -> tuple[Note, ...]:
    """Another mounted ConfigMap or key in which somebody has set strictARP, while this one is read and has it not."""
    if found.strict_arp is not False:
        return ()
    read = f"kube-proxy reads {where.title}, key {where.key[:60]}"
    return tuple(
        Note(f"{other.title}, key {other.key[:60]}, has strictARP: true, but {read}", Oddity.MISPLACED)
        for other, written in _others(where, objects)[:_MOST_OTHERS]
        if _configuration(other, written, objects).strict_arp
    )


def _others(where: ConfigKey, objects: Objects) -> list[tuple[ConfigKey, str]]:
    found = [
        (ConfigKey(namespace=namespace(obj), config_map=name(obj), key=key), written)
        for obj in sorted(objects.of(CONFIG_MAPS), key=full_name)
        for key, written in sorted(mapping(obj, "data").items())
        if "strictARP" in written
    ]
    return [(one, written) for one, written in found if (one.title, one.key) != (where.title, where.key)]


_SYNC = timedelta(minutes=5)
"""A container that is started anew in a pod that is there may get the file of before: the kubelet's sync period and
cache (docs: concepts/configuration/configmap, "Mounted ConfigMaps are updated automatically"), and clocks that differ."""


_MANAGED_FIELDS = "metadata.managedFields, which kubectl leaves out without --show-managed-fields"


_AT_ONCE = timedelta(minutes=1)


_FORGOTTEN = timedelta(minutes=10)


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
    restarts = number(found, "restartCount")
    return f", restarted {count(restarts, 'time')}" if restarts else ""


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
    return instant(annotations_of(obj).get(RESTARTED))


def _not_rolled(pod: Workload, daemon_set: Workload | None) -> tuple[Note, ...]:
    asked = daemon_set and instant(text(daemon_set.obj, "spec", "template", "metadata", "annotations", RESTARTED))
    made = created(pod.obj)
    if not asked or made is None or made >= asked:
        return ()
    return (Note(f"a restart was asked for at {_iso(asked)}, and this pod is from {_iso(made)}", Oddity.NOT_ROLLED),)


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
