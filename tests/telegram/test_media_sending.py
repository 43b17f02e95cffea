"""Files: each goes up in parts, is made once, and is sent once, however often the connection fails."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.telegram.conftest import as_owner
from tests.telegram.movies import VIDEO, opus
from vasya_sandbox import images
from vasya_sandbox.records import FileMedia
from vasya_server.errors import (
    MessageNotFound,
    OutcomeUnknown,
    TelegramUnavailable,
    TooManyUploads,
    UploadNotFound,
    ValidationFailed,
)
from vasya_server.model.writing import SendMessage
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.requests.deletion import delete_message
from vasya_server.telegram.requests.media import send_media
from vasya_server.telegram.requests.uploads import (
    PART_BYTES,
    SMALL_FILE_BYTES,
    make_file,
    save_parts,
    weigh,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.telegram.conftest import Connect, Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.model.message import Message
    from vasya_server.telegram.accounts import AccountRuntime

PICTURE = images.landscape(1, 10, 6)
LINEAGE = "user"


async def pieces_of(data: bytes, size_bytes: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size_bytes):
        yield data[start : start + size_bytes]


async def upload(
    account: AccountRuntime,
    data: bytes = b"words",
    name: str = "a.txt",
    mime_type: str = "text/plain",
) -> str:
    parts = await save_parts(as_owner(account), pieces_of(data))
    file = await make_file(as_owner(account), parts, name=name, mime_type=mime_type)
    return (await account.uploads.add(LINEAGE, file)).upload_id


async def upload_picture(account: AccountRuntime, seed: int = 1) -> str:
    return await upload(account, images.landscape(seed, 4, 4), f"{seed}.jpg", "image/jpeg")


async def send(
    account: AccountRuntime,
    chat: str,
    media: list[str],
    random_ids: tuple[int, ...] = (7,),
    **fields: Any,
) -> Message:
    peer = await resolve(as_owner(account), chat)
    body = SendMessage(media=tuple(media), **fields)
    return await send_media(as_owner(account), peer, body, random_ids, lineage=LINEAGE)


def files_at(world: World, scene: Scene) -> list[bytes]:
    """Return the files that Bob has from Alice, oldest first."""
    found = []
    for message_id in world.ids(scene.bob, scene.alice):
        record = world.message(scene.bob, scene.alice, message_id)
        if record is not None and isinstance(record.media, FileMedia):
            file = world.files[record.media.file_id]
            found.append(file.data or file.sizes[-1].data)
    return found


@pytest.mark.parametrize("size_bytes", [1, PART_BYTES, PART_BYTES + 1, 3_000_001])
async def test_a_document_arrives_as_it_was_uploaded(
    alice: AccountRuntime, scene: Scene, world: World, size_bytes: int
) -> None:
    data = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    uploaded = await upload(alice, data, "отчёт.bin", "application/octet-stream")

    message = await send(alice, "@bob_b", [uploaded])

    assert files_at(world, scene) == [data]
    assert message.media is not None
    assert (message.media.type, message.media.file_name, message.media.size_bytes) == (
        "document",
        "отчёт.bin",
        size_bytes,
    )


async def test_an_upload_is_hashed_as_it_passes(alice: AccountRuntime) -> None:
    data = bytes(range(256)) * 5000

    parts = await save_parts(as_owner(alice), pieces_of(data))

    assert parts.sha256 == hashlib.sha256(data).digest()
    assert (parts.count, parts.size_bytes) == (3, 1_280_000)


async def test_a_picture_is_sent_as_a_photo_with_its_caption(alice: AccountRuntime) -> None:
    message = await send(alice, "@bob_b", [await upload_picture(alice)], text="a **hill**")

    assert message.media is not None
    assert (message.media.type, message.text) == ("photo", "a hill")
    assert [entity.type for entity in message.entities] == ["bold"]
    assert message.album_ids == []


async def test_what_only_claims_to_be_a_picture_is_sent_as_a_file(alice: AccountRuntime) -> None:
    text = await upload(alice, b"plain text", "x.jpg", "image/jpeg")
    broken = await upload(alice, b"\xff\xd8\xff and no more", "y.jpg", "image/jpeg")

    for random_id, uploaded in ((1, text), (2, broken)):
        message = await send(alice, "me", [uploaded], (random_id,))
        assert message.media is not None
        assert message.media.type == "document"


async def test_an_empty_file_is_refused(alice: AccountRuntime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await save_parts(as_owner(alice), pieces_of(b""))

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("", "empty")]


@pytest.mark.parametrize("action", ["drop", "drop_after"])
async def test_parts_that_are_lost_are_sent_again_under_the_same_file(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults, action: str
) -> None:
    data = b"0123456789" * 120_000
    fault(action, "upload.SaveFilePart", times=3)

    uploaded = await upload(alice, data, "a.bin", "application/octet-stream")
    await send(alice, "@bob_b", [uploaded])

    assert files_at(world, scene) == [data]
    assert len(world.uploads) == 1


@pytest.mark.long
async def test_an_upload_ends_where_the_connection_never_holds(
    alice: AccountRuntime, fault: Faults
) -> None:
    fault("drop", "upload.SaveFilePart", times=100)

    with pytest.raises(TelegramUnavailable):
        await save_parts(as_owner(alice), pieces_of(b"x"))


async def test_an_upload_may_be_sent_more_than_once(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    uploaded = await upload(alice)

    await send(alice, "@bob_b", [uploaded], (1,))
    await send(alice, "@bob_b", [uploaded], (2,))

    assert files_at(world, scene) == [b"words", b"words"]


async def test_an_album_is_one_group_in_its_order(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    media = [await upload_picture(alice, seed) for seed in (1, 2, 3)]

    message = await send(alice, "@bob_b", media, (1, 2, 3), text="three hills")

    assert files_at(world, scene) == [images.landscape(seed, 4, 4) for seed in (1, 2, 3)]
    assert message.text == "three hills"
    assert message.grouped_id is not None
    assert message.album_ids[0] == message.id
    records = [world.message(scene.alice, scene.bob, each) for each in message.album_ids]
    assert [record.text for record in records if record] == ["three hills", "", ""]
    assert len({record.grouped_id for record in records if record}) == 1


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", ["drop", "drop_after", "silence"])
@pytest.mark.parametrize("count", [1, 3])
async def test_files_through_a_broken_connection_arrive_once_each(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults, action: str, count: int
) -> None:
    media = [await upload_picture(alice, seed) for seed in range(count)]
    random_ids = tuple(range(1, count + 1))
    fault(action, "messages.SendMedia" if count == 1 else "messages.SendMultiMedia")

    try:
        message = await send(alice, "@bob_b", media, random_ids)
    except OutcomeUnknown:
        message = await send(alice, "@bob_b", media, random_ids)

    assert files_at(world, scene) == [images.landscape(seed, 4, 4) for seed in range(count)]
    assert message.id == world.ids(scene.alice, scene.bob)[-count]


async def test_an_album_in_flight_is_waited_for(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults
) -> None:
    media = [await upload_picture(alice, seed) for seed in (1, 2)]
    fault("rpc_error", "messages.SendMultiMedia", code=500, text="RANDOM_ID_DUPLICATE", times=2)

    await send(alice, "@bob_b", media, (1, 2))

    assert len(files_at(world, scene)) == 2


async def test_a_repeated_album_answers_with_the_first_one(alice: AccountRuntime) -> None:
    media = [await upload_picture(alice, seed) for seed in (1, 2)]
    first = await send(alice, "@garden_club", media, (1, 2), text="x")

    again = await send(alice, "@garden_club", media, (1, 2), text="x")

    assert (again.id, again.album_ids, again.text) == (first.id, first.album_ids, "x")


async def test_a_repeated_album_that_lost_a_part_answers_with_the_rest(
    alice: AccountRuntime,
) -> None:
    media = [await upload_picture(alice, seed) for seed in (1, 2)]
    first = await send(alice, "@bob_b", media, (1, 2))
    peer = await resolve(as_owner(alice), "@bob_b")
    await delete_message(as_owner(alice), peer, first.album_ids[0], for_everyone=True)

    again = await send(alice, "@bob_b", media, (1, 2))

    assert (again.id, again.album_ids) == (first.album_ids[1], first.album_ids)


async def test_a_repeated_album_that_is_gone_is_not_sent_again(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    media = [await upload_picture(alice, seed) for seed in (1, 2)]
    first = await send(alice, "@bob_b", media, (1, 2))
    peer = await resolve(as_owner(alice), "@bob_b")
    for message_id in first.album_ids:
        await delete_message(as_owner(alice), peer, message_id, for_everyone=True)

    with pytest.raises(MessageNotFound):
        await send(alice, "@bob_b", media, (1, 2))

    assert files_at(world, scene) == []


@pytest.mark.parametrize("count", [1, 2])
async def test_an_expired_reference_is_renewed_under_the_same_random_ids(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre, count: int
) -> None:
    media = [await upload_picture(alice, seed) for seed in range(count)]
    random_ids = tuple(range(1, count + 1))
    world.expire_file_references()

    message = await send(alice, "@bob_b", media, random_ids)
    again = await send(alice, "@bob_b", media, random_ids)

    assert (message.id, len(files_at(world, scene))) == (again.id, count)
    method = "messages.SendMedia" if count == 1 else "messages.SendMultiMedia"
    assert dc.requests[method] == 3


async def test_an_upload_that_telegram_has_forgotten_is_not_found(
    alice: AccountRuntime, world: World
) -> None:
    uploaded = await upload(alice)
    world.expire_file_references()
    world.uploads.clear()

    with pytest.raises(UploadNotFound):
        await send(alice, "me", [uploaded])


async def test_photos_and_other_files_do_not_mix(alice: AccountRuntime, dc: DataCentre) -> None:
    media = [await upload_picture(alice), await upload(alice)]

    with pytest.raises(ValidationFailed) as refused:
        await send(alice, "me", media, (1, 2))

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/media", "mixed")]
    assert "messages.SendMultiMedia" not in dc.requests


async def test_a_caption_that_telegram_finds_too_long_is_a_fault_of_the_text(
    alice: AccountRuntime,
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await send(alice, "me", [await upload(alice)], text="x" * 1025)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/text", "too_long")
    ]


async def test_files_answer_a_message_silently_in_their_topic(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    forum = world.add_channel("Forum", scene.alice, [scene.bob], is_forum=True)
    topic = world.add_topic(forum, "Roses", scene.alice)

    message = await send(
        alice, str(forum.peer_id), [await upload(alice)], topic=topic.id, is_silent=True
    )

    stored = world.message(scene.alice, forum, message.id)
    assert stored is not None
    assert (message.topic_id, stored.is_silent) == (topic.id, True)


async def test_an_upload_belongs_to_the_credential_and_the_account_that_made_it(
    alice: AccountRuntime, connect: Connect, scene: Scene
) -> None:
    uploaded = await upload(alice)
    carol = await connect(scene.carol)

    with pytest.raises(UploadNotFound):
        await alice.uploads.find("key:kl_1", uploaded)
    with pytest.raises(UploadNotFound):
        await carol.uploads.find(LINEAGE, uploaded)
    with pytest.raises(UploadNotFound):
        await alice.uploads.find(LINEAGE, "upl_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert (await alice.uploads.find(LINEAGE, uploaded)).name == "a.txt"


async def test_an_account_keeps_a_bounded_number_of_uploads(alice: AccountRuntime) -> None:
    file = await alice.uploads.find(LINEAGE, await upload(alice))
    for _ in range(999):
        await alice.uploads.require_room()
        await alice.uploads.add(LINEAGE, file)

    with pytest.raises(TooManyUploads):
        await alice.uploads.require_room()


async def test_a_large_file_goes_up_in_large_parts_whether_its_size_is_known_or_not(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    data = b"0123456789abcdef" * 700_000
    for size_bytes in (len(data), None):
        parts = await save_parts(as_owner(alice), pieces_of(data), size_bytes=size_bytes)
        file = await make_file(as_owner(alice), parts, name="a.bin", mime_type="application/x-a")
        uploaded = (await alice.uploads.add(LINEAGE, file)).upload_id
        await send(alice, "@bob_b", [uploaded], (parts.file_id,))

        assert (parts.count, parts.size_bytes, parts.md5) == (22, 11_200_000, "")

    assert files_at(world, scene) == [data, data]
    assert dc.requests["upload.SaveBigFilePart"] == 44
    assert "upload.SaveFilePart" not in dc.requests


@pytest.mark.parametrize("size_bytes", [SMALL_FILE_BYTES, None])
async def test_a_file_that_turns_out_to_be_small_goes_up_as_one(
    alice: AccountRuntime, dc: DataCentre, size_bytes: int | None
) -> None:
    data = b"x" * SMALL_FILE_BYTES

    parts = await save_parts(as_owner(alice), pieces_of(data), size_bytes=size_bytes)

    assert (parts.count, parts.md5) == (20, hashlib.md5(data, usedforsecurity=False).hexdigest())
    assert dc.requests["upload.SaveFilePart"] == 20
    assert "upload.SaveBigFilePart" not in dc.requests


async def test_a_client_is_read_no_further_than_telegram_takes(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("delay", "upload.SaveBigFilePart", secs=2, times=4)
    given = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 131_072
            yield b"x" * 131_072

    saving = asyncio.create_task(save_parts(as_owner(alice), pieces(), size_bytes=13_107_200))
    while dc.requests["upload.SaveBigFilePart"] < 4:
        await asyncio.sleep(0.01)
    held = given
    await saving

    assert held <= 6 * PART_BYTES
    assert given == 13_107_200


async def test_an_upload_that_is_cancelled_ends_its_parts(
    alice: AccountRuntime, fault: Faults, dc: DataCentre
) -> None:
    fault("silence", "upload.SaveFilePart", times=4)
    saving = asyncio.create_task(
        save_parts(as_owner(alice), pieces_of(b"x" * 4_000_000), size_bytes=4_000_000)
    )
    while dc.requests["upload.SaveFilePart"] < 4:
        await asyncio.sleep(0.01)

    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving

    assert not [task for task in asyncio.all_tasks() if "_insist" in repr(task.get_coro())]


async def test_a_file_may_be_looked_at_without_being_sent(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    parts = await weigh(pieces_of(PICTURE))

    assert (parts.count, parts.sha256) == (0, hashlib.sha256(PICTURE).digest())
    assert PICTURE.startswith(parts.outline.head)
    with pytest.raises(TelegramUnavailable):
        await make_file(as_owner(alice), parts, name="a.jpg", mime_type="image/jpeg")
    assert "upload.SaveFilePart" not in dc.requests


GIF = b"GIF89a\x04\x00\x04\x00" + bytes(20)


@pytest.mark.parametrize(
    ("data", "name", "mime_type", "kind", "details"),
    [
        (VIDEO, "a.mp4", "video/mp4", "video", (1280, 720, 12.0)),
        (opus(3.5), "a.ogg", "audio/ogg", "voice", (None, None, 4.0)),
        (GIF, "a.gif", "image/gif", "gif", (None, None, None)),
        (opus(3.5, channels=2), "a.ogg", "audio/ogg", "document", (None, None, None)),
        (b"no video", "a.mp4", "video/mp4", "document", (None, None, None)),
    ],
    ids=["video", "voice", "gif", "stereo", "no video"],
)
async def test_a_file_is_shown_as_what_it_is(
    alice: AccountRuntime,
    data: bytes,
    name: str,
    mime_type: str,
    kind: str,
    details: tuple[int | None, int | None, float | None],
) -> None:
    message = await send(alice, "@bob_b", [await upload(alice, data, name, mime_type)])

    media = message.media
    assert media is not None
    assert (media.type, media.file_name, media.size_bytes) == (kind, name, len(data))
    assert (media.width or None, media.height or None, media.duration_secs or None) == details


async def test_a_video_keeps_its_shape_when_its_reference_is_renewed(
    alice: AccountRuntime, world: World
) -> None:
    uploaded = await upload(alice, VIDEO, "a.mp4", "video/mp4")
    world.expire_file_references()

    message = await send(alice, "@bob_b", [uploaded])

    assert message.media is not None
    assert (message.media.type, message.media.width) == ("video", 1280)


async def test_photos_and_videos_are_one_album(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    media = [await upload_picture(alice), await upload(alice, VIDEO, "a.mp4", "video/mp4")]

    message = await send(alice, "@bob_b", media, (1, 2))

    assert len(message.album_ids) == 2
    assert files_at(world, scene) == [images.landscape(1, 4, 4), VIDEO]


@pytest.mark.parametrize(
    "others",
    [
        [(VIDEO, "video/mp4"), (b"words", "text/plain")],
        [(opus(1), "audio/ogg"), (opus(1), "audio/ogg")],
        [(GIF, "image/gif"), (GIF, "image/gif")],
    ],
    ids=["video and file", "voice notes", "gifs"],
)
async def test_what_telegram_takes_in_no_album_is_not_sent_as_one(
    alice: AccountRuntime, dc: DataCentre, others: list[tuple[bytes, str]]
) -> None:
    media = [await upload(alice, data, "a", mime_type) for data, mime_type in others]

    with pytest.raises(ValidationFailed) as refused:
        await send(alice, "me", media, (1, 2))

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/media", "mixed")]
    assert "messages.SendMultiMedia" not in dc.requests
