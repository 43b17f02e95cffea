"""The caller's own public name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

_USERNAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9]){3,31}")
MAX_USERNAME = 32


@rpc(f.account.UpdateUsernameRequest)
def update_username(session: Session, request: Any) -> Any:
    """Serve account.updateUsername: empty takes the name away; the caller's other devices hear of it.

    Source: https://core.telegram.org/method/account.updateUsername
    """
    world, me, name = session.dc.world, session.user, request.username
    if name == me.username:
        raise RpcError(400, "USERNAME_NOT_MODIFIED")
    if name and (len(name) > MAX_USERNAME or not _USERNAME.fullmatch(name)):
        raise RpcError(400, "USERNAME_INVALID")
    if name and world.by_username(name) not in (None, me):
        raise RpcError(400, "USERNAME_OCCUPIED")
    world.rename(me, name)
    names = [t.Username(name, active=True, editable=True)] if name else []
    update = t.UpdateUserName(me.id, me.first_name, me.last_name, names)
    session.dc.push(me, [update], **views.entities(world, me, []), skip=session)
    return views.user(world, me, me)
