"""How far an account is, as it is stored."""

from __future__ import annotations

import msgspec

from vasya_server.sessions.updates import UpdateState
from vasya_server.telegram.update_box import UpdateBox

CHANNEL_ID, DATE = 1_500_000_001, 1_790_000_000


async def test_since_when_a_channel_is_wanted_outlives_later_differences() -> None:
    box = UpdateBox()
    box.load(UpdateState(9, 0, 1, DATE, {}, [CHANNEL_ID], {CHANNEL_ID: DATE - 7}))

    again = UpdateBox()
    again.load(msgspec.structs.replace(box.state(), date=DATE + 60))

    assert again.untold_since(CHANNEL_ID) == DATE - 7
    assert again.untold_since(CHANNEL_ID + 1) == DATE + 60


async def test_a_state_that_does_not_say_it_has_it_wanted_since_its_date() -> None:
    stored = msgspec.msgpack.encode([9, 0, 1, DATE, {}, [CHANNEL_ID]])
    box = UpdateBox()

    box.load(msgspec.msgpack.decode(stored, type=UpdateState))

    assert box.next_strange() == CHANNEL_ID
    assert box.untold_since(CHANNEL_ID) == DATE
