"""`python -m arpcheck …` on a station of a scene, as a fork of a process that has imported it, for programs in an enclosure.

    forked.program([path, *arguments])       # in place of subprocess.run(network.command([sys.executable, path, *arguments]))

runs such a program; whatever it starts with `Fixture.start` or `ip netns exec STATION python -m arpcheck` is then a `Popen` of this
file. It is a process as any other: of its parent, with its streams, environment, session, signals and exit code."""

import array
import ctypes
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

CLONE_NEWNET = 0x40000000
IN_A_STATION = ["ip", "netns", "exec"]
_ORIGINAL = subprocess.Popen
_SIGNATURE = inspect.signature(_ORIGINAL._execute_child)


class Nursery:
    """A process without threads, forked from this one before it has any, which forks all that is asked for. Only in the first
    process of an enclosure: an orphan becomes its child."""

    def __init__(self):
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not os.fork():
            self._ours.close()
            _serve(theirs)
        theirs.close()

    def start(self, told, streams):
        """The number of a new process, which is a child of this one."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
        self._ours.sendmsg([json.dumps(told).encode()], rights)
        return int(self._ours.recv(64))


def install():
    """From now on, in this process: see above."""
    nursery = Nursery()

    class Popen(_ORIGINAL):
        def _execute_child(self, *arguments):
            given = _SIGNATURE.bind(self, *arguments).arguments
            if (words := arpcheck_of(given["args"])) is None or given["shell"] or given["cwd"]:
                super()._execute_child(*arguments)
                return
            told = {
                "station": given["args"][len(IN_A_STATION)],
                "words": words,
                "env": dict(os.environ if given["env"] is None else given["env"]),
                "folder": os.getcwd(),
                "session": bool(given["start_new_session"]),
            }
            streams = [
                number if given[name] == -1 else given[name]
                for number, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
            ]
            self.pid = nursery.start(told, streams)
            self._child_created = True
            self._close_pipe_fds(
                *(given[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
            )

    subprocess.Popen = Popen


def arpcheck_of(program):
    """The arguments of arpcheck where the program is `ip netns exec STATION python -m arpcheck ARGUMENT…`, in either form that the
    lab has for it; else None."""
    words = list(map(str, program))
    if words[: len(IN_A_STATION)] != IN_A_STATION or words[len(IN_A_STATION) + 1 :][:1] != [sys.executable]:
        return None
    rest = words[len(IN_A_STATION) + 2 :]
    if rest[:2] == ["-m", "arpcheck"]:
        return rest[2:]
    if rest[:1] == ["-I"] and "-c" in rest[:3] and rest[(at := rest.index("-c")) + 2 : at + 4] == ["0", "arpcheck"]:
        return rest[at + 4 :]
    return None


def _serve(requests):
    try:
        while True:
            content, streams, _, _ = socket.recv_fds(requests, 1 << 20, 3)
            if not content:
                break
            told, tell = os.pipe()
            if not (between := os.fork()):
                if child := os.fork():
                    os.write(tell, str(child).encode())
                    os._exit(0)
                _become(json.loads(content), streams)
            os.close(tell)
            os.waitpid(between, 0)  # now it is an orphan, and so a child of the first process
            requests.send(os.read(told, 64))
            for descriptor in (told, *streams):
                os.close(descriptor)
    finally:
        os._exit(0)


def _become(told, streams):
    """As a new interpreter would begin with it."""
    code = 70
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.closerange(3, max(streams) + 64)
        if told["session"]:
            os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdin, sys.stdout, sys.stderr = (open(number, "w" if number else "r", closefd=False) for number in range(3))  # noqa: SIM115
        space = os.open(f"/run/netns/{told['station']}", os.O_RDONLY)
        if ctypes.CDLL(None).setns(space, CLONE_NEWNET):
            raise OSError(f"setns {told['station']}")
        os.close(space)
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["env"])
        from arpcheck import __main__ as program

        sys.argv = [program.__file__, *told["words"]]
        program.process()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - shown, and the fork ends here
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
