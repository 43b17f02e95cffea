"""What is known of the change that one task carries out: an exception alone does not tell how far it had come.

A look-up that fails after Telegram has confirmed a change, and a refusal of our own before anything was sent, are the same
class of error and the opposite outcome.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

if TYPE_CHECKING:
    from collections.abc import Callable


class Halted(Exception):
    """A dry run has come to the request that would change something."""


@dataclass(slots=True)
class Progress:
    """One change at Telegram.

    Args:
        is_posted: It was handed to a connection, so that it may have left.
        has_happened: Telegram has confirmed it, or a part of it.
        is_refused: Telegram has refused it for good.
        repeated_id: The message that an earlier send with the same random_id had made; None where this one made it.
        key_id: The agent key that asked for it.
        before_posting: Refuses, when a connection is there and nothing has left yet; waiting for one takes seconds, in
            which a gate may be closed.
    """

    is_posted: bool = False
    has_happened: bool = False
    is_refused: bool = False
    repeated_id: int | None = None
    key_id: str | None = None
    before_posting: Callable[[], None] = lambda: None


_PROGRESS: Final[ContextVar[Progress | None]] = ContextVar("progress", default=None)


def follow_progress(before_posting: Callable[[], None], key_id: str | None = None) -> Progress:
    """Return the progress of what this task does from here on, for *key_id* (None: a human)."""
    progress = Progress(before_posting=before_posting, key_id=key_id)
    _PROGRESS.set(progress)
    return progress


def current_progress() -> Progress:
    """Return the progress of this task's change; one that nobody follows is noted for nobody."""
    return _PROGRESS.get() or Progress()


def note_confirmed(answer: Any) -> None:
    """Note that Telegram has done what it was asked, and whether it had done so before.

    A repeated send answers with the id that its random_id got the first time; its message is left out, or moves no
    counter (D-6.7).
    """
    progress = current_progress()
    progress.has_happened = True
    updates = getattr(answer, "updates", None) or ()
    # Some answers hold them in a container of its own; none of those is that of a send.
    updates = getattr(updates, "updates", updates)
    made = {
        update.message.id
        for update in updates
        if isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage) and update.pts_count
    }
    # What waits for its time is told in the same way, the first and a repeated time.
    made |= {
        update.message.id for update in updates if isinstance(update, t.UpdateNewScheduledMessage)
    }
    for update in updates:
        if isinstance(update, t.UpdateMessageID) and update.id not in made:
            progress.repeated_id = int(update.id)


def note_refused() -> None:
    """Note that Telegram has said in its answer that it did nothing."""
    progress = current_progress()
    progress.has_happened, progress.is_refused = False, True
