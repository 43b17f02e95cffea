"""Updates as they travel: in full, or in the short forms that Telegram prefers where they do.

Source: https://core.telegram.org/api/updates
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Fields of a message that the short forms have, too; with any other they would lose something.
_SHARED = (
    "id",
    "message",
    "date",
    "out",
    "mentioned",
    "media_unread",
    "silent",
    "fwd_from",
    "reply_to",
    "entities",
)
_CARRIED = {*_SHARED, "peer_id", "from_id"}


def packed(
    updates: Sequence[Any],
    users: Iterable[Any],
    chats: Iterable[Any],
    at: float,
    *,
    short_for: int = 0,
) -> bytes:
    """Serialise what one user is told; with their id in *short_for*, shortly where that is possible."""
    if short_for and (short := _shortened(updates, short_for)):
        return bytes(short)
    # A zero seq makes clients go by pts alone.
    return bytes(t.Updates(list(updates), list(users), list(chats), int(at), seq=0))


def _shortened(updates: Sequence[Any], viewer_id: int) -> Any:
    """Return the one short update that says what *updates* do to *viewer_id*; None if none can.

    Source: https://core.telegram.org/constructor/updateShortMessage
    """
    if len(updates) != 1 or not isinstance(updates[0], t.UpdateNewMessage):
        return None
    step = updates[0]
    shown = step.message
    if isinstance(shown, t.MessageService) or _says_more(shown):
        return None
    fields = {name: getattr(shown, name) for name in _SHARED}
    fields |= {"pts": step.pts, "pts_count": step.pts_count}
    match shown.peer_id:
        case t.PeerUser() if shown.peer_id.user_id != viewer_id:
            return t.UpdateShortMessage(user_id=shown.peer_id.user_id, **fields)
        case t.PeerChat() if isinstance(shown.from_id, t.PeerUser):
            from_id = shown.from_id.user_id
            return t.UpdateShortChatMessage(
                from_id=from_id, chat_id=shown.peer_id.chat_id, **fields
            )
    return None


def _says_more(shown: Any) -> bool:
    return any(
        value
        for name, value in vars(shown).items()
        if name not in _CARRIED and not name.startswith("_")
    )


def sent(answer: Any) -> Any:
    """Return the short answer to a plain send into a private chat or basic group, or *answer*.

    Source: https://core.telegram.org/constructor/updateShortSentMessage
    """
    steps = [update for update in answer.updates if isinstance(update, t.UpdateNewMessage)]
    # A repeat of what was deleted since has no step to tell of.
    if not steps:
        return answer
    shown = steps[0].message
    return t.UpdateShortSentMessage(
        shown.id,
        steps[0].pts,
        steps[0].pts_count,
        shown.date,
        out=shown.out,
        media=shown.media,
        entities=shown.entities,
        ttl_period=shown.ttl_period,
    )
