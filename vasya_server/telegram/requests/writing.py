"""What a message says, as Telegram takes it: text with its formatting, what it answers, and what is wrong with either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.telegram.convert import from_entity
from vasya_server.telegram.html import utf16_length
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import keep_to_chat, read_shown
from vasya_server.telegram.words import MAX_TEXT_UNITS, words_of

if TYPE_CHECKING:
    from vasya_server.model.message import Entity
    from vasya_server.model.writing import SendMessage, Words
    from vasya_server.telegram.formatting import Formatted
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

Composed: TypeAlias = "tuple[str, list[Any]]"
_GENERAL_TOPIC = 1
_REFUSED_FIELDS = {
    "QUOTE_TEXT_INVALID": FieldError("/quote", "not_in_message"),
    "TOPIC_DELETED": FieldError("/topic", "unknown"),
    "TOPIC_CLOSED": FieldError("/topic", "closed"),
    "ENTITY_BOUNDS_INVALID": FieldError("/text", "formatting_invalid"),
    "ENTITY_TEXTURL_INVALID": FieldError("/text", "link_invalid"),
    "ENTITIES_TOO_LONG": FieldError("/text", "too_much_formatting"),
    "MEDIA_CAPTION_TOO_LONG": FieldError("/text", "too_long"),
    "SCHEDULE_DATE_INVALID": FieldError("/scheduleAt", "not_allowed"),
    "SCHEDULE_DATE_TOO_LATE": FieldError("/scheduleAt", "too_late", ("a year ahead",)),
    "POLL_ANSWERS_INVALID": FieldError("/poll/options", "invalid"),
    "POLL_ANSWER_INVALID": FieldError("/poll/options", "invalid"),
    "POLL_OPTION_DUPLICATE": FieldError("/poll/options", "repeated"),
    "POLL_OPTION_INVALID": FieldError("/poll/options", "invalid"),
    "POLL_QUESTION_INVALID": FieldError("/poll/question", "invalid"),
    "QUIZ_CORRECT_ANSWER_INVALID": FieldError("/poll/correctOption", "out_of_range"),
    "QUIZ_MULTIPLE_INVALID": FieldError("/poll/isMultiple", "not_in_quiz"),
    "BROADCAST_PUBLIC_VOTERS_FORBIDDEN": FieldError("/poll/isAnonymous", "required_in_channel"),
    "GEO_POINT_INVALID": FieldError("/location", "invalid"),
    "CONTACT_NAME_EMPTY": FieldError("/contact/firstName", "empty"),
    "MEDIA_GROUPED_INVALID": FieldError("/media", "other_kind"),
    "MEDIA_PREV_INVALID": FieldError("/media", "not_replaceable"),
    "MEDIA_NEW_INVALID": FieldError("/media", "other_kind"),
}


async def reply_to_of(account: AccountView, peer: ResolvedPeer, body: SendMessage) -> Any:
    """Return what the message answers and the topic it goes to; None for neither.

    Raises:
        ValidationFailed: The chat has no topics, or there is a quote of nothing.
        MessageNotFound: What it answers is in another chat, for those who do not reach every chat.
        ServiceChat, ChatNotAllowed: An agent quotes what it may not read: whether Telegram takes the quote says what is
            written there.
    """
    topic = topic_of(peer, body.topic)
    if body.reply_to is None:
        if body.quote is not None:
            raise ValidationFailed(FieldError("/quote", "requires_reply_to"))
        return topic_reply(topic)
    await keep_to_chat(account, peer, [body.reply_to])  # a quote would tell what is written there
    if account.is_agent and body.quote is not None:
        await read_shown(Reading(account), peer, body.reply_to)
    return t.InputReplyToMessage(
        reply_to_msg_id=body.reply_to, top_msg_id=topic, quote_text=body.quote
    )


def topic_reply(topic: int | None) -> Any:
    """Return what puts a message into a topic that answers nothing there."""
    if topic is None:
        return None
    return t.InputReplyToMessage(reply_to_msg_id=topic, top_msg_id=topic)


def topic_of(peer: ResolvedPeer, topic: int | None) -> int | None:
    """Return the topic as Telegram wants it named: not at all where it is the general one.

    Raises:
        ValidationFailed: The chat has no topics.
    """
    if topic is not None and not peer.is_channel:
        raise ValidationFailed(FieldError("/topic", "chat_has_no_topics"))
    return None if topic == _GENERAL_TOPIC else topic


async def compose(account: AccountView, body: Words) -> Composed:
    """Return the text and the entities to send.

    Raises:
        ValidationFailed: There is none, nothing is left of it without the formatting, it is too long, or it mentions somebody unknown or out of reach.
    """
    return await composed(account, words_of(body))


async def composed(account: AccountView, words: Formatted) -> Composed:
    """Return words as they are sent.

    Raises:
        ValidationFailed: As `compose`.
    """
    plain, entities = words
    if not plain:
        raise ValidationFailed(FieldError("/text", "empty"))
    if utf16_length(plain) > MAX_TEXT_UNITS:
        limit = f"at most {MAX_TEXT_UNITS} UTF-16 code units after formatting"
        raise ValidationFailed(FieldError("/text", "too_long", (limit,)))
    return plain, [from_entity(entity, await _mentioned(account, entity)) for entity in entities]


async def _mentioned(account: AccountView, entity: Entity) -> Any:
    if entity.type != "text_mention" or entity.user_id is None:
        return None
    if entity.user_id == account.runtime.user_id:
        return t.InputUserSelf()
    known = await account.runtime.peers.by_id(entity.user_id)
    # To those who do not reach every chat it is not told whom the account knows from the others.
    reach = await readable(Reading(account))
    if known is None or not reach.allows(entity.user_id):
        raise ValidationFailed(FieldError("/text", "unknown_user"))
    return t.InputUser(known.id, known.access_hash)


def refusal_of(error: TelegramError) -> Exception:
    """Return the refusal of one field where Telegram's name for it tells which."""
    field = _REFUSED_FIELDS.get(error.rpc_name or "")
    return ValidationFailed(field) if field else error
