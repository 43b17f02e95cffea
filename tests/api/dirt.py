"""A world in which strangers write what cannot be seen wherever Telegram lets them write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.changes.scheduled import wait
from vasya_sandbox import changes
from vasya_sandbox.bots import Button
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.drafts import Draft
from vasya_sandbox.images import landscape
from vasya_sandbox.membership import Invite
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import (
    Action,
    ContactCard,
    Entity,
    FileMedia,
    Place,
    Reply,
    Size,
    WebPage,
)
from vasya_sandbox.srp import make_verifier
from vasya_sandbox.to_do import ToDoList

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_sandbox.records import Message

BIDI, TAG = "\u202e", "\U000e0041"
SEEN = "words"
DIRTY = f"wo{BIDI}r{TAG}ds"
BOLD_AND_MORE = [
    Entity("text_link", 0, 3, url=f"https://example.org/{DIRTY}"),
    Entity("pre", 6, 2, language=DIRTY),
]


def write_unseen(scene: Scene) -> list[tuple[str, int]]:
    """Let strangers, and Alice's other devices, write what cannot be seen, and say where it stands."""
    world, alice, bob, carol = scene.world, scene.alice, scene.bob, scene.carol
    _name(scene)
    made = _messages(scene)
    group = world.post(bob, scene.group, action=Action("ChatEditTitle", DIRTY)).message
    world.post(carol, scene.channel, DIRTY)
    world.post(alice, alice, DIRTY)
    wait(scene, bob, DIRTY)
    world.drafts[alice.id, bob.id, 0] = Draft(alice.id, bob.id, 0, world.now, DIRTY)
    alice.folders.append(Folder(5, DIRTY, [bob.id], emoticon=f"📁{TAG}"))
    alice.contacts.add(bob.id)
    alice.blocked.add(carol.id)
    return [
        *((str(bob.id), message.copies[alice.id]) for message in made),
        (str(scene.group.peer_id), group.copies[alice.id]),
        _forum(scene),
    ]


def _name(scene: Scene) -> None:
    world = scene.world
    for person in (scene.alice, scene.bob, scene.carol):
        person.first_name, person.last_name = f"{DIRTY} {person.first_name}", DIRTY
        person.about = DIRTY
        world.rename(person, f"{person.username}{TAG}")
    for chat in (scene.group, scene.supergroup, scene.channel):
        chat.title = chat.about = DIRTY
    dora = world.add_user("Dora", phone="99966210009")
    dora.password = "long enough"
    dora.verifier = make_verifier(dora.password, b"first salt", b"second salt", hint=DIRTY)


def _messages(scene: Scene) -> list[Message]:
    world, alice, bob, carol = scene.world, scene.alice, scene.bob, scene.carol
    pdf = world.add_file("document", f"text/{DIRTY}", data=b"abc", name=f"{DIRTY}.pdf")
    song = world.add_file("audio", "audio/ogg", data=b"abc", title=DIRTY, performer=DIRTY)
    voice = world.add_file("voice", "audio/ogg", data=b"abc", speech=DIRTY)
    sizes = [Size("m", 160, 160, landscape(1, 20, 20))]
    photo = world.add_file("photo", "image/jpeg", sizes=sizes)
    origin = world.post(carol, bob, DIRTY).message
    first = world.post(bob, alice, DIRTY, entities=BOLD_AND_MORE).message
    changes.react(world, bob, first, [f"👍{TAG}"])
    button = Button(DIRTY, url=f"https://a.example/{DIRTY}")
    return [
        first,
        world.post(bob, alice, DIRTY, reply_to=Reply(first.number, quote=DIRTY)).message,
        world.post(bob, alice, DIRTY, forward_from=origin).message,
        world.post(bob, alice, DIRTY, buttons=[[button]]).message,
        *(
            world.post(bob, alice, DIRTY, media=media).message
            for media in (
                FileMedia(pdf.id),
                FileMedia(song.id),
                FileMedia(voice.id),
                FileMedia(photo.id),
                WebPage(f"https://example.org/{DIRTY}", title=DIRTY),
                Poll(1, DIRTY, [DIRTY, DIRTY], [[], []], is_closed=True, explanation=DIRTY),
                ToDoList(DIRTY, [DIRTY]),
                Place(1.0, 2.0, title=DIRTY),
                ContactCard("+4912345", DIRTY, DIRTY),
            )
        ),
    ]


def _forum(scene: Scene) -> tuple[str, int]:
    """Return a message of a forum of Alice's, whose topics, titles and links others named."""
    world, alice, bob = scene.world, scene.alice, scene.bob
    forum = world.add_channel(DIRTY, alice, [bob, scene.carol], f"forum{TAG}", is_forum=True)
    forum.about = DIRTY
    world.add_topic(forum, DIRTY, bob)
    forum.members[bob.id].role, forum.members[bob.id].rank = "admin", DIRTY
    forum.invites.append(Invite("dirty_link", creator_id=alice.id, at=world.now, title=DIRTY))
    return str(forum.peer_id), world.post(bob, forum, DIRTY).message.copies[forum.peer_id]
