"""`--only` and `--faults` hide rows from people and change nothing else."""

from __future__ import annotations

import json
import re

import pytest
from report_crowds import crowd

from arpcheck.commands.options import rows_shown
from arpcheck.errors import UsageError
from arpcheck.model import Outcome, Verdict
from arpcheck.reports import Shown, Style, render
from arpcheck.reports.formatting import extracted

REPORT = crowd(45, 6, 2)
HERE = {verdict for target in REPORT.targets if (verdict := target.verdict)}
FOREIGN = Style(width=100, shown=rows_shown(["foreign"], faults=False))
FAULTS = Style(width=100, shown=rows_shown(None, faults=True))
PEOPLE = ("table", "wide", "matrix", "markdown", "html")


def test_the_report_has_more_than_one_verdict() -> None:
    assert {Verdict.FOREIGN, Verdict.NON_STRICT, Verdict.SILENT, Verdict.OK} == HERE


@pytest.mark.parametrize("name", ["table", "wide", "matrix", "markdown", "html"])
def test_only_what_was_asked_for_has_a_row(name: str) -> None:
    fine = {str(t.target.ip) for t in REPORT.targets if t.verdict is Verdict.OK}
    wrong = {str(t.target.ip) for t in REPORT.targets if t.verdict is Verdict.FOREIGN}
    for style, hidden in ((FOREIGN, True), (Style(), False)):
        page = re.sub("<style>.*</style>|<script.*</script>", "", render(REPORT, name, style), flags=re.DOTALL)
        found = {*re.findall(r"\b10\.0\.1\.\d+\b", page)}
        assert found >= wrong
        assert found.isdisjoint(fine) is hidden


@pytest.mark.parametrize("name", PEOPLE)
def test_the_first_line_says_how_many_are_hidden(name: str) -> None:
    fine = sum(target.verdict is Verdict.OK for target in REPORT.targets)
    text = re.sub(r"[`\s]+", " ", render(REPORT, name, FAULTS))
    assert f"{fine} of 45 addresses hidden by --faults" in text
    assert "hidden by" not in render(REPORT, name, Style(width=100))


@pytest.mark.parametrize("name", ["json", "yaml", "junit", "prometheus", "name"])
def test_what_a_program_reads_is_the_same(name: str) -> None:
    assert render(REPORT, name, FOREIGN) == render(REPORT, name, Style(width=100))


def test_the_page_carries_the_whole_report() -> None:
    data = json.loads(str(extracted(render(REPORT, "html", FOREIGN))))
    assert data == json.loads(render(REPORT, "json"))


@pytest.mark.parametrize(
    ("only", "faults", "found", "options"),
    [
        pytest.param(
            ["foreign", "silent"], False, {Verdict.FOREIGN, Verdict.SILENT}, "--only foreign,silent", id="repeated"
        ),
        pytest.param(["foreign, OK"], False, {Verdict.FOREIGN, Verdict.OK}, "--only foreign,ok", id="with a comma"),
        pytest.param(
            None, True, {v for v in Verdict if v.outcome in (Outcome.FAULT, Outcome.UNSURE)}, "--faults", id="faults"
        ),
    ],
)
def test_what_the_options_choose(only: list[str] | None, faults: bool, found: set[Verdict], options: str) -> None:
    assert rows_shown(only, faults) == Shown(verdicts=frozenset(found), options=options)


def test_together_they_add_up_and_without_them_all_is_shown() -> None:
    both = rows_shown(["ok"], faults=True)
    assert both is not None
    assert both.verdicts >= {Verdict.OK, Verdict.SILENT, Verdict.MOVED}
    assert Verdict.NOT_PROBED not in both.verdicts
    assert rows_shown(None, faults=False) is None


@pytest.mark.parametrize(("name", "hint"), [("foriegn", "Did you mean foreign?"), ("", "One of "), ("exit", "One of ")])
def test_another_word_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is not a verdict") as raised:
        rows_shown([name], faults=False)
    assert str(raised.value.hint).startswith(hint)
