"""Runs the login plug-ins of a kubeconfig (client.authentication.k8s.io) with a time limit, and finds the proxy for a
server.

The Python client has no time limit and continues without credentials if a plug-in fails. A plug-in's stderr goes to the
user, because device codes appear there. Its stdout is a secret and is never shown."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from arpcheck.cluster.kubeconfig import Context
from arpcheck.cluster.limits import Budget
from arpcheck.cluster.parse import MalformedError, json_value
from arpcheck.errors import ClusterError
from arpcheck.objects import at, instant, items, text

_log = logging.getLogger(__name__)

SIZE = 1 << 20
"""Maximum bytes of a plug-in's output: a token, or a certificate with its key."""


def log_in(context: Context, budget: Budget) -> dict[str, Any]:
    """Returns the user entry with the credentials that the plug-in printed instead of `exec`.

    Raises ClusterError if the plug-in is not installed, fails, does not end in time, or prints no ExecCredential."""
    user = {key: value for key, value in context.user.items() if key != "exec"}
    plugin = context.user["exec"]
    name = Path(text(plugin, "command")).name
    interactive = _is_interactive(plugin, name)
    _log.info("login plug-in %s", name)
    command, environment = _command(plugin, context.directory), _environment(plugin, context, interactive)
    output = _output(command, environment, interactive, name, budget)
    return user | _credential(output, name, text(plugin, "apiVersion"))


def token_of_provider(provider: Any, context: str) -> str:
    """The token that an auth-provider left in the kubeconfig, until it expires. Raises ClusterError if there is none.

    It is not refreshed: the Python client would not check the issuer's certificate, and would discard the new refresh token
    that replaces the used one."""
    token = text(provider, "config", "id-token") or text(provider, "config", "access-token")
    ends = _end_of(token) or instant(at(provider, "config", "expiry"))
    if not token or (ends and ends <= datetime.now(UTC)):
        what = "has expired" if token else "has no token"
        hint = "Log in again with kubectl, or use the provider's exec plug-in"
        raise ClusterError(f"the auth-provider login of context {context!r} {what}", hint)
    return token


def _end_of(token: str) -> datetime | None:
    """The claim `exp` of a JSON Web Token (RFC 7519 section 4.1.4); None if it can't be read."""
    try:
        payload = token.split(".")[1]
        claim = at(json_value(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))), "exp")
        return datetime.fromtimestamp(claim, UTC) if isinstance(claim, int | float) else None
    except (IndexError, ValueError, OverflowError, OSError):
        return None


def _is_interactive(plugin: Any, name: str) -> bool:
    mode = text(plugin, "interactiveMode") or "IfAvailable"
    terminal = bool(sys.stdin and sys.stdin.isatty())
    if mode == "Always" and not terminal:
        raise ClusterError(
            f"login plug-in {name!r} needs a terminal", "Run arpcheck from a terminal, or use another context"
        )
    return terminal and mode != "Never"


def _command(plugin: Any, directory: Path) -> list[str]:
    command = text(plugin, "command")
    if os.sep in command:
        command = str(directory / command)
    return [command, *(str(argument) for argument in items(plugin, "args"))]


def _environment(plugin: Any, context: Context, interactive: bool) -> dict[str, str]:
    named = {text(entry, "name"): text(entry, "value") for entry in items(plugin, "env") if text(entry, "name")}
    spec: dict[str, Any] = {"interactive": interactive}
    if at(plugin, "provideClusterInfo") is True:
        spec["cluster"] = {key: context.cluster[key] for key in context.cluster if key != "certificate-authority"}
    info = {"apiVersion": text(plugin, "apiVersion"), "kind": "ExecCredential", "spec": spec}
    return {**os.environ, **named, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _output(command: list[str], environment: Mapping[str, str], interactive: bool, name: str, budget: Budget) -> bytes:
    try:
        process = subprocess.Popen(
            command,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=dict(environment),
            process_group=None
            if interactive
            else 0,  # its children end with it; on a terminal it must share our process group
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its entry in the kubeconfig is invalid"
        raise ClusterError(f"cannot run login plug-in {name!r}: {reason}", "Install it, or use another context") from None
    try:
        output = _drained(process, budget)
        status = 0 if len(output) > SIZE else process.wait(max(budget.left, 0))  # with that much output it may never end
    except subprocess.TimeoutExpired:
        hint = "Run the plug-in by hand to see why, or raise --request-timeout"
        raise ClusterError(f"login plug-in {name!r} did not end within {budget.seconds:g} s", hint) from None
    finally:
        _end(process, interactive)
    if status != 0:
        raise ClusterError(f"login plug-in {name!r} failed with exit code {status}", "Run the plug-in by hand to see why")
    return output


def _drained(process: subprocess.Popen[bytes], budget: Budget) -> bytes:
    """Its output, up to slightly more than SIZE. Raises TimeoutExpired at the deadline."""
    assert process.stdout is not None  # noqa: S101 - by stdout=PIPE
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(output) <= SIZE:
            if not selector.select(max(budget.left, 0)):
                raise subprocess.TimeoutExpired(process.args, budget.seconds)
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            output += chunk
    return output


def _end(process: subprocess.Popen[bytes], interactive: bool) -> None:
    """Kills the plug-in and its children if it failed or timed out. After success, background processes that it started
    stay."""
    if process.stdout:
        process.stdout.close()
    if sys.exc_info()[0] is None and process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill() if interactive else os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _credential(output: bytes, name: str, api_version: str) -> dict[str, Any]:
    try:
        answer = json_value(output)
    except MalformedError:
        answer = None
    if text(answer, "kind") != "ExecCredential" or text(answer, "apiVersion") != api_version:
        raise ClusterError(
            f"login plug-in {name!r} printed no ExecCredential of {api_version}", "Run the plug-in by hand to see why"
        )
    token, certificate, key = (text(answer, "status", k) for k in ("token", "clientCertificateData", "clientKeyData"))
    if not token and not (certificate and key):
        raise ClusterError(
            f"login plug-in {name!r} printed neither a token nor a certificate", "Run the plug-in by hand and log in"
        )
    found = {"token": token} if token else {}
    if certificate and key:
        pair = {"client-certificate-data": certificate, "client-key-data": key}
        found |= {k: base64.b64encode(pem.encode()).decode() for k, pem in pair.items()}
    return found


# -------------------------------------------------------------------------------- The proxy for a server, as in Go net/http


def proxy_for(server: str, environ: Mapping[str, str]) -> str | None:
    """The URL in HTTPS_PROXY or HTTP_PROXY. None for localhost, for hosts in NO_PROXY, and if none is set
    (golang.org/x/net/http/httpproxy)."""
    url = urlsplit(server)
    found = _either(environ, f"{url.scheme}_proxy")
    if not found or is_here(server):
        return None
    host = _host(server)
    if any(_covers(entry.strip().lower(), host, url.port) for entry in _either(environ, "no_proxy").split(",")):
        return None
    return found if "://" in found else f"http://{found}"


def _either(environ: Mapping[str, str], key: str) -> str:
    return environ.get(key.upper()) or environ.get(key) or ""


def _host_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_here(server: str) -> bool:
    """Whether the server is on this host: `localhost` or a loopback address."""
    found = _host_address(_host(server))
    return _host(server) == "localhost" or (found is not None and found.is_loopback)


def _host(server: str) -> str:
    return (urlsplit(server).hostname or "").rstrip(".").lower()


def _covers(entry: str, host: str, port: int | None) -> bool:
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and not _host_address(entry):
        if int(number) != port:
            return False
        entry = name.strip("[]")
    if entry in ("", "*"):
        return entry == "*"
    if found := _host_address(host):
        return _network_covers(entry, found)
    return host == entry.lstrip(".*") or host.endswith(f".{entry.lstrip('.*')}")


def _network_covers(entry: str, host: IPv4Address | IPv6Address) -> bool:
    try:
        return host in ip_network(entry, strict=False)
    except ValueError:
        return False
