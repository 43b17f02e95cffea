"""Voting in polls and pressing buttons: what the other side has of it, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.bots import Button
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.polls import Poll
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre


def ask(scene: Scene, **more: Any) -> tuple[str, Poll]:
    """Let Bob ask in the group, and return where that stands and the poll."""
    poll = Poll(9, "Lunch?", ["Soup", "Cake", "Both"], [[], [], []], **more)
    posted = scene.world.post(scene.bob, scene.group, media=poll).message
    return f"chats/{scene.group.peer_id}/messages/{posted.copies[scene.alice.id]}", poll


def offer(scene: Scene, *buttons: Button) -> str:
    """Let Bob offer buttons, and return where."""
    posted = scene.world.post(scene.bob, scene.alice, "?", buttons=[list(buttons)]).message
    return f"chats/{scene.bob.id}/messages/{posted.copies[scene.alice.id]}"


def first_error(response: httpx.Response) -> tuple[str, str]:
    problem = assert_problem(response, 422, "validation_failed")
    return problem["errors"][0]["pointer"], problem["errors"][0]["code"]


async def test_a_vote_counts_and_the_answer_tells_how_it_stands(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    path, poll = ask(scene)
    poll.votes[1].append(scene.carol.id)
    before = (await client.get(f"{account}/{path}")).json()["media"]["poll"]
    assert before["options"][1] == {"index": 1, "text": "Cake"}

    voted = await client.put(f"{account}/{path}/vote", json={"options": [0]})

    assert voted.status_code == 200, voted.text
    assert poll.votes == [[scene.alice.id], [scene.carol.id], []]
    told = voted.json()["media"]["poll"]
    assert told["options"] == [
        {"index": 0, "text": "Soup", "voters": 1, "isChosen": True},
        {"index": 1, "text": "Cake", "voters": 1},
        {"index": 2, "text": "Both", "voters": 0},
    ]
    assert (told["totalVoters"], told["isAnonymous"]) == (2, True)


async def test_a_vote_is_changed_taken_back_and_given_again(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path, poll = ask(scene, is_multiple=True)

    for options, votes in (([0, 2], [True, False, True]), ([1], [False, True, False]), ([], [])):
        voted = await client.put(f"{account}/{path}/vote", json={"options": options})
        assert voted.status_code == 200
        has = [scene.alice.id in voters for voters in poll.votes]
        assert has == (votes or [False, False, False])
    dc.reset_counters()
    again = await client.put(f"{account}/{path}/vote", json={"options": []})
    assert again.status_code == 200
    assert not dc.requests["messages.SendVote"]


@pytest.mark.parametrize(
    ("options", "code"),
    [([3], "unknown"), ([0, 1], "too_many"), ([0, 0], "repeated"), ([-1], "invalid")],
)
async def test_a_vote_that_cannot_be_is_refused(
    client: httpx.AsyncClient, account: str, scene: Scene, options: list[int], code: str
) -> None:
    path, poll = ask(scene)

    refused = await client.put(f"{account}/{path}/vote", json={"options": options})

    assert first_error(refused) == ("/options", code)
    assert poll.votes == [[], [], []]


async def test_a_closed_poll_and_a_second_vote_in_a_quiz_are_conflicts(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    closed, _ = ask(scene, is_closed=True)
    over, _ = ask(scene, closes_at=scene.world.now - 1)
    quiz, poll = ask(scene, correct_option=1, explanation="cake is best")
    for path in (closed, over):
        refused = await client.put(f"{account}/{path}/vote", json={"options": [0]})
        assert_problem(refused, 409, "poll_closed")

    first = await client.put(f"{account}/{quiz}/vote", json={"options": [0]})
    second = await client.put(f"{account}/{quiz}/vote", json={"options": [1]})
    back = await client.put(f"{account}/{quiz}/vote", json={"options": []})
    same = await client.put(f"{account}/{quiz}/vote", json={"options": [0]})

    told = first.json()["media"]["poll"]
    assert told["options"][1] == {"index": 1, "text": "Cake", "voters": 0, "isCorrect": True}
    assert (told["isQuiz"], told["explanation"]) == (True, "cake is best")
    assert_problem(second, 409, "already_voted")
    assert_problem(back, 409, "already_voted")
    assert same.status_code == 200
    assert poll.votes == [[scene.alice.id], [], []]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("MESSAGE_POLL_CLOSED", 409, "poll_closed"),
        ("REVOTE_NOT_ALLOWED", 409, "already_voted"),
    ],
)
async def test_what_telegram_knows_better_is_told_the_same(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    name: str,
    status: int,
    code: str,
) -> None:
    path, _ = ask(scene)
    dc.faults.add(Fault(action=Action.RPC_ERROR, request="messages.SendVote", code=400, text=name))

    refused = await client.put(f"{account}/{path}/vote", json={"options": [0]})

    assert_problem(refused, status, code)


async def test_only_a_poll_is_voted_in_and_only_buttons_are_pressed(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    plain = f"{account}/chats/{scene.bob.id}/messages/{scene.world.ids(scene.alice, scene.bob)[0]}"
    vote = await client.put(f"{plain}/vote", json={"options": [0]})
    assert first_error(vote) == ("{message}", "not_a_poll")
    press = await client.post(f"{plain}/press", json={"button": 0})
    assert first_error(press) == ("/button", "unknown")
    nowhere = f"{account}/chats/{scene.bob.id}/messages/4711"
    for gone in (
        await client.put(f"{nowhere}/vote", json={"options": [0]}),
        await client.post(f"{nowhere}/press", json={"button": 0}),
    ):
        assert_problem(gone, 404, "message_not_found")


async def test_a_press_answers_what_the_bot_says(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    path = offer(
        scene,
        Button("Link", url="https://e.example/x"),
        Button("Say", data=b"1", reply="14:30", is_alert=True),
        Button("Open", data=b"2", opens="https://e.example/y"),
    )
    shown = (await client.get(f"{account}/{path}")).json()["buttons"]
    assert shown[0] == {"id": 0, "text": "Link", "kind": "url", "url": "https://e.example/x"}

    said = await client.post(f"{account}/{path}/press", json={"button": 1})
    opened = await client.post(f"{account}/{path}/press", json={"button": 2})

    assert said.status_code == 200, said.text
    assert said.json() == {"text": "14:30", "isAlert": True, "trust": "untrusted"}
    assert opened.json() == {"url": "https://e.example/y", "trust": "untrusted"}


@pytest.mark.parametrize(
    ("button", "code"),
    [
        (Button("x", url="https://e.example"), "is_a_link"),
        (Button("x", kind="game"), "is_a_game"),
        (Button("x", kind="buy"), "is_a_payment"),
        (Button("x", data=b"x", reply="y", needs_password=True), "needs_password"),
    ],
)
async def test_what_is_no_press_is_not_sent_to_the_bot(
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    button: Button,
    code: str,
) -> None:
    path = offer(scene, button)

    refused = await client.post(f"{account}/{path}/press", json={"button": 0})
    unknown = await client.post(f"{account}/{path}/press", json={"button": 1})

    assert first_error(refused) == ("/button", code)
    assert first_error(unknown) == ("/button", "unknown")
    assert not dc.requests["messages.GetBotCallbackAnswer"]


async def test_a_bot_that_does_not_answer_is_told_and_is_not_asked_again(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path = offer(scene, Button("Silent", data=b"x"))
    headers = {"Idempotency-Key": "press"}

    first = await client.post(f"{account}/{path}/press", json={"button": 0}, headers=headers)
    again = await client.post(f"{account}/{path}/press", json={"button": 0}, headers=headers)

    assert_problem(first, 502, "bot_timeout")
    assert (again.status_code, again.json()["code"]) == (502, "bot_timeout")
    assert again.headers["idempotency-replayed"] == "true"
    assert dc.requests["messages.GetBotCallbackAnswer"] == 1


async def test_a_press_without_an_answer_of_telegrams_is_never_repeated(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path = offer(scene, Button("Yes", data=b"x", reply="ok"))
    headers = {"Idempotency-Key": "press"}
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.GetBotCallbackAnswer"))

    first = await client.post(f"{account}/{path}/press", json={"button": 0}, headers=headers)
    again = await client.post(f"{account}/{path}/press", json={"button": 0}, headers=headers)

    assert_problem(first, 409, "outcome_unknown")
    assert_problem(again, 409, "outcome_unknown")
    assert dc.requests["messages.GetBotCallbackAnswer"] == 1


async def test_a_key_votes_and_presses_where_it_may_write_and_read_with_its_scope(
    acting: Acting, with_key: Any, account: str, scene: Scene
) -> None:
    poll, _ = ask(scene)
    button = offer(scene, Button("Yes", data=b"x", reply="ok"))
    blind = await acting(
        ChatRule(ids=frozenset({scene.carol.id})),
        ChatRule(ids=frozenset({scene.bob.id, scene.group.peer_id})),
    )
    elsewhere = await acting(ChatRule(ids=frozenset({scene.carol.id})))
    weak = await with_key(scopes=["messages:read"])
    for key, code in (
        (blind, "chat_not_allowed"),
        (elsewhere, "chat_not_allowed"),
        (weak, "scope_required"),
    ):
        voted = await key.put(f"{account}/{poll}/vote", json={"options": [0]})
        pressed = await key.post(f"{account}/{button}/press", json={"button": 0})
        assert_problem(voted, 403, code)
        assert_problem(pressed, 403, code)

    there = await acting(ChatRule(ids=frozenset({scene.bob.id, scene.group.peer_id})))
    assert (await there.put(f"{account}/{poll}/vote", json={"options": [0]})).status_code == 200
    assert (await there.post(f"{account}/{button}/press", json={"button": 0})).status_code == 200


async def test_a_human_who_is_asked_sees_which_options_and_which_button(
    with_key: Any, client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    agent = await with_key(approval={"messages:react": "always", "messages:send": "always"})
    path, poll = ask(scene)

    asked = await agent.put(f"{account}/{path}/vote", json={"options": [2]})
    pressed = await agent.post(
        f"{account}/{offer(scene, Button('Yes', data=b'x', reply='ok'))}/press", json={"button": 0}
    )

    assert (asked.status_code, pressed.status_code) == (202, 202)
    assert asked.json()["preview"]["request"] == {"options": [2]}
    assert pressed.json()["preview"]["request"] == {"button": 0}
    digest = {"digest": asked.json()["digest"]}
    done = await client.post(f"{API}/actions/{asked.json()['actionId']}/approve", json=digest)
    assert (done.json()["status"], poll.votes[2]) == ("done", [scene.alice.id])
