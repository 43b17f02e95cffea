"""What people do on their phones, and what a client on the wire hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from tests.sandbox.raw_client import in_layer

if TYPE_CHECKING:
    from tests.sandbox.conftest import ConnectRaw
    from tests.sandbox.control_client import Http
    from tests.sandbox.raw_client import RawClient
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, Group, User

ME = functions.users.GetUsersRequest([types.InputUserSelf()])


@pytest.fixture
def alice(world: World) -> User:
    return world.add_user("Alice", username="alice")


@pytest.fixture
def bob(world: World) -> User:
    return world.add_user("Bob", username="bobby")


@pytest.fixture
def duo(world: World, alice: User, bob: User) -> Group:
    return world.add_group("Duo", bob, [alice])


@pytest.fixture
def town(world: World, alice: User, bob: User) -> Channel:
    return world.add_channel("Town Hall", bob, [alice])


@pytest.fixture
async def phone(alice: User, connect_raw: ConnectRaw) -> RawClient:
    """Return a client of Alice that hears everything."""
    client = await connect_raw(alice)
    await client.call(in_layer(ME))
    return client


async def heard(client: RawClient) -> list[Any]:
    """Return what the next push says."""
    updates: list[Any] = (await client.receive(types.Updates)).obj.updates
    return updates


async def answered(control: Http, path: str, body: Any, status: int = 200) -> Any:
    found, answer = await control("POST", path, body)
    assert found == status, answer
    return answer


async def post(control: Http, chat: int | str, text: str = "soup?", **more: Any) -> Any:
    return await answered(
        control, "/send", {"from": "bobby", "to": chat, "text": text, **more}, 201
    )


async def test_many_messages_at_once_are_numbered_and_all_heard(
    alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    answer = await post(control, "alice", "n", count=250)
    assert answer == {"ids": {str(owner.id): [*range(1, 251)] for owner in (bob, alice)}}
    steps = [(await heard(phone))[0] for _ in range(250)]
    assert [step.message.message for step in steps] == [f"n {n}" for n in range(1, 251)]
    assert [step.pts for step in steps] == [*range(2, 252)]


async def test_a_mention_an_answer_and_silence_arrive_as_such(
    alice: User, town: Channel, phone: RawClient, control: Http
) -> None:
    first = await post(control, town.peer_id)
    await heard(phone)
    answer = await post(
        control,
        town.peer_id,
        "🌹 Alice, come",
        mentions=[alice.id],
        replyTo=first["id"],
        silent=True,
    )
    (step,) = await heard(phone)
    assert answer == {"id": step.message.id, "ids": {str(town.peer_id): step.message.id}}
    assert step.message.entities == [types.MessageEntityMentionName(0, 2, alice.id)]
    assert step.message.reply_to.reply_to_msg_id == first["id"]
    assert (step.message.mentioned, step.message.media_unread, step.message.silent) == (
        True,
        True,
        True,
    )


@pytest.mark.parametrize("chat", ["private", "group", "channel"])
async def test_an_edit_is_heard(
    alice: User, duo: Group, town: Channel, phone: RawClient, control: Http, chat: str
) -> None:
    where = {"private": alice.id, "group": duo.peer_id, "channel": town.peer_id}[chat]
    sent = await post(control, where)
    (new,) = await heard(phone)
    edit = {"by": "bobby", "chat": where, "id": sent["id"], "text": "salad!"}
    assert await answered(control, "/edit", edit) == sent
    (step,) = await heard(phone)
    kind = types.UpdateEditChannelMessage if chat == "channel" else types.UpdateEditMessage
    assert isinstance(step, kind)
    assert (step.message.id, step.message.message) == (new.message.id, "salad!")
    assert step.pts == new.pts + 1


async def test_a_deletion_for_everyone_is_heard_and_one_for_oneself_is_not(
    alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    sent = [await post(control, "alice", text) for text in ("one", "two")]
    for _ in sent:
        await heard(phone)
    act = {"by": bob.id, "chat": alice.id, "ids": [sent[0]["id"]]}
    assert await answered(control, "/delete", {**act, "forEveryone": False}) == {
        "ids": {str(bob.id): [1]}
    }
    act["ids"] = [sent[1]["id"]]
    assert await answered(control, "/delete", act) == {
        "ids": {str(bob.id): [2], str(alice.id): [2]}
    }
    assert await heard(phone) == [types.UpdateDeleteMessages([2], pts=4, pts_count=1)]


async def test_a_deletion_in_a_channel_is_heard(
    town: Channel, phone: RawClient, control: Http
) -> None:
    sent = [await post(control, town.peer_id, text) for text in ("one", "two")]
    for _ in sent:
        await heard(phone)
    ids = [each["id"] for each in sent]
    act = {"by": "bobby", "chat": town.peer_id, "ids": ids}
    assert await answered(control, "/delete", act) == {"ids": {str(town.peer_id): ids}}
    (step,) = await heard(phone)
    assert step == types.UpdateDeleteChannelMessages(town.id, ids, town.box.pts, 2)


async def test_a_reaction_is_heard_and_taken_back(
    alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    sent = await post(control, "alice")
    await heard(phone)
    act = {"by": "bobby", "chat": "alice", "id": sent["id"]}
    assert await answered(control, "/react", {**act, "emoji": "👍"}) == sent
    (step,) = await heard(phone)
    assert isinstance(step, types.UpdateMessageReactions)
    assert (step.peer, step.msg_id) == (types.PeerUser(bob.id), sent["ids"][str(alice.id)])
    assert [each.reaction.emoticon for each in step.reactions.results] == ["👍"]
    await answered(control, "/react", {**act, "emoji": None})
    assert (await heard(phone))[0].reactions.results == []


async def test_reading_turns_the_ticks_of_the_author(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    world.post(alice, bob, "one")
    world.post(alice, bob, "two")
    act = {"by": "bobby", "chat": "alice"}
    assert await answered(control, "/read", {**act, "upTo": 1}) == {"upTo": 1}
    assert await heard(phone) == [
        types.UpdateReadHistoryOutbox(types.PeerUser(bob.id), 1, pts=4, pts_count=1)
    ]
    assert await answered(control, "/read", act) == {"upTo": 2}
    assert (await heard(phone))[0].max_id == 2


async def test_reading_in_a_supergroup_turns_them_too(
    world: World, alice: User, town: Channel, phone: RawClient, control: Http
) -> None:
    world.post(alice, town, "one")
    act = {"by": "bobby", "chat": town.peer_id}
    assert await answered(control, "/read", act) == {"upTo": 2}
    assert await heard(phone) == [types.UpdateReadChannelOutbox(town.id, 2)]


async def test_typing_and_presence_are_seen(
    world: World, alice: User, bob: User, phone: RawClient, control: Http
) -> None:
    await answered(control, "/typing", {"by": "bobby", "chat": "alice"}, 204)
    (step,) = await heard(phone)
    assert step == types.UpdateUserTyping(bob.id, types.SendMessageTypingAction())
    world.post(alice, bob, "hello")
    await answered(control, "/status", {"user": "bobby", "isOnline": True}, 204)
    (step,) = await heard(phone)
    assert step.user_id == bob.id
    assert isinstance(step.status, types.UserStatusOnline)
    await answered(control, "/status", {"user": "bobby", "isOnline": False}, 204)
    assert isinstance((await heard(phone))[0].status, types.UserStatusOffline)


async def test_a_new_title_comes_with_a_service_message(
    alice: User, bob: User, duo: Group, town: Channel, phone: RawClient, control: Http
) -> None:
    act = {"by": "bobby", "chat": duo.peer_id, "title": "Pair"}
    answer = await answered(control, "/title", act)
    assert answer["id"] == answer["ids"][str(bob.id)]
    pushed = (await phone.receive(types.Updates)).obj
    service, news = pushed.updates
    assert service.message.action == types.MessageActionChatEditTitle("Pair")
    assert service.message.id == answer["ids"][str(alice.id)]
    assert news == types.UpdateChat(duo.id)
    assert [chat.title for chat in pushed.chats] == ["Pair"]
    act = {"by": "bobby", "chat": town.peer_id, "title": "City Hall"}
    answer = await answered(control, "/title", act)
    pushed = (await phone.receive(types.Updates)).obj
    service, news = pushed.updates
    assert service.message.action == types.MessageActionChatEditTitle("City Hall")
    assert service.message.id == answer["ids"][str(town.peer_id)]
    assert (news, pushed.chats[0].title) == (types.UpdateChannel(town.id), "City Hall")


async def test_a_pin_is_heard_with_its_service_message(
    town: Channel, phone: RawClient, control: Http
) -> None:
    sent = await post(control, town.peer_id)
    await heard(phone)
    act = {"by": "bobby", "chat": town.peer_id, "id": sent["id"]}
    assert await answered(control, "/pin", act) == sent
    pin, service = await heard(phone)
    assert pin == types.UpdatePinnedChannelMessages(
        town.id, [sent["id"]], service.pts - 1, 1, pinned=True
    )
    assert isinstance(service.message.action, types.MessageActionPinMessage)
    assert await answered(control, "/pin", {**act, "isPinned": False}) == sent
    (unpin,) = await heard(phone)
    assert not unpin.pinned


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/send", {"count": 0}, 400, "Expected `int` >= 1 - at `$.count`"),
        ("/send", {"count": 10_001}, 400, "Expected `int` <= 10000 - at `$.count`"),
        ("/send", {"replyTo": 99}, 404, "6100000002 sees no message 99 in 6100000001"),
        ("/send", {"mentions": ["alice", "bobby"]}, 400, "mentions need a word of the text each"),
        ("/send", {"mentions": ["nobody"]}, 404, "there is no chat 'nobody'"),
        ("/edit", {"id": 99, "text": "x"}, 404, "6100000002 sees no message 99 in 6100000001"),
        ("/edit", {"id": 1, "text": "x"}, 400, "MESSAGE_AUTHOR_REQUIRED"),
        ("/edit", {"id": 1}, 400, "Object missing required field `text`"),
        ("/delete", {"ids": [1, 99]}, 404, "6100000002 sees no message 99 in 6100000001"),
        ("/delete", {"ids": []}, 400, "Expected `array` of length >= 1 - at `$.ids`"),
        ("/react", {"id": 1, "emoji": "🧦"}, 400, "REACTION_INVALID"),
        ("/react", {"id": 1, "emoji": None}, 400, "MESSAGE_NOT_MODIFIED"),
        ("/read", {"upTo": 99}, 404, "6100000002 sees no message 99 in 6100000001"),
        ("/read", {"by": "nobody"}, 404, "there is no chat 'nobody'"),
        ("/title", {"title": "x"}, 400, "'alice' is a person"),
        ("/pin", {"id": 1, "isPinned": False}, 400, "CHAT_NOT_MODIFIED"),
        ("/typing", {"colour": 1}, 400, "Object contains unknown field `colour`"),
        ("/status", {"isOnline": 1}, 400, "Expected `bool`, got `int` - at `$.isOnline`"),
    ],
)
async def test_what_nobody_could_do_is_refused(
    world: World,
    alice: User,
    bob: User,
    control: Http,
    path: str,
    body: Any,
    status: int,
    error: str,
) -> None:
    world.post(alice, bob, "hers")
    who: dict[str, Any] = {"by": "bobby", "chat": "alice"}
    if path == "/send":
        who = {"from": "bobby", "to": "alice", "text": "hi"}
    if path == "/status":
        who = {"user": "bobby"}
    assert await control("POST", path, {**who, **body}) == (status, {"error": error})


async def test_a_plain_member_renames_and_deletes_nothing(
    world: World, bob: User, town: Channel, duo: Group, control: Http
) -> None:
    sent = world.post(bob, town, "his").message.copies[town.peer_id]
    act = {"by": "alice", "chat": town.peer_id}
    refused = [
        await control("POST", "/title", {**act, "title": "Mine"}),
        await control("POST", "/title", {**act, "chat": duo.peer_id, "title": "Mine"}),
        await control("POST", "/pin", {**act, "id": sent}),
        await control("POST", "/delete", {**act, "ids": [sent]}),
    ]
    assert refused == [
        (400, {"error": "CHAT_ADMIN_REQUIRED"}),
        (400, {"error": "CHAT_ADMIN_REQUIRED"}),
        (400, {"error": "CHAT_ADMIN_REQUIRED"}),
        (400, {"error": "MESSAGE_DELETE_FORBIDDEN"}),
    ]
    assert (town.title, duo.title) == ("Town Hall", "Duo")


async def test_a_client_renames_what_is_its_own(
    world: World, bob: User, duo: Group, town: Channel, connect_raw: ConnectRaw
) -> None:
    client = await connect_raw(bob)
    await client.call(in_layer(ME))
    channel = types.InputChannel(town.id, world.access_hash(bob, town))
    for rename in (
        functions.messages.EditChatTitleRequest(duo.id, " Pair "),
        functions.channels.EditTitleRequest(channel, "City Hall"),
    ):
        service, news = (await client.call(rename)).updates
        assert isinstance(service.message.action, types.MessageActionChatEditTitle)
        assert isinstance(news, types.UpdateChat | types.UpdateChannel)
    assert (duo.title, duo.version, town.title) == ("Pair", 2, "City Hall")
    for rename, error in (
        (functions.messages.EditChatTitleRequest(duo.id, "Pair"), "CHAT_NOT_MODIFIED"),
        (functions.messages.EditChatTitleRequest(duo.id, " "), "CHAT_TITLE_EMPTY"),
        (functions.messages.EditChatTitleRequest(7, "x"), "CHAT_ID_INVALID"),
    ):
        assert (await client.call(rename)).error_message == error
