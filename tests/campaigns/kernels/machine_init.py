"""The first process of the machine: mounts what every Linux has, runs the scenes, and switches off whatever happened.

It is copied to /init, and does not import arpcheck: `scene_runner` does, in a process of its own. What it says goes to the
second serial line, a line of JSON each; everything else to the console."""

import ctypes
import json
import os
import subprocess
import time

RESULTS = "/dev/ttyS1"
MOUNTS = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run"))
"""Not /tmp: the checkout may lie below it."""
POWER_OFF = 0x4321FEDC


def main():
    started = time.monotonic()
    for kind, place in MOUNTS:
        subprocess.run(["mount", "-t", kind, kind, place], check=False)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    with open("/settings.json") as opened:
        settings = json.load(opened)
    subprocess.run(["modprobe", "--all", *settings["modules"]], check=False)  # what is built in is no error
    results = os.open(RESULTS, os.O_WRONLY | os.O_NOCTTY)
    import tty

    tty.setraw(results)
    os.write(results, json.dumps({"up": os.uname().release, "after": started}).encode() + b"\n")
    runner = subprocess.Popen(
        [settings["python"], "-m", settings["runner"]], stdout=results, cwd=settings["folder"], env=settings["environment"]
    )
    while True:
        try:
            child, status = os.wait()
        except ChildProcessError:
            break
        if child == runner.pid:
            os.write(results, json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
            break
    import termios

    termios.tcdrain(results)


try:
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    main()
finally:
    import sys
    import traceback

    if sys.exc_info()[0]:
        traceback.print_exc()
    ctypes.CDLL(None).reboot(POWER_OFF)
