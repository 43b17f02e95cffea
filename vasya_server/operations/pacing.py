"""The pace at which an account sends, whoever asks: a send waits for its turn, and has time left when it comes (D-8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.operations.moment import Moment

if TYPE_CHECKING:
    from vasya_server.errors import RateLimited
    from vasya_server.gateway import Gateway
    from vasya_server.ids import OwnerId
    from vasya_server.operations.conditions import Attempt

# The rest of the deadline is for the call.
_SHARE_FOR_WAITING: Final = 2 / 3


class Pacing:
    """One message a second."""

    async def look(self, attempt: Attempt) -> RateLimited | None:
        """Return why it would not wait for its turn."""
        if not _is_paced(attempt):
            return None
        return attempt.gateway.limits.turns.look(attempt.account.id, _within_secs(attempt))

    async def enter(self, attempt: Attempt) -> None:
        """Wait for the turn; a second that was not used is not given back.

        Raises:
            RateLimited: It would come too late.
        """
        if _is_paced(attempt) and attempt.moment is not Moment.ASKED:
            await attempt.gateway.limits.turns.take(attempt.account.id, _within_secs(attempt))


def _is_paced(attempt: Attempt) -> bool:
    return bool(attempt.messages) and is_paced(attempt.gateway, attempt.account.owner)


def is_paced(gateway: Gateway, owner: OwnerId) -> bool:
    """Tell whether sends of the owner's accounts wait for their turn; with Telegram's own data centres always."""
    is_telegrams = gateway.settings.telegram_dc is None
    return is_telegrams or gateway.owner_settings.held(owner).pacing == "human"


def _within_secs(attempt: Attempt) -> float:
    return attempt.left_secs * _SHARE_FOR_WAITING
