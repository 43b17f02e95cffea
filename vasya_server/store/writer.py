"""The writer in a process of its own: takes batches from its server, one at a time, until the server is gone."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.store.batch import Writer, commit
from vasya_server.store.connection import select
from vasya_server.store.frames import (
    LENGTH,
    Batch,
    Close,
    Open,
    Receiver,
    Resume,
    done,
    failed,
    frame,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from io import BufferedReader

    from vasya_server.store.batch import Outcome
    from vasya_server.store.database import Journal
    from vasya_server.store.frames import Done

_log: Final = logging.getLogger(__name__)


def serve(
    connection: socket.socket, make_journal: Callable[[Open], Journal], entry_type: type
) -> None:
    """Open the database that the server names, and write for it until the connection ends.

    Args:
        make_journal: Makes the journal of what the server says.
        entry_type: What the entries of units are.
    """
    decoder = msgspec.msgpack.Decoder(Open | Resume | Close | Batch[entry_type])  # type: ignore[valid-type]  # a type made at run time
    with connection, connection.makefile("rb") as stream:
        asked = _next(stream, decoder)
        if not isinstance(asked, Open):
            return
        try:
            journal = make_journal(asked)
            writer = Writer.open(Path(os.fsdecode(asked.path)), journal)
        except (OSError, sqlite3.Error) as error:
            connection.sendall(frame(failed(error, None)))
            return
        serving = _Serving(connection, writer, journal)
        try:
            serving.tell(done([], is_last=True, fault=journal.fault))
            serving.run(partial(_next, stream, decoder))
        finally:
            serving.close()


class _Serving:
    """The open database, and the server that writes to it."""

    def __init__(self, connection: socket.socket, writer: Writer, journal: Journal) -> None:
        self._connection = connection
        self._writer = writer
        self._journal = journal
        self._receiver = Receiver()
        self._is_closed = False

    def run(self, take: Callable[[], Any]) -> None:
        """Do what is asked, until nothing more comes."""
        while (asked := take()) is not None:
            try:
                outcomes = self._do(asked)
            except Exception as error:  # noqa: BLE001 — told to the server, which has the same to tell its callers
                if not isinstance(error, sqlite3.Error):
                    _log.exception("bug where batches are written")
                answer = failed(error, self._journal.fault)
            else:
                answer = done(outcomes, is_last=True, fault=self._journal.fault)
            self.tell(answer)

    def tell(self, answer: Done) -> None:
        """Send an answer; a server that is gone is noticed when it asks for nothing more, with all of it written."""
        with contextlib.suppress(OSError):
            self._connection.sendall(frame(answer))

    def close(self) -> None:
        """Close database and journal, once."""
        if not self._is_closed:
            self._is_closed = True
            self._writer.close()

    def _do(self, asked: Any) -> Sequence[Outcome]:  # noqa: ANN401 — one of the frames
        if isinstance(asked, Resume):
            self._journal.resume(partial(select, self._writer.connection))
            return []
        if isinstance(asked, Close):
            self.close()
            return []
        if asked.is_asked:
            self._journal.ask()
        return commit(self._writer, self._receiver.units(asked), self._settle)

    def _settle(self, outcomes: Sequence[Outcome | None]) -> None:
        self.tell(done(outcomes, is_last=False, fault=self._journal.fault))


def _next(stream: BufferedReader, decoder: msgspec.msgpack.Decoder[Any]) -> Any:  # noqa: ANN401 — as above
    """Return the next frame, or None where the server is gone."""
    try:
        head = stream.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        length = LENGTH.unpack(head)[0]
        content = stream.read(length)
    except ConnectionError:
        return None
    return decoder.decode(content) if len(content) == length else None
