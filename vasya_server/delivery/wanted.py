"""From what a client asks for to what it is told of: references of accounts and chats become ids, once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vasya_server.delivery.audience import EventFilter
from vasya_server.errors import ChatNotAllowed, ChatNotFound
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.principal import Principal
    from vasya_server.model.event import EventQuery
    from vasya_server.telegram.accounts import AccountRuntime, Accounts

_ID: Final = re.compile(r"-?[1-9][0-9]{0,15}")


async def read_filter(accounts: Accounts, who: Principal, query: EventQuery) -> EventFilter:
    """Return what *query* asks for, as far as *who* may ask for it.

    Raises:
        AccessDenied, AccountAmbiguous: It names an account that is out of reach, or none.
        ChatNotAllowed: It names a chat that is out of reach.
        ChatNotFound: None of the accounts knows a chat by that name.
        VasyaError: Telegram cannot be asked for it.
    """
    among = who.account_ids
    named = [accounts.find(who.owner, reference, among) for reference in query.account]
    asked = named or accounts.list(who.owner, among)
    return EventFilter(
        accounts=frozenset(runtime.id for runtime in named) if named else None,
        chats=await read_chats(who, asked, query.chat) if query.chat else None,
        types=frozenset(query.type) if query.type else None,
        is_outgoing_included=query.direction == "all",
        mentions_only=query.mentions,
    )


async def read_chats(
    who: Principal, accounts: Sequence[AccountRuntime], references: Sequence[str]
) -> frozenset[int]:
    """Return the marked ids of the chats that *references* name in any of the accounts.

    Raises:
        ChatNotAllowed, ChatNotFound, VasyaError: As `read_filter`.
    """
    views = [AccountView(runtime, who) for runtime in accounts]
    found: set[int] = set()
    for reference in references:
        if _ID.fullmatch(reference):
            await _require(who, views, int(reference))
            found.add(int(reference))
        else:
            found |= await _named(views, reference)
    return frozenset(found)


async def _require(who: Principal, views: Sequence[AccountView], chat_id: int) -> None:
    """See that the chat is within reach; whether there is one of that id, an event of it will show."""
    rule = None if who.chats is None else who.chats.read
    if rule is None or rule.allows(chat_id, ()):
        return None
    for view in views:
        try:
            return await require(Reading(view), chat_id, rule)
        except ChatNotAllowed:
            continue
    raise ChatNotAllowed


async def _named(views: Sequence[AccountView], reference: str) -> set[int]:
    found = set()
    refusal: ChatNotAllowed | ChatNotFound | None = None
    for view in views:
        try:
            found.add((await resolve(view, reference)).id)
        except (ChatNotAllowed, ChatNotFound) as error:
            refusal = refusal or error
    if not found:
        raise refusal or ChatNotFound
    return found
