"""Who and what exists in the sandbox: people, chats, files, and the keys that prove it."""

from __future__ import annotations

import hmac
import secrets
import struct
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from vasya_sandbox.parts import Parts
from vasya_sandbox.records import (
    CHANNEL_MARK,
    Channel,
    File,
    FileKind,
    Group,
    Mailbox,
    Message,
    Peer,
    User,
)
from vasya_sandbox.srp import make_verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vasya_sandbox.drafts import Draft
    from vasya_sandbox.membership import Invite
    from vasya_sandbox.outbox import Outbox
    from vasya_sandbox.parts import Stored

SERVICE_ID = 777000
FIRST_USER_ID = 6_100_000_001
FIRST_FILE_ID = 5_200_000_000_000_000_001


class Directory:
    """Hold every record; all time comes from *clock* (seconds since 1970)."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        dc_id: int = 2,
        secret: bytes | None = None,
    ) -> None:
        self.clock = clock
        self.dc_id = dc_id
        self.secret = secret or secrets.token_bytes(32)
        self.users: dict[int, User] = {}
        self.groups: dict[int, Group] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.files: dict[int, File] = {}
        self.outboxes: dict[int, Outbox] = {}
        # By user, chat and topic; topic 0 is the chat itself.
        self.drafts: dict[tuple[int, int, int], Draft] = {}
        # Lower-case username and phone digits -> peer id.
        self.names: dict[str, int] = {}
        self.phones: dict[str, int] = {}
        self.last_number = 0
        self.reference_epoch = 0
        # The data centre's RSA key (PEM), so that its clients go on trusting it; opaque here.
        self.private_key = b""
        self.service = User(
            SERVICE_ID,
            "Telegram",
            Mailbox(SERVICE_ID),
            phone="42777",
            is_verified=True,
        )
        # How transcripts are made: how many an account without Premium has, and how long one takes.
        self.free_transcripts = 10
        self.transcribing_secs = 0.0
        # Scratch that a restart may lose: transcripts that were made, by user and file, and those that were told of late.
        self.transcripts_left: dict[int, int] = {}
        self.transcribed: set[tuple[int, int]] = set()
        self.transcripts_told: set[int] = set()
        # Codes and QR tokens in flight, parts being uploaded.
        self.logins: dict[str, Any] = {}
        self.qr_tokens: dict[bytes, Any] = {}
        self.exported: dict[bytes, int] = {}
        self.uploads: defaultdict[tuple[int, int], Parts] = defaultdict(Parts)
        # What large files consist of, by file id; a restart loses it with the disk that it is on.
        self.stored: dict[int, Stored] = {}

    @property
    def now(self) -> int:
        """Whole seconds since 1970."""
        return int(self.clock())

    def user(self, user_id: int) -> User | None:
        """Return a user, the service account included."""
        return self.service if user_id == SERVICE_ID else self.users.get(user_id)

    def peer(self, peer_id: int) -> Peer | None:
        """Return whom or what a marked id names."""
        if peer_id > 0:
            return self.user(peer_id)
        if peer_id > -CHANNEL_MARK:
            return self.groups.get(-peer_id)
        return self.channels.get(-peer_id - CHANNEL_MARK)

    def by_username(self, username: str) -> Peer | None:
        """Return the owner of a public name; case does not matter."""
        found = self.names.get(username.lower().lstrip("@"))
        return None if found is None else self.peer(found)

    def by_phone(self, phone: str) -> User | None:
        """Return the account of a phone number given as digits."""
        return self.users.get(self.phones.get(phone, 0))

    def members(self, peer: Group | Channel) -> Iterator[User]:
        """Yield the people who take part, in order of joining."""
        return (self.users[member.user_id] for member in peer.members.values() if member.is_inside)

    @property
    def chats(self) -> list[Group | Channel]:
        """Every group and channel."""
        return [*self.groups.values(), *self.channels.values()]

    def common_groups(self, one: User, other: User) -> list[Group | Channel]:
        """Return the groups that two people take part in, the highest id first; no broadcasts."""
        common = [
            chat
            for chat in self.chats
            if not (isinstance(chat, Channel) and chat.is_broadcast)
            and all(
                (member := chat.members.get(user.id)) and member.is_inside for user in (one, other)
            )
        ]
        return sorted(common, key=lambda chat: -chat.id)

    def by_invite(self, code: str) -> tuple[Group | Channel, Invite] | None:
        """Return the chat that an invite's hash leads to, expired or not."""
        return next(
            ((chat, each) for chat in self.chats for each in chat.invites if each.hash == code),
            None,
        )

    # Hashes: one per viewer, so that a client that mixes up its accounts is caught

    def access_hash(self, viewer: User, peer: Peer) -> int:
        """Return the key that proves *viewer* was shown *peer*."""
        return self._hash(b"peer %d %d" % (viewer.id, peer.peer_id))

    def file_hash(self, viewer: User, file: File) -> int:
        """Return the key that proves *viewer* was shown *file*."""
        return self._hash(b"file %d %d" % (viewer.id, file.id))

    def file_reference(self, file: File) -> bytes:
        """Return the permission to download, good until `expire_file_references`.

        Source: https://core.telegram.org/api/file_reference
        """
        return hmac.digest(self.secret, b"ref %d %d" % (self.reference_epoch, file.id), "sha256")

    def expire_file_references(self) -> None:
        """Make every reference handed out so far answer FILE_REFERENCE_EXPIRED."""
        self.reference_epoch += 1

    def _hash(self, label: bytes) -> int:
        (value,) = struct.unpack_from("<q", hmac.digest(self.secret, label, "sha256"))
        return int(value)

    def add_user(
        self,
        first_name: str,
        last_name: str | None = None,
        username: str | None = None,
        phone: str | None = None,
        password: str | None = None,
        code: str = "12345",
        bot: bool = False,  # noqa: FBT001, FBT002 - Telegram's word for a kind of user
        about: str | None = None,
    ) -> User:
        """Return a new account; without *phone* a person gets the next fictional number."""
        user_id = FIRST_USER_ID + len(self.users)
        if phone is None and not bot:
            phone = f"99966{self.dc_id}{1000 + len(self.users):04}"
        user = User(
            user_id,
            first_name,
            Mailbox(user_id),
            last_name=last_name or "",
            phone=(phone or "").lstrip("+"),
            code=code,
            about=about or "",
            is_bot=bot,
            seen_at=self.now,
        )
        self.users[user_id] = user
        if user.phone:
            self.phones[user.phone] = user_id
        self.rename(user, username or "")
        if password:
            salts = self._salt(user_id), self._salt(-user_id)
            user.verifier = make_verifier(password, *salts)
            user.password = password
        return user

    def _salt(self, label: int) -> bytes:
        return hmac.digest(self.secret, b"salt %d" % label, "sha256")[:16]

    def rename(self, peer: User | Channel, username: str) -> None:
        """Give *peer* another public name; empty takes it away."""
        if peer.username:
            del self.names[peer.username.lower()]
        peer.username = username
        if username:
            self.names[username.lower()] = peer.peer_id

    def add_file(self, kind: FileKind, mime_type: str, **details: Any) -> File:
        """Return newly stored bytes; *details* are the other fields of `File`."""
        file = File(FIRST_FILE_ID + len(self.files), kind, mime_type, self.now, **details)
        self.files[file.id] = file
        return file

    def content(self, file: File) -> bytes | Stored:
        """Return what a document consists of, or what of it can be read piece by piece."""
        return self.stored.get(file.id, file.data)
