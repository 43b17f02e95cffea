"""What a user has written and not sent, one text in each chat and topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from telethon.tl import types as t

from vasya_sandbox import content_views
from vasya_sandbox.records import Entity

if TYPE_CHECKING:
    from vasya_sandbox.directory import Directory
    from vasya_sandbox.records import User


class Draft(Struct, frozen=True, omit_defaults=True):
    """One of them; *top_id* 0 is the chat itself, and *reply_id* 0 answers nothing."""

    user_id: int
    peer_id: int
    top_id: int
    at: int
    text: str
    entities: list[Entity] = field(default_factory=list)
    reply_id: int = 0
    has_no_preview: bool = False

    @property
    def place(self) -> tuple[int, int, int]:
        """Where it stands: no other may."""
        return self.user_id, self.peer_id, self.top_id


def shown(world: Directory, viewer: User, peer_id: int, top_id: int = 0) -> Any:
    """Return the viewer's draft of a chat or topic; None where there is none."""
    draft = world.drafts.get((viewer.id, peer_id, top_id))
    return None if draft is None else view(draft)


def view(draft: Draft) -> Any:
    """Return a draft as its owner's clients get it."""
    reply = None
    if draft.reply_id or draft.top_id:
        answered = draft.reply_id or draft.top_id
        reply = t.InputReplyToMessage(answered, top_msg_id=draft.top_id or None)
    return t.DraftMessage(
        draft.text,
        draft.at,
        no_webpage=draft.has_no_preview or None,
        reply_to=reply,
        entities=[content_views.entity(entity) for entity in draft.entities] or None,
    )
