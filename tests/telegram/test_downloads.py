"""Files from Telegram: piece by piece, whole, and from wherever they lie."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import as_owner
from vasya_sandbox import images
from vasya_sandbox.records import FileMedia, Size, WebPage
from vasya_server.errors import (
    ChatNotFound,
    FloodWait,
    MediaNotFound,
    MessageNotFound,
    TelegramError,
    TelegramUnavailable,
)
from vasya_server.telegram.requests.downloads import open_media, open_thumb
from vasya_server.telegram.requests.fetching import AHEAD, PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.telegram.conftest import Faults, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_sandbox.records import File, Media
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.requests.downloads import Download
    from vasya_server.telegram.view import AccountView

    Open = Callable[[AccountView, str, int], Awaitable[Download]]

SMALL, MIDDLE, LARGE = (images.landscape(seed, seed, seed) for seed in (4, 20, 60))


def post(scene: Scene, world: World, media: Media | None) -> int:
    return world.post(scene.bob, scene.alice, "x", media=media).message.copies[scene.alice.id]


def document(world: World, data: bytes, **details: object) -> File:
    return world.add_file("document", "application/pdf", data=data, name="deck.pdf", **details)


def photo(world: World) -> File:
    sizes = [Size("s", 32, 32, SMALL), Size("m", 160, 160, MIDDLE), Size("y", 480, 480, LARGE)]
    return world.add_file("photo", "image/jpeg", sizes=sizes)


async def whole(download: Download) -> bytes:
    return await part(download, 0, download.size_bytes)


async def part(download: Download, start: int, stop: int) -> bytes:
    pieces = await download.source.begin(start, stop)
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("size_bytes", [1, PIECE_BYTES, PIECE_BYTES + 1, 3_000_001])
async def test_a_document_comes_as_it_is(
    alice: AccountRuntime, scene: Scene, world: World, size_bytes: int
) -> None:
    data = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    message_id = post(scene, world, FileMedia(document(world, data).id))

    download = await open_media(as_owner(alice), "@bob_b", message_id)

    assert (download.kind, download.file_name, download.mime_type, download.size_bytes) == (
        "document",
        "deck.pdf",
        "application/pdf",
        size_bytes,
    )
    assert await whole(download) == data


async def test_a_photo_comes_in_its_largest_size_and_its_thumb_in_a_small_one(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message_id = post(scene, world, FileMedia(photo(world).id))

    large = await open_media(as_owner(alice), "@bob_b", message_id)
    small = await open_thumb(as_owner(alice), "@bob_b", message_id)

    assert (large.kind, large.mime_type, small.kind) == ("photo", "image/jpeg", "thumb")
    assert await whole(large) == LARGE
    assert await whole(small) == MIDDLE


async def test_a_documents_thumb_is_its_own(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    file = document(world, b"x" * 100, sizes=[Size("m", 480, 480, LARGE)])
    message_id = post(scene, world, FileMedia(file.id))

    assert await whole(await open_thumb(as_owner(alice), "@bob_b", message_id)) == LARGE


async def test_a_few_pieces_are_asked_for_ahead_and_no_more(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    data = bytes(PIECE_BYTES * 12)
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)

    assert dc.requests["upload.GetFile"] == 0
    pieces = await download.source.begin(0, len(data))
    assert dc.requests["upload.GetFile"] == 1
    for taken in range(1, 6):
        assert await anext(pieces) == data[:PIECE_BYTES]
        assert dc.requests["upload.GetFile"] <= taken + AHEAD
    await pieces.aclose()
    await settled(dc)
    assert dc.requests["upload.GetFile"] <= 5 + AHEAD


async def settled(dc: DataCentre) -> None:
    """Wait until the data centre is asked for nothing more."""
    seen = -1
    while seen != (seen := dc.requests["upload.GetFile"]):
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (1, 2),
        (PIECE_BYTES - 1, PIECE_BYTES + 1),
        (PIECE_BYTES, 2 * PIECE_BYTES),
        (700_001, 1_900_003),
        (1_999_999, 2_000_000),
        (0, 2_000_000),
    ],
)
async def test_a_part_is_exactly_that_part(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre, start: int, stop: int
) -> None:
    data = b"".join(n.to_bytes(4, "big") for n in range(500_000))
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)

    assert await part(download, start, stop) == data[start:stop]
    first, last = start // PIECE_BYTES, (stop - 1) // PIECE_BYTES
    assert dc.requests["upload.GetFile"] == last - first + 1


async def test_the_version_names_the_bytes(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    file = document(world, b"x")
    one, again = post(scene, world, FileMedia(file.id)), post(scene, world, FileMedia(file.id))
    other = post(scene, world, FileMedia(document(world, b"x").id))
    pictures = post(scene, world, FileMedia(photo(world).id))
    account = as_owner(alice)

    versions = [
        (await open_media(account, "@bob_b", message_id)).version
        for message_id in (one, again, other, pictures)
    ]
    thumb = await open_thumb(account, "@bob_b", pictures)

    assert versions[0] == versions[1]
    assert len({*versions, thumb.version}) == 4


async def test_a_reference_that_expires_on_the_way_is_renewed(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    data = bytes(range(256)) * 8192
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    seen = b""

    async for piece in await download.source.begin(0, len(data)):
        seen += piece
        world.expire_file_references()

    assert seen == data


async def test_pieces_that_find_the_reference_expired_together_renew_it_once(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    data = bytes(range(256)) * 2048 * 6
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    pieces = await download.source.begin(0, len(data))
    first = await anext(pieces)
    world.expire_file_references()
    dc.reset_counters()

    assert first + b"".join([piece async for piece in pieces]) == data
    assert dc.requests["messages.GetMessages"] == 1


async def test_a_reference_that_is_refused_for_ever_ends_the_download(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults
) -> None:
    message_id = post(scene, world, FileMedia(document(world, b"x").id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    fault("rpc_error", "upload.GetFile", code=400, text="FILE_REFERENCE_EXPIRED", times=9)

    with pytest.raises(TelegramError) as raised:
        await whole(download)

    assert raised.value.rpc_name == "FILE_REFERENCE_EXPIRED"


async def test_two_files_are_never_joined_to_one(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message_id = post(scene, world, FileMedia(document(world, bytes(PIECE_BYTES * 2)).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    pieces = await download.source.begin(0, download.size_bytes)
    await anext(pieces)
    message = world.messages[scene.alice.box.numbers[message_id]]
    message.media = FileMedia(document(world, bytes(PIECE_BYTES * 2)).id)
    world.expire_file_references()

    with pytest.raises(TelegramUnavailable, match="another file"):
        await anext(pieces)


async def test_a_file_whose_message_is_deleted_on_the_way_ends(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message_id = post(scene, world, FileMedia(document(world, bytes(PIECE_BYTES * 2)).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    world.expire_file_references()
    del scene.alice.box.numbers[message_id]

    with pytest.raises(MessageNotFound):
        await whole(download)


async def test_a_piece_that_is_lost_is_asked_for_again(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults
) -> None:
    data = bytes(range(256)) * 8192
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    fault("drop", "upload.GetFile")

    assert await whole(download) == data


async def test_a_file_that_is_shorter_than_told_fails_instead_of_ending(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    file = document(world, bytes(PIECE_BYTES * 2))
    message_id = post(scene, world, FileMedia(file.id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    file.data = file.data[: PIECE_BYTES + 7]

    with pytest.raises(TelegramUnavailable):
        await whole(download)


@pytest.mark.parametrize("open_file", [open_media, open_thumb])
@pytest.mark.parametrize(
    "media", [None, WebPage("https://a.example/")], ids=["text", "link preview"]
)
async def test_a_message_without_a_file_has_no_media(
    alice: AccountRuntime, scene: Scene, world: World, open_file: Open, media: Media | None
) -> None:
    message_id = post(scene, world, media)

    with pytest.raises(MediaNotFound):
        await open_file(as_owner(alice), "@bob_b", message_id)


async def test_a_document_without_a_picture_has_no_thumb(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message_id = post(scene, world, FileMedia(document(world, b"x").id))

    with pytest.raises(MediaNotFound):
        await open_thumb(as_owner(alice), "@bob_b", message_id)


async def test_what_is_not_there_is_not_found(
    alice: AccountRuntime, scene: Scene, world: World
) -> None:
    message_id = post(scene, world, FileMedia(document(world, b"x").id))

    with pytest.raises(MessageNotFound):
        await open_media(as_owner(alice), "@bob_b", 4711)
    with pytest.raises(MessageNotFound):
        await open_media(as_owner(alice), "@carol_c", message_id)
    with pytest.raises(ChatNotFound):
        await open_media(as_owner(alice), "@nobody_at_all", message_id)


async def test_a_refusal_is_known_before_the_first_piece_is_given(
    alice: AccountRuntime, scene: Scene, world: World, fault: Faults
) -> None:
    message_id = post(scene, world, FileMedia(document(world, b"x").id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    fault("flood_wait", "upload.GetFile", secs=7)

    with pytest.raises(FloodWait):
        await download.source.begin(0, download.size_bytes)


async def test_a_file_in_another_data_centre_is_fetched_there(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre, fault: Faults
) -> None:
    data = bytes(range(256)) * 8192
    message_id = post(scene, world, FileMedia(document(world, data).id))
    fault("rpc_error", "upload.GetFile", code=303, text="FILE_MIGRATE_4", times=1)

    download = await open_media(as_owner(alice), "@bob_b", message_id)

    assert await whole(download) == data
    assert dc.requests["auth.ExportAuthorization"] == 1
    assert dc.requests["auth.ImportAuthorization"] == 1
    assert dc.connections == 2
    await alice.disconnect()
    assert dc.connections == 0


async def test_another_data_centre_that_forgets_the_key_is_dialled_with_a_new_one(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    world.dc_id = 4
    data = bytes(range(256)) * 8192
    message_id = post(scene, world, FileMedia(document(world, data).id))
    download = await open_media(as_owner(alice), "@bob_b", message_id)
    pieces = await download.source.begin(0, len(data))
    dc.log_out(dc.authorizations_of(scene.alice)[-1])

    with pytest.raises(TelegramUnavailable):
        _ = [piece async for piece in pieces]

    assert await whole(await open_media(as_owner(alice), "@bob_b", message_id)) == data
    assert dc.requests["auth.ImportAuthorization"] == 2
    assert not alice.record.needs_login
