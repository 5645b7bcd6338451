"""Scenes without a kernel: a Wire in virtual time (`wire`), the kernel's ARP rules (`kernel`), and the scene's options of
`arpcheck probe` without a command line (`probe_options`). So every scene is judged in milliseconds too.

    SimulatedWire, cluster_objects ─► pipeline"""
