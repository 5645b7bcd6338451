"""What a running kube-proxy says of itself: the proxier line of its log, and its /configz.

Sources: cmd/kube-proxy/app/server_others.go and server_linux.go ("Using ipvs Proxier"), pkg/proxy/util/utils.go
("Changed sysctl", from -v=1 on), pkg/proxy/apis/config/types.go. Knows text only, and not what is configured."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arpcheck.objects import at, text

GROUP = "kubeproxy.config.k8s.io"
PORT = 10249
"""Of metricsBindAddress, where /configz and /proxyMode are (not the one of healthz)."""

_MAX_CHARS = 1024 * 1024
_PROXIER = re.compile(r"\bUsing (iptables|ipvs|nftables|userspace|kernelspace) Proxier\b", re.IGNORECASE)
"""Not "Using iptables proxy", which 1.26 to 1.28 print for an empty mode before they have chosen."""
_SYSCTL = re.compile(r"Changed sysctl\b.{0,40}?net/ipv4/conf/all/arp_ignore\b.{0,60}?\bafter\W{1,3}1\b")


_FAILED = re.compile(
    r"[^\n]*(?:(?:can'?t|cannot|could not|failed to|unable to) (?:get|set|ensure|write|read|change) sysctl[^\n]*net/ipv4/"
    r"|net/ipv4/(?:vs|conf)/[^\n]*(?:read-only file system|permission denied)"
    r"|can'?t use (?:the )?ipvs proxier|unable to create proxier)[^\n]*",
    re.IGNORECASE,
)
"""EnsureSysctl (pkg/proxy/util) and the making of a proxier (cmd/kube-proxy/app/server_linux.go): both end the process, so
that a line of after the proxier's says that it is not in force."""
_LOG = "its log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the process told."""

    mode: str | None
    """`""` where /configz shows an empty one; None: it was not told."""
    strict_arp: bool | None
    """None: it was not told."""
    where: str
    """`its log`, `/configz`."""
    failed: str = ""
    """The line of its log that says that it could not do it: a sysctl that could not be written, a proxier that could not
    be made. Empty where there is none."""
    had_ipvs: bool = False
    """Its log has an earlier start in IPVS mode."""


def from_log(log: str) -> Running | None:
    """The last line of its kind, plain, structured or JSON; None where a rotated log has lost it.

    The last megabyte is read. strictARP shows only where it changed a sysctl at that start and the log is verbose."""
    log = log[-_MAX_CHARS:]
    found = list(_PROXIER.finditer(log))
    start = found[-1].end() if found else 0
    failed = " ".join(line[0].split())[:200] if (line := _FAILED.search(log, start)) else ""
    if not found:
        return Running(mode=None, strict_arp=None, where=_LOG, failed=failed) if failed else None
    return Running(
        mode=found[-1][1].lower(),
        strict_arp=True if _SYSCTL.search(log, start) and not failed else None,
        where=_LOG,
        failed=failed,
        had_ipvs=any(line[1].lower() == "ipvs" for line in found[:-1]),
    )


def from_configz(output: str) -> Running | None:
    """What `curl localhost:10249/configz` printed: Go's field names, since the type has no JSON tags. None: not that."""
    try:
        found = json.loads(output) if len(output) <= _MAX_CHARS else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(config := at(found, GROUP), Mapping):
        return None
    mode, strict_arp = text(config, "Mode") or text(config, "mode"), _strict_arp(config)
    has_mode = isinstance(config.get("Mode", config.get("mode")), str)
    return Running(mode=mode if has_mode else None, strict_arp=strict_arp, where="/configz")


def _strict_arp(config: Mapping[str, Any]) -> bool | None:
    for path in (("IPVS", "StrictARP"), ("ipvs", "strictARP")):
        if isinstance(value := at(config, *path), bool):
            return value
    return None


def configz_commands(namespace: str, pod: str) -> tuple[str, str]:
    """The two commands that show what one kube-proxy has loaded: its metrics port is the node's loopback."""
    forward = shlex.join(("kubectl", "-n", namespace, "port-forward", f"pod/{pod}", f"{PORT}:{PORT}"))
    return forward, f"curl -s http://localhost:{PORT}/configz"
