"""Sending, editing and deleting: what stands on Telegram is what the answer says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import as_owner
from tests.waiting import until_asked
from vasya_server.errors import (
    AdminRequired,
    ChatNotFound,
    ChatWriteForbidden,
    FloodWait,
    MessageNotFound,
    OutcomeUnknown,
    ValidationFailed,
)
from vasya_server.model.message import Entity
from vasya_server.model.writing import EditMessage, SendMessage, TextFormat
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.requests.deletion import delete_message
from vasya_server.telegram.requests.editing import edit_message
from vasya_server.telegram.requests.messages import get_message, send_message

if TYPE_CHECKING:
    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.model.message import Message
    from vasya_server.telegram.accounts import AccountRuntime


async def send(
    account: AccountRuntime, chat: str, text: str, random_id: int = 7, **fields: Any
) -> Message:
    peer = await resolve(as_owner(account), chat)
    return await send_message(
        as_owner(account), peer, SendMessage(text=text, **fields), [random_id]
    )


async def edit(account: AccountRuntime, chat: str, message_id: int, text: str) -> Message:
    peer = await resolve(as_owner(account), chat)
    return await edit_message(
        as_owner(account), peer, message_id, EditMessage(text=text), lineage=""
    )


async def delete(
    account: AccountRuntime, chat: str, message_id: int, *, for_everyone: bool
) -> None:
    peer = await resolve(as_owner(account), chat)
    await delete_message(as_owner(account), peer, message_id, for_everyone=for_everyone)


def refusals(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in refused.value.errors]


@pytest.mark.parametrize("chat", ["@bob_b", "group", "@garden_club", "me"])
async def test_a_sent_message_stands_where_it_was_sent(
    alice: AccountRuntime, scene: Scene, world: World, chat: str
) -> None:
    reference = str(scene.group.peer_id) if chat == "group" else chat

    message = await send(alice, reference, "see **you**")

    where = (await resolve(as_owner(alice), reference)).id
    peer = world.peer(where)
    assert peer is not None
    stored = world.message(scene.alice, peer, message.id)
    assert stored is not None
    assert stored.text == "see you"
    assert (message.chat_id, message.text, message.is_outgoing) == (where, "see you", True)
    assert message.entities == [Entity(type="bold", offset=4, length=3)]
    assert message.sender is not None
    assert (message.sender.id, message.sender.name) == (scene.alice.id, "Alice Archer")


async def test_the_same_random_id_sends_once_and_answers_the_first_message(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    first = await send(alice, "@bob_b", "once")

    second = await send(alice, "@bob_b", "once")

    assert first.id == second.id
    assert [world.messages[n].text for n in scene.bob.box.numbers.values()].count("once") == 1


async def test_a_repeated_send_of_a_deleted_message_finds_it_gone(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    sent = await send(alice, "@bob_b", "once")
    await delete(alice, "@bob_b", sent.id, for_everyone=True)

    with pytest.raises(MessageNotFound):
        await send(alice, "@bob_b", "once")

    assert "once" not in [world.messages[n].text for n in scene.bob.box.numbers.values()]


@pytest.mark.short_deadlines
@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("flood_wait", {"secs": 30}),
        ("rpc_error", {"code": 500, "text": "INTERNAL"}),
        ("rpc_error", {"code": 401, "text": "SESSION_REVOKED"}),
        ("silence", {"times": 9}),
    ],
)
async def test_a_change_that_cannot_be_read_back_is_not_told_as_a_refusal(
    alice: AccountRuntime, fault: Faults, action: str, details: dict[str, Any]
) -> None:
    sent = await send(alice, "me", "once")
    fault(action, "messages.GetMessages", **details)

    with pytest.raises(OutcomeUnknown, match="read back"):
        await edit(alice, "me", sent.id, "once")


async def test_a_send_that_cannot_be_read_back_is_not_told_as_a_refusal(
    alice: AccountRuntime, fault: Faults
) -> None:
    sent = await send(alice, "me", "once")
    await delete(alice, "me", sent.id, for_everyone=True)
    fault("flood_wait", "messages.GetMessages", secs=30)

    with pytest.raises(OutcomeUnknown, match="read back"):
        await send(alice, "me", "once")


async def test_a_change_that_is_cancelled_while_it_is_read_back_tells_that_it_may_have_happened(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    sent = await send(alice, "me", "once")
    dc.reset_counters()
    fault("silence", "messages.GetMessages")
    editing = asyncio.create_task(edit(alice, "me", sent.id, "once"))
    await until_asked(dc, "messages.GetMessages")

    editing.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await editing

    assert isinstance(cancelled.value.__cause__, OutcomeUnknown)


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", ["drop", "drop_after", "silence"])
async def test_a_send_through_a_broken_connection_makes_one_message(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults, action: str
) -> None:
    await resolve(as_owner(alice), str(scene.bob.id))
    fault(action, "messages.SendMessage", times=1)

    try:
        await send(alice, str(scene.bob.id), "once")
    except OutcomeUnknown:
        await send(alice, str(scene.bob.id), "once")

    assert [world.messages[n].text for n in scene.bob.box.numbers.values()].count("once") == 1


async def test_sending_marks_nothing_and_types_nothing(
    alice: AccountRuntime, scene: Scene, dc: DataCentre
) -> None:
    await resolve(as_owner(alice), str(scene.bob.id))
    dc.reset_counters()

    await send(alice, str(scene.bob.id), "hi")

    assert dc.requests == {"messages.SendMessage": 1}


async def test_html_and_plain_text_are_sent_as_such(alice: AccountRuntime) -> None:
    html = await send(alice, "me", "<i>x</i>", 1, format=TextFormat.HTML)
    plain = await send(alice, "me", "**x**", 2, format=TextFormat.PLAIN)

    assert (html.text, [entity.type for entity in html.entities]) == ("x", ["italic"])
    assert (plain.text, plain.entities) == ("**x**", [])


async def test_a_reply_with_a_quote_names_both(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    asked = world.post(scene.bob, scene.supergroup, "tea or coffee?").message
    number = asked.copies[scene.supergroup.peer_id]

    message = await send(alice, "@garden_club", "tea", reply_to=number, quote="tea")

    assert message.reply_to is not None
    assert (message.reply_to.message_id, message.reply_to.quote) == (number, "tea")


async def test_a_message_goes_to_its_topic(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    forum = world.add_channel("Forum", scene.alice, [scene.bob], is_forum=True)
    topic = world.add_topic(forum, "Roses", scene.alice)

    inside = await send(alice, str(forum.peer_id), "rose", 1, topic=topic.id)
    general = await send(alice, str(forum.peer_id), "all", 2, topic=1)
    answer = await send(alice, str(forum.peer_id), "yes", 3, topic=topic.id, reply_to=inside.id)

    assert (inside.topic_id, inside.reply_to) == (topic.id, None)
    assert general.topic_id == 1
    assert answer.topic_id == topic.id
    assert answer.reply_to is not None
    assert answer.reply_to.message_id == inside.id


async def test_a_silent_message_is_silent(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message = await send(alice, "@bob_b", "psst", is_silent=True)

    stored = world.message(scene.alice, scene.bob, message.id)
    assert stored is not None
    assert stored.is_silent


async def test_a_mention_by_id_reaches_somebody_who_was_met(
    alice: AccountRuntime, scene: Scene
) -> None:
    await resolve(as_owner(alice), "@carol_c")

    message = await send(alice, str(scene.group.peer_id), f"[C](tg://user?id={scene.carol.id})")

    assert [(entity.type, entity.user_id) for entity in message.entities] == [
        ("text_mention", scene.carol.id)
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": " \n "}, ("/text", "empty")),
        ({"text": "<b> </b>", "format": TextFormat.HTML}, ("/text", "empty")),
        ({"text": "x" * 4097}, ("/text", "too_long")),
        ({"text": "👍" * 2049}, ("/text", "too_long")),
        ({"text": "<h1>x</h1>", "format": TextFormat.HTML}, ("/text", "unknown_tag")),
        ({"text": "[x](tg://user?id=4711)"}, ("/text", "unknown_user")),
        ({"text": "x", "quote": "x"}, ("/quote", "requires_reply_to")),
        ({"text": "x", "topic": 5}, ("/topic", "chat_has_no_topics")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
async def test_what_cannot_be_sent_is_refused_before_telegram_is_asked(
    alice: AccountRuntime,
    scene: Scene,
    dc: DataCentre,
    fields: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await send(alice, str(scene.bob.id), **fields)

    assert refusals(refused) == [expected]
    assert "messages.SendMessage" not in dc.requests


@pytest.mark.parametrize("text", ["x" * 4096, "**" + "x" * 4096 + "**", "👍" * 2048])
async def test_a_text_of_just_the_limit_is_sent(alice: AccountRuntime, text: str) -> None:
    message = await send(alice, "me", text)

    assert message.text == text.replace("*", "")


@pytest.mark.parametrize(
    ("rpc_text", "expected"),
    [
        ("QUOTE_TEXT_INVALID", ("/quote", "not_in_message")),
        ("TOPIC_DELETED", ("/topic", "unknown")),
        ("TOPIC_CLOSED", ("/topic", "closed")),
        ("ENTITY_BOUNDS_INVALID", ("/text", "formatting_invalid")),
        ("REPLY_MESSAGE_ID_INVALID", ("/replyTo", "unknown")),
    ],
)
async def test_a_refusal_of_telegram_points_to_its_field(
    alice: AccountRuntime, fault: Faults, rpc_text: str, expected: tuple[str, str]
) -> None:
    fault("rpc_error", "messages.SendMessage", code=400, text=rpc_text)

    with pytest.raises(ValidationFailed) as refused:
        await send(alice, "me", "x")

    assert refusals(refused) == [expected]


async def test_a_channel_that_one_only_reads_takes_no_message(alice: AccountRuntime) -> None:
    with pytest.raises((AdminRequired, ChatWriteForbidden)):
        await send(alice, "@daily_news", "x")


async def test_a_flood_wait_is_told_at_once(alice: AccountRuntime, fault: Faults) -> None:
    fault("flood_wait", "messages.SendMessage", secs=33)

    async with asyncio.timeout(10):
        with pytest.raises(FloodWait) as refused:
            await send(alice, "me", "x")

    assert refused.value.retry_after_secs == 33


async def test_an_edit_replaces_text_and_formatting(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    sent = await send(alice, "@bob_b", "**old**")

    edited = await edit(alice, "@bob_b", sent.id, "new")

    stored = world.message(scene.alice, scene.bob, sent.id)
    assert stored is not None
    assert (stored.text, stored.entities) == ("new", [])
    assert (edited.id, edited.text, edited.entities) == (sent.id, "new", [])
    assert edited.edited_at is not None


async def test_an_edit_in_a_supergroup_answers_the_message(alice: AccountRuntime) -> None:
    sent = await send(alice, "@garden_club", "old")

    assert (await edit(alice, "@garden_club", sent.id, "new")).text == "new"


async def test_an_edit_that_changes_nothing_is_a_success(alice: AccountRuntime) -> None:
    sent = await send(alice, "@bob_b", "same")

    edited = await edit(alice, "@bob_b", sent.id, "same")

    assert (edited.id, edited.text, edited.edited_at) == (sent.id, "same", None)


async def test_somebody_elses_message_cannot_be_edited(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    theirs = world.post(scene.bob, scene.alice, "mine").message.copies[scene.alice.id]

    with pytest.raises(ChatWriteForbidden):
        await edit(alice, "@bob_b", theirs, "yours")


@pytest.mark.parametrize("chat", ["@bob_b", "@garden_club"])
async def test_an_edit_of_nothing_is_not_found(alice: AccountRuntime, chat: str) -> None:
    with pytest.raises(MessageNotFound):
        await edit(alice, chat, 4711, "x")


async def test_an_edit_to_nothing_is_refused(alice: AccountRuntime) -> None:
    sent = await send(alice, "@bob_b", "old")

    with pytest.raises(ValidationFailed) as refused:
        await edit(alice, "@bob_b", sent.id, "  ")

    assert refusals(refused) == [("/text", "empty")]


@pytest.mark.parametrize("for_everyone", [True, False])
async def test_a_deleted_message_is_gone_for_whom_it_was_deleted(
    alice: AccountRuntime,
    scene: Scene,
    world: World,
    for_everyone: bool,  # noqa: FBT001 — a parameter of the test
) -> None:
    sent = await send(alice, "@bob_b", "oops")

    await delete(alice, "@bob_b", sent.id, for_everyone=for_everyone)

    with pytest.raises(MessageNotFound):
        await get_message(as_owner(alice), "@bob_b", sent.id)
    theirs = [world.messages[n].text for n in scene.bob.box.numbers.values()]
    assert ("oops" in theirs) is not for_everyone


async def test_a_supergroups_message_is_deleted_for_everyone(alice: AccountRuntime) -> None:
    sent = await send(alice, "@garden_club", "oops")

    await delete(alice, "@garden_club", sent.id, for_everyone=True)

    with pytest.raises(MessageNotFound):
        await get_message(as_owner(alice), "@garden_club", sent.id)


async def test_a_supergroup_has_no_deleting_for_oneself(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await delete(alice, "@garden_club", 1, for_everyone=False)

    [error] = refused.value.errors
    assert (error.pointer, error.allowed) == ("?forEveryone", ("true",))
    assert "channels.DeleteMessages" not in dc.requests


@pytest.mark.parametrize("chat", ["@bob_b", "@garden_club"])
async def test_deleting_what_is_not_there_is_not_found(alice: AccountRuntime, chat: str) -> None:
    with pytest.raises(MessageNotFound):
        await delete(alice, chat, 4711, for_everyone=True)


async def test_a_message_of_another_chat_is_never_deleted(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    elsewhere = world.post(scene.bob, scene.alice, "precious").message.copies[scene.alice.id]

    with pytest.raises(MessageNotFound):
        await delete(alice, str(scene.group.peer_id), elsewhere, for_everyone=True)

    assert world.message(scene.alice, scene.bob, elsewhere) is not None


async def test_others_messages_in_a_group_are_an_administrators(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    team = world.add_group("Team", scene.bob, [scene.alice])
    theirs = world.post(scene.bob, team, "mine").message.copies[scene.alice.id]

    with pytest.raises(AdminRequired):
        await delete(alice, str(team.peer_id), theirs, for_everyone=True)

    assert world.message(scene.alice, team, theirs) is not None


async def test_others_messages_in_a_supergroup_are_an_administrators(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    theirs = world.post(scene.bob, scene.supergroup, "mine").message
    number = theirs.copies[scene.supergroup.peer_id]

    with pytest.raises(AdminRequired):
        await delete(alice, "@garden_club", number, for_everyone=True)


async def test_nothing_is_sent_to_an_unknown_chat(alice: AccountRuntime, dc: DataCentre) -> None:
    with pytest.raises(ChatNotFound):
        await send(alice, "Lunch", "x")

    assert "messages.SendMessage" not in dc.requests
