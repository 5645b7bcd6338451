"""`arpcheck compare` as a user meets it."""

import json
from pathlib import Path

import pytest
from forked import arpcheck


def test_a_run_with_itself(saved, tmp_path):
    done = arpcheck("compare", saved, saved, "--output", tmp_path / "c.json", "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["summary"]) == (
        0,
        {"exitCode": 0, "changes": {"same": 6}, "obstacle": None, "doubts": []},
    )
    assert (tmp_path / "c.json").read_text() == done.stdout


def test_the_name_of_the_file_says_its_format(saved, tmp_path):
    for name, begin in (("c.json", "{"), ("c.md", "**arpcheck: "), ("c.html", "<!DOCTYPE html>"), ("c.txt", "NOTHING NEW")):
        assert arpcheck("compare", saved, saved, "--output", tmp_path / name).stdout.startswith("NOTHING NEW")
        assert (tmp_path / name).read_text().startswith(begin)


def test_exit_codes(saved):
    deaf = json.loads(Path(saved).read_text())["evidence"] | {"replies": []}
    worse = arpcheck("compare", "-", saved, "--no-headers", stdin=json.dumps(deaf))
    assert (worse.returncode, worse.stdout.splitlines()[0]) == (1, "WORSE (exit code 1): 1 new, 5 worse")
    unknown = arpcheck("compare", saved, "-", stdin=json.dumps(deaf))
    assert unknown.returncode == 3
    assert arpcheck("compare", saved, "-", "--exit-zero", stdin=json.dumps(deaf)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["-", "-"], "both reports would be read from stdin", id="stdin twice"),
        pytest.param(["a", "/nowhere"], "a: No such file", id="no file"),
        pytest.param(["a", "b", "-o", "junit"], "unknown format of compare", id="format"),
        pytest.param(["a"], "AFTER is missing", id="one file"),
    ],
)
def test_refused_in_one_line(arguments, words):
    done = arpcheck("compare", *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr
