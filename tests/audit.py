"""Known faults of what is installed, by pip-audit: 1 where there are some. An index that can't be asked is a skip, aloud:
it says nothing of the packages."""

from __future__ import annotations

import json
import subprocess
import sys

COMMAND = ("-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner=off", "--timeout=10", "-f", "json")


def main() -> int:
    try:
        done = subprocess.run([sys.executable, *COMMAND], capture_output=True, text=True, timeout=180, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        packages = []
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return say("skipped, the index of known faults can't be asked from here", 0)
    faulty = [package for package in asked if package["vulns"]]
    for package in faulty:
        say(f"{package['name']} {package['version']}: {', '.join(found['id'] for found in package['vulns'])}", 1)
    return say(f"{len(asked)} packages, {len(faulty)} with known faults", 1 if faulty else 0)


def say(line: str, code: int) -> int:
    sys.stderr.write(f"scripts/audit: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
