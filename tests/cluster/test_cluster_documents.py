"""JSON and YAML as plain values: strict, bounded, and with the line of every fault."""

import json

import pytest

from arpcheck.cluster.parse import MalformedError, json_value, parse


def values(text):
    return [document.value for document in parse(text if isinstance(text, bytes) else text.encode())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param('{"a": 1}', [{"a": 1}], id="JSON"),
        pytest.param('{"a": 1}{"b": 2}\n\n{"c": 3}', [{"a": 1}, {"b": 2}, {"c": 3}], id="JSON in a row"),
        pytest.param('[{"a": 1.5e3}]', [[{"a": 1500.0}]], id="a JSON list"),
        pytest.param("\ufeff{}", [{}], id="byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), [{"a": 1}], id="UTF-16, as PowerShell redirects"),
        pytest.param('{"a": "\\ud800x", "\\udc00": ["\\ud83d\\ude00"]}', [{"a": "\ufffdx", "\ufffd": ["\U0001f600"]}], id="lone surrogates"),
        pytest.param("a: 1\nb: [x, 'y']\n", [{"a": 1, "b": ["x", "y"]}], id="YAML"),
        pytest.param("a: 1\n---\nb: 2\n---\n", [{"a": 1}, {"b": 2}], id="YAML documents"),
        pytest.param("- {a: {}}\n- []\n", [[{"a": {}}, []]], id="a YAML list"),
        pytest.param("t: 2026-01-01T00:00:00Z\nd: 2026-01-01\n", [{"t": "2026-01-01T00:00:00Z", "d": "2026-01-01"}], id="times are text"),
        pytest.param("m: 10:20:30:40:50:55\no: 017\nx: 0x1F\n", [{"m": "10:20:30:40:50:55", "o": 17, "x": 31}], id="a MAC is no number"),
        pytest.param("a: yes\nb: true\nc: ~\nd:\ne: 'true'\n", [{"a": "yes", "b": True, "c": None, "d": None, "e": "true"}], id="words"),
        pytest.param("a: .inf\nb: .nan\nc: 1e999\nd: 1.5\n", [{"a": ".inf", "b": ".nan", "c": "1e999", "d": 1.5}], id="finite numbers"),
        pytest.param(f"a: {'9' * 5000}\n", [{"a": "9" * 5000}], id="a number too long to convert"),
        pytest.param("1: a\ntrue: b\n", [{"1": "a", "true": "b"}], id="keys are text"),
        pytest.param("a: !!binary aGk=\nb: !x y\n", [{"a": "aGk=", "b": "y"}], id="tags are not followed"),
        pytest.param("!!python/object/apply:os.system [id]\n", [["id"]], id="no object is ever made"),
        pytest.param("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n", [{"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}], id="aliases"),
        pytest.param("text", ["text"], id="a word is a document"),
    ],
)  # fmt: skip
def test_documents(text, found):
    assert values(text) == found
    json.dumps(found, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        pytest.param("", "empty", 1, id="empty"),
        pytest.param(" \n\n", "empty", 1, id="blank"),
        pytest.param("\n\n<html>", "this is HTML or XML, not JSON or YAML", 3, id="HTML"),
        pytest.param('{"a": 1,\n"b": }', "not JSON, from column 6 on", 2, id="broken JSON"),
        pytest.param('{"a": 1}\n{"b": ', "not JSON, from column 7 on", 2, id="cut off in the second document"),
        pytest.param('{"a": NaN}', "not JSON (NaN and Infinity are not JSON)", 1, id="NaN"),
        pytest.param('{}\n{"a": 1e999}', "not JSON (a number that is too large)", 2, id="infinite"),
        pytest.param('{"a": ' + "9" * 5000 + "}", "not JSON (a number with too many digits)", 1, id="digits"),
        pytest.param("[" * 100_000, "nested too deeply", 1, id="deep JSON"),
        pytest.param("a: " + "[" * 100_000, "nested too deeply", 1, id="deep YAML, which ends PyYAML's own loader"),
        pytest.param("a: 1\nb: [\n", "not YAML", 3, id="broken YAML"),
        pytest.param("a: *x\n", "an alias without an anchor", 1, id="unknown alias"),
        pytest.param("a: &x [*x]\n", "an alias without an anchor", 1, id="an alias within its anchor"),
        pytest.param("a: 1\n? [b]\n: c\n", "a key that is not a string", 2, id="a list as key"),
        pytest.param(b"a\n\xff\xff: 1", "not UTF-8 text", 2, id="not UTF-8"),
        pytest.param("a: \x01", "not YAML (an invalid character)", 1, id="control character"),
    ],
)
def test_faults_say_what_and_where(text, what, line):
    with pytest.raises(MalformedError) as fault:
        values(text)
    assert (str(fault.value), fault.value.line) == (what, line)


def test_aliases_can_not_multiply_without_bounds():
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(MalformedError, match="too many values"):
        values("a0: &a0 [x]\n" + "\n".join(rows))


def test_an_answer():
    assert json_value(b' {"a": [1]}\n') == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "found", "made"),
    [
        pytest.param('{"kind": "L", "items": [1, {"items": [2]}], "z": 3}', {"kind": "L", "items": [0, 1], "z": 3}, [1, {"items": [2]}], id="a list"),
        pytest.param(' { "items" : [ ] , "z" : { } } ', {"items": [], "z": {}}, [], id="an empty list, and blanks"),
        pytest.param('{"items":null}', {"items": None}, [], id="null, as Go writes an empty slice"),
        pytest.param('{"items": {"a": 1}}', {"items": {"a": 1}}, [], id="a mapping"),
        pytest.param("{}", {}, [], id="nothing"),
        pytest.param("[1]", [1], [], id="no object"),
        pytest.param('{"items": ["\\ud800"], "\\ud800": 1}', {"items": [0], "\ufffd": 1}, ["\ufffd"], id="lone surrogates"),
    ],
)  # fmt: skip
def test_every_entry_of_an_answer_is_handed_over_when_it_is_read(body, found, made):
    seen = []

    def number(entry):
        seen.append(entry)
        return len(seen) - 1

    assert json_value(body.encode(), number) == found
    assert seen == made


BROKEN = (
    *(
        '{"items": [1',
        '{"items": [1,]}',
        '{"items": [1}',
        '{"items": [1 2]}',
        '{"items": [,]}',
        '{"items": [1]',
        '{"items": [1],}',
    ),
    *('{"items" [1]}', "{1: 2}", '{"a": 1 "b": 2}', '{"items": [1]} {}', '{"items": [NaN]}', "{,}", '{"items": [1]]}', "{"),
)


@pytest.mark.parametrize("body", BROKEN)
def test_an_answer_that_breaks_off_or_is_malformed_is_none(body):
    for each in (None, str):
        with pytest.raises(MalformedError):
            json_value(body.encode(), each)


@pytest.mark.parametrize("body", [b"", b"  ", b"{}{}", b"{}x", b"<html>", b"a: 1"])
def test_an_answer_is_one_json_document(body):
    for each in (None, str):
        with pytest.raises(MalformedError):
            json_value(body, each)
