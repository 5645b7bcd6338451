"""Which proxy leads to an API server, as Go's net/http finds it, since kubectl does so. Pure.

The client reads the environment too, but proxies even what this host itself listens on."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit


def proxy_for(server: str, environ: Mapping[str, str]) -> str | None:
    """The URL in HTTPS_PROXY or HTTP_PROXY; None for localhost, for what NO_PROXY names, and where there is none
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


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_here(server: str) -> bool:
    """Whether it is on this host: `localhost` or a loopback address."""
    found = _address(_host(server))
    return _host(server) == "localhost" or (found is not None and found.is_loopback)


def _host(server: str) -> str:
    return (urlsplit(server).hostname or "").rstrip(".").lower()


def _covers(entry: str, host: str, port: int | None) -> bool:
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and not _address(entry):
        if int(number) != port:
            return False
        entry = name.strip("[]")
    if entry in ("", "*"):
        return entry == "*"
    if found := _address(host):
        return _network_covers(entry, found)
    return host == entry.lstrip(".*") or host.endswith(f".{entry.lstrip('.*')}")


def _network_covers(entry: str, host: IPv4Address | IPv6Address) -> bool:
    try:
        return host in ip_network(entry, strict=False)
    except ValueError:
        return False
