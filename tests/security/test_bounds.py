"""Whatever an API server sends: the real command stays small, ends by its budget, and says one line or a gap."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest
from hostile_api import HEAD, TAIL, HostileApi, bomb, drip, endless, listed, named

MIB = 1 << 20
MOST = 512 * MIB
PATIENCE = 120
GZIP = {"Content-Encoding": "gzip"}
EMOJI = "\N{GRINNING FACE}".encode()


def paged(number, entries, **more):
    """A page with another after it."""
    return (
        b'{"kind":"XList","metadata":{"continue":"%d"},"items":[' % number
        + b",".join(named(f"{number}-{i}", **more) for i in range(entries))
        + TAIL
    )


LABELS = {f"k{i}": "v" * 60 for i in range(40)}
ALMOST = 499_000
WITHIN = HEAD + b'{"metadata":{"name":"a","labels":{"a":"b"}},"spec":['


def always(body):
    return lambda _: body


@cache
def blanks():
    return bomb(b" " * 1000, 1_000_000)


CASES = {
    "empty lists, compressed": lambda: HostileApi(always(bomb(b"[],", 80_000_000, tail=b"0" + TAIL)), GZIP),
    "a gigabyte of blanks": lambda: HostileApi(always(blanks()), GZIP),
    "compressed twice": lambda: HostileApi(always(bomb(blanks(), 1)), {"Content-Encoding": "gzip, gzip"}),
    "empty lists within one entry": lambda: HostileApi(always(bomb(b"[],", 10_000_000, WITHIN, b"0]}" + TAIL)), GZIP),
    "as many objects as are taken": lambda: HostileApi(lambda _: WITHIN + b",".join([b'{"a":1}'] * (ALMOST // 2)) + b"]}" + TAIL),
    "as many entries as are taken": lambda: HostileApi(lambda _: listed(*[b"[]"] * (ALMOST // 2))),
    "a text as long as an answer": lambda: HostileApi(lambda _: listed(named(1, x="y" * (30 * MIB)))),
    "one sign beyond ASCII in it": lambda: HostileApi(lambda _: HEAD + b'{"metadata":{"name":"' + EMOJI + b"y" * (30 * MIB) + b'"}}' + TAIL),
    "one escaped sign beyond ASCII in it": lambda: HostileApi(lambda _: HEAD + b'{"metadata":{"name":"\\ud83d\\ude00' + b"y" * (30 * MIB) + b'"}}' + TAIL),
    "deep": lambda: HostileApi(lambda _: HEAD + b"[" * 10_000_000),
    "deep objects": lambda: HostileApi(lambda _: HEAD + b'{"a":' * 90_000),
    "pages without an end": lambda: HostileApi(lambda number: paged(number, 500, status={"x": "y"})),
    "pages without an end, of which all is kept": lambda: HostileApi(lambda number: paged(number, 500) .replace(b'"namespace"', LABELS_TEXT)),
    "an answer without an end": lambda: HostileApi(lambda _: endless(b"[[],{}],")),
    "a slow drip": lambda: HostileApi(lambda _: drip(b"[" * 1000, 0.01)),
    "an error with a gigabyte": lambda: HostileApi(always(blanks()), GZIP, status=500),
    "a redirect with a gigabyte": lambda: HostileApi(always(blanks()), {**GZIP, "Location": "/elsewhere"}, status=302),
    "discovery": lambda: HostileApi(lambda _: listed(), discovery=b'{"kind":"APIResourceList","resources":[' + b",".join([b'{"name":"x"}'] * (ALMOST // 2)) + b"]}"),
}  # fmt: skip
LABELS_TEXT = (
    b'"labels":{' + b",".join(b'"%s":"%s"' % (k.encode(), v.encode()) for k, v in LABELS.items()) + b'},"namespace"'
)


RUNNER = """
import os, subprocess, sys
with open("out", "wb") as out, open("err", "wb") as err:
    _, status, usage = os.wait4(subprocess.Popen(sys.argv[1:], stdout=out, stderr=err).pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""
"""A small process between, since a child's peak begins with its parent's."""


def measured(arguments, folder):
    """Exit code, peak memory, and what it said."""
    words = [sys.executable, "-c", RUNNER, sys.executable, "-m", "arpcheck", *arguments]
    done = subprocess.run(
        words,
        env={**os.environ, "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    code, peak = map(int, done.stdout.split())
    return code, peak, (folder / "err").read_text()


@pytest.mark.parametrize("case", CASES)
def test_it_stays_small_and_ends(tmp_path, case):
    with CASES[case]() as api:
        code, peak, said = measured(
            ["snapshot", "--request-timeout", "3", "--kubeconfig", api.kubeconfig(tmp_path / "config")], tmp_path
        )
    print(f"{case}: {code}, {peak // MIB} MiB, {len(said)} characters")  # noqa: T201 - for -s
    assert code in (0, 2), said
    assert "Traceback" not in said
    assert len(said) < 20_000
    assert peak < MOST


ONE_PAGE = 500
LONG = "n" * 7_600


def long_names(number, *, last=30):
    """Services that the bounds of an answer let pass, a hundred mebibytes of names, and no address twice."""
    entries = [
        json.dumps({
            "metadata": {"name": f"s{number}-{i}-{LONG}", "namespace": "x", "uid": f"{number}-{i}"},
            "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": f"10.{number % 250}.{i // 250}.{i % 250 + 1}"}]}},
        }).encode()
        for i in range(ONE_PAGE)
    ]  # fmt: skip
    more = b'"metadata":{"continue":"%d"},' % (number + 1) if number < last else b""
    return b'{"kind":"ServiceList","apiVersion":"v1",' + more + b'"items":[' + b",".join(entries) + TAIL


@pytest.mark.parametrize("words", [["snapshot"], ["probe", "--dry-run", "--iface", "lo"]], ids=["snapshot", "dry run"])
def test_names_that_no_object_can_have_are_not_kept(tmp_path, words):
    with HostileApi(long_names) as api:
        code, peak, said = measured(
            [*words, "--request-timeout", "60", "--kubeconfig", api.kubeconfig(tmp_path / "config")], tmp_path
        )
    assert code in (0, 2), said
    assert "Traceback" not in said
    assert peak < MOST
    assert LONG[:300] not in (tmp_path / "out").read_text()


def test_what_is_too_long_for_an_object_is_a_gap(tmp_path):
    with HostileApi(lambda _: long_names(0, last=0)) as api:
        _, _, said = measured(["snapshot", "--kubeconfig", api.kubeconfig(tmp_path / "config")], tmp_path)
    assert f"services ({ONE_PAGE} entries have no name, or a name or text longer than the API allows)" in said
