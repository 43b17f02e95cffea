"""`audit verify | tail | show` beside an open log and after it, with the master key and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind, Result
from vasya_server.cli import main
from vasya_server.clock import SystemClock
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_server.gateway import Gateway

KEY = bytes(range(32)).hex()
ALICE = Actor(type="embedded", owner="own_" + "a" * 26, lineage="user")
SENT = Entry(
    kind=EntryKind.OUTCOME,
    action=Action.MESSAGE_SEND,
    actor=ALICE,
    account_id="acc_" + "c" * 26,
    result=Result(status="failed", code="telegram_error", ids=(4711,)),
)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("SESSION_MASTER_KEY", KEY)
    monkeypatch.setenv("VASYA_AUDIT_ROTATE_BYTES", "4096")
    monkeypatch.setenv("VASYA_DATA_DIR", str(made))
    return made


@pytest.fixture
async def gateway(data_dir: Path) -> AsyncIterator[Gateway]:
    environ = {"VASYA_DATA_DIR": str(data_dir), "VASYA_AUDIT_ROTATE_BYTES": "4096"}
    async with open_gateway(
        load(environ), clock=SystemClock(), key=parse_master_key(KEY)
    ) as gateway:
        for _ in range(12):
            await gateway.audit.record(SENT)
        yield gateway


async def test_a_whole_log_verifies_beside_the_server(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out.startswith("ok   12 lines are whole and genuine")


async def test_a_whole_log_verifies_without_a_server(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_gateway(
        load({"VASYA_DATA_DIR": str(data_dir)}), clock=SystemClock(), key=parse_master_key(KEY)
    ) as gateway:
        await gateway.audit.record(SENT)
    before = sorted(path.name for path in data_dir.iterdir())

    assert main(["audit", "verify", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {"isOk": True, "verified": 1}
    assert sorted(path.name for path in data_dir.iterdir()) == before


async def test_a_tamper_ends_with_1_and_says_where(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aside = data_dir / "audit-1.log"
    aside.chmod(0o600)
    aside.write_bytes(aside.read_bytes().replace(b'"seq":3', b'"seq":4'))

    assert main(["audit", "verify"]) == 1
    assert capsys.readouterr().out.startswith("bad  line 3: mac (")
    assert main(["audit", "verify", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == {"isOk": False, "verified": 2, "firstBadSeq": 3, "reason": "mac"}


async def test_a_cut_tail_ends_with_1(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await gateway.db.write()
    (data_dir / "audit.log").write_bytes(b"")

    assert main(["audit", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "truncated"


async def test_an_unreadable_log_ends_with_1(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dir / "audit.log").rename(data_dir / "kept")
    (data_dir / "audit.log").mkdir()

    assert main(["audit", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "unreadable"


async def test_another_master_key_is_told_from_a_tamper(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_MASTER_KEY", bytes(range(1, 33)).hex())

    assert main(["audit", "verify"]) == 78
    assert "not the one that sealed this data dir" in capsys.readouterr().err


def test_a_data_dir_that_is_not_there_is_named(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir.rmdir()

    assert main(["audit", "verify"]) == 78
    assert str(data_dir) in capsys.readouterr().err


def test_a_data_dir_without_a_database_is_a_finding(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert list(data_dir.iterdir()) == []


async def test_tail_prints_the_newest_lines_over_rotations(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(data_dir.glob("audit-*.log"))) == 1

    assert main(["audit", "tail", "-n", "11"]) == 0

    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [str(seq) for seq in range(2, 13)]
    assert rows[0].split()[2:] == [
        "outcome",
        "message:send",
        "embedded",
        "acc_" + "c" * 26,
        "failed",
        "telegram_error",
    ]


async def test_tail_gives_the_lines_as_they_are_stored(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "tail", "-n", "2", "--json"]) == 0
    stored = (data_dir / "audit.log").read_text("ascii").splitlines()
    assert capsys.readouterr().out.splitlines() == stored[-2:]


async def test_a_line_of_somebody_else_cannot_steer_the_terminal(
    gateway: Gateway, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (data_dir / "audit.log").open("ab") as file:
        file.write(b'\x1b[2J\xe2\x80\xae\n{"seq":"\\u001b[31m","act":"x"}\n')

    for flags in ((), ("--json",)):
        assert main(["audit", "tail", "-n", "2", *flags]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "\u202e" not in out


async def test_show_prints_one_line_whole(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "show", "2"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seq"], shown["res"]["ids"]) == (2, [4711])
    assert main(["audit", "show", "99"]) == 1
    assert "There is no line 99." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["audit"], ["audit", "prove"], ["audit", "show"], ["audit", "tail", "-n", "0"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_an_empty_log_is_whole_and_has_no_lines(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "tail"]) == 0
    assert "There are no lines yet." in capsys.readouterr().err
