"""The JSON report, its schema and the table of its keys say the same.

`python tests/reports/test_report_contract.py` writes the schema anew, to be read in the diff before it is committed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from importlib.resources import files

import pytest
from report_samples import CLEAN, SAMPLES

from arpcheck.model import (
    Also,
    AlsoId,
    Arp,
    CauseId,
    Certainty,
    Kind,
    Outcome,
    Reason,
    ReasonId,
    Responder,
    Severity,
    Skip,
    Trust,
    Verdict,
)
from arpcheck.reports import render
from arpcheck.reports.contract import TEXT, choice, key, many, optional, structure, table
from arpcheck.reports.document import keys, schema_text

FILE = files("arpcheck.reports").joinpath("report.schema.json")
FREE = ("evidence", "summary.verdicts", "run.ignored")
"""Objects whose keys are not the contract's."""


def test_the_schema_in_the_package_is_that_of_the_document() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text()


def test_every_key_is_described_once_and_in_a_sentence() -> None:
    rows = list(keys())
    assert len({row.path for row in rows}) == len(rows) > 100
    assert [row.path for row in rows if not row.type or not row.description.endswith(".")] == []


def test_the_samples_have_every_key_of_the_table_and_no_other() -> None:
    why = Reason(id=ReasonId.UNEXPLAINED, subject="x", evidence="y", certainty=Certainty.LIKELY, nodes=("n",))
    hidden = replace(CLEAN.targets[0], also=(Also(id=AlsoId.NOBODY_ELSE, text="nobody else"),), reasons=(why,))
    reports = (*SAMPLES.values(), replace(CLEAN, targets=(hidden,)))
    found = {path for report in reports for path in _paths(json.loads(render(report, "json")))}
    assert found == {row.path for row in keys()}


def _paths(value: object, above: str = "") -> Iterator[str]:
    match value:
        case Mapping():
            for name, entry in value.items():
                path = f"{above}{name}"
                yield f"{path}[]" if isinstance(entry, list) else path
                if path not in FREE:
                    yield from _paths(entry, f"{path}.")
        case list():
            for entry in value:
                yield from _paths(entry, f"{above.removesuffix('.')}[].")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("targets[].kind", Kind), ("targets[].skips", Skip), ("targets[].verdict", Verdict), ("targets[].outcome", Outcome),
        ("targets[].announcers[].trust", Trust), ("targets[].also[].id", AlsoId), ("nodes[].arp", Arp),
        ("findings[].severity", Severity), ("causes[].id", CauseId),
    ],
)  # fmt: skip
def test_the_values_of_an_enumeration_are_those_of_the_code(path: str, kind: type[StrEnum]) -> None:
    [row] = [row for row in keys() if row.path == path]
    assert row.type.split("`")[1::2] == [member.value for member in kind]


def test_a_responder_has_the_keys_as_its_fields_in_their_order() -> None:
    """It is written as the tuple that it is."""
    path = "targets[].responders[]."
    written = [row.path.removeprefix(path).removesuffix("[]") for row in keys() if row.path.startswith(path)]
    assert [re.sub("[A-Z]+", lambda found: f"_{found[0].lower()}", name) for name in written] == [*Responder._fields]


def test_a_list_may_be_null_and_is_found_by_its_path() -> None:
    inner = structure("inner", key("arpIgnore", TEXT, "A."), key("kind", choice(Severity), "B."))
    outer = structure("outer", key("many", many(inner), "C."), key("one", optional(inner), "D."))
    paths = ["many[]", "many[].arpIgnore", "many[].kind", "one", "one.arpIgnore", "one.kind"]
    assert [row.path for row in table(outer)] == paths
    assert set(outer.definitions) == {"inner", "outer"}
    assert optional(many(TEXT)).schema == {"type": ["array", "null"], "items": {"type": "string"}}


if __name__ == "__main__":
    with open(str(FILE), "w", encoding="utf-8") as file:
        file.write(schema_text())
