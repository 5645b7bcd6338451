"""The log of a container: what containerd splits the kubelet joins, unless the other stream wrote in between."""

from contextlib import closing

from kubelet import container_log
from kubelet.container_log import SPLIT, ContainerLog


def written(tmp_path, content):
    log, (reader, writer) = ContainerLog(tmp_path / "0.log"), container_log.pipe()
    with open(writer, "wb") as pipe:
        pipe.write(content)
    log.copy("stdout", reader)
    log.close()


def test_a_long_line_is_in_parts_in_the_file_and_whole_in_the_answer(tmp_path):
    content = b"short\n" + b"x" * (2 * SPLIT + 5) + b"\nlast"
    written(tmp_path, content)
    lines = (tmp_path / "0.log").read_bytes().splitlines()
    assert [line.split(b" ", 3)[2] for line in lines] == [b"F", b"P", b"P", b"F", b"F"]
    assert max(len(line.split(b" ", 3)[3]) for line in lines) == SPLIT
    assert container_log.read(tmp_path / "0.log", {}).encode() == content + b"\n"


def test_a_line_of_exactly_one_part_stays_a_line(tmp_path):
    written(tmp_path, b"x" * SPLIT + b"\nnext\n")
    assert container_log.read(tmp_path / "0.log", {}).splitlines() == ["x" * SPLIT, "next"]


def test_the_other_stream_may_write_between_two_parts(tmp_path):
    with closing(ContainerLog(tmp_path / "0.log")) as log:
        log.write("stdout", b"first half, ", whole=False)
        log.write("stderr", b"a warning", whole=True)
        log.write("stdout", b"second half", whole=True)
    assert container_log.read(tmp_path / "0.log", {}) == "first half, a warning\nsecond half\n"


def test_the_tail_counts_parts(tmp_path):
    written(tmp_path, b"x" * SPLIT + b"end\nlast\n")
    assert container_log.read(tmp_path / "0.log", {"tailLines": "2"}) == "end\nlast\n"


def test_since_is_a_time_of_the_log(tmp_path):
    written(tmp_path, b"old\nnew\n")
    last = (tmp_path / "0.log").read_text().splitlines()[-1].split()[0]
    assert container_log.read(tmp_path / "0.log", {"sinceTime": last}).splitlines()[-1] == "new"
    assert container_log.read(tmp_path / "0.log", {"sinceTime": "9999-01-01T00:00:00Z"}) == ""
