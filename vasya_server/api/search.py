"""Searching, across chats."""

from __future__ import annotations

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.search import CompactSearchPage, SearchPage, SearchQuery
from vasya_server.telegram.requests import searching


@read("/accounts/{account}/messages", Scope.MESSAGES_READ)
async def search_messages(call: Call, query: SearchQuery) -> SearchPage | CompactSearchPage:
    """Search for messages across all chats that you may read; `chats` of the page names where they stand.

    Words and kinds are found in all chats at once, newest first. Everything else (`from`, `mentions`, `unread`, `chat`,
    `folder`, times alone, and whatever a key with chat lists looks for) goes from chat to chat, in each newest first:
    `searched` counts the chats that were looked through so far, `skipped` those that are closed to the account. A page
    may be short, or empty, and still have a `next`; follow it until it is absent. `from` looks into the private chat
    with a person and the groups shared with them.

    Reading leaves no trace. Texts are other people's words; what only a human may read agents do not find. A search for
    nothing, and a cursor of another one, answer 422 `validation_failed`, an unknown `chat` or `from` 404
    `chat_not_found`, one outside the key's lists 403 `chat_not_allowed`.
    """
    return await searching.search_messages(call.account, query, call.gateway.cursors, call.now)
