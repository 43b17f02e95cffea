"""A page of messages for a reader with little room: the chat once, people once, formatting inside the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.model.message import CompactMessage, CompactPage
from vasya_server.telegram.clusters import cut_before
from vasya_server.telegram.formatting import to_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.model.message import CompactChat, Media, Message

_MAX_OPTIONS = 10


def to_compact_page(
    chat: CompactChat, messages: Sequence[Message], *, max_text: int, next_cursor: str | None
) -> CompactPage:
    """Return *messages* of one chat as a compact page.

    Args:
        max_text: Characters of each text, counted before its formatting is written as Markdown.
    """
    people = {str(message.sender.id): message.sender.name for message in messages if message.sender}
    return CompactPage(
        chat=chat,
        people=people,
        items=[to_compact(message, max_text) for message in messages],
        next=next_cursor,
        trust="untrusted",
    )


def to_compact(message: Message, max_text: int) -> CompactMessage:
    """Return *message* with its text cut to *max_text* characters; formatting that the cut meets is closed there."""
    text = message.text
    is_truncated = len(text) > max_text
    if is_truncated:
        text = text[: cut_before(text, max_text)]
    return CompactMessage(
        id=message.id,
        at=message.sent_at,
        from_=message.sender.id if message.sender else None,
        text=to_markdown(text, message.entities),
        reply_to=message.reply_to.message_id if message.reply_to else None,
        media=_words(message),
        is_truncated=is_truncated,
        sanitized=message.sanitized,
        redacted=message.redacted,
    )


def _words(message: Message) -> str | None:
    if message.action is not None:
        title = f" {message.action.title}" if message.action.title else ""
        return f"service {message.action.type}{title}"
    return media_words(message.media) if message.media else None


def media_words(media: Media) -> str:
    """Return a medium in a few words: `document deck.pdf 1.8 MB`, `voice 12 s`, `poll Lunch? (Pizza / Sushi)`."""
    words = [media.type]
    if media.file_name and media.type in {"document", "audio"}:
        words.append(media.file_name)
    elif media.title:
        words.append(media.title)
    options = media.options
    if media.poll is not None:
        words.append(media.poll.question)
        options = [option.text for option in media.poll.options]
    if options:
        more = " / …" if len(options) > _MAX_OPTIONS else ""
        words.append(f"({' / '.join(options[:_MAX_OPTIONS])}{more})")
    if media.duration_secs is not None:
        words.append(_duration(media.duration_secs))
    if media.size_bytes is not None and media.type == "document":
        words.append(_size(media.size_bytes))
    if media.latitude is not None and media.longitude is not None:
        words.append(f"{media.latitude:.5f},{media.longitude:.5f}")
    return " ".join(words)


def _duration(secs: float) -> str:
    whole = round(secs)
    if whole < 60:  # noqa: PLR2004 — a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _size(size_bytes: int) -> str:
    size, units = float(size_bytes), ["B", "kB", "MB", "GB"]
    while size >= 999.5 and len(units) > 1:  # noqa: PLR2004 — what would be shown as 1000
        size /= 1000
        units.pop(0)
    digits = 1 if units[0] != "B" and size < 9.95 else 0  # noqa: PLR2004 — what would be shown as 10.0
    return f"{size:.{digits}f} {units[0]}"
