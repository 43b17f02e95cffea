"""Speech to text by Deepgram, where an owner has set a key for it: the sound of a message leaves for its server."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import OutboundFailed, OutboundRefused, ProviderFailed

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway

NAME: Final = "deepgram"
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
# Half an hour of speech has some 200 kB of words; with times and chances of each it is more.
_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_REFUSALS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "Deepgram does not take the key that is set.",
    HTTPStatus.FORBIDDEN: "Deepgram does not take the key that is set.",
    HTTPStatus.PAYMENT_REQUIRED: "The Deepgram account has no credit left.",
    HTTPStatus.TOO_MANY_REQUESTS: "Deepgram asks to wait.",
}


class _Alternative(msgspec.Struct):
    transcript: str


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]
    detected_language: str | None = None


class _Results(msgspec.Struct):
    channels: list[_Channel]


class _Answer(msgspec.Struct):
    results: _Results


async def heard_by_deepgram(
    gateway: Gateway, key: str, sound: bytes, mime_type: str
) -> tuple[str, str | None]:
    """Have Deepgram transcribe *sound*; return the words and the language.

    Raises:
        ProviderFailed: It did not.

    Source: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
    """
    settings = gateway.settings
    headers = {"Authorization": f"Token {key}", "Content-Type": mime_type}
    try:
        answer = await gateway.outbound.post(
            settings.deepgram_url,
            sound,
            headers,
            deadline_secs=settings.transcript_deadline_secs,
            max_answer_bytes=_MAX_ANSWER_BYTES,
        )
    except (OutboundFailed, OutboundRefused) as error:
        raise ProviderFailed(error.detail) from error
    if answer.status != HTTPStatus.OK:
        raise ProviderFailed(_REFUSALS.get(answer.status))
    try:
        heard = msgspec.json.decode(answer.body, type=_Answer).results.channels[0]
        language = heard.detected_language or ""
        return heard.alternatives[0].transcript, language if _TAG.fullmatch(language) else None
    except (msgspec.MsgspecError, IndexError):
        raise ProviderFailed("Deepgram answered something else than a transcript.") from None
