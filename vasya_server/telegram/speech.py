"""Transcripts of one account that are being made, and the words that Telegram tells later than it was asked."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.errors import TelegramUnavailable, VasyaError
from vasya_server.ids import new_action_id

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from datetime import datetime

    from vasya_server.ids import ActionId, KeyId
    from vasya_server.model.transcript import Transcript
    from vasya_server.sessions.transcripts import TranscriptStore

_log: Final = logging.getLogger(__name__)

# Of each about a kilobyte; who asks about one that is forgotten asks for the transcript again, which is there.
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A transcript that somebody has asked for.

    Args:
        lineage: Whose action it is.
        file_id: In which file something is said.
        making: The one attempt that everybody who asks meanwhile waits for.
    """

    action_id: ActionId
    lineage: str
    key_id: KeyId | None
    chat_id: int
    message_id: int
    file_id: int
    created_at: datetime
    making: asyncio.Task[Transcript]

    @property
    def transcript(self) -> Transcript | None:
        """Return what was said; None: that is not known yet, or will not be."""
        is_made = self.making.done() and not self.making.cancelled()
        return self.making.result() if is_made and self.making.exception() is None else None

    @property
    def refusal(self) -> VasyaError | None:
        """Return why there is no transcript; None: there is one, or may be."""
        if not self.making.done():
            return None
        if self.making.cancelled():
            return TelegramUnavailable(detail="The account was disconnected meanwhile.")
        error = self.making.exception()
        return error if error is None or isinstance(error, VasyaError) else TelegramUnavailable()


class Speech:
    """What is said in the account's voice notes."""

    def __init__(self, store: TranscriptStore) -> None:
        self.store = store
        self._making: dict[int, asyncio.Task[Transcript]] = {}
        self._jobs: OrderedDict[ActionId, Job] = OrderedDict()
        self._told: OrderedDict[int, str] = OrderedDict()
        self._news = asyncio.Event()

    def note(self, updates: Iterable[Any]) -> None:
        """Take the words that Telegram tells."""
        for update in updates:
            if isinstance(update, t.UpdateTranscribedAudio) and not update.pending:
                _keep(self._told, update.transcription_id, update.text)
                self._news.set()

    async def heard(self, transcription_id: int, secs: float) -> str | None:
        """Return the words of a transcription when Telegram tells them; None: not within *secs*."""
        try:
            async with asyncio.timeout(secs):
                while transcription_id not in self._told:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return self._told[transcription_id]

    def ask(
        self,
        file_id: int,
        make: Callable[[], Coroutine[Any, Any, Transcript]],
        who: Callable[[ActionId, asyncio.Task[Transcript]], Job],
    ) -> Job:
        """Return the caller's action for the transcript of a file, which is made once for all who ask meanwhile."""
        making = self._making.get(file_id)
        if making is None:
            making = self._making[file_id] = asyncio.create_task(make())
            making.add_done_callback(lambda done: self._end(file_id, done))
        job = who(new_action_id(), making)
        for other in self._jobs.values():
            if other.making is making and other.lineage == job.lineage:
                return other
        _keep(self._jobs, job.action_id, job)
        return job

    def job(self, action_id: str) -> Job | None:
        """Return the action of that id, unless it is forgotten."""
        return self._jobs.get(action_id)  # type: ignore[call-overload, no-any-return]  # any text may be asked for

    async def end(self) -> None:
        """End what is being made: the connection that would tell of it is gone."""
        making = set(self._making.values())
        for task in making:
            task.cancel()
        if making:
            await asyncio.wait(making)

    def _end(self, file_id: int, done: asyncio.Task[Transcript]) -> None:
        del self._making[file_id]
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, VasyaError):
            _log.error("a transcript could not be made", exc_info=error)


def _keep(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    while len(kept) > _MAX_KEPT:
        kept.popitem(last=False)
