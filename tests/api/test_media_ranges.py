"""Parts of a file: a download that broke off goes on where it ended, and never joins two files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.test_media import document
from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

DATA = b"".join(n.to_bytes(4, "big") for n in range(300_000))
SIZE = 1_200_000


@pytest.fixture
def path(account: str, scene: Scene) -> str:
    return f"{account}/{document(scene, DATA)}/media"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=524287-524288", 524_287, 524_289),
        ("bytes=1000000-", 1_000_000, SIZE),
        ("bytes=1199999-5000000", 1_199_999, SIZE),
        ("bytes=-5", 1_199_995, SIZE),
        ("bytes=-5000000", 0, SIZE),
        ("Bytes= 7-9 ", 7, 10),
    ],
)
async def test_a_range_is_answered_with_that_part(
    client: httpx.AsyncClient, path: str, asked: str, start: int, stop: int
) -> None:
    response = await client.get(path, headers={"Range": asked})

    assert response.status_code == 206
    assert response.content == DATA[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/1200000"
    assert response.headers["content-length"] == str(stop - start)
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,4-5",
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "items=0-1",
        "0-1",
        "bytes=0-1;q=1",
        "bytes=" + "9" * 30 + "-",
    ],
)
async def test_what_is_not_one_range_is_answered_with_the_whole(
    client: httpx.AsyncClient, path: str, asked: str
) -> None:
    response = await client.get(path, headers={"Range": asked})

    assert response.status_code == 200
    assert response.content == DATA
    assert "content-range" not in response.headers


async def test_two_range_headers_are_answered_with_the_whole(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path, headers=[("Range", "bytes=0-1"), ("Range", "bytes=2-3")])

    assert (response.status_code, len(response.content)) == (200, SIZE)


@pytest.mark.parametrize("asked", ["bytes=1200000-", "bytes=5000000-5000001", "bytes=-0"])
async def test_a_range_that_is_not_there_is_416_with_the_size(
    client: httpx.AsyncClient, path: str, dc: DataCentre, asked: str
) -> None:
    response = await client.get(path, headers={"Range": asked})

    assert_problem(response, 416, "range_not_satisfiable")
    assert response.headers["content-range"] == "bytes */1200000"
    assert dc.requests["upload.GetFile"] == 0


async def test_a_download_that_broke_off_goes_on_by_its_tag(
    client: httpx.AsyncClient, path: str
) -> None:
    first = await client.get(path, headers={"Range": "bytes=0-699999"})
    tag = first.headers["etag"]

    rest = await client.get(path, headers={"Range": "bytes=700000-", "If-Range": tag})

    assert rest.status_code == 206
    assert first.content + rest.content == DATA
    assert rest.headers["etag"] == tag
    assert tag.startswith('"')


@pytest.mark.parametrize("condition", ['"other"', "Mon, 30 Nov 2026 21:00:00 GMT", "W/{tag}"])
async def test_a_part_of_what_has_changed_since_is_answered_with_the_whole(
    client: httpx.AsyncClient, path: str, condition: str
) -> None:
    tag = (await client.head(path)).headers["etag"]
    headers = {"Range": "bytes=700000-", "If-Range": condition.format(tag=tag)}

    response = await client.get(path, headers=headers)

    assert (response.status_code, response.content) == (200, DATA)


async def test_head_tells_everything_and_fetches_nothing(
    client: httpx.AsyncClient, path: str, dc: DataCentre
) -> None:
    response = await client.head(path, headers={"Range": "bytes=0-9"})

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["content-length"] == "1200000"
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["accept-ranges"] == "bytes"
    assert dc.requests["upload.GetFile"] == 0


async def test_head_refuses_what_get_refuses(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, account: str, path: str
) -> None:
    assert (await anonymous.head(path)).status_code == 401
    assert (await client.head(f"{account}/chats/@bob_b/messages/4711/media")).status_code == 404
    assert (await client.head(f"{account}/chats/@bob_b/messages")).status_code == 405


@pytest.mark.parametrize("condition", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_what_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, path: str, dc: DataCentre, condition: str
) -> None:
    tag = (await client.head(path)).headers["etag"]

    response = await client.get(path, headers={"If-None-Match": condition.format(tag=tag)})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == tag
    assert dc.requests["upload.GetFile"] == 0


async def test_only_what_is_handed_out_is_written_down(
    client: httpx.AsyncClient, path: str
) -> None:
    tag = (await client.head(path)).headers["etag"]
    await client.get(path, headers={"If-None-Match": tag})
    await client.get(path, headers={"Range": "bytes=5000000-"})
    assert await downloads_written(client) == 0

    await client.get(path, headers={"Range": "bytes=0-9"})

    assert await downloads_written(client) == 1


async def downloads_written(client: httpx.AsyncClient) -> int:
    lines = (await client.get("/api/v1/audit", params={"action": "media:download"})).json()
    return len(lines["items"])
