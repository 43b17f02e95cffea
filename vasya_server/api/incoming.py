"""One request as the edge lets it in: what its head says, each field once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.types import HTTPScope, Receive

    from vasya_server.limits.budgets import Balance
    from vasya_server.limits.gcra import Verdict


class Incoming:
    """A request on its way through edge, access and operation.

    Args:
        fields: The head's fields, each with the value of its last line.
        is_plain: No field was sent in several lines.
        request_id: What it is called in logs, answers and the audit log.
        verdicts: What has been taken for it from the limits, for the answer to tell.
        route: The template of the path it turned out to have; empty until then.
    """

    __slots__ = ("_fields", "_is_plain", "receive", "request_id", "route", "scope", "verdicts")

    def __init__(
        self,
        scope: HTTPScope,
        fields: dict[bytes, bytes],
        receive: Receive,
        request_id: str,
        *,
        is_plain: bool,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.request_id = request_id
        self.route = ""
        self.verdicts: list[Verdict | Balance] = []
        self._fields = fields
        self._is_plain = is_plain

    @property
    def method(self) -> str:
        """Return the method in upper case."""
        return self.scope["method"]

    @property
    def path(self) -> str:
        """Return the path, decoded."""
        return self.scope["path"]

    def header(self, name: bytes) -> bytes | None:
        """Return the field's value, the last one where it was sent several times; None without it."""
        return self._fields.get(name)

    def lines(self, name: bytes) -> Sequence[bytes]:
        """Return the value of every line with that name: what must be said once is often said twice by an attack."""
        if self._is_plain:
            value = self._fields.get(name)
            return () if value is None else (value,)
        return [value for other, value in self.scope["headers"] if other == name]

    async def left(self) -> None:
        """Return once the client has gone away; its body has been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def text(self, name: bytes) -> str:
        """Return a field as its sender wrote it: names of files come in UTF-8, whatever the standard says."""
        return (self._fields.get(name) or b"").decode("utf-8", errors="replace")
