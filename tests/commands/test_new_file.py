"""new_file and frames: whole or not at all."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arpcheck.commands.output import new_file
from arpcheck.commands.probe import recording
from arpcheck.errors import OutputError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_takes_its_place_when_all_is_in_it(tmp_path):
    with new_file(tmp_path / "a", 0o600) as file:
        file.write(b"x")
        assert (tmp_path / "a").exists() is False
    assert (tmp_path / "a").read_bytes() == b"x"
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o600
    assert left(tmp_path) == ["a"]


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a").write_text("good")
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "a") as file:
        file.write(b"half" * (1 // 0))
    assert (tmp_path / "a").read_text() == "good"
    assert left(tmp_path) == ["a"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match=f"can't write {tmp_path}/no/a: No such file"), new_file(tmp_path / "no" / "a"):
        pass


def test_a_recording_that_is_not_finished_is_gone(tmp_path):
    with recording(str(tmp_path / "f.pcap")) as frames:
        frames(NOW, bytes(42))
    assert left(tmp_path) == []


def test_a_finished_recording_is_in_its_place_and_a_link_is_replaced(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "f.pcap").symlink_to(tmp_path / "victim")
    with recording(str(tmp_path / "f.pcap")) as frames:
        frames(NOW, bytes(42))
        assert frames.finish() is None
    assert (tmp_path / "victim").read_text() == "precious"
    assert len((tmp_path / "f.pcap").read_bytes()) == 24 + 16 + 42
    assert left(tmp_path) == ["f.pcap", "victim"]


def test_a_recording_that_can_not_take_its_place_is_told_and_gone(tmp_path):
    with recording(str(tmp_path / "f.pcap")) as frames:
        (tmp_path / "f.pcap").mkdir()
        assert "f.pcap: Is a directory" in str(frames.finish())
    assert left(tmp_path) == ["f.pcap"]
    assert left(tmp_path / "f.pcap") == []


def test_no_path_no_file():
    before = left(Path.cwd())
    with recording(None) as frames:
        frames(NOW, bytes(42))
        assert frames.finish() is None
    assert left(Path.cwd()) == before
