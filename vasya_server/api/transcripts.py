"""What is said in voice notes and video notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vasya_server.api.refusing import refuse
from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.model.action import Accepted, ActionStatus
from vasya_server.model.transcript import Transcript
from vasya_server.operations import transcripts

if TYPE_CHECKING:
    from vasya_server.model.action import Action


@read("/accounts/{account}/chats/{chat}/messages/{message}/transcript", Scope.STT_USE)
async def get_transcript(call: Call) -> Transcript | Accepted:
    """Tell what is said in a voice note or video note; the words are other people's, as a machine has heard them.

    Telegram is asked first; where it does not transcribe, the sound is sent to the provider that the owner has set (PUT
    /providers/deepgram), and nowhere else. What was heard once is kept. While nobody knows yet it is 202
    with an action: GET /actions/{action}?wait=60 has the transcript as its `result`. Nobody in the chat notices. Any other
    message answers 404 `media_not_found`, an account that Telegram transcribes nothing for, and that has no provider, 409
    `transcript_unavailable`, a provider that does not answer 502 `provider_failed`, one of Telegram's own notifications 403
    `service_chat` to all but humans.
    """
    found = await transcripts.transcript_of(
        call.gateway, call.account, call.path["chat"], call.message_id, call.request_id
    )
    if isinstance(found, Transcript):
        return found
    started = transcripts.described(call.account, found, ActionStatus.STARTED)
    return Accepted(**msgspec.structs.asdict(started))


async def told_action(call: Call, *, wait_secs: float) -> Action | None:
    """Return the action that the path names, where it is about a transcript."""
    found = await transcripts.find_job(
        call.gateway, call.who, call.path["action"], wait_secs=wait_secs
    )
    if found is None:
        return None
    account, job = found
    action = await transcripts.told(account, job)
    if job.refusal is None:
        return action
    problem = msgspec.Raw(refuse(job.refusal, call.request_id).body)
    return msgspec.structs.replace(action, problem=problem)
