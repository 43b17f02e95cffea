"""Acts that reduce risk work on a full disk, and a restart does not undo them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.audit.conftest import ADD_NOTE, KEY, entry
from tests.disk import files_end_at
from vasya_server.audit.reserve import Kept, Reserve
from vasya_server.audit.verify import Verdict
from vasya_server.crypto.master_key import MasterKey
from vasya_server.errors import StorageFailed
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audit.conftest import Open, Opened

PUT_NOTE = Query("INSERT OR IGNORE INTO notes (k) VALUES (:k)")
# Less than one page of the database: nothing can be stored, and the reserve has its room.
NO_ROOM_BYTES = 3000
CLOSE_A_GATE = entry(reduces_risk=True)


async def until(log: Opened, notes: int) -> None:
    while await log.notes() < notes:
        await asyncio.sleep(0.05)


async def test_an_act_that_reduces_risk_is_stored_and_recorded(log: Opened) -> None:
    await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=1))

    assert await log.notes() == 1
    assert await log.verdict() == Verdict(1)


async def test_on_a_full_disk_it_is_put_off_and_done_as_soon_as_there_is_room(log: Opened) -> None:
    with files_end_at(NO_ROOM_BYTES):
        await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=1))
        await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=2))
        assert await log.notes() == 0
    await until(log, 2)

    assert await log.verdict() == Verdict(2)


async def test_a_restart_does_not_undo_it(open_log: Open, folder: Path) -> None:
    async with open_log() as log:
        with files_end_at(NO_ROOM_BYTES):
            await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=1))
            await log.audit.close()

    async with open_log() as log:
        assert await log.notes() == 1
        assert await log.verdict() == Verdict(1)
    async with open_log() as log:
        assert await log.verdict() == Verdict(1)


async def test_a_start_that_cannot_do_it_even_now_is_refused(open_log: Open, folder: Path) -> None:
    async with open_log() as log:
        with files_end_at(NO_ROOM_BYTES):
            await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=1))
            await log.audit.close()
            with pytest.raises(StorageFailed):
                await log.audit.open()


async def test_what_contradicts_the_database_by_now_is_recorded_without_its_change(
    open_log: Open,
) -> None:
    async with open_log() as log:
        with files_end_at(NO_ROOM_BYTES):
            await log.audit.record_later(CLOSE_A_GATE, ADD_NOTE.bind(k=1))
            await log.audit.close()
        await log.db.write(ADD_NOTE.bind(k=1))

    async with open_log() as log:
        assert await log.notes() == 1
        assert await log.verdict() == Verdict(1)


async def test_only_acts_that_reduce_risk_may_be_put_off(log: Opened) -> None:
    with pytest.raises(ValueError, match="only what reduces risk"):
        await log.audit.record_later(entry(), PUT_NOTE.bind(k=1))


async def test_the_room_is_taken_in_advance(log: Opened, folder: Path) -> None:
    found = (folder / "audit.reserve").stat()

    assert found.st_size == 1024 * 1024
    assert found.st_blocks * 512 >= 1024 * 1024
    assert found.st_mode & 0o777 == 0o600


def kept(k: int) -> Kept:
    return Kept.of(CLOSE_A_GATE, (PUT_NOTE.bind(k=k, expect=1),))


def test_units_are_read_back_in_their_order(folder: Path) -> None:
    reserve = Reserve(folder, MasterKey(KEY))
    assert reserve.open() == []
    reserve.keep(kept(1))
    reserve.keep(kept(2))
    reserve.close()

    again = Reserve(folder, MasterKey(KEY))
    found = again.open()
    assert found == [kept(1), kept(2)]
    assert found[0].bound() == [PUT_NOTE.bind(k=1, expect=1)]
    again.keep(kept(3))
    again.clear()
    again.close()
    assert (folder / "audit.reserve").read_bytes() == bytes(1024 * 1024)


def test_a_record_that_somebody_else_wrote_is_not_done(folder: Path) -> None:
    forger = Reserve(folder, MasterKey(bytes(range(1, 33))))
    forger.open()
    forger.keep(kept(1))
    forger.close()

    reserve = Reserve(folder, MasterKey(KEY))
    assert reserve.open() == []
    reserve.close()


def test_a_changed_record_is_not_done(folder: Path) -> None:
    reserve = Reserve(folder, MasterKey(KEY))
    reserve.open()
    reserve.keep(kept(1))
    reserve.keep(kept(2))
    reserve.close()
    text = (folder / "audit.reserve").read_bytes()
    (folder / "audit.reserve").write_bytes(text.replace(b"INSERT", b"DELETE", 1))

    assert reserve.open() == []
    reserve.close()


def test_a_reserve_that_is_used_up_says_so(folder: Path) -> None:
    reserve = Reserve(folder, MasterKey(KEY))
    reserve.open()
    large = Kept.of(CLOSE_A_GATE, (Query("SELECT :blob").bind(blob=bytes(600_000)),))
    reserve.keep(large)
    with pytest.raises(OSError, match="used up"):
        reserve.keep(large)
    reserve.keep(kept(1))
    reserve.close()
    assert reserve.open() == [large, kept(1)]
    reserve.close()


def test_a_symbolic_link_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "audit.reserve").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"symbolic|loop"):
        Reserve(folder, MasterKey(KEY)).open()
    assert not (tmp_path / "elsewhere").exists()


async def test_without_a_reserve_it_is_kept_in_memory(open_log: Open, folder: Path) -> None:
    (folder / "audit.reserve").mkdir()
    async with open_log() as log:
        with files_end_at(NO_ROOM_BYTES):
            await log.audit.record_later(CLOSE_A_GATE, PUT_NOTE.bind(k=1))
        await until(log, 1)
        assert json.loads(log.lines()[0])["act"] == "message:send"
    (folder / "audit.reserve").rmdir()
