"""A believable world to try a gateway on: one owner, and everything in her chat list.

The same every time but for its dates, which end shortly before now.
"""

from __future__ import annotations

import random
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from vasya_sandbox import changes, images
from vasya_sandbox import world_demo_texts as texts
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.membership import Invite
from vasya_sandbox.model import Content, World
from vasya_sandbox.records import Channel, Reply, Size, User, WebPage
from vasya_sandbox.world_demo_highlights import Highlights, comment

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.records import Message, Peer

SEED = 20_250
HOUR_SECS, DAY_SECS = 3_600, 86_400
HISTORY_DAYS = 60
EMOJIS = ("👍", "❤", "😁", "🔥", "🎉", "👏", "🤔", "🙏")
# first name, last name, username, language of the chat with the owner, messages there
PEOPLE = (
    ("Mira", "Novak", "mira_novak", "", 0),
    ("Анна", "Ковалёва", "anna_kovaleva", "ru", 110),
    ("James", "O'Neill", "james_oneill", "en", 150),
    ("伟", "李", "liwei_dev", "zh", 60),
    ("فاطمة", "الزهراء", "fatima_zahra", "ar", 60),
    ("נועם", "לוי", "noam_levi", "he", 50),
    ("आरव", "शर्मा", "aarav_sharma", "hi", 50),
    ("Lucía", "Fernández", "lucia_fernandez", "es", 70),
    ("Διονύσης", "Παππάς", "dionysis_p", "el", 40),
    ("ゆき", "佐藤", "sato_yuki", "ja", 50),
    ("Дмитро", "Шевченко", "dmytro_shev", "uk", 50),
    ("Chidi", "Okafor", "chidi_okafor", "en", 130),
)
PASSWORD_OWNER, PASSWORD = "chidi_okafor", "correct horse"
FOOTBALL_INVITE = "DemoFridayFootball"
UNREAD = {
    "anna_kovaleva": 3,
    "james_oneill": 1,
    "fatima_zahra": 2,
    "sato_yuki": 4,
    "work": 12,
    "books": 25,
    "forum": 7,
    "bulletin": 9,
    "kitchen": 31,
}


class Line(NamedTuple):
    """Something that will be said."""

    at: int
    chat: str
    sender: User
    text: str
    # How many messages back in its chat is the one it answers; 0 for none.
    answers: int = 0
    topic_id: int = 0


class Stage:
    """A world being built; every choice comes from one seeded source."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.world = World(clock, secret=sha256(b"the demo world").digest())
        self.rng = random.Random(SEED)
        self.start = self.world.now - HISTORY_DAYS * DAY_SECS
        self.chats: dict[str, Peer] = {}
        self.speakers: dict[str, list[User]] = {}
        self.said: dict[str, list[Message]] = {}
        self.people: list[User] = []
        self.lines: list[Line] = []

    def fill(self, text: str) -> str:
        """Return *text* with its blanks filled in."""
        rng = self.rng
        return text.format(
            day=rng.choice(texts.DAYS),
            time=rng.choice(texts.TIMES),
            place=rng.choice(texts.PLACES),
            thing=rng.choice(texts.THINGS),
            n=rng.randrange(2, 40),
        )

    # People and chats

    def add_people(self) -> None:
        """Add the owner, her people, and a bot."""
        for first, last, username, _, _ in PEOPLE:
            password = PASSWORD if username == PASSWORD_OWNER else None
            self.people.append(
                self.world.add_user(
                    first, last, username, password=password, about=self.about(first)
                )
            )
        owner = self.people[0]
        self.bot = self.world.add_user(
            "Ferry Bot", username="demo_ferry_bot", bot=True, about="Crossings, delays and tickets."
        )
        self.chats["demo_ferry_bot"] = self.bot
        for index, person in enumerate(self.people[1:], 1):
            self.chats[person.username] = person
            self.speakers[person.username] = [owner, person]
            if index % 3:
                owner.contacts.add(person.id)
                person.contacts.add(owner.id)
        for seed, person in enumerate(self.people[:7]):
            person.photos.append(self.picture(seed, ("a", 20, 20), ("c", 40, 40)))

    def about(self, name: str) -> str:
        """Return a line somebody wrote about themselves."""
        return f"{name} · " + self.rng.choice(
            ("harbours and tea", "on the road", "building things", "mostly offline")
        )

    def add_chats(self) -> None:
        """Add groups and channels."""
        self.add_groups()
        self.add_supergroups()
        self.add_forum()
        self.add_broadcasts()
        self.add_comments()

    def add_groups(self) -> None:
        """Add the basic groups."""
        people = self.people
        for key, title, speakers in (
            ("family", "Семья 🏡", [people[1], people[10]]),
            ("football", "Friday football", [people[2], people[11], people[7]]),
        ):
            members = [people[0], *speakers]
            group = self.world.add_group(title, speakers[0], members, at=self.start)
            group.invites = [Invite(FOOTBALL_INVITE)] if key == "football" else []
            self.add(key, group, speakers)

    def add_supergroups(self) -> None:
        """Add the groups of work and of the book club."""
        people, world, at = self.people, self.world, self.start
        work = [people[11], people[2], people[9], people[3]]
        harbour = world.add_channel("Harbour Project", people[11], [people[0], *work], at=at)
        harbour.photo_id = self.picture(22, ("a", 20, 20), ("c", 40, 40))
        harbour.about = "New timber quay, phase two. Decisions are pinned."
        self.add("work", harbour, work)
        books = [people[1], people[10], people[8]]
        name, members = "demo_book_club", [people[0], *books]
        club = world.add_channel("Книжный клуб", people[1], members, username=name, at=at)
        self.add("books", club, books)

    def add_forum(self) -> None:
        """Add a group with topics."""
        people, world, at = self.people, self.world, self.start
        makers = [people[3], people[6], people[5]]
        members = [people[0], *makers]
        forum = world.add_channel("Makers' Workshop", people[3], members, is_forum=True, at=at)
        self.add("forum", forum, makers)
        self.topics = {
            title: world.add_topic(forum, name, makers[0], at=at).id
            for title, name in (("topic-electronics", "Electronics"), ("topic-wood", "Wood"))
        }
        self.topics["general"] = 0

    def add_broadcasts(self) -> None:
        """Add the channels, one of them the owner's own."""
        people = self.people
        for key, title, creator, name in (
            ("bulletin", "City Bulletin", people[7], "demo_city_bulletin"),
            ("kitchen", "Quiet Kitchen 🍲", people[4], "demo_quiet_kitchen"),
            ("notes", "Mira's Notes", people[0], "demo_mira_notes"),
            ("archive", "Harbour Archive", people[8], None),
        ):
            members = [person for person in people if person is not creator]
            channel = self.world.add_channel(
                title, creator, members, username=name, is_broadcast=True, at=self.start
            )
            channel.is_protected = key == "archive"
            self.add(key, channel, [creator])

    def add_comments(self) -> None:
        """Give the bulletin a group in which its posts are discussed."""
        people, bulletin = self.people, self.chats["bulletin"]
        neighbours = [people[2], people[7], people[8]]
        members = [people[0], *neighbours]
        talk = self.world.add_channel("City Bulletin: comments", people[7], members, at=self.start)
        self.add("comments", talk, neighbours)
        if isinstance(bulletin, Channel):
            bulletin.linked_id, talk.linked_id = talk.id, bulletin.id
            bulletin.photo_id = self.picture(21, ("a", 20, 20), ("c", 40, 40))

    def add(self, key: str, peer: Peer, speakers: list[User]) -> None:
        """Name a chat and those who talk there beside the owner."""
        self.chats[key] = peer
        self.speakers[key] = [self.people[0], *speakers]

    def place(self, key: str, sender: User) -> Peer:
        """Return where *sender* writes to be heard in a chat: a person writes to the owner."""
        peer = self.chats[key]
        return self.people[0] if peer is sender else peer

    # What is said

    def plan(self) -> None:
        """Decide who says what, where and when."""
        for *_, username, language, count in PEOPLE[1:]:
            self.plan_threads(username, texts.threads(texts.PRIVATE[language]), count)
        for key, count in (("family", 90), ("football", 110), ("work", 260), ("books", 110)):
            self.plan_threads(key, texts.threads(texts.GROUPS[key]), count)
        for title, topic_id in self.topics.items():
            self.plan_threads("forum", texts.threads(texts.GROUPS[title]), 45, topic_id)
        for key, count in (("bulletin", 110), ("kitchen", 90), ("notes", 60), ("archive", 40)):
            sender = self.speakers[key][-1]
            posts = texts.lines(texts.POSTS[key])
            for index, at in enumerate(self.moments(count)):
                self.lines.append(Line(at, key, sender, self.fill(posts[index % len(posts)])))
        owner = self.people[0]
        self.chats["saved"], self.speakers["saved"] = owner, [owner]
        for at, text in zip(self.moments(30), texts.lines(texts.SAVED) * 3, strict=False):
            self.lines.append(Line(at, "saved", owner, self.fill(text)))

    def moments(self, count: int) -> list[int]:
        """Return ascending times from the start until an hour ago, denser towards the end."""
        span = HISTORY_DAYS * DAY_SECS - HOUR_SECS
        return sorted(self.start + int(span * self.rng.random() ** 0.6) for _ in range(count))

    def plan_threads(
        self, key: str, threads: list[list[str]], count: int, topic_id: int = 0
    ) -> None:
        """Plan about *count* lines of small talk, thread by thread."""
        speakers, planned = self.speakers[key], 0
        longest = max(len(thread) for thread in threads)
        order: list[list[str]] = []
        for at in self.moments(1 + count * 2 // longest):
            if planned >= count:
                break
            if not order:
                order = self.rng.sample(threads, len(threads))
            moment = at
            for index, line in enumerate(order.pop()):
                speaker = speakers[int(line[0]) % len(speakers)]
                answers = 1 if index and self.rng.random() < 0.2 else 0  # noqa: PLR2004 - one in five
                self.lines.append(
                    Line(moment, key, speaker, self.fill(line[1:]), answers, topic_id)
                )
                moment += self.rng.randrange(8, 240)
                planned += 1

    def speak(self) -> None:
        """Post everything in the order of time, so that ids and dates agree in every box."""
        self.lines.sort(key=lambda line: line.at)
        latest = self.world.now - 60
        for line in self.lines:
            said = self.said.setdefault(line.chat, [])
            reply = None
            if line.answers and len(said) >= line.answers:
                origin = said[-line.answers]
                quote = origin.text.split(",")[0] if self.rng.random() < 0.15 else ""  # noqa: PLR2004 - some quote
                reply = Reply(origin.number, quote)
            posted = self.world.post(
                line.sender,
                self.place(line.chat, line.sender),
                line.text,
                at=min(line.at, latest),
                reply_to=reply,
                **self.extras(line),
            )
            said.append(posted.message)
            self.react(line.chat, posted.message)
            if line.chat == "bulletin" and self.rng.random() < 0.3:  # noqa: PLR2004 - some are discussed
                comment(self, posted.message)

    def extras(self, line: Line) -> Content:
        """Return what a line carries beside its text."""
        content = Content(top_id=line.topic_id)
        if isinstance(self.chats[line.chat], Channel) and line.chat in texts.POSTS:
            content["views"] = self.rng.randrange(40, 900)
        if "https://" in line.text:
            url = line.text[line.text.index("https://") :].split()[0]
            site = url.split("/")[2]
            content["media"] = WebPage(url, f"{site}: page", "A page of the demo world.", site)
        return content

    def react(self, chat: str, record: Message) -> None:
        """Let some of those present react."""
        speakers = self.speakers[chat]
        if self.chats[chat] is self.people[0] or self.rng.random() > 0.15:  # noqa: PLR2004 - most get none
            return
        for person in self.rng.sample(speakers, self.rng.randrange(1, len(speakers) + 1)):
            if person.id != record.author_id:
                changes.react(self.world, person, record, [self.rng.choice(EMOJIS[:5])])

    # Pictures and documents

    def picture(self, seed: int, *sizes: tuple[str, int, int]) -> int:
        """Return the id of a new photo with *sizes* of (letter, columns, rows of 8 pixels)."""
        made = [
            Size(letter, 8 * columns, 8 * rows, images.landscape(seed, columns, rows))
            for letter, columns, rows in sizes
        ]
        return self.world.add_file("photo", "image/jpeg", sizes=made).id

    def conclude(self) -> None:
        """Read what the owner has read, and everything the others have."""
        world, owner = self.world, self.people[0]
        for person in (*self.people[1:], self.bot):
            for peer_id in list(person.dialogs):
                peer = world.peer(peer_id)
                if peer is not None and self.rng.random() < 0.8:  # noqa: PLR2004 - a few have not
                    world.mark_read(person, peer)
        for key, peer in self.chats.items():
            unread = UNREAD.get(key, 0)
            ids = [i for i in world.ids(owner, peer) if self.is_foreign(peer, i)]
            last = ids[-unread] - 1 if unread and len(ids) >= unread else 0
            world.mark_read(owner, peer, last)
            dialog = world.dialog(owner, peer.peer_id)
            dialog.mentions = [i for i in dialog.mentions if i > dialog.read_in]
        for rank, key in enumerate(("work", "anna_kovaleva"), 1):
            world.dialog(owner, self.chats[key].peer_id).pin_rank = 3 - rank
        for key in ("archive", "dionysis_p"):
            world.dialog(owner, self.chats[key].peer_id).folder_id = 1
        world.dialog(owner, self.chats["kitchen"].peer_id).muted_until = 2**31 - 1

    def add_folders(self) -> None:
        """Give the owner a folder of chosen chats, and one that takes chats in by rules."""
        ids = {key: peer.peer_id for key, peer in self.chats.items()}
        people = [ids["chidi_okafor"], ids["james_oneill"]]
        self.people[0].folders = [
            Folder(2, "Work", included=people, pinned=[ids["work"]]),
            Folder(
                3,
                "To read",
                excluded=[ids["notes"]],
                rules=["broadcasts", "exclude_muted", "exclude_archived"],
            ),
        ]

    def is_foreign(self, peer: Peer, message_id: int) -> bool:
        """Tell whether a message is not the owner's own."""
        record = self.world.message(self.people[0], peer, message_id)
        return record is not None and record.author_id != self.people[0].id


def build(clock: Callable[[], float]) -> World:
    """Return the demo world; its first user is the owner, whose chats hold everything."""
    stage = Stage(clock)
    stage.add_people()
    stage.add_chats()
    stage.plan()
    stage.speak()
    Highlights(stage).add()
    stage.conclude()
    stage.add_folders()
    return stage.world
