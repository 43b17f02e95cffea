"""Forwarding: every message stands once in the other chat, and nothing leaves a chat that it may not leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox import images
from vasya_sandbox.records import FileMedia, Size
from vasya_server.errors import (
    AdminRequired,
    ChatNotFound,
    ChatProtected,
    ChatWriteForbidden,
    MessageNotFound,
    OutcomeUnknown,
    ValidationFailed,
)
from vasya_server.model.writing import ForwardMessages
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.requests.forward import forward_messages

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.model.message import ForwardedMessages
    from vasya_server.telegram.accounts import AccountRuntime


@pytest.fixture
def five(scene: Scene, world: World) -> list[int]:
    """Return five messages of the supergroup."""
    posted = [world.post(scene.bob, scene.supergroup, f"m{n}").message for n in range(5)]
    return [message.copies[scene.supergroup.peer_id] for message in posted]


async def forward(
    account: AccountRuntime,
    to: str,
    ids: list[int],
    source: str = "@garden_club",
    **fields: Any,
) -> ForwardedMessages:
    peer = await resolve(as_owner(account), to)
    body = ForwardMessages(from_chat=source, message_ids=tuple(ids), **fields)
    origin = await resolve(as_owner(account), body.from_chat)
    return await forward_messages(as_owner(account), peer, origin, body, range(1, len(ids) + 1))


def texts(world: World, scene: Scene) -> list[str]:
    """Return what Bob has from Alice, oldest first."""
    found = [
        world.message(scene.bob, scene.alice, each) for each in world.ids(scene.bob, scene.alice)
    ]
    return [r.text for r in found if r is not None and r.author_id == scene.alice.id][1:]


async def test_forwarded_messages_name_where_they_are_from_in_the_order_asked_for(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int]
) -> None:
    answer = await forward(alice, "@bob_b", five)

    assert texts(world, scene) == ["m0", "m1", "m2", "m3", "m4"]
    assert [message.text for message in answer.items] == ["m0", "m1", "m2", "m3", "m4"]
    assert [message.chat_id for message in answer.items] == [scene.bob.id] * 5
    assert {m.forwarded_from.name for m in answer.items if m.forwarded_from} == {"Bob"}
    assert answer.missing == []


async def test_a_copy_names_nobody(alice: AccountRuntime, five: list[int]) -> None:
    answer = await forward(alice, "me", five[:1], as_copy=True)

    assert (answer.items[0].text, answer.items[0].forwarded_from) == ("m0", None)


async def test_a_caption_is_dropped_from_a_copy_only(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    photo = world.add_file(
        "photo", "image/jpeg", sizes=[Size("y", 80, 48, images.landscape(1, 10, 6))]
    )
    sent = world.post(scene.bob, scene.alice, "a hill", media=FileMedia(photo.id)).message
    ids = [sent.copies[scene.alice.id]]

    copy = await forward(alice, "me", ids, "@bob_b", as_copy=True, without_caption=True)

    assert copy.items[0].text == ""
    assert copy.items[0].media is not None
    with pytest.raises(ValidationFailed) as refused:
        await forward(alice, "me", ids, "@bob_b", without_caption=True)
    assert refused.value.errors[0].pointer == "/withoutCaption"


async def test_an_album_that_is_forwarded_stays_an_album(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    files = [world.add_file("document", "text/plain", data=b"x", name="x") for _ in range(2)]
    posted = [
        world.post(scene.bob, scene.supergroup, media=FileMedia(file.id), grouped_id=77).message
        for file in files
    ]
    ids = [message.copies[scene.supergroup.peer_id] for message in posted]

    answer = await forward(alice, "@bob_b", ids)

    groups = {message.grouped_id for message in answer.items}
    assert len(groups) == 1
    assert groups != {None}
    assert groups != {"77"}


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", ["drop", "drop_after", "silence"])
async def test_a_forward_through_a_broken_connection_makes_each_message_once(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int], fault: Faults, action: str
) -> None:
    await resolve(as_owner(alice), "@garden_club")
    fault(action, "messages.ForwardMessages")

    try:
        answer = await forward(alice, "@bob_b", five)
    except OutcomeUnknown:
        answer = await forward(alice, "@bob_b", five)

    assert texts(world, scene) == ["m0", "m1", "m2", "m3", "m4"]
    assert [message.text for message in answer.items] == ["m0", "m1", "m2", "m3", "m4"]


async def test_a_repeated_forward_answers_with_the_first_messages(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int]
) -> None:
    first = await forward(alice, "@bob_b", five)

    again = await forward(alice, "@bob_b", five)

    assert [m.id for m in again.items] == [m.id for m in first.items]
    assert len(texts(world, scene)) == 5


async def test_a_repeated_forward_finds_its_messages_after_the_originals_are_gone(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    posted = world.post(scene.bob, scene.alice, "secret").message
    theirs = [posted.copies[scene.alice.id]]
    first = await forward(alice, "me", theirs, "@bob_b")
    del scene.alice.box.numbers[theirs[0]]

    again = await forward(alice, "me", theirs, "@bob_b")

    assert [m.id for m in again.items] == [m.id for m in first.items]


async def test_a_forward_that_was_answered_with_a_part_of_it_tells_the_rest(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int]
) -> None:
    first = await forward(alice, "@bob_b", five[:2])

    answer = await forward(alice, "@bob_b", five[:3])

    assert [m.id for m in answer.items][:2] == [m.id for m in first.items]
    assert texts(world, scene) == ["m0", "m1", "m2"]


async def test_what_is_protected_stays_where_it_is(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int]
) -> None:
    scene.supergroup.is_protected = True

    for as_copy in (False, True):
        with pytest.raises(ChatProtected):
            await forward(alice, "me", five, as_copy=as_copy)

    assert world.ids(scene.alice, scene.alice) == []


async def test_a_message_of_another_chat_cannot_be_forwarded_as_one_of_this(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    theirs = world.post(scene.carol, scene.alice, "for Alice alone").message.copies[scene.alice.id]

    with pytest.raises(MessageNotFound):
        await forward(alice, "me", [theirs], "@bob_b")

    assert "messages.ForwardMessages" not in dc.requests


@pytest.mark.parametrize("source", ["@garden_club", "@bob_b"])
async def test_a_message_that_is_not_there_cannot_be_forwarded(
    alice: AccountRuntime, source: str
) -> None:
    with pytest.raises(MessageNotFound):
        await forward(alice, "me", [4711], source)


async def test_a_source_that_is_nowhere_is_not_found(alice: AccountRuntime) -> None:
    with pytest.raises(ChatNotFound):
        await forward(alice, "me", [1], "@nobody_at_all")


async def test_a_message_named_twice_is_refused(
    alice: AccountRuntime, five: list[int], dc: DataCentre
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await forward(alice, "me", [five[0], five[0]])

    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/messageIds", "repeated")]
    assert "messages.ForwardMessages" not in dc.requests


async def test_nothing_is_forwarded_to_where_one_may_not_write(
    alice: AccountRuntime, five: list[int]
) -> None:
    with pytest.raises((AdminRequired, ChatWriteForbidden)):
        await forward(alice, "@daily_news", five)


async def test_a_forward_goes_silently_to_its_topic(
    alice: AccountRuntime, scene: Scene, world: World, five: list[int]
) -> None:
    forum = world.add_channel("Forum", scene.alice, [scene.bob], is_forum=True)
    topic = world.add_topic(forum, "Roses", scene.alice)

    answer = await forward(alice, str(forum.peer_id), five[:1], topic=topic.id, is_silent=True)

    stored = world.message(scene.alice, forum, answer.items[0].id)
    assert stored is not None
    assert (answer.items[0].topic_id, stored.is_silent) == (topic.id, True)


async def test_a_chat_without_topics_takes_none(alice: AccountRuntime, five: list[int]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await forward(alice, "@bob_b", five, topic=5)

    assert refused.value.errors[0].pointer == "/topic"
