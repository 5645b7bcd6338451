"""Opens a Session with the credentials of a kubeconfig context or of a pod's service account.

This is the only module that imports `kubernetes`. Its loaders build headers from tokens and passwords, and find a pod's
service account. They never receive a certificate or a key, because they would write them into files. Their error messages
quote entries with tokens, so none of that text is passed on."""

from __future__ import annotations

import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import urlsplit

from arpcheck import __version__
from arpcheck.cluster import kubeconfig
from arpcheck.cluster.kubeconfig import material, token_in_file
from arpcheck.cluster.limits import TIMED_OUT, Budget, by_error, side_by_side
from arpcheck.cluster.login import is_here, log_in, proxy_for, token_of_provider
from arpcheck.cluster.ownership import not_roots
from arpcheck.cluster.session import Session, watched
from arpcheck.errors import ArpcheckError, ClusterError

if TYPE_CHECKING:
    from arpcheck.cluster.source import ClusterSource

_log = logging.getLogger(__name__)

_HEADERS = ("token", "username", "password")
"""The fields of a user entry that the client's loader receives: those that become a header."""


def open_session(source: ClusterSource, budget: Budget) -> Session:
    """Like kubectl: the kubeconfig, else the pod's service account. Raises ClusterError if neither can be used."""
    found = source.preloaded or _loaded(source)
    _log.info("account: %s", f"context {found.name!r}" if found else "the pod's own")
    user = found.user if found and _may_carry_credentials(found) else {}
    if found and "exec" in user:
        user = log_in(found, budget)
    for _, session in side_by_side({0: lambda: _open(found, user, source)}, budget):
        return session
    raise ClusterError(
        f"the login of context {found.name if found else 'in-cluster'!r} {TIMED_OUT}", "Log in with kubectl first"
    )


def _loaded(source: ClusterSource) -> kubeconfig.Context | None:
    try:
        return kubeconfig.load(source.kubeconfig, source.context, os.environ, overrides=source.overrides)
    except kubeconfig.UnreadableError as error:
        if not (error.denied and source.not_preloaded and source.kubeconfig):
            raise
        path = kubeconfig.absolute(kubeconfig.expanded(source.kubeconfig))
        raise ClusterError(error.message, _why_not_preloaded(source.not_preloaded, path)) from None


def _why_not_preloaded(not_preloaded: kubeconfig.NotPreloaded, path: Path) -> str:
    """Runs as the user who called sudo. A path that only root can see gives the same reason for every cause."""
    match not_preloaded:
        case kubeconfig.NotPreloaded.PLUGIN:
            return (
                "Its login plug-in (exec) would run as the user who called sudo and expose root's credentials to that user. "
                "Put a token or a certificate in it, or run `arpcheck snapshot` as root and use --cluster-file"
            )
        case kubeconfig.NotPreloaded.NOT_ROOTS:
            if why := not_roots(path):
                return f"Under sudo, arpcheck reads only files that root alone can write, and {why}. Move it to such a place"
            return "Under sudo, arpcheck reads only a kubeconfig that root alone can write, and so every folder on its path"
        case kubeconfig.NotPreloaded.OVERRIDDEN:
            return (
                "Under sudo, root does not read it together with an option that chooses the server or the account: its "
                "credentials could go to a server of the user's choice. Leave out that option"
            )
        case _:
            assert_never(not_preloaded)


def _may_carry_credentials(found: kubeconfig.Context) -> bool:
    """Over http, credentials stay on this host. kubectl sends none over http at all (client-go tools/clientcmd,
    ClientConfig)."""
    return found.server.startswith("https:") or (is_here(found.server) and not _proxy(found, found.server))


def _proxy(found: kubeconfig.Context | None, server: str) -> str | None:
    return (found and found.cluster.get("proxy-url")) or proxy_for(server, os.environ)


def _open(found: kubeconfig.Context | None, user: Mapping[str, Any], source: ClusterSource) -> Session:
    try:
        configuration = _configuration(found, user)
        headers = _headers(configuration, _impersonation(user, source))
        pool = _pool(found, user, configuration)
    except ArpcheckError:
        raise
    except Exception as error:  # noqa: BLE001 - the client's loaders raise anything, and quote tokens
        what = f"cannot use the credentials of {_where(found)} ({type(error).__name__})"
        raise ClusterError(what, "Check the certificates and tokens in the kubeconfig") from None
    url = urlsplit(configuration.host)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return Session(
        context=found.name if found else "in-cluster",
        account=found.account if found else "the pod's service account",
        server=f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}",
        base=configuration.host.rstrip("/"),
        headers=headers,
        pool=pool,
        connections=watched(pool),
    )


def _where(found: kubeconfig.Context | None) -> str:
    return f"context {found.name!r}" if found else "the pod's service account"


def _configuration(found: kubeconfig.Context | None, user: Mapping[str, Any]) -> Any:
    """Host and headers; for TLS, only the path of a pod's certificate authority."""
    from kubernetes import client, config

    configuration = client.Configuration()
    if not found:
        if not os.environ.get("KUBERNETES_SERVICE_HOST"):
            hint = "Select one with --kubeconfig, or read a file with --cluster-file"
            if "SUDO_UID" in os.environ and not os.environ.get("KUBECONFIG"):
                hint = "sudo drops KUBECONFIG: sudo --preserve-env=KUBECONFIG arpcheck … keeps it; or use --kubeconfig FILE"
            raise ClusterError("no kubeconfig and no service account found", hint)
        config.load_incluster_config(client_configuration=configuration, try_refresh_token=False)
        return configuration
    shown = {key: user[key] for key in _HEADERS if key in user}
    if "auth-provider" in user:
        shown = {"token": token_of_provider(user["auth-provider"], found.name)}
    elif token := token_in_file(user):
        shown = {"token": token}
    config.load_kube_config_from_dict(
        {
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": found.server}}],
            "users": [{"name": "it", "user": shown}],
        },
        client_configuration=configuration, persist_config=False,
    )  # fmt: skip
    return configuration


def _pool(found: kubeconfig.Context | None, user: Mapping[str, Any], configuration: Any) -> Any:
    import urllib3

    more: dict[str, Any] = {"maxsize": 16}
    if configuration.host.startswith("https:"):
        more |= _tls(found, user, configuration.ssl_ca_cert)
    proxy = _proxy(found, configuration.host)
    if not proxy:
        return urllib3.PoolManager(**more)
    if urlsplit(proxy).scheme.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(proxy, **more)
    return urllib3.ProxyManager(proxy, **more)


def _tls(found: kubeconfig.Context | None, user: Mapping[str, Any], pods_authority: str | None) -> dict[str, Any]:
    import urllib3

    if not found:
        authority = Path(pods_authority).read_bytes() if pods_authority else None
        return {
            "ssl_context": tls_context(authority, None, None, verified=True, where=_where(found)),
            "cert_reqs": "CERT_REQUIRED",
        }
    verified = not found.cluster.get("insecure-skip-tls-verify")
    if not verified:
        urllib3.disable_warnings(
            urllib3.exceptions.InsecureRequestWarning
        )  # set in the kubeconfig; kubectl does not warn either
    context = tls_context(
        material(found.cluster, "certificate-authority") if verified else None,
        material(user, "client-certificate"), material(user, "client-key"),
        verified=verified, where=_where(found),
    )  # fmt: skip
    name = found.cluster.get("tls-server-name")
    more = {"server_hostname": name} if name else {}
    return {"ssl_context": context, "cert_reqs": "CERT_REQUIRED" if verified else "CERT_NONE", **more}


def _headers(configuration: Any, more: Mapping[str, str | list[str]]) -> Any:
    from urllib3 import HTTPHeaderDict

    headers = HTTPHeaderDict(
        {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": f"arpcheck/{__version__}"}
    )
    for setting in configuration.auth_settings().values():
        if setting.get("in") == "header" and setting.get("value"):
            headers[setting["key"]] = setting["value"].strip()
    for key, values in more.items():
        for value in [values] if isinstance(values, str) else values:
            headers.add(key, value)
    return headers


def _impersonation(user: Mapping[str, Any], source: ClusterSource) -> dict[str, str | list[str]]:
    """`--as`, else the impersonation in the kubeconfig (k8s.io/client-go/transport, ImpersonationConfig)."""
    found: dict[str, str | list[str]] = {}
    if source.as_user:
        found["Impersonate-User"] = source.as_user
        if source.as_uid:
            found["Impersonate-Uid"] = source.as_uid
        if source.as_groups:
            found["Impersonate-Group"] = [*source.as_groups]
        return found
    for key, header in (("as", "User"), ("as-uid", "Uid"), ("as-groups", "Group")):
        if key in user:
            found[f"Impersonate-{header}"] = user[key]
    for key, values in user.get("as-user-extra", {}).items():
        found[f"Impersonate-Extra-{key}"] = [v for v in values if isinstance(v, str)] if isinstance(values, list) else []
    return found


# --------------------------------------------------------------------------------- TLS from certificates and keys in memory

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def tls_context(
    authority: bytes | None, certificate: bytes | None, key: bytes | None, *, verified: bool, where: str
) -> ssl.SSLContext:
    """`authority`: the certificates to trust instead of the host's. Everything is PEM. Raises ClusterError for invalid
    input."""
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verified else ssl.CERT_NONE)
    context.check_hostname = verified
    if authority is not None:
        _load_authority(context, authority, where)
    elif verified:
        context.load_default_certs()
    if certificate is not None and key is not None:
        _load_client_certificate(context, certificate, key, where)
    elif certificate is not None or key is not None:
        raise ClusterError(f"{where}: the client certificate has no key, or the key has no certificate")
    return context


def _load_authority(context: ssl.SSLContext, authority: bytes, where: str) -> None:
    """Passes on only the PEM blocks; a file may contain any text between them."""
    blocks = _CERTIFICATE.findall(authority)
    try:
        if not blocks:
            raise ValueError
        context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ClusterError(f"{where}: certificate-authority has no PEM certificate") from None


def _load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes, where: str) -> None:
    try:
        with _file_of(certificate) as shown, _file_of(key) as kept:
            context.load_cert_chain(shown, kept, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        hint = "Check that both are PEM, that the key has no password, and that it belongs to the certificate"
        raise ClusterError(f"{where}: cannot use the client certificate: {by_error(error).why}", hint) from None
    except OSError as error:
        raise ClusterError(
            f"{where}: cannot use the client certificate: {error.strerror}", "Check that /proc is mounted"
        ) from None


def _no_password() -> str:
    """Without this, OpenSSL would prompt on the terminal during a run."""
    raise ValueError("the key has a password")


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """A path through which only this process can open the content, which stays in memory."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("arpcheck"), "w+b") as file:
            yield _filled(file, content, "/proc/self/fd")
    else:  # macOS: the file has no name after its creation
        with tempfile.TemporaryFile() as file:
            yield _filled(file, content, "/dev/fd")


def _filled(file: Any, content: bytes, folder: str) -> str:
    file.write(content)
    file.flush()
    file.seek(0)  # a descriptor opened through /dev/fd shares its file offset
    return f"{folder}/{file.fileno()}"
