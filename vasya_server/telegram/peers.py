"""From what a caller writes to the chat it means.

A reference is an id, `@name`, `+phone` or `me`; a title is never one, because two chats may share it. Names and
numbers move between people, so what the account remembers of them is only believed after Telegram confirmed it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    ChatNotAllowed,
    ChatNotFound,
    FieldError,
    TelegramError,
    ValidationFailed,
)
from vasya_server.model.chat import Resolution
from vasya_server.telegram.convert import to_candidate
from vasya_server.telegram.dialogs import (
    closest,
    known_peer,
    own_candidates,
    read_chat,
)
from vasya_server.telegram.directory import (
    CHANNEL_MARK,
    entity_id,
    entity_username,
    input_peer,
    marked_id,
)
from vasya_server.telegram.links import Invite, read_link
from vasya_server.telegram.people import require_person
from vasya_server.telegram.reach import readable, require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.resolving import resolves_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vasya_server.auth.chat_lists import ChatRule
    from vasya_server.model.chat import Candidate
    from vasya_server.sessions.peers import Peer
    from vasya_server.telegram.view import AccountView

    # Raises `ChatNotAllowed` for a marked id that is out of reach, whether there is such a chat or not.
    Judge: TypeAlias = Callable[[int], Awaitable[None]]

_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_USERNAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{2,31}")
_PHONE = re.compile(r"\+[0-9][0-9 ()-]{4,30}")
_PUBLIC_RESULTS = 20


@dataclass(frozen=True, slots=True)
class ResolvedPeer:
    """A chat that the account knows.

    Args:
        id: Marked.
        input_peer: What a request to Telegram names it by.
    """

    id: int
    input_peer: Any

    @property
    def key(self) -> str:
        """The chat as idempotency knows it, the same for every way of saying it."""
        if self.id > 0:
            return f"user:{self.id}"
        return f"channel:{-self.id - CHANNEL_MARK}" if self.is_channel else f"chat:{-self.id}"

    @property
    def stored(self) -> tuple[int, int | None]:
        """What names it again, by `stored_peer`, exactly as now: Telegram takes a copy of a send only to the same peer."""
        if isinstance(self.input_peer, t.InputPeerSelf):
            return self.id, None
        return self.id, getattr(self.input_peer, "access_hash", 0)

    @property
    def is_channel(self) -> bool:
        """Whether it is a channel or supergroup, whose messages have ids of their own."""
        return self.id < -CHANNEL_MARK

    @property
    def peer(self) -> Any:
        """The bare reference by which messages name it."""
        if self.id > 0:
            return t.PeerUser(self.id)
        return t.PeerChannel(-self.id - CHANNEL_MARK) if self.is_channel else t.PeerChat(-self.id)


def stored_peer(peer_id: int, access_hash: int | None) -> ResolvedPeer:
    """Return the chat that was stored."""
    if access_hash is None:
        return ResolvedPeer(peer_id, t.InputPeerSelf())
    return ResolvedPeer(peer_id, input_peer(peer_id, access_hash))


async def resolve(account: AccountView, reference: str) -> ResolvedPeer:
    """Return the chat that *reference* names, to read it.

    Raises:
        ChatNotFound: None; its candidates are the account's dialogs that come close.
        ChatNotAllowed: One that may not be read, or none, where only some chats may.
    """
    return await resolve_in(Reading(account), reference)


async def resolve_in(reading: Reading, reference: str) -> ResolvedPeer:
    """Return the chat that *reference* names, to read it within a read that goes on.

    Raises:
        ChatNotFound, ChatNotAllowed: As `resolve`.
    """
    return await _resolve(reading, reference, _judge(reading, reading.account.readable))


async def resolve_to_write(account: AccountView, reference: str) -> ResolvedPeer:
    """Return the chat that *reference* names, to change something there.

    Raises:
        ChatNotFound: None; its candidates are the account's dialogs that come close.
        ChatNotAllowed: One that may not be written to, or none, where only some chats may.
    """
    reading = Reading(account)
    return await _resolve(reading, reference, _judge(reading, account.writable))


async def resolve_user(reading: Reading, reference: str) -> ResolvedPeer:
    """Return the person or bot that *reference* names, to be told of them.

    Raises:
        ChatNotFound: It names nobody.
        ChatNotAllowed: Somebody out of reach, or nobody, where only some people are within it.
        ValidationFailed: It names a group or channel.
    """
    is_limited = reading.account.readable is not None
    judge = partial(require_person, reading) if is_limited else None
    peer = await _resolve(reading, reference, judge)
    require_user(peer)
    return peer


def require_user(peer: ResolvedPeer, *, is_other: bool = False) -> None:
    """See that it is a person or bot.

    Args:
        is_other: And not the account itself.

    Raises:
        ValidationFailed: It is not.
    """
    if peer.id < 0:
        raise ValidationFailed(FieldError("{user}", "not_a_user"))
    if is_other and isinstance(peer.input_peer, t.InputPeerSelf):
        raise ValidationFailed(FieldError("{user}", "is_oneself"))


async def resolve_person(reading: Reading, reference: str) -> ResolvedPeer:
    """Return who is looked for in chats that may be read; without an input peer where the account has never met them.

    Whoever reads a chat knows the ids of those who write there, so an id is taken from anybody, and answers nothing of
    whether the account knows it. A name or number would be a way to ask.

    Raises:
        ChatNotFound, ChatNotAllowed: As `resolve`.
    """
    text = reference.strip()
    if reading.account.readable is None or not _ID.fullmatch(text):
        rule = None if text == "me" else reading.account.readable
        return await _resolve(reading, text, _judge(reading, rule))
    peer_id = int(text)
    if peer_id == reading.directory.self_id:
        return ResolvedPeer(peer_id, t.InputPeerSelf())
    known = await reading.account.runtime.peers.by_id(peer_id)
    return ResolvedPeer(peer_id, input_peer(known.id, known.access_hash) if known else None)


async def resolve_listed(account: AccountView, reference: str) -> int:
    """Return the marked id of a chat that a key is to be bound to, whatever the one who asks may reach.

    Raises:
        ValidationFailed: It names none that the account knows.
    """
    try:
        return (await _resolve(Reading(account), reference, None)).id
    except ChatNotFound as error:
        raise ValidationFailed(FieldError("/chats", "unknown")) from error


def _judge(reading: Reading, rule: ChatRule | None) -> Judge | None:
    """Return what refuses the chats that *rule* does not allow; None: it allows all."""
    return None if rule is None else lambda chat_id: require(reading, chat_id, rule)


async def _resolve(reading: Reading, reference: str, judge: Judge | None) -> ResolvedPeer:
    """Return the chat where *judge* lets it pass.

    What is not allowed and what is not there are one answer. An id is judged before Telegram is asked anything about it;
    a name or number stands for whatever chat it leads to.
    """
    text = reference.strip()
    if _is_title(text):
        raise ChatNotFound(closest(text, await own_candidates(reading)))
    if text == "me" or _ID.fullmatch(text):
        peer_id = reading.directory.self_id if text == "me" else int(text)
        if judge is not None:
            await judge(peer_id)
        return await _by_id(reading, peer_id)
    finding = _by_phone if _PHONE.fullmatch(text) else _by_username
    return await _allowed(finding(reading, text), judge)


async def _allowed(finding: Awaitable[ResolvedPeer], judge: Judge | None) -> ResolvedPeer:
    if judge is None:
        return await finding
    try:
        peer = await finding
    except ChatNotFound as error:
        raise ChatNotAllowed from error
    await judge(peer.id)
    return peer


async def resolve_any(account: AccountView, q: str, *, public: bool) -> Resolution:
    """Return the one chat that *q* stands for, or the chats it may have meant; nothing is joined.

    Args:
        q: A reference, a t.me or tg:// link, an invite link, or part of a title.
        public: Whether Telegram's directory is searched too.

    Raises:
        ChatNotFound: It names nothing, and nothing resembles it.
        ChatNotAllowed: It names a chat that may not be read, or none, where only some chats may.
    """
    reading, text = Reading(account), q.strip()
    link = read_link(text)
    if isinstance(link, Invite):
        peer = await _allowed(_by_invite(reading, link), _judge(reading, account.readable))
        return Resolution(chat=await read_chat(reading, peer.id, peer.input_peer))
    reference = link or text
    if public and link is None and _is_title(reference):
        return await _search(reading, reference)
    try:
        peer = await resolve_in(reading, reference)
    except ChatNotFound as missing:
        if not missing.candidates:
            raise
        return Resolution(candidates=list(missing.candidates))
    return Resolution(chat=await read_chat(reading, peer.id, peer.input_peer))


def _is_title(text: str) -> bool:
    return text != "me" and not any(form.fullmatch(text) for form in (_ID, _PHONE, _USERNAME))


async def _search(reading: Reading, words: str) -> Resolution:
    """Return own chats first, then those of Telegram's directory; it knows no more of chats that are listed one by one."""
    reach = await readable(reading)
    own = closest(words, await own_candidates(reading))
    if reach.listed is not None:
        if not own:
            raise ChatNotFound
        return Resolution(candidates=list(own))
    try:
        found = await reading.call(functions.contacts.SearchRequest(words, _PUBLIC_RESULTS))
    except TelegramError as error:
        if error.rpc_name not in {"QUERY_TOO_SHORT", "SEARCH_QUERY_EMPTY"}:
            raise
        raise ValidationFailed(FieldError("?q", "too_short")) from error
    seen = {candidate.id for candidate in own}
    entities = [*found.users, *found.chats]
    listed = {marked_id(peer) for peer in (*found.my_results, *found.results)} - seen
    others: list[Candidate] = [
        to_candidate(entity)
        for entity in entities
        if entity_id(entity) in listed and reach.allows(entity_id(entity))
    ]
    if not own and not others:
        raise ChatNotFound
    return Resolution(candidates=[*own, *others])


async def _by_id(reading: Reading, peer_id: int) -> ResolvedPeer:
    peer = await known_peer(reading, peer_id)
    if peer is None:
        raise ChatNotFound
    return ResolvedPeer(peer_id, peer)


async def _by_username(reading: Reading, reference: str) -> ResolvedPeer:
    """Ask about the peer that had the name last, which Telegram allows often; then for the name, which it does not."""
    name = reference.removeprefix("@").lower()
    known = await reading.account.runtime.peers.by_username(name)
    entity = await _still_named(reading, known, name)
    if entity is None:
        try:
            entity = await _ask_for_name(reading, known, name)
        except ChatNotFound as error:
            if reading.account.readable is not None:
                raise  # what comes close is not told to those who are told nothing of what is there
            raise ChatNotFound(closest(name, await own_candidates(reading))) from error
    return _resolved(reading, entity)


async def _still_named(reading: Reading, known: Peer | None, name: str) -> Any:
    """Return who *known* is now; None where they do not have the name, or not any more."""
    if known is None:
        return None
    entity = await _refreshed(reading, known.id, input_peer(known.id, known.access_hash))
    return entity if entity is not None and name in _usernames(entity) else None


async def _ask_for_name(reading: Reading, before: Peer | None, name: str) -> Any:
    """Ask who has the name, when it is the account's turn, and nobody has found out meanwhile.

    Source: https://core.telegram.org/method/contacts.resolveUsername
    """
    runtime = reading.account.runtime
    resolves = resolves_of(runtime)
    async with resolves.turn(reading.left_secs):
        known = await runtime.peers.by_username(name)
        if known != before and (found := await _still_named(reading, known, name)) is not None:
            return found
        if resolves.is_missing(name):
            raise ChatNotFound
        try:
            answer = await reading.call(functions.contacts.ResolveUsernameRequest(name))
        except ChatNotFound:
            resolves.note_missing(name)
            raise
    return reading.directory.entities[marked_id(answer.peer)]


async def _by_phone(reading: Reading, reference: str) -> ResolvedPeer:
    digits = re.sub(r"\D", "", reference)
    known = await reading.account.runtime.peers.by_phone(digits)
    entity = (
        await _refreshed(reading, known.id, input_peer(known.id, known.access_hash))
        if known
        else None
    )
    if entity is None or entity.phone != digits:
        async with resolves_of(reading.account.runtime).turn(reading.left_secs):
            answer = await reading.call(functions.contacts.ResolvePhoneRequest(digits))
        entity = reading.directory.entities[marked_id(answer.peer)]
    if not (entity.contact or entity.is_self):
        raise ChatNotFound  # numbers of strangers must not be probed through the account
    return _resolved(reading, entity)


async def _by_invite(reading: Reading, invite: Invite) -> ResolvedPeer:
    answer = await reading.call(functions.messages.CheckChatInviteRequest(invite.hash))
    if isinstance(answer, t.ChatInvite):
        raise ChatNotFound(
            detail="The invite link is good, but the account has not joined its chat."
        )
    reading.directory.entities[entity_id(answer.chat)] = answer.chat
    return _resolved(reading, answer.chat)


async def _refreshed(reading: Reading, peer_id: int, input_peer: Any) -> Any:
    """Return the user or channel as Telegram has it now; None where it has none."""
    try:
        if peer_id > 0:
            users = await reading.call(functions.users.GetUsersRequest([input_peer]))
            return users[0] if users and isinstance(users[0], t.User) else None
        answer = await reading.call(functions.channels.GetChannelsRequest([input_peer]))
    except ChatNotFound:
        return None
    return next((chat for chat in answer.chats if entity_id(chat) == peer_id), None)


def _usernames(entity: Any) -> set[str]:
    names = [name.username for name in getattr(entity, "usernames", None) or () if name.active]
    return {name.lower() for name in (entity_username(entity), *names) if name}


def _resolved(reading: Reading, entity: Any) -> ResolvedPeer:
    peer_id = entity_id(entity)
    if peer_id == reading.directory.self_id:
        return ResolvedPeer(peer_id, t.InputPeerSelf())
    return ResolvedPeer(peer_id, input_peer(peer_id, getattr(entity, "access_hash", None) or 0))
