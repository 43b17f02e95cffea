"""Drafts: what is written in a chat and not sent, on every device of the account.

Source: https://core.telegram.org/api/drafts
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.model.base import Sanitized, Untrusted, Wire
from vasya_server.model.draft import Draft, DraftPage
from vasya_server.model.message import CompactChat, Entity
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.convert import to_entity
from vasya_server.telegram.dialogs import rows_of_peers
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.formatting import parse, to_markdown
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.requests.topics import GENERAL, read_topic
from vasya_server.telegram.requests.writing import composed
from vasya_server.telegram.service_chat import SERVICE_CHAT

if TYPE_CHECKING:
    from vasya_server.model.draft import DraftQuery, WriteDraft
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


class _Said(Wire, frozen=True, kw_only=True):
    """A text while it is cleaned: before its formatting is written into it, which must move with the words."""

    text: Untrusted
    entities: list[Entity]
    sanitized: Sanitized | None = None


async def list_drafts(account: AccountView, *, is_raw: bool = False) -> DraftPage:
    """Return the drafts of every chat that may be read, the latest first.

    Those of the chats within a channel's direct messages are not told: no reference names such a chat.

    Raises:
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/messages.getAllDrafts
    """
    reading = Reading(account, is_raw=is_raw)
    reach = await readable(reading)
    answer = await reading.call(functions.messages.GetAllDraftsRequest())
    found = [
        _told(reading, marked_id(update.peer), update.draft, update.top_msg_id)
        for update in answer.updates
        if isinstance(update, t.UpdateDraftMessage)
        and isinstance(update.draft, t.DraftMessage)
        and update.saved_peer_id is None
        and reach.allows(marked_id(update.peer))
    ]
    found.sort(key=lambda draft: draft.updated_at or _LONG_AGO, reverse=True)
    return DraftPage(items=found, trust="untrusted")


async def get_draft(account: AccountView, reference: str, query: DraftQuery) -> Draft:
    """Return the draft of a chat or topic; one without a text where there is none.

    Raises:
        ChatNotFound, ChatNotAllowed: As `resolve`.
        ChatHasNoTopics, TopicNotFound: It names a topic that is not there.
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/messages.getPeerDialogs
    """
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    rows = await rows_of_peers(reading, [peer.input_peer])
    if (topic := _named(query.topic)) is not None:
        draft = (await read_topic(reading, peer, topic)).draft
    else:
        draft = next((row.dialog.draft for row in rows if row.id == peer.id), None)
    return _told(reading, peer.id, draft, topic)


async def save_draft(account: AccountView, peer: ResolvedPeer, body: WriteDraft) -> None:
    """Write a draft in place of the one that is there.

    Raises:
        ValidationFailed: As `composed`, or its HTML is wrong.
        MessageNotFound: It answers a message that the chat does not hold.
        ChatHasNoTopics, TopicNotFound: It names a topic that is not there.

    Source: https://core.telegram.org/method/messages.saveDraft
    """
    text, entities = await composed(account, parse(body.text, body.format))
    topic = await _require_topic(account, peer, body.topic)
    reply_to = body.reply_to
    if reply_to is not None:
        await read_message(Reading(account), peer, reply_to)
    await _save(account, peer, text, entities=entities or None, reply=_place(reply_to, topic))


async def clear_draft(account: AccountView, peer: ResolvedPeer, topic: int | None) -> None:
    """Take the draft away; without one nothing changes.

    Raises:
        ChatHasNoTopics, TopicNotFound: It names a topic that is not there.

    Source: https://core.telegram.org/method/messages.saveDraft
    """
    topic = await _require_topic(account, peer, topic)
    await _save(account, peer, "", entities=None, reply=_place(None, topic))


def _named(topic: int | None) -> int | None:
    """Return the topic as drafts know it: the general one has that of the chat."""
    return None if topic == GENERAL else topic


async def _require_topic(account: AccountView, peer: ResolvedPeer, topic: int | None) -> int | None:
    if topic is not None:
        await read_topic(Reading(account), peer, topic)
    return _named(topic)


def _place(reply_to: int | None, topic: int | None) -> Any:
    """Return what a draft answers and the topic it stands in; None for neither."""
    named = reply_to or topic
    return None if named is None else t.InputReplyToMessage(named, top_msg_id=topic)


async def _save(
    account: AccountView, peer: ResolvedPeer, text: str, *, entities: Any, reply: Any
) -> None:
    request = functions.messages.SaveDraftRequest(
        peer.input_peer, text, reply_to=reply, entities=entities
    )
    await account.runtime.mutate(request, is_exactly_once=True)


def _told(reading: Reading, chat_id: int, draft: Any, topic: int | None) -> Draft:
    directory = reading.directory
    sender = directory.sender(chat_id)
    title = "Saved Messages" if chat_id == directory.self_id else sender.name
    chat = CompactChat(id=chat_id, type=sender.type, title=title, username=sender.username)
    told = Draft(chat=chat if directory.is_raw else clean(chat), topic_id=topic)
    if not isinstance(draft, t.DraftMessage):
        return told
    if directory.is_agent and chat_id == SERVICE_CHAT:
        return msgspec.structs.replace(told, redacted="service_notification")
    said = _Said(text=draft.message, entities=[to_entity(each) for each in draft.entities or ()])
    said = said if directory.is_raw else clean(said)
    return msgspec.structs.replace(
        told,
        text=to_markdown(said.text, said.entities),
        reply_to=_reply_to(draft, topic),
        updated_at=draft.date,
        sanitized=said.sanitized,
    )


def _reply_to(draft: Any, topic: int | None) -> int | None:
    """Return the message of the same chat that the draft answers; in a topic Telegram names that where there is none."""
    reply = draft.reply_to
    if not isinstance(reply, t.InputReplyToMessage) or reply.reply_to_peer_id is not None:
        return None
    return None if reply.reply_to_msg_id == topic else int(reply.reply_to_msg_id)
