from __future__ import annotations

import time
import unicodedata
from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.growth import growth
from vasya_sandbox import state, views, world_demo
from vasya_sandbox.handlers.dialogs import rows
from vasya_sandbox.message_views import message, peers_of
from vasya_sandbox.records import Channel, FileMedia, Group

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

NOW = 1_750_000_000


@pytest.fixture(scope="module")
def demo() -> World:
    return world_demo.build(lambda: NOW)


@pytest.fixture(scope="module")
def owner(demo: World) -> User:
    return next(iter(demo.users.values()))


def test_it_is_the_same_every_time(demo: World) -> None:
    assert state.dump(demo, []) == state.dump(world_demo.build(lambda: NOW), [])


def test_it_is_built_in_a_hundred_times_what_keeping_it_takes_at_most(demo: World) -> None:
    def keep() -> None:
        state.load(state.dump(demo, []))

    assert growth(keep, lambda: world_demo.build(time.time)) < 100


def test_it_has_the_size_it_promises(demo: World, owner: User) -> None:
    assert sum(not user.is_bot for user in demo.users.values()) == 12
    assert sum(user.is_bot for user in demo.users.values()) == 1
    groups = [*demo.groups.values(), *(c for c in demo.channels.values() if not c.is_broadcast)]
    assert (len(groups), sum(c.is_broadcast for c in demo.channels.values())) == (6, 4)
    assert sum(c.is_forum for c in demo.channels.values()) == 1
    listed = rows(demo, owner)
    held = sum(len(demo.ids(owner, peer)) for peer in listed)
    assert 1_900 <= held <= 2_300
    assert sum(len(demo.ids(owner, peer)) >= 24 for peer in listed) >= 20


def test_names_are_written_in_many_scripts(demo: World) -> None:
    scripts = {unicodedata.name(user.first_name[0]).split()[0] for user in demo.users.values()}
    assert scripts >= {
        "LATIN",
        "CYRILLIC",
        "ARABIC",
        "HEBREW",
        "DEVANAGARI",
        "GREEK",
        "HIRAGANA",
        "CJK",
    }


def test_all_phones_are_fictional(demo: World) -> None:
    phones = [user.phone for user in demo.users.values() if not user.is_bot]
    assert all(phone.startswith("99966210") and len(phone) == 10 for phone in phones)
    assert len({*phones}) == 12


def test_unread_counts_are_what_was_planned(demo: World, owner: User) -> None:
    counts = {
        getattr(peer, "title", None) or getattr(peer, "username", ""): demo.unread(owner, peer)
        for peer in rows(demo, owner)
    }
    assert {name: count for name, count in counts.items() if count} == {
        "Harbour Project": 12,
        "Makers' Workshop": 7,
        "Книжный клуб": 25,
        "City Bulletin": 9,
        "Quiet Kitchen 🍲": 31,
        "anna_kovaleva": 3,
        "james_oneill": 1,
        "fatima_zahra": 2,
        "sato_yuki": 4,
        "": 2,
    }


def test_the_owner_is_mentioned_and_has_not_seen_it(demo: World, owner: User) -> None:
    work = next(c for c in demo.channels.values() if c.title == "Harbour Project")
    waiting = [demo.message(owner, work, i) for i in demo.dialog(owner, work.peer_id).mentions]
    assert "@mira_novak can you confirm the site visit by 17:00?" in [
        record.text for record in waiting if record
    ]


def test_hostile_texts_and_the_login_code_are_there(demo: World, owner: User) -> None:
    texts = [record.text for record in demo.messages.values()]
    assert sum("ignore your previous instructions" in text for text in texts) == 1
    (hidden,) = (text for text in texts if "\u202e" in text)
    assert {"\u200b", "\u2066", "\ufeff", "\u00ad", "\U000e0067"} <= set(hidden)
    code = demo.ids(owner, demo.service)[-1]
    record = demo.message(owner, demo.service, code)
    assert record is not None
    assert record.text.startswith("Login code: 48215.")


def test_somebody_else_has_a_password(demo: World, owner: User) -> None:
    with_password = [user for user in demo.users.values() if user.verifier]
    assert [(user.username, user.password) for user in with_password] == [
        ("chidi_okafor", "correct horse")
    ]
    assert owner.verifier is None


def test_every_kind_of_content_occurs(demo: World) -> None:
    records = list(demo.messages.values())
    kinds = {
        demo.files[record.media.file_id].kind
        for record in records
        if isinstance(record.media, FileMedia)
    }
    assert kinds == {"photo", "document", "voice", "audio", "sticker", "gif"}
    media = {type(record.media).__name__ for record in records if record.media}
    assert media == {"FileMedia", "Place", "ContactCard", "Poll", "WebPage"}
    assert {record.action.kind for record in records if record.action} == {
        "ChatCreate",
        "ChannelCreate",
        "TopicCreate",
        "PinMessage",
        "ChatAddUser",
    }
    for claim in (
        [r for r in records if r.forward],
        [r for r in records if r.edited_at],
        [r for r in records if r.pinned_in],
        [r for r in records if r.buttons],
        [r for r in records if r.grouped_id],
        [r for r in records if r.reactions],
        [r for r in records if r.reply and r.reply.quote],
        [r for r in records if r.discussion],
    ):
        assert claim
    assert any(peer.is_protected for peer in demo.channels.values())


def test_dates_and_ids_agree_in_every_box(demo: World, owner: User) -> None:
    for peer in rows(demo, owner):
        records = [demo.message(owner, peer, i) for i in demo.ids(owner, peer)]
        dates = [record.at for record in records if record]
        assert dates == sorted(dates)
        assert dates[-1] <= NOW


def test_everybody_can_be_shown_everything(demo: World) -> None:
    for viewer in demo.users.values():
        for peer in rows(demo, viewer):
            assert bytes(views.dialog(demo, viewer, peer))
            if isinstance(peer, Group | Channel):
                assert bytes(views.chat(demo, viewer, peer))
            for message_id in demo.ids(viewer, peer):
                record = demo.message(viewer, peer, message_id)
                assert record is not None
                assert bytes(message(demo, viewer, record))
                assert all(demo.peer(peer_id) for peer_id in peers_of(demo, record) if peer_id)


async def test_the_owner_has_folders_and_a_group_has_an_invite(
    dc: DataCentre, connect: Connect
) -> None:
    dc.world = world_demo.build(time.time)
    client = await connect(next(iter(dc.world.users.values())))
    filters = (await client(functions.messages.GetDialogFiltersRequest())).filters
    assert [(folder.id, folder.title.text) for folder in filters[1:]] == [
        (2, "Work"),
        (3, "To read"),
    ]
    invite = functions.messages.CheckChatInviteRequest("DemoFridayFootball")
    assert (await client(invite)).chat.title == "Friday football"


async def test_a_client_reads_all_of_it_over_the_wire(dc: DataCentre, connect: Connect) -> None:
    dc.world = world_demo.build(time.time)
    client = await connect(next(iter(dc.world.users.values())))
    total = 0
    async for dialog in client.iter_dialogs():
        async for shown in client.iter_messages(dialog.input_entity, wait_time=0):
            total += 1
            assert shown.post or shown.sender_id is not None
    assert total >= 1_900
    work = next(d for d in await client.get_dialogs() if d.name == "Harbour Project")
    photos = await client.get_messages(
        work.input_entity, filter=types.InputMessagesFilterPhotos(), limit=10
    )
    assert len(photos) == 3
    assert (await photos[0].download_media(bytes))[:2] == b"\xff\xd8"
    assert await client(functions.account.GetAuthorizationsRequest())
    assert not dc.unserved
