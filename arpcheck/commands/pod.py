"""`arpcheck pod`: prints the manifests that run arpcheck on a node, for `kubectl apply -f -`.

It needs no API access and no privilege."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from arpcheck import IMAGE, pipeline
from arpcheck.commands.app import app
from arpcheck.commands.options import implementations
from arpcheck.commands.output import notice, show
from arpcheck.commands.pod_always import PORT, Always, always_manifests, prometheus_rule, write_base
from arpcheck.docs import file
from arpcheck.errors import UsageError, did_you_mean
from arpcheck.model import Need
from arpcheck.vantages.manifests import (
    NAME,
    Manifest,
    binding,
    check_image,
    check_namespace,
    container,
    job,
    made,
    openshift_binding,
    pod_spec,
    yaml_text,
)  # fmt: skip
from arpcheck.vantages.manifests import namespace as namespace_manifest

EXAMPLES = (
    "arpcheck pod --node worker-1 --job --create-namespace | kubectl apply -f -",
    "arpcheck pod --rbac --with metallb",
    "arpcheck pod --node worker-1 -- -o markdown -n web",
    "arpcheck pod --watch --node worker-1 --node worker-2 --iface eth0 | kubectl apply -f -",
    "arpcheck pod --kustomize base --create-namespace --iface eth0",
)


def pod(
    node: Annotated[
        list[str] | None,
        typer.Option(
            "--node", metavar="NAME", help="The node to run on; with --watch or --cron a second one hears the first."
        ),
    ] = None,
    job: Annotated[
        bool, typer.Option("--job", help="Print a Job, which Kubernetes deletes an hour after its end, instead of a Pod.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Print two Deployments for each --iface, which run `arpcheck watch` and serve metrics."
        ),
    ] = False,
    cron: Annotated[
        str | None,
        typer.Option("--cron", metavar="SCHEDULE", help='Print a CronJob for each --iface and node: "*/15 * * * *".'),
    ] = None,
    iface: Annotated[
        list[str] | None,
        typer.Option("--iface", metavar="NAME", help="With --watch or --cron: the interface of a segment. Repeatable."),
    ] = None,
    node_selector: Annotated[
        list[str] | None,
        typer.Option(
            "--node-selector", metavar="KEY=VALUE", help="With --watch or --cron: any nodes with this label. Repeatable."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="With --watch or --cron: another name, for a second set in a cluster."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", help="With --watch: the port of the first interface; each further one adds 1."
        ),
    ] = PORT,
    kustomize: Annotated[
        str | None,
        typer.Option(
            "--kustomize", metavar="DIR", help="Write all of --watch, rules and dashboard as a base for kubectl -k."
        ),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Print the alerts as a PrometheusRule.")] = False,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Print the dashboard, for Grafana's import.")] = False,
    image: Annotated[
        str,
        typer.Option(
            "--image", metavar="NAME", help="The image that scripts/image builds, as a name that the nodes can pull."
        ),
    ] = IMAGE,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="The namespace to run in.")
    ] = "arpcheck",
    create_namespace: Annotated[
        bool, typer.Option("--create-namespace", help="Also print the namespace; deleting the manifests deletes it.")
    ] = False,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME",
            autocompletion=implementations,
            help="Grant all that this load balancer or MAC source needs, and nothing for others. Repeatable.",
        ),
    ] = None,
    config_map: Annotated[
        list[str] | None,
        typer.Option(
            "--config-map", metavar="NAME", help="The name of kube-proxy's ConfigMap, if it is not the usual one (Talos)."
        ),
    ] = None,
    openshift: Annotated[bool, typer.Option("--openshift", help="Add the rights that OpenShift requires.")] = False,
    only_rbac: Annotated[bool, typer.Option("--rbac", help="Print only the RBAC objects.")] = False,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- OPTIONS]", help="Options for `arpcheck probe`, with --watch for `arpcheck watch`."),
    ] = None,
) -> int:
    """Print the manifests that run arpcheck on a node, for `kubectl apply -f -`. The report is in the pod's log.

    The pods are in the node's network, where no NetworkPolicy applies: the metrics of --watch are served on the node's
    address, to whoever reaches it."""
    forms = {"--job": job, "--watch": watch or (bool(kustomize) and cron is None), "--cron": cron is not None,
             "--rbac": only_rbac, "--rules": rules, "--dashboard": dashboard}  # fmt: skip
    given = [option for option, chosen_form in forms.items() if chosen_form]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} can't be combined", "Give one of them")
    if only_rbac:
        return shown(cluster_roles(_needs(tuple(chosen or ()), tuple(config_map or ())), namespace, openshift=openshift))
    if dashboard:
        return shown(file("dashboard"))
    if rules:
        return shown(prometheus_rule(namespace))
    _check_arguments("watch" if forms["--watch"] else "probe", arguments or [])
    if forms["--watch"] or cron is not None:
        return always(
            Always(
                nodes=tuple(dict.fromkeys(node or ())), selector=tuple(node_selector or ()),
                interfaces=tuple(dict.fromkeys(iface or ())), name=name, port=port, cron=cron, image=image,
                namespace=namespace, create_namespace=create_namespace, arguments=tuple(arguments or ()),
            ),
            needs=_needs(tuple(chosen or ()), tuple(config_map or ())), openshift=openshift, folder=kustomize,
        )  # fmt: skip
    if unfit := [
        option for option, value in (("--iface", iface), ("--node-selector", node_selector), ("--name", name)) if value
    ]:
        raise UsageError(f"{unfit[0]} needs --watch or --cron", "For one run, put options of probe behind --")
    if not node:
        raise UsageError("--node is missing", "`kubectl get nodes` lists the nodes")
    if len(node) > 1:
        raise UsageError("one --node only, except with --watch and --cron", "Print the manifests of each node")
    wanted = Wanted(
        node=node[0], image=image, job=job, namespace=namespace, create_namespace=create_namespace,
        arguments=tuple(arguments or ()), openshift=openshift,
    )  # fmt: skip
    return run(wanted, tuple(chosen or ()), tuple(config_map or ()))


def _check_arguments(command: str, arguments: list[str]) -> None:
    """Options that the command would reject in the pod are rejected here."""
    group = typer.main.get_command(app)
    group.commands[command].make_context(f"arpcheck {command}", list(arguments))  # type: ignore[attr-defined]


NAMESPACE = "arpcheck"
_POD = "pod"
DEADLINE = 3600
"""Seconds, including the pull of the image."""
KEPT = 3600
"""Seconds for which a finished Job and its log stay."""

EVERYWHERE = "kube-system"
"""The one namespace with a Role that exists in every cluster."""
_NODE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SYSTEMS = re.compile(r"default|kube-.*|openshift(-.*)?")
"""Namespaces of the system: arpcheck never prints them, since deleting the manifests would delete them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user wants to run, and where."""

    node: str
    image: str
    job: bool = False
    namespace: str = NAMESPACE
    create_namespace: bool = False
    """Print the Namespace too. Deleting the manifests then deletes it with everything in it."""
    arguments: tuple[str, ...] = ()
    """Further arguments of `arpcheck probe`."""
    openshift: bool = False


def manifests(wanted: Wanted, needs: Iterable[Need]) -> str:
    """YAML of the account, the rights and the Pod or Job. Their names are unique to the run, so that deleting one run does
    not affect another. Raises UsageError for an invalid name."""
    _check((wanted.node,), wanted)
    account = _name(wanted)
    return yaml_text((
        *((namespace_manifest(wanted.namespace),) if wanted.create_namespace else ()),
        made("v1", "ServiceAccount", account, wanted.namespace),
        *rights(needs, wanted.namespace, account, openshift=wanted.openshift),
        _job(wanted) if wanted.job else _pod(wanted),
    ))  # fmt: skip


def cluster_roles(needs: Iterable[Need], namespace: str = NAMESPACE, *, openshift: bool = False) -> str:
    """YAML of the rights, bound to the account in `namespace`."""
    check_namespace(namespace)
    return yaml_text(rights(needs, namespace, openshift=openshift))


# --------------------------------------------------------------------------------------------------------------- rights


def rights(needs: Iterable[Need], namespace: str, account: str = NAME, *, openshift: bool = False) -> tuple[Manifest, ...]:
    """A ClusterRole for what is read in all namespaces, one for what optional sources add, and a Role where one namespace
    is enough, each with its binding to the account in `namespace`. They grant only get and list.

    Their names join account and namespace with a colon, which neither name can contain, so two accounts never share one."""
    needs, own, to = tuple(needs), f"{account}:{namespace}", (account, namespace)
    found: list[Manifest] = []
    for name, optional in ((own, False), (f"{own}:optional", True)):
        rules = policy_rules(need for need in needs if need.optional == optional and need.namespace is None)
        found += _granted("ClusterRole", name, None, rules, to) if rules else ()
    for space in sorted({need.namespace for need in needs if need.namespace}):
        if openshift or not _SYSTEMS.fullmatch(space) or space == EVERYWHERE:
            rules = policy_rules(need for need in needs if need.namespace == space)
            found += _granted("Role", own, space, rules, to)
    if openshift:
        found.append(openshift_binding(account, namespace))
    return tuple(found)


def policy_rules(needs: Iterable[Need]) -> list[Manifest]:
    """One rule for each API group and verb, sorted. A Need with the verb `get` adds resourceNames."""
    needs = tuple(needs)
    named: dict[str, set[str]] = {}
    for need in needs:
        named.setdefault(need.resource, set()).update(need.names if need.verb == "get" else ())
    resources: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for need in needs:
        plural, _, group = need.resource.partition(".")
        names = tuple(sorted(named[need.resource])) if need.verb == "get" else ()
        resources.setdefault((group, need.verb, names), set()).add(plural)
    return [
        {"apiGroups": [group], "resources": sorted(plurals)}
        | ({"resourceNames": list(names)} if names else {})
        | {"verbs": [verb]}
        for (group, verb, names), plurals in sorted(resources.items())
    ]


def _granted(kind: str, name: str, space: str | None, rules: list[Manifest], to: tuple[str, str]) -> tuple[Manifest, ...]:
    role = made("rbac.authorization.k8s.io/v1", kind, name, space) | {"rules": rules}
    return role, binding(f"{kind}Binding", name, space, (kind, name), to)


# -------------------------------------------------------------------------------------------------------------- objects


def _job(wanted: Wanted) -> Manifest:
    return job(_name(wanted), wanted.namespace, _spec(wanted), deadline=DEADLINE, kept=KEPT)


def _pod(wanted: Wanted) -> Manifest:
    spec = _spec(wanted) | {"activeDeadlineSeconds": DEADLINE}
    return made("v1", "Pod", _name(wanted), wanted.namespace) | {"spec": spec}


def _spec(wanted: Wanted) -> Manifest:
    return {"nodeName": wanted.node} | pod_spec(_name(wanted), container(wanted.image, ("probe", *wanted.arguments)))


def _name(wanted: Wanted) -> str:
    """Unique for each node and kind. A node's name may be longer than a Job's may be, so a long one is cut and hashed."""
    node, first = wanted.node, NAME if wanted.job else f"{NAME}-{_POD}"
    label = node.replace(".", "-")
    if len(label) <= 40 and label == node and not label.startswith(f"{_POD}-") and not _HASHED.search(label):
        return f"{first}-{label}"
    return f"{first}-{label[:40].rstrip('-')}-{sha256(node.encode()).hexdigest()[:8]}"


_HASHED = re.compile("-[0-9a-f]{8}$")
"""The end of a hashed name. A node whose own name ends like this gets a hashed name too, so that the two never collide."""


# ------------------------------------------------------------------------------------------------------------------ text


def _check(nodes: Iterable[str], wanted: Wanted | Always) -> None:
    for node in nodes:
        if not _NODE.fullmatch(node):
            raise UsageError(f"--node {node[:80]!r} is not a valid node name", "`kubectl get nodes` lists them")
    check_namespace(wanted.namespace)
    if wanted.create_namespace and _SYSTEMS.fullmatch(wanted.namespace):
        hint = f"Leave out --create-namespace, or use the namespace {NAMESPACE}"
        raise UsageError(f"--create-namespace is not possible for {wanted.namespace}, a namespace of the system", hint)
    check_image(wanted.image)


# -------------------------------------------------------------------------------------------------------------- arpcheck pod


def run(wanted: Wanted, chosen: Collection[str], config_maps: tuple[str, ...]) -> int:
    text = manifests(wanted, _needs(chosen, config_maps))
    _must_exist(wanted)
    return shown(text)


def always(wanted: Always, *, needs: Iterable[Need], openshift: bool, folder: str | None) -> int:
    """Prints the manifests of --watch or --cron, or writes them with rules and dashboard as a base into `folder`."""
    _check(wanted.nodes, wanted)
    wanted.check()
    found = always_manifests(wanted, rights(needs, wanted.namespace, wanted.account, openshift=openshift))
    if folder is not None:
        write_base(Path(folder), found, wanted.namespace)
        notice(f"wrote {folder}: `kubectl apply -k {folder}` applies it")
    _must_exist(wanted)
    for line in wanted.remarks:
        notice(line)
    return shown(yaml_text(found)) if folder is None else 0


def shown(text: str) -> int:
    show(text)
    return 0


def _must_exist(wanted: Wanted | Always) -> None:
    if not wanted.create_namespace:
        must = f"the namespace {wanted.namespace} must exist and allow the pod security level privileged"
        notice(f"{must}; --create-namespace prints it too")


def _needs(chosen: Collection[str], config_maps: tuple[str, ...]) -> tuple[Need, ...]:
    for name in chosen:
        if name not in pipeline.CHOICES:
            hint = did_you_mean(name, pipeline.CHOICES, f"One of {', '.join(pipeline.CHOICES)}")
            raise UsageError(f"--with {name[:80]!r} is not known", hint)
    return pipeline.rights(chosen, config_maps)
