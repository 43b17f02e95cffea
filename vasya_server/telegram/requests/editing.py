"""Changing what an own message says or carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon import functions

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.telegram.requests.answers import told
from vasya_server.telegram.requests.lookup import keep_to_chat
from vasya_server.telegram.requests.media import input_media_of, with_uploads
from vasya_server.telegram.requests.writing import compose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import Message
    from vasya_server.model.writing import EditMessage
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView


async def edit_message(
    account: AccountView,
    peer: ResolvedPeer,
    message_id: int,
    body: EditMessage,
    *,
    lineage: str,
    is_sent_again: bool = False,
) -> Message:
    """Give an own message another text, another file, or both, and return it; what it is already is a success.

    Args:
        lineage: Whose upload it is.
        is_sent_again: It was asked for before, and nobody knows what became of it.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatWriteForbidden: It is somebody else's, or too old to be edited.
        UploadNotFound: The file is not there, or its time is over.
        ValidationFailed: Nothing is to be changed, the text is empty or too long once formatted, or the message cannot
            carry such a file.

    Source: https://core.telegram.org/method/messages.editMessage
    """
    if body.text is None and not body.media:
        raise ValidationFailed(FieldError("/text", "missing"))
    # Without a text the old one stays as the caption.
    text, entities = (None, None) if body.text is None else await compose(account, body)
    await keep_to_chat(account, peer, [message_id])

    def request_of(files: Sequence[StoredFile]) -> Any:
        return functions.messages.EditMessageRequest(
            peer=peer.input_peer,
            id=message_id,
            no_webpage=not body.has_link_preview,
            message=text,
            # An empty list takes away the formatting of the old text; an absent one would keep it.
            entities=entities,
            media=input_media_of(files[0]) if files else None,
        )

    try:
        answer = await with_uploads(
            account, body.media, lineage, request_of, is_sent_again=is_sent_again
        )
    except TelegramError as error:
        if error.rpc_name != "MESSAGE_NOT_MODIFIED":
            raise
        answer = None  # it is so already, or an earlier copy of this request has done it
    return (await told(account, peer, answer, [message_id]))[0]
