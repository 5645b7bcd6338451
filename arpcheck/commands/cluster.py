"""`arpcheck cluster`: probes every segment of a cluster by Jobs on its nodes, and judges all of it as one."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_network
from typing import Annotated

import typer

from arpcheck import IMAGE, pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.cluster.jobs import JobsApi, jobs_api
from arpcheck.commands import cluster_jobs
from arpcheck.commands.bundle import BUNDLE, Bundle, bundled
from arpcheck.commands.cluster_jobs import Life
from arpcheck.commands.cluster_plan import Wishes
from arpcheck.commands.cluster_run import ClusterProbe, ClusterRequest, plan_words, probed
from arpcheck.commands.input_files import read_acceptances, read_mac_maps
from arpcheck.commands.opening import checked, stopping
from arpcheck.commands.option_groups import (
    REPORT,
    REQUESTS,
    SELECTION,
    ReportOptions,
    Selection,
    cluster_words,
    kubeconfig_note,
    reads_cluster,
    stands_for,
)
from arpcheck.commands.options import ExitZero, MacMap, Quiet, Verbose, duration, ended
from arpcheck.commands.output import as_caller, notice, show
from arpcheck.commands.pod import policy_rules
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.gc_control import held_back
from arpcheck.text import count
from arpcheck.vantages.manifests import SCC, Manifest, check_image, check_namespace, made, setting, vantage_job, yaml_text
from arpcheck.vantages.segments import Network
from arpcheck.wire.privilege import give_up

EXAMPLES = (
    "arpcheck cluster --image registry.example/arpcheck:0.1.0",
    "arpcheck cluster --dry-run",
    "arpcheck cluster -n arpcheck --segment 10.0.1.0/24 -o markdown --output ticket.json",
    "arpcheck cluster clean",
)

CLEAN = "clean"


_SENDER = Annotated[str, typer.Option("--sender", metavar="NAME", help="The ARP sender address: auto, own or zero.")]
_REQUESTS = replace(REQUESTS, options={**REQUESTS.options, "sender": (_SENDER, "auto")})


@reads_cluster(file=False)
@stands_for(requests=_REQUESTS, selection=SELECTION.but("namespace", "all_namespaces"), wanted=REPORT, bundle=BUNDLE)
def cluster(
    *,
    services: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SERVICE",
            help="Only these Services: svc/NAME or NAMESPACE/NAME. Default: all. `clean` alone removes what runs that died"
            " left in the cluster.",
        ),
    ] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option("--nodes", metavar="NAMES", help="Probe from these nodes. Repeatable; commas separate several."),
    ] = None,
    all_nodes: Annotated[
        bool, typer.Option("--all-nodes", help="Probe from every node, not from two of each segment.")
    ] = False,
    node_selector: Annotated[
        str, typer.Option("--node-selector", metavar="LABELS", help="Probe only from nodes with these labels.")
    ] = "",
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", metavar="CIDR", help="Probe only the segment with this network. Repeatable."),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "-n", "--namespace", metavar="NAME", help="A namespace that exists, instead of a new one for this run."
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="NAME", show_default=IMAGE, help="The image to run. Also from ARPCHECK_IMAGE."),
    ] = None,
    pull_secret: Annotated[
        str | None, typer.Option("--pull-secret", metavar="NAME", help="The Secret to pull it with; needs -n.")
    ] = None,
    openshift: Annotated[bool, typer.Option("--openshift", help="Add the rights that OpenShift requires.")] = False,
    requests: Options,
    selection: Selection,
    mac_map: MacMap = None,
    cluster: ClusterSource,
    start_timeout: Annotated[
        float,
        typer.Option(
            "--start-timeout", metavar="TIME", parser=duration(1, 3600), show_default="2m",
            help="Time limit for a Job to start, its image pulled.",
        ),
    ] = 120.0,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="TIME", parser=duration(1, 86400), show_default="1h", help="Time limit for the run."
        ),
    ] = 3600.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and the manifests. Makes nothing in the cluster.")
    ] = False,
    rbac: Annotated[
        bool, typer.Option("--rbac", help="Print the roles that the account needs, and stop.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With `clean`: also what runs of other hosts made that may still run.")
    ] = False,
    wanted: ReportOptions,
    bundle: Bundle,
    exit_zero: ExitZero = False,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:  # fmt: skip
    """Probe every segment of the cluster by Jobs on its nodes, and report it as one.

    Needs no LAN and no privilege here: arpcheck makes a namespace and Jobs, reads their logs, and removes what it made.
    The exit code is that of the report, as in `arpcheck merge`."""
    if rbac:
        return _rights(namespace, openshift=openshift)
    if services == [CLEAN]:
        return _cleaned(as_caller(cluster), cluster, _checked_namespace(namespace), force=force)
    if force:
        raise UsageError("--force belongs to `arpcheck cluster clean`", "Leave it out")
    if requests.sender not in ("auto", "own", "zero"):
        raise UsageError(f"--sender {requests.sender[:80]!r}: each node has another address", "One of auto, own, zero")
    if pull_secret and namespace is None:
        raise UsageError("--pull-secret needs -n", "Name the namespace that has the Secret")
    options = selection.of(replace(requests, on_link=bool(segment)), services or ())
    wanted_image = image or os.environ.get("ARPCHECK_IMAGE") or IMAGE
    check_image(wanted_image)
    source = as_caller(cluster, wanted.output)
    bundle.check()
    request = ClusterRequest(
        options=_without_interfaces(checked(options)),
        source=source,
        mac_map=read_mac_maps(tuple(mac_map or ())),
        accepted=read_acceptances(wanted.accept),
        image=wanted_image,
        namespace=_checked_namespace(namespace),
        pull_secret=pull_secret,
        openshift=openshift,
        wishes=Wishes(nodes=tuple(nodes or ()), every=all_nodes, segments=tuple(_network(one) for one in segment or ())),
        node_selector=node_selector,
        timeout=timeout,
        start_timeout=start_timeout,
        quiet=quiet,
    )
    with held_back(for_good=True), jobs_api(source, cluster) as api, stopping() as stop:
        probe = ClusterProbe(request, api, stop)
        _first_words(api, request)
        if dry_run:
            show(dry_run_text(probe))
            return 0
        for left in cluster_jobs.swept(api, request.namespace):
            probe.say(f"removed what the run {left.run}, which died, left in the namespace {left.namespace}")
        evidence = probed(probe, *probe.read())
        report = pipeline.conclude(evidence)
        unwritten = bundled(bundle, evidence, report, None)
        wanted.deliver(report)
        if not probe.is_gone():
            notice(f"what was removed from the namespace {probe.run.namespace} is not gone yet: a node may be lost")
    if unwritten:
        raise unwritten
    return ended(report.summary.exit_code, exit_zero)


def _rights(namespace: str | None, *, openshift: bool) -> int:
    give_up()
    show(cluster_rights(_checked_namespace(namespace), openshift=openshift))
    return 0


def _without_interfaces(options: Options) -> Options:
    """Each node has its own."""
    return replace(options, interfaces=())


def _checked_namespace(name: str | None) -> str | None:
    if name is not None:
        check_namespace(name)
    return name


def _network(written: str) -> Network:
    try:
        return ip_network(written.strip())
    except ValueError:
        raise UsageError(f"--segment {written[:80]!r} is not a network", "Write it like 10.0.1.0/24") from None


def _first_words(api: JobsApi, request: ClusterRequest) -> None:
    if not request.quiet:
        notice(cluster_words(api.cluster, request.source))
        kubeconfig_note(request.source)


# ------------------------------------------------------------------------------------------------------- `clean`, --dry-run


def _cleaned(source: ClusterSource, again: ClusterSource, namespace: str | None, *, force: bool) -> int:
    """Removes what dead runs left, in namespaces of their own and in `namespace`."""
    with jobs_api(source, again) as api:
        found = cluster_jobs.leftovers(api, namespace)
        removed = [one for one in found if one.life is Life.DEAD or (force and one.life is Life.ELSEWHERE)]
        for one in removed:
            cluster_jobs.remove(api, one.run, one.namespace, own_namespace=one.own_namespace)
            gone = cluster_jobs.is_gone(api, one.run, one.namespace, own_namespace=one.own_namespace)
            show(f"removed run {one.run} in namespace {one.namespace}{'' if gone else ', which is not gone yet'}\n")
        for one in found:
            if one not in removed:
                why = "it runs" if one.life is Life.ALIVE else "it may run on another host; --force removes it too"
                show(f"kept run {one.run} in namespace {one.namespace}: {why}\n")
        if not found:
            show("Nothing is left of any run.\n")
    return 0


def dry_run_text(probe: ClusterProbe) -> str:
    """The plan as comments, and the manifests, as far as they are known without a Job."""
    objects, nodes = probe.read()
    candidates = probe.candidates(nodes)
    known = probe.states(objects, candidates)
    told = {one.name for one in known}
    asked = [one.name for one in candidates if one.name not in told]
    said, manifests = [f"{count(len(candidates), 'node')} can run a Job."], [*setting(probe.run)]
    if asked:
        said += [f"{count(len(asked), 'node')} would be asked for the interfaces, by a Job each like the first one below."]
        manifests.append(probe.scout_manifest(asked[0]))
    if known:
        plan = probe.plan(objects, known, candidates)
        said += plan_words(plan)
        said += ["More segments may be found by those Jobs."] if asked else []
        manifests += [one for number, planned in enumerate(plan.points, 1) for one in probe.manifests(planned, number)]
    elif asked:
        said += ["Then two nodes of each segment probe, by a Job each like the second one below."]
        manifests.append(vantage_job(probe.run, probe.run.job_name("v", 1), asked[0], ("eth0",), deadline=3600))
    return "".join(f"# {line}\n" for line in said) + yaml_text(manifests)


# ------------------------------------------- `--rbac`: what it may do, as roles that an administrator binds to its account

ROLE = "arpcheck:cluster"

_IN_EACH = (
    ("", "pods", "list"),
    ("", "pods/log", "get"),
    ("", "events", "list"),
    ("", "serviceaccounts", "create"),
    ("", "configmaps", "create"),
    ("batch", "jobs", "create"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "deletecollection"),
)
"""Group, resource and verb of what a run does in its namespace."""
_IN_EXISTING = tuple(
    (group, resource, verb)
    for group, resource in (("", "serviceaccounts"), ("", "configmaps"), ("rbac.authorization.k8s.io", "rolebindings"))
    for verb in ("list", "deletecollection")
)
"""A namespace of its own takes these with it."""
_NAMESPACES = tuple(("", "namespaces", verb) for verb in ("create", "list", "delete"))


def cluster_rights(namespace: str | None, *, openshift: bool = False) -> str:
    """YAML: a ClusterRole with what is read, and with what is made in a namespace of its own; or, for one that exists, a
    Role in it. Bindings are the administrator's, who knows the account."""
    reads = policy_rules(pipeline.rights())
    makes = [*_IN_EACH, *(_NAMESPACES if namespace is None else _IN_EXISTING)]
    makes += [("rbac.authorization.k8s.io", "rolebindings", "create")] if openshift else []
    own = _rules(makes) + ([_BIND] if openshift else [])
    roles = [_role("ClusterRole", None, [*reads, *(own if namespace is None else [])])]
    roles += [_role("Role", namespace, own)] if namespace else []
    return yaml_text(roles)


_BIND: Manifest = {
    "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": [SCC], "verbs": ["bind"],
}  # fmt: skip


def _role(kind: str, namespace: str | None, rules: list[Manifest]) -> Manifest:
    return made("rbac.authorization.k8s.io/v1", kind, ROLE, namespace) | {"rules": rules}


def _rules(rights: list[tuple[str, str, str]]) -> list[Manifest]:
    """One rule for each group and set of verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for group, resource, verb in rights:
        verbs.setdefault((group, resource), []).append(verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), found in verbs.items():
        alike.setdefault((group, tuple(found)), []).append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(found)} for (group, found), resources in alike.items()
    ]
