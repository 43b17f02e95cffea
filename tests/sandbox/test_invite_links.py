"""Links into a chat, and who waits behind one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import state
from vasya_sandbox.membership import JoinRequest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User

f, t = functions, types


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob_1")


@pytest.fixture
def town(world: World, bob: User) -> Channel:
    return world.add_channel("Town", world.add_user("Ada"), [bob], username="town")


@pytest.fixture
async def ada(world: World, town: Channel, connect: Connect) -> SandboxClient:
    return await connect(world.users[town.creator_id])


async def test_a_link_is_made_changed_and_taken_back(
    world: World, town: Channel, ada: SandboxClient
) -> None:
    made = await ada(f.messages.ExportChatInviteRequest("town", usage_limit=3, title="Friends"))
    assert made.link.startswith("https://t.me/+")
    assert (made.usage_limit, made.title, made.admin_id) == (3, "Friends", town.creator_id)
    edit = f.messages.EditExportedChatInviteRequest
    changed = await ada(edit("town", made.link, usage_limit=0, request_needed=True))
    assert (changed.invite.usage_limit, changed.invite.request_needed) == (None, True)
    await ada(edit("town", made.link, revoked=True))
    with refused("INVITE_REVOKED_MISSING"):
        await ada(edit("town", made.link, title="Again"))
    listed = f.messages.GetExportedChatInvitesRequest
    me = types.InputUserSelf()
    assert (await ada(listed("town", me, 10))).invites == []
    (gone,) = (await ada(listed("town", me, 10, revoked=True))).invites
    assert gone.revoked
    again, _ = state.load(state.dump(world, []))
    assert again.channels[town.id].invites[0].title == "Friends"


async def test_a_permanent_link_has_an_heir(town: Channel, ada: SandboxClient) -> None:
    first = await ada(f.messages.ExportChatInviteRequest("town", legacy_revoke_permanent=True))
    with refused("CHAT_INVITE_PERMANENT"):
        await ada(f.messages.EditExportedChatInviteRequest("town", first.link, usage_limit=1))
    told = await ada(f.messages.EditExportedChatInviteRequest("town", first.link, revoked=True))
    assert told.new_invite.permanent
    assert told.new_invite.link != first.link
    third = await ada(f.messages.ExportChatInviteRequest("town", legacy_revoke_permanent=True))
    good = [invite.hash for invite in town.invites if not invite.is_revoked]
    assert good == [third.link.removeprefix("https://t.me/+")]


async def test_links_are_for_admins_who_may_invite(
    town: Channel, bob: User, connect: Connect
) -> None:
    client = await connect(bob)
    for request in (
        f.messages.ExportChatInviteRequest("town"),
        f.messages.GetExportedChatInvitesRequest("town", types.InputUserSelf(), 10),
        f.messages.GetExportedChatInviteRequest("town", "https://t.me/+none"),
        f.messages.GetChatInviteImportersRequest("town", None, "me", 10, requested=True),
    ):
        with refused("CHAT_ADMIN_REQUIRED"):
            await client(request)
    assert town.invites == []


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"expire_date": 1_000}, "EXPIRE_DATE_INVALID"),
        ({"usage_limit": 100_000}, "USAGE_LIMIT_INVALID"),
        ({"usage_limit": 1, "request_needed": True}, "USAGE_LIMIT_INVALID"),
    ],
)
async def test_a_link_that_cannot_be(
    ada: SandboxClient, limits: dict[str, int], refusal: str
) -> None:
    with refused(refusal):
        await ada(f.messages.ExportChatInviteRequest("town", **limits))


async def test_a_link_of_another_chat_is_none_of_this_one(
    world: World, town: Channel, ada: SandboxClient
) -> None:
    world.add_channel("Village", world.users[town.creator_id], username="village")
    made = await ada(f.messages.ExportChatInviteRequest("village"))
    assert await ada(f.messages.GetExportedChatInviteRequest("village", made.link))
    with refused("INVITE_HASH_EXPIRED"):
        await ada(f.messages.GetExportedChatInviteRequest("town", made.link))


async def test_a_link_that_is_used_up_or_revoked_leads_nowhere(
    town: Channel, ada: SandboxClient, world: World, connect: Connect
) -> None:
    eve = await connect(world.add_user("Eve"))
    for n in range(2):
        made = await ada(f.messages.ExportChatInviteRequest("town", usage_limit=1))
        code = made.link.removeprefix("https://t.me/+")
        assert await eve(f.messages.CheckChatInviteRequest(code))
        town.invites[-1].usage, town.invites[-1].is_revoked = n, n == 0
        with refused("INVITE_HASH_EXPIRED"):
            await eve(f.messages.CheckChatInviteRequest(code))


async def test_those_who_wait_are_listed_page_by_page_and_let_in(
    world: World, town: Channel, ada: SandboxClient
) -> None:
    made = await ada(f.messages.ExportChatInviteRequest("town", request_needed=True))
    code = made.link.removeprefix("https://t.me/+")
    people = [world.add_user(f"P{n}", about=f"number {n}", username=f"p_{n}_p") for n in range(3)]
    town.requests = [JoinRequest(each.id, 1_000 + n, code) for n, each in enumerate(people)]
    ask = f.messages.GetChatInviteImportersRequest
    first = await ada(ask("town", None, types.InputUserEmpty(), 2, requested=True))
    assert [each.about for each in first.importers] == ["number 2", "number 1"]
    last = first.importers[-1]
    rest = await ada(ask("town", last.date, "p_1_p", 2, requested=True))
    assert ([each.user_id for each in rest.importers], rest.count) == ([people[0].id], 3)
    hide = f.messages.HideChatJoinRequestRequest
    await ada(hide("town", "p_0_p", approved=True))
    await ada(hide("town", "p_1_p"))
    assert [user.first_name for user in world.members(town)] == ["Ada", "Bob", "P0"]
    assert (town.invites[0].usage, [each.user_id for each in town.requests]) == (1, [people[2].id])
    with refused("USER_ALREADY_PARTICIPANT"):
        await ada(hide("town", "p_0_p", approved=True))
    with refused("HIDE_REQUESTER_MISSING"):
        await ada(hide("town", "p_1_p", approved=True))
