from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telethon import events, functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox.records import FileMedia

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import File, User

WORDS = "See you at seven."


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada", username="ada1")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bob")


def voice(world: World, speech: str = WORDS) -> File:
    return world.add_file("voice", "audio/ogg", data=b"sound", duration_secs=3, speech=speech)


def post(world: World, bob: User, ada: User, file: File) -> int:
    return world.post(bob, ada, media=FileMedia(file.id)).message.copies[ada.id]


async def test_what_was_said_is_told_at_once(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    message_id = post(world, bob, ada, voice(world))
    client = await connect(ada)

    answer = await client(functions.messages.TranscribeAudioRequest("bob", message_id))

    assert (answer.text, answer.pending) == (WORDS, False)


async def test_what_takes_longer_is_told_by_an_update(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.transcribing_secs = 0.1
    message_id = post(world, bob, ada, voice(world))
    client = await connect(ada, receive_updates=True)
    told: asyncio.Queue[Any] = asyncio.Queue()
    client.add_event_handler(told.put, events.Raw(types.UpdateTranscribedAudio))
    await client(functions.updates.GetStateRequest())

    answer = await client(functions.messages.TranscribeAudioRequest("bob", message_id))
    async with asyncio.timeout(5):
        update = await told.get()

    assert (answer.text, answer.pending) == ("", True)
    assert (update.text, update.transcription_id) == (WORDS, answer.transcription_id)
    again = await client(functions.messages.TranscribeAudioRequest("bob", message_id))
    assert again.text == WORDS


async def test_an_account_without_premium_has_a_few(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    world.free_transcripts = 1
    first, second = (post(world, bob, ada, voice(world)) for _ in range(2))
    client = await connect(ada)

    for _ in range(2):  # the same one costs nothing again
        await client(functions.messages.TranscribeAudioRequest("bob", first))
    with refused("PREMIUM_ACCOUNT_REQUIRED", 403):
        await client(functions.messages.TranscribeAudioRequest("bob", second))


async def test_nothing_is_heard_where_nothing_is_said(
    world: World, ada: User, bob: User, connect: Connect
) -> None:
    silence = post(world, bob, ada, voice(world, ""))
    text = world.post(bob, ada, "words").message.copies[ada.id]
    client = await connect(ada)

    with refused("TRANSCRIPTION_FAILED"):
        await client(functions.messages.TranscribeAudioRequest("bob", silence))
    with refused("MSG_VOICE_MISSING"):
        await client(functions.messages.TranscribeAudioRequest("bob", text))
    with refused("MSG_ID_INVALID"):
        await client(functions.messages.TranscribeAudioRequest("bob", 4711))
