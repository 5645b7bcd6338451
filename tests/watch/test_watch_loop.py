"""Scenes watched in virtual time: the questions, the probes in between, every line and the timeline, word for word."""

import itertools
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from simulated.wire import SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.commands.watch_loop import Pace, WatchDependencies, announced, run_watch
from arpcheck.errors import ClusterError
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Arp, Families, Mac, Outcome, Verdict
from arpcheck.watch import MOST_CHANGES, Watch
from arpcheck.watch.state import WatchEvent
from arpcheck.wire.packets import Arrival, LinkLostError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACE = Pace(interval=30, lasts=12, every=0.25)


class Overheard(SimulatedWire):
    """A scene on which other frames pass too, each at its time."""

    def __init__(self, scene, frames=()):
        super().__init__(scene)
        self._others = sorted(frames)

    def receive(self, until):
        if self._others and self._others[0][0] <= until:
            at, frame = self._others.pop(0)
            return [*super().receive(max(at, self._now)), Arrival("eth0", at, frame)]
        return super().receive(until)


class Dying(SimulatedWire):
    def send(self, interface, frame):
        if self.now() > 5:
            raise LinkLostError(interface, "the interface went down")
        super().send(interface, frame)


def watched(scene, pace=PACE, wire=SimulatedWire, rate=100.0, **world):
    """The exit code and what was said."""
    scene = scene_file.load(scene) if isinstance(scene, str) else scene
    wire = wire(scene)
    said, stored = [], []
    options = Options(interfaces=scene.prober.interfaces, rounds=1, rate=rate, families=Families.AUTO)
    found = WatchDependencies(**{
        "wire": wire, "clock": lambda: NOW + timedelta(seconds=wire.now()), "host": scene_host(scene),
        "objects": cluster_objects.objects(scene, NOW, pipeline.NEEDS), "reading": None, "say": said.append,
        "store": stored.append, "stop": lambda: False, **world,
    })  # fmt: skip
    said.append(announced(options, pace, found))
    return run_watch(options, pace, found), "\n".join(said), stored


GAP = """\
watching 2 addresses on eth0 for 12.0 s: a request for each every 0.25 s, a full probe every 30.0 s
12:00:04.3  probed: 1 ok
12:00:08.1  10.0.0.50: no reply any more; last reply from worker-1
12:00:09.6  10.0.0.50: moved from worker-1 to worker-2, after 1.5 s without a reply
12:00:16.3  10.0.0.50: changed from ok to inconclusive: worker-2 replied, but the cluster was read 2026-03-01 12:00 UTC and \
then recorded worker-1: the current announcer is not known

From 2026-03-01 12:00:00 to 2026-03-01 12:00:16 UTC
10.0.0.50 (web/nginx): 1 move, 1 gap (1.5 s)
  12:00:00.1  worker-1
  12:00:08.1  nobody for 1.5 s
  12:00:09.6  worker-2
Worst moment: 12:00:08.1, no reply for 10.0.0.50; exit code 1"""

OVERLAP = """\
watching 2 addresses on eth0 for 12.0 s: a request for each every 0.25 s, a full probe every 30.0 s
12:00:04.3  probed: 1 ok
12:00:08.1  10.0.0.50: worker-1 and worker-2 both reply
12:00:10.1  10.0.0.50: moved from worker-1 to worker-2, after 2.0 s with two owners
12:00:16.3  10.0.0.50: changed from ok to inconclusive: worker-2 replied, but the cluster was read 2026-03-01 12:00 UTC and \
then recorded worker-1: the current announcer is not known

From 2026-03-01 12:00:00 to 2026-03-01 12:00:16 UTC
10.0.0.50 (web/nginx): 1 move, 1 overlap (2.0 s)
  12:00:00.1  worker-1
  12:00:08.1  worker-1 and worker-2 for 2.0 s
  12:00:10.1  worker-2
Worst moment: 12:00:08.1, several owners replied for 10.0.0.50; exit code 1"""

ROLLOUT = """\
watching 2 addresses on eth0 for 12.0 s: a request for each every 0.25 s, a full probe every 30.0 s
12:00:01.1  probed: 1 non-strict
12:00:01.1  10.0.0.50: non-strict: worker-2 and worker-3 replied without strict ARP; worker-1 should
12:00:08.1  worker-1 no longer replies for Service addresses
12:00:09.0  10.0.0.50: worker-1 and worker-3 reply; worker-2 no longer does
12:00:09.1  worker-2 no longer replies for Service addresses
12:00:10.0  10.0.0.50: only worker-1 replies, after 9.9 s with several owners
12:00:10.1  worker-3 no longer replies for Service addresses
12:00:16.3  10.0.0.50: changed from non-strict to ok: worker-1 replied in every round
12:00:16.3  worker-1: changed from non-strict to quiet
12:00:16.3  worker-2: changed from non-strict to quiet
12:00:16.3  worker-3: changed from non-strict to quiet

From 2026-03-01 12:00:00 to 2026-03-01 12:00:16 UTC
10.0.0.50 (web/nginx): 1 overlap (9.9 s)
  12:00:00.1  worker-1, worker-2 and worker-3 for 8.9 s
  12:00:09.0  worker-1 and worker-3 for 1.0 s
  12:00:10.0  worker-1
10.96.0.1: kernels that reply for Service addresses
  12:00:00.0  worker-1, worker-2 and worker-3 for 8.1 s
  12:00:08.1  worker-2 and worker-3 for 1.0 s
  12:00:09.1  worker-3
  12:00:10.1  nobody for 6.2 s
Worst moment: 12:00:01.1, 1 non-strict; 3 of 3 nodes without strict ARP; exit code 1"""

QUIET = """\
watching 2 addresses on eth0 for 12.0 s: a request for each every 0.25 s, a full probe every 30.0 s
12:00:04.3  probed: 1 ok

From 2026-03-01 12:00:00 to 2026-03-01 12:00:16 UTC
1 address did not change
No fault was found at any time; exit code 0"""


@pytest.mark.parametrize(
    ("scene", "code", "text"),
    [
        pytest.param("failover-gap", 1, GAP, id="gap"),
        pytest.param("failover-overlap", 1, OVERLAP, id="overlap"),
        pytest.param("rollout", 1, ROLLOUT, id="rollout"),
        pytest.param("healthy", 0, QUIET, id="nothing"),
    ],
)
def test_a_scene_is_told_word_for_word(scene, code, text):
    assert watched(scene)[:2] == (code, text)


def test_a_clean_move_that_the_cluster_records_is_3():
    """Asked too seldom to see the gap, which is then none."""
    pace = Pace(interval=11, lasts=13, every=4)
    code, text, _ = watched("failover-gap", pace=pace, reading=lambda: Answer(recorded_at("worker-2")))
    assert "10.0.0.50: moved from worker-1 to worker-2\n" in text
    assert "wrong-node" not in text
    assert code == 3


def recorded_at(node, seconds=0.0):
    """The cluster when its load balancer has recorded this announcer; read so many seconds after the beginning."""
    scene = f'title = "x"\nabout = "x"\n[[services]]\nname = "web/nginx"\nips = "10.0.0.50"\nl2_status = "{node}"\n'
    return cluster_objects.objects(scene_file.parse(scene, "x"), NOW + timedelta(seconds=seconds), pipeline.NEEDS)


def test_every_probe_is_stored_and_the_interval_is_kept():
    _, text, stored = watched("healthy", pace=Pace(interval=8, lasts=24, every=0.5))
    assert len(stored) == 4  # at 0, 8, 16 and 24 s
    assert "probed" in text
    assert {report.summary.exit_code for report in stored} == {0}


def test_no_more_frames_than_the_rate_allows():
    sent = []

    class Counted(SimulatedWire):
        def send(self, interface, frame):
            sent.append(self.now())
            super().send(interface, frame)

    _, text, _ = watched("healthy", wire=Counted, rate=4.0, pace=Pace(interval=30, lasts=20, every=0.1))
    assert "a request for each every 0.5 s, as 4 frames/s allow" in text
    assert min(after - before for before, after in itertools.pairwise(sent)) > 0.2


def frame(operation, sender_mac, sender_ip, target_ip, *, to=b"\xff" * 6):
    packed = [bytes(map(int, ip.split("."))) for ip in (sender_ip, target_ip)]
    head = to + sender_mac + b"\x08\x06" + b"\x00\x01\x08\x00\x06\x04" + operation.to_bytes(2, "big")
    return head + sender_mac + packed[0] + b"\xff" * 6 + packed[1]


ANNOUNCER, OTHER = bytes.fromhex("020100000200"), bytes.fromhex("020100000100")
"""Who announces it in this scene, and another node."""


def heard_of(*frames):
    wire = lambda scene: Overheard(scene, [(5.0 + n, found) for n, found in enumerate(frames)])  # noqa: E731
    code, text, _ = watched("healthy", wire=wire)
    lines = text.split("\n\n")[0].splitlines()[2:]
    return code, [line.split("  ", 1)[1] for line in lines]


def test_a_gratuitous_frame_of_another_node_is_told_once_in_a_series():
    announced = [frame(operation, OTHER, "10.0.0.50", "10.0.0.50") for operation in (1, 2, 1, 2)]
    assert heard_of(*announced) == (3, ["10.0.0.50: gratuitous ARP from worker-1"])


def test_an_announcement_of_somebody_who_does_not_answer_is_a_moment_that_matters():
    """Every client's cache follows it, though a probe finds one right answer."""
    wire = lambda scene: Overheard(scene, [(5.0, frame(1, OTHER, "10.0.0.50", "10.0.0.50"))])  # noqa: E731
    _, text, _ = watched("healthy", wire=wire)
    assert text.endswith("Worst moment: 12:00:05.0, worker-1 announced 10.0.0.50 and did not reply for it; exit code 3")


def test_one_that_names_who_answers_anyway_is_no_news():
    assert heard_of(frame(1, ANNOUNCER, "10.0.0.50", "10.0.0.50"), frame(2, ANNOUNCER, "10.0.0.50", "10.0.0.50")) == (0, [])


def test_who_asks_with_a_services_address_is_told():
    lines = ["10.0.0.50: worker-1 uses it as the sender of a request for 10.0.0.5: set arp_announce=2 there"]
    assert heard_of(*[frame(1, OTHER, "10.0.0.50", "10.0.0.5")] * 2) == (3, lines)
    line = "10.96.0.1: worker-1 uses it as the sender of a request for 10.0.0.9: set arp_announce=2 there"
    assert heard_of(frame(1, OTHER, "10.96.0.1", "10.0.0.9")) == (3, [line])


NO_NEWS = [
    pytest.param(frame(1, ANNOUNCER, "10.0.0.50", "10.0.0.5"), id="who announces it may hold it"),
    pytest.param(frame(1, OTHER, "10.0.0.11", "10.0.0.5"), id="its own address"),
    pytest.param(frame(1, OTHER, "0.0.0.0", "10.0.0.50"), id="an ARP probe"),
    pytest.param(frame(2, OTHER, "10.0.0.77", "10.0.0.77"), id="announced: an address of nobody's"),
    pytest.param(frame(2, OTHER, "10.0.0.50", "10.0.0.5", to=b"\x02\x02\x00\x00\x09\x09"), id="a reply to somebody else"),
    pytest.param(frame(1, b"\xff" * 6, "10.0.0.50", "10.0.0.5"), id="broadcast as a sender"),
    pytest.param(b"\x00" * 60, id="no ARP"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("found", NO_NEWS)
def test_what_is_no_news_is_not_told(found):
    assert heard_of(found) == (0, [])


def test_frames_that_this_host_lost_are_no_silence_of_anybody():
    wire = lambda scene: SimulatedWire(scene, drop=lambda arrival: 5 < arrival.at < 7)  # noqa: E731
    code, text, _ = watched("healthy", wire=wire)
    assert "nobody" not in text
    assert text.count("frames: the current requests prove nothing") == 1
    assert code == 3, "somebody else may have answered then"
    assert text.endswith("this host lost frames, so replies may be missing; exit code 3")


CANARY = IPv4Address("10.96.0.1")


def kernel_heard(mac, scene="healthy"):
    """The exit code and the last line when a MAC begins to answer for the canary after a probe of the scene."""
    _, _, (report, *_) = watched(scene, pace=Pace(interval=30, lasts=1))
    lines = []
    watch = Watch(lambda _, line: lines.append(line))
    watch.follow({}, CANARY, ())
    watch.probed(0.0, replace(report, summary=replace(report.summary, exit_code=0)))
    for at in range(4):
        watch.requested(float(at), CANARY)
        if at == 2:
            watch.replied(CANARY, mac(report))
    return watch.worst, lines[-1]


def test_a_kernel_that_begins_to_answer_between_two_probes_counts():
    mac = lambda report: report.nodes[0].macs[0].mac  # noqa: E731
    assert kernel_heard(mac) == (Outcome.FAULT, "worker-1 replies for Service addresses: no strict ARP")
    assert kernel_heard(lambda _: Mac("02:0f:00:00:00:01"))[0] is Outcome.UNSURE, "whose it is is not known"
    mac = lambda report: next(node for node in report.nodes if node.arp is Arp.NON_STRICT).macs[0].mac  # noqa: E731
    assert kernel_heard(mac, "two-non-strict")[0] is Outcome.FINE, "the probe has counted it, or it was accepted"


def test_a_flood_of_forged_senders_is_told_in_part():
    macs = [bytes((2, 15, 0, 0, n >> 8, n & 255)) for n in range(300)]
    frames = [(5.0 + n / 1000, frame(1, mac, "10.0.0.50", "10.0.0.50")) for n, mac in enumerate(macs)]

    def wire(scene):
        return Overheard(scene, frames)

    _, text, _ = watched("healthy", wire=wire)
    assert text.count("gratuitous ARP from") == 64


def test_an_interface_that_goes_down_ends_it_with_what_was_heard():
    code, text, _ = watched("healthy", wire=Dying)
    assert code == 3
    assert "eth0: the interface went down: no more replies from there\n" in text
    assert text.endswith("eth0: the interface went down; exit code 3")


def test_stopping_it_ends_it_with_the_timeline_and_the_worst_moment():
    wires = []

    def wire(scene):
        wires.append(SimulatedWire(scene))
        return wires[0]

    code, text, _ = watched("failover-gap", wire=wire, pace=Pace(interval=30, every=0.25), stop=lambda: wires[0].now() > 9)
    assert code == 3
    assert text.endswith(
        "Worst moment: 12:00:08.1, no reply to 3 requests for 10.0.0.50, which may have been lost; exit code 3"
    )
    assert "until Ctrl-C" in text


class Answer:
    def __init__(self, found):
        self.found = found

    def result(self):
        return self.found


def test_a_cluster_that_can_not_be_read_is_told_once_and_is_a_moment_that_matters():
    answers = iter([ClusterError("the API server x can't be read: connection refused"), ClusterError("x"), None])
    error = ClusterError("the API server x can't be read: timed out")
    code, text, stored = watched(
        "healthy", pace=Pace(interval=6, lasts=40, every=0.5), reading=lambda: Answer(next(answers, error)),
    )  # fmt: skip
    assert len(stored) == 6  # the third reading never came, so that its probe waited for 10 s
    assert code == 3
    assert text.endswith("12:00:06.0, the cluster could not be read, so the announcers were not known; exit code 3")
    told = [line.split("  ", 1)[1] for line in text.splitlines() if "earlier records are not used" in line]
    assert told == [
        f"{why}: the announcers are not known now; earlier records are not used"
        for why in (
            "the API server x can't be read: connection refused", "x", "the API server has not responded yet",
            "the API server x can't be read: timed out",
        )
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------- a failover and its record

FAILOVER = """
title = "A failover"
about = "Made by a test."
[nodes]
worker-1 = {{ ipvs = "strict" }}
worker-2 = {{ ipvs = "strict" }}
worker-3 = {{ ipvs = "strict" }}
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
until = "{ends:.2f}s"
[[announcers]]
at = "worker-2"
ips = "10.0.0.50"
from = "{begins:.2f}s"
"""


class Api:
    """What it says when it is read: worker-1 up to a moment, worker-2 from then on. It takes a second, and fails from
    another moment on."""

    def __init__(self, wire, recorded_from, fails_from=float("inf")):
        self.wire, self.recorded_from, self.fails_from = wire, recorded_from, fails_from

    def __call__(self):
        began = self.wire.now()
        node = "worker-2" if began >= self.recorded_from else "worker-1"
        found = ClusterError("the API server x can't be read: 401") if began >= self.fails_from else recorded_at(node, began)
        return Slow(self.wire, began + 1, found)


class Slow(Answer):
    def __init__(self, wire, ready, found):
        super().__init__(found)
        self.wire, self.ready = wire, ready

    def result(self):
        return self.found if self.wire.now() >= self.ready else None


def test_a_watch_of_months_keeps_the_last_changes_and_counts_all():
    """An address that moves with every request; what is said of it says that it is not all."""
    watch = Watch(lambda *_: None)
    ip, macs = IPv4Address("10.0.0.50"), (Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02"))
    watch.follow({ip: "web/nginx"}, None, ())
    for at in range(3_000):
        watch.requested(float(at), ip)
        watch.replied(ip, macs[at % 2])
    watch.tick(3_001.0)
    assert watch.totals.of(ip).events[WatchEvent.MOVE] == 2_999
    assert len(watch._timelines[ip].spans) == MOST_CHANGES + 1
    assert len(watch._changes[ip]) == MOST_CHANGES
    assert "of the last changes: 1000 moves" in watch.timeline(3_001.0, str)


def test_silences_that_are_kept_no_more_have_counted():
    """No reply to three requests, one reply, and so on; at first the owner always replied."""
    watch = Watch(lambda *_: None)
    ip, mac = IPv4Address("10.0.0.50"), Mac("02:00:00:00:00:01")
    watch.follow({ip: "web/nginx"}, None, ())
    for at in range(200 + 4 * (MOST_CHANGES + 500)):
        watch.requested(float(at), ip)
        if at < 200 or at % 4 == 0:
            watch.replied(ip, mac)
    assert watch.totals.of(ip).events[WatchEvent.GAP] > MOST_CHANGES + 400
    assert len(watch._timelines[ip].silences) <= MOST_CHANGES + 1
    assert watch.worst is not Outcome.FINE


def published(scene, probes, *, every=30, **pace):
    """What the metrics show after each probe."""
    found = []
    watched(scene, Pace(interval=every, lasts=every * (probes - 1) + 1, every=1, **pace), publish=found.append)
    return found


def test_a_probe_that_is_put_off_ends_no_later_than_the_watch():
    """Of several that begin to reply: the records get time to follow, within --for."""
    scene = "failover-overlap"
    objects = cluster_objects.objects(scene_file.load(scene), NOW, pipeline.NEEDS)
    pace, ended = Pace(interval=9, lasts=12, every=0.25, confirm=2.0), []
    for one in (pace, replace(pace, confirm=None)):
        found = []
        watched(scene, one, reading=lambda: Answer(objects), publish=found.append)
        ended.append([(run.report.run.started_at - NOW).total_seconds() for run in found])
    assert ended[0] != ended[1], "it is put off"
    assert all(began <= 12.1 for began in ended[0]), "but not beyond the end"


@pytest.mark.parametrize(
    ("scene", "soon"),
    [
        pytest.param("split-brain", True, id="several reply"),
        pytest.param("silent", False, id="nobody replies"),
        pytest.param("wrong-node", False, id="another node replies"),
        pytest.param("healthy", False, id="all is well"),
    ],
)
def test_what_several_reply_for_is_confirmed_at_once(scene, soon):
    runs = [one.report.run for one in published(scene, 3, confirm=5.0)]
    began, ended = [run.started_at for run in runs], [run.ended_at for run in runs]
    after = [(next_one - last).total_seconds() for last, next_one in itertools.pairwise(began)]
    assert (after[0] < 30) is soon
    assert not soon or (began[1] - ended[0]).total_seconds() == pytest.approx(5, abs=0.1)
    assert after[1] == pytest.approx(30, abs=0.1), "confirmed or not, the next one waits for its turn"


def test_the_metrics_call_a_fault_what_two_probes_showed():
    found = published("split-brain", 3)
    verdicts = [[t.verdict for t in one.report.targets if t.verdict] for one in found]
    assert verdicts == [[Verdict.INCONCLUSIVE], [Verdict.DUPLICATE], [Verdict.DUPLICATE]]
    assert [one.probes for one in found] == [
        {Outcome.UNSURE: 1}, {Outcome.UNSURE: 1, Outcome.FAULT: 1}, {Outcome.UNSURE: 1, Outcome.FAULT: 2},
    ]  # fmt: skip
    assert [{r.node for t in one.report.targets if t.verdict for r in t.responders} for one in found] == [
        {"worker-1", "worker-2"}
    ] * 3


@pytest.mark.parametrize("scene", ["failover-gap", "failover-overlap"])
@pytest.mark.parametrize("every", [5, 7, 8, 9, 11])
def test_a_failover_is_an_event_and_no_fault_of_the_metrics(scene, every):
    """Whenever the probes come: one may meet the gap or the overlap."""
    found = published(scene, 4, every=every)
    assert [one.report.summary.exit_code for one in found if one.report.summary.exit_code == 1] == []
    [totals] = found[-1].totals.values()
    assert totals.events[WatchEvent.MOVE] == 1
    assert totals.events[WatchEvent.GAP if scene == "failover-gap" else WatchEvent.OVERLAP] <= 1


def failover(moment, *, gap=0.0, recorded=1.0, fails=float("inf"), **pace):
    """At a moment, after a gap on the wire; the record follows after `recorded` seconds, or comes before it. The API fails
    from `fails` seconds after it."""
    scene = scene_file.parse(FAILOVER.format(ends=moment, begins=moment + gap), "x")
    wire, said = SimulatedWire(scene), []
    world = WatchDependencies(
        wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), host=scene_host(scene),
        objects=recorded_at("worker-1"), reading=Api(wire, moment + recorded, moment + fails), say=said.append,
        store=lambda _: None, stop=lambda: False,
    )  # fmt: skip
    options = Options(interfaces=("eth0",), rounds=1, rate=100.0)
    code = run_watch(options, Pace(**{"interval": 10, "lasts": 62, "every": 0.5, **pace}), world)
    return code, "\n".join(said)


@pytest.mark.parametrize(
    "fails", [float("inf"), -5.0, 0.0, 2.0], ids=["healthy", "gone before", "gone with it", "gone after"]
)
def test_a_correct_failover_accuses_nobody_at_whatever_moment_it_comes(fails):
    """The wire before the record or after it, in the light questions, while the cluster is read, or in a probe."""
    dice = random.Random(531)  # noqa: S311 - the same ones every time
    for _ in range(10):
        moment, gap, recorded = dice.uniform(2, 40), dice.choice([0, 0, 1.5]), dice.uniform(-3, 6)
        code, text = failover(moment, gap=gap, recorded=recorded, fails=fails)
        assert "wrong-node" not in text, (moment, gap, recorded, text)
        assert "from worker-1 to worker-2" in text
        assert code == 3 or (gap and code == 1), "in the gap nobody answered, if it was asked then"
        assert ("earlier records are not used" in text) == (fails < 20)


def test_a_record_that_does_not_follow_accuses_when_it_had_time_to():
    code, text = failover(12.0, recorded=1000.0)
    assert code == 1
    assert re.findall(r"10.0.0.50: changed from (\S+ to [\w-]+)", text) == [
        "ok to inconclusive",
        "inconclusive to wrong-node",
    ]
    told = [line for line in text.splitlines() if "to wrong-node" in line]
    assert [line[:8] for line in told] == ["12:00:45"], "not in the probes before, of which the record was too new"


def test_what_was_recorded_when_the_api_was_last_read_accuses_nobody_ever():
    code, text = failover(12.0, recorded=1000.0, fails=-5.0)
    assert code == 3
    assert "wrong-node" not in text


def test_a_file_read_once_accuses_nobody_after_a_move():
    _, text, _ = watched("failover-gap", pace=Pace(interval=10, lasts=60, every=0.5))
    assert "wrong-node" not in text


# ------------------------------------------------------------------------------------------------------ nothing judged


def test_stopped_before_the_first_probe_is_over_nothing_is_judged():
    code, text, stored = watched("healthy", stop=lambda: True)
    assert (code, stored) == (3, [])
    assert text.endswith("Nothing was judged: no finished probe could judge an address or a node; exit code 3")


def test_addresses_none_of_which_can_be_asked_are_not_clean():
    scene = scene_file.parse('title = "x"\nabout = "x"\n[[services]]\nname = "web/six"\nips = "fd00::50"\n', "x")
    code, _, _ = watched("healthy", objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS))
    assert code == 3


def test_a_watch_that_is_over_before_an_address_was_asked_three_times_is_not_clean():
    code, text, _ = watched("healthy", pace=Pace(interval=30, lasts=1))
    assert code == 3
    assert text.endswith("10.0.0.50 was requested fewer than 3 times; exit code 3")


@pytest.mark.parametrize(("faulty", "lines"), [(10, 11), (11, 3), (500, 3)])
def test_the_first_probe_of_many_faulty_addresses_is_summed_up_and_later_changes_are_told(faulty, lines):
    _, _, (report, *_) = watched("two-non-strict", pace=Pace(interval=30, lasts=1))
    one = next(target for target in report.targets if target.verdict)
    many = [replace(one, target=replace(one.target, ip=IPv4Address("10.0.4.0") + number)) for number in range(faulty)]
    said = []
    watch = Watch(lambda _, line: said.append(line))
    watch.probed(0.0, replace(report, targets=(*many, *(target for target in report.targets if not target.verdict))))
    assert len(said) == lines
    watch.probed(30.0, replace(report, targets=(replace(many[0], verdict=Verdict.OK), *many[1:])))
    assert said[lines:] == [f"10.0.4.0: changed from non-strict to ok: {one.reason}"]


@pytest.mark.parametrize(("lasts", "told"), [(0.5, True), (60.0, False), (None, False)])
def test_a_first_probe_that_takes_longer_than_the_whole_run_is_told_before_it_starts(lasts, told):
    scene = scene_file.load("forty-addresses-five-faults")
    world = WatchDependencies(
        wire=SimulatedWire(scene), clock=lambda: NOW, host=scene_host(scene),
        objects=cluster_objects.objects(scene, NOW, pipeline.NEEDS), reading=None, say=print, store=print, stop=lambda: True,
    )  # fmt: skip
    line = announced(Options(interfaces=scene.prober.interfaces, rounds=1, rate=10.0), Pace(lasts=lasts), world)
    assert ("lasts longer than that" in line) == told
