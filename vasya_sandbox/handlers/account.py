"""The caller's own account: devices, presence, profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.authorization import Authorization
    from vasya_sandbox.session import Session

MAX_NAME, MAX_ABOUT = 64, 70


def device(auth: Authorization, *, is_current: bool) -> Any:
    """Return a session of the account as its owner sees it in the list of devices."""
    return t.Authorization(
        hash=0 if is_current else _device_hash(auth),
        device_model=auth.device_model or "unknown",
        platform="unknown",
        system_version=auth.system_version or "unknown",
        api_id=auth.api_id,
        app_name="sandbox client",
        app_version=auth.app_version or "0",
        date_created=auth.created_at,
        date_active=auth.active_at,
        ip="127.0.0.1",
        country="Nowhere",
        region="",
        current=is_current or None,
    )


def _device_hash(auth: Authorization) -> int:
    # Key ids are unsigned; the hash is a signed long that must not be 0.
    return int(auth.key.key_id) >> 1 | 1


@rpc(f.account.GetAuthorizationsRequest)
def get_authorizations(session: Session, request: Any) -> Any:
    """Serve account.getAuthorizations.

    Source: https://core.telegram.org/method/account.getAuthorizations
    """
    return t.account.Authorizations(
        180,
        [
            device(auth, is_current=auth is session.auth)
            for auth in session.dc.authorizations_of(session.user)
        ],
    )


@rpc(f.account.ResetAuthorizationRequest)
def reset_authorization(session: Session, request: Any) -> Any:
    """Serve account.resetAuthorization: log one other device out.

    Source: https://core.telegram.org/method/account.resetAuthorization
    """
    for auth in session.dc.authorizations_of(session.user):
        if auth is not session.auth and _device_hash(auth) == request.hash:
            session.dc.log_out(auth)
            return True
    raise RpcError(400, "HASH_INVALID")


@rpc(f.account.UpdateStatusRequest)
def update_status(session: Session, request: Any) -> Any:
    """Serve account.updateStatus: record presence and tell those who know or write to the caller.

    Source: https://core.telegram.org/method/account.updateStatus
    """
    me, world = session.user, session.dc.world
    me.is_online = not request.offline
    me.seen_at = world.now
    status = views.status(world, me, is_known=True)
    for user in world.users.values():
        knows = me.id in user.contacts or me.id in user.dialogs
        if user is not me and knows and session.dc.authorizations_of(user):
            session.dc.push(user, [t.UpdateUserStatus(me.id, status)])
    return True


@rpc(f.account.UpdateProfileRequest)
def update_profile(session: Session, request: Any) -> Any:
    """Serve account.updateProfile.

    Source: https://core.telegram.org/method/account.updateProfile
    """
    me = session.user
    if request.first_name is not None and not request.first_name.strip():
        raise RpcError(400, "FIRSTNAME_INVALID")
    if request.about is not None and len(request.about) > MAX_ABOUT:
        raise RpcError(400, "ABOUT_TOO_LONG")
    if request.first_name is not None:
        me.first_name = request.first_name.strip()[:MAX_NAME]
    if request.last_name is not None:
        me.last_name = request.last_name.strip()[:MAX_NAME]
    if request.about is not None:
        me.about = request.about
    return views.user(session.dc.world, me, me)
