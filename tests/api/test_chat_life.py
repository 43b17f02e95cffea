"""Making a chat, going in and out of one, and the end of it, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.membership import Invite
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel, Group, User

KEY = {"Idempotency-Key": "3c9f0a4e-7f0f-4a43-9a55-7b4d4a1a1f0e"}
HASH = "AbCdEfGh12345678"


def refusal(request: str, text: str, code: int = 400) -> Fault:
    return Fault(action=Action.RPC_ERROR, request=request, code=code, text=text)


def texts(scene: Scene, viewer: User, where: User | Group | Channel) -> list[str]:
    ids = scene.world.ids(viewer, where)
    records = [scene.world.message(viewer, where, each) for each in ids]
    return [record.text for record in records if record is not None and record.text]


@pytest.fixture
def town(scene: Scene) -> Channel:
    """Return a public supergroup that Alice is not in."""
    return scene.world.add_channel("Town", scene.bob, username="town_square")


@pytest.fixture
def choir(scene: Scene) -> Channel:
    """Return a private supergroup of Bob's with an invite, which Alice is not in."""
    choir = scene.world.add_channel("Choir", scene.bob)
    choir.invites.append(Invite(HASH))
    return choir


async def test_a_group_is_made_with_those_who_let_themselves_be_added(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.carol.blocked.add(scene.alice.id)
    body = {
        "type": "group",
        "title": " Trio ",
        "about": " Three of us. ",
        "userIds": [scene.bob.id, scene.carol.id],
    }

    made = await client.post(f"{account}/chats", json=body, headers=KEY)
    again = await client.post(f"{account}/chats", json=body, headers=KEY)

    assert made.status_code == 201, made.text
    chat = made.json()
    assert (chat["type"], chat["title"], chat["canSend"]) == ("group", "Trio", True)
    assert (chat["membersCount"], chat["missing"]) == (2, [scene.carol.id])
    assert made.headers["location"] == f"{account}/chats/{chat['id']}"
    assert (again.json(), again.headers["idempotency-replayed"]) == (chat, "true")
    groups = [group for group in scene.world.groups.values() if group.title == "Trio"]
    assert [(group.about, list(group.members)) for group in groups] == [
        ("Three of us.", [scene.alice.id, scene.bob.id])
    ]
    assert (await client.get(f"{account}/chats/{chat['id']}")).json()["title"] == "Trio"


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ({"type": "supergroup"}, (False, False)),
        ({"type": "supergroup", "isForum": True}, (False, True)),
        ({"type": "channel"}, (True, False)),
    ],
)
async def test_a_supergroup_or_channel_is_made_and_is_known_at_once(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    kind: dict[str, Any],
    flags: tuple[bool, bool],
) -> None:
    body = {"title": "Plans", "about": "What comes.", "userIds": [scene.bob.id], **kind}

    made = (await client.post(f"{account}/chats", json=body)).json()

    (channel,) = [each for each in scene.world.channels.values() if each.title == "Plans"]
    assert made["id"] == channel.peer_id
    assert (channel.is_broadcast, channel.is_forum) == flags
    assert (channel.about, list(channel.members)) == (
        "What comes.",
        [scene.alice.id, scene.bob.id],
    )
    assert (made["type"], made.get("isForum", False)) == (kind["type"], flags[1])
    assert "missing" not in made
    sent = await client.post(f"{account}/chats/{made['id']}/messages", json={"text": "hi"})
    assert sent.status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"title": "   "}, "/title", "empty"),
        ({"title": "x" * 129}, "/title", "wrong_length"),
        ({"about": "x" * 256}, "/about", "wrong_length"),
        ({"type": "user"}, "/type", "not_allowed"),
        ({"isForum": True}, "/isForum", "not_possible"),
        ({"userIds": []}, "/userIds", "too_few"),
        ({"userIds": [4711]}, "/userIds/0", "unknown"),
    ],
)
async def test_what_makes_no_chat_is_refused_by_field(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    change: dict[str, Any],
    pointer: str,
    code: str,
) -> None:
    body = {"type": "group", "title": "Trio", "userIds": [scene.bob.id]} | change

    response = await client.post(f"{account}/chats", json=body)

    (fault,) = assert_problem(response, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert len(scene.world.groups) == 1


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_chat_whose_making_was_not_answered_is_not_made_twice(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    dc.faults.add(Fault(action=action, request="messages.CreateChat"))
    body = {"type": "group", "title": "Trio", "userIds": [scene.bob.id]}

    first = await client.post(f"{account}/chats", json=body, headers=KEY)
    second = await client.post(f"{account}/chats", json=body, headers=KEY)

    for response in (first, second):
        problem = assert_problem(response, 409, "outcome_unknown")
        assert problem["isRetryable"] is False
    assert dc.requests["messages.CreateChat"] == 1
    titles = [group.title for group in scene.world.groups.values()]
    assert titles.count("Trio") == (1 if action is Action.DROP_AFTER else 0)


async def test_what_follows_the_making_can_only_be_missing(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    dc.faults.add(refusal("channels.InviteToChannel", "PEER_FLOOD"))
    dc.faults.add(refusal("messages.EditChatAbout", "CHAT_ADMIN_REQUIRED"))
    people = [scene.bob.id, scene.carol.id]

    plans = {"type": "supergroup", "title": "Plans", "userIds": people}
    trio = {"type": "group", "title": "Trio", "about": "Us.", "userIds": people}
    channel = await client.post(f"{account}/chats", json=plans)
    group = await client.post(f"{account}/chats", json=trio)

    assert (channel.status_code, channel.json()["missing"]) == (201, people)
    assert (group.status_code, group.json()["hasNoAbout"]) == (201, True)
    assert "missing" not in group.json()


@pytest.mark.parametrize(
    ("refused", "code", "status", "said"),
    [
        ("USERS_TOO_FEW", 400, 422, "validation_failed"),
        ("USER_RESTRICTED", 403, 429, "account_spam_limited"),
        ("CHANNELS_TOO_MUCH", 400, 502, "telegram_error"),
    ],
)
async def test_what_telegram_refuses_to_make_is_told(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    refused: str,
    code: int,
    status: int,
    said: str,
) -> None:
    dc.faults.add(refusal("messages.CreateChat", refused, code))
    body = {"type": "group", "title": "Trio", "userIds": [scene.bob.id]}

    assert_problem(await client.post(f"{account}/chats", json=body), status, said)


async def test_a_key_with_lists_makes_no_chats_and_adds_nobody_out_of_reach(
    account: str, scene: Scene, acting: Acting, agent: httpx.AsyncClient
) -> None:
    body = {"type": "group", "title": "Trio", "userIds": [scene.bob.id]}
    listed = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    spared = await acting(ChatRule(excepted=frozenset({scene.bob.id})))

    assert_problem(await listed.post(f"{account}/chats", json=body), 403, "chat_not_allowed")
    assert_problem(await spared.post(f"{account}/chats", json=body), 403, "chat_not_allowed")
    others = body | {"userIds": [scene.carol.id]}
    assert (await spared.post(f"{account}/chats", json=others)).status_code == 201
    service = body | {"userIds": [777000]}
    assert_problem(await agent.post(f"{account}/chats", json=service), 403, "service_chat")


async def test_each_act_has_its_scope(
    account: str, scene: Scene, with_key: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    reader = await with_key(scopes=["chats:read"])
    writer = await with_key(scopes=["chats:write"])
    chat = f"{account}/chats/{scene.group.peer_id}"

    for response in (
        await reader.post(f"{account}/chats", json={"type": "channel", "title": "x"}),
        await reader.post(f"{account}/chats/join", json={"link": "@x_y_z"}),
        await reader.post(f"{chat}/leave"),
        await writer.delete(f"{chat}?forEveryone=false"),
        await writer.delete(f"{chat}/history?forEveryone=false"),
    ):
        assert_problem(response, 403, "scope_required")


@pytest.mark.parametrize(
    "link", ["@town_square", "https://t.me/town_square", "tg://resolve?domain=town_square"]
)
async def test_a_public_chat_is_joined_by_its_name_and_joining_it_again_is_a_success(
    client: httpx.AsyncClient, account: str, scene: Scene, town: Channel, link: str
) -> None:
    for _ in range(2):
        joined = await client.post(f"{account}/chats/join", json={"link": link})

        assert joined.status_code == 200, joined.text
        assert (joined.json()["id"], joined.json()["canSend"]) == (town.peer_id, True)
    assert town.members[scene.alice.id].is_inside


@pytest.mark.parametrize("link", [f"https://t.me/+{HASH}", f"t.me/joinchat/{HASH}"])
async def test_an_invite_is_taken_once_however_often_it_is_sent(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    choir: Channel,
    link: str,
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.ImportChatInvite"))

    for _ in range(2):
        joined = await client.post(f"{account}/chats/join", json={"link": link})

        assert joined.status_code == 200, joined.text
        assert (joined.json()["id"], joined.json()["title"]) == (choir.peer_id, "Choir")
    assert choir.members[scene.alice.id].is_inside
    assert choir.invites[0].usage == 1


async def test_a_chat_that_asks_its_administrators_first_is_not_joined_yet(
    client: httpx.AsyncClient, account: str, scene: Scene, choir: Channel
) -> None:
    choir.invites[0].needs_approval = True
    body = {"link": f"https://t.me/+{HASH}"}

    for _ in range(2):
        asked = await client.post(f"{account}/chats/join", json=body, headers=KEY)
        problem = assert_problem(asked, 409, "join_request_sent")
        assert (problem["isRetryable"], problem["retryAfterSecs"]) == (True, 600)
    assert [each.user_id for each in choir.requests] == [scene.alice.id]

    scene.world.enter(choir, scene.alice)
    agreed = await client.post(f"{account}/chats/join", json=body, headers=KEY)
    assert (agreed.status_code, agreed.json()["id"]) == (200, choir.peer_id)


async def test_links_that_lead_into_no_chat_are_refused(
    client: httpx.AsyncClient, account: str, scene: Scene, choir: Channel
) -> None:
    choir.invites[0].expires_at = scene.world.now - 1

    async def join(link: str) -> httpx.Response:
        return await client.post(f"{account}/chats/join", json={"link": link})

    assert_problem(await join(f"https://t.me/+{HASH}"), 404, "chat_not_found")
    assert_problem(await join("https://t.me/+nothing123456"), 404, "chat_not_found")
    assert_problem(await join("@nobody_here"), 404, "chat_not_found")
    named = assert_problem(await join("Garden"), 404, "chat_not_found")
    assert [each["title"] for each in named["candidates"]] == ["Garden club"]
    person = assert_problem(await join("@bob_b"), 422, "validation_failed")
    assert person["errors"] == [{"pointer": "/link", "code": "not_joinable"}]
    assert_problem(await join(""), 422, "validation_failed")


async def test_a_chat_that_puts_newcomers_to_a_test_needs_a_human(
    client: httpx.AsyncClient, account: str, dc: DataCentre, town: Channel
) -> None:
    town.tests_newcomers = True

    response = await client.post(f"{account}/chats/join", json={"link": "@town_square"})

    assert_problem(response, 403, "human_required")


async def test_a_key_with_lists_joins_only_where_it_may_write(
    account: str, scene: Scene, acting: Acting, town: Channel, choir: Channel
) -> None:
    key = await acting(ChatRule(ids=frozenset({town.peer_id, choir.peer_id})))
    other = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    invite = {"link": f"https://t.me/+{HASH}"}

    async def join(who: httpx.AsyncClient, link: str) -> httpx.Response:
        return await who.post(f"{account}/chats/join", json={"link": link})

    assert (await join(key, "@town_square")).json()["id"] == town.peer_id
    for link in ("@town_square", "@nobody_here", invite["link"], "https://t.me/+nothing123456"):
        assert_problem(await join(other, link), 403, "chat_not_allowed")
    assert_problem(await join(key, invite["link"]), 403, "chat_not_allowed")
    assert scene.alice.id not in choir.members

    scene.world.enter(choir, scene.alice)
    assert (await join(key, invite["link"])).json()["id"] == choir.peer_id


async def test_a_key_that_only_writes_there_is_told_which_chat_it_joined_and_no_more(
    account: str, scene: Scene, acting: Acting, town: Channel
) -> None:
    key = await acting(
        ChatRule(ids=frozenset({scene.bob.id})), ChatRule(ids=frozenset({town.peer_id}))
    )

    joined = await key.post(f"{account}/chats/join", json={"link": "@town_square"})

    assert joined.json() == {"id": town.peer_id, "type": "supergroup"}


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_a_chat_is_left_and_leaving_it_again_is_a_success(
    client: httpx.AsyncClient, account: str, scene: Scene, kind: str
) -> None:
    chats: dict[str, Group | Channel] = {
        "group": scene.world.add_group("Picnic", scene.bob, [scene.alice]),
        "supergroup": scene.supergroup,
        "channel": scene.channel,
    }
    chat = chats[kind]

    for _ in range(2):
        left = await client.post(f"{account}/chats/{chat.peer_id}/leave")

        assert (left.status_code, left.content) == (204, b"")
    assert chat.members[scene.alice.id].role == "left"


async def test_a_chat_that_was_left_through_a_broken_connection_is_left(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    choir = scene.world.add_channel("Choir", scene.bob, [scene.alice])
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="channels.LeaveChannel"))

    left = await client.post(f"{account}/chats/{choir.peer_id}/leave", headers=KEY)

    assert left.status_code == 204
    assert choir.members[scene.alice.id].role == "left"


async def test_an_owner_does_not_leave_and_nobody_leaves_a_private_chat(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    own = scene.world.add_channel("Plans", scene.alice)
    for chat_id in (scene.group.peer_id, own.peer_id):
        chat = f"{account}/chats/{chat_id}"
        for response in (
            await client.post(f"{chat}/leave"),
            await client.delete(f"{chat}?forEveryone=false"),
        ):
            assert_problem(response, 409, "owner_must_transfer_or_delete")
    private = await client.post(f"{account}/chats/@bob_b/leave")
    problem = assert_problem(private, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "{chat}", "code": "not_a_group"}]

    dc.faults.add(refusal("channels.LeaveChannel", "USER_CREATOR"))
    response = await client.post(f"{account}/chats/@garden_club/leave")
    assert_problem(response, 409, "owner_must_transfer_or_delete")


async def test_only_its_owner_deletes_a_chat_for_everyone(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    own = scene.world.add_channel("Plans", scene.alice, [scene.bob])
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="channels.DeleteChannel"))

    for chat_id in (scene.group.peer_id, own.peer_id):
        for _ in range(2):
            gone = await client.delete(f"{account}/chats/{chat_id}?forEveryone=true")
            assert gone.status_code == 204, gone.text

    assert not any(member.is_inside for member in scene.group.members.values())
    assert not any(member.is_inside for member in own.members.values())
    refused = await client.delete(f"{account}/chats/@garden_club?forEveryone=true")
    assert_problem(refused, 403, "admin_required")


async def test_deleting_a_chat_for_oneself_leaves_it(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    picnic = scene.world.add_group("Picnic", scene.bob, [scene.alice])

    for chat_id in (picnic.peer_id, scene.supergroup.peer_id):
        gone = await client.delete(f"{account}/chats/{chat_id}?forEveryone=false")
        assert gone.status_code == 204, gone.text

    assert picnic.members[scene.alice.id].role == "left"
    assert picnic.peer_id not in scene.alice.dialogs
    assert scene.supergroup.members[scene.alice.id].role == "left"


@pytest.mark.parametrize("for_everyone", [False, True])
async def test_a_private_chat_goes_for_oneself_or_for_both(
    client: httpx.AsyncClient, account: str, scene: Scene, *, for_everyone: bool
) -> None:
    url = f"{account}/chats/{scene.bob.id}?forEveryone={str(for_everyone).lower()}"

    gone = await client.delete(url)

    assert gone.status_code == 204
    assert scene.bob.id not in scene.alice.dialogs
    assert texts(scene, scene.alice, scene.bob) == []
    left = [] if for_everyone else [*(f"hello {n}" for n in range(1, 6)), "good morning"]
    assert texts(scene, scene.bob, scene.alice) == left


@pytest.mark.parametrize("for_everyone", [False, True])
async def test_a_long_history_is_cleared_to_its_end_and_the_chat_stays(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, *, for_everyone: bool
) -> None:
    for n in range(250):
        scene.world.post(scene.carol, scene.alice, f"m{n}")
    url = f"{account}/chats/{scene.carol.id}/history?forEveryone={str(for_everyone).lower()}"

    cleared = await client.delete(url)

    assert cleared.status_code == 204
    assert dc.requests["messages.DeleteHistory"] == 3
    assert texts(scene, scene.alice, scene.carol) == []
    assert len(texts(scene, scene.carol, scene.alice)) == (0 if for_everyone else 251)
    assert scene.carol.id in scene.alice.dialogs
    assert (await client.delete(url)).status_code == 204


@pytest.mark.short_deadlines
async def test_clearing_goes_on_where_the_time_was_over(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    for n in range(250):
        scene.world.post(scene.carol, scene.alice, f"m{n}")
    slow = Fault(action=Action.DELAY, request="messages.DeleteHistory", secs=2, times=2)
    dc.faults.add(slow)
    url = f"{account}/chats/{scene.carol.id}/history?forEveryone=false"

    cut_short = await client.delete(url, headers=KEY)
    again = await client.delete(url, headers=KEY)

    assert_problem(cut_short, 409, "outcome_unknown")
    assert again.status_code == 204
    assert texts(scene, scene.alice, scene.carol) == []


async def test_a_supergroup_is_cleared_for_oneself_or_by_its_administrators_for_all(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    own = scene.world.add_channel("Plans", scene.alice, [scene.bob])
    scene.world.post(scene.bob, own, "secret")
    garden = f"{account}/chats/@garden_club/history"

    assert_problem(await client.delete(f"{garden}?forEveryone=true"), 403, "admin_required")
    assert (await client.delete(f"{garden}?forEveryone=false")).status_code == 204
    everywhere = f"{account}/chats/{own.peer_id}/history?forEveryone=true"
    assert (await client.delete(everywhere)).status_code == 204

    assert texts(scene, scene.alice, scene.supergroup) == []
    assert texts(scene, scene.bob, scene.supergroup) == ["the roses are out"]
    assert texts(scene, scene.bob, own) == []


async def test_what_cannot_be_cleared_is_refused(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    group = scene.world.add_group("Picnic", scene.bob, [scene.alice])
    posts = await client.delete(f"{account}/chats/@daily_news/history?forEveryone=false")
    theirs = await client.delete(f"{account}/chats/{group.peer_id}/history?forEveryone=true")

    problem = assert_problem(posts, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "{chat}", "code": "is_a_channel"}]
    assert_problem(theirs, 403, "admin_required")


@pytest.mark.parametrize("end", ["", "/history"])
async def test_for_whom_it_goes_has_to_be_said(
    client: httpx.AsyncClient, account: str, end: str
) -> None:
    response = await client.delete(f"{account}/chats/@bob_b{end}")

    (fault,) = assert_problem(response, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("?forEveryone", "missing")


async def test_a_key_reaches_no_chat_beyond_its_lists(
    account: str, scene: Scene, acting: Acting
) -> None:
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))

    for chat in (scene.group.peer_id, "@garden_club", -1004711):
        url = f"{account}/chats/{chat}"
        for response in (
            await key.post(f"{url}/leave"),
            await key.delete(f"{url}?forEveryone=false"),
            await key.delete(f"{url}/history?forEveryone=false"),
        ):
            assert_problem(response, 403, "chat_not_allowed")
