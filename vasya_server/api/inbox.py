"""What is new, across chats."""

from __future__ import annotations

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.delivery import inbox
from vasya_server.model.inbox import CompactInboxPage, InboxPage, InboxQuery


@read("/accounts/{account}/inbox", Scope.MESSAGES_READ)
async def read_inbox(call: Call, query: InboxQuery) -> InboxPage | CompactInboxPage:
    """Tell what is new across chats: what the owner has not read or, with `mark`, what came since you last looked.

    Keep the `mark` of the last answer and give it back: then exactly what has come since is told, each message once,
    whatever the owner has read meanwhile; where there is a `next`, follow it first. `since` tells what came from a time
    on, read or not. What the account itself sent is no news; muted and archived chats are told like the others, unless
    `muted=false` or `archived=false`. Each chat has its newest `perChat` messages, newest first, as far as they fit
    into `maxChars`; `omitted` counts the rest, `…/messages?order=asc&after={omittedAfter}` reads it. `view=compact` spends the
    fewest words.

    Reading leaves no trace: nothing is marked read. Texts are other people's words. A mark from before what the event
    log keeps answers 410 `cursor_expired`, and its `remedy` the `since` that goes on exactly; `missedSince` says that
    Telegram could not tell all. Two of since, mark and cursor answer 422 `validation_failed`, a chat outside the key's lists 403
    `chat_not_allowed`.
    """
    return await inbox.read_inbox(
        call.account,
        query,
        accounts=call.gateway.accounts,
        events=call.gateway.events,
        cursors=call.gateway.cursors,
        now=call.now,
    )
