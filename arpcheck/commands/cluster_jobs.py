"""Makes the Jobs of a run of `arpcheck cluster`, follows them, and removes what runs made.

Each Job ends with a document from its log, or with the reason why there is none. A run removes what it made at its end; what
runs that died left is removed at the next start and by `arpcheck cluster clean`. What another run still needs, or anybody
else made, stays."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from arpcheck.cluster.jobs import JobsApi, LostServerError, RefusedByServerError
from arpcheck.errors import ClusterError
from arpcheck.objects import Object, instant, mapping, name, text
from arpcheck.text import plain
from arpcheck.vantages.jobs import LOG, Fate, LogError, job_state, read_log
from arpcheck.vantages.manifests import JOB, NAME, RUN, Manifest, RunOfJobs, owner_of

_log = logging.getLogger(__name__)

FAST = 0.2
"""Seconds before the first look for Jobs that are done; half as much again before each further one."""
FAST_AT_MOST = 1.5
SLOW = 4.0
"""Seconds between two looks for Jobs that are not."""
STEP = 0.1
"""Seconds after which a signal is noticed."""
OUTAGE = 120.0
"""Seconds for which the API server may be away in the middle of a run."""
MOST_LOG = LOG + (1 << 20)
"""Maximum bytes of a log: a vantage's evidence, and what else it says."""
_BATCH = 50
"""Jobs that are deleted by one request: their names are in its URL."""

MADE = ("Job", "ConfigMap", "RoleBinding", "ServiceAccount")
"""What a run makes in a namespace, in the order in which it is deleted."""
GONE = 10.0
"""Seconds to wait until what was deleted is gone: a Pod on a lost node stays for minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJob:
    """A Job to be made."""

    name: str
    node: str
    manifests: tuple[Manifest, ...]
    """What it needs, and itself at the end."""
    most_seconds: float
    """After which it is given up when it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A Job that is over."""

    job: WantedJob
    document: Any = None
    """None: it gave none."""
    why: str = ""
    """Why it gave none."""
    made_at: datetime
    ended_at: datetime


@dataclass(slots=True)
class _Live:
    job: WantedJob
    made_at: datetime
    since: float
    """Monotonic time at which it was made."""
    ran_since: float | None = None


class Followed:
    """The Jobs of a run that are not over yet."""

    def __init__(self, api: JobsApi, run: RunOfJobs, *, patience: float, stop: Callable[[], bool]) -> None:
        """`patience`: seconds until a container must run. `stop`: ends `wait` early."""
        self._api = api
        self._run = run
        self._patience = patience
        self._stop = stop
        self._live: dict[str, _Live] = {}
        self._over: list[EndedJob] = []
        self._next_slow = 0.0
        self._answered = time.monotonic()

    def __len__(self) -> int:
        return len(self._live)

    def begin(self, wanted: Sequence[WantedJob]) -> None:
        """Makes them. What the server refuses is over at once. Raises ClusterError if it can't be asked."""
        now = datetime.now(UTC)
        refused: dict[str, str] = {}
        for place in range(max((len(one.manifests) for one in wanted), default=0)):
            some = [one.manifests[place] for one in wanted if place < len(one.manifests) and one.name not in refused]
            refused |= self._api.create(some)
        for one in wanted:
            if one.name in refused:
                self._end(one, now, why=refused[one.name])
            else:
                self._live[one.name] = _Live(one, now, time.monotonic())
        self._next_slow = time.monotonic() + SLOW / 4

    def wait(self, until: float) -> tuple[EndedJob, ...]:
        """Those that are over since the last call: as soon as there is one, none remains, `stop` says so, or `until`
        (monotonic) has come. Raises ClusterError if the API can't be read for long."""
        pause = FAST
        while self._live and not self._over and not self._stop() and time.monotonic() < until:
            self._pause(pause)
            pause = min(pause * 1.5, FAST_AT_MOST)
            if not self._stop():
                self._look()
        found, self._over = tuple(self._over), []
        return found

    def give_up(self, why: str) -> tuple[EndedJob, ...]:
        """Ends all that remain."""
        for live in [*self._live.values()]:
            self._end(live.job, live.made_at, why=why)
        found, self._over = tuple(self._over), []
        return found

    # ------------------------------------------------------------------------------------------------------- one look

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stop():
            time.sleep(STEP)

    def _look(self) -> None:
        try:
            self._collect_done()
            if time.monotonic() >= self._next_slow:
                self._weigh_others()
                self._next_slow = time.monotonic() + SLOW
            self._answered = time.monotonic()
        except (RefusedByServerError, LostServerError):
            raise
        except ClusterError as error:
            if time.monotonic() - self._answered > OUTAGE:
                raise
            _log.info("the Jobs can't be followed: %s", error)

    def _pods(self, field_selector: str = "") -> tuple[Object, ...]:
        return self._api.listed("Pod", self._run.namespace, selector=f"{RUN}={self._run.id}", field_selector=field_selector)

    def _collect_done(self) -> None:
        done = {mapping(pod, "metadata", "labels").get(JOB, ""): name(pod) for pod in self._pods("status.phase=Succeeded")}
        mine = {title: pod for title, pod in done.items() if title in self._live}
        ended = []
        for title, read in self._api.logs(self._run.namespace, mine, NAME, MOST_LOG):
            live = self._live[title]
            if read.why:
                self._end(live.job, live.made_at, why=f"its log can't be read: {read.why}")
                continue
            document, why = _from_log(read.text, title)
            self._end(live.job, live.made_at, document=document, why=why)
            ended.append(title)
        self._deleted(ended)

    def _deleted(self, titles: Sequence[str]) -> None:
        """So that the next look does not list them again. What stays is deleted with the run."""
        for start in range(0, len(titles), _BATCH):
            some = ",".join(titles[start : start + _BATCH])
            try:
                self._api.delete_all("Job", self._run.namespace, f"{JOB} in ({some})")
            except ClusterError as error:
                _log.info("Jobs that are done can't be deleted yet: %s", error)

    def _weigh_others(self) -> None:
        if not self._live:
            return
        selector = f"{RUN}={self._run.id}"
        jobs = {name(job): job for job in self._api.listed("Job", self._run.namespace, selector=selector)}
        pods = self._pods()
        events = self._api.listed("Event", self._run.namespace, field_selector="type=Warning")
        now = time.monotonic()
        for title, live in [*self._live.items()]:
            state = job_state(jobs.get(title), pods, events)
            match state.fate:
                case Fate.FAILED:
                    self._end(live.job, live.made_at, why=self._with_log(state.why, state.pod))
                case Fate.WAITING if now - live.since > self._patience:
                    self._end(live.job, live.made_at, why=f"did not start within {self._patience:g} s: {state.why}")
                case Fate.RUNNING | Fate.DONE:
                    live.ran_since = live.ran_since or now
                    if now - live.ran_since > live.job.most_seconds:
                        self._end(live.job, live.made_at, why=f"was not done after {live.job.most_seconds:.0f} s")
                case Fate.WAITING:
                    pass

    def _with_log(self, why: str, pod: str | None) -> str:
        """With the last line that arpcheck itself said there."""
        if pod is None:
            return why
        try:
            text = self._api.log(self._run.namespace, pod, NAME, MOST_LOG)
        except ClusterError:
            return why
        said = [line for line in text.splitlines() if line.startswith("arpcheck: ")]
        return f"{why}; its log says: {plain(said[-1].removeprefix('arpcheck: '), 400)}" if said else why

    def _end(self, job: WantedJob, made_at: datetime, *, document: Any = None, why: str = "") -> None:
        self._live.pop(job.name, None)
        why = re.sub(rf"{re.escape(job.name)}(-[a-z0-9]+)?", NAME, why)  # so that the same reason reads the same
        self._over.append(EndedJob(job=job, document=document, why=why, made_at=made_at, ended_at=datetime.now(UTC)))


def _from_log(text: str, job: str) -> tuple[Any, str]:
    """What the log holds, or why it holds nothing."""
    try:
        found = read_log(text, job)
    except LogError as error:
        said = [line for line in text.splitlines() if line.startswith("arpcheck: ")]
        return None, f"{error}; it says: {plain(said[-1].removeprefix('arpcheck: '), 400)}" if said else str(error)
    return found.document, ""


def documents(ended: Iterable[EndedJob]) -> Iterator[tuple[EndedJob, Mapping[str, Any]]]:
    """Those that gave an object."""
    return ((one, one.document) for one in ended if isinstance(one.document, Mapping))


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


# ---------------------------------------------------------------------------------- What runs made: the process that made it


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


# --------------------------------------------------------------------------------------------- What runs made: what is left


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
