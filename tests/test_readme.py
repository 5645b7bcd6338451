"""The README says what the code does: what is made from it is as the code would make it now, and what it names exists."""

import re
from pathlib import Path

import pytest
from readme import BLOCKS, README, made

TEXT = README.read_text()
CODE = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))


def test_the_made_parts_are_as_the_code_makes_them():
    assert made(TEXT) == TEXT, "run `scripts/readme`"
    assert {name for name in BLOCKS if f"<!-- made: {name} -->" not in TEXT} == set()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"\bscripts/([a-z-]+)", TEXT))))
def test_every_script_it_names_is_there(script):
    assert (Path(README).parent / "scripts" / script).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"(?:^|[|] |sudo )arpcheck ([a-z-]+(?: [a-z]+)?)", CODE, re.MULTILINE))))
def test_every_command_it_names_is_there(command):
    from typer.main import get_command

    from arpcheck.cli import app

    found = get_command(app)
    for word in command.split():
        if not hasattr(found, "commands"):
            break
        found = found.commands[word]


def test_what_it_shows_of_an_acceptance_file_is_one(tmp_path):
    from arpcheck.commands.acceptances import read_acceptances

    [shown] = [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "until" in block]
    (tmp_path / "accept.yaml").write_text(shown)
    assert [entry.until.year >= 2026 for entry in read_acceptances(str(tmp_path / "accept.yaml"))] == [True, True]
