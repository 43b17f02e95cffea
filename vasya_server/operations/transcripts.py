"""Transcripts: Telegram's own first, then the owner's provider where one is set, once for each voice note."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.audit.actions import Action as Audited
from vasya_server.auth.scopes import Scope
from vasya_server.errors import (
    AccessDenied,
    FloodWait,
    TranscriptUnavailable,
    VasyaError,
)
from vasya_server.model.action import Action, ActionStatus
from vasya_server.model.transcript import Transcript
from vasya_server.operations.deepgram import NAME, heard_by_deepgram
from vasya_server.operations.egress import note_handed_over
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.requests.downloads import open_media
from vasya_server.telegram.requests.transcripts import find_spoken, heard_by_telegram
from vasya_server.telegram.speech import Job
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from vasya_server.auth.principal import Principal
    from vasya_server.gateway import Gateway
    from vasya_server.ids import ActionId
    from vasya_server.telegram.requests.transcripts import Spoken

# Most notes are short and heard at once: who asks for one is spared asking again.
_PATIENCE_SECS: Final = 1.0


async def transcript_of(
    gateway: Gateway, account: AccountView, reference: str, message_id: int, request_id: str
) -> Transcript | Job:
    """Return what is said in a message; a job, where nobody knows yet.

    Raises:
        ChatNotFound, MessageNotFound, MediaNotFound, ServiceChat, ControlLine: There is nothing to transcribe.
        TranscriptUnavailable: Telegram does not transcribe it, and nobody else is asked.
        ProviderFailed: The provider did not.
        TelegramError: Telegram refused.
    """
    spoken = await find_spoken(account, reference, message_id)
    speech, who = account.runtime.following.speech, account.principal
    if (known := await speech.store.find(spoken.file_id)) is not None:
        return clean(known)

    def asked(action_id: ActionId, making: asyncio.Task[Transcript]) -> Job:
        return Job(
            action_id=action_id,
            lineage=who.lineage,
            key_id=who.key_id,
            chat_id=spoken.peer.id,
            message_id=message_id,
            file_id=spoken.file_id,
            created_at=gateway.clock.now(),
            making=making,
        )

    make = partial(_make, gateway, account, spoken, request_id)
    job = speech.ask(spoken.file_id, make, asked)
    await asyncio.wait({job.making}, timeout=_PATIENCE_SECS)
    if not job.making.done():
        return job
    if job.making.cancelled() and job.refusal is not None:
        raise job.refusal
    return clean(job.making.result())


async def find_job(
    gateway: Gateway, principal: Principal, action_id: str, *, wait_secs: float
) -> tuple[AccountView, Job] | None:
    """Return the transcript that an action is about, as it stands now or when it is made; None: it is about no transcript.

    Raises:
        AccessDenied: It is another key's: not told apart from none (D-5.1).
    """
    for runtime in gateway.accounts.list(principal.owner):
        if (job := runtime.following.speech.job(action_id)) is not None:
            break
    else:
        return None
    if not principal.is_human and job.lineage != principal.lineage:
        raise AccessDenied
    if wait_secs and not job.making.done():
        over = set()
        if principal.key_id is not None:
            over = {asyncio.create_task(gateway.keys.watch(principal.key_id).over())}
        await asyncio.wait(
            {job.making, *over}, timeout=wait_secs, return_when=asyncio.FIRST_COMPLETED
        )
        for task in over:
            if task.done():
                raise AccessDenied("The agent key was revoked or changed while it waited.")
            task.cancel()
    return AccountView(runtime, principal), job


async def told(account: AccountView, job: Job) -> Action:
    """Return the action as its asker is told of it; what was said only where they may still read the message."""
    transcript, status = job.transcript, ActionStatus.STARTED
    if job.making.done():
        status = ActionStatus.FAILED if transcript is None else ActionStatus.DONE
    result = None
    if transcript is not None and await _may_read(account, job):
        result = msgspec.Raw(msgspec.json.encode(clean(transcript)))
    return described(account, job, status, result)


def described(
    account: AccountView, job: Job, status: ActionStatus, result: msgspec.Raw | None = None
) -> Action:
    """Return the action that *job* is."""
    return Action(
        action_id=job.action_id,
        status=status,
        kind=Audited.MEDIA_TRANSCRIBE.value,
        account_id=account.runtime.id,
        key_id=job.key_id,
        created_at=job.created_at,
        result=result,
    )


async def _may_read(account: AccountView, job: Job) -> bool:
    who = account.principal
    if Scope.STT_USE not in who.scopes or not who.reaches(account.runtime.id):
        return False
    try:
        spoken = await find_spoken(account, str(job.chat_id), job.message_id)
    except VasyaError:  # out of reach, gone, or nobody can say
        return False
    return spoken.file_id == job.file_id


async def _make(
    gateway: Gateway, account: AccountView, spoken: Spoken, request_id: str
) -> Transcript:
    secs = gateway.settings.transcript_deadline_secs
    try:
        text = await heard_by_telegram(account, spoken, secs)
        made = Transcript(text=text, source="telegram", trust="untrusted")
    except (TranscriptUnavailable, FloodWait) as refusal:
        made = await _by_provider(gateway, account, spoken, request_id, refusal)
    await account.runtime.following.speech.store.put(spoken.file_id, made)
    return made


async def _by_provider(
    gateway: Gateway,
    account: AccountView,
    spoken: Spoken,
    request_id: str,
    refusal: TranscriptUnavailable | FloodWait,
) -> Transcript:
    """Ask the provider that the owner has set, whose decision it is that sounds leave for it."""
    key = await gateway.providers.find(account.principal.owner, NAME)
    if key is None:
        raise refusal
    download = await open_media(account, str(spoken.peer.id), spoken.message_id)
    if download.size_bytes > gateway.settings.transcript_max_bytes:
        raise TranscriptUnavailable("It is larger than what a provider is handed.")
    pieces = await download.source.begin(0, download.size_bytes)
    sound = b"".join([piece async for piece in pieces])
    if (key_id := account.principal.key_id) is not None and gateway.keys.watch(key_id).is_over:
        raise AccessDenied("The agent key was revoked or changed meanwhile.")
    await note_handed_over(gateway, download, request_id)
    text, language = await heard_by_deepgram(gateway, key, sound, download.mime_type)
    return Transcript(text=text, source="deepgram", language=language, trust="untrusted")
