"""The command line: arguments in, exit code out, no logic. One module for each group of commands.

Every command imports what it does only when it runs, so that `--help` pays for neither scapy nor kubernetes nor
tabulate nor rich. The commands stand in the help in the order of these imports.

Their annotations are no text (`from __future__ import annotations`): typer evaluates every one of them four times at each
start, whichever command is called, which is a fifth of what `--help` takes."""

from arpcheck.cli.app import app, program

from arpcheck.cli import probe  # isort: skip
from arpcheck.cli import watch  # isort: skip
from arpcheck.cli import asking  # isort: skip
from arpcheck.cli import strict_arp  # isort: skip
from arpcheck.cli import saved  # isort: skip
from arpcheck.cli import docs  # isort: skip
from arpcheck.cli import saved as reading  # isort: skip
from arpcheck.cli import running  # isort: skip
from arpcheck.cli import running as demo  # isort: skip
from arpcheck.cli import shell  # isort: skip
from arpcheck.cli.app import lay_out

__all__ = [
    "app", "asking", "demo", "docs", "probe", "program", "reading", "running", "saved", "shell", "strict_arp", "watch",
]  # fmt: skip

lay_out((*app.registered_commands, *strict_arp.strict_arp.registered_commands))
