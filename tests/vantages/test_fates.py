"""What became of a Job: from the shapes that a real cluster writes."""

import pytest

from arpcheck.vantages.jobs import Fate, job_state
from arpcheck.vantages.manifests import JOB

TITLE = "arpcheck-7f3a-v1"


def job(*conditions):
    return {
        "metadata": {"name": TITLE},
        "status": {"conditions": [{"status": "True", "type": "Failed", **one} for one in conditions]},
    }


def pod(phase="Pending", *, title=TITLE, waiting=None, ended=None, conditions=(), made="2026-01-01T00:00:00Z", **status):
    state = {"waiting": waiting} if waiting else {"terminated": ended} if ended else {}
    return {
        "metadata": {"name": f"{title}-x", "labels": {JOB: title}, "creationTimestamp": made},
        "spec": {"nodeName": "worker-1"},
        "status": {"phase": phase, "containerStatuses": [{"state": state}], "conditions": [*conditions]} | status,
    }


def event(kind, reason, message, *, of=None, at="2026-01-01T00:00:01Z", type_="Warning"):
    about = {"kind": kind, "name": of or (TITLE if kind == "Job" else f"{TITLE}-x")}
    return {"involvedObject": about, "reason": reason, "message": message, "type": type_, "lastTimestamp": at}


UNSCHEDULED = event("Pod", "FailedScheduling", "0/3 nodes are available: 1 Insufficient cpu.")
POD_SECURITY = event(
    "Job",
    "FailedCreate",
    f'Error creating: pods "{TITLE}-x" is forbidden: violates PodSecurity "baseline:latest": host namespaces',
)
NO_ACCOUNT = event(
    "Job",
    "FailedCreate",
    'Error creating: pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
)
QUOTA = event("Job", "FailedCreate", 'Error creating: pods "x" is forbidden: exceeded quota: compute, requested: pods=1')
WEBHOOK = event("Job", "FailedCreate", 'Error creating: admission webhook "p" denied the request: no hostNetwork')
PULL = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
LOST = {"type": "Ready", "status": "False"}
RUNS = [{"ready": True, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]
NOT_READY = event("Pod", "NodeNotReady", "Node is not ready")

CASES = {
    "just made": (job(), [], [], Fate.WAITING, "no Pod"),
    "not scheduled": (job(), [pod()], [UNSCHEDULED], Fate.WAITING, "Insufficient cpu"),
    "not pulled": (job(), [pod(waiting=PULL)], [], Fate.WAITING, "ImagePullBackOff"),
    "never pulled": (job(), [pod(waiting={"reason": "InvalidImageName"})], [], Fate.FAILED, "InvalidImageName"),
    "refused by Pod Security": (job(), [], [POD_SECURITY], Fate.FAILED, "violates PodSecurity"),
    "refused by a webhook": (job(), [], [WEBHOOK], Fate.FAILED, "no hostNetwork"),
    "the account comes later": (job(), [], [NO_ACCOUNT], Fate.WAITING, "serviceaccount"),
    "no room in the quota": (job(), [], [QUOTA], Fate.WAITING, "exceeded quota"),
    "runs": (job(), [pod("Running")], [], Fate.RUNNING, ""),
    "done": (job(), [pod("Succeeded")], [], Fate.DONE, ""),
    "done, its log is gone": (job({"type": "Complete"}), [], [], Fate.FAILED, "log"),
    "evicted": (
        job({"reason": "BackoffLimitExceeded"}), [pod("Failed", reason="Evicted", message="The node was low on resource: memory.")],
        [], Fate.FAILED, "Evicted: The node was low on resource: memory.",
    ),
    "ended with an error": (job(), [pod("Failed", ended={"reason": "Error", "exitCode": 2})], [], Fate.FAILED, "exit code 2"),
    "killed for its memory": (job(), [pod("Failed", ended={"reason": "OOMKilled", "exitCode": 137})], [], Fate.FAILED, "OOMKilled"),
    "took too long, its Pod is gone": (
        job({"reason": "DeadlineExceeded", "message": "Job was active longer than specified deadline"}), [], [],
        Fate.FAILED, "DeadlineExceeded",
    ),
    "took too long, its Pod still ends": (job({"reason": "DeadlineExceeded"}), [pod("Running")], [], Fate.FAILED, "DeadlineExceeded"),
    "node lost": (job(), [pod("Running", conditions=[LOST], containerStatuses=RUNS)], [NOT_READY], Fate.FAILED, "Node is not ready"),
    "node lost, no event": (job(), [pod("Running", conditions=[LOST], containerStatuses=RUNS)], [], Fate.FAILED, "NodeNotReady"),
    "not ready yet": (job(), [pod("Running", conditions=[LOST], containerStatuses=[{"ready": False, "state": {}}])], [], Fate.RUNNING, ""),
    "node lost, phase unknown": (job(), [pod("Unknown")], [], Fate.FAILED, "NodeLost"),
    "deleted by somebody": (None, [], [], Fate.FAILED, "deleted"),
    "events of others": (job(), [], [event("Job", "FailedCreate", "forbidden", of="other")], Fate.WAITING, "no Pod"),
    "a Pod of another Job": (job(), [pod("Succeeded", title="other")], [], Fate.WAITING, "no Pod"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_it(name):
    of, pods, events, fate, words = CASES[name]
    found = job_state(of, pods, events)
    assert (found.fate, words in found.why) == (fate, True), found


def test_a_pod_that_is_being_deleted_is_not_waited_for():
    going = pod("Running")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:05Z"
    assert job_state(job(), [going], [event("Pod", "TaintManagerEviction", "Marking for deletion")]).fate is Fate.FAILED


def test_of_two_pods_the_newer_one_counts():
    older, newer = pod("Failed", reason="NodeAffinity"), pod("Succeeded", made="2026-01-01T00:00:09Z")
    assert job_state(job(), [newer, older], []).fate is Fate.DONE


def test_the_newest_warning_is_told():
    first, second = (
        event("Pod", "FailedScheduling", words, at=f"2026-01-01T00:00:0{n}Z") for n, words in ((1, "old"), (2, "new"))
    )
    normal = event("Pod", "Scheduled", "assigned", at="2026-01-01T00:00:03Z", type_="Normal")
    assert job_state(job(), [pod()], [first, normal, second]).why == "FailedScheduling: new"


HOSTILE = [
    None,
    7,
    "x",
    [],
    {},
    {"status": []},
    {"status": {"conditions": [7, None], "containerStatuses": ["x", {"state": 7}]}},
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_any_shape_of_an_object_is_taken(value):
    broken = {"metadata": {"name": TITLE, "labels": {JOB: TITLE}}, **(value if isinstance(value, dict) else {})}
    assert job_state(broken, [broken], [value or {}]).fate is Fate.WAITING
