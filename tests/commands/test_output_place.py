"""Where a result may go, before anything is asked; what a shared folder may hold in its place."""

import os
import stat

import pytest

from arpcheck.commands.output import check, write
from arpcheck.errors import OutputError


@pytest.mark.parametrize("place", ["/dev/null", "/dev/stdout", "/dev/full"])
def test_a_device_is_refused_and_stays_what_it_is(place):
    before = os.stat(place)
    with pytest.raises(OutputError, match=f"--output {place} is no regular file. Name one, or redirect stdout"):
        check(place)
    assert os.stat(place).st_rdev == before.st_rdev


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "report")
    with pytest.raises(OutputError, match="is no regular file"):
        check(str(tmp_path / "report"))


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_is_replaced_and_not_followed(tmp_path, target):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "report").symlink_to(tmp_path / target)
    check(str(tmp_path / "report"))
    write(tmp_path / "report", "new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert stat.S_ISREG(os.lstat(tmp_path / "report").st_mode)


def test_the_mode_is_the_umask_s(tmp_path):
    before = os.umask(0o077)
    try:
        write(tmp_path / "report", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "report").st_mode) == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o666, 0o644), (0o640, 0o640)])
def test_what_was_private_stays_private_and_nothing_is_opened_to_more_than_the_umask(tmp_path, before, after):
    (tmp_path / "report").touch()
    (tmp_path / "report").chmod(before)
    mask = os.umask(0o022)
    try:
        write(tmp_path / "report", "x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(os.stat(tmp_path / "report").st_mode) == after


def test_a_dash_is_no_file():
    with pytest.raises(OutputError, match=r"--pcap -: stdout has the report already\. Name a file"):
        check("-", "--pcap")
