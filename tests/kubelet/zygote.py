"""Forks containers from a process that has no threads and has imported what arpcheck imports.

zygote = Zygote()            # before this process has threads
started = zygote.start(spec, stdout, stderr)
started.pid, started.wait()  # the process as it is seen from here; its exit code, or minus its signal"""

from __future__ import annotations

import array
import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from dataclasses import asdict, dataclass
from typing import NoReturn

from kubelet import container
from kubelet.container import ContainerSpec, Mount

PRELOADED = (
    "arpcheck.__main__", "arpcheck.commands.app", "arpcheck.commands.probe", "arpcheck.reports.json", "arpcheck.reports.table", "kubernetes",
)  # fmt: skip
FAILED = 128
"""The exit code of a container that could not be made, with the reason on its stderr: runc's RunContainerError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    pid: int
    """Its process 1, as this process sees it."""
    _ended: int
    """The end of a pipe on which its exit is told."""

    def wait(self) -> int:
        """Called once. The exit code, or minus the signal."""
        with open(self._ended) as pipe:
            told = pipe.read()
        return int(told) if told else -signal.SIGKILL


class Zygote:
    """A context; its end kills every container."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._pid = os.fork()
        if not self._pid:
            self._ours.close()
            _serve(theirs)
        theirs.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        os.waitpid(self._pid, 0)

    def start(self, spec: ContainerSpec, stdout: int, stderr: int) -> Started:
        ended, telling = os.pipe()
        with self._lock:
            try:
                descriptors = array.array("i", [stdout, stderr, telling])
                self._ours.sendmsg(
                    [json.dumps(asdict(spec)).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
                )
                pid = int(self._ours.recv(64))
            finally:
                os.close(telling)
        return Started(pid=pid, _ended=ended)


def _serve(requests: socket.socket) -> NoReturn:
    """Until the other end is closed."""
    code = 70
    try:
        os.setsid()
        for module in PRELOADED:
            importlib.import_module(module)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
        children = []
        while True:
            content, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 3)
            if not content:
                break
            told, telling = os.pipe()
            if not (child := os.fork()):
                os.close(told)
                requests.close()
                _supervise(content, descriptors, telling)
            children.append(child)
            os.close(telling)
            for descriptor in descriptors:
                os.close(descriptor)
            with open(told) as pipe:
                requests.send(pipe.read().encode() or b"0")
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        code = 0
    except BaseException:  # noqa: BLE001 - shown, and the fork ends here
        traceback.print_exc()
    finally:
        os._exit(code)


def _supervise(content: bytes, descriptors: list[int], telling: int) -> NoReturn:
    """What containerd-shim is: the parent of process 1, which ends with it. Tells its number, and at last its exit code."""
    stdout, stderr, ended = descriptors
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (stdout, stderr):
            os.close(descriptor)
        told = json.loads(content)
        spec = ContainerSpec(**{**told, "mounts": [Mount(**mount) for mount in told["mounts"]], "env": told["env"]})
        container.enter(spec)
        if not (first := os.fork()):
            os.close(ended)
            os.close(telling)
            _first(spec)
        for descriptor in (1, 2):
            os.close(descriptor)
        os.write(telling, str(first).encode())
        os.close(telling)
        os.write(ended, str(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])).encode())
    except BaseException as error:  # noqa: BLE001 - told, and the fork ends here
        with contextlib.suppress(OSError):
            os.write(2, f"container: {error!r}\n".encode())
        with contextlib.suppress(OSError):
            os.write(ended, str(FAILED).encode())
    finally:
        os._exit(0)


def _first(spec: ContainerSpec) -> NoReturn:
    code = FAILED
    try:
        sys.stdin, sys.stdout, sys.stderr = (open(number, "w" if number else "r", closefd=False) for number in range(3))  # noqa: SIM115
        container.run(spec)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except FileNotFoundError as error:
        code = 127
        os.write(2, f"container: {error}\n".encode())
    except BaseException as error:  # noqa: BLE001 - told, and the fork ends here
        os.write(2, f"container: {error!r}\n".encode())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)
