"""The process: runs the command line, prints an ArpcheckError as one line on stderr, and ends with the exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from arpcheck.errors import ArpcheckError, UsageError, fault
from arpcheck.gc_control import leave_the_rest, run_less_often

INTERRUPTED = 130
CLOSED = 141
"""The exit code after a closed pipe, as in a shell: 128 + SIGPIPE."""
BROKEN = 2
"""The exit code of a bug in arpcheck: Python's own 1 would look like a fault that was proven."""

FAULT = "this is a fault in arpcheck, not a finding: {}. Please report it with this line"


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_stopped = False
"""A signal came. Python before 3.12 turns a KeyboardInterrupt in `__set_name__` into another exception."""


def process() -> NoReturn:
    """The entry point `arpcheck`."""
    _as_process(main)


def kubectl_complete() -> NoReturn:
    """The entry point `kubectl_complete-arpcheck WORD…`, which kubectl calls for its plug-in."""
    _as_process(lambda: _guarded(_completed))


def _as_process(run: Callable[[], int]) -> NoReturn:
    _on_signals(_stop_at_once)
    threading.excepthook = _in_a_thread
    try:
        code = run()
        leave_the_rest()
        _on_signals(signal.SIG_DFL)  # nothing is left to clean up
    except KeyboardInterrupt:
        _stop_at_once()
    except Exception:  # noqa: BLE001 - raised while another one was printed: nothing more is loaded for it
        os.write(2, b"arpcheck: not enough memory, or a fault in arpcheck\n")
        os._exit(BROKEN)
    sys.exit(code)


def _on_signals(handler: Callable[[int, FrameType | None], NoReturn] | signal.Handlers) -> None:
    """Sets the handler of the signals that end a process, unless a signal is ignored (nohup) or a command handles it."""
    ours = (signal.SIG_DFL, signal.default_int_handler, _stop_at_once, _stop)
    for number in ENDING:
        if signal.getsignal(number) in ours:
            signal.signal(number, handler)


def _loaded() -> None:
    """From now on a signal raises, since there may be something to clean up. Does nothing in another program."""
    if any(signal.getsignal(number) is _stop_at_once for number in ENDING):
        _on_signals(_stop)


def _stop_at_once(_number: int = 0, _: FrameType | None = None) -> NoReturn:
    """While Python imports, nothing is open, and an exception would not come through unchanged."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            os.write(sys.stderr.fileno(), b"arpcheck: interrupted\n")
    os._exit(INTERRUPTED)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Every such signal ends arpcheck as Ctrl-C does: sockets are closed and temporary files are removed."""
    global _stopped
    _stopped = True
    # The next one ends the process at once. SIGHUP is ignored: a closed terminal sends one, and sudo passes on another.
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    raise KeyboardInterrupt


def _in_a_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None:
        _say(FAULT.format(fault(found.exc_value)), BROKEN)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code. Every error ends here as one line with a hint."""
    return _guarded(lambda: _called(arguments))


def _guarded(command: Callable[[], int]) -> int:
    _open_what_is_closed()
    run_less_often()
    try:
        return _flushed(_run_command(command))
    except Exception as error:  # noqa: BLE001 - a bug: one line, and not the exit code of a finding
        return _flushed(_say("interrupted", INTERRUPTED) if _stopped else _say(FAULT.format(fault(error)), BROKEN))


def _flushed(code: int) -> int:
    """Flushes the streams and returns `code`, or the code of a failed write. What can't be written is dropped: Python would
    try again at its end and exit with 120."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go(1)
        code = CLOSED
    except OSError as error:
        _let_go(1)
        code = _say(f"can't write to stdout: {error.strerror}", BROKEN) if code not in (CLOSED, BROKEN) else code
    try:
        sys.stderr.flush()
    except OSError:
        _let_go(2)
    return code


def _let_go(descriptor: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _open_what_is_closed() -> None:
    """Opens /dev/null for streams that the caller closed. A closed stderr (`2>&-`) is None, and `print` would write
    errors to stdout. A closed stdin (`<&-`) would be the number of the next file that is opened."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - until the process ends
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _called(arguments: list[str] | None) -> int:
    from arpcheck.commands.app import app, program

    if asking := [name for name in os.environ if name.endswith("_COMPLETE")]:
        from arpcheck.wire.privilege import give_up

        give_up()  # the shell asks for candidates, for which a kubeconfig is read
        _check_asked(asking)
    given = sys.argv[1:] if arguments is None else arguments
    _loaded()
    return int(app(given or ["--help"], standalone_mode=False, prog_name=program()) or 0)


def _check_asked(names: Sequence[str]) -> None:
    """UsageError unless the variables are those that bash sets: typer does not check them."""
    number = os.environ.get("COMP_CWORD", "")
    for name in names:
        known = "COMP_WORDS" in os.environ and number.isdecimal() and len(number) < 9
        if os.environ[name] == "complete_bash" and not known:
            hint = "Take the script that `arpcheck completion bash` prints, which sets them, or unset it"
            raise UsageError(f"{name} is set, but COMP_WORDS and COMP_CWORD are not words and the number of one", hint)


def _completed() -> int:
    from arpcheck.commands.completion import kubectl_complete as complete

    _loaded()
    return complete()


def _run_command(command: Callable[[], int]) -> int:
    from typer.exceptions import Abort, TyperException

    try:
        return command()
    except TyperException as error:
        from arpcheck.commands.app import program, refusal

        return _say(refusal(error, program()), 2)
    except ArpcheckError as error:
        return _say(f"{error}{_as_root(str(error))}", error.exit_code, error.details)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _say(f"can't write: {error.strerror}", BROKEN)  # of the help, which typer prints itself
    except (Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except SystemExit as end:
        # The reader closed the pipe (`| head`): typer/core.py then exits with 1, which is the code of a finding.
        return CLOSED if end.code == 1 else int(end.code or 0)


def _as_root(said: str) -> str:
    """Explains a permission error to root."""
    if os.geteuid() or not ("Permission denied" in said or "no right to" in said):
        return ""
    return ". arpcheck has given up root's capabilities, so what is another user's is closed to it"


def _say(line: str, code: int, details: Sequence[str] = ()) -> int:
    from arpcheck.commands.log import hush
    from arpcheck.text import PROSE_LIMIT, plain

    hush()
    with suppress(OSError):  # the terminal is closed; the exit code remains
        lines = f"arpcheck: {plain(line, PROSE_LIMIT)}", *(f"  {plain(one)}" for one in details)
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    process()
