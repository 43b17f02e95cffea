"""What Bob's messages ask for: a vote in his poll, a press of his button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_sandbox.bots import Button
from vasya_sandbox.polls import Poll
from vasya_server.model.interaction import Press, Vote

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them, tried on messages that Bob writes now."""
    world, bob, alice = scene.world, scene.bob, scene.alice
    poll = world.post(bob, alice, media=Poll(7, "?", ["a", "b"], [[], []])).message
    buttons = [[Button("Yes", data=b"yes", reply="noted")]]
    asked = world.post(bob, alice, "ok?", buttons=buttons).message
    chat = f"chats/{bob.id}/messages"
    # fmt: off
    return {
        "set_vote": Change("PUT", f"{chat}/{poll.copies[alice.id]}/vote", {"options": [1]}, CHANGE, ("messages.SendVote",)),
        "press_button": Change("POST", f"{chat}/{asked.copies[alice.id]}/press", {"button": 0}, CHANGE, ("messages.GetBotCallbackAnswer",)),
    }
    # fmt: on


def reaching(_chat: str, _message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that would vote or press."""
    return {Vote: [{"options": [0]}], Press: [{"button": 0}]}
