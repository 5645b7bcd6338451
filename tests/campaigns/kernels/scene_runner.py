"""Runs scenes in the machine: imports once, forks for each, prints a line of JSON for each, in the order of /settings.json."""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forked
import ipv6_twins

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences


def main():
    settings = json.loads(Path("/settings.json").read_text())
    forked.PATIENCE = settings["patience"]
    forked.preload("probe_imports")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(lambda name: result(name, settings["options"]), settings["scenes"]):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def result(name, options):
    started = time.monotonic()
    try:
        differs = list(outcome(name, options))
    except Exception as error:  # noqa: BLE001 - a line of the table
        differs = [f"{type(error).__name__}: {error}"]
    return {"scene": Path(name).stem, "seconds": round(time.monotonic() - started, 1), "differs": differs}


def outcome(name, options):
    if name.endswith(ipv6_twins.SUFFIX):
        path = Path(tempfile.gettempdir(), f"{name}.toml")
        path.write_text(ipv6_twins.twin(name.removesuffix(ipv6_twins.SUFFIX)))
        name = str(path)
    done = forked.scene(name, ["-o", "json", *options])
    try:
        report = done.report
    except ValueError:
        return [f"exit code {done.exit_code}, no report: {done.stderr[-2000:]}"]
    if differs := differences(scene_file.load(name), report):
        targets = [target for target in report["targets"] if target["verdict"]]
        return [*differs, *(f"({target['ip']} {target['verdict']}: {target['reason']})" for target in targets)]
    return []


if __name__ == "__main__":
    main()
