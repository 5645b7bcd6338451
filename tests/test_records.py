"""Which records count for the frames of a run: their rank, their time, their node, their namespace; and what else is said of
an address before anybody has answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest

from arpcheck import loadbalancers, pipeline
from arpcheck.evidence import Capture, Evidence, Options, Vantage
from arpcheck.model import Gap, Kind, Mac, Target
from arpcheck.objects import Objects
from arpcheck.pipeline import ages, records_of
from arpcheck.pipeline.records import announcers_of, prepared, record

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IP = IPv4Address("10.0.0.50")
LEASES, STATUSES = "leases.coordination.k8s.io", "servicel2statuses.metallb.io"
KUBE_VIP = {"kube-vip.io/loadbalancerIPs": "10.0.0.50"}
METALLB = {"metallb.io/ip-allocated-from-pool": "lan"}
WEB = Target(ip=IP, kind=Kind.LOAD_BALANCER, services=("web/nginx",))


def ago(seconds):
    return (NOW - timedelta(seconds=seconds)).isoformat()


def service(ip="10.0.0.50", name="nginx", **annotations):
    spec = {"type": "LoadBalancer"} | ({"loadBalancerClass": annotations.pop("cls")} if "cls" in annotations else {})
    return {
        "metadata": {"name": name, "namespace": "web", "annotations": annotations.pop("notes", METALLB)},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": [{"ip": ip}]}},
    }


def node(name, *addresses, ready="True", **labels):
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address} for address in addresses],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def lease(holder, name="plndr-svcs-lock", space="kube-system", renewed=1, lasts=15, acquired=3600, **spec):
    return {
        "metadata": {"name": name, "namespace": space, "uid": name},
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": lasts, "renewTime": ago(renewed), "acquireTime": ago(acquired),
            **spec,
        },
    }  # fmt: skip


def status(holder, name="l2-a", made=3600, space="metallb-system"):
    labels = {"metallb.io/node": holder, "metallb.io/service-name": "nginx", "metallb.io/service-namespace": "web"}
    meta = {"name": name, "namespace": space, "uid": name, "creationTimestamp": ago(made), "labels": labels}
    return {"metadata": meta, "status": {"node": holder}}


def event(holder, age):
    about = {"kind": "Service", "namespace": "web", "name": "nginx"}
    said = f'announcing from node "{holder}" with protocol "layer2"'
    meta = {"name": f"{holder}{age}", "namespace": "web"}
    return {"metadata": meta, "involvedObject": about, "reason": "nodeAssigned", "message": said, "lastTimestamp": ago(age)}


NODES = (node("worker-1", "10.0.0.11"), node("worker-2", "10.0.0.12"), node("worker-3", "10.0.0.13"))


def cluster(*services, nodes=NODES, read=0, ahead=None, **resources):
    """`read`: seconds before NOW, None: a file that does not say it."""
    named = {"leases": LEASES, "statuses": STATUSES, "daemonsets": "daemonsets.apps"}
    found = {named.get(key, key): tuple(objs) for key, objs in resources.items()}
    return Objects(
        resources={"services": services, "nodes": tuple(nodes), "events": (), LEASES: (), **found},
        read_at=None if read is None else NOW - timedelta(seconds=read),
        server_ahead=ahead,
    )


def again(objects, after=20, **resources):
    """The records of the same cluster, `after` seconds later."""
    named = {"leases": LEASES, "statuses": STATUSES}
    found = {named.get(key, key): tuple(objs) for key, objs in resources.items()}
    return Objects(resources=found, read_at=NOW + timedelta(seconds=after))


def said(objects, after=None, *, target=WEB, heard=(), begin=1, end=12, **rest):
    """What is recorded for frames from `begin` to `end`, in seconds after NOW."""
    first, last = (NOW + timedelta(seconds=seconds) for seconds in (begin, end))
    evidence = Evidence(
        arpcheck="x", started_at=first, ended_at=last, options=Options(), objects=objects, after=after, **rest
    )
    return record(target, evidence, frozenset(heard))


def trusts(found):
    return {f"{claim.node} {claim.trust}" for claim in found.claims}


# ----------------------------------------------------------------------------------------------------------------- rank


def test_a_nodes_own_address_never_overrules_a_live_lease():
    """A cloud provider lists every address that it finds on a machine, one left behind included."""
    nodes = (node("worker-1", "10.0.0.11", "10.0.0.50"), *NODES[1:])
    objects = cluster(service(notes=KUBE_VIP), nodes=nodes, leases=[lease("worker-2", lasts=300)])
    found = said(objects)
    assert (found.announcers, found.own_address_of) == ({"worker-2"}, ("worker-1",))


@pytest.mark.parametrize(
    ("resources", "announcers"),
    [
        pytest.param({}, {"worker-1"}, id="nothing else is recorded"),
        pytest.param({"statuses": [status("worker-3")]}, {"worker-3"}, id="a ServiceL2Status"),
        pytest.param({"events": [event("worker-2", 60)]}, {"worker-2"}, id="an event"),
        pytest.param({"events": [event("worker-2", 7200)]}, set(), id="an old event"),
    ],
)
def test_a_pool_that_holds_a_nodes_address(resources, announcers):
    nodes = (node("worker-1", "10.0.0.11", "10.0.0.50"), *NODES[1:])
    assert said(cluster(service(), nodes=nodes, **resources)).announcers == announcers


def test_of_an_hours_events_any_node_fits():
    """None is written when the address moves back (metallb#2310)."""
    found = said(cluster(service(), events=[event("worker-1", 1200), event("worker-2", 720), event("worker-3", 4000)]))
    assert (found.announcers, found.conflict) == ({"worker-1", "worker-2"}, ())


def test_two_records_of_the_first_rank_are_named_both():
    found = said(cluster(service(), statuses=[status("worker-1"), status("worker-2", "l2-b")]))
    assert [claim.source for claim in found.conflict] == [
        "ServiceL2Status metallb-system/l2-a", "ServiceL2Status metallb-system/l2-b",
    ]  # fmt: skip


def test_services_that_share_an_address_may_have_an_announcer_each():
    notes = {"lbipam.cilium.io/sharing-key": "k"}
    services = (service(notes=notes), service(name="api", notes=notes))
    held = [lease("worker-1", "cilium-l2announce-web-nginx"), lease("worker-2", "cilium-l2announce-web-api")]
    found = said(cluster(*services, leases=held), target=replace(WEB, services=("web/nginx", "web/api")))
    assert found.announcers == {"worker-1", "worker-2"}
    assert [claim.node for claim in found.conflict] == ["worker-1", "worker-2"], "one address has one announcer"


# ---------------------------------------------------------------------------------------------------------- two readings

CILIUM = {"lbipam.cilium.io/ips": "10.0.0.50"}


def cilium(holder, **fields):
    return lease(holder, "cilium-l2announce-web-nginx", **fields)


def test_a_lease_shorter_than_the_run_that_was_renewed_all_the_time_is_current():
    before, after = cilium("worker-2"), cilium("worker-2", renewed=-590)
    found = said(cluster(service(notes=CILIUM), leases=[before]), again(None, 600, leases=[after]), end=595)
    assert (found.announcers, found.changed) == ({"worker-2"}, ())


def test_by_a_nodes_slow_clock_a_renewed_lease_is_alive_all_the_same():
    before, after = cilium("worker-2", renewed=100), cilium("worker-2", renewed=80)
    assert said(cluster(service(notes=CILIUM), leases=[before]), again(None, leases=[after])).announcers == {"worker-2"}


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([cilium("worker-3", renewed=-15, acquired=-10)], id="taken by another"),
        pytest.param([cilium("worker-2", renewed=-15, acquired=-10)], id="lost and taken back"),
        pytest.param([], id="gone"),
    ],
)
def test_what_changed_while_the_frames_went_accuses_nobody(after):
    found = said(cluster(service(notes=CILIUM), leases=[cilium("worker-2")]), again(None, leases=after))
    assert found.announcers == set()
    assert [claim.node for claim in found.changed] == ["worker-2", *(obj["spec"]["holderIdentity"] for obj in after)]
    assert trusts(found) == {f"{claim.node} possibly-stale" for claim in found.changed}


def test_a_lease_that_nobody_renewed_has_ended_in_between():
    found = said(cluster(service(notes=CILIUM), leases=[cilium("worker-2")]), again(None, leases=[cilium("worker-2")]))
    assert (found.announcers, found.changed) == (set(), ())


def test_a_status_of_the_same_creation_held_throughout_and_a_new_one_did_not():
    objects = cluster(service(), statuses=[status("worker-1")])
    assert said(objects, again(None, 400, statuses=[status("worker-1")]), end=390).announcers == {"worker-1"}
    moved = said(objects, again(None, statuses=[status("worker-2", "l2-b", made=-5)]))
    assert (moved.announcers, [claim.node for claim in moved.changed]) == (set(), ["worker-1", "worker-2"])


def test_an_annotation_that_names_the_same_node_held_and_another_did_not():
    def written(holder):
        return service(notes={"purelb.io/allocated-by": "PureLB", "purelb.io/announcing-IPv4": f"{holder},eth0,10.0.0.50"})

    objects = cluster(written("worker-1"))
    assert said(objects, again(None, services=[written("worker-1")])).announcers == {"worker-1"}
    moved = said(objects, again(None, services=[written("worker-2")]))
    assert (moved.announcers, {claim.node for claim in moved.changed}) == (set(), {"worker-1", "worker-2"})


def test_an_event_that_was_written_meanwhile_fits_beside_an_earlier_one_and_accuses_nobody_alone():
    """By the newer ServiceL2Status the earlier event is superseded: who answered before the failover did so rightly."""
    before, new = event("worker-1", 1200), event("worker-2", -8)
    alone = again(None, events=[before, new], statuses=[])
    assert said(cluster(service(), events=[before]), alone).announcers == {"worker-1", "worker-2"}
    moved = again(None, events=[before, new], statuses=[status("worker-2", "l2-b", made=-9)])
    found = said(cluster(service(), events=[before], statuses=[status("worker-1")]), moved)
    assert found.announcers == set()
    assert said(cluster(service(), events=[]), again(None, events=[new])).announcers == set()


def test_what_was_ambiguous_at_the_beginning_was_not_held_throughout():
    def written(*holders):
        entries = " ".join(f"{holder},eth0,10.0.0.50" for holder in holders)
        return service(notes={"purelb.io/allocated-by": "PureLB", "purelb.io/announcing-IPv4": entries})

    objects = cluster(written("worker-1", "worker-2"))
    assert said(objects, again(None, services=[written("worker-1")])).announcers == set()


def test_what_could_not_be_read_again_is_judged_by_its_own_times():
    objects = cluster(service(notes=CILIUM), leases=[cilium("worker-2")])
    refused = Objects(gaps=(Gap(what=LEASES, why="forbidden", costs="c"),), read_at=NOW)
    assert said(objects, refused).announcers == {"worker-2"}
    late = said(objects, refused, end=30)
    assert (late.announcers, late.out_of_time) == (set(), True)
    evidence = Evidence(arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(), objects=objects, after=refused)
    assert [(gap.what, gap.why) for gap in ages.gaps(evidence)] == [(LEASES, "forbidden after the last frame")]


def test_a_service_that_is_gone_by_the_second_reading():
    found = said(cluster(service(notes=CILIUM), leases=[cilium("worker-2")]), again(None, services=[], leases=[]))
    assert (found.announcers, [claim.node for claim in found.changed]) == (set(), ["worker-2"])


def test_read_again_is_what_can_name_an_announcer_here():
    kubelet = lease("worker-1", "worker-1", "kube-node-lease")
    assert {need.resource for need in records_of(cluster(service(), leases=[kubelet], statuses=[status("worker-1")]))} == {
        STATUSES
    }
    assert {need.resource for need in records_of(cluster(service(notes=KUBE_VIP), leases=[lease("worker-1")]))} == {
        LEASES,
        "services",
    }


# ----------------------------------------------------------------------------------------------------------- one reading


@pytest.mark.parametrize(
    ("begin", "end", "current"),
    [
        pytest.param(1, 12, True, id="just after it was read"),
        pytest.param(1, 40, False, id="longer than the Lease"),
        pytest.param(-1800, -1790, True, id="while it was held, before it was read"),
        pytest.param(-7200, -7190, False, id="before it was acquired"),
        pytest.param(-3600, -3590, True, id="as it was acquired"),
    ],
)
def test_a_lease_counts_from_its_acquisition_to_its_end(begin, end, current):
    found = said(cluster(service(notes=CILIUM), leases=[cilium("worker-2")]), begin=begin, end=end)
    assert (found.announcers == {"worker-2"}, found.out_of_time) == (current, not current)


@pytest.mark.parametrize(
    ("made", "begin", "current"),
    [(3600, 59, True), (3600, 61, False), (3600, -1800, True), (3600, -7200, False), (-2, 1, True), (-20, 1, False)],
)
def test_a_status_counts_for_its_own_time(made, begin, current):
    found = said(cluster(service(), statuses=[status("worker-1", made=made)]), begin=begin, end=begin + 1)
    assert (found.announcers == {"worker-1"}) == current


def test_a_capture_has_a_clock_of_its_own():
    objects = cluster(service(), statuses=[status("worker-1")])
    capture = Capture(name="lan.pcap", frames=1, unseen=0)
    assert said(objects, begin=-1800, end=-1790, capture=capture).announcers == set()
    assert said(objects, begin=-20, end=-10, capture=capture).announcers == {"worker-1"}


def test_a_file_of_unknown_age_accuses_nobody_and_its_newest_time_tells_the_ages():
    objects = cluster(service(), read=None, events=[event("worker-1", 1200)], statuses=[])
    found = said(objects)
    assert (found.announcers, found.out_of_time, trusts(found)) == (set(), True, {"worker-1 possibly-stale"})
    assert ages.newest_time(objects) == NOW - timedelta(seconds=1200)


@pytest.mark.parametrize(
    ("field", "obj"),
    [
        ("renewTime", lease("a", renewed=5)),
        ("managedFields", {"metadata": {"name": "x", "managedFields": [{"time": ago(5)}]}}),
        ("conditions", {"metadata": {"name": "x"}, "status": {"conditions": [{"lastHeartbeatTime": ago(5)}]}}),
        ("creation", {"metadata": {"name": "x", "creationTimestamp": ago(5)}}),
    ],
)
def test_the_newest_time_of_a_file(field, obj):
    assert field
    assert ages.newest_time(
        Objects(resources={"x": (obj, {"metadata": {"creationTimestamp": ago(900)}}), "y": ()})
    ) == NOW - timedelta(seconds=5)


def test_of_merged_runs_every_hosts_time_counts():
    def host(name, begin):
        first = NOW + timedelta(seconds=begin)
        return Vantage(
            name=name, node_name=None, first_round=1, rounds=3, rate=10.0, arpcheck="x", started_at=first,
            ended_at=first + timedelta(seconds=5), complete=True,
        )  # fmt: skip

    objects = cluster(service(), statuses=[status("worker-1", made=600)])
    both = host("a", -300), host("b", 5)
    assert said(objects, vantages=both).announcers == {"worker-1"}
    assert said(objects, again(None, statuses=[status("worker-1", made=600)]), vantages=both).announcers == {"worker-1"}
    written = service(notes={"purelb.io/allocated-by": "PureLB", "purelb.io/announcing-IPv4": "worker-1,eth0,10.0.0.50"})
    late = said(cluster(written), again(None, services=[written]), vantages=both)
    assert (late.announcers, late.out_of_time) == (set(), True), "since when the annotation was so nobody says"
    assert said(objects, vantages=(host("a", -900), host("b", 5))).announcers == set()


# ---------------------------------------------------------------------------------------------------------------- clocks


@pytest.mark.parametrize(("ahead", "current"), [(-20.0, False), (None, True), (-4.0, True), (20.0, False)])
def test_ages_are_told_by_the_servers_clock(ahead, current):
    """The Lease was renewed a second ago by this host's clock, and holds 15 s."""
    objects = cluster(service(notes=CILIUM), ahead=ahead, leases=[cilium("worker-2")])
    assert (said(objects, end=5).announcers == {"worker-2"}) == current


def test_a_difference_of_some_seconds_is_none():
    """By the server's clock the Lease would have ended, were a difference that small one."""
    objects = cluster(service(notes=CILIUM), ahead=4.9, leases=[cilium("worker-2", renewed=11)])
    assert said(objects, end=3).announcers == {"worker-2"}


def test_a_host_whose_clock_is_wrong_judges_as_any_other():
    """An hour behind: the server's times are an hour ahead of all that this host says."""
    objects = cluster(
        service(notes=CILIUM), ahead=3600.0, leases=[cilium("worker-2", renewed=-3599), cilium("x", renewed=-3599)]
    )
    [worker] = [obj for obj in objects.of(LEASES) if obj["spec"]["holderIdentity"] == "worker-2"]
    objects = replace(objects, resources={**objects.resources, LEASES: (worker,)})
    assert said(objects).announcers == {"worker-2"}


@pytest.mark.parametrize(
    ("leases", "doubt", "why"),
    [
        pytest.param([cilium("worker-2", renewed=-30)], True, ["renewed in the future"], id="renewed in the future"),
        pytest.param([cilium("worker-2", renewed=-4)], False, [], id="by less than clocks may differ"),
        pytest.param(
            [cilium("worker-2", renewed=90), lease("a", "a", "kube-node-lease", renewed=90)],
            True,
            ["all Leases have expired"],
            id="all",
        ),
        pytest.param([cilium("worker-2", renewed=90), lease("a", "a", "kube-node-lease")], False, [], id="this one alone"),
    ],
)
def test_a_time_that_can_not_be_is_no_record_and_says_so(leases, doubt, why):
    objects = cluster(service(notes=CILIUM), leases=leases)
    found = said(objects, end=5)
    assert (found.clock_doubt, bool(found.announcers)) == (doubt, leases[0]["spec"]["renewTime"] == ago(-4))
    evidence = Evidence(arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(), objects=objects)
    gaps = [gap for gap in ages.gaps(evidence) if gap.what == "clocks"]
    assert [word in gap.why for gap, word in zip(gaps, why, strict=True)] == [True] * len(why)


def test_a_clock_that_no_claim_hangs_on_is_no_doubt_of_this_address():
    objects = cluster(service(), statuses=[status("worker-1")], leases=[lease("a", "a", renewed=-60)])
    assert not said(objects).clock_doubt
    decides = cluster(
        service(notes={**METALLB, **KUBE_VIP}), statuses=[status("worker-1")], leases=[lease("worker-2", renewed=-60)]
    )
    assert not said(decides).clock_doubt


# ----------------------------------------------------------------------------------------------------- node and namespace


@pytest.mark.parametrize(
    ("nodes", "heard", "announcers"),
    [
        pytest.param([node("worker-1", ready="False")], (), set(), id="not Ready, not heard"),
        pytest.param([node("worker-1", ready="Unknown")], (), set(), id="not known to be Ready"),
        pytest.param([node("worker-1", ready="False")], ("worker-1",), {"worker-1"}, id="not Ready, and heard"),
        pytest.param([node("worker-2")], ("worker-2",), set(), id="gone"),
        pytest.param([], (), {"worker-1"}, id="no Node could be read"),
    ],
)
def test_a_record_of_a_node_that_is_gone_is_stale(nodes, heard, announcers):
    found = said(cluster(service(), nodes=nodes, statuses=[status("worker-1")]), heard=heard)
    assert found.announcers == announcers
    assert [(claim.node_known, claim.node_ready) for claim in found.claims] == [
        (bool([one for one in nodes if one["metadata"]["name"] == "worker-1"]) if nodes else None,
         False if nodes and nodes[0]["metadata"]["name"] == "worker-1" else None)
    ]  # fmt: skip


DAEMONSET = {"metadata": {"name": "cilium", "namespace": "cilium"}}


@pytest.mark.parametrize(
    ("resources", "announcers"),
    [
        pytest.param({"leases": [cilium("worker-1", space="web")]}, set(), id="in a tenant's namespace"),
        pytest.param({"leases": [cilium("worker-1", space="web"), cilium("worker-2")]}, {"worker-2"}, id="beside the right one"),
        pytest.param({"leases": [cilium("worker-1", space="cilium")], "daemonsets": [DAEMONSET]}, {"worker-1"}, id="where its pods are"),
        pytest.param({"leases": [cilium("worker-1")], "daemonsets": [DAEMONSET]}, set(), id="not where its pods are"),
        pytest.param(
            {"leases": [cilium("worker-1", space="cilium"), lease("x", "cilium-operator-resource-lock", "cilium")]}, {"worker-1"},
            id="where its other Leases are",
        ),
    ],
)  # fmt: skip
def test_a_common_lease_is_believed_in_the_controllers_namespace_alone(resources, announcers):
    of = cluster(service(notes=CILIUM), **resources)
    assert said(of).announcers == announcers
    endings = ("is ignored", "it is unknown whether its controller runs there")
    strange = [evidence for _, evidence in why(of) if evidence.endswith(endings)]
    assert bool(strange) == ((len(resources["leases"]) > 1 and "operator" not in str(resources)) or not announcers)


def test_kube_vips_lease_of_a_service_is_in_the_services_namespace():
    own = lease("worker-1", "kubevip-nginx", "web")
    assert said(cluster(service(notes=KUBE_VIP), leases=[own, lease("worker-2")])).announcers == {"worker-1"}
    elsewhere = lease("worker-1", "kubevip-nginx", "default")
    assert said(cluster(service(notes=KUBE_VIP), leases=[elsewhere, lease("worker-2")])).announcers == {"worker-2"}
    expired = lease("worker-1", "kubevip-nginx", "web", renewed=600)
    assert said(cluster(service(notes=KUBE_VIP), leases=[expired, lease("worker-2")])).announcers == set()
    tenants = lease("worker-3", space="web")
    assert said(cluster(service(notes=KUBE_VIP), leases=[tenants])).announcers == set()


def test_a_status_is_believed_in_metallbs_namespace_alone():
    pool = {"metadata": {"name": "lan", "namespace": "metallb-system"}, "spec": {"addresses": ["10.0.0.0/24"]}}
    found = said(
        cluster(
            service(),
            statuses=[status("worker-1"), status("worker-2", "l2-b", space="web")],
            **{"ipaddresspools.metallb.io": [pool]},
        )
    )
    assert (found.announcers, found.conflict) == ({"worker-1"}, ())


# --------------------------------------------------------------------------------------------------------- what else is said


def test_the_mac_of_an_annotation_that_was_left_behind_is_not_expected():
    notes, found = {**METALLB, "kube-vip.io/hwaddr": "02:aa:bb:cc:dd:ee"}, Mac("02:aa:bb:cc:dd:ee")
    left = said(cluster(service(notes=notes), statuses=[status("worker-1")]))
    assert (left.named, [*left.left_behind]) == ({}, [found])
    decides = said(cluster(service(notes={"kube-vip.io/hwaddr": "02:aa:bb:cc:dd:ee"}), leases=[lease("worker-1")]))
    assert ([*decides.named], decides.left_behind) == ([found], {})


@pytest.mark.parametrize(
    ("fields", "external"),
    [
        pytest.param({"cls": "ako.vmware.com/avi-lb", "notes": {}}, True, id="Avi's class"),
        pytest.param({"cls": "example.com/appliance", "notes": {}}, True, id="a class that nobody here serves"),
        pytest.param({"notes": {"cis.f5.com/ipamLabel": "lan"}}, True, id="F5's annotation"),
        pytest.param({"cls": "loxilb.io/loxilb", "notes": {}}, True, id="LoxiLB"),
        pytest.param({"cls": "example.com/metallb"}, False, id="a class of MetalLB's"),
        pytest.param({"cls": "io.cilium/l2-announcer", "notes": {}}, False, id="Cilium's class"),
        pytest.param({"notes": {}}, False, id="no class and no record"),
    ],
)
def test_an_external_load_balancers_address_is_nobodys_here(fields, external):
    assert said(cluster(service(**fields))).external == external


def test_a_current_record_says_that_a_node_announces_whatever_the_class():
    found = said(
        cluster(service(cls="example.com/metallb", notes={"cis.f5.com/ipamLabel": "lan"}), statuses=[status("worker-1")])
    )
    assert (found.external, found.announcers) == (False, {"worker-1"})


def test_a_class_that_metallbs_speakers_were_told_to_serve():
    containers = [{"args": ["--port=7472", "--lb-class=example.com/metallb"]}]
    speaker = {
        "metadata": {"name": "speaker", "namespace": "metallb-system"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    found = said(cluster(service(cls="example.com/metallb", notes={}), daemonsets=[speaker]))
    assert (found.external, [one.implementation for one in found.announcements]) == (False, ["metallb"])


def kube_vip(**env):
    containers = [{"env": [{"name": name, "value": value} for name, value in env.items()]}]
    return {
        "metadata": {"name": "kube-vip-ds", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


@pytest.mark.parametrize(
    ("env", "where"),
    [
        ({"svc_enable": "true", "bgp_enable": "true", "vip_arp": "false"}, "DaemonSet kube-system/kube-vip-ds: bgp_enable"),
        ({"svc_enable": "true", "bgp_enable": "true", "vip_arp": "true"}, None),
        ({"svc_enable": "false", "bgp_enable": "true"}, None),
        ({"svc_enable": "true", "vip_arp": "true"}, None),
    ],
)
def test_kube_vip_in_bgp_mode_holds_it_on_every_node(env, where):
    notes = {**KUBE_VIP, "kube-vip.io/vipHost": "worker-2"}
    found = said(cluster(service(notes=notes), daemonsets=[kube_vip(**env)]))
    assert (found.held_everywhere, found.by_bgp, bool(found.silence)) == (where, where, bool(where))


def test_nothing_else_of_kube_vips_environment_is_read():
    """Its variables hold passwords of BGP peers."""
    kept = [path for need in pipeline.NEEDS for path in need.fields if "env" in path and need.names == ("kube-vip*",)]
    assert kept
    assert all("env@" in path and "peer" not in path and "pass" not in path for path in kept)


def test_a_remote_pool_of_purelb_is_held_on_every_node():
    found = said(cluster(service(notes={"purelb.io/allocated-by": "PureLB", "purelb.io/pool-type": "remote"})))
    assert found.held_everywhere == "annotation purelb.io/pool-type: remote"


def test_bgp_by_metallbs_configuration_says_nothing_of_interfaces():
    bgp = {"metadata": {"name": "lan", "namespace": "metallb-system"}, "spec": {}}
    found = said(cluster(service(), **{"bgpadvertisements.metallb.io": [bgp], "l2advertisements.metallb.io": []}))
    assert (found.held_everywhere, found.by_bgp) == (None, "pool lan has a BGPAdvertisement alone")


# ---------------------------------------------------------------------------------------------------------- control plane

EXTRA = Target(ip=IPv4Address("10.0.0.100"), kind=Kind.EXTRA)


@pytest.mark.parametrize(
    ("resources", "announcers"),
    [
        pytest.param({"leases": [lease("worker-2", "plndr-cp-lock")]}, {"worker-2"}, id="by the Lease alone"),
        pytest.param({"leases": [lease("worker-2", "plndr-cp-lock", "web")]}, set(), id="not by a tenant's"),
        pytest.param({"leases": [lease("worker-2", "plndr-cp-lock")], "daemonsets": [kube_vip(address="10.0.0.99")]}, set(), id="of another address"),
        pytest.param(
            {"leases": [lease("worker-2", "plndr-cp-lock")], "daemonsets": [kube_vip(address="10.0.0.100", cp_enable="true")]}, {"worker-2"},
            id="that its environment names",
        ),
        pytest.param({"leases": []}, set(), id="without a Lease"),
    ],
)  # fmt: skip
def test_the_control_planes_address(resources, announcers):
    assert said(cluster(**resources), target=EXTRA).announcers == announcers


def test_the_control_plane_addresses_that_are_known():
    labelled = node("worker-1", "10.0.0.11", **{"kube-vip.io/has-ip": "10.0.0.7"})
    objects = cluster(nodes=[labelled], daemonsets=[kube_vip(address="10.0.0.100", cp_enable="true")])
    assert loadbalancers.control_plane_addresses(objects) == {
        IPv4Address("10.0.0.7"): "label kube-vip.io/has-ip", IPv4Address("10.0.0.100"): "DaemonSet kube-system/kube-vip-ds",
    }  # fmt: skip


# -------------------------------------------------------------------------------------------------- reasons that were recorded


def why(objects):
    [of] = (one for one in objects.services() if one.full_name == "web/nginx")
    return [(one.id.value, one.evidence) for one in loadbalancers.reasons(of, IP, objects, NOW)]


def test_a_configuration_that_metallb_refused_is_a_reason():
    labels = {"metallb.io/component-type": "speaker", "metallb.io/node-name": "worker-1"}
    state = {
        "metadata": {"name": "speaker-worker-1", "namespace": "metallb-system", "labels": labels},
        "status": {"result": "Invalid", "lastError": "peer x"},
    }
    good = {**state, "status": {"result": "Valid"}}
    for obj, said_so in ((state, True), (good, False)):
        found = why(cluster(service(), **{"configurationstates.metallb.io": [obj]}))
        reason = ("invalid-configuration", "the configuration is invalid for the speaker of worker-1: peer x")
        assert (reason in found) == said_so


POLICY = {"ciliuml2announcementpolicies.cilium.io": [{"metadata": {"name": "lan"}, "spec": {"loadBalancerIPs": True}}]}


def test_cilium_with_a_local_policy_and_no_lease_gives_the_reason_and_no_excuse():
    local = service(notes=CILIUM)
    local["spec"]["externalTrafficPolicy"] = "Local"
    assert said(cluster(local, **POLICY)).silence is None
    [evidence] = [evidence for id_, evidence in why(cluster(local, **POLICY)) if id_ == "no-local-endpoint"]
    assert "1.20.2" in evidence
    local["metadata"]["labels"] = {"gateway.networking.k8s.io/gateway-name": "edge"}
    [first, *_] = why(cluster(local, **POLICY))
    assert first[0] == "no-local-endpoint"
    assert "Gateway edge" in first[1]
    local["spec"]["externalTrafficPolicy"] = "Cluster"
    assert "no-local-endpoint" not in [id_ for id_, _ in why(cluster(local, **POLICY))]


@pytest.mark.parametrize(
    ("preferred", "winner"),
    [
        ([], None),
        ([{"weight": 10, "preference": {"matchLabels": {"zone": "b"}}}], "worker-2"),
        (
            [
                {"weight": 10, "preference": {"matchLabels": {"zone": "b"}}},
                {"weight": 20, "preference": {"matchLabels": {"zone": "c"}}},
            ],
            "worker-3",
        ),
        ([{"weight": "much", "preference": {"matchLabels": {"zone": "b"}}}], ""),
    ],
)
def test_the_guess_takes_preferred_nodes_first_and_stays_a_guess(preferred, winner):
    nodes = [node(f"worker-{number}", zone=zone) for number, zone in enumerate("abc", 1)]
    ad = {"metadata": {"name": "lan", "namespace": "metallb-system"}, "spec": {"preferredNodeSelectors": preferred}}
    found = said(cluster(service(), nodes=nodes, **{STATUSES: [], "l2advertisements.metallb.io": [ad]}))
    assert found.announcers == set()
    assert {claim.trust for claim in found.claims} <= {"guess"}
    if winner is not None:
        assert [claim.node for claim in found.claims] == ([winner] if winner else [])


def test_an_advertisement_that_selects_services_never_takes_one_that_shares_its_address():
    ad = {"metadata": {"name": "lan", "namespace": "metallb-system"}, "spec": {"serviceSelectors": [{"matchLabels": {}}]}}
    for extra, silent in (({"metallb.io/allow-shared-ip": "k"}, True), ({}, False)):
        of = cluster(
            service(notes={**METALLB, **extra}),
            **{STATUSES: [], "l2advertisements.metallb.io": [ad], "bgpadvertisements.metallb.io": []},
        )
        assert ("no-advertisement" in [id_ for id_, _ in why(of)]) == silent


# ------------------------------------------------------------------------------------------------- looked up beforehand


@pytest.mark.parametrize("read", [0, 7200, None])
def test_what_is_looked_up_while_the_scan_waits_is_what_the_judge_finds(read):
    def objects():
        return cluster(service(), statuses=(status("worker-2"),), events=(event("worker-2", 60),), read=read)

    beforehand = objects()
    begun = Evidence(arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(), objects=beforehand)
    assert list(prepared((WEB,), begun)) == [None]
    before = len(beforehand._memo)
    found = said(beforehand)
    assert found == said(objects())
    assert found.claims
    kept = [key for key in list(beforehand._memo)[before:] if isinstance(key, tuple) and key[0] == "announcements"]
    assert kept == [], "looked up a second time"


# ------------------------------------------------------------------------- whose NICs are asked why nobody replies for it

AWAY = (*NODES[:2], node("worker-3", "10.0.0.13", ready="False"), node("worker-4", "10.0.0.14", ready="Unknown"))
BGP = {"metadata": {"name": "lan", "namespace": "metallb-system"}, "spec": {}}


@pytest.mark.parametrize(
    ("objects", "asked"),
    [
        pytest.param(cluster(service(), statuses=[status("worker-2")]), ("worker-2",), id="the recorded announcer alone"),
        pytest.param(
            cluster(service(), nodes=AWAY, statuses=[status("worker-3")]), ("worker-3",), id="even if it is not Ready"
        ),
        pytest.param(cluster(service(notes={})), ("worker-1", "worker-2", "worker-3"), id="no record: every node"),
        pytest.param(cluster(service()), ("worker-3", "worker-1", "worker-2"), id="that of a guess first"),
        pytest.param(cluster(service(), nodes=AWAY), ("worker-1", "worker-2"), id="no record: every node that is Ready"),
        pytest.param(
            cluster(service(notes=KUBE_VIP), leases=[lease("worker-3", renewed=60)]),
            ("worker-3", "worker-1", "worker-2"),
            id="that of an old record first",
        ),
        pytest.param(
            cluster(service(notes=KUBE_VIP), nodes=AWAY, leases=[lease("worker-3", renewed=60)]),
            ("worker-1", "worker-2"),
            id="not that of an old record if it is not Ready",
        ),
        pytest.param(
            cluster(service(), **{"bgpadvertisements.metallb.io": [BGP], "l2advertisements.metallb.io": []}),
            (),
            id="BGP alone announces it: no node should reply",
        ),
        pytest.param(cluster(service(cls="f5.com/bigip", notes={})), (), id="an appliance announces it"),
        pytest.param(cluster(service(), nodes=()), (), id="no node is known"),
    ],
)
def test_whose_nics_are_asked_why_nobody_replies(objects, asked):
    assert announcers_of(WEB, objects) == asked


# ---------------------------------------------------------------------------- a node's own address where records are refused


@pytest.mark.parametrize(
    ("resources", "unread"),
    [
        pytest.param({}, (LEASES,), id="nothing else is recorded"),
        pytest.param({"statuses": [status("worker-3")]}, (), id="a ServiceL2Status"),
    ],
)
def test_a_nodes_own_address_is_no_record_where_leases_are_refused(resources, unread):
    nodes = (node("worker-1", "10.0.0.11", "10.0.0.50"), *NODES[1:])
    objects = cluster(service(notes={} if unread else METALLB), nodes=nodes, **resources)
    kept = {name: found for name, found in objects.resources.items() if name != LEASES}
    refused = replace(objects, resources=kept, gaps=(Gap(what=LEASES, why="forbidden", costs="x"),))
    assert (said(objects).unread, said(refused).unread) == ((), unread)
