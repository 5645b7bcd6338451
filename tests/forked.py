"""arpcheck in processes forked from one that has imported what all of them need.

A start costs milliseconds instead of more than a second of imports, of which the tests have hundreds. Each is a process of
its own all the same: arguments, environment, folder, streams, exit code, and for a scene namespaces of its own. What the
start itself is about (imports, signals, privileges, a killed process) is tested with `python -m arpcheck`."""

import ctypes
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import forks_on_stage

from arpcheck.lab import network, run

PRELOADED = (
    "forked", "arpcheck.__main__", "arpcheck.commands.app", "arpcheck.commands.probe", "arpcheck.commands.report", "arpcheck.lab.fixture",
    "arpcheck.reports.json", "arpcheck.reports.table", "arpcheck.cluster.login", "arpcheck.cluster.session", "arpcheck.commands.watch",
    "arpcheck.wire.scapy_library", "kubernetes", "psutil",
)  # fmt: skip
PATIENCE = 300.0
CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, PR_SET_PDEATHSIG = 0x20000, 0x20000000, 0x40000000, 1
OWN_MOUNTS = (
    ("--make-rprivate", "/"), ("-t", "proc", "proc", "/proc"), ("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"),
)  # fmt: skip

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(PRELOADED))


def preload(*modules):
    """Further modules, before the first process."""
    _CONTEXT.set_forkserver_preload([*PRELOADED, *modules])


def arpcheck(*arguments, stdin="", cwd=None, env=None):
    """`arpcheck ARGUMENT…`, as subprocess.run tells it. `env`: beside the environment of the tests."""
    code, out, err = done(
        _command, [str(word) for word in arguments], stdin, str(cwd or os.getcwd()), {**os.environ, **(env or {})}
    )
    return subprocess.CompletedProcess(list(arguments), code, out, err)


def scene(name, options=(), load=None):
    """As `arpcheck.lab.run.run`: a scene on the kernel, with the API over HTTP and the probe as a process of its own. `load`:
    a function of a module that makes the scene of the name, if it is not that of a file; that takes root."""
    if os.geteuid() != 0 and load is None:
        return run.run(str(name), options)
    code, out, err = done(_scene, str(name), list(options), load)
    return run.Result(exit_code=code, stdout=out, stderr=err)


def program(words, stdin="", patience=PATIENCE):
    """As `subprocess.run(network.command([sys.executable, *WORD]), capture_output=True, text=True)`: a program of the tests in an
    enclosure, where arpcheck on a station is a fork too (forks_on_stage.py)."""
    words = [str(word) for word in words]
    if os.geteuid() != 0:
        started = network.command([sys.executable, *words])
        return subprocess.run(started, input=stdin, capture_output=True, text=True, timeout=patience, check=False)
    return subprocess.CompletedProcess(words, *done(_program, words, stdin, patience=patience))


def done(target, *arguments, patience=PATIENCE):
    with tempfile.TemporaryDirectory() as folder:
        process = _CONTEXT.Process(target=_in_the_child, args=(target, folder, *arguments))
        process.start()
        process.join(patience)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([target.__name__, *arguments], patience)
        out, err = ((Path(folder) / name).read_text() for name in ("stdout", "stderr"))
    return process.exitcode, out, err


def _in_the_child(target, folder, *arguments):
    (Path(folder) / "stdin").write_text(arguments[1] if target in (_command, _program) else "")
    flags = os.O_WRONLY | os.O_CREAT
    for number, (name, how) in enumerate((("stdin", os.O_RDONLY), ("stdout", flags), ("stderr", flags))):
        os.dup2(os.open(Path(folder) / name, how, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (open(number, "w" if number else "r", closefd=False) for number in range(3))  # noqa: SIM115
    sys.exit(target(*arguments))


def _command(arguments, _stdin, cwd, env):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    return _main(arguments)


def _main(arguments):
    from arpcheck import __main__ as program

    sys.argv = [program.__file__, *arguments]
    return program.main()


def _scene(name, options, load):
    return enclosed(lambda: _staged(name, options, load))


def _program(words, _stdin):
    return enclosed(lambda: _run_program(words))


def _run_program(words):
    forks_on_stage.install()
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    return 0


def enclosed(work):
    """`work` in the first process of namespaces of its own, which end with it, and it with this one (arpcheck.lab.network)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    if not (first := os.fork()):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        leave(lambda: _mounted(work))
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


def _mounted(work):
    for words in OWN_MOUNTS:
        subprocess.run(["mount", *words], check=True)
    return work()


def _staged(name, options, load):
    """Forks the probe before there are threads; it waits for its arguments until all stands."""
    from arpcheck.lab import scene_file
    from arpcheck.lab.fixture import probe_arguments, stage

    told, tell = os.pipe()
    if not (probe := os.fork()):
        os.close(tell)
        leave(lambda: _probe(told))
    os.close(told)
    found = (load or scene_file.load)(name)
    with stage(found):
        os.write(tell, json.dumps([found.prober.station, *probe_arguments(found, options)]).encode())
        os.close(tell)
        return os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1])


def _probe(told):
    with open(told) as pipe:
        station, *arguments = json.load(pipe)
    return on_station(station, arguments)


def on_station(station, arguments):
    """arpcheck in this process, which has no threads, in the network of a station."""
    from arpcheck.lab.fixture import environment

    descriptor = os.open(f"/run/netns/{station}", os.O_RDONLY)
    if ctypes.CDLL(None).setns(descriptor, CLONE_NEWNET):
        raise OSError(f"setns {station}")
    kept = environment()
    os.environ.clear()
    os.environ.update(kept)
    return _main(arguments)


def leave(work):
    """Ends this fork with what `work` gives, and whatever it raises is told: it must not go on as its parent would."""
    code = 70
    try:
        code = work()
    except BaseException:  # noqa: BLE001 - shown, and the fork ends with a code that nothing else has
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
