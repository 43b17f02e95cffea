"""Page through a list that is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import FieldError, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vasya_server.api.routes import Call

T = TypeVar("T")


def page(
    call: Call, items: Sequence[T], limit: int, cursor: str | None, key: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """Return at most *limit* items that come behind the cursor's, and the cursor of the next page.

    Raises:
        ValidationFailed: The cursor is not one of this list, or its item is gone.
    """
    cursors, owner, route = call.gateway.cursors, call.who.owner, call.operation.name
    start = 0
    if cursor is not None:
        try:
            last = cursors.read(owner, "", route, cursor, str)
            start = [key(item) for item in items].index(last) + 1
        except (CursorInvalid, ValueError) as error:
            raise ValidationFailed(FieldError("?cursor", "invalid")) from error
    chosen = list(items[start : start + limit])
    if start + limit >= len(items):
        return chosen, None
    return chosen, cursors.write(owner, "", route, key(chosen[-1]))
