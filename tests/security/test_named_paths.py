"""Each path that a kubeconfig names is opened with the rights of whoever has the say of it, not with root's for a user."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arpcheck.cluster import ClusterSource, preload
from arpcheck.cluster.kubeconfig import NotPreloaded
from arpcheck.cluster.ownership import not_roots

UID = 4242
UNSEEN = "Under sudo, arpcheck reads only a kubeconfig that root alone can write, and so every folder on its path"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def roots(request):
    """A folder on whose way only root has a say."""
    from shutil import rmtree
    from tempfile import mkdtemp

    folder = Path(mkdtemp(dir="/root"))
    yield folder
    rmtree(folder)


@pytest.fixture
def users(roots):
    """A folder of another user's."""
    folder = roots / "users"
    folder.mkdir()
    os.chown(folder, UID, UID)
    return folder


def written(folder, key):
    """A kubeconfig of root's that names a key."""
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "x", "user": {"client-certificate-data": "eA==", "client-key": str(key)}}],
    }
    path = folder / "config"
    path.write_text(json.dumps(config))
    return path


def held(path):
    return preload(ClusterSource(kubeconfig=str(path)), for_another=True).preloaded


def test_a_file_of_roots_is_read_for_the_one_who_named_its_kubeconfig(roots):
    (roots / "key").write_text("roots")
    found = held(written(roots, roots / "key"))
    assert (found.user.get("client-key-data"), "client-key" in found.user) == ("cm9vdHM=", False)


def test_a_link_in_a_users_folder_leads_root_nowhere(roots, users):
    (roots / "secret").write_text("roots")
    (users / "key").symlink_to(roots / "secret")
    os.chown(users / "key", 0, 0, follow_symlinks=False)
    found = held(written(roots, users / "key"))
    assert (found.user["client-key"], "client-key-data" in found.user) == (str(users / "key"), False)


def test_a_link_of_roots_that_leads_through_a_users_folder_leads_nowhere_either(roots, users):
    (users / "key").write_text("theirs")
    (roots / "key").symlink_to(users / "key")
    assert "client-key-data" not in held(written(roots, roots / "key")).user


def test_a_kubeconfig_behind_a_users_link_is_not_read_for_him(roots, users):
    (roots / "key").write_text("roots")
    (users / "link").symlink_to(written(roots, roots / "key"))
    found = preload(ClusterSource(kubeconfig=str(users / "link")), for_another=True)
    assert (found.preloaded, found.not_preloaded) == (None, NotPreloaded.NOT_ROOTS)


PLACES = [
    pytest.param("file", "", id="root's"),
    pytest.param("link", "", id="a link of root's"),
    pytest.param("up/../file", "", id="up and down"),
    pytest.param("relative", "", id="a relative link"),
    pytest.param("shared/file", "users other than root may write to {}/shared", id="everybody's folder"),
    pytest.param("theirs", "{}/theirs does not belong to root", id="somebody's file"),
    pytest.param("round", "{}/round: too many links", id="a link to itself"),
    pytest.param("gone", "{}/gone: No such file or directory", id="none"),
    pytest.param("fifo", "{}/fifo is not a regular file", id="a FIFO"),
    pytest.param("up", "{}/up is not a regular file", id="a folder"),
    pytest.param("/proc/self/cwd/file", "/proc is on proc, where file owners prove nothing", id="a link of the kernel's"),
    pytest.param("to-proc", "/proc is on proc, where file owners prove nothing", id="a link to one"),
    pytest.param(
        "/sys/kernel/uevent_seqnum", "/sys is on sysfs, where file owners prove nothing", id="what is made when it is read"
    ),
]


@pytest.mark.parametrize(("name", "why"), PLACES)
def test_who_has_a_say(roots, name, why):
    (roots / "file").write_text("x")
    (roots / "link").symlink_to(roots / "file")
    (roots / "up").mkdir()
    (roots / "relative").symlink_to("up/../file")
    (roots / "shared").mkdir()
    (roots / "shared").chmod(0o1777)
    (roots / "shared" / "file").write_text("x")
    (roots / "theirs").write_text("x")
    os.chown(roots / "theirs", UID, UID)
    (roots / "round").symlink_to(roots / "round")
    (roots / "to-proc").symlink_to("/proc/self/fd/0")
    os.mkfifo(roots / "fifo", 0o600)
    assert not_roots(roots / name) == why.format(roots)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        pytest.param(
            "/tmp",  # noqa: S108
            "Under sudo, arpcheck reads only files that root alone can write, and users other than root may write to /tmp. Move it to such a place",
            id="seen",
        ),
        pytest.param("/root", UNSEEN, id="not seen"),
    ],
)
def test_a_kubeconfig_of_roots_that_was_not_read_says_why_as_far_as_the_user_may_see(place, why):
    import kubernetes.client.configuration
    import kubernetes.config.kube_config  # noqa: F401 - a user may not be able to read where Python lies

    import arpcheck.cluster.api
    import arpcheck.cluster.discovery  # noqa: F401
    from arpcheck.cluster import read
    from arpcheck.errors import ClusterError

    with TemporaryDirectory(dir=place) as roots:
        os.chmod(roots, 0o720)
        source = preload(ClusterSource(kubeconfig=str(written(Path(roots), Path(roots) / "key"))), for_another=True)
        os.setresuid(UID, UID, 0)
        try:
            with pytest.raises(ClusterError) as error:
                read(source, ())
        finally:
            os.setresuid(0, 0, 0)
        assert str(error.value) == f"{roots}/config: Permission denied. {why}"


@pytest.mark.parametrize("path", ["{}/file", "/{}/file", "{}-link"])
def test_removable_media_is_what_it_is_however_its_path_is_written(roots, monkeypatch, path):
    media = roots / "media"
    media.mkdir()
    (media / "file").write_text("x")
    (roots / "media-link").symlink_to(f"/{media}/file")
    monkeypatch.setattr("arpcheck.cluster.ownership.REMOVABLE", (str(media),))
    assert not_roots(Path(path.format(media))) == f"{media} is for removable media"
