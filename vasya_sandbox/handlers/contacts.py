"""Finding people and chats by name or number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.handlers.auth import phone_digits
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.records import Peer
    from vasya_sandbox.session import Session

_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
MIN_QUERY = 3


@rpc(f.contacts.ResolveUsernameRequest)
def resolve_username(session: Session, request: Any) -> Any:
    """Serve contacts.resolveUsername.

    Source: https://core.telegram.org/method/contacts.resolveUsername
    """
    username = request.username.removeprefix("@")
    if not _USERNAME.fullmatch(username):
        raise RpcError(400, "USERNAME_INVALID")
    found = session.dc.world.by_username(username)
    if found is None:
        raise RpcError(400, "USERNAME_NOT_OCCUPIED")
    return _resolved(session, found)


@rpc(f.contacts.ResolvePhoneRequest)
def resolve_phone(session: Session, request: Any) -> Any:
    """Serve contacts.resolvePhone.

    Source: https://core.telegram.org/method/contacts.resolvePhone
    """
    found = session.dc.world.by_phone(phone_digits(request.phone))
    if found is None:
        raise RpcError(400, "PHONE_NOT_OCCUPIED")
    return _resolved(session, found)


def _resolved(session: Session, found: Peer) -> Any:
    world = session.dc.world
    shown = views.entities(world, session.user, [found.peer_id])
    return t.contacts.ResolvedPeer(peer(found.peer_id), **shown)


@rpc(f.contacts.SearchRequest)
def search(session: Session, request: Any) -> Any:
    """Serve contacts.search: own chats by title or name, and the public directory by username.

    Source: https://core.telegram.org/method/contacts.search
    """
    query = request.q.strip().removeprefix("@").casefold()
    if not query:
        raise RpcError(400, "SEARCH_QUERY_EMPTY")
    if len(query) < MIN_QUERY and query.isascii():
        raise RpcError(400, "QUERY_TOO_SHORT")
    world, me = session.dc.world, session.user
    known = {*me.dialogs, *me.contacts} - {me.id}
    mine = [
        peer_id
        for peer_id in sorted(known, reverse=True)
        if (found := world.peer(peer_id)) and query in _words(found)
    ]
    public = [
        peer_id
        for name, peer_id in world.names.items()
        if name.startswith(query) and peer_id not in known and peer_id != me.id
    ]
    limit = min(max(request.limit, 0), 100)
    mine, public = mine[:limit], public[:limit]
    return t.contacts.Found(
        _peers(mine), _peers(public), **views.entities(world, me, [*mine, *public])
    )


def _words(found: Peer) -> str:
    if isinstance(found, User):
        return f"{found.first_name} {found.last_name} {found.username}".casefold()
    name = "" if isinstance(found, Group) else found.username
    return f"{found.title} {name}".casefold()


def _peers(peer_ids: Iterable[int]) -> list[Any]:
    return [peer(peer_id) for peer_id in peer_ids]
