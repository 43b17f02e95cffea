"""What people do on phones of their own: the part of the control port that changes the world."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct
from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import fanout, inputs, scheduling
from vasya_sandbox.control_http import Answer, Refusal, Request, Routes
from vasya_sandbox.entities import utf16_length
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import Channel, Entity, Group, User
from vasya_sandbox.registry import HANDLERS

if TYPE_CHECKING:
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

MAX_SENDS = 10_000
Name = int | str


class Send(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Somebody's phone sends *text*, or *count* texts that end in their number.

    Args:
        sender: Who.
        to: Into which chat.
        text: What; with a *count* above 1 it is followed by a space and a number from 1 on.
        count: How many messages, all at once.
        reply_to: What they answer, by the sender's id of it.
        mentions: Whom they mention: one word of the text each, from the first on.
        is_silent: Whether they are sent without a sound; `silent` in JSON.
    """

    sender: Name = msgspec.field(name="from")
    to: Name
    text: str
    count: Annotated[int, Meta(ge=1, le=MAX_SENDS)] = 1
    reply_to: int | None = None
    mentions: list[Name] = []
    is_silent: bool = msgspec.field(name="silent", default=False)


class _Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Somebody does something in a chat; ids are those that *by* knows."""

    by: Name
    chat: Name


class Edit(_Act, frozen=True, kw_only=True):
    """Somebody changes the text of a message."""

    id: int
    text: str


class Delete(_Act, frozen=True, kw_only=True):
    """Somebody deletes messages, for themselves or for everyone; in a channel always for everyone."""

    ids: Annotated[list[int], Meta(min_length=1)]
    for_everyone: bool = True


class React(_Act, frozen=True, kw_only=True):
    """Somebody sets their reaction to a message; null takes it back."""

    id: int
    emoji: str | None


class Read(_Act, frozen=True, kw_only=True):
    """Somebody reads a chat up to a message; 0 is the newest."""

    up_to: Annotated[int, Meta(ge=0)] = 0


class Title(_Act, frozen=True, kw_only=True):
    """Somebody renames a group or a channel."""

    title: str


class Pin(_Act, frozen=True, kw_only=True):
    """Somebody pins a message for everyone, or unpins it."""

    id: int
    is_pinned: bool = True


class Status(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Somebody comes online or leaves."""

    user: Name
    is_online: bool


class People:
    """The people of one data centre, who act through the handlers that serve everybody."""

    def __init__(self, dc: DataCentre) -> None:
        self._dc = dc
        self.routes: Routes = {
            "/send": {"POST": self._send},
            "/edit": {"POST": self._edit},
            "/delete": {"POST": self._delete},
            "/react": {"POST": self._react},
            "/read": {"POST": self._read},
            "/typing": {"POST": self._typing},
            "/title": {"POST": self._title},
            "/pin": {"POST": self._pin},
            "/status": {"POST": self._status},
        }

    # Who is who

    def peer(self, name: Name) -> Peer:
        """Find a chat by its marked id or its username.

        Raises:
            Refusal: There is none.
        """
        world = self._dc.world
        text = str(name)
        is_number = text.removeprefix("-").isdecimal()
        found = world.peer(int(text)) if is_number else world.by_username(text)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, f"there is no chat {text!r}")
        return found

    def user(self, name: Name) -> User:
        """Find a person.

        Raises:
            Refusal: There is none, or it is a chat.
        """
        found = self.peer(name)
        if not isinstance(found, User):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name!r} is not a user")
        return found

    def require_writer(self, sender: User, peer: Peer) -> None:
        """Refuse a message from outside.

        Raises:
            Refusal: The sender is not in the chat, or may not post there.
        """
        if isinstance(peer, User):
            return
        member = peer.members.get(sender.id)
        if member is None or not member.is_inside:
            who = sender.username or sender.id
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{who} is not in {peer.title}")
        if isinstance(peer, Channel) and peer.is_broadcast and not member.is_admin:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"only admins post in {peer.title}")

    def _message(self, phone: Session, peer: Peer, message_id: int) -> Message:
        try:
            return inputs.message(phone, peer, message_id)
        except RpcError as error:
            text = f"{phone.user.id} sees no message {message_id} in {peer.peer_id}"
            raise Refusal(HTTPStatus.NOT_FOUND, text) from error

    # Sending

    def post(
        self,
        sender: User,
        peer: Peer,
        text: str,
        *,
        mentions: list[User] | None = None,
        reply_to: Message | None = None,
        is_silent: bool = False,
    ) -> Message:
        """Send one message, and tell everybody who can see it."""
        posted = self._dc.world.post(
            sender,
            peer,
            text,
            entities=_mention(text, mentions or []),
            reply_to=reply_to,
            top_id=_thread(peer, reply_to),
            is_silent=is_silent,
        )
        fanout.publish(self._dc, posted.notices)
        self._dc.changed()
        return posted.message

    def _send(self, request: Request) -> Answer:
        send = msgspec.json.decode(request.body, type=Send)
        if not send.text:
            raise Refusal(HTTPStatus.BAD_REQUEST, "text must not be empty")
        sender, peer = self.user(send.sender), self.peer(send.to)
        self.require_writer(sender, peer)
        mentions = [self.user(name) for name in send.mentions]
        if len(mentions) > len(send.text.split()):
            raise Refusal(HTTPStatus.BAD_REQUEST, "mentions need a word of the text each")
        answered = None
        if send.reply_to is not None:
            answered = self._message(scheduling.phone(self._dc, sender), peer, send.reply_to)
        texts = [send.text]
        if send.count > 1:
            texts = [f"{send.text} {n}" for n in range(1, send.count + 1)]
        sent = [
            self.post(
                sender,
                peer,
                text,
                mentions=mentions,
                reply_to=answered,
                is_silent=send.is_silent,
            )
            for text in texts
        ]
        if len(sent) > 1:
            return HTTPStatus.CREATED, {"ids": _all_ids(sent)}
        return HTTPStatus.CREATED, ids(sent[0], sender, peer)

    # What is done to messages that exist

    def _edit(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Edit)
        phone, peer = self._at(act)
        record = self._message(phone, peer, act.id)
        given = _input_peer(phone, peer)
        _do(phone, f.messages.EditMessageRequest(given, act.id, message=act.text))
        return HTTPStatus.OK, ids(record, phone.user, peer)

    def _delete(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Delete)
        phone, peer = self._at(act)
        world = self._dc.world
        records = [self._message(phone, peer, message_id) for message_id in act.ids]
        if isinstance(peer, Channel):
            given = t.InputChannel(peer.id, world.access_hash(phone.user, peer))
            _do(phone, f.channels.DeleteMessagesRequest(given, act.ids))
        else:
            _do(phone, f.messages.DeleteMessagesRequest(act.ids, revoke=act.for_everyone))
        gone: dict[str, list[int]] = {}
        for record in records:
            for owner, message_id in record.copies.items():
                reader = world.peer(owner)
                if isinstance(reader, Group) or reader is None:
                    continue
                if message_id not in reader.box.numbers:
                    gone.setdefault(str(owner), []).append(message_id)
        return HTTPStatus.OK, {"ids": gone}

    def _react(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=React)
        phone, peer = self._at(act)
        record = self._message(phone, peer, act.id)
        chosen = [] if act.emoji is None else [t.ReactionEmoji(act.emoji)]
        given = _input_peer(phone, peer)
        _do(phone, f.messages.SendReactionRequest(given, act.id, reaction=chosen))
        return HTTPStatus.OK, ids(record, phone.user, peer)

    def _pin(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Pin)
        phone, peer = self._at(act)
        record = self._message(phone, peer, act.id)
        given = _input_peer(phone, peer)
        pin = f.messages.UpdatePinnedMessageRequest(given, act.id, unpin=not act.is_pinned)
        _do(phone, pin)
        return HTTPStatus.OK, ids(record, phone.user, peer)

    # What is done to chats

    def _read(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Read)
        phone, peer = self._at(act)
        if act.up_to:
            self._message(phone, peer, act.up_to)
        read: Any = f.messages.ReadHistoryRequest(_input_peer(phone, peer), act.up_to)
        if isinstance(peer, Channel):
            access_hash = self._dc.world.access_hash(phone.user, peer)
            read = f.channels.ReadHistoryRequest(t.InputChannel(peer.id, access_hash), act.up_to)
        _do(phone, read)
        return HTTPStatus.OK, {"upTo": self._dc.world.dialog(phone.user, peer.peer_id).read_in}

    def _typing(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=_Act)
        phone, peer = self._at(act)
        action = t.SendMessageTypingAction()
        _do(phone, f.messages.SetTypingRequest(_input_peer(phone, peer), action))
        return HTTPStatus.NO_CONTENT, None

    def _title(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Title)
        phone, peer = self._at(act)
        if isinstance(peer, User):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{act.chat!r} is a person")
        rename: Any = f.messages.EditChatTitleRequest(peer.id, act.title)
        if isinstance(peer, Channel):
            access_hash = self._dc.world.access_hash(phone.user, peer)
            channel = t.InputChannel(peer.id, access_hash)
            rename = f.channels.EditTitleRequest(channel, act.title)
        _do(phone, rename)
        # The newest message of the chat is the one that tells of it.
        newest = self._dc.world.ids(phone.user, peer)[-1]
        return HTTPStatus.OK, ids(self._message(phone, peer, newest), phone.user, peer)

    def _status(self, request: Request) -> Answer:
        act = msgspec.json.decode(request.body, type=Status)
        _do(
            scheduling.phone(self._dc, self.user(act.user)),
            f.account.UpdateStatusRequest(offline=not act.is_online),
        )
        return HTTPStatus.NO_CONTENT, None

    def _at(self, act: _Act) -> tuple[Session, Peer]:
        return scheduling.phone(self._dc, self.user(act.by)), self.peer(act.chat)


def _do(phone: Session, request: Any) -> None:
    """Let the handler of a request do what it does for clients.

    Raises:
        Refusal: Telegram would not let them; the error is Telegram's.
    """
    try:
        HANDLERS[type(request)].function(phone, request)
    except RpcError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, error.message) from error
    phone.dc.changed()


def _input_peer(phone: Session, peer: Peer) -> Any:
    """Return *peer* as its viewer would name it."""
    access_hash = phone.dc.world.access_hash(phone.user, peer)
    match peer:
        case User():
            return t.InputPeerUser(peer.id, access_hash)
        case Group():
            return t.InputPeerChat(peer.id)
        case Channel():
            return t.InputPeerChannel(peer.id, access_hash)


def _mention(text: str, people: list[User]) -> list[Entity]:
    """Return one mention for each person, on the first words of the text."""
    words = re.finditer(r"\S+", text)
    return [
        Entity(
            "text_mention",
            utf16_length(text[: word.start()]),
            utf16_length(word.group()),
            user_id=user.id,
        )
        for user, word in zip(people, words, strict=False)
    ]


def _thread(peer: Peer, answered: Message | None) -> int:
    """Return the thread that an answer joins; 0 outside channels."""
    if not isinstance(peer, Channel) or answered is None:
        return 0
    return answered.top_id or (0 if peer.is_forum else answered.copies[peer.peer_id])


def ids(record: Message, actor: User, peer: Peer) -> dict[str, Any]:
    """Return the id that *actor* knows a message by, and those in every box."""
    owner = peer.peer_id if isinstance(peer, Channel) else actor.id
    return {
        "id": record.copies[owner],
        "ids": {str(box): message_id for box, message_id in record.copies.items()},
    }


def _all_ids(records: list[Message]) -> dict[str, list[int]]:
    """Return the ids of many messages in every box, in their order."""
    found: dict[str, list[int]] = {}
    for record in records:
        for box, message_id in record.copies.items():
            found.setdefault(str(box), []).append(message_id)
    return found
