"""Messages that carry files: one, or an album of several, each part exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, OutcomeUnknown, TelegramError, ValidationFailed
from vasya_server.telegram.requests.answers import sent_ids, told
from vasya_server.telegram.requests.uploads import renew
from vasya_server.telegram.requests.writing import compose, refusal_of, reply_to_of
from vasya_server.telegram.scheduled import date_in, require_sent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.message import Message
    from vasya_server.model.writing import SendMessage
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_REFERENCE_REFUSED: Final = "FILE_REFERENCE_"


async def send_media(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    random_ids: Sequence[int],
    *,
    lineage: str,
    undo_secs: int = 0,
    is_sent_again: bool = False,
) -> Message:
    """Send the uploads that *body* names, with its text as the caption of the first, and return that one.

    Args:
        random_ids: One for each upload, in their order; none of them ever makes a second message.
        lineage: Whose uploads they are.
        undo_secs: How long they wait at Telegram before they go out.
        is_sent_again: They were sent before, and nobody knows what became of it.

    Raises:
        Waits: It waits at Telegram until its time comes.
        UploadNotFound: One of them is not there, or its time is over.
        ValidationFailed: They are no album, the caption is too long, or refers to what is not there.
        OutcomeUnknown: They were sent and no answer came back.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; nothing was sent.

    Source: https://core.telegram.org/api/files#albums-grouped-media
    """
    files = [
        account.files.get(upload_id)
        or await account.runtime.uploads.find(lineage, upload_id, is_sent_again=is_sent_again)
        for upload_id in body.media
    ]
    _require_album(files)
    draft = await _draft(account, peer, body, random_ids, undo_secs=undo_secs)
    try:
        answer = await account.runtime.mutate(draft(files), is_exactly_once=True)
    except TelegramError as error:
        if not (error.rpc_name or "").startswith(_REFERENCE_REFUSED):
            raise refusal_of(error) from error
        files = [await renew(account, file) for file in files]
        for upload_id, file in zip(body.media, files, strict=True):
            await account.runtime.uploads.replace(lineage, upload_id, file)
        answer = await _again(account, draft(files))
    if undo_secs:
        require_sent(answer, random_ids)
    return await _first(account, peer, answer, random_ids)


def _require_album(files: Sequence[StoredFile]) -> None:
    """See that the files may stand in one album: Telegram takes no others, and moving pictures and voice notes in none."""
    kinds = {"photo" if file.is_photo else file.shape and file.shape.kind for file in files}
    if len(files) > 1 and not (kinds <= {"photo", "video"} or kinds == {None}):
        allowed = "photos and videos", "other files, but for voice notes and GIFs"
        raise ValidationFailed(FieldError("/media", "mixed", allowed))


class _Draft:
    """A request but for its files, whose references may have to be renewed under the same random ids."""

    def __init__(
        self,
        peer: ResolvedPeer,
        body: SendMessage,
        random_ids: Sequence[int],
        *,
        caption: tuple[str, list[Any]],
        reply_to: Any,
        date: datetime | None,
    ) -> None:
        self._random_ids = random_ids
        self._caption = caption
        self._how = {
            "peer": peer.input_peer,
            "silent": body.is_silent,
            "reply_to": reply_to,
            "schedule_date": date,
        }

    def __call__(self, files: Sequence[StoredFile]) -> TLRequest:
        text, entities = self._caption
        if len(files) == 1:
            return functions.messages.SendMediaRequest(
                media=_input_media(files[0]),
                message=text,
                entities=entities or None,
                random_id=self._random_ids[0],
                **self._how,
            )
        parts = [
            t.InputSingleMedia(
                _input_media(file),
                "" if index else text,
                random_id=random_id,
                entities=None if index else entities or None,
            )
            for index, (file, random_id) in enumerate(zip(files, self._random_ids, strict=True))
        ]
        return functions.messages.SendMultiMediaRequest(multi_media=parts, **self._how)


async def _draft(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    random_ids: Sequence[int],
    *,
    undo_secs: int,
) -> _Draft:
    caption: tuple[str, list[Any]] = ("", [])
    if body.text is not None:
        caption = await compose(account, body.text, body.format)
    reply_to = await reply_to_of(account, peer, body)
    date = date_in(account.runtime, undo_secs)
    return _Draft(peer, body, random_ids, caption=caption, reply_to=reply_to, date=date)


async def _again(account: AccountView, request: TLRequest) -> Any:
    try:
        return await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error


async def _first(
    account: AccountView, peer: ResolvedPeer, answer: Any, random_ids: Sequence[int]
) -> Message:
    ids = [each for each in sent_ids(answer, random_ids) if each is not None]
    if len(ids) < len(random_ids):
        # An album is sent as a whole: an answer that names only some of it does not tell where the rest is.
        raise OutcomeUnknown
    messages = await told(account, peer, answer, ids)
    return msgspec.structs.replace(messages[0], album_ids=ids if len(ids) > 1 else [])


def _input_media(file: StoredFile) -> Any:
    if file.is_photo:
        photo = t.InputPhoto(file.media_id, file.access_hash, file.reference)
        return t.InputMediaPhoto(photo)
    document = t.InputDocument(file.media_id, file.access_hash, file.reference)
    return t.InputMediaDocument(document)
