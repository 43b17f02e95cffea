"""Adding, removing, promoting, restricting and banning people, and what everybody may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Group, User

f, t = functions, types
MUTE = t.ChatBannedRights(None, send_plain=True)
NOTHING = t.ChatBannedRights(None)
BAN = t.ChatBannedRights(None, view_messages=True)


@dataclass
class Town:
    """Ada owns a supergroup and a basic group; Bob is in both, Eve in none."""

    world: World
    ada: User
    bob: User
    eve: User
    town: Channel
    duo: Group

    def input(self, viewer: User, who: User) -> Any:
        return t.InputUser(who.id, self.world.access_hash(viewer, who))

    def peer(self, viewer: User, who: User) -> Any:
        return t.InputPeerUser(who.id, self.world.access_hash(viewer, who))

    def kinds(self, chat: Channel | Group) -> list[str]:
        """Return what the service messages of a chat report, oldest first."""
        ids = self.world.ids(self.ada, chat)
        found = [self.world.message(self.ada, chat, each) for each in ids]
        return [each.action.kind for each in found if each and each.action]


@pytest.fixture
def town(world: World) -> Town:
    ada, bob, eve = (world.add_user(name, username=f"{name}_1") for name in ("Ada", "Bob", "Eve"))
    made = world.add_channel("Town", ada, [bob], username="town")
    return Town(world, ada, bob, eve, made, world.add_group("Duo", ada, [bob]))


@pytest.fixture
async def ada(town: Town, connect: Connect) -> SandboxClient:
    return await connect(town.ada)


@pytest.fixture
async def bob(town: Town, connect: Connect) -> SandboxClient:
    return await connect(town.bob)


async def test_people_are_added_and_those_who_do_not_want_to_be_are_named(
    town: Town, ada: SandboxClient
) -> None:
    eve, fay = town.eve, town.world.add_user("Fay")
    fay.blocked.add(town.ada.id)
    people = [town.input(town.ada, user) for user in (eve, fay)]
    added = await ada(f.channels.InviteToChannelRequest("town", people))
    assert [each.user_id for each in added.missing_invitees] == [fay.id]
    assert town.town.members[eve.id].inviter_id == town.ada.id
    assert fay.id not in town.town.members
    assert town.kinds(town.town) == ["ChannelCreate", "ChatAddUser"]
    again = await ada(f.channels.InviteToChannelRequest("town", people[:1]))
    assert again.missing_invitees == []
    assert town.kinds(town.town) == ["ChannelCreate", "ChatAddUser"]


async def test_plain_members_add_people_unless_they_may_not(town: Town, bob: SandboxClient) -> None:
    ask = f.channels.InviteToChannelRequest("town", [town.input(town.bob, town.eve)])
    town.town.default_bans.append("invite_users")
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(ask)
    town.town.default_bans.remove("invite_users")
    assert not (await bob(ask)).missing_invitees


async def test_one_who_is_banned_is_not_added(town: Town, ada: SandboxClient) -> None:
    await ada(f.channels.EditBannedRequest("town", town.peer(town.ada, town.bob), BAN))
    with refused("USER_KICKED"):
        await ada(f.channels.InviteToChannelRequest("town", [town.input(town.ada, town.bob)]))


async def test_people_come_into_a_basic_group_and_are_taken_out_of_it(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    eve = town.input(town.ada, town.eve)
    await ada(f.messages.AddChatUserRequest(town.duo.id, eve, 10))
    with refused("USER_ALREADY_PARTICIPANT"):
        await ada(f.messages.AddChatUserRequest(town.duo.id, eve, 10))
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(f.messages.DeleteChatUserRequest(town.duo.id, town.input(town.bob, town.eve)))
    await ada(f.messages.DeleteChatUserRequest(town.duo.id, eve))
    assert town.duo.members[town.eve.id].role == "left"
    with refused("USER_NOT_PARTICIPANT"):
        await ada(f.messages.DeleteChatUserRequest(town.duo.id, eve))
    assert town.kinds(town.duo) == ["ChatCreate", "ChatAddUser", "ChatDeleteUser"]


async def test_an_admin_has_the_rights_that_were_given(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    rights = t.ChatAdminRights(ban_users=True, post_messages=True)
    make = f.channels.EditAdminRequest("town", town.input(town.ada, town.bob), rights, "Guard")
    await ada(make)
    assert town.town.members[town.bob.id].rights == ["ban_users"]
    entity = await bob.get_entity("town")
    assert (entity.admin_rights.ban_users, entity.admin_rights.pin_messages) == (True, False)
    ask = f.channels.GetParticipantRequest("town", town.peer(town.ada, town.bob))
    found = (await ada(ask)).participant
    assert (found.rank, found.can_edit, found.promoted_by) == ("Guard", True, town.ada.id)
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(f.channels.EditAdminRequest("town", "Eve_1", rights, ""))
    await ada(f.channels.EditAdminRequest("town", "Bob_1", t.ChatAdminRights(), ""))
    assert (await ada(ask)).participant.to_dict()["_"] == "ChannelParticipant"


@pytest.mark.parametrize(
    ("name", "rank", "refusal"),
    [
        ("Eve_1", "", "USER_NOT_PARTICIPANT"),
        ("Bob_1", "x" * 17, "ADMIN_RANK_INVALID"),
        ("Bob_1", "⭐", "ADMIN_RANK_EMOJI_NOT_ALLOWED"),
    ],
)
async def test_who_cannot_be_made_an_admin(
    ada: SandboxClient, name: str, rank: str, refusal: str
) -> None:
    with refused(refusal):
        rights = t.ChatAdminRights(ban_users=True)
        await ada(f.channels.EditAdminRequest("town", name, rights, rank))


async def test_an_admin_gives_no_right_that_they_lack_and_leaves_other_admins_alone(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    fay = town.world.add_user("Fay", username="fay_1")
    town.world.enter(town.town, town.eve, fay)
    some = t.ChatAdminRights(add_admins=True, ban_users=True)
    await ada(f.channels.EditAdminRequest("town", "Bob_1", some, ""))
    await ada(f.channels.EditAdminRequest("town", "fay_1", some, ""))
    with refused("RIGHT_FORBIDDEN", 403):
        more = t.ChatAdminRights(pin_messages=True)
        await bob(f.channels.EditAdminRequest("town", "Eve_1", more, ""))
    with refused("USER_ADMIN_INVALID"):
        await bob(f.channels.EditBannedRequest("town", "fay_1", BAN))
    with refused("USER_CREATOR"):
        await bob(f.channels.EditBannedRequest("town", "Ada_1", BAN))


async def test_a_muted_member_reads_and_does_not_write(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    who = town.peer(town.ada, town.bob)
    await ada(f.channels.EditBannedRequest("town", who, MUTE))
    found = await ada(
        f.channels.GetParticipantsRequest("town", t.ChannelParticipantsBanned(""), 0, 10, 0)
    )
    assert [each.peer.user_id for each in found.participants] == [town.bob.id]
    with refused("USER_BANNED_IN_CHANNEL"):
        await bob.send_message("town", "hello?")
    assert (await bob.get_entity("town")).banned_rights.send_plain
    await ada(f.channels.EditBannedRequest("town", who, NOTHING))
    assert (await bob.send_message("town", "hello!")).id


async def test_a_ban_shuts_out_until_it_is_lifted(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    who = town.peer(town.ada, town.bob)
    soon = town.world.now + 10
    rights = t.ChatBannedRights(soon, view_messages=True)
    await ada(f.channels.EditBannedRequest("town", who, rights))
    member = town.town.members[town.bob.id]
    assert (member.role, member.until) == ("banned", 0)  # so soon is for ever
    with refused("CHANNEL_PRIVATE"):
        await bob(
            f.channels.GetFullChannelRequest(
                t.InputChannel(town.town.id, town.world.access_hash(town.bob, town.town))
            )
        )
    await ada(f.channels.EditBannedRequest("town", who, NOTHING))
    assert member.role == "left"
    assert town.kinds(town.town) == ["ChannelCreate", "ChatDeleteUser"]


async def test_one_who_never_was_there_can_be_banned(town: Town, ada: SandboxClient) -> None:
    await ada(f.channels.EditBannedRequest("town", town.peer(town.ada, town.eve), BAN))
    assert town.town.members[town.eve.id].role == "banned"


async def test_only_admins_see_who_is_banned(bob: SandboxClient) -> None:
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(
            f.channels.GetParticipantsRequest("town", t.ChannelParticipantsKicked(""), 0, 10, 0)
        )


async def test_what_everybody_may_do_binds_all_but_admins(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(f.messages.EditChatDefaultBannedRightsRequest("town", MUTE))
    await ada(f.messages.EditChatDefaultBannedRightsRequest("town", MUTE))
    with refused("CHAT_NOT_MODIFIED"):
        await ada(f.messages.EditChatDefaultBannedRightsRequest("town", MUTE))
    with refused("CHAT_SEND_PLAIN_FORBIDDEN", 403):
        await bob.send_message("town", "hello?")
    assert (await ada.send_message("town", "quiet, please")).id
    assert (await bob.get_entity("town")).default_banned_rights.send_plain


async def test_the_owner_of_a_basic_group_makes_admins(
    town: Town, ada: SandboxClient, bob: SandboxClient
) -> None:
    with refused("CHAT_ADMIN_REQUIRED"):
        await bob(f.messages.EditChatAdminRequest(town.duo.id, "me", is_admin=True))
    await ada(f.messages.EditChatAdminRequest(town.duo.id, "Bob_1", is_admin=True))
    assert town.duo.members[town.bob.id].role == "admin"
    with refused("USER_NOT_PARTICIPANT"):
        await ada(f.messages.EditChatAdminRequest(town.duo.id, "Eve_1", is_admin=True))
