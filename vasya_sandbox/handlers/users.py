"""People: their public face and their photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import content_views, inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

MAX_PHOTOS = 100


@rpc(f.users.GetUsersRequest)
def get_users(session: Session, request: Any) -> Any:
    """Serve users.getUsers: somebody the caller was never shown is an empty user.

    Source: https://core.telegram.org/method/users.getUsers
    """

    def one(given: Any) -> Any:
        try:
            return views.user(session.dc.world, session.user, inputs.user(session, given))
        except RpcError:
            return t.UserEmpty(getattr(given, "user_id", 0))

    return [one(given) for given in request.id]


@rpc(f.users.GetFullUserRequest)
def get_full_user(session: Session, request: Any) -> Any:
    """Serve users.getFullUser.

    Source: https://core.telegram.org/method/users.getFullUser
    """
    world, me = session.dc.world, session.user
    who = inputs.user(session, request.id)
    dialog = me.dialogs.get(who.id)
    full = t.UserFull(
        who.id,
        t.PeerSettings(),
        views.notify_settings(dialog) if dialog else t.PeerNotifySettings(),
        0 if who is me else len(world.common_groups(me, who)),
        about=who.about or None,
        ttl_period=(dialog.ttl_secs or None) if dialog else None,
        blocked=who.id in me.blocked or None,
        can_pin_message=True,
        profile_photo=content_views.photo(world, me, world.files[who.photos[-1]])
        if who.photos
        else None,
        bot_info=t.BotInfo(user_id=who.id, description=who.about or None) if who.is_bot else None,
    )
    return t.users.UserFull(full, [], [views.user(world, me, who)])


@rpc(f.photos.GetUserPhotosRequest)
def get_user_photos(session: Session, request: Any) -> Any:
    """Serve photos.getUserPhotos, the newest first.

    Source: https://core.telegram.org/method/photos.getUserPhotos
    """
    world, me = session.dc.world, session.user
    who = inputs.user(session, request.user_id)
    newest_first = who.photos[::-1]
    if request.max_id:
        newest_first = [file_id for file_id in newest_first if file_id < request.max_id]
    start, limit = max(request.offset, 0), min(request.limit or MAX_PHOTOS, MAX_PHOTOS)
    chosen = [
        content_views.photo(world, me, world.files[file_id])
        for file_id in newest_first[start : start + limit]
    ]
    users = [views.user(world, me, who)]
    if len(chosen) < len(newest_first):
        return t.photos.PhotosSlice(len(newest_first), chosen, users)
    return t.photos.Photos(chosen, users)
