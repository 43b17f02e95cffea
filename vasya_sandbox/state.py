"""The whole world as bytes and back: what survives a restart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from vasya_sandbox.drafts import Draft
from vasya_sandbox.model import World
from vasya_sandbox.outbox import Outbox
from vasya_sandbox.records import Channel, File, Group, Message, User

if TYPE_CHECKING:
    from collections.abc import Callable

# Changes whenever an older snapshot could no longer be read for what it says.
MAGIC = b"vasya-sandbox 1\n"


class UnreadableState(ValueError):
    """The bytes are no snapshot of this version; they must not be overwritten."""


class KeyRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An authorization key, and who is logged in on it; opaque to the world."""

    key: bytes
    user_id: int | None = None
    salt: int = 0
    created_at: int = 0
    active_at: int = 0
    layer: int = 0
    api_id: int = 0
    device_model: str = ""
    system_version: str = ""
    app_version: str = ""
    system_lang_code: str = ""
    lang_pack: str = ""
    lang_code: str = ""
    takeout_id: int | None = None
    delivered_pts: int | None = None
    missed_channel_ids: list[int] = []


class _Snapshot(Struct, kw_only=True):
    dc_id: int
    secret: bytes
    private_key: bytes
    last_number: int
    reference_epoch: int
    service: User
    users: list[User]
    groups: list[Group]
    channels: list[Channel]
    messages: list[Message]
    files: list[File]
    keys: list[KeyRecord]
    outboxes: list[Outbox] = []
    drafts: list[Draft] = []


def dump(world: World, keys: list[KeyRecord]) -> bytes:
    """Return everything that *world* and the keys hold; codes and QR tokens in flight are left."""
    snapshot = _Snapshot(
        dc_id=world.dc_id,
        secret=world.secret,
        private_key=world.private_key,
        last_number=world.last_number,
        reference_epoch=world.reference_epoch,
        service=world.service,
        users=list(world.users.values()),
        groups=list(world.groups.values()),
        channels=list(world.channels.values()),
        messages=list(world.messages.values()),
        files=list(world.files.values()),
        keys=keys,
        outboxes=list(world.outboxes.values()),
        drafts=list(world.drafts.values()),
    )
    return MAGIC + msgspec.msgpack.encode(snapshot)


def load(data: bytes, clock: Callable[[], float] = time.time) -> tuple[World, list[KeyRecord]]:
    """Return what `dump` was given.

    Raises:
        UnreadableState: The bytes are damaged or of another version.
    """
    if not data.startswith(MAGIC):
        raise UnreadableState("not a sandbox state of this version")
    try:
        snapshot = msgspec.msgpack.decode(memoryview(data)[len(MAGIC) :], type=_Snapshot)
    except msgspec.DecodeError as error:
        raise UnreadableState(f"damaged sandbox state: {error}") from error
    world = World(clock, dc_id=snapshot.dc_id, secret=snapshot.secret)
    world.private_key = snapshot.private_key
    world.last_number = snapshot.last_number
    world.reference_epoch = snapshot.reference_epoch
    world.service = snapshot.service
    world.users = {user.id: user for user in snapshot.users}
    world.groups = {group.id: group for group in snapshot.groups}
    world.channels = {channel.id: channel for channel in snapshot.channels}
    world.messages = {message.number: message for message in snapshot.messages}
    world.files = {file.id: file for file in snapshot.files}
    world.drafts = {draft.place: draft for draft in snapshot.drafts}
    world.outboxes = {outbox.user_id: outbox for outbox in snapshot.outboxes}
    for channel in snapshot.channels:
        # Of a state written before boxes kept it.
        if not channel.box.moved_at and (numbers := channel.box.numbers):
            channel.box.moved_at = world.messages[numbers[max(numbers)]].at
    world.phones = {user.phone: user.id for user in snapshot.users if user.phone}
    named: list[User | Channel] = [*snapshot.users, *snapshot.channels]
    world.names = {peer.username.lower(): peer.peer_id for peer in named if peer.username}
    return world, snapshot.keys
