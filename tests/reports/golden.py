"""Writes the files in `expected` anew, one for each sample and format: `scripts/golden`. What changes is then seen in `git diff`."""

import sys
from pathlib import Path

from report_samples import SAMPLES
from terminals import TERMINALS, terminal
from test_report_formats import EXPECTED, STYLE, comparable

from arpcheck.reports import FORMATS, render


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for sample, report in SAMPLES.items():
        for name in FORMATS:
            (folder / f"{sample}.{name}").write_text(comparable(render(report, name, STYLE), name), encoding="utf-8")
    for addresses, width in TERMINALS:
        (folder / f"{addresses}-on-{width}.ansi").write_text(terminal(addresses, width), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else EXPECTED)
