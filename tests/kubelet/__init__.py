"""The controllers and kubelets that tests need of a cluster, on the API server of the tests and the nodes of a scene.

    events ─► scheduler, deployments ─► jobs ─┐
    volumes, probes ─► manifests, container_log ─► kubelets ─► control_plane ─► staged
    container ─► zygote ─► runtimes ┘

Containers are processes in the node's network namespace with exactly the rights of their manifest (`runtimes.Processes`), or
generators of a test (`runtimes.Plays`)."""

from kubelet.control_plane import ControlPlane
from kubelet.kubelets import Kubelets, Trouble

__all__ = ["ControlPlane", "Kubelets", "Trouble"]
