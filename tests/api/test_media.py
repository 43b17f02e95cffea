"""Downloads over HTTP: streamed, whole or broken off, and never more than an attachment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox import images
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import FileMedia, Size
from vasya_server.api.file_answer import FileAnswer, Sending
from vasya_server.api.incoming import Incoming
from vasya_server.errors import TelegramUnavailable
from vasya_server.limits.downloads import Leave
from vasya_server.telegram.peers import stored_peer
from vasya_server.telegram.requests.downloads import Download
from vasya_server.telegram.requests.fetching import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

DATA = bytes(range(256)) * 8192
SMALL, LARGE = images.landscape(1, 20, 20), images.landscape(2, 60, 60)


def document(
    scene: Scene, data: bytes = DATA, name: str = "deck.pdf", mime_type: str = "application/pdf"
) -> str:
    """Let Bob send a file and return the path of its message in Alice's chat with him."""
    file = scene.world.add_file("document", mime_type, data=data, name=name)
    posted = scene.world.post(scene.bob, scene.alice, media=FileMedia(file.id)).message
    return f"chats/@bob_b/messages/{posted.copies[scene.alice.id]}"


def photo(scene: Scene) -> str:
    sizes = [Size("m", 160, 160, SMALL), Size("y", 480, 480, LARGE)]
    file = scene.world.add_file("photo", "image/jpeg", sizes=sizes)
    posted = scene.world.post(scene.bob, scene.alice, media=FileMedia(file.id)).message
    return f"chats/@bob_b/messages/{posted.copies[scene.alice.id]}"


async def test_a_document_comes_whole_as_an_attachment(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.get(f"{account}/{document(scene)}/media")

    assert response.status_code == 200
    assert response.content == DATA
    headers = response.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == str(len(DATA))
    assert (
        headers["content-disposition"]
        == "attachment; filename=\"deck.pdf\"; filename*=UTF-8''deck.pdf"
    )
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert set(headers.get_list("content-security-policy")) == {
        "sandbox",
        "default-src 'none'; frame-ancestors 'none'",
    }


async def test_a_photo_and_its_thumb_are_named_after_their_message(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    path = photo(scene)
    message_id = path.rpartition("/")[2]

    whole = await client.get(f"{account}/{path}/media")
    thumb = await client.get(f"{account}/{path}/thumb")

    assert (whole.content, thumb.content) == (LARGE, SMALL)
    assert f'filename="photo-{message_id}.jpg"' in whole.headers["content-disposition"]
    assert f'filename="thumb-{message_id}.jpg"' in thumb.headers["content-disposition"]
    assert whole.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "mime_type",
    ["text/html", "image/svg+xml", "application/xml", "text/javascript", "x\r\nX-Evil: 1", ""],
)
async def test_what_a_browser_could_run_comes_as_bytes(
    client: httpx.AsyncClient, account: str, scene: Scene, mime_type: str
) -> None:
    response = await client.get(f"{account}/{document(scene, mime_type=mime_type)}/media")

    assert response.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in response.headers


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        (
            "отчёт.pdf",
            "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf",
        ),
        ('a"b\\c.pdf', "attachment; filename=\"c.pdf\"; filename*=UTF-8''c.pdf"),
        ('a"b%.pdf', "attachment; filename=\"a_b_.pdf\"; filename*=UTF-8''a%22b%25.pdf"),
        (
            "a\r\nX-Evil: 1.pdf",
            "attachment; filename=\"aX-Evil_ 1.pdf\"; filename*=UTF-8''aX-Evil%3A%201.pdf",
        ),
        ("../../etc/passwd", "attachment; filename=\"passwd\"; filename*=UTF-8''passwd"),
        (
            "photo\u202egpj.exe",
            "attachment; filename=\"photogpj.exe\"; filename*=UTF-8''photogpj.exe",
        ),
    ],
    ids=["cyrillic", "backslash", "quote", "line break", "path", "right to left"],
)
async def test_the_name_that_a_sender_gave_does_no_harm(
    client: httpx.AsyncClient, account: str, scene: Scene, name: str, disposition: str
) -> None:
    response = await client.get(f"{account}/{document(scene, name=name)}/media")

    assert response.headers["content-disposition"] == disposition


async def test_a_download_may_ask_for_pictures_only(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.get(f"{account}/{photo(scene)}/media", headers={"Accept": "image/*"})

    assert response.status_code == 200


@pytest.mark.parametrize("what", ["media", "thumb"])
async def test_a_message_without_a_file_has_none(
    client: httpx.AsyncClient, account: str, scene: Scene, what: str
) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"limit": 1})).json()
    message_id = page["items"][0]["id"]

    response = await client.get(f"{account}/chats/@bob_b/messages/{message_id}/{what}")

    assert_problem(response, 404, "media_not_found")


async def test_a_download_of_nothing_is_not_found(client: httpx.AsyncClient, account: str) -> None:
    assert_problem(
        await client.get(f"{account}/chats/@bob_b/messages/4711/media"), 404, "message_not_found"
    )
    assert_problem(
        await client.get(f"{account}/chats/@bob_b/messages/x/media"), 422, "validation_failed"
    )


@pytest.mark.parametrize("what", ["media", "thumb"])
async def test_every_file_that_leaves_is_written_down_without_its_name(
    client: httpx.AsyncClient, account: str, gateway: Gateway, scene: Scene, what: str
) -> None:
    await client.get(f"{account}/{photo(scene)}/{what}")

    newest = (await client.get("/api/v1/audit", params={"limit": 1})).json()["items"][0]
    assert (newest["action"], newest["result"]["status"]) == ("media:download", "done")
    assert newest["target"].startswith("p:")
    assert (await client.get("/api/v1/audit/verify")).json()["isOk"] is True


async def test_a_log_that_cannot_be_written_stops_no_download(
    client: httpx.AsyncClient,
    account: str,
    gateway: Gateway,
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = document(scene)
    log = gateway.settings.data_dir / "audit.log"
    log.unlink()
    log.mkdir()

    response = await client.get(f"{account}/{path}/media")

    assert response.content == DATA
    assert "media:download was not written down yet (audit_unavailable)" in caplog.messages


async def test_a_refusal_of_telegram_comes_before_the_first_byte(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    path = document(scene)
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="upload.GetFile", secs=7))

    response = await client.get(f"{account}/{path}/media")

    assert_problem(response, 429, "telegram_flood_wait")


class Line:
    """One client as the application sees it."""

    def __init__(self, *, leaves_after: int | None = None, stalls: bool = False) -> None:
        self.sent: list[Any] = []
        self._leaves_after = leaves_after
        self._stalls = stalls
        self._left = asyncio.Event()

    async def receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if self._stalls and message["type"] == "http.response.body":
            await asyncio.sleep(3600)
        if len(self.sent) == self._leaves_after:
            self._left.set()
            await asyncio.sleep(0)

    @property
    def is_complete(self) -> bool:
        return self.sent[-1].get("more_body") is False


class Pieces:
    """A source that counts what is taken from it."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.taken = 0
        self.is_closed = False
        self._fails_at = fails_at

    async def begin(self, _start: int, _stop: int) -> AsyncGenerator[bytes]:
        return self._all()

    async def _all(self) -> AsyncGenerator[bytes]:
        try:
            while self.taken < 10:
                self.taken += 1
                if self.taken == self._fails_at:
                    raise TelegramUnavailable
                yield bytes(PIECE_BYTES)
        finally:
            self.is_closed = True


def incoming(line: Line) -> Incoming:
    scope: Any = {"type": "http", "method": "GET", "headers": []}
    return Incoming(scope, {}, line.receive, "req", is_plain=True)


async def answer(pieces: Pieces, line: Line) -> None:
    nobody: Any = None
    download = Download(
        account=nobody,
        chat=stored_peer(1, 0),
        message_id=1,
        kind="document",
        file_name="a.bin",
        mime_type="",
        size_bytes=10 * PIECE_BYTES,
        version="0",
        source=pieces,
    )
    sending = Sending(await pieces.begin(0, download.size_bytes), Leave(nobody, None))
    made = FileAnswer(download=download, sending=sending, idle_secs=0.2)
    await made.send(incoming(line), (), line.send)


async def test_a_download_that_fails_on_the_way_is_left_short() -> None:
    line = Line()

    await answer(Pieces(fails_at=3), line)

    assert sum(len(m.get("body", b"")) for m in line.sent) == 2 * PIECE_BYTES
    assert not line.is_complete


async def test_nothing_more_is_fetched_for_a_client_that_left() -> None:
    line, pieces = Line(leaves_after=3), Pieces()

    await answer(pieces, line)

    assert pieces.taken <= 3
    assert pieces.is_closed
    assert not line.is_complete


async def test_a_client_that_reads_nothing_is_let_go() -> None:
    line, pieces = Line(stalls=True), Pieces()

    async with asyncio.timeout(5):
        await answer(pieces, line)

    assert pieces.taken == 1
    assert not line.is_complete
