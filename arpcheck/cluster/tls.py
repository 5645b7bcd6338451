"""The TLS of a connection, made from certificates and keys that are in memory, and stay there.

The client writes them into files below /tmp, which a signal leaves behind. OpenSSL's own call takes a certificate and its
key from a file alone, so they are one for the moment of that call: of memory, without a name, of this process alone."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from arpcheck.cluster.refusals import by_error
from arpcheck.errors import ClusterError

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def tls_context(
    authority: bytes | None, certificate: bytes | None, key: bytes | None, *, verified: bool, where: str
) -> ssl.SSLContext:
    """`authority`: trusted in place of the host's own; all in PEM. ClusterError for what is none."""
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verified else ssl.CERT_NONE)
    context.check_hostname = verified
    if authority is not None:
        _trust(context, authority, where)
    elif verified:
        context.load_default_certs()
    if certificate is not None and key is not None:
        _show(context, certificate, key, where)
    elif certificate is not None or key is not None:
        raise ClusterError(f"{where} has a client certificate without its key, or a key without its certificate")
    return context


def _trust(context: ssl.SSLContext, authority: bytes, where: str) -> None:
    """Only the blocks: the lines between may be of any text."""
    blocks = _CERTIFICATE.findall(authority)
    try:
        if not blocks:
            raise ValueError
        context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ClusterError(f"the certificate-authority of {where} is not a certificate in PEM") from None


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes, where: str) -> None:
    try:
        with _file_of(certificate) as shown, _file_of(key) as kept:
            context.load_cert_chain(shown, kept, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        hint = "Is it in PEM, without a password, and does the key fit the certificate?"
        raise ClusterError(f"the client certificate of {where} can't be used: {by_error(error).why}", hint) from None
    except OSError as error:
        raise ClusterError(f"the client certificate of {where} can't be used: {error.strerror}", "Is /proc there?") from None


def _no_password() -> str:
    """OpenSSL would ask on the terminal, in the middle of a run."""
    raise ValueError("the key has a password")


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The path by which this process, and no other, can open what is in memory."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("arpcheck"), "w+b") as file:
            yield _filled(file, content, "/proc/self/fd")
    else:  # macOS: never has a name after it was made
        with tempfile.TemporaryFile() as file:
            yield _filled(file, content, "/dev/fd")


def _filled(file: Any, content: bytes, folder: str) -> str:
    file.write(content)
    file.flush()
    file.seek(0)  # where a descriptor is opened by /dev/fd, the place in it is shared
    return f"{folder}/{file.fileno()}"
