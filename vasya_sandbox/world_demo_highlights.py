"""The messages of the demo world that are not small talk: one of each kind that there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vasya_sandbox import changes, world_demo_files
from vasya_sandbox import world_demo_texts as texts
from vasya_sandbox.bots import Button
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Action, Channel, ContactCard, Entity, FileMedia, Place

if TYPE_CHECKING:
    from vasya_sandbox.model import World
    from vasya_sandbox.records import FileKind, Message, User
    from vasya_sandbox.world_demo import Stage

MINUTE_SECS = 60


class Highlights:
    """Adds them to a built stage, the newest a few minutes old."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world: World = stage.world
        self.owner = stage.people[0]
        self.people = {person.username: person for person in stage.people}
        self.at = self.world.now - 170 * MINUTE_SECS

    def add(self) -> None:
        """Post every highlight, in the order of time."""
        self.add_photos()
        self.add_documents()
        self.add_sounds()
        self.add_moving()
        self.add_structures()
        self.add_changes()
        self.add_bot()
        self.add_suspicious()
        self.add_mention()
        self.add_service()

    def post(self, sender: User, chat: str, text: str = "", **content: Any) -> Message:
        """Post a few minutes after the one before."""
        self.at += self.stage.rng.randrange(2, 5) * MINUTE_SECS
        return self.world.post(
            sender, self.stage.place(chat, sender), text, at=self.at, **content
        ).message

    def attach(self, kind: FileKind, mime_type: str, data: bytes, **details: Any) -> FileMedia:
        """Store bytes and return what a message carries of them."""
        return FileMedia(self.world.add_file(kind, mime_type, data=data, **details).id)

    def photo(self, seed: int) -> FileMedia:
        """Return a landscape in two sizes."""
        return FileMedia(self.stage.picture(seed, ("m", 20, 15), ("x", 50, 38)))

    def add_photos(self) -> None:
        """Post a photo, an album, and a photo in a channel."""
        chidi, yuki = self.people["chidi_okafor"], self.people["sato_yuki"]
        self.post(yuki, "sato_yuki", "京都の朝です", media=self.photo(1))
        for seed, caption in ((2, "Quay, north side, this morning"), (3, ""), (4, "")):
            media = self.photo(seed)
            self.post(chidi, "work", caption, media=media, grouped_id=7_000_001)
        self.post(self.owner, "notes", "Light over the pier.", media=self.photo(5), views=212)

    def add_documents(self) -> None:
        """Post documents for people, for spreadsheets and for programs."""
        lines = ["Harbour Project", "Quay survey, summary", "", "Total length: 184 m"]
        survey = world_demo_files.pdf(lines)
        media = self.attach("document", "application/pdf", survey, name="quay-survey.pdf")
        self.post(self.people["chidi_okafor"], "work", "The survey, final version.", media=media)
        rows = "month,planned,spent\n" + "".join(
            f"2025-{month:02},{month * 1100},{month * 1040}\n" for month in range(1, 13)
        )
        media = self.attach("document", "text/csv", rows.encode(), name="budget.csv")
        self.post(self.people["james_oneill"], "james_oneill", "Numbers for Thursday", media=media)
        plan = json.dumps({"tables": 4, "guests": ["Анна", "Дмитро"]}, ensure_ascii=False)
        media = self.attach("document", "application/json", plan.encode(), name="обед.json")
        self.post(self.people["anna_kovaleva"], "family", media=media)

    def add_sounds(self) -> None:
        """Post two voice notes and a song."""
        anna, james = self.people["anna_kovaleva"], self.people["james_oneill"]
        said = "I am at the station, platform four. Bring the keys, please."
        late = "Running ten minutes late, start without me."
        for sender, chat, secs, speech in (
            (anna, "anna_kovaleva", 7, said),
            (james, "james_oneill", 4, late),
        ):
            sound = world_demo_files.voice(secs)
            media = self.attach("voice", "audio/ogg", sound, duration_secs=secs, speech=speech)
            self.post(sender, chat, media=media)
        song = {"name": "tide.ogg", "title": "Tide", "performer": "The Mills", "duration_secs": 12}
        media = self.attach("audio", "audio/ogg", world_demo_files.voice(12), **song)
        self.post(james, "football", "New anthem?", media=media)

    def add_moving(self) -> None:
        """Post a sticker and a moving picture."""
        sticker = world_demo_files.STICKER_WEBP
        media = self.attach("sticker", "image/webp", sticker, emoji="⚽", width=512, height=512)
        self.post(self.people["james_oneill"], "football", media=media)
        moving = world_demo_files.gif()
        media = self.attach("gif", "image/gif", moving, name="goal.gif", width=16, height=16)
        self.post(self.people["lucia_fernandez"], "football", media=media)

    def add_structures(self) -> None:
        """Post a poll, places, a contact card, rich text, somebody joining."""
        james, chidi = self.people["james_oneill"], self.people["chidi_okafor"]
        lucia, dionysis = self.people["lucia_fernandez"], self.people["dionysis_p"]
        poll = Poll(
            9_000_001,
            "Shirt colour for next season?",
            ["Green", "Very green", "Blue"],
            [[james.id], [chidi.id, lucia.id], []],
            is_public=True,
        )
        self.post(james, "football", media=poll)
        place = Place(36.9412, 25.4713, "Café Morel", "Harbour Street 3")
        self.post(dionysis, "dionysis_p", media=place)
        self.post(lucia, "lucia_fernandez", media=Place(43.3623, -8.4115))
        card = ContactCard(chidi.phone, "Chidi", "Okafor", chidi.id)
        self.post(james, "james_oneill", "For the quay questions:", media=card)
        text = "Decision: timber. Log: quay.md, owner Chidi Okafor, see pinned."
        styled = [
            Entity("bold", 0, 9),
            Entity("italic", 10, 7),
            Entity("code", 23, 7),
            Entity("text_mention", 38, 12, user_id=chidi.id),
        ]
        record = self.post(chidi, "work", text, entities=styled)
        changes.pin(self.world, record, is_pinned=True)
        self.post(chidi, "work", action=Action("PinMessage"), reply_to=record)
        added = Action("ChatAddUser", user_ids=[dionysis.id])
        self.post(james, "football", action=added)

    def add_changes(self) -> None:
        """Post edits, forwards, and answers across chats."""
        james, owner = self.people["james_oneill"], self.owner
        record = self.post(owner, "james_oneill", "I'll be there at 9:30")
        record.text, record.edited_at = "I'll be there at 10:00, sorry!", self.at + 40
        changes.react(self.world, james, record, ["👍"])
        news = self.stage.said["bulletin"][-1]
        self.post(
            owner, "saved", news.text, entities=news.entities, media=news.media, forward_from=news
        )
        quoted = self.stage.said["work"][-3]
        self.post(owner, "chidi_okafor", quoted.text, forward_from=quoted)
        self.post(james, "james_oneill", "Is this still true?", reply_to=record)

    def add_bot(self) -> None:
        """Post a command and an answer with buttons."""
        self.post(self.owner, "demo_ferry_bot", "/start")
        buttons = [
            [
                Button("Next crossing", data=b"next", reply="The next ferry leaves at 14:30."),
                Button("Delays", data=b"delays", reply="All ferries are on time.", is_alert=True),
            ],
            [Button("Timetable", url="https://city.example/ferry")],
        ]
        text = "Welcome aboard! What would you like to know?"
        self.post(self.stage.bot, "demo_ferry_bot", text, buttons=buttons)

    def add_suspicious(self) -> None:
        """Post text that lies to the eye, and text that talks to an agent."""
        self.post(self.people["lucia_fernandez"], "lucia_fernandez", texts.INVISIBLE)
        self.post(self.people["liwei_dev"], "work", texts.INJECTION)

    def add_mention(self) -> None:
        """Call the owner by name, not yet seen, with the others going on."""
        chidi, yuki = self.people["chidi_okafor"], self.people["sato_yuki"]
        self.post(chidi, "work", "@mira_novak can you confirm the site visit by 17:00?")
        self.post(yuki, "work", "I can come too, if that helps.")

    def add_service(self) -> None:
        """Post what Telegram itself says."""
        for text in (texts.NEW_LOGIN, texts.LOGIN_CODE):
            self.at += MINUTE_SECS
            self.world.post(self.world.service, self.owner, text, at=self.at)


def comment(stage: Stage, post: Message) -> None:
    """Let the neighbours discuss a bulletin in its discussion group."""
    talk = stage.chats["comments"]
    if not isinstance(talk, Channel) or not post.discussion:
        return
    root = stage.world.messages[post.discussion]
    top_id = root.copies[talk.peer_id]
    speakers = stage.speakers["comments"]
    thread = stage.rng.choice(texts.threads(texts.GROUPS["comments"]))
    for index, line in enumerate(thread, 1):
        stage.world.post(
            speakers[1 + int(line[0]) % (len(speakers) - 1)],
            talk,
            stage.fill(line[1:]),
            at=post.at + 5 * index,
            reply_to=root,
            top_id=top_id,
        )
