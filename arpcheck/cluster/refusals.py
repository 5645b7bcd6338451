"""Why an API server's answer could not be had, in words that say no secret. Pure.

Never the text of an exception or of an answer: urllib3 and http.client quote header values, kubeconfig loaders quote
entries, and proxies echo what they were sent."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator

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
