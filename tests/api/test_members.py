"""Members of chats over HTTP: listed, added, changed and taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.client import open_client
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.membership import Member
    from vasya_sandbox.records import Channel

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
GUARD = {"canManageChat": True, "canRestrictMembers": True, "canPinMessages": True}


@pytest.fixture
def club(scene: Scene) -> Channel:
    """Return a supergroup of Alice's, with Bob and Carol in it."""
    return scene.world.add_channel("Club", scene.alice, [scene.bob, scene.carol])


@pytest.fixture
def members(account: str, club: Channel) -> str:
    return f"{account}/chats/{club.peer_id}/members"


@pytest.fixture
def bob(scene: Scene, club: Channel) -> Member:
    """Return how Bob stands in the club, as Telegram has it."""
    return club.members[scene.bob.id]


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["user"]["firstName"] for item in response.json()["items"]]


# Listing


async def test_members_come_with_their_roles_and_the_permissions_of_all(
    client: httpx.AsyncClient, members: str, scene: Scene, bob: Member
) -> None:
    bob.role, bob.rights, bob.rank = "admin", ["ban_users", "other"], "Guard"
    bob.changed_by = scene.alice.id

    page = (await client.get(members)).json()

    assert page["trust"] == "untrusted"
    assert [item["role"] for item in page["items"]] == ["owner", "admin", "member"]
    told = page["items"][1]
    assert told["user"]["id"] == scene.bob.id
    assert told["user"]["username"] == "bob_b"
    assert (told["title"], told["rights"]) == (
        "Guard",
        {"canManageChat": True, "canRestrictMembers": True},
    )
    assert told["joinedAt"]
    assert "rights" not in page["items"][2]
    assert page["permissions"]["canSendMessages"] is True
    assert "canPinMessages" not in page["permissions"]
    assert "next" not in page


async def test_members_of_a_basic_group(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    listed = f"{account}/chats/{scene.group.peer_id}/members"

    page = await client.get(listed)
    first = await client.get(listed, params={"limit": 1})
    rest = await client.get(listed, params={"limit": 2, "cursor": first.json()["next"]})

    assert names(page) == ["Alice", "Bob", "Кэрол"]
    assert page.json()["items"][0]["role"] == "owner"
    assert page.json()["permissions"]["canInviteUsers"] is True
    assert (names(first), names(rest)) == (["Alice"], ["Bob", "Кэрол"])
    assert "next" not in rest.json()
    assert names(await client.get(listed, params={"q": "кэр"})) == ["Кэрол"]
    assert names(await client.get(listed, params={"role": "owner"})) == ["Alice"]
    assert names(await client.get(listed, params={"role": "banned"})) == []


async def test_members_are_found_by_name_and_by_role(
    client: httpx.AsyncClient, members: str, scene: Scene, club: Channel, bob: Member
) -> None:
    dave, eve = scene.world.add_user("Dave"), scene.world.add_user("Eve")
    scene.world.enter(club, dave, eve)
    bob.role = "admin"
    club.members[dave.id].role, club.members[dave.id].rights = "restricted", ["send_plain"]
    club.members[eve.id].role = "banned"

    async def found(**query: str) -> list[str]:
        return names(await client.get(members, params=query))

    assert await found() == ["Alice", "Bob", "Кэрол", "Dave"]
    assert await found(role="owner") == ["Alice"]
    assert await found(role="admin") == ["Bob"]
    assert await found(role="admin", q="carol") == []
    assert await found(role="member") == ["Кэрол"]
    assert await found(role="restricted") == ["Dave"]
    assert await found(role="banned") == ["Eve"]
    assert await found(q="carol_") == ["Кэрол"]


async def test_a_long_list_is_told_once_each_whoever_leaves_meanwhile(
    client: httpx.AsyncClient, members: str, scene: Scene, club: Channel
) -> None:
    people = [scene.world.add_user(f"P{n}") for n in range(260)]
    scene.world.enter(club, *people)

    first = await client.get(members, params={"limit": 120})
    for gone in people[100:115]:
        club.members[gone.id].role = "left"
    second = await client.get(members, params={"limit": 120, "cursor": first.json()["next"]})
    third = await client.get(members, params={"limit": 120, "cursor": second.json()["next"]})

    told = names(first) + names(second) + names(third)
    assert told == ["Alice", "Bob", "Кэрол", *(f"P{n}" for n in range(260))][:120] + [
        f"P{n}" for n in range(117, 260)
    ]
    assert "next" not in third.json()


async def test_a_cursor_is_good_for_its_own_list(
    client: httpx.AsyncClient, members: str, account: str, scene: Scene
) -> None:
    cursor = (await client.get(members, params={"limit": 1})).json()["next"]

    other_filter = await client.get(members, params={"cursor": cursor, "role": "member"})
    other_chat = await client.get(
        f"{account}/chats/{scene.supergroup.peer_id}/members", params={"cursor": cursor}
    )

    for refused in (other_filter, other_chat):
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == ("?cursor", "invalid")


async def test_only_admins_see_who_follows_a_channel(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    listed = f"{account}/chats/{scene.channel.peer_id}/members"

    assert_problem(await client.get(listed), 403, "admin_required")
    scene.channel.members[scene.alice.id].role = "admin"
    page = await client.get(listed)
    assert sorted(names(page)) == ["Alice", "Кэрол"]
    assert "permissions" not in page.json()


async def test_one_who_has_left_a_group_is_not_told_who_is_in_it(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    listed = f"{account}/chats/{scene.group.peer_id}/members"
    assert names(await client.get(listed)) == ["Alice", "Bob", "Кэрол"]
    scene.group.members[scene.alice.id].role = "left"

    refused = await client.get(listed)

    assert_problem(refused, 403, "admin_required")


async def test_a_person_has_no_members(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.bob.id}"
    for refused in (
        await client.get(f"{chat}/members"),
        await client.post(f"{chat}/members", json={"userIds": [scene.carol.id]}),
        await client.patch(f"{chat}/members/{scene.carol.id}", json={"role": "banned"}),
        await client.delete(f"{chat}/members/{scene.carol.id}"),
        await client.put(f"{chat}/permissions", json={}),
    ):
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == ("{chat}", "not_a_group")


async def test_names_are_cleaned_for_agents_and_raw_for_humans(
    client: httpx.AsyncClient, with_key: WithKey, members: str, scene: Scene, bob: Member
) -> None:
    scene.bob.first_name = "B\u200bob"
    bob.role, bob.rank = "admin", "Gu\u202eard"
    agent = await with_key()

    told = (await agent.get(members, params={"role": "admin"})).json()["items"][0]
    raw = (await client.get(members, params={"role": "admin", "raw": "true"})).json()["items"][0]

    assert (told["title"], told["user"]["firstName"]) == ("Guard", "Bob")
    assert told["sanitized"] == {"removed": 1, "classes": ["bidi"]}
    assert (raw["title"], raw["user"]["firstName"]) == ("Gu\u202eard", "B\u200bob")
    assert_problem(await agent.get(members, params={"raw": "true"}), 403, "human_required")


# Adding


async def test_people_are_added_and_those_who_do_not_want_it_are_named(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    club = scene.world.add_channel("Choir", scene.alice)
    scene.carol.blocked.add(scene.alice.id)
    body = {"userIds": [scene.bob.id, scene.carol.id]}

    told = await client.post(f"{account}/chats/{club.peer_id}/members", json=body)
    again = await client.post(f"{account}/chats/{club.peer_id}/members", json=body)

    expected = {
        "added": [scene.bob.id],
        "missing": [{"userId": scene.carol.id, "reason": "privacy"}],
    }
    assert (told.status_code, told.json()) == (200, expected)
    assert again.json() == expected
    assert club.members[scene.bob.id].inviter_id == scene.alice.id
    assert scene.carol.id not in club.members


async def test_people_are_added_to_a_basic_group_one_by_one(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    duo = scene.world.add_group("Duo", scene.alice, [scene.bob])
    scene.carol.blocked.add(scene.alice.id)
    dave = scene.world.add_user("Dave")
    scene.world.post(dave, scene.alice, "hi")
    await client.get(f"{account}/chats")
    body = {"userIds": [scene.bob.id, scene.carol.id, dave.id]}

    told = await client.post(f"{account}/chats/{duo.peer_id}/members", json=body)

    assert told.json() == {
        "added": [scene.bob.id, dave.id],
        "missing": [{"userId": scene.carol.id, "reason": "privacy"}],
    }
    assert duo.members[dave.id].is_inside


@pytest.mark.parametrize(
    ("refusal", "code", "reason"),
    [
        ("USER_NOT_MUTUAL_CONTACT", 400, "not_mutual_contact"),
        ("USER_PRIVACY_RESTRICTED", 403, "privacy"),
        ("USER_CHANNELS_TOO_MUCH", 400, "too_many_chats"),
        ("BOT_GROUPS_BLOCKED", 400, "bot_not_allowed"),
        ("INPUT_USER_DEACTIVATED", 400, "deleted"),
        ("USER_BLOCKED", 400, "blocked"),
    ],
)
async def test_the_reason_is_told_for_whom_telegram_does_not_add(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    refusal: str,
    code: int,
    reason: str,
) -> None:
    club = scene.world.add_channel("Choir", scene.alice)
    dc.faults.add(
        Fault(action=Action.RPC_ERROR, request="channels.InviteToChannel", code=code, text=refusal)
    )

    told = await client.post(
        f"{account}/chats/{club.peer_id}/members", json={"userIds": [scene.bob.id]}
    )

    assert told.json() == {"missing": [{"userId": scene.bob.id, "reason": reason}]}


async def test_one_who_is_banned_keeps_nobody_else_out(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    club = scene.world.add_channel("Choir", scene.alice, [scene.bob])
    club.members[scene.bob.id].role = "banned"
    body = {"userIds": [scene.bob.id, scene.carol.id]}

    told = await client.post(f"{account}/chats/{club.peer_id}/members", json=body)

    assert told.json() == {
        "added": [scene.carol.id],
        "missing": [{"userId": scene.bob.id, "reason": "banned"}],
    }
    assert club.members[scene.carol.id].is_inside


@pytest.mark.parametrize("user_ids", [[], list(range(1, 22)), [0], ["@bob_b"], [5, 5]])
async def test_whom_to_add_is_said_by_one_to_twenty_ids(
    client: httpx.AsyncClient, members: str, user_ids: list[Any]
) -> None:
    refused = await client.post(members, json={"userIds": user_ids})

    (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert fault["pointer"] == "/userIds"


async def test_nobody_is_added_whom_the_account_has_never_met(
    client: httpx.AsyncClient, members: str
) -> None:
    refused = await client.post(members, json={"userIds": [4711]})

    (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("/userIds/0", "unknown")


async def test_no_agent_adds_telegram_itself(with_key: WithKey, members: str) -> None:
    agent = await with_key()

    assert_problem(await agent.post(members, json={"userIds": [777000]}), 403, "service_chat")


async def test_who_may_not_add_people_is_told_so(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.supergroup.default_bans.append("invite_users")

    refused = await client.post(
        f"{account}/chats/{scene.supergroup.peer_id}/members", json={"userIds": [scene.bob.id]}
    )

    assert_problem(refused, 403, "admin_required")


# Changing


async def test_an_admin_is_made_with_rights_and_a_title(
    client: httpx.AsyncClient, members: str, scene: Scene, bob: Member
) -> None:
    body = {"role": "admin", "rights": GUARD, "title": "Guard"}

    told = await client.patch(f"{members}/{scene.bob.id}", json=body)

    assert told.status_code == 200, told.text
    assert {name: told.json()[name] for name in body} == body
    assert told.json()["user"]["firstName"] == "Bob"
    assert (bob.role, bob.rank) == ("admin", "Guard")
    assert sorted(bob.rights or ()) == ["ban_users", "other", "pin_messages"]
    listed = await client.get(members, params={"role": "admin"})
    assert listed.json()["items"] == [told.json()]


async def test_what_is_not_said_of_an_admin_stays(
    client: httpx.AsyncClient, members: str, bob: Member
) -> None:
    bob.role, bob.rights, bob.rank = "admin", ["ban_users", "other"], "Guard"

    titled = await client.patch(f"{members}/@bob_b", json={"title": "Warden"})
    assert (bob.rank, bob.rights) == ("Warden", ["ban_users", "other"])
    lessened = await client.patch(f"{members}/@bob_b", json={"rights": {"canPinMessages": True}})
    assert (bob.rank, sorted(bob.rights or ())) == ("Warden", ["other", "pin_messages"])
    assert titled.json()["rights"] == {"canManageChat": True, "canRestrictMembers": True}
    assert lessened.json()["rights"] == {"canManageChat": True, "canPinMessages": True}
    assert lessened.json()["title"] == "Warden"


async def test_an_admin_becomes_a_plain_member_again(
    client: httpx.AsyncClient, members: str, bob: Member
) -> None:
    bob.role, bob.rights, bob.rank = "admin", ["ban_users"], "Guard"

    told = await client.patch(f"{members}/@bob_b", json={"role": "member"})
    again = await client.patch(f"{members}/@bob_b", json={"role": "member"})

    assert (bob.role, bob.rights, bob.rank) == ("member", None, "")
    assert (told.json()["role"], again.json()["role"]) == ("member", "member")
    assert "title" not in told.json()


async def test_a_restricted_member_keeps_what_is_left_to_them(
    client: httpx.AsyncClient,
    members: str,
    club: Channel,
    scene: Scene,
    bob: Member,
    dc: DataCentre,
) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    body = {
        "role": "restricted",
        "rights": {"canSendPhotos": True, "canReactToMessages": True},
        "until": until.isoformat(),
    }

    told = await client.patch(f"{members}/@bob_b", json=body)

    assert told.json()["rights"] == body["rights"]
    assert datetime.fromisoformat(told.json()["until"]) == until
    assert (bob.role, bob.until) == ("restricted", int(until.timestamp()))
    assert "send_plain" in (bob.rights or ())
    assert "send_photos" not in (bob.rights or ())
    async with open_client(dc.address, dc.mint(scene.bob)) as phone:
        await phone.get_dialogs()  # whom it has not heard of it cannot write to
        with pytest.raises(Exception, match="banned from sending messages"):
            await phone.send_message(club.peer_id, "hello?")
    listed = (await client.get(members, params={"role": "restricted"})).json()["items"]
    assert listed[0]["rights"] == body["rights"]

    longer = await client.patch(f"{members}/@bob_b", json={"until": None})
    assert "until" not in longer.json()
    assert longer.json()["rights"] == body["rights"]
    assert bob.until == 0


async def test_a_restriction_without_rights_leaves_reading_alone(
    client: httpx.AsyncClient, members: str, bob: Member
) -> None:
    told = await client.patch(f"{members}/@bob_b", json={"role": "restricted"})

    assert told.json()["role"] == "restricted"
    assert "view_messages" not in (bob.rights or ())
    assert {"send_plain", "send_photos", "send_polls"} <= {*(bob.rights or ())}


async def test_a_ban_shuts_out_and_is_lifted(
    client: httpx.AsyncClient, members: str, scene: Scene, club: Channel, bob: Member
) -> None:
    banned = await client.patch(f"{members}/@bob_b", json={"role": "banned"})
    assert banned.json()["role"] == "banned"
    assert bob.role == "banned"
    assert scene.bob.id not in [user.id for user in scene.world.members(club)]

    lifted = await client.patch(f"{members}/@bob_b", json={"role": "member"})
    assert lifted.json()["role"] == "left"
    assert bob.role == "left"


async def test_somebody_is_banned_before_they_come(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    club = scene.world.add_channel("Choir", scene.alice)
    member = f"{account}/chats/{club.peer_id}/members/@bob_b"

    told = await client.patch(member, json={"role": "banned"})

    assert told.json()["role"] == "banned"
    assert club.members[scene.bob.id].role == "banned"


async def test_basic_groups_know_admins_alone(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    member = f"{account}/chats/{scene.group.peer_id}/members/@bob_b"

    made = await client.patch(member, json={"role": "admin"})
    assert (made.json()["role"], scene.group.members[scene.bob.id].role) == ("admin", "admin")
    undone = await client.patch(member, json={"role": "member"})
    assert (undone.json()["role"], scene.group.members[scene.bob.id].role) == ("member", "member")
    assert (await client.patch(member, json={"role": "member"})).status_code == 200
    for body, pointer in (
        ({"role": "banned"}, "/role"),
        ({"role": "restricted"}, "/role"),
        ({"role": "admin", "rights": GUARD}, "/rights"),
        ({"role": "admin", "title": "x"}, "/title"),
    ):
        refused = await client.patch(member, json=body)
        (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
        assert (fault["pointer"], fault["code"]) == (pointer, "not_in_basic_groups")


async def test_nobody_is_restricted_in_a_channel(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    news = scene.world.add_channel("News", scene.alice, [scene.bob], is_broadcast=True)
    member = f"{account}/chats/{news.peer_id}/members/@bob_b"

    refused = await client.patch(member, json={"role": "restricted"})
    poster = await client.patch(member, json={"role": "admin", "rights": {"canPostMessages": True}})

    (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("/role", "not_in_channels")
    assert poster.status_code == 200
    assert sorted(news.members[scene.bob.id].rights or ()) == ["other", "post_messages"]


SOON = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
LATE = (datetime.now(UTC) + timedelta(days=400)).isoformat()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/role", "missing"),
        ({"title": "x"}, "/role", "missing"),
        ({"role": "owner"}, "/role", "not_allowed"),
        ({"role": "admin"}, "/rights", "missing"),
        ({"role": "admin", "rights": {"canSendPhotos": True}}, "/rights/canSendPhotos", "not_of_this_role"),
        ({"role": "restricted", "rights": {"canDeleteMessages": True}}, "/rights/canDeleteMessages", "not_of_this_role"),
        ({"role": "member", "rights": {}}, "/rights", "not_of_this_role"),
        ({"role": "banned", "title": "x"}, "/title", "not_of_this_role"),
        ({"role": "admin", "rights": {}, "until": LATE}, "/until", "not_of_this_role"),
        ({"role": "banned", "until": SOON}, "/until", "out_of_range"),
        ({"role": "banned", "until": LATE}, "/until", "out_of_range"),
        ({"role": "admin", "rights": {}, "title": "x" * 17}, "/title", "wrong_length"),
        ({"role": "admin", "rights": {}, "title": "⭐"}, "/title", "has_emoji"),
        ({"role": "admin", "rights": {"canFly": True}}, "/rights/canFly", "unknown"),
    ],
)  # fmt: skip
async def test_a_change_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, members: str, bob: Member, body: Any, pointer: str, code: str
) -> None:
    refused = await client.patch(f"{members}/@bob_b", json=body)

    (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert bob.role == "member"


async def test_who_is_not_in_the_chat_is_not_found(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    club = scene.world.add_channel("Choir", scene.alice, [scene.carol])
    club.members[scene.carol.id].role = "banned"
    chat = f"{account}/chats/{club.peer_id}/members"

    for user, body in (
        ("@bob_b", {"role": "admin", "rights": {}}),
        ("@bob_b", {"role": "restricted"}),
        ("@bob_b", {"role": "member"}),
        ("@carol_c", {"role": "admin", "rights": {}}),
    ):
        refused = await client.patch(f"{chat}/{user}", json=body)
        assert_problem(refused, 404, "member_not_found")


async def test_without_the_power_nothing_is_changed(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.supergroup.peer_id}"
    alice = scene.supergroup.members[scene.alice.id]

    plain = await client.patch(f"{chat}/members/@carol_c", json={"role": "banned"})
    alice.role, alice.rights = "admin", ["ban_users"]
    owner = await client.patch(f"{chat}/members/@bob_b", json={"role": "banned"})
    carol = scene.supergroup.members[scene.carol.id]
    carol.role, carol.changed_by = "admin", scene.bob.id
    other = await client.delete(f"{chat}/members/@carol_c")
    more = await client.patch(f"{chat}/members/@carol_c", json={"role": "admin", "rights": GUARD})

    for refused in (plain, owner, other, more):
        assert_problem(refused, 403, "admin_required")
    assert carol.role == "admin"


async def test_nobody_does_it_to_themselves_or_to_a_chat(
    client: httpx.AsyncClient, members: str, scene: Scene
) -> None:
    for user, code in (("me", "is_oneself"), (str(scene.channel.peer_id), "not_a_user")):
        for refused in (
            await client.patch(f"{members}/{user}", json={"role": "banned"}),
            await client.delete(f"{members}/{user}"),
        ):
            (fault,) = assert_problem(refused, 422, "validation_failed")["errors"]
            assert (fault["pointer"], fault["code"]) == ("{user}", code)


# Taking out


async def test_somebody_is_taken_out_and_may_come_back(
    client: httpx.AsyncClient, members: str, scene: Scene, club: Channel, bob: Member
) -> None:
    gone = await client.delete(f"{members}/@bob_b")
    again = await client.delete(f"{members}/@bob_b")

    assert (gone.status_code, again.status_code) == (204, 204)
    assert bob.role == "left"
    assert [user.first_name for user in scene.world.members(club)] == ["Alice", "Кэрол"]


async def test_somebody_is_taken_out_of_a_basic_group(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    member = f"{account}/chats/{scene.group.peer_id}/members/@bob_b"

    assert (await client.delete(member)).status_code == 204
    assert (await client.delete(member)).status_code == 204
    assert scene.group.members[scene.bob.id].role == "left"


async def test_taking_somebody_out_lifts_no_ban(
    client: httpx.AsyncClient, members: str, bob: Member
) -> None:
    bob.role = "banned"

    assert (await client.delete(f"{members}/@bob_b")).status_code == 204
    assert bob.role == "banned"


@pytest.mark.short_deadlines
@pytest.mark.parametrize(("by", "role"), [("alice", "left"), ("carol", "banned")])
async def test_a_removal_that_was_cut_short_lifts_its_own_ban_and_no_other(
    client: httpx.AsyncClient,
    members: str,
    scene: Scene,
    bob: Member,
    dc: DataCentre,
    by: str,
    role: str,
) -> None:
    dc.faults.add(Fault(action=Action.SILENCE, request="channels.EditBanned", times=9))
    lost = await client.delete(f"{members}/@bob_b", headers=KEY)
    assert_problem(lost, 409, "outcome_unknown")
    dc.faults.clear()
    bob.role, bob.until = "banned", scene.world.now + 3600
    bob.changed_by = getattr(scene, by).id

    done = await client.delete(f"{members}/@bob_b", headers=KEY)

    assert done.status_code == 204
    assert bob.role == role


# What everybody may


async def test_permissions_are_set_as_a_whole(
    client: httpx.AsyncClient, account: str, club: Channel, scene: Scene, dc: DataCentre
) -> None:
    chat = f"{account}/chats/{club.peer_id}"
    body = {"canSendPhotos": True, "canInviteUsers": True}

    told = await client.put(f"{chat}/permissions", json=body)
    again = await client.put(f"{chat}/permissions", json=body)

    assert (told.status_code, told.json()) == (200, body)
    assert (again.status_code, again.json()) == (200, body)
    assert "send_plain" in club.default_bans
    assert "send_photos" not in club.default_bans
    assert (await client.get(f"{chat}/members")).json()["permissions"] == body
    async with open_client(dc.address, dc.mint(scene.bob)) as phone:
        await phone.get_dialogs()  # whom it has not heard of it cannot write to
        with pytest.raises(Exception, match="cannot send plain"):
            await phone.send_message(club.peer_id, "hello?")


async def test_permissions_of_a_basic_group_and_of_none(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    group = await client.put(f"{account}/chats/{scene.group.peer_id}/permissions", json={})
    channel = await client.put(f"{account}/chats/{scene.channel.peer_id}/permissions", json={})
    foreign = await client.put(f"{account}/chats/{scene.supergroup.peer_id}/permissions", json={})

    assert (group.status_code, group.json()) == (200, {})
    assert "send_plain" in scene.group.default_bans
    (fault,) = assert_problem(channel, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("{chat}", "not_a_group")
    assert_problem(foreign, 403, "admin_required")


# Who may


async def test_each_scope_opens_its_own(with_key: WithKey, members: str) -> None:
    reader = await with_key(scopes=["chats:read"])
    writer = await with_key(scopes=["chats:write"])

    assert (await reader.get(members)).status_code == 200
    refused = [
        (await reader.post(members, json={"userIds": [1]}), "chats:write"),
        (await writer.get(members), "chats:read"),
        (await writer.patch(f"{members}/@bob_b", json={"role": "banned"}), "chats:moderate"),
        (await writer.delete(f"{members}/@bob_b"), "chats:moderate"),
    ]
    for response, scope in refused:
        assert assert_problem(response, 403, "scope_required")["requiredScope"] == scope


async def test_a_key_with_chat_lists_moves_among_the_people_of_its_chats(
    acting: Acting, client: httpx.AsyncClient, account: str, scene: Scene, club: Channel
) -> None:
    """Dave has written to Alice, and is in no chat that the key may read; nobody has the last id."""
    dave = scene.world.add_user("Dave", username="dave_d")
    scene.world.post(dave, scene.alice, "hi")
    await client.get(f"{account}/chats")
    agent = await acting(ChatRule(ids=frozenset({club.peer_id})))
    chat = f"{account}/chats/{club.peer_id}/members"

    assert names(await agent.get(chat)) == ["Alice", "Bob", "Кэрол"]
    muted = await agent.patch(f"{chat}/{scene.bob.id}", json={"role": "restricted"})
    assert muted.status_code == 200
    for stranger in (dave.id, 4711):
        added = await agent.post(chat, json={"userIds": [stranger]})
        assert_problem(added, 403, "chat_not_allowed")
        banned = await agent.patch(f"{chat}/{stranger}", json={"role": "banned"})
        assert_problem(banned, 404, "member_not_found")
        assert (await agent.delete(f"{chat}/{stranger}")).status_code == 204
    assert dave.id not in club.members
    elsewhere = f"{account}/chats/{scene.group.peer_id}"
    assert_problem(await agent.get(f"{elsewhere}/members"), 403, "chat_not_allowed")
    out = await agent.put(f"{elsewhere}/permissions", json={})
    assert_problem(out, 403, "chat_not_allowed")


async def test_no_answer_tells_whether_the_account_has_met_somebody(
    acting: Acting, client: httpx.AsyncClient, account: str, scene: Scene, club: Channel
) -> None:
    """Dave is known to the account and Nobody is not; the key reaches neither, and its account is no admin of the channel."""
    dave = scene.world.add_user("Dave", username="dave_d")
    scene.world.post(dave, scene.alice, "hi")
    await client.get(f"{account}/chats")
    chats = {club.peer_id, scene.channel.peer_id, scene.supergroup.peer_id, scene.group.peer_id}

    async def answers(user_id: int) -> list[tuple[int, str]]:
        agent, found = await acting(ChatRule(ids=frozenset(chats))), []
        for chat_id in sorted(chats):
            chat = f"{account}/chats/{chat_id}"
            member, asked = f"{chat}/members/{user_id}", f"{chat}/join-requests/{user_id}"
            for response in (
                await agent.post(f"{chat}/members", json={"userIds": [user_id]}),
                await agent.patch(member, json={"role": "banned"}),
                await agent.patch(member, json={"title": "x"}),
                await agent.delete(member),
                await agent.post(asked, json={"isApproved": True}),
            ):
                code = response.json()["code"] if response.content else ""
                found.append((response.status_code, code))
        return found

    assert await answers(dave.id) == await answers(4711)


async def test_a_key_that_only_reads_a_chat_changes_nobody_there(
    acting: Acting, members: str, scene: Scene, club: Channel
) -> None:
    read, write = ChatRule(ids=frozenset({club.peer_id})), ChatRule(ids=frozenset({scene.bob.id}))
    agent = await acting(read, write)

    assert (await agent.get(members)).status_code == 200
    for refused in (
        await agent.patch(f"{members}/{scene.bob.id}", json={"role": "banned"}),
        await agent.delete(f"{members}/{scene.bob.id}"),
        await agent.post(members, json={"userIds": [scene.bob.id]}),
    ):
        assert_problem(refused, 403, "chat_not_allowed")


async def test_a_repeated_change_is_answered_as_it_was(
    client: httpx.AsyncClient, members: str, bob: Member
) -> None:
    body = {"role": "banned"}
    first = await client.patch(f"{members}/@bob_b", json=body, headers=KEY)
    bob.role = "member"

    again = await client.patch(f"{members}/@bob_b", json=body, headers=KEY)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert bob.role == "member"


async def test_nothing_of_whom_it_was_about_is_in_the_log(
    client: httpx.AsyncClient, members: str, scene: Scene
) -> None:
    await client.patch(
        f"{members}/{scene.bob.id}", json={"role": "admin", "rights": {}, "title": "Warden"}
    )

    told = (await client.get(f"{API}/audit")).text

    assert "member:update" in told
    assert "Warden" not in told
    assert str(scene.bob.id) not in told
