"""Topics of a forum of Alice's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_server.model.topic import NewTopic, TopicPatch

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them; the topic that is deleted is the one that was changed."""
    world = scene.world
    if "workshop" not in world.names:
        forum = world.add_channel("Workshop", scene.alice, [scene.bob], "workshop", is_forum=True)
        world.add_topic(forum, "Tools", scene.alice)
    topics = "chats/@workshop/topics"
    patch = {"title": "Saws", "isClosed": True, "isPinned": True}
    editing = ("messages.EditForumTopic", "messages.UpdatePinnedForumTopic")
    deleting = ("messages.DeleteTopicHistory",)
    # fmt: off
    return {
        "create_topic": Change("POST", topics, {"title": "Wood"}, CHANGE, ("messages.CreateForumTopic",), "Workshop"),
        "update_topic": Change("PATCH", f"{topics}/2", patch, CHANGE, editing, "Workshop"),
        "delete_topic": Change("DELETE", f"{topics}/2", None, CHANGE, deleting, "Workshop"),
    }
    # fmt: on


def reaching(_chat: str, _message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies for any chat; none names a message."""
    return {NewTopic: [{"title": "x"}], TopicPatch: [{"isClosed": True}]}
