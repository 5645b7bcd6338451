"""`arpcheck pod`: prints the manifests that run arpcheck on a node, for `kubectl apply -f -`.

It needs no API access and no privilege."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import typer

from arpcheck import IMAGE, pipeline
from arpcheck.commands.app import app
from arpcheck.commands.options import implementations
from arpcheck.commands.output import notice, show
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
)


def pod(
    node: Annotated[str | None, typer.Option("--node", metavar="NAME", help="The node to run on.")] = None,
    job: Annotated[
        bool, typer.Option("--job", help="Print a Job, which Kubernetes deletes an hour after its end, instead of a Pod.")
    ] = False,
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
        list[str] | None, typer.Argument(metavar="[-- PROBE-OPTIONS]", help="Options for `arpcheck probe`.")
    ] = None,
) -> int:
    """Print the manifests that run arpcheck on a node, for `kubectl apply -f -`. The report is in the pod's log."""
    if only_rbac:
        return rbac(namespace, tuple(chosen or ()), tuple(config_map or ()), openshift=openshift)
    if node is None:
        raise UsageError("--node is missing", "`kubectl get nodes` lists the nodes")
    _check_arguments(arguments or [])
    wanted = Wanted(
        node=node, image=image, job=job, namespace=namespace, create_namespace=create_namespace,
        arguments=tuple(arguments or ()), openshift=openshift,
    )  # fmt: skip
    return run(wanted, tuple(chosen or ()), tuple(config_map or ()))


def _check_arguments(arguments: list[str]) -> None:
    """Options that probe would reject in the pod are rejected here."""
    group = typer.main.get_command(app)
    group.commands["probe"].make_context("arpcheck probe", list(arguments))  # type: ignore[attr-defined]


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
    _check_wanted(wanted)
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


def _check_wanted(wanted: Wanted) -> None:
    if not _NODE.fullmatch(wanted.node):
        raise UsageError(f"--node {wanted.node[:80]!r} is not a valid node name", "`kubectl get nodes` lists them")
    check_namespace(wanted.namespace)
    if wanted.create_namespace and _SYSTEMS.fullmatch(wanted.namespace):
        hint = f"Leave out --create-namespace, or use the namespace {NAMESPACE}"
        raise UsageError(f"--create-namespace is not possible for {wanted.namespace}, a namespace of the system", hint)
    check_image(wanted.image)


# -------------------------------------------------------------------------------------------------------------- arpcheck pod


def run(wanted: Wanted, chosen: Collection[str], config_maps: tuple[str, ...]) -> int:
    text = manifests(wanted, _needs(chosen, config_maps))
    if not wanted.create_namespace:
        notice(
            f"the namespace {wanted.namespace} must exist and allow the pod security level privileged; "
            "--create-namespace prints it too"
        )
    show(text)
    return 0


def rbac(namespace: str, chosen: Collection[str], config_maps: tuple[str, ...], *, openshift: bool) -> int:
    show(cluster_roles(_needs(chosen, config_maps), namespace, openshift=openshift))
    return 0


def _needs(chosen: Collection[str], config_maps: tuple[str, ...]) -> tuple[Need, ...]:
    for name in chosen:
        if name not in pipeline.CHOICES:
            hint = did_you_mean(name, pipeline.CHOICES, f"One of {', '.join(pipeline.CHOICES)}")
            raise UsageError(f"--with {name[:80]!r} is not known", hint)
    return pipeline.rights(chosen, config_maps)
