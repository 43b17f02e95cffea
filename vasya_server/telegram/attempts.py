"""What is known of a change while it is driven: whether it may have happened, and how long its first copy may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from telethon import errors as tg

from vasya_server.errors import OutcomeUnknown, VasyaError
from vasya_server.telegram.errors import is_definitive, is_failing_server

if TYPE_CHECKING:
    from vasya_server.telegram.client import Call

# RANDOM_ID_DUPLICATE says that the first copy is still under way (D-6.10).
_DUPLICATE_PAUSES_SECS: Final = (0.5, 1.0, 2.0)
_LONGEST_DUPLICATE_PAUSE_SECS: Final = 4.0


class Attempts:
    """The copies of one change.

    Args:
        is_exactly_once: Repeating it changes nothing more.
    """

    def __init__(self, *, is_exactly_once: bool) -> None:
        self._is_exactly_once = is_exactly_once
        self._duplicates = 0
        self.call: Call | None = None
        self.may_have_happened = False

    @property
    def is_final(self) -> bool:
        """Whether it must not be sent again."""
        return self.may_have_happened and not self._is_exactly_once

    @property
    def is_open(self) -> bool:
        """Whether an earlier copy, or the one under way, may be done."""
        return self.may_have_happened or bool(self.call and self.call.is_dispatched)

    def next_pause_secs(self) -> float:
        """Return how long to wait for the first copy to finish."""
        self._duplicates += 1
        if self._duplicates <= len(_DUPLICATE_PAUSES_SECS):
            return _DUPLICATE_PAUSES_SECS[self._duplicates - 1]
        return _LONGEST_DUPLICATE_PAUSE_SECS

    def verdict(self, refusal: VasyaError, error: BaseException | None = None) -> VasyaError:
        """Return *refusal* where it is the whole truth, and `OutcomeUnknown` where an earlier or unanswered copy may be done.

        A refusal of the request itself holds for its earlier copies, too; a flood wait does not. A failing server may
        have failed before the change or after it.
        """
        is_open = self.is_open
        if isinstance(error, tg.RPCError | tg.AuthKeyNotFound):
            is_open = is_failing_server(error) or (
                self.may_have_happened and not is_definitive(error)
            )
        return OutcomeUnknown() if is_open else refusal
