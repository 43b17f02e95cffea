"""Whatever is read, the other side and the owner's other devices see nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox import changes, images
from vasya_sandbox.records import FileMedia, Size
from vasya_server.clock import SystemClock
from vasya_server.crypto.cursor import Cursors
from vasya_server.model.chat import ChatFilter, ChatType
from vasya_server.model.draft import DraftQuery
from vasya_server.model.invite import InviteFilter
from vasya_server.model.member import JoinRequestFilter, MemberFilter
from vasya_server.model.message import MessageFilter, MessageKind
from vasya_server.model.person import BlockedFilter, ContactFilter
from vasya_server.model.photo import PhotoQuery
from vasya_server.model.reception import ReactorFilter
from vasya_server.model.topic import TopicFilter
from vasya_server.telegram.peers import resolve_any, resolve_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests import chat_photos
from vasya_server.telegram.requests.chats import get_chat, list_chats
from vasya_server.telegram.requests.contacts import get_user, list_blocked, list_contacts
from vasya_server.telegram.requests.devices import list_devices
from vasya_server.telegram.requests.downloads import open_media, open_thumb
from vasya_server.telegram.requests.drafts import get_draft, list_drafts
from vasya_server.telegram.requests.folders import list_folders
from vasya_server.telegram.requests.invites import list_invites
from vasya_server.telegram.requests.inviting import list_join_requests
from vasya_server.telegram.requests.listing import list_messages
from vasya_server.telegram.requests.members import list_members
from vasya_server.telegram.requests.messages import get_message
from vasya_server.telegram.requests.profile import get_profile
from vasya_server.telegram.requests.reception import get_link, list_reactions, list_readers
from vasya_server.telegram.requests.scheduling import list_scheduled
from vasya_server.telegram.requests.topics import list_topics
from vasya_server.telegram.requests.user_photos import list_photos, open_avatar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.telegram.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.telegram.accounts import AccountRuntime

    Read = Callable[[AccountRuntime, Cursors], Awaitable[Any]]

# Written by hand: methods that change nothing for anybody, by their descriptions on core.telegram.org.
HARMLESS = {
    "account.GetAuthorizations",
    "channels.ExportMessageLink",
    "channels.GetChannels",
    "channels.GetFullChannel",
    "channels.GetMessages",
    "channels.GetParticipants",
    "contacts.GetBlocked",
    "contacts.GetContacts",
    "contacts.ResolvePhone",
    "contacts.ResolveUsername",
    "contacts.Search",
    "messages.GetAllDrafts",
    "messages.GetCommonChats",
    "messages.GetChatInviteImporters",
    "messages.GetDialogFilters",
    "messages.GetDialogs",
    "messages.GetForumTopics",
    "messages.GetForumTopicsByID",
    "messages.GetExportedChatInvites",
    "messages.GetFullChat",
    "messages.GetHistory",
    "messages.GetMessageReactionsList",
    "messages.GetMessageReadParticipants",
    "messages.GetMessages",
    "messages.GetOutboxReadDate",
    "messages.GetPeerDialogs",
    "messages.GetReplies",
    "messages.GetScheduledHistory",
    "messages.GetUnreadMentions",
    "messages.Search",
    "messages.SearchGlobal",
    "messages.TranscribeAudio",  # of the account's own transcripts one is used up; nobody else learns of it
    "upload.GetFile",
    "photos.GetUserPhotos",
    "users.GetFullUser",
    "users.GetUsers",
}
PHOTO = 5
TOPIC = 2
OWN = 6
OWN_TO_BOB = 3


def listing(chat: str, **query: Any) -> Read:
    return lambda account, cursors: list_messages(
        as_owner(account), chat, MessageFilter(**query), cursors, SystemClock().now()
    )


def file(*, is_thumb: bool) -> Read:
    async def read(account: AccountRuntime, _: Cursors) -> list[bytes]:
        open_file = open_thumb if is_thumb else open_media
        download = await open_file(as_owner(account), "@garden_club", PHOTO)
        return [piece async for piece in await download.source.begin(0, download.size_bytes)]

    return read


def chats(**query: Any) -> Read:
    return lambda account, cursors: list_chats(as_owner(account), ChatFilter(**query), cursors)


def members(chat: str | None, **query: Any) -> Read:
    """List those of a chat; None: of the account's basic group."""

    async def read(account: AccountRuntime, cursors: Cursors) -> Any:
        groups = await list_chats(as_owner(account), ChatFilter(type=(ChatType.GROUP,)), cursors)
        chosen = chat or str(groups.items[0].id)
        return await list_members(as_owner(account), chosen, MemberFilter(**query), cursors)

    return read


async def avatar(account: AccountRuntime, _: Cursors) -> list[bytes]:
    download = await open_avatar(as_owner(account))
    return [piece async for piece in await download.source.begin(0, download.size_bytes)]


async def waiting(account: AccountRuntime, chat: str) -> list[Any]:
    reading = Reading(as_owner(account))
    return await list_scheduled(reading, await resolve_in(reading, chat), {})


READS: dict[str, Read] = {
    "chats": chats(),
    "chats by word": chats(q="gar"),
    "chats unread": chats(unread=True),
    "chats archived": chats(archived=True),
    "chats of a folder": chats(folder=0),
    "chat": lambda account, _: get_chat(as_owner(account), "@bob_b"),
    "pictures of a chat": lambda account, cursors: chat_photos.list_photos(
        as_owner(account), "@garden_club", PhotoQuery(), cursors
    ),
    "chat in full": lambda account, _: get_chat(as_owner(account), "@bob_b", in_full=True),
    "channel in full": lambda account, _: get_chat(as_owner(account), "@daily_news", in_full=True),
    "channel": lambda account, _: get_chat(as_owner(account), "@daily_news"),
    "resolve a name": lambda account, _: resolve_any(
        as_owner(account), "@garden_club", public=False
    ),
    "resolve a title": lambda account, _: resolve_any(as_owner(account), "garden", public=False),
    "resolve in public": lambda account, _: resolve_any(as_owner(account), "garden", public=True),
    "message": lambda account, _: get_message(as_owner(account), "@garden_club", 2),
    "history": listing("@garden_club"),
    "private history": listing("@bob_b"),
    "oldest first": listing("@garden_club", order="asc"),
    "ids": listing("@garden_club", ids=(1, 2)),
    "around": listing("@garden_club", around=2),
    "dates": listing("@garden_club", since="7d"),
    "words": listing("@garden_club", q="m"),
    "words until": listing("@garden_club", q="m", until="today"),
    "author": listing("@garden_club", from_="@bob_b"),
    "photos": listing("@garden_club", type=(MessageKind.PHOTO,)),
    "stickers": listing("@garden_club", type=(MessageKind.STICKER,)),
    "unread": listing("@garden_club", unread=True),
    "mentions": listing("@garden_club", mentions=True),
    "unread mentions": listing("@garden_club", mentions=True, unread=True),
    "thread": listing("@garden_club", topic=2),
    "compact": listing("@garden_club", view="compact"),
    "reactions": lambda account, cursors: list_reactions(
        as_owner(account), "@garden_club", OWN, ReactorFilter(), cursors
    ),
    "readers": lambda account, _: list_readers(as_owner(account), "@garden_club", OWN),
    "reader of two": lambda account, _: list_readers(as_owner(account), "@bob_b", OWN_TO_BOB),
    "link": lambda account, _: get_link(as_owner(account), "@garden_club", OWN),
    "drafts": lambda account, _: list_drafts(as_owner(account)),
    "draft": lambda account, _: get_draft(as_owner(account), "@garden_club", DraftQuery()),
    "draft of a topic": lambda account, _: get_draft(
        as_owner(account), "@workshop", DraftQuery(topic=TOPIC)
    ),
    "topics": lambda account, cursors: list_topics(
        as_owner(account), "@workshop", TopicFilter(), cursors
    ),
    "scheduled": lambda account, _: waiting(account, "@bob_b"),
    "folders": lambda account, _: list_folders(as_owner(account)),
    "media": file(is_thumb=False),
    "thumb": file(is_thumb=True),
    "profile": lambda account, _: get_profile(as_owner(account)),
    "devices": lambda account, _: list_devices(as_owner(account)),
    "user photos": lambda account, cursors: list_photos(
        as_owner(account), "me", PhotoQuery(), cursors
    ),
    "avatar": avatar,
    "user": lambda account, _: get_user(as_owner(account), "@bob_b"),
    "contacts": lambda account, cursors: list_contacts(
        as_owner(account), ContactFilter(q="b"), cursors
    ),
    "blocked": lambda account, cursors: list_blocked(as_owner(account), BlockedFilter(), cursors),
    "members": members("@garden_club"),
    "members by name": members("@garden_club", q="b"),
    "members of a group": members(None),
    "who is banned": members("@garden_club", role="banned"),
    "join requests": lambda account, cursors: list_join_requests(
        as_owner(account), "@garden_club", JoinRequestFilter(), cursors
    ),
    "invites": lambda account, cursors: list_invites(
        as_owner(account), "@garden_club", InviteFilter(), cursors
    ),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
async def test_a_read_sends_harmless_requests_only(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre, key: MasterKey, read: Read
) -> None:
    for n in range(3):
        world.post(scene.bob, scene.supergroup, f"m{n}")
    sizes = [Size("m", 160, 160, images.landscape(1, 20, 20))]
    photo = world.add_file("photo", "image/jpeg", sizes=sizes)
    scene.alice.photos.append(photo.id)
    posted = world.post(scene.bob, scene.supergroup, media=FileMedia(photo.id)).message
    assert posted.copies[scene.supergroup.peer_id] == PHOTO
    own = world.post(scene.alice, scene.supergroup, "who comes?").message
    changes.react(world, scene.bob, own, ["👍"])
    assert own.copies[scene.supergroup.peer_id] == OWN
    await resolve_any(as_owner(alice), "@garden_club", public=False)
    scene.supergroup.members[scene.alice.id].role = "admin"
    forum = world.add_channel("Workshop", scene.bob, [scene.alice], "workshop", is_forum=True)
    assert world.add_topic(forum, "Tools", scene.bob).id == TOPIC
    dialogs = {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()}
    dc.reset_counters()

    await read(alice, Cursors(key))

    assert dc.requests
    assert set(dc.requests) <= HARMLESS
    assert {peer_id: dialog.read_in for peer_id, dialog in scene.alice.dialogs.items()} == dialogs
    assert not scene.alice.is_online


def test_the_list_of_harmless_methods_names_no_trace() -> None:
    traces = ("Read", "Typing", "Status", "Send", "Set", "Delete", "Edit", "Views", ".Import")
    # They ask who has read, and nobody is told that somebody asked.
    about_readers = {"messages.GetMessageReadParticipants", "messages.GetOutboxReadDate"}

    named = HARMLESS - about_readers
    assert [name for name in named if any(trace in name for trace in traces)] == []
