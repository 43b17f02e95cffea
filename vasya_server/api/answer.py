"""What goes back: status, headers and bytes, without Litestar's response objects, which cost more than the rest."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from litestar.types import Send

    from vasya_server.api.incoming import Incoming

JSON: Final = b"application/json"
# Under this name the server offers, in `scope["extensions"]`, to send an answer at once that is known as a whole.
WHOLE_ANSWERS: Final = "vasya.whole_answers"
# And under this one to end the connection without waiting for a client that does not read.
CUT_OFF: Final = "vasya.cut_off"
PROBLEM_JSON: Final = b"application/problem+json"
Header: TypeAlias = tuple[bytes, bytes]


def encoded(headers: Iterable[tuple[str, str]]) -> tuple[Header, ...]:
    """Return *headers* as they travel."""
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


def cut_off(request: Incoming) -> None:
    """End the connection at once, and forget what the client has not taken: it may never take it."""
    extensions: Mapping[str, Any] = request.scope.get("extensions") or {}
    if (end := extensions.get(CUT_OFF)) is not None:
        end()


@dataclass(slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes = b""
    media_type: bytes = JSON
    headers: Sequence[Header] = ()

    async def send(self, request: Incoming, common: Sequence[Header], send: Send) -> None:
        """Send it, with the headers that all answers have; in one piece where the server takes one."""
        body = self.body
        headers = [*self.headers, *common]
        if body:
            headers.append((b"content-type", self.media_type))
        if self.status != HTTPStatus.NO_CONTENT:
            headers.append((b"content-length", b"%d" % len(body)))
        extensions: Mapping[str, Any] = request.scope.get("extensions") or {}
        send_whole = extensions.get(WHOLE_ANSWERS)
        if send_whole is not None and send_whole(self.status, headers, body):
            return
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
