"""The facts of the domain that more than one stage needs, each once."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address
from typing import Final

IPV4: Final = 4
IPV6: Final = 6
"""The IP versions, as `version` of an address has them."""

ROUTER: Final = 0x80
SOLICITED: Final = 0x40
OVERRIDE: Final = 0x20
"""Flags of a neighbour advertisement (RFC 4861, section 4.4): of a router, to a request, to replace a cache entry."""

ZERO = IPv4Address(0)
"""The sender of an ARP Probe (RFC 5227, section 1.1). Linux answers it for its own addresses, and never as a proxy."""

SLOW = 100.0
"""Frames per second above which silence proves nothing: a speaker's socket holds 256 ARP frames of the whole segment."""

CURRENT_FOR = timedelta(hours=1)
"""Age after which a record of who announces an address accuses nobody any more."""

AHEAD = timedelta(seconds=5)
"""Difference between two clocks that counts as none."""

IPVS = "ipvs"
"""kube-proxy's mode that needs strict ARP."""

IPVS_DEVICE = "kube-ipvs0"
"""The interface to which kube-proxy in IPVS mode binds every Service address (kubernetes: pkg/proxy/ipvs,
defaultDummyDevice)."""

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` writes into a pod template."""

ROUNDS = 3
"""Default of `--rounds`."""

WAIT = 1.0
"""Default of `--wait`: seconds to listen after the last frame."""

RATE = 10.0
"""Default of `--rate`: frames per second on each interface. Switches with dynamic ARP inspection shut a port down at 15."""

TOP_RATE = 4000.0
"""Frames per second on each interface for `--rate 0`. Faster, and responders lose requests."""

REQUEST_TIMEOUT = 30.0
"""Default of `--request-timeout`: seconds for reading the cluster in all."""

SEGMENTS = "segments"
"""The gap of networks that no vantage of `arpcheck cluster` probed, although it was to."""
