"""A snapshot on a terminal: nothing in it moves the cursor or turns text around, and it reads back as it was."""

import json
from unicodedata import category

import pytest

from arpcheck.cluster import snapshot
from arpcheck.objects import Objects

NAMES = [
    pytest.param("a\u202eb", id="right to left"),
    pytest.param("a\u2066b\u2069", id="isolate"),
    pytest.param("a\x9b31mb", id="C1, which begins a sequence"),
    pytest.param("a\x7fb", id="delete"),
    pytest.param("a\x1b[2Jb", id="escape"),
    pytest.param("a\u2028b", id="line separator"),
    pytest.param("a\u200bb\ufeff", id="nothing"),
    pytest.param("a\u05d0b", id="a letter that turns its neighbours around"),
    pytest.param("a\u0301", id="combining"),
    pytest.param("\U000e0041", id="tag beyond the first plane"),
    pytest.param('quote " and \\ and \\u0041', id="what JSON escapes itself"),
    pytest.param("Straße 東京 \N{GRINNING FACE}", id="what is drawn"),
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_that_a_terminal_would_not_just_draw(name):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {name: name}}}
    written = snapshot(Objects(resources={"services": (service,)}, gaps=(), context=name))
    assert json.loads(written)["items"] == [service]
    assert json.loads(written)["arpcheck"]["context"] == name
    assert {category(char)[0] for char in written if char != "\n"} <= set("LNPSZ")
    assert not set(written) & set("\u202e\u2066\u2069\u2028\u05d0\u0301\x7f\x9b\x1b")


def test_what_is_drawn_stays_as_it_is():
    assert "Straße 東京" in snapshot(Objects(resources={}, gaps=(), context="Straße 東京"))
