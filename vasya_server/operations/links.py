"""Links to the file of one message: they speak for whoever made them, and open no more than that one may read now (D-10.7)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.errors import Conflict, InvalidInput, LinkNotFound, NotFound, PermissionDenied
from vasya_server.sessions.tickets import Maker, Opens
from vasya_server.telegram.requests.downloads import open_media
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.gateway import Gateway
    from vasya_server.sessions.tickets import Ticket
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.requests.downloads import Download

_log: Final = logging.getLogger(__name__)


async def make_link(
    gateway: Gateway, account: AccountView, chat: ResolvedPeer, message_id: int, ttl_secs: int
) -> tuple[str, datetime]:
    """Make a link to a file that its maker may read, and return its token and its end.

    Raises:
        MessageNotFound, MediaNotFound: There is nothing to link to.
        ServiceChat, ControlLine: An agent may not read it.
    """
    who = account.principal
    await open_media(account, str(chat.id), message_id)
    expires_at = gateway.clock.now() + timedelta(seconds=ttl_secs)
    if who.expires_at is not None:
        expires_at = min(expires_at, who.expires_at)
    token = await gateway.tickets.make(
        who.owner,
        account.runtime.id,
        who.lineage,
        Opens(chat.id, message_id, Maker(who.key_id, who.is_human)),
        expires_at=expires_at,
    )
    return token, expires_at


async def open_link(gateway: Gateway, token: str) -> Download:
    """Return the file that *token* opens.

    Raises:
        LinkNotFound: It opens nothing, for whichever reason: none is told.
        TelegramError: Telegram does not show it.
        StorageFailed: What it opens cannot be read.
    """
    ticket = await gateway.tickets.find(token)
    try:
        principal = await _maker_of(gateway, ticket)
        if Scope.MESSAGES_READ not in principal.scopes or not principal.reaches(ticket.account_id):
            raise LinkNotFound
        account = AccountView(gateway.accounts.get(ticket.owner, ticket.account_id), principal)
        opens = ticket.opens
        download = await open_media(account, str(opens.chat_id), opens.message_id)
    except (Conflict, InvalidInput, NotFound, PermissionDenied):
        raise LinkNotFound from None
    _log.info("a file was asked for by its link", extra={"ticket_id": ticket.id})
    return download


async def _maker_of(gateway: Gateway, ticket: Ticket) -> Principal:
    """Return who the maker is now.

    Raises:
        KeyEnded: The key is alive no more.
    """
    maker = ticket.opens.maker
    if maker.key_id is not None:
        principal, _ = await gateway.keys.now(ticket.owner, maker.key_id, ticket.lineage)
        return principal
    return Principal(
        kind=PrincipalKind.JWT if gateway.token is None else PrincipalKind.EMBEDDED,
        owner=ticket.owner,
        scopes=frozenset({Scope.MESSAGES_READ}),
        is_human=maker.is_human,
        lineage=ticket.lineage,
    )
