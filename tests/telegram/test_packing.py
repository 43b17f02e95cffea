"""The parts of files travel as they are; everything else is written as Telethon does."""

from __future__ import annotations

import io
from collections import defaultdict
from logging import Logger, getLogger
from os import urandom

import pytest
from telethon.crypto import AuthKey
from telethon.network.mtprotostate import MTProtoState

from vasya_server.telegram.packing import State

LOGGERS: defaultdict[str, Logger] = defaultdict(lambda: getLogger("telethon"))
HEAD_BYTES = 16


def written(state: MTProtoState, data: bytes) -> bytes:
    buffer = io.BytesIO()
    state.write_data_as_message(buffer, data, content_related=True)
    return buffer.getvalue()


@pytest.mark.parametrize("size_bytes", [10, 10_000, 65_536])
def test_what_is_no_part_is_written_as_telethon_writes_it(size_bytes: int) -> None:
    data, key = b"x" * size_bytes, AuthKey(urandom(256))

    ours = written(State(key, loggers=LOGGERS), data)
    theirs = written(MTProtoState(key, loggers=LOGGERS), data)

    assert ours[8:] == theirs[8:]


def test_a_part_is_not_compressed() -> None:
    data, state = b"x" * 524_312, State(AuthKey(urandom(256)), loggers=LOGGERS)

    first, second = written(state, data), written(state, data)

    assert first[HEAD_BYTES:] == data
    assert int.from_bytes(first[12:HEAD_BYTES], "little") == len(data)
    # Identifiers grow, and sequence numbers count what has to be acknowledged.
    assert int.from_bytes(second[:8], "little") > int.from_bytes(first[:8], "little")
    assert [int.from_bytes(each[8:12], "little") for each in (first, second)] == [1, 3]
