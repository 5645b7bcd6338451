"""The parts of the README that the code says better: made from it, and held against it by a test.

`python tests/readme.py` writes them anew; everything else in the README is written by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
NOW = datetime(2026, 3, 1, 2, 58, tzinfo=UTC)
_BLOCK = re.compile(r"(<!-- made: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    README.write_text(made(README.read_text()))


def made(text: str) -> str:
    """The README with every block made anew."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block['name']]()}\n{block[3]}", text)


def example_report() -> str:
    return f"```text\n{simulated('two-non-strict', 'table')}```"


def simulated(name: str, format_name: str) -> str:
    """The report of a scene of the lab, judged without a kernel, at a fixed time."""
    from simulated.wire import SimulatedWire, scene_host

    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.lab import cluster_objects, scene_file
    from arpcheck.reports import render

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
    return render(pipeline.conclude(evidence), format_name)


def load_balancers() -> str:
    from arpcheck import loadbalancers

    return _table(("implementation", "recognised by", "announcer read from", "not known"), loadbalancers.table())


def mac_sources() -> str:
    from arpcheck import identities

    return _table(("source", "needs", "on by default", "gives"), identities.table())


def rules() -> str:
    from arpcheck.judge import findings, verdicts

    pages = []
    for title, texts in (("Verdicts, one for each address; the first that holds", verdicts.texts()), ("Findings", findings.texts())):
        pages.append(f"#### {title}\n")
        for text in texts:
            decided = "\n".join(f"{number}. {condition}" for number, condition in enumerate(text.decided, 1))
            do = "\n".join(f"- {step}" for step in text.do)
            pages.append(
                f"<details><summary><code>{text.name}</code>: {text.means}</summary>\n\n**Decided when**\n\n{decided}\n\n**Do**\n\n{do}\n\n</details>\n"
            )
    return "\n".join(pages)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(tuple(heads))}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def cluster_roles() -> str:
    from arpcheck import manifests, pipeline

    return f"```yaml\n{manifests.cluster_roles(pipeline.rights())}```"


def figures() -> str:
    """As `scripts/bench wire --readme` took them."""
    return (README.parent / "tests" / "campaigns" / "bench" / "figures.md").read_text().rstrip()


BLOCKS: Mapping[str, Callable[[], str]] = {
    "report": example_report,
    "rules": rules,
    "load-balancers": load_balancers,
    "mac-sources": mac_sources,
    "cluster-roles": cluster_roles,
    "figures": figures,
}

if __name__ == "__main__":
    sys.exit(main())
