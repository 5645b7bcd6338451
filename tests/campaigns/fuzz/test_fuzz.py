"""A short run of every fuzzing target, and every input that once broke one. scripts/fuzz is the long one."""

import random

import pytest
from fuzz_seeds import FOUND, seeds
from fuzz_targets import TARGETS, tried
from fuzzing import changed

TIMES = 150


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_give_a_value_or_a_named_error(name):
    dice = random.Random(name)  # noqa: S311 - a draw, not a secret
    for seed in seeds(name):
        tried(name, seed)
    for _ in range(TIMES if name not in ("evidence", "fields") else TIMES // 3):
        data = changed(dice, seeds(name))
        try:
            tried(name, data)
        except Exception as error:
            raise AssertionError(f"{name} with {data!r}") from error


@pytest.mark.parametrize("path", sorted(FOUND.glob("[!.]*")), ids=lambda path: path.name)
def test_what_once_broke_it_breaks_it_no_more(path):
    tried(path.name.partition(".")[0], path.read_bytes())
