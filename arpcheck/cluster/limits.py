"""What all reading may take together, time and memory, and work side by side within it.

Work runs in daemon threads that are left behind when the time is over: a name that does not resolve, or a server that
sends a header an hour long, can't be stopped from outside. What a thread raises is raised here."""

from __future__ import annotations

import errno
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
    """Seconds, from now on, and room for what is read in them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.room = Room()
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 or less where it is used up."""
        return self._end - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Waits, or says False at once where there is not that much time left."""
        if seconds >= self.left:
            return False
        time.sleep(seconds)
        return True


def side_by_side(work: Mapping[Key, Callable[[], Made]], budget: Budget, *, workers: int = 8) -> Iterator[tuple[Key, Made]]:
    """What each piece of work returns, as it comes; what has not come within the budget is left out.

    Begun in the order given, `workers` at a time. Whatever a piece raises ends it all."""
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
    """What it returns. UnreadError where that has not come within the budget."""
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
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            done.put((key, error))


# ------------------------------------------------------------------------------ How much of an API server's answers is taken

SMALL = 4 << 20
"""Octets of an answer that may be read beside others. A page of 500 Services has some two MiB."""
ANSWER = 16 << 20
"""Octets of one answer, and of its texts in memory, where one sign beyond ASCII, escaped or not, can make four of each."""
VALUES = 500_000
"""Commas and opening brackets of one answer, those in texts included: no fewer than its values, which take up to 120 octets
each. A page of 500 Nodes has half of that."""
ENTRIES = 10_000
"""Of one page, of which 500 are asked for."""
ALL = 1 << 30
"""Octets of all answers of one reading."""
KEPT = 48 << 20
"""Octets of memory of all that is kept of one reading; what is judged and written of it takes several times as much. 1,000
nodes and 10,000 Services take two thirds of it."""
NAME = 253
"""Characters of a name (k8s.io/apimachinery, IsDNS1123Subdomain)."""
NAMESPACE = 63
"""Characters of a namespace's name (IsDNS1123Label)."""
TEXT = 64 << 10
"""Characters of any text of an object but a ConfigMap. One text may stand in the report of every address."""


class Clock(Protocol):
    @property
    def left(self) -> float: ...


class Room:
    """What one reading may take. Threads share it."""

    def __init__(self) -> None:
        self.parsing = Lock()
        """Held while an answer is parsed, which Python does one at a time anyhow."""
        self._large = Lock()
        self._counting = Lock()
        self._octets = 0
        self._kept = 0

    def keep(self, value: Any) -> None:
        """Counts what is kept. UnreadError where it is too much."""
        with self._counting:
            self._kept += weight(value)
            if self._kept > KEPT:
                raise UnreadError(f"what is read takes more than {KEPT >> 20} MiB", "Name one namespace with -n")

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """For one answer, until it is parsed."""
        turn = Turn(self._large)
        try:
            yield turn
        finally:
            turn.end()

    def take(self, octets: int) -> None:
        """Counts what came. UnreadError where it is too much."""
        with self._counting:
            self._octets += octets
            if self._octets > ALL:
                raise UnreadError(f"more than {ALL >> 20} MiB in all answers")


class Turn:
    """Of one answer, the right to be large."""

    def __init__(self, large: Lock) -> None:
        self._large = large
        self._held = False

    def grow(self, clock: Clock) -> None:
        """Waits until no other large answer is in memory. UnreadError where that takes too long."""
        if not self._held:
            self._held = self._large.acquire(timeout=max(clock.left, 0))
        if not self._held:
            raise timed_out()

    def end(self) -> None:
        if self._held:
            self._large.release()
            self._held = False


def too_large(what: str) -> UnreadError:
    """Fewer objects at a time may do."""
    return UnreadError(what, large=True)


def measure(body: bytes) -> None:
    """UnreadError for what would be too much once it is parsed."""
    if len(body) * (1 if body.isascii() and b"\\u" not in body else 4) > ANSWER:
        raise too_large(f"more than {ANSWER >> 20} MiB in one answer")
    if body.count(b",") + body.count(b"[") + body.count(b"{") > VALUES:
        raise too_large(f"more than {VALUES:,} values in one answer")


def is_sound(obj: Any, resource: str) -> bool:
    """Whether its names and texts are as long as the API lets them be."""
    if len(name(obj)) > NAME or len(namespace(obj)) > NAMESPACE:
        return False
    return resource == "configmaps" or longest(obj) <= TEXT


def longest(value: Any) -> int:
    """Characters of the longest text, keys included, of plain values."""
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


def weight(value: Any) -> int:
    """Octets of memory, of plain values. What stands in two places is counted twice."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        found += sys.getsizeof(one)
        if isinstance(one, dict):
            pending += one.values()
            pending += one
        elif isinstance(one, list | tuple):
            pending += one
    return found


# --- Why a reading failed

TIMED_OUT = "timed out"
FORBIDDEN = "forbidden"
UNREADABLE = "unreadable answer"


class UnreadError(Exception):
    """Becomes a Gap, or a ClusterError where nothing can be done without it."""

    def __init__(self, why: str, cure: str = "", *, status: int = 0, fatal: bool = False, large: bool = False) -> None:
        super().__init__(why)
        self.why = why
        """As in `Gap.why`."""
        self.cure = cure
        """What to do where it is fatal."""
        self.status = status
        """The HTTP status; 0 where there was no answer."""
        self.fatal = fatal
        """Nothing else can be read either."""
        self.large = large
        """It was too much at once; fewer objects at a time may do."""

    def bare(self) -> UnreadError:
        """The same without where it was raised: that would keep the answer, which may be large, as long as the error."""
        return UnreadError(self.why, self.cure, status=self.status, fatal=self.fatal, large=self.large)


_STATUS = {
    403: FORBIDDEN,
    409: "conflict",
    410: "expired while it was listed",
    415: "patch type refused",
    429: "too many requests",
}


def timed_out() -> UnreadError:
    return UnreadError(TIMED_OUT, "Is the server reachable from here? --request-timeout gives it longer")


def by_status(status: int) -> UnreadError:
    """An answer other than 2xx."""
    if status == 401:
        cure = "Log in again, or name another --context"
        return UnreadError("the credentials are not accepted (401)", cure, status=status, fatal=True)
    if status == 404:
        return UnreadError("not found", "Is this the address of a Kubernetes API?", status=status)
    if 300 <= status < 400:
        cure = "Is there a login page in front of the API? Name the API server itself in the kubeconfig"
        return UnreadError(f"redirected elsewhere ({status})", cure, status=status)
    words = _STATUS.get(status, f"server error {status}" if status >= 500 else f"refused ({status})")
    return UnreadError(words, "Try again later" if status == 429 or status >= 500 else "", status=status)


def by_error(error: BaseException) -> UnreadError:
    """What urllib3, ssl or the socket raised, by its innermost reason that says something."""
    for cause in _causes(error):
        if found := _by_cause(cause):
            return found
    return UnreadError("the request can't be made", "Check server, proxy-url and credentials in the kubeconfig", fatal=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and not any(cause is known for known in seen):
            seen.append(cause)
            pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    yield from reversed(seen)


def _by_cause(error: BaseException) -> UnreadError | None:
    match error:
        case ssl.SSLCertVerificationError():
            return _by_certificate(error)
        case ssl.SSLError():
            return _by_tls(error)
        case socket.gaierror():
            return UnreadError("the server's name does not resolve", "Check the server in the kubeconfig, and your DNS")
        case TimeoutError():
            return timed_out()
        case ConnectionRefusedError():
            return UnreadError("connection refused", "Is the server running, and is this the right context?")
        case ConnectionError():
            return UnreadError("connection closed", "Is there a firewall between, and does it speak TLS there?")
        case OSError(errno=int(number)) if number in errno.errorcode:
            return UnreadError(os.strerror(number).lower(), "Is the server reachable from here?")
        case _:
            return _by_name(type(error).__name__)


_VERIFY = {
    9: ("its certificate is not valid yet", "Check this host's clock"),
    10: ("its certificate has expired", "Renew it (`kubeadm certs check-expiration`), and check this host's clock"),
    62: ("its certificate is for another name", "Name one of the certificate's names as server or as tls-server-name"),
    64: ("its certificate is for another address", "Name one of the certificate's names as server or as tls-server-name"),
} | dict.fromkeys(
    (2, 18, 19, 20, 21),
    ("its certificate is signed by an unknown authority", "Is the kubeconfig's certificate-authority this cluster's?"),
)
"""By OpenSSL's X509_V_ERR code (include/openssl/x509_vfy.h)."""


def _by_certificate(error: ssl.SSLCertVerificationError) -> UnreadError:
    why, cure = _VERIFY.get(error.verify_code, ("its certificate is not accepted", "Look at it with `openssl s_client`"))
    return UnreadError(f"TLS: {why}", cure, fatal=True)


def _by_tls(error: ssl.SSLError) -> UnreadError:
    reason = (error.reason or "failed").lower().replace("_", " ")
    cure = "Check the certificates in the kubeconfig"
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
        cure = "Does the server speak https on this port?"
    elif "alert" in reason:
        cure = "Is the client certificate that of this cluster?"
    return UnreadError(f"TLS: {reason}", cure, fatal=True)


def _by_name(kind: str) -> UnreadError | None:
    """urllib3's and http.client's own kinds, by name, so that this module imports neither."""
    if kind == "CertificateError":  # urllib3 1.26 compares the names itself
        return UnreadError(f"TLS: {_VERIFY[62][0]}", _VERIFY[62][1], fatal=True)
    if kind in ("IncompleteRead", "InvalidChunkLength"):
        return UnreadError("answer cut off", "Is there a proxy between?")
    if kind in ("ConnectTimeoutError", "ReadTimeoutError"):
        return timed_out()
    if kind in ("DecodeError", "BadStatusLine", "UnknownProtocol", "LineTooLong", "HTTPException"):
        return UnreadError(UNREADABLE, "Is this the address of a Kubernetes API?")
    if kind in ("ProxySchemeUnknown", "ProxyError", "InvalidProxyConfigurationWarning"):
        return UnreadError("the proxy can't be used", "Check proxy-url in the kubeconfig and HTTPS_PROXY", fatal=True)
    return None
