from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import state
from vasya_sandbox.bots import Button
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Entity
from vasya_sandbox.to_do import ToDoList

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Message, User

MESSAGES = functions.messages


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


def asks(world: World, bob: User, ada: User, **more: Any) -> tuple[Message, Poll]:
    poll = Poll(5, "Which?", ["a", "b"], [[], []], **more)
    return world.post(bob, ada, media=poll).message, poll


def vote(message: Message, ada: User, *options: bytes) -> Any:
    return MESSAGES.SendVoteRequest("bob", message.copies[ada.id], list(options))


async def test_a_vote_is_counted_told_to_everybody_and_shown_to_those_who_voted(
    connect: Connect, world: World, ada: User, bob: User
) -> None:
    message, poll = asks(world, bob, ada)
    client, other = await connect(ada), await connect(bob)
    heard: list[Any] = []

    async def hear(update: Any) -> None:
        heard.append(update)

    other.add_event_handler(hear)
    await other.get_me()

    answer = await client(vote(message, ada, b"1"))

    assert poll.votes == [[], [ada.id]]
    (update,) = answer.updates
    assert [(each.voters, each.chosen) for each in update.results.results] == [
        (0, False),
        (1, True),
    ]
    async with asyncio.timeout(5):
        while not any(isinstance(each, types.UpdateMessagePoll) for each in heard):
            await asyncio.sleep(0.02)
    (told,) = (each for each in heard if isinstance(each, types.UpdateMessagePoll))
    assert (told.results.results, told.results.total_voters) == (None, 1)
    await client(vote(message, ada))
    assert poll.votes == [[], []]


async def test_votes_are_refused_as_telegram_refuses_them(
    connect: Connect, world: World, ada: User, bob: User
) -> None:
    open_poll, _ = asks(world, bob, ada)
    closed, _ = asks(world, bob, ada, is_closed=True)
    over, _ = asks(world, bob, ada, closes_at=world.now)
    quiz, _ = asks(world, bob, ada, correct_option=0)
    plain = world.post(bob, ada, "no poll").message
    client = await connect(ada)

    for message, options, error in (
        (open_poll, [b"7"], "OPTION_INVALID"),
        (open_poll, [b"0", b"1"], "OPTIONS_TOO_MUCH"),
        (closed, [b"0"], "MESSAGE_POLL_CLOSED"),
        (over, [b"0"], "MESSAGE_POLL_CLOSED"),
        (plain, [b"0"], "MESSAGE_ID_INVALID"),
    ):
        with refused(error):
            await client(vote(message, ada, *options))
    await client(vote(quiz, ada, b"1"))
    with refused("REVOTE_NOT_ALLOWED"):
        await client(vote(quiz, ada, b"0"))


async def test_a_bot_answers_the_data_of_its_buttons_and_no_other(
    connect: Connect, world: World, ada: User, bob: User
) -> None:
    buttons = [
        [
            Button("Say", data=b"say", reply="hello", is_alert=True),
            Button("Go", url="https://e.example"),
        ],
        [Button("Open", data=b"open", opens="https://e.example/x"), Button("Hm", data=b"silent")],
        [Button("Pay", kind="buy"), Button("Own", data=b"own", reply="x", needs_password=True)],
    ]
    posted = world.post(bob, ada, "?", buttons=buttons).message
    client = await connect(ada)

    async def press(data: bytes) -> Any:
        message_id = posted.copies[ada.id]
        return await client(MESSAGES.GetBotCallbackAnswerRequest("bob", message_id, data=data))

    said, opened = await press(b"say"), await press(b"open")

    assert (said.message, said.alert, said.url) == ("hello", True, None)
    assert (opened.message, opened.url, opened.has_url) == (None, "https://e.example/x", True)
    for data, error in (
        (b"silent", "BOT_RESPONSE_TIMEOUT"),
        (b"other", "DATA_INVALID"),
        (b"own", "PASSWORD_MISSING"),
    ):
        with refused(error):
            await press(data)


async def test_quizzes_folded_quotes_buttons_and_lists_survive_a_restart(
    world: World, ada: User, bob: User
) -> None:
    poll = Poll(5, "?", ["a", "b"], [[ada.id], []], correct_option=1, closes_at=9, explanation="so")
    button = Button("Say", data=b"x", reply="hello", needs_password=True)
    made = [
        world.post(bob, ada, media=poll).message,
        world.post(bob, ada, media=ToDoList("list", ["one"])).message,
        world.post(bob, ada, "?", buttons=[[button]]).message,
        world.post(bob, ada, "quoted", entities=[Entity("expandable_blockquote", 0, 6)]).message,
    ]

    again, _ = state.load(state.dump(world, []))

    found = [again.messages[each.number] for each in made]
    assert isinstance(found[0].media, Poll)
    assert (found[0].media.explanation, found[0].media.closes_at) == ("so", 9)
    assert found[1].media == ToDoList("list", ["one"])
    assert found[2].buttons == [[button]]
    assert found[3].entities == [Entity("expandable_blockquote", 0, 6)]


async def test_a_poll_that_cannot_be_is_refused(
    connect: Connect, world: World, ada: User, bob: User
) -> None:
    channel = world.add_channel("News", ada, username="news1", is_broadcast=True)
    client = await connect(ada)

    async def send(peer: str, options: list[str], correct: Any = None, **more: Any) -> Any:
        answers = [types.InputPollAnswer(types.TextWithEntities(each, [])) for each in options]
        poll = types.Poll(0, types.TextWithEntities("?", []), answers, hash=0, **more)
        media = types.InputMediaPoll(poll, correct_answers=correct)
        return await client(MESSAGES.SendMediaRequest(peer, media, "", random_id=len(options)))

    for peer, options, more, error in (
        ("bob", ["a", "a"], {}, "POLL_OPTION_DUPLICATE"),
        ("bob", ["a", "b"], {"correct": [0], "multiple_choice": True}, "QUIZ_MULTIPLE_INVALID"),
        ("news1", ["a", "b"], {"public_voters": True}, "BROADCAST_PUBLIC_VOTERS_FORBIDDEN"),
    ):
        with refused(error):
            await send(peer, options, **more)
    assert world.ids(ada, channel)[1:] == []
