"""Every format of every sample, letter by letter, and what holds for all formats.

The expected texts are in `expected/`; `scripts/golden` writes them anew, to be read in the
diff before they are committed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from report_crowds import crowd
from report_samples import CLEAN, NON_STRICT, SAMPLES

from arpcheck.errors import OutputError, UsageError
from arpcheck.reports import FORMATS, Style, render
from arpcheck.reports.formatting import extracted

EXPECTED = Path(__file__).parent / "expected"
STYLE = Style(width=100)
EVERY = [pytest.param(name, sample, id=f"{sample}-{name}") for sample in SAMPLES for name in FORMATS]


@cache
def schema() -> object:
    return json.loads(files("arpcheck.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))


@cache
def contract() -> jsonschema.Draft202012Validator:
    """That the schema is one is looked at once, by a test of its own."""
    return jsonschema.Draft202012Validator(schema())


def comparable(text: str, name: str) -> str:
    """The page without its style sheet and its copy of the JSON, which have tests of their own."""
    if name != "html":
        return text
    text = re.sub("<style>.*</style>", "<style>page.css</style>", text, flags=re.DOTALL)
    return text.replace(str(extracted(text)), "report.json")


@pytest.mark.parametrize(("name", "sample"), EVERY)
def test_the_full_text(name: str, sample: str) -> None:
    text = comparable(render(SAMPLES[sample], name, STYLE), name)
    assert text == (EXPECTED / f"{sample}.{name}").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "sample"), EVERY)
def test_same_report_same_bytes_and_a_newline_at_the_end(name: str, sample: str) -> None:
    text = render(SAMPLES[sample], name, STYLE)
    assert text == render(SAMPLES[sample], name, STYLE)
    assert text.endswith("\n") or (name, text) == ("name", "")
    assert not re.search(r"[^\n\x20-\uffff]| \n", comparable(text, name))


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_of_a_mapping_changes_nothing(name: str) -> None:
    turned = replace(
        NON_STRICT,
        summary=replace(NON_STRICT.summary, verdicts=dict(reversed(NON_STRICT.summary.verdicts.items()))),
        run=replace(NON_STRICT.run, ignored={"b": 1, "a": 2}),
    )
    straight = replace(NON_STRICT, run=replace(NON_STRICT.run, ignored={"a": 2, "b": 1}))
    assert render(turned, name, STYLE) == render(straight, name, STYLE)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_a_module_of_its_name(name: str) -> None:
    module = "table" if name == "wide" else name
    assert callable(import_module(f"arpcheck.reports.{module}").render)


@pytest.mark.parametrize("name", ["", "xml", "escape", "../json", "words"])
def test_an_unknown_format_is_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="unknown output format"):
        render(CLEAN, name, STYLE)


def test_knowing_the_formats_imports_none_of_them() -> None:
    code = "import sys, arpcheck.reports; print(sorted({'tabulate', 'yaml', 'json', 'html'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_name_says_each_service_once_whatever_the_number_of_its_addresses() -> None:
    first, second = NON_STRICT.targets[:2]
    both = replace(second, target=replace(second.target, services=("db/postgres", "web/nginx")))
    assert render(replace(NON_STRICT, targets=(first, both)), "name") == "service/web/nginx\nservice/db/postgres\n"


def test_name_of_an_address_without_a_service_is_the_address() -> None:
    first = NON_STRICT.targets[0]
    alone = replace(first, target=replace(first.target, services=()))
    assert render(replace(NON_STRICT, targets=(alone,)), "name") == "10.0.0.50\n"


def test_what_is_accepted_is_shown_everywhere_and_named_nowhere() -> None:
    for name in ("table", "wide", "matrix", "markdown", "html"):
        assert "non-strict (accepted)" in render(SAMPLES["accepted"], name)
    assert render(SAMPLES["accepted"], "name") == "service/db/postgres\n"


# ---------------------------------------------------------------------------------------------------------------- json


@pytest.mark.parametrize("sample", SAMPLES)
def test_json_keeps_the_schema(sample: str) -> None:
    contract().validate(json.loads(render(SAMPLES[sample], "json")))


def test_the_schema_is_a_schema_and_closes_every_part_of_ours() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    parts = [schema(), *schema()["$defs"].values()]  # type: ignore[index]
    described = [part for part in parts if "properties" in part]
    assert len(described) > 10
    for part in described:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


@pytest.mark.parametrize("sample", SAMPLES)
def test_yaml_says_what_json_says(sample: str) -> None:
    assert yaml.safe_load(render(SAMPLES[sample], "yaml")) == json.loads(render(SAMPLES[sample], "json"))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(float("nan"), None, id="nan is not observed"),
        pytest.param([1.5, float("inf"), "x"], [1.5, None, "x"], id="infinity in a row"),
        pytest.param(10**5000, hex(10**5000), id="a number that Python does not write"),
        pytest.param({1: {True: None}}, {"1": {"True": None}}, id="keys that are no text"),
        pytest.param([{}, [], ()], [{}, [], []], id="nothing inside"),
        pytest.param(CLEAN.run.started_at, "2026-03-01 02:59:58+00:00", id="a date from a YAML file"),
        pytest.param("\U0001f600\x00\x7f\x85\u2028", "\U0001f600\x00\x7f\x85\u2028", id="what no line should hold"),
        pytest.param(["x" * 5000, ["y" * 5000]], ["x" * 5000, ["y" * 5000]], id="long"),
    ],
)
def test_whatever_the_evidence_holds_is_written(value: object, read: object) -> None:
    for name, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        assert load(render(replace(CLEAN, evidence={"x": value}), name))["evidence"] == {"x": read}


def test_a_lone_surrogate_is_kept_by_json_and_replaced_in_yaml_which_has_none() -> None:
    hostile = replace(CLEAN, evidence={"\ud800": "a\udc00"})
    assert json.loads(render(hostile, "json"))["evidence"] == {"\ud800": "a\udc00"}
    assert yaml.safe_load(render(hostile, "yaml"))["evidence"] == {"\ufffd": "a\ufffd"}


def test_evidence_that_is_too_deep_is_an_error_with_a_name() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(OutputError, match="too deeply"):
        render(replace(CLEAN, evidence={"x": deep}), "json")


def test_a_row_of_evidence_is_a_line() -> None:
    mac = "02:00:00:00:01:03"
    rows = [[float(i), "eth0", 1, "10.0.0.50", "10.0.0.5", None, mac, mac, 0.2] for i in range(999)]
    for name in ("json", "yaml"):
        none, all_of_them = (render(replace(CLEAN, evidence={"replies": rs}), name).count("\n") for rs in ([], rows))
        assert all_of_them - none in (999, 1000)


# --------------------------------------------------------------------------------------------------------- the terminal


@pytest.mark.parametrize("name", ["table", "wide", "matrix"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_colour_adds_colour_and_nothing_else(name: str, sample: str) -> None:
    coloured = render(SAMPLES[sample], name, replace(STYLE, colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(SAMPLES[sample], name, STYLE)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits_the_terminal(sample: str, width: int) -> None:
    lines = render(SAMPLES[sample], "table", Style(width=width)).splitlines()
    assert max(map(len, lines)) <= width


def test_a_cut_cell_ends_with_an_ellipsis_and_only_in_a_narrow_terminal() -> None:
    assert "…" in render(crowd(5, 3, 1), "table", Style(width=80))
    assert "…" not in render(crowd(5, 3, 1), "table", Style(width=None))


@pytest.mark.parametrize(("name", "title"), [("table", "REPLIES FROM"), ("wide", "FIRST MS"), ("table", "KUBE-PROXY")])
def test_no_headers_takes_the_column_titles_away(name: str, title: str) -> None:
    with_titles, without = (render(NON_STRICT, name, Style(headers=headers)) for headers in (True, False))
    assert title in with_titles
    assert title not in without
    assert "10.0.0.50  web/nginx" in without


@pytest.mark.parametrize("name", ["wide", "markdown", "html"])
def test_a_question_to_one_mac_alone_is_no_round_of_all(name: str) -> None:
    """The canary is asked once more by unicast, which is a round of its own in the evidence."""
    targets = tuple(
        replace(t, responders=tuple(r._replace(rounds=(*r.rounds, 4)) for r in t.responders)) for t in CLEAN.targets
    )
    text = comparable(render(replace(CLEAN, targets=targets), name), name)
    assert "4 of 3" not in text
    assert re.search("3 of 3 (rounds )?and unicast", text)


# ------------------------------------------------------------------------------------------------------------- markdown


def test_markdown_of_four_hundred_addresses_fits_a_comment_and_counts_what_is_left_out() -> None:
    many = tuple(replace(NON_STRICT.targets[0], reason=f"{'because ' * 30}{i}") for i in range(400))
    text = render(replace(NON_STRICT, targets=many), "markdown")
    assert len(text) <= 60_000
    shown = text.partition("### Addresses")[2].count("| **non-strict** |")
    assert f"…and {400 - shown} more addresses ({400 - shown} of them not ok), left out for size: `-o json` has all." in text
    assert text.rstrip().endswith("</details>")


@pytest.mark.parametrize(("addresses", "left"), [(500, "all ok"), (4096, r"[\d,]+ of them not ok")])
def test_markdown_leaves_out_what_is_in_order_before_what_is_not(addresses: int, left: str) -> None:
    """A crowd's faults are its first third and some of the rest."""
    report = crowd(addresses, 6, 1)
    text = render(report, "markdown")
    verdicts = re.findall(r"^\| 10\.0\.[^|]*\|[^|]*\| (\*\*)?[a-z-]+", text.partition("### Nodes")[0], re.MULTILINE)
    assert verdicts == sorted(verdicts, reverse=True), "what is wrong comes first"
    assert re.search(rf"…and [\d,]+ more addresses \({left}\), left out for size", text)
    assert (("silent" in text), ("| ok |" in text.partition("### Addresses")[2])) == (True, addresses == 500)


def test_markdown_names_the_nodes_without_strict_arp_first() -> None:
    turned = replace(NON_STRICT, nodes=tuple(reversed(NON_STRICT.nodes)))
    [first, *_] = re.findall(r"^\| (worker-\d) \|", render(turned, "markdown").partition("### Nodes")[2], re.MULTILINE)
    assert first in NON_STRICT.summary.non_strict_nodes
