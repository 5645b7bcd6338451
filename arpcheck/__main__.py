"""The process: runs the command line, turns an ArpcheckError into one line on stderr, and ends with the exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from arpcheck.errors import ArpcheckError

INTERRUPTED = 130
CLOSED = 141
"""Of a closed pipe, as a shell has it: 128 and SIGPIPE."""
BROKEN = 2
"""Of a fault in arpcheck itself: Python's own 1 would read as a fault that was proven on the wire."""

YOUNG = 50_000
"""New objects until the collector looks at them, not Python's 700. A cluster is a million objects that all stay, and to look
for cycles among them again and again takes a quarter of the time of a run beside its waiting."""


def process() -> NoReturn:
    """`main` as all that the process does."""
    code = main()
    gc.freeze()  # else Python looks through all that a large cluster came to for cycles, twice, before it ends
    sys.exit(code)


def main(arguments: list[str] | None = None) -> int:
    """The exit code. Everything that arpcheck can't do ends here as one line that says the cure."""
    _open_what_is_closed()
    gc.set_threshold(YOUNG, 10, 10)
    try:
        return _flushed(_run(arguments))
    except Exception:  # noqa: BLE001 - the last resort: shown whole, and never under a finding's exit code
        import traceback

        with suppress(OSError):  # a terminal that is gone
            traceback.print_exc()
        return _flushed(_say("this is a fault in arpcheck, not a finding. Please report it with the lines above.", BROKEN))


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
    """A stream that the caller closed (`2>&-`) is None, for which `print` takes stdout: an error would be a result."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _run(arguments: list[str] | None) -> int:
    from typer.exceptions import Abort, TyperException

    from arpcheck.cli import app, program

    try:
        given = sys.argv[1:] if arguments is None else arguments
        return int(app(given or ["--help"], standalone_mode=False, prog_name=program()) or 0)
    except TyperException as error:
        return _say(f"{error.format_message().rstrip('.')}. `{_command(error)} --help` shows what there is", 2)
    except ArpcheckError as error:
        return _say(str(error), error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _say(f"can't write: {error.strerror}", BROKEN)  # the help, which typer prints itself
    except (Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except SystemExit as end:
        # Whoever read our output closed it (`| head`): typer/core.py then ends with 1, which is the code of a finding.
        return CLOSED if end.code == 1 else int(end.code or 0)


def _say(line: str, code: int) -> int:
    from arpcheck.commands.log import hush
    from arpcheck.reports.escape import PROSE_LIMIT, plain

    hush()
    with suppress(OSError):  # a terminal that is gone takes no line; the code says it
        print(f"arpcheck: {plain(line, PROSE_LIMIT)}", file=sys.stderr)  # noqa: T201
    return code


def _command(error: Exception) -> str:
    """The innermost command that was known."""
    from arpcheck.cli import program

    context = getattr(error, "ctx", None)
    return context.command_path if context else program()


if __name__ == "__main__":
    process()
