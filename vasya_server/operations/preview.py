"""Says what a change would do, from what was asked for and from the chat as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.audit.actions import Action
from vasya_server.errors import VasyaError
from vasya_server.model.preview import Preview, PreviewChat
from vasya_server.operations.derivation import undo_secs_of
from vasya_server.operations.targets import target_of
from vasya_server.telegram.requests.chats import get_chat

if TYPE_CHECKING:
    from vasya_server.operations.conditions import Attempt
    from vasya_server.telegram.peers import ResolvedPeer

# What is seen by others can be taken back from their sight; what they have read or lost cannot.
_REVERSIBLE: Final = frozenset(
    {
        Action.MESSAGE_SEND,
        Action.MESSAGE_FORWARD,
        Action.MESSAGE_PIN,
        Action.MESSAGE_UNPIN,
        Action.MESSAGE_REACT,
        Action.MESSAGE_UNREACT,
        Action.CHAT_PERMIT,
        Action.INVITE_CREATE,
        Action.INVITE_UPDATE,
        Action.CONTACT_ADD,
        Action.FOLDER_CREATE,
        Action.FOLDER_UPDATE,
        Action.TOPIC_CREATE,
        Action.TOPIC_UPDATE,
        Action.USER_BLOCK,
        Action.USER_UNBLOCK,
        Action.CHAT_CREATE,
        Action.CHAT_JOIN,
        Action.CHAT_UPDATE,
    }
)
# What is said in words of its own.
_TOLD: Final = frozenset(
    {
        *("text", "format", "media", "emoji", "ids", "message_ids", "from_chat"),
        *("for_everyone", "undo_secs", "is_silent"),
    }
)


async def preview_of(attempt: Attempt, *, must_name_chat: bool = False) -> Preview:
    """Return what the change would do; a chat that cannot be read now is told by its id alone.

    Args:
        must_name_chat: Somebody decides by the chat's name: where it cannot be read, that is raised.

    Raises:
        VasyaError: The chat cannot be read, and must be.
    """
    intent, body = attempt.intent, attempt.intent.body
    return Preview(
        kind=intent.mutation.action.value,
        account_id=attempt.account.id,
        chat=await _chat(attempt, attempt.peer, must_name=must_name_chat),
        person=await _chat(attempt, attempt.named.person, must_name=must_name_chat),
        target=await target_of(attempt, must_name=must_name_chat),
        from_chat=intent.source,
        text=_said(body, "text"),
        format=_said(body, "format") if _said(body, "text") is not None else None,
        message_ids=_message_ids(attempt),
        media_count=len(_said(body, "media") or ()),
        emoji=_said(body, "emoji"),
        request=_request(body),
        for_everyone=bool(_said(body, "for_everyone")) or intent.query.get("forEveryone") == "true",
        undo_secs=undo_secs_of(intent) or None,
        is_silent=bool(_said(body, "is_silent")),
        is_reversible=intent.mutation.action in _REVERSIBLE,
    )


def _said(body: Any, name: str) -> Any:  # noqa: ANN401 — any field of any body
    return getattr(body, name, None)


def _message_ids(attempt: Attempt) -> list[int]:
    body, named = attempt.intent.body, attempt.intent.path.get("message")
    if named is not None:
        return [int(named)]
    return list(_said(body, "message_ids") or _said(body, "ids") or ())


def _request(body: msgspec.Struct | None) -> dict[str, Any]:
    """Return what the body says beyond what has a field of its own, by the names that it was said under."""
    if body is None:
        return {}
    said = msgspec.to_builtins(body)
    return {
        field.encode_name: said[field.encode_name]
        for field in msgspec.structs.fields(body)
        if field.name not in _TOLD
        and field.encode_name in said
        and getattr(body, field.name) != field.default
    }


async def _chat(
    attempt: Attempt, peer: ResolvedPeer | None, *, must_name: bool
) -> PreviewChat | None:
    if peer is None:
        return None
    if peer.input_peer is None:  # nobody whom the account has met: there is no name to decide by
        return PreviewChat(id=peer.id)
    try:
        chat = await get_chat(attempt.view, str(peer.id))
    except VasyaError:
        if must_name:
            raise
        return PreviewChat(id=peer.id)
    return PreviewChat(
        id=chat.id,
        type=chat.type,
        title=chat.title,
        username=chat.username,
        members_count=chat.members_count,
    )
