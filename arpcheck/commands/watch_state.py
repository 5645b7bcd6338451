"""Where `watch --state` keeps what it knows: a file, or a ConfigMap of which it may get and patch one.

It is written when something changed, whole or not at all. What can't be used is told in one line, and the watch starts
anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

from arpcheck.cluster import ClusterSource
from arpcheck.cluster.changes import connected
from arpcheck.commands.output import notice, write
from arpcheck.errors import ArpcheckError, InputError, OutputError, UsageError
from arpcheck.watch import state as states
from arpcheck.watch.state import MOST_BYTES, ForeignStateError, Place, WatchState

CONFIG_MAP = "configmap/"
KEY = "state.json"
ASIDE = ".unused"
"""What is added to the name of a file that can't be used, before another one takes its place."""

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Of a pod that has an account."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class StateFile:
    may_wait = False

    def __init__(self, path: Path) -> None:
        self.where = f"--state {path}"
        self._path = path

    @property
    def output(self) -> str | None:
        """The file that will be written."""
        return str(self._path)

    def using(self, source: ClusterSource) -> StateFile:  # noqa: ARG002 - it needs none
        return self

    def load(self) -> str:
        """Empty if there is none."""
        try:
            with self._path.open("rb") as file:
                return file.read(MOST_BYTES + 1).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise InputError(f"{self.where}: {error.strerror}", "Name a file that you may read and write") from None

    def set_aside(self) -> str:
        """Keeps what can't be used, since it may be another file of the user's; returns where."""
        aside = self._path.with_name(self._path.name + ASIDE)
        try:
            self._path.rename(aside)
        except OSError as error:
            raise OutputError(f"{self.where}: can't rename it to {aside}: {error.strerror}") from None
        return str(aside)

    def save(self, text: str) -> None:
        write(self._path, text)


class StateConfigMap:
    may_wait = True
    """A save may have to wait for the API server."""
    output = None

    def __init__(self, source: ClusterSource, namespace: str, name: str) -> None:
        self.where = f"--state {CONFIG_MAP}{namespace}/{name}"
        self._source, self._namespace, self._name = source, namespace, name

    def using(self, source: ClusterSource) -> StateConfigMap:
        """With the credentials as they are once privileges are given up."""
        return StateConfigMap(source, self._namespace, self._name)

    def load(self) -> str:
        with connected(self._source) as connection:
            found = connection.config_map(self._namespace, self._name).get("data")
        text = found.get(KEY) if isinstance(found, dict) else None
        return text if isinstance(text, str) else ""

    def set_aside(self) -> str:
        """Only arpcheck writes to it."""
        return ""

    def save(self, text: str) -> None:
        """With the account's token as it is now: the kubelet replaces it within an hour."""
        with connected(self._source) as connection:
            connection.set_key(connection.config_map(self._namespace, self._name), KEY, text)


StateStore = StateFile | StateConfigMap


def store_of(text: str, source: ClusterSource) -> StateStore:
    """`FILE`, `configmap/NAME` in the pod's own namespace, or `configmap/NAMESPACE/NAME`. Raises UsageError."""
    if not text.startswith(CONFIG_MAP):
        return StateFile(Path(text))
    namespace, _, name = text.removeprefix(CONFIG_MAP).rpartition("/")
    if not namespace:
        with suppress(OSError):
            namespace = OWN_NAMESPACE.read_text(encoding="ascii").strip()
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(namespace):
        raise UsageError(
            f"--state {text[:80]!r} does not name a ConfigMap",
            "Use configmap/NAMESPACE/NAME; in a pod configmap/NAME is enough",
        )
    if source.cluster_file is not None:
        raise UsageError("--state: a cluster file can't be changed", "Name a file for the state")
    return StateConfigMap(source, namespace, name)


def loaded(store: StateStore, place: Place) -> WatchState | None:
    """None: nothing is known. Raises ArpcheckError if it can't be read; what can't be used is told."""
    text = store.load()
    try:
        if len(text) > MOST_BYTES:
            raise ForeignStateError(f"is larger than {MOST_BYTES:,} bytes")
        return states.read(text, place)
    except ForeignStateError as error:
        aside = store.set_aside()
        notice(f"{store.where} {error}; starting anew" + (f", the old one is now {aside}" if aside else ""))
        return None


LAST_SAVE = 10.0
"""Seconds for the last save; a kubelet waits longer for the end of a pod."""


@contextmanager
def keeping(store: StateStore | None) -> Iterator[Callable[[WatchState], None]]:
    """What saves a state in the block; at its end the last one is saved. Without a store it does nothing."""
    if store is None:
        yield lambda _: None
        return
    keeper = Keeper(store)
    try:
        yield keeper.keep
    finally:
        keeper.finish(LAST_SAVE)


class Keeper:
    """Saves a state where it differs from the last one; in a thread of its own where that may wait, since an API server that
    does not answer must not delay a request."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._latest: WatchState | None = None
        self._saved: WatchState | None = None
        """The last one that is safe."""
        self._thread: Thread | None = None
        self._told = ""

    def keep(self, state: WatchState) -> None:
        """A save that is still under way is not waited for: the next one has the newer state."""
        self._latest = state
        if self._is_saved() or (self._thread and self._thread.is_alive()):
            return
        if not self._store.may_wait:
            self._save(state)
            return
        self._thread = Thread(target=self._save, args=(state,), name="state", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Saves the last state, if that is possible within this time."""
        for _ in range(2):  # a save that is under way, and one of what came since
            if self._thread:
                self._thread.join(seconds)
                if self._thread.is_alive():
                    self._tell(f"{self._store.where}: the last state was not saved within {seconds:.0f} s")
                    return
            if self._latest:
                self.keep(self._latest)

    def _is_saved(self) -> bool:
        before, now = self._saved, self._latest
        return before is not None and now is not None and replace(now, saved_at=before.saved_at) == before

    def _save(self, state: WatchState) -> None:
        text = states.written(state)
        try:
            if len(text) > MOST_BYTES:
                raise OutputError(f"{self._store.where}: the state of so many addresses is larger than {MOST_BYTES:,} bytes")
            self._store.save(text)
        except ArpcheckError as error:
            self._tell(f"{error.message}; the state is not saved, and the next probe tries again")
        except Exception as error:  # noqa: BLE001 - a bug in a thread must not look like "saved"
            self._tell(f"{self._store.where}: can't be saved: {type(error).__name__}")
        else:
            self._saved, self._told = state, ""

    def _tell(self, why: str) -> None:
        """Once for each reason; the next probe tries again."""
        if why != self._told:
            notice(why)
        self._told = why
