"""How far the pages of a list have got, between one request and the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import FieldError, ValidationFailed

if TYPE_CHECKING:
    from vasya_server.crypto.cursor import Cursors
    from vasya_server.telegram.view import AccountView

T = TypeVar("T")


class Bookmarks(Generic[T]):
    """The cursors of one list of an account.

    Args:
        route: The operation that lists.
        kind: What a place in the list is.
        filters: A digest of what must be asked for again on the next page.
    """

    def __init__(
        self,
        account: AccountView,
        cursors: Cursors,
        route: str,
        kind: type[T],
        filters: bytes = b"",
    ) -> None:
        self._cursors = cursors
        self._list = account.runtime.owner, account.runtime.id, route
        self._kind = kind
        self._filters = filters

    def read(self, cursor: str | None) -> T | None:
        """Return the place that *cursor* says; None: the beginning.

        Raises:
            ValidationFailed: It is no cursor of this list.
        """
        if cursor is None:
            return None
        try:
            return self._cursors.read(*self._list, cursor, self._kind, filters=self._filters)
        except CursorInvalid as error:
            raise ValidationFailed(FieldError("?cursor", "invalid")) from error

    def write(self, place: T | None) -> str | None:
        """Return the cursor of what follows *place*; None: nothing does."""
        if place is None:
            return None
        return self._cursors.write(*self._list, place, filters=self._filters)
