"""The wheel and its environment, made once for all workers of a run: it takes as much as all the tests of them."""

import fcntl
import os

import pytest
from wheel_environment import build, install


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return once(tmp_path_factory, "wheel", build)


@pytest.fixture(scope="session")
def programs(wheel, tmp_path_factory):
    """The `bin` of an environment with the wheel and what it declares. Nothing is changed in it."""
    return once(tmp_path_factory, "away", lambda folder: install(wheel, folder / "venv"))


def once(tmp_path_factory, name, make):
    """What `make` gives for a folder of that name, which the workers share; who comes first makes it, others wait for it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made = base / f"{name}.made"
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            (base / name).mkdir()
            made.write_text(str(make(base / name)))
    return base / made.read_text()
