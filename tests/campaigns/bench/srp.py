"""scapy's own way: `python srp.py NIC FILE WAIT`; prints the replies as JSON."""

import json
import sys


def main(nic, path, wait):
    from scapy.layers.l2 import ARP, Ether
    from scapy.sendrecv import srp

    with open(path) as file:
        who_has = Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(pdst=file.read().split())
    answered, _ = srp(who_has, iface=nic, timeout=float(wait), multi=True, verbose=0)
    json.dump({"replies": [(reply[ARP].psrc, reply[ARP].hwsrc) for _, reply in answered]}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
