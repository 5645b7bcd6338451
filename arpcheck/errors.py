"""The exceptions: arpcheck could not run; and what their hints may have meant.

They are raised anywhere and caught once, in `__main__`, which prints one line with a hint. Data is never an error: a missing
reply, duplicates, a forbidden resource and an unknown MAC address are values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ArpcheckError(Exception):
    """Arpcheck could not run. Shown as `arpcheck: MESSAGE. HINT`."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details
        """Shown below, a line each: what there is to choose from."""
        self.message = message
        """The problem, and where it is: a file and its line, an option, an interface."""
        self.hint = hint
        """The remedy; empty if the message implies it."""

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(ArpcheckError):
    """An option or an argument is not valid."""


class InputError(ArpcheckError):
    """An input file can't be read or parsed."""


class ClusterError(ArpcheckError):
    """The API server, the kubeconfig or a required permission fails."""


class WireError(ArpcheckError):
    """An interface, a packet socket or the privilege to open it is missing."""


class LabError(ArpcheckError):
    """The lab can't be built on this machine."""


class OutputError(ArpcheckError):
    """An output file or stdout can't be written."""


class StoppedByUserError(ArpcheckError):
    """Ctrl-C or a signal came before there was a result."""

    exit_code = 130


MOST_PLACES = 6


def fault(error: BaseException) -> str:
    """One line for an unexpected exception: its type and its innermost places.

    Without its message, which may contain input, except that of an ImportError, which names what is missing."""
    places, at = list[str](), error.__traceback__
    while at is not None:
        name = "/".join(at.tb_frame.f_code.co_filename.split("/")[-2:])
        places.append(f"{name}:{at.tb_lineno}")
        at = at.tb_next
    said = f" ({error})" if isinstance(error, ImportError | SyntaxError) else ""
    return f"{type(error).__name__}{said} at {' < '.join(reversed(places[-MOST_PLACES:])) or 'no place'}"


# ------------------------------------------------------------- Names that are alike: what a mistyped one may have meant

_ALIKE, _CLOSE = 0.6, 0.12
"""The ratio of SequenceMatcher from which on two names are alike, and by which the best may beat the others."""


def near(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """At most three of `known` that are spelled like `word`, the most alike first; another case counts as alike."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(b=word.lower(), autojunk=False)
    scored = []
    for name in dict.fromkeys(known):
        matcher.set_seq1(name.lower())
        if name and (score := matcher.ratio()) >= _ALIKE:
            scored.append((score, name))
    best = max(scored, default=(0.0, ""))[0]
    return tuple(name for score, name in sorted(scored, key=lambda one: (-one[0], one[1]))[:3] if score > best - _CLOSE)


def alternatives(names: Sequence[str]) -> str:
    """`did you mean web or wiki?`; empty without names."""
    return f"did you mean {' or '.join(names)}?" if names else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The hint of an error: `Did you mean web?`, else `otherwise`."""
    found = alternatives(near(word, known))
    return found[:1].upper() + found[1:] or otherwise
