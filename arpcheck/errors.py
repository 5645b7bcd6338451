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
