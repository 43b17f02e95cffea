"""Chats that are made, joined, left, cleared and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_server.model.chat_life import CreateChat, JoinChat
from vasya_server.model.chat_settings import ChatPatch
from vasya_server.model.photo import SetPhoto

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them; each is tried in a chat of its own."""
    world = scene.world
    world.add_channel("Town", scene.bob, username="town_square")
    left = world.add_channel("Choir", scene.bob, [scene.alice])
    deleted = world.add_group("Picnic", scene.alice, [scene.bob])
    pictured = world.add_group("Lake", scene.alice, [scene.bob])
    new = {"type": "group", "title": "Trio", "userIds": [scene.bob.id, scene.carol.id]}
    # fmt: off
    return {
        "create_chat": Change("POST", "chats", new, CHANGE, ("messages.CreateChat",), title=None),
        "join_chat": Change("POST", "chats/join", {"link": "@town_square"}, CHANGE, ("channels.JoinChannel",), title=None),
        "leave_chat": Change("POST", f"chats/{left.peer_id}/leave", None, CHANGE, ("channels.LeaveChannel",), title="Choir"),
        "update_chat": Change("PATCH", f"chats/{scene.bob.id}", {"isPinned": True, "isMuted": True}, CHANGE, ("messages.ToggleDialogPin",)),
        "delete_chat_photo": Change("DELETE", f"chats/{pictured.peer_id}/photo", None, CHANGE, ("messages.EditChatPhoto",), title="Lake"),
        "clear_history": Change("DELETE", f"chats/{scene.carol.id}/history?forEveryone=false", None, CHANGE, ("messages.DeleteHistory",), title="Кэрол"),
        "delete_chat": Change("DELETE", f"chats/{deleted.peer_id}?forEveryone=true", None, CHANGE, ("messages.DeleteChat",), title="Picnic"),
    }
    # fmt: on


def reaching(chat: str, message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that reach for a chat or for Telegram's own; none of them names a message."""
    return {
        CreateChat: [{"type": "group", "title": "x", "userIds": [777000]}],
        ChatPatch: [{"isPinned": True}, {"isMarkedUnread": True, "historyTtlSecs": 86_400}],
        SetPhoto: [{"uploadId": "upl_" + "a" * 26}],
        JoinChat: [{"link": chat}],
    }
