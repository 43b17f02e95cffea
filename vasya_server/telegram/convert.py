"""Telegram's objects as the shapes of the API: messages, the people in them, and chats.

Total and without I/O: names come from the entities that arrived with the answer, nothing is asked for, and no
constructor of the schema makes it fail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from telethon.tl import types as t

from vasya_server.model.chat import Candidate, Chat, LastMessage
from vasya_server.model.message import (
    Button,
    Entity,
    ForwardedFrom,
    Message,
    Reaction,
    ReplyTo,
)
from vasya_server.telegram.chat_details import details_of
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.directory import (
    Directory,
    entity_id,
    entity_title,
    entity_type,
    entity_username,
    marked_id,
)
from vasya_server.telegram.media import snake_name, spoken_file, to_action, to_media
from vasya_server.telegram.service_chat import SERVICE_CHAT, kept_from_agents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.model.chat import Redacted
    from vasya_server.model.message import Media

ARCHIVE = 1
# A chat list is for choosing a chat, not for reading posts.
_LAST_TEXT_CHARACTERS = 300
# What Telegram stores for "until switched on again".
_FOREVER = datetime.fromtimestamp(2**31 - 1, UTC)
_EPOCH = datetime.fromtimestamp(0, UTC)
_GENERAL_TOPIC = 1
# Where it is is all that most entities say.
_PLACE_FIELDS = 2

_ENTITY_TYPES: dict[type, str] = {
    t.MessageEntityStrike: "strikethrough",
    t.MessageEntityTextUrl: "text_link",
    t.MessageEntityMentionName: "text_mention",
    t.MessageEntityPhone: "phone_number",
}
_ENTITIES: dict[str, type] = {
    "bold": t.MessageEntityBold,
    "italic": t.MessageEntityItalic,
    "underline": t.MessageEntityUnderline,
    "strikethrough": t.MessageEntityStrike,
    "spoiler": t.MessageEntitySpoiler,
    "code": t.MessageEntityCode,
    "blockquote": t.MessageEntityBlockquote,
}


def to_messages(messages: Iterable[Any], directory: Directory) -> list[Message]:
    """Return *messages* in their order, without the empty places that deleted ones leave."""
    return [
        to_message(message, directory)
        for message in messages
        if not isinstance(message, t.MessageEmpty)
    ]


def to_message(message: Any, directory: Directory) -> Message:
    """Return a message or service message."""
    if directory.is_agent and (why := kept_from_agents(message, directory)) is not None:
        return _redacted(message, directory, why)
    told = _told(message, directory)
    return told if directory.is_raw else clean(told)


def _told(message: Any, directory: Directory) -> Message:
    chat_id = marked_id(message.peer_id)
    is_own_note = chat_id == directory.self_id and message.fwd_from is None
    header = message.reply_to
    return Message(
        id=message.id,
        chat_id=chat_id,
        sent_at=message.date,
        edited_at=None if message.edit_hide else _time(message.edit_date),
        is_outgoing=bool(message.out) or is_own_note,
        sender=directory.sender(sender_id(message, directory.self_id)),
        text=message.message
        or (_rich_text(message.rich_message.blocks) if message.rich_message else ""),
        entities=[to_entity(entity) for entity in message.entities] if message.entities else [],
        media=_media(message, directory),
        reply_to=_reply_to(header) if header is not None else None,
        topic_id=_topic_id(message, directory.entities.get(chat_id)),
        forwarded_from=_forwarded_from(message.fwd_from, directory) if message.fwd_from else None,
        reactions=to_reactions(message.reactions) if message.reactions else [],
        views=message.views or None,
        reply_count=(message.replies.replies or None) if message.replies else None,
        mentions_me=bool(message.mentioned),
        is_pinned=bool(message.pinned),
        grouped_id=str(message.grouped_id) if message.grouped_id else None,
        buttons=_buttons(message.reply_markup),
        action=to_action(message),
    )


def _media(message: Any, directory: Directory) -> Media | None:
    media = to_media(message.media)
    if media is None or not directory.transcripts:
        return media
    known = directory.transcripts.get(spoken_file(message) or 0)
    return media if known is None else replace(media, transcript=known.text)


def _redacted(message: Any, directory: Directory, why: Redacted) -> Message:
    """Return that there is a message, where, when and by whom; nothing of what anybody wrote in it."""
    forward = message.fwd_from
    return clean(
        Message(
            id=message.id,
            chat_id=marked_id(message.peer_id),
            sent_at=message.date,
            edited_at=None if message.edit_hide else _time(message.edit_date),
            is_outgoing=bool(message.out),
            sender=directory.sender(sender_id(message, directory.self_id)),
            forwarded_from=ForwardedFrom(
                chat_id=marked_id(forward.from_id) if forward.from_id else None,
                sent_at=_time(forward.date),
            )
            if forward
            else None,
            is_pinned=bool(message.pinned),
            redacted=why,
        )
    )


def sender_id(message: Any, self_id: int) -> int:
    """Return the marked id of a message's author; in private chats Telegram leaves it to the direction."""
    if message.from_id is not None:
        return marked_id(message.from_id)
    if message.out and isinstance(message.peer_id, t.PeerUser):
        return self_id
    return marked_id(message.peer_id)


def to_entity(entity: Any) -> Entity:
    """Return a formatted stretch of text."""
    kind = type(entity)
    name = _ENTITY_TYPES.get(kind) or snake_name(entity, "MessageEntity")
    if len(vars(entity)) == _PLACE_FIELDS:
        return Entity(type=name, offset=entity.offset, length=entity.length)
    document_id = getattr(entity, "document_id", None)
    if kind is t.MessageEntityBlockquote and entity.collapsed:
        name = "expandable_blockquote"
    return Entity(
        type=name,
        offset=entity.offset,
        length=entity.length,
        url=getattr(entity, "url", None),
        user_id=getattr(entity, "user_id", None),
        language=getattr(entity, "language", None) or None,
        custom_emoji_id=str(document_id) if document_id else None,
    )


def from_entity(entity: Entity, mentioned: Any = None) -> Any:
    """Return the entity to send.

    Args:
        mentioned: The InputUser of a `text_mention`.
    """
    where = {"offset": entity.offset, "length": entity.length}
    if entity.type == "text_link":
        return t.MessageEntityTextUrl(url=entity.url, **where)
    if entity.type == "text_mention":
        return t.InputMessageEntityMentionName(user_id=mentioned, **where)
    if entity.type == "pre":
        return t.MessageEntityPre(language=entity.language or "", **where)
    if entity.type == "custom_emoji":
        return t.MessageEntityCustomEmoji(document_id=int(entity.custom_emoji_id or 0), **where)
    if entity.type == "expandable_blockquote":
        return t.MessageEntityBlockquote(collapsed=True, **where)
    return _ENTITIES[entity.type](**where)


def to_chat(
    entity: Any,
    directory: Directory,
    *,
    now: datetime,
    dialog: Any = None,
    last_message: Any = None,
    members_count: int | None = None,
    full: Any = None,
) -> Chat:
    """Return a chat.

    Args:
        dialog: The account's own view of it; None where it has none.
        members_count: Where the entity itself does not tell.
        full: What Telegram tells of this one chat alone; None where nobody asked for it.
    """
    is_self = isinstance(entity, t.User) and bool(entity.is_self)
    muted_until = _time(dialog.notify_settings.mute_until) if dialog else None
    is_muted = muted_until is not None and muted_until > now
    chat = Chat(
        id=entity_id(entity),
        type=entity_type(entity),
        title="Saved Messages" if is_self else entity_title(entity),
        username=entity_username(entity),
        unread_count=dialog.unread_count if dialog else 0,
        unread_mentions=dialog.unread_mentions_count if dialog else 0,
        last_read_id=dialog.read_inbox_max_id if dialog else 0,
        is_forum=bool(getattr(entity, "forum", None)),
        is_muted=is_muted,
        muted_until=muted_until if is_muted and muted_until != _FOREVER else None,
        is_archived=dialog is not None and dialog.folder_id == ARCHIVE,
        is_pinned=dialog is not None and bool(dialog.pinned),
        is_marked_unread=dialog is not None and bool(dialog.unread_mark),
        can_send=can_send(entity),
        members_count=getattr(entity, "participants_count", None) or members_count or None,
        last_message=_last_message(last_message, directory) if last_message else None,
        **(details_of(entity, full) if full is not None else {}),
    )
    return chat if directory.is_raw else clean(chat)


def to_candidate(entity: Any, last_message: Any = None) -> Candidate:
    """Return a chat as something that a reference may have meant."""
    return clean(
        Candidate(
            id=entity_id(entity),
            type=entity_type(entity),
            title=entity_title(entity),
            username=entity_username(entity),
            is_contact=bool(getattr(entity, "contact", None)),
            last_message_at=_time(getattr(last_message, "date", None)),
        )
    )


def can_send(entity: Any) -> bool:
    """Tell whether the account may write text there, as far as the entity itself says."""
    if isinstance(entity, t.User):
        return not entity.deleted and entity.id != SERVICE_CHAT
    if isinstance(entity, t.Chat):
        if entity.left or entity.deactivated:
            return False
        return bool(entity.creator or entity.admin_rights) or not _is_silenced(entity)
    if not isinstance(entity, t.Channel):
        return False
    if entity.creator:
        return True
    if entity.broadcast:
        return bool(entity.admin_rights and entity.admin_rights.post_messages)
    if entity.left and (entity.join_to_send or not entity_username(entity)):
        return False
    return bool(entity.admin_rights) or not _is_silenced(entity)


def _is_silenced(entity: Any) -> bool:
    for rights in (entity.default_banned_rights, getattr(entity, "banned_rights", None)):
        if rights is not None and (
            rights.view_messages or rights.send_messages or rights.send_plain
        ):
            return True
    return False


def _last_message(message: Any, directory: Directory) -> LastMessage | None:
    if isinstance(message, t.MessageEmpty):
        return None
    if directory.is_agent and (why := kept_from_agents(message, directory)) is not None:
        return LastMessage(
            id=message.id,
            sent_at=message.date,
            is_outgoing=bool(message.out),
            redacted=why,
        )
    text = message.message or ""
    if len(text) > _LAST_TEXT_CHARACTERS:
        text = f"{text[:_LAST_TEXT_CHARACTERS]}…"
    return LastMessage(
        id=message.id, sent_at=message.date, text=text, is_outgoing=bool(message.out)
    )


def _time(at: datetime | None) -> datetime | None:
    """Return *at*, or None for the zero by which Telegram says "never"."""
    return at if at is not None and at > _EPOCH else None


def _reply_to(header: Any) -> ReplyTo | None:
    if isinstance(header, t.MessageReplyStoryHeader):
        return ReplyTo(chat_id=marked_id(header.peer))
    if header.forum_topic and header.reply_to_top_id is None:
        return None  # it only belongs to the topic
    return ReplyTo(
        message_id=header.reply_to_msg_id,
        chat_id=marked_id(header.reply_to_peer_id) if header.reply_to_peer_id else None,
        quote=header.quote_text or None,
    )


def _topic_id(message: Any, chat: Any) -> int | None:
    header = message.reply_to
    if getattr(header, "forum_topic", None):
        return int(header.reply_to_top_id or header.reply_to_msg_id)
    return _GENERAL_TOPIC if getattr(chat, "forum", None) else None


def _forwarded_from(header: Any, directory: Directory) -> ForwardedFrom:
    origin = directory.sender(marked_id(header.from_id)) if header.from_id else None
    return ForwardedFrom(
        name=header.from_name or (origin.name if origin else None) or header.post_author or None,
        chat_id=origin.id if origin else None,
        message_id=header.channel_post,
        sent_at=_time(header.date),
    )


def to_reactions(reactions: Any) -> list[Reaction]:
    """Return the counts; custom emoji are named `custom:<id>`, paid stars are a star."""
    found = []
    for result in reactions.results:
        reaction = result.reaction
        if isinstance(reaction, t.ReactionEmpty):
            continue
        is_chosen = result.chosen_order is not None
        found.append(
            Reaction(emoji=reaction_name(reaction), count=result.count, is_chosen=is_chosen)
        )
    return found


def reaction_name(reaction: Any) -> str:
    """Return what the API calls a reaction that is one."""
    if isinstance(reaction, t.ReactionCustomEmoji):
        return f"custom:{reaction.document_id}"
    return getattr(reaction, "emoticon", "⭐")


def _buttons(markup: Any) -> list[Button]:
    if not isinstance(markup, t.ReplyInlineMarkup):
        return []
    buttons = [button for row in markup.rows for button in row.buttons]
    return [
        Button(
            id=index,
            text=button.text,
            kind=snake_name(button.type, "InlineButtonType"),
            url=getattr(button.type, "url", None),
        )
        for index, button in enumerate(buttons)
    ]


def _rich_text(node: Any) -> str:
    """Return the words of a message that is laid out as a page, one block a line."""
    if isinstance(node, t.TextPlain):
        return str(node.text)
    if isinstance(node, list):
        children = node
    else:
        children = list(vars(node).values()) if hasattr(node, "CONSTRUCTOR_ID") else []
    is_inline = isinstance(node, t.TextConcat)
    if is_inline:
        children = node.texts
    return ("" if is_inline else "\n").join(filter(None, map(_rich_text, children)))
