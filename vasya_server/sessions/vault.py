"""The vault: every account's session and profile, sealed under the master key.

A box that does not open costs one account, never the start; a master key that opens nothing costs the start and changes
nothing. Telegram ids, phone numbers, names and keys are stored in sealed form or as keyed digests only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from vasya_server.clock import from_ms, to_ms
from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import SealBroken, open_sealed, seal
from vasya_server.crypto.records import AccountSeal
from vasya_server.errors import (
    AccessDenied,
    AccountExists,
    CredentialsMissing,
    FieldError,
    MasterKeyMismatch,
    ValidationFailed,
)
from vasya_server.ids import AccountId, OwnerId, is_account_id, new_owner_id
from vasya_server.sessions.breakers import BreakerStore
from vasya_server.sessions.key_check import KEY_CHECK, require_key
from vasya_server.sessions.owner_settings import first_settings
from vasya_server.sessions.peers import PeerStore
from vasya_server.sessions.transcripts import TranscriptStore
from vasya_server.sessions.updates import UpdateStore
from vasya_server.sessions.uploads import UploadStore
from vasya_server.store import accounts as rows
from vasya_server.store.claims import ERASE_CLAIMS
from vasya_server.store.database import ConstraintFailed, Unexpected

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.store.database import Database, Query, Statement

_KEY_CHECK_TEXT: Final = b"vasya-key-check"
_FIRST: Final = 1
# `me` is a reference of the API, so an account cannot be called that.
_RESERVED_ALIASES: Final = frozenset({"me"})

T = TypeVar("T")


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to be the account on Telegram's wire: whoever holds it is the account."""

    dc_id: int
    host: str
    port: int
    auth_key: bytes
    user_id: int

    def __repr__(self) -> str:
        return "SessionState(…)"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The Telegram user of an account, as last seen."""

    user_id: int
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    phone: str | None = None
    is_premium: bool = False

    def __repr__(self) -> str:
        return "Profile(…)"


class _Credentials(msgspec.Struct, frozen=True, kw_only=True):
    api_id: int
    api_hash: str


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as the vault knows it; *session* is None exactly where *is_unreadable*."""

    id: AccountId
    owner: OwnerId
    alias: str | None
    can_send: bool
    keep_connected: bool
    needs_login: bool
    created_at: datetime
    profile: Profile | None = field(repr=False)
    session: SessionState | None = field(repr=False)
    is_unreadable: bool


class Vault:
    """Loads, seals and erases; the one user of the accounts' tables."""

    def __init__(self, db: Database, key: MasterKey, clock: Clock) -> None:
        self._db = db
        self._key = key
        self._clock = clock

    async def verify_key(self) -> None:
        """See that the master key is the one of this data dir, and make it that where nothing is stored yet (D-4.7).

        Raises:
            MasterKeyMismatch: It is another; nothing was written.
        """
        stored = await self._db.one(rows.META, rows.MetaRow, name=KEY_CHECK)
        if stored is None:
            await self._adopt_key()
            return
        require_key(self._key, stored.value)

    async def _adopt_key(self) -> None:
        owners = await self._db.one(rows.OWNERS_TOTAL, rows.CountRow)
        if owners is not None and owners.total:
            # Somebody took the check away: to write a new one would bless a key that opens none of these rows.
            raise MasterKeyMismatch
        box = seal(self._key, Purpose.KEY_CHECK, generation=_FIRST, plaintext=_KEY_CHECK_TEXT)
        await self._db.write(rows.ADD_META.bind(name=KEY_CHECK, value=box))

    async def owner(self, subject: str) -> OwnerId:
        """Return the owner that *subject* is, making it at the first call."""
        digest = self._key.derive(Purpose.OWNER_INDEX, subject)
        found = await self._db.one(rows.OWNER, rows.OwnerRow, subject_digest=digest)
        if found is None:
            owner_id, now_ms = new_owner_id(), to_ms(self._clock.now())
            await self._db.write(
                rows.ADD_OWNER.bind(owner_id=owner_id, subject_digest=digest, created_at_ms=now_ms),
                first_settings(self._key, owner_id),
            )
            # Read back, because a parallel call may have been the one to make it.
            return await self.owner(subject)
        return OwnerId(found.owner_id)

    async def accounts(self) -> list[AccountRecord]:
        """Return every account of every owner, oldest first."""
        return [self._record(row) for row in await self._db.all(rows.ACCOUNTS, rows.AccountRow)]

    async def create(
        self, owner: OwnerId, account_id: AccountId, session: SessionState, profile: Profile
    ) -> AccountRecord:
        """Store a new account, which may send and has no alias.

        Raises:
            AccountExists: The owner has an account of this Telegram user.
        """
        created_at_ms = to_ms(self._clock.now())
        place = (owner, account_id)
        statement = rows.ADD_ACCOUNT.bind(
            expect=1,
            account_id=account_id,
            owner_id=owner,
            user_digest=self._user_digest(owner, profile.user_id),
            can_send=1,
            created_at_ms=created_at_ms,
            session=self._seal(Purpose.SESSION, *place, generation=_FIRST, data=session),
            profile=self._seal(Purpose.PROFILE, *place, generation=_FIRST, data=profile),
        )
        try:
            await self._db.write(statement)
        except Unexpected:
            raise AccountExists from None
        return AccountRecord(
            id=account_id,
            owner=owner,
            alias=None,
            can_send=True,
            keep_connected=False,
            needs_login=False,
            created_at=from_ms(created_at_ms),
            profile=profile,
            session=session,
            is_unreadable=False,
        )

    async def find(self, owner: OwnerId, user_id: int) -> AccountId | None:
        """Return the owner's account of that Telegram user."""
        digest = self._user_digest(owner, user_id)
        found = await self._db.one(
            rows.ACCOUNT_OF_USER, rows.AccountIdRow, owner_id=owner, user_digest=digest
        )
        return AccountId(found.account_id) if found else None

    async def save_session(self, account_id: AccountId, session: SessionState) -> None:
        """Seal *session* in the place of the account's last one, which opens no more.

        Raises:
            AccessDenied: There is no such account.
        """
        await self._reseal(Purpose.SESSION, rows.SESSION, rows.RESEAL_SESSION, account_id, session)

    async def save_profile(self, account_id: AccountId, profile: Profile) -> None:
        """Seal *profile* in the place of the account's last one.

        Raises:
            AccessDenied: There is no such account.
        """
        await self._reseal(Purpose.PROFILE, rows.PROFILE, rows.RESEAL_PROFILE, account_id, profile)

    async def update(
        self,
        account_id: AccountId,
        *,
        alias: str | UnsetType | None = UNSET,
        can_send: bool | UnsetType = UNSET,
        keep_connected: bool | UnsetType = UNSET,
    ) -> None:
        """Change what is given and leave the rest.

        Raises:
            ValidationFailed: Another account of the owner has this alias, or no account may have it.
            AccessDenied: There is no such account.
        """
        if isinstance(alias, str) and (alias in _RESERVED_ALIASES or is_account_id(alias)):
            raise ValidationFailed(FieldError("/alias", "reserved"))
        statement = rows.UPDATE_ACCOUNT.bind(
            expect=1,
            account_id=account_id,
            sets_alias=int(alias is not UNSET),
            alias=None if isinstance(alias, UnsetType) else alias,
            can_send=_flag(can_send),
            keep_connected=_flag(keep_connected),
        )
        try:
            await self._write_one(statement)
        except ConstraintFailed:
            raise ValidationFailed(FieldError("/alias", "taken")) from None

    async def mark_needs_login(self, account_id: AccountId, value: bool) -> None:  # noqa: FBT001 — the verb says what is true
        """Note whether Telegram has ended the account's session.

        Raises:
            AccessDenied: There is no such account.
        """
        await self._write_one(
            rows.MARK_NEEDS_LOGIN.bind(expect=1, account_id=account_id, needs_login=int(value))
        )

    async def erase(self, account_id: AccountId) -> None:
        """Forget the account and every peer it has met; an account that is not there is forgotten already."""
        await self._db.write(*erasing(account_id))

    async def credentials(self, owner: OwnerId) -> tuple[int, str] | None:
        """Return the owner's own Telegram api id and api hash.

        Raises:
            CredentialsMissing: What is stored cannot be opened.
        """
        row = await self._db.one(rows.CREDENTIALS, rows.SealedRow, owner_id=owner)
        if row is None:
            return None
        try:
            found = self._open(
                Purpose.SETTINGS,
                owner,
                generation=row.generation,
                box=row.sealed,
                into=_Credentials,
            )
        except (SealBroken, msgspec.MsgspecError):
            raise CredentialsMissing(
                "The stored Telegram api id and hash cannot be opened; save them again."
            ) from None
        return found.api_id, found.api_hash

    async def save_credentials(self, owner: OwnerId, api_id: int, api_hash: str) -> None:
        """Seal the owner's own Telegram api id and api hash."""
        data = _Credentials(api_id=api_id, api_hash=api_hash)
        is_saved = False
        while not is_saved:  # a parallel save that comes first costs one more round
            row = await self._db.one(rows.CREDENTIALS, rows.SealedRow, owner_id=owner)
            generation = row.generation + 1 if row else _FIRST
            box = self._seal(Purpose.SETTINGS, owner, generation=generation, data=data)
            statement = rows.PUT_CREDENTIALS.bind(owner_id=owner, sealed=box, generation=generation)
            is_saved = await self._db.write(statement) == [1]

    async def erase_credentials(self, owner: OwnerId) -> None:
        """Forget the owner's own Telegram api id and api hash."""
        await self._db.write(rows.ERASE_CREDENTIALS.bind(owner_id=owner))

    def peers(self, owner: OwnerId, account_id: AccountId) -> PeerStore:
        """Return the store of the peers that the account has met; make one per account and keep it."""
        return PeerStore(self._db, AccountSeal(self._key, owner, account_id), account_id)

    def uploads(self, owner: OwnerId, account_id: AccountId) -> UploadStore:
        """Return the store of what the account has uploaded."""
        seal = AccountSeal(self._key, owner, account_id)
        return UploadStore(self._db, seal, account_id, self._clock)

    def updates(self, owner: OwnerId, account_id: AccountId) -> UpdateStore:
        """Return the store of how far the account has followed Telegram."""
        seal = AccountSeal(self._key, owner, account_id)
        return UpdateStore(self._db, seal, account_id, self._clock)

    def transcripts(self, owner: OwnerId, account_id: AccountId) -> TranscriptStore:
        """Return the store of what was said in the account's voice notes."""
        seal = AccountSeal(self._key, owner, account_id)
        return TranscriptStore(self._db, seal, owner, account_id, self._clock)

    def breakers(self, owner: OwnerId, account_id: AccountId) -> BreakerStore:
        """Return the store of what Telegram has asked the account to leave alone."""
        return BreakerStore(self._db, AccountSeal(self._key, owner, account_id), account_id)

    async def _reseal(
        self,
        purpose: Purpose,
        stored: Query,
        replace: Query,
        account_id: AccountId,
        data: msgspec.Struct,
    ) -> None:
        is_saved = False
        while not is_saved:  # a parallel save that comes first costs one more round
            row = await self._db.one(stored, rows.SealedRow, account_id=account_id)
            if row is None:
                raise AccessDenied
            generation = row.generation + 1
            box = self._seal(purpose, row.owner_id, account_id, generation=generation, data=data)
            statement = replace.bind(account_id=account_id, sealed=box, generation=generation)
            is_saved = await self._db.write(statement) == [1]

    async def _write_one(self, statement: Statement) -> None:
        try:
            await self._db.write(statement)
        except Unexpected:
            raise AccessDenied from None

    def _record(self, row: rows.AccountRow) -> AccountRecord:
        place = (row.owner_id, row.account_id)
        session, profile, is_unreadable = None, None, False
        try:
            session = self._open(
                Purpose.SESSION,
                *place,
                generation=row.session_generation,
                box=row.session,
                into=SessionState,
            )
            profile = self._open(
                Purpose.PROFILE,
                *place,
                generation=row.profile_generation,
                box=row.profile,
                into=Profile,
            )
        except (SealBroken, msgspec.MsgspecError):
            session, profile, is_unreadable = None, None, True
        return AccountRecord(
            id=AccountId(row.account_id),
            owner=OwnerId(row.owner_id),
            alias=row.alias,
            can_send=row.can_send,
            keep_connected=row.keep_connected,
            needs_login=row.needs_login,
            created_at=from_ms(row.created_at_ms),
            profile=profile,
            session=session,
            is_unreadable=is_unreadable,
        )

    def _seal(self, purpose: Purpose, *place: str, generation: int, data: msgspec.Struct) -> bytes:
        plaintext = msgspec.msgpack.encode(data)
        return seal(self._key, purpose, *place, generation=generation, plaintext=plaintext)

    def _open(self, purpose: Purpose, *place: str, generation: int, box: bytes, into: type[T]) -> T:
        plaintext = open_sealed(self._key, purpose, *place, generation=generation, box=box)
        return msgspec.msgpack.decode(plaintext, type=into)

    def _user_digest(self, owner: OwnerId, user_id: int) -> bytes:
        return self._key.derive(Purpose.USER_INDEX, owner, str(user_id))


def closing_gate(account_id: AccountId) -> Statement:
    """Return what closes the account's gate; done twice it changes nothing more."""
    return rows.CLOSE_GATE.bind(account_id=account_id)


def erasing(account_id: AccountId) -> tuple[Statement, ...]:
    """Return what forgets the account, every peer it has met and every answer it was given; it may be done twice."""
    return (
        ERASE_CLAIMS.bind(account_id=account_id),
        rows.ERASE_ACCOUNT.bind(account_id=account_id),
    )


def _flag(value: bool | UnsetType) -> int | None:  # noqa: FBT001 — the value is the subject here
    return None if isinstance(value, UnsetType) else int(value)
