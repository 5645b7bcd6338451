"""Commands that help to run arpcheck where the trouble is."""

from typing import Annotated

import typer

from arpcheck import __version__
from arpcheck.cli.app import app
from arpcheck.cli.options import (
    As,
    ClusterFile,
    Context,
    FileHas,
    Iface,
    Kubeconfig,
    RequestTimeout,
    Verbose,
    implementations,
    scenes,
    source,
)
from arpcheck.errors import UsageError


@app.command(
    epilog="Examples:  arpcheck pod --node worker-1 --job --create-namespace | kubectl apply -f -  |"
    "  arpcheck pod --rbac --with metallb  |"
    "  arpcheck pod --node worker-1 -- -o markdown -n web"
)
def pod(
    node: Annotated[str | None, typer.Option("--node", metavar="NAME", help="The node to run on.")] = None,
    job: Annotated[bool, typer.Option("--job", help="A Job, which goes away an hour after its end, not a Pod.")] = False,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="The image that scripts/image builds, as the nodes can pull it.")
    ] = f"arpcheck:{__version__}",
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="The namespace that it runs in.")
    ] = "arpcheck",
    create_namespace: Annotated[
        bool, typer.Option("--create-namespace", help="Print that namespace too; deleting what is printed deletes it.")
    ] = False,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="NAME", autocompletion=implementations,
            help="A load balancer or MAC source of which all may be read, and nothing of others; may be repeated.",
        ),
    ] = None,
    config_map: Annotated[
        list[str] | None,
        typer.Option("--config-map", metavar="NAME", help="kube-proxy's, where it has a name of its own (Talos)."),
    ] = None,
    openshift: Annotated[bool, typer.Option("--openshift", help="With the rights that OpenShift wants for it.")] = False,
    only_rbac: Annotated[bool, typer.Option("--rbac", help="Only the rights: what may be read.")] = False,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PROBE-OPTIONS]", help="Further options of `arpcheck probe`.")
    ] = None,
) -> int:
    """Print what runs arpcheck on a node, for `kubectl apply -f -`. Its report is in the pod's log."""
    from arpcheck.commands.pod import Wanted, rbac
    from arpcheck.commands.pod import pod as run

    if only_rbac:
        return rbac(namespace, tuple(chosen or ()), tuple(config_map or ()), openshift=openshift)
    if node is None:
        raise UsageError("no node is named", "Give one with --node; `kubectl get nodes` lists them")
    _check_arguments(arguments or [])
    wanted = Wanted(
        node=node, image=image, job=job, namespace=namespace, create_namespace=create_namespace,
        arguments=tuple(arguments or ()), openshift=openshift,
    )  # fmt: skip
    return run(wanted, tuple(chosen or ()), tuple(config_map or ()))


@app.command(epilog="Examples:  sudo arpcheck doctor --iface eth0  |  arpcheck doctor --context prod")
def doctor(
    iface: Iface = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = 30.0,
    _verbose: Verbose = False,
) -> int:
    """Say in ten lines whether all is there that a probe needs, before an incident. Sends nothing on the wire."""
    from arpcheck.commands.doctor import doctor as run

    names = tuple(name for name in dict.fromkeys(iface or ()) if name != "auto")
    return run(names, source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has))


def _check_arguments(arguments: list[str]) -> None:
    """What probe would refuse in the pod is refused here."""
    group = typer.main.get_command(app)
    group.commands["probe"].make_context("arpcheck probe", list(arguments))  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------------- arpcheck demo


@app.command(epilog="Example:  arpcheck demo split-brain")
def demo(
    scene: Annotated[
        str | None, typer.Argument(metavar="SCENE", help="A scene's name, or a scene file.", autocompletion=scenes)
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Name the scenes.")] = False,
) -> int:
    """Run the whole of it on a LAN of network namespaces with real kernel ARP."""
    from arpcheck.wire.privilege import confine, give_up

    (give_up if names else confine)()
    from arpcheck.lab.run import demo as run

    return run(scene, list_scenes=names)
