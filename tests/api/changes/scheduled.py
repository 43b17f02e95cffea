"""Messages of Alice's to Bob that wait for their time: changed, sent now, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import ASKED, CHANGE, DONE, FROZEN, HELD, SHUT, Change
from vasya_sandbox.outbox import Outbox, Waiting
from vasya_sandbox.records import Message
from vasya_server.model.scheduled import EditScheduled

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_sandbox.records import Peer
    from vasya_server.model.base import Input

# It makes a message that was counted when it was scheduled.
RELEASE = (SHUT, SHUT, SHUT, ASKED, FROZEN, DONE, HELD, DONE)


def changes(scene: Scene) -> dict[str, Change]:
    """Return them, each tried on a message that her phone has scheduled."""
    first, second, third = (wait(scene, scene.bob, text) for text in ("one", "two", "three"))
    chat = f"chats/{scene.bob.id}/scheduled"
    # fmt: off
    return {
        "edit_scheduled": Change("PATCH", f"{chat}/{first}", {"text": "other"}, CHANGE, ("messages.EditMessage",)),
        "send_scheduled": Change("POST", f"{chat}/{second}/send", None, RELEASE, ("messages.SendScheduledMessages",)),
        "delete_scheduled": Change("DELETE", f"{chat}/{third}", None, CHANGE, ("messages.DeleteScheduledMessages",)),
    }
    # fmt: on


def wait(scene: Scene, peer: Peer, text: str, *, secs: int = 3600, **content: Any) -> int:
    """Let a message of Alice's wait, as if her phone had scheduled it, and return its id."""
    world, me = scene.world, scene.alice
    box = world.outboxes.setdefault(me.id, Outbox(me.id))
    box.last_id += 1
    draft = Message(
        number=0,
        sender=me.id,
        author_id=me.id,
        peer=peer.peer_id,
        at=world.now + secs,
        text=text,
        **content,
    )
    owner = peer.peer_id if peer in world.channels.values() else me.id
    draft.copies = {owner: box.last_id}
    box.waiting[box.last_id] = Waiting(box.last_id, 1, draft)
    return box.last_id


def reaching(_chat: str, _message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that would change it."""
    return {EditScheduled: [{"text": "x"}]}
