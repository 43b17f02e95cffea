"""The log over starts, crashes and failing disks: nothing is lost, nothing begins that cannot be written down."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.audit.conftest import ADD_NOTE, ALICE, BOB, entry
from tests.disk import files_end_at
from vasya_server.audit.entry import EntryKind
from vasya_server.audit.journal import Fault
from vasya_server.audit.log import Wanted
from vasya_server.audit.verify import Reason, Verdict
from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.store.database import ConstraintFailed, Query

if TYPE_CHECKING:
    from tests.audit.conftest import Open, Opened

WRITES_UNTIL_KILLED = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.audit import conftest

async def unit(log, k):
    await log.audit.record(conftest.entry(), conftest.ADD_NOTE.bind(k=k))
    print(k, flush=True)

async def main():
    opened = conftest.opening(pathlib.Path(sys.argv[1]), is_apart=sys.argv[3] == "True")
    async with opened(rotate_bytes=16384) as log:
        for start in range(0, 10**9, 20):
            await asyncio.gather(*(unit(log, k) for k in range(start, start + 20)))

asyncio.run(main())
"""


async def fold_wal(log: Opened) -> None:
    """Begin the database's write-ahead log anew, so that it is much shorter than the audit log."""
    with closing(sqlite3.connect(log.folder / "vasya.db")) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def set_database(log: Opened, sql: str) -> None:
    with closing(sqlite3.connect(log.folder / "vasya.db", isolation_level=None)) as other:
        other.execute(sql)


def acts(log: Opened) -> list[str]:
    return [json.loads(line)["act"] for line in log.lines()]


def numbers(log: Opened, name: str = "seq") -> list[int]:
    return [json.loads(line)[name] for line in log.lines()]


async def test_a_recorded_change_has_its_line_in_the_file(log: Opened) -> None:
    assert await log.audit.record(entry(), ADD_NOTE.bind(k=1)) == [1]

    assert await log.notes() == 1
    assert numbers(log) == [1]
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


async def test_owners_have_sequences_of_their_own(log: Opened) -> None:
    for owner in (ALICE, BOB, ALICE, ALICE, BOB):
        await log.add(1, owner)

    assert numbers(log) == [1, 2, 3, 4, 5]
    assert numbers(log, "oseq") == [1, 1, 2, 3, 2]


async def test_a_unit_may_carry_several_entries(log: Opened) -> None:
    await log.db.write(ADD_NOTE.bind(k=1), entries=[entry(), entry(owner=BOB), entry()])

    assert numbers(log) == [1, 2, 3]
    assert numbers(log, "oseq") == [1, 1, 2]


async def test_a_refused_unit_gives_its_numbers_back(log: Opened) -> None:
    await log.audit.record(entry(), ADD_NOTE.bind(k=5))

    outcomes = await asyncio.gather(
        log.audit.record(entry(), ADD_NOTE.bind(k=1)),
        log.db.write(ADD_NOTE.bind(k=5), entries=[entry(), entry(owner=BOB)]),
        log.audit.record(entry(owner=BOB), ADD_NOTE.bind(k=2)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [list, ConstraintFailed, list]
    assert numbers(log) == [1, 2, 3]
    assert numbers(log, "oseq") == [1, 2, 1]
    assert await log.verdict() == Verdict(3)


async def test_a_failed_transaction_gives_every_number_back(log: Opened) -> None:
    await log.add(1)

    with pytest.raises(StorageFailed):
        await log.audit.record(entry(owner=BOB), Query("DELETE FROM nowhere").bind())
    await log.add(1, BOB)

    assert numbers(log) == [1, 2]
    assert numbers(log, "oseq") == [1, 1]
    assert await log.verdict() == Verdict(2)


async def test_cancelled_callers_leave_changes_and_lines_together(log: Opened) -> None:
    chance = random.Random(7)  # noqa: S311 — the same cancellations every time
    loop = asyncio.get_running_loop()
    for start in range(0, 1500, 30):
        tasks = [
            asyncio.create_task(log.audit.record(entry(), ADD_NOTE.bind(k=start + i)))
            for i in range(30)
        ]
        for task in chance.sample(tasks, 22):
            loop.call_later(chance.random() * 0.004, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

    notes = await log.notes()
    assert 400 <= notes < 1500
    assert await log.verdict() == Verdict(notes)


async def test_the_chain_goes_on_over_a_restart(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(3)
    async with open_log() as log:
        await log.add(2)

        assert numbers(log) == [1, 2, 3, 4, 5]
        assert await log.verdict() == Verdict(5)


async def test_a_clean_stop_leaves_nothing_to_be_noted(open_log: Open, folder: Path) -> None:
    async with open_log() as log:
        await log.add(3)

    with closing(sqlite3.connect(folder / "vasya.db")) as other:
        assert other.execute("SELECT seq, written_seq FROM audit_head").fetchall() == [(3, 3)]


async def test_the_database_soon_learns_what_is_in_the_file(log: Opened, folder: Path) -> None:
    await log.add(3)

    with closing(sqlite3.connect(folder / "vasya.db")) as other:
        assert other.execute("SELECT seq, written_seq FROM audit_head").fetchall() == [(3, 2)]
        await asyncio.sleep(1)
        assert other.execute("SELECT seq, written_seq FROM audit_head").fetchall() == [(3, 3)]


async def test_a_start_appends_what_only_the_database_holds(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(5)
    whole = log.path.read_bytes()
    set_database(log, "UPDATE audit_head SET written_seq = 2")
    log.path.write_bytes(b"".join(line + b"\n" for line in log.lines()[:3]))

    async with open_log() as log:
        assert log.path.read_bytes() == whole
        assert await log.verdict() == Verdict(5)


async def test_a_start_appends_nothing_else(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(5)
    log.path.write_bytes(b"".join(line + b"\n" for line in log.lines()[:3]))

    async with open_log() as log:
        assert log.audit.fault is Fault.TRUNCATED
        assert numbers(log) == [1, 2, 3]
        assert await log.verdict() == Verdict(3, 4, Reason.TRUNCATED)


async def test_a_torn_line_is_set_aside_and_written_whole(open_log: Open, folder: Path) -> None:
    async with open_log() as log:
        await log.add(3)
    whole = log.path.read_bytes()
    set_database(log, "UPDATE audit_head SET written_seq = 2")
    log.path.write_bytes(whole[:-100])

    async with open_log() as log:
        await log.add(1)
        assert log.path.read_bytes().startswith(whole)
        assert acts(log) == [*["message:send"] * 3, "log:torn", "message:send"]
        assert await log.verdict() == Verdict(5)
    torn = list(folder.glob("audit.torn-*"))
    assert [path.read_bytes() for path in torn] == [whole.splitlines()[2][:-99]]
    assert stat.S_IMODE(torn[0].stat().st_mode) == 0o600


async def test_a_line_torn_after_it_was_confirmed_is_a_tamper(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(3)
    cut = log.path.read_bytes()[:-100]
    log.path.write_bytes(cut)

    async with open_log() as log:
        assert log.audit.fault is Fault.TRUNCATED
        assert log.path.read_bytes() == cut


@pytest.mark.parametrize(
    "tail", [b"nonsense\n", b'{"seq":3}\n', b"\x00" * 20000], ids=["text", "json", "zeros"]
)
async def test_a_tail_that_is_not_ours_stops_mutations_and_nothing_else(
    open_log: Open, tail: bytes
) -> None:
    async with open_log() as log:
        await log.audit.record(entry(), ADD_NOTE.bind(k=1))
        await log.add(2)
    with log.path.open("ab") as file:
        file.write(tail)
    changed = log.path.read_bytes()

    async with open_log() as log:
        with pytest.raises(AuditUnavailable) as refusal:
            await log.audit.record(entry(), ADD_NOTE.bind(k=2))
        assert refusal.value.is_stored is False
        assert log.audit.fault in {Fault.CHANGED, Fault.TRUNCATED}
        assert await log.notes() == 1
        assert len(await log.audit.entries(ALICE, Wanted(limit=10))) == 3
        assert log.path.read_bytes() == changed


async def test_a_log_without_its_database_stops_mutations(open_log: Open, folder: Path) -> None:
    async with open_log() as log:
        await log.add(2)
    (folder / "vasya.db").unlink()

    async with open_log() as log:
        assert log.audit.fault is Fault.CHANGED
        with pytest.raises(AuditUnavailable):
            await log.add(1)


async def test_lines_missing_in_the_outbox_stop_mutations(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(3)
    set_database(log, "UPDATE audit_head SET seq = 9")

    async with open_log() as log:
        assert log.audit.fault is Fault.CHANGED


@pytest.mark.parametrize(
    ("change", "fault"), [(b"x", Fault.CHANGED), (None, Fault.TRUNCATED)], ids=["longer", "shorter"]
)
async def test_a_file_changed_under_a_running_server_stops_mutations(
    log: Opened, change: bytes | None, fault: Fault
) -> None:
    await log.add(2)
    if change is None:
        os.truncate(log.path, 10)
    else:
        with log.path.open("ab") as file:
            file.write(change)

    with pytest.raises(AuditUnavailable):
        await log.audit.record(entry(), ADD_NOTE.bind(k=1))

    assert log.audit.fault is fault
    assert await log.notes() == 0


async def test_a_log_that_was_taken_away_is_begun_anew_and_says_so(log: Opened) -> None:
    await log.add(2)
    log.path.rename(log.folder / "taken")

    await log.add(1)

    assert acts(log) == ["log:reopened", "message:send"]
    assert numbers(log) == [3, 4]
    assert await log.verdict() == Verdict(0, 1, Reason.SEQ)
    (log.folder / "taken").rename(log.folder / "audit-1.log")
    assert await log.verdict() == Verdict(4)


async def test_a_copy_in_the_place_of_the_log_is_taken_on(log: Opened) -> None:
    await log.add(2)
    copy = log.folder / "copy"
    copy.write_bytes(log.path.read_bytes())
    copy.rename(log.path)

    await log.add(1)

    assert await log.verdict() == Verdict(3)


async def test_a_file_is_set_aside_when_it_is_full(open_log: Open, folder: Path) -> None:
    async with open_log(rotate_bytes=1024) as log:
        await log.add(12)
        assert await log.verdict() == Verdict(12)
    aside = sorted(folder.glob("audit-*.log"), key=lambda path: int(path.stem[6:]))

    assert len(aside) >= 4
    for path in aside:
        assert path.stat().st_size <= 1024
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        assert json.loads(path.read_bytes().splitlines()[0])["seq"] == int(path.stem[6:])
    async with open_log(rotate_bytes=1024) as log:
        await log.add(12)
        assert await log.verdict() == Verdict(24)


async def test_a_start_between_setting_aside_and_beginning_anew_goes_on(
    open_log: Open, folder: Path
) -> None:
    async with open_log() as log:
        await log.add(3)
    log.path.rename(folder / "audit-1.log")

    async with open_log() as log:
        await log.add(1)
        assert numbers(log) == [4]
        assert await log.verdict() == Verdict(4)


async def test_a_file_in_the_way_of_rotation_is_never_overwritten(open_log: Open) -> None:
    async with open_log(rotate_bytes=1024) as log:
        in_the_way = log.folder / "audit-1.log"
        in_the_way.write_bytes(b"precious")
        with pytest.raises(AuditUnavailable):
            await log.add(5)
        assert in_the_way.read_bytes() == b"precious"
        in_the_way.unlink()
        await log.add(1)
        assert log.audit.fault is None


async def test_an_append_that_fails_half_way_stops_mutations_and_loses_nothing(log: Opened) -> None:
    await asyncio.gather(*(log.add(1) for _ in range(300)))
    await log.db.write()
    await fold_wal(log)
    whole = log.path.read_bytes()

    with files_end_at(len(whole) + 100):
        with pytest.raises(AuditUnavailable) as first:
            await log.audit.record(entry(), ADD_NOTE.bind(k=1))
        assert log.path.read_bytes() == whole
        with pytest.raises(AuditUnavailable) as second:
            await log.audit.record(entry(), ADD_NOTE.bind(k=2))
        assert log.audit.fault is Fault.UNWRITABLE
        assert await log.notes() == 1
        await log.db.write(ADD_NOTE.bind(k=3))
    await log.audit.record(entry(owner=BOB), ADD_NOTE.bind(k=4))

    assert (first.value.is_stored, second.value.is_stored) == (True, False)
    assert log.audit.fault is None
    assert await log.notes() == 3
    assert numbers(log) == list(range(1, 303))
    assert await log.verdict() == Verdict(302)


async def test_what_an_unwritable_log_kept_back_is_appended_at_the_next_start(
    open_log: Open,
) -> None:
    async with open_log() as log:
        await log.add(60)
        await log.db.write()
        await fold_wal(log)
        with files_end_at(log.path.stat().st_size + 100):
            with pytest.raises(AuditUnavailable):
                await log.add(1)
            await log.db.close()
        assert len(log.lines()) == 60

    async with open_log() as log:
        assert numbers(log) == list(range(1, 62))
        assert await log.verdict() == Verdict(61)


async def test_a_directory_in_the_place_of_the_log_stops_mutations_until_it_is_gone(
    log: Opened,
) -> None:
    await log.add(2)
    kept = log.folder / "kept"
    log.path.rename(kept)
    log.path.mkdir()

    for k in range(3):
        with pytest.raises(AuditUnavailable) as refusal:
            await log.audit.record(entry(), ADD_NOTE.bind(k=k))
        assert refusal.value.is_stored is False
    assert await log.notes() == 0
    log.path.rmdir()
    kept.rename(log.path)
    await log.audit.record(entry(), ADD_NOTE.bind(k=1))

    assert await log.verdict() == Verdict(3)


async def test_a_server_started_without_a_writable_log_reads_and_recovers(
    open_log: Open, folder: Path
) -> None:
    async with open_log() as log:
        await log.add(2)
    kept = folder / "kept"
    log.path.rename(kept)
    log.path.mkdir()

    async with open_log() as log:
        assert log.audit.fault is Fault.UNWRITABLE
        assert len(await log.audit.entries(ALICE, Wanted(limit=10))) == 2
        with pytest.raises(AuditUnavailable):
            await log.add(1)
        log.path.rmdir()
        kept.rename(log.path)
        await log.add(1)
        assert await log.verdict() == Verdict(3)


async def test_little_room_on_the_disk_lets_nothing_new_begin(open_log: Open) -> None:
    async with open_log(min_free_bytes=2**60) as log:
        with pytest.raises(AuditUnavailable) as refusal:
            await log.audit.record(entry(), ADD_NOTE.bind(k=1))
        assert refusal.value.is_stored is False
        assert log.audit.fault is Fault.DISK_FULL
        await log.audit.record(entry(EntryKind.OUTCOME), ADD_NOTE.bind(k=2))
        await log.audit.record(entry(reduces_risk=True), ADD_NOTE.bind(k=3))
        assert await log.notes() == 2
        assert await log.verdict() == Verdict(2)


async def test_outcomes_and_acts_that_reduce_risk_are_stored_without_the_file(log: Opened) -> None:
    await log.add(1)
    kept = log.folder / "kept"
    log.path.rename(kept)
    log.path.mkdir()

    with pytest.raises(AuditUnavailable) as outcome:
        await log.audit.record(entry(EntryKind.OUTCOME), ADD_NOTE.bind(k=1))
    assert await log.audit.record(entry(reduces_risk=True), ADD_NOTE.bind(k=2)) == [1]
    with pytest.raises(AuditUnavailable) as mixed:
        await log.db.write(ADD_NOTE.bind(k=3), entries=[entry(), entry(reduces_risk=True)])
    log.path.rmdir()
    kept.rename(log.path)
    await log.db.ping()

    assert (outcome.value.is_stored, mixed.value.is_stored) == (True, False)
    assert await log.notes() == 2
    assert numbers(log) == [1, 2, 3]
    assert await log.verdict() == Verdict(3)


async def test_a_closed_log_takes_no_entries(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(1)
    assert log.audit.fault is Fault.NOT_OPEN


async def test_stored_lines_neither_change_nor_go(log: Opened) -> None:
    await log.add(1)

    for sql in ("UPDATE audit_lines SET seq = 7", "DELETE FROM audit_lines"):
        with pytest.raises(ConstraintFailed, match="an audit line never"):
            await log.db.write(Query(sql).bind())


@pytest.mark.long
async def test_changes_and_lines_survive_a_kill_together(
    open_log: Open,
    folder: Path,
    is_apart: bool,  # noqa: FBT001 — a fixture
) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, str(folder), str(root), str(is_apart)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(500)]
        os.kill(process.pid, signal.SIGKILL)

    async with open_log(rotate_bytes=16384) as log:
        notes = await log.notes()
        torn = len(list(folder.glob("audit.torn-*")))

        assert notes >= len(told)
        assert await log.verdict() == Verdict(notes + torn)
