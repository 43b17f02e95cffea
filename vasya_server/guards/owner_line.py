"""What is kept of the owner's chat: commands until they are carried out, codes until their action ends, and how far it is.

A command is stored in the unit that stores its update, so that a crash neither loses nor repeats it. A code is sealed with
the digest of the action that it answers and with the opening of the line that it was made for.
"""

from __future__ import annotations

import asyncio
import hmac
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from vasya_server.crypto.envelope import SealBroken
from vasya_server.crypto.records import AccountSeal
from vasya_server.model.base import Plain
from vasya_server.store import owner_chat as rows
from vasya_server.telegram.control_line import Heard, commands_in

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.sessions.owner_settings import OwnerChat, SettingsStore
    from vasya_server.store.database import Database, Statement
    from vasya_server.telegram.accounts import AccountRuntime

T = TypeVar("T")
_HEARD: Final = "owner-chat-heard"
_ASKED: Final = "owner-chat-asked"
_STATE: Final = "owner-chat-state"


class Asked(Plain, frozen=True, kw_only=True):
    """What is asked about an action.

    Args:
        digest: Of all that is shown and sent: the code agrees to nothing else.
        title: Who asks for what.
        opening: Of the line, when it was asked.
        is_posted: Telegram has taken it.
    """

    action_id: str
    digest: str
    code: str
    title: str
    opening: int
    is_posted: bool = False


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far an account's line has got.

    Args:
        wrong_at_ms: When wrong codes were tried, within a day.
        position: Behind this position of the event log nothing is posted yet.
        opening: Of the line, to which all of it belongs.
        digested_on: The day of the last digest, in the owner's time zone.
    """

    wrong_at_ms: tuple[int, ...] = ()
    opening: int = 0
    position: int | None = None
    digested_on: str | None = None


class OwnerLine:
    """The owner's chats of every account; one per running server."""

    def __init__(self, db: Database, key: MasterKey, owners: SettingsStore) -> None:
        self._db = db
        self._key = key
        self._owners = owners
        # Some line was switched on.
        self.news = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._watched: list[AccountRuntime] = []

    def tend(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin what posts and obeys, where nobody does yet; how that is done, a layer above knows."""
        if self._tending is None:
            self._tending = asyncio.create_task(work())

    async def close(self) -> None:
        """End what posts and obeys."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})

    def watch(self, account: AccountRuntime) -> None:
        """Have what other devices write to the account's line kept."""
        self._watched.append(account)
        account.line.holds = lambda: self.of(account).holds(account.id)
        account.line.is_on = lambda: self.is_on(account)
        account.line.storing = partial(self._storing, account)

    def accounts(self) -> list[AccountRuntime]:
        """Return every account of this server."""
        self._watched = [each for each in self._watched if not each.is_leaving]
        return list(self._watched)

    def of(self, account: AccountRuntime) -> OwnerChat:
        """Return what the account's owner has set."""
        return self._owners.held(account.owner).owner_chat

    def is_on(self, account: AccountRuntime) -> bool:
        """Tell whether the account's Saved Messages are the line now."""
        line = self.of(account)
        return line.is_on and line.account_id == account.id

    async def heard(self, account: AccountRuntime) -> list[Heard]:
        """Return the commands that are not carried out yet, in their order.

        Raises:
            StorageFailed: They cannot be read.
        """
        found = await self._db.all(rows.HEARD, rows.HeardRow, account_id=account.id)
        opened = [self._open(account, _HEARD, row.message_id, row.sealed, Heard) for row in found]
        return [each for each in opened if each is not None]

    async def forget_heard(self, account: AccountRuntime, message_id: int, code: str = "") -> None:
        """Forget a command that is carried out and answered, and with it the code that it used up.

        Together: a command that is heard again after a crash has to find its code.
        """
        used = await self.find_code(account, code) if code else None
        forgetting = [] if used is None else [rows.FORGET_ASKED.bind(action_id=used.action_id)]
        heard = rows.FORGET_HEARD.bind(account_id=account.id, message_id=message_id)
        await self._db.write(heard, *forgetting)

    async def asked(self, account: AccountRuntime) -> list[Asked]:
        """Return what is asked in the account's chat.

        Raises:
            StorageFailed: It cannot be read.
        """
        found = await self._db.all(rows.ASKED, rows.AskedRow, account_id=account.id)
        opened = [self._open(account, _ASKED, row.action_id, row.sealed, Asked) for row in found]
        return [each for each in opened if each is not None]

    async def put_asked(self, account: AccountRuntime, asked: Asked) -> None:
        """Store what is asked: before it is posted, so that a crash posts it once."""
        sealed = self._seal(account, _ASKED, asked.action_id, asked)
        await self._db.write(
            rows.PUT_ASKED.bind(action_id=asked.action_id, account_id=account.id, sealed=sealed)
        )

    async def forget_asked(self, action_id: str) -> None:
        """Have the code of an action be worth nothing any more."""
        await self._db.write(rows.FORGET_ASKED.bind(action_id=action_id))

    async def find_code(self, account: AccountRuntime, code: str) -> Asked | None:
        """Return what *code* answers, in a time that does not depend on how much of it is right."""
        opening, found = self.of(account).opening, None
        for asked in await self.asked(account):
            is_it = hmac.compare_digest(asked.code.encode(), code.encode())
            if is_it and asked.opening == opening:
                found = asked
        return found

    async def state(self, account: AccountRuntime) -> State:
        """Return how far the account's line has got; nothing is known of one that does not open.

        Raises:
            StorageFailed: It cannot be read.
        """
        row = await self._db.one(rows.STATE, rows.StateRow, account_id=account.id)
        opened = None if row is None else self._open(account, _STATE, "", row.sealed, State)
        return opened or State()

    async def change_state(self, account: AccountRuntime, **changes: Any) -> None:  # noqa: ANN401 — fields of the state
        """Store how far the account's line has got; what is not named stays."""
        async with self._changing:
            state = await self.state(account)
            await self._put_state(account, msgspec.structs.replace(state, **changes))

    async def note_wrong(self, account: AccountRuntime, now_ms: int, since_ms: int) -> int:
        """Count a wrong code, and return how many were tried since *since_ms* on this opening of the line.

        Raises:
            StorageFailed: It is not counted.
        """
        async with self._changing:
            state, opening = await self.state(account), self.of(account).opening
            before = state.wrong_at_ms if state.opening == opening else ()
            wrong = (*(each for each in before if each > since_ms), now_ms)
            await self._put_state(
                account, msgspec.structs.replace(state, wrong_at_ms=wrong, opening=opening)
            )
        return len(wrong)

    async def _put_state(self, account: AccountRuntime, state: State) -> None:
        sealed = self._seal(account, _STATE, "", state)
        await self._db.write(rows.PUT_STATE.bind(account_id=account.id, sealed=sealed))

    async def _storing(
        self, account: AccountRuntime, updates: Sequence[Any]
    ) -> Sequence[Statement]:
        found = commands_in(updates, account, self.of(account).opening)
        return [
            rows.ADD_HEARD.bind(
                account_id=account.id,
                message_id=each.message_id,
                sealed=self._seal(account, _HEARD, each.message_id, each),
            )
            for each in found
        ]

    def _seal(
        self, account: AccountRuntime, kind: str, place: str | int, what: msgspec.Struct
    ) -> bytes:
        seal = AccountSeal(self._key, account.owner, account.id)
        return seal.seal(kind, msgspec.msgpack.encode(what), binding=str(place).encode())

    def _open(
        self, account: AccountRuntime, kind: str, place: str | int, box: bytes, into: type[T]
    ) -> T | None:
        seal = AccountSeal(self._key, account.owner, account.id)
        try:
            packed = seal.open(kind, box, binding=str(place).encode())
            return msgspec.msgpack.decode(packed, type=into)
        except (SealBroken, msgspec.MsgspecError):
            return None
