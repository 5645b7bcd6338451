"""`--mac-map` from the command line: files, folders, encodings, and names that fit no node."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from forked import arpcheck

from arpcheck import cluster, pipeline
from arpcheck.commands.input_files import read_mac_maps
from arpcheck.errors import InputError
from arpcheck.lab import cluster_objects, scene_file

A, B = "02:01:00:00:01:00", "02:01:00:00:02:00"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UNREACHED = json.dumps({"changed": False, "msg": "no route to host", "unreachable": True})


def facts(name: str, mac: str) -> str:
    nic = {"device": "eth0", "macaddress": mac}
    return json.dumps({"ansible_facts": {"ansible_nodename": name, "ansible_interfaces": ["eth0"], "ansible_eth0": nic}})


def read(path) -> list[tuple[str, str]]:
    return [(entry.mac, entry.node) for entry in read_mac_maps((str(path),))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_is_read_as_files_of_the_cluster_are(tmp_path, encoding):
    """PowerShell redirects in UTF-16 with a mark."""
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    path = tmp_path / "macs.csv"
    path.write_bytes(f"{mark}mac,node\r\n{A},worker-1\r\n".encode(encoding))
    assert read(path) == [(A, "worker-1")]


@pytest.mark.parametrize("content", [b"mac,node\n\xff\xff,w\n", "\ufeffmac".encode("utf-16-le") + b"x"])
def test_another_encoding_is_one_line_that_names_the_file(tmp_path, content):
    path = tmp_path / "macs.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^--mac-map {path}:\d: not UTF-8 text\."):
        read(path)


def test_a_file_larger_than_any_list_is_not_read(tmp_path):
    path = tmp_path / "macs.csv"
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        read(path)


def test_a_host_of_a_folder_that_was_not_reached_is_passed_over_and_said(tmp_path, capsys):
    (tmp_path / "worker-1").write_text(facts("worker-1", A))
    (tmp_path / "worker-2").write_text(UNREACHED)
    assert read(tmp_path) == [(A, "worker-1")]
    assert (
        capsys.readouterr().err
        == "arpcheck: --mac-map worker-2: skipped 1 entry without a MAC address: worker-2 (not reached)\n"
    )


def test_rows_without_a_mac_are_counted_and_the_first_named(tmp_path, capsys):
    path = tmp_path / "macs.csv"
    path.write_text(f"node,mac\nworker-1,{A}\n" + "ilo,\n" * 7)
    assert read(path) == [(A, "worker-1")]
    said = "line 3, line 4, line 5, line 6, line 7 and 2 more"
    assert capsys.readouterr().err == f"arpcheck: --mac-map macs.csv: skipped 7 entries without a MAC address: {said}\n"


@pytest.mark.parametrize("folder", [False, True])
def test_no_mac_anywhere_is_no_list(tmp_path, folder):
    path = tmp_path / "worker-2"
    path.write_text(UNREACHED)
    chosen = tmp_path if folder else path
    with pytest.raises(InputError, match=rf"^--mac-map {chosen}: no MAC address in it\."):
        read(chosen)


def test_a_folder_without_a_file(tmp_path):
    with pytest.raises(InputError, match="the folder has no files"):
        read(tmp_path)


@pytest.fixture
def snapshot(tmp_path):
    scene = scene_file.load("healthy")
    path = tmp_path / "cluster.json"
    path.write_text(cluster.snapshot(cluster_objects.objects(scene, NOW, pipeline.NEEDS)))
    return str(path)


def test_inventory_names_what_fits_no_node_and_the_cure_is_the_name(tmp_path, snapshot):
    path = tmp_path / "macs.csv"
    path.write_text(f"mac,node\n{A},worker-1\n{B},wrk-2\n02:01:00:00:02:01,wrk-2\n")
    done = arpcheck("inventory", "--cluster-file", snapshot, "--mac-map", path)
    assert done.returncode == 3
    assert f"{A}  worker-1" in done.stdout
    assert (
        "arpcheck: mac-map: macs.csv:3: 'wrk-2' is not the name of one node of this cluster; "
        f"{B} and 1 more have no owner; use the Node's name there, or remove the entry\n"
    ) in done.stderr
    assert "right" not in done.stderr


def test_what_is_not_a_list_is_one_line_and_2(tmp_path, snapshot):
    path = tmp_path / "macs.txt"
    path.write_text("x: y: z\n")
    done = arpcheck("inventory", "--cluster-file", snapshot, "--mac-map", path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "not a MAC list in a supported format. Supported are CSV" in done.stderr
