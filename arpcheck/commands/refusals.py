"""Why a command line was refused, in one line with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from typer._click import exceptions
from typer.exceptions import TyperException

from arpcheck.errors import UsageError, did_you_mean

_ELSEWHERE: Mapping[str, str] = {
    "--token": "A token on the command line can be read by every user of the host. Use --token-file FILE",
    "--password": "A password on the command line can be read by every user of the host. Use a kubeconfig",
    "--client-key": "Use a kubeconfig, which names the certificate and the key",
    "--client-certificate": "Use a kubeconfig, which names the certificate and the key",
    "--interface": "Did you mean --iface?",
    "--service": "Name Services without an option: svc/NAME or NAMESPACE/NAME",
    "--filename": "Did you mean --cluster-file?",
    "--watch": "`arpcheck watch` repeats the probe",
    "--field-selector": "Select with -n, -l, or svc/NAME",
}
"""Options of kubectl and of tools like this one, by what takes their place here."""

_SHORT = {"-i": "--interface", "-I": "--interface", "-f": "--filename", "-w": "--watch"}


def refusal(error: TyperException, program: str) -> str:
    """The line for what the parser raised. `program`: the name that the user typed."""
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context else program
    match error:
        case exceptions.NoSuchOption():
            written = error.option_name
            hint = _ELSEWHERE.get(_SHORT.get(written, written)) or did_you_mean(
                written, _options(context), f"`{command} --help` lists the options"
            )
            return f"{command} has no option {written[:80]}. {hint}"
        case exceptions.MissingParameter():
            return f"{_missing(error)}. `{command} --help` shows how to write it"
        case exceptions.BadOptionUsage():
            wants = "takes no value" if "does not take" in error.message else "needs a value"
            return f"{error.option_name} {wants}. `{command} --help` shows how to write it"
        case exceptions.BadParameter():
            return f"{_wrong(error)}. `{command} --help` shows what there is"
        case _:
            said = error.format_message().rstrip(".")
            if extra := re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", said, re.DOTALL):
                return f"{command} does not take {extra[1][:200]!r}. `{command} --help` shows what it takes"
            if said == "Missing command":
                return f"{command} needs a command: {', '.join(context.command.commands)}. `{command} --help` lists them"
            return f"{said}. `{command} --help` shows what there is"


def _options(context: Any) -> Iterable[str]:
    if context is None:
        return ()
    found = (name for parameter in context.command.get_params(context) for name in getattr(parameter, "opts", ()))
    return [name for name in found if name.startswith("--")]


def _missing(error: exceptions.MissingParameter) -> str:
    """`AFTER is missing`."""
    parameter: Any = error.param
    if parameter is None:
        return error.format_message().rstrip(".")
    return f"{parameter.metavar if parameter.param_type_name == 'argument' else parameter.opts[-1]} is missing"


def _wrong(error: exceptions.BadParameter) -> str:
    """`--rounds 'x' is not a valid integer`, from the parser's "Invalid value for '--rounds': …"."""
    said = error.format_message().rstrip(".")
    return re.sub(r"(?s)^Invalid value(?: for (?:'(?P<name>.*?)'(?: / '.*?')*))?: ", _option, said)


def _option(found: re.Match[str]) -> str:
    return f"{found['name']} " if found["name"] else ""


def unknown_command(written: str, known: Iterable[str], group: str) -> UsageError:
    names = [*known]
    if "/" in written and "probe" in names:
        return UsageError(f"no command is called {written[:80]!r}", f"Did you mean `{group} probe {written[:80]}`?")
    near = did_you_mean(written, names, f"`{group} --help` lists the commands")
    return UsageError(f"no command is called {written[:80]!r}", near)


def before_its_command(option: str, arguments: Sequence[str], known: Mapping[str, Any], group: str) -> UsageError | None:
    """The refusal of an option of a command that stands before it, or before none; None for an option that no command
    has."""
    called = next((word for word in arguments if word in known), None)
    for name in [called] if called else ["probe"] if "probe" in known else []:
        command = known[name]
        if option in {opt for parameter in command.params for opt in parameter.opts}:
            rest = [word for word in arguments if word != called]
            shown = " ".join((group, name, *rest))
            if len(shown) > 200 or not shown.isprintable():
                shown = f"{group} {name} {option} …"
            return UsageError(f"{option} stands before its command" if called else "no command is given", f"Write `{shown}`")
    return None
