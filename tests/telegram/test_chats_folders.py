"""Which chats a folder holds: those it names, and those its rules take in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types as t

from vasya_server.telegram.dialogs import Row
from vasya_server.telegram.directory import Directory, entity_id
from vasya_server.telegram.requests.chats import folder_test

AT = datetime(2026, 1, 2, tzinfo=UTC)
FOREVER = datetime(2038, 1, 19, tzinfo=UTC)
ME = 1


def a_row(entity: Any, **fields: Any) -> Row:
    plain = {
        "peer": t.PeerUser(entity.id),
        "top_message": 5,
        "read_inbox_max_id": 4,
        "read_outbox_max_id": 0,
        "unread_count": 1,
        "unread_mentions_count": 0,
        "unread_reactions_count": 0,
        "unread_poll_votes_count": 0,
        "notify_settings": t.PeerNotifySettings(),
    }
    return Row(entity, t.Dialog(**{**plain, **fields}), None, Directory(1))


FRIEND = a_row(t.User(7, first_name="Friend", contact=True))
STRANGER = a_row(t.User(8, first_name="Stranger"))
BOT = a_row(t.User(9, first_name="Bot", bot=True))
GROUP = a_row(t.Chat(5, "Group", t.ChatPhotoEmpty(), 3, AT, 1))
SUPERGROUP = a_row(t.Channel(5, "Super", t.ChatPhotoEmpty(), AT, megagroup=True))
CHANNEL = a_row(t.Channel(6, "News", t.ChatPhotoEmpty(), AT, broadcast=True))
SELF = a_row(t.User(ME, first_name="Me", is_self=True, contact=True))
EVERY = (FRIEND, STRANGER, BOT, GROUP, SUPERGROUP, CHANNEL)


def a_folder(**fields: Any) -> Any:
    plain: dict[str, Any] = {"pinned_peers": [], "include_peers": [], "exclude_peers": []}
    return t.DialogFilter(2, t.TextWithEntities("Folder", []), **{**plain, **fields})


def held(folder: Any, *rows: Row) -> list[int]:
    test = folder_test(folder, ME)
    return [entity_id(row.entity) for row in rows or EVERY if test(row)]


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("contacts", [FRIEND]),
        ("non_contacts", [STRANGER]),
        ("bots", [BOT]),
        ("groups", [GROUP, SUPERGROUP]),
        ("broadcasts", [CHANNEL]),
    ],
)
def test_a_rule_takes_in_its_kind(rule: str, rows: list[Row]) -> None:
    assert held(a_folder(**{rule: True})) == [entity_id(row.entity) for row in rows]


def test_named_chats_are_in_without_any_rule() -> None:
    folder = a_folder(
        pinned_peers=[t.InputPeerChat(5)],
        include_peers=[t.InputPeerUser(8, 1), t.InputPeerChannel(6, 1)],
    )

    assert held(folder) == [8, -5, -1_000_000_000_006]


def test_an_excluded_chat_is_out_although_a_rule_takes_it_in() -> None:
    folder = a_folder(groups=True, exclude_peers=[t.InputPeerChat(5)])

    assert held(folder) == [-1_000_000_000_005]


def test_saved_messages_can_be_named() -> None:
    assert held(a_folder(include_peers=[t.InputPeerSelf()]), SELF) == [ME]


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("exclude_read", {"unread_count": 0}),
        ("exclude_archived", {"folder_id": 1}),
        ("exclude_muted", {"notify_settings": t.PeerNotifySettings(mute_until=FOREVER)}),
    ],
    ids=["read", "archived", "muted"],
)
def test_a_rule_leaves_chats_out_by_their_state(rule: str, state: dict[str, Any]) -> None:
    hidden = a_row(FRIEND.entity, **state)
    folder = a_folder(contacts=True, **{rule: True})

    assert held(folder, hidden) == []
    assert held(folder, FRIEND) == [7]
    assert held(a_folder(include_peers=[t.InputPeerUser(7, 1)], **{rule: True}), hidden) == [7]


def test_a_shared_folder_has_only_its_named_chats() -> None:
    folder = t.DialogFilterChatlist(
        3, t.TextWithEntities("Shared", []), [], [t.InputPeerUser(8, 1)]
    )

    assert held(folder) == [8]
