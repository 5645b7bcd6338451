"""The command line: the table of commands, and the group that loads a command's file when it is called.

A command is a file of this package, named like the command: a function with the options, its docstring as the help, and
`EXAMPLES`. `arpcheck --help` is printed from the table and loads none of these files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from arpcheck import __version__
from arpcheck.errors import StoppedByUserError

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


PRIVILEGED = True

COMMANDS = {
    "probe": Listed("Send ARP requests for every LoadBalancer IP and report who replies.", PRIVILEGED),
    "preflight": Listed("Before you install a load balancer: check which nodes would reply for its addresses.", PRIVILEGED),
    "pool": Listed("Check whether a host already uses an address that a load balancer may assign next.", PRIVILEGED),
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
        "Explain a verdict, a finding or a word of the report: what it means, how it is decided and what to do."
    ),
    "docs": Listed("Show the documentation that comes with arpcheck."),
    "pod": Listed("Print the manifests that run arpcheck on a node, for `kubectl apply -f -`."),
    "demo": Listed("Run a scene on a LAN of network namespaces, with real kernel ARP.", PRIVILEGED),
    "completion": Listed("Print the completion script of a shell."),
    "help": Listed("Show the help of a command."),
    "version": Listed("Print the version."),
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
        """Every name of the group with its line."""
        return ((name, COMMANDS[self._prefix + name]) for name in self._names)

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
            from arpcheck.commands.refusals import before_its_command

            raise before_its_command(error.option_name, args, self.table, ctx.command_path) or error from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Gives up privileges before the command's file is loaded and its arguments are parsed, unless the table says that
        the command does so itself. A name that is not in the table does as well."""
        listed = self.table.listed(args[0])
        if listed is None or not listed.privileged:
            from arpcheck.wire.privilege import give_up

            give_up()
        if listed is None and not args[0].startswith("-"):
            from arpcheck.commands.refusals import unknown_command

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
