"""A LAN with nodes, pods and other hosts on the kernel, whose nodes do with connections what nftables rules say.

It runs in an enclosure, as `play` starts it: it builds the network, tries connections with the code of `--reach`, then as a
real client with a static neighbour entry for each MAC address, and prints what both came to. nft's DNAT stands in for
kube-proxy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from arpcheck.endpoints import ENDPOINT_SLICES
from arpcheck.evidence import Evidence, Options
from arpcheck.judge.reach import ReachContext, is_broken, is_unreached, is_wrong_source, reach_rows
from arpcheck.lab import network as enclosure
from arpcheck.lab.announcer import inside
from arpcheck.model import Mac
from arpcheck.objects import Objects
from arpcheck.pipeline import with_reach
from arpcheck.wire.reach import ReachAim, ReachPlan, reach
from arpcheck.wire.reach_socket import LiveReachWire

sys.path.append(str(Path(__file__).resolve().parents[1]))
import forked

PROBER_MAC = Mac("02:00:00:00:00:05")
NETS = ("10.0.0", "10.1.0")
"""Networks of the LAN, in both of which the prober is."""
MORE_NICS = {"eth1": (Mac("02:00:00:00:01:05"), 0), "eth2": (Mac("02:00:00:00:02:05"), 1)}
"""Further NICs of the prober, with their rp_filter."""
PORT = 80
OPEN, NEVER_ACCEPTS, FULL, CLOSED = 8080, 8081, 8082, 9
CONNECTS, ANSWERS = 4.5, 1.5
"""Seconds that a client waits: a node gives up ARP for a dead pod after three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A station of the LAN. With a pod it is a node."""

    name: str
    number: int
    """The last octet of its address, and of its MAC address."""
    nics: int = 1
    pod: bool = False
    forwards: bool = True
    redirects: bool = True
    rp_filter: int = 0
    net: str = NETS[0]
    replies_to: str = "eth0"
    """The NIC where it has the prober's address."""
    blocked: bool = False
    """The prober's kernel lets no IPv4 frame out to it."""

    @property
    def address(self) -> str:
        return f"{self.net}.{self.number}"

    @property
    def prober(self) -> IPv4Address:
        """The prober's address in its network."""
        return IPv4Address(f"{self.net}.5")

    def mac(self, nic: int = 0) -> Mac:
        return Mac(f"02:00:00:00:{nic:02x}:{self.number:02x}")

    @property
    def pod_address(self) -> str:
        return f"10.42.{self.number}.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One address, and the MAC address that is asked for it beside the owner's."""

    name: str
    host: str
    nic: int = 0
    rules: Sequence[str] = ()
    """nft rules `CHAIN RULE` of the host, with VIP in them."""
    held_by: Sequence[str] = ()
    """Hosts that hold the address."""
    routes: Mapping[str, str] = field(default_factory=dict)
    """By host, the gateway to the address."""
    listens: Mapping[str, int] = field(default_factory=dict)
    """Hosts that listen at the address itself: 1, they answer."""
    owned: bool = True
    """The owner serves the address and answers ARP for it."""
    local: bool = False
    """externalTrafficPolicy Local."""
    slices: Sequence[Sequence[str]] = ()
    """The EndpointSlices of its Service: of each, the nodes with an endpoint."""
    gone: int | None = None
    """The slice that is deleted during the tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    hosts: Sequence[Host]
    scenes: Sequence[Scene]
    owner: str = "owner"
    read_again: bool = True
    """The API gives the EndpointSlices after the tries too."""

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def vip(self, scene: Scene) -> str:
        return f"10.0.0.{100 + self.scenes.index(scene)}"


def dnat(host: Host, port: int = OPEN, *, address: str | None = None) -> str:
    return f"before ip daddr VIP tcp dport {PORT} dnat to {address or host.pod_address}:{port}"


# ------------------------------------------------------------------------------------------------------- inside the enclosure


def run(*words: str, stdin: str | None = None) -> None:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}\n{stdin or ''}")


def ip(space: str, lines: Iterable[str]) -> None:
    if batch := "\n".join(lines):
        run("ip", *(("-n", space) if space else ()), "-batch", "-", stdin=batch + "\n")


def build(stage: Stage) -> None:
    spaces = ["lan", "prober", *(host.name for host in stage.hosts), *(f"pod-{h.name}" for h in stage.hosts if h.pod)]
    ip("", [f"netns add {space}" for space in spaces])
    ip("lan", ["link add lan type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set lan up"])
    _plug("prober", "eth0", PROBER_MAC, "prober0")
    for nic, (mac, _) in MORE_NICS.items():
        _plug("prober", nic, mac, f"prober{nic[-1]}")
    for host in stage.hosts:
        for nic in range(host.nics):
            _plug(host.name, f"eth{nic}", host.mac(nic), f"{host.name}-{nic}"[:15])
        if host.pod:
            ip("", [f"link add pod netns {host.name} type veth peer name eth0 netns pod-{host.name}"])
    for space in spaces:
        inside(space, lambda space=space: _sysctls(stage, space))
    ip("prober", ["link set lo up", *(f"address add {net}.5/24 dev eth0" for net in NETS), "link set eth0 up"])
    ip("prober", [f"link set {nic} up" for nic in MORE_NICS])
    if blocked := [f"ether daddr {host.mac()} meta protocol ip drop" for host in stage.hosts if host.blocked]:
        rules = "\n".join(("table netdev t {", f"chain egress {{\n{_EGRESS};", *blocked, "}", "}\n"))
        run("ip", "netns", "exec", "prober", "nft", "-f", "-", stdin=rules)
    for host in stage.hosts:
        _furnish(stage, host)


def _plug(space: str, nic: str, mac: Mac, port: str) -> None:
    ip("", [f"link add {nic} netns {space} address {mac} type veth peer name {port} netns lan"])
    ip("lan", [f"link set {port} master lan up"])


def _sysctls(stage: Stage, space: str) -> None:
    host = next((host for host in stage.hosts if host.name == space), None)
    v4 = Path("/proc/sys/net/ipv4")
    if enclosure.NO_IPV6.exists():
        enclosure.NO_IPV6.write_text("1")
    (v4 / "ip_forward").write_text(str(int(host is not None and host.forwards)))
    for conf in (v4 / "conf").iterdir():
        values = {
            "rp_filter": host.rp_filter if host else MORE_NICS.get(conf.name, (None, 0))[1] if space == "prober" else 0,
            "send_redirects": int(host.redirects) if host else 1,
            "accept_redirects": 0,
            "arp_ignore": int(space == "prober"),  # one NIC of the prober replies for its address, not all
        }
        for key, value in values.items():
            (conf / key).write_text(str(value))


def _furnish(stage: Stage, host: Host) -> None:
    lines = ["link set lo up"]
    for nic in range(host.nics):
        lines += [f"address add {host.net}.{host.number + 10 * nic}/24 dev eth{nic}", f"link set eth{nic} up"]
    if host.replies_to in MORE_NICS:
        lines.append(f"neigh replace {host.prober} lladdr {MORE_NICS[host.replies_to][0]} nud permanent dev eth0")
    if host.pod:
        lines += [f"address add 10.42.{host.number}.1/24 dev pod", "link set pod up"]
    for other in stage.hosts:
        if other.pod and other is not host and host.pod and other.net == host.net:
            lines.append(f"route add 10.42.{other.number}.0/24 via {other.address} dev eth0")
    for scene in stage.scenes:
        if host.name in scene.held_by or (host.name == stage.owner and scene.owned):
            lines.append(f"address add {stage.vip(scene)}/32 dev lo")
        if gateway := scene.routes.get(host.name):
            lines.append(f"route add {stage.vip(scene)} via {stage.host(gateway).address}")
    ip(host.name, lines)
    if host.pod:
        gateway = f"route add default via 10.42.{host.number}.1"
        ip(
            f"pod-{host.name}",
            ["link set lo up", f"address add {host.pod_address}/24 dev eth0", "link set eth0 up", gateway],
        )
    if rules := _rules(stage, host):
        run("ip", "netns", "exec", host.name, "nft", "-f", "-", stdin=rules)


_EGRESS = "type filter hook egress device eth0 priority 0"
_CHAINS = {
    "early": "type filter hook prerouting priority raw",
    "before": "type nat hook prerouting priority dstnat",
    "input": "type filter hook input priority 0",
    "forward": "type filter hook forward priority 0",
    "after": "type nat hook postrouting priority srcnat",
}


def _rules(stage: Stage, host: Host) -> str:
    found: dict[str, list[str]] = {}
    for scene in stage.scenes:
        own = scene.rules if scene.host == host.name else ()
        if host.name == stage.owner and scene.owned:
            own = (dnat(host),)
        for written in own:
            chain, _, rule = written.replace("VIP", stage.vip(scene)).partition(" ")
            found.setdefault(chain, []).append(rule)
    chains = ("\n".join((f"chain {name} {{", f"{_CHAINS[name]};", *rules, "}")) for name, rules in found.items())
    return "\n".join(("table ip t {", *chains, "}\n")) if found else ""


def serve(stage: Stage) -> list[socket.socket]:
    """Listeners in the pods, and at the addresses themselves."""
    kept: list[socket.socket] = []
    for host in stage.hosts:
        if host.pod:
            space, own = f"pod-{host.name}", host.pod_address
            kept += [_listener(space, own, OPEN, answers=True), _listener(space, own, NEVER_ACCEPTS, answers=False)]
            kept += _full(space, own)
    for scene in stage.scenes:
        for name, answers in scene.listens.items():
            kept.append(_listener(name, stage.vip(scene), PORT, answers=bool(answers)))
    return kept


def _listener(space: str, address: str, port: int, *, answers: bool) -> socket.socket:
    made = inside(space, lambda: socket.create_server((address, port), backlog=256))
    if answers:
        threading.Thread(target=_answer, args=(made,), daemon=True).start()
    return made


def _answer(listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_say, args=(client,), daemon=True).start()


def _say(client: socket.socket) -> None:
    try:
        client.recv(1)
        client.sendall(b"ok")
    except OSError:
        pass  # the client is gone
    finally:
        client.close()


def _full(space: str, address: str) -> list[socket.socket]:
    """A listener whose queue is full: further SYNs are dropped (net/ipv4/tcp_input.c, tcp_conn_request)."""
    listener = inside(space, lambda: socket.create_server((address, FULL), backlog=0))
    kept = [listener]
    for _ in range(3):
        client = inside(space, lambda: socket.socket())
        client.setblocking(False)
        client.connect_ex((address, FULL))
        kept.append(client)
    time.sleep(0.05)  # until the handshakes within this host are over
    return kept


def half_open(stage: Stage) -> list[str]:
    """Connections in SYN_RECV (include/net/tcp_states.h: 3) of pods and hosts, but those of the full queues."""
    found = []
    for space in [*(host.name for host in stage.hosts), *(f"pod-{h.name}" for h in stage.hosts if h.pod)]:
        table = inside(space, lambda: Path("/proc/thread-self/net/tcp").read_text())
        for line in table.splitlines()[1:]:
            _, local, remote, state, *_ = line.split()
            if state == "03" and not local.endswith(f":{FULL:04X}"):
                found.append(f"{space} {local} {remote}")
    return found


def cluster(stage: Stage, *, later: bool = False) -> Objects:
    """The Services and EndpointSlices as the API shows them; nothing where no scene has a slice."""
    if not any(scene.slices for scene in stage.scenes):
        return Objects()
    found = {"services": tuple(_service(scene) for scene in stage.scenes), ENDPOINT_SLICES.resource: tuple(
        _slice(stage, scene, nodes)
        for scene in stage.scenes
        for number, nodes in enumerate(scene.slices)
        if not (later and number == scene.gone)
    )}  # fmt: skip
    return Objects(resources=found, account="kubeconfig of the stage")


def _service(scene: Scene) -> dict[str, Any]:
    spec = {"ports": [{"name": "web", "port": PORT}], "externalTrafficPolicy": "Local" if scene.local else "Cluster"}
    return {"metadata": {"namespace": "web", "name": scene.name}, "spec": {"type": "LoadBalancer", **spec}}


def _slice(stage: Stage, scene: Scene, nodes: Iterable[str]) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "web", "labels": {"kubernetes.io/service-name": scene.name}},
        "addressType": "IPv4",
        "ports": [{"name": "web", "port": OPEN, "protocol": "TCP"}],
        "endpoints": [{"addresses": [stage.host(node).pod_address], "nodeName": node} for node in nodes],
    }


def plan(stage: Stage, rate: float) -> ReachPlan:
    aims = []
    for scene in stage.scenes:
        asked = [(scene.host, stage.host(scene.host).mac(scene.nic))]
        asked += [(stage.owner, stage.host(stage.owner).mac())] if scene.owned else []
        aims += [
            ReachAim(
                interface="eth0", own_mac=PROBER_MAC, sender=stage.host(name).prober, ip=IPv4Address(stage.vip(scene)), port=PORT,
                service=f"web/{scene.name}", mac=mac, party=name,
            )
            for name, mac in dict.fromkeys(asked)
        ]  # fmt: skip
    return ReachPlan(aims=tuple(aims), rate=rate)


def client(address: str, source: str) -> str:
    """What a client in the prober's namespace gets: `ok` only with an answer of the server."""
    made = inside("prober", lambda: socket.socket())
    made.bind((source, 0))
    made.settimeout(CONNECTS)
    try:
        made.connect((address, PORT))
        made.settimeout(ANSWERS)
        made.sendall(b"?")
        return "ok" if made.recv(2) == b"ok" else "reset"
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"
    except OSError as error:
        return "unreachable" if error.errno in (113, 101) else error.strerror or "?"
    finally:
        made.close()


def clients(stage: Stage) -> dict[str, str]:
    """Through the MAC address of each scene, at once."""
    lines = [
        f"neigh replace {stage.vip(s)} lladdr {stage.host(s.host).mac(s.nic)} nud permanent dev eth0" for s in stage.scenes
    ]
    ip("prober", lines)
    with ThreadPoolExecutor(max_workers=len(stage.scenes)) as pool:
        sources = (str(stage.host(s.host).prober) for s in stage.scenes)
        got = pool.map(client, map(stage.vip, stage.scenes), sources)
        return dict(zip((s.name for s in stage.scenes), got, strict=True))


def captured(stage: Stage) -> socket.socket:
    """All that leaves the prober, heard at the bridge's port."""
    return inside("lan", _tap)


def _tap() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind(("prober0", 3))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    return sock


def seen(sock: socket.socket) -> list[str]:
    """`TO VIP:PORT FLAGS` of each TCP segment, and the EtherType of what is neither ARP nor TCP."""
    found = []
    sock.setblocking(False)
    while True:
        try:
            frame, _ = sock.recvfrom(256)
        except BlockingIOError:
            return found
        if frame[6:12] != PROBER_MAC.to_bytes():
            continue
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            port = int.from_bytes(frame[36:38], "big")
            found.append(f"{frame[:6].hex(':')} {IPv4Address(frame[30:34])}:{port} {frame[47]:02x}")
        elif frame[12:14] != b"\x08\x06":
            found.append(frame[12:14].hex())


def perform(stage: Stage, *, rate: float = 100.0, with_clients: bool = True) -> dict[str, Any]:
    build(stage)
    kept = serve(stage)
    macs = {host.mac(nic): host.name for host in stage.hosts for nic in range(host.nics) if host.pod}
    tap = captured(stage)
    wire = inside("prober", lambda: LiveReachWire(["eth0"]).__enter__())
    bound: Any = _Inside(wire)
    run_ = reach(bound, plan(stage, rate), begun=wire.now())
    wire.close()
    left, frames = half_open(stage), seen(tap)
    got = clients(stage) if with_clients else {}
    now = datetime.now(UTC)
    evidence = Evidence(
        arpcheck="", started_at=now, ended_at=now, options=Options(interfaces=("eth0",)), objects=cluster(stage)
    )
    evidence = with_reach(evidence, run_, cluster(stage, later=True) if stage.read_again else None)
    rows = reach_rows(
        evidence,
        ReachContext(
            node_of=lambda _, mac: macs.get(mac), outside=lambda _, mac: mac not in macs,
            announcers=lambda _: frozenset({stage.owner}), moved=frozenset(), own_nodes=frozenset(),
        ),
    )  # fmt: skip
    found = {}
    for scene in stage.scenes:
        of_scene = rows[IPv4Address(stage.vip(scene))]
        asked = stage.host(scene.host).mac(scene.nic)
        row = next(row for row in of_scene if row.mac == asked)
        owner = next((row for row in of_scene if row.mac != asked), None)
        found[scene.name] = {
            "result": row.result, "routes": row.routes, "tries": row.tries, "ttl": row.ttl, "source": row.source,
            "by": row.by, "code": row.code, "doubt": row.doubt, "why": row.why, "over": row.over, "owner": owner.result if owner else None,
            "fault": is_broken(row, of_scene) or is_wrong_source(row), "unreached": is_unreached(of_scene),
            "client": got.get(scene.name), "vip": stage.vip(scene), "mac": asked, "text": row.text,
        }  # fmt: skip
    for sock in kept:
        sock.close()
    return {"scenes": found, "half_open": left, "frames": frames, "lost": run_.lost, "complete": run_.complete}


class _Inside:
    """The wire, whose TCP ports are bound in the prober's namespace."""

    def __init__(self, wire: LiveReachWire) -> None:
        self._wire = wire

    def ports(self, interface: str, own: IPv4Address, most: int) -> range:
        return inside("prober", lambda: self._wire.ports(interface, own, most))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


# ---------------------------------------------------------------------------------------------------------------- from outside


def play(stage: Stage, **options: Any) -> dict[str, Any]:
    """What `perform` returns, from an enclosure."""
    told = json.dumps({"stage": asdict(stage), "options": options})
    done = forked.program([__file__], stdin=told)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    told = json.load(sys.stdin)
    stage = Stage(
        hosts=[Host(**host) for host in told["stage"]["hosts"]],
        scenes=[Scene(**scene) for scene in told["stage"]["scenes"]],
        owner=told["stage"]["owner"],
        read_again=told["stage"]["read_again"],
    )
    json.dump(perform(stage, **told["options"]), sys.stdout)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
