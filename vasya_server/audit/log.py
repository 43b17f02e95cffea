"""The log as the rest of the program uses it: what is recorded, what an owner may read of it, whether it is whole."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vasya_server.audit.chain import Line, read_line
from vasya_server.audit.entry import PLAIN_REQUEST_ID
from vasya_server.audit.journal import Fault
from vasya_server.audit.reserve import Kept
from vasya_server.audit.verify import Heads, judge, walk
from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.errors import AuditUnavailable, StorageFailed
from vasya_server.store import audit as rows
from vasya_server.store.database import ConstraintFailed, Unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vasya_server.audit.actions import Action
    from vasya_server.audit.entry import Entry
    from vasya_server.audit.reserve import Reserve
    from vasya_server.audit.verify import Verdict
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Statement

_log: Final = logging.getLogger(__name__)

_PSEUDONYM_BYTES: Final = 8
_DIGEST_BYTES: Final = 16
_RETRY_SECS: Final = 1.0
_IPV6_NETWORK_BITS: Final = 64
NEWEST: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of an owner's entries: newest first, below the own number *below*.

    Args:
        without: A subject whose acts are left out, like `audit`.
    """

    limit: int
    below: int = NEWEST
    account_id: str | None = None
    key_id: str | None = None
    action: Action | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    without: str | None = None


def _network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        inside = (found, _IPV6_NETWORK_BITS)
        return str(found.ipv4_mapped or ipaddress.ip_network(inside, strict=False))
    return str(found)


class Audit:
    """Records, reads and verifies; one per running server.

    A unit of the database may carry entries itself (`Database.write(..., entries=…)`): that is the way to record a change
    together with what it changes.
    """

    def __init__(self, db: Database, reserve: Reserve, *, folder: Path, key: MasterKey) -> None:
        self._db = db
        self._reserve = reserve
        self._folder = folder
        self._mac_key = key.derive(Purpose.AUDIT_MAC)
        self._pseudonym = key.digest(Purpose.LOG_PSEUDONYM)
        self._kept: list[Kept] = []
        self._retrying: asyncio.Task[None] | None = None

    @property
    def fault(self) -> Fault | None:
        """Return why mutations stop, or None where they do not."""
        fault = self._db.journal_fault
        return Fault(fault) if fault else None

    async def is_writable(self) -> bool:
        """Look at the log, and tell whether mutations go on."""
        self._db.ask_journal()
        try:
            await self._db.write()
        except StorageFailed:
            return False
        return self.fault is None

    async def open(self) -> None:
        """Open the log behind the database, and do what an earlier process had to put off.

        A log that does not fit the database stops mutations and not the start; `fault` says why.

        Raises:
            StorageFailed: The database cannot be read; or acts that were put off cannot be stored even now, and a server
                that had forgotten them must not start.
        """
        await self._db.resume_journal()
        try:
            await self._db.write()  # notes what was appended, and that a line was torn
        except StorageFailed as error:
            _log.warning("the head of the audit log was not noted", exc_info=error)
        try:
            self._kept = await asyncio.to_thread(self._reserve.open)
        except OSError as error:
            _log.warning("there is no room for the audit log's reserve", exc_info=error)
        await self._store_kept()

    async def close(self) -> None:
        """Stop trying to store what was put off; the reserve holds it for the next start."""
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.wait({self._retrying})
        await asyncio.to_thread(self._reserve.close)

    async def record(self, entry: Entry, *statements: Statement) -> list[int]:
        """Do *statements* and record *entry*, both or neither; return how many rows each touched.

        Raises:
            AuditUnavailable: The log cannot be written.
            ConstraintFailed: A statement contradicts what is stored.
            Unexpected: A statement touched another number of rows than it expected.
            StorageFailed: It could not be stored.
        """
        return await self._db.write(*statements, entries=(entry,))

    async def record_all(self, entries: Sequence[Entry]) -> None:
        """Record *entries*, all or none of them.

        Raises:
            AuditUnavailable: The log cannot be written; `is_stored` tells whether they will be all the same.
            StorageFailed: They could not be stored.
        """
        await self._db.write(entries=entries)

    async def record_later(self, entry: Entry, *statements: Statement) -> None:
        """Do and record an act that reduces risk, as soon as that is possible; never refuse because of a disk.

        The caller has already put the act into force in memory. Where neither database nor log can be written, the unit
        is kept in memory and in the reserve, and stored as soon as they can: by this process or at the next start.

        Args:
            entry: One that `reduces_risk`.
            statements: Ones that may be done twice.

        Raises:
            ConstraintFailed: A statement contradicts what is stored.
            Unexpected: A statement touched another number of rows than it expected.
        """
        if not entry.reduces_risk:
            raise ValueError("internal error: only what reduces risk may be recorded later")
        try:
            await self._db.write(*statements, entries=(entry,))
        except (StorageFailed, AuditUnavailable):
            await self._keep(Kept.of(entry, statements))

    async def entries(self, owner: str, wanted: Wanted) -> list[Line]:
        """Return the owner's entries that match, newest first."""
        found = await self._db.all(
            rows.OWN_LINES,
            rows.LineRow,
            owner_id=owner,
            below=wanted.below,
            account_id=wanted.account_id,
            key_id=wanted.key_id,
            action=wanted.action,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            without=wanted.without,
            limit=wanted.limit,
        )
        return [read_line(row.line) for row in found]

    async def verify(self, owner: str) -> Verdict:
        """Read the whole log, and judge the owner's own sequence in it."""
        before = await self._own_heads(owner)
        walked = await asyncio.to_thread(walk, self._folder, self._mac_key, owner)
        return judge(walked, before, await self._own_heads(owner))

    def pseudonym(self, owner: str, peer_key: str) -> str:
        """Return what the log calls a chat: the same for the same owner and chat, and nothing without the key (D-7.7).

        Args:
            peer_key: The resolved chat's canonical key, like `user:42`.
        """
        return f"p:{self._keyed(owner, peer_key)[:_PSEUDONYM_BYTES].hex()}"

    def digest(self, owner: str, lineage: str, idempotency_key: str) -> str:
        """Return what the log calls a client's idempotency key."""
        return self._keyed("idempotency", owner, lineage, idempotency_key)[:_DIGEST_BYTES].hex()

    def request_id(self, request_id: str) -> str:
        """Return what the log calls a request: its id, or a pseudonym where a client chose words of its own."""
        if PLAIN_REQUEST_ID.fullmatch(request_id):
            return request_id
        return f"r:{self._keyed('request', request_id)[:_PSEUDONYM_BYTES].hex()}"

    def address(self, address: str) -> str:
        """Return what the log calls a network address: the same for the same one, and nothing without the key (D-7.7).

        Of IPv6 the first 64 bits count: whoever has one address there has all of them.
        """
        return f"a:{self._keyed('address', _network_of(address))[:_PSEUDONYM_BYTES].hex()}"

    def _keyed(self, *parts: str) -> bytes:
        return self._pseudonym(length_prefixed(*parts))

    async def _own_heads(self, owner: str) -> Heads:
        head = await self._db.one(rows.HEAD, rows.HeadRow)
        own = await self._db.one(rows.OWNER_HEAD, rows.OwnerHeadRow, owner_id=owner)
        if head is None or own is None:
            return Heads(0, 0)
        waiting = await self._db.one(
            rows.OWN_LINES_ABOVE, rows.TotalRow, owner_id=owner, seq=head.written_seq
        )
        return Heads(own.own_seq, own.own_seq - (waiting.total if waiting else 0))

    async def _keep(self, unit: Kept) -> None:
        self._kept.append(unit)
        try:
            await asyncio.to_thread(self._reserve.keep, unit)
        except OSError as error:
            _log.error("an act that reduces risk is kept in memory only", exc_info=error)
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        while self._kept:
            await asyncio.sleep(_RETRY_SECS)
            try:
                await self._store_kept()
            except StorageFailed:
                continue

    async def _store_kept(self) -> None:
        """Store what was put off, in its order, and empty the reserve.

        Raises:
            StorageFailed: Not yet.
        """
        while self._kept:
            unit = self._kept[0]
            try:
                await self._store(unit)
            except AuditUnavailable as error:
                raise StorageFailed from error
            self._kept.pop(0)
            if not self._kept:
                await self._clear()

    async def _store(self, unit: Kept) -> None:
        try:
            await self._db.write(*unit.bound(), entries=(unit.entry,))
        except (ConstraintFailed, Unexpected):
            # What it was to change is gone or changed already; that it was asked for is recorded all the same.
            await self._db.write(entries=(unit.entry,))

    async def _clear(self) -> None:
        try:
            await asyncio.to_thread(self._reserve.clear)
        except OSError as error:
            _log.warning("the audit log's reserve was not emptied", exc_info=error)
