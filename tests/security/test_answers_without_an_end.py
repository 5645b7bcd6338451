"""A server that never comes to the end of an answer: every command ends by its budget, and leaves nothing behind."""

import socketserver
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from hostile_api import HostileApi, listed

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.changes import UncertainError, connected
from arpcheck.errors import ClusterError

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def announcing(send):
    while True:
        send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        time.sleep(0.01)


def hinting(send):
    while True:
        send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)
        time.sleep(0.01)


def trailing(send):
    send(CHUNKED + b"2\r\n{}\r\n0\r\n")
    while True:
        send(b"X-Trailer: x\r\n")
        time.sleep(0.01)


def counting(send):
    send(CHUNKED)
    while True:
        send(b"0")
        time.sleep(0.05)


HOW = [announcing, hinting, trailing, counting]


@contextmanager
def endless_server(how, tmp_path):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                self.request.recv(65536)
                how(self.request.sendall)
            except OSError:
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address = True, True

    server = Server(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    api = HostileApi(None)
    api.server = type("Named", (), {"server_port": server.server_address[1]})
    try:
        yield api.kubeconfig(tmp_path / "config")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("how", HOW)
def test_doctor_ends_by_its_budget(tmp_path, how):
    with endless_server(how, tmp_path) as config:
        words = [sys.executable, "-m", "arpcheck", "doctor", "--request-timeout", "2", "--kubeconfig", config]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (1, 2, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line.split()[1:2] == ["API"]] == ["fails"]


@pytest.mark.parametrize("how", HOW)
def test_a_write_without_an_answer_is_uncertain(tmp_path, how):
    with (
        endless_server(how, tmp_path) as config,
        connected(ClusterSource(kubeconfig=config, request_timeout=1)) as connection,
        pytest.raises(UncertainError),
    ):
        connection.set_key({"metadata": {"name": "a", "namespace": "b"}}, "c", "d")


@pytest.mark.parametrize("how", HOW)
def test_no_thread_outlives_its_reading(tmp_path, how):
    with endless_server(how, tmp_path) as config:
        before = set(threading.enumerate())
        with pytest.raises(ClusterError):
            read(ClusterSource(kubeconfig=config, request_timeout=1), pipeline.NEEDS)
        left = [one for one in set(threading.enumerate()) - before if "_drain" in one.name]
        for one in left:
            one.join(30)
        assert not [one for one in left if one.is_alive()]


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_what_only_announces_an_answer_is_none(tmp_path, status):
    answers = []

    def hinted(send):
        body = listed() if answers else b'{"gitVersion": "v1.33.0"}'
        answers.append(1)
        send(
            b"HTTP/1.1 "
            + status
            + b"\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )

    from arpcheck.cluster.credentials import open_session
    from arpcheck.cluster.limits import Budget

    with endless_server(hinted, tmp_path) as config:
        budget = Budget(20)
        session = open_session(ClusterSource(kubeconfig=config), budget)
        assert session.read("/version", {}, budget) == {"gitVersion": "v1.33.0"}
        session.close()
