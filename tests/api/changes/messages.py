"""Messages to Bob: sending, passing on, editing, marking and deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, MESSAGE, Change
from vasya_server.model.message import React
from vasya_server.model.writing import DeleteMessages, EditMessage, ForwardMessages, SendMessage

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them, tried on a message of Alice's; what is deleted comes last."""
    mine = scene.world.ids(scene.alice, scene.bob)[-1]
    older = scene.world.ids(scene.alice, scene.bob)[-2]
    chat = f"chats/{scene.bob.id}"
    message = f"{chat}/messages/{mine}"
    forward = {"fromChat": "@bob_b", "messageIds": [mine]}
    pinning, reacting = ("messages.UpdatePinnedMessage",), ("messages.SendReaction",)
    deleting = ("messages.DeleteMessages", "channels.DeleteMessages")
    # fmt: off
    return {
        "send_message": Change("POST", f"{chat}/messages", {"text": "hi *there*"}, MESSAGE, ("messages.SendMessage",)),
        "forward_messages": Change("POST", f"{chat}/messages/forward", forward, MESSAGE, ("messages.ForwardMessages",)),
        "edit_message": Change("PATCH", message, {"text": "other"}, CHANGE, ("messages.EditMessage",)),
        "pin_message": Change("PUT", f"{message}/pin", None, CHANGE, pinning),
        "unpin_message": Change("DELETE", f"{message}/pin", None, CHANGE, pinning),
        "set_reaction": Change("PUT", f"{message}/reaction", {"emoji": "👍"}, CHANGE, reacting),
        "delete_reaction": Change("DELETE", f"{message}/reaction", None, CHANGE, reacting),
        "mark_read": Change("POST", f"{chat}/read", None, CHANGE, ("messages.ReadHistory", "channels.ReadHistory")),
        "show_typing": Change("POST", f"{chat}/typing", None, CHANGE, ("messages.SetTyping",)),
        "delete_message": Change("DELETE", f"{message}?forEveryone=true", None, CHANGE, deleting),
        "delete_messages": Change("POST", f"{chat}/messages/delete", {"ids": [older], "forEveryone": False}, CHANGE, deleting),
    }
    # fmt: on


def reaching(chat: str, message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that reach for a message of that chat."""
    return {
        SendMessage: [{"text": "x"}, {"text": "x", "replyTo": message, "quote": "Login code"}],
        EditMessage: [{"text": "x"}],
        ForwardMessages: [
            {"fromChat": chat, "messageIds": [message]},
            {"fromChat": chat, "messageIds": [message], "asCopy": True},
        ],
        DeleteMessages: [{"ids": [message], "forEveryone": False}],
        React: [{"emoji": "👍"}],
    }
