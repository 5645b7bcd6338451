"""Who asks, and over which connection: a kubeconfig's context, or a pod's service account, made into a Session.

The only module that imports `kubernetes`: its loaders make headers of tokens and passwords, and find a pod's account. They
are given no certificate and no key, which they would write into files. Their errors quote whole entries, tokens included,
so none of their text is passed on."""

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
"""What the client's loader is given of a user: all that becomes a header."""


def open_session(source: ClusterSource, budget: Budget) -> Session:
    """As kubectl: the kubeconfig, else the pod's service account. ClusterError where none can be used."""
    found = source.held or _loaded(source)
    _log.info("account: %s", f"context {found.name!r}" if found else "the pod's own")
    user = found.user if found and _may_carry_credentials(found) else {}
    if found and "exec" in user:
        user = log_in(found, budget)
    for _, session in side_by_side({0: lambda: _open(found, user, source.as_user)}, budget):
        return session
    raise ClusterError(f"the login of context {found.name if found else 'in-cluster'!r} {TIMED_OUT}", "Log in by hand first")


def _loaded(source: ClusterSource) -> kubeconfig.Context | None:
    try:
        return kubeconfig.load(source.kubeconfig, source.context, os.environ)
    except kubeconfig.UnreadableError as error:
        if not (error.denied and source.unheld and source.kubeconfig):
            raise
        path = kubeconfig.absolute(kubeconfig.expanded(source.kubeconfig))
        raise ClusterError(error.message, _why_unheld(source.unheld, path)) from None


def _why_unheld(unheld: kubeconfig.Unheld, path: Path) -> str:
    """Asked as the user who called sudo: of what root alone can see, every reason is the same one."""
    match unheld:
        case kubeconfig.Unheld.PLUGIN:
            return (
                "Root did not use it for this user, as whom its login plug-in (exec) would run and show what is in it: "
                "give it a token or a certificate, or take a snapshot as root and read that with --cluster-file"
            )
        case kubeconfig.Unheld.NOT_ROOTS:
            if why := not_roots(path):
                return f"Root did not read it for this user, since {why}: put it where root alone can write"
            return "For this user root reads only a kubeconfig, and only where root alone can write on all the way to it"
        case _:
            assert_never(unheld)


def _may_carry_credentials(found: kubeconfig.Context) -> bool:
    """Over http none leave this host; kubectl sends none over it at all (client-go tools/clientcmd, ClientConfig)."""
    return found.server.startswith("https:") or (is_here(found.server) and not _proxy(found, found.server))


def _proxy(found: kubeconfig.Context | None, server: str) -> str | None:
    return (found and found.cluster.get("proxy-url")) or proxy_for(server, os.environ)


def _open(found: kubeconfig.Context | None, user: Mapping[str, Any], as_user: str | None) -> Session:
    try:
        configuration = _configuration(found, user)
        headers = _headers(configuration, _impersonation(user, as_user))
        pool = _pool(found, user, configuration)
    except ArpcheckError:
        raise
    except Exception as error:  # noqa: BLE001 - the client's loaders raise anything, and quote tokens
        what = f"The credentials of {_where(found)} can't be used ({type(error).__name__})"
        raise ClusterError(what, "Check certificates and tokens in the kubeconfig") from None
    url = urlsplit(configuration.host)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return Session(
        context=found.name if found else "in-cluster",
        server=f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}",
        base=configuration.host.rstrip("/"),
        headers=headers,
        pool=pool,
        connections=watched(pool),
    )


def _where(found: kubeconfig.Context | None) -> str:
    return f"context {found.name!r}" if found else "the pod's service account"


def _configuration(found: kubeconfig.Context | None, user: Mapping[str, Any]) -> Any:
    """Host and headers; of TLS only where a pod's authority lies."""
    from kubernetes import client, config

    configuration = client.Configuration()
    if not found:
        if not os.environ.get("KUBERNETES_SERVICE_HOST"):
            hint = "Name one with --kubeconfig, or read a file with --cluster-file"
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
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig says so; kubectl is silent too
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


def _impersonation(user: Mapping[str, Any], as_user: str | None) -> dict[str, str | list[str]]:
    """`--as`, else what the kubeconfig says of it (k8s.io/client-go/transport, ImpersonationConfig)."""
    if as_user:
        return {"Impersonate-User": as_user}
    found: dict[str, str | list[str]] = {}
    for key, header in (("as", "User"), ("as-uid", "Uid"), ("as-groups", "Group")):
        if key in user:
            found[f"Impersonate-{header}"] = user[key]
    for key, values in user.get("as-user-extra", {}).items():
        found[f"Impersonate-Extra-{key}"] = [v for v in values if isinstance(v, str)] if isinstance(values, list) else []
    return found


# ------------------------------- The TLS of a connection, made from certificates and keys that are in memory, and stay there

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
