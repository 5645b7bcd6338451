"""The words for every failure, and that an exception's own text is never among them."""

import errno
import http.client
import socket
import ssl

import pytest
import urllib3.exceptions as urllib3
from cluster_world import TOKEN

from arpcheck.cluster.limits import ReadError, by_error, by_status
from arpcheck.cluster.session import Response, Session


@pytest.mark.parametrize(
    ("status", "why", "cure", "fatal"),
    [
        (
            302,
            "redirected to another address (302)",
            "A login page may be in front of the API. Use the address of the API server itself in the kubeconfig",
            False,
        ),
        (400, "refused (400)", "", False),
        (401, "the server rejected the credentials (401)", "Log in again, or select another --context", True),
        (403, "forbidden", "", False),
        (404, "not found", "Check that the server in the kubeconfig is a Kubernetes API server", False),
        (409, "conflict", "", False),
        (410, "the list expired while it was read", "", False),
        (415, "patch type not supported", "", False),
        (429, "too many requests", "Try again later", False),
        (500, "server error 500", "Try again later", False),
        (599, "server error 599", "Try again later", False),
    ],
)
def test_statuses(status, why, cure, fatal):
    found = by_status(status)
    assert (found.why, found.cure, found.fatal, found.status) == (why, cure, fatal, status)


def certificate(code):
    error = ssl.SSLCertVerificationError(1, f"planted {TOKEN}")
    error.verify_code = code
    return error


def tls(reason):
    error = ssl.SSLError(1, f"planted {TOKEN}")
    error.reason = reason
    return error


def within(error, cause):
    error.__cause__ = cause
    return error


ERRORS = [
    pytest.param(certificate(10), "TLS: its certificate has expired", True, id="expired"),
    pytest.param(certificate(9), "TLS: its certificate is not valid yet", True, id="not yet valid"),
    pytest.param(certificate(18), "TLS: its certificate is signed by an unknown authority", True, id="self-signed"),
    pytest.param(certificate(62), "TLS: its certificate is for another name", True, id="another name"),
    pytest.param(certificate(64), "TLS: its certificate is for another address", True, id="another address"),
    pytest.param(certificate(99), "TLS: its certificate was rejected", True, id="any other fault of a certificate"),
    pytest.param(tls("WRONG_VERSION_NUMBER"), "TLS: wrong version number", True, id="no TLS"),
    pytest.param(tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS: tlsv13 alert certificate required", True, id="alert"),
    pytest.param(tls(None), "TLS: failed", True, id="TLS without a reason"),
    pytest.param(urllib3.SSLError(certificate(10)), "TLS: its certificate has expired", True, id="in urllib3's own"),
    pytest.param(
        urllib3.ProtocolError("Connection aborted.", ConnectionResetError(104, TOKEN)),
        "connection closed",
        False,
        id="reset",
    ),
    pytest.param(urllib3.ProtocolError("x", http.client.RemoteDisconnected(TOKEN)), "connection closed", False, id="closed"),
    pytest.param(
        urllib3.ProtocolError("x", http.client.IncompleteRead(TOKEN.encode())),
        "the response was cut off",
        False,
        id="cut off",
    ),
    pytest.param(urllib3.ReadTimeoutError(None, "/", TOKEN), "timed out", False, id="read timeout"),
    pytest.param(within(urllib3.HTTPError(TOKEN), TimeoutError(TOKEN)), "timed out", False, id="timeout within"),
    pytest.param(
        within(urllib3.HTTPError(TOKEN), ConnectionRefusedError(111, TOKEN)), "connection refused", False, id="refused"
    ),
    pytest.param(socket.gaierror(-2, TOKEN), "cannot resolve the server's name", False, id="DNS"),
    pytest.param(OSError(errno.ENETUNREACH, TOKEN), "network is unreachable", False, id="no network"),
    pytest.param(OSError(errno.EHOSTUNREACH, TOKEN), "no route to host", False, id="no route"),
    pytest.param(urllib3.DecodeError(TOKEN), "unreadable answer", False, id="gzip"),
    pytest.param(http.client.BadStatusLine(TOKEN), "unreadable answer", False, id="no HTTP"),
    pytest.param(urllib3.ProxySchemeUnknown(TOKEN), "the proxy could not be used", True, id="proxy of no scheme"),
    pytest.param(urllib3.ProxyError(TOKEN, OSError(TOKEN)), "the proxy could not be used", True, id="proxy"),
    pytest.param(
        urllib3.ProxyError("x", ConnectionRefusedError(111, TOKEN)), "connection refused", False, id="proxy not there"
    ),
    pytest.param(ValueError(f"Invalid header value b'Bearer {TOKEN}'"), "the request could not be sent", True, id="header"),
    pytest.param(
        UnicodeEncodeError("latin-1", TOKEN, 0, 1, "x"), "the request could not be sent", True, id="header with an umlaut"
    ),
    pytest.param(OSError(TOKEN), "the request could not be sent", True, id="an OSError without a number"),
]


@pytest.mark.parametrize(("error", "why", "fatal"), ERRORS)
def test_errors(error, why, fatal):
    found = by_error(error)
    assert (found.why, found.fatal, found.status) == (why, fatal, 0)
    assert found.cure
    assert TOKEN not in f"{found.why} {found.cure} {found!r}"


def test_causes_that_go_in_a_circle():
    one, other = ValueError("a"), KeyError("b")
    one.__cause__, other.__cause__ = other, one
    assert isinstance(by_error(one), ReadError)


def test_neither_session_nor_answer_shows_what_it_carries():
    session = Session(
        context="c", account="a", server="https://s", base=f"https://{TOKEN}@s", headers={"Authorization": TOKEN}, pool=TOKEN
    )
    answer = Response(status=200, headers={}, body=TOKEN.encode())
    assert TOKEN not in f"{session!r} {answer!r}"
    assert session.where == "https://s (context 'c')"
