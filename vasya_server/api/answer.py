"""What goes back: status, headers and bytes, without Litestar's response objects, which cost more than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from litestar.types import Receive, Send

JSON: Final = b"application/json"
PROBLEM_JSON: Final = b"application/problem+json"
Header: TypeAlias = tuple[bytes, bytes]


def encoded(headers: Iterable[tuple[str, str]]) -> tuple[Header, ...]:
    """Return *headers* as they travel."""
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


@dataclass(slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes = b""
    media_type: bytes = JSON
    headers: Sequence[Header] = ()

    async def send(self, common: Sequence[Header], _receive: Receive, send: Send) -> None:
        """Send it, with the headers that all answers have."""
        body = self.body
        headers = [*self.headers, *common]
        if body:
            headers.append((b"content-type", self.media_type))
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
