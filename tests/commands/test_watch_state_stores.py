"""`watch --state`: a file that is written whole, and one ConfigMap with the rights to get and patch it alone."""

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from apiserver import ApiServer, Fault

from arpcheck.cluster import ClusterSource
from arpcheck.commands import watch_state
from arpcheck.commands.watch_state import Keeper, StateConfigMap, StateFile, keeping, loaded, store_of
from arpcheck.errors import ClusterError, InputError, UsageError
from arpcheck.model import Verdict
from arpcheck.watch.state import KnownAddress, Place, WatchState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = Place(server="https://10.0.0.1:6443", networks=("10.0.0.0/24",))
SPACE, NAME = "arpcheck", "arpcheck-state"
RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"], "resourceNames": [NAME]}


def state(verdict=Verdict.OK, seconds=0, addresses=1):
    known = KnownAddress(
        ip=IPv4Address("10.0.0.50"), verdict=verdict, is_accepted=False, macs=(), events={}, gap_seconds=0.0,
        overlap_seconds=0.0,
    )  # fmt: skip
    return WatchState(
        place=PLACE, saved_at=NOW + timedelta(seconds=seconds), nodes=(), subjects=(),
        addresses=tuple(replace(known, ip=known.ip + n) for n in range(addresses)),
    )  # fmt: skip


def config_map(**data):
    return {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": SPACE, "name": NAME}, **({"data": data} if data else {}),
    }  # fmt: skip


@pytest.fixture
def serving(tmp_path):
    from contextlib import ExitStack

    with ExitStack() as stack:

        def made(*objects, **options):
            rules = [RULE]
            server = stack.enter_context(ApiServer(objects or (config_map(),), token="t", rules=rules, **options))
            source = ClusterSource(kubeconfig=server.kubeconfig(tmp_path / "kubeconfig"), request_timeout=5.0)
            return server, StateConfigMap(source, SPACE, NAME)

        yield made


# ------------------------------------------------------------------------------------------------------------ in a file


def test_a_file_is_read_back(tmp_path):
    store = StateFile(tmp_path / "state.json")
    assert loaded(store, PLACE) is None
    with keeping(store) as keep:
        keep(state(Verdict.DUPLICATE))
    assert loaded(store, PLACE) == state(Verdict.DUPLICATE)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_it_is_written_only_when_something_changed(tmp_path):
    store = StateFile(tmp_path / "state.json")
    keeper, written = Keeper(store), []
    for one in (state(), state(seconds=30), state(Verdict.SILENT, 60), state(Verdict.SILENT, 90)):
        keeper.keep(one)
        written.append((tmp_path / "state.json").stat().st_ino)
    assert written[0] == written[1] != written[2] == written[3]


@pytest.mark.parametrize("text", ["", "{", "name,mac\n", '{"kind": "Evidence"}'])
def test_what_is_no_state_is_set_aside_and_told_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    store = StateFile(path)
    assert loaded(store, PLACE) is None
    told = capsys.readouterr().err.splitlines()
    assert len(told) == bool(text)
    with keeping(store) as keep:
        keep(state())
    assert loaded(store, PLACE) == state()
    if text:
        assert told[0].startswith(f"arpcheck: --state {path} is ")
        assert told[0].endswith(f"; starting anew, the old one is now {path}.unused")
        assert (tmp_path / "state.json.unused").read_text() == text


def test_one_of_another_segment_is_told_and_not_used(tmp_path, capsys):
    store = StateFile(tmp_path / "state.json")
    with keeping(store) as keep:
        keep(state())
    assert loaded(store, replace(PLACE, networks=("10.9.0.0/24",))) is None
    assert "is of another segment, 10.0.0.0/24; starting anew" in capsys.readouterr().err


def test_a_file_that_can_not_be_read_is_an_error_and_is_left_as_it_is(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        loaded(StateFile(tmp_path / "folder"), PLACE)


def test_a_file_that_is_too_large_is_set_aside(tmp_path, capsys):
    path = tmp_path / "state.json"
    path.write_text("{" + " " * 2_000_000)
    assert loaded(StateFile(path), PLACE) is None
    assert "is larger than 900,000 bytes; starting anew" in capsys.readouterr().err
    assert path.with_name("state.json.unused").stat().st_size == 2_000_001


def test_a_full_disk_is_told_once_and_the_next_one_is_tried(tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    store = StateFile(tmp_path / "sub" / "state.json")
    keeper = Keeper(store)
    keeper.keep(state())
    saved = (tmp_path / "sub" / "state.json").read_text()
    os.rename(tmp_path / "sub", tmp_path / "away")
    keeper.keep(state(Verdict.SILENT))
    keeper.keep(state(Verdict.DUPLICATE))
    assert capsys.readouterr().err.count("can't write") == 1
    os.rename(tmp_path / "away", tmp_path / "sub")
    assert (tmp_path / "sub" / "state.json").read_text() == saved
    keeper.keep(state(Verdict.DUPLICATE, 90))
    assert loaded(store, PLACE) == state(Verdict.DUPLICATE, 90)


def test_the_file_is_the_users_alone_as_far_as_he_says(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("")
    path.chmod(0o600)
    with keeping(StateFile(path)) as keep:
        keep(state())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# ------------------------------------------------------------------------------------------------------- in a ConfigMap


def test_a_config_map_needs_get_and_patch_of_one_name(serving):
    server, store = serving()
    assert loaded(store, PLACE) is None
    with keeping(store) as keep:
        keep(state(Verdict.DUPLICATE))
    assert loaded(store, PLACE) == state(Verdict.DUPLICATE)
    assert {(r.method, r.path) for r in server.requests} == {
        (verb, f"/api/v1/namespaces/{SPACE}/configmaps/{NAME}") for verb in ("GET", "PATCH")
    }


def test_what_is_in_a_config_map_and_no_state_is_told_and_replaced(serving, capsys):
    _, store = serving(config_map(**{"state.json": "{", "other": "kept"}))
    assert loaded(store, PLACE) is None
    assert capsys.readouterr().err.endswith("is damaged: it is not JSON; starting anew\n")
    with keeping(store) as keep:
        keep(state())
    assert loaded(store, PLACE) == state()


def test_one_that_is_not_there_or_is_forbidden_ends_the_start(serving, tmp_path):
    _, store = serving(config_map() | {"metadata": {"namespace": SPACE, "name": "other"}})
    with pytest.raises(ClusterError, match="not found"):
        loaded(store, PLACE)
    other = StateConfigMap(store._source, SPACE, "other")
    with pytest.raises(ClusterError, match="may not get configmaps"):
        loaded(other, PLACE)


def test_an_api_server_that_fails_is_told_once_and_the_last_state_is_saved_when_it_is_back(serving, capsys):
    fault = Fault(method="PATCH", status=503, times=3)
    _, store = serving(faults=[fault])
    keeper = Keeper(store)
    for number, verdict in enumerate((Verdict.OK, Verdict.SILENT, Verdict.OK)):
        keeper.keep(state(verdict, number))
        keeper._thread.join(30)
    assert capsys.readouterr().err.count("is not saved") == 1
    keeper.keep(state(Verdict.DUPLICATE, 9))
    keeper.finish(30)
    assert loaded(store, PLACE) == state(Verdict.DUPLICATE, 9)


def test_one_that_never_answers_delays_no_probe_and_the_end_not_for_long(serving, capsys):
    server, store = serving(faults=[Fault(method="PATCH", hang=True)])
    keeper = Keeper(store)
    keeper.keep(state())
    keeper.keep(state(Verdict.SILENT))
    assert keeper._thread.is_alive()
    keeper.finish(0.2)
    assert "the last state was not saved within 0 s" in capsys.readouterr().err
    server.stop()
    keeper._thread.join(30)


def test_what_came_during_a_save_is_saved_at_the_end(serving):
    _, store = serving(faults=[Fault(method="PATCH", delay=0.5, times=1)])
    with keeping(store) as keep:
        keep(state())
        keep(state(Verdict.SILENT))
    assert loaded(store, PLACE) == state(Verdict.SILENT)


def test_a_state_that_no_config_map_can_hold_is_told(serving, capsys):
    _, store = serving()
    with keeping(store) as keep:
        keep(state(addresses=9_000))
    assert "larger than 900,000 bytes" in capsys.readouterr().err
    assert loaded(store, PLACE) is None


def test_two_thousand_addresses_fit():
    from arpcheck.watch.state import MOST_BYTES, written

    assert len(written(state(addresses=2_000))) < MOST_BYTES / 2


# ------------------------------------------------------------------------------------------------------ how it is named


def test_how_it_is_named(tmp_path, monkeypatch):
    source = ClusterSource()
    assert store_of("configmap/a/b", source).where == "--state configmap/a/b"
    assert store_of("./configmap/b", source).where == "--state configmap/b"
    (tmp_path / "namespace").write_text("tools\n")
    monkeypatch.setattr(watch_state, "OWN_NAMESPACE", tmp_path / "namespace")
    assert store_of("configmap/b", source).where == "--state configmap/tools/b"


@pytest.mark.parametrize(
    "text", ["configmap/", "configmap/a", "configmap/a/", "configmap/a/b/c", "configmap/../b", "configmap/A/b"]
)
def test_what_names_no_config_map_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.setattr(watch_state, "OWN_NAMESPACE", tmp_path / "namespace")
    with pytest.raises(UsageError, match="does not name a ConfigMap"):
        store_of(text, ClusterSource())


def test_a_cluster_file_has_no_config_map_to_write(tmp_path):
    with pytest.raises(UsageError, match="can't be changed"):
        store_of("configmap/a/b", ClusterSource(cluster_file=tmp_path / "cluster.json"))
