"""`arpcheck completion`: prints a completion script. typer completes; kubectl calls a program of its own for its plug-in."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import Annotated

import typer

from arpcheck.commands.app import COMPLETE, app
from arpcheck.commands.options import SHELLS, shells
from arpcheck.errors import UsageError, did_you_mean

EXAMPLES = (
    "arpcheck completion bash > ~/.local/share/bash-completion/completions/arpcheck",
    "arpcheck completion zsh > ~/.zfunc/_arpcheck",
    "arpcheck completion fish > ~/.config/fish/completions/arpcheck.fish",
)

_REGISTER = "compdef _arpcheck_completion arpcheck"
_AT_ONCE = f"""if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _arpcheck_completion "$@"
else
  {_REGISTER}
fi"""
"""zsh loads a file of its fpath at the first Tab, which must complete as well."""

NO_FILES = 4
"""kubectl's ShellCompDirectiveNoFileComp (spf13/cobra, completions.go)."""


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help=", ".join(SHELLS) + ".", autocompletion=shells)],
) -> int:
    """Print the completion script of a shell. `kubectl arpcheck` completes without it."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    from arpcheck.commands.output import show

    if shell not in SHELLS:
        raise UsageError(
            f"no completion for {shell[:80]!r}", f"{did_you_mean(shell, SHELLS)} One of {', '.join(SHELLS)}".strip()
        )
    script = get_completion_script(prog_name="arpcheck", complete_var=COMPLETE, shell=shell)
    show(script.replace(_REGISTER, _AT_ONCE) + "\n")
    return 0


def kubectl_complete() -> int:
    """`kubectl_complete-arpcheck WORD…`, which kubectl calls for its plug-in: a candidate a line, then a directive."""
    from typer.completion import completion_init, shell_complete  # type: ignore[attr-defined]

    from arpcheck.wire.privilege import give_up

    give_up()
    words = ["arpcheck", *sys.argv[1:]]
    os.environ.update(COMP_WORDS=shlex.join(words), COMP_CWORD=str(len(words) - 1))
    completion_init()
    with redirect_stdout(StringIO()) as candidates:
        code = shell_complete(typer.main.get_command(app), {}, "arpcheck", COMPLETE, "complete_bash")
    print(*candidates.getvalue().split(), f":{NO_FILES}", sep="\n")  # noqa: T201 - kubectl reads it
    return code
