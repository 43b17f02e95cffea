"""The files that messages carry."""

from __future__ import annotations

from vasya_server.api.routes import Call, read
from vasya_server.auth.scopes import Scope
from vasya_server.telegram.requests import downloads
from vasya_server.telegram.requests.downloads import Download

_MESSAGE = "/accounts/{account}/chats/{chat}/messages/{message}"


@read(_MESSAGE + "/media", Scope.MESSAGES_READ)
async def get_media(call: Call) -> Download:
    """Download the file that a message carries, as it comes from Telegram.

    It is always an attachment, and what a browser could run comes as `application/octet-stream`; its bytes are other
    people's. Downloading leaves no trace. `Range: bytes=…` gives one part (206), so that a download that broke off goes on where it
    ended: send the `ETag` of the first answer as `If-Range`. Several ranges get the whole, a range that is not there answers
    416 `range_not_satisfiable`, and HEAD the headers alone. A message without a file answers 404 `media_not_found`, a file in one of Telegram's own
    notifications 403 `service_chat` to all but humans; a connection that
    closes before `Content-Length` bytes is a download that broke off.
    """
    return await downloads.open_media(call.account, call.path["chat"], call.message_id)


@read(_MESSAGE + "/thumb", Scope.MESSAGES_READ)
async def get_thumb(call: Call) -> Download:
    """Download a small picture, at most 320 pixels wide where there is one, of what a message carries.

    It spares the whole file where a look is enough. A message that has none answers 404 `media_not_found`.
    """
    return await downloads.open_thumb(call.account, call.path["chat"], call.message_id)
