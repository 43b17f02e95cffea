"""Links into a choir of Alice's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_sandbox.membership import Invite
from vasya_server.model.invite import InvitePatch

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them; the link that is taken back is the one that was changed."""
    choir = scene.world.add_channel("Choir practice", scene.alice)
    choir.invites.append(Invite("choir_link"))
    chat = f"chats/{choir.peer_id}/invites"
    link, editing = f"{chat}/choir_link", ("messages.EditExportedChatInvite",)
    title = "Choir practice"
    # fmt: off
    return {
        "create_invite": Change("POST", chat, {"title": "x"}, CHANGE, ("messages.ExportChatInvite",), title),
        "update_invite": Change("PATCH", link, {"title": "y"}, CHANGE, editing, title),
        "revoke_invite": Change("DELETE", link, None, CHANGE, editing, title),
    }
    # fmt: on


def reaching(_chat: str, _message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies; none of them names a message."""
    return {InvitePatch: [{"title": "x"}]}
