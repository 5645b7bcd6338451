"""Networks of varied kinds on the kernel, and what `--reach` concludes from them: `scripts/reach [RUNS [SEED]]`. Most of it
is waiting, so several enclosures stand side by side.

Nearly every address serves its clients by every MAC address that is asked, which a real client confirms. Whatever is said
against one of those is wrong. Kinds: policy Cluster with and without SNAT, policy Local, an address on the node itself,
asymmetric replies, two NICs, rp_filter, direct server return. Of some addresses one node does not serve, by policy Local.

Each Service has one to three EndpointSlices, an endpoint may be in two of them, one of them may be deleted during the tries,
and the API may refuse the second reading. A node may be accused only where the endpoints are known to be the same."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

from reach_stage import Host, Scene, Stage, dnat, play

OWNER = "owner"
Kind = Callable[[random.Random, int, list[Host]], Scene]


def local_pod(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """Policy Local, or Cluster with an endpoint on the node."""
    node = chance.choice(nodes)
    return Scene(name=f"local-pod-{number}", host=node.name, rules=[dnat(node)])


def other_node(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """Policy Cluster: the endpoint is on another node, and the source is masqueraded."""
    node, other = chance.sample(nodes, 2)
    snat = f"after ip daddr {other.pod_address} ct original ip daddr VIP masquerade"
    held = [node.name] if chance.random() < 0.5 else []
    return Scene(name=f"other-node-{number}", host=node.name, rules=[dnat(other), snat], held_by=held)


def local_masqueraded(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """SNAT although the endpoint is on the node, as kube-proxy does with policy Cluster."""
    node = chance.choice(nodes)
    snat = f"after ip daddr {node.pod_address} ct original ip daddr VIP masquerade"
    return Scene(name=f"local-masqueraded-{number}", host=node.name, rules=[dnat(node), snat])


def on_the_node(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """A process of the host's network listens at the address."""
    node = chance.choice(nodes)
    return Scene(name=f"on-the-node-{number}", host=node.name, held_by=[node.name], listens={node.name: 1})


def second_nic(chance: random.Random, number: int, nodes: list[Host]) -> Scene | None:
    """The reply leaves by the first NIC of the node."""
    wide = [node for node in nodes if node.nics > 1 and node.rp_filter != 1]
    if not wide:
        return None
    node = chance.choice(wide)
    return Scene(name=f"second-nic-{number}", host=node.name, nic=1, rules=[dnat(node)])


def direct_return(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """The node routes the packet on, and the other replies itself."""
    node, other = chance.sample(nodes, 2)
    return Scene(
        name=f"direct-return-{number}", host=node.name, owned=False, routes={node.name: other.name}, held_by=[other.name],
        listens={other.name: 1},
    )  # fmt: skip


def without_endpoint(chance: random.Random, number: int, nodes: list[Host]) -> Scene:
    """Policy Local, and the node has no endpoint: it drops the connection (kubernetes pkg/proxy/iptables)."""
    return Scene(name=f"{UNSERVED}-{number}", host=chance.choice(nodes).name, rules=["early ip daddr VIP drop"], local=True)


AT_ONCE = 4
UNSERVED = "without-endpoint"

KINDS = (local_pod, other_node, local_masqueraded, on_the_node, second_nic, direct_return, without_endpoint)


def with_slices(chance: random.Random, scene: Scene, nodes: list[Host]) -> Scene:
    """The endpoints of the Service, in one to three slices."""
    others = [node.name for node in nodes if node.name != scene.host]
    names = [*([OWNER] if scene.owned else []), *chance.sample(others, chance.randint(0, len(others)))]
    names += [] if scene.name.startswith(UNSERVED) else [scene.host]
    slices: list[list[str]] = [[] for _ in range(chance.randint(1, 3))]
    for name in names:
        for one in chance.sample(slices, chance.choice((1, 1, 1, min(2, len(slices))))):
            one.append(name)
    gone = chance.randrange(len(slices)) if chance.random() < CHANGES else None
    local = scene.local or (scene.name.startswith("local-pod") and chance.random() < 0.5)
    return replace(scene, slices=slices, gone=gone, local=local)


CHANGES = 0.3
"""Of the Services lose a slice meanwhile, and of the second readings are refused."""


def changed(scene: Scene) -> bool:
    """Whether an endpoint is in no slice any longer."""
    left = {name for number, one in enumerate(scene.slices) if number != scene.gone for name in one}
    return left != {name for one in scene.slices for name in one}


def stage(chance: random.Random) -> Stage:
    nodes = [
        Host(
            name=f"n{number}", number=11 + number, pod=True, nics=chance.choice((1, 1, 2)),
            redirects=chance.random() < 0.5, rp_filter=chance.choice((0, 1, 2)),
        )
        for number in range(chance.randint(2, 5))
    ]  # fmt: skip
    made = (chance.choice(KINDS)(chance, number, nodes) for number in range(chance.randint(6, 10)))
    scenes = [scene for scene in made if scene is not None] or [local_pod(chance, 99, nodes)]
    scenes = [with_slices(chance, scene, nodes) for scene in scenes]
    hosts = [Host(name=OWNER, number=10, pod=True), *nodes]
    return Stage(hosts=hosts, scenes=scenes, read_again=chance.random() >= CHANGES)


def wrong(played: Stage, found: dict[str, Any]) -> Iterator[str]:
    """What is said of a healthy pair, or was not healthy after all; and an accusation without a proof."""
    for scene in played.scenes:
        name, row = scene.name, found["scenes"][scene.name]
        doubt = "changed" if played.read_again and changed(scene) else None
        if name.startswith(UNSERVED):
            doubt = doubt if played.read_again else "unconfirmed"
            said = row["fault"], row["doubt"], row["client"], row["unreached"], "does not serve" in row["text"]
            if said != (doubt is None, doubt, "timeout", False, doubt is None):
                yield f"{name}: {said}, {row['text']}"
            continue
        if row["client"] != "ok":
            yield f"{name}: the client got {row['client']}"
        if row["fault"] or row["unreached"] or row["doubt"] != doubt or "does not serve" in row["text"]:
            yield f"{name}: {row['result']}, {row['doubt']}, {row['text']}"
        allowed = ("accepted", "other-mac") if name.startswith("direct-return") else ("accepted",)
        if row["result"] not in allowed or row["owner"] not in ("accepted", None):
            yield f"{name}: {row['result']}, the owner {row['owner']}"
    yield from (f"half open: {place}" for place in found["half_open"])
    if found["lost"] or not found["complete"]:
        yield f"lost {found['lost']}, complete {found['complete']}"


def main(runs: int, seed: int) -> int:
    kinds: Counter[str] = Counter()
    pairs = faulty = 0
    stages = [stage(random.Random(f"{seed}/{number}")) for number in range(runs)]  # noqa: S311 - it can be repeated

    pool = ThreadPoolExecutor(AT_ONCE)
    for number, (played, found) in enumerate(zip(stages, pool.map(play, stages), strict=True)):
        rows = found["scenes"].items()
        pairs += sum((not name.startswith(UNSERVED)) + (row["owner"] is not None) for name, row in rows)
        kinds.update(name.rpartition("-")[0] for name, _ in rows)
        kinds.update("with other endpoints after" for scene in played.scenes if changed(scene))
        kinds.update("of a refused second reading" for _ in played.scenes if not played.read_again)
        for line in wrong(played, found):
            faulty += 1
            print(f"run {number} of seed {seed}: {line}", flush=True)  # noqa: T201
        if number % 10 == 9:
            print(f"{number + 1} runs, {pairs} pairs, {faulty} wrong", flush=True)  # noqa: T201
    told = ", ".join(f"{often} {kind}" for kind, often in sorted(kinds.items()))
    print(f"{runs} runs, {pairs} healthy pairs of MAC address and port ({told}): {faulty} wrong conclusions")  # noqa: T201
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
