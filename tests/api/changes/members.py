"""Members of a club of Alice's: who is in it, what they may do, and who is let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.changes import CHANGE, Change
from vasya_sandbox.membership import JoinRequest
from vasya_server.model.member import DecideJoinRequest, InviteMembers, MemberPatch, Permissions

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input


def changes(scene: Scene) -> dict[str, Change]:
    """Return them: Bob asks to be let in, and is added; Carol is changed, and taken out."""
    club = scene.world.add_channel("Club", scene.alice, [scene.carol])
    club.requests.append(JoinRequest(scene.bob.id, scene.world.now))
    chat, bob, carol = f"chats/{club.peer_id}", scene.bob.id, scene.carol.id
    member = f"{chat}/members/{carol}"
    added, some = {"userIds": [bob]}, {"canSendMessages": True}
    mute = {"role": "restricted", "rights": {}}
    # fmt: off
    return {
        "decide_join_request": Change("POST", f"{chat}/join-requests/{bob}", {"isApproved": True}, CHANGE, ("messages.HideChatJoinRequest",), "Club"),
        "invite_members": Change("POST", f"{chat}/members", added, CHANGE, ("channels.InviteToChannel",), "Club"),
        "update_member": Change("PATCH", member, mute, CHANGE, ("channels.EditBanned",), "Club"),
        "remove_member": Change("DELETE", member, None, CHANGE, ("channels.EditBanned",), "Club"),
        "set_permissions": Change("PUT", f"{chat}/permissions", some, CHANGE, ("messages.EditChatDefaultBannedRights",), "Club"),
    }
    # fmt: on


def reaching(_chat: str, _message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies; none of them names a message."""
    return {
        InviteMembers: [{"userIds": [1]}],
        MemberPatch: [{"role": "member"}],
        Permissions: [{}],
        DecideJoinRequest: [{"isApproved": True}],
    }
