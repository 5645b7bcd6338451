"""Who asks, and over which connection: a kubeconfig's context, or a pod's service account, made into a Session.

The only module that imports `kubernetes`: its Configuration, kubeconfig loader and connection pool bring TLS, proxies
and credentials. Its loader's errors quote whole entries, tokens included, so none of their text is passed on."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from arpcheck import __version__
from arpcheck.cluster import kubeconfig
from arpcheck.cluster.budget import Budget, side_by_side
from arpcheck.cluster.login import log_in
from arpcheck.cluster.proxies import is_here, proxy_for
from arpcheck.cluster.session import Session
from arpcheck.cluster.unread import TIMED_OUT
from arpcheck.errors import ArpcheckError, ClusterError

_log = logging.getLogger(__name__)


def open_session(
    explicit: str | None, context: str | None, as_user: str | None, budget: Budget, held: kubeconfig.Context | None = None
) -> Session:
    """As kubectl: the kubeconfig, else the pod's service account. `held`: what was read of the kubeconfig beforehand.
    ClusterError where none can be used."""
    if not held and explicit and not os.path.exists(explicit):
        raise ClusterError(f"{explicit}: no such file", "Name another with --kubeconfig")
    found = held or kubeconfig.load(explicit, context, os.environ)
    _log.info("account: %s", f"context {found.name!r}" if found else "the pod's own")
    user = found.user if found and _may_carry_credentials(found.server) else {}
    if found and "exec" in user:
        user = log_in(found, budget)
    for _, session in side_by_side({0: lambda: _open(found, user, as_user)}, budget):
        return session
    raise ClusterError(f"the login of context {found.name if found else 'in-cluster'!r} {TIMED_OUT}", "Log in by hand first")


def _may_carry_credentials(server: str) -> bool:
    """Over http none leave this host; kubectl sends none over it at all (client-go tools/clientcmd, ClientConfig)."""
    return server.startswith("https:") or is_here(server)


def _open(found: kubeconfig.Context | None, user: Mapping[str, Any], as_user: str | None) -> Session:
    try:
        configuration = _configuration(found, user)
        headers = _headers(configuration, _impersonation(user, as_user))
        pool = _pool(configuration)
    except ArpcheckError:
        raise
    except Exception as error:  # noqa: BLE001 - the client's loaders raise anything, and quote tokens
        where = f"context {found.name!r}" if found else "the pod's service account"
        what = f"The credentials of {where} can't be used ({type(error).__name__})"
        raise ClusterError(what, "Check certificates and tokens in the kubeconfig") from None
    url = urlsplit(configuration.host)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return Session(
        context=found.name if found else "in-cluster",
        server=f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}",
        base=configuration.host.rstrip("/"),
        headers=headers,
        pool=pool,
    )


def _configuration(found: kubeconfig.Context | None, user: Mapping[str, Any]) -> Any:
    from kubernetes import client, config

    configuration = client.Configuration()
    if not found:
        if not os.environ.get("KUBERNETES_SERVICE_HOST"):
            hint = "Name one with --kubeconfig, or read a file with --cluster-file"
            raise ClusterError("no kubeconfig and no service account found", hint)
        config.load_incluster_config(client_configuration=configuration, try_refresh_token=False)
    else:
        cluster = {key: value for key, value in found.cluster.items() if key != "proxy-url"}
        config.load_kube_config_from_dict(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": cluster}],
                "users": [{"name": "it", "user": dict(user)}],
            },
            client_configuration=configuration, persist_config=False,
        )  # fmt: skip
    configuration.proxy = (found and found.cluster.get("proxy-url")) or proxy_for(configuration.host, os.environ)
    configuration.no_proxy = None  # it is decided
    configuration.connection_pool_maxsize = 16
    return configuration


def _pool(configuration: Any) -> Any:
    import urllib3
    from kubernetes.client.rest import RESTClientObject

    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig says so; kubectl is silent too
    return RESTClientObject(configuration).pool_manager


def _headers(configuration: Any, more: Mapping[str, str | list[str]]) -> Any:
    from urllib3._collections import HTTPHeaderDict  # urllib3 1.26 does not export it

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
