"""Every way of changing the log is found, at the first line that is wrong, for the right reason."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.audit.conftest import ALICE, BOB
from vasya_server.audit.journal import Fault
from vasya_server.audit.verify import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.audit.conftest import Open, Opened

TEN = 10


async def ten_lines(log: Opened) -> None:
    for _ in range(TEN // 2):
        await log.add(1, ALICE)
        await log.add(1, BOB)


def rechained(lines: list[bytes]) -> list[bytes]:
    """Compute every `prev` anew, as somebody would who can write the file and has no key."""
    prev, made = "0" * 64, []
    for line in lines:
        fields = {**json.loads(line), "prev": prev}
        raw = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        made.append(raw)
        prev = hashlib.sha256(raw).hexdigest()
    return made


def edited(lines: list[bytes]) -> list[bytes]:
    lines[3] = lines[3].replace(b"message:send", b"message:edit")
    return lines


def renumbered(lines: list[bytes]) -> list[bytes]:
    """Take line 4 out and close the gap."""
    kept = [json.loads(line) for line in lines if json.loads(line)["seq"] != 4]
    for number, fields in enumerate(kept, 1):
        fields["seq"] = number
    return [json.dumps(f, sort_keys=True, separators=(",", ":")).encode() for f in kept]


def forged(lines: list[bytes]) -> list[bytes]:
    fields = {**json.loads(lines[-1]), "seq": len(lines) + 1}
    fields["prev"] = hashlib.sha256(lines[-1]).hexdigest()
    return [*lines, json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()]


TAMPERS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, Reason]] = {
    "edited": (edited, 4, Reason.MAC),
    "edited and chained anew": (lambda lines: rechained(edited(lines)), 4, Reason.MAC),
    "deleted": (lambda lines: lines[:3] + lines[4:], 4, Reason.SEQ),
    "deleted and chained anew": (lambda lines: rechained(lines[:3] + lines[4:]), 4, Reason.MAC),
    "deleted and numbered anew": (renumbered, 4, Reason.MAC),
    "first deleted": (lambda lines: lines[1:], 1, Reason.SEQ),
    "reordered": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], 4, Reason.SEQ),
    "repeated": (lambda lines: [*lines[:4], lines[3], *lines[4:]], 5, Reason.SEQ),
    "truncated": (lambda lines: lines[:7], 8, Reason.TRUNCATED),
    "emptied": (lambda lines: lines[:0], 1, Reason.TRUNCATED),
    "appended with hashes and without the key": (forged, 11, Reason.MAC),
    "appended a copy": (lambda lines: [*lines, lines[-1]], 11, Reason.SEQ),
    "appended nonsense": (lambda lines: [*lines, b"\xff{"], 11, Reason.MAC),
    "written with spaces": (
        lambda lines: [*lines[:2], lines[2].replace(b",", b", "), *lines[3:]],
        3,
        Reason.MAC,
    ),
    "written with a key twice": (
        lambda lines: [*lines[:2], lines[2].replace(b'"v":1', b'"v":2,"v":1'), *lines[3:]],
        3,
        Reason.MAC,
    ),
    "a line of 9 KiB": (lambda lines: [*lines[:5], b"x" * 9000, *lines[5:]], 6, Reason.MAC),
    "replaced by nonsense": (lambda lines: [b"[]"] * len(lines), 1, Reason.MAC),
}


@pytest.mark.parametrize("name", TAMPERS)
async def test_a_tamper_is_found(log: Opened, name: str) -> None:
    tamper, first_bad_seq, reason = TAMPERS[name]
    await ten_lines(log)
    assert await log.verdict() == Verdict(TEN)

    log.path.write_bytes(b"".join(line + b"\n" for line in tamper(log.lines())))

    assert await log.verdict() == Verdict(first_bad_seq - 1, first_bad_seq, reason)


async def test_a_log_of_another_data_dir_is_found(log: Opened, open_log: Open) -> None:
    await ten_lines(log)
    elsewhere = [json.loads(line) for line in log.lines()]
    for fields in elsewhere:
        fields["mac"] = hashlib.sha256(fields["mac"].encode()).hexdigest()
    replaced = log.folder / "other"
    replaced.write_bytes(
        b"".join(
            json.dumps(f, sort_keys=True, separators=(",", ":")).encode() + b"\n" for f in elsewhere
        )
    )
    replaced.rename(log.path)

    assert await log.verdict() == Verdict(0, 1, Reason.MAC)


async def test_an_older_copy_of_the_log_is_found(log: Opened) -> None:
    await log.add(4)
    older = log.path.read_bytes()
    await log.add(4)

    log.path.write_bytes(older)

    assert await log.verdict() == Verdict(4, 5, Reason.TRUNCATED)


async def test_a_deleted_file_of_the_middle_is_found(open_log: Open) -> None:
    async with open_log(rotate_bytes=1024) as log:
        await log.add(12)
        aside = sorted(log.folder.glob("audit-*.log"), key=lambda p: int(p.stem[6:]))
        second, third = int(aside[1].stem[6:]), int(aside[2].stem[6:])
        assert await log.verdict() == Verdict(12)

        aside[1].unlink()

        assert await log.verdict() == Verdict(second - 1, second, Reason.SEQ)
        assert third > second


async def test_a_deleted_log_is_found(log: Opened) -> None:
    await log.add(3)

    log.path.unlink()

    assert await log.verdict() == Verdict(0, 1, Reason.TRUNCATED)


@pytest.mark.parametrize("kind", ["directory", "symbolic link", "pipe"])
async def test_what_is_no_file_is_unreadable_and_hangs_nothing(log: Opened, kind: str) -> None:
    await log.add(3)
    kept = log.folder / "kept"
    log.path.rename(kept)
    if kind == "directory":
        log.path.mkdir()
    elif kind == "pipe":
        os.mkfifo(log.path)
    else:
        log.path.symlink_to(kept)

    assert await log.verdict() == Verdict(0, 1, Reason.UNREADABLE)
    log.path.rmdir() if kind == "directory" else log.path.unlink()
    kept.rename(log.path)


async def test_a_database_that_was_set_back_is_found(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(3)
    older = (log.folder / "vasya.db").read_bytes()
    async with open_log() as log:
        await log.add(3)
    (log.folder / "vasya.db").write_bytes(older)

    async with open_log() as log:
        assert log.audit.fault is Fault.CHANGED
        assert await log.verdict() == Verdict(3, 4, Reason.SEQ)


async def test_a_fork_of_the_chain_is_found(open_log: Open) -> None:
    """Set both back, go on, and put the file of the first history in place."""
    async with open_log() as log:
        await log.add(3)
    database, text = (log.folder / "vasya.db").read_bytes(), log.path.read_bytes()
    async with open_log() as log:
        await log.add(2)
    fork = log.path.read_bytes()
    (log.folder / "vasya.db").write_bytes(database)
    log.path.write_bytes(text)
    async with open_log() as log:
        await log.add(2)
    log.path.write_bytes(fork)

    async with open_log() as log:
        assert await log.verdict() == Verdict(4, 5, Reason.PREV)


async def test_lines_from_two_histories_do_not_join(open_log: Open) -> None:
    async with open_log() as log:
        await log.add(3)
    database, text = (log.folder / "vasya.db").read_bytes(), log.path.read_bytes()
    async with open_log() as log:
        await log.add(3)
    first = log.lines()
    (log.folder / "vasya.db").write_bytes(database)
    log.path.write_bytes(text)
    async with open_log() as log:
        await log.add(3)
        mixed = [*log.lines()[:4], first[4], log.lines()[5]]
        log.path.write_bytes(b"".join(line + b"\n" for line in mixed))

        assert await log.verdict() == Verdict(4, 5, Reason.PREV)


async def test_an_owner_verifies_own_lines_by_own_numbers(log: Opened) -> None:
    await ten_lines(log)

    assert await log.audit.verify(ALICE) == Verdict(5)
    assert await log.audit.verify(BOB) == Verdict(5)
    assert await log.audit.verify("own_" + "z" * 26) == Verdict(0)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda lines: edited([*lines]), (Verdict(5), Verdict(1, 2, Reason.MAC))),
        (
            lambda lines: lines[:4] + lines[5:],
            (Verdict(2, 3, Reason.SEQ), Verdict(5)),
        ),
        (
            lambda lines: lines[:9],
            (Verdict(5), Verdict(4, 5, Reason.TRUNCATED)),
        ),
        (
            lambda lines: [*lines[:3], lines[5], lines[4], lines[3], *lines[6:]],
            (Verdict(5), Verdict(1, 2, Reason.SEQ)),
        ),
    ],
)
async def test_an_owner_is_told_of_own_lines_only(
    log: Opened,
    tamper: Callable[[list[bytes]], list[bytes]],
    expected: tuple[Verdict, Verdict],
) -> None:
    await ten_lines(log)
    await log.db.write()

    log.path.write_bytes(b"".join(line + b"\n" for line in tamper(log.lines())))

    assert (await log.audit.verify(ALICE), await log.audit.verify(BOB)) == expected
