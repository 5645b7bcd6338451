"""Runs `arpcheck watch` on a scene, inside an enclosure, and may do something on a station while it watches.

    python watch_on_stage.py SCENE ACT [OPTION]…        ACT: nothing, or a function of ACTS

What it prints goes through. An act begins when the first probe is over, and the watch is stopped when it has had its
say."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from ipaddress import IPv6Address

from arpcheck.lab import advertising, answering, scene_file
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import KUBECONFIG, stage
from arpcheck.wire.neighbour_discovery import ALL_NODES, group_mac


def main(name, act, *options):
    scene = scene_file.load(name)
    with stage(scene) as standing:
        program = [sys.executable, "-m", "arpcheck", "watch", "--iface", "eth0", "--kubeconfig", str(KUBECONFIG), *options]
        watch = standing.start("client", program, stdout=subprocess.PIPE, text=True)
        ACTS[act](watch, scene)
        for line in watch.stdout:
            sys.stdout.write(line)
        return watch.wait(60)


def until(watch, word):
    """Passes lines on up to one that has this word in it."""
    for line in watch.stdout:
        sys.stdout.write(line)
        if word in line:
            return


def nothing(watch, scene):
    """It ends by itself."""


def ask_as_a_service(watch, scene):
    """A process on worker-2 sends from an address that is on its kube-ipvs0, so its kernel asks with that one."""
    until(watch, "probed")
    inside("worker-2", sent)
    until(watch, "uses it as the sender")
    watch.send_signal(signal.SIGINT)


def sent():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("10.0.0.50", 0))
    sock.sendto(b"x", ("10.0.0.200", 9))


def announce(watch, scene):
    """Worker-3 announces the address as MetalLB's speaker does at a failover, and does not answer for it."""
    until(watch, "probed")
    mac = scene.station("worker-3").nics[0].mac
    ip = answering.IPv4Address("10.0.0.50")
    frames = [
        answering.Packet(answering.BROADCAST, mac, op, mac, ip, answering.BROADCAST, ip).encode(length=60) for op in (1, 2)
    ]
    inside("worker-3", lambda: [opened().send(frame) for frame in frames])
    until(watch, "gratuitous ARP from")
    watch.send_signal(signal.SIGINT)


def advertise(watch, scene):
    """The same for an IPv6 address."""
    until(watch, "probed")
    mac = scene.station("worker-3").nics[0].mac
    to, ip = ALL_NODES, IPv6Address("2001:db8:10::50")
    frame = advertising.NeighbourMessage(
        destination=group_mac(to), source=mac, kind=136, source_ip=IPv6Address("fe80::3"), destination_ip=to, target=ip,
        option=mac, flags=0x20,
    ).encode()  # fmt: skip
    inside("worker-3", lambda: opened().send(frame))
    until(watch, "unsolicited advertisement from")
    watch.send_signal(signal.SIGINT)


def scrape(watch, scene):
    """Another host reads the metrics until they are of two probes; then the watch is stopped as a kubelet does it."""
    until(watch, "probed")
    inside("worker-1", scraped)
    watch.send_signal(signal.SIGTERM)


def scraped():
    for _ in range(600):
        time.sleep(0.1)
        found = fetched("/metrics")
        if 'arpcheck_watch_probes_total{context="lab",interface="eth0",outcome="fault"} 1.0' in found:
            break
    sys.stdout.writelines(line + "\n" for line in found.splitlines() if line.startswith(SHOWN) and line.endswith(" 1.0"))
    sys.stdout.write(f"healthz {fetched('/healthz')}")
    sys.stdout.flush()


def fetched(path):
    with closing(http.client.HTTPConnection("10.0.0.5", 9798, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


SHOWN = ("arpcheck_node_state", "arpcheck_address_verdict", "arpcheck_address_responder{", "arpcheck_watch_probes_total")


def opened():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", answering.ETHERTYPE))
    return sock


def down(watch, scene):
    until(watch, "probed")
    subprocess.run(["ip", "-n", "client", "link", "set", "eth0", "down"], check=True)


ACTS = {act.__name__: act for act in (nothing, ask_as_a_service, announce, advertise, down, scrape)}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
