"""The server's side of a writer in a process of its own (docs/adr/0010-writer-process.md).

Server and writer end together: the writer ends with the connection to its server, and a server whose writer has ended
says so and leaves at once, because nobody knows any more what is stored. The next start finds out, as it does after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self, cast

import msgspec

from vasya_server.errors import StorageFailed
from vasya_server.store.frames import LENGTH, Close, Done, Open, Resume, Sender, frame, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vasya_server.store.batch import Outcome, Unit

_read: Final = msgspec.msgpack.Decoder(Done).decode
_ENDED: Final = "The process that writes has ended."
# Reading the log of a large database takes long, and another writer has its time to end.
_BEGINS_WITHIN_SECS: Final = 60.0
# All that an interpreter like ours needs of the environment; there may be secrets in the rest.
_KEPT: Final = (
    *("HOME", "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ"),
    *("LANG", "LC_ALL", "LC_CTYPE"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONUTF8"),
)


@dataclass(frozen=True, slots=True)
class Apart:
    """How the process that writes is started.

    Args:
        command: What it is started by; it finds the socket at descriptor 0.
        on_lost: Called when it has ended unasked.
        keeping: What its journal is opened with, encoded.
    """

    command: tuple[str, ...]
    on_lost: Callable[[], None]
    keeping: bytes = field(default=b"", repr=False)

    def for_journal(self, keeping: msgspec.Struct) -> Apart:
        """Return the same with what the journal is opened with."""
        return replace(self, keeping=msgspec.msgpack.encode(keeping))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who waits for the answer to a frame; answers come in the order of what was asked."""

    done: asyncio.Future[list[Outcome]]
    settle: Callable[[Sequence[Outcome | None]], object] | None


class ProcessCommitter(asyncio.Protocol):
    """Sends batches to the writer, and takes what it says of them.

    While it writes one batch the loop makes the next. Of many changes at once only some wait in one batch, so that both have
    something to do; smaller ones would cost more syncs than they save waiting.
    """

    at_once = 2
    enough = 16

    def __init__(self, process: asyncio.subprocess.Process, on_lost: Callable[[], None]) -> None:
        self._process = process
        self._on_lost = on_lost
        self._sender = Sender()
        self._received = bytearray()
        self._waiting: deque[_Waiting] = deque()
        self._is_asked = False
        self._is_expected = False
        self.fault: str | None = None

    @classmethod
    async def open(cls, path: Path, apart: Apart) -> Self:
        """Start the writer, and have it open the database.

        Raises:
            OSError: It cannot be started.
            sqlite3.Error: It cannot open the database.
            StorageFailed: It has ended before it began, or does not begin.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await _start(apart.command, theirs)
            for_this = partial(cls, process, apart.on_lost)
            loop = asyncio.get_running_loop()
            _, made = await loop.create_unix_connection(for_this, sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            await made.begin(path, apart.keeping)
        except BaseException:
            await made.abort()
            raise
        return made

    async def begin(self, path: Path, keeping: bytes) -> None:
        """Have the writer open the database.

        Raises:
            OSError, sqlite3.Error: It cannot.
            StorageFailed: It has ended, or says nothing.
        """
        try:
            async with asyncio.timeout(_BEGINS_WITHIN_SECS):
                await self._ask(frame(Open(os.getpid(), os.fsencode(path), keeping)))
        except TimeoutError as error:
            raise StorageFailed("The process that writes does not begin.") from error
        self._is_expected = True

    def ask(self) -> None:
        """Have the next batch look at the journal's file."""
        self._is_asked = True

    def pack(self, unit: Unit) -> msgspec.Raw:
        """Return *unit* as it is sent.

        Raises:
            OverflowError, UnicodeEncodeError, TypeError: A value has no form outside this process.
        """
        return self._sender.pack(unit)

    def commit(
        self, units: Sequence[msgspec.Raw], settle: Callable[[Sequence[Outcome | None]], object]
    ) -> asyncio.Future[list[Outcome]]:
        """Write a batch."""
        is_asked, self._is_asked = self._is_asked, False
        return self._ask(self._sender.batch(units, is_asked=is_asked), settle)

    async def resume(self) -> None:
        """Have the journal go on where the database says that it stopped.

        Raises:
            StorageFailed: The database cannot be read.
        """
        try:
            await self._ask(frame(Resume()))
        except Exception as error:
            raise StorageFailed from error

    async def close(self) -> None:
        """Have the writer close the database and the journal, and wait for its end."""
        self._is_expected = False
        try:
            with contextlib.suppress(StorageFailed):  # it has ended already
                await self._ask(frame(Close()))
        finally:
            self._transport.close()
            await self._process.wait()

    async def abort(self) -> None:
        """Be done with a writer that has written nothing."""
        self._transport.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take what was said, as soon as it is whole."""
        self._received += data
        while len(self._received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            told = _read(memoryview(self._received)[LENGTH.size : end])
            del self._received[:end]
            self._take(told)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell who waits that nobody knows, and have the server leave."""
        for waiting in self._waiting:
            if not waiting.done.done():
                waiting.done.set_exception(StorageFailed(_ENDED))
        self._waiting.clear()
        if self._is_expected:
            self._on_lost()

    def _ask(
        self, content: bytes, settle: Callable[[Sequence[Outcome | None]], object] | None = None
    ) -> asyncio.Future[list[Outcome]]:
        """Send a frame; the answer is whole when the future is done."""
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            done.set_exception(StorageFailed(_ENDED))
        else:
            self._waiting.append(_Waiting(done, settle))
            self._transport.write(content)
        return done

    def _take(self, told: Done) -> None:
        """Tell who waits what the writer said."""
        self.fault = told.fault
        waiting = self._waiting[0]
        if told.is_last:
            self._waiting.popleft()
        if waiting.done.cancelled():
            return
        try:
            outcomes = outcomes_of(told)
        except Exception as error:  # noqa: BLE001 — whatever it was is told
            waiting.done.set_exception(error)
            return
        if told.is_last:
            waiting.done.set_result(cast("list[Outcome]", outcomes))
        elif waiting.settle is not None:
            waiting.settle(outcomes)


async def _start(command: tuple[str, ...], connection: socket.socket) -> asyncio.subprocess.Process:
    """Start the writer in a session of its own, where no key on a terminal reaches it: it ends with its server.

    Raises:
        OSError: It cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=connection.fileno(),
        stdout=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        start_new_session=True,
    )
