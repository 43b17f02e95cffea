"""Files over HTTP: up in one request, sent by their id in another, each exactly once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox import images
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import FileMedia
from vasya_server.app import create_app
from vasya_server.store.uploads import LIVE_UPLOADS, LiveRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
OTHER_KEY = {"Idempotency-Key": "0d3c6a4e-3f4c-4f0e-9f5e-1f1b8f3a2c11"}
NAMED = {"Content-Disposition": 'attachment; filename="deck.pdf"'}
LIMIT = 10 * 1024 * 1024


async def upload(
    client: httpx.AsyncClient, account: str, data: bytes = b"words", name: str = "a.txt"
) -> str:
    response = await client.post(
        f"{account}/uploads",
        content=data,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    assert response.status_code == 201, response.text
    upload_id: str = response.json()["uploadId"]
    return upload_id


async def upload_pictures(client: httpx.AsyncClient, account: str, count: int) -> list[str]:
    return [
        await upload(client, account, images.landscape(seed, 4, 4), f"{seed}.jpg")
        for seed in range(count)
    ]


def post_of(account: str, length: int) -> Any:
    """Return the head of an upload by the owner, as ASGI says it."""
    return {
        "type": "http",
        "method": "POST",
        "path": f"{account}/uploads",
        "raw_path": f"{account}/uploads".encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1:8787"),
            (b"authorization", b"Bearer vl_" + b"0123456789abcdef" * 4),
            (b"content-length", b"%d" % length),
        ],
        "server": ("127.0.0.1", 8787),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "state": {},
        "asgi": {"version": "3.0"},
    }


def files(scene: Scene) -> list[bytes]:
    """Return the files that Bob has from Alice, oldest first."""
    found = []
    for message_id in scene.world.ids(scene.bob, scene.alice):
        record = scene.world.message(scene.bob, scene.alice, message_id)
        if record is not None and isinstance(record.media, FileMedia):
            file = scene.world.files[record.media.file_id]
            found.append(file.data or file.sizes[-1].data)
    return found


async def test_a_raw_body_is_a_file_named_by_its_header(
    client: httpx.AsyncClient, account: str
) -> None:
    response = await client.post(f"{account}/uploads", content=b"%PDF-1.7", headers=NAMED)

    made = response.json()
    assert response.status_code == 201
    assert made.keys() == {"uploadId", "fileName", "mimeType", "sizeBytes", "expiresAt"}
    assert (made["fileName"], made["mimeType"], made["sizeBytes"]) == (
        "deck.pdf",
        "application/pdf",
        8,
    )
    assert made["uploadId"].startswith("upl_")


async def test_a_form_brings_a_file_with_its_name_and_type(
    client: httpx.AsyncClient, account: str
) -> None:
    response = await client.post(
        f"{account}/uploads", files={"file": ("отчёт.csv", b"a,b\r\n--x\r\n", "text/csv")}
    )

    made = response.json()
    assert response.status_code == 201, response.text
    assert (made["fileName"], made["mimeType"], made["sizeBytes"]) == ("отчёт.csv", "text/csv", 10)


@pytest.mark.parametrize(
    ("headers", "name", "mime_type"),
    [
        ({}, "file", "application/octet-stream"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "file", "application/octet-stream"),
        ({"Content-Type": "Video/MP4; codecs=x"}, "file", "video/mp4"),
        ({"Content-Type": "not a type"}, "file", "application/octet-stream"),
        (
            {"Content-Disposition": "attachment; filename*=UTF-8''%D0%BE%D1%82%D1%87.pdf"},
            "отч.pdf",
            "application/pdf",
        ),
        (
            {"Content-Disposition": 'attachment; filename="отч.pdf"'.encode()},
            "отч.pdf",
            "application/pdf",
        ),
        (
            {"Content-Disposition": 'attachment; filename="../../etc/passwd"'},
            "passwd",
            "application/octet-stream",
        ),
        (
            {
                "Content-Disposition": 'attachment; filename="x.json"',
                "Content-Type": "application/json",
            },
            "x.json",
            "application/json",
        ),
    ],
    ids=["nothing", "form", "type", "no type", "extended", "utf-8", "path", "named json"],
)
async def test_a_raw_file_is_named_and_typed_as_its_headers_say(
    client: httpx.AsyncClient,
    account: str,
    headers: dict[str, Any],
    name: str,
    mime_type: str,
) -> None:
    response = await client.post(f"{account}/uploads", content=b"{}", headers=headers)

    made = response.json()
    assert (response.status_code, made["fileName"], made["mimeType"]) == (201, name, mime_type)


async def test_an_uploaded_document_is_sent_with_its_caption(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    uploaded = await upload(client, account, b"slides" * 100_000, "deck.pdf")

    response = await client.post(
        f"{account}/chats/@bob_b/messages", json={"media": [uploaded], "text": "the **deck**"}
    )

    sent = response.json()
    assert response.status_code == 201, response.text
    assert sent["media"] == {
        "type": "document",
        "fileName": "deck.pdf",
        "mimeType": "application/pdf",
        "sizeBytes": 600_000,
    }
    assert sent["text"] == "the deck"
    assert "albumIds" not in sent
    assert files(scene) == [b"slides" * 100_000]


async def test_several_uploads_are_one_album(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    media = await upload_pictures(client, account, 3)

    response = await client.post(
        f"{account}/chats/@bob_b/messages", json={"media": media, "text": "three"}
    )

    sent = response.json()
    assert response.status_code == 201, response.text
    assert (sent["text"], len(sent["albumIds"]), sent["albumIds"][0]) == ("three", 3, sent["id"])
    assert files(scene) == [images.landscape(seed, 4, 4) for seed in range(3)]


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_an_album_whose_answer_is_lost_stands_once(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    body = {"media": await upload_pictures(client, account, 3)}
    path = f"{account}/chats/@bob_b/messages"
    dc.faults.add(Fault(action=action, request="messages.SendMultiMedia"))

    response = await client.post(path, json=body, headers=KEY)
    if response.status_code == 409:
        response = await client.post(path, json=body, headers=KEY)
    again = await client.post(path, json=body, headers=KEY)

    assert response.status_code == 201, response.text
    assert (again.json(), again.headers["idempotency-replayed"]) == (response.json(), "true")
    assert len(files(scene)) == 3


async def test_parallel_albums_with_one_key_are_one_album(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    body = {"media": await upload_pictures(client, account, 2)}
    path = f"{account}/chats/@bob_b/messages"

    answers = await asyncio.gather(*(client.post(path, json=body, headers=KEY) for _ in range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(files(scene)) == 2


async def test_an_upload_repeated_with_its_key_is_the_same_upload(
    client: httpx.AsyncClient, account: str
) -> None:
    first = await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)
    again = await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_repeated_upload_is_not_sent_to_telegram_again(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)
    await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)
    reused = await client.post(f"{account}/uploads", content=b"two", headers=NAMED | KEY)

    assert reused.status_code == 422
    assert (dc.requests["upload.SaveFilePart"], dc.requests["messages.UploadMedia"]) == (1, 1)


@pytest.mark.short_deadlines
async def test_an_upload_of_which_nobody_knows_is_found_out_by_its_repetition(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.UploadMedia", times=3))
    first = await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)
    again = await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)

    assert_problem(first, 504, "telegram_timeout")
    assert again.status_code == 201
    await client.post(
        f"{account}/chats/@bob_b/messages", json={"media": [again.json()["uploadId"]]}
    )
    assert files(scene) == [b"one"]


async def test_a_key_brings_so_many_files_at_once_and_no_more(
    gateway: Gateway, client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str
) -> None:
    arrived, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        arrived.release()
        yield b"x"
        await go_on.wait()
        yield b"y"

    slow_ones = [
        asyncio.create_task(agent.post(f"{account}/uploads", content=slow())) for _ in range(2)
    ]
    for _ in slow_ones:
        await arrived.acquire()
    third = await agent.post(f"{account}/uploads", content=b"z")
    of_the_owner = await client.post(f"{account}/uploads", content=b"z")
    go_on.set()
    answers = await asyncio.gather(*slow_ones)
    later = await agent.post(f"{account}/uploads", content=b"z")

    assert assert_problem(third, 429, "too_many_transfers")["isRetryable"] is True
    assert third.headers["retry-after"] == "5"
    assert [each.status_code for each in (*answers, of_the_owner, later)] == [201] * 4


async def test_a_client_that_goes_away_leaves_nothing(
    gateway: Gateway, client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    """Speak ASGI by hand: a client of the tests cannot leave."""
    said: list[Any] = [
        {"type": "http.request", "body": b"x" * 600_000, "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        return said.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    before = len(scene.world.files)
    async with asyncio.timeout(10):
        await create_app(gateway)(post_of(account, 1_000_000), receive, send)

    assert answers[0]["status"] == 400
    assert len(scene.world.files) == before
    stored = await gateway.db.one(
        LIVE_UPLOADS, LiveRow, account_id=account.rsplit("/", 1)[1], now_ms=0
    )
    assert stored == LiveRow(total=0)


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"two", NAMED), (b"one", {"Content-Disposition": 'attachment; filename="other.pdf"'})],
    ids=["other bytes", "other name"],
)
async def test_a_key_does_not_swallow_another_file(
    client: httpx.AsyncClient, account: str, content: bytes, headers: dict[str, str]
) -> None:
    await client.post(f"{account}/uploads", content=b"one", headers=NAMED | KEY)

    response = await client.post(f"{account}/uploads", content=content, headers=headers | KEY)

    assert_problem(response, 422, "idempotency_key_reused")


async def test_a_file_of_just_the_limit_is_taken_and_a_larger_one_is_not(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    uploaded = await upload(client, account, b"x" * LIMIT)
    too_large = await client.post(f"{account}/uploads", content=b"x" * (LIMIT + 1))
    announced = await client.post(f"{account}/uploads", content=b"x" * (2 * LIMIT))
    in_a_form = await client.post(f"{account}/uploads", files={"file": b"x" * (LIMIT + 1)})

    await client.post(f"{account}/chats/@bob_b/messages", json={"media": [uploaded]})
    assert [len(file) for file in files(scene)] == [LIMIT]
    for response in (too_large, announced, in_a_form):
        assert_problem(response, 413, "body_too_large")


async def test_what_telegram_does_not_take_from_the_account_is_refused_by_its_length(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    lengths = {"Content-Length": str(4000 * 512 * 1024 + 1)}, {"Content-Length": "3"}

    too_large, small = [
        await client.post(f"{account}/uploads", content=b"abc", headers=length)
        for length in lengths
    ]

    assert_problem(too_large, 413, "body_too_large")
    assert small.status_code == 201
    assert dc.requests["upload.SaveFilePart"] == 1


async def test_the_content_of_a_file_is_in_no_file_of_the_gateway(
    client: httpx.AsyncClient, account: str, gateway: Gateway
) -> None:
    needle = b"Rosalind earns 4711"
    form = {"file": ("a.txt", needle * 1000)}
    await client.post(f"{account}/uploads", content=needle * 100_000, headers=KEY)
    await client.post(f"{account}/chats/@bob_b/messages", files=form, headers=OTHER_KEY)

    folder = gateway.settings.data_dir
    stored = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert [name for name, data in stored.items() if needle in data] == []


async def test_a_body_that_was_not_announced_is_cut_off_at_the_limit(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 4 * LIMIT:
            given += 1024 * 1024
            yield b"x" * (1024 * 1024)

    response = await client.post(f"{account}/uploads", content=endless())

    assert_problem(response, 413, "body_too_large")
    assert given <= LIMIT + 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b""}, 422, "validation_failed"),
        ({"files": {"file": ("a.txt", b"")}}, 422, "validation_failed"),
        ({"files": [("file", ("a", b"1")), ("file", ("b", b"2"))]}, 422, "validation_failed"),
        ({"files": [("a", b"1"), ("b", b"2"), ("c", b"3")]}, 422, "validation_failed"),
        ({"data": {"name": "x"}, "files": {"file": b"x"}}, 422, "validation_failed"),
        ({"json": {"link": "https://a.example/x"}}, 422, "validation_failed"),
        ({"json": {"url": 7}}, 422, "validation_failed"),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            400,
            "malformed_request",
        ),
        (
            {
                "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
                "headers": {"Content-Type": "multipart/form-data; boundary=x"},
            },
            400,
            "malformed_request",
        ),
        (
            {"content": b"x", "headers": {"Content-Encoding": "gzip"}},
            415,
            "unsupported_media_type",
        ),
    ],
    ids=[
        "empty",
        "empty in a form",
        "two files",
        "three files",
        "a field before the file",
        "json",
        "no url",
        "no boundary",
        "half a form",
        "gzip",
    ],
)
async def test_what_is_not_one_file_is_refused(
    client: httpx.AsyncClient, account: str, request_: dict[str, Any], status: int, code: str
) -> None:
    response = await client.post(f"{account}/uploads", **request_)

    assert_problem(response, status, code)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"media": []}, "/text"),
        ({"media": ["upl_x"] * 11}, "/media"),
        ({"media": "upl_x"}, "/media"),
        ({"media": [""]}, "/media"),
    ],
    ids=["none", "eleven", "no list", "empty id"],
)
async def test_a_message_with_a_wrong_list_of_files_is_refused(
    client: httpx.AsyncClient, account: str, body: dict[str, Any], pointer: str
) -> None:
    response = await client.post(f"{account}/chats/@bob_b/messages", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_photos_and_other_files_are_not_one_album(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    media = [*await upload_pictures(client, account, 1), await upload(client, account)]

    response = await client.post(f"{account}/chats/@bob_b/messages", json={"media": media})

    assert assert_problem(response, 422, "validation_failed")["errors"] == [
        {
            "pointer": "/media",
            "code": "mixed",
            "allowed": ["photos and videos", "other files, but for voice notes and GIFs"],
        }
    ]
    assert files(scene) == []


async def test_an_upload_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.post(
        f"{account}/chats/@bob_b/messages", json={"media": ["upl_aaaaaaaaaaaaaaaaaaaaaaaaaa"]}
    )

    assert_problem(response, 404, "upload_not_found")
    assert files(scene) == []


async def test_a_file_reference_that_expired_is_renewed(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    media = await upload_pictures(client, account, 2)
    scene.world.expire_file_references()

    response = await client.post(
        f"{account}/chats/@bob_b/messages", json={"media": media}, headers=KEY
    )

    assert response.status_code == 201, response.text
    assert len(files(scene)) == 2


async def test_an_upload_survives_a_restart(
    client: httpx.AsyncClient, account: str, gateway: Gateway, scene: Scene
) -> None:
    uploaded = await upload(client, account)
    (record,) = await gateway.vault.accounts()

    stored = await gateway.vault.uploads(record.owner, record.id).find("user", uploaded)

    assert (stored.name, stored.size_bytes) == ("a.txt", 5)


async def test_names_of_files_are_nowhere_in_clear(
    client: httpx.AsyncClient, account: str, gateway: Gateway
) -> None:
    uploaded = await upload(client, account, b"words", "Rosalind-salary-review.pdf")
    await client.post(f"{account}/chats/@bob_b/messages", json={"media": [uploaded]}, headers=KEY)

    folder = gateway.settings.data_dir
    stored = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert [name for name, data in stored.items() if b"Rosalind-salary" in data] == []


async def test_a_key_that_is_revoked_sends_no_file_to_its_end(
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    scene: Scene,
) -> None:
    agent = await with_key()
    is_half_way = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"x"
        is_half_way.set()
        await asyncio.sleep(8)
        yield b"y"

    before = len(scene.world.files)
    sending = asyncio.create_task(agent.post(f"{account}/uploads", content=half()))
    await is_half_way.wait()
    (key,) = (await client.get("/api/v1/agent-keys")).json()["items"]
    await client.delete(f"/api/v1/agent-keys/{key['id']}")
    async with asyncio.timeout(5):
        response = await sending

    assert_problem(response, 403, "access_denied")
    assert response.headers["connection"] == "close"
    assert len(scene.world.files) == before


@pytest.mark.short_deadlines
async def test_an_upload_is_there_for_a_day_and_no_longer(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        session = {"session": dc.mint(scene.alice)}
        made = await client.post("/api/v1/telegram/login/session", json=session)
        account = f"/api/v1/accounts/{made.json()['accountId']}"
        body = {"media": [await upload(client, account)]}
        path = f"{account}/chats/{scene.bob.id}/messages"

        clock.ahead = timedelta(hours=23, minutes=59)
        in_time = await client.post(path, json=body)
        dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMedia", times=2))
        lost = await client.post(path, json=body, headers=KEY)
        clock.ahead = timedelta(hours=24, minutes=1)
        too_late = await client.post(path, json=body)
        found_out = await client.post(path, json=body, headers=KEY)

    assert in_time.status_code == 201
    assert_problem(lost, 409, "outcome_unknown")
    assert_problem(too_late, 404, "upload_not_found")
    assert found_out.status_code == 201
    assert len(files(scene)) == 2


async def test_a_sender_that_pauses_is_not_waited_for(
    gateway: Gateway, account: str, environment: dict[str, str]
) -> None:
    """Speak ASGI by hand: a client of the tests cannot pause."""
    app = create_app(gateway)
    answers: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        answers.append(message)

    async with asyncio.timeout(10):
        await app(post_of(account, 100), receive, send)

    assert answers[0]["status"] == 408


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    if "does_not_take" not in request.node.name:
        environment["VASYA_UPLOAD_MAX_BYTES"] = str(LIMIT)
    if "nobody_knows" in request.node.name:
        environment["VASYA_MEDIA_IDLE_SECS"] = "1"
    if "pauses" in request.node.name:
        environment["VASYA_BODY_IDLE_SECS"] = "1"
    return environment
