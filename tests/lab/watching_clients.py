"""Inside an enclosure: what a client has in its caches, and what becomes of an address that a node checks for duplicates,
while commands of arpcheck run. Prints a JSON list of both, before the first command and after each.

python watching_clients.py COMMANDS-AS-JSON

After the commands the prober's station sends what arpcheck never sends, a check for duplicates of the same two addresses."""

import json
import subprocess
import sys
from ipaddress import IPv6Address
from pathlib import Path

from arpcheck.lab import scene_file
from arpcheck.lab.advertising import UNSPECIFIED, question
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[1]))
from apiserver.staged import serve
from lab_solicitations import opened

HELD, CHECKED = (tuple(IPv6Address(f"2001:db8:10::{last}") for last in lasts) for lasts in (("50", "51"), ("60", "61")))
"""The first of each is a Service's, the second only the pool's."""

CACHED = (*map(str, HELD), "10.0.0.50", "10.0.0.51")
WRONG = "02:0f:00:00:00:01"
"""What the client has for the addresses, and nobody replies with: the evidence of what was wrong."""

SCENE = """
title = "Clients that watch"
about = "A client has old entries, and worker-2 is about to take an address."
lans.lan = { network = "10.0.0.0/24", network6 = "2001:db8:10::/64" }
[nodes.worker-1]
addresses = ["10.0.0.11", "10.0.0.50/32", "10.0.0.51/32", "2001:db8:10::11", "2001:db8:10::50/128", "2001:db8:10::51/128"]
[nodes.worker-2]
[hosts.client]
addresses = "10.0.0.5"
[hosts.other]
addresses = "10.0.0.6"
[[services]]
name = "web/nginx"
ips = ["10.0.0.50", "2001:db8:10::50", "2001:db8:10::60"]
"""
POOL = {
    "apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "lan", "namespace": "metallb-system"},
    "spec": {"addresses": ["10.0.0.50/31", "2001:db8:10::50/127", "2001:db8:10::60/127"]},
}  # fmt: skip
BEGIN_THE_CHECK = f"""
for key in accept_dad dad_transmits; do echo 1 >/proc/sys/net/ipv6/conf/eth0/$key; done
echo 3600000 >/proc/sys/net/ipv6/neigh/eth0/retrans_time_ms
for address in {CHECKED[0]} {CHECKED[1]}; do ip address add $address/128 dev eth0; done
"""
"""It lasts for an hour."""


def main(commands: list[list[str]]) -> None:
    seen = []
    with stage(scene_file.parse(SCENE, "watching-clients"), serve) as standing:
        standing.api.store.put(POOL)
        for ip in CACHED:
            within("other", "ip", "neigh", "replace", ip, "dev", "eth0", "lladdr", WRONG, "nud", "stale")
        within("worker-2", "sh", "-c", BEGIN_THE_CHECK)
        seen.append({"code": None, **watched()})
        for command in commands:
            program = [sys.executable, "-m", "arpcheck", *command, "--iface", "eth0", "--kubeconfig", str(KUBECONFIG)]
            run = standing.start("client", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out, err = run.communicate(timeout=60)
            seen.append({"code": run.returncode, "out": out, "err": err, **watched()})
        with inside("client", opened) as sock:
            for ip in (*HELD, *CHECKED):
                nic = standing.scene.station("client").nics[0]
                sock.send(question(nic.mac, UNSPECIFIED, ip)._replace(option=None).encode())
            within("client", "sleep", "0.3")
        seen.append({"code": None, **watched()})
    json.dump(seen, sys.stdout)


def watched() -> dict[str, object]:
    """What the client would send to, and the flags of the addresses that are checked."""
    entries = {ip: json.loads(within("other", "ip", "-j", "neigh", "show", ip)) for ip in CACHED}
    [shown] = json.loads(within("worker-2", "ip", "-j", "address", "show", "dev", "eth0"))
    flags = {one["local"]: sorted({"tentative", "dadfailed"} & one.keys()) for one in shown["addr_info"]}
    return {
        "cache": {ip: [entry.get("lladdr") for entry in found] for ip, found in entries.items()},
        "checked": [flags[str(ip)] for ip in CHECKED],
    }


def within(station: str, *words: str) -> str:
    return subprocess.run(["ip", "netns", "exec", station, *words], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
