"""Bounds the time and memory of all requests together, runs them in parallel, and describes their failures.

Work runs in daemon threads. A thread that is still busy when the time is over is left behind, because name resolution and
endless headers can't be cancelled from outside. An exception in a thread is raised in the caller."""

from __future__ import annotations

import errno
import marshal
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Protocol, TypeVar

from arpcheck.objects import name, namespace

Key = TypeVar("Key")
Made = TypeVar("Made")


class Budget:
    """A deadline, and the memory budget for what is read until then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.room = Room()
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; 0 or less if none."""
        return self._end - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Sleeps and returns True; returns False at once if less time than that is left."""
        if seconds >= self.left:
            return False
        time.sleep(seconds)
        return True


def side_by_side(work: Mapping[Key, Callable[[], Made]], budget: Budget, *, workers: int = 8) -> Iterator[tuple[Key, Made]]:
    """Runs the work on `workers` threads and yields each result as it arrives. Results that miss the deadline are left out.

    Work starts in the order given. The first exception ends everything."""
    waiting: SimpleQueue[tuple[Key, Callable[[], Made]]] = SimpleQueue()
    done: SimpleQueue[tuple[Key, Made | BaseException]] = SimpleQueue()
    for piece in work.items():
        waiting.put(piece)
    for _ in range(min(workers, len(work))):
        threading.Thread(target=_drain, args=(waiting, done), daemon=True).start()
    for _ in work:
        try:
            key, result = done.get(timeout=max(budget.left, 0))
        except Empty:
            return
        if isinstance(result, BaseException):
            raise result
        yield key, result


def in_time(piece: Callable[[], Made], budget: Budget) -> Made:
    """Runs one piece of work. Raises ReadError if the deadline passes."""
    for _, made in side_by_side({0: piece}, budget):
        return made
    raise timed_out()


def _drain(
    waiting: SimpleQueue[tuple[Key, Callable[[], Made]]], done: SimpleQueue[tuple[Key, Made | BaseException]]
) -> None:
    while True:
        try:
            key, piece = waiting.get_nowait()
        except Empty:
            return
        try:
            done.put((key, piece()))
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            done.put((key, error))


# -------------------------------------------------------------------------------------------------------------------- Sizes

SMALL = 4 << 20
"""Bytes of a response that may be read in parallel with others. A page of 500 Services has about 2 MiB."""
ANSWER = 16 << 20
"""Maximum bytes of one response, and of its strings in memory, where one non-ASCII character can make every character take
four bytes."""
VALUES = 500_000
"""Maximum number of commas and opening brackets in one response, including those inside strings. That bounds the number of
values, which take up to 120 bytes each. A page of 500 Nodes has half as many."""
ENTRIES = 10_000
"""Maximum entries of one page; arpcheck requests 500."""
ALL = 1 << 30
"""Maximum bytes of all responses together."""
KEPT = 48 << 20
"""Maximum bytes of memory for what is kept. Judging and reporting it take several times as much. 1,000 nodes and 10,000
Services use three quarters."""
NAME = 253
"""Characters of a name (k8s.io/apimachinery, IsDNS1123Subdomain)."""
NAMESPACE = 63
"""Characters of a namespace's name (IsDNS1123Label)."""
TEXT = 64 << 10
"""Maximum characters of a string in any object except a ConfigMap. One string may appear in the report once for each
address."""


class Clock(Protocol):
    @property
    def left(self) -> float: ...


class Room:
    """The memory budget. Thread-safe."""

    def __init__(self) -> None:
        self.parsing = Lock()
        """Held while a response is parsed, which Python does one at a time anyway."""
        self._large = Lock()
        self._counting = Lock()
        self._octets = 0
        self._kept = 0
        self._keys: set[int] = set()
        """The identities of the keys that were counted. Where a page is dropped and read again, its new keys may have the
        identities of the old ones, but then everything else of it was counted twice."""

    def keep(self, value: Any) -> None:
        """Counts kept data. Raises ReadError if it exceeds the limit."""
        with self._counting:
            self._kept += weight(value, self._keys)
            if self._kept > KEPT:
                raise ReadError(f"the objects take more than {KEPT >> 20} MiB", "Read one namespace with -n")

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """For one response, until it is parsed."""
        turn = Turn(self._large)
        try:
            yield turn
        finally:
            turn.end()

    def take(self, octets: int) -> None:
        """Counts received bytes. Raises ReadError if they exceed the limit."""
        with self._counting:
            self._octets += octets
            if self._octets > ALL:
                raise ReadError(f"all responses together exceed {ALL >> 20} MiB")


class Turn:
    """The permission of one response to be large."""

    def __init__(self, large: Lock) -> None:
        self._large = large
        self._held = False

    def grow(self, clock: Clock) -> None:
        """Waits until no other large response is in memory. Raises ReadError at the deadline."""
        if not self._held:
            self._held = self._large.acquire(timeout=max(clock.left, 0))
        if not self._held:
            raise timed_out()

    def end(self) -> None:
        if self._held:
            self._large.release()
            self._held = False


def too_large(what: str) -> ReadError:
    """A smaller page may succeed."""
    return ReadError(what, large=True)


def measure(body: bytes) -> None:
    """Raises ReadError if the parsed response would be too large."""
    if len(body) * (1 if body.isascii() and b"\\u" not in body else 4) > ANSWER:
        raise too_large(f"a response larger than {ANSWER >> 20} MiB")
    if len(body) - len(body.translate(None, b",[{")) > VALUES:
        raise too_large(f"a response with more than {VALUES:,} values")


def is_sound(obj: Any, resource: str) -> bool:
    """Whether its names and strings are no longer than the API allows."""
    if len(name(obj)) > NAME or len(namespace(obj)) > NAMESPACE:
        return False
    return resource == "configmaps" or _is_short(obj) or longest(obj) <= TEXT


def _is_short(obj: Any) -> bool:
    """Whether all of it together is no longer than one string may be: a walk over every string of 10,000 objects takes a
    fifth of the time that reading them takes."""
    return len(marshal.dumps(obj)) <= TEXT


def longest(value: Any) -> int:
    """Characters of the longest string, including keys."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            found = max(found, len(one))
        elif isinstance(one, dict):
            pending += one.values()
            pending += one
        elif isinstance(one, list | tuple):
            pending += one
    return found


def weight(value: Any, counted: set[int]) -> int:
    """Bytes of memory. A value that occurs twice is counted twice, but a key once: all objects that were cut down share the
    names of their fields, which would be a third of the sum. `counted`: the identities of the keys so far, which grows."""
    size = sys.getsizeof
    found, containers = size(value), [value] if type(value) in _CONTAINERS else []
    for one in containers:  # which grows on the way; every kept object goes through here
        if type(one) is dict:
            if not counted.issuperset(map(id, one)):
                new = {id(key): size(key) for key in one if id(key) not in counted}
                counted.update(new)
                found += sum(new.values())
            one = one.values()
        for inner in one:
            found += size(inner)
            if type(inner) in _CONTAINERS:
                containers.append(inner)
    return found


_CONTAINERS = frozenset((dict, list, tuple))


# ----------------------------------------------------------------------------------------------------------------- Failures

TIMED_OUT = "timed out"
FORBIDDEN = "forbidden"
UNREADABLE = "unreadable answer"


class ReadError(Exception):
    """A failed read. It becomes a Gap, or a ClusterError if nothing works without it.

    Its text never comes from an exception or a response: urllib3 and http.client quote headers, kubeconfig loaders quote
    entries, and proxies echo what they were sent."""

    def __init__(self, why: str, cure: str = "", *, status: int = 0, fatal: bool = False, large: bool = False) -> None:
        super().__init__(why)
        self.why = why
        """As in `Gap.why`."""
        self.cure = cure
        """The hint if it becomes a ClusterError."""
        self.status = status
        """The HTTP status; 0 if there was no response."""
        self.fatal = fatal
        """No other read can succeed either."""
        self.large = large
        """The response was too large; a smaller page may succeed."""

    def bare(self) -> ReadError:
        """A copy without a traceback, which would keep the response in memory as long as the error."""
        return ReadError(self.why, self.cure, status=self.status, fatal=self.fatal, large=self.large)


_STATUS = {
    403: FORBIDDEN,
    409: "conflict",
    410: "the list expired while it was read",
    415: "patch type not supported",
    429: "too many requests",
}


def timed_out() -> ReadError:
    return ReadError(TIMED_OUT, "Check that the server is reachable, or raise --request-timeout")


def by_status(status: int) -> ReadError:
    """The failure for a status other than 2xx."""
    if status == 401:
        cure = "Log in again, or select another --context"
        return ReadError("the server rejected the credentials (401)", cure, status=status, fatal=True)
    if status == 404:
        return ReadError("not found", "Check that the server in the kubeconfig is a Kubernetes API server", status=status)
    if 300 <= status < 400:
        cure = "A login page may be in front of the API. Use the address of the API server itself in the kubeconfig"
        return ReadError(f"redirected to another address ({status})", cure, status=status)
    words = _STATUS.get(status, f"server error {status}" if status >= 500 else f"refused ({status})")
    return ReadError(words, "Try again later" if status == 429 or status >= 500 else "", status=status)


def by_error(error: BaseException) -> ReadError:
    """The failure for an exception of urllib3, ssl or a socket, by its innermost known cause."""
    for cause in _causes(error):
        if found := _by_cause(cause):
            return found
    return ReadError(
        "the request could not be sent", "Check server, proxy-url and credentials in the kubeconfig", fatal=True
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and not any(cause is known for known in seen):
            seen.append(cause)
            pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    yield from reversed(seen)


def _by_cause(error: BaseException) -> ReadError | None:
    match error:
        case ssl.SSLCertVerificationError():
            return _by_certificate(error)
        case ssl.SSLError():
            return _by_tls(error)
        case socket.gaierror():
            return ReadError("cannot resolve the server's name", "Check the server in the kubeconfig, and DNS")
        case TimeoutError():
            return timed_out()
        case ConnectionRefusedError():
            return ReadError("connection refused", "Check that the server is running and that this is the right context")
        case ConnectionError():
            return ReadError("connection closed", "Check for a firewall, and that the server uses TLS on this port")
        case OSError(errno=int(number)) if number in errno.errorcode:
            return ReadError(os.strerror(number).lower(), "Check that the server is reachable from this host")
        case _:
            return _by_name(type(error).__name__)


_VERIFY = {
    9: ("its certificate is not valid yet", "Check this host's clock"),
    10: ("its certificate has expired", "Renew it (`kubeadm certs check-expiration`), and check this host's clock"),
    62: ("its certificate is for another name", "Use one of the certificate's names as server or tls-server-name"),
    64: ("its certificate is for another address", "Use one of the certificate's names as server or tls-server-name"),
} | dict.fromkeys(
    (2, 18, 19, 20, 21),
    (
        "its certificate is signed by an unknown authority",
        "Check that the kubeconfig has this cluster's certificate-authority",
    ),
)
"""By OpenSSL's X509_V_ERR code (include/openssl/x509_vfy.h)."""


def _by_certificate(error: ssl.SSLCertVerificationError) -> ReadError:
    why, cure = _VERIFY.get(
        error.verify_code, ("its certificate was rejected", "Inspect it with `openssl s_client -connect HOST:PORT`")
    )
    return ReadError(f"TLS: {why}", cure, fatal=True)


def _by_tls(error: ssl.SSLError) -> ReadError:
    reason = (error.reason or "failed").lower().replace("_", " ")
    cure = "Check the certificates in the kubeconfig"
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
        cure = "Check that the server uses https on this port"
    elif "alert" in reason:
        cure = "Check that the client certificate is for this cluster"
    return ReadError(f"TLS: {reason}", cure, fatal=True)


def _by_name(kind: str) -> ReadError | None:
    """Exceptions of urllib3 and http.client by class name, so that this module imports neither."""
    if kind == "CertificateError":  # urllib3 1.26 compares host names itself
        return ReadError(f"TLS: {_VERIFY[62][0]}", _VERIFY[62][1], fatal=True)
    if kind in ("IncompleteRead", "InvalidChunkLength"):
        return ReadError("the response was cut off", "Check for a proxy in between")
    if kind in ("ConnectTimeoutError", "ReadTimeoutError"):
        return timed_out()
    if kind in ("DecodeError", "BadStatusLine", "UnknownProtocol", "LineTooLong", "HTTPException"):
        return ReadError(UNREADABLE, "Check that the server in the kubeconfig is a Kubernetes API server")
    if kind in ("ProxySchemeUnknown", "ProxyError", "InvalidProxyConfigurationWarning"):
        return ReadError("the proxy could not be used", "Check proxy-url in the kubeconfig and HTTPS_PROXY", fatal=True)
    return None
