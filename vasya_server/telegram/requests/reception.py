"""What became of a message with others: who reacted, who has read it, and the link that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed, Withheld
from vasya_server.model.reception import MessageLink, Reactor, ReactorPage, Reader, Readers
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.convert import reaction_name
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telethon.tl.tlobject import TLRequest

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.reception import ReactorFilter
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "list_reactions"
_CUSTOM: Final = "custom:"
# Why Telegram does not say who has read or reacted, and what would change that.
_WITHHELD: Final[dict[str, tuple[str, str | None]]] = {
    "BROADCAST_FORBIDDEN": ("In this chat nobody is told who reacted.", None),
    "CHAT_TOO_BIG": ("Telegram tells who has read in small groups alone.", None),
    "MESSAGE_TOO_OLD": ("Telegram has forgotten when so old a message was read.", None),
    "MSG_TOO_OLD": ("Telegram has forgotten who has read so old a message.", None),
    "USER_PRIVACY_RESTRICTED": ("The other person does not show when they read.", None),
    "YOUR_PRIVACY_RESTRICTED": (
        "The account does not show when it reads, and so is not told of others.",
        "Ask the account's owner to show read times: in Telegram, under Privacy, Last Seen.",
    ),
}


async def list_reactions(
    account: AccountView, reference: str, message_id: int, query: ReactorFilter, cursors: Cursors
) -> ReactorPage:
    """Return a page of who reacted to a message.

    Raises:
        ChatNotFound, ChatNotAllowed, MessageNotFound: There is no such message within reach.
        ValidationFailed: The emoji is none, or the cursor not one of this list.
        Withheld: Telegram tells nobody who it was.

    Source: https://core.telegram.org/method/messages.getMessageReactionsList
    """
    reading = Reading(account)
    peer, message = await _read(reading, reference, message_id)
    filters = msgspec.msgpack.encode([peer.id, message_id, query.emoji])
    wanted = _reaction(query.emoji) if query.emoji else None
    bookmarks = Bookmarks(account, cursors, _ROUTE, str, filters)
    offset = bookmarks.read(query.cursor)
    known = message.reactions
    if known is None or not known.results:
        return ReactorPage(items=[], trust="untrusted")
    if not known.can_see_list:
        return _recent(reading, known, query.emoji)
    answer = await _ask(
        reading,
        functions.messages.GetMessageReactionsListRequest(
            peer=peer.input_peer,
            id=message_id,
            limit=query.limit,
            reaction=wanted,
            offset=offset,
        ),
    )
    after = answer.next_offset
    return ReactorPage(
        items=_reactors(reading, answer.reactions),
        count=answer.count,
        next=bookmarks.write(after or None),
        trust="untrusted",
    )


async def list_readers(account: AccountView, reference: str, message_id: int) -> Readers:
    """Return who has read a message that the account sent.

    Raises:
        ChatNotFound, ChatNotAllowed, MessageNotFound: There is no such message within reach.
        ValidationFailed: It is somebody else's, or in a chat where nobody is told.
        Withheld: Telegram does not tell, for privacy, for the group's size or for the message's age.

    Source: https://core.telegram.org/method/messages.getMessageReadParticipants
        https://core.telegram.org/method/messages.getOutboxReadDate
    """
    reading = Reading(account)
    peer, message = await _read(reading, reference, message_id)
    chat = reading.directory.entities.get(peer.id)
    if peer.id == reading.directory.self_id or (peer.is_channel and chat and chat.broadcast):
        raise ValidationFailed(FieldError("{chat}", "chat_has_no_readers"))
    if not message.out:
        raise ValidationFailed(FieldError("{message}", "not_own"))
    dates = (
        await _read_by_other(reading, peer, message_id)
        if peer.id > 0
        else await _ask(
            reading,
            functions.messages.GetMessageReadParticipantsRequest(peer.input_peer, message_id),
        )
    )
    await _meet(reading, [each.user_id for each in dates])
    readers = [
        clean(Reader(who=reading.directory.sender(each.user_id), read_at=each.date))
        for each in sorted(dates, key=lambda each: each.date, reverse=True)
    ]
    return Readers(items=readers, trust="untrusted")


async def get_link(account: AccountView, reference: str, message_id: int) -> MessageLink:
    """Return the link to a message, in its topic where it is in one.

    Raises:
        ChatNotFound, ChatNotAllowed, MessageNotFound: There is no such message within reach.
        ValidationFailed: Messages of that chat have no links: it is no channel or supergroup.

    Source: https://core.telegram.org/method/channels.exportMessageLink
    """
    reading = Reading(account)
    peer, _ = await _read(reading, reference, message_id)
    if not peer.is_channel:
        raise ValidationFailed(FieldError("{chat}", "chat_has_no_links"))
    answer = await reading.call(
        functions.channels.ExportMessageLinkRequest(peer.input_peer, message_id, thread=True)
    )
    # The public name in it is the words of whoever owns the chat.
    return clean(MessageLink(url=answer.link, is_private="t.me/c/" in answer.link))


async def _read(reading: Reading, reference: str, message_id: int) -> tuple[ResolvedPeer, Any]:
    peer = await resolve_in(reading, reference)
    message = await read_message(reading, peer, message_id)
    require_readable(reading, [message])
    return peer, message


async def _ask(reading: Reading, request: TLRequest) -> Any:
    try:
        return await reading.call(request)
    except TelegramError as error:
        if error.rpc_name not in _WITHHELD:
            raise
        raise Withheld(error.rpc_name, *_WITHHELD[error.rpc_name]) from error


async def _read_by_other(reading: Reading, peer: ResolvedPeer, message_id: int) -> list[Any]:
    """Return when the other one of two read it, where that has happened."""
    request = functions.messages.GetOutboxReadDateRequest(peer.input_peer, message_id)
    try:
        answer = await _ask(reading, request)
    except TelegramError as error:
        if error.rpc_name != "MESSAGE_NOT_READ_YET":
            raise
        return []
    return [t.ReadParticipantDate(peer.id, answer.date)]


async def _meet(reading: Reading, user_ids: Iterable[int]) -> None:
    """Learn the names of those whom the account has met; of others Telegram tells nothing but the id."""
    peers = reading.account.runtime.peers
    strange = [each for each in user_ids if each not in reading.directory.entities]
    met = [known for each in strange if (known := await peers.by_id(each)) is not None]
    if met:
        named = [t.InputUser(known.id, known.access_hash) for known in met]
        users = await reading.call(functions.users.GetUsersRequest(named))
        reading.directory.entities |= {user.id: user for user in users}


def _reaction(emoji: str) -> Any:
    if not emoji.startswith(_CUSTOM):
        return t.ReactionEmoji(emoji)
    number = emoji.removeprefix(_CUSTOM)
    if not (number.isascii() and number.isdigit()):
        raise ValidationFailed(FieldError("?emoji", "invalid"))
    return t.ReactionCustomEmoji(int(number))


def _recent(reading: Reading, reactions: Any, emoji: str | None) -> ReactorPage:
    """Return what came with the message itself, where that is all: between two people."""
    recent = reactions.recent_reactions or []
    if len(recent) < sum(result.count for result in reactions.results):
        raise Withheld("BROADCAST_FORBIDDEN", *_WITHHELD["BROADCAST_FORBIDDEN"])
    items = [each for each in _reactors(reading, recent) if emoji in (None, each.emoji)]
    return ReactorPage(items=items, count=len(items), trust="untrusted")


def _reactors(reading: Reading, reactions: Iterable[Any]) -> list[Reactor]:
    return [
        clean(
            Reactor(
                who=reading.directory.sender(marked_id(each.peer_id)),
                emoji=reaction_name(each.reaction),
                at=each.date,
            )
        )
        for each in reactions
    ]
