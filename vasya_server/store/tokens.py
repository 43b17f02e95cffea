"""The rows of JWTs that are taken no more."""

from __future__ import annotations

from typing import Final

import msgspec

from vasya_server.store.database import Query


class DeniedTokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One revoked token, without which."""

    digest: bytes


class CutoffRow(msgspec.Struct, frozen=True, kw_only=True):
    """From when on an owner's tokens count.

    Args:
        owner_id: Its bytes: whoever planted the row need not have written text.
    """

    owner_id: bytes
    issued_before_ms: int
    mac: bytes


DENIED_TOKENS: Final = Query("SELECT digest FROM denied_tokens")
DENY_TOKEN: Final = Query(
    "INSERT INTO denied_tokens (digest) VALUES (:digest) ON CONFLICT (digest) DO NOTHING"
)

CUTOFFS: Final = Query("""
    SELECT CAST(owner_id AS BLOB) AS owner_id, issued_before_ms, mac FROM token_cutoffs
""")
ADD_CUTOFF: Final = Query("""
    INSERT INTO token_cutoffs (owner_id, issued_before_ms, mac) VALUES (:owner_id, :issued_before_ms, :mac)
    ON CONFLICT (owner_id, issued_before_ms) DO UPDATE SET mac = excluded.mac
""")
ERASE_CUTOFFS_BEFORE: Final = Query("""
    DELETE FROM token_cutoffs WHERE owner_id = :owner_id AND issued_before_ms < :issued_before_ms
""")
