"""Changing a chat over HTTP: several of Telegram's requests behind one of ours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel

KEY = {"Idempotency-Key": "a2a5b0f4-4a53-4c45-9a4a-0c8f9e7a6b10"}
DAY = 86_400
CHANGES = {
    "channels.UpdateUsername",
    "channels.EditTitle",
    "messages.EditChatTitle",
    "messages.EditChatAbout",
    "channels.ToggleSlowMode",
    "messages.SetHistoryTTL",
    "folders.EditPeerFolders",
    "messages.ToggleDialogPin",
    "account.UpdateNotifySettings",
    "messages.MarkDialogUnread",
}
EVERYTHING = {
    "title": "Allotment",
    "about": "Beds and seeds.",
    "username": "allotment_1",
    "slowModeSecs": 30,
    "historyTtlSecs": DAY,
    "isMuted": True,
    "isArchived": True,
    "isPinned": True,
    "isMarkedUnread": True,
}


def refusal(request: str, text: str, code: int = 400) -> Fault:
    return Fault(action=Action.RPC_ERROR, request=request, code=code, text=text)


def sent(dc: DataCentre) -> list[str]:
    """Return the methods that changed something, each as often as it was sent."""
    return sorted(name for name in CHANGES for _ in range(dc.requests[name]))


@pytest.fixture
def plans(scene: Scene) -> Channel:
    """Return a supergroup of Alice's own."""
    return scene.world.add_channel("Plans", scene.alice, [scene.bob])


@pytest.fixture
def url(account: str, plans: Channel) -> str:
    return f"{account}/chats/{plans.peer_id}"


async def test_everything_is_changed_at_once_and_again_nothing(
    client: httpx.AsyncClient, url: str, dc: DataCentre, scene: Scene, plans: Channel
) -> None:
    changed = await client.patch(url, json=EVERYTHING)

    assert changed.status_code == 200, changed.text
    chat = changed.json()
    expected = {name: value for name, value in EVERYTHING.items() if name != "historyTtlSecs"}
    assert {name: chat.get(name) for name in expected} == expected
    assert chat["historyTtlSecs"] == DAY
    assert (chat["role"], "mutedUntil" in chat) == ("owner", False)
    assert (plans.title, plans.about, plans.username) == (
        "Allotment",
        "Beds and seeds.",
        "allotment_1",
    )
    assert (plans.slow_mode_secs, plans.ttl_secs) == (30, DAY)
    dialog = scene.alice.dialogs[plans.peer_id]
    assert (dialog.folder_id, dialog.pin_rank > 0, dialog.is_marked_unread) == (1, True, True)

    dc.reset_counters()
    again = await client.patch(url, json=EVERYTHING)
    assert again.json() == chat
    assert sent(dc) == []


async def test_what_was_changed_is_changed_back(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: Channel
) -> None:
    await client.patch(url, json=EVERYTHING)

    back = await client.patch(
        url,
        json={
            "about": "",
            "username": None,
            "slowModeSecs": 0,
            "historyTtlSecs": 0,
            "isMuted": False,
            "isArchived": False,
            "isPinned": False,
            "isMarkedUnread": False,
        },
    )

    assert back.status_code == 200, back.text
    left = {"about", "username", "slowModeSecs", "historyTtlSecs", "isMuted", "isArchived"}
    assert not left & back.json().keys()
    assert not {"isPinned", "isMarkedUnread"} & back.json().keys()
    assert (plans.about, plans.username, plans.slow_mode_secs, plans.ttl_secs) == ("", "", 0, 0)
    dialog = scene.alice.dialogs[plans.peer_id]
    assert (dialog.folder_id, dialog.pin_rank, dialog.muted_until) == (0, 0, 0)


async def test_a_group_and_a_private_chat_have_less_to_change(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    group = await client.patch(
        f"{account}/chats/{scene.group.peer_id}",
        json={"title": "Supper", "about": "At eight.", "historyTtlSecs": DAY},
    )
    private = await client.patch(
        f"{account}/chats/{scene.bob.id}", json={"historyTtlSecs": DAY, "isPinned": True}
    )

    assert (group.json()["title"], group.json()["about"]) == ("Supper", "At eight.")
    assert (scene.group.title, scene.group.ttl_secs) == ("Supper", DAY)
    assert (private.json()["historyTtlSecs"], private.json()["isPinned"]) == (DAY, True)


async def test_a_chat_is_muted_until_a_moment_and_keeps_how_else_it_is_told(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: Channel
) -> None:
    dialog = scene.world.dialog(scene.alice, plans.peer_id)
    dialog.shows_previews, dialog.is_silent = False, True

    muted = await client.patch(url, json={"mutedUntil": "2037-01-01T12:00:00+02:00"})

    assert muted.json()["mutedUntil"] == "2037-01-01T10:00:00Z"
    assert muted.json()["isMuted"] is True
    forever = await client.patch(url, json={"mutedUntil": "2099-01-01T12:00:00Z"})
    assert "mutedUntil" not in forever.json()
    assert dialog.muted_until == 2**31 - 1
    assert (dialog.shows_previews, dialog.is_silent) == (False, True)
    loud = await client.patch(url, json={"mutedUntil": None})
    assert "isMuted" not in loud.json()
    assert (dialog.muted_until, dialog.shows_previews) == (0, False)


@pytest.mark.parametrize(
    ("where", "body", "faults"),
    [
        ("@bob_b", {"title": "x", "about": "x"}, [("/title", "not_possible"), ("/about", "not_possible")]),
        ("@bob_b", {"slowModeSecs": 10}, [("/slowModeSecs", "not_possible")]),
        ("me", {"historyTtlSecs": DAY}, [("/historyTtlSecs", "not_possible")]),
        ("group", {"username": "lunch_1"}, [("/username", "not_possible")]),
        ("group", {"slowModeSecs": 10}, [("/slowModeSecs", "not_possible")]),
        ("@daily_news", {"slowModeSecs": 10}, [("/slowModeSecs", "not_possible")]),
        ("group", {"title": "  ", "isPinned": True}, [("/title", "empty")]),
        ("group", {"mutedUntil": "2001-01-01T00:00:00Z"}, [("/mutedUntil", "in_the_past")]),
        ("group", {"isMuted": False, "mutedUntil": "2099-01-01T00:00:00Z"}, [("/mutedUntil", "contradicts_is_muted")]),
        ("group", {"isMuted": True, "mutedUntil": None}, [("/mutedUntil", "contradicts_is_muted")]),
        ("group", {"mutedUntil": "2099-01-01T00:00:00"}, [("/mutedUntil", "invalid")]),
        ("group", {"historyTtlSecs": 5}, [("/historyTtlSecs", "out_of_range")]),
        ("group", {"slowModeSecs": 7}, [("/slowModeSecs", "not_allowed")]),
        ("group", {"username": "a b"}, [("/username", "wrong_form")]),
        ("group", {"isMuted": None}, [("/isMuted", "not_allowed")]),
        ("group", {"topic": 1}, [("/topic", "unknown")]),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused_before_anything_is_changed(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    where: str,
    body: dict[str, Any],
    faults: list[tuple[str, str]],
) -> None:
    chat = scene.group.peer_id if where == "group" else where

    response = await client.patch(f"{account}/chats/{chat}", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == faults
    assert sent(dc) == []


@pytest.mark.parametrize(
    "body", [{"title": "Mine"}, {"about": "x"}, {"username": "mine_1"}, {"slowModeSecs": 10}, {"historyTtlSecs": DAY}]
)  # fmt: skip
async def test_what_only_administrators_change_is_refused_before_anything_is_changed(
    client: httpx.AsyncClient, account: str, dc: DataCentre, body: dict[str, Any]
) -> None:
    response = await client.patch(f"{account}/chats/@garden_club", json={"isPinned": True, **body})

    assert_problem(response, 403, "admin_required")
    assert sent(dc) == []


@pytest.mark.parametrize(("name", "code"), [("bob_b", "taken"), ("four", "not_allowed")])
async def test_a_name_that_cannot_be_had_is_refused_before_anything_is_changed(
    client: httpx.AsyncClient, url: str, scene: Scene, plans: Channel, name: str, code: str
) -> None:
    response = await client.patch(url, json={"title": "Other", "username": name})

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "/username", "code": code}]
    assert "applied" not in problem
    assert plans.title == "Plans"


async def test_a_refusal_on_the_way_says_what_was_done_before_it(
    client: httpx.AsyncClient, url: str, dc: DataCentre, scene: Scene, plans: Channel
) -> None:
    for n in range(5):
        scene.world.dialog(
            scene.alice, scene.world.add_group(f"G{n}", scene.alice).peer_id
        ).pin_rank = n + 1
    body = {"title": "Other", "isPinned": True, "isMuted": True}

    first = await client.patch(url, json=body, headers=KEY)
    again = await client.patch(url, json=body, headers=KEY)

    problem = assert_problem(first, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "/isPinned", "code": "too_many"}]
    assert problem["applied"] == ["/title"]
    assert plans.title == "Other"
    assert scene.alice.dialogs[plans.peer_id].muted_until == 0
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["applied"] == ["/title"]


async def test_what_was_refused_for_a_while_is_done_by_the_same_request(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene, plans: Channel
) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.EditChatAbout", secs=30))
    body = {"title": "Other", "about": "More."}
    async with serve() as (_, client):
        session = {"session": dc.mint(scene.alice)}
        await client.post(f"{API}/telegram/login/session", json=session)
        url = f"{API}/accounts/me/chats/{plans.peer_id}"

        first = await client.patch(url, json=body, headers=KEY)
        clock.ahead = timedelta(seconds=31)
        again = await client.patch(url, json=body, headers=KEY)

    problem = assert_problem(first, 429, "telegram_flood_wait")
    assert (problem["applied"], problem["retryAfterSecs"]) == (["/title"], 30)
    assert (again.status_code, again.json()["about"]) == (200, "More.")
    assert dc.requests["channels.EditTitle"] == 1


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP_AFTER, Action.SILENCE])
async def test_an_answer_that_is_lost_is_found_out_by_the_same_request(
    client: httpx.AsyncClient, url: str, dc: DataCentre, plans: Channel, action: Action
) -> None:
    dc.faults.add(Fault(action=action, request="messages.EditChatAbout"))
    body = {"title": "Other", "about": "More.", "isMarkedUnread": True}

    response = await client.patch(url, json=body, headers=KEY)
    if response.status_code == 409:
        response = await client.patch(url, json=body, headers=KEY)

    assert response.status_code == 200, response.text
    assert (response.json()["title"], response.json()["about"]) == ("Other", "More.")
    assert dc.requests["channels.EditTitle"] == 1


async def test_a_dry_run_says_what_would_be_changed(
    client: httpx.AsyncClient, url: str, dc: DataCentre
) -> None:
    told = (await client.patch(f"{url}?dryRun=true", json=EVERYTHING)).json()

    assert told["wouldExecute"] is True
    assert told["preview"]["request"] == EVERYTHING
    assert told["preview"]["chat"]["title"] == "Plans"
    assert sent(dc) == []


async def test_keys_change_what_they_may_write_to_and_are_told_what_they_may_read(
    account: str,
    scene: Scene,
    acting: Acting,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    plans: Channel,
) -> None:
    other = await acting(ChatRule(ids=frozenset({scene.bob.id})))
    writer = await acting(
        ChatRule(ids=frozenset({scene.bob.id})), ChatRule(ids=frozenset({plans.peer_id}))
    )
    reader = await with_key(scopes=["chats:read"])
    body = {"isPinned": True}

    for chat in (plans.peer_id, -1004711, "@garden_club"):
        refused = await other.patch(f"{account}/chats/{chat}", json=body)
        assert_problem(refused, 403, "chat_not_allowed")
    written = await writer.patch(f"{account}/chats/{plans.peer_id}", json=body)
    assert written.json() == {"id": plans.peer_id, "type": "supergroup"}
    url = f"{account}/chats/{plans.peer_id}"
    assert_problem(await reader.patch(url, json=body), 403, "scope_required")


async def test_archiving_by_a_key_leaves_its_folder_as_it_is(
    client: httpx.AsyncClient, account: str, scene: Scene, account_id: str,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], plans: Channel,
) -> None:  # fmt: skip
    scene.alice.folders.append(Folder(2, "Work", included=[plans.peer_id]))
    lists = {"read": {"folders": [2]}, "write": {"folders": [2]}}
    key = await with_key(accountIds=[account_id], chats=lists)
    url = f"{account}/chats/{plans.peer_id}"

    changed = await key.patch(url, json={"isArchived": True, "isMuted": True, "isPinned": True})

    assert changed.status_code == 200
    assert scene.alice.folders[0].included == [plans.peer_id]
    assert (await key.get(url)).json()["isArchived"] is True


@pytest.mark.parametrize("kind", ["user", "group", "supergroup", "channel"])
async def test_one_chat_tells_what_a_list_leaves_out(
    client: httpx.AsyncClient, account: str, scene: Scene, kind: str
) -> None:
    scene.bob.about = "Gardener."
    scene.group.about, scene.group.ttl_secs = "Noon.", DAY
    scene.supergroup.about, scene.supergroup.slow_mode_secs = "Roses.", 30
    scene.channel.about, scene.channel.is_protected = "All of it.", True
    chat_id, expected = {
        "user": (scene.bob.id, {"about": "Gardener."}),
        "group": (scene.group.peer_id, {"about": "Noon.", "historyTtlSecs": DAY, "role": "owner"}),
        "supergroup": (
            scene.supergroup.peer_id,
            {"about": "Roses.", "slowModeSecs": 30, "role": "member"},
        ),
        "channel": (
            scene.channel.peer_id,
            {"about": "All of it.", "isProtected": True, "role": "member"},
        ),
    }[kind]
    told = {"about", "historyTtlSecs", "slowModeSecs", "role", "isProtected", "nextSendAt"}

    one = (await client.get(f"{account}/chats/{chat_id}")).json()
    listed = (await client.get(f"{account}/chats")).json()["items"]

    assert {name: one[name] for name in told & one.keys()} == expected
    assert not told & next(each for each in listed if each["id"] == chat_id).keys()


async def test_what_a_chat_says_of_itself_is_cleaned(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.supergroup.about = "Ro\u202eses"

    one = (await client.get(f"{account}/chats/@garden_club")).json()

    assert (one["about"], one["sanitized"]["removed"]) == ("Roses", 1)
