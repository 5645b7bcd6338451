"""TLS with real certificates: what is accepted, and one line for everything that is not."""

import base64
import gc
import re
import socket
import struct
import subprocess
import warnings
from types import SimpleNamespace

import pytest
from apiserver import ApiServer
from apiserver.listener import tls_context
from cluster_world import CLUSTER, SERVICES, names

from arpcheck.cluster import ClusterSource, read
from arpcheck.errors import ClusterError

NAMES = "subjectAltName=IP:127.0.0.1,DNS:api.example.org\n"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def authority(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")  # fmt: skip
    return folder / f"{name}.pem"


def past():
    """Options of a certificate that has expired: OpenSSL 3.4 and newer take dates, and no days below zero."""
    told = subprocess.run(["openssl", "x509", "-help"], check=False, capture_output=True, text=True)
    dates = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
    return dates if "-not_after" in told.stdout + told.stderr else ("-days", "-1")


def certificate(folder, name, issuer, extensions, validity=("-days", "2")):
    """Certificate and key, signed by `issuer`."""
    key, request, signed, more = (folder / f"{name}.{ending}" for ending in ("key", "csr", "pem", "ext"))
    more.write_text(extensions + "authorityKeyIdentifier=keyid\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", str(key), "-out", str(request))  # fmt: skip
    openssl("x509", "-req", "-in", str(request), "-CA", str(issuer), "-CAkey", str(issuer.with_suffix(".key")),
            *validity, "-extfile", str(more), "-out", str(signed))  # fmt: skip
    return signed, key


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    ca, other = authority(folder, "ca"), authority(folder, "other")
    return SimpleNamespace(
        ca=ca,
        other=other,
        good=certificate(folder, "good", ca, NAMES),
        expired=certificate(folder, "expired", ca, NAMES, past()),
        elsewhere=certificate(folder, "elsewhere", ca, "subjectAltName=DNS:other.example.org\n"),
        client=certificate(folder, "client", ca, "extendedKeyUsage=clientAuth\n"),
        stranger=certificate(folder, "stranger", other, "extendedKeyUsage=clientAuth\n"),
    )


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


def ask(path):
    return names(read(ClusterSource(kubeconfig=path, request_timeout=5), [SERVICES]), "services")


def test_the_authority_as_file_and_as_data(pki, kubeconfig_for):
    with ApiServer(CLUSTER, tls=pki.good) as server:
        assert ask(kubeconfig_for(server.url, {"certificate-authority": str(pki.ca)}))
        assert ask(kubeconfig_for(server.url, {"certificate-authority-data": encoded(pki.ca)}))


def test_not_verified_where_that_is_said(pki, kubeconfig_for):
    with ApiServer(CLUSTER, tls=pki.expired) as server:
        assert ask(kubeconfig_for(server.url, {"insecure-skip-tls-verify": True}))


def test_another_name_where_that_is_said(pki, kubeconfig_for):
    with ApiServer(CLUSTER, tls=pki.elsewhere) as server:
        cluster = {"certificate-authority": str(pki.ca), "tls-server-name": "other.example.org"}
        assert ask(kubeconfig_for(server.url, cluster))


def test_a_client_certificate_as_file_and_as_data(pki, kubeconfig_for):
    certificate, key = pki.client
    with ApiServer(CLUSTER, tls=pki.good, client_ca=pki.ca) as server:
        cluster = {"certificate-authority": str(pki.ca)}
        assert ask(kubeconfig_for(server.url, cluster, {"client-certificate": str(certificate), "client-key": str(key)}))
        data = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
        assert ask(kubeconfig_for(server.url, cluster, data))


REFUSED = [
    pytest.param("expired", "ca", "TLS: its certificate has expired", id="expired"),
    pytest.param("good", "other", "TLS: its certificate is signed by an unknown authority", id="unknown authority"),
    pytest.param("good", None, "TLS: its certificate is signed by an unknown authority", id="no authority named"),
    pytest.param("elsewhere", "ca", "TLS: its certificate is for another (address|name)", id="wrong name"),
]


@pytest.mark.parametrize(("shown", "trusted", "why"), REFUSED)
def test_a_certificate_that_is_not_accepted(pki, kubeconfig_for, shown, trusted, why):
    cluster = {"certificate-authority": str(getattr(pki, trusted))} if trusted else {}
    with ApiServer(CLUSTER, tls=getattr(pki, shown)) as server:
        with pytest.raises(ClusterError) as error:
            ask(kubeconfig_for(server.url, cluster))
        assert re.match(rf"cannot read from the API server {server.url} \(context 'it'\): {why}\. \w", str(error.value))
        assert server.requests == []


@pytest.mark.parametrize("shown", [None, "stranger"], ids=["no client certificate", "one of another authority"])
def test_a_client_that_is_not_accepted(pki, kubeconfig_for, shown):
    user = {}
    if shown:
        certificate, key = getattr(pki, shown)
        user = {"client-certificate": str(certificate), "client-key": str(key)}
    with ApiServer(CLUSTER, tls=pki.good, client_ca=pki.ca) as server, pytest.raises(ClusterError) as error:
        ask(kubeconfig_for(server.url, {"certificate-authority": str(pki.ca)}, user))
    assert "\n" not in str(error.value)
    assert any(why in str(error.value) for why in ("TLS: ", "connection closed"))


def test_a_key_that_does_not_fit_its_certificate(pki, kubeconfig_for):
    user = {"client-certificate": str(pki.client[0]), "client-key": str(pki.stranger[1])}
    with ApiServer(CLUSTER, tls=pki.good) as server, pytest.raises(ClusterError, match="TLS: key values mismatch"):
        ask(kubeconfig_for(server.url, {"certificate-authority": str(pki.ca)}, user))


def test_https_where_the_server_speaks_http_and_the_other_way_round(pki, kubeconfig_for):
    with ApiServer(CLUSTER) as server, pytest.raises(ClusterError, match="Check that the server uses https on this port"):
        ask(kubeconfig_for(server.url.replace("http:", "https:")))
    with ApiServer(CLUSTER, tls=pki.good) as server, pytest.raises(ClusterError, match="connection closed"):
        ask(kubeconfig_for(server.url.replace("https:", "http:")))


def test_the_test_server_closes_a_connection_that_was_reset_before_the_handshake(pki):
    with socket.create_server(("127.0.0.1", 0)) as listening, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with pytest.raises(ConnectionError):
            tls_context(pki.good, None).wrap_socket(accepted, server_side=True)
        gc.collect()
    assert seen == []
