"""Drafts: what is written and not sent."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.draft import (
    Draft,
    DraftPage,
    DraftPlace,
    DraftQuery,
    DraftsQuery,
    WriteDraft,
)
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import drafts

_DRAFT = "/accounts/{account}/chats/{chat}/draft"


@read("/accounts/{account}/drafts", Scope.MESSAGES_READ)
async def list_drafts(call: Call, query: DraftsQuery) -> DraftPage:
    """List all drafts of the account, those of topics too, the latest first.

    A key with chat lists is told those of the chats that it may read; `raw` is for humans, others get 403
    `human_required`.
    """
    return await drafts.list_drafts(call.account, is_raw=query.raw)


@read(_DRAFT, Scope.MESSAGES_READ)
async def get_draft(call: Call, query: DraftQuery) -> Draft:
    """Tell what stands in a chat's draft, or in that of a `topic`; without a `text` there is none.

    The text is Markdown: written back as it is, it is the same draft. A chat that the account does not know answers 404
    `chat_not_found`, a topic that is not there 404 `topic_not_found`, one in a chat that is no forum 409
    `chat_has_no_topics`.
    """
    return await drafts.get_draft(call.account, call.path["chat"], query)


@mutation("PUT", _DRAFT, Scope.MESSAGES_DRAFT, telegram(Action.DRAFT_SAVE), status=204)
async def save_draft(call: Call, ready: Ready, body: WriteDraft) -> None:
    """Write a chat's draft, in place of the one that is there: the owner sees it on every device, and nobody else does.

    The text is written as in a send. It goes out only when a human sends it. A message that it answers and that is not
    there is 404 `message_not_found`, a `topic` 404 `topic_not_found`, or 409 `chat_has_no_topics` in a chat that is no
    forum. In Saved Messages an agent writes nothing that begins like a command of the owner's, 403 `control_line`, and
    in Telegram's service chat nothing at all, 403 `service_chat`.
    """
    await drafts.save_draft(call.account, ready.chat, body)


@mutation("DELETE", _DRAFT, Scope.MESSAGES_DRAFT, telegram(Action.DRAFT_CLEAR), status=204)
async def delete_draft(call: Call, ready: Ready, query: DraftPlace) -> None:
    """Take a chat's draft away, or that of a `topic`; without one nothing changes.

    A chat that the account does not know answers 404 `chat_not_found`, a topic that is not there 404 `topic_not_found`.
    """
    await drafts.clear_draft(call.account, ready.chat, query.topic)
