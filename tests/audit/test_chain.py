"""Lines are the ones that openssl and a person made, and nothing personal fits into any field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vasya_server.audit.actions import Action
from vasya_server.audit.chain import NO_LINE_HASH, Line, hash_of, read_line, stamp_of, write_line
from vasya_server.audit.entry import ANONYMOUS, SYSTEM, Actor, Entry, EntryKind, Result
from vasya_server.audit.verify import Heads, Reason, Verdict, judge, walk
from vasya_server.crypto.derive import KeyedDigest, Purpose
from vasya_server.crypto.master_key import MasterKey

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "audit.json").read_text("utf-8"))
LINES = [line.encode() for line in VECTORS["lines"]]
MAC_KEY = bytes.fromhex(VECTORS["macKey"])
ALICE = Actor(type="embedded", owner="own_" + "a" * 26, lineage="user")
ACT: dict[str, Any] = {
    "action": Action.MESSAGE_SEND,
    "actor": ALICE,
    "account_id": "acc_" + "c" * 26,
    "action_id": "act_" + "d" * 26,
}
ENTRIES = [
    Entry(
        kind=EntryKind.INTENT,
        target=VECTORS["pseudonym"]["is"],
        request_id="req_" + "e" * 26,
        fingerprint="00112233445566778899aabbccddeeff",
        idempotency="ffeeddccbbaa99887766554433221100",
        **ACT,
    ),
    Entry(
        kind=EntryKind.OUTCOME,
        result=Result(status="failed", code="telegram_error", ids=(4711, 4712)),
        **ACT,
    ),
    Entry(kind=EntryKind.SYSTEM, action=Action.LOG_TORN, actor=SYSTEM),
    Entry(
        kind=EntryKind.DENIED,
        action=Action.ACCESS_DENIED,
        actor=Actor(
            type="agent_key",
            owner="own_" + "a" * 26,
            key="ak0123456789abcdef",
            lineage="ak0123456789abcdef",
        ),
        account_id="acc_" + "c" * 26,
        request_id="req_" + "e" * 26,
        operation="send_message",
        result=Result(status="refused", code="scope_required"),
    ),
    Entry(
        kind=EntryKind.AUTH,
        action=Action.AUTH_FAILED,
        actor=ANONYMOUS,
        address=VECTORS["address"]["is"],
        count=41,
        result=Result(status="refused", code="invalid_token"),
    ),
]
MICROSECONDS = [123456, 0, 0, 0, 0]
OWN_NUMBERS = [1, 2, None, 3, None]


def test_the_mac_key_is_the_published_one() -> None:
    key = MasterKey(bytes.fromhex(VECTORS["key"]))

    assert key.derive(Purpose.AUDIT_MAC).hex() == VECTORS["macKey"]
    assert key.derive(Purpose.LOG_PSEUDONYM).hex() == VECTORS["pseudonymKey"]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_written_line_is_the_published_one(number: int) -> None:
    prev = hash_of(LINES[number - 2]) if number > 1 else NO_LINE_HASH

    written = write_line(
        ENTRIES[number - 1],
        mac=KeyedDigest(MAC_KEY),
        boot="0123456789abcdef",
        stamp=stamp_of(datetime(2026, 3, 1, 12, 0, number, MICROSECONDS[number - 1], UTC)),
        seq=number,
        own_seq=OWN_NUMBERS[number - 1],
        prev=prev,
    )

    assert written == LINES[number - 1]


def test_the_published_lines_verify(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(b"\n".join(LINES) + b"\n")
    heads = Heads(5, 5, VECTORS["lastHash"])

    assert judge(walk(tmp_path, MAC_KEY), heads, heads) == Verdict(5)


def test_the_published_lines_do_not_verify_under_another_key(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(b"\n".join(LINES) + b"\n")
    heads = Heads(5, 5, VECTORS["lastHash"])

    assert judge(walk(tmp_path, bytes(32)), heads, heads) == Verdict(0, 1, Reason.MAC)


@pytest.mark.parametrize("raw", LINES)
def test_a_line_is_canonical_json(raw: bytes) -> None:
    fields = json.loads(raw)

    assert raw == json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def test_fields_stand_in_the_order_of_the_alphabet() -> None:
    assert list(Line.__struct_fields__) == sorted(Line.__struct_fields__)


def test_a_read_line_says_what_was_written() -> None:
    line = read_line(LINES[1])

    assert (line.seq, line.oseq, line.act, line.kind) == (2, 2, "message:send", "outcome")
    assert line.res is not None
    assert line.res.ids == (4711, 4712)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_id", "my private account"),
        ("target", "user:42"),
        ("target", "@bob"),
        ("action_id", "+4915112345678"),
        ("request_id", "79991234567"),
        ("request_id", "dear-diary"),
        ("fingerprint", "what I wrote"),
        ("idempotency", "4711-rent-for-march"),
        ("operation", "Send Message"),
        ("address", "203.0.113.7"),
    ],
)
def test_no_words_fit_into_a_field(field: str, value: str) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match="must match") as refusal:
        Entry(kind=EntryKind.INTENT, action=Action.MESSAGE_SEND, **fields)
    assert value not in str(refusal.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "Mr. Smith"},
        {"type": "embedded", "owner": "alice"},
        {"type": "agent_key", "key": "vk_ak0123456789abcdef_00"},
        {"type": "agent_key", "lineage": "Bob's"},
    ],
)
def test_no_words_fit_into_the_actor(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must match"):
        Actor(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "it failed: PHONE +49151"},
        {"status": "failed", "code": "No user named bob"},
        {"status": "done", "ids": tuple(range(201))},
        {"status": "done", "ids": (2**60,)},
    ],
)
def test_no_words_fit_into_the_result(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="internal error"):
        Result(**fields)


def test_a_later_moment_of_an_act_differs_in_kind_and_result_alone() -> None:
    said: dict[str, Any] = ACT | {
        "target": "p:" + "0" * 16,
        "request_id": "req_" + "e" * 26,
        "fingerprint": "0" * 64,
        "idempotency": "0" * 32,
        "reduces_risk": True,
    }
    done = Result(status="done", ids=(7,))

    intent = Entry(kind=EntryKind.INTENT, **said)
    outcome = intent.later(EntryKind.OUTCOME, done)

    assert outcome == Entry(kind=EntryKind.OUTCOME, result=done, **said)
    assert intent == Entry(kind=EntryKind.INTENT, **said)


def test_the_longest_line_is_shorter_than_8_kib() -> None:
    numbers = tuple(2**53 - number for number in range(200))
    longest = Entry(
        kind=EntryKind.OUTCOME,
        target="p:" + "0" * 16,
        request_id="req_" + "e" * 26,
        fingerprint="0" * 64,
        idempotency="0" * 64,
        operation="o" * 64,
        address="a:" + "0" * 16,
        count=2**52,
        result=Result(status="s" * 64, code="c" * 64, ids=numbers),
        **ACT | {"actor": Actor(type="t" * 64, owner="own_" + "a" * 26, key="ak" + "0" * 16)},
    )

    raw = write_line(
        longest,
        mac=KeyedDigest(MAC_KEY),
        boot="0" * 16,
        stamp=stamp_of(datetime(2026, 3, 1, tzinfo=UTC)),
        seq=2**62,
        own_seq=2**62,
        prev=NO_LINE_HASH,
    )

    assert 4000 < len(raw) < 8192


def test_names_of_actions_are_part_of_the_stored_format() -> None:
    assert [action.value for action in Action] == sorted(action.value for action in Action)
    assert len(set(Action)) == len(Action.__members__)


def test_an_entry_stands_for_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Entry(kind=EntryKind.AUTH, action=Action.AUTH_FAILED, count=0)
