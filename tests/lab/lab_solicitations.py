"""Sends neighbour discovery to a scene on the kernel, with a plain packet socket and nothing of arpcheck.wire.

`put` runs this file as a program in an enclosure. There it builds the scene, sends each frame from eth0 of the prober's
station and prints the advertisements and solicitations that came back. Beside frames there are commands, given as a list of
words: they run in the namespace of the prober's station, or in another one after `@NAME`."""

import json
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from arpcheck.lab import advertising, network, scene_file
from arpcheck.lab.announcer import Announcers, inside

sys.path.append(str(Path(__file__).resolve().parents[1]))
import forked

HEAD = 'title = "A test"\nabout = "Made by a test."\nlans.lan = { network = "10.0.0.0/24", network6 = "2001:db8:10::/64" }\n'
SNOOPING, SUPPRESSING = (
    HEAD.replace(" }", f", {more} }}") for more in ("mld_snooping = true", 'suppressed."2001:db8:10::50" = "worker-1"')
)


class Seen(NamedTuple):
    number: int
    """Of the frame that was sent, from 0."""
    message: advertising.NeighbourMessage
    length: int
    after: float
    """Milliseconds since it was sent."""


def put(toml, steps, *, wait=0.15, head=HEAD):
    """What came back for each, and by number what each command printed."""
    steps = [step.hex() if isinstance(step, bytes) else step for step in steps]
    told = json.dumps([head + toml, steps])
    done = forked.program([__file__, wait], stdin=told)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    seen = [
        Seen(number, advertising.decode(bytes.fromhex(frame)), len(frame) // 2, after)
        for number, frame, after in found["seen"]
    ]
    return seen, {int(number): text for number, text in found["said"].items()}


def main(wait):
    toml, steps = json.load(sys.stdin)
    scene = scene_file.parse(toml, "test")
    network.build(scene)
    station = scene.prober.station
    with Announcers(scene), inside(station, opened) as sock:
        network.await_announcers(scene)
        json.dump(conversation(sock, station, steps, float(wait)), sys.stdout)


def conversation(sock, station, steps, wait):
    seen, said = [], {}
    for number, step in enumerate(steps):
        if isinstance(step, list):
            space, words = (step[0][1:], step[1:]) if step[0].startswith("@") else (station, step)
            said[number] = subprocess.run(
                ["ip", "netns", "exec", space, *words], capture_output=True, text=True, check=True
            ).stdout
            continue
        asked = time.monotonic()
        sock.send(bytes.fromhex(step))
        for frame in replies(sock, asked + wait):
            seen.append((number, frame.hex(), (time.monotonic() - asked) * 1000))
    return {"seen": seen, "said": said}


def opened():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("eth0", advertising.ETHERTYPE6))
    return sock


def replies(sock, until):
    while (left := until - time.monotonic()) > 0:
        if select.select([sock], (), (), left)[0]:
            frame, address = sock.recvfrom(2048)
            if address[2] != socket.PACKET_OTHERHOST and advertising.decode(frame):
                yield frame


if __name__ == "__main__":
    main(*sys.argv[1:])
