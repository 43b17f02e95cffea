"""What was said in voice notes and video notes.

Source: https://core.telegram.org/api/transcribe
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import FileMedia
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import File
    from vasya_sandbox.session import Session

_SPOKEN = ("voice", "video_note")


@rpc(f.messages.TranscribeAudioRequest)
def transcribe_audio(session: Session, request: Any) -> Any:
    """Serve messages.transcribeAudio: at once, or later by an update, and to those without Premium a few times only.

    Source: https://core.telegram.org/method/messages.transcribeAudio
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    message = world.message(me, where, request.msg_id)
    if message is None:
        raise RpcError(400, "MSG_ID_INVALID")
    media = message.media
    file = world.files[media.file_id] if isinstance(media, FileMedia) else None
    if file is None or file.kind not in _SPOKEN:
        raise RpcError(400, "MSG_VOICE_MISSING")
    if not file.speech:
        raise RpcError(400, "TRANSCRIPTION_FAILED")
    if (me.id, file.id) not in world.transcribed:
        _take_trial(session, file)
    if not world.transcribing_secs or file.id in world.transcripts_told:
        return t.messages.TranscribedAudio(file.id, file.speech)
    asyncio.get_running_loop().call_later(
        world.transcribing_secs, _tell, session, peer(where.peer_id), request.msg_id, file
    )
    return t.messages.TranscribedAudio(file.id, "", pending=True)


def _take_trial(session: Session, file: File) -> None:
    """Take one of the transcripts that an account without Premium has for nothing."""
    world, me = session.dc.world, session.user
    if not world.transcripts_left.setdefault(me.id, world.free_transcripts):
        raise RpcError(403, "PREMIUM_ACCOUNT_REQUIRED")
    world.transcripts_left[me.id] -= 1
    world.transcribed.add((me.id, file.id))


def _tell(session: Session, chat: Any, message_id: int, file: File) -> None:
    """Push the words to every session of the one who asked."""
    session.dc.world.transcripts_told.add(file.id)
    update = t.UpdateTranscribedAudio(chat, message_id, file.id, file.speech)
    session.dc.push(session.user, [update])
