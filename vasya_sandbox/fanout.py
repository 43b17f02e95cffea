"""From what changed to who is told: the pushes to others, and the answer to the one who did it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox import views
from vasya_sandbox.records import CHANNEL_MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Notice, User
    from vasya_sandbox.session import Session


def publish(
    dc: DataCentre,
    notices: Iterable[Notice],
    *,
    skip: Session | None = None,
    first: Mapping[int, list[Any]] = MappingProxyType({}),
) -> None:
    """Push each user their own view of *notices*; *skip* gets the same as its answer.

    Args:
        first: Updates that go before them, by the user who is told.
    """
    by_user: dict[int, list[Notice]] = {}
    for notice in notices:
        by_user.setdefault(notice.user.id, []).append(notice)
    for own in by_user.values():
        user = own[0].user
        if _is_listening(dc, user):
            updates, found = _render(dc.world, user, own)
            dc.push(user, [*first.get(user.id, ()), *updates], **found, skip=skip)
        else:
            _note_missed(dc, user, own, skip)


def _is_listening(dc: DataCentre, user: User) -> bool:
    return any(
        session.updates for auth in dc.authorizations_of(user) for session in auth.sessions.values()
    )


def _note_missed(dc: DataCentre, user: User, notices: list[Notice], skip: Session | None) -> None:
    """Remember what moved for when somebody listens: views that nobody hears are not made."""
    moved = {
        -notice.box.owner - CHANNEL_MARK
        for notice in notices
        if notice.box.owner < 0 and notice.event.pts_count
    }
    for auth in dc.authorizations_of(user):
        if skip is None or skip.auth is not auth:
            auth.missed_channels |= moved
    dc.changed()


def answer(session: Session, notices: Iterable[Notice], *first: Any) -> Any:
    """Publish *notices* and return the caller's share of them, after the updates in *first*."""
    notices = list(notices)
    publish(session.dc, notices, skip=session)
    own = [notice for notice in notices if notice.user is session.user]
    updates, found = _render(session.dc.world, session.user, own)
    return t.Updates([*first, *updates], date=session.dc.world.now, seq=0, **found)


def _render(
    world: World, user: User, notices: list[Notice]
) -> tuple[list[Any], dict[str, list[Any]]]:
    updates = [views.update(world, user, notice.box, notice.event) for notice in notices]
    mentioned = {
        peer_id
        for notice in notices
        for peer_id in views.event_peers(world, notice.box, notice.event)
    }
    return updates, views.entities(world, user, mentioned)
