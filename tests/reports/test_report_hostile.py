"""Every text field of a report filled with what should break it; each format stays whole."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from report_samples import NON_STRICT, PARTIAL, PREFLIGHT
from test_report_formats import contract, schema

from arpcheck.model import Mac, Report, Responder
from arpcheck.reports import FORMATS, Style, render

HOSTILE = [
    pytest.param("\x1b[2J\x1b]0;title\x07\x9b31m", id="terminal escapes"),
    pytest.param("\n\n# Heading\r\n- item\n| a | b |\n```", id="markdown blocks"),
    pytest.param("**b** `c` ``d [x](http://e.example) ![](//f) @here #1 | | <details></details>", id="markdown inline"),
    pytest.param("</script><script>alert(1)</script><img src=x onerror=alert(1)><!-- ]]>", id="html"),
    pytest.param("' onmouseover='x\" autofocus onfocus=\"y", id="html attributes"),
    pytest.param("\u202eright to left\u2066\u200f א ب", id="right to left"),
    pytest.param("x" * 10_000, id="ten thousand characters"),
    pytest.param("\u202e<|`" * 2_500, id="ten thousand of the worst"),
    pytest.param("\x00\ud800\ufffe\U000e0041\u2028", id="no text at all"),
    pytest.param("key: [a, {b: c}] # & *x !!python/object:os.system", id="yaml"),
    pytest.param('","kind":"x', id="json"),
    pytest.param('metric{a="b"} 1\n# TYPE x\\', id="prometheus"),
    pytest.param("", id="empty"),
]


def filled(value: Any, text: str) -> Any:
    """`value` with every text in it replaced; typed values (an address, a MAC, a verdict) can't hold one."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: filled(getattr(value, f.name), text) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **changes)
    match value:
        case Mac() | Enum():
            return value
        case str():
            return text
        case Responder():
            return Responder(*(filled(entry, text) for entry in value))
        case tuple() | list():
            return tuple(filled(entry, text) for entry in value)
        case Mapping():
            return {k if isinstance(k, Enum) else text: filled(v, text) for k, v in value.items()}
        case _:
            return value


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield key
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


@pytest.fixture(
    params=[
        pytest.param(NON_STRICT, id="non-strict"), pytest.param(PARTIAL, id="partial"), pytest.param(PREFLIGHT, id="preflight"),
    ]
)  # fmt: skip
def sample(request: pytest.FixtureRequest) -> Report:
    found: Report = request.param
    return found


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # where it is there, a tenth of the time

every = pytest.mark.parametrize("text", HOSTILE)


def test_the_filler_reaches_every_text(sample: Report) -> None:
    written = json.loads(render(filled(sample, "HOSTILE"), "json"))
    typed = re.compile(r"HOSTILE|(\d+\.){3}\d+|[0-9a-f:]+|\d{4}-.*Z")
    names = schema_words()
    assert {text for text in texts(written) if not typed.fullmatch(text)} <= names


def schema_words() -> set[str]:
    """Every word that the schema itself names: keys and the values of its enumerations."""
    return set(re.findall(r'"([^"]*)"', json.dumps(schema())))


@every
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_printable_lines_of_bounded_length(sample: Report, name: str, text: str) -> None:
    written = render(filled(sample, text), name, Style(width=100))
    written.encode()
    assert all(line.isprintable() for line in written.split("\n"))
    assert not re.search("[\u0590-\u08ff\u200b-\u200f\u2028-\u202e\u2066-\u2069]", written)
    if name == "table":
        assert max(map(len, written.split("\n"))) <= 100


@every
def test_json_and_yaml_keep_every_text_as_it_is(sample: Report, text: str) -> None:
    report = filled(sample, text)
    written = render(report, "json")
    document = json.loads(written)
    assert written.isascii()
    contract().validate(document)
    assert document["nodes"][0]["name"] == text
    if "\ud800" not in text:
        assert yaml.load(render(report, "yaml"), Loader=LOADER) == document  # noqa: S506 - a safe one


@every
def test_name_is_one_service_a_line(sample: Report, text: str) -> None:
    for line in render(filled(sample, text), "name").splitlines():
        assert re.fullmatch(r"service/.*|[\d.]+", line)


@every
def test_a_table_has_the_lines_it_has_without(sample: Report, text: str) -> None:
    wide = render(filled(sample, text), "wide").splitlines()
    for target in sample.targets:
        rows = [line for line in wide if line.startswith(f"{target.target.ip}  ")]
        assert len(rows) == max(len(target.responders), 1) or target.target.ip is None


@pytest.mark.parametrize("text", HOSTILE[:-1])  # an empty sentence has no paragraph
def test_markdown_has_the_structure_it_has_without(sample: Report, text: str) -> None:
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    hostile, tame = (render(filled(sample, value), "markdown") for value in (text, "tame"))
    assert len(hostile) <= 60_000
    shapes = [[(t.type, t.tag) for t in parser.parse(written)] for written in (hostile, tame)]
    assert shapes[0] == shapes[1] or "left out for size" in hostile
    for token in parser.parse(hostile):
        for child in token.children or ():
            assert child.type in ("text", "text_special", "code_inline", "html_inline", "strong_open", "strong_close")
            assert child.type != "html_inline" or child.content in ("<code>", "</code>")
        assert token.type != "html_block" or not re.sub(r"</?(details|summary)>", "", token.content).count("<")
