"""Files on their way to Telegram."""

from __future__ import annotations

from vasya_server.api.receiving import ReceivedFile
from vasya_server.api.routes import Call, mutation
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.media import Upload
from vasya_server.operations import Ready, local
from vasya_server.telegram.requests import uploads


@mutation(
    "POST",
    "/accounts/{account}/uploads",
    Scope.MESSAGES_SEND,
    local(Action.MEDIA_UPLOAD),
    status=201,
)
async def create_upload(call: Call, _ready: Ready, file: ReceivedFile) -> Upload:
    """Upload a file of at most 2 GB, to be sent by its `uploadId` within a day; nobody sees it before.

    The body is the file itself, named by `Content-Disposition: attachment; filename="…"`, or a multipart form with one
    `file`; or JSON with the https `url` of a public file, which is fetched. It goes to Telegram as it comes in, as fast
    as Telegram takes it, and a connection that breaks off leaves nothing. JPEG, PNG and WebP pictures up to 10 MiB are
    sent as photos, MP4 videos, Opus voice notes and GIFs as what they are, everything else as documents.

    A larger file answers 413 `body_too_large`, an empty one 422 `validation_failed`, a third one at once 429
    `too_many_transfers`. A URL that leads elsewhere or within answers 422 `url_not_allowed`, a server with trouble 502
    `outbound_failed`.
    """
    made = await uploads.make_file(
        call.account, file.parts, name=file.name, mime_type=file.mime_type
    )
    return await call.account.runtime.uploads.add(call.who.lineage, made)
