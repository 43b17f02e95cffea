"""What a message carries, as TL objects: media, entities, buttons, service actions."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox import bots, polls, to_do
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import (
    ContactCard,
    FileMedia,
    Place,
    WebPage,
)
from vasya_sandbox.to_do import ToDoList

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.bots import Button
    from vasya_sandbox.directory import Directory
    from vasya_sandbox.records import Action, Entity, File, Media, User

_PLAIN_ENTITIES = {
    "mention": t.MessageEntityMention,
    "hashtag": t.MessageEntityHashtag,
    "cashtag": t.MessageEntityCashtag,
    "bot_command": t.MessageEntityBotCommand,
    "url": t.MessageEntityUrl,
    "email": t.MessageEntityEmail,
    "phone_number": t.MessageEntityPhone,
    "bold": t.MessageEntityBold,
    "italic": t.MessageEntityItalic,
    "underline": t.MessageEntityUnderline,
    "strikethrough": t.MessageEntityStrike,
    "spoiler": t.MessageEntitySpoiler,
    "blockquote": t.MessageEntityBlockquote,
    "code": t.MessageEntityCode,
}
ENTITY_KINDS = {tl: kind for kind, tl in _PLAIN_ENTITIES.items()} | {
    t.MessageEntityPre: "pre",
    t.MessageEntityTextUrl: "text_link",
    t.MessageEntityMentionName: "text_mention",
    t.InputMessageEntityMentionName: "text_mention",
    t.MessageEntityCustomEmoji: "custom_emoji",
}
WAVEFORM = bytes(range(0, 252, 4))


def entity(record: Entity) -> Any:
    """Return a styled range."""
    if plain := _PLAIN_ENTITIES.get(record.kind):
        return plain(record.offset, record.length)
    if record.kind == "pre":
        return t.MessageEntityPre(record.offset, record.length, record.language)
    if record.kind == "text_link":
        return t.MessageEntityTextUrl(record.offset, record.length, record.url)
    if record.kind == "text_mention":
        return t.MessageEntityMentionName(record.offset, record.length, record.user_id)
    if record.kind == "expandable_blockquote":
        return t.MessageEntityBlockquote(record.offset, record.length, collapsed=True)
    return t.MessageEntityCustomEmoji(record.offset, record.length, record.document_id)


def keyboard(rows: list[list[Button]]) -> Any:
    """Return the buttons under a bot's message."""
    return t.ReplyInlineMarkup(
        [t.KeyboardInlineButtonRow([bots.shown(button) for button in row]) for row in rows]
    )


_ACTIONS: dict[str, Callable[[Action], Any]] = {
    "ChatCreate": lambda told: t.MessageActionChatCreate(told.title, told.user_ids),
    "ChannelCreate": lambda told: t.MessageActionChannelCreate(told.title),
    "ChatAddUser": lambda told: t.MessageActionChatAddUser(told.user_ids),
    "ChatDeleteUser": lambda told: t.MessageActionChatDeleteUser(told.user_ids[0]),
    "ChatJoinedByLink": lambda told: t.MessageActionChatJoinedByLink(told.user_ids[0]),
    "ChatJoinedByRequest": lambda _: t.MessageActionChatJoinedByRequest(),
    "ChatEditTitle": lambda told: t.MessageActionChatEditTitle(told.title),
    "ChatDeletePhoto": lambda _: t.MessageActionChatDeletePhoto(),
    "SetMessagesTTL": lambda told: t.MessageActionSetMessagesTTL(int(told.title)),
    "TopicCreate": lambda told: t.MessageActionTopicCreate(told.title, 0x6FB9F0),
    "TopicRename": lambda told: t.MessageActionTopicEdit(title=told.title),
    "TopicClose": lambda _: t.MessageActionTopicEdit(closed=True),
    "TopicReopen": lambda _: t.MessageActionTopicEdit(closed=False),
    "TopicHide": lambda _: t.MessageActionTopicEdit(hidden=True),
    "TopicShow": lambda _: t.MessageActionTopicEdit(hidden=False),
    "PinMessage": lambda _: t.MessageActionPinMessage(),
    "ContactSignUp": lambda _: t.MessageActionContactSignUp(),
}


def action(world: Directory, viewer: User, told: Action, media: Media | None) -> Any:
    """Return what a service message reports; a new picture of the chat is its *media*."""
    if told.kind == "ChatEditPhoto" and isinstance(media, FileMedia):
        return t.MessageActionChatEditPhoto(photo(world, viewer, world.files[media.file_id]))
    if make := _ACTIONS.get(told.kind):
        return make(told)
    raise ValueError(f"unknown service action {told.kind}")


def media(world: Directory, viewer: User, record: Media) -> Any:
    """Return an attachment as *viewer* may download it."""
    match record:
        case FileMedia():
            file = world.files[record.file_id]
            if file.kind == "photo":
                return t.MessageMediaPhoto(photo=photo(world, viewer, file))
            return t.MessageMediaDocument(
                document=document(world, viewer, file),
                voice=file.kind == "voice" or None,
                round=file.kind == "video_note" or None,
                video=file.kind in ("video", "video_note") or None,
            )
        case WebPage():
            return t.MessageMediaWebPage(_web_page(record))
        case Poll():
            return polls.shown(record, viewer.id, world.now)
        case Place():
            geo = t.GeoPoint(record.longitude, record.latitude, 0)
            if record.title:
                return t.MessageMediaVenue(geo, record.title, record.address, "", "", "")
            return t.MessageMediaGeo(geo)
        case ToDoList():
            return to_do.shown(record)
        case ContactCard():
            return t.MessageMediaContact(
                record.phone, record.first_name, record.last_name, "", record.user_id
            )


def photo(world: Directory, viewer: User, file: File) -> Any:
    """Return a photo with all its sizes."""
    return t.Photo(
        file.id,
        world.file_hash(viewer, file),
        world.file_reference(file),
        file.at,
        _sizes(file),
        world.dc_id,
    )


def document(world: Directory, viewer: User, file: File) -> Any:
    """Return a document whose attributes say what kind it is."""
    return t.Document(
        file.id,
        world.file_hash(viewer, file),
        world.file_reference(file),
        file.at,
        file.mime_type,
        len(world.content(file)),
        world.dc_id,
        _attributes(file),
        thumbs=_sizes(file) or None,
    )


def _sizes(file: File) -> list[Any]:
    return [t.PhotoSize(size.type, size.width, size.height, len(size.data)) for size in file.sizes]


def _attributes(file: File) -> list[Any]:
    attributes: list[Any] = []
    match file.kind:
        case "voice":
            attributes.append(
                t.DocumentAttributeAudio(file.duration_secs, voice=True, waveform=WAVEFORM)
            )
        case "audio":
            attributes.append(
                t.DocumentAttributeAudio(
                    file.duration_secs, title=file.title or None, performer=file.performer or None
                )
            )
        case "video" | "video_note" | "gif":
            attributes.append(
                t.DocumentAttributeVideo(
                    file.duration_secs,
                    file.width,
                    file.height,
                    round_message=file.kind == "video_note" or None,
                    nosound=file.kind == "gif" or None,
                    supports_streaming=True,
                )
            )
        case "sticker":
            attributes.append(t.DocumentAttributeImageSize(file.width, file.height))
            attributes.append(t.DocumentAttributeSticker(file.emoji, t.InputStickerSetEmpty()))
    if file.kind == "gif":
        attributes.append(t.DocumentAttributeAnimated())
    if file.name:
        attributes.append(t.DocumentAttributeFilename(file.name))
    return attributes


def _web_page(record: WebPage) -> Any:
    return t.WebPage(
        id=int.from_bytes(sha1(record.url.encode()).digest()[:7], "big"),
        url=record.url,
        display_url=record.url.partition("://")[2],
        hash=0,
        type="article",
        site_name=record.site_name or None,
        title=record.title or None,
        description=record.description or None,
    )
