"""The files that messages carry."""

from __future__ import annotations

from vasya_server.api.routes import BASE_PATH, Access, Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.media import MediaLink, NewLink
from vasya_server.operations import Ready, local
from vasya_server.operations.links import make_link, open_link
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


@mutation(
    "POST", _MESSAGE + "/media/link", Scope.MESSAGES_READ, local(Action.MEDIA_LINK), status=201
)
async def create_media_link(call: Call, ready: Ready, body: NewLink) -> MediaLink:
    """Make a link that opens the file of a message without a credential, for `ttlSecs` (300, at most 3600).

    Whoever has the link gets the file, so it is a secret to be given to a program that cannot send a header, and to nobody
    else. It is shown once: the same request repeated is answered `urlShown`. It ends with the key that made it, with that key's right to read the chat, and with a lockdown. A message
    without a file answers 404 `media_not_found`, one in another chat 404 `message_not_found`, a chat outside the
    key's list 403 `chat_not_allowed`, one of Telegram's own notifications 403 `service_chat` to all but humans.
    """
    token, expires_at = await make_link(
        call.gateway, call.account, ready.chat, call.message_id, body.ttl_secs
    )
    return MediaLink(url=f"{call.origin}{BASE_PATH}/files/{token}", expires_at=expires_at)


@read("/files/{ticket}", Access.PUBLIC)
async def get_file(call: Call) -> Download:
    """Download the file that a link opens; the link is all that it takes.

    It is the same answer as that of `…/media`: `Range` and HEAD work, and it counts as a download of the key that made the link. A link that
    never was, one whose time is over and one whose maker may not read the message any more are not told apart: 404
    `link_not_found`. One address opens 60 links a minute; more answer 429 `rate_limited`, and more than two downloads of one key at a time
    429 `too_many_downloads`.
    """
    return await open_link(call.gateway, call.path["ticket"])
