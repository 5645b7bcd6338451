"""A switch that loses frames: a process of the tests in the place of the lab's bridge. Only inside an enclosure.

The kernel's own way to lose frames (netem, nftables) is not everywhere. A frame is lost for each port that it should leave
by, so that one question may reach one station and not another."""

import os
import selectors
import socket
import subprocess
import threading

from arpcheck.lab.announcer import inside
from arpcheck.lab.network import lan_namespace

EVERY = 3
"""ETH_P_ALL."""


class LossySwitch:
    """A context: inside it the LAN loses frames. An error of its thread is raised when it ends."""

    def __init__(self, scene, dice, percent, direction):
        (self._lan,) = scene.lans
        stations = [station.name for station in scene.stations for nic in station.nics if nic.lan == self._lan]
        self._ports = {f"port{number}": station for number, station in enumerate(stations, 1)}
        self._prober, self._dice, self._percent, self._direction = scene.prober.station, dice, percent, direction
        self._wake, self._waker = os.pipe()
        self._learnt, self._failed = {}, []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        space = lan_namespace(self._lan)
        self._sockets = inside(space, lambda: {port: opened(port) for port in self._ports})
        for port in self._ports:
            subprocess.run(["ip", "-n", space, "link", "set", port, "nomaster"], check=True)
        self._thread.start()
        return self

    def __exit__(self, kind, error, _trace):
        os.write(self._waker, b"\0")
        self._thread.join()
        for sock in self._sockets.values():
            sock.close()
        if self._failed and error is None:
            raise self._failed[0]

    def _run(self):
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake, selectors.EVENT_READ)
                for port, sock in self._sockets.items():
                    selector.register(sock, selectors.EVENT_READ, port)
                while all(self._forward(key) for key, _ in selector.select()):
                    pass
        except Exception as error:  # noqa: BLE001 - raised by __exit__
            self._failed.append(error)

    def _forward(self, key):
        """One frame; False when it is over."""
        if key.data is None:
            return False
        frame, (_, _, kind, *_) = key.fileobj.recvfrom(65536)
        if kind == socket.PACKET_OUTGOING:
            return True
        self._learnt[frame[6:12]] = key.data
        to = self._learnt.get(frame[:6])
        for port in [to] if to else self._ports:
            if port != key.data and not self._loses(port):
                self._sockets[port].send(frame)
        return True

    def _loses(self, port):
        reply = self._ports[port] == self._prober
        return (
            self._direction == "both" or reply == (self._direction == "replies")
        ) and self._dice.random() * 100 < self._percent


def opened(port):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((port, EVERY))
    return sock
