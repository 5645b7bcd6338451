"""The lab: a LAN of network namespaces with real kernel ARP, announcers like MetalLB's speaker, and scenes in TOML. Used by
`arpcheck demo` and by the tests, which also have the same scenes without a kernel.

    scenes/*.toml ─► scene ─► network, announcer, apiserver ─► run (an enclosure of its own) ─► arpcheck probe"""
