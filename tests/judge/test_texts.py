"""verdicts: a rule's docstring read into its three parts, and a rule that lacks one is named."""

import pytest

from arpcheck.judge.verdicts import Text, text

WHOLE = """Means: nobody
    answers.

    Decided when:
    1. nobody answered
      in any round.
    2. and it was asked.

    Do:
    - Look - closely -
      at the wire.
    - Ask again."""


def test_the_three_parts_flow_into_lines():
    assert text("silent", WHOLE) == Text(
        name="silent",
        means="Nobody answers.",
        decided=("nobody answered in any round.", "and it was asked."),
        do=("Look - closely - at the wire.", "Ask again."),
    )


@pytest.mark.parametrize(
    "docstring",
    [None, "", "Means: nobody answers.", WHOLE.replace("Do:", "Then:")],
    ids=["none", "empty", "one part", "two parts"],
)
def test_a_rule_that_lacks_a_part_is_named(docstring):
    with pytest.raises(ValueError, match="the rule silent does not say what it means"):
        text("silent", docstring)
