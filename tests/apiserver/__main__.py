"""`python -m apiserver --objects FILE`: the stand-in as a program, until it is ended by a signal."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from threading import Event
from typing import Any

from apiserver.faults import Fault
from apiserver.server import ApiServer


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    host, _, port = options.listen.rpartition(":")
    server = ApiServer(
        _objects(options.objects),
        serves=options.serves,
        denied=[tuple(denial.split(":")) for denial in options.deny],
        token=options.token,
        faults=[Fault(**json.loads(fault)) for fault in options.fault],
        listen=(host, int(port)),
        tls=(options.tls_cert, options.tls_key) if options.tls_cert else None,
    )
    over = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    with server:
        if options.kubeconfig:
            server.kubeconfig(options.kubeconfig, ca=options.tls_cert)
        if options.port_file:
            _write(options.port_file, server.url.rpartition(":")[2])
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        over.wait()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apiserver", description=__doc__)
    parser.add_argument("--objects", required=True, help="JSON: a List, as kubectl or `arpcheck snapshot` prints it")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address:port; port 0 takes a free one")
    parser.add_argument("--port-file", help="where the port is written once it listens")
    parser.add_argument("--kubeconfig", help="where a kubeconfig for it is written")
    parser.add_argument("--serves", action="append", default=[], help="GROUP/VERSION/KIND that is served beside")
    parser.add_argument("--deny", action="append", default=[], help="VERB:RESOURCE[:NAMESPACE], shell patterns")
    parser.add_argument("--fault", action="append", default=[], help="a Fault's fields as JSON")
    parser.add_argument("--token", help="the bearer token without which all is refused (401)")
    parser.add_argument("--tls-cert", help="certificate in PEM; then it speaks https")
    parser.add_argument("--tls-key")
    return parser.parse_args(arguments)


def _objects(path: str) -> list[Any]:
    document = json.loads(Path(path).read_bytes())
    return list(document) if isinstance(document, list) else list(document["items"])


def _write(path: str, text: str) -> None:
    """Whole or not at all: somebody waits for this file."""
    partial = Path(f"{path}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
