"""Label selectors in objects: yes, no, or not known."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from arpcheck.loadbalancers.common import all_of, any_of, entries, fits

LABELS = {"tier": "public", "team": "shop"}


def term(operator: Any, key: Any = "tier", *values: Any) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param({}, True, id="an empty one fits everything"),
        pytest.param({"matchLabels": None, "matchExpressions": None}, True, id="nothing but nulls"),
        pytest.param({"matchLabels": {"tier": "public"}}, True, id="a label"),
        pytest.param({"matchLabels": {"tier": "internal"}}, False, id="another value"),
        pytest.param({"matchLabels": {"zone": "a"}}, False, id="another label"),
        pytest.param({"matchLabels": {"tier": "public", "team": "shop"}}, True, id="two labels"),
        pytest.param({"matchLabels": {"tier": "public", "team": "blog"}}, False, id="one of two labels"),
        pytest.param({"matchLabels": {"tier": "public"}, **term("DoesNotExist", "team")}, False, id="a label, and no term"),
        pytest.param({"matchLabels": {"tier": "x"}, **term("Exists")}, False, id="a term, and no label"),
        pytest.param(term("In", "tier", "internal", "public"), True, id="in"),
        pytest.param(term("In", "tier", "internal"), False, id="in others"),
        pytest.param(term("In", "zone", "a"), False, id="in, of a label that is missing"),
        pytest.param(term("NotIn", "tier", "internal"), True, id="not in"),
        pytest.param(term("NotIn", "tier", "public"), False, id="not in what it is"),
        pytest.param(term("NotIn", "zone", "a"), True, id="not in, of a label that is missing"),
        pytest.param(term("Exists"), True, id="exists"),
        pytest.param(term("Exists", "zone"), False, id="does not exist"),
        pytest.param(term("DoesNotExist", "zone"), True, id="must not exist"),
        pytest.param(term("DoesNotExist"), False, id="must not exist and does"),
        pytest.param(None, None, id="none"),
        pytest.param("tier=public", None, id="text"),
        pytest.param({"matchLabels": ["tier"]}, None, id="labels in a list"),
        pytest.param({"matchLabels": {"tier": 7}}, None, id="a value that no label has"),
        pytest.param({"matchLabels": {"tier": 7, "team": "blog"}}, False, id="beside one that is another"),
        pytest.param({"matchExpressions": 7}, None, id="terms that are none"),
        pytest.param({"matchExpressions": [7]}, None, id="a term that is none"),
        pytest.param(term("Like", "tier", "public"), None, id="an operator of the future"),
        pytest.param(term("NotIn", None, "public"), None, id="a term without a key"),
        pytest.param(term("DoesNotExist", ""), None, id="an empty key"),
    ],
)
def test_fits(selector: Any, expected: bool | None) -> None:
    assert fits(selector, LABELS) is expected


@pytest.mark.parametrize(
    ("answers", "one", "every"),
    [
        pytest.param((), False, True, id="none"),
        pytest.param((True,), True, True, id="yes"),
        pytest.param((False,), False, False, id="no"),
        pytest.param((None,), None, None, id="not known"),
        pytest.param((True, False), True, False, id="yes and no"),
        pytest.param((True, None), True, None, id="yes and not known"),
        pytest.param((False, None), None, False, id="no and not known"),
        pytest.param((True, False, None), True, False, id="each"),
    ],
)
def test_three_answers(answers: tuple[bool | None, ...], one: bool | None, every: bool | None) -> None:
    for order in permutations(answers):
        assert any_of(order) is one
        assert all_of(order) is every


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([1, None], (1, None), id="a list"),
        pytest.param([], (), id="an empty one"),
        pytest.param(None, (), id="null"),
        pytest.param(0, None, id="a number"),
        pytest.param("text", None, id="text"),
    ],
)
def test_entries(value: Any, expected: tuple[Any, ...] | None) -> None:
    assert entries({"spec": {"some": value}}, "spec", "some") == expected
    assert entries({"spec": {}}, "spec", "some") == ()
