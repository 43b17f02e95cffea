from __future__ import annotations

import json
import os
import stat
import uuid
from pathlib import Path

import pytest

from vasya_server.cli.data_dir import (
    EMBEDDED_FILE,
    LOCK_FILE,
    Embedded,
    faults_of,
    held,
    holder,
    publish,
    published,
    withdraw,
)
from vasya_server.errors import ConfigurationInvalid, DataDirLocked


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_new_data_dir_and_its_files_are_private(path: Path) -> None:
    with held(path):
        modes = {entry.name: mode_of(entry) for entry in path.iterdir()}
        assert mode_of(path) == 0o700
        assert modes == {".lock": 0o600, "instance-id": 0o600}


def test_own_files_that_others_may_read_are_closed_to_them(path: Path) -> None:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").touch()
    path.chmod(0o755)
    (path / "inner").chmod(0o775)
    (path / "inner" / "file").chmod(0o644)
    with held(path):
        assert [mode_of(p) for p in (path, path / "inner", path / "inner" / "file")] == [
            0o700,
            0o700,
            0o600,
        ]


def test_a_data_dir_behind_a_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationInvalid, match="is a symbolic link"), held(path):
        pass


def test_a_symbolic_link_inside_is_refused_and_its_target_untouched(
    path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.touch(0o644)
    path.mkdir()
    (path / "link").symlink_to(target)
    with pytest.raises(ConfigurationInvalid, match="link is a symbolic link"), held(path):
        pass
    assert mode_of(target) == 0o644


def test_a_data_dir_of_another_user_is_refused(path: Path) -> None:
    path.mkdir(0o700)
    if os.getuid() == 0:
        os.chown(path, 12345, 12345)
        foreign, expected = path, "belongs to another user"
    else:
        foreign, expected = Path("/usr"), "cannot be made or opened|belongs to another user"
    with pytest.raises(ConfigurationInvalid, match=expected), held(foreign):
        pass


def test_a_file_in_the_place_of_the_data_dir_is_refused(path: Path) -> None:
    path.touch()
    with pytest.raises(ConfigurationInvalid, match="cannot be made or opened: File exists"):
        held(path).__enter__()


def test_a_second_holder_is_refused_and_told_which_process_holds_it(path: Path) -> None:
    with held(path), pytest.raises(DataDirLocked, match=rf"\(pid {os.getpid()}\)"), held(path):
        pass


def test_the_lock_is_free_again_after_its_holder(path: Path) -> None:
    with held(path):
        assert holder(path) == os.getpid()
    assert holder(path) is None


def test_the_lock_names_the_process_and_its_boot(path: Path) -> None:
    with held(path) as data_dir:
        told = json.loads((path / LOCK_FILE).read_text())
    assert told == {"pid": os.getpid(), "bootId": data_dir.boot_id}


def test_the_instance_id_outlives_the_process_and_the_boot_id_does_not(path: Path) -> None:
    with held(path) as first:
        pass
    with held(path) as second:
        pass
    assert first.instance_id == second.instance_id
    assert first.boot_id != second.boot_id


DAMAGED = pytest.mark.parametrize(
    "left",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"3f2504e0-4f89", id="torn"),
        pytest.param(b"\0" * 37, id="zeroed"),
        pytest.param(b"not an id", id="foreign"),
    ],
)


@DAMAGED
def test_a_damaged_instance_id_is_made_anew_where_nothing_is_sealed(
    path: Path, left: bytes
) -> None:
    path.mkdir()
    (path / "instance-id").write_bytes(left)
    with held(path) as first:
        assert (path / "instance-id").read_text() == f"{uuid.UUID(first.instance_id)}\n"
        assert mode_of(path / "instance-id") == 0o600
    with held(path) as second:
        assert second.instance_id == first.instance_id


@DAMAGED
def test_a_damaged_instance_id_beside_sealed_data_is_refused_and_kept(
    path: Path, left: bytes
) -> None:
    path.mkdir()
    (path / "instance-id").write_bytes(left)
    (path / "vasya.db").touch()
    with pytest.raises(ConfigurationInvalid, match="does not hold the id"), held(path):
        pass
    assert (path / "instance-id").read_bytes() == left


def test_a_pipe_in_the_place_of_the_instance_id_is_refused_and_not_waited_for(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "instance-id")
    with pytest.raises(ConfigurationInvalid, match="cannot be read: Not a regular file"):
        held(path).__enter__()


def test_the_draft_of_an_instance_id_that_was_never_finished_is_removed(path: Path) -> None:
    path.mkdir()
    (path / "instance-id.deadbeef").write_text("3f25")
    with held(path):
        assert sorted(entry.name for entry in path.iterdir()) == [".lock", "instance-id"]


def test_what_is_published_is_private_and_tells_how_to_reach_the_server(path: Path) -> None:
    with held(path) as data_dir:
        publish(data_dir, "http://127.0.0.1:4242", 4242, "vl_token")
        assert mode_of(path / EMBEDDED_FILE) == 0o600
        assert published(path) == Embedded(
            url="http://127.0.0.1:4242",
            port=4242,
            pid=os.getpid(),
            boot_id=data_dir.boot_id,
            token="vl_token",
        )


def test_nothing_is_published_after_the_server_withdrew(path: Path) -> None:
    with held(path) as data_dir:
        publish(data_dir, "http://127.0.0.1:4242", 4242, "vl_token")
        withdraw(data_dir)
        assert published(path) is None


def test_what_a_killed_server_left_is_removed_by_the_next_holder(path: Path) -> None:
    path.mkdir()
    (path / "embedded.json").write_text('{"token": "vl_old"}')
    (path / "embedded.json.deadbeef").write_text("half a draft")
    with held(path):
        assert sorted(entry.name for entry in path.iterdir()) == [".lock", "instance-id"]


def test_publishing_never_writes_through_a_link_planted_in_its_place(
    path: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    with held(path) as data_dir:
        (path / f"embedded.json.{data_dir.boot_id}").symlink_to(victim)
        with pytest.raises(ConfigurationInvalid, match="cannot be written: File exists"):
            publish(data_dir, "http://127.0.0.1:1", 1, "vl_token")
    assert victim.read_text() == "mine"


def test_every_fault_of_a_data_dir_is_named(path: Path) -> None:
    path.mkdir(0o700)
    (path / "open").touch()
    (path / "open").chmod(0o640)
    (path / "link").symlink_to("/")
    assert sorted(faults_of(path)) == [
        f"{path}/link is a symbolic link",
        f"{path}/open is open to others (mode 640)",
    ]
