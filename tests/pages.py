"""The parts of README.md and of the reference pages that are made from the code.

`python tests/pages.py` writes every block between `<!-- made: NAME -->` and `<!-- end -->` anew; all other text is written
by hand. `test_pages.py` fails where a block is not as the code makes it now. Lines fit a terminal of 80 columns."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import arpcheck

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
FOLDER = Path(arpcheck.__file__).parent / "docs"
NOW = datetime(2026, 3, 1, 2, 58, tzinfo=UTC)
WIDTH = 80
SCENE = "two-non-strict"
"""What `scripts/demo` runs; the picture in the README and the report on the page about a probe are of it."""
_BLOCK = re.compile(r"(<!-- made: (?P<name>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def files() -> tuple[Path, ...]:
    return (README, *sorted(FOLDER.glob("*.md")))


def main() -> None:
    for path in files():
        path.write_text(made(path.read_text()))


def made(text: str) -> str:
    """The text with every block made anew."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block['name']]().rstrip()}\n{block[3]}", text)


# ----------------------------------------------------------------------------------------------------------- the report


def example_report() -> str:
    return f"```text\n{simulated(SCENE, 'table', WIDTH)}```"


def simulated(name: str, format_name: str, width: int | None = None) -> str:
    """The report of a scene of the lab, judged without a kernel, at a fixed time."""
    from simulated.wire import SimulatedWire, scene_host

    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.lab import cluster_objects, scene_file
    from arpcheck.reports import Style, render

    scene = scene_file.load(name)
    wire = SimulatedWire(scene)
    start = wire.now()
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=wire,
        clock=lambda: NOW + timedelta(seconds=wire.now() - start),
    )
    return render(pipeline.conclude(evidence), format_name, Style(width=width))


# --------------------------------------------------------------------------------------------- verdicts, findings, codes


def verdicts() -> str:
    from arpcheck.judge import verdicts as rules
    from arpcheck.model import Verdict

    return "\n".join(_rule(text, f"Outcome: {_outcome(Verdict(text.name).outcome)}") for text in rules.texts())


def findings() -> str:
    from arpcheck.judge import findings as acceptances
    from arpcheck.judge.findings import RULES

    rules = (*RULES, *acceptances.ACCEPTANCE_RULES)
    return "\n".join(_rule(r.text, f"Severity: {r.severity}. Outcome: {_added(r.outcome)}") for r in rules)


def reasons() -> str:
    from arpcheck.judge import reasons as table

    return "\n".join(_reason(text) for text in table.texts())


def _reason(text: Any) -> str:
    lines = [f"## {text.name}", "", *_filled(text.means), "", "Do:", ""]
    for step in text.do:
        lines += _filled(step, "- ")
    return "\n".join((*lines, ""))


def _added(outcome: Any) -> str:
    from arpcheck.model import Outcome

    return "fine (changes nothing in the exit code)." if outcome is Outcome.FINE else _outcome(outcome)


def _rule(text: Any, facts: str) -> str:
    lines = [f"## {text.name}", "", *_filled(text.means), "", *_filled(facts), "", "Decided when:", ""]
    for number, condition in enumerate(text.decided, 1):
        lines += _filled(condition, f"{number}. ")
    lines += ["", "Do:", ""]
    for step in text.do:
        lines += _filled(step, "- ")
    return "\n".join((*lines, ""))


def _outcome(outcome: Any) -> str:
    from arpcheck.model import Outcome

    return "not-judged." if outcome is Outcome.NOT_JUDGED else f"{outcome} (exit code {outcome.exit_code})."


def outcomes() -> str:
    """Which verdicts come to which outcome."""
    from arpcheck.model import Outcome, Verdict

    lines: list[str] = []
    for outcome in Outcome:
        names = ", ".join(f"`{verdict}`" for verdict in Verdict if verdict.outcome is outcome)
        lines += _filled(f"{_outcome(outcome)[:-1]}: {names}", "- ")
    return "\n".join(lines)


def arp_states() -> str:
    from arpcheck.model import Arp

    return "\n".join(f"- `{state}`: {_outcome(state.outcome)}" for state in Arp)


def exit_codes() -> str:
    from arpcheck.lab.run import MEANINGS

    return _table(("code", "means"), [(str(code), meaning) for code, meaning in MEANINGS.items()])


def causes() -> str:
    from arpcheck.kubeproxy.causes import rules

    lines: list[str] = []
    for name, text, do in rules():
        lines += [*_filled(f"`{name}`: {text}.", "- "), *_filled(f"Do: {do}.".replace("..", "."), "  ")]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------- load balancers, MACs, rights


def load_balancers() -> str:
    from arpcheck import loadbalancers

    heads = ("Recognised by", "Announcer read from", "Not known")
    return "\n".join(_entry(name, zip(heads, facts, strict=True)) for name, *facts in loadbalancers.table())


def mac_sources() -> str:
    from arpcheck import mac_owners

    rows = mac_owners.table()
    return "\n".join(
        _entry(row.name, (("Needs", row.needs), ("On by default", row.on_by_default), ("Gives", row.gives))) for row in rows
    )


def _entry(name: str, facts: Iterable[tuple[str, str]]) -> str:
    lines = [f"## {name}", ""]
    for head, text in facts:
        lines += _filled(f"{head}: {text}", "- ")
    return "\n".join((*lines, ""))


def cluster_roles() -> str:
    from arpcheck import pipeline
    from arpcheck.commands import pod

    return f"```yaml\n{pod.cluster_roles(pipeline.rights())}```"


def costs() -> str:
    """What is not known without a right, resource by resource."""
    from arpcheck import pipeline

    found: dict[str, list[str]] = {}
    for need in pipeline.NEEDS:
        said = found.setdefault(need.resource, [])
        if need.costs not in said:
            said.append(need.costs)
    lines: list[str] = []
    for resource in sorted(found):
        lines += _filled(f"`{resource}`: {'; '.join(found[resource])}", "- ")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------ JSON and metrics


def json_contract() -> str:
    """Every key of the report, by its path."""
    from arpcheck.reports.document import keys

    lines: list[str] = []
    for path, kind, description in keys():
        if "." not in path:
            lines += ["", f"## {path}", "", *_filled(f"{kind}. {description}")]
            continue
        if not lines[-1].startswith(("-", " ")):
            lines.append("")
        lines += _filled(f"`{path}` ({kind}): {description}", "- ")
    return "\n".join(lines).strip() + "\n"


def metrics() -> str:
    """Name, labels and meaning of each."""
    from arpcheck.commands.serving import LABELS as WATCH_LABELS
    from arpcheck.reports.prometheus import GAUGES, LABELS, PREFIX, RUN_LABELS

    lines = [line for gauge in GAUGES for line in _metric(PREFIX + gauge.name, gauge.labels, gauge.help)]
    lines += ["", "The labels. Every series also has `context` and `interface`:", ""]
    for label, meaning in (RUN_LABELS | LABELS | WATCH_LABELS).items():
        lines += _filled(f"`{label}`: {meaning}.", "- ")
    return "\n".join(lines)


def served_metrics() -> str:
    from arpcheck.commands.serving import WATCH_METRICS

    return "\n".join(
        line for one in WATCH_METRICS for line in _metric(one.full_name, one.labels, f"{one.help} ({one.type})")
    )


def _metric(name: str, labels: Sequence[str], words: str) -> list[str]:
    shown = f"{{{', '.join(labels)}}}" if labels else ""
    return _filled(f"`{name}{shown}`: {words}", "- ")


def alerts() -> str:
    from arpcheck.docs import file

    return f"```yaml\n{file('alerts')}```"


# --------------------------------------------------------------------------------------------------- commands and figures


def commands() -> str:
    """The help of every command, as it stands."""
    return "\n".join(f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in helps())


def helps() -> Iterable[tuple[str, str]]:
    from typer.main import get_command

    from arpcheck.commands.app import app

    def below(group: Any, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
        for name, command in group.commands.items():
            words = (*path, name)
            if hasattr(command, "commands"):
                yield from below(command, words)
            elif not command.hidden:
                called = f"arpcheck {' '.join(words)}"
                with command.make_context(
                    called, [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
                ) as ctx:
                    yield " ".join(words), command.get_help(ctx)

    return below(get_command(app), ())


FIGURES = ROOT / "tests" / "campaigns" / "bench" / "figures"


def figures(file: Path) -> str:
    """As `scripts/bench --readme` took them; a table that is wider than a terminal is several."""
    parts = re.split(r"\n{2,}", file.read_text().strip())
    return "\n\n".join(_narrow(part) if part.startswith("|") else "\n".join(_filled(part)) for part in parts)


def _narrow(table: str) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
    heads, body = rows[0], [row for row in rows[1:] if not set("".join(row)) <= {"-"}]
    widths = [max(len(row[column]) for row in (heads, *body)) for column in range(len(heads))]
    groups: list[list[int]] = [[]]
    for column in range(1, len(heads)):
        if groups[-1] and widths[0] + 4 + sum(widths[c] + 3 for c in (*groups[-1], column)) > WIDTH:
            groups.append([])
        groups[-1].append(column)
    return "\n\n".join(_padded([[row[c] for c in (0, *group)] for row in (heads, *body)]) for group in groups)


def _padded(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join((lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return _padded([heads, *(tuple(cell.replace("|", r"\|") for cell in row) for row in rows)])


def _filled(words: str, first: str = "") -> list[str]:
    return textwrap.wrap(
        words,
        WIDTH - 1,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
        break_long_words=False,
    )


BLOCKS: Mapping[str, Callable[[], str]] = {
    "report": example_report,
    "verdicts": verdicts,
    "findings": findings,
    "reasons": reasons,
    "outcomes": outcomes,
    "arp-states": arp_states,
    "exit-codes": exit_codes,
    "causes": causes,
    "load-balancers": load_balancers,
    "mac-sources": mac_sources,
    "cluster-roles": cluster_roles,
    "costs": costs,
    "json": json_contract,
    "metrics": metrics,
    "alerts": alerts,
    "served-metrics": served_metrics,
    "commands": commands,
    **{f"figures-{file.stem}": partial(figures, file) for file in FIGURES.glob("*.md")},
}

if __name__ == "__main__":
    sys.exit(main())
