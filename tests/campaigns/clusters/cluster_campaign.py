"""`arpcheck cluster` on the kernel while things go wrong at random moments: pods are evicted, nodes lost, logs spoiled, Jobs deleted,
the API fails, Ctrl-C, kill -9. Whatever comes, the report holds nothing that is not so, and nothing is left behind.

    python cluster_campaign.py RUNS [SEED]     a run in an enclosure of its own for each seed from SEED on
    python cluster_campaign.py --one SEED      inside an enclosure; prints JSON"""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from apiserver import Fault
from kubelet import segments
from kubelet.cluster_on_stage import OPTIONS, OTHERS, SOON, SPOILED, Stage, everything, running
from kubelet.staged import cluster

from arpcheck.lab import network
from arpcheck.lab.api_objects import key_of
from arpcheck.objects import text

LONGEST = 26.0
"""Seconds of a run within which things go wrong."""
PATIENCE = 400
TRUTH = {ip: "non-strict" if ip.startswith("10.1.") else "ok" for ip in segments.addresses()} | {
    segments.DUPLICATE: "duplicate"
}
DOUBTS = ("inconclusive", "not-probed")
WAYS = (("-n", "probes"), (), (), ("--nodes", "a-2,a-3,b-5,b-6,c-1,c-2"), ("--segment", "10.2.0.0/24"), ("--all-nodes",))
LEFT_TO_CLEAN = ("cluster clean", "not gone yet", "could not be removed", "may be left")
"""What is said where something is left."""


# ------------------------------------------------------------------------------------------------------- What goes wrong


def evicts(stage, draw):
    if pod := _any_pod(stage, draw, running):
        stage.plane.kubelets.evict(*key_of(pod))


def loses(stage, draw):
    stage.plane.lose(draw.choice(segments.node_names()), power=draw.random() < 0.5)


def spoils(stage, draw):
    for node in draw.sample(segments.node_names(), 4):
        stage.plane.trouble.logs[node] = SPOILED[draw.choice([*SPOILED])]


def pulls_nothing(stage, draw):
    stage.plane.trouble.no_image.update(draw.sample(segments.node_names(), 3))


def deletes(stage, draw):
    """Somebody deletes a pod, or a Job, or its ConfigMap."""
    resource = draw.choice(("pods", "jobs", "configmaps"))
    found = [
        obj
        for kind, obj in stage.plane.store.everything()
        if kind.plural == resource and "arpcheck.io/run" in str(obj["metadata"])
    ]
    if found:
        space, name = key_of(draw.choice(found))
        root = "/apis/batch/v1" if resource == "jobs" else "/api/v1"
        stage.standing.ask("DELETE", f"{root}/namespaces/{space}/{resource}/{name}", {"propagationPolicy": "Background"})


def fails(stage, draw):
    """The API server answers nothing useful for some requests."""
    fault = draw.choice((Fault(status=503, times=3), Fault(status=500, times=2, method="POST"), Fault(close=True, times=3),
                         Fault(status=429, times=4), Fault(close=True, times=2, method="DELETE"), Fault(status=503, times=2, path="*/log*")))  # fmt: skip
    stage.standing.server.fail(fault)


def interrupts(stage, _draw):
    stage.program.send_signal(signal.SIGINT)


def terminates(stage, _draw):
    stage.program.send_signal(signal.SIGTERM)


def kills(stage, _draw):
    stage.program.kill()


WRONG = (evicts, evicts, loses, spoils, pulls_nothing, deletes, deletes, fails, fails, interrupts, terminates, kills)


def _any_pod(stage, draw, true):
    found = [
        stored.obj
        for stored in stage.plane.store.view("pods").values()
        if text(stored.obj, "metadata", "labels", "job-name")
    ]
    return draw.choice([pod for pod in found if true(pod)] or [None])


# ------------------------------------------------------------------------------------------------------------------ One run


def one(seed):
    draw = random.Random(seed)  # noqa: S311
    acts = sorted((draw.uniform(0, LONGEST), draw.choice(WRONG)) for _ in range(draw.choice((0, 1, 1, 2, 3))))
    way = draw.choice(WAYS)
    with cluster(segments.scene()) as standing:
        standing.apply(OTHERS)
        standing.plane.until(lambda store: store.find("serviceaccounts", "probes", "default"))
        stage = Stage(standing)
        stage.program, began = stage.start(*OPTIONS, *SOON, *way), time.monotonic()
        for after, act in acts:
            time.sleep(max(0.0, began + after - time.monotonic()))
            if stage.program.poll() is None:
                act(stage, draw)
        found = stage.finish(stage.program)
        found |= {
            "seconds": round(time.monotonic() - began, 1),
            "way": way,
            "acts": [[round(at, 1), act.__name__] for at, act in acts],
        }
        for node in [*standing.plane.trouble.lost]:
            standing.plane.find_again(node)
        standing.plane.trouble.no_image.clear()
        told = any(words in found["err"] for words in LEFT_TO_CLEAN)
        if found["code"] == -signal.SIGKILL or told:
            found["cleaned"] = stage.run("clean", "--force", *(way if "-n" in way else ()))
        found["left"] = stage.left()
        found["others"] = sorted(" ".join(key) for key in stage.before - everything(standing.plane.store) if "probes" in key)
    return found


def wrong(found):
    """What must not be, a line for each."""
    code, report = found["code"], None
    if found["out"].strip():
        report = json.loads(found["out"])
    early = any(
        act in ("terminates", "interrupts") and after < 2 for after, act in found["acts"]
    )  # before Python reads its first line
    if code not in (0, 1, 2, 3, 130, -signal.SIGKILL) and not (early and code in (-signal.SIGTERM, -signal.SIGINT)):
        yield f"exit code {code}"
    if code in (0, 1, 3) and report is None:
        yield f"exit code {code} without a report"
    if found["left"]:
        yield f"left behind: {found['left'][:3]}"
    if found["others"]:
        yield f"took what was others': {found['others'][:3]}"
    if "fault in arpcheck" in found["err"]:
        yield found["err"][-300:]
    if report:
        yield from _wrong_in(report, found)


def _wrong_in(report, found):
    verdicts = {target["ip"]: target["verdict"] for target in report["targets"] if target["verdict"]}
    for ip, verdict in verdicts.items():
        if verdict not in (TRUTH[ip], *DOUBTS):
            yield f"{ip} is {verdict}, in truth {TRUTH[ip]}"
    if found["code"] == 0 and any(verdict != "ok" for verdict in verdicts.values()):
        yield f"exit code 0 with {verdicts}"
    strict = [node["name"] for node in report["nodes"] if node["arp"] == "non-strict"]
    if strict not in ([], [segments.NON_STRICT]):
        yield f"non-strict: {strict}"
    if not found["acts"] and "--segment" not in found["way"] and verdicts != TRUTH:
        yield f"nothing went wrong, and it says {verdicts}"


# ------------------------------------------------------------------------------------------------------------- The campaign


def main(runs, first):
    bad = 0
    for seed in range(first, first + runs):
        program = network.command([sys.executable, __file__, "--one", str(seed)])
        done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            bad += 1
            sys.stdout.write(f"{seed}: the stage died: {done.stderr[-2000:]}\n")
            continue
        found = json.loads(done.stdout)
        faults = [*wrong(found)]
        bad += bool(faults)
        sys.stdout.write(
            f"{seed}: code {found['code']} in {found['seconds']} s, {' '.join(found['way']) or '-'}, {found['acts']}\n"
        )
        sys.stdout.writelines(f"    WRONG: {line}\n" for line in faults)
        sys.stdout.flush()
    sys.stdout.write(f"{runs} runs, {bad} of them wrong\n")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        json.dump(one(int(sys.argv[2])), sys.stdout)
    else:
        sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
