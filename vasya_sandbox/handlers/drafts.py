"""The caller's own drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import composing, drafts, inputs, views
from vasya_sandbox.drafts import Draft
from vasya_sandbox.message_views import peer
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.messages.SaveDraftRequest)
def save_draft(session: Session, request: Any) -> Any:
    """Serve messages.saveDraft: the text replaces the one that was there, and none takes it away.

    Source: https://core.telegram.org/method/messages.saveDraft
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    text, entities = composing.text(session, request.message, request.entities)
    given = request.reply_to
    top_id = (given.top_msg_id or 0) if given else 0
    reply_id = given.reply_to_msg_id if given and given.reply_to_msg_id != top_id else 0
    draft = Draft(
        user_id=me.id,
        peer_id=where.peer_id,
        top_id=top_id,
        at=world.now,
        text=text,
        entities=entities,
        reply_id=reply_id,
        has_no_preview=bool(request.no_webpage),
    )
    if text or reply_id:
        world.drafts[draft.place] = draft
        told = drafts.view(draft)
    else:
        world.drafts.pop(draft.place, None)
        told = t.DraftMessageEmpty(world.now)
    update = t.UpdateDraftMessage(peer(where.peer_id), told, top_id or None)
    shown = views.entities(world, me, [where.peer_id])
    session.dc.push(me, [update], **shown, skip=session)
    return True


@rpc(f.messages.GetAllDraftsRequest)
def get_all_drafts(session: Session, request: Any) -> Any:
    """Serve messages.getAllDrafts: the answer has the form of updates, and nothing has changed.

    Source: https://core.telegram.org/method/messages.getAllDrafts
    """
    world, me = session.dc.world, session.user
    own = [draft for draft in world.drafts.values() if draft.user_id == me.id]
    told = [
        t.UpdateDraftMessage(peer(draft.peer_id), drafts.view(draft), draft.top_id or None)
        for draft in own
    ]
    shown = views.entities(world, me, {draft.peer_id for draft in own})
    return t.Updates(told, date=world.now, seq=0, **shown)
