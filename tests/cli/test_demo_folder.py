from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vasya_server.cli import demo_folder
from vasya_server.cli.data_dir import held

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path) -> Iterator[Path]:
    """Everything that is temporary, in a directory of this test."""
    before = tempfile.tempdir
    tempfile.tempdir = str(tmp_path)
    yield tmp_path
    tempfile.tempdir = before


def killed_demo(temporary: Path) -> Path:
    """The folder of a demo that had no time to remove it."""
    code = (
        "import os; from vasya_server.cli import demo_folder as d; c = d.fresh(); r = c.__enter__();"
        "(r / 'data').mkdir(); (r / 'data' / 'vasya.db').touch(); print(r, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    root = Path(done.stdout.strip())
    assert root.parent == temporary
    assert (root / "demo.pid").exists()
    return root


def test_a_folder_is_private_and_gone_after_its_block() -> None:
    with demo_folder.fresh() as root:
        assert root.stat().st_mode & 0o777 == 0o700
        assert (root / "demo.pid").read_text() == f"{os.getpid()}\n"
    assert not root.exists()


def test_what_a_killed_demo_left_is_removed_by_the_next(temporary: Path) -> None:
    left = killed_demo(temporary)
    with demo_folder.fresh() as root:
        assert list(temporary.iterdir()) == [root]
    assert not left.exists()


def test_the_folder_of_a_running_demo_stays() -> None:
    with demo_folder.fresh() as first, demo_folder.fresh():
        assert first.exists()


def test_a_folder_without_the_mark_of_a_demo_stays(temporary: Path) -> None:
    named = temporary / "vasya-demo-mine"
    with held(named), demo_folder.fresh():
        pass
    assert (named / "instance-id").exists()


def test_a_killed_demos_data_dir_that_somebody_names_is_theirs_from_then_on(
    temporary: Path,
) -> None:
    left = killed_demo(temporary)
    demo_folder.keep(left / "data")
    with demo_folder.fresh():
        assert (left / "data" / "vasya.db").exists()


def test_a_killed_demos_data_dir_that_a_server_uses_stays(temporary: Path) -> None:
    left = killed_demo(temporary)
    with held(left / "data"), demo_folder.fresh():
        assert (left / "data" / "vasya.db").exists()


def test_a_link_in_the_place_of_a_folder_leads_nowhere(temporary: Path) -> None:
    left = killed_demo(temporary)
    elsewhere = temporary / "elsewhere"
    left.rename(elsewhere)
    left.symlink_to(elsewhere)
    with demo_folder.fresh():
        assert (elsewhere / "data" / "vasya.db").exists()


def test_another_users_folder_stays(temporary: Path) -> None:
    left = killed_demo(temporary)
    owner = 12345 if os.getuid() == 0 else os.getuid()  # nobody else gives files away
    os.chown(left, owner, -1)
    with demo_folder.fresh():
        assert left.exists() is (owner != os.getuid())
