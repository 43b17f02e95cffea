"""The rows of owners, their accounts and credentials, and of the data dir itself."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class MetaRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fact about the whole data dir."""

    value: bytes


class OwnerRow(msgspec.Struct, frozen=True, kw_only=True):
    """An owner, without who that is."""

    owner_id: str


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there are."""

    total: int


class SealedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed blob, the owner it belongs to, and how often it was sealed."""

    owner_id: str
    sealed: bytes
    generation: int


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it is stored."""

    account_id: str
    owner_id: str
    alias: str | None
    can_send: bool
    keep_connected: bool
    needs_login: bool
    created_at_ms: int
    session: bytes
    session_generation: int
    profile: bytes
    profile_generation: int


class AccountIdRow(msgspec.Struct, frozen=True, kw_only=True):
    """The id of one account."""

    account_id: str


META: Final = Query("SELECT value FROM meta WHERE name = :name")
ADD_META: Final = Query("INSERT INTO meta (name, value) VALUES (:name, :value)")
OWNERS_TOTAL: Final = Query("SELECT count(*) AS total FROM owners")

OWNER: Final = Query("SELECT owner_id FROM owners WHERE subject_digest = :subject_digest")
ADD_OWNER: Final = Query("""
    INSERT INTO owners (owner_id, subject_digest, created_at_ms)
    VALUES (:owner_id, :subject_digest, :created_at_ms)
    ON CONFLICT (subject_digest) DO NOTHING
""")

CREDENTIALS: Final = Query("""
    SELECT owner_id, sealed, generation FROM credentials WHERE owner_id = :owner_id
""")
PUT_CREDENTIALS: Final = Query("""
    INSERT INTO credentials (owner_id, sealed, generation) VALUES (:owner_id, :sealed, :generation)
    ON CONFLICT (owner_id) DO UPDATE SET sealed = excluded.sealed, generation = excluded.generation
    WHERE credentials.generation = excluded.generation - 1
""")
ERASE_CREDENTIALS: Final = Query("DELETE FROM credentials WHERE owner_id = :owner_id")

ACCOUNTS: Final = Query("""
    SELECT account_id, owner_id, alias, can_send, keep_connected, needs_login, created_at_ms,
           session, session_generation, profile, profile_generation
    FROM accounts ORDER BY created_at_ms, account_id
""")
ACCOUNT_OF_USER: Final = Query("""
    SELECT account_id FROM accounts WHERE owner_id = :owner_id AND user_digest = :user_digest
""")
ADD_ACCOUNT: Final = Query("""
    INSERT INTO accounts (account_id, owner_id, user_digest, can_send, keep_connected, needs_login,
                          created_at_ms, session, session_generation, profile, profile_generation)
    VALUES (:account_id, :owner_id, :user_digest, :can_send, 0, 0,
            :created_at_ms, :session, 1, :profile, 1)
    ON CONFLICT (owner_id, user_digest) DO NOTHING
""")
SESSION: Final = Query("""
    SELECT owner_id, session AS sealed, session_generation AS generation
    FROM accounts WHERE account_id = :account_id
""")
RESEAL_SESSION: Final = Query("""
    UPDATE accounts SET session = :sealed, session_generation = :generation
    WHERE account_id = :account_id AND session_generation = :generation - 1
""")
PROFILE: Final = Query("""
    SELECT owner_id, profile AS sealed, profile_generation AS generation
    FROM accounts WHERE account_id = :account_id
""")
RESEAL_PROFILE: Final = Query("""
    UPDATE accounts SET profile = :sealed, profile_generation = :generation
    WHERE account_id = :account_id AND profile_generation = :generation - 1
""")
UPDATE_ACCOUNT: Final = Query("""
    UPDATE accounts SET
        alias = CASE WHEN :sets_alias THEN :alias ELSE alias END,
        can_send = coalesce(:can_send, can_send),
        keep_connected = coalesce(:keep_connected, keep_connected)
    WHERE account_id = :account_id
""")
CLOSE_GATE: Final = Query("UPDATE accounts SET can_send = 0 WHERE account_id = :account_id")
MARK_NEEDS_LOGIN: Final = Query("""
    UPDATE accounts SET needs_login = :needs_login WHERE account_id = :account_id
""")
ERASE_ACCOUNT: Final = Query("DELETE FROM accounts WHERE account_id = :account_id")
