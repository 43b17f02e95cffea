"""The rows of the owner's chat."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query

# Commands that wait to be carried out, of one account: nobody types so many in the time that one takes.
MAX_HEARD: Final = 32


class HeardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is not carried out yet."""

    message_id: int
    sealed: bytes


class AskedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about an action."""

    action_id: str
    sealed: bytes


class StateRow(msgspec.Struct, frozen=True):
    """How far an account has got."""

    sealed: bytes


# One that was carried out and forgotten is not told by Telegram again: how far the account is, is stored in the same unit.
ADD_HEARD: Final = Query(f"""
    INSERT INTO owner_chat_heard (account_id, message_id, sealed)
    SELECT :account_id, :message_id, :sealed
    WHERE (SELECT count(*) FROM owner_chat_heard WHERE account_id = :account_id) < {MAX_HEARD}
    ON CONFLICT (account_id, message_id) DO NOTHING
""")  # noqa: S608 — a constant
HEARD: Final = Query("""
    SELECT message_id, sealed FROM owner_chat_heard WHERE account_id = :account_id ORDER BY id
""")
FORGET_HEARD: Final = Query("""
    DELETE FROM owner_chat_heard WHERE account_id = :account_id AND message_id = :message_id
""")
FORGET_ALL_HEARD: Final = Query("DELETE FROM owner_chat_heard WHERE account_id = :account_id")
PUT_ASKED: Final = Query("""
    INSERT INTO owner_chat_asked (action_id, account_id, sealed) VALUES (:action_id, :account_id, :sealed)
    ON CONFLICT (action_id) DO UPDATE SET account_id = excluded.account_id, sealed = excluded.sealed
""")
ASKED: Final = Query(
    "SELECT action_id, sealed FROM owner_chat_asked WHERE account_id = :account_id"
)
FORGET_ASKED: Final = Query("DELETE FROM owner_chat_asked WHERE action_id = :action_id")
STATE: Final = Query("SELECT sealed FROM owner_chat_state WHERE account_id = :account_id")
PUT_STATE: Final = Query("""
    INSERT INTO owner_chat_state (account_id, sealed) VALUES (:account_id, :sealed)
    ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed
""")
