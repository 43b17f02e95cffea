"""A draft to Bob, written and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_server.model.draft import WriteDraft

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them."""
    draft, saving = f"chats/{scene.bob.id}/draft", ("messages.SaveDraft",)
    return {
        "save_draft": Change("PUT", draft, {"text": "hi *there*"}, CHANGE, saving),
        "delete_draft": Change("DELETE", draft, None, CHANGE, saving),
    }


def reaching(_chat: str, message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that reach for a message of that chat."""
    return {WriteDraft: [{"text": "x"}, {"text": "x", "replyTo": message}]}
