"""A row opens exactly as it was written, and no other row opens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vasya_server.auth.chat_lists import ChatLists, ChatRule
from vasya_server.auth.key_records import (
    NO_GENERATION,
    Grant,
    KeyRecord,
    floor_of,
    open_row,
    raising_floor,
    sealed,
)
from vasya_server.auth.scopes import Scope
from vasya_server.crypto.master_key import MasterKey
from vasya_server.ids import AccountId, KeyId, OwnerId
from vasya_server.store.keys import FloorRow, KeyRow

KEY = MasterKey(bytes(range(32)))
OTHER_KEY = MasterKey(bytes(range(1, 33)))
GRANT = Grant(
    name="Helper",
    scopes=frozenset({"chats:read", "messages:read"}),
    account_ids=frozenset({AccountId("acc_a")}),
    chats=ChatLists(
        read=ChatRule(ids=frozenset({5}), folders=frozenset({2})),
        write=ChatRule(excepted=frozenset({-100123})),
    ),
    created_by="embedded",
)
RECORD = KeyRecord(
    id=KeyId("ak0123456789abcdef"),
    owner=OwnerId("own_a"),
    lineage="ak0123456789abcdef",
    parent=None,
    digest=bytes(32),
    generation=3,
    created_at_ms=1_000,
    expires_at_ms=2_000,
    revoked_at_ms=None,
    last_used_at_ms=1_500,
    grant=GRANT,
)
ROW = KeyRow(
    key_id=RECORD.id,
    owner_id=RECORD.owner,
    lineage=RECORD.lineage,
    parent_id=None,
    digest=RECORD.digest,
    generation=3,
    created_at_ms=1_000,
    expires_at_ms=2_000,
    revoked_at_ms=None,
    sealed=sealed(KEY, RECORD),
    last_used_at_ms=1_500,
)

texts = st.text(max_size=30)
numbers = st.integers(-(2**63), 2**63 - 1)
changes = st.one_of(
    st.tuples(st.sampled_from(["key_id", "owner_id", "lineage"]), texts),
    st.tuples(st.just("parent_id"), texts),
    st.tuples(st.sampled_from(["digest", "sealed"]), st.binary(max_size=200)),
    st.tuples(st.sampled_from(["generation", "created_at_ms"]), numbers),
    st.tuples(st.sampled_from(["expires_at_ms", "revoked_at_ms"]), st.none() | numbers),
)


def test_a_row_opens_as_it_was_written() -> None:
    assert open_row(KEY, ROW) == RECORD


def test_the_last_use_is_the_one_column_that_is_not_proved() -> None:
    assert open_row(KEY, msgspec.structs.replace(ROW, last_used_at_ms=7)) is not None


def test_a_row_of_another_data_dir_does_not_open() -> None:
    assert open_row(OTHER_KEY, ROW) is None


def test_a_box_with_something_else_in_it_does_not_open() -> None:
    other = msgspec.structs.replace(ROW, sealed=sealed(OTHER_KEY, RECORD))

    assert open_row(KEY, other) is None


@settings(deadline=None)
@given(changes)
def test_a_row_with_any_other_value_in_any_column_does_not_open(change: tuple[str, Any]) -> None:
    name, value = change
    changed = msgspec.structs.replace(ROW, **{name: value})

    assert (open_row(KEY, changed) is None) == (changed != ROW)


@settings(deadline=None)
@given(st.integers(0, len(ROW.sealed) * 8 - 1))
def test_a_box_with_one_bit_turned_does_not_open(bit: int) -> None:
    box = bytearray(ROW.sealed)
    box[bit // 8] ^= 1 << bit % 8

    assert open_row(KEY, msgspec.structs.replace(ROW, sealed=bytes(box))) is None


def test_a_scope_that_this_program_does_not_know_opens_nothing() -> None:
    grant = msgspec.structs.replace(GRANT, scopes=frozenset({"chats:read", "moon:walk"}))

    assert grant.known_scopes == {Scope.CHATS_READ}


def test_a_floor_is_what_was_written() -> None:
    params = raising_floor(KEY, "ak0123456789abcdef", 4).params
    row = msgspec.convert(params, FloorRow)

    assert floor_of(KEY, row) == 4


@pytest.mark.parametrize(
    "change",
    [{"subject": "own_a"}, {"floor": 3}, {"floor": -1}, {"mac": b""}, {"mac": bytes(32)}],
    ids=str,
)
def test_a_floor_that_somebody_wrote_lets_nothing_through(change: dict[str, Any]) -> None:
    params = raising_floor(KEY, "ak0123456789abcdef", 4).params
    row = msgspec.convert({**params, **change}, FloorRow)

    assert floor_of(KEY, row) == NO_GENERATION
