"""What reads a cluster and needs no socket: no privilege is left when it reads. Under sudo it is the calling user's, whose
kubeconfig and login plug-ins are meant."""

from __future__ import annotations

from arpcheck.cluster import Source, hold
from arpcheck.commands.output import check
from arpcheck.wire.privilege import caller, give_up, has_privileges


def as_caller(source: Source, output: str | None = None) -> Source:
    """The source as it is to be read from here on.

    Under sudo a kubeconfig that root named and root alone can have written is read first; root itself reads any, since its
    capabilities are what opens another user's. OutputError where `output` can't be written without them."""
    held = hold(source, for_another=caller() is not None) if has_privileges() else source
    give_up()
    check(output)
    return held
