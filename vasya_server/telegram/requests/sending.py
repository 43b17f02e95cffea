"""A message as it is asked for: a text, files, a poll, a place or somebody's number, and of these exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.telegram.requests.attachments import send_attachment
from vasya_server.telegram.requests.media import send_media
from vasya_server.telegram.requests.messages import send_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import Message
    from vasya_server.model.writing import SendMessage
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.scheduled import When
    from vasya_server.telegram.view import AccountView


async def send(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    random_ids: Sequence[int],
    *,
    lineage: str,
    when: When,
) -> Message:
    """Send what *body* asks for, each message of it once, and return the first.

    Args:
        lineage: Whose uploads they are.

    Raises:
        ValidationFailed: It asks for nothing, or for what cannot be one message.
    """
    attachments = {"poll": body.poll, "location": body.location, "contact": body.contact}
    given = {name: each for name, each in attachments.items() if each is not None}
    for name, attachment in given.items():
        if len(given) > 1 or body.text is not None or body.media:
            raise ValidationFailed(FieldError(f"/{name}", "not_alone"))
        return await send_attachment(account, peer, body, attachment, random_ids[0], when=when)
    if body.media:
        if body.split:
            raise ValidationFailed(FieldError("/split", "not_with_media"))
        return await send_media(account, peer, body, random_ids, lineage=lineage, when=when)
    return await send_message(account, peer, body, random_ids, when=when)
