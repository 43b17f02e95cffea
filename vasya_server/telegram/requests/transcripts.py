"""Voice notes and video notes, and what Telegram itself hears in them.

Source: https://core.telegram.org/api/transcribe
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telethon import functions

from vasya_server.errors import MediaNotFound, TelegramError, TelegramTimeout, TranscriptUnavailable
from vasya_server.telegram.media import spoken_file
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_message
from vasya_server.telegram.service_chat import require_readable

if TYPE_CHECKING:
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# Telegram tells by an update, which a connection that breaks may lose: then it is asked again, which costs nothing more.
_ASKED_AGAIN_AFTER_SECS: Final = 15.0
_UNHEARD: Final = {
    "PREMIUM_ACCOUNT_REQUIRED": "Telegram transcribes for accounts with Premium, and the few free ones are used up.",
    "TRANSCRIPTION_FAILED": "Telegram understood nothing of it.",
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message in which something is said.

    Args:
        file_id: Of the file: the same wherever it was forwarded to.
    """

    peer: ResolvedPeer
    message_id: int
    file_id: int


async def find_spoken(account: AccountView, reference: str, message_id: int) -> Spoken:
    """Return the voice note or video note of a message.

    Raises:
        ChatNotFound, MessageNotFound: There is no such chat or message.
        MediaNotFound: It carries neither.
        ServiceChat, ControlLine: An agent may not read it.
    """
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    message = await read_message(reading, peer, message_id)
    require_readable(reading, [message])
    file_id = spoken_file(message)
    if file_id is None:
        raise MediaNotFound("The message is no voice note and no video note.")
    return Spoken(peer, message_id, file_id)


async def heard_by_telegram(account: AccountView, spoken: Spoken, secs: float) -> str:
    """Have Telegram transcribe it, and return the words; nobody but the account notices.

    Args:
        secs: How long that may take.

    Raises:
        TranscriptUnavailable: Telegram does not, or not for this account.
        TelegramTimeout: It has not, within *secs*.
        TelegramError: Telegram refused.

    Source: https://core.telegram.org/method/messages.transcribeAudio
    """
    request = functions.messages.TranscribeAudioRequest(spoken.peer.input_peer, spoken.message_id)
    while secs > 0:
        try:
            answer = await account.runtime.call(request)
        except TelegramError as error:
            if (why := _UNHEARD.get(error.rpc_name or "")) is None:
                raise
            raise TranscriptUnavailable(why) from error
        if not answer.pending:
            return str(answer.text)
        patience_secs = min(secs, _ASKED_AGAIN_AFTER_SECS)
        speech = account.runtime.following.speech
        if (text := await speech.heard(answer.transcription_id, patience_secs)) is not None:
            return text
        secs -= patience_secs
    raise TelegramTimeout(detail="Telegram has not transcribed it in time.")
