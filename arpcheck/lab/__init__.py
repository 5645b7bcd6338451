"""The lab: a LAN of network namespaces with real kernel ARP, announcers like MetalLB's speaker, scenes in TOML, and the
same scenes without a kernel. Used by the tests and by `arpcheck demo`; nothing outside this package knows of it.

    scenes/*.toml ─► scene ─┬─► network, announcer, apiserver ─► run (an enclosure of its own) ─► arpcheck probe
                            └─► simulation (a Wire without a kernel), cluster_objects ─► pipeline"""
