"""What the sandbox remembers: plain records that a snapshot stores as they are.

A *peer id* is an int in the marked form: users positive, basic groups negative, channels
-100…. A *number* is the world-wide number of a message; an *id* is what one box calls it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct, field

from vasya_sandbox.bots import Button
from vasya_sandbox.chat_lists import Dialog, Folder
from vasya_sandbox.membership import Lobby, Member
from vasya_sandbox.polls import Poll
from vasya_sandbox.to_do import ToDoList

CHANNEL_MARK = 1_000_000_000_000
# A client further behind than this gets "too long" and starts over, as with the real service.
LOG_LIMIT = 100_000

EventKind = Literal[
    "new", "edit", "delete", "read_in", "read_out", "pin", "unpin", "contents", "reactions", "chat"
]
FileKind = Literal["photo", "document", "voice", "audio", "video", "video_note", "sticker", "gif"]


class Entity(Struct, frozen=True, omit_defaults=True):
    """A styled range of a text, in UTF-16 code units; *kind* as in the Bot API."""

    kind: str
    offset: int
    length: int
    url: str = ""
    user_id: int = 0
    language: str = ""
    document_id: int = 0


class FileMedia(Struct, frozen=True, omit_defaults=True, tag="file"):
    """A photo, document, voice note, sticker… stored as a file."""

    file_id: int


class WebPage(Struct, frozen=True, omit_defaults=True, tag="webpage"):
    """A link preview."""

    url: str
    title: str = ""
    description: str = ""
    site_name: str = ""


class Place(Struct, frozen=True, omit_defaults=True, tag="place"):
    """A point on the map; with a title it is a venue."""

    latitude: float
    longitude: float
    title: str = ""
    address: str = ""


class ContactCard(Struct, frozen=True, omit_defaults=True, tag="contact"):
    """A shared contact; *user_id* is 0 when the number has no account."""

    phone: str
    first_name: str
    last_name: str = ""
    user_id: int = 0


Media: TypeAlias = FileMedia | WebPage | Poll | Place | ContactCard | ToDoList


class Reply(Struct, frozen=True, omit_defaults=True):
    """What a message answers."""

    number: int
    quote: str = ""
    quote_offset: int = 0


class Forward(Struct, frozen=True, omit_defaults=True):
    """Where a forwarded message came from."""

    at: int
    sender: int
    channel_post: int = 0
    saved_peer: int = 0
    saved_id: int = 0


class Action(Struct, frozen=True, omit_defaults=True):
    """A service message; *kind* names the TL action without its prefix."""

    kind: str
    title: str = ""
    user_ids: list[int] = field(default_factory=list)


class Reaction(Struct, frozen=True, omit_defaults=True):
    """One person's emoji on one message."""

    user_id: int
    emoji: str
    at: int


class Message(Struct, eq=False, omit_defaults=True):
    """A message once, however many boxes hold it."""

    number: int
    sender: int
    author_id: int
    peer: int
    at: int
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    media: Media | None = None
    reply: Reply | None = None
    forward: Forward | None = None
    action: Action | None = None
    buttons: list[list[Button]] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    top_id: int = 0
    discussion: int = 0
    grouped_id: int = 0
    views: int = 0
    forwards: int = 0
    edited_at: int = 0
    is_silent: bool = False
    is_protected: bool = False
    is_from_scheduled: bool = False
    # Owners of the boxes in which it is pinned.
    pinned_in: list[int] = field(default_factory=list)
    # Owner of the box (user or channel, marked) -> the id there.
    copies: dict[int, int] = field(default_factory=dict)


class Event(Struct, frozen=True, omit_defaults=True):
    """One step of a box; *pts* is the state after it."""

    pts: int
    pts_count: int
    kind: EventKind
    peer: int
    ids: list[int] = field(default_factory=list)
    max_id: int = 0
    unread: int = 0


class Mailbox(Struct, eq=False, omit_defaults=True):
    """A pts-ordered sequence of events over a set of messages: a user's own, or a channel's."""

    owner: int
    pts: int = 1
    last_id: int = 0
    log: list[Event] = field(default_factory=list)
    # The newest pts that the log no longer reaches back to.
    floor: int = 1
    numbers: dict[int, int] = field(default_factory=dict)
    by_peer: dict[int, list[int]] = field(default_factory=dict)
    threads: dict[int, list[int]] = field(default_factory=dict)
    # When a message came, changed or went, in seconds since 1970.
    moved_at: int = 0

    def record(self, kind: EventKind, peer: int, ids: list[int], pts_count: int) -> Event:
        """Advance pts by *pts_count* and remember why."""
        self.pts += pts_count
        event = Event(self.pts, pts_count, kind, peer, ids)
        self._append(event)
        return event

    def record_read(self, kind: EventKind, peer: int, max_id: int, unread: int = 0) -> Event:
        """Advance pts by one for a moved read mark."""
        self.pts += 1
        event = Event(self.pts, 1, kind, peer, max_id=max_id, unread=unread)
        self._append(event)
        return event

    def since(self, pts: int) -> list[Event]:
        """Return the events after *pts*, oldest first."""
        return self.log[bisect_right(self.log, pts, key=lambda event: event.pts) :]

    def forget(self) -> None:
        """Make every client that does not have the present state start over."""
        self.floor = self.pts
        self.log.clear()

    def _append(self, event: Event) -> None:
        self.log.append(event)
        if len(self.log) > LOG_LIMIT:
            half = LOG_LIMIT // 2
            self.floor = self.log[half - 1].pts
            del self.log[:half]


class Verifier(Struct, frozen=True, omit_defaults=True):
    """What the server keeps of a 2FA password (SRP): never the password."""

    salt1: bytes
    salt2: bytes
    value: bytes
    hint: str = ""


class User(Struct, eq=False, omit_defaults=True):
    """A person or a bot; *phone* is digits only, empty for bots."""

    id: int
    first_name: str
    box: Mailbox
    last_name: str = ""
    username: str = ""
    phone: str = ""
    code: str = ""
    about: str = ""
    verifier: Verifier | None = None
    # Only for worlds whose passwords are printed for the developer; empty once changed.
    password: str = ""
    is_bot: bool = False
    is_verified: bool = False
    is_online: bool = False
    hides_read_dates: bool = False
    seen_at: int = 0
    contacts: set[int] = field(default_factory=set)
    contact_names: dict[int, tuple[str, str]] = field(default_factory=dict)  # first and last
    blocked: set[int] = field(default_factory=set)
    # Of those blocked by a request.
    blocked_at: dict[int, int] = field(default_factory=dict)
    # The data centre where the account is kept; 0 for the one that serves.
    home_dc_id: int = 0
    photos: list[int] = field(default_factory=list)
    dialogs: dict[int, Dialog] = field(default_factory=dict)
    folders: list[Folder] = field(default_factory=list)
    # peer id -> random_id -> message number; kept for ever.
    sent: dict[int, dict[int, int]] = field(default_factory=dict)

    @property
    def peer_id(self) -> int:
        """The id in the marked form."""
        return self.id


class Group(Lobby, eq=False, omit_defaults=True):
    """A basic group: its messages live in each member's own box."""

    id: int
    title: str
    creator_id: int
    at: int
    members: dict[int, Member] = field(default_factory=dict)
    about: str = ""
    photo_id: int = 0
    version: int = 1
    ttl_secs: int = 0
    is_protected: bool = False

    @property
    def peer_id(self) -> int:
        """The id in the marked form."""
        return -self.id


class Topic(Struct, eq=False, omit_defaults=True):
    """A forum topic; *id* is that of the service message that opened it."""

    id: int
    title: str
    creator_id: int
    at: int
    icon_color: int = 0x6FB9F0
    is_closed: bool = False
    is_pinned: bool = False
    is_hidden: bool = False


class Channel(Lobby, eq=False, omit_defaults=True):
    """A supergroup or, with *is_broadcast*, a channel: one box for all."""

    id: int
    title: str
    creator_id: int
    at: int
    box: Mailbox
    members: dict[int, Member] = field(default_factory=dict)
    username: str = ""
    about: str = ""
    photo_id: int = 0
    # The discussion group of a broadcast, and back: a channel id, 0 for none.
    linked_id: int = 0
    slow_mode_secs: int = 0
    ttl_secs: int = 0
    topics: dict[int, Topic] = field(default_factory=dict)
    is_broadcast: bool = False
    is_forum: bool = False
    is_protected: bool = False
    has_signatures: bool = False

    @property
    def peer_id(self) -> int:
        """The id in the marked form."""
        return -CHANNEL_MARK - self.id


Peer: TypeAlias = User | Group | Channel


class Size(Struct, frozen=True, omit_defaults=True):
    """One rendition of a photo, or a thumbnail; *type* is Telegram's letter."""

    type: str
    width: int
    height: int
    data: bytes


class File(Struct, eq=False, omit_defaults=True):
    """Stored bytes; a photo has only *sizes*, a document has *data*."""

    id: int
    kind: FileKind
    mime_type: str
    at: int
    data: bytes = b""
    sizes: list[Size] = field(default_factory=list)
    name: str = ""
    width: int = 0
    height: int = 0
    duration_secs: int = 0
    title: str = ""
    performer: str = ""
    emoji: str = ""
    # What is said in a voice or video note; without it Telegram understands nothing.
    speech: str = ""


class Notice(NamedTuple):
    """An event of *box* that *user* has to hear of."""

    user: User
    box: Mailbox
    event: Event


class Posted(NamedTuple):
    """A new message and what has to be pushed because of it."""

    message: Message
    notices: list[Notice]
