"""The lab's IPv6 on the kernel: every kind of responder answers as it was measured, form by form."""

import pytest
from discovery_rows import ROWS, SCENE, answers, forms
from lab_solicitations import put

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("name", ROWS)
def test_each_form_is_answered_as_measured(name):
    target, number, expected, left_out = ROWS[name]
    asked = {form: frame for form, frame in forms(target, number).items() if form not in left_out}
    seen, _ = put(SCENE, list(asked.values()), wait=1.1 if name == "proxy" else 0.1)
    assert answers(asked, target, number, [(one.number, one.message) for one in seen]) == expected
