"""Under sudo no code and no data of a place that the user can write is loaded while there is a privilege: everything that a
user may put somewhere is planted there, and says when and as whom it was run."""

import sys

import pytest
from sudo_world import ARPCHECK, GID, HOME, MINE, SECURE_PATH, UID, SudoWorld

pytestmark = pytest.mark.lab

RAN = f"{MINE}/ran"
PLANTED = f'import os\nwith open("{RAN}", "a") as file: print(__name__, os.getresuid(), file=file)\n'
MODULES = (
    "arpcheck", "click", "ctypes", "encodings", "kubernetes", "os", "psutil", "runpy", "scapy", "sitecustomize", "tomllib",
    "typer", "usercustomize", "yaml",
)  # fmt: skip
SITE = f"lib/python3.{sys.version_info.minor}/site-packages"
QUIET = (
    "probe",
    "--iface",
    "eth0",
    "--ip",
    "10.0.0.50",
    "--rounds",
    "1",
    "--rate",
    "0",
    "--cluster-file",
    "cluster.json",
    "--quiet",
)
"""A probe that nobody answers; its exit code is 3."""
CLUSTER = (
    '{"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}}]}'
)

COMMANDS = [
    pytest.param(("demo", "all-non-strict"), 1, id="demo"),
    pytest.param(QUIET, 3, id="probe"),
    pytest.param(("report", "nowhere.json"), 2, id="report"),
]


def plant(world):
    world.write(f"{MINE}/cluster.json", CLUSTER, owner=True)
    for folder in (MINE, HOME, f"{HOME}/modules", f"{HOME}/.local/{SITE}", f"{HOME}/base/{SITE}"):
        for name in MODULES:
            world.write(f"{folder}/{name}.py", PLANTED, owner=True)
        world.write(f"{folder}/planted.pth", f'import os; open("{RAN}", "a").write("pth")\n', owner=True)
    for name in ("prestart.py", "startup.py"):
        world.write(f"{HOME}/.config/scapy/{name}", PLANTED, owner=True)


@pytest.mark.parametrize(("command", "code"), COMMANDS)
@pytest.mark.parametrize("kept", [(), ("-E",)], ids=["sudo", "sudo -E"])
def test_no_module_of_the_users_is_run(world, command, code, kept, request):
    if "demo" in command:
        request.getfixturevalue("user_namespace")
    plant(world)
    env = {
        "PYTHONPATH": f"{HOME}/modules", "PYTHONSTARTUP": f"{HOME}/modules/yaml.py", "PYTHONUSERBASE": f"{HOME}/base",
        "PYTHONINSPECT": "", "SHELL": "/bin/bash",
    }  # fmt: skip
    done = world.sudo("arpcheck", *command, options=kept, env=env, cwd=MINE)
    assert not world.path(RAN).exists(), world.path(RAN).read_text()
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


# ------------------------------------------------------------------------------------------------------------ scapy's files

TABLES = ("manufdb", "ethertypes", "services", "bluetoothids")
EVIL = b"cos\nsystem\n(S'echo pickle >>" + RAN.encode() + b"'\ntR."


@pytest.mark.parametrize("where", [".cache", "elsewhere"])
@pytest.mark.parametrize("kept", [(), ("-E",)], ids=["sudo", "sudo -E"])
@pytest.mark.parametrize("planted", ["pickle", "dangling link", "folder that is not there"])
def test_scapys_cache_is_neither_read_nor_written(world, planted, kept, where):
    world.write(f"{HOME}/cluster.json", CLUSTER, owner=True)
    world.path("/run/roots").mkdir(mode=0o755)
    for name in TABLES if planted != "folder that is not there" else ():
        path = world.path(world.write(f"{HOME}/{where}/scapy/{name}.pickle", "", owner=True))
        if planted == "pickle":
            path.write_bytes(EVIL)
        else:
            path.unlink()
            path.symlink_to(f"/run/roots/{name}")
    before = world.files(HOME, "/run/roots", "/root")
    env = {f"XDG_{what}_HOME": f"{HOME}/elsewhere" for what in ("CACHE", "CONFIG", "DATA")} if where == "elsewhere" else {}
    done = world.sudo("arpcheck", *QUIET, options=kept, env=env | {"SHELL": "/bin/bash"})
    assert done.returncode == 3, done.stderr
    assert world.files(HOME, "/run/roots", "/root") == before
    assert not world.path(f"{HOME}/.config").exists()
    assert world.path(f"{HOME}/.cache").exists() == (where == ".cache" and planted != "folder that is not there")


def test_an_ordinary_user_and_root_itself_leave_nothing_of_scapys_either(world):
    world.write(f"{HOME}/cluster.json", CLUSTER)
    world.path("/run/roothome").mkdir()
    assert world.run("setpriv", "--ambient-caps=+net_raw", "--inh-caps=+net_raw", f"--reuid={UID}", f"--regid={GID}", "--init-groups",
                     ARPCHECK, *QUIET, root=True, env={"HOME": HOME}).returncode == 3  # fmt: skip
    assert world.run(ARPCHECK, *QUIET, root=True, env={"HOME": "/run/roothome"}).returncode == 3
    assert world.files(HOME, "/run/roothome") == {f"{HOME}/cluster.json": 0}
    assert not world.path(f"{HOME}/.cache").exists()
    assert not world.path("/run/roothome/.cache").exists()


# ---------------------------------------------------------------------------------------------------- programs and scenes

IP = f"""#!/bin/sh
touch {MINE}/made-$$
cat /etc/shadow >{MINE}/shadow-$$ 2>/dev/null
PATH={SECURE_PATH}
exec ip "$@"
"""


def test_the_programs_that_a_demo_starts_are_run_with_the_users_own_rights(user_namespace):
    """Where sudo has no secure_path the user's PATH says which `ip` is meant."""
    with SudoWorld(sudoers="Defaults !secure_path\ncaller ALL=(root) NOPASSWD: ALL\n") as world:
        world.write(f"{MINE}/bin/ip", IP, owner=True, mode=0o755)
        done = world.sudo("arpcheck", "demo", "all-non-strict", env={"PATH": f"{MINE}/bin:{SECURE_PATH}"})
        assert done.returncode == 1, done.stderr
        made = {path: uid for path, uid in world.files(MINE).items() if "-" in path}
        assert set(made.values()) == {UID}
        assert [path for path in made if "shadow-" in path and world.path(path).stat().st_size] == []


SCENE = 'title = "Mine"\nabout = "My own."\n[prober]\noptions = ["--rounds", "1", "--rate", "0", "--output", "{}"]\n'


@pytest.mark.parametrize("how", [("arpcheck", "demo"), (sys.executable, "-I", "-m", "arpcheck.lab")], ids=["demo", "lab"])
def test_a_scene_of_the_users_writes_with_his_rights(world, how, user_namespace):
    world.write(f"{MINE}/scene.toml", SCENE.format(f"{MINE}/out.md"), owner=True)
    done = world.sudo(*how, f"{MINE}/scene.toml")
    assert world.files(MINE) == {f"{MINE}/scene.toml": UID, f"{MINE}/out.md": UID}, done.stderr


def test_a_scene_of_the_users_writes_nothing_of_roots(world, user_namespace):
    world.path("/mnt/roots").mkdir()
    world.write(f"{MINE}/scene.toml", SCENE.format("/mnt/roots/out.md"), owner=True)
    done = world.sudo("arpcheck", "demo", f"{MINE}/scene.toml")
    assert (done.returncode, world.files("/mnt/roots")) == (2, {})
    assert "no right to write in /mnt/roots" in done.stderr


def test_a_scene_that_only_root_may_read_is_not_read(world, user_namespace):
    world.write("/mnt/roots.toml", "secret = 'hunter2'", mode=0o600)
    done = world.sudo("arpcheck", "demo", "/mnt/roots.toml")
    assert (done.returncode, "hunter2" in done.stderr, done.stderr.count("\n")) == (2, False, 1)
    assert "Permission denied" in done.stderr
