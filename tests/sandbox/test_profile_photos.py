from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telethon import functions, types

from tests.sandbox.refusals import refused
from vasya_sandbox import images

if TYPE_CHECKING:
    from tests.sandbox.conftest import Connect
    from vasya_sandbox.model import World
    from vasya_sandbox.records import User


@pytest.fixture
def ada(world: World) -> User:
    return world.add_user("Ada")


async def test_the_newest_picture_is_shown_and_those_before_stay_behind_it(
    ada: User, connect: Connect
) -> None:
    client = await connect(ada)
    made = []
    for seed in (1, 2):
        file = await client.upload_file(images.landscape(seed, 30, 30), file_name="me.jpg")
        answer = await client(functions.photos.UploadProfilePhotoRequest(file=file))
        made.append(answer.photo.id)

    photos = (await client(functions.photos.GetUserPhotosRequest("me", 0, 0, 10))).photos
    assert [photo.id for photo in photos] == made[::-1]
    newest = types.InputPhoto(photos[0].id, photos[0].access_hash, photos[0].file_reference)

    assert await client(functions.photos.DeletePhotosRequest([newest])) == [made[1]]
    assert await client(functions.photos.DeletePhotosRequest([newest])) == []
    assert ada.photos == [made[0]]


async def test_what_is_no_picture_or_too_small_is_refused(ada: User, connect: Connect) -> None:
    client = await connect(ada)
    with refused("PHOTO_FILE_MISSING"):
        await client(functions.photos.UploadProfilePhotoRequest())
    small = await client.upload_file(images.landscape(1, 4, 4), file_name="me.jpg")
    with refused("PHOTO_CROP_SIZE_SMALL"):
        await client(functions.photos.UploadProfilePhotoRequest(file=small))
    text = await client.upload_file(b"words", file_name="me.jpg")
    with refused("IMAGE_PROCESS_FAILED"):
        await client(functions.photos.UploadProfilePhotoRequest(file=text))
