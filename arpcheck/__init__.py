"""arpcheck sends ARP requests for every LoadBalancer IP of a Kubernetes cluster and reports which replies are wrong.

    Services ─► targets ─► wire ─► replies ─┐
                                            ├─► [ Evidence ] ─► owners ─► verdicts ─► findings ─► report
    Nodes, leases, events, ConfigMaps ──────┘
            network and API (two edges)        functions without a clock, a socket or the API

Two rules:

1. Stages import the shared types (`model`, `objects`, `evidence`), never each other. Only `pipeline` calls them in order.
   Only `wire` imports scapy, only `cluster` imports kubernetes, and no stage after them imports a socket, a clock or a file.
   import-linter checks this.
2. A plug-in is one module with `NAME`, `NEEDS` and its functions, listed in one explicit tuple in the `__init__` of its
   package: `loadbalancers`, `mac_owners`. A report format is one module with `render`."""

__version__ = "0.1.0"

IMAGE = f"arpcheck:{__version__}"
"""The container image of this version, as `scripts/image` builds it."""
