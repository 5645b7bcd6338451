"""Draws clusters and holds the promises for each: `python tests/model/campaign.py FIRST COUNT [--kernel]`."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from clusters import Cluster, cluster
from holding import broken

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def judged(drawn: Cluster, seed: int) -> Mapping[str, Any]:
    """The report on a cluster without a kernel, with frames lost as drawn."""
    from arpcheck import pipeline
    from arpcheck.evidence import Options
    from arpcheck.lab import cluster_objects, scene_file
    from arpcheck.lab.simulation import SimulatedWire, scene_host
    from arpcheck.reports.document import document

    dice = Random(seed)  # noqa: S311 - a draw, not a secret
    scene = scene_file.parse(drawn.toml, f"drawn-{seed}")
    evidence = pipeline.observe(
        Options(interfaces=scene.prober.interfaces, **drawn.options),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS),
        host=scene_host(scene),
        wire=SimulatedWire(scene, drop=lambda _: dice.random() < drawn.drops),
        clock=lambda: NOW,
    )
    return document(pipeline.conclude(evidence))


def probed(drawn: Cluster, seed: int) -> Mapping[str, Any]:
    """The report on a cluster that was built on the kernel."""
    sys.path.append(str(Path(__file__).parent.parent))
    import forked

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"drawn-{seed}.toml"
        path.write_text(drawn.toml)
        options = (f"--rounds={drawn.options['rounds']}", f"--rate={drawn.options['rate']:g}")
        return forked.scene(str(path), ["-o", "json", *options]).report


def main(arguments: list[str]) -> int:
    first, count, kernel = int(arguments[0]), int(arguments[1]), "--kernel" in arguments
    codes: Counter[int] = Counter()
    failed = 0
    for seed in range(first, first + count):
        drawn = cluster(seed)
        report = (probed if kernel else judged)(drawn, seed)
        codes[report["summary"]["exitCode"]] += 1
        for promise in broken(drawn.truth, report):
            failed += 1
            print(f"cluster {seed}: {promise}")  # noqa: T201
    print(f"{count} clusters{' on the kernel' if kernel else ''}, {failed} promises broken, exit codes {dict(sorted(codes.items()))}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
