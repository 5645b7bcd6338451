"""EDGE: the wire. `link` opens the interface, `frames` turns bytes into a Reply or an Ignored, `sweep` asks, listens
and accounts. The only package that imports scapy."""
