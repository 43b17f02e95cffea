from __future__ import annotations

import io
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import images, world_demo_files
from vasya_sandbox.records import FileMedia, Size
from vasya_sandbox.uploads import KEPT_UPLOADS

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.client import SandboxClient
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User

PICTURE = images.landscape(1, 10, 6)


def named(data: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


@pytest.fixture
def ada(world: World) -> User:
    world.add_user("Bob", username="bob")
    return world.add_user("Ada", username="ada1")


@pytest.fixture
async def client(ada: User, connect: Connect) -> SandboxClient:
    return await connect(ada)


@pytest.mark.parametrize("size_bytes", [1, 524_288, 3_000_001, 11_000_003])
async def test_documents_come_back_as_they_went(client: SandboxClient, size_bytes: int) -> None:
    data = (b"0123456789abcdef" * (size_bytes // 16 + 1))[:size_bytes]
    sent = await client.send_file("bob", named(data, "отчёт.bin"), force_document=True)
    assert (sent.file.name, sent.file.size) == ("отчёт.bin", size_bytes)
    assert await sent.download_media(bytes) == data


async def test_photos_have_real_sizes(client: SandboxClient) -> None:
    sent = await client.send_file("bob", named(PICTURE, "x.jpg"), caption="a hill")
    assert (sent.message, sent.photo.sizes[0].w, sent.photo.sizes[0].h) == ("a hill", 80, 48)
    assert await sent.download_media(bytes) == PICTURE


async def test_what_is_no_picture_is_no_photo(client: SandboxClient) -> None:
    file = await client.upload_file(named(b"plain text", "x.jpg"))
    media = types.InputMediaUploadedPhoto(file)
    with refused("IMAGE_PROCESS_FAILED"):
        await client(functions.messages.SendMediaRequest("bob", media, "", random_id=1))


async def test_kind_follows_from_the_attributes(world: World, client: SandboxClient) -> None:
    for attributes, kind in (
        ([types.DocumentAttributeAudio(3, voice=True)], "voice"),
        ([types.DocumentAttributeAudio(3, title="Song")], "audio"),
        ([types.DocumentAttributeVideo(3, 4, 5)], "video"),
        ([types.DocumentAttributeVideo(3, 4, 4, round_message=True)], "video_note"),
        ([types.DocumentAttributeVideo(3, 4, 5), types.DocumentAttributeAnimated()], "gif"),
        ([types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())], "sticker"),
        ([types.DocumentAttributeFilename("a.txt")], "document"),
    ):
        await client.send_file("bob", named(b"data", "a"), attributes=attributes)
        assert list(world.files.values())[-1].kind == kind


async def test_album_is_one_group(world: World, ada: User, client: SandboxClient) -> None:
    files = [named(images.landscape(seed, 2, 2), f"{seed}.jpg") for seed in range(3)]
    sent = await client.send_file("bob", files, caption=["one", "two", "three"])
    assert [message.message for message in sent] == ["one", "two", "three"]
    assert len({message.grouped_id for message in sent}) == 1
    bob = world.by_username("bob")
    assert bob is not None
    assert len(world.ids(ada, bob)) == 3


async def test_albums_are_checked_as_a_whole(
    world: World, ada: User, client: SandboxClient
) -> None:
    file = world.add_file("document", "text/plain", data=b"x")
    known = types.InputMediaDocument(
        types.InputDocument(file.id, world.file_hash(ada, file), world.file_reference(file))
    )

    def album(*contents: Any) -> Any:
        items = [
            types.InputSingleMedia(media, "", random_id=index)
            for index, media in enumerate(contents, 1)
        ]
        return functions.messages.SendMultiMediaRequest("me", items)

    for contents, refusal in (
        ([], "MEDIA_EMPTY"),
        ([known] * 11, "MULTI_MEDIA_TOO_LONG"),
        ([known, types.InputMediaEmpty()], "MEDIA_EMPTY"),
        ([known, types.InputMediaGeoPoint(types.InputGeoPoint(1, 2))], "MEDIA_INVALID"),
    ):
        with refused(refusal):
            await client(album(*contents))
    assert world.ids(ada, ada) == []
    first, again = await client(album(known, known)), await client(album(known, known))
    assert [u.id for u in again.updates[::2]] == [u.id for u in first.updates[:2]]
    assert len(world.ids(ada, ada)) == 2


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (types.InputMediaGeoPoint(types.InputGeoPoint(1.5, 2.5)), "MessageMediaGeo"),
        (
            types.InputMediaVenue(types.InputGeoPoint(1.5, 2.5), "Café", "Street", "", "", ""),
            "MessageMediaVenue",
        ),
        (types.InputMediaContact("+9996621000", "Bob", "", ""), "MessageMediaContact"),
        (types.InputMediaWebPage("https://a.example/"), "MessageMediaWebPage"),
        (
            types.InputMediaPoll(
                types.Poll(
                    0,
                    types.TextWithEntities("Which?", []),
                    [
                        types.PollAnswer(types.TextWithEntities(text, []), text.encode())
                        for text in "ab"
                    ],
                    hash=0,
                )
            ),
            "MessageMediaPoll",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_other_media(client: SandboxClient, media: Any, kind: str) -> None:
    sent = await client(functions.messages.SendMediaRequest("bob", media, "", random_id=1))
    assert type(sent.updates[1].message.media).__name__ == kind


async def test_media_that_is_no_media(client: SandboxClient) -> None:
    for media, refusal in (
        (types.InputMediaEmpty(), "MEDIA_EMPTY"),
        (types.InputMediaDice("🎲"), "MEDIA_INVALID"),
        (types.InputMediaPhoto(types.InputPhoto(1, 2, b"")), "MEDIA_EMPTY"),
        (types.InputMediaUploadedPhoto(types.InputFile(1, 0, "x", "")), "FILE_PARTS_INVALID"),
        (types.InputMediaUploadedPhoto(types.InputFile(1, 2, "x", "")), "FILE_PART_0_MISSING"),
    ):
        with refused(refusal):
            await client(functions.messages.SendMediaRequest("bob", media, "", random_id=1))


@pytest.mark.parametrize(
    ("question", "options", "correct", "refusal"),
    [
        ("", "ab", None, "POLL_QUESTION_INVALID"),
        ("Which?", "a", None, "POLL_ANSWERS_INVALID"),
        ("Which?", "abcdefghijklm", None, "POLL_ANSWERS_INVALID"),
        ("Which?", "ab", [2], "QUIZ_CORRECT_ANSWER_INVALID"),
        ("Which?", "ab", [0, 1], "QUIZ_CORRECT_ANSWER_INVALID"),
    ],
)
async def test_polls_are_checked(
    client: SandboxClient, question: str, options: str, correct: list[int] | None, refusal: str
) -> None:
    answers = [
        types.PollAnswer(types.TextWithEntities(text, []), text.encode()) for text in options
    ]
    poll = types.Poll(0, types.TextWithEntities(question, []), answers, hash=0)
    media = types.InputMediaPoll(poll, correct_answers=correct)
    with refused(refusal):
        await client(functions.messages.SendMediaRequest("bob", media, "", random_id=1))


async def test_a_picture_too_large_is_no_photo(client: SandboxClient) -> None:
    huge = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\x00\x00\x00\x00\x09"
    await client(functions.upload.SaveFilePartRequest(7, 0, huge))
    media = types.InputMediaUploadedPhoto(types.InputFile(7, 1, "x.png", ""))
    with refused("PHOTO_INVALID_DIMENSIONS"):
        await client(functions.messages.UploadMediaRequest("me", media))


async def test_captions_are_shorter_than_texts(world: World, client: SandboxClient) -> None:
    media = types.InputMediaGeoPoint(types.InputGeoPoint(1, 2))
    with refused("MEDIA_CAPTION_TOO_LONG"):
        await client(functions.messages.SendMediaRequest("bob", media, "x" * 1025, random_id=1))
    assert not world.messages


async def test_checksum_of_an_upload_is_checked(client: SandboxClient) -> None:
    await client(functions.upload.SaveFilePartRequest(7, 0, PICTURE))
    file = types.InputFile(7, 1, "x.jpg", md5(b"other").hexdigest())
    with refused("MD5_CHECKSUM_INVALID"):
        await client(
            functions.messages.UploadMediaRequest("me", types.InputMediaUploadedPhoto(file))
        )
    file = types.InputFile(7, 1, "x.jpg", md5(PICTURE).hexdigest())
    media = await client(
        functions.messages.UploadMediaRequest("me", types.InputMediaUploadedPhoto(file))
    )
    assert media.photo.sizes[0].w == 80


async def test_the_parts_of_an_upload_serve_more_than_once(
    world: World, client: SandboxClient
) -> None:
    await client(functions.upload.SaveFilePartRequest(7, 0, PICTURE))
    file = types.InputFile(7, 1, "x.jpg", "")
    upload = functions.messages.UploadMediaRequest("me", types.InputMediaUploadedPhoto(file))
    first, second = await client(upload), await client(upload)
    assert first.photo.id != second.photo.id
    assert len(world.files) == 2


async def test_the_parts_of_old_uploads_are_forgotten(client: SandboxClient) -> None:
    for number in range(1, KEPT_UPLOADS + 2):
        await client(functions.upload.SaveFilePartRequest(number, 0, PICTURE))
        media = types.InputMediaUploadedPhoto(types.InputFile(number, 1, "x.jpg", ""))
        await client(functions.messages.UploadMediaRequest("me", media))
    with refused("FILE_PART_0_MISSING"):
        media = types.InputMediaUploadedPhoto(types.InputFile(1, 1, "x.jpg", ""))
        await client(functions.messages.UploadMediaRequest("me", media))


async def test_parts_are_checked(client: SandboxClient) -> None:
    small, big = functions.upload.SaveFilePartRequest, functions.upload.SaveBigFilePartRequest
    for request, refusal in (
        (small(1, 0, b""), "FILE_PART_EMPTY"),
        (small(1, -1, b"x"), "FILE_PART_INVALID"),
        (small(1, 4000, b"x"), "FILE_PART_INVALID"),
        (big(1, 0, 4001, b"x"), "FILE_PARTS_INVALID"),
        (small(1, 0, b"x" * 524_289), "FILE_PART_TOO_BIG"),
        (big(1, 0, 0, b"x"), "FILE_PARTS_INVALID"),
        (big(1, 3, 3, b"x"), "FILE_PART_INVALID"),
    ):
        with refused(refusal):
            await client(request)
    assert await client(big(1, 0, -1, b"x"))


async def test_download_windows_are_checked(world: World, ada: User, client: SandboxClient) -> None:
    file = world.add_file("document", "text/plain", data=bytes(range(256)) * 8192)
    here = types.InputDocumentFileLocation(
        file.id, world.file_hash(ada, file), world.file_reference(file), ""
    )
    get = functions.upload.GetFileRequest
    for request, refusal in (
        (get(here, 100, 4096), "OFFSET_INVALID"),
        (get(here, -4096, 4096), "OFFSET_INVALID"),
        (get(here, 0, 0), "LIMIT_INVALID"),
        (get(here, 0, 5000), "LIMIT_INVALID"),
        (get(here, 0, 12_288), "LIMIT_INVALID"),
        (get(here, 0, 2 << 20), "LIMIT_INVALID"),
        (get(here, (1 << 20) - 4096, 8192), "LIMIT_INVALID"),
        (get(here, 1024, 2048), "OFFSET_INVALID"),
    ):
        with refused(refusal):
            await client(request)
    part = await client(get(here, 1024, 2048, precise=True))
    assert part.bytes == file.data[1024:3072]
    assert (await client(get(here, 4 << 20, 4096))).bytes == b""


async def test_file_references_expire_and_are_renewed_by_a_look_at_the_message(
    world: World, client: SandboxClient
) -> None:
    sent = await client.send_file("bob", named(b"data", "a.txt"), force_document=True)
    old = types.InputDocumentFileLocation(
        sent.document.id, sent.document.access_hash, sent.document.file_reference, ""
    )
    world.expire_file_references()
    with refused("FILE_REFERENCE_EXPIRED"):
        await client(functions.upload.GetFileRequest(old, 0, 4096))
    with refused("FILE_REFERENCE_EXPIRED"):
        await client.send_file("me", sent.media)
    assert await sent.download_media(bytes) == b"data"


async def test_files_of_another_account_are_out_of_reach(
    world: World, ada: User, connect: Connect
) -> None:
    eve = world.add_user("Eve")
    sizes = [Size("y", 80, 48, PICTURE)]
    photo = world.add_file("photo", "image/jpeg", sizes=sizes)
    world.post(ada, ada, media=FileMedia(photo.id))
    client = await connect(eve)
    get = functions.upload.GetFileRequest
    reference, hash_ = world.file_reference(photo), world.file_hash(ada, photo)
    mine = world.file_hash(eve, photo)
    for location in (
        types.InputPhotoFileLocation(photo.id, hash_, reference, "y"),
        types.InputPhotoFileLocation(photo.id, mine, reference, "q"),
        types.InputPhotoFileLocation(photo.id, mine, reference, ""),
        types.InputDocumentFileLocation(photo.id, mine, reference, ""),
        types.InputTakeoutFileLocation(),
    ):
        with refused("LOCATION_INVALID"):
            await client(get(location, 0, 4096))


async def test_document_is_sent_again_by_reference(world: World, client: SandboxClient) -> None:
    sent = await client.send_file("bob", named(b"data", "a.txt"), force_document=True)
    copy = await client.send_file("me", sent.media)
    assert (await copy.download_media(bytes), len(world.files)) == (b"data", 1)


def test_demo_sound_is_ogg_with_right_checksums() -> None:
    data = world_demo_files.voice(5)
    pages = data.split(b"OggS")[1:]
    assert [page[1] for page in pages] == [2, 0, 0, 4]
    assert b"OpusHead" in pages[0]
    # The granule position of the last page is its length: 5 s at 48 kHz.
    assert int.from_bytes(pages[-1][2:10], "little") == 5 * 48_000


def test_demo_pdf_points_at_its_own_table() -> None:
    data = world_demo_files.pdf(["Hello"])
    at = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert data[at:].startswith(b"xref\n0 7\n")
    for line, number in zip(data[at:].split(b"\n")[3:9], range(1, 7), strict=True):
        assert data[int(line[:10]) :].startswith(b"%d 0 obj" % number)


async def test_a_large_file_is_stored_on_disk_and_read_piece_by_piece(
    world: World, client: SandboxClient
) -> None:
    part, size_bytes = 524_288, 17_000_000
    data = (b"0123456789abcdef!" * (size_bytes // 17 + 1))[:size_bytes]
    pieces = [data[start : start + part] for start in range(0, size_bytes, part)]
    for index in reversed(range(len(pieces))):
        total = -1 if index + 1 < len(pieces) else len(pieces)
        await client(functions.upload.SaveBigFilePartRequest(7, index, total, pieces[index]))
    file = types.InputFileBig(7, len(pieces), "x.bin")
    media = types.InputMediaUploadedDocument(file, "application/x-thing", [])

    sent = await client.send_file("bob", media)

    (stored,) = world.files.values()
    assert (stored.data, sent.file.size) == (b"", size_bytes)
    assert await sent.download_media(bytes) == data


async def test_parts_but_for_the_last_are_of_one_size(client: SandboxClient) -> None:
    for index, part in enumerate((b"x" * 1024, b"x" * 2048, b"x")):
        await client(functions.upload.SaveFilePartRequest(7, index, part))
    media = types.InputMediaUploadedDocument(types.InputFile(7, 3, "x", ""), "text/plain", [])

    with refused("FILE_PART_SIZE_CHANGED"):
        await client(functions.messages.UploadMediaRequest("me", media))


async def test_photos_and_documents_are_no_album(world: World, client: SandboxClient) -> None:
    await client(functions.upload.SaveFilePartRequest(7, 0, PICTURE))
    photo = types.InputMediaUploadedPhoto(types.InputFile(7, 1, "x.jpg", ""))
    document = types.InputMediaUploadedDocument(types.InputFile(7, 1, "x", ""), "text/plain", [])
    album = [
        types.InputSingleMedia(media, "", random_id=number)
        for number, media in enumerate((photo, document), 1)
    ]

    with refused("MEDIA_INVALID"):
        await client(functions.messages.SendMultiMediaRequest("bob", album))

    assert not world.messages
