"""An API server that means harm: it serves every kind, and answers what a case says, compressed as far as it goes."""

import json
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

GROUPS = {
    "metallb.io": ("servicel2statuses", "ServiceL2Status"), "coordination.k8s.io": ("leases", "Lease"), "apps": ("daemonsets", "DaemonSet"),
    "cilium.io": ("ciliuml2announcementpolicies", "CiliumL2AnnouncementPolicy"), "discovery.k8s.io": ("endpointslices", "EndpointSlice"),
}  # fmt: skip

GZIP_HEADER = b"\x1f\x8b\x08" + bytes(7)


class HostileApi:
    """`page(number)`: the body of a list, as octets or an iterator of them; `headers`: more of its headers."""

    def __init__(self, page, headers=None, status=200, discovery=None):
        self.page, self.headers, self.status, self.discovery = page, headers or {}, status, discovery
        self.pages = count()

    def __enter__(self):
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                document = api.document(urlsplit(self.path).path)
                try:
                    self.send(
                        *(
                            (200, {}, document)
                            if document is not None
                            else (api.status, api.headers, api.page(next(api.pages)))
                        )
                    )
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def send(self, status, headers, body):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Type", "application/json")
                if isinstance(body, bytes):
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                else:
                    self.send_header("Connection", "close")
                    self.end_headers()
                    for piece in body:
                        self.wfile.write(piece)
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def document(self, path):
        """Discovery, which is what an API server's is, unless the case says otherwise."""
        parts = path.strip("/").split("/")
        if path == "/version":
            return b'{"gitVersion": "v1.33.0"}'
        if path == "/apis":
            groups = [{"name": g, "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}} for g in GROUPS]
            return json.dumps({"kind": "APIGroupList", "groups": groups}).encode()
        if len(parts) == 3 and parts[0] == "apis" and parts[1] in GROUPS:
            plural, kind = GROUPS[parts[1]]
            if self.discovery:
                return self.discovery
            return json.dumps(
                {"kind": "APIResourceList", "resources": [{"name": plural, "kind": kind, "namespaced": True}]}
            ).encode()
        return None

    def kubeconfig(self, path):
        url = f"http://127.0.0.1:{self.server.server_port}"
        config = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": url}}],
            "users": [{"name": "x", "user": {}}],
        }
        path.write_text(json.dumps(config))
        return str(path)


HEAD, TAIL = b'{"kind":"XList","apiVersion":"v1","items":[', b"]}"


def listed(*entries):
    return HEAD + b",".join(entries) + TAIL


def named(number, **more):
    return json.dumps({"metadata": {"name": f"n{number}", "namespace": "x"}, **more}).encode()


def bomb(piece, times, head=HEAD, tail=TAIL):
    """gzip of it, about so many times, without all of it in memory; a block is packed once and repeated."""
    at_once = max(1, min(times, 1_000_000 // len(piece)))
    block, often = piece * at_once, times // at_once
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start, middle = (packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH) for part in (head, block))
    end = packer.compress(tail) + packer.flush()
    check = zlib.crc32(head)
    for _ in range(often):
        check = zlib.crc32(block, check)
    size = len(head) + len(block) * often + len(tail)
    return GZIP_HEADER + start + middle * often + end + struct.pack("<II", zlib.crc32(tail, check), size % 2**32)


def drip(piece, seconds):
    while True:
        yield piece
        time.sleep(seconds)


def endless(piece):
    while True:
        yield piece * 10_000
