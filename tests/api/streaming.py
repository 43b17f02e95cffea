"""An event stream over ASGI: httpx reads an answer to its end, and this one has none."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.api.conftest import API
from tests.telegram.conftest import followed as written_down
from vasya_server.app import create_app
from vasya_server.events.record import Draft
from vasya_server.ids import AccountId
from vasya_server.model.chat import ChatType
from vasya_server.model.event import EventChat, EventData, EventType
from vasya_server.model.message import CompactMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from vasya_server.gateway import Gateway
    from vasya_server.ids import KeyId

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENTS = f"{API}/events"
POLL = f"{API}/events/poll"
SOON_SECS = 2.0
STATUS = "account.status"


@dataclass
class Stream:
    """What the server has sent so far, and the client's end of it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    is_over: bool = False
    has_server_left: bool = False
    # Cleared, the client takes nothing more.
    is_reading: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read_to: int = 0

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.raw += message["body"]
            self.is_over = not message.get("more_body", False)
        self._news.set()

    def leave(self) -> None:
        self.has_server_left = True

    async def block(self) -> dict[str, str]:
        """Return the next block between blank lines: its fields, comments under the empty name."""
        async with asyncio.timeout(SOON_SECS):
            while (end := self.raw.find(b"\n\n", self._read_to)) < 0:
                self._news.clear()
                await self._news.wait()
        text = self.raw[self._read_to : end].decode()
        self._read_to = end + 2
        pairs = (line.partition(":") for line in text.split("\n"))
        return {name: value.removeprefix(" ") for name, _, value in pairs}

    async def event(self) -> dict[str, Any]:
        """Return the next event, past comments, ids alone, and what is told of connections meanwhile."""
        async with asyncio.timeout(SOON_SECS):
            while (block := await self.block()).get("event", STATUS) == STATUS:
                pass
        event: dict[str, Any] = json.loads(block["data"])
        assert (block["id"], block["event"]) == (event["id"], event["type"])
        return event

    async def texts(self, count: int) -> list[str]:
        return [(await self.event())["data"]["message"]["text"] for _ in range(count)]

    async def ended(self) -> str:
        """Wait for the end, and return the last comment."""
        async with asyncio.timeout(SOON_SECS):
            while not self.is_over:
                self._news.clear()
                await self._news.wait()
        return self.raw.rstrip(b"\n").rpartition(b"\n")[2].decode()

    @property
    def problem(self) -> dict[str, Any]:
        problem: dict[str, Any] = json.loads(self.raw)
        return problem


@contextlib.asynccontextmanager
async def streaming(
    gateway: Gateway, client: httpx.AsyncClient, path: str = EVENTS, **query: Any
) -> AsyncIterator[Stream]:
    """Open a stream as *client*, and close it at the end as a client does."""
    headers = query.pop("headers", None)
    request = client.build_request("GET", path, params=query, headers=headers)
    stream, gone = Stream(), asyncio.Event()
    stream.is_reading.set()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await stream.is_reading.wait()
        if not gone.is_set():
            stream.take(message)

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8787),
        "root_path": "",
    }
    serving = asyncio.create_task(create_app(gateway)(scope, receive, send))
    serving.add_done_callback(lambda _: stream.leave())
    try:
        async with asyncio.timeout(SOON_SECS):
            while not stream.status:
                await asyncio.sleep(0)
                assert not serving.done() or stream.status, serving.result()
        if stream.status == 200 and path == EVENTS:
            assert "retry" in await stream.block()
        yield stream
    finally:
        gone.set()
        stream.is_reading.set()
        await asyncio.wait_for(serving, SOON_SECS)


def message(
    text: str,
    chat_id: int = 7,
    *,
    kind: EventType = EventType.MESSAGE_NEW,
    agent_data: EventData | None = None,
    **data: Any,
) -> Draft:
    said = CompactMessage(id=1, at=AT, from_=7, text=text)
    chat = EventChat(id=chat_id, type=ChatType.USER, title="Ann")
    return Draft(
        type=kind,
        at=AT,
        chat=chat,
        data=EventData(message=said, people={"7": "Ann"}, **data),
        agent_data=agent_data,
    )


def happening(
    kind: EventType, chat_id: int | None = None, key_id: KeyId | None = None, **data: Any
) -> Draft:
    chat = None if chat_id is None else EventChat(id=chat_id, type=ChatType.USER)
    return Draft(type=kind, at=AT, chat=chat, data=EventData(**data), key_id=key_id)


async def append(gateway: Gateway, account: str, *drafts: Draft) -> None:
    """Write events of the account down, as its update loop does."""
    account_id = AccountId(account.rpartition("/")[2])
    await gateway.events.append(gateway.owner, account_id, drafts)


async def followed(gateway: Gateway, client: httpx.AsyncClient, account: str) -> None:
    """Connect the account, and wait until what Telegram says from now on is events."""
    assert (await client.post(f"{account}/connect")).is_success
    await written_down(gateway.accounts.get(gateway.owner, account.rpartition("/")[2]))


def told(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a page without what is told of connections meanwhile."""
    return [event for event in page["items"] if event["type"] != STATUS]


def texts_of(page: dict[str, Any]) -> list[str]:
    return [event["data"]["message"]["text"] for event in told(page)]
