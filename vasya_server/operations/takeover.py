"""Agents leave a chat to the owner for a while, when the owner writes there by another device.

An agent that answers what its owner has just answered does harm that nobody can take back. Humans are never held up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vasya_server.errors import OwnerActive

if TYPE_CHECKING:
    from vasya_server.operations.conditions import Attempt


class OwnerAway:
    """The owner has not written in the chat for as long as they have set."""

    async def look(self, attempt: Attempt) -> OwnerActive | None:
        """Return for how long the chat is left to the owner."""
        if attempt.who.key_id is None or attempt.peer is None or not attempt.speaks:
            return None
        if attempt.is_only_asked:
            return None  # the owner is asked, and where they write now says nothing of then
        takeover = attempt.gateway.guards.takeover
        left_secs = await takeover.left_secs(attempt.account, attempt.peer.id)
        return OwnerActive(math.ceil(left_secs)) if left_secs > 0 else None

    async def enter(self, attempt: Attempt) -> None:
        """Pass; nothing is used up.

        Raises:
            OwnerActive: The chat is left to the owner.
        """
        if (error := await self.look(attempt)) is not None:
            raise error
