"""Receivers of webhooks on loopback, and what a test writes into the log for them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from tests.api.conftest import API
from tests.outbound.servers import Server, serving
from vasya_server.events.record import Draft
from vasya_server.ids import AccountId
from vasya_server.model.chat import ChatType
from vasya_server.model.event import EventChat, EventData, EventType
from vasya_server.model.message import CompactMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from tests.outbound.servers import Received
    from vasya_server.gateway import Gateway

HOOKS = f"{API}/webhooks"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAST = {
    "VASYA_OUTBOUND_LOOPBACK": "on",
    "VASYA_WEBHOOK_DEADLINE_SECS": "1",
    "VASYA_WEBHOOK_RETRY_SECS": "0.05",
    "VASYA_WEBHOOK_PAUSE_SECS": "0.1",
    "VASYA_LIMIT_MUTATE_BURST": "1000",
    "VASYA_LIMIT_READ_BURST": "1000",
}
Saying: TypeAlias = "Callable[[int], tuple[int, str]]"


def always(status: int, headers: str = "") -> Saying:
    return lambda _number: (status, headers)


@dataclass
class Receiver:
    """Answers each post with the status and the header lines that `saying` gives for its number, from 1 on."""

    saying: Saying
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/hook?token=s3cr3t-of-the-url"

    @property
    def posts(self) -> list[Received]:
        return self.server.received

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(post.body) for post in self.posts]

    async def got(self, count: int) -> list[dict[str, Any]]:
        """Wait for that many posts, and return all."""
        async with asyncio.timeout(10):
            while len(self.posts) < count:
                await asyncio.sleep(0.01)
        return self.bodies


@contextlib.asynccontextmanager
async def receiving(saying: Saying | None = None) -> AsyncIterator[Receiver]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        status, headers = receiver.saying(len(receiver.posts))
        if status:  # without one it takes the post and says nothing
            head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()

    async with serving(answer) as server:
        receiver = Receiver(saying or always(200), server)
        yield receiver


def said(number: int, text: str = "soup at noon", chat_id: int = 7, **more: Any) -> Draft:
    """Return a message as the log holds it."""
    message = CompactMessage(id=number, at=AT, from_=chat_id, text=text)
    return Draft(
        type=EventType.MESSAGE_NEW,
        at=AT,
        chat=EventChat(id=chat_id, type=ChatType.USER, title="Ann Archer"),
        data=EventData(message=message, people={str(chat_id): "Ann Archer"}),
        **more,
    )


async def happen(gateway: Gateway, account: str, *drafts: Draft) -> None:
    """Write events of the account down, as its connection does."""
    account_id = AccountId(account.rpartition("/")[2])
    await gateway.events.append(gateway.owner, account_id, drafts)


async def hook(client: httpx.AsyncClient, receiver: Receiver, **more: Any) -> dict[str, Any]:
    """Make a webhook of the receiver's."""
    # The account connects for it, which is an event too.
    body = {"url": receiver.url, "types": ["message.new"], **more}
    made = await client.post(HOOKS, json=body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def deliveries(client: httpx.AsyncClient, made: dict[str, Any], **query: Any) -> list[Any]:
    """Return the deliveries of a webhook, oldest first."""
    listed = await client.get(f"{HOOKS}/{made['id']}/deliveries", params=query)
    assert listed.status_code == 200, listed.text
    return list(reversed(listed.json()["items"]))


async def settled(
    client: httpx.AsyncClient, made: dict[str, Any], count: int, **query: Any
) -> list[Any]:
    """Wait until there are that many deliveries that match, and return them."""
    async with asyncio.timeout(10):
        while len(found := await deliveries(client, made, **query)) < count:
            await asyncio.sleep(0.02)
    return found
