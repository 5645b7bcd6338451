"""What a user may get wrong: each is refused with exit code 2 and one line that says what, where and what to do instead."""

import gzip
import json
import re
import struct
from pathlib import Path

import pytest
from forked import arpcheck

LIBRARIES = re.compile(
    r"Traceback|Errno|pydantic|Input should|[Vv]alidation|Expecting|Extra data|while (parsing|scanning)|are not allowed here"
    r"|Usage:|Try '|Invalid value|No such (option|command)|Missing (argument|option|command|parameter)|cattrs|invalid literal"
    r"|unpack|NoneType|\w+Error\b|codec can't|expected <|could not find expected|this is a fault in arpcheck|\[Errno|unexpected"
)
"""Words of the libraries behind, of which a user knows nothing."""

FILES = {
    "empty.json": b"",
    "cut.json": b'{"apiVersion": "arpcheck/v1",',
    "list.json": b"[1, 2]",
    "number.json": b"17",
    "other.json": b'{"kind": "Other"}',
    "newer.json": b'{"apiVersion": "arpcheck/v9", "kind": "ProbeReport"}',
    "deep.json": b"[" * 100_000,
    "utf16.json": '{"kind": "List"}'.encode("utf-16"),
    "binary": bytes(range(256)) * 4,
    "lan.pcap": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1),
    "lan.pcapng": struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
    "run.json.gz": gzip.compress(b"{}"),
    "run.zst": b"\x28\xb5\x2f\xfd\x04\x00\x00\x00",
    "cluster.json": b'{"apiVersion": "v1", "kind": "List", "arpcheck": {"takenAt": null}, "items": []}',
    "list-of-kubectl.json": b'{"apiVersion": "v1", "kind": "List", "items": []}',
    "services.json": json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "web"}, "spec": {}}],
        }
    ).encode(),
    "page.html": b"<!doctype html><title>x</title>",
    "junit.xml": b'<?xml version="1.0"?><testsuites/>',
    "notes.md": b"# Notes\n",
    "macs.csv": b"52:54:00:aa:bb:cc,worker-1\n",
    "no-macs.txt": b"nothing here\n",
    "config": json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "prod",
            "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "admin"}}],
            "clusters": [{"name": "prod", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "admin", "user": {}}],
        }
    ).encode(),
    "nobody": b'{"apiVersion": "v1", "kind": "Config", "contexts": [{"name": "a", "context": {"cluster": "b"}}]}',
    "tabs.yaml": b"accept:\n\t- x: 1\n",
    "colon.yaml": b"accept: - a: b: c\n",
    "word.yaml": b"hello\n",
    "verdict.yaml": b"- {verdict: duplicat, ip: 10.0.0.5, reason: x, until: 2099-01-01}\n",
    "key.yaml": b"- {verdict: duplicate, ipp: 10.0.0.5, reason: x, until: 2099-01-01}\n",
    "day.yaml": b"- {verdict: duplicate, ip: 10.0.0.5, reason: x, until: tomorrow}\n",
    "finding.yaml": b"- {finding: non-strict-node, node: w, reason: x, until: 2099-01-01}\n",
    "scene.toml": b"title = \n",
    "key.toml": b'title = "x"\nabout = "y"\nfrob = 1\n[nodes]\nworker-1 = {}\n',
}
"""Beside them there are the folder `folder`, and `saved.json`, a report."""


def probe(*words):
    """Sends nothing in any case."""
    return ("probe", "--dry-run", *words)


CASES = {
    # commands and their options
    "prob": (("prob",), "Did you mean probe?"),
    "svc/nginx": (("svc/nginx",), "`arpcheck probe svc/nginx`"),
    "stat": (("strict-arp", "stat"), "Did you mean status?"),
    "strict-arp": (("strict-arp",), "status, enable"),
    "help of nothing": (("help", "prbe"), "Did you mean probe?"),
    "an option before its command": (("--iface", "eth0", "probe"), "`arpcheck probe --iface eth0`"),
    "an option without a command": (("--iface", "eth0"), "`arpcheck probe --iface eth0`"),
    "an option that nothing has": (("--frob",), "has no option --frob"),
    "a mistyped option": (probe("--ifce", "eth0"), "Did you mean --iface?"),
    "an option of a subcommand": (("strict-arp", "status", "--log"), "Did you mean --logs?"),
    "a token": (probe("--token", "secret"), "--token-file"),
    "-i": (probe("-i", "eth0"), "--iface"),
    "--interface": (probe("--interface", "eth0"), "--iface"),
    "-f": (probe("-f", "x.json"), "--cluster-file"),
    "--watch": (probe("--watch"), "`arpcheck watch`"),
    "--client-key": (probe("--client-key", "x"), "kubeconfig"),
    "an option without its value": (("probe", "--iface"), "--iface needs a value"),
    "a flag with a value": (probe("--quiet=yes"), "--quiet takes no value"),
    "too many words": (("compare", "a", "b", "c"), "does not take 'c'"),
    "too few words": (("compare", "saved.json"), "AFTER is missing"),
    "no shell": (("completion",), "SHELL is missing"),
    "an unknown shell": (("completion", "tcsh"), "bash, zsh, fish"),
    "a mistyped shell": (("completion", "zhs"), "Did you mean zsh?"),
    "version in XML": (("version", "-o", "xml"), "json"),
    # selection
    "a bare name": (probe("nginx"), "svc/nginx"),
    "a bare address": (probe("10.0.0.50"), "--ip 10.0.0.50"),
    "svc/": (probe("svc/"), "svc/NAME"),
    "/nginx": (probe("/nginx"), "NAMESPACE/NAME"),
    "three parts": (probe("a/b/c"), "NAMESPACE/NAME"),
    "a kind that has no address": (probe("deployment/Nginx"), "svc/NAME"),
    "a Service outside -n": (probe("-n", "web", "shop/api"), "shop/api is not in -n web"),
    "an empty namespace": (probe("-n", ""), "-n ''"),
    "an upper-case namespace": (probe("-n", "Web"), "'Web'"),
    "a namespace with a blank": (probe("-n", "web shop"), "separated by commas"),
    "an open comma": (probe("-n", "web,"), "a name is empty"),
    "-n and -A": (probe("-n", "web", "-A"), "-n and -A"),
    "a selector in": (probe("-l", "a in b"), "-l 'a in b'"),
    "a selector of equals": (probe("-l", "a=b=c"), "-l 'a=b=c'"),
    "a selector of nothing": (probe("-l", "="), "label selector"),
    "no address": (probe("--ip", "x"), "--ip 'x'"),
    "an address beyond 255": (probe("--ip", "10.0.0.300"), "--ip '10.0.0.300'"),
    "a network as an address": (probe("--ip", "10.0.0.0/24"), "--ip '10.0.0.0/24'"),
    "a link-local address": (probe("--ip", "fe80::1"), "one host can have"),
    "a loopback address": (probe("--ip", "127.0.0.1"), "--ip 127.0.0.1"),
    "a group": (probe("--ip", "224.0.0.1"), "--ip 224.0.0.1"),
    # the wire
    "no such interface": (probe("--iface", "nope0"), "'nope0'"),
    "an empty interface": (probe("--iface", ""), "''"),
    "lo": (probe("--iface", "lo"), "lo is a loopback"),
    "auto and another": (probe("--iface", "auto", "--iface", "eth0"), "--iface auto"),
    "rounds of letters": (probe("--rounds", "x"), "--rounds 'x'"),
    "no round": (probe("--rounds", "0"), "--rounds '0'"),
    "too many rounds": (probe("--rounds", "1001"), "1 to 1000"),
    "half a round": (probe("--rounds", "1.5"), "--rounds '1.5'"),
    "a wait of letters": (probe("--wait", "soon"), "--wait 'soon'"),
    "no wait": (probe("--wait", "0"), "0.1s to 60s"),
    "a long wait": (probe("--wait", "1h"), "--wait '1h'"),
    "a negative wait": (probe("--wait=-1s"), "--wait '-1s'"),
    "nan": (probe("--wait", "nan"), "--wait 'nan'"),
    "inf": (probe("--rate", "inf"), "--rate 'inf'"),
    "a rate of letters": (probe("--rate", "fast"), "--rate 'fast'"),
    "a negative rate": (probe("--rate=-1"), "--rate -1"),
    "a rate beyond the top": (probe("--rate", "5000"), "4000"),
    "an interval of words": (("watch", "--interval", "often"), "--interval 'often'"),
    "no interval": (("watch", "--interval", "0s"), "--interval '0s'"),
    "a time of words": (("watch", "--for", "soon"), "--for 'soon'"),
    "a time in days": (("watch", "--for", "2d"), "--for '2d'"),
    "a range of words": (("pool", "--range", "x"), "--range 'x'"),
    "a range backwards": (("pool", "--range", "10.0.0.9-10.0.0.1"), "--range"),
    "no address at most": (("pool", "--most", "0"), "--most '0'"),
    # the cluster
    "a request timeout of words": (probe("--request-timeout", "soon"), "--request-timeout 'soon'"),
    "no request timeout": (probe("--request-timeout", "0"), "0.1s"),
    "a group without a user": (probe("--as-group", "x"), "--as-group needs --as"),
    "a uid without a user": (probe("--as-uid", "x"), "--as-uid needs --as"),
    "insecure with an authority": (
        probe("--insecure-skip-tls-verify", "--certificate-authority", "x"),
        "--certificate-authority",
    ),
    "an empty server": (probe("--server", ""), "--server ''"),
    "an empty context": (probe("--context", ""), "--context ''"),
    "a server by FTP": (probe("--server", "ftp://x"), "--server"),
    "no token file": (probe("--kubeconfig", "config", "--token-file", "nowhere"), "--token-file"),
    "no authority": (probe("--kubeconfig", "config", "--certificate-authority", "nowhere"), "--certificate-authority"),
    "a user without a kubeconfig": (probe("--user", "admin"), "--kubeconfig"),
    "no kubeconfig at all": (probe(), "--kubeconfig"),
    "no such kubeconfig": (probe("--kubeconfig", "nowhere"), "nowhere"),
    "a folder as a kubeconfig": (probe("--kubeconfig", "folder"), "folder"),
    "binary as a kubeconfig": (probe("--kubeconfig", "binary"), "not a kubeconfig"),
    "a kubeconfig with tabs": (probe("--kubeconfig", "tabs.yaml"), "tabs.yaml:2"),
    "a kubeconfig of one word": (probe("--kubeconfig", "word.yaml"), "not a kubeconfig"),
    "a kubeconfig without a current context": (probe("--kubeconfig", "nobody"), "--context"),
    "a context without its cluster": (probe("--kubeconfig", "nobody", "--context", "a"), "'a'"),
    "a mistyped context": (probe("--kubeconfig", "config", "--context", "prd"), "Did you mean prod?"),
    "an unknown context": (probe("--kubeconfig", "config", "--context", "xyz"), "'prod'"),
    "a mistyped user": (probe("--kubeconfig", "config", "--user", "admn"), "Did you mean admin?"),
    "a mistyped cluster": (probe("--kubeconfig", "config", "--cluster", "prd"), "Did you mean prod?"),
    "a server that is not there": (probe("--kubeconfig", "config", "--request-timeout", "2s"), "https://127.0.0.1:1"),
    "a cluster file and a context": (probe("--cluster-file", "x", "--context", "y"), "--context"),
    "a cluster file and a server": (probe("--cluster-file", "x", "-s", "https://y"), "--server"),
    "no such cluster file": (probe("--cluster-file", "nowhere.json"), "nowhere.json"),
    "an empty cluster file": (probe("--cluster-file", "empty.json"), "empty.json"),
    "a cut cluster file": (probe("--cluster-file", "cut.json"), "cut.json"),
    "a folder as a cluster file": (probe("--cluster-file", "folder"), "folder"),
    "binary as a cluster file": (probe("--cluster-file", "binary"), "binary"),
    "a capture as a cluster file": (probe("--cluster-file", "lan.pcap"), "--capture"),
    "a report as a cluster file": (probe("--cluster-file", "saved.json"), "arpcheck report"),
    "a kubeconfig as a cluster file": (probe("--cluster-file", "config"), "--kubeconfig"),
    "kinds without a file": (probe("--file-has", "all"), "--file-has needs --cluster-file"),
    "an unknown kind": (probe("--cluster-file", "list-of-kubectl.json", "--file-has", "frobs"), "'frobs'"),
    # what is read beside it
    "acceptances with a tab": (("report", "saved.json", "--accept", "tabs.yaml"), "tabs.yaml:2"),
    "acceptances with colons": (("report", "saved.json", "--accept", "colon.yaml"), "colon.yaml:1"),
    "acceptances of one word": (("report", "saved.json", "--accept", "word.yaml"), "expected a list"),
    "a verdict that is alike": (("report", "saved.json", "--accept", "verdict.yaml"), "Did you mean duplicate?"),
    "a finding that is alike": (("report", "saved.json", "--accept", "finding.yaml"), "Did you mean non-strict-nodes?"),
    "a key that is alike": (("report", "saved.json", "--accept", "key.yaml"), "Did you mean ip?"),
    "a day in words": (("report", "saved.json", "--accept", "day.yaml"), "'tomorrow'"),
    "no such acceptances of a report": (("report", "saved.json", "--accept", "nowhere"), "--accept nowhere"),
    # reports
    "no report": (("report",), "--capture"),
    "no such report": (("report", "nowhere.json"), "nowhere.json"),
    "a folder": (("report", "folder"), "folder"),
    "an empty report": (("report", "empty.json"), "empty"),
    "a cut report": (("report", "cut.json"), "line 1"),
    "a list": (("report", "list.json"), "list.json"),
    "a number": (("report", "number.json"), "number.json"),
    "another kind": (("report", "other.json"), "other.json"),
    "a newer report": (("report", "newer.json"), "newer arpcheck"),
    "a deep report": (("report", "deep.json"), "nested too deeply"),
    "UTF-16": (("report", "utf16.json"), "UTF-8"),
    "binary": (("report", "binary"), "binary"),
    "a capture as a report": (("report", "lan.pcap"), "--capture lan.pcap"),
    "a newer capture as a report": (("report", "lan.pcapng"), "--capture lan.pcapng"),
    "gzip": (("report", "run.json.gz"), "gzip"),
    "zstd": (("report", "run.zst"), "zstd"),
    "a snapshot as a report": (("report", "cluster.json"), "--cluster-file"),
    "objects as a report": (("report", "list-of-kubectl.json"), "--cluster-file"),
    "a foreign page": (("report", "page.html"), "page.html"),
    "JUnit": (("report", "junit.xml"), "junit.xml"),
    "notes": (("report", "notes.md"), "notes.md"),
    "a MAC list as a report": (("report", "macs.csv"), "macs.csv"),
    "a report and a capture": (("report", "saved.json", "--capture", "lan.pcap"), "--capture"),
    "a capture without a cluster": (("report", "--capture", "lan.pcap"), "--cluster-file"),
    "a report with a selection": (("report", "saved.json", "-n", "web"), "--capture"),
    "a report as a capture": (("report", "--capture", "saved.json", "--cluster-file", "services.json"), "not a pcap"),
    "a PDF": (("report", "saved.json", "-o", "pdf"), "-o 'pdf'"),
    "a mistyped format": (("report", "saved.json", "-o=jsn"), "Did you mean json?"),
    "a format in capitals": (("report", "saved.json", "-o", "JSON"), "Did you mean json?"),
    "no format": (("report", "saved.json", "-o", ""), "table"),
    "a template": (("report", "saved.json", "-o", "jsonpath={.summary}"), "jq"),
    "a dry run as a page": (probe("-o", "html"), "--dry-run"),
    "no such folder": (("report", "saved.json", "--output", "/nowhere/r.json"), "/nowhere"),
    "a folder as the output": (("report", "saved.json", "--output", "folder"), "folder"),
    "a device as the output": (("report", "saved.json", "--output", "/dev/null"), "/dev/null"),
    "stdout twice": (("report", "saved.json", "--output", "-"), "stdout"),
    "redacted nothing": (("report", "saved.json", "--redact"), "--bundle"),
    "a capture to compare": (("compare", "saved.json", "lan.pcap"), "lan.pcap"),
    "a snapshot to compare": (("compare", "cluster.json", "saved.json"), "cluster.json"),
    "stdin twice": (("compare", "-", "-"), "stdin"),
    "compare as XML": (("compare", "saved.json", "saved.json", "-o", "xml"), "'xml'"),
    "one report to merge": (("merge", "saved.json"), "two reports"),
    "a capture to merge": (("merge", "saved.json", "lan.pcap"), "lan.pcap"),
    "a snapshot to merge": (("merge", "saved.json", "cluster.json"), "cluster.json"),
    # the rest
    "an unknown rule": (("explain", "nonsense"), "'nonsense'"),
    "a mistyped rule": (("explain", "nonstrict"), "Did you mean non-strict"),
    "an unknown page": (("docs", "nonsense"), "`arpcheck docs`"),
    "a mistyped page": (("docs", "symptom"), "Did you mean symptoms?"),
    "a rule as a page": (("docs", "non-strict"), "`arpcheck explain non-strict`"),
    "no node": (("pod",), "--node"),
    "a wrong node": (("pod", "--node", "A_B"), "'A_B'"),
    "a wrong option for the pod": (("pod", "--node", "x", "--", "--frob"), "--frob"),
    "a mistyped load balancer": (("pod", "--node", "x", "--with", "metalb"), "Did you mean metallb?"),
    "Jobs without an image": (("inventory", "--manifest"), "--image"),
    "an inventory as XML": (("inventory", "-o", "xml"), "csv"),
    "no such scene": (("demo", "nowhere"), "'nowhere'"),
    "a mistyped scene": (("demo", "split-brian"), "Did you mean split-brain?"),
    "a scene that is not TOML": (("demo", "scene.toml"), "line 1, column 9"),
    "a scene with another key": (("demo", "key.toml"), "frob"),
    "configz of no node": (
        ("strict-arp", "status", "--cluster-file", "list-of-kubectl.json", "--configz-file", "w=x"),
        "'w'",
    ),
    "a status as XML": (("strict-arp", "status", "-o", "xml"), "json"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, saved):
    made = tmp_path_factory.mktemp("odd")
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    (made / "folder").mkdir()
    (made / "saved.json").write_bytes(Path(saved).read_bytes())
    return made


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_one_line(name, folder):
    arguments, words = CASES[name]
    environment = {"HOME": str(folder), "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": "", "COLUMNS": "80"}
    done = arpcheck(*arguments, cwd=folder, env=environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    refusal = done.stderr.splitlines()[-1]
    assert all(line.startswith("arpcheck: read ") for line in done.stderr.splitlines()[:-1]), "what was read, no more"
    assert refusal.startswith("arpcheck: ")
    assert not LIBRARIES.search(done.stderr), done.stderr
    assert ". " in done.stderr, "what to do"
    assert words in done.stderr
