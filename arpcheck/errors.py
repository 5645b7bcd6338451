"""Why arpcheck could not run.

Raised anywhere, caught once, in `__main__`. What was measured is never an error: silence, duplicates, a refused
resource and an unknown MAC are values. An error is one line for the user and says the cure."""


class ArpcheckError(Exception):
    """Arpcheck could not run. Shown as `arpcheck: MESSAGE. HINT`."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What is wrong, and where (a file and its line, an option, an interface)."""
        self.hint = hint
        """What to do about it; empty where the message says it."""

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(ArpcheckError):
    """An option or an argument that makes no sense."""


class InputError(ArpcheckError):
    """A file that can't be read as what it should be."""


class ClusterError(ArpcheckError):
    """The API server, the kubeconfig, or a right without which nothing can be done."""


class WireError(ArpcheckError):
    """The interface, the socket, or the privilege to open it."""


class LabError(ArpcheckError):
    """The lab can't be built on this machine."""


class OutputError(ArpcheckError):
    """The report can't be written where it should go."""


class StoppedByUserError(ArpcheckError):
    """Ctrl-C or a signal, before there was anything to tell."""

    exit_code = 130


MOST_PLACES = 6


def fault(error: BaseException) -> str:
    """What no code of arpcheck expected, for one line: the error's type, and the innermost places that it came through.

    Without its message, which may hold what was being read; that of a module that can't be loaded says what is missing."""
    places, at = list[str](), error.__traceback__
    while at is not None:
        name = "/".join(at.tb_frame.f_code.co_filename.split("/")[-2:])
        places.append(f"{name}:{at.tb_lineno}")
        at = at.tb_next
    said = f" ({error})" if isinstance(error, ImportError | SyntaxError) else ""
    return f"{type(error).__name__}{said} at {' < '.join(reversed(places[-MOST_PLACES:])) or 'no place'}"
