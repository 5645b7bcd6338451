"""The process: runs the command line, turns an ArpcheckError into one line on stderr, and ends with the exit code."""

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
"""Of a closed pipe, as a shell has it: 128 and SIGPIPE."""
BROKEN = 2
"""Of a fault in arpcheck itself: Python's own 1 would read as a fault that was proven on the wire."""

FAULT = "this is a fault in arpcheck, not a finding: {}. Please report it with this line"


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_stopped = False
"""A signal said so. What it raises while a class is made is another error (Python before 3.12, `__set_name__`)."""


def process() -> NoReturn:
    """`main` as all that the process does."""
    _as_process(main)


def kubectl_complete() -> NoReturn:
    """`kubectl_complete-arpcheck WORD…`, which kubectl calls for its plug-in, as all that the process does."""
    _as_process(lambda: _guarded(_completed))


def _as_process(run: Callable[[], int]) -> NoReturn:
    _on_signals(_stop_at_once)
    threading.excepthook = _in_a_thread
    try:
        code = run()
        leave_the_rest()
        _on_signals(signal.SIG_DFL)  # there is nothing more to be put in order
    except KeyboardInterrupt:
        _stop_at_once()
    except Exception:  # noqa: BLE001 - while a line about another was made: nothing more is loaded or made for this one
        os.write(2, b"arpcheck: not enough memory, or a fault in arpcheck\n")
        os._exit(BROKEN)
    sys.exit(code)


def _on_signals(handler: Callable[[int, FrameType | None], NoReturn] | signal.Handlers) -> None:
    """For those that end the process. One that is ignored (nohup) stays so, and one that a command took for itself."""
    ours = (signal.SIG_DFL, signal.default_int_handler, _stop_at_once, _stop)
    for number in ENDING:
        if signal.getsignal(number) in ours:
            signal.signal(number, handler)


def _loaded() -> None:
    """From here on there may be something to be put in order. Nothing where `main` was called within another process."""
    if any(signal.getsignal(number) is _stop_at_once for number in ENDING):
        _on_signals(_stop)


def _stop_at_once(_number: int = 0, _: FrameType | None = None) -> NoReturn:
    """While Python loads what it needs nothing is open, and no exception comes through that as it was."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            os.write(sys.stderr.fileno(), b"arpcheck: interrupted\n")
    os._exit(INTERRUPTED)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """It ends as Ctrl-C ends it: what was opened is closed, and what was put down for the run is taken away."""
    global _stopped
    _stopped = True
    # The next one ends it at once. Not a hang-up: a terminal that goes away sends one, and sudo passes on another.
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
    raise KeyboardInterrupt


def _in_a_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None:
        _say(FAULT.format(fault(found.exc_value)), BROKEN)


def main(arguments: list[str] | None = None) -> int:
    """The exit code. Everything that arpcheck can't do ends here as one line that says the cure."""
    return _guarded(lambda: _called(arguments))


def _guarded(command: Callable[[], int]) -> int:
    _open_what_is_closed()
    run_less_often()
    try:
        return _flushed(_run_command(command))
    except Exception as error:  # noqa: BLE001 - the last resort: told in one line, and never under a finding's exit code
        return _flushed(_say("interrupted", INTERRUPTED) if _stopped else _say(FAULT.format(fault(error)), BROKEN))


def _flushed(code: int) -> int:
    """The same code, unless a result is lost. What can't be written is let go: Python would try it once more at its end,
    and make the exit code 120."""
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
    """A stream that the caller closed (`2>&-`) is None, for which `print` takes stdout: an error would be a result. Nothing
    comes from a stdin that is closed (`<&-`), and nothing else that is opened becomes it."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - until the process ends
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _called(arguments: list[str] | None) -> int:
    from arpcheck.commands.app import app, program

    if asking := [name for name in os.environ if name.endswith("_COMPLETE")]:
        from arpcheck.wire.privilege import give_up

        give_up()  # a shell asks what can stand here, and a kubeconfig is looked into
        _check_asked(asking)
    given = sys.argv[1:] if arguments is None else arguments
    _loaded()
    return int(app(given or ["--help"], standalone_mode=False, prog_name=program()) or 0)


def _check_asked(names: Sequence[str]) -> None:
    """UsageError where it is not as bash asks: typer takes its word for it."""
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
        return _say(f"{error.format_message().rstrip('.')}. `{_command(error)} --help` shows what there is", 2)
    except ArpcheckError as error:
        return _say(f"{error}{_as_root(str(error))}", error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _say(f"can't write: {error.strerror}", BROKEN)  # the help, which typer prints itself
    except (Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except SystemExit as end:
        # Whoever read our output closed it (`| head`): typer/core.py then ends with 1, which is the code of a finding.
        return CLOSED if end.code == 1 else int(end.code or 0)


def _as_root(said: str) -> str:
    """Why root, of all users, was refused."""
    if os.geteuid() or not ("Permission denied" in said or "no right to" in said):
        return ""
    return ". arpcheck has given up root's capabilities, so what is another user's is closed to it"


def _say(line: str, code: int) -> int:
    from arpcheck.commands.log import hush
    from arpcheck.text import PROSE_LIMIT, plain

    hush()
    with suppress(OSError):  # a terminal that is gone takes no line; the code says it
        print(f"arpcheck: {plain(line, PROSE_LIMIT)}", file=sys.stderr)  # noqa: T201
    return code


def _command(error: Exception) -> str:
    """The innermost command that was known."""
    from arpcheck.commands.app import program

    context = getattr(error, "ctx", None)
    return context.command_path if context else program()


if __name__ == "__main__":
    process()
