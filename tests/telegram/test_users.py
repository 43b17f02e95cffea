"""People as the API tells of them, in all forms that Telegram has for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import types as t

from tests.telegram.conftest import as_owner
from vasya_server.model.person import UserStatus, UserType
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.users import to_user

if TYPE_CHECKING:
    from vasya_server.telegram.accounts import AccountRuntime

PAST, FUTURE = datetime(2024, 1, 2, tzinfo=UTC), datetime(2124, 1, 2, tzinfo=UTC)


@pytest.fixture
def reading(alice: AccountRuntime) -> Reading:
    return Reading(as_owner(alice))


@pytest.mark.parametrize(
    ("status", "expected", "at"),
    [
        (t.UserStatusOnline(FUTURE), UserStatus.ONLINE, None),
        (t.UserStatusOnline(PAST), UserStatus.OFFLINE, PAST),
        (t.UserStatusOnline(None), UserStatus.ONLINE, None),
        (t.UserStatusOffline(PAST), UserStatus.OFFLINE, PAST),
        (t.UserStatusRecently(), UserStatus.RECENTLY, None),
        (t.UserStatusLastWeek(), UserStatus.LAST_WEEK, None),
        (t.UserStatusLastMonth(), UserStatus.LAST_MONTH, None),
        (t.UserStatusEmpty(), None, None),
        (None, None, None),
    ],
)
async def test_when_somebody_was_seen_is_told_as_far_as_they_let_it(
    reading: Reading, status: Any, expected: UserStatus | None, at: datetime | None
) -> None:
    told = to_user(t.User(7, status=status), reading)

    assert (told.status, told.last_seen_at) == (expected, at)


async def test_a_deleted_account_has_no_name(reading: Reading) -> None:
    told = to_user(t.User(7, deleted=True), reading)

    assert (told.is_deleted, told.first_name, told.type) == (True, "", UserType.USER)


async def test_of_several_usernames_the_first_active_one_is_told(reading: Reading) -> None:
    names = [t.Username("old", active=False), t.Username("now", active=True)]

    assert to_user(t.User(7, usernames=names, bot=True), reading).username == "now"
