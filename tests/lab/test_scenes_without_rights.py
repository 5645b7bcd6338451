"""Rights that are missing: what only explains changes no verdict, and what judges becomes a doubt that its gap names."""

from dataclasses import replace
from pathlib import Path

import pytest
from simulated.sampling import sampled
from test_scenes_pure import NOW, report

from arpcheck import pipeline
from arpcheck.endpoints import ENDPOINT_SLICES
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Certainty, Verdict

SILENCES = sorted((Path(__file__).parent / "silences").glob("*.toml"))
EVERY = sampled([*scene_file.names(), *map(str, SILENCES)])
EXPLAINING = (ENDPOINT_SLICES.resource, "configurationstates.metallb.io")
"""They are read for reasons alone."""
OPTIONAL = tuple(dict.fromkeys(need.resource for need in pipeline.NEEDS if need.optional))
JUDGING = sorted({need.resource for need in pipeline.NEEDS} - {*EXPLAINING, "services", "nodes"})
"""Without Services and Nodes there is nothing to judge: other tests say what is said then."""
COMMON = {
    "configmaps", "daemonsets.apps", "ipaddresspools.metallb.io", "l2advertisements.metallb.io", "leases.coordination.k8s.io", "pods",
    "servicel2statuses.metallb.io",
}  # fmt: skip
"""Of which most scenes have objects."""
RULES = list(Verdict)
BECOMES = {0: (0, 3), 1: (1, 3), 3: (3,), 2: (2,)}
"""The exit codes with fewer rights."""


class Judged:
    def __init__(self, scene, folder, *refused):
        cluster = replace(scene.cluster, refused=tuple(dict.fromkeys((*scene.cluster.refused, *refused))))
        found = report(replace(scene, cluster=cluster), folder)
        targets = {(target["ip"], *target["services"]): target for target in found["targets"] if target["verdict"]}
        self.verdicts = {key: Verdict(target["verdict"]) for key, target in targets.items()}
        self.sure = {
            key: {reason["id"] for reason in target["reasons"] if reason["certainty"] == Certainty.SURE}
            for key, target in targets.items()
        }
        self.code = found["summary"]["exitCode"]
        self.gaps = {gap["what"]: gap["costs"] for gap in found["gaps"]}


@pytest.mark.parametrize("name", EVERY, ids=lambda name: Path(name).stem)
def test_a_missing_right_accuses_nobody_clears_nobody_and_is_a_gap(name, tmp_path):
    """Those that only explain; all optional ones at once; and by itself each other kind of which the scene has objects, but of
    the common ones half, in each scene another half."""
    scene = scene_file.load(name)
    full, less = Judged(scene, tmp_path), Judged(scene, tmp_path, *EXPLAINING)
    assert (less.verdicts, less.code) == (full.verdicts, full.code)
    assert_follows(full, less, EXPLAINING)
    there = cluster_objects.objects(scene, NOW, pipeline.NEEDS).resources
    has = [kind for kind in JUDGING if there.get(kind)]
    tried = sampled(f"{kind} {scene.name}" for kind in has if kind in COMMON)
    for kinds in (*((kind,) for kind in has if kind not in COMMON or f"{kind} {scene.name}" in tried), OPTIONAL):
        assert_follows(full, Judged(scene, tmp_path, *kinds), kinds)


def assert_follows(full, less, refused):
    wrong = {key: (was, now) for key, was in full.verdicts.items() if not may_become(was, now := less.verdicts[key])}
    assert (refused, wrong) == (refused, {})
    assert (refused, less.code) in [(refused, code) for code in BECOMES[full.code]]
    assert less.gaps.keys() == full.gaps.keys() | {*refused}
    assert all(less.gaps[kind] for kind in refused)
    unfounded = {key: less.sure[key] - full.sure[key] for key in full.sure if full.verdicts[key] is less.verdicts[key]}
    assert (refused, {key: ids for key, ids in unfounded.items() if ids}) == (refused, {})


def may_become(was, now):
    """The same; a doubt; or of several faults, the one that is looked for next."""
    if was is now or now is Verdict.INCONCLUSIVE:
        return True
    return RULES.index(was) < RULES.index(now) < RULES.index(Verdict.INCONCLUSIVE)
