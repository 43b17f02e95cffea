"""The REST server, as one agent key sees it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from httpx2._types import QueryParamTypes, RequestFiles

API: Final = "/api/v1"
# Seconds that a request may take beside those that it was asked to wait.
_DEADLINE_SECS: Final = 60.0
_CONNECT_SECS: Final = 5.0
# Seconds before each further attempt; what is repeated carries its Idempotency-Key.
_RETRIES_SECS: Final = (0.2, 1.0)


class Unreachable(Exception):
    """Nobody answered, or the answer was lost."""


class Reply:
    """An answer of the server."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.is_refused = response.is_error
        self.content = response.content
        self.headers: Mapping[str, str] = response.headers

    @property
    def json(self) -> Any:  # noqa: ANN401 — JSON
        """Return its body; None where that is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


class Rest:
    """The server, asked with one credential.

    Args:
        client: Its base URL is the server's.
        authorization: The whole header.
        forwarded: Headers that tell where a request came from that is passed on.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        authorization: str,
        forwarded: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._headers = {"authorization": authorization, **(forwarded or {})}

    @property
    def credential(self) -> str:
        """Return what it is asked with."""
        return self._headers["authorization"]

    async def get(self, path: str, query: QueryParamTypes | None = None) -> Reply:
        """Read."""
        return await self.ask("GET", path, query=query)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: QueryParamTypes | None = None,
        body: object = None,
        files: RequestFiles | None = None,
        headers: Mapping[str, str] | None = None,
        wait_secs: float = 0,
    ) -> Reply:
        """Ask, and ask again where the network failed and the same request is safe to repeat.

        Args:
            wait_secs: How long the server was asked to wait for what is not there yet.

        Raises:
            Unreachable: Nobody answered.
        """
        said = {**self._headers, **(headers or {})}
        may_repeat = files is None and (method == "GET" or "idempotency-key" in said)
        timeout = httpx2.Timeout(_DEADLINE_SECS + wait_secs, connect=_CONNECT_SECS)
        for pause in (*(_RETRIES_SECS if may_repeat else ()), None):
            try:
                response = await self._client.request(
                    method,
                    API + path,
                    params=query,
                    json=body if files is None else None,
                    files=files,
                    headers=said,
                    timeout=timeout,
                )
            except httpx2.TransportError as error:
                if pause is None:
                    raise Unreachable from error
                await anyio.sleep(pause)
            else:
                return Reply(response)
        raise Unreachable

    @contextlib.asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[httpx2.Response]:
        """Read something that may be large, piece by piece.

        Raises:
            Unreachable: Nobody answered, or the connection was lost.
        """
        try:
            async with self._client.stream(
                "GET", API + path, headers=self._headers, timeout=_DEADLINE_SECS
            ) as response:
                yield response
        except httpx2.TransportError as error:
            raise Unreachable from error
