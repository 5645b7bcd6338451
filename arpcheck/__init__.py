"""arpcheck asks the wire who answers ARP for every LoadBalancer IP of a Kubernetes cluster.

    Services ─► targets ─► wire ─► replies ─┐
                                            ├─► [ Evidence ] ─► owners ─► verdicts ─► findings ─► report
    Nodes, leases, events, ConfigMaps ──────┘
            the world (two edges)              pure functions, no clock, no socket, no API

Two rules hold it together, and import-linter checks both:

1. Stages know the nouns (`model`, `objects`, `evidence`), never each other. Only `pipeline` knows the order. Only
   `wire` imports scapy, only `cluster` imports kubernetes, and nothing that concludes imports a socket, a clock or a file.
2. A plug-in is one module with the same three names (`NAME`, `NEEDS` and one function), listed in one explicit tuple in
   the `__init__` beside it: `loadbalancers`, `identities`. A report format is one module with `NAME` and `render`."""

__version__ = "0.1.0"
