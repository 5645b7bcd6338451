"""The command line: the table of commands, and the group that loads a command's file when it is called.

A command is a file of this package, named like the command: a function with the options, its docstring as the help, and
`EXAMPLES`. `arpcheck --help` is printed from the table and loads none of these files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer._click import exceptions
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from arpcheck import __version__
from arpcheck.errors import StoppedByUserError, UsageError, did_you_mean

COMPLETE = "_ARPCHECK_COMPLETE"
"""The environment variable by which a completion script calls arpcheck: typer makes its name of the program's."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A command's line in the table."""

    help: str
    """The first sentence of its docstring."""
    privileged: bool = False
    """It opens a socket, reads a kubeconfig that only root can read, or makes namespaces, and gives up privileges itself
    (`commands.opening`, `commands.output`, `wire.privilege.confine`). All others have none when their file is loaded."""
    hidden: bool = False
    """Not in the help: no user calls it."""


PRIVILEGED = True

COMMANDS = {
    "probe": Listed("Ask the LAN by ARP and ND for every LoadBalancer IP and report who replies.", PRIVILEGED),
    "preflight": Listed("Before you install a load balancer: check which nodes would reply for its addresses.", PRIVILEGED),
    "pool": Listed("Check whether a host already uses an address that a load balancer may assign next.", PRIVILEGED),
    "cluster": Listed("Probe every segment of the cluster by Jobs on its nodes, and report it as one.", PRIVILEGED),
    "inventory": Listed("List the MAC addresses of every node, by source.", PRIVILEGED),
    "watch": Listed("Watch a failover or a rollout: print each change, and a summary at the end.", PRIVILEGED),
    "strict-arp": Listed("Check whether kube-proxy needs strict ARP and has loaded it, and enable it.", PRIVILEGED),
    "strict-arp status": Listed("Show for every node whether strict ARP is configured and loaded.", PRIVILEGED),
    "strict-arp enable": Listed(
        "Set ipvs.strictARP in kube-proxy's ConfigMap, restart kube-proxy and watch the rollout.", PRIVILEGED
    ),
    "doctor": Listed("Check what a probe needs: privileges, interfaces and access to the API.", PRIVILEGED),
    "snapshot": Listed("Print everything that probe reads from the cluster, as input for --cluster-file.", PRIVILEGED),
    "report": Listed("Judge and render a saved report, or the frames of a tcpdump capture."),
    "compare": Listed("Show what changed between two saved reports."),
    "merge": Listed("Merge reports from several hosts into one."),
    "explain": Listed(
        "Explain a verdict, a finding, a reason or a word of the report: what it means, how it is decided and what to do."
    ),
    "docs": Listed("Show the documentation that comes with arpcheck."),
    "pod": Listed("Print the manifests that run arpcheck on a node, for `kubectl apply -f -`."),
    "demo": Listed("Run a scene on a LAN of network namespaces, with real kernel ARP and neighbour discovery.", PRIVILEGED),
    "completion": Listed("Print the completion script of a shell."),
    "help": Listed("Show the help of a command."),
    "version": Listed("Print the version."),
    "vantage": Listed(
        "Probe by a plan and print the evidence as log lines: what a Job of `arpcheck cluster` runs.",
        PRIVILEGED,
        hidden=True,
    ),
}
"""In the order of the help. `strict-arp status` is the function `status` of the file `strict_arp_status`; a name that begins
other names is a group."""

_AS_IT_STANDS = "\b\n"
"""A paragraph that begins with this is not wrapped (click, "Preventing Rewrapping")."""


class Command(TyperCommand):
    """Prints its arguments as `FILE`, `[FILE]`, `FILE...`, and its options as plain text."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        once = (re.sub(r"^\[(\[.*\])\](\.\.\.)?$", r"\1", piece) for piece in super().collect_usage_pieces(ctx))
        return [re.sub(r"[{}]", "", piece) for piece in once]

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        from typer._click.exceptions import UsageError

        try:
            return super().parse_args(ctx, [*_without_equals(args)])
        except UsageError as error:
            error.ctx = error.ctx or ctx  # for the name of the command in the message
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for heading, kind in (("Arguments", "argument"), ("Options", "option")):
            shown = (_described(p, ctx) for p in self.get_params(ctx) if p.param_type_name == kind)
            if rows := [row for row in shown if row]:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _without_equals(arguments: Sequence[str]) -> Iterator[str]:
    """`-o=json` as `-o json`: kubectl takes both (spf13/pflag), click would take `=json` as the value."""
    for number, argument in enumerate(arguments):
        if argument == "--":
            yield from arguments[number:]
            return
        found = re.fullmatch(r"(-[A-Za-z])=(.*)", argument, re.DOTALL)
        yield from found.groups() if found else (argument,)


def _described(parameter: Any, ctx: Any) -> tuple[str, str] | None:
    """The parameter's name and its help; None if it is hidden."""
    record = parameter.get_help_record(ctx)
    if not record:
        return None
    name, words = record
    if parameter.param_type_name != "argument":
        return name, re.sub(r"\[default: \(([^()]*)\)", r"[default: \1", words)
    return re.sub(r" <[^>]*>$", "", name), re.sub(r"\s*\[required\]$", "", words)


class Commands(MutableMapping[str, Any]):
    """The commands of a group by name, each loaded when it is looked up. `prefix`: `strict-arp ` for those of that group."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._loaded: dict[str, Any] = {}
        below = (name.removeprefix(prefix) for name in COMMANDS if name.startswith(prefix))
        self._names = tuple(name for name in below if " " not in name)

    def listed(self, name: str) -> Listed | None:
        """The table's line, without loading the command. None if there is no such command."""
        return COMMANDS[self._prefix + name] if name in self._names else None

    def lines(self) -> Iterator[tuple[str, Listed]]:
        """Every name of the group with its line, without hidden ones."""
        listed = ((name, COMMANDS[self._prefix + name]) for name in self._names)
        return ((name, line) for name, line in listed if not line.hidden)

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = _load(self._prefix + name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("a command is added by its line in COMMANDS")

    def __delitem__(self, name: str) -> None:
        raise TypeError("a command is removed by its line in COMMANDS")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _load(name: str) -> Any:
    """The command, or the group of commands, with this full name."""
    if any(other.startswith(f"{name} ") for other in COMMANDS):
        return Group(prefix=f"{name} ", name=name, help=COMMANDS[name].help)
    module = import_module(f"arpcheck.commands.{name.replace(' ', '_').replace('-', '_')}")
    last = name.rpartition(" ")[2]
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(last, cls=Command, epilog=_epilog(module.EXAMPLES))(getattr(module, last.replace("-", "_")))
    return typer.main.get_command(single)


def _epilog(examples: Sequence[str]) -> str:
    heading = "Examples:" if len(examples) > 1 else "Example:"
    return _AS_IT_STANDS + "\n".join((heading, *(f"  {example}" for example in examples)))


class Group(TyperGroup):
    """Lists its commands from the table, and loads the one that is called."""

    def __init__(self, *, prefix: str = "", **attributes: Any) -> None:
        super().__init__(**{**attributes, "rich_markup_mode": None})
        self.table = Commands(prefix)
        self.commands = self.table

    def make_context(self, *given: Any, **more: Any) -> Any:
        try:
            return super().make_context(*given, **more)
        except KeyboardInterrupt:  # as in `invoke`, while the options before the command are converted
            raise StoppedByUserError("interrupted") from None

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        from typer._click.exceptions import NoSuchOption

        try:
            return super().parse_args(ctx, [*args])
        except NoSuchOption as error:
            raise before_its_command(error.option_name, args, self.table, ctx.command_path) or error from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Gives up privileges before the command's file is loaded and its arguments are parsed, unless the table says that
        the command does so itself. A name that is not in the table does as well."""
        listed = self.table.listed(args[0])
        if listed is None or not listed.privileged:
            from arpcheck.wire.privilege import give_up

            give_up()
        if listed is None and not args[0].startswith("-"):
            raise unknown_command(args[0], self.table, ctx.command_path)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # typer would make an exit code of it and print nothing
            raise StoppedByUserError("interrupted") from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - its signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.help) for name, listed in self.table.lines()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """As the base class does it, but from the table: completing a command's name loads no command."""
        self.commands = {name: TyperCommand(name, help=listed.help) for name, listed in self.table.lines()}
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.commands = self.table


app = typer.Typer(
    cls=Group,
    help="Send ARP requests for every LoadBalancer IP of a Kubernetes cluster, and report which replies are wrong.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 clean, 1 a fault is proven, 2 could not run, 3 inconclusive, 130 interrupted.",
)

if COMPLETE in os.environ:
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def program() -> str:
    """The name that the user typed, for the help: kubectl calls its plug-in by a name with a dash."""
    name = os.path.basename(sys.argv[0])
    return "kubectl arpcheck" if name.startswith("kubectl-") else "arpcheck"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"arpcheck {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    _version_wanted: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Every command comes after this."""


# ------------------------------------------------------------------------------------------------------------------ Refusals

# Why a command line was refused, in one line with what to write instead.

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
