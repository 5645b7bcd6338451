"""`python tests/campaigns/bench/bench.py [SECTION…] [--runs N] [--json FILE] [--readme]`: figures as tables, and as JSON.

A section is a module here with `measured() -> dict`, which JSON can hold, and `table(dict) -> str`. What
`arpcheck/docs/benchmarks.md` quotes of it, by a file in `FIGURES`, is its table, or `short(dict) -> str` where it has one."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from machine import line, machine

SECTIONS = ("wire", "wire6", "waiting", "judging", "api", "cluster_command", "snapshot", "start")
FIGURES = Path(__file__).with_name("figures")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="How complete and how fast arpcheck is.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--runs", type=int, default=5, help="of each tool in each case; the medians are shown")
    parser.add_argument("--json", type=Path, help="a file for every figure")
    parser.add_argument("--readme", action="store_true", help="keep the tables for the page; then run scripts/docs")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.sections) - set(SECTIONS):
        parser.error(f"no section {min(unknown)}; there are {', '.join(SECTIONS)}")
    result: dict[str, Any] = {"takenAt": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    print(line(result["machine"]))  # noqa: T201
    for name in chosen.sections or SECTIONS:
        module = import_module(name)
        more = {"runs": chosen.runs} if "runs" in inspect.signature(module.measured).parameters else {}
        result[name] = module.measured(**more)
        print(f"\n{name}\n\n{module.table(result[name])}", flush=True)  # noqa: T201
        if chosen.readme:
            quoted = getattr(module, "short", module.table)(result[name]).rstrip()
            quoted = f"{quoted}\n\nOn {line(result['machine'])}.\n"
            (FIGURES / f"{name}.md").write_text(quoted)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
