"""Long runs: `python tests/campaigns/fuzz/fuzzing.py [TARGET|all [EXECUTIONS [SECONDS [OCTETS]]]]`, coverage-guided where atheris
is installed. `OCTETS`: the longest input; without it short ones, since most faults need few and each costs less.

A fault leaves its input beside this file as NAME.crash-…; move it to `found` once it is mended. Without atheris the
inputs are the seeds, changed by chance."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
OCTETS = {"frames": 96, "discovery": 128, "capture": 320, "evidence": 2600, "fields": 26, "event": 96, "command_line": 128}
"""The longest input by the target, where it is not the usual one."""
USUAL = 256


def main(name: str = "all", executions: str = "1000000", seconds: str = "600", octets: str = "0") -> int:
    from fuzz_targets import TARGETS

    if name != "all":
        return one(name, int(executions), int(seconds), int(octets) or OCTETS.get(name, USUAL))
    options = [executions, seconds, octets]
    failed = [name for name in TARGETS if subprocess.run([sys.executable, __file__, name, *options]).returncode]
    print(f"faults in: {', '.join(failed) or 'none'}")  # noqa: T201
    return 1 if failed else 0


def one(name: str, executions: int, seconds: int, octets: int) -> int:
    try:
        import atheris
    except ImportError:
        return by_chance(name, executions, seconds)
    with atheris.instrument_imports(include=["arpcheck"]):
        import fuzz_targets
        from fuzz_seeds import seeds

        for seed in seeds(name):  # imports what it imports lazily, instrumented
            fuzz_targets.tried(name, seed)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [
            f"-runs={executions}", f"-max_total_time={seconds}", f"-max_len={octets}", "-timeout=20", "-rss_limit_mb=2048",
            "-print_final_stats=1", "-verbosity=0", "-reload=0", f"-artifact_prefix={HERE / name}.",
        ]  # fmt: skip
        sys.stderr.write(f"{name}:\n")
        atheris.Setup([sys.argv[0], *options, corpus], lambda data: fuzz_targets.tried(name, data))
        atheris.Fuzz()
    return 0


def by_chance(name: str, executions: int, seconds: int) -> int:
    from fuzz_seeds import seeds
    from fuzz_targets import tried

    dice, end, number = random.Random(1), time.monotonic() + seconds, 0  # noqa: S311 - a draw, not a secret
    while number < executions and time.monotonic() < end:
        data = changed(dice, seeds(name))
        number += 1
        try:
            tried(name, data)
        except BaseException:
            (HERE / f"{name}.crash-{number}").write_bytes(data)
            raise
    print(f"{name}: {number:,} executions by chance, no fault")  # noqa: T201
    return 0


def changed(dice: random.Random, good: tuple[bytes, ...]) -> bytes:
    """A seed with some octets changed, cut, doubled or taken from another seed."""
    data = bytearray(dice.choice(good))
    for _ in range(dice.randint(1, 8)):
        at, length = dice.randrange(len(data) + 1), dice.randint(0, 8)
        match dice.randrange(5):
            case 0:
                data[at : at + length] = dice.randbytes(length)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length * 4]
            case 3:
                other = dice.choice(good)
                start = dice.randrange(len(other) + 1)
                data[at:at] = other[start : start + 16]
            case 4:
                data[at : at + 1] = dice.choice((b"\0", b"\xff", b"{", b"[", b'"', b"\n", b"-", b"9", b"\xe2\x80\xae"))
    return bytes(data)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
