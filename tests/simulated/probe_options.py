"""The options of `arpcheck probe` that a scene sets, as the pipeline takes them. For runs without a command line.

Only those on which the judgement depends; the command line itself is `arpcheck.commands`'s."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from ipaddress import ip_address

from arpcheck.commands.input_files import acceptances
from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry, Options
from arpcheck.lab.scene import Scene
from arpcheck.mac_owners.mac_list import read_mac_map
from arpcheck.model import Acceptance, Families

TOP_RATE = 4000.0
"""What `--rate 0` takes."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InputError(f"prober.options: {message}")


def options(scene: Scene, more: Sequence[str] = ()) -> Options:
    """Those of the scene, then `more`. InputError for one that only the command line knows."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wait", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--sender", default="auto")
    parser.add_argument("--family", dest="families", type=Families, default=Families.AUTO)
    parser.add_argument("-n", "--namespace", dest="namespaces", action="append", default=[])
    parser.add_argument("-l", "--selector", default="")
    parser.add_argument("--lb-class", dest="load_balancer_classes", action="append", default=[])
    parser.add_argument("--ip", dest="ips", type=ip_address, action="append", default=[])
    parser.add_argument("--external-ips", action="store_true")
    chosen = vars(parser.parse_args([*scene.prober.options, *more]))
    chosen |= {name: tuple(chosen[name]) for name in ("ips", "namespaces", "load_balancer_classes")}
    chosen |= {"rate": chosen["rate"] or TOP_RATE}
    return Options(interfaces=scene.prober.interfaces, **chosen)


def mac_map(scene: Scene) -> tuple[MacEntry, ...]:
    """The entries of its MAC list; none without one. InputError as `--mac-map` has it."""
    return read_mac_map(scene.prober.mac_list, "mac-list").entries if scene.prober.mac_list is not None else ()


def accepted(scene: Scene) -> tuple[Acceptance, ...]:
    """The entries of its file of acceptances; none without one. InputError as `--accept` has it."""
    content = scene.prober.accepted
    return acceptances(content.encode(), "prober.accepted") if content is not None else ()
