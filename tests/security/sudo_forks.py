"""`sudo arpcheck` in processes forked from one that sudo started and that has imported all of arpcheck: the start of an interpreter
is most of what a short command costs. What a start loads, and when, is tried with `sudo arpcheck` itself.

`python -I sudo_forks.py`, as sudo starts it: for each line of stdin, `[FOLDER, [ARGUMENT…]]`, a line `[CODE, STDOUT, STDERR]`."""

import gc
import json
import os
import pkgutil
import sys
from importlib import import_module
from tempfile import TemporaryFile

import arpcheck
from arpcheck.__main__ import process

LEFT_OUT = "arpcheck.lab"


def main():
    for module in pkgutil.walk_packages(arpcheck.__path__, "arpcheck."):
        if not module.name.startswith(LEFT_OUT):
            import_module(module.name)
    gc.freeze()
    for line in sys.stdin:
        folder, arguments = json.loads(line)
        with TemporaryFile() as out, TemporaryFile() as err:
            if not (child := os.fork()):
                started(folder, arguments, out, err)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            told = [code, *(os.pread(file.fileno(), 1 << 24, 0).decode() for file in (out, err))]
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


def started(folder, arguments, out, err):
    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), out.fileno(), err.fileno())):
        os.dup2(descriptor, number)
    os.chdir(folder)
    sys.stdin, sys.argv = open(0, closefd=False), ["arpcheck", *arguments]  # noqa: SIM115 - until the process ends
    try:
        process()
    except SystemExit as end:  # all is flushed; to take the interpreter apart takes longer than the command
        os._exit(end.code)


if __name__ == "__main__":
    main()
