"""Sends ARP requests and receives replies. `packet_socket` opens the interface, `packets` encodes and decodes frames, and
`scan` runs the loop.

This is the only package that imports scapy."""
