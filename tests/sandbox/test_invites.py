from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import images
from vasya_sandbox.membership import Invite
from vasya_sandbox.records import Size

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

HASH = "AbCdEfGh12345678"


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob")


async def test_a_stranger_is_shown_a_preview(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    ada.contacts.add(eve.id)
    duo = world.add_group("Duo", bob, [eve])
    duo.invites.append(Invite(HASH))
    duo.about = "Two of us."
    found = await (await connect(ada))(functions.messages.CheckChatInviteRequest(HASH))
    assert isinstance(found, types.ChatInvite)
    assert (found.title, found.about, found.participants_count) == ("Duo", "Two of us.", 2)
    assert isinstance(found.photo, types.PhotoEmpty)
    kinds = (found.channel, found.megagroup, found.broadcast, found.public)
    assert not any(kinds)
    assert [user.first_name for user in found.participants] == ["Eve"]


@pytest.mark.parametrize("is_broadcast", [False, True], ids=["supergroup", "channel"])
async def test_a_preview_says_what_kind_of_channel_it_is(
    world: World, ada: User, bob: User, connect: Connect, *, is_broadcast: bool
) -> None:
    town = world.add_channel("Town", bob, username="town", is_broadcast=is_broadcast)
    town.invites.append(Invite(HASH))
    picture = Size("a", 8, 8, images.landscape(1, 1, 1))
    town.photo_id = world.add_file("photo", "image/jpeg", sizes=[picture]).id
    found = await (await connect(ada))(functions.messages.CheckChatInviteRequest(HASH))
    assert (bool(found.megagroup), bool(found.broadcast)) == (not is_broadcast, is_broadcast)
    assert (found.channel, found.public, found.participants) == (True, True, None)
    assert found.photo.id == town.photo_id


async def test_a_member_is_shown_the_chat(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada])
    town.invites.append(Invite(HASH, expires_at=world.now - 60))
    found = await (await connect(ada))(functions.messages.CheckChatInviteRequest(HASH))
    assert isinstance(found, types.ChatInviteAlready)
    assert (found.chat.id, found.chat.access_hash) == (town.id, world.access_hash(ada, town))


async def test_looking_joins_nothing(world: World, ada: User, bob: User, connect: Connect) -> None:
    duo = world.add_group("Duo", bob)
    duo.invites.append(Invite(HASH))
    await (await connect(ada))(functions.messages.CheckChatInviteRequest(HASH))
    assert list(duo.members) == [bob.id]


async def test_an_invite_leads_in_until_it_expires(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    duo = world.add_group("Duo", bob)
    duo.invites += [Invite(HASH, expires_at=world.now + 60), Invite("old_hash", world.now)]
    client = await connect(ada)
    assert await client(functions.messages.CheckChatInviteRequest(HASH))
    with refused("INVITE_HASH_EXPIRED"):
        await client(functions.messages.CheckChatInviteRequest("old_hash"))


@pytest.mark.parametrize(
    ("code", "refusal"), [("", "INVITE_HASH_EMPTY"), ("NoSuchHash", "INVITE_HASH_INVALID")]
)
async def test_a_wrong_hash_is_refused(
    ada: User, connect: Connect, code: str, refusal: str
) -> None:
    client = await connect(ada)
    with refused(refusal):
        await client(functions.messages.CheckChatInviteRequest(code))


async def test_an_invite_does_not_help_who_is_banned(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    town = world.add_channel("Town", bob, [ada])
    town.invites.append(Invite(HASH))
    town.members[ada.id].role = "banned"
    client = await connect(ada)
    with refused("CHANNEL_PRIVATE"):
        await client(functions.messages.CheckChatInviteRequest(HASH))
