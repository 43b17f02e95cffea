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
from vasya_server.telegram.scheduled import AT_ONCE, date_of, require_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.message import Message
    from vasya_server.model.writing import SendMessage
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.scheduled import When
    from vasya_server.telegram.view import AccountView

_REFERENCE_REFUSED: Final = "FILE_REFERENCE_"


async def send_media(
    account: AccountView,
    peer: ResolvedPeer,
    body: SendMessage,
    random_ids: Sequence[int],
    *,
    lineage: str,
    when: When = AT_ONCE,
) -> Message:
    """Send the uploads that *body* names, with its text as the caption of the first, and return that one.

    Args:
        random_ids: One for each upload, in their order; none of them ever makes a second message.
        lineage: Whose uploads they are.
        when: When they go out.

    Raises:
        Waits: It waits at Telegram until its time comes.
        UploadNotFound: One of them is not there, or its time is over.
        ValidationFailed: Photos and other files are mixed, the caption is too long, or refers to what is not there.
        OutcomeUnknown: They were sent and no answer came back.
        ChatWriteForbidden, SlowMode, FloodWait: Telegram refused; nothing was sent.

    Source: https://core.telegram.org/api/files#albums-grouped-media
    """
    draft = await _draft(account, peer, body, random_ids, when=when)
    answer = await with_uploads(account, body.media, lineage, draft, is_sent_again=when.is_repeated)
    if draft.date:
        require_sent(answer, random_ids)
    return await _first(account, peer, answer, random_ids)


async def with_uploads(
    account: AccountView,
    upload_ids: Sequence[str],
    lineage: str,
    request_of: Callable[[Sequence[StoredFile]], TLRequest],
    *,
    is_sent_again: bool,
) -> Any:
    """Make a change with uploads, whose references to Telegram's files may have to be renewed.

    Args:
        is_sent_again: They were sent before, and nobody knows what became of it.

    Raises:
        UploadNotFound: One of them is not there, or its time is over.
        ValidationFailed: They are no album.
        OutcomeUnknown, TelegramError: It was sent and no answer came back; Telegram refused.
    """
    files = [
        account.files.get(upload_id)
        or await account.runtime.uploads.find(lineage, upload_id, is_sent_again=is_sent_again)
        for upload_id in upload_ids
    ]
    _require_album(files)
    try:
        return await account.runtime.mutate(request_of(files), is_exactly_once=True)
    except TelegramError as error:
        if not (error.rpc_name or "").startswith(_REFERENCE_REFUSED):
            raise refusal_of(error) from error
    files = [await renew(account, file) for file in files]
    for upload_id, file in zip(upload_ids, files, strict=True):
        await account.runtime.uploads.replace(lineage, upload_id, file)
    try:
        return await account.runtime.mutate(request_of(files), is_exactly_once=True)
    except TelegramError as error:
        raise refusal_of(error) from error


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
        self.date = date
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
                media=input_media_of(files[0]),
                message=text,
                entities=entities or None,
                random_id=self._random_ids[0],
                **self._how,
            )
        parts = [
            t.InputSingleMedia(
                input_media_of(file),
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
    when: When,
) -> _Draft:
    caption: tuple[str, list[Any]] = ("", [])
    if body.text is not None:
        caption = await compose(account, body)
    reply_to = await reply_to_of(account, peer, body)
    date = date_of(account.runtime, when)
    return _Draft(peer, body, random_ids, caption=caption, reply_to=reply_to, date=date)


async def _first(
    account: AccountView, peer: ResolvedPeer, answer: Any, random_ids: Sequence[int]
) -> Message:
    ids = [each for each in sent_ids(answer, random_ids) if each is not None]
    if len(ids) < len(random_ids):
        # An album is sent as a whole: an answer that names only some of it does not tell where the rest is.
        raise OutcomeUnknown
    messages = await told(account, peer, answer, ids)
    return msgspec.structs.replace(messages[0], album_ids=ids if len(ids) > 1 else [])


def input_media_of(file: StoredFile) -> Any:
    """Return an upload as a message carries it."""
    if file.is_photo:
        photo = t.InputPhoto(file.media_id, file.access_hash, file.reference)
        return t.InputMediaPhoto(photo)
    document = t.InputDocument(file.media_id, file.access_hash, file.reference)
    return t.InputMediaDocument(document)
