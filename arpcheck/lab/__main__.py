"""`python -m arpcheck.lab [SCENE] [--json] [--check] [-- OPTION OF arpcheck probe…]`: one scene on the kernel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from arpcheck.errors import ArpcheckError, InputError
from arpcheck.lab import run, scene_file
from arpcheck.lab.run import differences
from arpcheck.wire.privilege import confine, give_up


def main(arguments: Sequence[str]) -> int:
    own, options = _split(list(arguments))
    parser = argparse.ArgumentParser(prog="python -m arpcheck.lab", description="Runs a scene on the kernel.")
    parser.add_argument("scene", nargs="?", help="name of a scene, or path of a TOML file; without it, list the scenes")
    parser.add_argument("--json", action="store_true", help="the report as JSON, as `-o json` gives it")
    parser.add_argument("--check", action="store_true", help="compare the report with what the scene expects; 0 or 1")
    chosen = parser.parse_args(own)
    try:
        (confine if chosen.scene else give_up)()
        if chosen.scene is None:
            return run.demo(list_scenes=True)
        if chosen.check:
            return _check_scene(chosen.scene, options)
        return run.show(chosen.scene, [*(["-o", "json"] if chosen.json else []), *options])
    except ArpcheckError as error:
        sys.stderr.write(f"arpcheck: {error}\n")
        return error.exit_code


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments before `--`, and those after it."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _check_scene(name: str, options: Sequence[str]) -> int:
    """0 as expected, 1 different, 2 no report to compare."""
    scene = scene_file.load(name)
    if scene.expect is None:
        raise InputError(f"{name}: the scene has no [expect]", "Leave out --check to see the report")
    result = run.run(name, ["-o", "json", *options])
    sys.stderr.write(result.stderr)
    if not result.stdout:
        return 2
    found = differences(scene, result.report)
    sys.stdout.write("".join(f"{name}: {line}\n" for line in found) or f"{name}: as expected\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
