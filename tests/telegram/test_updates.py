"""What Telegram tells an account becomes events: once, in order, and over every interruption."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from telethon import functions

from tests.telegram.conftest import as_owner, client_of, followed
from vasya_sandbox import fanout
from vasya_sandbox.client import open_client
from vasya_server.model.chat import ChatType
from vasya_server.model.event import EventStatus, EventType
from vasya_server.model.message import MarkRead
from vasya_server.model.writing import SendMessage
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.peers import resolve_to_write
from vasya_server.telegram.requests.deletion import delete_message
from vasya_server.telegram.requests.marks import mark_read
from vasya_server.telegram.requests.messages import send_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clocks import MovableClock
    from tests.telegram.conftest import Connect, Faults, Scene
    from tests.telegram.hearing import Heard
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.events.log import EventLog
    from vasya_server.sessions.vault import Vault
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime


async def test_a_message_is_an_event_with_chat_sender_and_text(
    heard: Heard, say: Callable[..., int], scene: Scene
) -> None:
    say(scene.bob, scene.alice, "are you there?")

    (told,) = await heard.of(EventType.MESSAGE_NEW, count=1)

    assert told.chat is not None
    assert (told.chat.id, told.chat.type, told.chat.title) == (scene.bob.id, ChatType.USER, "Bob")
    assert told.data.message is not None
    assert told.data.message.text == "are you there?"
    assert told.data.message.from_ == scene.bob.id
    assert told.data.people == {str(scene.bob.id): "Bob"}
    assert not told.data.is_outgoing
    assert told.at == told.data.message.at


async def test_messages_of_a_burst_are_told_once_and_in_order(
    heard: Heard, say: Callable[..., int], scene: Scene
) -> None:
    for n in range(300):
        say(scene.bob, scene.alice, f"private {n}")
        say(scene.carol, scene.group, f"group {n}")
        say(scene.bob, scene.supergroup, f"supergroup {n}")

    texts = await heard.texts(900)

    for chat in ("private", "group", "supergroup"):
        assert [text for text in texts if text.startswith(f"{chat} ")] == [
            f"{chat} {n}" for n in range(300)
        ]
    assert len(texts) == 900


async def test_what_came_while_nobody_was_connected_is_told_after(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime
) -> None:
    say(scene.bob, scene.alice, "before")
    await heard.texts(1)
    await alice.disconnect()
    say(scene.bob, scene.alice, "meanwhile")
    say(scene.bob, scene.supergroup, "meanwhile, in the garden")

    await alice.connect()
    say(scene.bob, scene.alice, "after")

    assert sorted(await heard.texts(4)) == [
        "after",
        "before",
        "meanwhile",
        "meanwhile, in the garden",
    ]
    gaps = await heard.of(EventType.GAP, count=2)
    assert gaps[0].data.missed == [EventType.MESSAGE_REACTION, EventType.USER_STATUS]
    assert gaps[1].chat is not None, "nothing was known of the garden when the connection ended"
    assert gaps[1].chat.id == scene.supergroup.peer_id
    assert EventType.MESSAGE_NEW not in gaps[1].data.missed


async def test_edits_and_deletions_of_a_time_without_connection_are_told(
    heard: Heard,
    scene: Scene,
    alice: AccountRuntime,
    bobs_phone: SandboxClient,
) -> None:
    sent = await bobs_phone.send_message("alice_a", "first words")
    gone = await bobs_phone.send_message("alice_a", "gone soon")
    await heard.texts(2)
    await alice.disconnect()
    await bobs_phone.edit_message("alice_a", sent.id, "second words")
    await bobs_phone.delete_messages("alice_a", [gone.id], revoke=True)

    await alice.connect()

    (edited,) = await heard.of(EventType.MESSAGE_EDITED, count=1)
    assert edited.data.message is not None
    assert edited.data.message.text == "second words"
    (deleted,) = await heard.of(EventType.MESSAGE_DELETED, count=1)
    assert deleted.chat is not None
    assert deleted.chat.id == scene.bob.id
    told = await heard.of(EventType.MESSAGE_NEW, count=2)
    assert told[1].data.message is not None
    assert deleted.data.message_ids == [told[1].data.message.id]


async def test_a_message_that_came_and_went_meanwhile_is_a_gap(
    heard: Heard, alice: AccountRuntime, bobs_phone: SandboxClient
) -> None:
    await alice.disconnect()
    gone = await bobs_phone.send_message("alice_a", "never seen")
    await bobs_phone.delete_messages("alice_a", [gone.id], revoke=True)

    await alice.connect()
    gaps = await heard.of(EventType.GAP, count=2)

    assert EventType.MESSAGE_EDITED in gaps[1].data.missed
    assert EventType.MESSAGE_NEW not in gaps[1].data.missed


async def test_what_others_do_to_messages_is_told_as_it_happens(
    heard: Heard, scene: Scene, bobs_phone: SandboxClient, say: Callable[..., int]
) -> None:
    sent = await bobs_phone.send_message("alice_a", "one")
    await bobs_phone.edit_message("alice_a", sent.id, "two")
    posted = await bobs_phone.send_message("garden_club", "roses")
    await bobs_phone.delete_messages("garden_club", [posted.id])
    await bobs_phone(
        functions.messages.SendReactionRequest("alice_a", sent.id, reaction=[_thumb()])
    )
    await bobs_phone.delete_messages("alice_a", [sent.id], revoke=True)

    (edited,) = await heard.of(EventType.MESSAGE_EDITED, count=1)
    deleted = await heard.of(EventType.MESSAGE_DELETED, count=2)
    (reaction,) = await heard.of(EventType.MESSAGE_REACTION, count=1)

    assert edited.chat is not None
    assert edited.chat.id == scene.bob.id
    assert {draft.chat.id for draft in deleted if draft.chat} == {
        scene.bob.id,
        scene.supergroup.peer_id,
    }
    assert [(each.emoji, each.count) for each in reaction.data.reactions] == [("👍", 1)]


async def test_what_the_owner_and_others_have_read_is_told(
    heard: Heard, scene: Scene, alice: AccountRuntime, dc: DataCentre, bobs_phone: SandboxClient
) -> None:
    async with open_client(dc.address, dc.mint(scene.alice)) as phone:
        await phone.send_read_acknowledge("bob_b")
    await bobs_phone.send_read_acknowledge("alice_a")

    read = await heard.of(EventType.CHAT_READ, count=2)

    assert {(draft.data.read_by, draft.chat.id if draft.chat else None) for draft in read} == {
        ("owner", scene.bob.id),
        ("others", scene.bob.id),
    }


async def test_what_the_gateway_sends_is_an_event_of_its_own(
    heard: Heard, scene: Scene, alice: AccountRuntime, say: Callable[..., int]
) -> None:
    account = as_owner(alice)
    bob = await resolve_to_write(account, str(scene.bob.id))
    sent = await send_message(account, bob, SendMessage(text="from the gateway"), [4711])
    await delete_message(account, bob, sent.id, for_everyone=True)
    await mark_read(account, bob, MarkRead())
    say(scene.bob, scene.alice, "an answer")

    new = await heard.of(EventType.MESSAGE_NEW, count=2)
    (deleted,) = await heard.of(EventType.MESSAGE_DELETED, count=1)
    (gone,) = deleted.data.message_ids

    assert [
        (draft.data.is_outgoing, draft.data.message.text) for draft in new if draft.data.message
    ] == [
        (True, "from the gateway"),
        (False, "an answer"),
    ]
    assert gone == sent.id
    assert deleted.chat is not None
    assert deleted.chat.id == scene.bob.id


async def test_what_was_sent_before_a_crash_is_told_after_it(
    heard: Heard,
    scene: Scene,
    alice: AccountRuntime,
    accounts: Accounts,
    events: EventLog,
    vault: Vault,
    settings: Settings,
    clock: MovableClock,
) -> None:
    """The connection that sent it never lived to write it down."""
    inbox: Any = client_of(alice).inbox
    inbox.put_nowait = lambda _updates: None
    account = as_owner(alice)
    bob = await resolve_to_write(account, str(scene.bob.id))
    await send_message(account, bob, SendMessage(text="the last thing it did"), [4712])
    assert await heard.of(EventType.MESSAGE_NEW, count=0) == []
    await accounts.close()

    again = Accounts(vault, settings, clock, Endpoint(settings), events)
    await again.open()
    await again.get(alice.owner, alice.id).connect()
    new = await heard.of(EventType.MESSAGE_NEW, count=1)
    await again.close()

    assert [
        (draft.data.is_outgoing, draft.data.message.text)
        for draft in new
        if draft.data.message and draft.data.message.text
    ] == [(True, "the last thing it did")]


@pytest.mark.parametrize("chat", ["bob", "group", "supergroup"])
async def test_a_send_that_is_repeated_is_told_once(
    heard: Heard, scene: Scene, alice: AccountRuntime, say: Callable[..., int], chat: str
) -> None:
    account = as_owner(alice)
    peer = await resolve_to_write(account, str(getattr(scene, chat).peer_id))
    first = await send_message(account, peer, SendMessage(text="only once"), [4713])
    assert await heard.texts(1) == ["only once"]
    again = await send_message(account, peer, SendMessage(text="only once"), [4713])
    say(scene.bob, scene.alice, "and then this")

    assert await heard.texts(2) == ["only once", "and then this"]
    assert first.id == again.id


async def test_a_repeat_that_comes_before_what_it_repeats_was_told_is_told_once(
    heard: Heard, scene: Scene, alice: AccountRuntime
) -> None:
    """The answer to the first was lost, in a channel of which nothing had been heard."""
    account = as_owner(alice)
    peer = await resolve_to_write(account, str(scene.supergroup.peer_id))
    inbox: Any = client_of(alice).inbox
    put_nowait = inbox.put_nowait
    inbox.put_nowait = lambda _updates: None
    await send_message(account, peer, SendMessage(text="only once"), [4714])
    inbox.put_nowait = put_nowait
    for _ in range(2):
        await send_message(account, peer, SendMessage(text="only once"), [4714])

    assert await heard.texts(1) == ["only once"]
    await asyncio.sleep(0.3)
    assert await heard.texts(1) == ["only once"]


async def test_login_codes_are_for_people_and_not_for_agents(
    heard: Heard, dc: DataCentre, world: World, scene: Scene
) -> None:
    posted = world.post(world.service, scene.alice, "Login code: 12345")
    fanout.publish(dc, posted.notices)

    (told,) = await heard.of(EventType.MESSAGE_NEW, count=1)

    assert told.data.message is not None
    assert told.data.message.text == "Login code: 12345"
    assert told.agent_data is not None
    assert told.agent_data.message is not None
    assert told.agent_data.message.redacted == "service_notification"
    assert b"12345" not in msgspec.json.encode(told.agent_data)


async def test_invisible_characters_are_taken_out(
    heard: Heard, say: Callable[..., int], scene: Scene
) -> None:
    say(scene.bob, scene.alice, "pay\u202e me\U000e0041")

    (told,) = await heard.of(EventType.MESSAGE_NEW, count=1)

    assert told.data.message is not None
    assert told.data.message.text == "pay me"
    assert told.data.message.sanitized is not None


async def test_a_difference_that_fails_is_asked_for_again(
    heard: Heard, say: Callable[..., int], scene: Scene, alice: AccountRuntime, fault: Faults
) -> None:
    await alice.disconnect()
    say(scene.bob, scene.alice, "meanwhile")
    fault("rpc_error", "updates.GetDifference", code=500, text="INTERNAL", times=2)

    await alice.connect()
    say(scene.bob, scene.alice, "after")

    async with asyncio.timeout(10):
        while await heard.texts(2) != ["meanwhile", "after"]:
            await asyncio.sleep(0.1)


async def test_the_status_of_the_connection_is_told(heard: Heard, alice: AccountRuntime) -> None:
    await alice.disconnect()
    await alice.connect()
    told = await heard.of(EventType.ACCOUNT_STATUS, count=3)

    assert [draft.data.status for draft in told] == [
        EventStatus.CONNECTED,
        EventStatus.DISCONNECTED,
        EventStatus.CONNECTED,
    ]


async def test_an_account_that_somebody_follows_is_dialled_and_stays_connected(
    connect: Connect, scene: Scene, clock: MovableClock
) -> None:
    account = await connect(scene.alice)
    with account.pinned():
        async with asyncio.timeout(5):
            while not account.is_connected:
                await asyncio.sleep(0.05)
        await followed(account)
        clock.passed_secs += 100_000
        await asyncio.sleep(2.5)
        assert account.is_connected

    clock.passed_secs += 100_000
    async with asyncio.timeout(5):
        while account.is_connected:
            await asyncio.sleep(0.05)


def _thumb() -> Any:
    from telethon.tl import types  # noqa: PLC0415

    return types.ReactionEmoji("👍")
