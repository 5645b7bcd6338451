"""Under sudo, what needs no socket: it is the calling user's all the same, whose kubeconfig and login plug-ins are meant."""

from __future__ import annotations

from arpcheck.cluster import Source, hold
from arpcheck.commands.output import check
from arpcheck.wire.privilege import caller, drop


def as_caller(source: Source, output: str | None = None) -> Source:
    """The source as it is to be read from here on. Without sudo nothing is changed.

    A kubeconfig that root named and root alone can have written is read first. OutputError where only root could have
    written `output`."""
    check(output)
    if caller() is None:
        return source
    held = hold(source, for_another=True)
    drop()
    check(output)
    return held
