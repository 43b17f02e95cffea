"""Messages under a key with chat lists: none of another chat is read, answered or changed by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import all_but, only, restricted
from vasya_server.clock import SystemClock
from vasya_server.crypto.cursor import Cursors
from vasya_server.errors import ChatNotAllowed, MessageNotFound, ValidationFailed
from vasya_server.model.message import MessageFilter, MessagePage
from vasya_server.model.writing import DeleteMessages, EditMessage, SendMessage
from vasya_server.telegram.peers import resolve, resolve_to_write
from vasya_server.telegram.requests.deletion import delete_message, delete_messages
from vasya_server.telegram.requests.downloads import open_media, open_thumb
from vasya_server.telegram.requests.editing import edit_message
from vasya_server.telegram.requests.listing import list_messages
from vasya_server.telegram.requests.marks import set_pin, set_reaction
from vasya_server.telegram.requests.messages import get_message, send_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.telegram.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import Channel, User
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

    Change = Callable[[AccountView, ResolvedPeer, int], Awaitable[Any]]

SECRET = "the code is 4711"


@pytest.fixture
def cursors(key: MasterKey) -> Cursors:
    return Cursors(key)


@pytest.fixture
def elsewhere(scene: Scene, world: World) -> int:
    """Return the id of a message of Alice's own to Bob."""
    return world.post(scene.alice, scene.bob, SECRET).message.copies[scene.alice.id]


@pytest.fixture
def account(alice: AccountRuntime, scene: Scene) -> AccountView:
    """Return Alice's account as a key sees it that reaches one group and nothing else."""
    return restricted(alice, only(scene.group.peer_id))


async def texts(account: AccountView, chat: str | int, cursors: Cursors, **query: Any) -> list[str]:
    page = await list_messages(
        account, str(chat), MessageFilter(**query), cursors, SystemClock().now()
    )
    assert isinstance(page, MessagePage)
    return [message.text for message in page.items]


async def test_a_message_of_another_chat_is_not_in_this_one(
    account: AccountView, scene: Scene, cursors: Cursors, elsewhere: int
) -> None:
    group = str(scene.group.peer_id)

    assert await texts(account, group, cursors, ids=(elsewhere,)) == []
    for read in (get_message, open_media, open_thumb):
        with pytest.raises(MessageNotFound):
            await read(account, group, elsewhere)


@pytest.mark.parametrize("read", [get_message, open_media, open_thumb])
async def test_nothing_of_a_chat_outside_is_read(
    account: AccountView, elsewhere: int, scene: Scene, dc: DataCentre, read: Any
) -> None:
    with pytest.raises(ChatNotAllowed):
        await read(account, str(scene.bob.id), elsewhere)

    assert dc.requests == {}


async def test_the_messages_of_a_chat_outside_are_not_listed(
    account: AccountView, scene: Scene, cursors: Cursors, dc: DataCentre
) -> None:
    for chat in (str(scene.bob.id), "me", "-1004242424242"):
        with pytest.raises(ChatNotAllowed):
            await texts(account, chat, cursors, q="code")

    assert dc.requests == {}


async def edit(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    await edit_message(account, peer, message_id, EditMessage(text="changed"), lineage="")


async def reply(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    await send_message(account, peer, SendMessage(text="hm", reply_to=message_id), [5])


async def quote(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    body = SendMessage(text="hm", reply_to=message_id, quote="the code is 4")
    await send_message(account, peer, body, [5])


async def quote_wrongly(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    body = SendMessage(text="hm", reply_to=message_id, quote="the code is 5")
    await send_message(account, peer, body, [5])


async def react(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    await set_reaction(account, peer, message_id, "👍")


async def pin(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    await set_pin(account, peer, message_id, is_pinned=True)


async def delete(account: AccountView, peer: ResolvedPeer, message_id: int) -> None:
    await delete_message(account, peer, message_id, for_everyone=True)


@pytest.mark.parametrize("change", [edit, reply, quote, quote_wrongly, react, pin, delete])
async def test_a_message_of_another_chat_is_not_touched_through_this_one(
    account: AccountView, scene: Scene, elsewhere: int, dc: DataCentre, change: Change
) -> None:
    peer = await resolve_to_write(account, str(scene.group.peer_id))
    dc.reset_counters()

    with pytest.raises(MessageNotFound):
        await change(account, peer, elsewhere)

    assert dc.requests == {"messages.GetMessages": 1}


async def test_messages_of_another_chat_are_missing_for_a_deletion(
    account: AccountView, scene: Scene, world: World, elsewhere: int
) -> None:
    peer = await resolve_to_write(account, str(scene.group.peer_id))
    own = world.post(scene.alice, scene.group, "mine").message.copies[scene.alice.id]

    deletion = await delete_messages(
        account, peer, DeleteMessages(ids=(elsewhere, own), for_everyone=True)
    )

    assert (deletion.deleted, deletion.missing) == ([own], [elsewhere])


async def test_what_is_in_the_chat_can_be_answered_and_edited(
    account: AccountView, scene: Scene, world: World
) -> None:
    peer = await resolve_to_write(account, str(scene.group.peer_id))
    soup = world.post(scene.carol, scene.group, "more soup?").message.copies[scene.alice.id]

    sent = await send_message(
        account, peer, SendMessage(text="yes", reply_to=soup, quote="soup"), [5]
    )
    edited = await edit_message(account, peer, sent.id, EditMessage(text="yes!"), lineage="")

    assert sent.reply_to is not None
    assert (sent.reply_to.message_id, edited.text) == (soup, "yes!")


@pytest.mark.parametrize("is_known", [True, False])
async def test_somebody_outside_cannot_be_mentioned_whether_the_account_knows_them_or_not(
    account: AccountView, alice: AccountRuntime, scene: Scene, dc: DataCentre, *, is_known: bool
) -> None:
    peer = await resolve_to_write(account, str(scene.group.peer_id))
    user_id = scene.bob.id if is_known else 424242
    dc.reset_counters()

    with pytest.raises(ValidationFailed) as refused:
        await send_message(account, peer, SendMessage(text=f"[you](tg://user?id={user_id})"), [5])

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/text", "unknown_user")
    ]
    assert dc.requests == {}


async def test_somebody_within_reach_can_be_mentioned(alice: AccountRuntime, scene: Scene) -> None:
    account = restricted(alice, only(scene.group.peer_id, scene.bob.id))
    peer = await resolve_to_write(account, str(scene.group.peer_id))

    sent = await send_message(
        account, peer, SendMessage(text=f"[you](tg://user?id={scene.bob.id})"), [5]
    )

    assert [entity.user_id for entity in sent.entities] == [scene.bob.id]


@pytest.mark.parametrize("quote", ["the code is 4", "the code is 5"])
async def test_nothing_is_quoted_from_a_chat_that_may_only_be_written_to(
    alice: AccountRuntime, scene: Scene, elsewhere: int, dc: DataCentre, quote: str
) -> None:
    account = restricted(alice, only(scene.group.peer_id), only(scene.bob.id))
    peer = await resolve_to_write(account, str(scene.bob.id))
    body = SendMessage(text="hm", reply_to=elsewhere, quote=quote)

    with pytest.raises(ChatNotAllowed):
        await send_message(account, peer, body, [5])

    assert "messages.SendMessage" not in dc.requests


# Comments


@pytest.fixture
def discussion(scene: Scene, world: World) -> Channel:
    """Return the group where the comments to the channel's posts stand."""
    group = world.add_channel("Daily talk", scene.carol, [scene.alice, scene.bob])
    scene.channel.linked_id, group.linked_id = group.id, scene.channel.id
    return group


@pytest.fixture
def post(scene: Scene, world: World, discussion: Channel) -> int:
    """Return the id of a post with one comment."""
    record = world.post(scene.carol, scene.channel, "news").message
    root = world.messages[record.discussion]
    top_id = root.copies[discussion.peer_id]
    world.post(scene.bob, discussion, "oh!", reply_to=root, top_id=top_id)
    return record.copies[scene.channel.peer_id]


@pytest.mark.parametrize("thread", ["comments_of", "topic"])
async def test_comments_stand_in_a_chat_that_has_to_be_readable_too(
    thread: str,
    alice: AccountRuntime,
    scene: Scene,
    cursors: Cursors,
    discussion: Channel,
    post: int,
    dc: DataCentre,
) -> None:
    channel = scene.channel.peer_id

    both = restricted(alice, only(channel, discussion.peer_id))
    assert await texts(both, channel, cursors, **{thread: post}) == ["oh!"]
    dc.reset_counters()
    for rule in (only(channel), all_but(discussion.peer_id)):
        for view in ("full", "compact"):
            with pytest.raises(ChatNotAllowed):
                await texts(restricted(alice, rule), channel, cursors, view=view, **{thread: post})

    assert "messages.GetReplies" not in dc.requests


async def test_a_thread_of_the_chat_itself_needs_no_other(
    alice: AccountRuntime, scene: Scene, world: World, cursors: Cursors
) -> None:
    place = scene.supergroup.peer_id
    root = world.post(scene.bob, scene.supergroup, "who comes?").message
    top_id = root.copies[place]
    world.post(scene.carol, scene.supergroup, "me", reply_to=root, top_id=top_id)

    found = await texts(restricted(alice, only(place)), place, cursors, topic=top_id)

    assert found == ["me"]


async def test_answers_in_the_chat_itself_need_no_other(
    alice: AccountRuntime, scene: Scene, world: World, cursors: Cursors
) -> None:
    place = scene.supergroup.peer_id
    root = world.post(scene.bob, scene.supergroup, "who comes?").message
    top_id = root.copies[place]
    world.post(scene.carol, scene.supergroup, "me", reply_to=root, top_id=top_id)

    found = await texts(restricted(alice, only(place)), place, cursors, comments_of=top_id)

    assert found == ["me"]


async def test_comments_of_no_post_are_not_found(
    alice: AccountRuntime, scene: Scene, cursors: Cursors
) -> None:
    channel = scene.channel.peer_id

    with pytest.raises(MessageNotFound):
        await texts(restricted(alice, only(channel)), channel, cursors, comments_of=4711)


# Who wrote


async def test_an_author_is_named_by_an_id_whether_the_account_knows_them_or_not(
    account: AccountView, scene: Scene, world: World, cursors: Cursors
) -> None:
    world.post(scene.alice, scene.group, "no, thanks")
    group = scene.group.peer_id

    async def written_by(author: str) -> list[str]:
        return await texts(account, group, cursors, from_=author, type=("text",))

    assert await written_by(str(scene.carol.id)) == ["soup?"]
    assert await written_by("me") == ["no, thanks"]
    assert await written_by(str(scene.alice.id)) == ["no, thanks"]
    assert await written_by(str(scene.bob.id)) == []
    assert await written_by("424242") == []


@pytest.mark.parametrize("author", ["@carol_c", "@nobody_at_all", "+99966210003"])
async def test_an_author_outside_cannot_be_asked_about_by_name(
    account: AccountView, scene: Scene, cursors: Cursors, author: str
) -> None:
    with pytest.raises(ChatNotAllowed):
        await texts(account, scene.group.peer_id, cursors, from_=author)


@pytest.mark.parametrize("is_known", [True, False])
async def test_whether_the_account_knows_an_author_changes_no_request(
    account: AccountView,
    alice: AccountRuntime,
    scene: Scene,
    world: World,
    cursors: Cursors,
    dc: DataCentre,
    *,
    is_known: bool,
) -> None:
    stranger: User = world.add_user("Stranger", None, "stranger_s")
    await texts(account, scene.group.peer_id, cursors)
    if is_known:
        await resolve(restricted(alice, only(stranger.id)), "@stranger_s")
    dc.reset_counters()

    assert await texts(account, scene.group.peer_id, cursors, from_=str(stranger.id)) == []
    assert dc.requests == {"messages.GetHistory": 1}
