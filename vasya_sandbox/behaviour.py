"""What Telegram does on the wire that a test wants only sometimes."""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_SLICE = 100


class Behaviour(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Switches, all off by default.

    Args:
        short_updates: Push plain texts as updateShortMessage and updateShortChatMessage, which name
            nobody, and answer plain sends with updateShortSentMessage.
        lose_pushes: How many of the next pushes, one for each session, are lost on the way; counts
            down to 0.
        slice_at: The events in one answer to getDifference or getChannelDifference, 1 to 100; the
            rest comes with the next one.
        poll_secs: How long a client that watches a channel is asked to wait before it asks for the
            next getChannelDifference.
    """

    short_updates: bool = False
    lose_pushes: Annotated[int, msgspec.Meta(ge=0)] = 0
    slice_at: Annotated[int, msgspec.Meta(ge=1, le=MAX_SLICE)] = MAX_SLICE
    poll_secs: Annotated[int, msgspec.Meta(ge=1)] = 30
