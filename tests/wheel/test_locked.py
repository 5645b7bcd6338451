"""What a release is made from is what the tests run with: the lock files have each dependency, in the tested version, with hashes."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheel_environment import CHECKOUT

LOCKED = CHECKOUT / "scripts" / "releasing" / "locked"
POLICY = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(name):
    """Version and number of hashes, by package."""
    text = (LOCKED / name).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {
        canonicalize_name(line.split("==")[0]): (line.split("==")[1].split()[0], line.count("--hash=sha256:"))
        for line in lines
    }


def pinned():
    lines = (CHECKOUT / "scripts" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", "\n".join(lines), re.MULTILINE)
    }


@pytest.mark.parametrize(
    ("name", "needs"),
    [("runtime.txt", POLICY["project"]["dependencies"]), ("build.txt", POLICY["build-system"]["requires"])],
)
def test_each_dependency_is_locked(name, needs):
    """`scripts/lock` writes the files anew."""
    have = locked(name)
    for need in map(Requirement, needs):
        version, _ = have[canonicalize_name(need.name)]
        assert need.specifier.contains(version), f"{name}: {need} is locked as {version}"


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt"])
def test_it_is_the_version_with_which_the_tests_run(name):
    known = pinned()
    differ = {package: version for package, (version, _) in locked(name).items() if known.get(package, version) != version}
    assert differ == {}
    assert len(locked(name).keys() & known.keys()) > 5


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt"])
def test_every_version_has_hashes(name):
    assert [package for package, (_, hashes) in locked(name).items() if not hashes] == []
